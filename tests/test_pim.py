"""Processing in memory: where it wins and where it loses, what crosses the port, and what it costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from roofline.accelerators import accelerator
from roofline.catalog import model
from roofline.kernel import pass_time
from roofline.operators import Operator, Operators
from roofline.parallel import ONE_CHIP, Parallel
from roofline.precision import Precision
from sweeps.accelerator import on_accelerator
from sweeps.breakdown import breakdown
from sweeps.constants import resolved_constants
from sweeps.evaluate import evaluate
from sweeps.factors import factors, machine_of, placement_of
from sweeps.scenario import Deployment, Modelling, Request, Scenario, Technology, scenario

HBM_PORT, HBM_INSIDE = 819e9, 4 * 819e9


def columns(**values: float) -> dict[str, Any]:
    given = {"dram_bytes_per_s": HBM_PORT, "compute_flop_per_s": 200e12, "sram_bytes": 32e6}
    given |= {"dram_bytes": 64e9, "flash_bytes": 0.0} | values
    return {name: np.array([value]) for name, value in given.items()}


def asked(
    pim: str = "hbm-pim",
    *,
    batch: int = 1,
    name: str = "llama-2-7b",
    parallel: Parallel = ONE_CHIP,
    **technology: Any,
) -> Scenario:
    how = Modelling(sram_residency=False, launch_overhead_s=0.0)
    chosen = Technology(dram_kind="hbm3", pim=pim, **technology) if "dram_kind" not in technology else None
    deployment = Deployment(parallel=parallel)
    return scenario([Request(model(name), 512, 2, batch)], chosen or Technology(pim=pim, **technology), deployment, how)


def one(value: object) -> float:
    return float(np.asarray(value).reshape(-1)[0])


def step_s(of: Scenario, row: Operator, **values: float) -> tuple[float, float, float]:
    """Seconds, DRAM bytes and bytes inside the memory of a pass of one operator."""
    designs = columns(**values)
    machine = machine_of(designs, of)
    done = pass_time(Operators((row,)), machine, placement_of(designs, of, of.workloads[0], machine))
    return one(done.seconds), one(done.dram_bytes), one(done.pim_bytes)


def gemv(batch: float) -> Operator:
    size = 4096.0
    return Operator(
        "gemv",
        flop=2 * batch * size * size,
        weight_bytes=2 * size * size,
        act_read_bytes=2 * batch * size,
        act_write_bytes=2 * batch * size,
    )


def test_gemv_in_memory_beats_the_port_at_batch_1_and_loses_at_batch_256() -> None:
    there, port = asked(), asked("none")
    row = gemv(1)
    seconds, moved, inside = step_s(there, row)
    assert step_s(port, row)[0] == pytest.approx(row.compulsory_bytes / HBM_PORT)
    # 1 FLOP per byte of weights against 0.977 that the memory computes per byte it reads.
    assert seconds == pytest.approx(row.flop / (0.977 * HBM_INSIDE))
    assert seconds < step_s(port, row)[0] / 3.8
    assert (moved, inside) == (2 * 2 * 4096, row.weight_bytes)
    many = gemv(256)
    assert step_s(there, many) == step_s(port, many)
    assert step_s(there, many)[2] == 0


def test_attention_in_memory_beats_the_port_where_every_head_has_its_cache() -> None:
    # At any batch: a sequence brings its own cache. With 8 queries on one cached head the memory computes too slowly.
    for name, wins in (("llama-2-7b", True), ("llama-3-70b", False)):
        of = asked(name=name, batch=8)
        (row,) = [row for row in of.workloads[0].decode if row.name == "attention"]
        seconds, moved, inside = step_s(of, row, dram_bytes=400e9)
        plain = step_s(asked("none", name=name, batch=8), row, dram_bytes=400e9)
        if not wins:
            assert (seconds, moved, inside) == plain
            continue
        assert seconds < plain[0] / 3
        assert inside == row.count * row.kv_read_bytes
        assert moved == row.count * (row.act_read_bytes + row.act_write_bytes + row.kv_write_bytes)


def test_weights_that_are_not_wholly_in_the_memory_run_on_the_chip() -> None:
    there, port = asked(flash_kind="nvme"), asked("none", flash_kind="nvme")
    small, large = columns(dram_bytes=10e9, flash_bytes=1e12), columns(dram_bytes=20e9, flash_bytes=1e12)
    assert one(factors(small, there)["decode_s.0"]) < one(factors(small, port)["decode_s.0"])  # attention still does
    dense = [row for row in breakdown(small, there) if row.phase == "decode" and row.name == "up_gate"]
    assert [row.pim_bytes for row in dense] == [0.0]
    dense = [row for row in breakdown(large, there) if row.phase == "decode" and row.name == "up_gate"]
    assert [row.pim_bytes for row in dense] == [row.weight_bytes for row in dense]
    assert dense[0].bound_by == "pim compute"


@pytest.mark.parametrize("pim, more", [("hbm-pim", {}), ("nand-pim", {"flash_kind": "nvme"})])
def test_breakdown_sums_to_the_factors_bit_for_bit(pim: str, more: dict[str, str]) -> None:
    of = asked(pim, **more)
    designs = columns(dram_bytes=2e9, flash_bytes=1e12) if more else columns()
    found = factors(designs, of)
    rows = breakdown(designs, of)
    assert any(row.pim_bytes for row in rows)
    for phase in ("prefill", "decode"):
        for factor, field in (
            ("s", "seconds"), ("sram_bytes", "sram_bytes"), ("dram_bytes", "dram_bytes"),
            ("flash_bytes", "flash_bytes"), ("pim_bytes", "pim_bytes"),
        ):  # fmt: skip
            total = 0.0
            for row in rows:
                if row.phase == phase:
                    total = total + getattr(row, field)
            assert total == one(found[f"{phase}_{factor}.0"]), (phase, factor)


def test_a_collective_never_runs_in_memory_and_what_does_sends_nothing() -> None:
    of = asked(batch=4, parallel=Parallel(2, pipeline=2))
    found, rows = factors(columns(), of), breakdown(columns(), of)
    links = [row for row in rows if row.link_bytes]
    assert {row.name for row in links} >= {"all_reduce_mlp", "send_stage", "all_gather_logits"}
    assert {(row.bound_by, row.pim_bytes) for row in links} == {("link", 0.0)}
    assert all("link" not in row.ceilings_s for row in rows if row.pim_bytes)
    for phase in ("prefill", "decode"):
        for factor, field in (("s", "seconds"), ("pim_bytes", "pim_bytes"), ("link_bytes", "link_bytes")):
            total = 0.0
            for row in rows:
                if row.phase == phase:
                    total = total + getattr(row, field)
            assert total == one(found[f"{phase}_{factor}.0"]), (phase, factor)


def test_every_chip_of_a_deployment_pays_for_the_bytes_inside_its_memory() -> None:
    parallel = Parallel(2, pipeline=3, data=2)
    of = asked(batch=3, parallel=parallel)
    work, found = of.workloads[0], factors(columns(), of)
    assert work.passes_per_chip != 1
    free = replace(of, constants={**of.constants, "pim_j_per_byte": 0.0})
    gained = one(evaluate(columns(), of)["energy_j_per_token"]) - one(evaluate(columns(), free)["energy_j_per_token"])
    inside = one(found["prefill_pim_bytes.0"]) + one(found["decode_pim_bytes.0"])
    chips_j = parallel.chips * work.passes_per_chip * inside * of.constants["pim_j_per_byte"]
    assert gained == pytest.approx(chips_j / (3 * 2), rel=1e-9)
    # Peak power of a chip holds both what its memory and what its link may draw.
    peaks = [
        one(evaluate(columns(), asked(pim, batch=3, parallel=of_chips))["peak_power_w"])
        for pim, of_chips in (("hbm-pim", parallel), ("none", parallel), ("hbm-pim", ONE_CHIP), ("none", ONE_CHIP))
    ]
    assert peaks[0] - peaks[1] == pytest.approx(peaks[2] - peaks[3], rel=1e-9)
    assert peaks[1] > peaks[3]


def test_flash_that_computes_reads_the_weights_itself() -> None:
    plain, there = (asked(name, dram_kind="lpddr5x", flash_kind="nvme") for name in ("none", "nand-pim"))
    designs = columns(dram_bytes_per_s=68e9, dram_bytes=2e9, flash_bytes=1e12)
    before, after = factors(designs, plain), factors(designs, there)
    # 13 GB of weights at 7 GB/s, or at 100 GB/s inside.
    assert one(before["decode_s.0"]) == pytest.approx(1.7, rel=0.1)
    assert one(after["decode_s.0"]) == pytest.approx(0.13, rel=0.1)
    assert one(after["decode_flash_bytes.0"]) < one(before["decode_flash_bytes.0"]) / 100
    assert one(after["decode_dram_bytes.0"]) < one(before["decode_dram_bytes.0"]) / 10
    assert one(after["decode_pim_bytes.0"]) == pytest.approx(13e9, rel=0.03)
    # Prefill stays where the arithmetic is, but for the LM head, which sees one token.
    assert one(after["prefill_pim_bytes.0"]) == pytest.approx(2 * 32000 * 4096, rel=1e-3)


def test_energy_counts_bytes_inside_once_and_power_stays_below_the_peak() -> None:
    how = {"constants": {"dram_edge_mm_per_unit": 1e-6}}
    of, plain = asked(**how), asked("none", **how)
    one_sided = {name: evaluate(columns(), which) for name, which in (("pim", of), ("none", plain))}
    for got in one_sided.values():
        assert one(got["sustained_power_w"]) <= one(got["peak_power_w"])
    assert one(one_sided["pim"]["peak_power_w"]) > one(one_sided["none"]["peak_power_w"])
    assert one(one_sided["pim"]["energy_j_per_token"]) < one(one_sided["none"]["energy_j_per_token"])
    free = replace(of, constants={**of.constants, "pim_j_per_byte": 0.0})
    found = factors(columns(), of)
    steps = one(found["prefill_pim_bytes.0"]) + one(found["decode_pim_bytes.0"])
    gained = one(evaluate(columns(), of)["energy_j_per_token"]) - one(evaluate(columns(), free)["energy_j_per_token"])
    assert gained == pytest.approx(steps * of.constants["pim_j_per_byte"] / 2, rel=1e-9)


def test_a_byte_of_computing_memory_takes_more_of_the_die() -> None:
    plain, there = (
        resolved_constants(Technology(dram_kind="hbm3", pim=pim), Deployment()) for pim in ("none", "hbm-pim")
    )
    for name in ("dram_usd_per_byte", "dram_kg_per_byte"):
        assert there[name] == pytest.approx(1.33 * plain[name])
    assert there["flash_usd_per_byte"] == plain["flash_usd_per_byte"]


@pytest.mark.parametrize(
    "technology, message",
    [
        ({"pim": "hbm-pim", "dram_kind": "lpddr5x"}, "hbm-pim needs DRAM of kind hbm, got dram_kind lpddr5x"),
        ({"pim": "gddr6-aim", "dram_kind": "hbm3"}, "gddr6-aim needs DRAM of kind gddr"),
        ({"pim": "nand-pim"}, "nand-pim computes in flash, and technology.flash_kind is none"),
        ({"pim": "hbm"}, "no option 'hbm' in the table 'pim'"),
    ],
)
def test_memory_that_is_not_there_cannot_compute(technology: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scenario([Request(model("qwen2-1.5b"), 8, 2)], Technology(**technology), Deployment(), Modelling())  # type: ignore[arg-type]


def test_without_computing_memory_there_are_no_such_factors() -> None:
    assert not [name for name in factors(columns(), asked("none")) if "pim" in name]


@pytest.mark.parametrize("name, inside", [("hbm-pim", 1.2288e12), ("gddr6-aim", 5.12e11)])
def test_published_computing_memories_decode_at_their_inner_bandwidth(name: str, inside: float) -> None:
    chip = accelerator(name)
    asked_of = Request(model("qwen2-1.5b"), 128, 2, 1, Precision("fp16", "fp16", "fp16"))
    big = replace(chip, dram_bytes=64e9)
    found = factors(*on_accelerator(big, asked_of))
    weights = one(found["decode_pim_bytes.0"])
    assert weights > 2.9e9
    assert weights / inside <= one(found["decode_s.0"]) <= 1.2 * weights / inside
    # One part alone is too small to hold it: nothing of it runs in memory.
    small = factors(*on_accelerator(replace(chip, dram_bytes=1e9), asked_of))
    assert one(small["missing_bytes.0"]) > 0
