"""Fitting the calibration to measurements of a user's own, on top of the shipped numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dse.errors import StudyError, shown
from dse.validation import FindAccelerator, ModelFiles, hardware_lookup, model_files, parsed_file
from roofline.calibration import Calibration, Fitted, as_text, shipped
from sweeps.fit import Floats, Key, Sample, fitted, is_fitted, predicted, priors, sample
from sweeps.measurements import ENERGIES_OF_MEASUREMENTS, Measurement, parse_measurements
from sweeps.observations import TIMING_PHASES, phase_of, work_of
from sweeps.predict import subject
from sweeps.validate import read_calibration

TOTAL = "all"
NEAR = 0.25
MOST_NAMED = 6


@dataclass(frozen=True)
class PhaseErrors:
    """Errors of the times of one phase, before and after a fit.

    Attributes
    ----------
    phase : str
    rows : int
    median_before, median_after : float
        Median absolute relative error [1].
    near_before, near_after : float
        Share of rows within 25 % [1].
    """

    phase: str
    rows: int
    median_before: float
    median_after: float
    near_before: float
    near_after: float


@dataclass(frozen=True)
class OwnCalibration:
    """A calibration fitted to a user's rows.

    Attributes
    ----------
    name : str
        Of their file.
    numbers : mapping of (name, option) to Fitted
        Those that the rows moved; all others are the shipped ones.
    errors : tuple of PhaseErrors
        By phase, and of all.
    rows : int
        Of the file.
    unused : tuple of (str, str)
        Id of each row that was not fitted, and why.
    """

    name: str
    numbers: Mapping[Key, Fitted]
    errors: tuple[PhaseErrors, ...]
    rows: int
    unused: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """As a CSV file."""
        return as_text(self.numbers.items())

    @property
    def calibration(self) -> Calibration:
        """With the shipped numbers, as it is read from its file."""
        return read_calibration(self.text, self.name)


def calibrate(
    data: str | Path, *, models: str | Path | None = None, hardware: str | Path | None = None
) -> OwnCalibration:
    """Fit the calibration to measurements, starting from the shipped numbers.

    Parameters
    ----------
    data : path
        A CSV file with the columns of the shipped measurements.
    models : path, optional
        A directory with Hugging Face configs, ``<model>.json`` for rows with this ``model``.
    hardware : path, optional
        A file with more accelerators.

    Returns
    -------
    OwnCalibration

    Raises
    ------
    StudyError
        If a file is malformed, or no row can be fitted.
    """
    known, chips = model_files(models), hardware_lookup(hardware)
    rows = parsed_file(data, parse_measurements).rows
    samples, unused = _samples(rows, known, chips)
    if not samples:
        reasons = "; ".join(dict.fromkeys(reason for _, reason in unused[:MOST_NAMED])) or "there is none"
        raise StudyError(f"no row can be fitted: {reasons}", path=str(data))
    found = fitted(samples, start=shipped(), keep_all=True)
    source = f"fitted to {_named(samples)} of {shown(Path(data).name)} by dse calibrate, from the shipped numbers"
    numbers = _moved(found, source)
    after = Calibration({**shipped().numbers, **numbers})
    return OwnCalibration(str(data), numbers, _errors(samples, after), len(rows), tuple(unused))


def _samples(
    rows: Sequence[Measurement], models: ModelFiles, chips: FindAccelerator
) -> tuple[list[Sample], list[tuple[str, str]]]:
    """Rows as times with their terms, and those that are none with the reason."""
    samples: list[Sample] = []
    unused: list[tuple[str, str]] = []
    for row in rows:
        try:
            samples.append(_sample(row, models, chips))
        except ValueError as error:
            unused.append((row.id, str(error)))
    return samples, unused


def _sample(row: Measurement, models: ModelFiles, chips: FindAccelerator) -> Sample:
    if row.metric in ENERGIES_OF_MEASUREMENTS:
        raise ValueError(f"{row.metric} is no time")
    if not is_fitted(phase_of(row)):
        raise ValueError("a time to the first token under load contains waiting")
    found, work = subject(row, models, chips), work_of(row)
    one = sample(found, row.value if work is None else work / row.value)
    seconds = predicted([one], shipped())[0]
    if not (np.isfinite(seconds) and seconds > 0 and np.isfinite(one.seconds) and one.seconds > 0):
        raise ValueError("its time is no finite number")
    return one


def _moved(found: Calibration, source: str) -> dict[Key, Fitted]:
    """Numbers that differ from the shipped ones as they are written, with the relative range that those have."""
    moved = {}
    for (name, option), fit in found.numbers.items():
        before = shipped().numbers.get((name, option), Fitted(1.0, 1.0, 1.0, priors()[name].unit, ""))
        if f"{fit.value:.4g}" != f"{before.value:.4g}":
            scale = fit.value / before.value
            moved[name, option] = Fitted(fit.value, before.low * scale, before.high * scale, before.unit, source)
    return moved


def _named(samples: Sequence[Sample]) -> str:
    ids = [one.id for one in samples]
    more = f" and {len(ids) - MOST_NAMED} more" if len(ids) > MOST_NAMED else ""
    return f"row{'s' * (len(ids) > 1)} {', '.join(ids[:MOST_NAMED])}{more}"


def _errors(samples: Sequence[Sample], after: Calibration) -> tuple[PhaseErrors, ...]:
    measured = np.array([one.seconds for one in samples])
    phases = np.array([one.phase for one in samples])
    before, fit = (np.abs(predicted(samples, numbers) / measured - 1.0) for numbers in (shipped(), after))
    there = [phase for phase in TIMING_PHASES if phase in phases]
    result = [_phase_errors(phase, before[phases == phase], fit[phases == phase]) for phase in there]
    return (*result, _phase_errors(TOTAL, before, fit)) if len(there) > 1 else tuple(result)


def _phase_errors(phase: str, before: Floats, after: Floats) -> PhaseErrors:
    near = (float(np.mean(errors <= NEAR)) for errors in (before, after))
    return PhaseErrors(phase, len(before), float(np.median(before)), float(np.median(after)), *near)
