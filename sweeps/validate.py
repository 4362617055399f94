"""Predictions of published measurements: every row through the same factors as any design, none dropped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from roofline.calibration import Calibration, parsed, shipped
from roofline.memory import Number
from sweeps.accuracy import Prediction
from sweeps.fit import efficiency_of, kind_of
from sweeps.measurements import ENERGIES_OF_MEASUREMENTS, Measurement
from sweeps.operator_predict import predict_operators
from sweeps.power import energy_of, shipped_shares, with_measured_times
from sweeps.predict import FindAccelerator, FindModel, in_unit, passes, subject

__all__ = ["predict_all", "predict_measured_times", "predict_operators", "prediction", "read_calibration"]


def predict_all(
    rows: Sequence[Measurement],
    *,
    models: FindModel,
    accelerators: FindAccelerator,
    calibration: Calibration | None = None,
) -> list[Prediction]:
    """Return a prediction of every row, calibrated and as a bound, or why there is none.

    Parameters
    ----------
    rows : sequence of Measurement
    models : callable
        From a model's name and Hugging Face id to the model.
    accelerators : callable
        From a device's name to the accelerator.
    calibration : Calibration, optional
        Default the shipped one.
    """
    used = calibration or shipped()
    return [prediction(row, models, accelerators, used) for row in rows]


def predict_measured_times(
    rows: Sequence[Measurement],
    *,
    models: FindModel,
    accelerators: FindAccelerator,
) -> list[Prediction]:
    """Return predictions of the energies among the rows whose run's time was published, from that time.

    Parameters as for :func:`predict_all`.
    """
    return with_measured_times(rows, models, accelerators)


def prediction(
    row: Measurement, models: FindModel, accelerators: FindAccelerator, calibration: Calibration
) -> Prediction:
    """Return the prediction of one row."""
    try:
        found = subject(row, models, accelerators)
        reached = passes(found, efficiency_of(kind_of(found), found.runtime, calibration))
        best = passes(found, None)
        if row.metric in ENERGIES_OF_MEASUREMENTS:
            return Prediction(row.id, *energy_of(found, reached, best, shipped_shares()))
        return Prediction(row.id, in_unit(row, _one(reached.total("s"))), in_unit(row, _one(best.total("s"))))
    except ValueError as error:
        return Prediction(row.id, None, None, str(error))


def read_calibration(text: str, path: str) -> Calibration:
    """Return the calibration of a user's file on top of the shipped one: numbers it does not name stay.

    Raises
    ------
    ValueError
        With the file and the line, if it is malformed.
    """
    try:
        own = parsed(text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return Calibration({**shipped().numbers, **own.numbers})


def _one(value: Number) -> float:
    return float(np.asarray(value).reshape(-1)[0])
