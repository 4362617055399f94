"""Fit the calibration to the shipped measurements, and print every accuracy table of the project.

    python tests/benchmarks/accuracy.py            # tables: in sample, and with devices, dies, models, sources left out
    python tests/benchmarks/accuracy.py --write    # and write roofline/data/calibration.csv, sweeps/data/held_out.csv
                                                # and the two shares of power in costmodels/data/common.csv

Rows that cannot be predicted count as 100 % error. Intervals are bootstrap 90 % over rows.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roofline import catalog
from roofline.accelerators import find
from roofline.calibration import Calibration, as_text
from roofline.model import Model
from sweeps import folds
from sweeps.accuracy import Prediction
from sweeps.comparison import Comparison, compare
from sweeps.crossval import held_out, with_ranges
from sweeps.fit import Sample, fitted, predicted, sample
from sweeps.measurements import ENERGIES_OF_MEASUREMENTS, Measurement, read_measurements
from sweeps.observations import observations, work_of
from sweeps.power import PowerSample, PowerShares, fitted_power, power_samples
from sweeps.predict import in_unit, passes, subject

Floats = NDArray[np.float64]
SOURCE = (
    "fitted to sweeps/data/measurements/measurements.csv by tests/benchmarks/accuracy.py; low and high: folds by die"
)
ROOT = Path(__file__).parents[2]
TABLE = ROOT / "roofline" / "data" / "calibration.csv"
COMMON = ROOT / "costmodels" / "data" / "common.csv"
POWER_SOURCE = (
    "derived: fitted to {rows} measured energies per token with measured times, of {devices} "
    "(sweeps/data/measurements), by tests/benchmarks/accuracy.py; range: one device left out"
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
    print(f"\n{len(numbers)} numbers")
    shares = power_rows(every, whole)
    if "--write" in sys.argv:
        TABLE.write_text(as_text(numbers.items()), encoding="utf8")
        HELD_OUT.write_text("\n".join(table) + "\n", encoding="utf8")
        COMMON.write_text(with_rows(COMMON.read_text(encoding="utf8"), shares), encoding="utf8")


def power_rows(every: Sequence[Measurement], times: Calibration) -> dict[str, dict[str, str]]:
    """Fit the two shares of the power limit, print how well they do, and return their cells of the constants table."""
    found = power_samples(every, model, find, times)
    timed = [s for s in found if np.isfinite(s.seconds)]
    devices = sorted({s.device for s in timed})
    whole = fitted_power(timed)
    without = {device: fitted_power([s for s in timed if s.device != device]) for device in devices}
    print(f"\nshares of the power limit: busy {whole.busy:.4f}, compute {whole.compute:.4f}")
    for device, shares in without.items():
        print(f"  without {device}: busy {shares.busy:.4f}, compute {shares.compute:.4f}")
    for title in ("seconds", "predicted_s"):
        _print_errors(f"energy per token with {title}, in sample", found, title, lambda _: whole)
        _print_errors(f"energy per token with {title}, device left out", found, title, lambda s: without[s.device])
    source = POWER_SOURCE.format(rows=len(timed), devices=" and ".join(devices))
    return {
        name: _row_of([getattr(shares, field) for shares in (whole, *without.values())], source)
        for name, field in (("busy_power_share", "busy"), ("compute_power_share", "compute"))
    }


def _print_errors(
    what: str, samples: Sequence[PowerSample], title: str, shares: Callable[[PowerSample], PowerShares]
) -> None:
    ratios = [s.joules_per_token(shares(s), getattr(s, title)) / s.measured for s in samples]
    errors = np.array([abs(ratio - 1.0) for ratio in ratios if np.isfinite(ratio)])
    print(f"{what}: {len(errors)} rows, median error {100 * np.median(errors):.1f} %")


def _row_of(values: Sequence[float], source: str) -> dict[str, str]:
    numbers = {"value": values[0], "low": min(values), "high": max(values)}
    return {**{column: f"{number:.4g}" for column, number in numbers.items()}, "source": source}


def with_rows(table: str, rows: Mapping[str, Mapping[str, str]]) -> str:
    """Return a table of constants with some cells replaced, by the name of their parameter and their column."""
    lines = table.splitlines()
    header = lines[0].split(",")
    for i, line in enumerate(lines):
        (cells,) = csv.reader([line])
        if (changed := rows.get(cells[header.index("parameter")])) is not None:
            out = io.StringIO()
            csv.writer(out, lineterminator="").writerow({**dict(zip(header, cells, strict=True)), **changed}.values())
            lines[i] = out.getvalue()
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
