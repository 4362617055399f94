"""Answers that others published, by name: dies and yields, wafers, facilities, carbon, electricity.

Everything goes through the product's own functions and tables. Where the two differ the test says by how much.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from costmodels import carbon, ownership, tables, wafer
from costmodels.yields import die_yield
from sweeps.constants import resolved_constants
from sweeps.scenario import Deployment, Technology

CM2_PER_WAFER = math.pi * 15.0**2


# Dies and yield


@pytest.mark.parametrize(("side_mm", "dies"), [(15.0, 270), (10.0, 640)])
def test_hennessy_and_patterson_dies_of_a_300_mm_wafer(side_mm: float, dies: int) -> None:
    # Computer Architecture, 5th ed., section 1.6 (recalled, unverified): de Vries without edge or scribe.
    got = wafer.dies_per_wafer(side_mm**2, wafer_diameter_mm=300.0, edge_exclusion_mm=0.0, scribe_mm=0.0)
    assert round(float(np.asarray(got))) == dies


def test_a_wafer_holds_about_sixty_gh100() -> None:
    # 55 usable dies of a wafer at 85 % usable, reported of the supply of H100, are 64.7 gross; 60.0 with edge and
    # scribe of the tables.
    k = resolved_constants(Technology(node="4nm"), Deployment())
    names = ("wafer_diameter_mm", "edge_exclusion_mm", "scribe_mm")
    got = wafer.dies_per_wafer(814.0, **{name: k[name] for name in names})
    assert got == pytest.approx(55 / 0.85, rel=0.08)


# Feng and Ma, DAC 2022, with parameter.ini of Yinxiao-Feng/chiplet-actuary@b85c29f: 5 nm at 0.11 /cm2 and 16988 USD.
ACTUARY = {"wafer_diameter_mm": 300.0, "edge_exclusion_mm": 5.0, "scribe_mm": 0.2}


@pytest.mark.parametrize(
    ("area_mm2", "gross", "share", "usd"),
    [(100.0, 571.71, 0.89637, 33.149), (200.0, 276.20, 0.80444, 76.460), (800.0, 58.793, 0.43024, 671.59)],
)
def test_chiplet_actuary_known_good_die_at_5_nm(area_mm2: float, gross: float, share: float, usd: float) -> None:
    # Its chip.py by hand: A + 2 s sqrt(A) + s^2 around each die, (1 + D0 A/10)^-10, wafer cost over good dies.
    dies = wafer.dies_per_wafer(area_mm2, **ACTUARY)
    good = die_yield(area_mm2, defects_per_mm2=0.11 / 100, yield_clustering=10)
    assert (dies, good) == (pytest.approx(gross, rel=1e-4), pytest.approx(share, rel=1e-4))
    assert 16988 / (dies * good) == pytest.approx(usd, rel=1e-4)


def test_chiplet_actuary_defects_cost_more_than_half_of_a_large_5_nm_die() -> None:
    # The paper's reason for chiplets: over half of the cost of 800 mm2 at 5 nm is the dies thrown away.
    assert 1.0 - float(np.asarray(die_yield(800.0, defects_per_mm2=0.0011, yield_clustering=10))) > 0.5


def test_chiplet_actuary_wafers_and_design_costs_are_the_tables() -> None:
    for node, wafer_usd, nre_usd in (("7nm", 9346, 29.8e7), ("5nm", 16988, 54.2e7)):
        row = tables.constants("nodes", node)
        assert (row["wafer_usd"].value, row["nre_usd"].value) == (wafer_usd, nre_usd)


def test_two_halves_of_800_mm2_cost_less_than_one_die_without_harvesting() -> None:
    chosen: Any = {**ACTUARY, "defects_per_mm2": 0.0011, "yield_clustering": 10.0, "harvest_share": 0.0}
    chosen |= {"reticle_mm2": 858.0, "die_to_die_mm2": 10.0, "bond_wafers": 0.001}
    one, _ = wafer.package_silicon(np.array([800.0]), max_dies=1.0, **chosen)
    two, dies = wafer.package_silicon(np.array([800.0]), max_dies=2.0, **chosen)
    assert float(np.asarray(dies)[0]) == 2
    assert 16988 * float(np.asarray(one)[0]) == pytest.approx(671.59, rel=1e-4)
    assert 0.6 < float(np.asarray(two)[0] / np.asarray(one)[0]) < 0.7


# Carbon


@pytest.mark.parametrize(
    ("node", "grid_kg_per_kwh", "kg_per_cm2"),
    [
        # ACT 2.0: EPA x CI + GPA97 + MPA = 2.15 x CI + 0.275 + 0.500 at 7 nm, 3.25 x CI + 0.3725 + 0.5 at 3 nm;
        # Taiwan 0.583 in location.yaml (2022), 0.642 in location_2023.yaml.
        ("7nm", 0.583, 2.0285),
        ("7nm", 0.642, 2.1553),
        ("5nm", 0.642, 2.5930),
        ("3nm", 0.642, 2.9590),
    ],
)
def test_act_carbon_per_area(node: str, grid_kg_per_kwh: float, kg_per_cm2: float) -> None:
    k = resolved_constants(Technology(node=node, constants={"fab_kg_per_j": grid_kg_per_kwh / 3.6e6}), Deployment())
    assert k["wafer_kg"] / CM2_PER_WAFER == pytest.approx(kg_per_cm2, rel=1e-4)


def test_act_one_packaged_cm2_at_7_nm_in_taiwan() -> None:
    # E = CPA/yield + package = 2.1553/0.875 + 0.15 kg with ACT's yield, which no area changes.
    k = resolved_constants(Technology(node="7nm"), Deployment())
    per_cm2 = k["wafer_kg"] / CM2_PER_WAFER
    assert per_cm2 / 0.875 + k["package_kg"] == pytest.approx(2.613, abs=1e-3)


def embodied_kg(node: str, dram_kind: str, area_mm2: float, dram_gb: float, tdp_w: float) -> float:
    """Return the embodied carbon of a package of published area, memory and power, without its host [kg]."""
    k = resolved_constants(Technology(node=node, dram_kind=dram_kind), Deployment())
    names = (
        *("reticle_mm2", "die_to_die_mm2", "bond_wafers", "max_dies", "wafer_diameter_mm", "edge_exclusion_mm"),
        *("scribe_mm", "defects_per_mm2", "yield_clustering", "harvest_share"),
    )
    wafers, _ = wafer.package_silicon(np.array([area_mm2]), **{name: k[name] for name in names})
    total = carbon.embodied_kg(
        wafers,
        dram_gb * 1e9,
        0.0,
        tdp_w,
        wafer_kg=k["wafer_kg"],
        dram_kg_per_byte=k["dram_kg_per_byte"],
        flash_kg_per_byte=0.0,
        board_kg_per_w=k["board_kg_per_w"],
        fixed_kg=k["package_kg"],
    )
    return float(np.asarray(total)[0])


def test_nvidia_hgx_h100_product_carbon_footprint() -> None:
    # 1312 kg for 8 GPUs; in-sample: carbon per byte of HBM and of the board were derived from it.
    assert embodied_kg("4nm", "hbm3", 814.0, 80.0, 700.0) == pytest.approx(1312 / 8, rel=0.05)


def test_nvidia_hgx_b200_implied_by_its_gain_over_h100() -> None:
    # 0.66 to 0.50 gCO2e/EFLOP at 2.3 times the rate: 1312 x 0.50/0.66 x 2.3 / 8 = 286 kg; two dies of about 800 mm2.
    assert embodied_kg("4nm", "hbm3e", 1600.0, 192.0, 1000.0) == pytest.approx(284, rel=0.15)


@pytest.mark.parametrize(
    ("grid", "least_g", "most_g"), [("usa", 0.065, 0.116), ("france", 0.007, 0.013), ("india", 0.12, 0.21)]
)
def test_operation_of_an_h100_per_thousand_tokens(grid: str, least_g: float, most_g: float) -> None:
    # 0.6 to 1.1 J per token at the meter.
    per_j = tables.constants("grids", grid)["grid_kg_per_j"].value
    got = [carbon.kg_per_token(0.0, 0.0, joules, lifetime_s=1.0, grid_kg_per_j=per_j) * 1e6 for joules in (0.6, 1.1)]
    assert got == pytest.approx([least_g, most_g], rel=0.04, abs=5e-4)


# Dollars


@pytest.mark.parametrize(
    ("rate", "years", "factor"), [(0.08, 5.0, 0.25046), (0.10, 10.0, 0.16275), (0.06, 20.0, 0.08718)]
)
def test_capital_recovery_factors_of_textbook_tables(rate: float, years: float, factor: float) -> None:
    assert ownership.capital_recovery_per_year(rate, years) == pytest.approx(factor, abs=5e-6)


def facility_busd_per_year(server_years: float, opex_share_per_year: float) -> float:
    """Return capital and upkeep of a 1 GW facility of 38 billion USD, at the tables' rates [billion USD/year]."""
    k = resolved_constants(Technology(), Deployment())
    shell_usd = k["facility_usd_per_w"] * 1e9
    per_s = ownership.capital_usd_per_s(
        38e9 - shell_usd,
        1e9,
        host_cost_share=0.0,
        opex_share_per_year=opex_share_per_year,
        facility_usd_per_w=k["facility_usd_per_w"],
        host_energy_relative=1.0,
        discount_rate_per_year=k["discount_rate_per_year"],
        lifetime_years=server_years,
        facility_years=k["facility_years"],
    )
    return float(np.asarray(per_s)) * ownership.SECONDS_PER_YEAR / 1e9


@pytest.mark.parametrize(("server_years", "published"), [(3.0, 12.0), (5.0, 8.5), (7.0, 7.0)])
def test_epoch_facility_of_1_gw(server_years: float, published: float) -> None:
    # Epoch AI, May 2026: 38 BUSD, 8.5 BUSD a year of which 0.9 is operation, with energy in it. The tables' cost of
    # capital (8 %) and facility (12 USD/W over 15 years) come out 3 to 4 % above, at all three lives of the servers.
    got = facility_busd_per_year(server_years, 0.0) + 0.9
    print(f"{server_years:g} years: {got:.2f} of {published} BUSD a year")
    assert got == pytest.approx(published, rel=0.05)


def test_epoch_upkeep_is_below_the_tables() -> None:
    # What remains: 0.9 less 0.6 of energy is 0.3 BUSD, 1.2 % of the servers; the table says 5 % for staff, repair and
    # rent, and its low end is Epoch's. With 5 % a year costs 1.3 BUSD more.
    row = tables.constants("segments", "datacenter")["opex_share_per_year"]
    assert row.low == pytest.approx(0.3 / 26, rel=0.05)
    assert facility_busd_per_year(5.0, row.value) - facility_busd_per_year(5.0, 0.0) == pytest.approx(1.3, rel=0.01)


def test_epoch_energy_of_1_gw() -> None:
    # 0.6 BUSD a year for 1 GW of IT at full power is 0.068 USD/kWh; the table's 0.08 makes 0.70 (without PUE).
    usd_per_j = tables.constants("common")["electricity_usd_per_j"].value
    busd = usd_per_j * 1e9 * ownership.SECONDS_PER_YEAR / 1e9
    assert busd == pytest.approx(0.70, abs=0.005)
    assert busd == pytest.approx(0.6, rel=0.20)


# Tables


@pytest.mark.parametrize(
    ("grid", "g_per_kwh"), [("world", 473), ("usa", 383.6), ("china", 559.6), ("france", 44.2), ("taiwan", 635.7)]
)
def test_grid_intensity_of_ecologits(grid: str, g_per_kwh: float) -> None:
    assert tables.constants("grids", grid)["grid_kg_per_j"].value * 3.6e9 == pytest.approx(g_per_kwh, rel=1e-12)


@pytest.mark.parametrize(
    ("date", "kind", "low", "high"),
    [
        # Prices others reported, in USD/GB.
        ("2024", "gddr6", 2.29, 2.30),  # DRAMeXchange via 3DNews, 30 Sep 2024
        ("2024", "hbm3", 7.0, 12.5),  # LLMCompass Oct 2023; 200 USD a stack of 16 GB in 2025
        ("2024", "hbm3e", 8.3, 15.0),  # reported in 2025
        ("2024", "ddr5", 2.0, 3.5),  # spot, 2023 to Sep 2025
        ("2026", "hbm3e", 13.6, 18.0),  # Counterpoint Nov 2025, rising
        ("2026", "hbm4", 15.5, 15.6),  # 560 USD a stack of 36 GB
        ("2026", "ddr5", 12.0, 25.0),  # Counterpoint Nov 2025; contracts of 1Q26
        ("2026", "lpddr5x", 8.0, 16.8),  # TrendForce 4Q25; Counterpoint LPDDR4
        ("2026", "gddr6", 3.0, 6.0),  # TrendForce 3Q25, rising
        ("2024", "nvme", 0.0375 * 1.3, 0.0375 * 2.2),  # Phison July 2025, times an SSD over its NAND
        ("2026", "nvme", 0.13 * 1.3, 0.17 * 2.0),  # 1Q26
        ("2026", "hbf", 0.6, 1.9),  # Sandisk: 8 to 16 times the capacity of HBM at its price
    ],
)
def test_memory_prices_lie_within_what_was_reported(date: str, kind: str, low: float, high: float) -> None:
    price = tables.constants("prices", date)[f"{kind}_usd_per_byte"].value * 1e9
    assert low * 0.999 <= price <= high * 1.001
