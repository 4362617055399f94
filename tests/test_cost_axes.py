"""Every choice that moves a cost, as an axis of a small study: the direction it must go; and choices that cannot be."""

from __future__ import annotations

import itertools
from typing import Any

import pandas as pd
import pytest
from test_overrides import study

from costmodels import tables
from dse import evaluate, load
from dse.errors import StudyError
from dse.plan import problem_of


def rows(technology: Any = None, deployment: Any = None, **design: str) -> pd.DataFrame:
    """Return one row per scenario of the study's design."""
    given = study({})
    given["technology"] |= technology or {}
    given["deployment"] = deployment or {}
    given["design"] |= design
    return evaluate(given, {"sram": [given["design"]["sram"]]})


def falls(values: Any) -> bool:
    return bool(all(a > b for a, b in itertools.pairwise(values)))


def rises(values: Any) -> bool:
    return falls([-value for value in values])


def test_price_date_moves_prices_and_nothing_physical() -> None:
    got = rows({"prices": [2024, 2026]})
    for column in ("bom_usd", "price_usd", "tco_usd_per_mtoken"):
        assert rises(list(got[column])), column
    per_gb = [tables.constants("prices", date)["hbm3_usd_per_byte"].value * 80e9 for date in ("2024", "2026")]
    assembly = tables.constants("common")["assembly_relative"].value
    assert got["bom_usd"][1] - got["bom_usd"][0] == pytest.approx((per_gb[1] - per_gb[0]) * assembly, rel=1e-9)
    for column in ("die_area_mm2", "peak_power_w", "embodied_kg", "energy_j_per_token", "tokens_per_s"):
        assert got[column].nunique() == 1, column


def test_price_date_reverses_which_memory_is_cheaper_by_the_gigabyte() -> None:
    def usd(date: str, kind: str) -> float:
        return tables.constants("prices", date)[f"{kind}_usd_per_byte"].value

    assert usd("2024", "ddr5") < 0.5 * usd("2024", "hbm3")
    assert usd("2026", "ddr5") > usd("2026", "hbm3")


def test_volume_spreads_the_design_cost_and_its_share_falls() -> None:
    got = rows({"node": "5nm"}, {"volume": [10_000, 100_000, 1_000_000]})
    bare = rows({"node": "5nm"})["price_usd"][0]
    nre = tables.constants("nodes", "5nm")["nre_usd"].value
    extra = list(got["price_usd"] - bare)
    assert extra == pytest.approx([nre / volume for volume in (1e4, 1e5, 1e6)], rel=1e-6)
    assert falls([more / price for more, price in zip(extra, got["price_usd"], strict=True)])
    assert falls(list(got["tco_usd_per_mtoken"]))


def test_a_longer_life_costs_less_per_token_and_emits_less() -> None:
    got = rows(deployment={"lifetime": ["3 years", "5 years", "8 years"]})
    assert falls(list(got["tco_usd_per_mtoken"]))
    assert falls(list(got["carbon_g_per_mtoken"]))
    assert got["facility_energy_j_per_token"].nunique() == 1


def test_a_busier_chip_costs_less_and_idles_less_per_token() -> None:
    got = rows(deployment={"utilization": [0.2, 0.6, 1.0]})
    for column in ("tco_usd_per_mtoken", "carbon_g_per_mtoken", "facility_energy_j_per_token"):
        assert falls(list(got[column])), column
    assert got["energy_j_per_token"].nunique() == 1


def test_a_cleaner_grid_moves_carbon_only() -> None:
    got = rows(deployment={"grid": ["india", "usa", "france", "iceland"]})
    assert falls(list(got["carbon_g_per_mtoken"]))
    assert got["tco_usd_per_mtoken"].nunique() == 1  # the price of electricity is the table's unless asked for


def test_an_edge_part_has_no_host_facility_or_markup_of_a_server() -> None:
    got = rows(deployment={"segment": ["datacenter", "edge"]})
    for column in ("price_usd", "embodied_kg", "tco_usd_per_mtoken", "idle_power_w"):
        assert falls(list(got[column])), column


def test_a_newer_node_is_smaller_and_thriftier_and_costs_more_by_the_area() -> None:
    got = rows({"node": ["7nm", "5nm", "3nm"]})
    for column in ("die_area_mm2", "peak_power_w", "energy_j_per_token"):
        assert falls(list(got[column])), column
    silicon = got["bom_usd"] - rows({"node": ["7nm", "5nm", "3nm"], "constants": {"wafer_usd": 0}})["bom_usd"]
    assert rises(list(silicon / got["die_area_mm2"]))


def test_a_vector_datapath_is_larger_for_the_same_rate() -> None:
    got = rows({"datapath": ["tensor", "vector"]}, compute="100 TFLOP/s", dram_bandwidth="1 TB/s")
    assert rises(list(got["die_area_mm2"]))
    assert rises(list(got["energy_j_per_token"]))


def test_a_lower_power_limit_slows_and_saves_provision() -> None:
    free = rows()["peak_power_w"][0]
    caps = [0.9 * free, 0.6 * free]
    got = rows({"power_cap": [f"{cap:.0f} W" for cap in caps]})
    assert list(got["peak_power_w"]) == pytest.approx(caps, abs=0.5)
    assert got["tokens_per_s"][1] <= got["tokens_per_s"][0]
    assert got["throttled"][1] >= got["throttled"][0]


@pytest.mark.parametrize("kind", ["hbm3", "gddr7", "lpddr5x", "ddr5"])
def test_a_kind_of_dram_brings_its_price_energy_and_carbon(kind: str) -> None:
    given = {"dram_bandwidth": "300 GB/s", "dram": "128 GB"}
    row = rows({"dram_kind": ["hbm3e", kind]}, **given).iloc[1]
    assert row["technology.dram_kind"] == kind
    ranges = problem_of(load(study({}, dram_kind=kind))).scenario(0).ranges
    assert ranges["dram_usd_per_byte"].value == tables.constants("prices", "2026")[f"{kind}_usd_per_byte"].value
    more = rows({"dram_kind": kind}, **{**given, "dram": "256 GB"}).iloc[0]
    assert more["embodied_kg"] - row["embodied_kg"] == pytest.approx(
        128e9 * tables.constants("dram", kind)["dram_kg_per_byte"].value, rel=0.05
    )


def test_a_kind_of_flash_brings_its_price_and_its_drive() -> None:
    got = rows({"flash_kind": ["ufs", "nvme"]}, flash="1 TB").set_index("technology.flash_kind")
    drive = tables.constants("flash", "nvme")["flash_drive_kg"].value
    # The drive, and its standby and port power on the board.
    assert got["embodied_kg"]["nvme"] - got["embodied_kg"]["ufs"] >= drive
    bare = rows({"flash_kind": ["none", "ufs"]}, flash="0 GB")["bom_usd"]
    usd = tables.constants("prices", "2026")["ufs_usd_per_byte"].value * 1e12
    assembly = tables.constants("common")["assembly_relative"].value
    assert got["bom_usd"]["ufs"] - bare[1] == pytest.approx(usd * assembly, rel=1e-9)


def test_two_dates_and_a_volume_are_axes_together() -> None:
    got = rows({"prices": [2024, 2026], "node": ["7nm", "5nm"]}, {"volume": [10_000, 1_000_000]})
    assert len(got) == 8
    assert got["price_usd"].nunique() == 8


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"technology": {"node": "5nn"}}, r'technology\.node: .*got "5nn" \(did you mean "5nm"\?\)'),
        ({"technology": {"dram_kind": "hbm3f"}}, r'dram_kind: .*got "hbm3f" \(did you mean "hbm3'),
        ({"technology": {"flash_kind": "nvmee"}}, r'flash_kind: .*\(did you mean "nvme"\?\)'),
        ({"technology": {"prices": 2025}}, r"prices: .*2024, 2026"),
        ({"deployment": {"grid": "indai"}}, r'grid: .*\(did you mean "india"'),
        ({"deployment": {"grid": "atlantis"}}, r'grid: .*got "atlantis"'),
        (
            {"deployment": {"electricity": "grid", "grid": "norway"}},
            r"no price of electricity is known for the grid norway",
        ),
        ({"deployment": {"utilization": 0}}, r"utilization: expected a number above 0 and at most 1, got 0"),
        ({"deployment": {"utilization": 1.2}}, r"utilization: expected a number above 0 and at most 1, got 1.2"),
        ({"deployment": {"utilization": [0.5, 60]}}, r"utilization.*at most 1, got 60"),
        ({"deployment": {"lifetime": "0 years"}}, r"lifetime: expected a time above 0, got \"0 years\""),
        ({"deployment": {"lifetime": 5}}, r"lifetime: expected a quantity such as .*got 5 \(no unit\)"),
        ({"deployment": {"volume": 0}}, r"volume: expected a whole number from 1"),
        (
            {"deployment": {"electricity": "-0.08 USD/kWh"}},
            r"electricity: expected a price of electricity of at least 0",
        ),
        ({"technology": {"constants": {"wafer_usd": -1}}}, r"wafer_usd: expected a number at least 0, got -1"),
        ({"technology": {"constants": {"wafer_cost": 1}}}, r'got "wafer_cost"'),
        ({"technology": {"constants": {"wafer_us": 1}}}, r'got "wafer_us" \(did you mean "wafer_usd"'),
        ({"technology": {"power_cap": "0 W"}}, r"power_cap: expected a power above 0"),
    ],
)
def test_choices_that_cannot_be_are_refused_with_what_is_allowed(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError, match=message) as error:
        load({**study({}), **sections})
    assert error.value.exit_code == 2
