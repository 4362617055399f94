"""The front found so far, exact or within a factor, of points that arrive in any order and more than once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from results.front import non_dominated
from sweeps.dominance import Dominance

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_LEAST_BUFFER = 64


def relaxed(values: Floats, epsilon: float) -> Floats:
    """Return values a factor 1 + epsilon worse: larger where positive, and nearer to 0 where negative (negated)."""
    if epsilon == 0.0:
        return values
    return np.where(values > 0, values * (1.0 + epsilon), values / (1.0 + epsilon))


class Archive:
    """Non-dominated points; with an epsilon, so many that each point given is within the factor of one.

    Parameters
    ----------
    objectives : int
    epsilon : float
        0 keeps every non-dominated point, those with equal objectives too.

    Attributes
    ----------
    points : ndarray of int64, shape (n,)
    values : ndarray, shape (objectives, n)
        Minimized.
    front : Dominance
        Of the values; what waits is not in it before :meth:`flush`.
    """

    def __init__(self, objectives: int, epsilon: float) -> None:
        self.epsilon = epsilon
        self.points: Indices = np.empty(0, dtype=np.int64)
        self.values: Floats = np.empty((objectives, 0))
        self.front = Dominance(self.values)
        self._waiting: list[tuple[Indices, Floats]] = []
        self._waiting_rows = 0

    def add(self, points: Indices, values: Floats) -> None:
        """Add finite points (n,) with values (objectives, n)."""
        found = self.front.dominators(relaxed(values, self.epsilon))
        keep = found < 0
        if self.epsilon == 0.0:
            # Equal vectors share their fate: nothing dominates one that does not dominate the other.
            keep[~keep] = (self.values[:, found[~keep]] == values[:, ~keep]).all(axis=0)
        if keep.any():
            self._waiting.append((points[keep], values[:, keep]))
            self._waiting_rows += int(np.count_nonzero(keep))
        if self._waiting_rows > max(_LEAST_BUFFER, len(self.points) // 2):
            self.flush()

    def flush(self) -> None:
        """Take in what waits."""
        if not self._waiting:
            return
        points = np.concatenate([p for p, _ in self._waiting])
        values = np.concatenate([v for _, v in self._waiting], axis=1)
        self._waiting, self._waiting_rows = [], 0
        points, first = np.unique(points, return_index=True)
        values = values[:, first]
        if self.epsilon > 0.0:
            keep = non_dominated(values.T)
            points, values = _one_per_cell(points[keep], values[:, keep], self.epsilon)
        fresh = ~np.isin(points, self.points)
        points = np.concatenate([self.points, points[fresh]])
        values = np.concatenate([self.values, values[:, fresh]], axis=1)
        keep = non_dominated(values.T)
        self.points, self.values = points[keep], np.ascontiguousarray(values[:, keep])
        self.front = Dominance(self.values)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Return all of it as arrays."""
        waiting = [p for p, _ in self._waiting], [v for _, v in self._waiting]
        return {
            "points": self.points,
            "values": self.values,
            "waiting_points": np.concatenate([np.empty(0, dtype=np.int64), *waiting[0]]),
            "waiting_values": np.concatenate([np.empty((len(self.values), 0)), *waiting[1]], axis=1),
        }

    @classmethod
    def restored(cls, state: dict[str, NDArray[np.generic]], epsilon: float) -> Archive:
        """Return an archive from its state."""
        archive = cls(len(state["values"]), epsilon)
        archive.points = np.asarray(state["points"], dtype=np.int64)
        archive.values = np.ascontiguousarray(state["values"], dtype=np.float64)
        archive.front = Dominance(archive.values)
        points = np.asarray(state["waiting_points"], dtype=np.int64)
        if len(points):
            archive._waiting = [(points, np.asarray(state["waiting_values"], dtype=np.float64))]
            archive._waiting_rows = len(points)
        return archive


def _one_per_cell(points: Indices, values: Floats, epsilon: float) -> tuple[Indices, Floats]:
    """Keep one point of each cell whose sides are a factor 1 + epsilon: the others are within it."""
    with np.errstate(divide="ignore"):
        cells = np.floor(np.log(np.abs(values)) / np.log1p(epsilon))
    _, first = np.unique(cells, axis=1, return_index=True)
    first.sort()
    return points[first], values[:, first]
