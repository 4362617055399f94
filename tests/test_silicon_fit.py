"""Area and power of the whole catalog: the targets with each die family left out, and what the fit rests on."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodels import area, tables
from roofline.accelerators import accelerator, accelerators
from sweeps import dies, silicon_fit
from sweeps.scenario import Deployment, Technology, resolved_constants

DATACENTER = ("datacenter",)
OTHERS = ("graphics", "soc", "cpu")

# Relative errors with the family left out: (area, power), None where nothing is published.
ERRORS = {
    "a100-sxm-80gb": (-0.10, -0.03),
    "h100-sxm-80gb": (0.18, -0.04),
    "b200-sxm": (0.11, 0.29),
    "v100-sxm-32gb": (-0.03, 0.16),
    "mi210": (-0.40, -0.13),
    "tpu-v4": (None, 1.28),
    "rtx-3090": (0.23, 0.07),
    "rtx-4090": (0.07, -0.05),
    "l4": (0.00, 1.46),
    "rtx-5090": (0.01, -0.18),
    "rx-6800-xt": (0.05, -0.08),
    "jetson-agx-orin-64gb": (0.97, 0.88),
    "epyc-9654": (-0.44, 5.18),
}


@pytest.fixture(scope="module")
def rows() -> tuple[silicon_fit.Row, ...]:
    return silicon_fit.validation()


@pytest.fixture(scope="module")
def by_name() -> dict[str, silicon_fit.Sample]:
    return {sample.chip.name: sample for sample in silicon_fit.samples()}


def shipped(quantity: str) -> np.ndarray:
    return np.array([c.shipped for c in silicon_fit.fitted_constants() if c.quantity == quantity and c.low < c.high])


@pytest.mark.parametrize(
    ("quantity", "classes", "target"),
    [("area", DATACENTER, 0.20), ("power", DATACENTER, 0.25), ("area", OTHERS, 0.35), ("power", OTHERS, 0.35)],
)
def test_the_median_error_without_the_die_family_meets_its_target(rows, quantity, classes, target):
    assert silicon_fit.median_error(rows, quantity, classes) <= target


def test_the_shipped_constants_meet_the_targets_too(by_name):
    x, y = shipped("area"), shipped("power")
    for classes, area_target, power_target in ((DATACENTER, 0.20, 0.25), (OTHERS, 0.35, 0.35)):
        chosen = [s for s in by_name.values() if s.die.die_class in classes]
        areas = [abs(s.area(x) / s.area_mm2 - 1) for s in chosen if s.area_mm2]
        powers = [abs(s.power(x, y) / s.tdp_w - 1) for s in chosen if s.tdp_w]
        assert np.median(areas) <= area_target
        assert np.median(powers) <= power_target


def test_areas_of_the_catalog_alone_meet_the_targets(rows):
    """Without the areas that only the table of dies adds, of which some are recalled."""
    named = {chip.name for chip in accelerators() if chip.die_area_mm2 is not None}
    kept = [row for row in rows if row.device in named and row.quantity == "area"]
    assert sum(row.error is not None for row in kept) >= 30
    assert silicon_fit.median_error(kept, "area", DATACENTER) <= 0.20
    assert silicon_fit.median_error(kept, "area", OTHERS) <= 0.35


def test_at_least_thirty_devices_are_compared(rows):
    for quantity in ("area", "power"):
        assert sum(row.error is not None for row in rows if row.quantity == quantity) >= 30


def test_no_device_of_the_catalog_is_dropped_silently(rows):
    for quantity in ("area", "power"):
        assert [row.device for row in rows if row.quantity == quantity] == [chip.name for chip in accelerators()]
    assert all(row.note for row in rows if row.error is None)
    # A published area or power without a prediction is explained by a fact that is missing.
    unpredicted = {(r.device, r.quantity): r.note for r in rows if r.error is None and r.published is not None}
    assert unpredicted == {
        ("a100-80gb-unspecified", "area"): 'unknown dram_bytes_per_s of "a100-80gb-unspecified"',
        ("h100-80gb-unspecified", "area"): 'unknown dram_bytes_per_s of "h100-80gb-unspecified"',
        ("snapdragon-x-elite", "area"): "its die is not in the table of dies",
    }
    stacked = next(r for r in rows if r.device == "max-1550" and r.quantity == "area")
    assert stacked.published is None
    assert "base tiles" in stacked.note


def test_the_errors_are_as_stated(rows):
    found = {(row.device, row.quantity): row.error for row in rows}
    for device, errors in ERRORS.items():
        for quantity, error in zip(("area", "power"), errors, strict=True):
            got = found[device, quantity]
            assert got is None if error is None else got == pytest.approx(error, abs=0.02), (device, quantity)


def test_at_most_eight_constants_are_fitted_and_none_besides():
    fitted = silicon_fit.fitted_constants()
    assert len(fitted) <= 8
    named = {(c.table, option, c.parameter) for c in fitted for option in c.options}
    for table in tables.TABLES:
        for option in ("", *tables.options(table)):
            try:
                constants = tables.constants(table, option)
            except ValueError:
                continue
            marked = {(table, option, name) for name, c in constants.items() if "silicon_fit" in c.source}
            assert marked <= named


def test_the_shipped_constants_are_the_fit_and_one_number_for_all_their_options():
    fitted = dict(zip(("area", "power"), silicon_fit.fits()[""], strict=True))
    for quantity, values in fitted.items():
        searched = [c for c in silicon_fit.fitted_constants() if c.quantity == quantity and c.low < c.high]
        for constant, value in zip(searched, values, strict=True):
            assert value == pytest.approx(constant.shipped, rel=5e-3), constant.parameter
            for option in constant.options:
                assert tables.constants(constant.table, option)[constant.parameter].value == constant.shipped


def test_the_ranges_of_the_tables_cover_the_fits_without_a_family():
    for values in silicon_fit.fits().values():
        for quantity, found in zip(("area", "power"), values, strict=True):
            searched = [c for c in silicon_fit.fitted_constants() if c.quantity == quantity and c.low < c.high]
            for constant, value in zip(searched, found, strict=True):
                row = tables.constants(constant.table, constant.options[0])[constant.parameter]
                assert row.low * (1 - 1e-6) <= value <= row.high * (1 + 1e-6), constant.parameter


def test_the_energy_per_flop_stands_at_the_bound_of_its_search_and_says_so():
    constant = tables.constants("common")["compute_j_per_flop"]
    assert {round(y[0] * 1e12, 4) for _, y in silicon_fit.fits().values()} == {0.3}
    assert "bound" in constant.source


def test_edge_silicon_is_busy_at_two_fifths_of_the_datacenter():
    edge, datacenter = (tables.constants("segments", name) for name in ("edge", "datacenter"))
    share = edge["segment_energy_relative"].value
    assert edge["busy_w_per_mm2"].value == pytest.approx(share * datacenter["busy_w_per_mm2"].value, rel=1e-3)


@pytest.mark.parametrize("name", ["a100-sxm-80gb", "mi250x", "wse-3", "rtx-4090", "t4", "strix-halo", "gaudi2"])
def test_the_terms_are_the_product_s_own_predictions(by_name, name):
    """The fit rests on area being linear and power bilinear; both meet `evaluate` at the shipped constants."""
    sample = by_name[name]
    product = dies.products()[name]
    full = dies.die_design(sample.chip, product, sample.die)
    vector = dies.vector_rate_relative(sample.chip, product)
    where = silicon_fit.scenario_of(sample.chip, sample.die, product, vector=vector)
    die_mm2 = silicon_fit.evaluated(full, where)[0]
    assert sample.area(shipped("area")) == pytest.approx(product.dies * die_mm2, rel=1e-9)
    sold = dies.product_design(sample.chip, product, sample.die)
    where = silicon_fit.scenario_of(
        sample.chip, sample.die, product, vector=dies.vector_rate_relative(sample.chip), **_busy(sample)
    )
    watts = silicon_fit.evaluated(sold, where)[1]
    assert sample.power(shipped("area"), shipped("power")) == pytest.approx(watts, rel=1e-9)


def _busy(sample: silicon_fit.Sample) -> dict[str, float]:
    """The exact product behind the rounded busy density of the edge segment."""
    if sample.die.segment != "edge":
        return {}
    share = tables.constants("segments", "edge")["segment_energy_relative"].value
    return {"busy_w_per_mm2": share * tables.constants("segments", "datacenter")["busy_w_per_mm2"].value}


def test_the_tables_of_dies_name_what_there_is():
    chosen = (("nodes", "node"), ("datapath", "datapath"), ("segments", "segment"), ("sram", "sram_style"))
    for die in dies.dies().values():
        for table, attribute in chosen:
            assert getattr(die, attribute) in tables.options(table), die.name
        assert die.source
        assert die.die_area_mm2 is not None or die.note, f"{die.name}: why is its area unknown?"
        assert die.die_class in (*DATACENTER, *OTHERS)
    for name, product in dies.products().items():
        die = dies.dies()[product.die]
        assert accelerator(name).die_family == die.family
        assert 0 < product.units <= product.dies * die.units
        assert 0 < product.dram_bits <= product.dies * die.dram_bits
        assert product.dram_kind in tables.options("dram")
        assert product.source


def test_a100_scales_to_the_full_ga100():
    chip, product = accelerator("a100-sxm-80gb"), dies.products()["a100-sxm-80gb"]
    design = dies.die_design(chip, product, dies.dies()["GA100"])
    assert design["compute_flop_per_s"] == pytest.approx(312e12 * 128 / 108)
    assert design["dram_bytes_per_s"] == pytest.approx(2.039e12 * 6 / 5)
    assert design["sram_bytes"] == 48e6


def test_products_of_one_die_tell_of_one_die():
    """Full-die vector rates from different products agree within their spread of boost clocks."""
    of_die: dict[str, list[float]] = {}
    for name, product in dies.products().items():
        chip, die = accelerator(name), dies.dies()[product.die]
        if "fp32" in chip.peaks and product.rate_share == 1:
            rate = chip.peaks["fp32"] * die.units / product.units
            of_die.setdefault(product.die, []).append(rate)
    for die_name, rates in of_die.items():
        assert max(rates) / min(rates) < 1.35, die_name


def test_the_fit_finds_the_constants_that_made_the_data(by_name):
    x, y = np.array([1.1e-12, 6e-12, 300.0, 2e-6]), np.array([0.4e-12, 4.0, 0.15])
    made = [replace(s, area_mm2=s.area(x), tdp_w=s.power(x, y)) for s in by_name.values()]
    assert silicon_fit.fit_area(made) == pytest.approx(x, rel=1e-4)
    assert silicon_fit.fit_power(made, x) == pytest.approx(y, rel=1e-4)


def test_the_constants_without_a_family_have_not_seen_it(monkeypatch, by_name):
    changed = [
        replace(s, area_mm2=(s.area_mm2 or 1.0) * 3, tdp_w=(s.tdp_w or 1.0) * 3) if s.die.family == "ada" else s
        for s in by_name.values()
    ]
    before, everything = silicon_fit.fits()["ada"], silicon_fit.fits()[""]
    monkeypatch.setattr(silicon_fit, "samples", lambda: tuple(changed))
    after = silicon_fit.fit("ada")
    assert np.array_equal(before[0], after[0])
    assert np.array_equal(before[1], after[1])
    assert silicon_fit.fit()[0] != pytest.approx(everything[0], rel=1e-2)


def test_a_gpu_costs_its_shaders_and_a_tensor_part_its_vector_units():
    k = {name: resolved_constants(Technology(datapath=name), Deployment()) for name in tables.options("datapath")}

    def logic(datapath: str, **changed: float) -> float:
        c = k[datapath] | changed
        names = (
            "compute_mm2_per_flop_per_s",
            "vector_mm2_per_flop_per_s",
            "vector_rate_relative",
            "noc_area_relative",
            "formats_area_relative",
            "logic_density_relative",
        )
        clock = c["node_clock_relative"] * c["datapath_clock_relative"]
        return float(area.logic_mm2(1e14, clock_relative=clock, **{name: c[name] for name in names}))

    assert logic("tensor") > logic("tensor", vector_rate_relative=0.0) > 0
    assert logic("vector") > logic("graphics") > logic("tensor")
    assert logic("vector", vector_rate_relative=0.0) == 0


POSITIVE = st.floats(1e-3, 1e3)


@given(
    rate=POSITIVE,
    more=st.floats(1.0, 1e3),
    matrix=POSITIVE,
    vector=POSITIVE,
    share=st.floats(0.0, 1.0),
    density=POSITIVE,
    clock=POSITIVE,
)
def test_logic_area_is_as_written_out_and_grows_with_every_rate(rate, more, matrix, vector, share, density, clock):
    known = {"noc_area_relative": 1.16, "formats_area_relative": 0.9}

    def got(rate: float, share: float, density: float, clock: float) -> float:
        return float(
            area.logic_mm2(
                rate,
                compute_mm2_per_flop_per_s=matrix,
                vector_mm2_per_flop_per_s=vector,
                vector_rate_relative=share,
                logic_density_relative=density,
                clock_relative=clock,
                **known,
            )
        )

    twin = 1.16 * (0.9 * matrix * rate + vector * (share * rate)) / density / clock
    here = got(rate, share, density, clock)
    assert math.isclose(here, twin, rel_tol=1e-12)
    assert got(rate * more, share, density, clock) >= here
    assert got(rate, share * more, density, clock) >= here
    assert got(rate, share, density * more, clock) <= here * (1 + 1e-12)
    assert got(rate, share, density, clock * more) <= here * (1 + 1e-12)
