"""A predictor for tests of what is around it: as wrong as told, on what the lookups know."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import pytest

from sweeps.accuracy import Prediction
from sweeps.measurements import RATES, Measurement
from sweeps.operator_measurements import OperatorMeasurement


def predicted(row: Measurement, factor: float) -> Prediction:
    """Too slow by a factor, with a bound of half of the measured time."""
    if row.metric in RATES:
        return Prediction(row.id, row.value / factor, row.value * 2.0)
    return Prediction(row.id, row.value * factor, row.value / 2.0)


def inject(
    patch: pytest.MonkeyPatch, factor: Callable[[Any], float] = lambda row: 1.1, seen: dict[str, Any] | None = None
) -> None:
    """Put a predictor in the place of the product's."""

    def predict_all(rows: Sequence[Measurement], *, models: Any, accelerators: Any, **rest: Any) -> list[Prediction]:
        if seen is not None:
            seen.update(rest, rows=rows)
        found = []
        for row in rows:
            try:
                accelerators(row.hardware)
                models(row.model, row.hf_id)
            except ValueError as error:
                found.append(Prediction(row.id, None, None, str(error)))
            else:
                found.append(predicted(row, factor(row)))
        return found

    def predict_operators(rows: Sequence[OperatorMeasurement], *, accelerators: Any, **rest: Any) -> list[Prediction]:
        return [Prediction(row.id, row.latency_s * factor(row), row.latency_s / 2) for row in rows]

    def predict_measured_times(rows: Sequence[Measurement], **rest: Any) -> list[Prediction]:
        timed = [row for row in rows if row.metric == "energy_j_per_output_token"]
        return [Prediction(row.id, row.value * 1.05, None) for row in timed]

    def read_calibration(text: str, path: str) -> str:
        if "wrong" in text:
            raise ValueError(f"{path}: no calibration")
        return text

    module: Any = ModuleType("sweeps.validate")
    module.predict_all, module.predict_operators = predict_all, predict_operators
    module.predict_measured_times = predict_measured_times
    module.read_calibration = read_calibration
    patch.setitem(sys.modules, "sweeps.validate", module)
