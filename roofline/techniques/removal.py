"""Structured pruning: whole layers, KV groups of heads, channels of feed-forwards, or width of the hidden size.

What is left is a smaller model, counted like any other. LLM-Pruner (Ma et al., arXiv 2305.11627) removes heads and
channels, ShortGPT (Men et al., arXiv 2403.03853) layers, SliceGPT (Ashkboos et al., arXiv 2401.15024) and Minitron
(Muralidharan et al., arXiv 2407.14679) width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from roofline.layers import Attention, Experts, FeedForward, LatentAttention, LayerKind, Mixer, Mlp
from roofline.model import Model


@dataclass(frozen=True)
class Removal:
    """What is removed for good, before weights are stored.

    Attributes
    ----------
    layers : int
        Layers removed, of every kind in proportion.
    heads, channels, hidden : float
        Shares removed: of the KV heads of each layer with all their queries, of the intermediate sizes (of each
        expert), of the hidden size [1]. What is left is rounded up to whole heads and channels.
    """

    layers: int = 0
    heads: float = 0.0
    channels: float = 0.0
    hidden: float = 0.0

    def __post_init__(self) -> None:
        if self.layers < 0:
            raise ValueError(f"expected layers of at least 0, got {self.layers}")
        for name in ("heads", "channels", "hidden"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"expected {name} of at least 0 and below 1, got {getattr(self, name):g}")

    def apply(self, model: Model) -> Model:
        """Return the model that is left.

        Raises
        ------
        ValueError
            If there is nothing to remove it from.
        """
        if self.layers:
            if self.layers >= model.layer_count:
                raise ValueError(
                    f"expected to remove fewer than the {model.layer_count} layers of {model.name}, got {self.layers}"
                )
            model = of_depth(model, model.layer_count - self.layers)
        for what, parts, change in (
            ("heads", _head_counts(model), self._without_heads),
            ("channels", _channel_counts(model), self._without_channels),
        ):
            if share := getattr(self, what):
                left = replace(model, layers=tuple(change(kind) for kind in model.layers))
                if left == model:
                    raise ValueError(_too_little(share, what, max(parts, default=0), model))
                model = left
        return self._narrowed(model) if self.hidden else model

    def _without_heads(self, kind: LayerKind) -> LayerKind:
        return kind if kind.mixer is None else replace(kind, mixer=self._mixer(kind.mixer))

    def _without_channels(self, kind: LayerKind) -> LayerKind:
        return replace(kind, feed_forwards=tuple(self._feed(feed) for feed in kind.feed_forwards))

    def _mixer(self, mixer: Mixer) -> Mixer:
        if isinstance(mixer, Attention):
            kept = _kept(mixer.kv_heads, self.heads)
            heads, sinks, norms = (
                kept * (mixer.heads // mixer.kv_heads),
                mixer.sink_parameters,
                mixer.qk_norm_parameters,
            )
            if norms == mixer.q_width + mixer.kv_heads * mixer.head_dim:  # over all heads together
                norms = (heads + kept) * mixer.head_dim
            sinks = heads if sinks == mixer.heads else sinks
            return replace(mixer, heads=heads, kv_heads=kept, sink_parameters=sinks, qk_norm_parameters=norms)
        if isinstance(mixer, LatentAttention):
            return replace(mixer, heads=_kept(mixer.heads, self.heads))
        return mixer

    def _feed(self, feed: FeedForward) -> FeedForward:
        if isinstance(feed, Mlp):
            return replace(feed, intermediate=_kept(feed.intermediate, self.channels))
        shared = (
            None
            if feed.shared is None
            else replace(feed.shared, intermediate=_kept(feed.shared.intermediate, self.channels))
        )
        return replace(feed, intermediate=_kept(feed.intermediate, self.channels), shared=shared)

    def _narrowed(self, model: Model) -> Model:
        """A smaller hidden size; heads keep their width."""
        others = [kind for kind in model.layers if not isinstance(kind.mixer, Attention | None)]
        if others or any(
            isinstance(feed, Experts) and feed.latent for kind in model.layers for feed in kind.feed_forwards
        ):
            raise ValueError(f"removal of the hidden size is known of softmax attention only, not of {model.name}")
        hidden = _kept(model.hidden, self.hidden)
        if hidden == model.hidden:
            raise ValueError(
                f"expected hidden of at least 1/{hidden}, as {model.name} has {hidden} channels, got {self.hidden:g}"
            )
        return replace(model, hidden=hidden, norm_parameters=model.norm_parameters * hidden // model.hidden)


def of_depth(model: Model, layers: int) -> Model:
    """Return the model with so many layers, of every kind in proportion (by largest remainder).

    Raises
    ------
    ValueError
        If it has not so many, or none are left.
    """
    total = model.layer_count
    if not 1 <= layers <= total:
        raise ValueError(f"expected 1 to {total} layers of {model.name}, got {layers}")
    if layers == total:
        return model
    counts = [kind.count * layers // total for kind in model.layers]
    by_rest = sorted(range(len(counts)), key=lambda i: -(model.layers[i].count * layers % total))
    for i in by_rest[: layers - sum(counts)]:
        counts[i] += 1
    kinds = zip(model.layers, counts, strict=True)
    return replace(model, layers=tuple(replace(kind, count=count) for kind, count in kinds if count))


def _head_counts(model: Model) -> list[int]:
    """KV heads, which are removed with all their queries; latent attention has one for each query head."""
    mixers = [kind.mixer for kind in model.layers]
    groups = [mixer.kv_heads for mixer in mixers if isinstance(mixer, Attention)]
    return groups + [mixer.heads for mixer in mixers if isinstance(mixer, LatentAttention)]


def _channel_counts(model: Model) -> list[int]:
    return [feed.intermediate for kind in model.layers for feed in kind.feed_forwards]


def _too_little(share: float, what: str, parts: int, model: Model) -> str:
    """Message: a share of so many heads or channels is less than one of them."""
    if parts <= 1:
        return f"removal finds no {what} to remove in {model.name}"
    return f"expected {what} of at least 1/{parts}, as layers of {model.name} have {parts}, got {share:g}"


def _kept(count: int, share: float) -> int:
    # A share of 5/14 of 14 is 5, whatever its rounding.
    return math.ceil(count * (1.0 - share) * (1.0 - 1e-12))
