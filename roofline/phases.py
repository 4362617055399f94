"""Prefill and decode: a model, its precision and a batch as tables of operators (hardware-independent).

Conventions: 1 multiply-accumulate = 2 FLOP; causal attention has s(s+1)/2 pairs; the LM head runs once per sequence;
the input embedding gathers rows; fused attention reads K and V once each, with KV heads; norms and biases are 16 bit.
A fused elementwise operator moves no activation bytes of its own: its vector work (and its norm weights) join the
kernel it is fused into.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from roofline.model import NORM_BYTES_PER_PARAMETER, LayerKind, Model
from roofline.operators import Operator, Operators, merged
from roofline.precision import Precision, arithmetic_format, number_format

FUSION_GROUPS = ("attention", "norm", "residual", "rope", "swiglu")

NORM_VECTOR_OPS = 4.0  # per element: square, accumulate, scale, multiply
SOFTMAX_VECTOR_OPS = 5.0  # per score: scale, running maximum, subtract, exponential, accumulate
ROPE_VECTOR_OPS = 3.0  # per element: two multiplications and an addition
ACTIVATION_VECTOR_OPS = 4.0  # per element of a SiLU or GELU; a gate adds one multiplication
GATED_VECTOR_OPS = 5.0


@dataclass(frozen=True)
class _Pass:
    """One forward pass: `sequences` sequences of `tokens` new tokens each; the last one attends to `context`."""

    model: Model
    precision: Precision
    sequences: float
    tokens: float
    context: float
    causal: bool
    fusion: frozenset[str]
    dequantization_ops: float
    accumulator_bytes: float
    steps: float = 1.0

    @property
    def all_tokens(self) -> float:
        return self.sequences * self.tokens

    @property
    def act(self) -> float:
        return number_format(self.precision.activations).bytes

    @property
    def kv(self) -> float:
        return number_format(self.precision.kv_cache).bytes

    def gemm(self, name: str, m: float, n: float, k: float, *, bias: bool = False) -> Operator:
        """Return C[m, n] = A[m, k] · B[k, n] with weights B: FLOP, bytes, tiling bound, dequantisation work."""
        w = number_format(self.precision.weights).bytes
        fmt = arithmetic_format(self.precision.weights, self.precision.activations)
        dequantized = number_format(self.precision.weights).bits < number_format(fmt).bits
        return Operator(
            name=name,
            flop=2 * m * n * k,
            compute_format=fmt,
            vector_ops=self.dequantization_ops * n * k if dequantized else 0.0,
            weight_bytes=n * k * w + (n * NORM_BYTES_PER_PARAMETER if bias else 0.0),
            act_read_bytes=m * k * self.act,
            act_write_bytes=m * n * self.act,
            tile_traffic=2 * m * n * k * math.sqrt(self.act * w * self.accumulator_bytes),
        )

    def elementwise(
        self, name: str, *, ops: float, read: float, write: float, norm_parameters: float = 0.0
    ) -> Operator:
        """Return an elementwise operator over `read` and `write` elements."""
        return Operator(
            name=name,
            vector_ops=ops,
            weight_bytes=norm_parameters * NORM_BYTES_PER_PARAMETER,
            act_read_bytes=read * self.act,
            act_write_bytes=write * self.act,
        )


def prefill(
    model: Model,
    precision: Precision,
    *,
    batch: float,
    prompt_tokens: float,
    fusion: Collection[str] = FUSION_GROUPS,
    dequantization_ops: float = 2.0,
    accumulator_bytes: float = 4.0,
) -> Operators:
    """Return the operators of one pass over `batch` prompts.

    Parameters
    ----------
    model : Model
    precision : Precision
    batch : float
        Sequences.
    prompt_tokens : float
        Tokens of each prompt.
    fusion : collection of str
        Fused groups, of :data:`FUSION_GROUPS`.
    dequantization_ops : float
        Vector operations per weight or cached element stored narrower than it is computed in.
    accumulator_bytes : float
        Width of partial sums on chip, for the tiling bounds [byte].

    Returns
    -------
    Operators
    """
    return _operators(
        _Pass(
            model,
            precision,
            batch,
            prompt_tokens,
            prompt_tokens,
            True,
            frozenset(fusion),
            dequantization_ops,
            accumulator_bytes,
        )
    )


def decode(
    model: Model,
    precision: Precision,
    *,
    batch: float,
    context_tokens: float,
    steps: float = 1.0,
    fusion: Collection[str] = FUSION_GROUPS,
    dequantization_ops: float = 2.0,
    accumulator_bytes: float = 4.0,
) -> Operators:
    """Return the operators of one decode step: one new token per sequence, attending to `context_tokens` in all.

    Parameters as for :func:`prefill`; `context_tokens` includes the new token and may be the mean, even fractional, of
    that many consecutive `steps`, whose average step is then returned.
    """
    return _operators(
        _Pass(
            model,
            precision,
            batch,
            1.0,
            context_tokens,
            False,
            frozenset(fusion),
            dequantization_ops,
            accumulator_bytes,
            steps,
        )
    )


def _operators(step: _Pass) -> Operators:
    unknown = step.fusion - set(FUSION_GROUPS)
    if unknown:
        raise ValueError(f'unknown fusion group "{min(unknown)}"; known: {", ".join(FUSION_GROUPS)}')
    rows = [_embedding(step)]
    for kind in step.model.layers:
        rows += [replace(row, count=kind.count) for row in (*_attention_rows(step, kind), *_mlp_rows(step, kind))]
    return merged(rows + _head_rows(step))


def _embedding(step: _Pass) -> Operator:
    model, tokens = step.model, step.all_tokens
    tables = 1 + (model.learned_positions > 0)
    return Operator(
        name="embedding",
        vector_ops=tokens * model.hidden if model.learned_positions else 0.0,
        weight_bytes=tables * tokens * model.hidden * number_format(step.precision.weights).bytes,
        weight_class="dense" if model.tied_embeddings else "embedding",
        act_write_bytes=tokens * model.hidden * step.act,
    )


def _norm(step: _Pass, name: str, tokens: float) -> Operator:
    hidden = step.model.hidden
    elements = tokens * hidden
    return step.elementwise(
        name,
        ops=NORM_VECTOR_OPS * elements,
        read=elements,
        write=elements,
        norm_parameters=step.model.norm_parameters,
    )


def _residual(step: _Pass, name: str) -> Operator:
    elements = step.all_tokens * step.model.hidden
    return step.elementwise(name, ops=elements, read=2 * elements, write=elements)


def _fuse(step: _Pass, host: Operator, around: Sequence[tuple[str, Operator]]) -> list[Operator]:
    """Return the host kernel with every operator of a fused group folded in; the others stay as their own kernels.

    `around` holds (group, operator) in order; an operator whose name ends in ``>`` runs after the host.
    """
    before: list[Operator] = []
    after: list[Operator] = []
    for group, row in around:
        if group in step.fusion:
            host = replace(
                host,
                vector_ops=host.vector_ops + row.vector_ops,
                weight_bytes=host.weight_bytes + row.weight_bytes,
            )
        else:
            (after if row.name.endswith(">") else before).append(replace(row, name=row.name.rstrip(">")))
    return [*before, host, *after]


def _attention_rows(step: _Pass, kind: LayerKind) -> list[Operator]:
    model, att, tokens = step.model, kind.attention, step.all_tokens
    qkv = step.gemm("qkv_proj", tokens, att.q_width + att.kv_width, model.hidden, bias=att.qkv_bias)
    qkv = replace(
        qkv,
        act_write_bytes=tokens * att.q_width * step.act,
        kv_write_bytes=tokens * att.kv_width * step.kv,
    )
    around = [("norm", _norm(step, "norm_attn", tokens))]
    rotated = tokens * (att.q_width + att.kv_width / 2)
    if att.qk_norm_parameters:
        qk_norm = step.elementwise(
            "qk_norm>",
            ops=NORM_VECTOR_OPS * rotated,
            read=rotated,
            write=rotated,
            norm_parameters=att.qk_norm_parameters,
        )
        around.append(("norm", qk_norm))
    if att.rotary:
        around.append(("rope", step.elementwise("rope>", ops=ROPE_VECTOR_OPS * rotated, read=rotated, write=rotated)))
    o_proj = step.gemm("o_proj", tokens, model.hidden, att.q_width, bias=att.output_bias)
    residual = [] if kind.parallel else [("residual", _residual(step, "residual_attn>"))]
    return [*_fuse(step, qkv, around), *_score_rows(step, kind), *_fuse(step, o_proj, residual)]


def _score_rows(step: _Pass, kind: LayerKind) -> list[Operator]:
    """Attention proper: one fused kernel, or QK, softmax and AV with the scores written and read between them."""
    att, tokens = kind.attention, step.all_tokens
    attended = att.attended(step.context) if step.causal else att.mean_attended(step.context, step.steps)
    pairs = step.sequences * (att.causal_pairs(step.tokens) if step.causal else attended)
    # Prefill: every cached K and V is needed by some query. Decode: the attended ones.
    cached = tokens if step.causal else step.sequences * attended
    fmt = arithmetic_format(step.precision.activations, step.precision.kv_cache)
    dequantized = number_format(step.precision.kv_cache).bits < number_format(fmt).bits
    kv_bytes = cached * att.kv_width * step.kv
    dequantization = step.dequantization_ops * cached * att.kv_width if dequantized else 0.0
    flop = 4 * att.q_width * pairs
    scores = att.heads * pairs
    q_bytes = tokens * att.q_width * step.act
    tile = (att.heads / att.kv_heads) * att.head_dim * (step.act + step.accumulator_bytes) if step.causal else 0.0
    kv_tile = step.tokens * tile
    kv_window = attended * tile if att.window is not None and attended < step.tokens else 0.0
    if "attention" in step.fusion:
        return [
            Operator(
                name="attention",
                flop=flop,
                compute_format=fmt,
                vector_ops=SOFTMAX_VECTOR_OPS * scores + dequantization,
                act_read_bytes=q_bytes,
                act_write_bytes=q_bytes,
                kv_read_bytes=kv_bytes,
                kv_tile_bytes=kv_tile,
                kv_window_bytes=kv_window,
            )
        ]
    half = Operator(
        name="attention_qk",
        flop=flop / 2,
        compute_format=fmt,
        vector_ops=dequantization / 2,
        act_read_bytes=q_bytes,
        act_write_bytes=scores * step.act,
        kv_read_bytes=kv_bytes / 2,
        kv_tile_bytes=kv_tile,
        kv_window_bytes=kv_window,
    )
    softmax = step.elementwise("softmax", ops=SOFTMAX_VECTOR_OPS * scores, read=scores, write=scores)
    av = replace(half, name="attention_av", act_read_bytes=half.act_write_bytes, act_write_bytes=q_bytes)
    return [half, softmax, av]


def _mlp_rows(step: _Pass, kind: LayerKind) -> list[Operator]:
    model, mlp, tokens = step.model, kind.mlp, step.all_tokens
    up = step.gemm("up_gate" if mlp.gated else "up", tokens, mlp.up_width, model.hidden, bias=mlp.bias)
    elements = tokens * mlp.intermediate
    activation = step.elementwise(
        "activation>",
        ops=(GATED_VECTOR_OPS if mlp.gated else ACTIVATION_VECTOR_OPS) * elements,
        read=tokens * mlp.up_width,
        write=elements,
    )
    if "swiglu" in step.fusion:
        up = replace(up, act_write_bytes=activation.act_write_bytes)
    around = [("swiglu", activation)]
    if not kind.parallel:
        around.insert(0, ("norm", _norm(step, "norm_mlp", tokens)))
    down = step.gemm("down", tokens, model.hidden, mlp.intermediate, bias=mlp.bias)
    return [*_fuse(step, up, around), *_fuse(step, down, [("residual", _residual(step, "residual_mlp>"))])]


def _head_rows(step: _Pass) -> list[Operator]:
    """Final norm and LM head, on the last token of each sequence."""
    model = step.model
    head = step.gemm("lm_head", step.sequences, model.vocabulary, model.hidden, bias=model.head_bias)
    return _fuse(step, head, [("norm", _norm(step, "norm_final", step.sequences))])
