"""Families that state usual things in their own way: each function says them in the usual fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from roofline.huggingface.family import Family
from roofline.huggingface.reader import ConfigError, Reader


def _falcon(read: Reader, family: Family) -> Family:
    """KV heads, norms and positions follow from four switches."""
    alibi = read.switch("alibi", False)
    rotary = () if alibi else family.rotary
    if read.switch("new_decoder_architecture", False):
        read.used.add("parallel_attn")
        norms = 1 if read.optional_count("num_ln_in_parallel_attn") == 1 else 2
        return replace(family, parallel=True, parallel_norms=norms, rotary=rotary)
    if read.switch("multi_query", True):
        read.derived["num_key_value_heads"] = 1
    else:
        read.derived["num_key_value_heads"] = read.count("num_attention_heads")
    read.used.update(("num_kv_heads", "n_head_kv"))
    return replace(family, parallel=read.switch("parallel_attn", True), rotary=rotary)


def _multi_query(read: Reader, family: Family) -> Family:
    """``multi_query`` means one KV head (GPT-BigCode)."""
    read.derived["num_key_value_heads"] = 1 if read.switch("multi_query", True) else read.count("num_attention_heads")
    return family


def _mpt(read: Reader, family: Family) -> Family:
    """Attention has an object of its own; ``no_bias`` drops all biases, those of the norms too."""
    attention = read.nested("attn_config")
    if attention.switch("qk_ln", False):
        raise attention.error("qk_ln", "false (norms of Q and K are not supported here)")
    kind = attention.text("attn_type", "multihead_attention")
    if kind not in ("multihead_attention", "multiquery_attention", "grouped_query_attention"):
        raise attention.error("attn_type", "multihead_attention, multiquery_attention or grouped_query_attention")
    heads = read.count("num_attention_heads")
    read.derived["num_key_value_heads"] = 1 if kind.startswith("multiq") else attention.count("kv_n_heads", heads)
    read.derived["intermediate_size"] = int(read.number("expansion_ratio", 4) * read.count("hidden_size"))
    bias = not read.switch("no_bias", True)
    alibi = attention.switch("alibi", False)
    learned = read.switch("learned_pos_emb", True) and not alibi
    return replace(
        family,
        qkv_bias=bias,
        output_bias=bias,
        mlp_bias=bias,
        norm_vectors=2 if bias else 1,
        position_rows="max_seq_len" if learned else "",
    )


def _dbrx(read: Reader, family: Family) -> Family:
    """Attention and experts have objects of their own."""
    attention, feed = read.nested("attn_config"), read.nested("ffn_config")
    read.derived["num_key_value_heads"] = attention.count("kv_n_heads", 1)
    read.derived["intermediate_size"] = feed.count("ffn_hidden_size")
    read.derived["num_local_experts"] = feed.count("moe_num_experts")
    read.derived["num_experts_per_tok"] = feed.count("moe_top_k")
    return family


def _chatglm(read: Reader, family: Family) -> Family:
    """``multi_query_group_num`` counts only with ``multi_query_attention``; norms may be LayerNorms."""
    heads = read.count("num_attention_heads")
    grouped = read.switch("multi_query_attention", False)
    read.derived["num_key_value_heads"] = read.count("multi_query_group_num") if grouped else heads
    read.used.add("multi_query_group_num")
    if not read.switch("post_layer_norm", True):
        raise read.error("post_layer_norm", "true (a final norm)")
    linear = read.switch("add_bias_linear", False)
    return replace(
        family,
        norm_vectors=1 if read.switch("rmsnorm", True) else 2,
        qkv_bias=linear or read.switch("add_qkv_bias", False),
        output_bias=linear,
        mlp_bias=linear,
    )


def _qwen_1(read: Reader, family: Family) -> Family:
    """The field ``intermediate_size`` counts gate and up projection together."""
    both = read.count("intermediate_size")
    if both % 2:
        raise read.error("intermediate_size", "an even number (gate and up projection together)")
    read.derived["intermediate_size"] = both // 2
    return family


def _opt(read: Reader, family: Family) -> Family:
    """Norms must come first, and embeddings be as wide as the model (OPT-350m is neither)."""
    if not read.switch("do_layer_norm_before", True):
        raise read.error("do_layer_norm_before", "true")
    width = read.raw("word_embed_proj_dim")
    if width is not None and width != read.count("hidden_size"):
        raise ConfigError(f"{read.shown('word_embed_proj_dim')} differs from {read.shown('hidden_size')}")
    return family


def _jamba(read: Reader, family: Family) -> Family:
    """One expert means dense layers."""
    if read.count("num_experts") > 1:
        return family
    read.used.add("num_experts_per_tok")
    return replace(family, moe=None)


def _gemma4(read: Reader, family: Family) -> Family:
    """Experts only with ``enable_moe_block``; their branch has three more norms, a router scale and expert scales."""
    if read.switch("enable_moe_block", False):
        return replace(family, norms=7, layer_extras="gemma4 router")
    return replace(family, moe=None)


def _granite_hybrid(read: Reader, family: Family) -> Family:
    """Rotary positions only where ``position_embedding_type`` says so."""
    return family if read.text("position_embedding_type", "nope") == "rope" else replace(family, rotary=())


def _exaone_4(read: Reader, family: Family) -> Family:
    """With a window, only the windowed layers are rotary."""
    return replace(family, rotary=("sliding",)) if read.has("sliding_window") else family


def _hunyuan_moe(read: Reader, family: Family) -> Family:
    """Experts and their number per token are numbers, or lists of one number per layer that must be equal."""
    for name in ("num_experts", "moe_topk", "num_shared_expert", "moe_intermediate_size"):
        value = read.raw(name)
        if isinstance(value, list):
            if not value or any(v != value[0] for v in value):
                raise read.error(name, "a number, or a list of equal numbers")
            read.derived[name] = value[0]
    return family


def _square_attention(read: Reader, family: Family) -> Family:
    """The output projection is square, so that heads must be as wide together as the model (Helium)."""
    hidden, heads = read.count("hidden_size"), read.count("num_attention_heads")
    if heads * read.count("head_dim", hidden // heads or None) != hidden:
        raise read.error("head_dim", f"hidden_size / num_attention_heads ({hidden} / {heads})")
    return family


ADAPT: Mapping[str, Callable[[Reader, Family], Family]] = {
    "falcon": _falcon,
    "multi query": _multi_query,
    "mpt": _mpt,
    "dbrx": _dbrx,
    "chatglm": _chatglm,
    "qwen 1": _qwen_1,
    "opt": _opt,
    "jamba": _jamba,
    "gemma4": _gemma4,
    "granite hybrid": _granite_hybrid,
    "exaone 4": _exaone_4,
    "hunyuan moe": _hunyuan_moe,
    "square attention": _square_attention,
}
