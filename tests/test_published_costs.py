"""Published costs, and predictions that have not seen them."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from costmodels import tables
from roofline import catalog
from roofline.accelerators import accelerators, find
from roofline.model import Model
from sweeps import cost_rows as module
from sweeps import silicon_fit, silicon_rows
from sweeps.cost_comparison import QUANTITIES, CostComparison, compare_costs
from sweeps.cost_rows import GIVEN_AREA, OWN_AREA, Subject, cost_rows, published_area_mm2
from sweeps.device_costs import device_costs
from sweeps.energy_rows import ANCHORED, FIRST_PRINCIPLES, WITH_MEASURED_TIME, energy_samples
from sweeps.measurements import ENERGIES_OF_MEASUREMENTS, read_measurements
from sweeps.power import PowerShares
from sweeps.published_costs import COLUMNS, parsed, published_costs

HEADER = ",".join(COLUMNS)


def model(name: str, hf_id: str = "") -> Model:
    return catalog.model(catalog.canonical_name(name))


@pytest.fixture(scope="module")
def comparison() -> CostComparison:
    return compare_costs(read_measurements().rows, accelerators(), models=model, accelerators=find)


def test_every_device_is_in_the_catalog_by_its_name() -> None:
    assert {find(cost.device).name for cost in published_costs()} == {cost.device for cost in published_costs()}


def test_no_published_number_repeats_the_catalog() -> None:
    for cost in published_costs():
        if cost.quantity == "die_area_mm2":
            assert find(cost.device).die_area_mm2 is None


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("h100,weight_kg,1,1,1,kg,2026,check,,read: x", 'unknown quantity "weight_kg"'),
        ("h100,bom_usd,1,1,1,EUR,2026,check,,read: x", "unit of bom_usd: expected USD, got 'EUR'"),
        ("h100,bom_usd,1,2,3,USD,2026,check,,read: x", "expected 0 < low <= value <= high, got 2, 1, 3"),
        ("h100,bom_usd,1,1,nan,USD,2026,check,,read: x", "expected 0 < low <= value <= high"),
        ("h100,bom_usd,1,1,1,USD,2026,guess,,read: x", 'unknown use "guess"'),
        ("h100,bom_usd,1,1,1,USD,2026,fitted,,read: x", "a fitted number names the constants"),
        ("h100,bom_usd,1,1,1,USD,2026,check,pue,read: x", "a fitted number names the constants"),
        ("h100,bom_usd,1,1,1,USD,2026,check,,", "source is empty"),
    ],
)
def test_a_wrong_row_is_told_with_its_line(row: str, said: str) -> None:
    with pytest.raises(ValueError, match="line 2: ") as told:
        parsed(f"{HEADER}\n{row}\n")
    assert said in str(told.value)


def test_a_second_row_and_a_wrong_header_are_refused() -> None:
    row = "h100,bom_usd,1,1,1,USD,2026,check,,read: x\n"
    with pytest.raises(ValueError, match="line 3: a second bom_usd of h100"):
        parsed(f"{HEADER}\n{row}{row}")
    with pytest.raises(ValueError, match="line 1: expected the columns device,quantity"):
        parsed("device,value\nh100,1\n")


def test_sources_say_how_they_are_known() -> None:
    text = (files("sweeps") / "data" / "published_costs.csv").read_text(encoding="utf8")
    assert all(
        c.source.split(":")[0] in {"read", "derived", "recalled, unverified", "assumption"} for c in parsed(text)
    )


def test_numbers_that_constants_were_fitted_to_are_marked(comparison: CostComparison) -> None:
    """With one constant and another family of dies it is refitted; the others have seen what they are held against."""
    seen = {row.id for row in comparison.rows if row.in_sample and row.tested is not None}
    costs = {cost.device + "/" + cost.quantity: cost for cost in published_costs() if cost.use == "fitted"}
    assert {"h100-sxm-80gb/embodied_kg", "h200-sxm/embodied_kg", "m2-ultra/idle_power_w"} <= seen
    assert "b200-sxm/embodied_kg" not in seen
    for row in comparison.rows:
        if row.id in costs:
            assert row.fitted
            assert row.tested is None or row.in_sample == (row.left_out is None)
            assert row.tested is None or row.note
    for part in comparison.parts:
        if part.quantity == "embodied_kg":
            assert (part.rows, part.in_sample) == (4, 2)


def test_what_is_refitted_has_not_seen_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three times the bill of materials of the B200 changes the prediction for others, and not its own."""

    def others(factor: float) -> dict[tuple[str, str], float | None]:
        costs = [
            replace(c, value=factor * c.value, high=9 * c.high)
            if (c.device, c.quantity) == ("b200-sxm", "bom_usd")
            else c
            for c in published_costs()
        ]
        monkeypatch.setattr(module, "published_costs", lambda: tuple(costs))
        return {(r.id, r.basis): r.left_out for r in cost_rows(find) if r.quantity == "bom_usd"}

    before, after = others(1.0), others(3.0)
    assert before["b200-sxm/bom_usd", GIVEN_AREA] == after["b200-sxm/bom_usd", GIVEN_AREA]
    assert before["h200-sxm/bom_usd", GIVEN_AREA] != after["h200-sxm/bom_usd", GIVEN_AREA]


def test_a_refit_by_hand() -> None:
    """Assembly that makes the B200's bill right, on the H200's parts."""
    subjects = {
        c.device: Subject(c, find(c.device), published_area_mm2(find(c.device)))
        for c in published_costs()
        if c.quantity == "bom_usd"
    }
    parts = {name: one.predicted(GIVEN_AREA, assembly_relative=1.0) for name, one in subjects.items() if one.area_mm2}
    assembly = subjects["b200-sxm"].cost.value / parts["b200-sxm"]
    (row,) = (r for r in cost_rows(find) if (r.id, r.basis) == ("h200-sxm/bom_usd", GIVEN_AREA))
    assert row.left_out == pytest.approx(parts["h200-sxm"] * assembly)
    assert row.error == pytest.approx(parts["h200-sxm"] * assembly / 4250 - 1)


@pytest.mark.parametrize("device", ["h100-sxm-80gb", "b200-sxm"])
def test_embodied_carbon_within_15_percent(comparison: CostComparison, device: str) -> None:
    (row,) = (r for r in comparison.rows if (r.id, r.basis) == (f"{device}/embodied_kg", GIVEN_AREA))
    assert row.error is not None
    assert abs(row.error) <= 0.15


def test_areas_and_limits_come_from_fits_that_have_not_seen_the_family(comparison: CostComparison) -> None:
    rows = {(r.id, r.basis): r for r in comparison.rows if r.quantity in ("die_area_mm2", "tdp_w")}
    for row in silicon_fit.validation():
        if row.in_sample is None:
            continue
        mine = rows[f"{row.device}/{silicon_rows.QUANTITIES[row.quantity]}", OWN_AREA]
        assert (mine.predicted, mine.left_out) == (row.in_sample, row.left_out)
        assert not mine.in_sample
    given = [row for (_, basis), row in rows.items() if basis == GIVEN_AREA]
    assert len(given) > 40
    assert all(row.quantity == "tdp_w" and row.left_out is not None for row in given)


def test_the_limit_at_the_published_area_by_hand(comparison: CostComparison) -> None:
    """Static power by area, and what is left of it: linear in the area."""
    (row,) = (r for r in comparison.rows if (r.id, r.basis) == ("h100-sxm-80gb/tdp_w", GIVEN_AREA))
    assert row.left_out is not None
    energy, vector, busy = silicon_fit.fits()["GH100"][1]
    constants = {"compute_j_per_flop": energy, "vector_energy_relative": vector, "busy_w_per_mm2": busy}
    twice = device_costs(find("h100"), area_mm2=2 * 814.0, constants=constants)["peak_power_w"]
    assert twice - row.left_out == pytest.approx(814.0 * busy)


@pytest.mark.parametrize("suffix", ["", WITH_MEASURED_TIME])
def test_energy_per_token_within_35_percent_with_the_device_left_out(comparison: CostComparison, suffix: str) -> None:
    rows = [r for r in comparison.rows if (r.quantity, r.basis) == ("energy_j_per_output_token", ANCHORED + suffix)]
    left_out = [row.left_out / row.published - 1.0 for row in rows if row.left_out is not None]
    assert len(left_out) > 120
    assert not any(row.in_sample for row in rows if row.tested is not None)
    assert np.median(np.abs(left_out)) <= 0.35


def test_every_device_is_there_or_listed(comparison: CostComparison) -> None:
    catalog_names = {chip.name for chip in accelerators()}
    for quantity in QUANTITIES:
        there = {row.device for row in comparison.rows if row.quantity == quantity}
        missing = {one.device for one in comparison.without_facts if one.quantity == quantity}
        assert there | missing == catalog_names
        assert not there & missing
    for row in comparison.rows:
        assert (row.tested is None) == bool(row.reason)
    assert all(one.reason for one in comparison.without_facts)
    for chip in accelerators():
        assert (chip.tdp_w is None) == any(
            (o.device, o.quantity) == (chip.name, "tdp_w") for o in comparison.without_facts
        )


def test_every_measured_energy_is_there(comparison: CostComparison) -> None:
    ids = {row.id for row in read_measurements().rows if row.metric in ENERGIES_OF_MEASUREMENTS}
    for basis in (FIRST_PRINCIPLES, ANCHORED):
        assert {r.id for r in comparison.rows if r.basis == basis} == ids


def test_some_devices_alone_are_predicted_as_among_all(comparison: CostComparison) -> None:
    some = compare_costs(
        read_measurements().rows, accelerators(), models=model, accelerators=find, devices=["h200-sxm", "a100-sxm-40gb"]
    )
    assert some.rows == tuple(r for r in comparison.rows if r.device in ("h200-sxm", "a100-sxm-40gb"))
    assert {share.device for share in some.shares} == {"a100-sxm-40gb"}


def test_the_dynamic_energy_of_a_step_by_hand() -> None:
    """One token of Llama 3 8B in 16 bit on an H100: its weights but the embedding cross HBM and SRAM once."""
    row = next(
        r for r in read_measurements().rows
        if (r.metric, r.model, r.hardware, r.batch) == ("energy_j_per_output_token", "llama-3-8b", "h100-sxm-80gb", 1.0)
    )  # fmt: skip
    (one,), reasons = energy_samples([row], model, find)
    assert reasons == {}
    tokens = 1024  # of a request; its prompt is one pass more
    weights = model("llama-3-8b").total_parameters - 128256 * 4096
    memory = tokens * 2 * weights * 4.9 * 8e-12
    common, node = tables.constants("common"), tables.constants("nodes", "5nm")
    joules = common["compute_j_per_flop"].value * node["compute_energy_relative"].value
    flop = (tokens + 1024) * 2 * weights * joules
    assert memory < one.dynamic_j < 1.3 * (memory + flop)
    static_w = 814 * tables.constants("segments", "datacenter")["busy_w_per_mm2"].value + 80 * 0.05
    assert one.busy_w == pytest.approx(static_w)
    assert one.by_first_principles(2.0) == pytest.approx((one.dynamic_j + 2.0 * static_w) / tokens)
    assert one.by_the_limit(PowerShares(0.5, 0.0), 2.0) == pytest.approx(0.5 * 700 * 2.0 / tokens)


def test_shares_of_the_measured_energy(comparison: CostComparison) -> None:
    assert {share.device for share in comparison.shares} == {"a100-sxm-40gb", "h100-sxm-80gb"}
    timed = {r.id for r in comparison.rows if r.basis == FIRST_PRINCIPLES + WITH_MEASURED_TIME and r.tested is not None}
    energies = {r.id for r in comparison.rows if r.quantity == "energy_j_per_output_token"}
    assert sum(share.rows for share in comparison.shares) == len(timed & energies)
    for share in comparison.shares:
        assert 0 < share.idle < share.busy < 1
        assert 0 < share.dynamic < 1


def test_own_area_takes_nothing_of_the_published_one(comparison: CostComparison) -> None:
    by_key = {(r.id, r.basis): r.predicted for r in comparison.rows}
    own, given = by_key["h100-sxm-80gb/idle_power_w", OWN_AREA], by_key["h100-sxm-80gb/idle_power_w", GIVEN_AREA]
    assert own is not None
    assert given is not None
    area = device_costs(find("h100"))["die_area_mm2"]
    per_mm2 = tables.constants("segments", "datacenter")["idle_w_per_mm2"].value
    assert area != pytest.approx(814.0, rel=1e-3)
    assert own - given == pytest.approx((area - 814.0) * per_mm2)
