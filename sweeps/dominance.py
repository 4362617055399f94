"""Which vectors a set of points dominates: a table that answers most in constant time, and an exact test for the rest.

All values are minimized; a point dominates a vector here when it is no larger in any objective (weakly). Arrays are
columns, (objectives, n).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

NOBODY = -1
_BINS = 128
_BINNED = 3
_PAIRS = 131_072
_FEW = 8


class Dominance:
    """Finds points that dominate given vectors.

    Parameters
    ----------
    points : ndarray, shape (objectives, n)
        Finite values.

    Notes
    -----
    The table divides the first (up to three) objectives by quantiles of the points; a cell holds the point that is
    best in the next objective among those no worse in the others. Points are rounded up to cells and vectors down, so
    it never claims what is not so; what it does not find is left to a search that halves the vectors and keeps, for
    each half, the points that may dominate one of it.
    """

    def __init__(self, points: Floats) -> None:
        self.points = np.ascontiguousarray(points)
        self.size = points.shape[1]
        self._bins = min(_BINNED, len(points) - 1)
        if self.size and self._bins:
            self._build()

    def _build(self) -> None:
        self._order = np.argsort(self.points[self._bins], kind="stable")
        self._sorted = np.ascontiguousarray(self.points[:, self._order])
        count = int(min(_BINS, max(2, 1.6 * self.size**0.5)))
        at = np.linspace(0, self.size - 1, count).astype(np.int64)
        self._edges = [np.unique(np.sort(self.points[j])[at]) for j in range(self._bins)]
        cells = tuple(np.searchsorted(e, self._sorted[j], "left") for j, e in enumerate(self._edges))
        table = np.full([len(e) for e in self._edges], self.size, dtype=np.int32)
        # Of several assignments to a cell the last one stays, that of the least rank.
        table[tuple(c[::-1] for c in cells)] = np.arange(self.size, dtype=np.int32)[::-1]
        for axis in range(self._bins):
            np.minimum.accumulate(table, axis=axis, out=table)
        self._table = table

    def dominators(self, vectors: Floats) -> Indices:
        """Return a point that dominates each vector, or -1.

        Parameters
        ----------
        vectors : ndarray, shape (objectives, k)
            -inf is dominated by nothing.

        Returns
        -------
        ndarray of int64, shape (k,)
            Positions in the points.
        """
        if not self.size or not vectors.shape[1]:
            return np.full(vectors.shape[1], NOBODY, dtype=np.int64)
        if not self._bins:
            best = int(np.argmin(self.points[0]))
            return np.where(self.points[0, best] <= vectors[0], best, NOBODY).astype(np.int64)
        found = self._by_table(vectors)
        left = np.flatnonzero(found < 0)
        if len(left):
            found[left] = self._by_halves(np.ascontiguousarray(vectors[:, left]))
        return found

    def _by_table(self, vectors: Floats) -> Indices:
        cells = [np.searchsorted(e, vectors[j], "right") - 1 for j, e in enumerate(self._edges)]
        inside = cells[0] >= 0
        for cell in cells[1:]:
            inside &= cell >= 0
        rank = self._table[tuple(np.maximum(cell, 0) for cell in cells)].astype(np.int64)
        inside &= rank < self.size
        rank = np.where(inside, rank, 0)
        for j in range(self._bins, len(vectors)):
            inside &= self._sorted[j, rank] <= vectors[j]
        return np.where(inside, self._order[rank], NOBODY).astype(np.int64)

    def _by_halves(self, vectors: Floats) -> Indices:
        found = np.full(vectors.shape[1], NOBODY, dtype=np.int64)
        points, m = self._sorted, len(vectors)
        waiting = [(np.arange(vectors.shape[1]), np.arange(self.size))]
        while waiting:
            rows, near = waiting.pop()
            here = vectors[:, rows]
            worst, best = here.max(axis=1), here.min(axis=1)
            for j in range(m):
                near = near[points[j, near] <= worst[j]]
            if not len(near):
                continue
            every = np.flatnonzero(np.logical_and.reduce([points[j, near] <= best[j] for j in range(m)]))
            if len(every):
                found[rows] = near[every[0]]
            elif len(rows) * len(near) <= _PAIRS or len(rows) <= _FEW:
                pairs = points[0, near][None, :] <= here[0][:, None]
                for j in range(1, m):
                    pairs &= points[j, near][None, :] <= here[j][:, None]
                first = pairs.argmax(axis=1)
                hit = pairs[np.arange(len(rows)), first]
                found[rows[hit]] = near[first[hit]]
            else:
                low, high = _halves(here, best, worst)
                waiting += [(rows[low], near), (rows[high], near)]
        return np.where(found >= 0, self._order[found], NOBODY)


def _halves(vectors: Floats, best: Floats, worst: Floats) -> tuple[Indices, Indices]:
    """Divide vectors at the median of the objective in which they differ by the largest ratio."""
    with np.errstate(all="ignore"):
        ratio = np.abs(np.log(np.abs(worst)) - np.log(np.abs(best)))
    ratio = np.where(best == worst, -1.0, np.where(np.isfinite(ratio), ratio, np.inf))
    at = vectors[int(ratio.argmax())].argpartition(vectors.shape[1] // 2)
    return at[: vectors.shape[1] // 2], at[vectors.shape[1] // 2 :]
