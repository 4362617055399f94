"""The slow naive twin, second part: the tensors of a layer, what it keeps for a sequence, and what a token attends to.

Plain Python numbers; nothing here calls the product, and kinds of layers are told apart by their names. Sums over
positions are sums over positions: nothing is a closed form that can be a loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

SIXTEEN_BIT = 2  # norms, biases and the inputs a convolution keeps
FP32 = 4  # recurrent states


# --- tensors --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tensor:
    """Parameters of one format: a group of weights, or 16 bit where there is none; experts' biases live with them."""

    elements: float
    group: str | None
    home: str | None = None


def tensors(part: Any, hidden: int) -> Iterator[Tensor]:
    """Every tensor of a mixer or a feed-forward."""
    name = type(part).__name__
    if name == "Attention":
        group, h, kv = "attention", part.heads, part.kv_heads
        value = part.head_dim if part.v_head_dim is None else part.v_head_dim
        outputs = [h * part.head_dim, kv * part.head_dim]  # Q, K
        outputs += [] if part.shared_kv else [kv * value]
        outputs += [h * value] if part.output_gate else []
        for n in outputs:
            yield Tensor(hidden * n, group)
            yield Tensor(n if part.qkv_bias else 0, None)
        yield Tensor(h * value * hidden, group)
        yield Tensor(hidden if part.output_bias else 0, None)
        yield Tensor(part.qk_norm_parameters + part.sink_parameters, None)
    elif name == "LatentAttention":
        group, key = "attention", part.nope_dim + part.rope_dim
        if part.query_rank is None:
            yield Tensor(hidden * part.heads * key, group)
        else:
            yield Tensor(hidden * part.query_rank, group)
            yield Tensor(part.query_rank, None)
            yield Tensor(part.query_rank * part.heads * key, group)
        yield Tensor(hidden * (part.latent_rank + part.rope_dim), group)
        yield Tensor(part.latent_rank, None)
        yield Tensor(part.latent_rank * part.heads * part.nope_dim, group)  # to K
        yield Tensor(part.latent_rank * part.heads * part.value_dim, group)  # to V
        yield Tensor(part.heads * part.value_dim * hidden, group)
        if part.indexer is not None:
            yield Tensor(part.indexer.query_width * part.indexer.heads * part.indexer.head_dim, group)
            yield Tensor(hidden * part.indexer.head_dim, group)
            yield Tensor(hidden * part.indexer.heads, group)
            yield Tensor(2 * part.indexer.head_dim, None)
    elif name == "CompressedAttention":
        yield from _compressed_tensors(part, hidden)
    elif name == "StateSpace":
        group, inner, state = "recurrent", part.inner, part.state
        channels = inner + (2 * part.groups * state if part.heads else 0)
        outputs = [inner, channels, part.heads]  # gate, what is convolved, a time step per head
        yield Tensor(hidden * sum(outputs), group)
        yield Tensor(inner * hidden, group)
        yield Tensor(sum(outputs) + hidden if part.projection_bias else 0, None)
        yield Tensor(channels * part.conv_kernel + (channels if part.conv_bias else 0), None)
        if part.heads:
            yield Tensor(3 * part.heads, None)  # A, D and the bias of the time step, of every head
        else:
            yield Tensor(inner * (part.step_rank + 2 * state), group)
            yield Tensor(part.step_rank * inner, group)
            yield Tensor(inner * state + inner + inner, None)
        yield Tensor(part.norm_parameters, None)
    elif name == "GatedDelta":
        yield from _delta_tensors(part, hidden)
    elif name == "Mlp":
        yield from _mlp_tensors(part, hidden, "mlp")
    else:
        yield from _expert_tensors(part, hidden)


def _compressed_tensors(part: Any, hidden: int) -> Iterator[Tensor]:
    group, q = "attention", part.heads * part.head_dim
    yield Tensor(hidden * part.query_rank + part.query_rank * q, group)
    yield Tensor(part.query_rank, None)
    yield Tensor(hidden * part.head_dim, group)  # key and value in one
    yield Tensor(part.head_dim, None)
    yield Tensor(part.heads, None)  # sinks
    for _ in range(part.output_groups):
        yield Tensor(q / part.output_groups * part.output_rank + part.output_rank * hidden, group)
    if part.ratio:
        for entry in [part.head_dim] + ([part.indexer.head_dim] if part.indexer is not None else []):
            yield Tensor(2 * hidden * part.overlap * entry, group)  # values, and their weights in the pool
            yield Tensor(part.ratio * part.overlap * entry + entry, None)
    if part.indexer is not None:
        yield Tensor(part.query_rank * part.indexer.heads * part.indexer.head_dim + hidden * part.indexer.heads, group)


def _delta_tensors(part: Any, hidden: int) -> Iterator[Tensor]:
    group = "recurrent"
    q, v = part.key_heads * part.key_dim, part.value_heads * part.value_dim
    decays = part.value_heads * part.key_dim
    for n in (q, q, v):
        yield Tensor(hidden * n, group)
        yield Tensor(n * part.conv_kernel, None)
    if part.gate_rank:
        yield Tensor(2 * hidden * part.gate_rank, group)
        yield Tensor(part.gate_rank * decays + part.gate_rank * v, group)
    else:
        yield Tensor(hidden * v, group)
    yield Tensor(v * hidden, group)
    if part.delta_rule:
        yield Tensor(hidden * part.value_heads, group)  # step sizes
        yield Tensor(0 if part.gate_rank else hidden * part.value_heads, group)  # decays
        yield Tensor(part.value_heads + (decays if part.gate_rank else part.value_heads), None)
        yield Tensor(part.value_dim, None)
    else:
        yield Tensor(v, None)


def _mlp_tensors(mlp: Any, hidden: int, group: str) -> Iterator[Tensor]:
    for _projection in range(2 if mlp.gated else 1):  # up, gate
        yield Tensor(hidden * mlp.intermediate, group)
        yield Tensor(mlp.intermediate if mlp.bias else 0, None)
    yield Tensor(mlp.intermediate * hidden, group)
    yield Tensor(hidden if mlp.bias else 0, None)


def _expert_tensors(moe: Any, hidden: int) -> Iterator[Tensor]:
    yield Tensor(hidden * moe.experts, "router")
    yield Tensor(moe.experts if moe.router_bias else 0, None)
    inside = moe.latent if moe.latent else hidden
    if moe.latent:
        yield Tensor(hidden * inside + inside * hidden, "router")
    for _ in range(moe.experts):
        for tensor in _mlp_tensors(moe, inside, "experts"):
            yield Tensor(tensor.elements, tensor.group, "experts")
    if moe.shared is not None:
        yield from _mlp_tensors(moe.shared, hidden, "shared_experts")
    if moe.shared_gate:
        yield Tensor(hidden, "router")


# --- what is kept for a sequence ------------------------------------------------------------------------------------


def visible(limit: int | None, chunked: bool, position: int) -> int:
    """Tokens that the one at a position (from 1) attends to."""
    if limit is None:
        return position
    return (position - 1) % limit + 1 if chunked else min(position, limit)


@lru_cache(maxsize=4096)
def entries_sum(ratio: int, most: int | None, first: int, last: int) -> float:
    """Compressed entries attended over all positions, of which there is one more every `ratio` tokens."""
    return sum(position / ratio if most is None else min(position / ratio, most) for position in range(first, last + 1))


@lru_cache(maxsize=4096)
def visible_sum(limit: int | None, chunked: bool, first: int, last: int) -> int:
    """The same over all positions from the first to the last."""
    return sum(visible(limit, chunked, position) for position in range(first, last + 1))


def mean_visible(run: Any, limit: int | None, chunked: bool = False) -> float:
    """Tokens attended by the mean step."""
    return visible_sum(limit, chunked, run.contexts[0], run.contexts[-1]) / len(run.contexts)


def kept(mixer: Any, context: int) -> tuple[float, float]:
    """Elements in the cache format, and bytes of states, of one layer and sequence."""
    name = type(mixer).__name__
    if name == "Attention":
        value = mixer.head_dim if mixer.v_head_dim is None else mixer.v_head_dim
        held = context if mixer.window is None else min(context, mixer.window)
        return held * mixer.kv_heads * (mixer.head_dim + value), 0
    if name == "LatentAttention":
        index = mixer.indexer.head_dim if mixer.indexer is not None else 0
        return context * (mixer.latent_rank + mixer.rope_dim + index), 0
    if name == "CompressedAttention":
        entry = [mixer.head_dim] + ([mixer.indexer.head_dim] if mixer.indexer is not None else [])
        pooled = context / mixer.ratio * sum(entry) if mixer.ratio else 0
        making = 2 * mixer.overlap * mixer.ratio * mixer.overlap * sum(entry) * FP32
        return min(context, mixer.window) * mixer.head_dim + pooled, making
    if name == "StateSpace":
        channels = mixer.inner + (2 * mixer.groups * mixer.state if mixer.heads else 0)
        return 0, mixer.inner * mixer.state * FP32 + (mixer.conv_kernel - 1) * channels * SIXTEEN_BIT
    channels = 2 * mixer.key_heads * mixer.key_dim + mixer.value_heads * mixer.value_dim
    states = mixer.value_heads * mixer.key_dim * mixer.value_dim
    return 0, states * FP32 + (mixer.conv_kernel - 1 if mixer.conv_kernel else 0) * channels * SIXTEEN_BIT
