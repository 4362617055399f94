"""Mistakes found in peers' models, each with the test that would have caught it (numbers as in the project's list).

Every test asserts the right number and that the mistaken one is different. Numbers 10, 11 and 20 are in
``test_workload_mistakes``, 19 is in ``test_techniques``.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from flat_memory import CHIPS, FLAT, UNBOUNDED, chip, design, evaluated, flat_scenario, precision_of, request

from dse.units import parse_quantity
from roofline.catalog import model
from roofline.huggingface import model_from_config
from roofline.kernel import bound_by, operator_ceilings
from roofline.layers import Attention
from roofline.model import kv_cache_bytes_per_token
from roofline.parallel import Parallel
from roofline.phases import decode, prefill
from roofline.precision import Precision
from sweeps.evaluate import evaluate
from sweeps.factors import machine_of, placement_of
from sweeps.feasible import reason_codes, reasons
from sweeps.scenario import Deployment, Limit, Modelling, Request, Scenario, Technology, scenario
from sweeps.space import DESIGN_COLUMNS, Axis, Space

H100_FLOP_PER_S, H100_BYTES_PER_S = CHIPS["H100-SXM"]
FP16 = Precision()


def c1() -> Scenario:
    """Llama-3-8B, one sequence, 2048 tokens of context in the average step, everything 16 bit."""
    return flat_scenario(request("llama-3-8b", prompt=2047))


def step_energy_j(columns: dict[str, float], of: Scenario) -> float:
    """Dynamic energy of a decode step [J]: its power above static watts, times its time."""
    static = (
        columns["idle_power_w"]
        + (of.constants["busy_w_per_mm2"] - of.constants["idle_w_per_mm2"]) * columns["die_area_mm2"]
    )
    return (columns["decode_power_w"] - static) * columns["tpot_s"]


def test_mistake_01_energy_counts_layers_once() -> None:
    # SRAM of 1 MB, so that its wires cost next to nothing and the hand calculation is short.
    pinned = {"sram_bytes_per_s_per_byte": 1e12, "compute_j_per_flop": 0.52e-12}
    of = flat_scenario(request("llama-3-8b", prompt=2047), constants=pinned)
    columns = evaluated(design(dram_bytes_per_s=3.35e12, compute_flop_per_s=989e12, sram_bytes=1e6), of)
    flop, total_bytes, vector_ops = 1.6083058688e10, 1.52821e10, 14.6e6
    sram_pj_per_bit = (0.2 + 0.04 * math.sqrt(0.9)) * of.constants["sram_energy_relative"]
    chip_pj = 0.52 * of.constants["compute_energy_relative"]
    by_hand = flop * chip_pj * 1e-12 + vector_ops * chip_pj * 5e-12 + total_bytes * 8 * (4.9 + sram_pj_per_bit) * 1e-12
    assert step_energy_j(columns, of) == pytest.approx(by_hand, rel=2e-3)

    twice_as_deep = dataclasses.replace(
        model("llama-3-8b"), layers=tuple(dataclasses.replace(k, count=2 * k.count) for k in model("llama-3-8b").layers)
    )
    deep = flat_scenario(Request(twice_as_deep, 2047, 2), constants=pinned)
    deep_columns = evaluated(design(dram_bytes_per_s=3.35e12, compute_flop_per_s=989e12, sram_bytes=1e6), deep)
    ratio = step_energy_j(deep_columns, deep) / step_energy_j(columns, of)
    assert 1.8 < ratio < 2.0  # 4 if layers were counted twice


def test_mistake_02_attained_rate_never_exceeds_the_peak() -> None:
    of = flat_scenario(request("llama-3-8b", prompt=2048))
    operators = of.workloads[0].prefill
    attained = operators.total("flop") / evaluated(chip("H100-SXM"), of)["ttft_s"]
    assert attained <= H100_FLOP_PER_S
    assert attained > 0.9 * H100_FLOP_PER_S
    # The mistake: intensities averaged over operators, times the bandwidth, without a ceiling.
    rates = [op.flop / op.compulsory_bytes * H100_BYTES_PER_S for op in operators if op.flop]
    assert sum(rates) / len(rates) > H100_FLOP_PER_S


def test_mistake_03_peak_follows_precision() -> None:
    ridge = H100_FLOP_PER_S / H100_BYTES_PER_S
    assert ridge == pytest.approx(295.2, rel=1e-3)
    of = flat_scenario(request("llama-3-8b", prompt=2048, batch=1))
    columns = chip("H100-SXM")
    machine = machine_of(columns, of)
    place = placement_of(columns, of, of.workloads[0], machine)
    # M tokens give a GEMM of 16-bit weights about M FLOP per byte: 100 lies between the FP32 ridge (67e12/3.35e12 = 20)
    # and the FP16 ridge (295), 1000 above both.
    for tokens, ceiling in ((100, "dram"), (1000, "compute")):
        up = next(
            op for op in prefill(model("llama-3-8b"), FP16, batch=1, prompt_tokens=tokens) if op.name == "up_gate"
        )
        assert 0.7 * tokens < up.flop / up.compulsory_bytes < tokens
        assert bound_by(up, machine, place) == ceiling

    def ttft(bits: int) -> float:
        return evaluated(
            columns, flat_scenario(request("llama-3-8b", prompt=2048, precision=precision_of(bits, bits, bits)))
        )["ttft_s"]

    full = flat_scenario(request("llama-3-8b", prompt=2048, precision=Precision("fp32", "fp32", "fp32")))
    assert ttft(16) / ttft(8) == pytest.approx(2.0, rel=0.03)
    assert evaluated(columns, full)["ttft_s"] / ttft(16) == pytest.approx(16.0, rel=0.03)


def test_mistake_03_format_the_chip_lacks_runs_in_the_next_wider() -> None:
    eight = request("llama-3-8b", prompt=2048, precision=precision_of(8, 8, 8))
    native = evaluated(chip("A100-80G"), flat_scenario(eight))["ttft_s"]
    without = evaluated(chip("A100-80G"), flat_scenario(eight, formats=("fp16",)))["ttft_s"]
    assert without / native == pytest.approx(2.0, rel=0.03)


def test_mistake_04_cost_and_carbon_follow_delivered_speed() -> None:
    of = flat_scenario(request("llama-3-8b", prompt=2047))
    slow = evaluated(design(dram_bytes_per_s=10e9, compute_flop_per_s=989e12, sram_bytes=5e7, dram_bytes=80e9), of)
    fast = evaluated(design(dram_bytes_per_s=3350e9, compute_flop_per_s=989e12, sram_bytes=5e7, dram_bytes=80e9), of)
    # Per FLOP of peak both would cost the same; per token the slow one is owned 335 times as long.
    for column in ("tco_usd_per_mtoken", "carbon_g_per_mtoken"):
        assert slow[column] > 20 * fast[column]
    assert slow["tpot_s"] / fast["tpot_s"] == pytest.approx(335.0, rel=1e-6)


def edge_scenario(*limits: Limit, output: int = 256) -> Scenario:
    asked = Request(model("llama-3-8b"), 1024, output, 1, Precision("int4", "fp16", "fp16"))
    technology = Technology(dram_kind="lpddr5x", flash_kind="ufs", sram_style="scratchpad")
    deployment = Deployment("edge", lifetime_s=4 * 365.25 * 86400, utilization=None, demand_tokens_per_s=200000 / 86400)
    return scenario([asked], technology, deployment, Modelling(), limits)


EDGE_SPACE = Space(
    (
        Axis("dram_bytes_per_s", tuple(25e9 * 1.4**i for i in range(9))),
        Axis("compute_flop_per_s", tuple(1e12 * 2.0**i for i in range(7))),
        Axis("sram_bytes", tuple(2.0**i for i in range(21, 28, 2))),
        Axis("dram_bytes", (4e9, 8e9, 16e9, 32e9, 64e9)),
        Axis("flash_bytes", (0.0, 128e9, 512e9)),
    )
)


def test_mistake_05_cost_and_power_follow_from_the_design() -> None:
    of = edge_scenario()
    base = {
        "dram_bytes_per_s": 100e9,
        "compute_flop_per_s": 50e12,
        "sram_bytes": 2.0**25,
        "dram_bytes": 16e9,
        "flash_bytes": 128e9,
    }
    start = evaluated({name: np.array([value]) for name, value in base.items()}, of)
    for name in DESIGN_COLUMNS:
        more = evaluated({k: np.array([2 * v if k == name else v]) for k, v in base.items()}, of)
        for column in ("bom_usd", "price_usd", "embodied_kg", "peak_power_w"):
            assert more[column] > start[column], (name, column)
    # Columns of that name in a design table change nothing: they are results.
    forced = {name: np.array([value]) for name, value in {**base, "price_usd": 1.0, "peak_power_w": 1.0}.items()}
    assert evaluated(forced, of) == start


def test_mistake_05_pareto_set_does_not_collapse_to_a_corner() -> None:
    _, designs = EDGE_SPACE.designs(np.arange(EDGE_SPACE.size))
    columns = evaluate(designs, edge_scenario())
    keep = np.broadcast_to(columns["feasible"], (EDGE_SPACE.size,))
    points = np.stack(
        [np.asarray(columns["tpot_s"])[keep], np.broadcast_to(columns["tco_usd_per_mtoken"], keep.shape)[keep]], axis=1
    )
    front = [p for p in points if not np.any(np.all(points <= p, axis=1) & np.any(points < p, axis=1))]
    assert len({tuple(p) for p in front}) >= 10
    speeds = [p[0] for p in front]
    assert max(speeds) > 2 * min(speeds)


@pytest.mark.parametrize("target", [1, 7, 100, 32768])
def test_mistake_06_every_level_of_every_axis_is_enumerated(target: int) -> None:
    seen: dict[str, set[float]] = {name: set() for name in DESIGN_COLUMNS}
    size = 0
    for block in EDGE_SPACE.blocks(target=target):
        size += block.size
        for name, values in block.columns.items():
            seen[name].update(values.ravel().tolist())
    assert size == EDGE_SPACE.size == 9 * 7 * 4 * 5 * 3
    _, designs = EDGE_SPACE.designs(np.arange(EDGE_SPACE.size))
    for axis in EDGE_SPACE.axes:
        assert seen[axis.name] == set(axis.values)
        level, count = np.unique(designs[axis.name], return_counts=True)
        assert set(level.tolist()) == set(axis.values)
        assert set(count.tolist()) == {EDGE_SPACE.size // len(axis.values)}
    # The mistake: a stride that shares a factor with the axes leaves levels out.
    strided = {name: set(values[::15].tolist()) for name, values in designs.items()}
    assert any(strided[axis.name] != set(axis.values) for axis in EDGE_SPACE.axes)


def test_mistake_07_a_failing_design_keeps_its_row_and_says_why() -> None:
    limits = (Limit("ttft <= 2 s", "ttft_s", "<=", 2.0),)
    of = edge_scenario(*limits)
    _, designs = EDGE_SPACE.designs(np.arange(EDGE_SPACE.size))
    columns = evaluate(designs, of)
    shape = (EDGE_SPACE.size,)
    feasible = np.broadcast_to(columns["feasible"], shape)
    assert 0 < np.count_nonzero(feasible) < EDGE_SPACE.size
    codes, texts = reason_codes(columns, limits, shape), reasons(limits)
    for i, code in enumerate(codes):
        assert (texts[code] == "") == feasible[i]
    assert "no number came out" not in {texts[code] for code in codes}
    assert {"violates ttft <= 2 s"} <= {texts[code] for code in codes}
    margins = [name for name in columns if name.startswith("margin_") and not name.startswith("margin_constraint")]
    assert len(margins) >= 5
    buildable = np.broadcast_to(columns["tpot_s"], shape) > 0
    for name in margins:
        margin = np.broadcast_to(columns[name], shape)
        assert np.all(np.isfinite(margin[buildable]))
        if name != "margin_demand":
            assert np.all(np.isfinite(margin))


def test_mistake_08_fused_attention_reads_v_and_prefill_is_causal() -> None:
    tokens, heads, kv_heads, head_dim, layers = 2048, 32, 8, 128, 32
    rows = prefill(model("llama-3-8b"), FP16, batch=1, prompt_tokens=tokens)
    attention = next(op for op in rows if op.name == "attention")
    assert attention.count == layers
    k_alone = tokens * kv_heads * head_dim * 2
    assert attention.kv_read_bytes == 2 * k_alone
    assert attention.flop == 4 * heads * head_dim * tokens * (tokens + 1) / 2
    assert attention.flop < 0.51 * 4 * heads * head_dim * tokens**2
    step = next(
        op for op in decode(model("llama-3-8b"), FP16, batch=1, context_tokens=tokens) if op.name == "attention"
    )
    assert step.kv_read_bytes == 2 * k_alone


def test_mistake_09_head_dim_is_what_the_config_says() -> None:
    config = {
        "model_type": "mistral",
        "architectures": ["MistralForCausalLM"],
        "hidden_size": 5120,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "num_hidden_layers": 40,
        "intermediate_size": 14336,
        "vocab_size": 131072,
        "tie_word_embeddings": False,
        "max_position_embeddings": 131072,
        "sliding_window": None,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-05,
        "rope_theta": 1000000.0,
        "torch_dtype": "bfloat16",
    }
    nemo = model_from_config(config, name="nemo-like")
    attention = nemo.layers[0].mixer
    assert isinstance(attention, Attention)
    assert attention.head_dim == 128 != 5120 // 32
    assert kv_cache_bytes_per_token(nemo, FP16) == 40 * 2 * 8 * 128 * 2 == 163_840
    qkv = next(op for op in decode(nemo, FP16, batch=1, context_tokens=100, fusion=()) if op.name == "qkv_proj")
    assert qkv.flop == 2 * 5120 * (32 + 2 * 8) * 128


def test_mistake_12_weights_are_read_once_for_a_whole_batch() -> None:
    def step(batch: int) -> tuple[float, float]:
        of = flat_scenario(request("llama-3-8b", prompt=511, batch=batch))
        weights = sum(op.count * op.weight_bytes for op in of.workloads[0].decode if op.weight_class == "dense")
        return weights, evaluated(chip("A100-80G"), of)["decode_tokens_per_s"]

    (alone, speed_1), (together, speed_8) = step(1), step(8)
    assert together == alone
    assert 7.0 < speed_8 / speed_1 < 8.0  # 1 if weights were multiplied by the batch


def test_mistake_13_each_tier_prices_its_own_bytes() -> None:
    # 1.4 GB of 16 GB of weights spill to 14 GB/s of flash: 0.1 s of flash reads, not 1.15 s for all weights.
    of = flat_scenario(
        request("llama-3-8b", prompt=7, output=2), flash_kind="nvme", constants={"os_reserve_bytes": 0.0}
    )
    footprint = of.workloads[0].footprint_bytes
    weights = footprint["dense"]
    # The embedding table is placed last and spills first, so it stays in flash as a whole.
    dram = sum(footprint.values()) - footprint["embedding"] - 1.4e9
    columns = design(dram_bytes_per_s=1e12, compute_flop_per_s=989e12, dram_bytes=dram, flash_bytes=4e12)
    got = evaluated(columns, of)
    assert got["feasible"] == 1.0
    machine = machine_of(columns, of)
    place = placement_of(columns, of, of.workloads[0], machine)
    flash_s = sum(
        float(np.asarray(op.count * operator_ceilings(op, machine, place)[4]).reshape(-1)[0])
        for op in of.workloads[0].decode
    )
    assert flash_s == pytest.approx(1.4e9 / 14e9, rel=1e-3)
    assert got["tpot_s"] == pytest.approx(1.4e9 / 14e9, rel=0.01)
    assert got["tpot_s"] < 0.1 * weights / 14e9


def test_mistake_14_a_step_writes_one_token_of_the_cache() -> None:
    per_token, batch, context = 131_072, 64, 2048  # 2 x 32 layers x 8 KV heads x 128 x 2 bytes
    of = flat_scenario(request("llama-3-8b", prompt=context - 1, batch=batch))
    step = of.workloads[0].decode
    assert step.total("kv_write_bytes") == batch * per_token
    assert step.total("kv_read_bytes") == batch * per_token * context
    time = evaluated(chip("H100-SXM"), of)["tpot_s"]
    mistaken = (step.total("compulsory_bytes") + step.total("kv_read_bytes")) / H100_BYTES_PER_S
    assert time == pytest.approx(0.0096914, rel=1e-3)
    assert mistaken / time == pytest.approx(1.53, abs=0.01)


def test_mistake_15_the_cache_holds_kv_heads() -> None:
    of = flat_scenario(request("llama-3-8b", prompt=2047, batch=64))
    read = of.workloads[0].decode.total("kv_read_bytes")
    assert read == 64 * 2048 * 2 * 32 * 8 * 128 * 2
    mistaken = 64 * 2048 * 2 * 32 * 32 * 128 * 2
    time = evaluated(chip("H100-SXM"), of)["tpot_s"]
    assert (time + (mistaken - read) / H100_BYTES_PER_S) / time > 2.5
    # As many KV heads as query heads in Llama-2-7B: there, and only there, the two agree.
    assert kv_cache_bytes_per_token(model("llama-2-7b"), FP16) == 2 * 32 * 32 * 128 * 2


def test_mistake_16_gb_per_s_is_decimal() -> None:
    assert parse_quantity("2039 GB/s", "byte/s") == 2.039e12
    assert parse_quantity("2039 GiB/s", "byte/s") == 2039 * 2.0**30
    bandwidth = parse_quantity("2039 GB/s", "byte/s")
    time = evaluated(design(dram_bytes_per_s=bandwidth, compute_flop_per_s=312e12), c1())["tpot_s"]
    assert time == pytest.approx(0.00749489, rel=1e-3)
    assert time != pytest.approx(0.00749489 * 1e9 / 2**30, rel=0.05)


def test_mistake_17_a_model_that_does_not_fit_has_no_time() -> None:
    of = flat_scenario(request("llama-3-70b", prompt=8191, batch=16))
    h100 = design(dram_bytes_per_s=3.35e12, compute_flop_per_s=989e12, sram_bytes=5e7, dram_bytes=80e9)
    columns = evaluated(h100, of)
    assert columns["feasible"] == 0.0
    needed = of.workloads[0].footprint_total_bytes
    assert needed > 182e9
    assert columns["margin_fit"] == pytest.approx((needed - 80e9) / needed, rel=1e-12)
    for name in ("ttft_s", "tpot_s", "decode_tokens_per_s", "tokens_per_s", "energy_j_per_token", "tco_usd_per_mtoken"):
        assert math.isnan(columns[name]), name
    code = int(reason_codes(evaluate(h100, of), (), (1,))[0])
    assert reasons(())[code].startswith("does not fit")
    # The 139 + 43 GB at 3.35 TB/s that peers report as 54 ms needs a chip that holds them.
    assert evaluated(chip("H100-SXM"), of)["tpot_s"] == pytest.approx(0.0544111, rel=1e-3)


def test_mistake_18_nothing_hides_an_all_reduce_and_stages_do_not_divide_latency() -> None:
    """Llama-3-70B on 8 H100: a step of 16 sequences moves 18 GB per chip and sums 161 times over the links."""

    def step_s(parallel: Parallel, **link: float) -> float:
        constants = {"link_bytes_per_s": 450e9, "link_latency_s": 2e-6, "link_phy_mm2_per_byte_per_s": 0.0, **link}
        asked = request("llama-3-70b", prompt=2047, batch=16)
        technology = Technology(dram_kind="hbm3", constants={**UNBOUNDED, **constants})
        of = scenario([asked], technology, Deployment(parallel=parallel), FLAT)
        return evaluated(chip("H100-SXM"), of)["tpot_s"]

    without = step_s(Parallel(8), link_bytes_per_s=1e18, link_latency_s=0.0)
    sums = 161 * (3 * 2e-6 + 2 * 7 / 8 * 16 * 8192 * 2 / 450e9)
    gather = 3 * 2e-6 + 7 / 8 * 16 * 128256 * 2 / 450e9
    assert step_s(Parallel(8)) - without == pytest.approx(sums + gather, rel=1e-6)
    assert sums < without, "hidden behind the other work, the links would cost nothing"

    alone, staged = step_s(Parallel()), step_s(Parallel(pipeline=8))
    # 16 sequences on 8 stages are passes of 2: no weights are saved, only cache reads and arithmetic.
    assert alone * 0.9 < staged < alone
    assert staged != pytest.approx(alone / 8, rel=0.5)


def test_flat_setting_has_no_overheads() -> None:
    assert FLAT.launch_overhead_s == 0
    assert not FLAT.sram_residency
