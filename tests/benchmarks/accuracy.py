"""Fit the calibration to the shipped measurements, and print every accuracy table of the project.

    python tests/benchmarks/accuracy.py            # tables: in sample, and with devices, dies, models, sources left out
    python tests/benchmarks/accuracy.py --write    # and write roofline/data/calibration.csv, sweeps/data/held_out.csv

Rows that cannot be predicted count as 100 % error. Intervals are bootstrap 90 % over rows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roofline import catalog
from roofline.accelerators import find
from roofline.calibration import OF_POWER, Calibration, Fitted, as_text
from roofline.model import Model
from sweeps import folds
from sweeps.accuracy import Prediction
from sweeps.comparison import Comparison, compare
from sweeps.crossval import held_out, with_ranges
from sweeps.fit import Sample, fitted, predicted, sample
from sweeps.measurements import ENERGIES_OF_MEASUREMENTS, Measurement, read_measurements
from sweeps.observations import observations, work_of
from sweeps.power import fitted_power, power_samples
from sweeps.predict import in_unit, passes, subject

Floats = NDArray[np.float64]
SOURCE = (
    "fitted to sweeps/data/measurements/measurements.csv by tests/benchmarks/accuracy.py; low and high: folds by die"
)
ROOT = Path(__file__).parents[2]
TABLE = ROOT / "roofline" / "data" / "calibration.csv"
POWER_SOURCE = (
    "fitted to the energy rows of sweeps/data/measurements/measurements.csv by tests/benchmarks/accuracy.py; "
    "low and high: 20 % either way (assumption)"
)
HELD_OUT = ROOT / "sweeps" / "data" / "held_out.csv"
COLUMNS = (
    "left_out,phase,rows,median_ape,median_low,median_high,within_25,within_low,within_high,rank_tau,bound_rank_tau"
)


def model(name: str, hf_id: str = "") -> Model:
    """Return a model of the catalog."""
    return catalog.model(catalog.canonical_name(name))


def compared(
    rows: Sequence[Measurement], samples: Sequence[Sample], seconds: Floats, bounds: dict[str, float]
) -> Comparison:
    """Return predictions held against the timing rows; those without a sample cannot be predicted."""
    by_id = {s.id: float(t) for s, t in zip(samples, seconds, strict=True)}
    predictions = [
        Prediction(row.id, in_unit(row, by_id[row.id]), in_unit(row, bounds[row.id]))
        if row.id in by_id
        else Prediction(row.id, None, None, "not stated")
        for row in rows
    ]
    return compare(observations(rows, lambda name: find(name).device_class), predictions, as_times=True)


def show(title: str, found: Comparison) -> None:
    """Print the totals."""
    print(f"\n{title}")
    print(f"{'phase':16}{'rows':>6}{'median APE %':>22}{'within 25 %':>22}{'rank tau':>10}{'of bound':>10}")
    for part in found.totals:
        figures = part.calibrated
        median, share = figures.median_ape_interval, figures.within_25_interval
        tau, other = part.ranking, part.bound_ranking
        print(
            f"{part.keys['phase']:16}{figures.rows:6}"
            f"{100 * figures.median_ape:8.1f} ({100 * median.low:4.1f} to {100 * median.high:4.1f})"
            f"{100 * figures.within_25:8.1f} ({100 * share.low:4.1f} to {100 * share.high:4.1f})"
            f"{_number(tau.mean_kendall_tau):>10}{_number(other.mean_kendall_tau):>10}"
        )


def lines(left_out: str, found: Comparison) -> list[str]:
    """Return the totals as lines of CSV, in percent."""
    result = []
    for part in found.totals:
        figures, median, share = (
            part.calibrated,
            part.calibrated.median_ape_interval,
            part.calibrated.within_25_interval,
        )
        values = (figures.median_ape, median.low, median.high, figures.within_25, share.low, share.high)
        taus = (part.ranking.mean_kendall_tau, part.bound_ranking.mean_kendall_tau)
        cells = [f"{100 * value:.1f}" for value in values] + [_number(tau) for tau in taus]
        result.append(",".join([left_out, part.keys["phase"], str(figures.rows), *cells]))
    return result


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def main() -> None:
    """Fit, print, and write where asked."""
    every = read_measurements().rows
    rows = [row for row in every if row.metric not in ENERGIES_OF_MEASUREMENTS]
    samples: list[Sample] = []
    used: list[Measurement] = []
    bounds: dict[str, float] = {}
    for row in rows:
        try:
            found = subject(row, model, find)
            work = work_of(row)
            samples.append(sample(found, row.value if work is None else work / row.value))
            bounds[row.id] = float(np.asarray(passes(found, None).total("s")).reshape(-1)[0])
            used.append(row)
        except ValueError as error:
            print(f"{row.id}: {error}")
    whole = fitted(samples)
    known = compared(rows, samples, predicted(samples, whole), bounds)
    show("In sample", known)
    table = [COLUMNS, *lines("nothing", known)]
    tests: dict[str, Callable[[], folds.Folds]] = {
        "device": lambda: folds.by_device(used),
        "die family": lambda: folds.by_die_family(used, lambda name: find(name).die_family),
        "model family": lambda: folds.by_model_family(used),
        "source": lambda: folds.by_source(used),
    }
    ranges: list[Calibration] = []
    for name, of in tests.items():
        seconds, calibrations = held_out(samples, of())
        comparison = compared(rows, samples, seconds, bounds)
        show(f"One {name} left out", comparison)
        table += lines(name, comparison)
        ranges = calibrations if name == "die family" else ranges
    numbers = with_ranges(whole, ranges, SOURCE)
    numbers |= power_numbers(every, whole)
    print(f"\n{len(numbers)} numbers")
    if "--write" in sys.argv:
        TABLE.write_text(as_text(numbers.items()), encoding="utf8")
        HELD_OUT.write_text("\n".join(table) + "\n", encoding="utf8")


def power_numbers(every: Sequence[Measurement], times: Calibration) -> dict[tuple[str, str], Fitted]:
    """Fit the two shares of the power limit, and print how well they do with measured and with predicted times."""
    found = power_samples(every, model, find, times)
    values = fitted_power(found)
    for title in ("seconds", "predicted_s"):
        errors = np.array([abs(s.joules_per_token(values, getattr(s, title)) / s.measured - 1.0) for s in found])
        errors = errors[np.isfinite(errors)]
        print(f"energy per token with {title}: {len(errors)} rows, median error {100 * np.median(errors):.1f} %")
    return {
        (name, ""): Fitted(value, 0.8 * value, 1.2 * value, "1", POWER_SOURCE)
        for name, value in zip(OF_POWER, values, strict=True)
    }


if __name__ == "__main__":
    main()
