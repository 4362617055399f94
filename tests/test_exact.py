"""The exact search finds what enumeration finds: the same designs, ties included."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn_problems import problems
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.archive import relaxed
from sweeps.certificate import Leaves, leaves_of
from sweeps.certify import Checked, certify
from sweeps.exact import NotPositive, Options, Search, run_search
from sweeps.problem import Problem
from sweeps.run import run_grid

SMALL = st.builds(
    Options,
    leaf=st.sampled_from([1, 4, 8]),
    chunk=st.sampled_from([64, 4096]),
    seeds=st.sampled_from([0, 5, 100]),
)


def found(problem: Problem, options: Options) -> Search:
    search = Search(problem, options)
    search.seed()
    assert run_search(search)
    return search


@settings(deadline=None, max_examples=210)
@given(problem=problems(), options=SMALL)
def test_exact_is_enumeration_ties_and_all(problem: Problem, options: Options) -> None:
    points, values = run_grid(problem).front.finish()
    search = found(problem, options)
    order = np.argsort(search.archive.points)
    assert search.archive.points[order].tolist() == points.tolist()
    assert np.array_equal(search.archive.values[:, order], values.T)
    k = search.counts
    assert k.dominated + k.flat + k.enumerated + sum(k.broken.values()) == problem.space.size


def checked(search: Search, leaves: Leaves | None = None, front: np.ndarray | None = None, rows: int = 50) -> Checked:
    leaves = leaves_of(search) if leaves is None else leaves
    parts = [leaves.part(slice(at, at + rows)) for at in range(0, len(leaves.kind), rows)]
    return certify(search.problem, search.options.epsilon, search.archive.points if front is None else front, parts)


@settings(deadline=None, max_examples=60)
@given(problem=problems(), options=SMALL)
def test_the_certificate_of_every_search_holds(problem: Problem, options: Options) -> None:
    search = found(problem, options)
    result = checked(search)
    assert result.failures == []
    assert sum(result.designs.values()) == problem.space.size
    if len(search.archive.points):
        less = checked(search, front=search.archive.points[1:])
        assert less.failures


@settings(deadline=None, max_examples=60)
@given(problem=problems(positive=True), options=SMALL, epsilon=st.sampled_from([0.001, 0.05, 0.5]))
def test_with_an_epsilon_every_design_is_within_it(problem: Problem, options: Options, epsilon: float) -> None:
    search = found(problem, replace(options, epsilon=epsilon))
    points, values = run_grid(problem).front.finish()
    kept = search.archive.values
    near = (kept[:, None, :] <= relaxed(values.T, epsilon)[:, :, None] * (1 + 1e-12 * np.sign(values.T))[:, :, None])
    assert near.all(axis=0).any(axis=1).all()
    assert bool(len(kept.T)) == bool(len(points))
    assert checked(search).failures == []
