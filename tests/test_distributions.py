"""Quantile functions by known answers, samples of families, and what must hold for any range."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodels.distributions import draw, families, latin_hypercube, quantile
from costmodels.tables import Constant, constants

PLAIN = Constant("a_usd", "", 2.0, 1.0, 5.0, "USD", 2026, "assumption", "a", "triangular")


def made(distribution: str, low: float, value: float, high: float, family: str = "a") -> Constant:
    return replace(PLAIN, low=low, value=value, high=high, distribution=distribution, family=family)


def test_triangular_quantiles_of_kotz_and_van_dorp() -> None:
    """F(c) = (c - a) / (b - a) = 1/4; below a + sqrt(u (b-a)(c-a)), above b - sqrt((1-u)(b-a)(b-c))."""
    found = quantile(PLAIN, [0.0, 1 / 16, 0.25, 0.75, 1.0]).tolist()
    assert found == pytest.approx([1.0, 1.5, 2.0, 5.0 - math.sqrt(0.25 * 4 * 3), 5.0], rel=1e-15)


def test_triangular_mean_is_that_of_the_three_corners() -> None:
    middle = (np.arange(100_000) + 0.5) / 100_000
    assert float(quantile(PLAIN, middle).mean()) == pytest.approx((1 + 2 + 5) / 3, rel=1e-6)


def test_triangular_with_its_peak_at_an_end() -> None:
    assert quantile(made("triangular", 1.0, 1.0, 5.0), [0.0, 0.75, 1.0]).tolist() == [1.0, 3.0, 5.0]
    assert quantile(made("triangular", 1.0, 5.0, 5.0), [0.0, 0.25, 1.0]).tolist() == [1.0, 3.0, 5.0]


def test_uniform_and_log_quantiles() -> None:
    assert quantile(made("uniform", 1.0, 2.0, 5.0), [0.0, 0.25, 1.0]).tolist() == [1.0, 2.0, 5.0]
    assert quantile(made("log", 1.0, 10.0, 100.0), [0.0, 0.5, 1.0]).tolist() == pytest.approx([1.0, 10.0, 100.0])
    assert float(quantile(made("log", 1.0, 10.0, 100.0), 0.125)) == pytest.approx(10**0.5)


def test_whole_numbers_are_whole_and_all_there() -> None:
    found = quantile(made("whole", 1.0, 2.0, 4.0), (np.arange(1000) + 0.5) / 1000)
    counts = {number: int(np.count_nonzero(found == number)) for number in (1.0, 2.0, 3.0, 4.0)}
    assert sum(counts.values()) == 1000
    assert max(counts, key=lambda number: counts[number]) == 2.0
    # Triangle from 0.5 to 4.5 with its peak at 2: below 1.5 there is (1.5 - 0.5)² / (4 · 1.5) = 1/6 of it.
    assert counts[1.0] == pytest.approx(1000 / 6, abs=1)


RANGES = st.tuples(*[st.floats(1e-9, 1e9)] * 3).map(sorted)


@given(RANGES, st.sampled_from(["triangular", "uniform", "log"]), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_quantiles_stay_in_range_rise_and_reach_both_ends(ends: list[float], kind: str, us: list[float]) -> None:
    constant = made(kind, *ends)
    found = quantile(constant, sorted(us))
    assert ((found >= constant.low) & (found <= constant.high)).all()
    assert (np.diff(found) >= -1e-9 * constant.high).all()
    if constant.low < constant.high:
        assert quantile(constant, [0.0, 1.0]).tolist() == pytest.approx([constant.low, constant.high], rel=1e-12)


def test_quantiles_outside_0_to_1_are_refused() -> None:
    for wrong in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="from 0 to 1"):
            quantile(PLAIN, [wrong])


def test_a_hypercube_has_one_sample_in_each_stratum_and_families_of_their_own() -> None:
    found = latin_hypercube(["a", "b"], 64, 1)
    for values in found.values():
        assert sorted(np.floor(values * 64).astype(int).tolist()) == list(range(64))
    assert abs(np.corrcoef(found["a"], found["b"])[0, 1]) < 0.4
    assert latin_hypercube(["b", "c"], 64, 1)["b"].tolist() == found["b"].tolist()
    assert latin_hypercube(["b"], 64, 2)["b"].tolist() != found["b"].tolist()


def test_the_hypercube_is_the_same_on_every_machine() -> None:
    assert latin_hypercube(["wafer_usd"], 4, 1)["wafer_usd"].tolist() == PINNED


PINNED = [0.9989898512724107, 0.12228191529786137, 0.3215500355024865, 0.5037203821243748]


def test_bad_samples_and_seeds_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 sample"):
        latin_hypercube(["a"], 0, 1)
    with pytest.raises(ValueError, match="seed of at least 0"):
        latin_hypercube(["a"], 4, -1)


def test_constants_of_one_family_move_together_and_others_do_not() -> None:
    chosen = {"a": made("triangular", 1.0, 2.0, 5.0), "b": made("triangular", 10.0, 20.0, 50.0)}
    chosen |= {"c": made("uniform", 0.0, 1.0, 2.0, "other"), "d": made("fixed", 3.0, 3.0, 3.0, "other")}
    assert families(chosen.values()) == ("a", "other")
    drawn = draw(chosen, latin_hypercube(families(chosen.values()), 256, 1))
    assert set(drawn) == {"a", "b", "c"}
    assert drawn["b"] == pytest.approx(10 * drawn["a"])
    assert abs(np.corrcoef(drawn["a"], drawn["c"])[0, 1]) < 0.2


@pytest.mark.parametrize("segment", ["edge", "datacenter"])
def test_idle_power_is_never_drawn_above_busy_power(segment: str) -> None:
    shipped = constants("segments", segment)
    drawn = draw(shipped, {"static_power": np.linspace(0, 1, 101)})
    assert (drawn["idle_w_per_mm2"] <= drawn["busy_w_per_mm2"]).all()
    swapped = dict(shipped)
    swapped["busy_w_per_mm2"] = replace(shipped["busy_w_per_mm2"], low=0.0)
    cut = draw(swapped, {"static_power": np.linspace(0, 1, 101)})
    assert (cut["idle_w_per_mm2"] <= cut["busy_w_per_mm2"]).all()
    assert (cut["idle_w_per_mm2"] < quantile(shipped["idle_w_per_mm2"], np.linspace(0, 1, 101))).any()
