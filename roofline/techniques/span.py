"""What attention reads of the past: windows, evicted caches, caches that layers share, selected blocks.

All of them are known of softmax attention with a KV cache; layers that keep something else stay as they are, and a
model without such layers is an error. A cache that is offloaded to flash is no technique here: `flash_holds` of the
modelling places it (:func:`roofline.memory.placement`), and DRAM holds it otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from roofline.layers import Attention, LayerKind, Selector
from roofline.model import Model


@dataclass(frozen=True)
class Window:
    """Every softmax-attention layer attends to the newest `tokens` only, in prompts too (Beltagy et al., 2004.05150).

    A layer that has a smaller window keeps it.
    """

    tokens: int

    def __post_init__(self) -> None:
        _at_least_one(self.tokens, "a window")

    def apply(self, model: Model) -> Model:
        """Return the model with the window."""
        return each_attention(model, lambda att: _windowed(att, self.tokens), "a window")


@dataclass(frozen=True)
class KvBudget:
    """A cache of at most `sinks` + `tokens` tokens: prompts are read in full, then tokens are evicted.

    Attributes
    ----------
    tokens : int
        The newest, or those that attention scores as heavy.
    sinks : int
        First tokens that always stay.

    Notes
    -----
    StreamingLLM keeps 4 sinks and the newest tokens (Xiao et al., arXiv 2309.17453), H2O the newest and the heavy
    hitters, half each (Zhang et al., arXiv 2306.14048); both attend to the same number. Keeping the score of each token
    is neglected. While a layer reads the prompt all its K and V are held.
    """

    tokens: int
    sinks: int = 0

    def __post_init__(self) -> None:
        _at_least_one(self.tokens, "a budget")
        if self.sinks < 0:
            raise ValueError(f"expected sinks of at least 0, got {self.sinks}")

    def apply(self, model: Model) -> Model:
        """Return the model that decodes."""
        return each_attention(model, lambda att: _windowed(att, self.sinks + self.tokens), "a KV budget")


@dataclass(frozen=True)
class KvSharing:
    """Groups of `layers` neighbouring layers share the K and V of the first (Brandon et al., CLA, arXiv 2405.12981).

    The others project queries only and add nothing to the cache; they still read it.
    """

    layers: int

    def __post_init__(self) -> None:
        _at_least_one(self.layers, "groups")

    def apply(self, model: Model) -> Model:
        """Return the model with shared caches."""
        if self.layers == 1:
            return model
        each_attention(model, lambda att: att, "a shared KV cache")
        most = max((kind.count for kind in model.layers if _owns_cache(kind)), default=1)
        if self.layers > most:
            raise ValueError(f"expected 1 to {most} layers of one kind in {model.name}, got {self.layers}")
        kinds: list[LayerKind] = []
        for kind in model.layers:
            if not isinstance(kind.mixer, Attention) or kind.mixer.reuses_kv:
                kinds.append(kind)
                continue
            owners = -(-kind.count // self.layers)
            kinds.append(replace(kind, count=owners))
            if kind.count > owners:
                reader = replace(kind.mixer, reuses_kv=True, qk_norm_parameters=_query_norms(kind.mixer))
                kinds.append(replace(kind, count=kind.count - owners, mixer=reader))
        return replace(model, layers=tuple(kinds))


@dataclass(frozen=True)
class Selection:
    """Each query attends to the best of all blocks of the cache, found by their summaries, and to the newest tokens.

    A layer that has a window of its own keeps it.

    Attributes
    ----------
    block : int
        Tokens of a block.
    tokens : int
        Older tokens attended, rounded up to whole blocks; fewer where there are not so many.
    local : int
        Newest tokens attended whatever they are.
    keys : int
        Vectors of a block's summary, of each KV head: 2 for the least and the most of Quest, 1 for a mean.
    pooled : bool
        Blocks are cached as one K and one V each.
    prompts : {"full", "selected", "local"}
        How the tokens of a prompt attend: to all before them, in this way too, or to the newest only.
    layers : int or None
        Layers with it, the others attend to the newest tokens only; None is all of them.

    Notes
    -----
    Of t cached tokens a query reads ``keys·t/block`` vectors of K and the selected K and V: Quest (Tang et al., arXiv
    2406.10774, keys 2), MoBA (Lu et al., arXiv 2502.13189) and NSA (Yuan et al., arXiv 2502.11089), keys 1, prompts
    selected. Memory Sparse Attention (Chen et al., arXiv 2603.23516) pools K, V and a routing key of every block,
    selects in half of the layers, and encodes documents apart: pooled, prompts local.
    """

    block: int
    tokens: int
    local: int = 0
    keys: int = 1
    pooled: bool = False
    prompts: Literal["full", "selected", "local"] = "full"
    layers: int | None = None

    def __post_init__(self) -> None:
        _at_least_one(self.block, "a block")
        _at_least_one(self.keys, "keys")
        if self.tokens < self.block:
            raise ValueError(f"expected to select at least one block of {self.block} tokens, got {self.tokens}")
        if self.local < 0:
            raise ValueError(f"expected local tokens of at least 0, got {self.local}")
        if self.local < 1 and (self.prompts == "local" or self.layers is not None or self.pooled):
            raise ValueError("expected local tokens of at least 1: prompts, layers or tokens attend to nothing else")

    @property
    def blocks(self) -> int:
        """Blocks that a query selects."""
        return -(-self.tokens // self.block)

    def apply(self, model: Model) -> Model:
        """Return the model with selected attention."""
        selector = Selector(self.block, self.blocks, self.local, self.keys, self.pooled, self.prompts)
        chosen = each_attention(model, lambda att: _selecting(att, selector), "selected attention")
        if self.layers is None:
            return chosen
        there = sum(kind.count for kind in model.layers if _selects(kind))
        if not there:
            raise ValueError(f"all layers of {model.name} have a window of their own: none of them selects")
        if not 1 <= self.layers <= there:
            raise ValueError(
                f"expected 1 to {there} layers of {model.name}, those without a window of their own, got {self.layers}"
            )
        kinds: list[LayerKind] = []
        left = self.layers
        for old, new in zip(model.layers, chosen.layers, strict=True):
            if not _selects(old):
                kinds.append(old)
                continue
            count = min(left, old.count)
            left -= count
            assert isinstance(old.mixer, Attention)
            near = replace(old, count=old.count - count, mixer=_windowed(old.mixer, self.local))
            kinds += [kind for kind in (replace(new, count=count), near) if kind.count]
        return replace(model, layers=tuple(kinds))


def each_attention(model: Model, change: Callable[[Attention], Attention], what: str) -> Model:
    """Return the model with its softmax-attention layers changed; ValueError if it has none."""
    if not any(isinstance(kind.mixer, Attention) for kind in model.layers):
        raise ValueError(f"{what} is known of softmax attention with a KV cache, which {model.name} has not")
    return replace(
        model,
        layers=tuple(
            replace(kind, mixer=change(kind.mixer)) if isinstance(kind.mixer, Attention) else kind
            for kind in model.layers
        ),
    )


def _selects(kind: LayerKind) -> bool:
    return isinstance(kind.mixer, Attention) and kind.mixer.window is None


def _owns_cache(kind: LayerKind) -> bool:
    return isinstance(kind.mixer, Attention) and not kind.mixer.reuses_kv


def _windowed(att: Attention, tokens: int) -> Attention:
    return att if att.window is not None and att.window <= tokens else replace(att, window=tokens, chunked=False)


def _selecting(att: Attention, selector: Selector) -> Attention:
    return att if att.window is not None else replace(att, selector=selector)


def _query_norms(att: Attention) -> int:
    """Norm weights of Q alone: of all heads together, or of one head of each."""
    both = att.q_width + att.kv_heads * att.head_dim
    return att.q_width if att.qk_norm_parameters == both else att.qk_norm_parameters // 2


def _at_least_one(value: int, what: str) -> None:
    if value < 1:
        raise ValueError(f"expected {what} of at least 1, got {value}")
