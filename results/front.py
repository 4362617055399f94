"""Non-dominated sets: of one table, of a stream, and their hypervolume, ideal, nadir and knee.

Objectives are minimized everywhere here; negate one to maximize it. A row that holds a NaN or an infinity is never
in a front. Vectors that are equal are in the front together or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from results.scaling import unit_scaled

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]

_MOST_SENTINELS = 64
_SENTINEL_CANDIDATES = 512
_SAMPLE_ROWS = 4096
_SAMPLE_PER_BLOCK = 128
_SLICE_ROWS = 16_384  # few enough that a slice's columns stay in cache while every sentinel passes over them
_LEAST_BUFFER = 50_000
_FIRST_BUFFER = 2_048  # the first merge comes early: without sentinels nothing is filtered
_STREAMED_ROWS = 200_000
_FEW_COMPARISONS = 262_144  # where calls cost more than comparisons, all are made at once
_ROWS_PER_CHOICE = 2_048  # choosing sentinels takes as long as merging thousands of rows


def non_dominated(objectives: ArrayLike) -> Mask:
    """Which rows no other row dominates.

    Row a dominates row b when a <= b in every objective and a < b in at least one.

    Parameters
    ----------
    objectives : array_like, shape (n, m)
        Values to minimize, m from 1 to 6 tested.

    Returns
    -------
    ndarray of bool, shape (n,)
        True for the rows of the front; equal rows share their fate, rows with a NaN or an infinity are False.

    Raises
    ------
    ValueError
        If `objectives` is not two-dimensional or has no columns.

    Notes
    -----
    Kung, Luccio & Preparata's algorithm [1]_ as moocore implements it, behind a cheap filter for large tables.

    References
    ----------
    .. [1] H. T. Kung, F. Luccio, F. P. Preparata, "On finding the maxima of a set of vectors", J. ACM 22 (1975),
       doi:10.1145/321906.321910.
    """
    points = _matrix(objectives)
    mask = np.zeros(len(points), dtype=np.bool_)
    if len(points) > _STREAMED_ROWS:
        archive = FrontArchive(points.shape[1])
        archive.add(np.arange(len(points), dtype=np.int64), points)
        mask[archive.finish()[0]] = True
    else:
        finite = np.flatnonzero(np.isfinite(points).all(axis=1))
        mask[finite] = _front_of(points[finite])
    return mask


class FrontArchive:
    """The non-dominated set of a stream of points, in memory that the front bounds, not the stream.

    However the stream is cut or ordered, the result is that of `non_dominated` on all of it at once. Instances
    pickle, so a worker process may fill one and send it home to be merged.

    Parameters
    ----------
    m : int
        Number of objectives.

    Raises
    ------
    ValueError
        If `m` is less than 1.

    Notes
    -----
    Most points die at once against a few sentinels: the front members that dominate most of a sample of the stream.
    A sentinel kills only what it strictly dominates, so a point equal to it survives. Survivors wait in a buffer,
    which is merged into the front when it outgrows twice the front (and at least 50,000 rows).
    """

    def __init__(self, m: int) -> None:
        if m < 1:
            raise ValueError(f"a front needs at least 1 objective, got {m}")
        self._m = m
        self._index: Indices = np.empty(0, dtype=np.int64)
        self._points: Floats = np.empty((0, m))
        self._waiting: list[tuple[Indices, Floats]] = []
        self._waiting_rows = 0
        self._sentinels: Floats = np.empty((0, m))
        self._since_choice = _ROWS_PER_CHOICE
        self._sample: list[Floats] = []
        self._sample_rows = 0

    @property
    def size(self) -> int:
        """Number of points in the front of everything added so far."""
        self._merge_waiting()
        return len(self._index)

    def add(self, index: ArrayLike, objectives: ArrayLike | Sequence[NDArray[Any]]) -> Indices:
        """Add points to the stream.

        Parameters
        ----------
        index : array_like of int64, shape (k,)
            Identity of each point; a stream gives each at most once.
        objectives : array_like, shape (k, m), or list or tuple of m arrays, shape (k,)
            Values to minimize. A list or tuple is taken as columns, an array as rows.

        Returns
        -------
        ndarray of int64, shape (n,)
            Those that may belong to the front: no sentinel dominates them. In no order.

        Raises
        ------
        ValueError
            If the shapes do not fit each other or the archive.
        """
        indices = np.asarray(index, dtype=np.int64)
        columns = self._columns(objectives)
        if indices.ndim != 1 or any(c.shape != indices.shape for c in columns):
            shapes = ", ".join(str(c.shape) for c in columns)
            raise ValueError(f"expected one index per point, got indices {indices.shape} and objectives {shapes}")
        if not len(indices):
            return indices
        step = max(1, len(indices) // _SAMPLE_PER_BLOCK)
        self._remember(np.column_stack([c[::step] for c in columns]))
        parts = (slice(start, start + _SLICE_ROWS) for start in range(0, len(indices), _SLICE_ROWS))
        return np.concatenate([self._add_slice(indices[part], [c[part] for c in columns]) for part in parts])

    def merge(self, other: FrontArchive) -> Indices:
        """Add everything that another archive has seen; return those of its front that may belong to this one's.

        Parameters
        ----------
        other : FrontArchive
            An archive of as many objectives; it keeps its contents.

        Raises
        ------
        ValueError
            If the numbers of objectives differ.
        """
        if other._m != self._m:
            raise ValueError(f"expected an archive of {self._m} objectives, got one of {other._m}")
        return self.add(*other.finish())

    def settle(self) -> None:
        """Become no more than the front of everything added so far: what goes to another process is small then."""
        self._merge_waiting()
        self._sample, self._sample_rows = [], 0

    def finish(self) -> tuple[Indices, Floats]:
        """The front of everything added so far; more may be added afterwards.

        Returns
        -------
        index : ndarray of int64, shape (size,)
            Identities of the points of the front, ascending.
        objectives : ndarray of float64, shape (size, m)
            Their values.
        """
        self._merge_waiting()
        order = np.argsort(self._index, kind="stable")
        return self._index[order], self._points[order]

    def _columns(self, objectives: ArrayLike | Sequence[NDArray[Any]]) -> list[Floats]:
        if isinstance(objectives, list | tuple):
            columns = [np.asarray(c, dtype=np.float64) for c in objectives]
        else:
            points = _matrix(objectives)
            columns = [points[:, j] for j in range(points.shape[1])]
        if len(columns) != self._m:
            raise ValueError(f"expected {self._m} objectives, got {len(columns)}")
        return columns

    def _add_slice(self, index: Indices, columns: list[Floats]) -> Indices:
        self._since_choice += len(index)
        alive, columns = _survivors(self._sentinels, columns)
        finite = np.logical_and.reduce([np.isfinite(c) for c in columns])
        points, joining = np.column_stack(columns)[finite], index[alive][finite]
        if not len(points):
            return joining
        self._waiting.append((joining, points))
        self._waiting_rows += len(points)
        limit = max(_LEAST_BUFFER, 2 * len(self._index)) if len(self._sentinels) else _FIRST_BUFFER
        if self._waiting_rows > limit:
            self._merge_waiting()
        return joining

    def _remember(self, rows: Floats) -> None:
        """Keep the most recent rows of the stream, as the sample that sentinels are chosen by."""
        self._sample.append(rows)
        self._sample_rows += len(rows)
        while self._sample_rows - len(self._sample[0]) >= _SAMPLE_ROWS:
            self._sample_rows -= len(self._sample.pop(0))

    def _merge_waiting(self) -> None:
        if not self._waiting:
            return
        index = np.concatenate([self._index, *(i for i, _ in self._waiting)])
        points = np.concatenate([self._points, *(p for _, p in self._waiting)])
        keep = _front_of(points)
        self._index, self._points = index[keep], points[keep]
        self._waiting, self._waiting_rows = [], 0
        if self._since_choice >= _ROWS_PER_CHOICE:  # earlier ones, of points that were seen, still kill rightly
            self._sentinels = _choose_sentinels(self._points, np.concatenate(self._sample))
            self._since_choice = 0


def _survivors(sentinels: Floats, columns: list[Floats]) -> tuple[Indices, list[Floats]]:
    """Positions and columns of the points that no sentinel strictly dominates; the best killers come first."""
    alive: Indices = np.arange(len(columns[0]), dtype=np.int64)
    start, count = 0, 1
    while start < len(sentinels) and len(alive):
        keep = ~_dominated(sentinels[start : start + count], columns)
        alive, columns = alive[keep], [c[keep] for c in columns]
        start, count = start + count, 2 * count
    return alive, columns


def _dominated(sentinels: Floats, columns: list[Floats]) -> Mask:
    """Which points at least one sentinel strictly dominates; shapes (s, m), m times (k,) -> (k,)."""
    if len(sentinels) > 1 and sentinels.size * len(columns[0]) <= _FEW_COMPARISONS:
        pairs = list(zip(columns, sentinels.T[:, :, None], strict=True))
        dominated: Mask = np.logical_and.reduce([column >= value for column, value in pairs])
        dominated &= np.logical_or.reduce([column > value for column, value in pairs])
        return np.asarray(dominated.any(axis=0), dtype=np.bool_)
    killed = np.zeros(len(columns[0]), dtype=np.bool_)
    for sentinel in sentinels:
        mask = columns[0] >= sentinel[0]
        for value, column in zip(sentinel[1:], columns[1:], strict=True):
            mask &= column >= value
        same = np.flatnonzero(mask & (columns[0] == sentinel[0]))
        if len(same):  # as good in every objective, perhaps better in none
            same = same[np.logical_and.reduce([c[same] == v for c, v in zip(columns, sentinel, strict=True)])]
            mask[same] = False
        killed |= mask
    return killed


def _choose_sentinels(front: Floats, sample: Floats) -> Floats:
    """At most 64 front members that together dominate most of the sample, each adding the most to those before it."""
    step = -(-len(front) // _SENTINEL_CANDIDATES)
    candidates = front[:: max(1, step)]
    columns = [np.ascontiguousarray(sample[:, j]) for j in range(sample.shape[1])]
    reach = np.stack([_dominated(c[None], columns) for c in candidates]) if len(candidates) else np.empty((0, 0), bool)
    chosen: list[int] = []
    gain = np.count_nonzero(reach, axis=1)
    while len(chosen) < min(_MOST_SENTINELS, len(candidates)) and gain.max() > 0:
        best = int(gain.argmax())
        chosen.append(best)
        reach = reach[:, ~reach[best]]
        gain = np.count_nonzero(reach, axis=1)
    return candidates[chosen] if chosen else candidates[:1]


def _front_of(points: Floats) -> Mask:
    """Non-dominated rows of finite points, equal rows all kept."""
    if len(points) == 0:
        return np.zeros(0, dtype=np.bool_)
    if points.shape[1] == 1:
        first = points[:, 0]
        return np.asarray(first == first.min(), dtype=np.bool_)
    import moocore

    return np.asarray(moocore.is_nondominated(points, keep_weakly=True), dtype=np.bool_)


def _matrix(objectives: ArrayLike) -> Floats:
    points = np.asarray(objectives, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] == 0:
        raise ValueError(f"expected objectives of shape (n, m) with m >= 1, got {points.shape}")
    return points


def _finite_rows(objectives: ArrayLike) -> Floats:
    points = _matrix(objectives)
    return points[np.isfinite(points).all(axis=1)]


def hypervolume(objectives: ArrayLike, reference: ArrayLike) -> float:
    """Volume that the points dominate, up to a reference point.

    Parameters
    ----------
    objectives : array_like, shape (n, m)
        Values to minimize; rows with a NaN or an infinity count for nothing, and so do rows beyond the reference.
    reference : array_like, shape (m,)
        Worst value of interest of each objective.

    Returns
    -------
    float
        Hypervolume [product of the objectives' units]; 0 without points.

    Raises
    ------
    ValueError
        If `reference` is not m finite numbers.

    References
    ----------
    .. [1] A. P. Guerreiro, C. M. Fonseca, L. Paquete, "The hypervolume indicator: computational problems and
       algorithms", ACM Comput. Surv. 54 (2021), doi:10.1145/3453474.
    """
    points = _finite_rows(objectives)
    worst = np.asarray(reference, dtype=np.float64)
    if worst.shape != points.shape[1:] or not np.isfinite(worst).all():
        raise ValueError(f"expected a reference of {points.shape[1]} finite numbers, got {worst}")
    points = points[(points < worst).all(axis=1)]
    if not len(points):
        return 0.0
    import moocore

    return float(moocore.hypervolume(points, worst))


def ideal(objectives: ArrayLike) -> Floats:
    """Best value of each objective over the finite rows.

    Parameters
    ----------
    objectives : array_like, shape (n, m)
        Values to minimize.

    Returns
    -------
    ndarray, shape (m,)
        Smallest values; NaN without finite rows.
    """
    points = _finite_rows(objectives)
    return points.min(axis=0) if len(points) else np.full(points.shape[1], np.nan)


def nadir(objectives: ArrayLike) -> Floats:
    """Worst value of each objective over the front of the rows.

    Parameters
    ----------
    objectives : array_like, shape (n, m)
        Values to minimize; dominated rows count for nothing.

    Returns
    -------
    ndarray, shape (m,)
        Largest values over the non-dominated rows; NaN without finite rows.
    """
    points = _matrix(objectives)
    front = points[non_dominated(points)]
    return front.max(axis=0) if len(front) else np.full(points.shape[1], np.nan)


def knee(objectives: ArrayLike) -> int:
    """The row nearest to the ideal: a balanced choice where nothing else is known.

    Parameters
    ----------
    objectives : array_like, shape (n, m)
        Values to minimize, normally the rows of a front.

    Returns
    -------
    int
        Position of the row with the smallest Euclidean distance to the ideal, the first of several. Each objective is
        scaled to [0, 1] over the rows: its logarithm where all values have one sign (a negated quantity has the
        logarithm of the quantity), itself otherwise. A constant objective counts for nothing.

    Raises
    ------
    ValueError
        If no row is finite.
    """
    points = _matrix(objectives)
    finite = np.flatnonzero(np.isfinite(points).all(axis=1))
    if not len(finite):
        raise ValueError("a knee needs at least one row of finite objectives")
    distance = np.zeros(len(finite))
    for scaled in unit_scaled(points[finite]).T:
        distance += scaled**2
    return int(finite[distance.argmin()])
