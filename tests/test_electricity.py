"""The price of electricity: a number, the grid's, or the table's; a region without data is an error."""

from __future__ import annotations

from typing import Any

import pytest
from test_overrides import study as plain_study

from costmodels import tables
from dse import evaluate, load
from dse.errors import StudyError
from dse.plan import problem_of
from sweeps.constants import GRID_PRICE, chosen_constants, priced_grids
from sweeps.scenario import Deployment, Technology


def study(**deployment: Any) -> dict[str, Any]:
    return {**plain_study({}), "deployment": deployment}


def price(**deployment: Any) -> tables.Constant:
    return problem_of(load(study(**deployment))).scenario(0).ranges["electricity_usd_per_j"]


def test_without_a_price_it_is_the_tables_with_its_range() -> None:
    got = price()
    assert (got.low, got.value, got.high) == pytest.approx((0.045 / 3.6e6, 0.08 / 3.6e6, 0.2 / 3.6e6))


def test_a_price_of_the_study_has_no_range() -> None:
    got = price(electricity="0.15 USD/kWh")
    assert got.low == got.value == got.high == pytest.approx(0.15 / 3.6e6)


@pytest.mark.parametrize("grid", priced_grids())
def test_the_grids_price_comes_with_its_source(grid: str) -> None:
    got, row = price(electricity="grid", grid=grid), tables.constants("grids", grid)[GRID_PRICE]
    assert (got.value, got.low, got.high, got.source) == (row.value, row.low, row.high, row.source)
    assert got.family == "electricity_price"


def test_euro_prices_are_converted_at_the_rate_their_source_states() -> None:
    for grid, euro in {"ireland": 0.256, "germany": 0.233, "france": 0.171, "finland": 0.093, "sweden": 0.094}.items():
        row = tables.constants("grids", grid)[GRID_PRICE]
        assert row.value * 3.6e6 == pytest.approx(euro * 1.08, rel=1e-3)
        assert "1.08 USD/EUR" in row.source
        assert f"{euro:.3f} EUR/kWh" in row.source


def test_energy_costs_more_where_electricity_does() -> None:
    rows = evaluate(study(electricity="grid", grid=["finland", "ireland"]), {"sram": ["50 MB"]})
    finland, ireland = rows["tco_usd_per_mtoken"]
    k = [tables.constants("grids", grid)[GRID_PRICE].value for grid in ("finland", "ireland")]
    joules = rows["facility_energy_j_per_token"][0] * 1e6
    assert ireland - finland == pytest.approx(joules * (k[1] - k[0]), rel=1e-6)


@pytest.mark.parametrize(
    ("deployment", "message"),
    [
        (
            {"electricity": "grid", "grid": "iceland"},
            r"electricity: no price of electricity is known for the grid iceland",
        ),
        (
            {"electricity": "grid", "grid": ["usa", "japan"]},
            r"no price .* grid japan; give a price .* world, usa, china",
        ),
        ({"electricity": "gird"}, r'or grid, for the price in its region \(did you mean "grid"\?\)'),
        ({"electricity": "-0.1 USD/kWh"}, r"at least 0"),
        ({"electricity": "0.1 kWh"}, r"expected a price of electricity"),
        ({"electricity": {"log": ["grid", "0.1 USD/kWh"], "points": 2}}, r"expected two numbers, got \[grid, 0.1"),
    ],
)
def test_a_price_that_cannot_be_is_refused(deployment: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        load(study(**deployment))


def test_two_axes_that_meet_at_a_region_without_a_price_are_refused() -> None:
    given = load(study(electricity=["0.1 USD/kWh", "grid"], grid=["usa", "iceland"]))
    with pytest.raises(StudyError, match=r"no price of electricity is known for the grid iceland"):
        problem_of(given)


def test_a_study_with_the_grids_price_makes_the_round_trip() -> None:
    given = load(study(electricity=["grid", "0.1 USD/kWh"], grid="usa"))
    assert load(given.to_yaml()) == given


def test_the_python_side_says_so_too() -> None:
    with pytest.raises(ValueError, match=r"no price is known for the grid norway; grids with a price: world, usa"):
        chosen_constants(Technology(), Deployment(grid="norway", electricity_usd_per_j="grid"))
