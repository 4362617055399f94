"""Which ceiling takes most of the time over two design axes, for pictures and pages."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from results.figures.bottleneck import Map
from sweeps.problem import Problem
from sweeps.space import Columns
from sweeps.time_by_ceiling import PHASES, TIME_PARTS, binding, seconds_per_token

SINGLE_RANGE = 4.0
"""Of an axis with one level, a map spans so much below and above it."""

RATES = {"prefill": "ttft_s", "decode": "decode_tokens_per_s"}
"""Whose lines are drawn on the map of a phase."""


def free_axes(problem: Problem) -> list[str]:
    """Design columns that do not follow from others."""
    return [axis.name for axis in problem.space.axes if axis.derived is None]


def ceiling_maps(
    problem: Problem, design: Columns, scenario: int, across: str, up: str, levels: int
) -> tuple[Map, ...]:
    """Return what binds each phase over two design columns; the others stay those of a design, or follow.

    Parameters
    ----------
    problem : Problem
    design : dict
        The five design columns, (1,) each.
    scenario : int
        Its number in the problem.
    across, up : str
        Of :func:`free_axes`.
    levels : int
        Of each of the two.
    """
    x, y = (levels_of(problem, design, name, levels) for name in (across, up))
    columns = {name: np.full(len(x) * len(y), value[0]) for name, value in design.items()}
    columns[across], columns[up] = np.tile(x, len(y)), np.repeat(y, len(x))
    columns = problem.space.with_derived(columns)
    with np.errstate(all="ignore"):
        codes = binding(seconds_per_token(columns, problem.scenario(scenario)))
    table: dict[str, Any] = problem.given(columns, scenario)
    shape = (len(y), len(x))
    return tuple(
        Map(
            name=phase,
            x=across,
            y=up,
            x_values=x,
            y_values=y,
            parts=TIME_PARTS,
            codes=codes[phase].reshape(shape),
            feasible=table["feasible"].reshape(shape),
            column=RATES[phase],
            values=table[RATES[phase]].reshape(shape),
        )
        for phase in PHASES
    )


def levels_of(problem: Problem, design: Columns, name: str, count: int) -> NDArray[np.float64]:
    """Evenly spaced values from the least to the largest level of an axis; in logarithms where it is positive."""
    values = next(axis.values for axis in problem.space.axes if axis.name == name)
    own = float(design[name][0])
    low, high = min(*values, own), max(*values, own)
    if low == high:
        low, high = low / SINGLE_RANGE, high * SINGLE_RANGE
    steps = [i / (count - 1) for i in range(count)]
    if low > 0:
        return np.asarray([low * (high / low) ** step for step in steps])
    return np.asarray([low + (high - low) * step for step in steps])
