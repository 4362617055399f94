"""Properties that hold for every model, precision, technology and design, on drawn ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from drawn_scenarios import (
    DESIGNS,
    FLASH_PATHS,
    UNLIMITED,
    Array,
    Designs,
    deployments,
    designs,
    mixes,
    modellings,
    models,
    pairs,
    precisions,
    technologies,
)
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from costmodels import wafer
from costmodels.yields import YIELD_MODELS
from roofline.catalog import model
from roofline.efficiency import as_run
from roofline.kernel import CEILINGS, operator_ceilings, pass_time
from roofline.layers import Attention, LayerKind, Mlp
from roofline.memory import operator_traffic, placement
from roofline.model import Model
from roofline.phases import decode, prefill
from roofline.precision import Precision, formats
from roofline.serving import mean_decode_context
from sweeps.constants import resolved_constants
from sweeps.evaluate import evaluate
from sweeps.factors import PIM, directions, factors, machine_of, placement_of
from sweeps.feasible import PHYSICAL, reason_codes, reasons
from sweeps.scenario import Deployment, Limit, Modelling, Request, Scenario, Technology, scenario
from sweeps.space import DESIGN_COLUMNS

SLACK = 1e-12
# Failures name one design and are not shrunk: the other designs of an example say nothing.
EXAMPLES = settings(max_examples=100, derandomize=True, deadline=None, phases=(Phase.explicit, Phase.generate))

ALWAYS = ("idle_power_w", "peak_power_w", "die_area_mm2", "dies", "dram_units", "bom_usd", "price_usd", "embodied_kg")
"""Columns every design has, whether or not it can run the workload."""

TIMED = (
    *("ttft_s", "tpot_s", "request_latency_s", "decode_tokens_per_s", "tokens_per_s"),
    *("prefill_power_w", "decode_power_w", "sustained_power_w"),
    *("energy_j_per_token", "facility_energy_j_per_token", "tco_usd_per_mtoken", "carbon_g_per_mtoken"),
)
"""Columns that depend on a time: NaN where there is none."""


def spread(value: object, n: int = DESIGNS) -> Array:
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (n,))


def evaluated(columns: Designs, of: Scenario) -> dict[str, Array]:
    return {name: spread(value) for name, value in evaluate(columns, of).items()}


def first_break(columns: Designs, where: NDArray[np.bool_]) -> str:
    i = int(np.argmax(where))
    return ", ".join(f"{name} {float(values[i])!r}" for name, values in columns.items())


# More is never slower


@pytest.mark.parametrize("flash_path", FLASH_PATHS)
@EXAMPLES
@given(data=st.data())
def test_more_of_any_resource_is_never_slower(flash_path: str, data: st.DataObject) -> None:
    of = scenario(
        data.draw(mixes()),
        data.draw(technologies(constants=UNLIMITED, max_dies=1)),
        data.draw(deployments()),
        data.draw(modellings(flash_path)),
    )
    pair = data.draw(pairs(of))
    before, after = evaluated(pair.less, of), evaluated(pair.more, of)
    for name in ("ttft_s", "tpot_s"):
        slower = after[name] > before[name] * (1 + SLACK)  # False where either has no time
        assert not slower.any(), f"{name} with more {pair.axis} of: {first_break(pair.less, slower)}"


@pytest.mark.parametrize("flash_path", FLASH_PATHS)
@EXAMPLES
@given(data=st.data())
def test_less_capacity_never_turns_an_infeasible_fit_feasible(flash_path: str, data: st.DataObject) -> None:
    of = scenario(
        data.draw(mixes()), data.draw(technologies()), data.draw(deployments()), data.draw(modellings(flash_path))
    )
    pair = data.draw(pairs(of))
    less, more = evaluated(pair.less, of)["margin_fit"], evaluated(pair.more, of)["margin_fit"]
    assert not np.any((less <= 0) & (more > 0))
    assert np.all(more <= less + SLACK)


def test_more_dram_beside_slow_flash_is_never_slower() -> None:
    # 16 GB of weights at 100 GB/s beside 14 GB/s of flash, DRAM from 14 to 16 GB: where every tier carried its own
    # bytes only, the step would go from 143 to 160 ms; inclusive tiers read all of it through DRAM.
    attention = Attention(heads=32, kv_heads=8, head_dim=128)
    llm = Model(
        "16 GB", 4096, 1000, (LayerKind(34, attention, (Mlp(14464),)),), norm_parameters=4096, tied_embeddings=True
    )
    asked = Request(llm, 7, 2, 1, Precision("int8", "fp16", "fp16"))
    scale = 16e9 / llm.total_parameters
    of = scenario(
        [asked],
        Technology(dram_kind="lpddr5x", flash_kind="nvme", constants=UNLIMITED),
        Deployment(),
        Modelling(sram_residency=False, launch_overhead_s=0.0),
    )
    dram = np.linspace(14e9, 16.1e9, 43) / scale
    n = len(dram)
    columns = {
        "dram_bytes_per_s": np.full(n, 100e9),
        "compute_flop_per_s": np.full(n, 100e12),
        "sram_bytes": np.full(n, 64e6),
        "dram_bytes": dram,
        "flash_bytes": np.full(n, 4e12),
    }
    step = np.asarray(evaluate(columns, of)["tpot_s"])
    assert np.all(np.isfinite(step))
    assert np.all(np.diff(step) <= SLACK)
    assert step[-1] == pytest.approx(16e9 / scale / 100e9, rel=0.01)
    assert step[0] >= step[-1]
    # With 2 GB in flash: all of it crosses DRAM (160 ms) or its own port (143 ms); never less than the former.
    assert step[0] == pytest.approx(max(16e9 / 100e9, 2e9 / 14e9) / scale, rel=0.05)


@pytest.mark.parametrize("overlap", ["full", "none"])
@pytest.mark.parametrize("axis", ["dram_bytes", "flash_bytes"])
def test_more_memory_is_never_slower_beside_flash_on_its_own_port(axis: str, overlap: str) -> None:
    # Weights split over two ports that finish together suit a machine that overlaps them; one that does not must not
    # be made slower by flash it was offered. Activations and KV share the DRAM port with the weights left there.
    how = Modelling(sram_residency=False, launch_overhead_s=0.0, flash_path="direct", overlap=overlap)  # type: ignore[arg-type]
    for kind in ("nvme", "hbf"):
        technology = Technology(dram_kind="lpddr5x", flash_kind=kind, constants=UNLIMITED)
        of = scenario([Request(model("llama-2-7b"), 2048, 256, 8)], technology, Deployment(), how)
        needed = of.workloads[0].footprint_total_bytes
        values = np.linspace(0.0, 4.0, 401) * needed if axis == "flash_bytes" else np.linspace(0.6, 1.2, 401) * needed
        fixed = {"dram_bytes": 2 * needed, "flash_bytes": 1e12, "dram_bytes_per_s": 400e9}
        columns: dict[str, Any] = {**fixed, "compute_flop_per_s": 200e12, "sram_bytes": 64e6, axis: values}
        got = evaluate({name: np.broadcast_to(np.float64(value), (401,)) for name, value in columns.items()}, of)
        for name in ("ttft_s", "tpot_s"):
            times = np.asarray(got[name])
            times = times[np.isfinite(times)]
            assert len(times) > 100
            assert np.all(np.diff(times) <= SLACK * times[1:]), f"{name} with {kind}"


# Times and ceilings


@EXAMPLES
@given(data=st.data())
def test_time_is_at_least_every_ceiling_and_the_launch_overhead(data: st.DataObject) -> None:
    of = scenario(
        data.draw(mixes()), data.draw(technologies(pim="none")), data.draw(deployments()), data.draw(modellings())
    )
    columns = data.draw(designs(of))
    machine = machine_of(columns, of)
    for i, workload in enumerate(of.workloads):
        place = placement_of(columns, of, workload, machine)
        for phase, operators in (("prefill", workload.prefill), ("decode", workload.decode)):
            seconds = spread(factors(columns, of)[f"{phase}_s.{i}"])
            launches = operators.kernels * machine.launch_overhead_s + operators.host_s
            assert np.all(seconds >= launches)
            each = [operator_ceilings(row, machine, place) for row in operators]
            totals = [
                sum(row.count * spread(times[k]) for row, times in zip(operators, each, strict=True))
                for k in range(len(CEILINGS))
            ]
            for total in totals:
                assert np.all(np.asarray(total) + launches <= seconds * (1 + SLACK))
            together = np.asarray(sum(np.asarray(total) for total in totals)) + launches
            assert np.all(seconds <= together * (1 + SLACK))
            if machine.overlap == "none":
                assert np.allclose(seconds, together, rtol=1e-11)


@EXAMPLES
@given(data=st.data())
def test_rates_never_exceed_peak_and_bandwidth(data: st.DataObject) -> None:
    of = scenario(
        data.draw(mixes()),
        data.draw(technologies(pim="none")),
        data.draw(deployments()),
        data.draw(modellings("through_dram")),
    )
    columns = data.draw(designs(of))
    fastest = max(formats()[name].rate_relative for name in (*of.formats, "fp32"))
    got = factors(columns, of)
    for i, workload in enumerate(of.workloads):
        for phase, operators in (("prefill", workload.prefill), ("decode", workload.decode)):
            seconds = spread(got[f"{phase}_s.{i}"])
            assert np.all(operators.total("flop") <= seconds * columns["compute_flop_per_s"] * fastest * (1 + SLACK))
            assert np.all(got[f"{phase}_dram_bytes.{i}"] <= seconds * columns["dram_bytes_per_s"] * (1 + SLACK))
            # Inclusive tiers: what lives further out crosses every port nearer in.
            sram, dram, flash = (spread(got[f"{phase}_{tier}_bytes.{i}"]) for tier in ("sram", "dram", "flash"))
            assert np.all(dram <= sram * (1 + SLACK))
            assert np.all(flash <= dram * (1 + SLACK))


@EXAMPLES
@given(
    llm=models(), precision=precisions(), batch=st.sampled_from([1, 2, 8, 100]), context=st.sampled_from([1, 500, 8192])
)
def test_doubling_the_batch_never_doubles_weight_bytes(
    llm: Model, precision: Precision, batch: int, context: int
) -> None:
    def weights(sequences: float) -> tuple[float, float, float]:
        rows = decode(llm, precision, batch=sequences, context_tokens=context)
        gathered = sum(row.count * row.weight_bytes for row in rows if row.name == "embedding")
        experts = sum(row.count * row.weight_bytes for row in rows if row.weight_class == "experts")
        matrices = sum(row.count * row.weight_bytes for row in rows if row.weight_class == "dense")
        return matrices - (gathered if llm.tied_embeddings else 0.0), experts, gathered

    (matrices, experts, gathered), (matrices_twice, experts_twice, gathered_twice) = weights(batch), weights(2 * batch)
    assert matrices_twice == pytest.approx(matrices, rel=1e-12)
    # One row of the embedding is gathered per token; more tokens reach more experts, each of them read once.
    assert 0 < gathered_twice == 2 * gathered
    assert experts <= experts_twice <= 2 * experts
    assert matrices_twice + experts_twice + gathered_twice < 2 * (matrices + experts + gathered)


# Costs and feasibility


@EXAMPLES
@given(data=st.data())
def test_costs_are_finite_or_have_a_reason(data: st.DataObject) -> None:
    limits = (Limit("ttft <= 1 s", "ttft_s", "<=", 1.0), Limit("die_area <= 700 mm**2", "die_area_mm2", "<=", 700.0))
    cap = data.draw(st.sampled_from([None, 300.0]))
    of = scenario(
        data.draw(mixes()),
        data.draw(technologies(power_cap_w=cap)),
        data.draw(deployments()),
        data.draw(modellings()),
        limits if data.draw(st.booleans()) else (),
    )
    columns = data.draw(designs(of))
    got = evaluated(columns, of)
    feasible = np.broadcast_to(evaluate(columns, of)["feasible"], (DESIGNS,))
    for name in ALWAYS:
        assert np.all(np.isfinite(got[name])), name
        assert np.all(got[name] >= 0), name
    for name in PHYSICAL:
        assert name not in got or np.all(np.isfinite(got[name])), name
    for name in (*TIMED, "utilization"):
        assert np.all(np.isfinite(got[name][feasible])), name
        assert np.all(got[name][feasible] >= 0), name

    possible = np.all([got[name] <= 0 for name in PHYSICAL if name in got], axis=0)
    for name in TIMED:
        assert np.all(np.isnan(got[name][~possible])), name
    assert not feasible[~possible].any()
    for name in ("ttft_s", "tpot_s", "energy_j_per_token", "sustained_power_w"):
        assert np.all(np.isfinite(got[name][possible])), name

    codes, texts = reason_codes(evaluate(columns, of), of.limits, (DESIGNS,)), reasons(of.limits)
    for i in range(DESIGNS):
        assert (texts[codes[i]] == "") == feasible[i]
    assert "no number came out" not in {texts[code] for code in codes}


@EXAMPLES
@given(data=st.data())
def test_average_power_of_every_phase_is_at_most_the_peak(data: st.DataObject) -> None:
    of = scenario(
        data.draw(mixes()),
        data.draw(technologies(constants=UNLIMITED, max_dies=1)),
        data.draw(deployments()),
        data.draw(modellings()),
    )
    got = evaluated(data.draw(designs(of)), of)
    for name in ("prefill_power_w", "decode_power_w", "sustained_power_w"):
        above = got[name] > got["peak_power_w"] * (1 + SLACK)
        assert not above.any(), name
        idle = got["idle_power_w"] > got[name]
        assert not idle.any(), name


@EXAMPLES
@given(data=st.data(), cap=st.sampled_from([3.0, 30.0, 300.0]))
def test_a_power_cap_holds_and_only_slows(data: st.DataObject, cap: float) -> None:
    chosen = {"constants": {**UNLIMITED, "fixed_area_mm2": 10.0}, "max_dies": 1}
    mix, plan, how = data.draw(mixes()), data.draw(deployments()), data.draw(modellings())
    base = data.draw(technologies(**chosen))
    free = scenario(mix, base, plan, how)
    capped = scenario(mix, Technology(**{**vars(base), "power_cap_w": cap}), plan, how)
    columns = data.draw(designs(free))
    without, got = evaluated(columns, free), evaluated(columns, capped)
    runs = np.isfinite(got["tpot_s"])
    assert np.all(got["sustained_power_w"][runs] <= cap * (1 + SLACK))
    assert np.all((got["throttled"][runs] >= 0) & (got["throttled"][runs] < 1))
    assert np.all(got["tpot_s"][runs] >= without["tpot_s"][runs])
    cool = runs & (without["sustained_power_w"] <= cap * (1 - 1e-9))
    assert np.all(got["throttled"][cool] == 0)
    assert np.all(got["tpot_s"][cool] == without["tpot_s"][cool])
    # What static power alone breaks has the margin, and no time.
    assert np.all(np.isnan(got["tpot_s"][got["margin_power_cap"] > 0]))


# Factors


@pytest.mark.parametrize("flash_path", FLASH_PATHS)
@settings(EXAMPLES, max_examples=200)
@given(data=st.data())
def test_factors_move_in_their_declared_direction(flash_path: str, data: st.DataObject) -> None:
    of = scenario(
        data.draw(mixes()), data.draw(technologies()), data.draw(deployments()), data.draw(modellings(flash_path))
    )
    pair = data.draw(pairs(of))
    before, after = factors(pair.less, of), factors(pair.more, of)
    declared = directions(of)
    axis = DESIGN_COLUMNS.index(pair.axis)
    named = {name for name in before if name not in DESIGN_COLUMNS}
    assert {name.split(".")[0] for name in named} == set(declared)
    broken = []
    for name in sorted(named):
        assert np.all(np.asarray(before[name]) >= 0), name
        low, high = spread(before[name]), spread(after[name])
        direction = declared[name.split(".")[0]][axis]
        if direction is None:  # declared to have no direction: whoever bounds it branches on that axis
            if of.pim_tier is not None:
                assert name.split(".")[0] in PIM
                continue
            assert flash_path == "direct"
            assert name.split(".")[0].endswith(("_dram_bytes", "_flash_write_bytes"))
            assert pair.axis == "sram_bytes"
            continue
        wrong = np.zeros(DESIGNS, dtype=bool)
        if direction <= 0:
            wrong |= high > low * (1 + SLACK)
        if direction >= 0:
            wrong |= low > high * (1 + SLACK)
        if flash_path == "direct" and "." in name and not name.startswith("missing_bytes"):
            # Two ports divide bytes by where they live; bytes that live nowhere have no share that could be monotone.
            missing = f"missing_bytes.{name.split('.')[1]}"
            wrong &= (spread(before[missing]) == 0) & (spread(after[missing]) == 0)
        if wrong.any():
            broken.append(f"{name}: {first_break(pair.less, wrong)}")
    assert not broken, f"against their direction with more {pair.axis}: {broken}"


@pytest.mark.parametrize("model", YIELD_MODELS)
@pytest.mark.parametrize("node", ["7nm", "5nm", "2nm"])
def test_wafers_and_dies_never_fall_with_area(node: str, model: str) -> None:
    k = resolved_constants(Technology(node=node), Deployment())
    names = (
        *("reticle_mm2", "die_to_die_mm2", "bond_wafers", "wafer_diameter_mm", "edge_exclusion_mm", "scribe_mm"),
        *("defects_per_mm2", "yield_clustering", "harvest_share"),
    )
    fine = np.concatenate([m * 848.0 + np.linspace(-2, 2, 401) for m in range(1, 8)])
    area = np.sort(np.concatenate([np.arange(10.0, 6000.0, 0.25), fine, 858.0 + np.linspace(-2, 2, 401)]))
    for max_dies in range(1, 9):
        wafers, dies = wafer.package_silicon(
            area, max_dies=max_dies, yield_model=model, **{name: k[name] for name in names}
        )
        wafers, dies = np.asarray(wafers), np.asarray(dies)
        buildable = dies <= max_dies
        assert np.array_equal(buildable, np.sort(buildable)[::-1])
        largest = 858.0 if max_dies == 1 else max_dies * 848.0
        assert area[buildable].max() == pytest.approx(min(largest, area.max()), abs=0.3)
        assert np.all(np.isfinite(wafers))
        assert np.all(np.diff(wafers[buildable]) >= -1e-15)
        assert np.all(np.diff(dies[buildable]) >= 0)
        assert np.all(np.diff(dies) >= 0)


# Steps


def full_sum_gap(of: Scenario, asked: Request, columns: Designs) -> Array:
    """Return how far (o - 1) x the mean step is from the sum of all steps, relative, per design."""
    workload, chips = of.workloads[0], of.deployment.parallel
    machine = machine_of(columns, of)
    place = placement_of(columns, of, workload, machine)
    first, last = asked.prompt_tokens + 1, asked.prompt_tokens + asked.output_tokens - 1
    total = np.zeros(DESIGNS)
    for context in range(first, last + 1):
        step = decode(
            asked.model,
            asked.precision,
            batch=chips.microbatch(asked.batch),
            context_tokens=context,
            parallel=chips,
            fusion=of.modelling.fused,
            dequantization_ops=of.constants["dequantization_ops"],
            absorbed=of.modelling.mla_absorbed,
            split_qkv=of.modelling.split_qkv,
        )
        if of.modelling.runtime is not None:
            step = as_run(step, of.modelling.runtime, of.modelling.efficiency, sequences=chips.microbatch(asked.batch))
        total = total + spread(pass_time(step, machine, place).seconds)
    mean = spread(pass_time(workload.decode, machine, place).seconds)
    return np.abs(mean * (asked.output_tokens - 1) / total - 1)


@settings(EXAMPLES, max_examples=30)
@given(data=st.data())
def test_mean_context_step_stands_for_the_sum_of_all_steps(data: st.DataObject) -> None:
    asked = Request(
        data.draw(models(windows=False)),
        data.draw(st.sampled_from([1, 64, 1024])),
        data.draw(st.sampled_from([2, 50, 200])),
        data.draw(st.sampled_from([1, 16, 256])),
        data.draw(precisions()),
    )
    of = scenario([asked], data.draw(technologies()), data.draw(deployments()), data.draw(modellings()))
    gap = full_sum_gap(of, asked, data.draw(designs(of)))
    assert gap.max() < 0.01


def test_mean_context_step_stands_for_the_sum_when_a_window_fills_on_the_way() -> None:
    # Mistral-7B-v0.1 keeps 4096 tokens: steps before that grow, steps after it do not.
    asked = Request(model("mistral-7b-v0.1"), 3584, 1024, 64)
    mixer = asked.model.layers[0].mixer
    assert isinstance(mixer, Attention)
    assert mixer.window == mean_decode_context(3584, 1024) == 4096
    of = scenario([asked], Technology(), Deployment(), Modelling())
    columns = {
        "dram_bytes_per_s": np.full(DESIGNS, 3.35e12),
        "compute_flop_per_s": np.geomspace(10e12, 1e15, DESIGNS),
        "sram_bytes": np.full(DESIGNS, 50e6),
        "dram_bytes": np.full(DESIGNS, 80e9),
        "flash_bytes": np.zeros(DESIGNS),
    }
    assert full_sum_gap(of, asked, columns).max() < 0.01


# Examples people can check


def single(**values: float) -> Designs:
    return {name: np.array([values[name]]) for name in DESIGN_COLUMNS}


def scalar(columns: Mapping[str, object], name: str) -> float:
    return float(np.asarray(columns[name]).reshape(-1)[0])


def test_4_gb_at_1_tb_per_s_of_lpddr5x_cannot_be_bought() -> None:
    asked = Request(model("qwen2-1.5b"), 128, 64, 1, Precision("int4", "fp16", "fp16"))
    of = scenario([asked], Technology(dram_kind="lpddr5x", flash_kind="ufs"), Deployment("edge"), Modelling())

    def tried(bandwidth: float) -> tuple[dict[str, object], str]:
        got = evaluate(
            single(
                dram_bytes_per_s=bandwidth, compute_flop_per_s=40e12, sram_bytes=32e6, dram_bytes=4e9, flash_bytes=0.0
            ),
            of,
        )
        return dict(got), reasons(())[int(reason_codes(got, (), (1,))[0])]

    got, reason = tried(1e12)
    assert scalar(got, "feasible") == 0
    assert reason.startswith("too little DRAM: the units needed for its bandwidth")
    assert scalar(got, "dram_units") == pytest.approx(1e12 / 17.07e9)
    assert scalar(got, "margin_dram_bandwidth") == pytest.approx(1e12 / 17.07e9 * 1e9 / 4e9 - 1)
    assert scalar(got, "margin_fit") == 0
    slower, reason = tried(60e9)
    assert scalar(slower, "feasible") == 1
    assert reason == ""


@pytest.mark.parametrize("flash_path", FLASH_PATHS)
def test_a_spill_of_1_4_gb_costs_1_4_gb_of_flash_reads(flash_path: str) -> None:
    asked = Request(model("llama-2-7b"), 127, 2, 1)
    of = scenario(
        [asked],
        Technology(dram_kind="lpddr5x", flash_kind="nvme", constants=UNLIMITED),
        Deployment(),
        Modelling(sram_residency=False, flash_path=flash_path),  # type: ignore[arg-type]
    )
    needed = of.workloads[0].footprint_bytes
    # The embedding table spills first (only rows of it are read), then 1.4 GB of the weights read every step.
    dram = sum(needed.values()) - needed["embedding"] - 1.4e9
    columns = single(
        dram_bytes_per_s=400e9, compute_flop_per_s=100e12, sram_bytes=64e6, dram_bytes=dram, flash_bytes=1e12
    )
    got = factors(columns, of)
    assert scalar(got, "decode_flash_bytes.0") == pytest.approx(1.4e9, rel=1e-3)
    assert scalar(got, "missing_bytes.0") == 0
    assert scalar(got, "decode_s.0") >= 1.4e9 / 7e9
    assert scalar(got, "decode_s.0") < 0.3 * needed["dense"] / 7e9
    assert math.isfinite(scalar(evaluate(columns, of), "tpot_s"))


def test_a_small_tile_buffer_re_reads_operands() -> None:
    rows = {
        row.name: row
        for row in prefill(model("llama-3-8b"), Precision(), batch=1, prompt_tokens=4096, fusion=("attention",))
    }
    nothing_resident = placement(
        {"activations": 1e9, "kv_cache": 1e9, "dense": 16e9, "embedding": 1e9},
        sram_resident_bytes=0.0,
        dram_bytes=1e12,
        flash_bytes=0.0,
    )
    # 4096 x 4096 x 4096 in 16 bit through 1 MB: 2·4096³·sqrt(2·2·4/1e6) = 549.76 MB of operands and 33.55 MB of result.
    small, large = (operator_traffic(rows["o_proj"], nothing_resident, tile) for tile in (1e6, 1e9))
    assert small.dram == small.sram == pytest.approx(549.756e6 + 33.554e6, rel=1e-5)
    assert large.dram == large.sram == rows["o_proj"].compulsory_bytes == 3 * 2 * 4096**2
    # Tiles of 1e6/(4·128·(2 + 4)) = 325.5 query rows: K and V are read (1 + 4096/325.5)/2 = 6.79 times.
    small, large = (operator_traffic(rows["attention"], nothing_resident, tile) for tile in (1e6, 1e9))
    assert small.dram - large.dram == pytest.approx((6.7915 - 1) * rows["attention"].kv_read_bytes, rel=1e-4)


def test_the_operating_system_keeps_its_memory() -> None:
    asked = Request(model("qwen2-1.5b"), 128, 64)
    for segment, reserve in (("edge", 2e9), ("datacenter", 0.0)):
        of = scenario([asked], Technology(dram_kind="lpddr5x"), Deployment(segment), Modelling(sram_residency=False))
        held = sum(of.workloads[0].footprint_bytes.values())
        values = {"dram_bytes_per_s": 100e9, "compute_flop_per_s": 20e12, "sram_bytes": 8e6, "flash_bytes": 0.0}
        margins = [scalar(evaluate(single(dram_bytes=held + d, **values), of), "margin_fit") for d in (0.0, reserve)]
        assert margins == pytest.approx([reserve / (held + reserve), 0.0], abs=1e-12)
