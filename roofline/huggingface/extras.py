"""Small parameters of single architectures, beside projections, norms and biases."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from roofline.huggingface.reader import Reader
from roofline.layers import Attention, Experts, FeedForward, Mixer


def _inner_norms(read: Reader, mixer: Mixer, feed: tuple[FeedForward, ...]) -> int:
    """Norms before the output and down projections (BitNet)."""
    attention = mixer.o_width if isinstance(mixer, Attention) else 0
    return attention + sum(block.intermediate for block in feed)


def _activation_pair(read: Reader, mixer: Mixer, feed: tuple[FeedForward, ...]) -> int:
    """Two learned numbers of the activation (Apertus' xIELU)."""
    return 2


def _gemma4_router(read: Reader, mixer: Mixer, feed: tuple[FeedForward, ...]) -> int:
    """A scale per channel before the router and one per expert behind it."""
    return read.count("hidden_size") + sum(block.experts for block in feed if isinstance(block, Experts))


def _hyper_connections(read: Reader, mixer: Mixer, feed: tuple[FeedForward, ...]) -> int:
    """Two mappings between `hc_mult` residual streams: read weights, write weights, mixing matrix; three scales."""
    streams, hidden = read.count("hc_mult", most=1000), read.count("hidden_size")
    outputs = streams * (streams + 2)
    return 2 * (outputs * streams * hidden + outputs + 3)


def _hyper_head(read: Reader) -> int:
    """The mapping of all residual streams to one before the LM head."""
    streams, hidden = read.count("hc_mult", most=1000), read.count("hidden_size")
    return streams * streams * hidden + streams + 1


LAYER_EXTRAS: Mapping[str, Callable[[Reader, Mixer, tuple[FeedForward, ...]], int]] = {
    "inner norms": _inner_norms,
    "activation pair": _activation_pair,
    "gemma4 router": _gemma4_router,
    "hyper connections": _hyper_connections,
}

MODEL_EXTRAS: Mapping[str, Callable[[Reader], int]] = {"hyper connections": _hyper_head}
