"""Mistakes found in peers' models of workloads: experts, latent attention, windows, tied tables (project's numbers).

Every test asserts the right number and that the mistaken one is different.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from flat_memory import CHIPS, chip, evaluated, flat_scenario, request

from roofline.catalog import model
from roofline.layers import Attention, Experts, LatentAttention
from roofline.memory import kv_reads
from roofline.model import embedding_bytes, kv_cache_bytes, kv_cache_bytes_per_token, weight_bytes
from roofline.operators import Operators
from roofline.phases import decode, prefill
from roofline.precision import Precision

FP16 = Precision()
H100_BYTES_PER_S = CHIPS["H100-SXM"][1]


def read_weights(rows: Operators, *classes: str) -> float:
    return sum(op.count * op.weight_bytes for op in rows if op.weight_class in classes)


def test_mistake_10_a_batch_loads_the_experts_it_reaches() -> None:
    # 8 tokens reach 8(1 - (6/8)^8) = 7.2 of Mixtral's 8 experts, whatever each of them is sent to.
    mixtral = model("mixtral-8x7b")
    reached = 8 * (1 - 0.75**8)
    one_expert = 3 * 4096 * 14336 * 2
    rows = decode(mixtral, FP16, batch=8, context_tokens=4096)
    assert read_weights(rows, "experts") == pytest.approx(32 * reached * one_expert, rel=1e-12)
    total = read_weights(rows, "dense", "experts")
    assert total == pytest.approx(84.1e9, rel=1e-3)
    mistaken = read_weights(rows, "dense") + 32 * 2 * one_expert  # k experts at any batch
    assert mistaken == pytest.approx(25.5e9, rel=2e-3)
    # The time follows: 26.4 ms, not 9.
    columns = evaluated(chip("H100-SXM"), flat_scenario(request("mixtral-8x7b", prompt=4095, batch=8)))
    assert columns["tpot_s"] == pytest.approx(0.0264067, rel=1e-3)
    assert columns["tpot_s"] > 2.8 * (mistaken + rows.total("kv_read_bytes")) / H100_BYTES_PER_S


def test_mistake_10_one_token_loads_k_experts_and_a_prefill_all() -> None:
    mixtral, one_expert = model("mixtral-8x7b"), 3 * 4096 * 14336 * 2
    alone = decode(mixtral, FP16, batch=1, context_tokens=4096)
    assert read_weights(alone, "experts") == pytest.approx(32 * 2 * one_expert, rel=1e-12)
    whole = prefill(mixtral, FP16, batch=1, prompt_tokens=2048)
    assert read_weights(whole, "experts") == pytest.approx(32 * 8 * one_expert, rel=1e-12)
    # Work follows the tokens sent, not the experts read: two experts per token.
    for rows, tokens in ((alone, 1), (whole, 2048)):
        flop = sum(op.count * op.flop for op in rows if op.name in ("moe_up_gate", "moe_down"))
        assert flop == 32 * tokens * 2 * (2 * 3 * 4096 * 14336)


def test_mistake_10_memory_holds_all_experts() -> None:
    workload = flat_scenario(request("mixtral-8x7b", prompt=100)).workloads[0]
    assert workload.footprint_bytes["experts"] == 32 * 8 * 3 * 4096 * 14336 * 2
    assert sum(workload.footprint_bytes[c] for c in ("dense", "experts", "embedding")) == 2 * 46_702_792_704


def test_mistake_11_latent_attention_caches_one_latent_for_all_heads() -> None:
    deepseek = model("deepseek-v2")
    # 60 layers x (512 + 64) x 2 byte; as MHA of 128 heads of 5120/128 = 40: 60 x 128 x (40 + 40) x 2.
    assert kv_cache_bytes_per_token(deepseek, FP16) == 60 * (512 + 64) * 2 == 69_120
    assert kv_cache_bytes_per_token(deepseek, FP16) != 60 * 128 * (40 + 40) * 2 == 1_228_800
    assert kv_cache_bytes(deepseek, FP16, 4096) == 4096 * 69_120
    rows = decode(deepseek, FP16, batch=4, context_tokens=4096)
    assert rows.total("kv_read_bytes") == 4 * 4096 * 69_120
    assert rows.total("kv_write_bytes") == 4 * 69_120
    of = flat_scenario(request("deepseek-v2", prompt=4095, output=2, batch=4))
    assert of.workloads[0].footprint_bytes["kv_cache"] == 4 * 4097 * 69_120


def test_mistake_11_absorbed_decode_pays_in_flop_and_expanded_decode_more() -> None:
    deepseek, context = model("deepseek-v2"), 4096
    latent = deepseek.layers[0].mixer
    assert isinstance(latent, LatentAttention)
    absorbed = decode(deepseek, FP16, batch=1, context_tokens=context)
    scores = sum(op.count * op.flop for op in absorbed if op.name == "attention")
    assert scores == 60 * context * 2 * 128 * (2 * 512 + 64)
    # Expanded, keys and values of all cached tokens are computed again at every step.
    expanded = decode(deepseek, FP16, batch=1, context_tokens=context, absorbed=False)
    again = sum(op.count * op.flop for op in expanded if op.name == "mla_kv_b")
    assert again == 60 * context * 2 * 512 * 128 * (128 + 128)
    assert expanded.total("flop") > 10 * absorbed.total("flop")
    assert expanded.total("kv_read_bytes") == absorbed.total("kv_read_bytes")
    # Both read the same weights: what one absorbs, the other expands with.
    assert read_weights(expanded, "dense") == read_weights(absorbed, "dense")


def test_mistake_15_the_cache_of_every_kind_of_attention_holds_kv_heads() -> None:
    # Query heads per KV head: 8 in Llama-3-70B, 71 in Falcon-7B, whose keys and values are one head of 64.
    for name, layers, kv_heads, head_dim in (("llama-3-70b", 80, 8, 128), ("falcon-7b", 32, 1, 64)):
        per_token = 2 * layers * kv_heads * head_dim * 2
        assert kv_cache_bytes_per_token(model(name), FP16) == per_token
        for fusion in ((), ("attention",)):  # flash attention reads the same heads as any other
            rows = decode(model(name), FP16, batch=3, context_tokens=1000, fusion=fusion)
            assert rows.total("kv_read_bytes") == 3 * 1000 * per_token


def test_sliding_window_bounds_cache_reads_and_pairs() -> None:
    # Mistral-7B-v0.1, 32 layers of 8 KV heads of 128 with a window of 4096: the cache stops at 537 MB.
    mistral, per_token = model("mistral-7b-v0.1"), 32 * 2 * 8 * 128 * 2
    for context in (100, 4096, 32768):
        held = min(context, 4096)
        assert kv_cache_bytes(mistral, FP16, context) == held * per_token
        rows = decode(mistral, FP16, batch=2, context_tokens=context)
        assert rows.total("kv_read_bytes") == 2 * held * per_token
        attention = next(op for op in rows if op.name == "attention")
        assert attention.flop == 4 * 32 * 128 * 2 * held
    prompt = prefill(mistral, FP16, batch=1, prompt_tokens=32768)
    pairs = sum(min(position, 4096) for position in range(1, 32769))
    assert next(op for op in prompt if op.name == "attention").flop == 4 * 32 * 128 * pairs
    assert pairs < 0.24 * 32768 * 32769 / 2


def test_alternating_windows_are_two_kinds_of_layers() -> None:
    # Gemma-2-9B: 21 of 42 layers keep 4096 tokens, the others all.
    gemma, per_layer = model("gemma-2-9b"), 2 * 8 * 256 * 2
    rows = decode(gemma, FP16, batch=1, context_tokens=8192)
    assert rows.total("kv_read_bytes") == 21 * (4096 + 8192) * per_layer
    assert rows.total("kv_read_bytes") not in (42 * 8192 * per_layer, 42 * 4096 * per_layer)
    attention = [op for op in rows if op.name == "attention"]
    assert sorted((op.count, op.kv_read_bytes) for op in attention) == [
        (21, 4096 * per_layer),
        (21, 8192 * per_layer),
    ]


def test_chunks_start_anew() -> None:
    # Chunks of 4: the fifth token attends to itself alone, while a window of 4 would show it four tokens.
    chunk = Attention(heads=4, kv_heads=2, head_dim=8, window=4, chunked=True)
    window = dataclasses.replace(chunk, chunked=False)
    assert [chunk.mean_attended(t, 1) for t in range(1, 10)] == [1, 2, 3, 4, 1, 2, 3, 4, 1]
    assert [window.mean_attended(t, 1) for t in range(1, 10)] == [1, 2, 3, 4, 4, 4, 4, 4, 4]
    assert chunk.causal_pairs(9) == 10 + 10 + 1
    assert window.causal_pairs(9) == 10 + 5 * 4


def test_keys_of_a_chunk_are_read_again_for_that_chunk_alone() -> None:
    # Through a small tile buffer a prompt of many chunks reads K and V as often as a prompt of one chunk does.
    (kind,) = model("mistral-7b-v0.1").layers
    assert isinstance(kind.mixer, Attention)
    chunks = dataclasses.replace(kind, mixer=dataclasses.replace(kind.mixer, chunked=True))
    llm = dataclasses.replace(model("mistral-7b-v0.1"), layers=(chunks,))

    def reads(tokens: int) -> float:
        row = next(op for op in prefill(llm, FP16, batch=1, prompt_tokens=tokens) if op.name == "attention")
        return float(np.asarray(kv_reads(row, 1e6)))

    assert reads(4 * 4096) == reads(4096) > 2 * reads(1024) > 2


def test_mistake_20_a_tied_table_is_one_table() -> None:
    gemma, table = model("gemma-2-9b"), 256_000 * 3584 * 2
    assert gemma.tied_embeddings
    assert gemma.total_parameters == 9_241_705_984
    assert weight_bytes(gemma, FP16) == 2 * 9_241_705_984
    assert embedding_bytes(gemma, FP16) == 0
    # It is read in full as the LM head; the gather of a row moves a row.
    rows = {op.name: op for op in decode(gemma, FP16, batch=1, context_tokens=100, fusion=())}
    assert rows["lm_head"].weight_bytes == table
    assert rows["embedding"].weight_bytes == 3584 * 2
    untied = dataclasses.replace(gemma, tied_embeddings=False)
    assert weight_bytes(untied, FP16) == weight_bytes(gemma, FP16) + table
    # A step reads the same bytes of either: a row of the second table is gathered, the rest stays where it is.
    own = decode(untied, FP16, batch=1, context_tokens=100)
    assert own.total("weight_bytes") == decode(gemma, FP16, batch=1, context_tokens=100).total("weight_bytes")


def test_mistake_20_a_tied_table_has_one_format() -> None:
    gemma = model("gemma-2-9b")
    mixed = Precision("int4", "fp16", "fp16", groups=(("lm_head", "int8"),))
    rows = {op.name: op for op in decode(gemma, mixed, batch=1, context_tokens=100, fusion=())}
    assert rows["lm_head"].weight_bytes == 256_000 * 3584
    assert rows["embedding"].weight_bytes == 3584


def test_shared_experts_and_router_are_read_whatever_the_routing() -> None:
    deepseek = model("deepseek-v3")
    experts = next(feed for kind in deepseek.layers for feed in kind.feed_forwards if isinstance(feed, Experts))
    assert (experts.experts, experts.active) == (256, 8)
    few, many = (decode(deepseek, FP16, batch=b, context_tokens=1000, fusion=()) for b in (1, 4096))
    for name in ("moe_router", "up_gate_shared", "down_shared"):
        one, other = (next(op for op in rows if op.name == name) for rows in (few, many))
        assert one.weight_bytes == other.weight_bytes > 0
    first, last = read_weights(few, "experts"), read_weights(many, "experts")
    assert last / first == pytest.approx(256 / 8, rel=1e-9)
