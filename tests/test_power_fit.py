"""The shipped energy per FLOP and busy power density are the fit of benchmarks/fit_power.py, with the errors stated."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks import fit_power

from costmodels import tables

# Errors of peak power as a share of the published one: in-sample, its die left out, at the model's own area.
ERRORS = {
    "A100-80 SXM": (0.00, -0.05, -0.11),
    "H100 SXM": (-0.09, -0.22, -0.08),
    "H200": (0.00, -0.14, 0.01),
    "B200": (0.37, 0.46, 0.40),
    "TPUv4i": (1.62, 1.62, 1.54),
    "TPUv4": (2.42, 2.42, 2.30),
}
AREA_ERRORS = {"A100-80 SXM": -0.33, "H100 SXM": 0.04, "H200": 0.05, "B200": 0.13, "TPUv4i": -0.21, "TPUv4": -0.22}


@pytest.fixture(scope="module")
def table() -> tuple[tuple[float, float], list[fit_power.Row]]:
    return fit_power.table()


@pytest.fixture(scope="module")
def shipped() -> tuple[float, float]:
    per_flop = tables.constants("common")["compute_j_per_flop"].value / fit_power.PICO
    return per_flop, tables.constants("segments", "datacenter")["busy_w_per_mm2"].value


def test_the_shipped_constants_are_the_fit(table, shipped):
    assert [f"{value:.3g}" for value in table[0]] == [f"{value:.3g}" for value in shipped] == ["0.358", "0.167"]


def test_edge_silicon_is_busy_at_two_fifths_of_the_datacenter(shipped):
    edge = tables.constants("segments", "edge")["busy_w_per_mm2"].value
    assert edge == pytest.approx(0.4 * shipped[1], rel=1e-3)


def test_the_errors_are_as_stated(table):
    rows = table[1]
    assert [row.part.name for row in rows] == list(ERRORS)
    for row in rows:
        errors = [row.error(watts) for watts in (row.in_sample_w, row.left_out_w, row.end_to_end_w)]
        assert errors == pytest.approx(ERRORS[row.part.name], abs=0.006), row.part.name
        area_error = row.end_to_end_mm2 / row.part.die_area_mm2 - 1
        assert area_error == pytest.approx(AREA_ERRORS[row.part.name], abs=0.006), row.part.name


def test_no_other_constants_fit_better(table):
    """A random search of a box far larger than the fit's, with the loss written out again."""
    constants, rows = table
    rng = np.random.default_rng(7)
    low = fit_power.low_ends()
    e, busy = low[0] * 10 ** rng.uniform(0, 1, 200_000), low[1] * 10 ** rng.uniform(0, 1, 200_000)
    e, busy = np.append(e, constants[0]), np.append(busy, constants[1])
    lines = [(fit_power.line(row.part), row.part.published_w) for row in rows]
    losses = sum(abs(np.log((x.fixed_w + x.w_per_pj * e + x.area_mm2 * busy) / watts)) for x, watts in lines)
    assert losses[:-1].min() >= losses[-1] - 1e-6


def test_peak_power_is_linear_in_both_constants(table, shipped):
    """The fit rests on it: the line through three points meets the product's own number at a fourth."""
    for row in table[1]:
        directly = fit_power.predicted(row.part, shipped, row.part.die_area_mm2)[0]
        assert fit_power.line(row.part).watts(shipped) == pytest.approx(directly, rel=1e-9)
        assert fit_power.line(row.part).area_mm2 == pytest.approx(row.part.die_area_mm2, rel=1e-9)


def test_the_tpus_have_no_say_in_the_fit(table):
    """Their memories at full rate alone exceed their published power: no constants >= 0 can mend that."""
    for row in table[1]:
        alone = fit_power.line(row.part).fixed_w > row.part.published_w
        assert alone == row.part.name.startswith("TPU"), row.part.name
    assert fit_power.variants()["without the TPUs"] == pytest.approx(table[0], rel=1e-4)


def test_the_fit_depends_on_how_the_parts_are_read():
    """The ranges of the tables cover the other readings."""
    e = tables.constants("common")["compute_j_per_flop"]
    busy = tables.constants("segments", "datacenter")["busy_w_per_mm2"]
    found = fit_power.variants()
    assert found["TPU memory at the bandwidth of a cache"] == pytest.approx((0.397, 0.120), abs=6e-4)
    assert found["TSMC 4N of H100 and H200 taken as 4nm"] == pytest.approx((0.444, 0.120), abs=6e-4)
    for per_flop, density in found.values():
        assert e.low <= per_flop * fit_power.PICO <= e.high
        assert busy.low <= density <= busy.high
