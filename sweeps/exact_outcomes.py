"""What can still be said when an exact search is stopped early, or finds nothing at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sweeps.archive import relaxed
from sweeps.batch_rules import rules_of
from sweeps.boxes import DOMINATED, INFEASIBLE, Grid, Indices, Segment, volumes
from sweeps.exact import NotPositiveError, Options, Search
from sweeps.problem import Objective, Problem
from sweeps.scenario import Scenario

Floats = NDArray[np.float64]

_MOST_EPSILON = 1e6
_STEP = 1.25
_PAIRS = 4_000_000


def check_positive(problem: Problem) -> None:
    """Raise NotPositiveError if an objective may be 0 or negative: an epsilon is a share of it."""
    rising = replace(problem, objectives=tuple(replace(o, sign=1.0) for o in problem.objectives))
    for number in range(problem.space.scenarios):
        grid = Grid(problem.space)
        rules = rules_of(rising, problem.scenario(number))
        bounds = rules.objectives(rules.corners(*grid.ends(*grid.root())))
        for objective, (least,) in zip(problem.objectives, bounds, strict=True):
            if np.isfinite(least) and least <= 0:
                shown = least if least < -1e-200 else 0.0
                raise NotPositiveError(
                    f"{objective.column} may be as little as {shown:.3g} in this space; epsilon is a share of each "
                    "objective, which must be above 0 everywhere: use epsilon: 0, or leave that objective out"
                )


def close_open_boxes(search: Search) -> float | None:
    """Close the boxes that a stopped search left open, within the least epsilon that allows it.

    Parameters
    ----------
    search : Search
        Its archive is flushed. Afterwards nothing is open, if an epsilon is returned.

    Returns
    -------
    float or None
        Every feasible design of the space is within this share of a member of the archive; None if nothing is proven,
        because no feasible design is known yet or an objective has no bound above 0.
    """
    numbers, points, found = [], [], [search.options.epsilon]
    for segment in search.open.segments:
        for start in range(0, len(segment.number), search.options.chunk):
            part = segment.part(slice(start, start + search.options.chunk))
            bounds, left = _possible(search, part)
            if not left.any():
                continue
            if not search.archive.front.size:
                return None
            epsilon, witness = _least_epsilon(search, bounds[:, left], found[-1])
            if epsilon is None:
                return None
            found.append(max(found[-1], epsilon))
            numbers.append((part.number[left], int(volumes(part.low[left], part.high[left]).sum())))
            points.append(search.archive.points[witness])
    for (number, designs), point in zip(numbers, points, strict=True):
        search.tree.close(number, DOMINATED, point)
        search.counts.dominated += designs
    search.open.segments.clear()
    return found[-1]


def _possible(search: Search, boxes: Segment) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the bounds of open boxes, and which may hold feasible designs; the others are closed."""
    rules = search.rules(boxes.scenario)
    corners = rules.corners(*search.grid.ends(boxes.low, boxes.high))
    margins = rules.margins(corners)
    broken = (margins > 0).any(axis=0)
    worst = margins.argmax(axis=0)
    search.tree.close(boxes.number[broken], INFEASIBLE, worst[broken])
    sizes = volumes(boxes.low, boxes.high)
    for i in np.unique(worst[broken]):
        name = rules.margin_names[int(i)]
        count = int(sizes[broken & (worst == i)].sum())
        search.counts.broken[name] = search.counts.broken.get(name, 0) + count
    return rules.objectives(corners), np.asarray(~broken)


def _least_epsilon(search: Search, bounds: Floats, least: float) -> tuple[float | None, Indices]:
    """Return the least epsilon within which all boxes are dominated, and by which members of the archive."""
    witness = np.full(bounds.shape[1], -1, dtype=np.int64)
    if not np.isfinite(bounds).all() or (bounds == 0).any() or (bounds * search.signs < 0).any():
        return None, witness
    epsilon, left = least, np.arange(bounds.shape[1])
    while epsilon <= _MOST_EPSILON:
        found = search.archive.front.dominators(relaxed(bounds[:, left], epsilon))
        witness[left] = found
        last, left = left, left[found < 0]
        if not len(left):
            return _exactly(search, bounds[:, last], last, witness, epsilon)
        epsilon = max(epsilon * _STEP, 1e-4)
    return None, witness


def _exactly(search: Search, bounds: Floats, rows: Indices, witness: Indices, epsilon: float) -> tuple[float, Indices]:
    """Return less than `epsilon` where that is cheap to find: the share of each pair of box and member."""
    values = search.archive.values
    if bounds.shape[1] * values.shape[1] > _PAIRS:
        return epsilon, witness
    shares = np.full((bounds.shape[1], values.shape[1]), -np.inf)
    for bound, value in zip(bounds, values, strict=True):
        ratio = value[None, :] / bound[:, None]
        np.maximum(shares, np.where(bound[:, None] > 0, ratio, 1.0 / ratio) - 1.0, out=shares)
    witness[rows] = shares.argmin(axis=1)
    # A share computed here and a bound relaxed by it round differently.
    return min(epsilon, max(float(shares.min(axis=1).max()) * (1.0 + 1e-9) + 1e-12, search.options.epsilon)), witness


@dataclass(frozen=True)
class _Limited:
    """Scenarios of a problem with some of its limits, by number; picklable."""

    scenario: Callable[[int], Scenario]
    kept: tuple[int, ...]

    def __call__(self, number: int) -> Scenario:
        found = self.scenario(number)
        return replace(found, limits=tuple(found.limits[i] for i in self.kept))


def emptied_by(problem: Problem) -> list[str]:
    """Return sentences that say which limits leave a problem without a feasible design.

    Parameters
    ----------
    problem : Problem
        No design of it is feasible.
    """
    if not _any_feasible(problem, ()):
        return ["no design can be built and hold the workloads, even without the constraints"]
    size, numbers = problem.space.size, range(len(problem.limits))
    alone = [problem.limits[i] for i in numbers if not _any_feasible(problem, (i,))]
    if alone:
        return [
            f'"{limit.text}" alone rules out {"the only design" if size == 1 else f"all {size:,} designs"}'
            for limit in alone
        ]
    told = [
        f'without "{problem.limits[i].text}" designs remain'
        for i in numbers
        if _any_feasible(problem, tuple(other for other in numbers if other != i))
    ]
    return told or ["any two or more of the constraints contradict each other"]


def _any_feasible(problem: Problem, kept: tuple[int, ...]) -> bool:
    """Return whether a design keeps these limits; it looks at boxes only until it finds one."""
    relieved = replace(
        problem,
        limits=tuple(problem.limits[i] for i in kept),
        scenario=_Limited(problem.scenario, kept),
        objectives=(Objective("die_area_mm2", 1.0),),
    )
    search = Search(relieved, Options())
    search.seed()
    while not len(search.archive.points) and not search.done:
        search.step()
        search.archive.flush()
    return bool(len(search.archive.points))
