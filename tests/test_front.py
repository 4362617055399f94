"""The front is exactly the naive one, whatever the data and however it arrives."""

from __future__ import annotations

import pickle
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results.front import FrontArchive, hypervolume, ideal, knee, nadir, non_dominated


def naive_front(rows: np.ndarray) -> list[int]:
    """Positions of the rows that no other row dominates, by comparing each with each."""
    points = [tuple(row) for row in rows.tolist()]
    finite = [i for i, p in enumerate(points) if all(abs(v) < float("inf") for v in p)]

    def dominates(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
        return all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True))

    return [i for i in finite if not any(dominates(points[j], points[i]) for j in finite)]


TIES = st.sampled_from([0.0, -0.0, 1.0, 2.0, -1.0, 5e-324, 1e308, -1e308])
ODD = st.sampled_from([float("nan"), float("inf"), float("-inf")])
VALUES = st.one_of(TIES, TIES, ODD, st.floats(-10, 10, width=16))


@st.composite
def tables(draw: st.DrawFn, most: int = 40) -> np.ndarray:
    m = draw(st.integers(1, 6))
    rows = draw(st.lists(st.tuples(*[VALUES] * m), max_size=most))
    return np.array(rows, dtype=np.float64).reshape(len(rows), m)


@st.composite
def cut_tables(draw: st.DrawFn) -> tuple[np.ndarray, list[np.ndarray]]:
    """A table, and its row numbers in any order, cut anywhere."""
    table = draw(tables())
    order = np.array(draw(st.permutations(range(len(table)))), dtype=np.int64)
    cuts = sorted(draw(st.lists(st.integers(0, len(table)), max_size=5)))
    return table, np.split(order, cuts)


@given(tables())
def test_non_dominated_is_the_naive_front(table: np.ndarray) -> None:
    assert np.flatnonzero(non_dominated(table)).tolist() == naive_front(table)


@given(cut_tables(), st.booleans(), st.booleans())
def test_archive_is_the_naive_front_however_it_is_cut(
    cut: tuple[np.ndarray, list[np.ndarray]], by_column: bool, looked_at: bool
) -> None:
    table, parts = cut
    archive = FrontArchive(table.shape[1])
    for part in parts:
        rows = table[part]
        archive.add(part, list(rows.T) if by_column else rows)
        if looked_at:  # merges at once, so that the next part meets sentinels
            assert archive.size <= len(table)
    index, objectives = archive.finish()
    assert index.tolist() == naive_front(table)
    assert np.array_equal(objectives, table[index])


@given(cut_tables())
def test_merged_archives_that_travelled_are_the_naive_front(cut: tuple[np.ndarray, list[np.ndarray]]) -> None:
    table, parts = cut
    whole = FrontArchive(table.shape[1])
    for part in parts:
        one = FrontArchive(table.shape[1])
        one.add(part, table[part])
        whole.merge(pickle.loads(pickle.dumps(one)))
    assert whole.finish()[0].tolist() == naive_front(table)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), m=st.integers(1, 6), levels=st.sampled_from([2, 5, 30, 10**9]))
def test_archive_with_sentinels_is_the_naive_front_of_a_long_stream(seed: int, m: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    table = np.floor(rng.random((2600, m)) * levels)
    table[rng.random(table.shape) < 1e-3] = np.nan
    archive = FrontArchive(m)
    for rows in np.array_split(np.arange(2600), 7):
        archive.add(rows, list(table[rows].T))
    finite = table[np.isfinite(table).all(axis=1)]
    expected = [
        i
        for i, p in enumerate(table)
        if np.isfinite(p).all() and not ((finite <= p).all(axis=1) & (finite < p).any(axis=1)).any()
    ]
    assert archive.finish()[0].tolist() == expected


def test_a_point_equal_to_a_sentinel_survives() -> None:
    archive = FrontArchive(2)
    cloud = 2 + np.random.default_rng(0).random((5000, 2))
    archive.add(np.arange(5000), cloud)
    archive.add([5000], np.array([[1.0, 1.0]]))
    assert archive.size == 1  # and (1, 1) is now what later points are compared with
    archive.add([5001, 5002, 5003], np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 1.0]]))
    assert archive.finish()[0].tolist() == [5000, 5001, 5003]


def test_large_table_takes_the_streamed_path_to_the_same_front() -> None:
    rng = np.random.default_rng(4)
    table = np.floor(rng.random((250_001, 3)) * 200)
    streamed = np.flatnonzero(non_dominated(table))
    halves = [np.flatnonzero(non_dominated(h)) + o for h, o in ((table[:125_000], 0), (table[125_000:], 125_000))]
    survivors = np.concatenate(halves)
    assert streamed.tolist() == survivors[naive_front(table[survivors])].tolist()


def test_waiting_points_are_bounded_by_the_front() -> None:
    rng = np.random.default_rng(5)
    archive = FrontArchive(3)
    most = 0
    for start in range(0, 2_000_000, 50_000):
        archive.add(np.arange(start, start + 50_000), [rng.random(50_000) for _ in range(3)])
        most = max(most, archive._waiting_rows + len(archive._index))
    assert most < 50_000 + 50_000  # limit of the buffer plus one block, of 2 million points seen


def test_filter_is_fast_enough_to_hide_behind_an_evaluator() -> None:
    rng = np.random.default_rng(6)
    blocks = [[rng.random(65_536) for _ in range(4)] for _ in range(8)]
    archive = FrontArchive(4)
    archive.add(np.arange(65_536), blocks[0])
    start = time.process_time()
    for i in range(32):
        archive.add(np.arange(65_536) + 65_536 * (i + 1), blocks[i % 8])
    rate = 32 * 65_536 / (time.process_time() - start)
    assert rate > 5e6  # about 50e6 on a quiet machine


@pytest.mark.parametrize(
    ("index", "objectives"),
    [
        ([0, 1], [[1.0, 2.0]]),
        ([0], np.ones((1, 3))),
        ([0], np.ones(2)),
        ([[0, 1]], np.ones((1, 2))),
        ([0, 1], [np.ones(2), np.ones(3)]),
    ],
)
def test_shapes_that_do_not_fit_are_refused(index: object, objectives: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        FrontArchive(2).add(index, objectives)  # type: ignore[arg-type]


def test_empty_and_mismatched_archives() -> None:
    index, objectives = FrontArchive(3).finish()
    assert index.dtype == np.dtype("int64")
    assert (index.shape, objectives.shape) == ((0,), (0, 3))
    with pytest.raises(ValueError, match="3 objectives, got one of 2"):
        FrontArchive(3).merge(FrontArchive(2))
    with pytest.raises(ValueError, match="at least 1"):
        FrontArchive(0)


def test_hypervolume_of_known_boxes() -> None:
    assert hypervolume([[5, 5], [4, 6], [2, 7], [7, 4]], [10, 10]) == 38.0
    assert hypervolume([[1.0, 2.0, 3.0]], [2.0, 4.0, 6.0]) == 6.0
    odd = np.array([[5, 5], [4, 6], [2, 7], [7, 4], [np.nan, 0], [-np.inf, 3], [11, 0]])
    assert hypervolume(odd, [10, 10]) == 38.0
    assert hypervolume([[11.0, 1.0]], [10, 10]) == 0.0
    assert hypervolume(np.empty((0, 2)), [1, 1]) == 0.0
    with pytest.raises(ValueError, match="2 finite numbers"):
        hypervolume([[1.0, 2.0]], [1.0])


def test_ideal_and_nadir_span_the_front_only() -> None:
    table = [[1.0, 4.0], [2.0, 3.0], [9.0, 9.0], [np.nan, 0.0]]
    assert ideal(table).tolist() == [1.0, 3.0]
    assert nadir(table).tolist() == [2.0, 4.0]
    assert np.isnan(ideal(np.empty((0, 2)))).all()
    assert np.isnan(nadir([[np.inf, 1.0]])).all()


def test_knee_is_the_balanced_design_in_logarithms() -> None:
    front = np.array([[1.0, 1000.0], [10.0, 30.0], [100.0, 20.0], [1000.0, 1.0]])
    assert knee(front) == 1
    assert knee(front * [3e-9, 7e5]) == 1  # units do not matter


def test_knee_of_a_negated_objective_uses_the_logarithm_of_the_quantity() -> None:
    rate, cost = np.array([1.0, 40.0, 1000.0]), np.array([1.0, 20.0, 1000.0])
    assert knee(np.column_stack([-rate, cost])) == 1
    # linear in the rate, 40 of 1000 would look as bad as 1 and the cheapest or fastest design would win
    linear = np.column_stack([(1000 - rate) / 999, np.log10(cost) / 3])
    assert np.hypot(*linear.T).argmin() != 1


def test_knee_ties_zero_and_constant_objectives() -> None:
    assert knee([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0]]) == 0
    assert knee([[0.0, 5.0], [1.0, 5.0]]) == 0
    assert knee([[np.nan, 1.0], [3.0, 1.0]]) == 1
    with pytest.raises(ValueError, match="finite"):
        knee([[np.nan, 1.0]])
