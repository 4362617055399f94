"""Models of yield against published figures, the mathematics they are, and each other; and silicon of many samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodels.wafer import package_silicon
from costmodels.yields import MOST_DEFECTS, YIELD_MODELS, die_yield, exp_minus
from dse import evaluate, load
from dse.errors import StudyError

SILICON: dict[str, float] = {
    "reticle_mm2": 858.0,
    "die_to_die_mm2": 10.0,
    "bond_wafers": 0.001,
    "wafer_diameter_mm": 300.0,
    "edge_exclusion_mm": 3.0,
    "scribe_mm": 0.1,
    "defects_per_mm2": 0.001,
    "yield_clustering": 3.0,
    "harvest_share": 0.6,
}


# Published figures, and what the models are


@pytest.mark.parametrize(
    ("model", "alpha", "share"),
    [
        ("negative_binomial", 3, 0.49),
        ("negative_binomial", 10, 0.46),
        ("poisson", 3, 0.44),
        ("murphy", 3, 0.47),
        ("seeds", 3, 0.55),
    ],
)
def test_yield_of_an_h100_at_a_tenth_of_a_defect_per_cm2(model: str, alpha: int, share: float) -> None:
    got = die_yield(814.0, defects_per_mm2=0.001, yield_clustering=alpha, model=model)
    assert got == pytest.approx(share, abs=0.005)


def test_exp_is_exact_to_1e_13_over_all_it_takes() -> None:
    x = np.concatenate([np.linspace(0.0, MOST_DEFECTS, 200_001), np.geomspace(1e-12, MOST_DEFECTS, 50_001)])
    exp, mean = exp_minus(x)
    assert np.max(np.abs(exp / np.array([math.exp(-v) for v in x]) - 1.0)) < 1e-13
    exact = np.array([-math.expm1(-v) / v if v else 1.0 for v in x])
    assert np.max(np.abs(mean / exact - 1.0)) < 1e-13


def test_exp_falls_on_a_fine_grid_and_stays_put_beyond_its_range() -> None:
    exp, mean = (np.asarray(values) for values in exp_minus(np.linspace(0.0, 2 * MOST_DEFECTS, 400_001)))
    assert np.all(np.diff(exp) <= 0)
    assert np.all(np.diff(mean) <= 0)
    assert exp[0] == mean[0] == 1.0
    assert 0 < exp[-1] == exp[200_000]


@given(x=st.floats(0.0, 60.0), more=st.floats(0.0, 1e-9))
def test_exp_never_rises_between_neighbours(x: float, more: float) -> None:
    assert exp_minus(x + more)[0] <= exp_minus(x)[0]


def test_the_negative_binomial_lies_between_seeds_and_poisson() -> None:
    area = np.linspace(1.0, 858.0, 500)
    shares = {m: np.asarray(die_yield(area, defects_per_mm2=0.001, yield_clustering=3, model=m)) for m in YIELD_MODELS}
    assert np.all(shares["poisson"] < shares["negative_binomial"])
    assert np.all(shares["poisson"] < shares["murphy"])
    assert np.all(shares["negative_binomial"] < shares["seeds"])
    one = die_yield(area, defects_per_mm2=0.001, yield_clustering=1)
    assert one == pytest.approx(shares["seeds"], rel=1e-15)


def test_an_unknown_model_is_answered_with_those_there_are() -> None:
    with pytest.raises(
        ValueError, match=r"no model of yield 'bose'; allowed: negative_binomial, poisson, murphy, seeds"
    ):
        die_yield(100.0, defects_per_mm2=0.001, yield_clustering=3, model="bose")


# Wafers


@given(
    model=st.sampled_from(YIELD_MODELS),
    area=st.floats(1.0, 5000.0),
    growth=st.floats(1e-9, 0.5),
    defects=st.floats(0.0003, 0.004),
    harvest=st.floats(0.0, 0.9),
    max_dies=st.integers(1, 8),
)
def test_wafers_never_fall_with_area(
    model: str, area: float, growth: float, defects: float, harvest: float, max_dies: int
) -> None:
    asked: Any = {**SILICON, "defects_per_mm2": defects, "harvest_share": harvest, "max_dies": max_dies}
    wafers, _ = package_silicon(np.array([area, area * (1 + growth)]), yield_model=model, **asked)
    less, more = np.asarray(wafers)
    assert more >= less * (1 - 1e-14)


@given(data=st.data(), model=st.sampled_from(YIELD_MODELS))
def test_samples_of_all_constants_give_the_bits_of_one_at_a_time(data: st.DataObject, model: str) -> None:
    areas = np.array(data.draw(st.lists(st.floats(1.0, 4000.0), min_size=1, max_size=4)))
    ranges = {
        **{name: st.floats(0.8 * value, 1.2 * value) for name, value in SILICON.items()},
        "yield_clustering": st.integers(1, 10).map(float),
        "max_dies": st.integers(1, 8).map(float),
    }
    rows = data.draw(st.lists(st.fixed_dictionaries(ranges), min_size=1, max_size=4))
    samples: Any = {name: np.array([[row[name]] for row in rows]) for name in ranges}
    wafers, dies = (np.asarray(values) for values in package_silicon(areas, yield_model=model, **samples))
    assert wafers.shape == dies.shape == (len(rows), len(areas))
    for row, got, count in zip(rows, wafers, dies, strict=True):
        alone: Any = row
        expected, split = package_silicon(areas, yield_model=model, **alone)
        assert np.array_equal(got, np.broadcast_to(expected, got.shape))
        assert np.array_equal(count, np.broadcast_to(split, count.shape))


# In a study


def study(**technology: Any) -> dict[str, Any]:
    return {
        "name": "yield",
        "workloads": [{"model": "llama-3-8b", "prompt_tokens": 512, "output_tokens": 64}],
        "design": {
            "dram_bandwidth": ["3 TB/s"],
            "compute": ["1000 TFLOP/s"],
            "sram": ["50 MB"],
            "dram": ["80 GB"],
        },
        "technology": {"dram_kind": "hbm3", "sram_style": "cache", **technology},
    }


def test_the_model_of_yield_is_an_axis_and_moves_the_price_only_with_the_dies() -> None:
    rows = evaluate(study(yield_model=list(YIELD_MODELS)), {"sram": ["50 MB"]}).set_index("technology.yield_model")
    prices = rows["price_usd"]
    assert prices["seeds"] < prices["negative_binomial"] < prices["poisson"]
    assert rows["die_area_mm2"].nunique() == rows["peak_power_w"].nunique() == 1
    assert prices["poisson"] < 1.05 * prices["seeds"]  # harvested dies are sold: the models differ little


def test_a_misspelt_model_of_yield_is_guessed() -> None:
    with pytest.raises(StudyError, match=r'technology\.yield_model: .*got "murphys" \(did you mean "murphy"\?\)'):
        load(study(yield_model="murphys"))
