"""Monotone parts of the metrics, and lower bounds on boxes of designs that follow from them."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_scenarios import DESIGNS, Designs, deployments, designs, mixes, modellings, technologies
from flat_memory import request
from hypothesis import given, settings
from hypothesis import strategies as st

from results.columns import COLUMNS
from sweeps.bounds import lower_bounds
from sweeps.evaluate import evaluate
from sweeps.monotone import parts, signs
from sweeps.scenario import Deployment, Modelling, Scenario, Technology, scenario
from sweeps.space import DESIGN_COLUMNS

EXAMPLES = settings(deadline=None, max_examples=60)


@st.composite
def drawn(draw: st.DrawFn) -> Scenario:
    return scenario(draw(mixes()), draw(technologies()), draw(deployments()), draw(modellings()))


def evaluated(columns: Designs, of: Scenario) -> dict[str, np.ndarray]:
    with np.errstate(all="ignore"):
        found = evaluate(columns, of)
    return {name: np.broadcast_to(np.asarray(value, dtype=np.float64), (DESIGNS,)) for name, value in found.items()}


def boxes(draw: st.DrawFn, of: Scenario) -> tuple[Designs, Designs, Designs]:
    """A design in each box, and both ends of the box; many boxes have axes of one value."""
    inside = draw(designs(of))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    least, most = dict(inside), dict(inside)
    for name in DESIGN_COLUMNS:
        width = 10.0 ** (rng.random(DESIGNS) * rng.choice([0.0, 0.01, 0.3, 1.5], DESIGNS))
        least[name] = inside[name] / width
        most[name] = inside[name] * 10.0 ** (rng.random(DESIGNS) * np.log10(width))
        if name == "flash_bytes":  # from no flash at all
            least[name] = np.where((width > 1) & (rng.random(DESIGNS) < 0.3), 0.0, least[name])
    return inside, least, most


@EXAMPLES
@given(of=drawn(), data=st.data())
def test_no_design_of_a_box_is_below_its_bound(of: Scenario, data: st.DataObject) -> None:
    inside, least, most = boxes(data.draw, of)
    values = evaluated(inside, of)
    known = [name for name in signs(of) if name in values]
    for sense in (1, -1):
        bounds = lower_bounds(dict.fromkeys(known, sense), least, most, of)
        for name in known:
            value = values[name] * sense
            wrong = np.isfinite(values["tpot_s"]) & np.isfinite(value) & (bounds[name] > value)
            at = np.flatnonzero(wrong)
            assert not len(at), f"{name} x {sense}: {bounds[name][at[0]]!r} > {value[at[0]]!r}"


@EXAMPLES
@given(of=drawn(), data=st.data())
def test_the_bound_of_a_single_design_is_its_metric(of: Scenario, data: st.DataObject) -> None:
    columns = data.draw(designs(of))
    values = evaluated(columns, of)
    known = [name for name in signs(of) if name in values]
    bounds = lower_bounds(dict.fromkeys(known, 1), columns, columns, of)
    for name in known:
        there = np.isfinite(values["tpot_s"]) & np.isfinite(values[name])
        slack = 2e-12 * np.abs(values[name][there]) + 1e-299  # a bound of 0 is just below 0
        if None not in signs(of)[name].values():
            assert np.all(np.abs(bounds[name][there] - values[name][there]) <= slack), name


def test_every_metric_and_margin_says_how_it_moves() -> None:
    of = scenario([request("llama-3-8b", prompt=64, output=64)], Technology(), Deployment(), Modelling())
    named = {c.name for c in COLUMNS.values() if c.kind in ("metric", "margin")} - {"chips", "batch"}
    assert set(signs(of)) == named


@pytest.mark.parametrize("axis", DESIGN_COLUMNS)
def test_the_parts_of_an_energy_along_each_axis(axis: str) -> None:
    of = scenario(
        [request("llama-3-8b", prompt=64, output=64)], Technology(flash_kind="nvme"), Deployment(), Modelling()
    )
    found = parts("energy_j_per_token", axis, of)
    assert found.unsure == ()
    rising = {
        "dram_bytes_per_s": {"silicon_mm2", "dram_bought_bytes"},
        "compute_flop_per_s": {"silicon_mm2"},
        "sram_bytes": {"silicon_mm2", "sram_j_per_byte"},
        "dram_bytes": {"dram_bought_bytes"},
        "flash_bytes": {"flash_bytes"},
    }
    assert set(found.rising) == rising[axis]
    assert {"prefill_s", "decode_s"} <= set(found.falling)


def test_what_has_no_direction_has_no_bound() -> None:
    of = scenario(
        [request("llama-3-8b", prompt=64, output=64)],
        Technology(dram_kind="hbm3", pim="hbm-pim"),
        Deployment(),
        Modelling(),
    )
    least = dict(zip(DESIGN_COLUMNS, (np.array([v]) for v in (1e12, 1e14, 1e7, 48e9, 0.0)), strict=True))
    most = {**least, "dram_bytes_per_s": np.array([2e12])}
    assert lower_bounds({"energy_j_per_token": 1}, least, most, of)["energy_j_per_token"][0] == -np.inf
    assert np.isfinite(lower_bounds({"tpot_s": 1}, least, most, of)["tpot_s"][0])
    assert "decode_sram_bytes" in parts("energy_j_per_token", "dram_bytes_per_s", of).unsure
