"""Architectures whose layers are attention and a dense MLP, as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from roofline.huggingface.family import FULL, SLIDING, Family

ATTENTION_BIAS = ("attention_bias", False)
MLP_BIAS = ("mlp_bias", False)
GPT2_KEYS = {
    "hidden_size": "n_embd",
    "num_attention_heads": "n_head",
    "num_hidden_layers": "n_layer",
    "intermediate_size": "n_inner",
}

LLAMA = Family(qkv_bias=ATTENTION_BIAS, output_bias=ATTENTION_BIAS, mlp_bias=MLP_BIAS)
MISTRAL = Family(layout="window", keys={"sliding_window": "sliding_window_size"})
QWEN2 = Family(
    layout="window",
    qkv_bias=("qkv_bias", True),
    defaults={"use_sliding_window": False},
    ignored=("attention_bias",),
)
QWEN3 = Family(
    layout="window",
    qkv_bias=ATTENTION_BIAS,
    output_bias=ATTENTION_BIAS,
    qk_norm="head",
    defaults={"use_sliding_window": False, "head_dim": 128},
)
GEMMA = Family(tied=True, qkv_bias=ATTENTION_BIAS, output_bias=ATTENTION_BIAS, defaults={"head_dim": 256})
GEMMA2 = replace(GEMMA, layout="interval", interval=2, norms=4, keys={"sliding_window": "sliding_window_size"})
GEMMA3 = replace(
    GEMMA,
    layout="interval",
    interval=6,
    norms=4,
    qk_norm="head",
    keys={"sliding_window_pattern": "_sliding_window_pattern"},
)
COHERE = Family(
    norms=1,
    parallel=True,
    tied=True,
    qkv_bias=ATTENTION_BIAS,
    output_bias=ATTENTION_BIAS,
    qk_norm="width",
    qk_norm_flag=("use_qk_norm", False),
)
OLMO2 = Family(qkv_bias=ATTENTION_BIAS, output_bias=ATTENTION_BIAS, qk_norm="width")
GLM = Family(
    qkv_bias=("attention_bias", True),
    defaults={"head_dim": 128},
)
GPT_LIKE = Family(gated=False, norm_vectors=2, qkv_bias=True, output_bias=True, mlp_bias=True, tied=True, rotary=())
"""LayerNorms with biases everywhere, a plain MLP, no rotary positions, a tied head."""

_STABLELM = Family(
    norm_vectors=2,
    qkv_bias=("use_qkv_bias", False),
    parallel=("use_parallel_residual", False),
    qk_norm="width",
    qk_norm_flag=("qk_layernorm", False),
)
_STARCODER2 = Family(
    gated=False,
    norm_vectors=2,
    tied=True,
    layout="window",
    qkv_bias=("use_bias", True),
    output_bias=("use_bias", True),
    mlp_bias=("use_bias", True),
)
_PHI = Family(
    gated=False,
    norm_vectors=2,
    parallel=True,
    qkv_bias=True,
    output_bias=True,
    mlp_bias=True,
    head_bias=True,
    qk_norm="head_bias",
    qk_norm_flag=("qk_layernorm", False),
)
_GPTJ = Family(
    keys=GPT2_KEYS,
    gated=False,
    norm_vectors=2,
    parallel=True,
    mlp_bias=True,
    head_bias=True,
)
_GPT_NEOX = Family(
    gated=False,
    norm_vectors=2,
    parallel=("use_parallel_residual", True),
    parallel_norms=2,
    qkv_bias=("attention_bias", True),
    output_bias=("attention_bias", True),
    mlp_bias=True,
)
_ERNIE = Family(tied=True, qkv_bias=("use_bias", False), output_bias=("use_bias", False), mlp_bias=("use_bias", False))
_INTERNLM = Family(qkv_bias=("bias", False), output_bias=("bias", False))
_EXAONE_4 = Family(
    layout="pattern text", interval=4, qk_norm="head", adapt="exaone 4", qkv_bias=False, output_bias=False
)

DENSE: Mapping[str, Family] = {
    "llama": LLAMA,
    "Yi": LLAMA,
    "xverse": LLAMA,
    "aquila": LLAMA,
    "deci_lm": LLAMA,
    "baichuan": LLAMA,
    "cwm": replace(LLAMA, layout="interval", interval=4),
    "helium": replace(LLAMA, output_bias=False, adapt="square attention"),
    "orion": replace(LLAMA, norm_vectors=2),
    "minicpm": replace(LLAMA, tied=True),
    "arcee": replace(LLAMA, gated=False),
    "smollm3": replace(LLAMA, tied=True, layout="window", rope_flags="no_rope_layers"),
    "internlm": Family(qkv_bias=("bias", True), output_bias=("bias", True)),
    "internlm2": _INTERNLM,
    "internlm3": Family(qkv_bias=("qkv_bias", False), output_bias=("bias", False), mlp_bias=("bias", False)),
    "exaone": Family(keys={"num_hidden_layers": "num_layers"}),
    "exaone4": _EXAONE_4,
    "seed_oss": replace(LLAMA, qkv_bias=("attention_bias", True), output_bias=("attention_out_bias", False)),
    "apertus": replace(LLAMA, gated=False, qk_norm="head", layer_extras="activation pair"),
    "bitnet": replace(LLAMA, layer_extras="inner norms"),
    "ernie4_5": _ERNIE,
    "hunyuan_v1_dense": replace(LLAMA, qk_norm="head"),
    "mistral": MISTRAL,
    "ministral": MISTRAL,
    "ministral3": MISTRAL,
    "qwen": Family(qkv_bias=True, adapt="qwen 1", keys={"head_dim": "kv_channels"}),
    "qwen2": QWEN2,
    "qwen2_vl": QWEN2,
    "qwen2_5_vl": QWEN2,
    "qwen2_vl_text": QWEN2,
    "qwen2_5_vl_text": QWEN2,
    "qwen2_5_omni_text": QWEN2,
    "mimo": QWEN2,
    "qwen3": QWEN3,
    "qwen3_vl_text": QWEN3,
    "gemma": GEMMA,
    "gemma2": GEMMA2,
    "gemma3_text": GEMMA3,
    "vaultgemma": replace(GEMMA2, norms=2),
    "gemma4_text": replace(
        GEMMA,
        reader="gemma4",
        layout="interval",
        interval=6,
        norms=4,
        qk_norm="head",
        adapt="gemma4",
    ),
    "granite": LLAMA,
    "phi": _PHI,
    "phi-msft": replace(_PHI, keys={**GPT2_KEYS, "num_key_value_heads": "n_head_kv"}),
    "phi3": MISTRAL,
    "phi3small": Family(layout="types"),
    "phi3_v": MISTRAL,
    "stablelm": _STABLELM,
    "stablelm_epoch": _STABLELM,
    "starcoder2": _STARCODER2,
    "cohere": COHERE,
    "cohere2": replace(COHERE, qk_norm="", layout="interval", interval=4, rotary=(SLIDING,), ignored=("use_qk_norm",)),
    "olmo": replace(LLAMA, norm_vectors=0, mlp_bias=False),
    "olmo2": OLMO2,
    "olmo3": replace(OLMO2, layout="interval", interval=4),
    "glm": GLM,
    "glm4": replace(GLM, norms=4),
    "glm4v_text": replace(GLM, norms=4, defaults={}),
    "nemotron": Family(
        gated=False, norm_vectors=2, qkv_bias=ATTENTION_BIAS, output_bias=ATTENTION_BIAS, mlp_bias=MLP_BIAS
    ),
    "persimmon": Family(
        gated=False,
        norm_vectors=2,
        qkv_bias=True,
        output_bias=True,
        mlp_bias=True,
        qk_norm="head_bias",
        qk_norm_flag=("qk_layernorm", True),
    ),
    "chatglm": Family(
        keys={
            "num_hidden_layers": "num_layers",
            "intermediate_size": "ffn_hidden_size",
            "head_dim": "kv_channels",
            "vocab_size": "padded_vocab_size",
        },
        adapt="chatglm",
    ),
    "gpt_neox": _GPT_NEOX,
    "gptj": _GPTJ,
    "codegen": _GPTJ,
    "gpt2": replace(GPT_LIKE, keys=GPT2_KEYS, position_rows="n_positions"),
    "gpt_bigcode": replace(GPT_LIKE, keys=GPT2_KEYS, position_rows="n_positions", adapt="multi query"),
    "gpt_neo": replace(
        GPT_LIKE,
        keys={
            "num_attention_heads": "num_heads",
            "num_hidden_layers": "num_layers",
            "sliding_window": "window_size",
        },
        layout="local global",
        qkv_bias=False,
        position_rows="max_position_embeddings",
    ),
    "opt": replace(
        GPT_LIKE,
        keys={"intermediate_size": "ffn_dim"},
        qkv_bias=("enable_bias", True),
        output_bias=("enable_bias", True),
        mlp_bias=("enable_bias", True),
        position_rows="max_position_embeddings",
        position_offset=2,
        adapt="opt",
    ),
    "xglm": replace(
        GPT_LIKE,
        keys={
            "hidden_size": "d_model",
            "num_attention_heads": "attention_heads",
            "num_hidden_layers": "num_layers",
            "intermediate_size": "ffn_dim",
        },
    ),
    "bloom": replace(
        GPT_LIKE,
        keys={"hidden_size": "n_embed", "num_attention_heads": "n_head", "num_hidden_layers": "n_layer"},
        extra_norms=1,
    ),
    "mpt": replace(
        GPT_LIKE,
        keys={"hidden_size": "d_model", "num_attention_heads": "n_heads", "num_hidden_layers": "n_layers"},
        adapt="mpt",
    ),
    "falcon": Family(
        keys={
            "num_key_value_heads": "num_kv_heads|n_head_kv",
            "num_attention_heads": "n_head",
            "num_hidden_layers": "n_layer",
            "intermediate_size": "ffn_hidden_size",
        },
        gated=False,
        norm_vectors=2,
        tied=True,
        qkv_bias=("bias", False),
        output_bias=("bias", False),
        mlp_bias=("bias", False),
        rotary=(FULL,),
        adapt="falcon",
    ),
}
"""Families by ``model_type``; fields are explained in :class:`~roofline.huggingface.family.Family`."""
