"""Read a Hugging Face ``config.json`` into a Model. A family is a row of defaults, not a class; nothing is guessed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from roofline.model import Attention, LayerKind, Mlp, Model

LARGEST = 10**7
"""No dimension of a published model comes near this: larger values are typing errors."""


class ConfigError(ValueError):
    """A model configuration that cannot be read; the message names the field."""


@dataclass(frozen=True)
class Family:
    """What a ``model_type`` means where its config is silent.

    Attributes
    ----------
    keys : mapping
        Names of the usual fields when they differ (``{"hidden_size": "n_embd"}``).
    defaults : mapping
        The family's class defaults for fields a config may leave out.
    gated, layer_norm, qkv_bias, output_bias, mlp_bias, head_bias, tied, rotary, parallel
        Structure of the family.
    bias_key : str
        Config field that switches the biases of attention and MLP (empty: the family's structure decides).
    qk_norm : bool
        RMS norms of head_dim weights on Q and K.
    windowed : bool
        Honours ``sliding_window``, unless ``use_sliding_window`` is false.
    position_rows : str
        Field with the rows of a learned position table; `position_offset` more are kept.
    """

    keys: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    gated: bool = True
    layer_norm: bool = False
    qkv_bias: bool = False
    output_bias: bool = False
    mlp_bias: bool = False
    head_bias: bool = False
    tied: bool = False
    rotary: bool = True
    parallel: bool = False
    bias_key: str = ""
    qk_norm: bool = False
    windowed: bool = False
    position_rows: str = ""
    position_offset: int = 0


_GPT2_KEYS = {
    "hidden_size": "n_embd",
    "num_attention_heads": "n_head",
    "num_hidden_layers": "n_layer",
    "intermediate_size": "n_inner",
}
FAMILIES: Mapping[str, Family] = {
    "llama": Family(bias_key="attention_bias"),
    "mistral": Family(windowed=True),
    "qwen2": Family(qkv_bias=True, windowed=True, defaults={"use_sliding_window": False}),
    "qwen3": Family(qk_norm=True, windowed=True, bias_key="attention_bias", defaults={"use_sliding_window": False}),
    "granite": Family(bias_key="attention_bias"),
    "phi3": Family(windowed=True),
    "gemma": Family(tied=True, bias_key="attention_bias", defaults={"head_dim": 256}),
    "stablelm": Family(layer_norm=True, bias_key="use_qkv_bias"),
    "starcoder2": Family(
        gated=False,
        layer_norm=True,
        tied=True,
        windowed=True,
        bias_key="use_bias",
        qkv_bias=True,
        output_bias=True,
        mlp_bias=True,
    ),
    "gpt2": Family(
        keys=_GPT2_KEYS,
        gated=False,
        layer_norm=True,
        tied=True,
        rotary=False,
        position_rows="n_positions",
        qkv_bias=True,
        output_bias=True,
        mlp_bias=True,
    ),
    "opt": Family(
        keys={"intermediate_size": "ffn_dim"},
        gated=False,
        layer_norm=True,
        tied=True,
        rotary=False,
        bias_key="enable_bias",
        position_rows="max_position_embeddings",
        position_offset=2,
        qkv_bias=True,
        output_bias=True,
        mlp_bias=True,
    ),
}


def model_from_config(config: object, *, name: str = "") -> Model:
    """Return the model a Hugging Face configuration describes.

    Parameters
    ----------
    config : mapping
        The parsed ``config.json`` of a dense decoder-only transformer of one of :data:`FAMILIES`.
    name : str
        Name of the model; default the config's ``_name_or_path`` or its architecture.

    Raises
    ------
    ConfigError
        If the architecture is not supported, or a field is missing or impossible.
    """
    if not isinstance(config, Mapping):
        raise ConfigError(f"a model configuration is a JSON object, got {type(config).__name__}")
    kind = config.get("model_type")
    if not isinstance(kind, str):
        raise ConfigError('the configuration has no "model_type"')
    family = FAMILIES.get(kind)
    if family is None:
        near = difflib.get_close_matches(kind, FAMILIES, n=1)
        guess = f' (did you mean "{near[0]}"?)' if near else ""
        raise ConfigError(f'architecture "{kind}" is not supported{guess}; supported: {", ".join(sorted(FAMILIES))}')
    _refuse_unmodelled(config, kind)
    return _dense_model(_Reader(config, family), family, name or str(config.get("_name_or_path") or kind))


_UNMODELLED = ("num_experts", "num_local_experts", "n_routed_experts", "kv_lora_rank", "ssm_cfg", "layer_types")


def _refuse_unmodelled(config: Mapping[str, Any], kind: str) -> None:
    """Fields that change the structure must not be skipped silently."""
    for key in _UNMODELLED:
        value = config.get(key)
        if key == "layer_types" and isinstance(value, list) and set(value) <= {"full_attention"}:
            continue
        if value:
            raise ConfigError(f'"{key}" in a "{kind}" configuration is not supported: dense layers of one kind only')


@dataclass(frozen=True)
class _Reader:
    """Typed access to the fields of a config, under the family's names."""

    config: Mapping[str, Any]
    family: Family

    def raw(self, field_name: str) -> Any:
        key = self.family.keys.get(field_name, field_name)
        value = self.config.get(key)
        if value is None:
            value = self.config.get(field_name)
        return self.family.defaults.get(field_name) if value is None else value

    def count(self, field_name: str, default: int | None = None) -> int:
        """Return a whole number from 1 to LARGEST."""
        value = self.raw(field_name)
        if value is None:
            value = default
        shown = self.family.keys.get(field_name, field_name)
        if value is None:
            raise ConfigError(f'missing "{shown}"')
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST:
            raise ConfigError(f'"{shown}": expected a whole number from 1 to {LARGEST:,}, got {value!r}')
        return value

    def switch(self, field_name: str, default: bool) -> bool:
        value = self.raw(field_name) if field_name else None
        if value is None:
            return default
        if not isinstance(value, bool):
            raise ConfigError(f'"{field_name}": expected true or false, got {value!r}')
        return value


def _dense_model(read: _Reader, family: Family, name: str) -> Model:
    hidden = read.count("hidden_size")
    mlp = Mlp(
        intermediate=read.count("intermediate_size", 4 * hidden if not family.gated else None),
        gated=family.gated,
        bias=(family.mlp_bias and read.switch(family.bias_key, True)) or read.switch("mlp_bias", False),
    )
    layers = tuple(
        LayerKind(count, _attention(read, family, hidden, window), mlp, family.parallel)
        for count, window in _windows(read, family)
    )
    rows = read.count(family.position_rows) + family.position_offset if family.position_rows else 0
    return Model(
        name=name,
        hidden=hidden,
        vocabulary=read.count("vocab_size"),
        layers=layers,
        norm_parameters=hidden * (2 if family.layer_norm else 1),
        tied_embeddings=read.switch("tie_word_embeddings", family.tied),
        learned_positions=rows,
        head_bias=family.head_bias,
    )


def _attention(read: _Reader, family: Family, hidden: int, window: int | None) -> Attention:
    heads = read.count("num_attention_heads")
    kv_heads = read.count("num_key_value_heads", heads)
    if heads % kv_heads:
        raise ConfigError(f'"num_attention_heads" ({heads}) is not a multiple of "num_key_value_heads" ({kv_heads})')
    if read.raw("head_dim") is None and hidden % heads:
        raise ConfigError(
            f'"hidden_size" ({hidden}) is not a multiple of "num_attention_heads" ({heads}); give "head_dim"'
        )
    head_dim = read.count("head_dim", hidden // heads)
    output_bias = family.output_bias or family.bias_key == "attention_bias"
    return Attention(
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        window=window,
        qkv_bias=read.switch(family.bias_key, family.qkv_bias),
        output_bias=output_bias and read.switch(family.bias_key, family.output_bias),
        qk_norm_parameters=2 * head_dim if family.qk_norm else 0,
        rotary=family.rotary,
    )


def _windows(read: _Reader, family: Family) -> list[tuple[int, int | None]]:
    """Return (layers, window) of each kind: with ``max_window_layers`` only the layers after it are windowed."""
    layers = read.count("num_hidden_layers")
    if not family.windowed or read.raw("sliding_window") is None or not read.switch("use_sliding_window", True):
        return [(layers, None)]
    window = read.count("sliding_window")
    full = 0 if read.raw("max_window_layers") is None else min(read.count("max_window_layers"), layers)
    kinds: list[tuple[int, int | None]] = [(full, None), (layers - full, window)]
    return [kind for kind in kinds if kind[0]]
