"""Architectures whose layers are single blocks: a Mamba mixer, attention, an MLP or experts each (Nemotron-H)."""

from __future__ import annotations

from roofline.huggingface.family import FULL, Family
from roofline.huggingface.feed_forward import experts, mlp
from roofline.huggingface.mixers import attention
from roofline.huggingface.reader import ConfigError, Reader
from roofline.huggingface.recurrent import RECURRENT
from roofline.layers import LayerKind

_LETTERS = {"M": "mamba", "*": "attention", "-": "mlp", "E": "moe"}
_NEWER_NAMES = {"linear_attention": "mamba", "full_attention": "attention"}


def block_layers(read: Reader, family: Family) -> list[LayerKind]:
    """Return the layers of ``hybrid_override_pattern`` (M, *, - and E) or ``layers_block_type``.

    Raises
    ------
    ConfigError
        If the pattern is missing, has another length than the model, or unknown letters.
    """
    blocks = _blocks(read)
    built: dict[str, LayerKind] = {}
    for block in dict.fromkeys(blocks):
        if block == "mamba":
            built[block] = LayerKind(1, RECURRENT[family.recurrent](read), (), norms=family.norms)
        elif block == "attention":
            built[block] = LayerKind(1, attention(read, family, FULL), (), norms=family.norms)
        elif block == "mlp":
            built[block] = LayerKind(1, None, (mlp(read, family, "intermediate_size"),), norms=family.norms)
        else:
            assert family.moe is not None
            built[block] = LayerKind(1, None, (experts(read, family, family.moe),), norms=family.norms)
    unused = () if "moe" in built else ("n_routed_experts", "num_experts_per_tok", "n_shared_experts")
    read.used.update(unused, ("moe_intermediate_size", "ssm_state_size", "attention_bias", "mlp_bias", "use_bias"))
    return [built[block] for block in blocks]


def _blocks(read: Reader) -> list[str]:
    types = read.raw("layers_block_type")
    if isinstance(types, list) and not read.has("hybrid_override_pattern"):
        if not read.has("num_hidden_layers"):
            read.derived["num_hidden_layers"] = len(types)
        names = read.per_layer("layers_block_type") or []
        names = [_NEWER_NAMES.get(entry, entry) if isinstance(entry, str) else entry for entry in names]
        if not all(isinstance(entry, str) and entry in _LETTERS.values() for entry in names):
            raise read.error("layers_block_type", f"a list of {', '.join(_LETTERS.values())}")
        return names
    pattern = read.text("hybrid_override_pattern")
    if not pattern:
        raise ConfigError(f"missing {read.shown('hybrid_override_pattern')}")
    strange = set(pattern) - set(_LETTERS)
    if strange:
        raise read.error("hybrid_override_pattern", "a text of M, *, - and E")
    if len(pattern) != read.layers():
        raise ConfigError(
            f"{read.shown('hybrid_override_pattern')} has {len(pattern)} layers, "
            f"but {read.shown('num_hidden_layers')} is {read.layers()}"
        )
    return [_LETTERS[letter] for letter in pattern]
