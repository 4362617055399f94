"""Sensitivity: what each constant and each axis of a study does to its columns, one at a time and all together.

Constants of one family move together, as they do in :mod:`sweeps.uncertainty`: a family is one input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from costmodels.distributions import draw, families, varies
from costmodels.tables import Constant
from roofline.memory import Number
from sweeps.evaluate import evaluate
from sweeps.indices import Indices, sobol_indices
from sweeps.problem import Problem
from sweeps.samples import drawn_scenarios, varied_families
from sweeps.scenario import Scenario
from sweeps.space import BLOCK_POINTS, DESIGN_COLUMNS, Columns

Array = NDArray[np.float64]
Kind = Literal["constants", "design", "scenario"]


@dataclass(frozen=True)
class Input:
    """One thing that can be otherwise.

    Attributes
    ----------
    name : str
        A family of constants, a design column, or the path of a scenario axis.
    kind : {"constants", "design", "scenario"}
    constants : tuple of Constant
        Those of the family that have a range, at the scenario of the design.
    """

    name: str
    kind: Kind
    constants: tuple[Constant, ...] = ()


@dataclass(frozen=True)
class Swing:
    """What the columns of a design are with one input at its ends and all others as they are.

    Attributes
    ----------
    input : Input
    levels : tuple of str or float
        ``"low"`` and ``"high"`` of a family; lowest and highest value of an axis of numbers [SI]; every value of one
        of names.
    values : mapping of column to tuple of float
        At each level; NaN where a design cannot work.
    feasible : tuple of bool
        At each level.
    """

    input: Input
    levels: tuple[str | float, ...]
    values: Mapping[str, tuple[float, ...]]
    feasible: tuple[bool, ...]

    def ends(self, column: str) -> tuple[int, int]:
        """Return the positions of the two levels to compare: of names, those with the least and the largest value."""
        if len(self.levels) == 2:
            return 0, 1
        known = [i for i, value in enumerate(self.values[column]) if np.isfinite(value)]
        if not known:
            return 0, len(self.levels) - 1
        return min(known, key=lambda i: self.values[column][i]), max(known, key=lambda i: self.values[column][i])

    def spread(self, column: str, base: float) -> float:
        """Return the largest change of a column from its value at the design; 0 where no end has a number."""
        changes = [abs(value - base) for value in self.values[column] if np.isfinite(value)]
        return max(changes, default=0.0) if np.isfinite(base) else 0.0


@dataclass(frozen=True)
class Tornado:
    """One input at a time, around one design.

    Attributes
    ----------
    base : mapping of column to float
        Of the design.
    feasible : bool
        Whether the design is.
    swings : tuple of Swing
    evaluations : int
        Designs evaluated.
    """

    base: Mapping[str, float]
    feasible: bool
    swings: tuple[Swing, ...]
    evaluations: int

    def largest(self, column: str, top: int) -> list[Swing]:
        """Return the swings that change a column most, the largest first; those that do not change it are left out."""
        ordered = sorted(self.swings, key=lambda swing: -swing.spread(column, self.base[column]))
        return [swing for swing in ordered if swing.spread(column, self.base[column]) > 0][:top]


@dataclass(frozen=True)
class Sobol:
    """All inputs at once: where the variance of each column comes from.

    Attributes
    ----------
    columns : tuple of str
        The outputs, in the order of the columns of `indices`.
    inputs : tuple of Input
        In the order of the rows of `indices`.
    indices : Indices
    """

    columns: tuple[str, ...]
    inputs: tuple[Input, ...]
    indices: Indices


def tornado(problem: Problem, design: Columns, scenario: int, columns: Sequence[str]) -> Tornado:
    """Return what each input does alone to one design.

    Parameters
    ----------
    problem : Problem
    design : dict
        The five design columns, (1,) each; they need not lie on the grid.
    scenario : int
        Index of its combination of scenario axes.
    columns : sequence of str
        Of :func:`sweeps.evaluate.evaluate`.

    Returns
    -------
    Tornado
        Every family of constants that has a range, every axis with more than one value.
    """
    given = problem.scenario(scenario)
    base, feasible = _evaluated(design, given, columns, (1,))
    swings = [*_family_swings(design, given, columns), *_axis_swings(problem, design, given, columns)]
    swings += _scenario_swings(problem, design, scenario, columns)
    return Tornado(
        {name: float(base[i, 0]) for i, name in enumerate(columns)},
        bool(feasible[0]),
        tuple(swings),
        1 + sum(len(swing.levels) for swing in swings),
    )


def _evaluated(
    design: Columns, scenario: Scenario, columns: Sequence[str], shape: tuple[int, ...]
) -> tuple[Array, NDArray[np.bool_]]:
    """Columns (m, k) and the feasibility (k,) of k designs or samples of a common shape."""
    with np.errstate(all="ignore"):
        found = evaluate(design, scenario)

    def flat(value: Number) -> Array:
        return np.broadcast_to(np.asarray(value, dtype=np.float64), shape).reshape(-1)

    return np.stack([flat(found[name]) for name in columns]), flat(found["feasible"]) > 0


def _swing(
    what: Input, levels: tuple[str | float, ...], columns: Sequence[str], values: Array, feasible: NDArray[np.bool_]
) -> Swing:
    return Swing(
        what,
        levels,
        {name: tuple(values[i].tolist()) for i, name in enumerate(columns)},
        tuple(feasible.tolist()),
    )


def family_inputs(ranges: Mapping[str, Constant]) -> tuple[Input, ...]:
    """Return the families of constants that have a range, with those constants, by name."""
    return tuple(
        Input(family, "constants", tuple(c for c in ranges.values() if c.family == family and varies(c)))
        for family in families(ranges.values())
    )


def _family_swings(design: Columns, given: Scenario, columns: Sequence[str]) -> list[Swing]:
    """Each family at its low and at its high end, all of them in few calls: sample 2 i and 2 i + 1 are those of i."""
    ranges = given.ranges
    inputs = family_inputs(ranges)
    count = 2 * len(inputs)
    drawn: dict[str, Array] = {}
    for i, family in enumerate(inputs):
        for name, ends in draw(ranges, {family.name: np.array([0.0, 1.0])}).items():
            column = drawn.setdefault(name, np.full(count, ranges[name].value))
            column[2 * i : 2 * i + 2] = ends
    values, feasible = np.empty((len(columns), count)), np.empty(count, dtype=np.bool_)
    for samples, scenario in drawn_scenarios(given, drawn, count):
        found = _evaluated(design, scenario, columns, (len(samples), 1))
        values[:, samples], feasible[samples] = found
    return [
        _swing(family, ("low", "high"), columns, values[:, 2 * i : 2 * i + 2], feasible[2 * i : 2 * i + 2])
        for i, family in enumerate(inputs)
    ]


def _axis_swings(problem: Problem, design: Columns, given: Scenario, columns: Sequence[str]) -> list[Swing]:
    swings = []
    for axis in problem.space.axes:
        if len(axis.values) < 2:
            continue
        ends = (min(axis.values), max(axis.values))
        moved = problem.space.with_derived({**design, axis.name: np.array(ends)})
        found = _evaluated(moved, given, columns, (2,))
        swings.append(_swing(Input(axis.name, "design"), ends, columns, *found))
    return swings


def _scenario_swings(problem: Problem, design: Columns, scenario: int, columns: Sequence[str]) -> list[Swing]:
    swings = []
    levels = problem.space.scenario_levels(scenario)
    for k, axis in enumerate(problem.scenario_columns):
        if len(axis.values) < 2:
            continue
        chosen = list(range(len(axis.values)))
        if not axis.is_text:
            ordered = sorted(chosen, key=lambda level: float(axis.values[level]))
            chosen = [ordered[0], ordered[-1]]
        found = [
            _evaluated(design, problem.scenario(_index(problem, levels, k, level)), columns, (1,)) for level in chosen
        ]
        values, feasible = np.concatenate([v for v, _ in found], axis=1), np.concatenate([f for _, f in found])
        names = tuple(axis.values[level] for level in chosen)
        swings.append(_swing(Input(axis.name, "scenario"), names, columns, values, feasible))
    return swings


def _index(problem: Problem, levels: tuple[int, ...], axis: int, level: int) -> int:
    """Index of the scenario with one axis at another level."""
    number = 0
    for k, size in enumerate(problem.space.scenario_shape):
        number = number * size + (level if k == axis else levels[k])
    return number


def sobol(
    problem: Problem,
    columns: Sequence[str],
    *,
    design: Columns | None = None,
    scenario: int = 0,
    samples: int = 1024,
    seed: int = 1,
) -> Sobol:
    """Return the Sobol' indices of columns over the constants, and without a design over the axes too.

    Parameters
    ----------
    problem : Problem
    columns : sequence of str
        Of :func:`sweeps.evaluate.evaluate`.
    design, scenario : dict and int, optional
        A design to stay at, (1,) each, and its scenario: then constants alone vary. Without it every level of every
        axis is equally likely, independently of the others.
    samples, seed : int
        As for :func:`sweeps.indices.sobol_indices`.

    Returns
    -------
    Sobol
        Where designs cannot work there is no number; the indices are of those that can.

    Raises
    ------
    ValueError
        If `samples` or `seed` is out of range, nothing varies, or hardly any design can work.
    """
    space = problem.space
    if design is None:
        numbers = np.arange(space.scenarios, dtype=np.int64)
        inputs = [Input(name, "constants") for name in varied_families(problem, numbers)]
        inputs += [Input(axis.name, "design") for axis in space.axes if len(axis.values) > 1]
        inputs += [Input(axis.name, "scenario") for axis in problem.scenario_columns if len(axis.values) > 1]
    else:
        inputs = [*family_inputs(problem.scenario(scenario).ranges)]
    if not inputs:
        raise ValueError("nothing varies: no constant has a range, and no axis has more than one value")
    place = _Place(problem, tuple(columns), tuple(inputs), design, scenario)
    return Sobol(place.columns, place.inputs, sobol_indices(place.respond, len(inputs), samples=samples, seed=seed))


@dataclass(frozen=True)
class _Place:
    """Where inputs are drawn: at one design, or over the whole space."""

    problem: Problem
    columns: tuple[str, ...]
    inputs: tuple[Input, ...]
    design: Columns | None
    scenario: int

    def respond(self, drawn: Array) -> Array:
        """Return the columns (m, n) of inputs (d, n) in [0, 1)."""
        rows = drawn.shape[1]
        quantiles = {one.name: drawn[i] for i, one in enumerate(self.inputs) if one.kind == "constants"}
        designs, scenarios = self._designs(drawn)
        result = np.empty((len(self.columns), rows))
        for number in np.unique(scenarios):
            mine = np.flatnonzero(scenarios == number)
            given = self.problem.scenario(int(number))
            constants = draw(given.ranges, {name: u[mine] for name, u in quantiles.items()})
            for samples, scenario in drawn_scenarios(given, constants, len(mine), BLOCK_POINTS):
                at = mine[samples]
                paired = {name: column[at, None] for name, column in designs.items()}
                result[:, at] = _evaluated(paired, scenario, self.columns, (len(at), 1))[0]
        return result

    def _designs(self, drawn: Array) -> tuple[Columns, NDArray[np.int64]]:
        """The five design columns (n,) and the scenario (n,): a level of each axis, all equally likely."""
        rows = drawn.shape[1]
        if self.design is not None:
            columns = {name: np.broadcast_to(self.design[name], (rows,)) for name in DESIGN_COLUMNS}
            return columns, np.full(rows, self.scenario, dtype=np.int64)
        of = {one.name: drawn[i] for i, one in enumerate(self.inputs) if one.kind != "constants"}
        columns = {
            axis.name: np.asarray(axis.values)[_level(of.get(axis.name), len(axis.values), rows)]
            for axis in self.problem.space.axes
        }
        columns = self.problem.space.with_derived(columns)
        scenarios = np.zeros(rows, dtype=np.int64)
        for axis in self.problem.scenario_columns:
            scenarios = scenarios * len(axis.values) + _level(of.get(axis.name), len(axis.values), rows)
        return columns, scenarios


def _level(u: Array | None, levels: int, rows: int) -> NDArray[np.int64]:
    if u is None:
        return np.zeros(rows, dtype=np.int64)
    return np.minimum((u * levels).astype(np.int64), levels - 1)
