"""The slow naive twin, third part: the kernels of a layer.

Plain Python numbers; nothing here calls the product, and kinds of layers are told apart by their names. `work` is the
pass (``naive_workload.Pass``) that launches them.
"""

from __future__ import annotations

from typing import Any

from naive_layers import FP32, SIXTEEN_BIT, entries_sum, mean_visible, visible_sum

NORM, ROPE, SOFTMAX, GATE = 4, 3, 5, 4  # vector operations per element, or per score


def run(work: Any, part: Any) -> tuple[Any, Any]:
    """Launch the kernels of a mixer or feed-forward; returns its first and last, which norms and residuals may join."""
    name = type(part).__name__
    launch = {
        "Attention": attention, "LatentAttention": latent, "CompressedAttention": compressed,
        "StateSpace": state_space, "GatedDelta": delta, "Mlp": mlp, "Experts": experts,
    }[name]  # fmt: skip
    first, last = launch(work, part)
    return first, last


def attention(work: Any, part: Any) -> tuple[Any, Any]:
    tokens, value = work.all_tokens, part.head_dim if part.v_head_dim is None else part.v_head_dim
    q, k, v, o = part.heads * part.head_dim, part.kv_heads * part.head_dim, part.kv_heads * value, part.heads * value
    outputs = q + k + (0 if part.shared_kv else v) + (o if part.output_gate else 0)
    queries = q + (o if part.output_gate else 0)
    if work.split_qkv:
        first = work.matmul("q_proj", tokens, queries, work.hidden, "attention")
        first.weights["dense"] += queries * SIXTEEN_BIT if part.qkv_bias else 0
        outputs -= queries
        project = work.matmul("kv_proj", tokens, outputs, work.hidden, "attention")
        project.writes = 0
    else:
        first = project = work.matmul("qkv_proj", tokens, outputs, work.hidden, "attention")
        project.writes = tokens * queries * work.a
    project.weights["dense"] += outputs * SIXTEEN_BIT if part.qkv_bias else 0
    project.kv_writes = tokens * (k + v) * work.kv
    if part.qk_norm_parameters:  # K on its way to the cache
        q_only = tokens * q
        work.beside("norm", project, "qk_norm", NORM * tokens * (q + k), q_only, q_only, part.qk_norm_parameters)
    if part.rotary:
        work.beside("rope", project, "rope", ROPE * tokens * (q + k), tokens * (q + k), tokens * (q + k))
    attend(work, part, value)
    out = work.matmul("o_proj", tokens, work.hidden, o, "attention")
    out.weights["dense"] += work.hidden * SIXTEEN_BIT if part.output_bias else 0
    if part.output_gate:
        out.vector += GATE * tokens * o
        out.reads += tokens * o * work.a
    return first, out


def attend(work: Any, part: Any, value: int) -> None:
    """QK, softmax, AV over a cache of K and V."""
    if work.causal:
        pairs = work.sequences * visible_sum(part.window, part.chunked, 1, work.tokens)
        cached = work.all_tokens
    else:
        pairs = cached = work.sequences * mean_visible(work, part.window, part.chunked)
    scores = part.heads * pairs
    rows = None
    if work.causal:
        reach = work.tokens if part.window is None else min(part.window, work.tokens)
        rows = {
            "tokens": reach if part.chunked else work.tokens,
            "row_bytes": part.heads / part.kv_heads * part.head_dim * (work.a + work.accumulator),
            "window": reach,
        }
    qk, av = work.launch("attention_qk"), work.launch("attention_av")
    for half, size in ((qk, part.head_dim), (av, value)):
        half.format = work.cache_format
        half.flop = 2 * part.heads * size * pairs
        half.kv_reads = cached * part.kv_heads * size * work.kv
        half.vector = work.unpacking(cached * part.kv_heads * size)
        half.rows = None if rows is None else dict(rows)
        half.sharing = part.heads / part.kv_heads
    qk.weights["dense"] = part.sink_parameters * SIXTEEN_BIT
    qk.reads = work.all_tokens * part.heads * part.head_dim * work.a
    av.writes = work.all_tokens * part.heads * value * work.a
    join(work, qk, av, scores)


def join(work: Any, qk: Any, av: Any, scores: float) -> None:
    """Softmax between QK and AV: all one kernel, or with the scores in memory, in one part or in three."""
    if "attention" in work.fusion:
        qk.name = "attention"
        qk.scores = scores
        qk.flop += av.flop
        qk.vector += av.vector + SOFTMAX * scores
        qk.reads, qk.writes = qk.reads + av.reads, av.writes
        qk.kv_reads += av.kv_reads
        work.kernels.remove(av)
        return
    qk.writes = scores * work.a
    av.reads += scores * work.a
    for ops in (5,) if "softmax" in work.fusion else (2, 2, 1):  # maximum; exponential and sum; scale
        work.elementwise("softmax", ops * scores, scores, scores)


def latent(work: Any, part: Any) -> tuple[Any, Any]:
    tokens, key, rank = work.all_tokens, part.nope_dim + part.rope_dim, part.latent_rank
    if part.query_rank is None:
        first = up = work.matmul("mla_q", tokens, part.heads * key, work.hidden, "attention")
    else:
        first = work.matmul("mla_q_a", tokens, part.query_rank, work.hidden, "attention")
        down = tokens * part.query_rank
        work.beside("norm", first, "mla_q_norm", NORM * down, down, down, part.query_rank)
        up = work.matmul("mla_q_b", tokens, part.heads * key, part.query_rank, "attention")
    rotated = tokens * part.heads * part.rope_dim + tokens * part.rope_dim
    work.beside("rope", up, "rope", ROPE * rotated, rotated, rotated)
    compress = work.matmul("mla_kv_a", tokens, rank + part.rope_dim, work.hidden, "attention")
    compress.writes = tokens * rank * work.a if work.causal else 0.0  # a prefill expands it
    compress.kv_writes = tokens * (rank + part.rope_dim) * work.kv
    moved = tokens * rank if work.causal else 0
    work.beside("norm", compress, "mla_kv_norm", NORM * tokens * rank, moved, moved, rank)
    limit = part.indexer.top_k if part.indexer is not None else None
    if work.causal:
        pairs, seen = work.sequences * visible_sum(limit, False, 1, work.tokens), tokens
    else:
        pairs = seen = work.sequences * mean_visible(work, limit)
    if part.indexer is not None:
        index(work, part.indexer, pairs)
    if work.causal or not work.absorbed:
        expanded(work, part, pairs, seen)
    else:
        absorbed(work, part, pairs)
    return first, work.matmul("o_proj", tokens, work.hidden, part.heads * part.value_dim, "attention")


def expanded(work: Any, part: Any, pairs: float, seen: float) -> None:
    """K and V of every head from the latents of all tokens seen; they are activations."""
    rank, nope, rope, value, heads = part.latent_rank, part.nope_dim, part.rope_dim, part.value_dim, part.heads
    expand = work.matmul("mla_kv_b", seen, heads * nope + heads * value, rank, "attention")
    if not work.causal:
        expand.reads = 0.0
        expand.kv_reads = seen * (rank + rope) * work.kv
        expand.vector += work.unpacking(seen * (rank + rope))
    qk, av = work.launch("attention_qk"), work.launch("attention_av")
    qk.format = av.format = work.precision_of_activations
    qk.flop, av.flop = pairs * heads * 2 * (nope + rope), pairs * heads * 2 * value
    queries, keys = work.all_tokens * heads * (nope + rope), seen * heads * nope + seen * rope
    qk.reads, av.reads = (queries + keys) * work.a, seen * heads * value * work.a
    av.writes = work.all_tokens * heads * value * work.a
    join(work, qk, av, heads * pairs)


def absorbed(work: Any, part: Any, pairs: float) -> None:
    """Every head attends to the latents themselves, which are key and value at once."""
    rank, rope, heads, tokens = part.latent_rank, part.rope_dim, part.heads, work.all_tokens
    work.matmul("mla_absorb_q", tokens * heads, rank, part.nope_dim, "attention", heads)
    qk, av = work.launch("attention_qk"), work.launch("attention_av")
    qk.format = av.format = work.cache_format
    qk.flop, av.flop = pairs * heads * 2 * (rank + rope), pairs * heads * 2 * rank
    qk.reads, av.writes = tokens * heads * (rank + rope) * work.a, tokens * heads * rank * work.a
    qk.kv_reads, qk.vector = pairs * (rank + rope) * work.kv, work.unpacking(pairs * (rank + rope))
    if "attention" not in work.fusion:
        av.kv_reads, av.vector = pairs * rank * work.kv, work.unpacking(pairs * rank)
    join(work, qk, av, heads * pairs)
    work.matmul("mla_absorb_v", tokens * heads, part.value_dim, rank, "attention", heads)


def index(work: Any, part: Any, selected: float) -> None:
    """Small heads score all tokens; the positions of the best are written."""
    tokens, queries = work.all_tokens, part.heads * part.head_dim
    work.matmul("indexer_q", tokens, queries, part.query_width, "attention")
    key = work.matmul("indexer_k", tokens, part.head_dim + part.heads, work.hidden, "attention")
    key.writes, key.kv_writes = tokens * part.heads * work.a, tokens * part.head_dim * work.kv
    elements = tokens * part.head_dim
    work.beside("norm", key, "indexer_norm", NORM * elements, elements, elements, 2 * part.head_dim)
    if work.causal:
        pairs, seen = work.sequences * visible_sum(None, False, 1, work.tokens), tokens
    else:
        pairs = seen = work.sequences * mean_visible(work, None)
    score = work.launch("indexer_score")
    score.format = work.cache_format
    score.flop = 2 * queries * pairs
    score.vector = 3 * part.heads * pairs + work.unpacking(seen * part.head_dim)
    score.reads = tokens * (queries + part.heads) * work.a
    score.writes = selected * 4
    score.kv_reads = seen * part.head_dim * work.kv


def compressed(work: Any, part: Any) -> tuple[Any, Any]:
    """A window of vectors that are key and value at once, and pooled ones of the whole context."""
    tokens, q, d = work.all_tokens, part.heads * part.head_dim, part.head_dim
    first = work.matmul("q_a", tokens, part.query_rank, work.hidden, "attention")
    down = tokens * part.query_rank
    work.beside("norm", first, "q_norm", NORM * down, down, down, part.query_rank)
    up = work.matmul("q_b", tokens, q, part.query_rank, "attention")
    rotated = tokens * (part.heads + 1) * part.rope_dim
    work.beside("rope", up, "rope", ROPE * rotated, rotated, rotated)
    vector = work.matmul("kv", tokens, d, work.hidden, "attention")
    vector.writes, vector.kv_writes = 0.0, tokens * d * work.kv
    work.beside("norm", vector, "kv_norm", NORM * tokens * d, 0, 0, d)
    most = part.indexer.top_k if part.indexer is not None else None
    if part.ratio:
        pool(work, part, d)
    if part.indexer is not None:
        score_entries(work, part, part.indexer)
    pairs: float
    if work.causal:
        pairs = visible_sum(part.window, False, 1, work.tokens)
        pairs += entries_sum(part.ratio, most, 1, work.tokens) if part.ratio else 0
        vectors = tokens + (work.sequences * work.tokens / part.ratio if part.ratio else 0)
    else:
        pairs = mean_visible(work, part.window)
        if part.ratio:
            steps = work.contexts
            pairs += entries_sum(part.ratio, most, steps[0], steps[-1]) / len(steps)
        vectors = work.sequences * pairs
    qk, av = work.launch("attention_qk"), work.launch("attention_av")
    for half in (qk, av):
        half.format, half.flop = work.cache_format, 2 * q * work.sequences * pairs
        half.kv_reads, half.vector = vectors * d * work.kv, work.unpacking(vectors * d)
        if work.causal:
            reach = min(part.window, work.tokens)
            if part.ratio:
                reach += work.tokens / part.ratio if most is None else min(work.tokens / part.ratio, most)
            row = part.heads * d * (work.a + work.accumulator)
            half.rows = {"tokens": work.tokens, "row_bytes": row, "window": min(reach, work.tokens)}
    qk.weights["dense"] = part.heads * SIXTEEN_BIT
    qk.reads = av.writes = tokens * q * work.a
    if "attention" in work.fusion:
        av.kv_reads = av.vector = 0.0
    join(work, qk, av, part.heads * work.sequences * pairs)
    groups = part.output_groups
    work.matmul("o_a", tokens * groups, part.output_rank, q / groups, "attention", groups)
    return first, work.matmul("o_b", tokens, work.hidden, groups * part.output_rank, "attention")


def pool(work: Any, part: Any, entry: int) -> None:
    """Values and weights of every token, in FP32 until they become an entry."""
    tokens, width = work.all_tokens, part.overlap * entry
    kernel = work.matmul("pool", tokens, width + width, work.hidden, "attention")
    kernel.vector += 5 * tokens * width
    kernel.weights["dense"] += (part.ratio * width + entry) * SIXTEEN_BIT
    kernel.writes = 0.0
    kernel.kv_reads = part.overlap * tokens * 2 * width * FP32
    kernel.kv_writes = tokens * 2 * width * FP32 + tokens / part.ratio * entry * work.kv


def score_entries(work: Any, part: Any, indexer: Any) -> None:
    tokens, queries = work.all_tokens, indexer.heads * indexer.head_dim
    work.matmul("indexer_q", tokens, queries, part.query_rank, "attention")
    work.matmul("indexer_weights", tokens, indexer.heads, work.hidden, "attention")
    pool(work, part, indexer.head_dim)
    if work.causal:
        pairs = work.sequences * entries_sum(part.ratio, None, 1, work.tokens)
        seen = work.sequences * work.tokens / part.ratio
    else:
        steps = work.contexts
        pairs = seen = work.sequences * entries_sum(part.ratio, None, steps[0], steps[-1]) / len(steps)
    score = work.launch("indexer_score")
    score.format = work.cache_format
    score.flop = 2 * queries * pairs
    score.vector = 3 * indexer.heads * pairs + work.unpacking(seen * indexer.head_dim)
    score.reads = tokens * (queries + indexer.heads) * work.a
    score.writes = tokens * indexer.top_k * 4
    score.kv_reads = seen * indexer.head_dim * work.kv


def convolve(work: Any, channels: float, taps: int, biases: float) -> None:
    """A depthwise convolution that starts from the inputs kept of each sequence and keeps the newest."""
    kernel, kept_inputs = work.launch("conv"), work.sequences * (taps - 1) * channels
    kernel.format = work.precision_of_activations
    kernel.flop = 2 * taps * channels * work.all_tokens
    kernel.weights["dense"] = (channels * taps + biases) * SIXTEEN_BIT
    kernel.reads = (work.all_tokens * channels + kept_inputs) * work.a
    kernel.writes = (work.all_tokens * channels + min(kept_inputs, work.all_tokens * channels)) * work.a


def recur(work: Any, flop_each: float, state: float, parameters: float, reads: float, writes: float) -> Any:
    """A recurrence: so many FLOP per state element and token; the states come and go once a pass."""
    kernel = work.launch("recurrence")
    kernel.format = work.precision_of_activations
    kernel.flop = flop_each * state * work.all_tokens
    kernel.weights["dense"] = parameters * SIXTEEN_BIT
    kernel.reads, kernel.writes = work.all_tokens * reads * work.a, work.all_tokens * writes * work.a
    kernel.kv_reads = kernel.kv_writes = work.sequences * state * FP32
    return kernel


def state_space(work: Any, part: Any) -> tuple[Any, Any]:
    tokens, inner, state = work.all_tokens, part.inner, part.state
    channels = inner + (2 * part.groups * state if part.heads else 0)
    into = work.matmul("ssm_in", tokens, inner + channels + part.heads, work.hidden, "recurrent")
    convolve(work, channels, part.conv_kernel, channels if part.conv_bias else 0)
    if part.heads:  # Mamba-2: x, B and C are convolved; a step for each head
        recur(work, 5, inner * state, 3 * part.heads, channels + part.heads, inner)
    else:  # Mamba-1: B, C and a step for each channel are projected from x
        work.matmul("ssm_x", tokens, part.step_rank + 2 * state, inner, "recurrent")
        work.matmul("ssm_dt", tokens, inner, part.step_rank, "recurrent")
        scan = recur(work, 5, inner * state, inner * state + 2 * inner, inner + inner + 2 * state, inner)
        scan.vector += 2 * inner * state * tokens
    out = work.matmul("ssm_out", tokens, work.hidden, inner, "recurrent")
    elements = tokens * inner
    work.beside("norm", out, "ssm_norm", 6 * elements, 2 * elements, elements, part.norm_parameters)
    if part.projection_bias:
        into.weights["dense"] += (inner + channels + part.heads) * SIXTEEN_BIT
        out.weights["dense"] += work.hidden * SIXTEEN_BIT
    return into, out


def delta(work: Any, part: Any) -> tuple[Any, Any]:
    tokens, v = work.all_tokens, part.value_heads * part.value_dim
    qkv, decays = 2 * part.key_heads * part.key_dim + v, part.value_heads * part.key_dim
    outputs = qkv + (2 * part.gate_rank if part.gate_rank else v)
    if part.delta_rule:
        outputs += part.value_heads + (0 if part.gate_rank else part.value_heads)
    into = work.matmul("gdn_in", tokens, outputs, work.hidden, "recurrent")
    if part.conv_kernel:
        convolve(work, qkv, part.conv_kernel, 0)
    reads = qkv
    if part.gate_rank:
        work.matmul("gdn_decay", tokens, decays, part.gate_rank, "recurrent")
        work.matmul("gdn_gate", tokens, v, part.gate_rank, "recurrent")
        reads += decays
    own = 0
    if part.delta_rule:  # a decay per head, and its bias for each head or channel
        own = part.value_heads + (decays if part.gate_rank else part.value_heads)
    recur(work, 7 if part.delta_rule else 5, decays * part.value_dim, own, reads, v)
    out = work.matmul("gdn_out", tokens, work.hidden, v, "recurrent")
    elements = tokens * v
    parameters = part.value_dim if part.delta_rule else v
    work.beside("norm", out, "gdn_norm", 6 * elements, 2 * elements, elements, parameters)
    return into, out


def mlp(work: Any, part: Any, group: str = "mlp") -> tuple[Any, Any]:
    return projections(work, part, work.all_tokens, work.hidden, group, 1)


def projections(work: Any, part: Any, rows: float, width: int, group: str, matrices: float) -> tuple[Any, Any]:
    """Up (and gate), activation, down."""
    branches = 2 if part.gated else 1
    up = work.matmul("up", rows, branches * part.intermediate, width, group, matrices)
    elements = rows * part.intermediate
    work.beside("swiglu", up, "activation", (5 if part.gated else 4) * elements, branches * elements, elements)
    if "swiglu" in work.fusion:
        up.writes = elements * work.a
    down = work.matmul("down", rows, width, part.intermediate, group, matrices)
    if part.bias:
        up.weights[up.home] += matrices * branches * part.intermediate * SIXTEEN_BIT
        down.weights[down.home] += matrices * width * SIXTEEN_BIT
    return up, down


def experts(work: Any, part: Any) -> tuple[Any, Any]:
    tokens, inside = work.all_tokens, part.latent if part.latent else work.hidden
    router = work.matmul("router", tokens, part.experts, work.hidden, "router")
    router.weights["dense"] += part.experts * SIXTEEN_BIT if part.router_bias else 0
    if part.latent:
        work.matmul("latent_in", tokens, inside, work.hidden, "router")
    # An expert is left alone by one token with 1 - k/E, by all of them with that to the power of their number.
    reached = part.experts - part.experts * (1 - part.active / part.experts) ** tokens
    sent = tokens * part.active
    projections(work, part, sent, inside, "experts", reached)
    if part.shared is not None:
        mlp(work, part.shared, "shared_experts")
        if part.shared_gate:
            work.matmul("shared_gate", tokens, 1, work.hidden, "router")
    last = work.elementwise("combine", 2 * sent * inside, sent * inside, tokens * inside)
    if part.latent:
        last = work.matmul("latent_out", tokens, work.hidden, inside, "router")
    return router, last
