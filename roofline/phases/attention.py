"""Operators of softmax attention with a KV cache."""

from __future__ import annotations

import math
from dataclasses import replace

from roofline.layers import Attention
from roofline.model import NORM_BYTES_PER_PARAMETER
from roofline.operators import Operator
from roofline.phases.passes import NORM_VECTOR_OPS, Beside, Pass, fuse, with_riders

SOFTMAX_VECTOR_OPS = 5.0  # per score: scale, running maximum, subtract, exponential, accumulate
SOFTMAX_PARTS = (("softmax_max", 2.0), ("softmax_exp", 2.0), ("softmax_scale", 1.0))
SELECTION_VECTOR_OPS = 3.0  # per score of a block: scale, reduce over heads, compare
POSITION_BYTES = 4.0  # of a selected block, 32 bit
GATE_VECTOR_OPS = 4.0  # per element: a sigmoid and a multiplication


def attention_rows(step: Pass, att: Attention, before: list[Beside], after: list[Beside]) -> list[Operator]:
    """Return the operators of one layer's attention; `before` and `after` are what surrounds the block."""
    hidden, tokens = step.model.hidden, step.all_tokens
    projections = _projections(step, att, before)
    o_proj = step.gemm(
        "o_proj", tokens, hidden, att.o_width, group="attention", bias=hidden if att.output_bias else 0.0
    )
    if att.output_gate:
        # The gate is read beside the attention output, by the kernel that multiplies them.
        gate_ops = GATE_VECTOR_OPS * tokens * att.o_width
        o_proj = replace(o_proj, act_read_bytes=2 * o_proj.act_read_bytes, vector_ops=o_proj.vector_ops + gate_ops)
    own = with_riders(step, lambda one: [*_selection(one, att), *_score_rows(one, att)])
    return [*projections, *own, *fuse(step, o_proj, after)]


def _projections(step: Pass, att: Attention, before: list[Beside]) -> list[Operator]:
    """Q, K and V as one kernel, or Q and K/V as two that both read the input."""
    hidden, tokens = step.model.hidden, step.all_tokens
    q_width = att.q_width + (att.o_width if att.output_gate else 0)
    rotated = tokens * (att.q_width + (0 if att.reuses_kv else att.kv_heads * att.head_dim))
    around: list[Beside] = []
    if att.qk_norm_parameters:
        # K is normalized on its way to the cache.
        q = tokens * att.q_width
        row = step.elementwise(
            "qk_norm", ops=NORM_VECTOR_OPS * rotated, read=q, write=q, parameters=att.qk_norm_parameters
        )
        around.append(Beside("norm", row))
    if att.rotary:
        around.append(Beside("rope", step.rope(rotated)))

    def project(name: str, width: int) -> Operator:
        return step.gemm(name, tokens, width, hidden, group="attention", bias=width if att.qkv_bias else 0.0)

    q_bytes, cached = tokens * q_width * step.act, tokens * att.cached_width * step.kv
    each = tuple(float(width) for width in att.kv_projections)
    if not step.split_qkv:
        qkv = replace(project("qkv_proj", att.qkv_width), act_write_bytes=q_bytes, kv_write_bytes=cached)
        qkv = replace(qkv, stacked=(float(q_width), *each) if each else ())
        return fuse(step, qkv, [*before, *around])
    if att.reuses_kv:
        return fuse(step, project("q_proj", q_width), [*before, *around])
    kv = replace(project("kv_proj", att.qkv_width - q_width), act_write_bytes=0.0, kv_write_bytes=cached)
    kv = replace(kv, stacked=each if len(each) > 1 else ())
    return [*fuse(step, project("q_proj", q_width), before), *fuse(step, kv, around)]


def _selection(step: Pass, att: Attention) -> list[Operator]:
    """Scores of the summaries of all blocks, and the summaries of new ones."""
    selector = att.selector
    if selector is None:
        return []
    width = att.kv_heads * att.head_dim
    seen = step.mean_pairs(selector.seen_sum) if step.causal else selector.summaries(step.mean_context) * step.tokens
    scores = step.sequences * seen
    known = step.tokens + step.mean_before() if step.causal else step.whole_context
    read = step.sequences * selector.summaries(known) * width if seen else 0.0
    new = 0.0 if att.reuses_kv else step.own_tokens * width * selector.keys
    return [
        Operator(
            name="block_selection",
            flop=2 * att.q_width * scores,
            compute_format=step.cache_format,
            vector_ops=SELECTION_VECTOR_OPS * att.heads * scores + step.cache_unpacking(read) + new,
            act_read_bytes=step.own_tokens * att.q_width * step.act if seen else 0.0,
            act_write_bytes=step.own_tokens * att.kv_heads * selector.blocks * POSITION_BYTES if seen else 0.0,
            kv_read_bytes=read * step.kv,
            kv_write_bytes=new / selector.block * step.kv,
            queries_per_kv_head=att.heads / att.kv_heads,
        )
    ]


def _score_rows(step: Pass, att: Attention) -> list[Operator]:
    """Attention proper: one fused kernel, or QK, softmax and AV with the scores written and read between them."""
    tokens, before, window = step.own_tokens, 0.0, att.window
    if att.selector is not None and step.causal and att.selector.prompts != "full":  # queries of a tile select alike
        window = att.selector.local + (att.selector.tokens if att.selector.prompts == "selected" else 0)
    if step.causal:  # every cached K and V is needed by some query; of those before a piece, the window's
        before = step.mean_before(math.inf if window is None else window - 1.0)
        attended, cached = att.attended(step.context), step.sequences * (step.tokens + before)
        pairs = step.sequences * step.mean_pairs(att.causal_pairs)
    else:  # the attended ones, once for all new tokens of a sequence
        attended = att.mean_attended(step.mean_context, step.steps)
        pairs = tokens * attended
        cached = step.sequences * (att.mean_attended(step.context, step.steps) + (step.tokens - 1.0))
    if att.selector is not None:
        if window is not None:
            attended = min(float(window), step.tokens)
        elif not step.causal and step.tokens > 1.0:  # new tokens may select different blocks
            cached = step.sequences * min(step.tokens * attended, att.selector.kept(step.whole_context))
    kv_bytes = cached * att.kv_width * step.kv
    tile = (att.heads / att.kv_heads) * att.head_dim * (step.act + step.accumulator_bytes) if step.causal else 0.0
    windowed = window is not None and attended < step.tokens
    span = attended if att.chunked else step.tokens  # every chunk is a causal attention of its own
    share = before / (before + step.tokens)
    span = span * (1.0 + share)
    qk = Operator(
        name="attention_qk",
        flop=2 * att.q_width * pairs,
        compute_format=step.cache_format,
        vector_ops=step.cache_unpacking(cached * att.kv_heads * att.head_dim),
        weight_bytes=att.sink_parameters * NORM_BYTES_PER_PARAMETER,
        act_read_bytes=tokens * att.q_width * step.act,
        act_write_bytes=att.heads * pairs * step.act,
        kv_read_bytes=kv_bytes * (att.head_dim / (att.head_dim + att.value_dim)),
        kv_tile_bytes=span * tile,
        kv_before_share=share,
        kv_window_bytes=attended * tile if windowed and not att.chunked else 0.0,
        queries_per_kv_head=att.heads / att.kv_heads,
    )
    av = replace(
        qk,
        name="attention_av",
        flop=2 * att.o_width * pairs,
        vector_ops=step.cache_unpacking(cached * att.kv_heads * att.value_dim),
        weight_bytes=0.0,
        act_read_bytes=qk.act_write_bytes,
        act_write_bytes=tokens * att.o_width * step.act,
        kv_read_bytes=kv_bytes * (att.value_dim / (att.head_dim + att.value_dim)),
    )
    if "attention" in step.fusion:
        return [fused_attention(qk, av, att.heads * pairs, kv_bytes)]
    return [qk, *softmax_rows(step, att.heads * pairs), av]


def fused_attention(qk: Operator, av: Operator, scores: float, kv_bytes: float) -> Operator:
    """Return QK, softmax and AV as one kernel: scores never leave the chip, the cache is read once."""
    return replace(
        qk,
        name="attention",
        flop=qk.flop + av.flop,
        vector_ops=SOFTMAX_VECTOR_OPS * scores + (qk.vector_ops + av.vector_ops),
        act_write_bytes=av.act_write_bytes,
        kv_read_bytes=kv_bytes,
        scores=scores,
    )


def softmax_rows(step: Pass, scores: float) -> list[Operator]:
    """Return the softmax over written scores: one kernel, or one per part, each reading and writing all scores."""
    if "softmax" in step.fusion:
        return [step.elementwise("softmax", ops=SOFTMAX_VECTOR_OPS * scores, read=scores, write=scores)]
    return [step.elementwise(name, ops=ops * scores, read=scores, write=scores) for name, ops in SOFTMAX_PARTS]
