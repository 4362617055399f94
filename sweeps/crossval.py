"""Predictions of measurements that the fit has not seen: one device, die family, model family or source held back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from roofline.calibration import Calibration, Fitted
from sweeps.fit import Key, Sample, fitted, predicted, priors
from sweeps.folds import Folds

Floats = NDArray[np.float64]
Told = Callable[[str], None]


def held_out(
    samples: Sequence[Sample], folds: Folds, told: Told = lambda name: None
) -> tuple[Floats, list[Calibration]]:
    """Return the time of each sample [s] as predicted by a fit on the other folds, and the calibrations of the folds.

    Parameters
    ----------
    samples : sequence of Sample (n,)
    folds : dict of str to array of bool (n,)
        Which samples are held back together; every one once.
    told : callable
        Called with the name of each fold before it is fitted.

    Notes
    -----
    Every fit starts cold: one that started from a fit on all rows could keep what it learned of those held back.
    """
    seconds = np.full(len(samples), np.nan)
    found = []
    for name, held in folds.items():
        told(name)
        rest = [sample for sample, out in zip(samples, held, strict=True) if not out]
        calibration = fitted(rest, shared_by=samples)
        seconds[held] = predicted([sample for sample, out in zip(samples, held, strict=True) if out], calibration)
        found.append(calibration)
    return seconds, found


def with_ranges(calibration: Calibration, folds: Sequence[Calibration], source: str) -> dict[Key, Fitted]:
    """Return the numbers of a calibration with the range they take over the folds, their units and their source."""
    known = priors()
    result: dict[Key, Fitted] = {}
    for key, fit in calibration.numbers.items():
        values = [fold.numbers[key].value for fold in folds if key in fold.numbers] + [fit.value]
        result[key] = Fitted(fit.value, min(values), max(values), known[key[0]].unit, source)
    return result
