"""Architectures with experts, latent attention or recurrent layers, as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from roofline.huggingface.families_dense import (
    ATTENTION_BIAS,
    DENSE,
    GLM,
    LLAMA,
    MISTRAL,
    MLP_BIAS,
    OLMO2,
    QWEN2,
    QWEN3,
)
from roofline.huggingface.family import CHUNKED, Family, Moe

_MIXTRAL_MOE = Moe("num_local_experts", "num_experts_per_tok", "intermediate_size")
_QWEN_MOE = Moe("num_experts|num_local_experts", "num_experts_per_tok", "moe_intermediate_size", layers="step")
_QWEN_SHARED_MOE = replace(_QWEN_MOE, shared_width="shared_expert_intermediate_size", shared_gate=True)
_DEEPSEEK_MOE = Moe(
    "n_routed_experts",
    "num_experts_per_tok",
    "moe_intermediate_size",
    shared_count="n_shared_experts",
    layers="first dense",
)
_DEEPSEEK = Family(reader="latent", moe=replace(_DEEPSEEK_MOE, optional=True))
_GEMMA4_MOE = Moe("num_experts", "top_k_experts", "moe_intermediate_size", beside_dense=True)
_GLM_MOE = replace(GLM, defaults={}, qk_norm="head", qk_norm_flag=("use_qk_norm", False), moe=_DEEPSEEK_MOE)
_QWEN3_NEXT = replace(
    QWEN3,
    layout="linear",
    interval=4,
    recurrent="gated delta",
    output_gate=True,
    defaults={"head_dim": 256},
    ignored=("attn_output_gate",),
)
_QWEN3_5_MOE = replace(_QWEN_SHARED_MOE, layers="all")
_GRANITE_MOE = replace(LLAMA, moe=_MIXTRAL_MOE, mlp_bias=False)
_SSM_KEYS = {
    "ssm_state": "mamba_d_state",
    "ssm_conv": "mamba_d_conv",
    "ssm_expand": "mamba_expand",
    "ssm_step_rank": "mamba_dt_rank",
    "ssm_heads": "mamba_n_heads",
    "ssm_head_dim": "mamba_d_head",
    "ssm_groups": "mamba_n_groups",
    "ssm_proj_bias": "mamba_proj_bias",
    "ssm_conv_bias": "mamba_conv_bias",
}
_MAMBA_KEYS = {
    "ssm_state": "state_size",
    "ssm_conv": "conv_kernel",
    "ssm_expand": "expand",
    "ssm_inner": "intermediate_size",
    "ssm_step_rank": "time_step_rank",
    "ssm_proj_bias": "use_bias",
    "ssm_conv_bias": "use_conv_bias",
}
_MAMBA = Family(keys=_MAMBA_KEYS, layout="mamba", recurrent="mamba 1", tied=True, norms=1)
_MINIMAX = Family(
    layout="linear flags",
    recurrent="lightning",
    moe=_MIXTRAL_MOE,
)

MIXED: Mapping[str, Family] = {
    "mixtral": replace(MISTRAL, moe=_MIXTRAL_MOE),
    "phimoe": replace(
        MISTRAL,
        norm_vectors=2,
        qkv_bias=ATTENTION_BIAS,
        output_bias=ATTENTION_BIAS,
        head_bias=("lm_head_bias", False),
        moe=_MIXTRAL_MOE,
    ),
    "gpt_oss": Family(
        layout="interval",
        interval=2,
        qkv_bias=("attention_bias", True),
        output_bias=("attention_bias", True),
        sinks="all",
        moe=Moe(
            "num_local_experts|num_experts",
            "num_experts_per_tok|experts_per_token",
            "intermediate_size",
            bias=True,
            router_bias=True,
        ),
    ),
    "llama4_text": replace(
        LLAMA,
        layout="chunk",
        interval=4,
        rotary=(CHUNKED,),
        ignored=("use_qk_norm",),
        moe=Moe(
            "num_local_experts",
            "num_experts_per_tok",
            "intermediate_size",
            dense_width="intermediate_size_mlp",
            shared_width="intermediate_size",
            layers="interleaved",
        ),
    ),
    "gemma4_text": replace(DENSE["gemma4_text"], moe=_GEMMA4_MOE),
    "dbrx": Family(
        keys={"hidden_size": "d_model", "num_attention_heads": "n_heads", "num_hidden_layers": "n_layers"},
        adapt="dbrx",
        moe=_MIXTRAL_MOE,
    ),
    "granitemoe": _GRANITE_MOE,
    "granitemoeshared": replace(_GRANITE_MOE, moe=replace(_MIXTRAL_MOE, shared_width="shared_intermediate_size")),
    "granitemoehybrid": replace(
        LLAMA,
        keys=_SSM_KEYS,
        layout="types",
        recurrent="mamba 2",
        adapt="granite hybrid",
        mlp_bias=False,
        moe=replace(
            _MIXTRAL_MOE, shared_width="shared_intermediate_size", dense_width="shared_intermediate_size", optional=True
        ),
    ),
    "olmoe": replace(OLMO2, moe=Moe("num_experts", "num_experts_per_tok", "intermediate_size")),
    "flex_olmo": replace(OLMO2, moe=Moe("num_experts", "num_experts_per_tok", "intermediate_size")),
    "qwen2_moe": replace(QWEN2, moe=_QWEN_SHARED_MOE),
    "qwen3_moe": replace(QWEN3, defaults={"use_sliding_window": False}, moe=_QWEN_MOE),
    "qwen3_vl_moe_text": replace(QWEN3, moe=_QWEN_MOE),
    "qwen3_omni_moe_text": replace(QWEN3, moe=_QWEN_MOE),
    "qwen3_next": replace(_QWEN3_NEXT, moe=_QWEN_SHARED_MOE),
    "qwen3_5_text": _QWEN3_NEXT,
    "qwen3_5_moe_text": replace(_QWEN3_NEXT, moe=_QWEN3_5_MOE),
    "deepseek": replace(LLAMA, moe=replace(_DEEPSEEK_MOE, optional=True)),
    "deepseek_v2": _DEEPSEEK,
    "deepseek_v3": _DEEPSEEK,
    "deepseek_v32": _DEEPSEEK,
    "kimi_k2": _DEEPSEEK,
    "glm4_moe_lite": _DEEPSEEK,
    "glm_moe_dsa": _DEEPSEEK,
    "minicpm3": replace(_DEEPSEEK, tied=True, mlp_bias=MLP_BIAS, moe=None),
    "deepseek_v4": Family(
        reader="compressed", layer_extras="hyper connections", moe=replace(_DEEPSEEK_MOE, layers="all")
    ),
    "dots1": replace(LLAMA, layout="window", qk_norm="head", mlp_bias=False, moe=_DEEPSEEK_MOE),
    "glm4_moe": _GLM_MOE,
    "glm4v_moe_text": replace(_GLM_MOE, qk_norm=""),
    "ernie4_5_moe": replace(
        DENSE["ernie4_5"],
        head_bias=("use_bias", False),
        moe=Moe(
            "moe_num_experts",
            "moe_k",
            "moe_intermediate_size",
            shared_count="moe_num_shared_experts",
            correction_bias=True,
            layers="span",
        ),
    ),
    "hunyuan_v1_moe": replace(
        LLAMA,
        qk_norm="head",
        adapt="hunyuan moe",
        moe=Moe("num_experts", "moe_topk", "intermediate_size", shared_width="intermediate_size"),
    ),
    "mimo_v2_flash": Family(
        layout="flagged", qkv_bias=ATTENTION_BIAS, sinks="by kind", moe=replace(_DEEPSEEK_MOE, layers="listed")
    ),
    "minimax": _MINIMAX,
    "minimax_text_01": _MINIMAX,
    "minimax_m2": Family(qk_norm="width", qk_norm_flag=("use_qk_norm", True), moe=_MIXTRAL_MOE),
    "jamba": Family(
        keys=_SSM_KEYS,
        layout="period",
        recurrent="mamba 1 with norms",
        rotary=(),
        adapt="jamba",
        moe=Moe("num_experts", "num_experts_per_tok", "intermediate_size", layers="period"),
    ),
    "bamba": replace(LLAMA, keys=_SSM_KEYS, layout="indices", recurrent="mamba 2"),
    "mamba": _MAMBA,
    "falcon_mamba": _MAMBA,
    "mamba2": replace(
        _MAMBA,
        keys={**_MAMBA_KEYS, "ssm_heads": "num_heads", "ssm_head_dim": "head_dim", "ssm_groups": "n_groups"},
        recurrent="mamba 2",
    ),
    "nemotron_h": Family(
        keys={
            "ssm_heads": "mamba_num_heads",
            "ssm_head_dim": "mamba_head_dim",
            "ssm_groups": "n_groups",
            "ssm_state": "ssm_state_size",
            "ssm_conv": "conv_kernel",
            "ssm_proj_bias": "use_bias",
            "ssm_conv_bias": "use_conv_bias",
            "head_dim": "attention_head_dim",
        },
        layout="blocks",
        recurrent="mamba 2",
        gated=False,
        rotary=(),
        norms=1,
        qkv_bias=ATTENTION_BIAS,
        output_bias=ATTENTION_BIAS,
        mlp_bias=MLP_BIAS,
        moe=Moe(
            "n_routed_experts",
            "num_experts_per_tok",
            "moe_intermediate_size",
            shared_count="n_shared_experts",
            shared_width="moe_shared_expert_intermediate_size",
            latent="moe_latent_size",
        ),
    ),
    "kimi_linear": Family(
        reader="latent",
        layout="linear lists",
        recurrent="channel delta",
        rotary=(),
        moe=Moe(
            "num_experts",
            "num_experts_per_token",
            "moe_intermediate_size",
            shared_count="num_shared_experts",
            layers="first dense",
        ),
    ),
}
"""Families by ``model_type``; fields are explained in :class:`~roofline.huggingface.family.Family`."""
