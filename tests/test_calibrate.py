"""``dse calibrate``: a user's rows on top of the shipped numbers."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from measurement_rows import csv_text

import dse
from dse.calibrating import calibrate
from roofline import catalog
from roofline.accelerators import find
from roofline.calibration import Calibration, parsed, shipped
from roofline.model import Model
from sweeps.accuracy import kendall_tau
from sweeps.fit import Sample, fitted, predicted, sample
from sweeps.measurements import ENERGIES_OF_MEASUREMENTS, RATES, Measurement, read_measurements
from sweeps.observations import work_of
from sweeps.predict import subject


def slow(row: Measurement, factor: float = 1.5) -> Measurement:
    return replace(row, value=row.value / factor if row.metric in RATES else row.value * factor)


def of_device(name: str) -> list[Measurement]:
    rows = [row for row in read_measurements().rows if row.hardware.startswith(name)]
    return [row for row in rows if row.metric not in ENERGIES_OF_MEASUREMENTS]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Eight rows of one device, a machine where everything takes half as long again."""
    path = tmp_path / "my.csv"
    path.write_text(csv_text([slow(row) for row in of_device("rtx-4090")[:8]]), encoding="utf8")
    return path


def test_rows_of_a_slower_machine_are_learned(mine: Path, tmp_path: Path, command: Command) -> None:
    out = tmp_path / "calibration.csv"
    done = command("calibrate", mine, "-o", out)
    assert done.code == 0, done.err
    assert "my.csv: 8 rows, 8 fitted on top of the shipped calibration" in done.out
    assert done.out.rstrip().endswith(f"wrote {out}; try it with: dse validate --data {mine} --calibration {out}")
    numbers = parsed(out.read_text(encoding="utf8")).numbers
    assert numbers["runtime_compute_relative", "llama.cpp"].value < 0.9 * shipped().value(
        "runtime_compute_relative", "llama.cpp"
    )
    first = of_device("rtx-4090")[0].id
    assert all(f"{first}, " in fit.source and '"my.csv" by dse calibrate' in fit.source for fit in numbers.values())
    assert not any(option not in ("", "llama.cpp", "consumer-gpu") for _, option in numbers)
    for phase in calibrate(mine).errors:
        assert phase.median_before > 0.2
        assert phase.median_after < 0.5 * phase.median_before
        assert phase.near_after > phase.near_before
    # What it was fitted to is what `dse validate` reads.
    before, after = dse.validate(mine), dse.validate(mine, calibration=out)
    assert np.median(after.comparison.errors) < 0.5 * np.median(before.comparison.errors)


def test_what_is_common_to_all_stays_within_about_its_range(mine: Path) -> None:
    numbers = calibrate(mine).numbers
    for (name, option), fit in numbers.items():
        if not option:
            was = shipped().numbers[name, ""]
            assert 0.8 * was.low < fit.value < 1.2 * was.high, name
    for key, fit in numbers.items():
        was = shipped().numbers.get(key)
        assert fit.low <= fit.value <= fit.high
        if was is not None:
            assert fit.low / fit.value == pytest.approx(was.low / was.value)


def test_nothing_is_learned_from_what_is_known() -> None:
    known = Calibration(dict(shipped().numbers))
    samples = samples_of(of_device("rtx-4090")[:8])
    exact = [replace(one, seconds=float(s)) for one, s in zip(samples, predicted(samples, known), strict=True)]
    found = fitted(exact, start=known, keep_all=True)
    assert all(fit.value == pytest.approx(known.value(*key), rel=1e-6) for key, fit in found.numbers.items())


def model(name: str, hf_id: str = "") -> Model:
    return catalog.model(catalog.canonical_name(name))


def samples_of(rows: list[Measurement]) -> list[Sample]:
    found = []
    for row in rows:
        work = work_of(row)
        found.append(sample(subject(row, model, find), row.value if work is None else work / row.value))
    return found


def test_eight_rows_of_an_unseen_device_lift_its_others() -> None:
    """MI300X, end to end: a fit on other devices knows nothing of its software; eight of its rows do."""
    end_to_end = [row for row in of_device("mi300x") if row.phase == "end_to_end"]
    others = [row for row in read_measurements().rows if row.stack == "vllm" and row.hardware != "mi300x"]
    others = [row for row in others if row.metric not in ENERGIES_OF_MEASUREMENTS][::6]
    base = fitted(samples_of(others))
    every = samples_of(end_to_end)
    chosen = set(random.Random(3).sample(range(len(every)), 8))
    own = [one for i, one in enumerate(every) if i in chosen]
    rest = [one for i, one in enumerate(every) if i not in chosen]
    after = Calibration({**base.numbers, **fitted(own, start=base, keep_all=True).numbers})
    measured = np.array([one.seconds for one in rest])
    errors = [np.abs(predicted(rest, numbers) / measured - 1) for numbers in (base, after)]
    assert len(rest) > 200
    assert np.median(errors[1]) < 0.8 * np.median(errors[0])
    assert np.mean(errors[1] <= 0.25) > np.mean(errors[0] <= 0.25) + 0.1
    taus = [kendall_tau(measured, predicted(rest, numbers)) for numbers in (base, after)]
    assert taus[0] is not None
    assert taus[1] is not None
    assert taus[1] > taus[0] + 0.03


def test_rows_that_cannot_be_fitted_are_listed(mine: Path, tmp_path: Path, command: Command) -> None:
    row = of_device("rtx-4090")[0]
    rows = [slow(one) for one in of_device("rtx-4090")[:8]]
    rows += [
        replace(row, id="device", hardware="h1000"),
        replace(row, id="model", model="llama-9"),
        replace(row, id="energy", phase="decode", metric="power_w", value=300.0),
        replace(row, id="load", phase="prefill", metric="ttft_s", protocol="closed_loop_serving", value=1.0),
    ]
    mine.write_text(csv_text(rows), encoding="utf8")
    done = command("calibrate", mine, "-o", tmp_path / "x.csv")
    assert done.code == 0, done.err
    assert "my.csv: 12 rows, 8 fitted" in done.out
    assert "not fitted: 4 rows" in done.out
    for told in (
        'device: unknown hardware "h1000"; did you mean h100',
        "model: unknown model",
        "energy: power_w is no",
    ):
        assert f"  {told}" in done.out
    assert "  load: a time to the first token under load contains waiting" in done.out


def refused(command: Command, folder: Path, *arguments: object) -> str:
    before = sorted(folder.rglob("*"))
    done = command("calibrate", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert sorted(folder.rglob("*")) == before
    return done.err


def test_wrong_input_is_one_line_and_writes_nothing(mine: Path, tmp_path: Path, command: Command) -> None:
    out = tmp_path / "out.csv"
    assert "no such file" in refused(command, tmp_path, tmp_path / "no.csv", "-o", out)
    row = of_device("rtx-4090")[0]
    none = tmp_path / "none.csv"
    none.write_text(csv_text([replace(row, hardware="h1000")]), encoding="utf8")
    assert 'none.csv: no row can be fitted: unknown hardware "h1000"' in refused(command, tmp_path, none, "-o", out)
    none.write_text(csv_text([row]).replace(",decode,", ",decod,"), encoding="utf8")
    assert "none.csv:2: " in refused(command, tmp_path, none, "-o", out)
    assert "is the file of the measurements" in refused(command, tmp_path, mine, "-o", mine, "--force")
    assert "is a directory" in refused(command, tmp_path, mine, "-o", tmp_path, "--force")
    out.write_text("mine")
    assert "exists already; choose another with --output" in refused(command, tmp_path, mine, "-o", out)
    assert out.read_text() == "mine"
    assert command("calibrate", mine, "-o", out, "--force").code == 0
    assert parsed(out.read_text(encoding="utf8")).numbers


@pytest.mark.parametrize(
    "text, message",
    [
        ("name,value\n", "line 1: a calibration needs the columns"),
        ("HEAD\nmemory_shar,,0.9,0.9,0.9,1,x\n", 'line 2: unknown number "memory_shar"'),
        ("HEAD\nmemory_share,,fast,0.9,0.9,1,x\n", "line 2: value, low and high of memory_share must be numbers"),
        ("HEAD\nmemory_share,,0.9,0.95,1,1,x\n", "line 2: memory_share must be finite"),
        ("HEAD\nmemory_share,,nan,nan,nan,1,x\n", "line 2: memory_share must be finite"),
        ("HEAD\nmemory_share,,0,0,1,1,x\n", "line 2: memory_share must be above 0"),
        ("HEAD\nmemory_share,npu,0.9,0.9,0.9,1,x\n", "line 2: memory_share is of all devices"),
        ("HEAD\nclass_memory_relative,,0.9,0.9,0.9,1,x\n", "line 2: class_memory_relative needs an option"),
        ("HEAD\nstep_s,,1,1,1,s,x\n\nstep_s,,2,2,2,s,x\n", "line 4: step_s is given twice"),
        ("HEAD\nstep_s,,1,1,1,s," + "x" * 200_000 + "\n", "line 2: field larger than field limit"),
        ("HEAD\nstep_s\n", "line 2: value, low and high of step_s must be numbers"),
    ],
)
def test_a_malformed_calibration_is_one_line(text: str, message: str, tmp_path: Path, command: Command) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text.replace("HEAD", "name,option,value,low,high,unit,source"), encoding="utf8")
    given = ("analyze", "--model", "llama-3-8b", "--hardware", "h100", "--efficiency", "calibrated")
    done = command(*given, "--calibration", path)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: --calibration: {path}: {message}")
    assert done.err.count("\n") == 1
