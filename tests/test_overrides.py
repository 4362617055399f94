"""Constants that a study overrides: numbers, quantities with units, ranges, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
from small_run import changed

from costmodels import tables
from costmodels.tables import UNIT_SCALE
from dse import evaluate, load
from dse.catalogs import vocabulary
from dse.errors import StudyError
from dse.plan import problem_of
from dse.study_constants import DIVISORS, Ranged, in_unit


def study(constants: Any, **technology: Any) -> dict[str, Any]:
    return {
        "name": "overrides",
        "workloads": [{"model": "llama-3-8b", "prompt_tokens": 512, "output_tokens": 64}],
        "design": {
            "dram_bandwidth": "3 TB/s",
            "compute": "1000 TFLOP/s",
            "sram": "50 MB",
            "dram": "80 GB",
        },
        "technology": {"dram_kind": "hbm3", "sram_style": "cache", "constants": constants, **technology},
    }


def constant(name: str, value: Any) -> tables.Constant:
    """Return a constant of the scenario of a study that overrides it."""
    return problem_of(load(study({name: value}))).scenario(0).ranges[name]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("dram_usd_per_byte", "9 USD/GB", 9e-9),
        ("dram_usd_per_byte", "0.009 USD/MB", 9e-9),
        ("dram_usd_per_byte", "9 USD/GiB", 9 / 2**30),
        ("dram_j_per_byte", "0.5 pJ/bit", 4e-12),
        ("dram_j_per_byte", "4 pJ/byte", 4e-12),
        ("dram_j_per_byte", "4 pJ/B", 4e-12),
        ("fab_j_per_mm2", "2.15 kWh/cm2", 77_400.0),
        ("defects_per_mm2", "0.1 1/cm2", 1e-3),
        ("dram_phy_mm2_per_byte_per_s", "0.04 mm2/(GB/s)", 4e-11),
        ("sram_bytes_per_s_per_byte", "0.4 (TB/s)/MB", 4e5),
        ("electricity_usd_per_j", "0.1 USD/kWh", 0.1 / 3.6e6),
        ("grid_kg_per_j", "400 g/kWh", 0.4 / 3.6e6),
        ("os_reserve_bytes", "2 GiB", 2.0**31),
        ("host_kg", "0.7 tonne", 700.0),
        ("facility_years", "10 year", 10.0),
        ("yield_clustering", 10, 10.0),
        ("pue", 1.1, 1.1),
        ("pue", "1.1", 1.1),
        ("wafer_usd", 0, 0.0),
    ],
)
def test_an_override_is_read_in_any_unit_of_its_kind(name: str, text: Any, expected: float) -> None:
    got = constant(name, text)
    assert (got.value, got.low, got.high) == pytest.approx((expected, expected, expected), rel=1e-12)
    assert (got.distribution, got.source) == ("fixed", "given by the study")


@pytest.mark.parametrize("unit", UNIT_SCALE)
def test_every_unit_of_the_tables_can_be_written_in_a_study(unit: str) -> None:
    assert in_unit("2" if unit == "1" else f"2 {unit}", unit) == 2.0


def test_an_override_may_have_a_range_of_its_own() -> None:
    got = constant("dram_usd_per_byte", {"value": "9 USD/GB", "low": "5 USD/GB", "high": 2e-8})
    assert (got.low, got.value, got.high) == pytest.approx((5e-9, 9e-9, 2e-8))
    assert got.family == "memory_price"
    assert got.distribution == "triangular"
    assert constant("pue", {"value": 1.3}).distribution == "fixed"
    assert constant("reticle_mm2", {"value": 429, "low": 400, "high": 858}).distribution == "triangular"
    assert constant("bond_wafers", {"value": 0.001, "low": 0, "high": 0.01}).distribution == "triangular"


def test_a_study_with_overrides_makes_the_round_trip() -> None:
    given = load(
        study(
            {
                "pue": [1.1, 1.3],
                "dram_usd_per_byte": ["9 USD/GB", "12 USD/GB"],
                "host_kg": {"log": ["100 kg", "1000 kg"], "points": 3},
                "wafer_usd": {"value": "17000 USD", "low": 15000, "high": 20000},
            }
        )
    )
    again = load(given.to_yaml())
    assert again == given
    assert again.digest() == given.digest()
    assert given.technology.constants["wafer_usd"] == Ranged(17000.0, 15000.0, 20000.0)
    axes = {axis.path: axis.values for axis in given.scenario_axes}
    assert axes["technology.constants.dram_usd_per_byte"] == ("9 USD/GB", "12 USD/GB")
    assert axes["technology.constants.host_kg"] == pytest.approx((100.0, math.sqrt(1e5), 1000.0))
    assert load(study({"pue": 1.1})).digest() != load(study({"pue": {"value": 1.1, "low": 1, "high": 1.2}})).digest()


def test_an_axis_of_quantities_moves_the_price() -> None:
    rows = evaluate(study({"dram_usd_per_byte": ["9 USD/GB", "18 USD/GB"]}), {"sram": ["50 MB"]})
    cheap, dear = rows["bom_usd"]
    k = tables.constants("common")["assembly_relative"].value
    assert dear - cheap == pytest.approx(80 * 9 * k, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("dram_usd_per_byt", 1, r'a constant.* got "dram_usd_per_byt" \(did you mean "dram_usd_per_byte"'),
        ("dram_usd_per_byte", -1, r"dram_usd_per_byte: expected a number at least 0, got -1"),
        ("dram_usd_per_byte", "-9 USD/GB", r'expected a quantity of at least 0, got "-9 USD/GB"'),
        ("dram_usd_per_byte", "9 USD/GHz", r'expected a quantity in USD/GB such as "2 USD/GB", got "9 USD/GHz"'),
        ("dram_usd_per_byte", "9", r'expected a quantity in USD/GB such as "2 USD/GB", got "9"'),
        ("dram_usd_per_byte", "9 EUR/GB", r'got "9 EUR/GB": .*unknown unit "EUR"'),
        ("fab_j_per_mm2", "150 kWh", r'expected a quantity in kWh/cm2 such as "2 kWh/cm2", got "150 kWh"'),
        ("pue", "120 %", r'expected a plain number such as 0.6, got "120 %"'),
        ("pue", "1.2 W", r'expected a plain number such as 0.6, got "1.2 W"'),
        ("pue", True, r"expected a number at least 0, got true"),
        ("pue", math.nan, r"got nan"),
        ("pue", {"value": 1.2, "low": 1.3, "high": 1.4}, r"expected low <= value <= high, got low 1.3, value 1.2"),
        ("pue", {"value": 1.2, "low": 1.1}, r"expected \{value: , low: , high: \}, got only value, low"),
        ("pue", {"low": 1.1, "high": 1.4}, r"got only low, high"),
        (
            "pue",
            {"value": 1.2, "hihg": 1.4},
            r'unknown key "hihg" \(did you mean "high"\?\); allowed: value, low, high',
        ),
        ("yield_clustering", 2.5, r"expected a whole number, got 2.5"),
        ("max_dies", 0, r"expected more than 0, as other numbers are divided by it, got 0"),
        ("harvest_share", 60, r"expected a part of 1, at most 1, got 60"),
    ],
)
def test_an_override_that_cannot_be_is_refused_where_it_stands(name: str, value: Any, message: str) -> None:
    with pytest.raises(StudyError, match=message) as error:
        load(study({name: value}))
    assert "technology.constants" in str(error.value)


def test_every_constant_can_be_overridden_by_what_its_table_says() -> None:
    for name, row in vocabulary().constant_rows.items():
        scale = UNIT_SCALE[row.unit]
        text = str(row.value / scale) if row.unit == "1" else f"{row.value / scale!r} {row.unit}"
        assert constant(name, text).value == pytest.approx(row.value, rel=1e-12), name


@pytest.mark.parametrize("name", vocabulary().constant_rows)
def test_a_constant_of_zero_is_refused_or_gives_finite_costs(name: str) -> None:
    refused = ("pue", "host_energy_relative", "busy_w_per_mm2")  # at least 1, and at least the idle power
    if name in DIVISORS or name in refused:
        with pytest.raises(StudyError, match="constants"):
            evaluate(study({name: 0}), {"sram": ["50 MB"]})
        return
    row = evaluate(study({name: 0}), {"sram": ["50 MB"]}).iloc[0]
    for column in ("die_area_mm2", "bom_usd", "price_usd", "embodied_kg", "peak_power_w"):
        assert 0 <= row[column] < math.inf, column


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ("{reticle_mm2: 5}", "reticle_mm2 must exceed die_to_die_mm2"),
        ("{edge_exclusion_mm: 200}", "wafer_diameter_mm must exceed twice edge_exclusion_mm"),
        ("{pue: 0.5}", "pue is at least 1"),
        ("{host_energy_relative: 0.2}", "host_energy_relative is at least 1"),
        ("{idle_w_per_mm2: 5}", "idle_w_per_mm2 must not exceed busy_w_per_mm2"),
        ("{max_dies: 1000000}", "max_dies is at most 1024"),
    ],
)
def test_overrides_that_do_not_go_together_are_refused(constants: str, message: str) -> None:
    study = changed(("sram_style: scratchpad", f"sram_style: scratchpad, constants: {constants}"))
    with pytest.raises(StudyError, match=message):
        problem_of(load(study))


def test_measured_shares_do_not_go_with_a_power_cap() -> None:
    study = changed(
        ("sram_style: scratchpad", "sram_style: scratchpad, power_cap: 20 W"),
        ("objectives:", "modelling: {power: anchored}\nobjectives:"),
    )
    with pytest.raises(StudyError, match="does not go with a power cap"):
        problem_of(load(study))
