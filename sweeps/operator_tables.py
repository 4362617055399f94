"""A published operator latency as a table of operators, built by the functions that build those of whole models.

What a row does not say is taken as follows, and is a limit of what is predicted from it.

- Experts are gated (three matrices); the router's product is not in the time, nor the exchange of tokens.
- Of several ranks the fullest is timed. ``balanced`` routing fills all alike; under any other name, power laws too,
  tokens choose uniformly and at random.
- A layer is that of GPT-3: LayerNorms with bias, a GELU between two matrices, no rotation, residuals.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial

from roofline.collectives import all_reduce
from roofline.layers import Attention, Experts, LayerKind, Mlp
from roofline.model import Model
from roofline.operators import Operator, Operators
from roofline.parallel import Parallel
from roofline.phases import decode, prefill
from roofline.phases.attention import attention_rows, softmax_rows
from roofline.phases.feed_forward import ACTIVATION_VECTOR_OPS, expert_rows
from roofline.phases.passes import ROPE_VECTOR_OPS, Pass
from roofline.precision import Precision
from sweeps.operator_measurements import OperatorMeasurement

OUTSIDE_LAYERS = ("embedding", "all_reduce_embedding", "norm_final", "lm_head", "all_gather_logits", "sampling")
OUTSIDE_EXPERTS = ("moe_router", "all_to_all_dispatch", "all_to_all_combine")
BALANCED = "balanced"


@dataclass(frozen=True)
class Build:
    """How tables are built: number formats, fusion groups, chips, and what arithmetic needs beside them.

    With `rotates` the operator called attention begins with a kernel that rotates Q and K and writes the cache.
    """

    precision: Precision
    fusion: Collection[str]
    parallel: Parallel
    dequantization_ops: float
    accumulator_bytes: float
    rotates: bool = False


class Balanced(Experts):
    """Experts that all get the same number of rows."""

    def touched(self, tokens: float) -> float:
        """Return how many experts of a rank have a row."""
        return min(self.rows(tokens), float(self.held))

    def rows(self, tokens: float) -> float:
        """Return the rows of one of the ranks."""
        return tokens * self.active / self.ranks


def single(model_hidden: int) -> Model:
    """Return a model of one nearly empty layer, where something needs a model and only its hidden size matters."""
    return Model("an operator", model_hidden, 1, (LayerKind(1, None, (Mlp(1),), norms=0),), norm_parameters=0)


def parallel_of(row: OperatorMeasurement) -> Parallel:
    """Return the chips that work on an operator; ranks of experts are timed one by one."""
    return Parallel(tensor=row.devices or 1, padded_heads=True)


def table_of(row: OperatorMeasurement, build: Build) -> Operators:
    """Return the operators that a row's latency is of.

    Raises
    ------
    ValueError
        If the row does not say how large the operator is, or sizes do not go together.
    """
    if row.unstated:
        raise ValueError(f"{', '.join(row.unstated)} not stated")
    return Operators(tuple(_TABLES[row.op](row, build)))


def _pass(row: OperatorMeasurement, build: Build, sequences: float, tokens: float = 1.0, context: float = 1.0) -> Pass:
    return Pass(
        model=single(row.hidden or 1),
        precision=build.precision,
        sequences=sequences,
        tokens=tokens,
        context=context,
        causal=row.op.endswith("prefill"),
        fusion=frozenset(build.fusion),
        dequantization_ops=build.dequantization_ops,
        accumulator_bytes=build.accumulator_bytes,
    )


def _sizes(row: OperatorMeasurement, *names: str) -> tuple[int, ...]:
    """Sizes of a row that `unstated` has found to be stated."""
    return tuple(int(getattr(row, name)) for name in names)


def _gemm(row: OperatorMeasurement, build: Build) -> list[Operator]:
    m, n, k = _sizes(row, "m", "n", "k")
    return [_pass(row, build, m).gemm("gemm", m, n, k, group="mlp")]


def _attention(row: OperatorMeasurement, build: Build) -> list[Operator]:
    """Scores, softmax and values, without the projections around them."""
    batch, asked, attended, heads, kv_heads, width = _sizes(
        row, "batch", "q_len", "kv_len", "heads", "kv_heads", "head_dim"
    )
    _check_lengths(row)
    step = _pass(row, build, batch, asked, asked if row.op == "attention_prefill" else attended)
    attention = Attention(heads, kv_heads, width, rotary=False)
    rows = [row for row in attention_rows(step, attention, [], []) if not row.rows]
    before = [_rotation(step, attention)] if build.rotates else []
    return [*before, *(_after(core, asked, attended) if step.causal else core for core in rows)]


def _rotation(step: Pass, attention: Attention) -> Operator:
    """Q, K and V of the new tokens are read, Q and K rotated, Q written for the kernel that follows, K and V cached."""
    tokens, q, kv = step.all_tokens, attention.q_width, attention.kv_width
    rotated = tokens * (q + attention.kv_heads * attention.head_dim)
    row = step.elementwise("rope", ops=ROPE_VECTOR_OPS * rotated, read=tokens * (q + kv), write=tokens * q)
    return replace(row, kv_write_bytes=tokens * kv * step.kv)


def _check_lengths(row: OperatorMeasurement) -> None:
    asked, attended = _sizes(row, "q_len", "kv_len")
    if row.op.endswith("decode") and asked != 1:
        raise ValueError(f"a decode step has one query per sequence, q_len is {asked}")
    if attended < asked:
        raise ValueError(f"kv_len {attended} is below q_len {asked}: causal attention includes the new tokens")


def _after(core: Operator, asked: int, attended: int) -> Operator:
    """Causal attention of the last `asked` of `attended` tokens, from that of `asked` alone."""
    if attended == asked:
        return core
    pairs, read = (2.0 * attended - asked + 1.0) / (asked + 1.0), attended / asked
    return replace(
        core,
        flop=core.flop * pairs,
        vector_ops=core.vector_ops * pairs,
        scores=core.scores * pairs,
        kv_read_bytes=core.kv_read_bytes * read,
        kv_tile_bytes=core.kv_tile_bytes * read,
    )


def _moe(row: OperatorMeasurement, build: Build) -> list[Operator]:
    m, experts, active, inter = _sizes(row, "m", "experts", "topk", "inter")
    shards, ranks = row.moe_tp or 1, row.moe_ep or 1
    if active > experts or experts % ranks:
        raise ValueError(f"{experts} experts do not go with topk {active} and moe_ep {ranks}")
    kind = Balanced if row.routing == BALANCED else Experts
    rows = expert_rows(_pass(row, build, m), kind(experts, active, -(-inter // shards), ranks=ranks), [], [])
    return [operator for operator in rows if operator.name not in OUTSIDE_EXPERTS]


def _all_reduce(row: OperatorMeasurement, build: Build) -> list[Operator]:
    (devices,) = _sizes(row, "devices")
    if devices < 2:
        raise ValueError("an all-reduce needs two devices or more")
    return [all_reduce("all_reduce", devices, float(row.message_bytes or 0.0))]


def _norm(row: OperatorMeasurement, build: Build) -> list[Operator]:
    m, n = _sizes(row, "m", "n")
    return [_pass(row, build, m).norm(row.op, m, n, n if row.op == "rmsnorm" else 2 * n)]


def _softmax(row: OperatorMeasurement, build: Build) -> list[Operator]:
    m, n = _sizes(row, "m", "n")
    return softmax_rows(_pass(row, build, m), m * n)


def _gelu(row: OperatorMeasurement, build: Build) -> list[Operator]:
    elements = float(row.elements or 0.0)
    step = _pass(row, build, 1)
    return [step.elementwise("gelu", ops=ACTIVATION_VECTOR_OPS * elements, read=elements, write=elements)]


def _layer(row: OperatorMeasurement, build: Build) -> list[Operator]:
    """One layer of a model of one layer, on the first of the chips that share it."""
    batch, asked, attended, heads, kv_heads, width, hidden, inter = _sizes(
        row, "batch", "q_len", "kv_len", "heads", "kv_heads", "head_dim", "hidden", "inter"
    )
    _check_lengths(row)
    attention = Attention(heads, kv_heads, width, qkv_bias=True, output_bias=True, rotary=False)
    layer = LayerKind(1, attention, (Mlp(inter, gated=False, bias=True),))
    model = replace(single(hidden), layers=(layer,), norm_parameters=2 * hidden)
    prompt = row.op.endswith("prefill")
    phase = partial(prefill, prompt_tokens=float(asked)) if prompt else partial(decode, context_tokens=float(attended))
    rows = phase(
        model,
        build.precision,
        batch=float(batch),
        fusion=build.fusion,
        dequantization_ops=build.dequantization_ops,
        accumulator_bytes=build.accumulator_bytes,
        parallel=build.parallel,
    )
    own = [operator for operator in rows if operator.name not in OUTSIDE_LAYERS]
    return [_after(core, asked, attended) if prompt and core.kv_read_bytes else core for core in own]


_TABLES: Mapping[str, Callable[[OperatorMeasurement, Build], list[Operator]]] = {
    "gemm": _gemm,
    "attention_prefill": _attention,
    "attention_decode": _attention,
    "moe": _moe,
    "all_reduce": _all_reduce,
    "rmsnorm": _norm,
    "layernorm": _norm,
    "softmax": _softmax,
    "gelu": _gelu,
    "transformer_layer_prefill": _layer,
    "transformer_layer_decode": _layer,
}
