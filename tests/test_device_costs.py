"""Published devices as designs: their technology, and their costs by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from costmodels import tables
from roofline.accelerators import UnknownFact, accelerators, find
from sweeps.device_costs import design_of, device_costs
from sweeps.device_technology import choices, class_of, die_of, option_of, segment_of, technology_of
from sweeps.dies import products

UNNAMED = {"", "Intel 7 + TSMC N5", "none", "HBM"}
"""Nodes and memories of the catalog that no table stands for; devices with them are listed with this reason."""


def value(table: str, option: str, name: str) -> float:
    return tables.constants(table, option)[name].value


def test_every_name_of_the_catalog_means_something_or_is_known_not_to() -> None:
    known = choices()
    for chip in accelerators():
        assert ("node", chip.process_node) in known or chip.process_node in UNNAMED, chip.name
        assert ("dram", chip.dram_kind) in known or chip.dram_kind in UNNAMED, chip.name
        assert ("sram", chip.sram_kind) in known, chip.name


def test_every_option_is_in_its_table() -> None:
    for (fact, _), option in choices().items():
        table = {"node": "nodes", "dram": "dram", "sram": "sram", "segment": "segments"}[fact]
        assert option in tables.options(table), (fact, option)


def test_the_h100_in_the_words_of_the_tables() -> None:
    made = technology_of(find("h100"))
    assert (made.node, made.dram_kind, made.sram_style) == ("5nm", "hbm3", "cache")
    assert made.constants["vector_rate_relative"] == pytest.approx(66.9 / 989.4)
    assert segment_of(find("h100")) == segment_of(find("rtx-4090")) == "datacenter"
    assert segment_of(find("m2-ultra")) == segment_of(find("orin")) == "soc"
    assert technology_of(find("rtx-4090")).datapath == "graphics"


def test_names_of_the_catalog_mean_what_is_known_of_its_dies() -> None:
    """The two ways to a technology agree where both are open: the dies' table, and the names of the catalog."""
    known = choices()
    for chip in accelerators():
        die = die_of(chip)
        if die is None or not chip.process_node:
            continue
        assert known.get(("node", chip.process_node), die.node) == die.node, chip.name
        kind = products()[chip.name].dram_kind
        assert known.get(("dram", chip.dram_kind), kind) == kind, chip.name


def test_classes_are_those_of_dies() -> None:
    names = ("l40s", "h100", "m1-max", "epyc-9654", "m2-ultra", "trainium1")
    assert [class_of(find(name)) for name in names] == ["graphics", "datacenter", "soc", "cpu", "apple", "npu"]


def test_what_no_table_has_is_said() -> None:
    with pytest.raises(UnknownFact, match='no dram for "none" of "groq-lpu-v1"'):
        technology_of(find("groq"))
    with pytest.raises(UnknownFact, match='unknown node of "trainium1"'):
        option_of(find("trainium1"), "node", "")
    with pytest.raises(UnknownFact, match='unknown sram_bytes of "m2-ultra"'):
        device_costs(find("m2-ultra"))


def test_the_design_is_the_published_numbers() -> None:
    h100 = {name: float(column[0]) for name, column in design_of(find("h100")).items()}
    assert h100 == {
        "dram_bytes_per_s": 3.35e12, "compute_flop_per_s": 9.894e14, "sram_bytes": 5e7, "dram_bytes": 8e10,
        "flash_bytes": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize("area", [294.0, 520.0, 814.0, 900.0, 1600.0, 2400.0])
def test_the_silicon_is_the_given_one(area: float) -> None:
    """Also where a split into dies would add interfaces, and where the model's own silicon is larger."""
    assert device_costs(find("rx-6800-xt"), area_mm2=area)["die_area_mm2"] == pytest.approx(area, rel=1e-9)


def test_the_idle_power_of_the_h200_by_hand() -> None:
    silicon = value("segments", "datacenter", "idle_w_per_mm2") * 814
    memory = value("dram", "hbm3e", "dram_standby_w_per_byte") * 141e9
    assert device_costs(find("h200"), area_mm2=814.0)["idle_power_w"] == pytest.approx(silicon + memory)


def wafers_by_hand(die_mm2: float, node: str) -> float:
    """Wafers that a good die takes."""
    k = {name: c.value for name, c in tables.constants("common").items()}
    radius = k["wafer_diameter_mm"] / 2 - k["edge_exclusion_mm"]
    square = (math.sqrt(die_mm2) + k["scribe_mm"]) ** 2
    gross = math.pi * radius**2 / square - 2 * math.pi * radius / math.sqrt(2 * square)
    alpha = k["yield_clustering"]
    good = (1 + die_mm2 * value("nodes", node, "defects_per_mm2") / alpha) ** -alpha
    return 1 / (gross * (good + k["harvest_share"] * (1 - good)))


def wafers_of_h100() -> float:
    one = wafers_by_hand(814.0, "5nm")
    bond = tables.constants("common")["bond_wafers"].value
    splits = [dies * wafers_by_hand(814.0 / dies, "5nm") + (dies - 1) * bond for dies in (2, 3, 4)]
    return min(one, *splits)


def test_the_bill_of_materials_of_the_h100_by_hand() -> None:
    k = {name: c.value for name, c in tables.constants("common").items()}
    silicon = wafers_of_h100() * value("nodes", "5nm", "wafer_usd")
    memory = 80e9 * tables.constants("prices", "2026")["hbm3_usd_per_byte"].value
    package = 814.0 * k["interposer_usd_per_mm2"] + k["package_usd"] + value("segments", "datacenter", "substrate_usd")
    expected = k["assembly_relative"] * (silicon + memory + package)
    assert device_costs(find("h100"), area_mm2=814.0)["bom_usd"] == pytest.approx(expected, rel=1e-9)


def test_the_embodied_carbon_of_the_h100_by_hand() -> None:
    k = {name: c.value for name, c in tables.constants("common").items()}
    node = {name: c.value for name, c in tables.constants("nodes", "5nm").items()}
    per_mm2 = k["fab_kg_per_j"] * node["fab_j_per_mm2"] + node["fab_gas_kg_per_mm2"] + node["fab_material_kg_per_mm2"]
    silicon = wafers_of_h100() * math.pi * (k["wafer_diameter_mm"] / 2) ** 2 * per_mm2
    memory = 80e9 * value("dram", "hbm3", "dram_kg_per_byte")
    found = device_costs(find("h100"), area_mm2=814.0, limit_w=500.0)
    assert found["peak_power_w"] == 500.0
    expected = silicon + memory + 500.0 * k["board_kg_per_w"] + k["package_kg"]
    assert found["embodied_kg"] == pytest.approx(expected, rel=1e-9)
    with_host = device_costs(find("h100"), area_mm2=814.0, limit_w=500.0, with_host=True)["embodied_kg"]
    assert with_host == pytest.approx(expected + value("segments", "datacenter", "host_kg"), rel=1e-9)


def test_constants_of_the_caller_have_a_say() -> None:
    plain = device_costs(find("h100"))["bom_usd"]
    assembly = tables.constants("common")["assembly_relative"].value
    twice = device_costs(find("h100"), constants={"assembly_relative": 2 * assembly})
    assert twice["bom_usd"] == pytest.approx(2 * plain)
    assert np.isfinite(list(twice.values())).all()
