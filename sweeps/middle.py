"""The middle of a space: a design to look around from where none is named."""

from __future__ import annotations

import math
import random

import numpy as np

from sweeps.problem import Problem

CANDIDATES = 20_000
_SEED = 1


def middle_point(problem: Problem) -> tuple[int, bool]:
    """Return the feasible design nearest to the middle of every axis, and whether it is that middle itself.

    The middle of an axis of numbers is the level nearest to the geometric mean of its ends (to their mean where one is
    0), of an axis of names the one halfway along the list. Distance is Euclidean, in levels as shares of each axis; of
    more than 20,000 designs, the nearest of a seeded sample of so many.

    Raises
    ------
    ValueError
        If no design among them is feasible.
    """
    space = problem.space
    sizes = (*space.scenario_shape, *space.shape)
    centre = [_middle_level(axis.values) for axis in problem.scenario_columns]
    centre += [_middle_level(axis.values) for axis in space.axes]
    middle = 0
    for size, level in zip(sizes, centre, strict=True):
        middle = middle * size + level
    if bool(np.asarray(problem.table(np.array([middle], dtype=np.int64))["feasible"])[0]):
        return middle, True
    chosen = (
        range(space.size) if space.size <= CANDIDATES else random.Random(_SEED).sample(range(space.size), CANDIDATES)
    )
    points = np.array(sorted(chosen), dtype=np.int64)
    distance, rest = np.zeros(len(points)), points
    for size, level in zip(reversed(sizes), reversed(centre), strict=True):
        rest, at = np.divmod(rest, size)
        distance += ((at - level) / max(1, size - 1)) ** 2
    feasible = np.asarray(problem.table(points)["feasible"])
    if not feasible.any():
        raise ValueError(f"none of {len(points):,} designs of the space is feasible")
    return int(points[np.where(feasible, distance, np.inf).argmin()]), False


def _middle_level(values: tuple[str | float, ...]) -> int:
    if any(isinstance(value, str) for value in values):
        return len(values) // 2
    numbers = [float(value) for value in values]
    low, high = min(numbers), max(numbers)
    centre = math.sqrt(low) * math.sqrt(high) if low > 0 else (low + high) / 2
    return min(range(len(numbers)), key=lambda i: abs(numbers[i] - centre))
