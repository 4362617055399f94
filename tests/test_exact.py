"""The exact search finds what enumeration finds: the same designs, ties included."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_problems import problems
from hypothesis import given, settings
from hypothesis import strategies as st

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
