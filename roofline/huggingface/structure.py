"""Fields that change a model's structure: what nobody read is an error or a note, never skipped silently."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roofline.huggingface.family import Family
from roofline.huggingface.reader import LARGEST, ConfigError, Reader

STRUCTURAL = (
    "num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "num_experts_per_tok",
    "num_experts_per_token", "moe_k", "moe_topk", "top_k_experts", "n_shared_experts", "num_shared_experts",
    "moe_num_shared_experts", "shared_expert_intermediate_size", "shared_intermediate_size",
    "moe_intermediate_size", "moe_layer_freq", "first_k_dense_replace", "moe_layers", "moe_latent_size",
    "enable_moe_block", "zero_expert_num", "kv_lora_rank", "q_lora_rank", "qk_rope_head_dim", "index_topk",
    "compress_ratios", "o_lora_rank", "hc_mult", "ssm_cfg", "attn_layer_period", "attn_layer_indices",
    "attn_type_list", "hybrid_override_pattern", "hybrid_layer_ids", "layers_block_type", "hybrid_layer_pattern",
    "block_configs", "mamba_d_state", "mamba_d_ssm", "ssm_state_size", "linear_num_value_heads",
    "linear_attn_config", "full_attn_idxs", "conv_L_cache", "layer_types", "indexer_types", "per_layer_config",
    "full_attention_interval", "num_kv_shared_layers", "use_cla", "cla_share_factor", "use_double_wide_mlp",
    "hidden_size_per_layer_input", "altup_num_inputs", "laurel_rank", "cross_attention_layers",
    "is_encoder_decoder", "encoder_layers", "decoder_layers", "attention_bias", "qkv_bias", "use_qkv_bias",
    "add_qkv_bias", "mlp_bias", "bias", "use_bias", "add_bias_linear", "lm_head_bias", "use_qk_norm", "qk_norm",
    "qk_layernorm", "parallel_attn", "use_parallel_residual", "attn_output_gate", "add_swa_attention_sink_bias",
    "add_full_attention_sink_bias", "swa_num_key_value_heads", "swa_head_dim", "use_post_norm", "sandwich_norm",
    "dual_chunk_attention_config", "word_embed_proj_dim", "adapter_layers", "add_cross_attention",
    "num_blocks_per_layer", "parallel_hybrid", "engram_config",
)  # fmt: skip
"""Fields no family may leave unread when they say something (anything but null, false, 0 or empty)."""

WINDOWS = ("sliding_window", "sliding_window_size", "attention_chunk_size", "window_size")
"""Fields that some architectures carry without honouring them."""

PREDICTION_BLOCKS = (
    "num_nextn_predict_layers",
    "mtp_num_hidden_layers",
    "num_mtp_layers",
    "mtp_num_layers",
    "num_mtp_modules",
)
"""Fields counting blocks that predict further tokens, which are no part of the model."""

_EQUAL_TYPES = ("full_attention", "attention")


def refuse_unread(read: Reader, family: Family, kind: str) -> None:
    """Raise if a field that changes the structure says something and was not read.

    Raises
    ------
    ConfigError
        Naming the field.
    """
    for key in STRUCTURAL:
        value = read.config.get(key)
        if not value or key in read.used or key in family.ignored or _harmless(key, value):
            continue
        raise ConfigError(
            f'"{read.where}{key}" changes the structure of a model and is not supported in a "{kind}" configuration'
        )


def _harmless(key: str, value: Any) -> bool:
    if key == "layer_types":
        return isinstance(value, list) and all(entry in _EQUAL_TYPES for entry in value if isinstance(entry, str))
    if key == "attn_type_list":
        return isinstance(value, list) and all(entry == 1 for entry in value)
    if key == "indexer_types":
        return isinstance(value, list) and all(entry == "full" for entry in value)
    return key in ("num_experts", "num_local_experts") and value == 1


def check_windows(read: Reader) -> None:
    """Raise if a window that is present is no positive whole number, even where it is switched off.

    Raises
    ------
    ConfigError
        Naming the field.
    """
    for key in WINDOWS:
        value = read.config.get(key)
        if value is None or value is False:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1000 * LARGEST:
            raise ConfigError(f'"{read.where}{key}": expected a whole number of tokens, got {value!r}')


def notes(read: Reader, whole: Mapping[str, Any], part: str) -> list[str]:
    """Return what was left out of a configuration or taken from documented defaults, as sentences."""
    found = []
    if part:
        found.append(f'read from "{part}": parts for other media are left out')
    elif any(isinstance(whole.get(key), Mapping) for key in ("vision_config", "audio_config", "img_processor")):
        found.append("parts for other media are left out")
    for key in PREDICTION_BLOCKS:
        blocks = read.config.get(key)
        if isinstance(blocks, int) and blocks > 0:
            found.append(f"{blocks} block{'s' if blocks > 1 else ''} predicting further tokens ({key}) left out")
    taken = {k: v for k, v in read.defaulted.items() if k not in ("use_sliding_window",)}
    if taken:
        found.append("defaults of the architecture: " + ", ".join(f"{k} = {v}" for k, v in taken.items()))
    ignored = [key for key in WINDOWS if read.config.get(key) and key not in read.used]
    if ignored:
        found.append(f"{', '.join(ignored)} not used by this architecture")
    return found
