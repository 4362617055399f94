"""Ledgers: every part of a watt, a dollar, a gram is named, sums to the total, and names the constants it hangs on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from drawn_scenarios import deployments, designs, mixes, modellings, technologies
from flat_memory import design, request
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.evaluate import evaluate
from sweeps.factors import factors
from sweeps.ledger import Ledger, ledgers
from sweeps.ledger_steps import LEDGERS
from sweeps.scenario import Deployment, Modelling, Scenario, Technology, scenario, with_constants
from sweeps.space import DESIGN_COLUMNS

H100 = design(dram_bytes_per_s=3.35e12, compute_flop_per_s=989e12, sram_bytes=50e6, dram_bytes=80e9)


def h100(**deployment: object) -> Scenario:
    technology = Technology(node="4nm", dram_kind="hbm3")
    asked = request("llama-3-8b", prompt=1024, output=256, batch=8)
    return scenario([asked], technology, Deployment(**deployment), Modelling())  # type: ignore[arg-type]


def amounts(ledger: Ledger) -> dict[str, float]:
    return {entry.name: entry.amount for entry in ledger.entries}


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_parts_sum_to_the_total_bit_for_bit(data: st.DataObject) -> None:
    of = scenario(data.draw(mixes()), data.draw(technologies()), data.draw(deployments()), data.draw(modellings()))
    columns = data.draw(designs(of))
    row = data.draw(st.integers(0, len(columns["sram_bytes"]) - 1))
    chosen = {name: columns[name][row : row + 1] for name in DESIGN_COLUMNS}
    with np.errstate(all="ignore"):
        totals = evaluate(chosen, of)
    for ledger in ledgers(chosen, of):
        total = float(np.ravel(totals[ledger.column])[0])
        assert ledger.total == total or (math.isnan(ledger.total) and math.isnan(total))
        if math.isfinite(total):
            assert math.fsum(entry.amount for entry in ledger.entries) == total, ledger.column


@pytest.mark.parametrize("column", LEDGERS)
def test_a_constant_moves_the_parts_that_name_it_and_no_other(column: str) -> None:
    """Each constant a little larger: what changes says that it depends on it, and what says so changes.

    Constants that move factors (silicon, times) move nearly everything, so of those only the second is asked.
    """
    of = h100(volume=100_000)
    before = {e.name: e for e in ledgers(H100, of, [column])[0].entries}
    wrong, same = [], factors(H100, of)
    for name, constant in of.ranges.items():
        if constant.value == 0 or name in ("yield_clustering", "max_dies", "dequantization_ops", "accumulator_bytes"):
            continue
        moved = with_constants(of, {name: constant.value * 1.03})
        after = amounts(ledgers(H100, moved, [column])[0])
        now = factors(H100, moved)
        apart = all(np.array_equal(now[key], same[key]) for key in same)
        for part, entry in before.items():
            changed = abs(after.get(part, 0.0) / entry.amount - 1) > 1e-9
            named = name in {c.name for c in entry.constants}
            if named and not changed and name not in ("reticle_mm2",):
                wrong.append(f"{part} names {name} and does not move")
            if changed and not named and not entry.share_of and apart:
                wrong.append(f"{part} moves with {name} and does not name it")
    assert wrong == []


def test_the_parts_of_a_bill_are_what_a_person_would_write() -> None:
    of = h100()
    bill = amounts(ledgers(H100, of, ["bom_usd"])[0])
    k = of.constants
    assert bill["DRAM"] == pytest.approx(80e9 * k["dram_usd_per_byte"], rel=1e-12)
    before_assembly = sum(amount for name, amount in bill.items() if not name.startswith("assembly"))
    assembly = bill["assembly, test, yield of the package, board"]
    assert assembly == pytest.approx(before_assembly * (k["assembly_relative"] - 1.0), rel=1e-12)


def test_the_site_multiplies_what_the_package_draws() -> None:
    of = h100()
    ledger = ledgers(H100, of, ["facility_energy_j_per_token"])[0]
    parts, k = amounts(ledger), of.constants
    assert parts["cooling and losses of the site (PUE)"] == pytest.approx(ledger.total * (1 - 1 / k["pue"]), rel=1e-12)
    package = ledger.total / k["pue"] / k["host_energy_relative"]
    assert parts["host"] == pytest.approx(package * (k["host_energy_relative"] - 1.0), rel=1e-12)


@pytest.mark.parametrize("deployment", [{"utilization": 0.3}, {"utilization": None, "demand_tokens_per_s": 40.0}])
def test_electricity_is_split_into_waiting_and_work(deployment: dict[str, float | None]) -> None:
    of = h100(**deployment)
    columns = {name: float(np.ravel(value)[0]) for name, value in evaluate(H100, of).items() if np.size(value) == 1}
    waiting_s = (1.0 / columns["utilization"] - 1.0) / columns["tokens_per_s"]
    k = of.constants
    waiting_j = columns["idle_power_w"] * waiting_s * k["host_energy_relative"] * k["pue"]
    carbon, usd = (amounts(ledgers(H100, of, [name])[0]) for name in ("carbon_g_per_mtoken", "tco_usd_per_mtoken"))
    assert carbon["operation: electricity while waiting"] == pytest.approx(
        waiting_j * k["grid_kg_per_j"] * 1e9, rel=1e-9
    )
    assert usd["electricity while waiting"] == pytest.approx(waiting_j * k["electricity_usd_per_j"] * 1e6, rel=1e-9)
    working_j = columns["facility_energy_j_per_token"] - waiting_j
    assert carbon["operation: electricity at work"] == pytest.approx(working_j * k["grid_kg_per_j"] * 1e9, rel=1e-9)
    assert usd["electricity at work"] == pytest.approx(working_j * k["electricity_usd_per_j"] * 1e6, rel=1e-9)


def test_chips_that_never_wait_have_no_electricity_of_waiting() -> None:
    for ledger in ledgers(H100, h100(utilization=1.0), ["carbon_g_per_mtoken", "tco_usd_per_mtoken"]):
        assert not [name for name in amounts(ledger) if name.endswith("while waiting")]


def test_a_power_cap_is_a_part_of_what_it_lowers() -> None:
    of = scenario(
        [request("llama-3-8b", prompt=1024, output=256, batch=8)],
        Technology(node="4nm", dram_kind="hbm3", power_cap_w=300.0),
        Deployment(),
        Modelling(),
    )
    peak = ledgers(H100, of, ["peak_power_w"])[0]
    assert peak.total == 300.0
    assert amounts(peak)["what the power cap saves"] < -100
    assert math.fsum(entry.amount for entry in peak.entries) == 300.0


def test_what_cannot_be_built_has_parts_of_what_it_is_and_none_of_what_it_does() -> None:
    tiny = design(dram_bytes_per_s=3.35e12, compute_flop_per_s=989e12, sram_bytes=50e6, dram_bytes=1e9)
    found = {ledger.column: ledger for ledger in ledgers(tiny, h100())}
    assert math.isnan(found["tco_usd_per_mtoken"].total)
    assert found["tco_usd_per_mtoken"].entries == ()
    assert math.fsum(entry.amount for entry in found["bom_usd"].entries) == found["bom_usd"].total


def test_there_is_no_ledger_of_a_latency() -> None:
    with pytest.raises(ValueError, match="no ledger of tpot_s; there are die_area_mm2"):
        ledgers(H100, h100(), ["tpot_s"])
