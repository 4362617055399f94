"""Sobol' indices of any function of numbers in [0, 1): which inputs its variance comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Respond = Callable[[Array], Array]
"""Inputs (d, n) in [0, 1) -> outputs (m, n)."""

LEAST_ROWS, MOST_ROWS = 16, 65536
_MOST_ROUNDS = 8


@dataclass(frozen=True)
class Indices:
    """Sobol' indices of m outputs of d inputs, and their standard errors; 0 of outputs that do not vary.

    Attributes
    ----------
    first : ndarray, shape (d, m)
        Share of the variance that an input causes alone [1].
    total : ndarray, shape (d, m)
        Share of the variance that it has a part in, together with others too [1].
    first_error, total_error : ndarray, shape (d, m)
        Standard errors of the two means of the estimator, that of the variance apart [1].
    mean, deviation : ndarray, shape (m,)
        Of the outputs.
    rows : int
        Rows of inputs that the indices come from.
    left_out : int
        Rows of inputs without a number somewhere; the indices hold where there are numbers.
    evaluations : int
        Calls of the function, of one set of inputs each.
    """

    first: Array
    total: Array
    first_error: Array
    total_error: Array
    mean: Array
    deviation: Array
    rows: int
    left_out: int
    evaluations: int


def sobol_indices(respond: Respond, inputs: int, *, samples: int, seed: int) -> Indices:
    """Return the first-order and total Sobol' indices of a function.

    Parameters
    ----------
    respond : callable
        Inputs (d, n) in [0, 1), uniform and independent, to outputs (m, n).
    inputs : int
        d, at least 1.
    samples : int
        Rows of the matrices A and B, a power of two from 16 to 65536; ``samples (d + 2)`` evaluations where every
        output is a number. Rows with an output that is none are left out and others drawn in their place, at most
        eight times as many; then fewer rows, again a power of two, must do.
    seed : int
        At least 0.

    Returns
    -------
    Indices

    Raises
    ------
    ValueError
        If `samples` or `seed` is out of range, or fewer than 16 rows have a number everywhere.

    Notes
    -----
    Saltelli's scheme and estimators [1]_ as SciPy implements them, on scrambled Sobol' points.

    References
    ----------
    .. [1] A. Saltelli et al., "Variance based sensitivity analysis of model output. Design and estimator for the total
       sensitivity index", Computer Physics Communications 181 (2010), doi:10.1016/j.cpc.2009.09.018.
    """
    from scipy import stats

    if not LEAST_ROWS <= samples <= MOST_ROWS or samples & (samples - 1):
        raise ValueError(f"expected a power of two from {LEAST_ROWS} to {MOST_ROWS:,} as samples, got {samples}")
    if seed < 0:
        raise ValueError(f"expected a seed of at least 0, got {seed}")
    f_a, f_b, f_ab, tried, evaluations = _responses(respond, inputs, samples, seed)
    rows, left_out = min(samples, f_a.shape[1]), tried - f_a.shape[1]
    if rows < LEAST_ROWS:
        raise ValueError(
            f"of {tried:,} rows of inputs only {rows} have a number everywhere; at least {LEAST_ROWS} are needed"
        )
    rows = 1 << (rows.bit_length() - 1)
    f_a, f_b, f_ab = f_a[:, :rows], f_b[:, :rows], f_ab[:, :, :rows]
    both = np.concatenate([f_a, f_b], axis=1)
    mean, deviation = both.mean(axis=1), both.std(axis=1)
    varies = deviation > 1e-12 * np.abs(mean)  # what is less is rounding
    scale = np.where(varies, deviation, 1.0)[:, None]
    one, other, mixed = ((values - mean[:, None]) / scale for values in (f_a, f_b, f_ab))
    found = stats.sobol_indices(func={"f_A": one, "f_B": other, "f_AB": mixed}, n=rows)
    outputs = len(mean)
    return Indices(
        first=found.first_order.reshape(outputs, inputs).T * varies,
        total=found.total_order.reshape(outputs, inputs).T * varies,
        first_error=_error(other * (mixed - one)) * varies,
        total_error=_error(0.5 * (one - mixed) ** 2) * varies,
        mean=mean,
        deviation=deviation,
        rows=rows,
        left_out=left_out,
        evaluations=evaluations,
    )


def _error(terms: Array) -> Array:
    return np.asarray(terms.std(axis=-1) / np.sqrt(terms.shape[-1]), dtype=np.float64)


def _responses(respond: Respond, inputs: int, samples: int, seed: int) -> tuple[Array, Array, Array, int, int]:
    """Outputs of A, B and A with one column of B, (m, n), (m, n), (d, m, n), of rows that have a number everywhere."""
    from scipy.stats import qmc

    points = qmc.Sobol(2 * inputs, scramble=True, seed=np.random.default_rng(seed))
    kept: list[tuple[Array, Array, Array]] = []
    found = tried = evaluations = 0
    while found < samples and tried < _MOST_ROUNDS * samples:
        drawn = np.minimum(points.random(samples).T, np.nextafter(1.0, 0.0))
        tried += samples
        a, b = drawn[:inputs], drawn[inputs:]
        f_a, f_b = respond(a), respond(b)
        rows = np.flatnonzero(np.isfinite(f_a).all(axis=0) & np.isfinite(f_b).all(axis=0))
        evaluations += 2 * samples + inputs * len(rows)
        if not len(rows):
            continue
        mixed = np.repeat(a[:, None, rows], inputs, axis=1)  # (d, input that comes from B, rows)
        for i in range(inputs):
            mixed[i, i] = b[i, rows]
        f_ab = respond(mixed.reshape(inputs, -1)).reshape(len(f_a), inputs, len(rows)).transpose(1, 0, 2)
        good = np.isfinite(f_ab).all(axis=(0, 1))
        kept.append((f_a[:, rows[good]], f_b[:, rows[good]], f_ab[:, :, good]))
        found += int(np.count_nonzero(good))
    if not kept:
        return np.empty((1, 0)), np.empty((1, 0)), np.empty((inputs, 1, 0)), tried, evaluations
    f_a, f_b, f_ab = (np.concatenate(parts, axis=-1) for parts in zip(*kept, strict=True))
    return f_a, f_b, f_ab, tried, evaluations
