"""Measures of a front beside a reference: answers by hand, plain twins, and what must never change them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from results.quality import Frame, quality, share_found, signs_of

LINE = [[0.0, 1.0], [1.0, 0.0]]
STEPS = [[1.0, 8.0], [2.0, 4.0], [4.0, 2.0], [8.0, 1.0]]


def test_middle_of_a_line_by_hand() -> None:
    """Up to (1.1, 1.1) the ends cover 2 x 1.1 x 0.1 - 0.1², the middle 0.6²; it is half the range behind both ends."""
    found = quality([[0.5, 0.5]], LINE)
    assert found.hypervolume == pytest.approx(0.36 / 0.21, rel=1e-12)
    assert (found.igd_plus, found.epsilon) == (0.5, 0.5)
    assert found.factor is None
    assert found.found == 0.0


def test_logarithms_where_all_values_have_one_sign() -> None:
    root = math.sqrt(8.0)
    found = quality([[root, root]], [[1.0, 8.0], [8.0, 1.0]])
    assert found.hypervolume == pytest.approx(0.36 / 0.21, rel=1e-12)
    assert found.igd_plus == pytest.approx(0.5, rel=1e-12)
    mirrored = quality([[-root, root]], [[-1.0, 1.0], [-8.0, 8.0]])
    assert mirrored.hypervolume == pytest.approx(0.36 / 0.21, rel=1e-12)
    assert mirrored.factor == pytest.approx(root, rel=1e-12)


def test_multiplicative_epsilon_by_hand() -> None:
    """Every step is reached when both coordinates are halved; a rate of 5 must double to reach 10."""
    found = quality([[2.0, 8.0], [8.0, 2.0]], STEPS)
    assert found.factor == 2.0
    assert found.epsilon == pytest.approx(math.log(2) / math.log(8), rel=1e-12)
    assert quality([[-5.0, 1.0]], [[-10.0, 1.0]]).factor == 2.0


def test_igd_plus_counts_only_what_is_behind() -> None:
    """Example 4 of Ishibuchi et al. 2015: the plain distance ranks these two fronts the wrong way round."""
    reference = [[10.0, 0.0], [6.0, 1.0], [2.0, 2.0], [1.0, 6.0], [0.0, 10.0]]
    tenths = Frame(np.zeros(2), np.full(2, 10.0), np.zeros(2, dtype=np.int64))
    better = quality([[4.0, 2.0], [3.0, 3.0], [2.0, 4.0]], reference, tenths).igd_plus
    worse = quality([[8.0, 2.0], [4.0, 4.0], [2.0, 8.0]], reference, tenths).igd_plus
    assert better == pytest.approx(0.1482842712474619, rel=1e-12)
    assert worse == pytest.approx(0.2260112615949154, rel=1e-12)


def test_found_counts_distinct_vectors_bit_for_bit() -> None:
    assert share_found([[1.0, 8.0], [4.0, 2.0], [1.0, 8.0]], STEPS + STEPS) == 0.5
    assert share_found([[1.0, 8.0 * (1 + 2**-52)]], STEPS) == 0.0
    assert share_found([[-0.0, 1.0]], LINE) == 0.5


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rows_that_are_no_numbers_change_nothing(bad: float) -> None:
    clean = quality(STEPS[1:], STEPS)
    assert quality([[bad, 0.5], *STEPS[1:], [0.5, bad]], [*STEPS, [bad, 0.1]]) == clean
    nothing = quality([[bad, 1.0]], STEPS)
    assert (nothing.hypervolume, nothing.igd_plus, nothing.epsilon, nothing.found) == (0.0, math.inf, math.inf, 0.0)


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one row of finite objectives"):
        quality(STEPS, [[np.nan, 1.0]])
    with pytest.raises(ValueError, match="as many objectives, got 1 and 2"):
        quality([[1.0]], STEPS)
    with pytest.raises(ValueError, match="beyond the reference point"):
        quality(STEPS, STEPS, Frame(np.zeros(2), np.full(2, 0.1), np.zeros(2, dtype=np.int64)))


def test_a_sign_that_changes_makes_an_objective_linear() -> None:
    assert signs_of(np.asarray([[1.0, -1.0, 0.0], [2.0, -3.0, 1.0], [np.nan, -2.0, 2.0]])).tolist() == [1, -1, 0]
    assert Frame.of([[1.0, 2.0]], [[[-1.0, 1.0]]]).signs.tolist() == [0, 1]


def test_an_objective_that_is_the_same_everywhere_only_shifts() -> None:
    found = quality([[1.0, 8.0, 5.0], [8.0, 1.0, 5.0]], [[1.0, 8.0, 5.0], [8.0, 1.0, 5.0]])
    assert (found.hypervolume, found.igd_plus, found.factor) == (1.0, 0.0, 1.0)


FRONTS = hnp.arrays(np.float64, st.tuples(st.integers(1, 12), st.just(3)), elements=st.integers(1, 9).map(float))


@given(FRONTS, FRONTS)
def test_measures_are_those_of_their_definitions(front: np.ndarray, reference: np.ndarray) -> None:
    found = quality(front, reference)
    frame = Frame.of(reference, [front])
    near, far = frame.position(front), frame.position(reference)
    behind = [[[max(x - y, 0.0) for x, y in zip(a, r, strict=True)] for a in near] for r in far]
    distances = [min(math.hypot(*steps) for steps in one) for one in behind]
    assert found.igd_plus == pytest.approx(sum(distances) / len(distances), rel=1e-9, abs=1e-12)
    additive = max(min(max(x - y for x, y in zip(a, r, strict=True)) for a in near) for r in far)
    assert found.epsilon == pytest.approx(additive, rel=1e-9, abs=1e-12)
    factor = max(min(max(x / y for x, y in zip(a, r, strict=True)) for a in front) for r in reference)
    assert found.factor == pytest.approx(factor, rel=1e-12)


@given(FRONTS, FRONTS)
def test_more_designs_are_never_worse(front: np.ndarray, more: np.ndarray) -> None:
    reference = np.concatenate([front, more])
    frame = Frame.of(reference)
    few, many = quality(front, reference, frame), quality(reference, reference, frame)
    assert few.hypervolume <= many.hypervolume + 1e-12
    assert many.hypervolume == pytest.approx(1.0, rel=1e-12)
    assert (many.igd_plus, many.factor, many.found) == (0.0, 1.0, 1.0)
    assert few.igd_plus >= 0.0
    assert few.factor is not None
    assert few.factor >= 1.0
