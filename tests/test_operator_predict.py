"""Operator latencies as tables: worked by hand, against whole models, and everything that cannot be predicted."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofline.accelerators import Accelerator, find
from roofline.calibration import GLOBALS, Calibration, Fitted
from roofline.layers import Attention, Experts, LayerKind, Mlp
from roofline.model import Model
from roofline.parallel import ONE_CHIP, Parallel
from roofline.phases import FUSION_GROUPS, prefill
from roofline.precision import Precision
from sweeps.accuracy import Prediction
from sweeps.operator_measurements import OPERATORS, OperatorMeasurement, read_operators
from sweeps.operator_predict import operator_runtime, predict_operators
from sweeps.operator_tables import Balanced, Build, parallel_of, table_of
from sweeps.violations import CACHED, POWER_LAW, ROUNDED, SWITCH, why_operator

BLANK = {field.name: None for field in fields(OperatorMeasurement)}
NAMES = {
    "id": "op",
    "op": "gemm",
    "hardware": "a100-sxm-80gb",
    "stack": "trtllm 1.0.0",
    "routing": "",
    "latency_s": 1.0,
}
WORDS = {"source": "", "licence": "", "notes": ""}
BUILD = Build(Precision(), FUSION_GROUPS, ONE_CHIP, dequantization_ops=2.0, accumulator_bytes=4.0)

NUMBERS = {
    **dict.fromkeys(GLOBALS, 1.0),
    "compute_share": 0.5,
    "attention_share_relative": 0.8,
    "expert_share_relative": 0.4,
    "half_rows": 4.0,
    "memory_share": 0.8,
    "kernel_s": 1e-5,
    "eager_kernel_relative": 3.0,
    "link_share": 0.5,
    "link_latency_s": 2e-6,
}
ROUND = Calibration({(name, ""): Fitted(value, value, value, "", "") for name, value in NUMBERS.items()})
"""A calibration to do sums with."""

PEAK, VECTOR, MEMORY, LINK = 3.12e14, 1.95e13, 2.039e12, 3e11
"""Of the A100: 16-bit and 32-bit FLOP/s, memory and link byte/s."""


def row(op: str = "gemm", **values: object) -> OperatorMeasurement:
    return OperatorMeasurement(**{**BLANK, **NAMES, **WORDS, "op": op, **values})


def predicted(*rows: OperatorMeasurement) -> list[Prediction]:
    return predict_operators(rows, accelerators=find, calibration=ROUND)


def one(op: str, **values: object) -> tuple[float, float]:
    (found,) = predicted(row(op, **values))
    assert found.value is not None, found.reason
    assert found.bound is not None
    return found.value, found.bound


# by hand


def test_a_matrix_product_is_launched_read_and_multiplied() -> None:
    m, n, k = 8, 4096, 1024
    value, bound = one("gemm", m=m, n=n, k=k, w_bits=16.0, a_bits=16.0)
    moved, flop = 2 * (m * k + k * n + m * n), 2 * m * n * k
    assert bound == pytest.approx(max(moved / MEMORY, flop / PEAK), rel=1e-12)
    slow = 1 / 0.5 + (4 / 0.5) / m
    assert value == pytest.approx(1e-5 + moved / (0.8 * MEMORY) + slow * flop / PEAK, rel=1e-12)


def test_a_large_product_is_bound_by_arithmetic() -> None:
    value, bound = one("gemm", m=8192, n=8192, k=8192)
    assert bound == pytest.approx(2 * 8192**3 / PEAK, rel=1e-12)
    assert 2.0 < value / bound < 2.3


def test_narrow_weights_are_read_narrow_and_widened() -> None:
    _, wide = one("gemm", m=1, n=4096, k=4096, w_bits=16.0, a_bits=16.0)
    value, narrow = one("gemm", m=1, n=4096, k=4096, w_bits=4.0, a_bits=16.0)
    assert narrow == pytest.approx((4096**2 / 2 + 4 * 4096) / MEMORY, rel=1e-12)
    assert wide / narrow == pytest.approx(4.0, rel=0.01)
    flop, slow = 2 * 4096**2, 1 / 0.5 + 4 / 0.5
    rest = value - 1e-5 - narrow / 0.8 - slow * flop / PEAK
    assert rest == pytest.approx(2 * 4096**2 / VECTOR, rel=1e-9)


def test_eight_bit_products_run_at_the_rate_of_the_chips_own_eight_bits() -> None:
    _, half = one("gemm", m=4096, n=4096, k=4096, w_bits=16.0, a_bits=16.0)
    _, eight = one("gemm", m=4096, n=4096, k=4096, w_bits=8.0, a_bits=8.0)
    assert half / eight == pytest.approx(2.0)
    _, hopper = one("gemm", m=4096, n=4096, k=4096, w_bits=8.0, a_bits=8.0, hardware="h100-sxm-80gb")
    assert hopper == pytest.approx(2 * 4096**3 / 1.9789e15)


def test_an_all_reduce_is_a_kernel_its_steps_and_its_bytes() -> None:
    value, bound = one("all_reduce", devices=8, message_bytes=1e6)
    sent = 2 * 7 / 8 * 1e6
    assert value == pytest.approx(1e-5 + 3 * 2e-6 + sent / (0.5 * LINK), rel=1e-12)
    assert sent / LINK < bound < value


def test_elementwise_work_is_read_and_written_once() -> None:
    m, n = 4096, 2048
    for op, parameters, ops in (("rmsnorm", n, 4), ("layernorm", 2 * n, 4), ("softmax", 0, 5)):
        value, bound = one(op, m=m, n=n)
        moved = 2 * (2 * m * n + parameters)
        assert bound == pytest.approx(moved / MEMORY, rel=1e-12)
        assert value == pytest.approx(1e-5 + moved / (0.8 * MEMORY) + ops * m * n / VECTOR, rel=1e-12)
    assert one("gelu", elements=float(m * n))[1] == pytest.approx(4 * m * n / MEMORY, rel=1e-12)


def test_eager_pytorch_launches_from_an_interpreter() -> None:
    graph, bound = one("softmax", m=16, n=16)
    eager, same = one("softmax", m=16, n=16, stack="pytorch")
    assert (eager - graph, bound) == (pytest.approx(2e-5), same)


def test_decode_attention_reads_the_cache_after_a_kernel_that_rotates() -> None:
    sizes = {"batch": 32, "q_len": 1, "kv_len": 4096, "heads": 32, "kv_heads": 8, "head_dim": 128}
    value, bound = one("attention_decode", **sizes)
    cache, q = 32 * 4096 * 2 * 8 * 128 * 2, 32 * 32 * 128 * 2
    assert bound == pytest.approx((cache + 2 * q) / MEMORY, rel=1e-12)
    rotation = 32 * (32 + 2 * 8) * 128 * 2 + q + 32 * 2 * 8 * 128 * 2
    flop, scores = 4 * 32 * 4096 * 32 * 128, 32 * 4096 * 32
    vector = 5 * scores + 3 * 32 * (32 + 8) * 128
    expected = 2e-5 + (cache + 2 * q + rotation) / (0.8 * MEMORY) + flop / (0.5 * 0.8 * PEAK) + vector / VECTOR
    assert value == pytest.approx(expected, rel=1e-12)
    alone, _ = one("attention_decode", **sizes, stack="sglang")
    assert value - alone > 1e-5


def test_prefill_attention_computes_the_triangle() -> None:
    _, bound = one("attention_prefill", batch=1, q_len=8192, kv_len=8192, heads=32, kv_heads=32, head_dim=128)
    assert bound == pytest.approx(4 * 32 * 128 * 8192 * 8193 / 2 / PEAK, rel=1e-12)


def test_balanced_experts_all_get_the_same_rows() -> None:
    moe = {"m": 64, "experts": 128, "topk": 8, "hidden": 4096, "inter": 1536, "moe_tp": 1}
    whole = one("moe", **moe, moe_ep=1, routing="balanced")[1]
    # 512 rows meet all 128 experts, and each rank has an eighth of everything
    weights = 128 * 3 * 4096 * 1536 * 2
    assert whole == pytest.approx(weights / MEMORY, rel=0.02)
    assert one("moe", **moe, moe_ep=8, routing="balanced")[1] == pytest.approx(whole / 8, rel=0.02)
    skewed = one("moe", **moe, moe_ep=8, routing="power_law_1.2")[1]
    assert whole / 8 < skewed < whole / 4  # of ranks that tokens choose at random, the fullest
    narrow = one("moe", **{**moe, "moe_tp": 8}, moe_ep=1, routing="balanced")[1]
    assert narrow == pytest.approx(whole / 8, rel=0.05)


@given(tokens=st.integers(1, 5000), held=st.integers(1, 64), ranks=st.sampled_from([1, 2, 8]), data=st.data())
def test_the_fullest_of_random_ranks_has_no_less_than_a_balanced_one(
    tokens: int, held: int, ranks: int, data: st.DataObject
) -> None:
    experts = held * ranks
    active = data.draw(st.integers(1, experts))
    even, random = Balanced(experts, active, 64, ranks=ranks), Experts(experts, active, 64, ranks=ranks)
    assert even.rows(tokens) <= random.rows(tokens) * (1 + 1e-12) or active > held
    assert 0 < even.touched(tokens) <= held
    assert even.rows(tokens) == pytest.approx(tokens * active / ranks)


# against each other and whole models


@given(first=st.integers(1, 2000), more=st.integers(1, 2000), heads=st.sampled_from([8, 32]))
def test_attention_in_two_pieces_does_the_work_of_one(first: int, more: int, heads: int) -> None:
    def flop(asked: int, attended: int) -> float:
        sizes = {"batch": 3, "q_len": asked, "kv_len": attended, "heads": heads, "kv_heads": 8, "head_dim": 64}
        return table_of(row("attention_prefill", **sizes), BUILD).total("flop")

    whole = first + more
    assert flop(first, first) + flop(more, whole) == pytest.approx(flop(whole, whole))


def test_a_late_piece_of_a_prompt_reads_the_whole_cache() -> None:
    sizes = {"batch": 2, "heads": 8, "kv_heads": 8, "head_dim": 64}
    (late,) = table_of(row("attention_prefill", **sizes, q_len=16, kv_len=1024), BUILD)
    assert late.kv_read_bytes == 2 * 1024 * 2 * 8 * 64 * 2
    assert late.scores == pytest.approx(2 * 8 * sum(range(1009, 1025)))


@pytest.mark.parametrize("chips", [1, 4])
def test_a_layer_is_what_a_second_layer_adds_to_a_model(chips: int) -> None:
    hidden, inter, batch, tokens = 1024, 4096, 2, 128
    attention = Attention(16, 16, 64, qkv_bias=True, output_bias=True, rotary=False)
    parallel = Parallel(tensor=chips, padded_heads=True)

    def model(layers: int) -> Model:
        kind = LayerKind(layers, attention, (Mlp(inter, gated=False, bias=True),))
        return Model("gpt", hidden, 4096, (kind,), norm_parameters=2 * hidden)

    both = [prefill(model(n), Precision(), batch=batch, prompt_tokens=tokens, parallel=parallel) for n in (1, 2)]
    sizes = {"q_len": tokens, "kv_len": tokens, "heads": 16, "kv_heads": 16, "head_dim": 64, "hidden": hidden}
    measured = row("transformer_layer_prefill", batch=batch, inter=inter, devices=chips, **sizes)
    layer = table_of(measured, replace(BUILD, parallel=parallel_of(measured)))
    for quantity in (
        "flop",
        "vector_ops",
        "weight_bytes",
        "act_read_bytes",
        "kv_read_bytes",
        "link_bytes",
        "link_steps",
    ):
        assert layer.total(quantity) == pytest.approx(both[1].total(quantity) - both[0].total(quantity)), quantity


# which stack


@pytest.mark.parametrize(
    "stack, vendor, name",
    [
        ("trtllm 1.0.0", "NVIDIA", "trtllm"),
        ("trtllm 1.3.0rc20", "NVIDIA", "trtllm"),
        ("trtllm 0.20.0", "NVIDIA", "trtllm-2024"),
        ("vllm-derived (vidur profiler)", "NVIDIA", "vllm-2024"),
        ("pytorch", "NVIDIA", "pytorch"),
        ("vllm 0.9.1", "NVIDIA", "vllm"),
        ("vllm 0.6.1", "AMD", "vllm-eager"),
        ("llama.cpp b5000", "Apple", "llama.cpp-metal"),
        ("what nobody described", "NVIDIA", "other"),
    ],
)
def test_a_stack_is_a_name_and_a_version(stack: str, vendor: str, name: str) -> None:
    assert operator_runtime(stack, vendor=vendor).name == name


def test_every_stack_of_the_shipped_rows_is_described() -> None:
    stacks = {(r.stack, find(r.hardware).vendor) for r in read_operators().rows}
    assert {operator_runtime(stack, vendor=vendor).name for stack, vendor in stacks} == {
        "trtllm",
        "vllm-2024",
        "pytorch",
    }


# what cannot be predicted


@pytest.mark.parametrize(
    "op, values, said",
    [
        ("gemm", {"m": 1, "n": 2, "k": 3, "hardware": "a101"}, 'unknown hardware "a101"'),
        ("gemm", {"m": 1, "n": None, "k": None}, "n, k not stated"),
        ("gemm", {"m": 1, "n": 2, "k": 3, "hardware": "a100-80gb-unspecified"}, "unknown dram_bytes_per_s"),
        ("all_reduce", {"devices": 1, "message_bytes": 1.0}, "needs two devices or more"),
        ("all_reduce", {"devices": 2, "message_bytes": 1.0, "hardware": "linkless"}, "unknown link_bytes_per_s"),
        ("moe", {"m": 1, "experts": 8, "topk": 9, "hidden": 8, "inter": 8}, "8 experts do not go with topk 9"),
        ("moe", {"m": 1, "experts": 8, "topk": 2, "hidden": 8, "inter": 8, "moe_ep": 3}, "and moe_ep 3"),
        ("attention_decode", {"q_len": 2, "kv_len": 9}, "one query per sequence, q_len is 2"),
        ("attention_prefill", {"q_len": 9, "kv_len": 2}, "kv_len 2 is below q_len 9"),
    ],
)
def test_what_cannot_be_predicted_says_why(op: str, values: dict[str, object], said: str) -> None:
    heads = {"batch": 1, "heads": 8, "kv_heads": 8, "head_dim": 64} if op.startswith("attention") else {}

    def chips(name: str) -> Accelerator:
        return replace(find("a100"), name=name, link_bytes_per_s=None) if name == "linkless" else find(name)

    (found,) = predict_operators([row(op, **heads, **values)], accelerators=chips, calibration=ROUND)
    assert (found.value, found.bound) == (None, None)
    assert said in found.reason


def test_every_kind_of_operator_has_a_table() -> None:
    sizes = dict.fromkeys({name for names in OPERATORS.values() for name in names}, 2)
    for op in OPERATORS:
        found = table_of(row(op, **{**sizes, "q_len": 1 if op.endswith("decode") else 2}), BUILD)
        assert len(found.rows) > 0
        assert found.total("flop") + found.total("vector_ops") + found.total("link_bytes") > 0


@pytest.mark.parametrize(
    "op, routing, ratio, said",
    [
        ("all_reduce", "", 0.9, SWITCH),
        ("moe", "power_law_1.2", 0.7, POWER_LAW),
        ("moe", "balanced", 0.99, ROUNDED),
        ("attention_decode", "", 0.6, CACHED),
        ("gemm", "", 0.985, ROUNDED),
    ],
)
def test_an_operator_that_beats_the_roofline_has_a_reason(op: str, routing: str, ratio: float, said: str) -> None:
    assert why_operator(row(op, routing=routing), ratio) == said
