"""How good a front is beside a reference front: hypervolume, IGD+, epsilon, and the share of it that was found.

Objectives are minimized everywhere here, as in :mod:`results.front`; negate one to maximize it. Rows that hold a NaN or
an infinity are dropped before anything is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from results.front import Floats, _finite_rows, hypervolume, non_dominated

REFERENCE_POINT = 1.1
"""The point up to which volume counts, in every objective: the ideal is 0, the nadir 1."""

_LEAST = 5e-324


@dataclass(frozen=True)
class Frame:
    """Where volumes and distances are measured: objectives from 0 (ideal of a reference front) to 1 (its nadir).

    Attributes
    ----------
    low, high : ndarray, shape (m,)
        Ideal and nadir, in logarithms where `signs` is not 0.
    signs : ndarray of int, shape (m,)
        1 and -1 for objectives that are measured by the logarithm of their size (1: positive, -1: negative, that is
        maximized); 0 for those measured as they are.
    """

    low: Floats
    high: Floats
    signs: NDArray[np.int64]

    @classmethod
    def of(cls, reference: ArrayLike, others: Sequence[ArrayLike] = ()) -> Frame:
        """Return the frame of a reference front.

        Parameters
        ----------
        reference : array_like, shape (n, m)
            With at least one finite row; dominated rows count for nothing.
        others : sequence of array_like, shape (k, m)
            Fronts that will be measured too: an objective is logarithmic where all of them have one sign.

        Raises
        ------
        ValueError
            If no row of the reference is finite.
        """
        points = _finite_rows(reference)
        if not len(points):
            raise ValueError("a reference front needs at least one row of finite objectives")
        every = np.concatenate([points, *(_finite_rows(other) for other in others)])
        return cls.around(points[non_dominated(points)], signs_of(every))

    @classmethod
    def around(cls, points: Floats, signs: NDArray[np.int64]) -> Frame:
        """Return the frame from the least to the largest of finite points (n, m), n >= 1, with signs (m,)."""
        position = cls(np.zeros(len(signs)), np.ones(len(signs)), signs).position(points)
        return cls(position.min(axis=0), position.max(axis=0), signs)

    def position(self, objectives: ArrayLike) -> Floats:
        """Return objectives (n, m) in the frame; an objective that is the same on the whole reference only shifts."""
        points = np.asarray(objectives, dtype=np.float64)
        size = np.log10(np.maximum(points * self.signs, _LEAST))
        values = np.where(self.signs == 0, points, self.signs * size)
        span = np.where(self.high > self.low, self.high - self.low, 1.0)
        return np.asarray((values - self.low) / span, dtype=np.float64)

    def volume(self, objectives: ArrayLike) -> float:
        """Return the hypervolume of points (n, m) in the frame, up to 1.1 in every objective."""
        points = _finite_rows(objectives)
        return hypervolume(self.position(points), np.full(points.shape[1], REFERENCE_POINT))


def signs_of(points: Floats) -> NDArray[np.int64]:
    """Return the sign that each column (n, m) has throughout its finite values, 1 or -1, or 0 (m,)."""
    finite = np.isfinite(points)
    positive = finite.any(axis=0) & (~finite | (points > 0)).all(axis=0)
    negative = finite.any(axis=0) & (~finite | (points < 0)).all(axis=0)
    return np.where(positive, 1, np.where(negative, -1, 0)).astype(np.int64)


@dataclass(frozen=True)
class Quality:
    """A front beside a reference front.

    Attributes
    ----------
    hypervolume : float
        Relative to that of the reference; above 1 where the front is better.
    igd_plus : float
        Mean distance from the reference to what the front dominates [1]_, in units of the frame.
    epsilon : float
        Most that the front is behind anywhere, in units of the frame: additive epsilon [2]_.
    factor : float or None
        Least factor by which every objective must improve to reach all of the reference: multiplicative epsilon [2]_;
        None where an objective is zero or changes its sign.
    found : float
        Share of the reference's distinct vectors that the front holds.

    References
    ----------
    .. [1] H. Ishibuchi et al., "Modified distance calculation in generational distance and inverted generational
       distance", EMO 2015, doi:10.1007/978-3-319-15892-1_8.
    .. [2] E. Zitzler et al., "Performance assessment of multiobjective optimizers", IEEE Trans. Evol. Comput. 7 (2003),
       doi:10.1109/TEVC.2003.810758.
    """

    hypervolume: float
    igd_plus: float
    epsilon: float
    factor: float | None
    found: float


def quality(front: ArrayLike, reference: ArrayLike, frame: Frame | None = None) -> Quality:
    """Measure a front beside a reference front.

    Parameters
    ----------
    front, reference : array_like, shape (n, m) and (r, m)
        Values to minimize.
    frame : Frame, optional
        Default that of the reference, where the front's signs allow.

    Returns
    -------
    Quality
        Of an empty front: no volume, infinite distances.

    Raises
    ------
    ValueError
        If the reference has no finite row, another number of objectives, or no volume in the frame.
    """
    points, wanted = _finite_rows(front), _finite_rows(reference)
    if points.shape[1] != wanted.shape[1]:
        raise ValueError(f"expected fronts of as many objectives, got {points.shape[1]} and {wanted.shape[1]}")
    frame = frame or Frame.of(wanted, [points])
    if not len(points):
        return Quality(0.0, float("inf"), float("inf"), float("inf") if frame.signs.all() else None, 0.0)
    import moocore

    whole = frame.volume(wanted)
    if whole <= 0:
        raise ValueError("the reference front lies beyond the reference point of the frame")
    near, far = frame.position(points), frame.position(wanted)
    factor = None
    if frame.signs.all():
        behind = moocore.epsilon_mult(np.abs(points), ref=np.abs(wanted), maximise=(frame.signs < 0).tolist())
        factor = float(behind)
    return Quality(
        hypervolume=frame.volume(points) / whole,
        igd_plus=float(moocore.igd_plus(near, ref=far)),
        epsilon=float(moocore.epsilon_additive(near, ref=far)),
        factor=factor,
        found=share_found(points, wanted),
    )


def share_found(front: ArrayLike, reference: ArrayLike) -> float:
    """Return the share of the distinct rows of a reference (r, m) that are rows of a front (n, m), bit for bit."""
    wanted = np.unique(_finite_rows(reference) + 0.0, axis=0)
    there = {row.tobytes() for row in _finite_rows(front) + 0.0}
    return sum(row.tobytes() in there for row in wanted) / len(wanted)
