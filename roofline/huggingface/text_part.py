"""The language model inside a multimodal configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roofline.huggingface.reader import ConfigError

TEXT_FIELDS = ("text_config", "language_config", "llm_config", "thinker_config")
"""Where multimodal configurations keep their language model."""

NESTED_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "llama": {
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "vocab_size": 32000,
    },
    "mistral": {
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 32000,
    },
    "gemma3_text": {
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "vocab_size": 262208,
        "sliding_window": 4096,
    },
    "gemma": {"vocab_size": 256000},
    "gemma2": {"vocab_size": 256000},
}
"""Values the library's class documents, which it leaves out of a *nested* config when they are unchanged."""


def text_part(config: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return the path of the language model's part ("" for the whole) and that part.

    Raises
    ------
    ConfigError
        If the part is no JSON object.
    """
    for field_name in TEXT_FIELDS:
        inner = config.get(field_name)
        if inner is None:
            continue
        if not isinstance(inner, Mapping):
            raise ConfigError(f'"{field_name}": expected a JSON object, got {type(inner).__name__}')
        path, deepest = text_part(inner)
        return (f"{field_name}.{path}" if path else field_name), deepest
    return "", config
