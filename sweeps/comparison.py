"""Predictions held against measurements: figures in total and by group, ranks within workloads, what was missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sweeps.accuracy import Figures, Floats, Prediction, absolute_errors, as_array, beats, figures, kendall_tau, usable
from sweeps.observations import GROUP_KEYS, PHASE_ORDER, Observation

K = TypeVar("K")

LEAST_CONFIGURATIONS = 4
"""Configurations that a workload needs for their ranks to say something."""


@dataclass(frozen=True)
class Ranking:
    """How well configurations of one workload were ranked, over all workloads with enough of them.

    Attributes
    ----------
    workloads, rows : int
        Workloads with at least :data:`LEAST_CONFIGURATIONS` configurations of different measured speed, and their rows.
    mean_kendall_tau : float or None
        Mean of Kendall's tau over these workloads. One whose predictions are missing or level ranks nothing: it
        counts 0. None without any workload.
    """

    workloads: int
    rows: int
    mean_kendall_tau: float | None


@dataclass(frozen=True)
class Part:
    """Figures of one total or group.

    Attributes
    ----------
    keys : dict
        What the part is: the phase (or kind of operator) of a total; the values of the group's keys.
    calibrated : Figures
        Of the predictions.
    bound : Figures or None
        Of the uncalibrated best case; None where its kind of row has none.
    bound_violations : int
        Measurements that beat the bound.
    ranking, bound_ranking : Ranking
        Within workloads.
    """

    keys: dict[str, str]
    calibrated: Figures
    bound: Figures | None
    bound_violations: int
    ranking: Ranking
    bound_ranking: Ranking


@dataclass(frozen=True)
class Comparison:
    """Predictions held against measurements.

    Attributes
    ----------
    observations, predictions : tuple
        Row by row; a prediction that is no positive number has been replaced by a reason.
    totals, groups : tuple of Part
        By phase and over all timing rows; by group.
    errors : array (n,)
        Absolute relative error of each row [1]; 1 where there is no prediction.
    violations : tuple of int
        Rows whose measurement beats the bound.
    """

    observations: tuple[Observation, ...]
    predictions: tuple[Prediction, ...]
    totals: tuple[Part, ...]
    groups: tuple[Part, ...]
    errors: Floats
    violations: tuple[int, ...]

    @property
    def predicted(self) -> int:
        """How many rows were predicted."""
        return sum(prediction.value is not None for prediction in self.predictions)

    @property
    def unpredicted(self) -> tuple[Prediction, ...]:
        """Predictions that are none, each with its reason."""
        return tuple(prediction for prediction in self.predictions if prediction.value is None)

    def measured_to_bound(self, i: int) -> float:
        """Return the measured time of a row relative to its bound's [1]; infinite without a bound."""
        seen, bound = self.observations[i], self.predictions[i].bound
        return float("inf") if bound is None else seen.time(seen.value) / seen.time(bound)

    def worst(self, count: int) -> list[int]:
        """Return the predicted rows with the largest error, by the factor between prediction and measurement."""
        factors = [
            max(p.value / o.value, o.value / p.value) if p.value is not None else 0.0
            for o, p in zip(self.observations, self.predictions, strict=True)
        ]
        order = sorted(range(len(factors)), key=lambda i: (-factors[i], self.observations[i].id))
        return [i for i in order[:count] if factors[i] > 0]


@dataclass(frozen=True)
class _Columns:
    """Rows as arrays."""

    measured: Floats
    predicted: Floats
    bound: Floats
    measured_times: Floats
    predicted_times: Floats
    bound_times: Floats
    beaten: NDArray[np.bool_]


def compare(
    observations: Sequence[Observation],
    predictions: Sequence[Prediction],
    group_keys: tuple[str, ...] = GROUP_KEYS,
    total_key: str = "phase",
    *,
    as_times: bool = True,
) -> Comparison:
    """Return predictions held against measurements.

    Parameters
    ----------
    observations : sequence of Observation
    predictions : sequence of Prediction
        One for each, with its id, in any order.
    group_keys : tuple of str
        Names of the values in the observations' groups.
    total_key : str
        Name of what the totals are of.
    as_times : bool
        Whether errors of rates are those of the times they stand for, as by default: one rule for rates and times, in
        which a bound is never off by more than 100 %. Else errors are in each row's own quantity.

    Raises
    ------
    ValueError
        If a row has no prediction, or a prediction no row.
    """
    ordered = _matched(observations, predictions)
    columns = _columns(observations, ordered, as_times)
    phases = _by([o.phase for o in observations])
    overall = _by([o.overall for o in observations])
    overall.pop("", None)
    names = sorted(phases, key=lambda phase: PHASE_ORDER.index(phase) if phase in PHASE_ORDER else -1)
    summed = [name for name in names if observations[phases[name][0]].overall]
    parts = [(name, phases[name]) for name in summed] + list(overall.items())
    parts += [(name, phases[name]) for name in names if name not in summed]
    totals = [_part({total_key: name}, rows, observations, columns) for name, rows in parts]
    groups = _by([o.group for o in observations])
    return Comparison(
        observations=tuple(observations),
        predictions=ordered,
        totals=tuple(totals),
        groups=tuple(
            _part(dict(zip(group_keys, key, strict=True)), groups[key], observations, columns) for key in sorted(groups)
        ),
        errors=absolute_errors(columns.measured, columns.predicted),
        violations=tuple(int(i) for i in np.flatnonzero(columns.beaten)),
    )


def _matched(observations: Sequence[Observation], predictions: Sequence[Prediction]) -> tuple[Prediction, ...]:
    """Predictions in the order of the rows."""
    by_id = {prediction.id: prediction for prediction in predictions}
    wanted = [observation.id for observation in observations]
    if len(by_id) != len(predictions) or set(by_id) != set(wanted) or len(wanted) != len(by_id):
        raise ValueError(f"{len(wanted)} rows need one prediction each, with the same id; got {len(predictions)}")
    return tuple(_sound(by_id[name]) for name in wanted)


def _sound(prediction: Prediction) -> Prediction:
    """Take a number that is no prediction for none, and say so."""
    bound = prediction.bound if usable(prediction.bound) else None
    if prediction.value is None:
        return Prediction(prediction.id, None, bound, prediction.reason or "no reason given")
    if not usable(prediction.value):
        return Prediction(prediction.id, None, bound, f"the prediction is no positive number: {prediction.value}")
    return Prediction(prediction.id, prediction.value, bound)


def _columns(observations: Sequence[Observation], predictions: Sequence[Prediction], as_times: bool) -> _Columns:
    measured = np.array([o.value for o in observations], dtype=np.float64)
    predicted = as_array([p.value for p in predictions])
    bound = as_array([p.bound for p in predictions])

    def times(values: Floats) -> Floats:
        return np.array([o.time(v) for o, v in zip(observations, values.tolist(), strict=True)], dtype=np.float64)

    in_time = times(measured), times(predicted), times(bound)
    bounded = np.array([o.bounded for o in observations], dtype=np.bool_)
    shown = in_time if as_times else (measured, predicted, bound)
    return _Columns(*shown, *in_time, beats(in_time[0], in_time[2]) & bounded)


def _by(keys: Sequence[K]) -> dict[K, list[int]]:
    """Rows by key."""
    found: dict[K, list[int]] = {}
    for i, key in enumerate(keys):
        found.setdefault(key, []).append(i)
    return found


def _part(keys: dict[str, str], rows: list[int], observations: Sequence[Observation], columns: _Columns) -> Part:
    c, chosen = columns, [observations[i] for i in rows]
    bounded = any(observation.bounded for observation in chosen)
    bound = figures(c.measured[rows], c.bound[rows], c.measured_times[rows], c.bound_times[rows]) if bounded else None
    return Part(
        keys=keys,
        calibrated=figures(c.measured[rows], c.predicted[rows], c.measured_times[rows], c.predicted_times[rows]),
        bound=bound,
        bound_violations=int(np.count_nonzero(c.beaten[rows])),
        ranking=ranking(chosen, c.measured_times[rows], c.predicted_times[rows]),
        bound_ranking=ranking(chosen, c.measured_times[rows], c.bound_times[rows]),
    )


def ranking(observations: Sequence[Observation], measured_times: Floats, predicted_times: Floats) -> Ranking:
    """Return how well configurations of one workload were ranked.

    Parameters
    ----------
    observations : sequence of Observation
    measured_times, predicted_times : array (n,)
        Less is better; NaN where there is no prediction.
    """
    taus: list[float] = []
    ranked = 0
    for rows in _by([o.workload for o in observations]).values():
        if len({observations[i].configuration for i in rows}) < LEAST_CONFIGURATIONS:
            continue
        measured, predicted = measured_times[rows], predicted_times[rows]
        if np.all(measured == measured[0]):
            continue
        taus.append(kendall_tau(measured, predicted) or 0.0)
        ranked += len(rows)
    return Ranking(len(taus), ranked, float(np.mean(taus)) if taus else None)
