"""Which layer mixes its tokens how: windows, chunks, alternation, hybrids with recurrent layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from roofline.huggingface.family import CHUNKED, FULL, LINEAR, MAMBA, NONE, SLIDING, Family
from roofline.huggingface.reader import ConfigError, Reader

LAYER_TYPES = {
    "full_attention": FULL,
    "attention": FULL,
    "sliding_attention": SLIDING,
    "chunked_attention": CHUNKED,
    "linear_attention": LINEAR,
    "mamba": MAMBA,
    "mamba2": MAMBA,
    "indexed_attention": FULL,
}
"""Names in a config's ``layer_types``."""


def mixer_kinds(read: Reader, family: Family) -> list[str]:
    """Return the kind of mixer of each layer.

    Raises
    ------
    ConfigError
        If the config's list of layer types has another length or an unknown entry, or a rule's field is wrong.
    """
    rule = LAYOUTS[family.layout]
    declared = _declared(read, "layer_types")
    if declared is None:
        return rule(read, family)
    read.used.update(_RULE_FIELDS)  # a list of all layers wins over a rule
    if MAMBA in _KINDS_OF_LAYOUT.get(family.layout, ()):
        declared = [MAMBA if kind == LINEAR else kind for kind in declared]  # newer name of any recurrent layer
    known = {FULL, *_KINDS_OF_LAYOUT.get(family.layout, ())}
    strange = [kind for kind in declared if kind not in known]
    if strange:
        shown = next(name for name, kind in LAYER_TYPES.items() if kind == strange[0])
        raise ConfigError(f'{read.shown("layer_types")}: "{shown}" is not supported in this architecture')
    return declared


def _declared(read: Reader, field_name: str) -> list[str] | None:
    types = read.per_layer(field_name)
    if types is None:
        return None
    for entry in types:
        if not isinstance(entry, str) or entry not in LAYER_TYPES:
            raise ConfigError(
                f"{read.shown(field_name)}: unknown layer type {entry!r}; known: {', '.join(sorted(LAYER_TYPES))}"
            )
    return [LAYER_TYPES[entry] for entry in types]


def _full(read: Reader, family: Family) -> list[str]:
    return [FULL] * read.layers()


def _window(read: Reader, family: Family) -> list[str]:
    """All layers are windowed if there is a window that is not switched off; those before ``max_window_layers`` not."""
    layers = read.layers()
    if not read.raw("sliding_window"):
        return [FULL] * layers
    if not read.switch("use_sliding_window", True):
        return [FULL] * layers
    first = 0 if read.raw("max_window_layers") is None else read.count("max_window_layers", least=0)
    return [SLIDING if i >= first else FULL for i in range(layers)]


def _interval(read: Reader, family: Family) -> list[str]:
    """Every n-th layer is full, the others windowed (Gemma-2: 2, Gemma-3: 6, OLMo-3 and Cohere-2: 4)."""
    if read.raw("sliding_window") is None and "sliding_window" in read.config:
        return [FULL] * read.layers()
    every = read.count("sliding_window_pattern", family.interval)
    return [FULL if (i + 1) % every == 0 else SLIDING for i in range(read.layers())]


def _pattern_text(read: Reader, family: Family) -> list[str]:
    """``sliding_window_pattern`` is a word of L (local) and G (global) that repeats, or a number (EXAONE 4)."""
    pattern = read.raw("sliding_window_pattern")
    if not isinstance(pattern, str):
        if pattern is None and read.raw("sliding_window") is None:
            return [FULL] * read.layers()
        return _interval(read, family)
    if not pattern or set(pattern) - {"L", "G"}:
        raise read.error("sliding_window_pattern", "a word of L and G")
    layers = read.layers()
    kinds = [SLIDING if pattern[i % len(pattern)] == "L" else FULL for i in range(layers)]
    return [*kinds[:-1], FULL]


def _chunk(read: Reader, family: Family) -> list[str]:
    """Layers with rotary positions are chunked, those without are full (Llama-4: 3 of 4)."""
    if read.raw("attention_chunk_size") is None:
        return [FULL] * read.layers()
    rotary = read.per_layer("no_rope_layers") if read.raw("no_rope_layers") else None
    if rotary is None:
        every = read.count("no_rope_layer_interval", family.interval)
        rotary = [int((i + 1) % every != 0) for i in range(read.layers())]
    _ones_and_zeros(read, "no_rope_layers", rotary)
    return [CHUNKED if value else FULL for value in rotary]


def _flagged(read: Reader, family: Family) -> list[str]:
    """``hybrid_layer_pattern`` has 1 for a windowed layer and 0 for a full one (MiMo-V2)."""
    pattern = read.per_layer("hybrid_layer_pattern")
    if pattern is None:
        raise ConfigError(f"missing {read.shown('hybrid_layer_pattern')}")
    _ones_and_zeros(read, "hybrid_layer_pattern", pattern)
    return [SLIDING if value else FULL for value in pattern]


def _local_global(read: Reader, family: Family) -> list[str]:
    """``attention_types`` is [[["global", "local"], repeats], ...] (GPT-Neo)."""
    kinds: list[str] = []
    given = read.raw("attention_types")
    names = {"global": FULL, "local": SLIDING}
    try:
        for word, repeats in given:
            if type(repeats) is not int or len(word) * repeats > read.layers():
                raise ValueError
            kinds += [names[entry] for entry in word] * repeats
    except (TypeError, ValueError, KeyError):
        raise read.error("attention_types", '[[["global", "local"], repeats], ...]') from None
    if len(kinds) != read.layers():
        raise ConfigError(f"{read.shown('attention_types')} describes {len(kinds)} layers, not {read.layers()}")
    return kinds


def _linear(read: Reader, family: Family) -> list[str]:
    """Every n-th layer is attention, the others linear attention (Qwen3-Next)."""
    every = read.count("full_attention_interval", family.interval)
    return [FULL if (i + 1) % every == 0 else LINEAR for i in range(read.layers())]


def _linear_flags(read: Reader, family: Family) -> list[str]:
    """``attn_type_list`` has 1 for attention and 0 for lightning attention (MiniMax-01)."""
    flags = read.per_layer("attn_type_list")
    if flags is None:
        return [LINEAR if i % 2 == 0 else FULL for i in range(read.layers())]
    _ones_and_zeros(read, "attn_type_list", flags)
    return [FULL if value else LINEAR for value in flags]


def _linear_lists(read: Reader, family: Family) -> list[str]:
    """``linear_attn_config.kda_layers`` counts layers from 1 (Kimi Linear)."""
    nested = read.raw("linear_attn_config")
    linear = nested.get("kda_layers") if isinstance(nested, Mapping) else None
    layers = read.layers()
    if not isinstance(linear, list) or not all(type(v) is int and 1 <= v <= layers for v in linear):
        raise read.error("linear_attn_config", f'"kda_layers" with layer numbers from 1 to {layers}')
    return [LINEAR if i + 1 in linear else FULL for i in range(layers)]


def _mamba(read: Reader, family: Family) -> list[str]:
    return [MAMBA] * read.layers()


def _period(read: Reader, family: Family) -> list[str]:
    """One layer of each ``attn_layer_period`` is attention (Jamba)."""
    period, offset = read.count("attn_layer_period"), read.count("attn_layer_offset", least=0)
    if offset >= period:
        raise read.error("attn_layer_offset", f"less than attn_layer_period ({period})")
    return [FULL if i % period == offset else MAMBA for i in range(read.layers())]


def _indices(read: Reader, family: Family) -> list[str]:
    """``attn_layer_indices`` lists the attention layers (Bamba)."""
    attention = read.layer_numbers("attn_layer_indices")
    return [FULL if i in attention else MAMBA for i in range(read.layers())]


def _missing_types(read: Reader, family: Family) -> list[str]:
    raise ConfigError(f"missing {read.shown('layer_types')}")


def _ones_and_zeros(read: Reader, field_name: str, values: list[object]) -> None:
    if not all(type(v) is int and v in (0, 1) for v in values):
        raise read.error(field_name, "a list of 0 and 1")


LAYOUTS: Mapping[str, Callable[[Reader, Family], list[str]]] = {
    "full": _full,
    "window": _window,
    "interval": _interval,
    "pattern text": _pattern_text,
    "chunk": _chunk,
    "flagged": _flagged,
    "local global": _local_global,
    "linear": _linear,
    "linear flags": _linear_flags,
    "linear lists": _linear_lists,
    "mamba": _mamba,
    "period": _period,
    "indices": _indices,
    "types": _missing_types,
}

_RULE_FIELDS = (
    "full_attention_interval",
    "sliding_window_pattern",
    "attn_type_list",
    "hybrid_layer_pattern",
    "max_window_layers",
    "attn_layer_period",
    "attn_layer_offset",
    "attn_layer_indices",
    "no_rope_layers",
)

_KINDS_OF_LAYOUT = {
    "window": (SLIDING,),
    "interval": (SLIDING,),
    "pattern text": (SLIDING,),
    "chunk": (CHUNKED,),
    "flagged": (SLIDING,),
    "linear": (LINEAR,),
    "linear flags": (LINEAR,),
    "linear lists": (LINEAR,),
    "period": (MAMBA,),
    "indices": (MAMBA,),
    "types": (MAMBA, SLIDING),
    "mamba": (NONE,),
}
