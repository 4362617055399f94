"""From a parsed configuration to a Model: find the text part and its family, read its layers, merge equal ones."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from roofline.huggingface.adapt import ADAPT
from roofline.huggingface.blocks import block_layers
from roofline.huggingface.extras import LAYER_EXTRAS, MODEL_EXTRAS
from roofline.huggingface.families_dense import DENSE
from roofline.huggingface.families_mixed import MIXED
from roofline.huggingface.family import Family
from roofline.huggingface.feed_forward import feed_forwards
from roofline.huggingface.mixers import mixers
from roofline.huggingface.reader import ConfigError, Reader
from roofline.huggingface.structure import check_windows, notes, refuse_unread
from roofline.huggingface.text_part import NESTED_DEFAULTS, text_part
from roofline.layers import LayerKind
from roofline.model import Model

FAMILIES: Mapping[str, Family] = {**DENSE, **MIXED}


def supported_architectures() -> tuple[str, ...]:
    """Return the values of ``model_type`` that can be read (of the text part, for multimodal models)."""
    return tuple(sorted(FAMILIES))


def model_from_config(config: object, *, name: str = "") -> Model:
    """Return the model a Hugging Face configuration describes.

    Parameters
    ----------
    config : mapping
        The parsed ``config.json`` of a decoder-only language model, or of a multimodal model whose text part is one.
    name : str
        Name of the model; default the config's ``_name_or_path`` or its architecture.

    Raises
    ------
    ConfigError
        If the architecture is not supported, or a field is missing, impossible, contradictory or would change the
        structure in a way this package does not know. The message names the field.
    """
    if not isinstance(config, Mapping):
        raise ConfigError(f"a model configuration is a JSON object, got {type(config).__name__}")
    part, inner = text_part(config)
    kind, family = _family(inner, part)
    defaults = {**(NESTED_DEFAULTS.get(kind, {}) if part else {}), **family.defaults}
    read = Reader(inner, family.keys, defaults, where=f"{part}." if part else "")
    check_windows(read)
    if family.adapt:
        family = ADAPT[family.adapt](read, family)
    model_name = name or str(config.get("_name_or_path") or inner.get("_name_or_path") or kind)
    hidden = read.count("hidden_size")
    layers = block_layers(read, family) if family.layout == "blocks" else _layers(read, family)
    tied = read.switch("tie_word_embeddings", _outer_tying(config, part, family.tied))
    rows = read.count(family.position_rows) + family.position_offset if family.position_rows else 0
    extra = MODEL_EXTRAS[family.layer_extras](read) if family.layer_extras in MODEL_EXTRAS else 0
    vocabulary = read.count("vocab_size")
    head_bias = read.flag(family.head_bias)
    refuse_unread(read, family, kind)
    return Model(
        name=model_name,
        hidden=hidden,
        vocabulary=vocabulary,
        layers=merged(layers),
        norm_parameters=hidden * family.norm_vectors,
        tied_embeddings=tied,
        learned_positions=rows,
        head_bias=head_bias,
        extra_norms=family.extra_norms,
        extra_parameters=extra,
        note="; ".join(notes(read, config, part)),
    )


def _family(config: Mapping[str, Any], part: str) -> tuple[str, Family]:
    kind = config.get("model_type")
    where = f"{part}." if part else ""
    if not isinstance(kind, str):
        raise ConfigError(f'the configuration has no "{where}model_type"')
    family = FAMILIES.get(kind)
    if family is None:
        near = difflib.get_close_matches(kind, FAMILIES, n=1)
        guess = f' (did you mean "{near[0]}"?)' if near else ""
        raise ConfigError(
            f'architecture "{kind[:60]}" is not supported{guess}; supported: {", ".join(supported_architectures())}'
        )
    return kind, family


def _outer_tying(config: Mapping[str, Any], part: str, usual: bool) -> bool:
    """Return what a multimodal config says for its text part, else the family's way."""
    return Reader(config).switch("tie_word_embeddings", usual) if part else usual


def _layers(read: Reader, family: Family) -> list[LayerKind]:
    found = mixers(read, family)
    parallel = read.flag(family.parallel)
    for flag in (family.qkv_bias, family.output_bias, family.mlp_bias):
        read.flag(flag)  # known fields, also where no layer needs them
    if family.layout == "mamba":
        return [LayerKind(1, mixer, (), norms=family.norms) for mixer in found]
    extras = LAYER_EXTRAS[family.layer_extras] if family.layer_extras else None
    return [
        LayerKind(
            count=1,
            mixer=mixer,
            feed_forwards=feed,
            parallel=parallel,
            norms=family.parallel_norms if parallel else family.norms,
            extra_parameters=extras(read, mixer, feed) if extras else 0,
        )
        for mixer, feed in zip(found, feed_forwards(read, family), strict=True)
    ]


def merged(layers: list[LayerKind]) -> tuple[LayerKind, ...]:
    """Return the kinds of layers with their counts, equal ones merged, in the order of their first layer."""
    counts = Counter(layers)
    return tuple(
        LayerKind(count, kind.mixer, kind.feed_forwards, kind.parallel, kind.norms, kind.extra_parameters)
        for kind, count in counts.items()
    )
