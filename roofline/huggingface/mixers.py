"""What mixes the tokens of each layer: attention of every kind; recurrent layers come from their own module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from roofline.huggingface.family import CHUNKED, FULL, LINEAR, MAMBA, SLIDING, Family
from roofline.huggingface.layout import mixer_kinds
from roofline.huggingface.reader import ConfigError, Reader
from roofline.huggingface.recurrent import RECURRENT
from roofline.layers import Attention, CompressedAttention, Indexer, LatentAttention, Mixer


def mixers(read: Reader, family: Family) -> list[Mixer]:
    """Return the mixer of each layer.

    Raises
    ------
    ConfigError
        If a field is missing or impossible.
    """
    return MIXERS[family.reader](read, family)


def _by_kind(read: Reader, family: Family, attention: Callable[[Reader, Family, str], Mixer]) -> list[Mixer]:
    kinds = mixer_kinds(read, family)
    built: dict[str, Mixer] = {}
    for kind in dict.fromkeys(kinds):
        recurrent = kind in (LINEAR, MAMBA)
        built[kind] = RECURRENT[family.recurrent](read) if recurrent else attention(read, family, kind)
    return [built[kind] for kind in kinds]


def _attention_layers(read: Reader, family: Family) -> list[Mixer]:
    layers = _by_kind(read, family, attention)
    if not family.rope_flags:
        return layers
    flags = read.per_layer(family.rope_flags) if read.raw(family.rope_flags) else None
    if flags is None:
        every = read.count("no_rope_layer_interval", 4)
        flags = [int((i + 1) % every != 0) for i in range(len(layers))]
    if not all(type(flag) is int and flag in (0, 1) for flag in flags):
        raise read.error(family.rope_flags, "a list of 0 and 1")
    return [
        replace(layer, rotary=bool(flag)) if isinstance(layer, Attention) else layer
        for layer, flag in zip(layers, flags, strict=True)
    ]


def attention(read: Reader, family: Family, kind: str) -> Attention:
    """Return softmax attention of one kind (full, sliding or chunked).

    Raises
    ------
    ConfigError
        If a field is missing or impossible.
    """

    def own(field_name: str) -> str:
        """Windowed layers may have fields of their own (MiMo-V2)."""
        return f"swa_{field_name}" if kind == SLIDING and read.has(f"swa_{field_name}") else field_name

    heads, kv_heads, head_dim = head_shape(
        read, own("num_attention_heads"), own("num_key_value_heads"), own("head_dim")
    )
    return Attention(
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        v_head_dim=read.optional_count(own("v_head_dim")) or None,
        window=_window(read, kind),
        chunked=kind == CHUNKED,
        qkv_bias=read.flag(family.qkv_bias),
        output_bias=read.flag(family.output_bias),
        qk_norm_parameters=_qk_norm(read, family, heads, kv_heads, head_dim),
        sink_parameters=heads if _has_sinks(read, family, kind) else 0,
        rotary=kind in family.rotary,
        output_gate=read.flag(family.output_gate),
    )


def head_shape(read: Reader, heads_field: str, kv_field: str, dim_field: str) -> tuple[int, int, int]:
    """Return heads, KV heads and head dimension.

    Raises
    ------
    ConfigError
        If heads are no multiple of KV heads, or without a head dimension the hidden size none of the heads.
    """
    heads = read.count(heads_field)
    kv_heads = read.count(kv_field, heads)
    if heads % kv_heads:
        raise ConfigError(
            f"{read.shown(heads_field)} ({heads}) is not a multiple of {read.shown(kv_field)} ({kv_heads})"
        )
    if read.raw(dim_field) is not None:
        return heads, kv_heads, read.count(dim_field)
    hidden = read.count("hidden_size")
    if hidden % heads:
        raise ConfigError(
            f"{read.shown('hidden_size')} ({hidden}) is not a multiple of {read.shown(heads_field)} ({heads}); "
            f"give {read.shown(dim_field)}"
        )
    return heads, kv_heads, hidden // heads


def _window(read: Reader, kind: str) -> int | None:
    if kind == CHUNKED:
        return read.count("attention_chunk_size")
    return read.count("sliding_window") if kind == SLIDING else None


def _qk_norm(read: Reader, family: Family, heads: int, kv_heads: int, head_dim: int) -> int:
    if not family.qk_norm or not read.flag(family.qk_norm_flag):
        return 0
    return {"head": 2, "head_bias": 4, "width": heads + kv_heads}[family.qk_norm] * head_dim


def _has_sinks(read: Reader, family: Family, kind: str) -> bool:
    if family.sinks != "by kind":
        return bool(family.sinks)
    switch = "add_swa_attention_sink_bias" if kind == SLIDING else "add_full_attention_sink_bias"
    if not read.has(switch):
        raise ConfigError(f"missing {read.shown(switch)}")
    return read.switch(switch, False)


def _latent_layers(read: Reader, family: Family) -> list[Mixer]:
    if not read.switch("use_mla", True):
        return _attention_layers(read, family)
    return _by_kind(read, family, _latent)


def _latent(read: Reader, family: Family, kind: str) -> LatentAttention:
    if "q_lora_rank" not in read.config:
        raise ConfigError(f"missing {read.shown('q_lora_rank')} (null where queries are projected directly)")
    query_rank = read.optional_count("q_lora_rank") or None
    indexer = None
    if read.has("index_topk"):
        indexer = _indexer(read, query_rank or read.count("hidden_size"))
    return LatentAttention(
        heads=read.count("num_attention_heads"),
        query_rank=query_rank,
        latent_rank=read.count("kv_lora_rank"),
        nope_dim=read.count("qk_nope_head_dim"),
        rope_dim=read.count("qk_rope_head_dim"),
        value_dim=read.count("v_head_dim"),
        indexer=indexer,
        bias=read.switch("attention_bias", False),
    )


def _indexer(read: Reader, query_width: int) -> Indexer:
    return Indexer(
        heads=read.count("index_n_heads"),
        head_dim=read.count("index_head_dim"),
        top_k=read.count("index_topk"),
        query_width=query_width,
    )


OVERLAPPING_RATIO = 4
"""DeepSeek-V4 pools entries of this ratio from two neighbouring windows, and selects them with an indexer."""


def _compressed_layers(read: Reader, family: Family) -> list[Mixer]:
    """DeepSeek-V4: ``compress_ratios`` has the ratio of each layer (0: the window alone)."""
    ratios = read.per_layer("compress_ratios", spare=read.optional_count("num_nextn_predict_layers"))
    if ratios is None:
        ratios = _named_ratios(read)
    if not all(type(ratio) is int and 0 <= ratio <= 1_000_000 for ratio in ratios):
        raise read.error("compress_ratios", "a list of whole numbers")
    if read.count("num_key_value_heads", 1) != 1:
        raise read.error("num_key_value_heads", "1 (one vector is key and value of all heads)")
    built = {ratio: _compressed(read, ratio) for ratio in dict.fromkeys(ratios)}
    return [built[ratio] for ratio in ratios]


def _named_ratios(read: Reader) -> list[int]:
    """The same as ``layer_types`` with the ratio of each type in ``compress_rates``."""
    types, rates = read.per_layer("layer_types"), read.nested("compress_rates")
    if types is None:
        raise ConfigError(f"missing {read.shown('compress_ratios')}")
    ratio_of = {
        "sliding_attention": 0,
        "compressed_sparse_attention": rates.count("compressed_sparse_attention"),
        "heavily_compressed_attention": rates.count("heavily_compressed_attention"),
    }
    if ratio_of["compressed_sparse_attention"] != OVERLAPPING_RATIO:
        raise rates.error("compressed_sparse_attention", str(OVERLAPPING_RATIO))
    if not all(isinstance(entry, str) and entry in ratio_of for entry in types):
        raise read.error("layer_types", f"a list of {', '.join(ratio_of)}")
    return [ratio_of[entry] for entry in types]


def _compressed(read: Reader, ratio: int) -> CompressedAttention:
    rank = read.count("q_lora_rank")
    heads, groups = read.count("num_attention_heads"), read.count("o_groups")
    if heads % groups:
        raise ConfigError(
            f"{read.shown('num_attention_heads')} ({heads}) is not a multiple of {read.shown('o_groups')} ({groups})"
        )
    overlapping = ratio == OVERLAPPING_RATIO
    return CompressedAttention(
        heads=heads,
        head_dim=read.count("head_dim"),
        rope_dim=read.count("qk_rope_head_dim"),
        query_rank=rank,
        output_groups=groups,
        output_rank=read.count("o_lora_rank"),
        window=read.count("sliding_window"),
        ratio=ratio,
        overlap=2 if overlapping else 1,
        indexer=_indexer(read, rank) if overlapping else None,
    )


def _gemma4_layers(read: Reader, family: Family) -> list[Mixer]:
    """Gemma-4: full layers have their own head dimension, and may take V from the projection of K."""
    return _by_kind(read, family, _gemma4)


def _gemma4(read: Reader, family: Family, kind: str) -> Attention:
    base = attention(read, family, kind)
    if kind != FULL:
        return base
    shared = read.switch("attention_k_eq_v", False)
    head_dim = read.count("global_head_dim", base.head_dim)
    kv_heads = read.count("num_global_key_value_heads", base.kv_heads) if shared else base.kv_heads
    if base.heads % kv_heads:
        raise ConfigError(
            f"{read.shown('num_attention_heads')} ({base.heads}) is not a multiple of "
            f"{read.shown('num_global_key_value_heads')} ({kv_heads})"
        )
    return replace(base, head_dim=head_dim, kv_heads=kv_heads, shared_kv=shared, qk_norm_parameters=2 * head_dim)


MIXERS: Mapping[str, Callable[[Reader, Family], list[Mixer]]] = {
    "attention": _attention_layers,
    "latent": _latent_layers,
    "compressed": _compressed_layers,
    "gemma4": _gemma4_layers,
}
