"""Dominance by table and by halves, and the archive of an exact search, against the plainest possible test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results.front import non_dominated
from sweeps.archive import Archive, relaxed
from sweeps.dominance import NOBODY, Dominance

Floats = np.ndarray


@st.composite
def clouds(draw: st.DrawFn) -> tuple[Floats, Floats]:
    """Points and vectors with many ties, or none, of either sign and many magnitudes, most of them near each other."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    m, n, k = draw(st.integers(1, 6)), draw(st.sampled_from([0, 1, 5, 300])), draw(st.sampled_from([0, 1, 7, 3000]))
    both = rng.random((m, n + k))
    if draw(st.booleans()):
        both = np.floor(both * draw(st.sampled_from([2, 5])))
    else:
        both = 10.0 ** (6 * both) * np.where(rng.random((m, 1)) < 0.3, -1.0, 1.0)
    vectors = both[:, n:]
    vectors[:, rng.random(k) < 0.05] = -np.inf
    return both[:, :n], vectors


def dominated(points: Floats, vectors: Floats) -> Floats:
    return (points[:, :, None] <= vectors[:, None, :]).all(axis=0).any(axis=0)


@settings(deadline=None, max_examples=150)
@given(clouds())
def test_every_dominated_vector_is_found_with_a_true_witness(cloud: tuple[Floats, Floats]) -> None:
    points, vectors = cloud
    found = Dominance(points).dominators(vectors)
    assert np.array_equal(found != NOBODY, dominated(points, vectors))
    hit = found != NOBODY
    assert (points[:, found[hit]] <= vectors[:, hit]).all()


def test_the_table_alone_claims_nothing_that_is_not_so() -> None:
    rng = np.random.default_rng(5)
    points, vectors = rng.random((4, 2000)), 0.6 * rng.random((4, 5000))
    front = Dominance(points[:, non_dominated(points.T)])
    by_table = front._by_table(vectors)
    truth = dominated(front.points, vectors)
    assert not (by_table[~truth] != NOBODY).any()
    assert (by_table[truth] != NOBODY).mean() > 0.5


@settings(deadline=None, max_examples=100)
@given(clouds(), st.integers(1, 400))
def test_an_archive_is_the_front_of_all_it_was_given(cloud: tuple[Floats, Floats], step: int) -> None:
    values = np.concatenate(cloud, axis=1)
    values = values[:, np.isfinite(values).all(axis=0)]
    numbers = np.arange(values.shape[1])
    archive = Archive(len(values), 0.0)
    for start in range(0, len(numbers), step):
        again = slice(max(0, start - 3), start + step)  # some points come twice
        archive.add(numbers[again], values[:, again])
    archive.flush()
    assert np.sort(archive.points).tolist() == np.flatnonzero(non_dominated(values.T)).tolist()
    assert np.array_equal(archive.values, values[:, archive.points])


@settings(deadline=None, max_examples=100)
@given(clouds(), st.integers(1, 400), st.sampled_from([0.01, 0.3]))
def test_an_archive_with_an_epsilon_is_near_all_it_was_given(
    cloud: tuple[Floats, Floats], step: int, epsilon: float
) -> None:
    values = np.concatenate(cloud, axis=1)
    values = values[:, np.isfinite(values).all(axis=0) & (values != 0).all(axis=0)]
    archive = Archive(len(values), epsilon)
    for start in range(0, values.shape[1], step):
        archive.add(np.arange(start, min(start + step, values.shape[1])), values[:, start : start + step])
    archive.flush()
    slack = np.where(values > 0, 1 + 1e-12, 1 - 1e-12)
    assert dominated(archive.values, relaxed(values, epsilon) * slack).all()
    assert len(archive.points) <= max(1, np.count_nonzero(non_dominated(values.T)))


@pytest.mark.parametrize("value, worse", [(100.0, 110.0), (-110.0, -100.0), (0.0, 0.0), (-np.inf, -np.inf)])
def test_a_share_worse_is_nearer_to_0_for_what_is_to_be_large(value: float, worse: float) -> None:
    assert relaxed(np.array([value]), 0.1)[0] == pytest.approx(worse)
    assert relaxed(np.array([value]), 0.0)[0] == value
