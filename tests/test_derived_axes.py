"""Dimensions that follow from others: expressions with units, checked; nothing is called and nothing repeats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from small_run import changed

import dse
from dse.errors import StudyError
from dse.plan import problem_of
from dse.runs import load
from dse.study_axes import DIMENSIONS
from dse.study_expressions import is_expression, parse_expression

pytestmark = pytest.mark.usefixtures("undrawn")

NAMES = {key: (name, rule.unit) for key, (name, rule) in DIMENSIONS.items()}
SRAM = ("sram:           [2 MiB, 8 MiB, 32 MiB]", 'sram:           "0.5 MiB / (TFLOP/s) * compute"')
HERE = {"compute_flop_per_s": 4e12, "dram_bytes_per_s": 1e11, "dram_bytes": 1.6e10}


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("0.02 MiB/(GFLOP/s) * compute", "byte", 0.02 * 2**20 / 1e9 * 4e12),
        ("compute * 2 MiB s / TFLOP", "byte", 2 * 2**20 / 1e12 * 4e12),
        ("8 MiB + 0.5 MiB/(TFLOP/s)*compute", "byte", 8 * 2**20 + 0.5 * 2**20 * 4),
        ("dram / 4 - 1 GB", "byte", 3e9),
        ("dram_bandwidth * 2 FLOP / B", "flop/s", 2e11),
        ("compute / (40 FLOP/byte)", "byte/s", 1e11),
        ("dram ** 2 / (16 GB)", "byte", 1.6e10),
        ("(dram)", "byte", 1.6e10),
        ("dram_bandwidth * 50 ms", "byte", 5e9),
    ],
)
def test_an_expression_is_what_a_person_would_work_out(text: str, unit: str, value: float) -> None:
    assert is_expression(text, NAMES)
    assert float(np.asarray(parse_expression(text, unit, NAMES)(HERE))) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize("text", ["16 GB", "1e-3 GB", "25 GB/s", "-1 GB", "4", "5 mm**2", "fast"])
def test_quantities_are_no_expressions(text: str) -> None:
    assert not is_expression(text, NAMES)


WRONG = {
    "compute": "expected a capacity such as 16 GB, got a computation time",
    "dram + compute": "cannot be added",
    "exec(dram)": "an expression calls nothing, got exec(...)",
    "max(dram, 1 GB)": 'got ", 1 GB)"',
    "dram * (1 + 2": "a ( is never closed",
    "dram *": "the expression ends too soon",
    "dram ** 9": "expected a power of 1, 2, 3 or 4",
    "dram 4 5": 'expected an operator before "4"',
    "drum * 2": '"drum" is neither a unit nor one of',
    "dram; import os": 'got "; import os"',
    "__import__ * dram": "is neither a unit nor one of",
    "(" * 60 + "dram" + ")" * 60: "expected a simpler expression",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_expression_says_why(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_expression(text, "byte", NAMES)
    assert WRONG[text] in str(caught.value)


def test_a_study_with_a_derived_dimension_sweeps_and_reads_back(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "derived.yaml"
    path.write_text(changed(SRAM), encoding="utf-8")
    study = load(path)
    assert study.grid_size() == 150
    assert load(study.to_yaml()) == study
    run = dse.sweep(path, out=tmp_path / "run")
    every = run.designs()
    assert len(every) == 150
    assert np.array_equal(every["sram_bytes"], 0.5 * 2**20 / 1e12 * every["compute_flop_per_s"])
    table = problem_of(study).table(np.arange(150))
    for name in ("sram_bytes", "tpot_s", "die_area_mm2", "feasible"):
        assert np.array_equal(np.asarray(table[name]), every[name].to_numpy(), equal_nan=name != "feasible"), name
    assert "0.5 MiB / (TFLOP/s) * compute" in command("check", path).out
    row = every[every["feasible"]].iloc[0]
    others = {
        name: [row[name]]
        for name in every
        if name in ("dram_bytes_per_s", "compute_flop_per_s", "dram_bytes", "flash_bytes")
    }
    again = dse.evaluate(path, others)
    assert again["sram_bytes"].iloc[0] == row["sram_bytes"]
    assert again["tpot_s"].iloc[0] == row["tpot_s"]
    explained = dse.explain(run, {name: values[0] for name, values in others.items()}, ["bom_usd"])
    assert explained.design.point == row["point"]


def test_a_derived_dimension_is_the_same_as_a_grid_that_spells_it_out(tmp_path: Path) -> None:
    derived = dse.sweep(changed(SRAM), out=tmp_path / "a").designs()
    for compute, rows in derived.groupby("compute_flop_per_s"):
        spelled = changed(
            (SRAM[0], f"sram: {float(rows['sram_bytes'].iloc[0])!r} byte"),
            ("{log: [2 TFLOP/s, 100 TFLOP/s], points: 5}", f"{compute!r} FLOP/s"),
        )
        plain = dse.sweep(spelled, out=tmp_path / f"{compute:g}").designs()
        for name in ("tpot_s", "price_usd", "feasible"):
            assert np.array_equal(plain[name].to_numpy(), rows[name].to_numpy(), equal_nan=name != "feasible")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"2 MiB * 3"', "expected a dimension in it"),
        ('"sram * 2"', '"sram" is neither a unit nor one of'),
        ('"dram - 8 GB"', "design.sram: expected more than 0, got -2e+09 at dram_bytes 6e+09"),
        ('"compute * 1 s"', "expected a capacity such as 16 GB"),
    ],
)
def test_a_wrong_expression_is_an_error_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(changed((SRAM[0], f"sram: {text}")), encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        load(path)
    assert message in str(caught.value)
    assert "wrong.yaml:11" in str(caught.value)


def test_one_expression_cannot_need_another() -> None:
    twice = (("dram:           [6 GB, 12 GB, 24 GB]", 'dram: "sram * 1000"'), SRAM)
    with pytest.raises(StudyError, match="expected dimensions that are given themselves"):
        load(changed(*twice))
