"""Designs given by index, evaluated as a search needs them: objectives, margins, and whether they count at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roofline.memory import Number
from sweeps.evaluate import evaluate
from sweeps.feasible import DEMAND, PHYSICAL
from sweeps.problem import Problem

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Evaluated:
    """What n designs came to.

    Attributes
    ----------
    objectives : ndarray, shape (n, m)
        To be minimized; what is to be maximized is negated. Not a number where none came out.
    margins : ndarray, shape (n, k)
        Every limit relative to itself, <= 0 where it holds.
    feasible : ndarray of bool, shape (n,)
        Within all limits, and every objective a number.
    failed : ndarray of bool, shape (n,)
        Within all limits, and some objective no number.
    """

    objectives: Floats
    margins: Floats
    feasible: NDArray[np.bool_]
    failed: NDArray[np.bool_]


def evaluated(problem: Problem, points: NDArray[np.int64]) -> Evaluated:
    """Return what the points given by index (n,) came to.

    Raises
    ------
    IndexError
        If an index lies outside the space.
    """
    scenarios, designs = problem.space.designs(points)
    limits = margin_names(problem)
    objectives = np.empty((len(points), len(problem.objectives)))
    margins = np.empty((len(points), len(limits)))
    within = np.empty(len(points), dtype=np.bool_)
    for number in np.unique(scenarios):
        rows = np.flatnonzero(scenarios == number)
        with np.errstate(all="ignore"):
            columns = evaluate({name: c[rows] for name, c in designs.items()}, problem.scenario(int(number)))
        for j, objective in enumerate(problem.objectives):
            objectives[rows, j] = objective.sign * np.asarray(columns[objective.column])
        for j, name in enumerate(limits):
            margins[rows, j] = _or_nothing(columns.get(name))
        within[rows] = columns["feasible"]
    finite = np.isfinite(objectives).all(axis=1)
    return Evaluated(objectives, margins, within & finite, within & ~finite)


def margin_names(problem: Problem) -> tuple[str, ...]:
    """Return the columns of all limits, physical ones first."""
    return (*PHYSICAL, DEMAND, *(f"margin_constraint_{i}" for i in range(len(problem.limits))))


def _or_nothing(margin: Number | None) -> Number:
    """A margin, or one that always holds where the scenario has no such limit."""
    return -1.0 if margin is None else margin
