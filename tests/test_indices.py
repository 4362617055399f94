"""Sobol' indices of functions whose indices are known, and of functions with holes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from sweeps.indices import sobol_indices

Array = NDArray[np.float64]


def test_a_linear_function_has_shares_of_its_squared_slopes() -> None:
    """Var of a uniform is 1/12, so S_i = a_i² / sum a²; without interactions the totals are the same."""
    slopes = np.array([1.0, 2.0, 3.0, 0.0])
    found = sobol_indices(lambda u: (slopes[:, None] * u).sum(axis=0)[None], 4, samples=4096, seed=1)
    expected = slopes**2 / (slopes**2).sum()
    assert found.first[:, 0] == pytest.approx(expected, abs=0.01)
    assert found.total[:, 0] == pytest.approx(expected, abs=0.01)
    assert found.total[3, 0] == 0.0
    assert found.mean[0] == pytest.approx(3.0, abs=0.01)
    assert found.deviation[0] == pytest.approx(math.sqrt(14 / 12), rel=0.01)
    assert (found.rows, found.left_out, found.evaluations) == (4096, 0, 4096 * 6)


def ishigami(u: Array) -> Array:
    x = math.pi * (2 * u - 1)
    return np.asarray(np.sin(x[0]) + 7 * np.sin(x[1]) ** 2 + 0.1 * x[2] ** 4 * np.sin(x[0]))[None]


def test_ishigami_function() -> None:
    """Ishigami & Homma 1990 with a = 7, b = 0.1: V1 = (1 + bπ⁴/5)²/2, V2 = a²/8, V13 = 8 b²π⁸/225."""
    v1, v2, v13 = 0.5 * (1 + 0.1 * math.pi**4 / 5) ** 2, 49 / 8, 8 * 0.01 * math.pi**8 / 225
    whole = v1 + v2 + v13
    found = sobol_indices(ishigami, 3, samples=8192, seed=2)
    assert found.first[:, 0] == pytest.approx([v1 / whole, v2 / whole, 0.0], abs=0.01)
    assert found.total[:, 0] == pytest.approx([(v1 + v13) / whole, v2 / whole, v13 / whole], abs=0.01)
    assert found.first[:, 0] == pytest.approx([0.3139, 0.4424, 0.0], abs=0.01)  # as published
    assert (found.first_error < 0.03).all()
    assert (np.abs(found.first[:, 0] - [v1 / whole, v2 / whole, 0.0]) < 4 * found.first_error[:, 0] + 0.005).all()


def test_several_outputs_each_have_their_own() -> None:
    def two(u: Array) -> Array:
        return np.stack([ishigami(u)[0], 5.0 + 0.0 * u[0], 1e-9 * u[1]])

    found, alone = sobol_indices(two, 3, samples=512, seed=2), sobol_indices(ishigami, 3, samples=512, seed=2)
    assert found.first[:, 0] == pytest.approx(alone.first[:, 0])
    assert found.first[:, 1].tolist() == found.total[:, 1].tolist() == [0.0, 0.0, 0.0]
    assert found.total[:, 2] == pytest.approx([0.0, 1.0, 0.0], abs=0.02)


def test_rows_without_a_number_are_replaced_and_counted() -> None:
    """A function with a hole has the indices of the part that is there: here of the slab u0 < 1/2, still uniform."""

    def holed(u: Array) -> Array:
        return np.where(u[0] < 0.5, u[0] + u[1], np.nan)[None]

    found = sobol_indices(holed, 2, samples=1024, seed=1)
    assert found.rows == 1024
    assert found.left_out > 0
    assert found.first[:, 0] == pytest.approx([0.2, 0.8], abs=0.03)  # variances 1/48 and 1/12


def test_fewer_rows_where_numbers_are_rare_and_an_error_where_there_are_none() -> None:
    rare = sobol_indices(lambda u: np.where(u[:1] < 0.2, u[:1], np.inf), 2, samples=1024, seed=1)
    assert rare.rows in (128, 256)
    with pytest.raises(ValueError, match="of 8,192 rows of inputs only 0 have a number everywhere; at least 16"):
        sobol_indices(lambda u: np.full((1, u.shape[1]), np.nan), 2, samples=1024, seed=1)


def test_the_seed_decides() -> None:
    one, same, other = (sobol_indices(ishigami, 3, samples=64, seed=seed) for seed in (1, 1, 2))
    assert one.first.tolist() == same.first.tolist() != other.first.tolist()


@pytest.mark.parametrize("samples", [0, 8, 100, 131072, -16])
def test_samples_are_a_power_of_two(samples: int) -> None:
    with pytest.raises(ValueError, match="expected a power of two from 16 to 65,536 as samples"):
        sobol_indices(ishigami, 3, samples=samples, seed=1)
    with pytest.raises(ValueError, match="seed of at least 0"):
        sobol_indices(ishigami, 3, samples=64, seed=-1)
