"""The constants of the cost models: well-formed, in the right units, sourced, and not at odds with real parts."""

from __future__ import annotations

import csv
import math
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from small_run import PATIENCE_S

from costmodels.tables import TABLES, UNIT_SCALE, Constant, constants, options, read_constants
from sweeps.constants import GRID_PRICE, priced_grids

DEVICES_CSV = Path(__file__).parent / "data" / "devices.csv"
HEADER = "option,parameter,value,low,high,unit,year,source,family,distribution"
GOOD_ROW = "5nm,wafer_usd,16988,13495,18500,USD,2020,read: Khan & Mann 2020,wafer_usd,triangular"
ALL: list[Constant] = [
    constant for table in TABLES for option in options(table) or ("",) for constant in constants(table, option).values()
]


# ---------------------------------------------------------------- units


@pytest.fixture(scope="module")
def registry() -> Any:
    import pint

    ureg: Any = pint.UnitRegistry()
    ureg.define("flop = []")
    ureg.define("USD = [money]")
    ureg.define("TFLOP = 1e12 * flop")
    ureg.define("pFLOP = 1e-12 * flop")
    ureg.define("FLOP = flop")
    return ureg


# A name ends in its unit, perhaps followed by what the number is of or for; the rest of the name carries none.
QUALIFIER = re.compile(r"_(min|max|base|per_unit)$")
BASE_UNITS = {
    "bytes": "byte",
    "byte": "byte",
    "s": "second",
    "j": "joule",
    "w": "watt",
    "mm": "millimeter",
    "mm2": "millimeter**2",
    "kg": "kilogram",
    "usd": "USD",
    "flop": "flop",
    "year": "year",
    "years": "year",
}


def unit_of_name(name: str) -> str:
    """The pint expression a parameter's name promises; "dimensionless" when it ends in no unit."""
    words = QUALIFIER.sub("", name).split("_")
    start = len(words)
    while start and (words[start - 1] in BASE_UNITS or words[start - 1] == "per"):
        start -= 1
    text = "_".join(words[start:]).removeprefix("per_")
    if not text:
        return "dimensionless"
    leads_with_per = words[start] == "per"
    # an area or energy "per byte per s" is per (byte per s), but "bytes per s per byte" divides in sequence
    text = re.sub(r"_per_(flop|byte)_per_s$", r"_per_\1RATE", "_" + text)
    parts = text.removeprefix("_").split("_per_")
    expressions = [
        f"({BASE_UNITS[part.removesuffix('RATE')]}/second)" if part.endswith("RATE") else BASE_UNITS[part]
        for part in parts
    ]
    return "/".join((["1"] if leads_with_per else []) + expressions)


def quoted_quantity(ureg: Any, unit: str) -> Any:
    """One of a unit of the unit column, as a pint quantity."""
    text = re.sub(r"\b(mm|cm)2\b", r"\1**2", unit)
    text = re.sub(r"\b([GMT]?)B\b", r"\1byte", text)
    return ureg.Quantity(1.0, "" if text == "1" else text)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("wafer_usd", "USD"),
        ("defects_per_mm2", "1/millimeter**2"),
        ("fab_j_per_mm2", "joule/millimeter**2"),
        ("dram_unit_bytes_per_s", "byte/second"),
        ("dram_unit_bytes_min", "byte"),
        ("dram_edge_mm_per_unit", "millimeter"),
        ("dram_phy_mm2_per_byte_per_s", "millimeter**2/(byte/second)"),
        ("flash_bytes_per_s_per_byte", "byte/second/byte"),
        ("flash_bytes_per_s_max", "byte/second"),
        ("compute_mm2_per_flop_per_s", "millimeter**2/(flop/second)"),
        ("sram_wire_j_per_byte_per_mm", "joule/byte/millimeter"),
        ("opex_share_per_year", "1/year"),
        ("pue", "dimensionless"),
    ],
)
def test_unit_of_name_reads_names_as_people_do(name: str, expected: str) -> None:
    assert unit_of_name(name) == expected


@pytest.mark.parametrize(("name", "unit"), sorted({(constant.name, constant.unit) for constant in ALL}))
def test_unit_scale_turns_the_quoted_unit_into_the_unit_of_the_name(registry: Any, name: str, unit: str) -> None:
    promised = registry.Quantity(1.0, unit_of_name(name)).units
    assert quoted_quantity(registry, unit).to(promised).magnitude == pytest.approx(UNIT_SCALE[unit], rel=1e-12)


def test_the_scales_hold_no_unit_that_no_table_uses() -> None:
    assert {constant.unit for constant in ALL} == set(UNIT_SCALE)


@pytest.mark.parametrize(
    ("table", "option", "name", "expected"),
    [
        ("prices", "2026", "hbm3_usd_per_byte", 13e-9),
        ("nodes", "7nm", "defects_per_mm2", 0.0009),
        ("nodes", "7nm", "fab_j_per_mm2", 77_400.0),
        ("nodes", "7nm", "fab_gas_kg_per_mm2", 0.00275),
        ("nodes", "7nm", "fab_material_kg_per_mm2", 0.005),
        ("dram", "hbm3", "dram_j_per_byte", 39.2e-12),
        ("dram", "hbm2e", "dram_phy_mm2_per_byte_per_s", 0.0395e-9),
        ("flash", "nvme", "flash_bytes_per_s_per_byte", 0.007),
        ("flash", "hbf", "flash_bytes_per_s_per_byte", 1.6e12 / 512e9),
        ("flash", "ufs", "flash_bytes_per_s_per_byte", 4e9 / 128e9),
        ("sram", "scratchpad", "sram_bytes_per_s_per_byte", 400_000.0),
        ("sram", "cache", "sram_mm2_per_byte", 1.79e-6),
        ("datapath", "tensor", "compute_mm2_per_flop_per_s", 0.777e-12),
        ("grids", "world", "grid_kg_per_j", 0.473 / 3.6e6),
        ("segments", "edge", "os_reserve_bytes", 2e9),
        ("common", "", "sram_j_per_byte_base", 1.6e-12),
        ("common", "", "fab_kg_per_j", 0.642 / 3.6e6),
        ("common", "", "electricity_usd_per_j", 0.08 / 3.6e6),
    ],
)
def test_values_worked_out_by_hand(table: str, option: str, name: str, expected: float) -> None:
    assert constants(table, option)[name].value == pytest.approx(expected, rel=1e-12)


# ---------------------------------------------------------------- the shipped files


def test_every_data_file_is_a_table() -> None:
    assert {file.name for file in (files("costmodels") / "data").iterdir()} == {f"{table}.csv" for table in TABLES}


@pytest.mark.parametrize("table", TABLES)
def test_every_option_of_a_table_has_the_same_parameters_in_the_same_order(table: str) -> None:
    sets = {
        tuple(name for name in constants(table, option) if name != GRID_PRICE) for option in options(table) or ("",)
    }
    assert len(sets) == 1


@pytest.mark.parametrize("table", TABLES)
def test_a_parameter_is_quoted_in_one_unit_and_lives_in_one_table(table: str) -> None:
    mine = {(name, row.unit) for option in options(table) or ("",) for name, row in constants(table, option).items()}
    names = {name for name, _ in mine}
    assert len(names) == len(mine)
    for other in set(TABLES) - {table}:
        assert names.isdisjoint(constants(other, (options(other) or ("",))[0]))


@pytest.mark.parametrize("table", TABLES)
def test_every_source_says_how_it_is_known_and_names_no_path(table: str) -> None:
    for option in options(table) or ("",):
        for name, row in constants(table, option).items():
            where = f"{table}, {option}, {name}: {row.source}"
            assert row.source.startswith(("read:", "recalled, unverified:", "derived:", "assumption:")), where
            assert len(row.source) > len("assumption: xxxxxxxx"), where
            assert not re.search(r"(?:^|\s)\.{0,2}/\w", row.source), where
            assert 2017 <= row.year <= 2026, where


@pytest.mark.parametrize("table", TABLES)
def test_a_number_without_a_range_is_zero_or_one_or_says_why(table: str) -> None:
    for option in options(table) or ("",):
        for name, row in constants(table, option).items():
            if row.low == row.high:
                assert row.value in (0.0, 1.0) or "no range" in row.source, f"{table}, {option}, {name}"


@pytest.mark.parametrize("constant", ALL, ids=lambda row: f"{row.option}-{row.name}")
def test_a_range_of_a_decade_is_drawn_in_the_logarithm_or_has_a_reason(constant: Constant) -> None:
    mixture = {"fab_kg_per_j"}  # the power of a fab is a mixture of sources: its share of clean ones is linear
    if constant.distribution == "log":
        assert constant.high > 9.9 * constant.low
    elif constant.distribution == "triangular" and constant.low > 0 and constant.name not in mixture:
        assert constant.high < 10 * constant.low


def test_what_is_counted_is_drawn_in_whole_numbers() -> None:
    assert {row.name for row in ALL if row.distribution == "whole"} == {"yield_clustering", "dequantization_ops"}


def test_what_one_may_choose_is_nobodys_error_and_is_not_drawn() -> None:
    chosen = {row.name for row in ALL if row.distribution == "choice"}
    assert {"dram_unit_bytes_per_s", "link_bytes_per_s", "max_dies", "vector_rate_relative"} <= chosen
    assert not any(
        row.name.endswith(("_usd", "_usd_per_byte", "_kg_per_byte", "_j_per_byte")) for row in ALL if row.name in chosen
    )


def test_a_parameter_belongs_to_one_family_in_all_options() -> None:
    families = {(row.name, row.family) for row in ALL}
    assert len(families) == len({row.name for row in ALL})


def test_families_hold_what_one_cause_moves() -> None:
    families: dict[str, set[str]] = {}
    for row in ALL:
        families.setdefault(row.family, set()).add(row.name)
    assert families["memory_price"] == {f"{kind}_usd_per_byte" for kind in (*options("dram"), *options("flash")[1:])}
    assert families["wafer_usd"] == {"wafer_usd"}
    assert families["static_power"] == {"idle_w_per_mm2", "busy_w_per_mm2"}
    assert families["vector_energy"] == {"datapath_energy_relative", "vector_energy_relative"}
    assert "compute_j_per_flop" not in families["static_power"]  # fitted together, they offset each other


@pytest.mark.parametrize("segment", options("segments"))
def test_idle_stays_below_busy_at_every_quantile(segment: str) -> None:
    row = constants("segments", segment)
    idle, busy = row["idle_w_per_mm2"], row["busy_w_per_mm2"]
    # Quantiles of triangular distributions with ordered corners are ordered.
    assert idle.low <= busy.low
    assert idle.value <= busy.value
    assert idle.high <= busy.high
    assert (idle.family, idle.distribution) == (busy.family, busy.distribution)


def test_options_stand_in_file_order() -> None:
    assert options("nodes") == ("14nm", "12nm", "10nm", "8nm", "7nm", "6nm", "5nm", "4nm", "3nm", "2nm")
    assert options("datapath") == ("tensor", "vector", "graphics")
    assert options("sram") == ("scratchpad", "cache", "buffer")
    assert options("dram") == ("hbm2e", "hbm3", "hbm3e", "hbm4", "lpddr5x", "gddr6", "gddr6x", "gddr7", "ddr5")
    assert options("flash") == ("none", "nvme", "ufs", "hbf")
    assert options("prices") == ("2024", "2026")
    assert options("common") == ()


@pytest.mark.parametrize("date", ["2024", "2026"])
def test_everything_that_can_be_bought_has_a_price(date: str) -> None:
    bought = {*options("dram"), *options("flash")} - {"none"}
    assert set(constants("prices", date)) == {f"{kind}_usd_per_byte" for kind in bought}


def test_a_grid_without_a_price_of_electricity_has_none_rather_than_a_guess() -> None:
    assert set(priced_grids()) >= {"world", "usa", "china", "eu", "germany", "france", "ireland", "finland", "sweden"}
    assert "iceland" not in priced_grids()
    for grid in priced_grids():
        assert 0.05 < constants("grids", grid)[GRID_PRICE].value * 3.6e6 < 0.35  # USD/kWh


# ---------------------------------------------------------------- sense of the numbers


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("logic_density_relative", 1),
        ("node_clock_relative", 1),
        ("sram_density_relative", 1),
        ("wafer_usd", 1),
        ("defects_per_mm2", 1),
        ("fab_j_per_mm2", 1),
        ("fab_gas_kg_per_mm2", 1),
        ("nre_usd", 1),
        ("compute_energy_relative", -1),
        ("sram_energy_relative", -1),
    ],
)
def test_newer_nodes_are_denser_thriftier_and_dearer(name: str, direction: int) -> None:
    values = [direction * constants("nodes", node)[name].value for node in options("nodes")]
    assert values == sorted(values)


def test_sram_changes_less_than_logic_at_every_node() -> None:
    """Both are relative to 7 nm: nearer to 1 before it and after it."""
    for node in options("nodes"):
        row = {name: constant.value for name, constant in constants("nodes", node).items()}
        # Before 7 nm bitcells are set beside achieved densities of logic, which may be a little nearer.
        room = 0.05 if row["logic_density_relative"] < 1 else 0.0
        assert abs(math.log(row["sram_density_relative"])) <= abs(math.log(row["logic_density_relative"])) + room
        assert abs(math.log(row["sram_energy_relative"])) <= abs(math.log(row["compute_energy_relative"]))


def test_footprint_of_a_7_nm_wafer_lies_between_published_totals() -> None:
    node, common = constants("nodes", "7nm"), constants("common")
    kg_per_mm2 = (
        node["fab_j_per_mm2"].value * common["fab_kg_per_j"].value
        + node["fab_gas_kg_per_mm2"].value
        + node["fab_material_kg_per_mm2"].value
    )
    assert 1.44 < kg_per_mm2 * 100 < 2.613  # kg/cm2: imec.netzero in ACT; ECO-CHIP


def test_memory_interface_of_a100_is_as_large_as_on_its_annotated_die() -> None:
    # 58 mm2 of PHY and 31.77 mm2 of controllers (LLMCompass), six sites of which 2039 GB/s use five
    area_mm2 = constants("dram", "hbm2e")["dram_phy_mm2_per_byte_per_s"].value * 2.039e12
    assert area_mm2 == pytest.approx((58 + 31.77) * 5 / 6, rel=0.10)


def test_energy_of_one_megabyte_of_sram_agrees_with_the_7_nm_table() -> None:
    common = constants("common")
    width_mm = math.sqrt(common["sram_wire_mm2_per_byte"].value * 1e6)
    j_per_byte = common["sram_j_per_byte_base"].value + common["sram_wire_j_per_byte_per_mm"].value * width_mm
    assert j_per_byte == pytest.approx(0.219 * 8e-12, rel=0.10)  # Jouppi et al. ISCA 2021, Table 2: 1 MB


def test_memory_of_an_h100_weighs_what_nvidia_published() -> None:
    assert constants("dram", "hbm3")["dram_kg_per_byte"].value * 640e9 == pytest.approx(546, rel=0.01)


# ---------------------------------------------------------------- limits of DRAM units


def broken_limits(
    kind: str, byte_count: float | None, bytes_per_s: float, die_mm2: float | None, dies: int
) -> set[str]:
    """Which limits of its DRAM kind a device breaks; what is not published is not checked."""
    dram = {name: row.value for name, row in constants("dram", kind).items()}
    units = bytes_per_s / dram["dram_unit_bytes_per_s"]
    broken = set()
    if byte_count is not None and units * dram["dram_unit_bytes_min"] > byte_count:
        broken.add("fewer bytes than the smallest units hold")
    if die_mm2 is not None:
        edge_mm = dram["dram_usable_edges"] * dies * math.sqrt(die_mm2 / dies)
        if units * dram["dram_edge_mm_per_unit"] > edge_mm:
            broken.add("more units than fit along the dies")
        units_max = edge_mm / dram["dram_edge_mm_per_unit"]
        if byte_count is not None and byte_count > units_max * dram["dram_unit_bytes_max"]:
            broken.add("more bytes than the largest units hold")
    return broken


def devices() -> list[dict[str, str]]:
    with DEVICES_CSV.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def number(text: str) -> float | None:
    return float(text) if text else None


@pytest.mark.parametrize("device", devices(), ids=lambda device: device["slug"])
def test_no_catalog_device_breaks_its_dram_kinds_limits(device: dict[str, str]) -> None:
    assert device["source"]
    assert not broken_limits(
        device["dram_kind"],
        number(device["dram_bytes"]),
        float(device["dram_bytes_per_s"]),
        number(device["die_area_mm2"]),
        int(device["dies"]),
    )


def test_the_devices_try_every_kind_on_the_market_and_many_dies() -> None:
    assert {device["dram_kind"] for device in devices()} == set(options("dram")) - {"hbm4"}
    assert sum(bool(device["die_area_mm2"]) for device in devices()) >= 35


@pytest.mark.parametrize(
    ("part", "kind", "units", "die_mm2"),
    [
        ("A100: GA100", "hbm2e", 6, 826),
        ("H100: GH100", "hbm3", 6, 814),
        ("H200: GH100", "hbm3e", 6, 814),
        ("RTX 5090: GB202", "gddr7", 16, 750),
        ("RTX 4090: AD102", "gddr6x", 12, 608.5),
        ("RX 5700 XT: Navi 10", "gddr6", 8, 251),
        ("L4: AD104", "gddr6", 6, 294),
        ("Ryzen AI Max+ 395: I/O die", "lpddr5x", 16, 307.58),
        ("EPYC 9654: I/O die", "ddr5", 12, 419.1),
    ],
)
def test_as_many_units_fit_along_a_die_as_real_parts_have(part: str, kind: str, units: int, die_mm2: float) -> None:
    dram = constants("dram", kind)
    edge_mm = dram["dram_usable_edges"].value * math.sqrt(die_mm2)
    assert units * dram["dram_edge_mm_per_unit"].value <= edge_mm, part


def test_4_gb_of_lpddr5x_at_1_tb_per_s_cannot_be_built() -> None:
    assert broken_limits("lpddr5x", 4e9, 1e12, None, 1) == {"fewer bytes than the smallest units hold"}
    assert broken_limits("lpddr5x", 64e9, 1e12, 100.0, 1) == {"more units than fit along the dies"}
    assert broken_limits("lpddr5x", 2e12, 100e9, 100.0, 1) == {"more bytes than the largest units hold"}
    assert broken_limits("lpddr5x", 16e9, 100e9, 100.0, 1) == set()


# ---------------------------------------------------------------- reading


def write_table(directory: Path, *rows: str, header: str = HEADER) -> Path:
    file = directory / "nodes.csv"
    file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return file


def test_a_row_becomes_a_constant_in_the_unit_of_its_name(tmp_path: Path) -> None:
    row = '7nm,defects_per_mm2,0.09,0.07,0.15,1/cm2,2019,"read: TSMC, VLSI 2019",defects_per_mm2,log'
    (constant,) = read_constants(write_table(tmp_path, row))
    assert constant.value == pytest.approx(9e-4)
    assert (constant.low, constant.high) == pytest.approx((7e-4, 15e-4))
    assert (constant.name, constant.option, constant.unit, constant.year, constant.source) == (
        "defects_per_mm2",
        "7nm",
        "1/cm2",
        2019,
        "read: TSMC, VLSI 2019",
    )
    assert (constant.family, constant.distribution) == ("defects_per_mm2", "log")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (GOOD_ROW, r"a second row for option '5nm', parameter 'wafer_usd'"),
        ("3nm,wafer_usd,cheap,1,2,USD,2020,read: x,f,triangular", r"value: expected a number, got 'cheap'"),
        ("3nm,wafer_usd,1,,2,USD,2020,read: x,f,triangular", r"low: expected a number, got ''"),
        ("3nm,wafer_usd,1,1,inf,USD,2020,read: x,f,triangular", r"high: expected a finite number, got 'inf'"),
        ("3nm,wafer_usd,nan,1,2,USD,2020,read: x,f,triangular", r"value: expected a finite number, got 'nan'"),
        ("3nm,wafer_usd,1,2,3,USD,2020,read: x,f,triangular", r"expected low <= value <= high, got 2, 1, 3"),
        ("3nm,wafer_usd,4,2,3,USD,2020,read: x,f,triangular", r"expected low <= value <= high, got 2, 4, 3"),
        ("3nm,wafer_usd,1,1,2,EUR,2020,read: x,f,triangular", r"unknown unit 'EUR'; allowed: .*USD"),
        ("3nm,wafer_usd,1,1,2,USD,lately,read: x,f,triangular", r"year: expected an integer, got 'lately'"),
        ("3nm,wafer_usd,1,1,2,USD,2020, ,f,triangular", r"source is empty"),
        ("3nm,,1,1,2,USD,2020,read: x,f,triangular", r"parameter is empty"),
        ("3nm,wafer_usd,1,1,2,USD,2020,f,triangular", r"expected 10 cells .*, got 9"),
        ("3nm,wafer_usd,1,1,2,USD,2020,read: x, y,f,triangular", r"expected 10 cells .*, got 11"),
        ("3nm,wafer_usd,1,1,2,USD,2020,read: x,,triangular", r"family is empty"),
        ("3nm,wafer_usd,1,1,2,USD,2020,read: x,f,normal", r"unknown distribution 'normal'; allowed: triangular"),
        (
            "3nm,wafer_usd,1,1,2,USD,2020,read: x,f,fixed",
            r"fixed means low = high and no other does, got fixed, 1 to 2",
        ),
        ("3nm,wafer_usd,2,2,2,USD,2020,read: x,f,log", r"fixed means low = high and no other does, got log, 2 to 2"),
        ("3nm,wafer_usd,1,0,2,USD,2020,read: x,f,log", r"log needs low above 0, got 0"),
        ("3nm,max_dies,1,1,2.5,1,2020,read: x,f,whole", r"whole needs whole numbers, got 1, 1, 2.5"),
    ],
)
def test_a_malformed_row_is_refused_with_file_and_line(tmp_path: Path, bad: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^nodes\.csv:3: {message}"):
        read_constants(write_table(tmp_path, GOOD_ROW, bad))


def test_a_wrong_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^nodes\.csv:1: expected the columns option,parameter,"):
        read_constants(write_table(tmp_path, GOOD_ROW, header=HEADER.replace("low,high", "high,low")))


def test_unknown_names_are_answered_with_the_allowed_ones() -> None:
    with pytest.raises(ValueError, match=r"no option '9nm' in the table 'nodes'; allowed: 14nm, 12nm"):
        constants("nodes", "9nm")
    with pytest.raises(ValueError, match=r"no option 'x' in the table 'common'; allowed: none"):
        constants("common", "x")
    with pytest.raises(ValueError, match=r"no table of constants 'node'; allowed: nodes, dram"):
        options("node")


def test_a_caller_cannot_change_the_tables() -> None:
    constants("common").clear()
    assert constants("common")["reticle_mm2"].value == 858.0


def test_reading_the_tables_imports_nothing_heavy() -> None:
    code = (
        "import sys; from costmodels import tables; [tables.options(name) for name in tables.TABLES];"
        "print(*{'pandas', 'pint', 'scipy', 'pyarrow', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE_S)
    assert done.stdout.strip() == ""
