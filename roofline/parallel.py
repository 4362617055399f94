"""Several chips as one deployment: degrees of parallelism, and the model that ONE chip runs.

The operators of a pass built on the sharded model are those of one chip, so FLOP, bytes, KV cache and footprint per
chip follow by construction; what the chips tell each other is in :mod:`roofline.collectives`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from roofline.layers import (
    Attention,
    CompressedAttention,
    Experts,
    FeedForward,
    GatedDelta,
    LatentAttention,
    LayerKind,
    Mixer,
    Mlp,
    StateSpace,
)
from roofline.model import Model

DEGREES = ("tensor", "pipeline", "expert", "data")


@dataclass(frozen=True)
class Parallel:
    """How a deployment divides its work; its chips are tensor x pipeline x data.

    Attributes
    ----------
    tensor : int
        Chips that share every matrix and attention head of a layer.
    pipeline : int
        Stages that each hold some of the layers. Stages do not shorten a token's latency.
    expert : int
        Ranks that routed experts are spread over, of the tensor x data chips of a stage. Up to `tensor` it divides
        `tensor`, and tensor / expert chips share each expert; beyond, it is a multiple of `tensor`, and the tokens of
        expert / tensor replicas meet.
    data : int
        Replicas, each with its own sequences and KV cache.
    padded_heads : bool
        Heads that `tensor` does not divide are padded with idle ones, as some compilers do; else that is an error.

    Raises
    ------
    ValueError
        If a degree is below 1, or the expert ranks cannot be laid out on the chips.
    """

    tensor: int = 1
    pipeline: int = 1
    expert: int = 1
    data: int = 1
    padded_heads: bool = False

    def __post_init__(self) -> None:
        for name in DEGREES:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        tensor, expert, data = self.tensor, self.expert, self.data
        possible = [n for n in range(1, min(tensor, expert) + 1) if tensor % n == 0]
        possible += [n * tensor for n in range(2, min(data, expert // tensor) + 1) if data % n == 0]
        if possible[-1] != expert:
            near = ", ".join(map(str, possible[-4:]))
            raise ValueError(f"expert {expert} does not go with tensor {tensor} and data {data}; possible: {near}")

    @property
    def chips(self) -> int:
        """Chips of the deployment."""
        return self.tensor * self.pipeline * self.data

    @property
    def expert_replicas(self) -> int:
        """Replicas whose tokens meet at one set of experts."""
        return max(self.expert // self.tensor, 1)

    @property
    def expert_shards(self) -> int:
        """Chips that share one expert."""
        return max(self.tensor // self.expert, 1)

    def replica_batch(self, batch: int) -> int:
        """Sequences of the fullest replica when the deployment has `batch`."""
        return -(-batch // self.data)

    def microbatches(self, batch: int) -> int:
        """Parts a replica's sequences are divided into so that the stages have work at the same time."""
        return min(self.pipeline, self.replica_batch(batch))

    def microbatch(self, batch: int) -> int:
        """Sequences of the fullest microbatch."""
        return -(-self.replica_batch(batch) // self.microbatches(batch))

    def stage_share(self, layers: int) -> float:
        """Share of the layers that the fullest pipeline stage holds [1]."""
        return -(-layers // self.pipeline) / layers

    def decode_passes(self, batch: int, layers: int, drafted: bool = False) -> float:
        """Time between two tokens of a sequence in passes over all layers [1].

        One pass, in which every microbatch advances; more only where uneven stages make the fullest one, which all
        microbatches must cross, the slowest part of the round. Where the passes of a draft are `drafted` between the
        longer ones of its target, stages wait for one another: a round is then taken to begin when the one before it
        has left the stages, an upper bound.
        """
        if drafted:
            return self.prefill_passes(batch, layers)
        return max(1.0, self.microbatches(batch) * self.stage_share(layers))

    def prefill_passes(self, batch: int, layers: int) -> float:
        """Time until the last microbatch has left the last stage in passes over all layers [1].

        ``(p + m - 1)/p`` with p equal stages and m microbatches (Huang et al., GPipe, arXiv 1811.06965): one pass, and
        one fullest stage for each microbatch that follows.
        """
        return 1.0 + (self.microbatches(batch) - 1) * self.stage_share(layers)

    def passes_per_chip(self, batch: int) -> float:
        """Passes over all layers that the average chip works off per step of the deployment [1].

        Every microbatch of every replica that has sequences crosses each layer once, on `tensor` chips:
        ``tensor x microbatches x replicas`` sharded passes over ``tensor x pipeline x data`` chips. All are taken for
        as full as the fullest: bytes and energy that follow are an upper bound where sequences do not divide evenly or
        experts are spread.
        """
        replicas = -(-batch // self.replica_batch(batch))
        return self.microbatches(batch) * replicas / (self.pipeline * self.data)


ONE_CHIP = Parallel()


def sharded(model: Model, parallel: Parallel) -> Model:
    """Return the model one chip runs: all layers, each with that chip's share of it.

    Heads, intermediates, vocabulary and experts are divided; the hidden size, norms, routers, latent caches and the
    selectors of sparse attention are on every chip. KV heads are repeated where there are fewer of them than chips;
    intermediates and vocabulary are padded up to whole numbers. Pipeline stages do not change what is computed; that
    each holds only some of the layers concerns capacity.

    Raises
    ------
    ValueError
        If heads or experts cannot be divided, or there are more stages than layers.
    """
    if parallel.pipeline > model.layer_count:
        raise ValueError(
            f"pipeline_parallel {parallel.pipeline} exceeds the {model.layer_count} layers of {model.name}"
        )
    if parallel.tensor == parallel.expert == 1:
        return model
    layers = tuple(_layer(kind, parallel, model.name) for kind in model.layers)
    return replace(model, vocabulary=_padded(model.vocabulary, parallel.tensor), layers=layers)


def _layer(kind: LayerKind, parallel: Parallel, name: str) -> LayerKind:
    return replace(
        kind,
        mixer=None if kind.mixer is None else _mixer(kind.mixer, _Heads(parallel, name)),
        feed_forwards=tuple(_feed_forward(feed, parallel, name) for feed in kind.feed_forwards),
    )


@dataclass(frozen=True)
class _Heads:
    """How the heads of a model are dealt out."""

    parallel: Parallel
    model: str

    def divided(self, count: int, what: str) -> int:
        """Heads of one chip, each head on one chip only."""
        n = self.parallel.tensor
        if count % n and not self.parallel.padded_heads:
            raise ValueError(f"tensor_parallel {n} does not divide the {count} {what} of {self.model}")
        return _padded(count, n)

    def repeated(self, count: int, what: str) -> int:
        """Heads of one chip where several chips may hold the same one."""
        n = self.parallel.tensor
        if n % count and count % n and not self.parallel.padded_heads:
            raise ValueError(f"tensor_parallel {n} and the {count} {what} of {self.model} do not divide each other")
        return _padded(count, n)


def _mixer(mixer: Mixer, heads: _Heads) -> Mixer:
    n = heads.parallel.tensor
    if isinstance(mixer, Attention):
        return _attention(mixer, heads)
    if isinstance(mixer, LatentAttention):
        # An indexer stays whole: its scores are sums over all its heads, and it writes one short list of tokens.
        return replace(mixer, heads=heads.divided(mixer.heads, "query heads"))
    if isinstance(mixer, CompressedAttention):
        own = heads.divided(mixer.heads, "query heads")
        return replace(mixer, heads=own, output_groups=_padded(mixer.output_groups, n))
    if isinstance(mixer, GatedDelta):
        return replace(
            mixer,
            value_heads=heads.divided(mixer.value_heads, "value heads"),
            key_heads=heads.repeated(mixer.key_heads, "key heads"),
        )
    return _state_space(mixer, heads)


def _attention(att: Attention, heads: _Heads) -> Attention:
    own, kv_heads = heads.divided(att.heads, "query heads"), heads.repeated(att.kv_heads, "KV heads")
    norms = att.qk_norm_parameters
    if norms == att.q_width + att.kv_heads * att.head_dim:  # over all heads together, not head by head
        norms = (own + kv_heads) * att.head_dim
    sinks = _padded(att.sink_parameters, heads.parallel.tensor)
    return replace(att, heads=own, kv_heads=kv_heads, qk_norm_parameters=norms, sink_parameters=sinks)


def _state_space(layer: StateSpace, heads: _Heads) -> StateSpace:
    own = heads.divided(layer.heads, "state-space heads") if layer.heads else 0
    inner = own * (layer.inner // layer.heads) if layer.heads else _padded(layer.inner, heads.parallel.tensor)
    return replace(
        layer,
        inner=inner,
        heads=own,
        groups=heads.repeated(layer.groups, "state-space groups") if layer.groups else 0,
        norm_parameters=inner if layer.norm_parameters == layer.inner else layer.norm_parameters,
    )


def _feed_forward(feed: FeedForward, parallel: Parallel, name: str) -> FeedForward:
    if isinstance(feed, Mlp):
        return replace(feed, intermediate=_padded(feed.intermediate, parallel.tensor))
    return _experts(feed, parallel, name)


def _experts(moe: Experts, parallel: Parallel, name: str) -> Experts:
    if moe.experts % parallel.expert:
        raise ValueError(f"expert_parallel {parallel.expert} does not divide the {moe.experts} experts of {name}")
    shared = moe.shared
    if shared is not None:
        shared = replace(shared, intermediate=_padded(shared.intermediate, parallel.tensor))
    return replace(
        moe,
        intermediate=_padded(moe.intermediate, parallel.expert_shards),
        shared=shared,
        ranks=parallel.expert,
        replicas=parallel.expert_replicas,
    )


def _padded(count: int, n: int) -> int:
    return math.ceil(count / n)
