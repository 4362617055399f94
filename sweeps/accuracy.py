"""How close predictions come to measurements: errors, shares within limits, rank correlation, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LIMITS = (0.10, 0.25)
"""Errors that count as close [1]."""

MISSED = 1.0
"""The error of a row that was not predicted [1]."""

CONFIDENCE = 0.90
RESAMPLES = 1000
SEED = 20260101
BEATEN_BY = 0.001
"""By how much a measurement has to beat a bound to count as beating it [1]: less is rounding of the figure."""

_MOST_DRAWS = 4_000_000


@dataclass(frozen=True)
class Prediction:
    """What was predicted for one measured row, in the unit of that row.

    Attributes
    ----------
    id : str
        Of the row.
    value : float or None
        Calibrated; None: cannot be predicted.
    bound : float or None
        Best case of the uncalibrated roofline.
    reason : str
        Why it cannot be predicted.
    """

    id: str
    value: float | None
    bound: float | None
    reason: str = ""


@dataclass(frozen=True)
class Interval:
    """A range that holds a figure with the stated confidence, :data:`CONFIDENCE`."""

    low: float
    high: float


@dataclass(frozen=True)
class Figures:
    """How close a set of predictions came.

    Attributes
    ----------
    rows, predicted : int
        Measurements, and those of them that were predicted; the rest count with an error of 100 %.
    mape, median_ape : float
        Mean and median of the absolute errors relative to the measurement [1].
    within_10, within_25 : float
        Share of rows with an error of at most 10 % and 25 % [1].
    median_ape_interval, within_25_interval : Interval
        By resampling the rows.
    kendall_tau : float or None
        Rank correlation of predicted and measured times over the predicted rows; None where it is not defined.
    """

    rows: int
    predicted: int
    mape: float
    median_ape: float
    within_10: float
    within_25: float
    median_ape_interval: Interval
    within_25_interval: Interval
    kendall_tau: float | None


def usable(value: float | None) -> bool:
    """Whether a prediction is one: a positive, finite number."""
    return value is not None and math.isfinite(value) and value > 0


def as_array(values: Sequence[float | None]) -> Floats:
    """Return predictions as numbers; NaN where there is none that is usable."""
    return np.array([v if v is not None and usable(v) else math.nan for v in values], dtype=np.float64)


def absolute_errors(measured: Floats, predicted: Floats) -> Floats:
    """Return absolute errors relative to the measurement [1].

    In the quantity given: twice too fast is an error of 50 % as a time and of 100 % as a rate. The project's tables
    are of times, energies and powers.

    Parameters
    ----------
    measured : array (n,)
        Positive.
    predicted : array (n,)
        In the same units; NaN where there is no prediction, which counts as 100 %.
    """
    errors = np.abs(predicted - measured) / measured
    return np.where(np.isnan(predicted), MISSED, errors)


def kendall_tau(a: Floats, b: Floats) -> float | None:
    """Return Kendall's tau-b of two rankings, over the places where both are numbers; None where it is not defined.

    Where there are fewer than two such places, or one of the rankings has all of them level, there is nothing to rank.

    Notes
    -----
    ``(C - D) / sqrt((n0 - n1) (n0 - n2))`` of C concordant and D discordant pairs among ``n0 = n (n - 1) / 2``, of
    which n1 and n2 are level in a and in b.

    References
    ----------
    M. G. Kendall, "The treatment of ties in ranking problems", Biometrika 33 (1945) 239-251.
    """
    from scipy.stats import kendalltau

    both = np.isfinite(a) & np.isfinite(b)
    x, y = a[both], b[both]
    if len(x) < 2 or np.all(x == x[0]) or np.all(y == y[0]):
        return None
    return float(kendalltau(x, y, variant="b").statistic)


def figures(measured: Floats, predicted: Floats, measured_times: Floats, predicted_times: Floats) -> Figures:
    """Return how close predictions came.

    Parameters
    ----------
    measured, predicted : array (n,)
        What errors are of, at least one; NaN where there is no prediction.
    measured_times, predicted_times : array (n,)
        With rates turned into times, for the ranks.
    """
    errors = np.sort(absolute_errors(measured, predicted))  # sorted: intervals do not depend on the order of the rows
    median, within = intervals(errors)
    ten, quarter = (float(np.mean(errors <= limit)) for limit in LIMITS)
    return Figures(
        rows=len(errors),
        predicted=int(np.count_nonzero(~np.isnan(predicted))),
        mape=float(np.mean(errors)),
        median_ape=float(np.median(errors)),
        within_10=ten,
        within_25=quarter,
        median_ape_interval=median,
        within_25_interval=within,
        kendall_tau=kendall_tau(measured_times, predicted_times),
    )


def intervals(errors: Floats, *, resamples: int = RESAMPLES, seed: int = SEED) -> tuple[Interval, Interval]:
    """Return intervals of the median error and of the share of errors within 25 %.

    Percentiles of the figure over rows drawn with replacement. Rows of one source are not independent, so that the true
    uncertainty is larger.

    Parameters
    ----------
    errors : array (n,)
        At least one.
    resamples : int
        How often rows are drawn.
    seed : int
        The same seed draws the same rows.

    References
    ----------
    B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall (1993), section 13.3.
    """
    generator = np.random.default_rng(seed)
    at_once = max(1, _MOST_DRAWS // len(errors))
    medians, shares = [], []
    for start in range(0, resamples, at_once):
        count = min(at_once, resamples - start)
        drawn = errors[generator.integers(len(errors), size=(count, len(errors)))]
        medians.append(np.median(drawn, axis=1))
        shares.append(np.mean(drawn <= LIMITS[-1], axis=1))
    return _interval(np.concatenate(medians)), _interval(np.concatenate(shares))


def _interval(values: Floats) -> Interval:
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(low), float(high))


def beats(measured_times: Floats, bound_times: Floats) -> NDArray[np.bool_]:
    """Return where a measurement is faster than its bound by more than :data:`BEATEN_BY`; False without a bound."""
    return np.asarray(measured_times < bound_times * (1.0 - BEATEN_BY), dtype=np.bool_)
