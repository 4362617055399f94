"""Scenarios whose constants are samples, in blocks that stay in cache."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from costmodels.distributions import families
from sweeps.constants import OPERATOR_CONSTANTS
from sweeps.problem import Problem
from sweeps.scenario import Scenario, with_constants
from sweeps.space import BLOCK_POINTS

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


def varied_families(problem: Problem, scenarios: Indices) -> tuple[str, ...]:
    """Return the families of constants that have a range in any of these scenarios, sorted by name."""
    found: set[str] = set()
    for number in np.unique(scenarios):
        found.update(families(problem.scenario(int(number)).ranges.values()))
    return tuple(sorted(found))


def drawn_scenarios(
    given: Scenario, drawn: Mapping[str, Array], count: int, most: int = BLOCK_POINTS
) -> Iterator[tuple[Indices, Scenario]]:
    """Yield samples and the scenario whose constants they are, until all samples were there.

    Parameters
    ----------
    given : Scenario
    drawn : mapping of constant to ndarray, shape (count,)
        As :func:`costmodels.distributions.draw` gives them; the other constants keep their value.
    count : int
        Samples.
    most : int
        Samples of one scenario.

    Yields
    ------
    samples : ndarray of int, shape (s,)
        Their numbers. Samples together agree in the constants that operators are made with.
    scenario : Scenario
        With constants (s, 1): designs (n,) have metrics (s, n), designs (s, 1) have metrics (s, 1).
    """
    shaping = [name for name in OPERATOR_CONSTANTS if name in drawn]
    others = {name: values for name, values in drawn.items() if name not in shaping}
    for samples in _alike([drawn[name] for name in shaping], count):
        base = with_constants(given, {name: float(drawn[name][samples[0]]) for name in shaping}) if shaping else given
        for start in range(0, len(samples), most):
            part = samples[start : start + most]
            columns = {name: values[part, None] for name, values in others.items()}
            yield part, with_constants(base, columns) if columns else base


def _alike(columns: list[Array], count: int) -> list[Indices]:
    """Numbers of the samples, those with equal values in all columns together."""
    if not columns:
        return [np.arange(count, dtype=np.int64)]
    _, group = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    kinds = group.reshape(-1)
    return [np.flatnonzero(kinds == kind) for kind in range(int(kinds.max()) + 1)]
