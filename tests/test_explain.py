"""``dse explain``: a design by its point or its values, its ledgers as text, CSV and JSON, and errors."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Command
from small_run import SMALL, changed

import dse
from dse.errors import StudyError
from dse.runs import load
from sweeps.ledger_steps import LEDGERS

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


@pytest.fixture
def point(study: Path) -> int:
    """A feasible design."""
    front = dse.sweep(study, out=study.parent / "run").front()
    return int(front["point"].iloc[0])


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(command: Command) -> Run:
    def explain(*arguments: str) -> tuple[int, str]:
        done = command("explain", *arguments)
        return done.code, done.out + done.err

    return explain


def test_a_point_and_its_values_are_the_same_design(study: Path, point: int) -> None:
    by_point = dse.explain(study, point)
    values = {name: float(column[0]) for name, column in by_point.design.columns.items()}
    assert dse.explain(study, values).ledgers == by_point.ledgers
    assert dse.explain(study, str(point)).ledgers == by_point.ledgers
    assert dse.explain(study.parent / "run", point).ledgers == by_point.ledgers
    text = ", ".join(f"{name}={value!r}" for name, value in values.items())
    assert dse.explain(study, text).ledgers == by_point.ledgers


def test_totals_are_those_of_evaluate_and_parts_sum_to_them(study: Path, point: int) -> None:
    found = dse.explain(study, point)
    evaluated = dse.evaluate(study, {n: [float(c[0])] for n, c in found.design.columns.items()})
    assert [ledger.column for ledger in found.ledgers] == list(LEDGERS)
    assert found.reason == ""
    for ledger in found.ledgers:
        assert ledger.total == float(evaluated[ledger.column].iloc[0])
        assert math.fsum(entry.amount for entry in ledger.entries) == ledger.total


def test_the_table_the_csv_and_the_json_name_the_same_parts(run: Run, study: Path, point: int) -> None:
    chosen = (str(study), "--design", str(point), "--column", "bom_usd")
    (told, text), (listed, table), (dumped, raw) = (
        run(*chosen, *more) for more in (["--sources"], ["--format", "csv"], ["--format", "json"])
    )
    assert (told, listed, dumped) == (0, 0, 0)
    parts = json.loads(raw)["ledgers"][0]["parts"]
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [part["name"] for part in parts] == [row["part"] for row in rows]
    assert [part["amount"] for part in parts] == [float(row["amount"]) for row in rows]
    assert all(constant["source"] for part in parts for constant in part["constants"])
    assert all(part["name"] in text for part in parts)
    assert "TrendForce" in text
    assert "TrendForce" not in run(*chosen)[1]


def test_a_design_that_does_not_fit_says_so(run: Run, study: Path) -> None:
    code, text = run(
        str(study), "--design", "dram_bandwidth=100 GB/s, compute=2 TFLOP/s, sram=2 MiB, dram=2 GB, flash=0 GB"
    )
    assert code == 0
    assert "this design is infeasible: does not fit" in text
    assert "TCO [USD/Mtoken]: a design that cannot work has none" in text


def test_scenario_axes_are_named_by_path_or_by_their_last_word(tmp_path: Path) -> None:
    path = tmp_path / "nodes.yaml"
    path.write_text(changed(("node: 5nm", "node: [7nm, 5nm]")), encoding="utf-8")
    base = "dram_bandwidth=100 GB/s, compute=2 TFLOP/s, sram=8 MiB, dram=12 GB, flash=0 GB"
    short = dse.explain(path, f"{base}, node=7nm", ["die_area_mm2"])
    assert short.scenario == {"technology.node": "7nm"}
    assert short.ledgers == dse.explain(path, f"{base}, technology.node=7nm", ["die_area_mm2"]).ledgers
    assert short.ledgers[0].total > dse.explain(path, f"{base}, node=5nm", ["die_area_mm2"]).ledgers[0].total
    with pytest.raises(StudyError, match=r"technology\.node is missing; it is one of 7nm, 5nm"):
        dse.explain(path, base)
    with pytest.raises(StudyError, match='expected one of 7nm, 5nm, got "6nm"'):
        dse.explain(path, f"{base}, node=6nm")


def test_a_last_word_that_two_axes_share_means_neither() -> None:
    second = "  - {model: llama-3-8b, prompt_tokens: 64, output_tokens: 64}\ndesign:\n"
    axes = "  workloads.0.batch: [1, 2]\n  workloads.1.batch: [1, 4]\n"
    study = changed(("design:\n", second + axes))
    base = "dram_bandwidth=100 GB/s, compute=2 TFLOP/s, sram=8 MiB, dram=12 GB, flash=0 GB"
    found = dse.explain(study, f"{base}, workloads.0.batch=2, workloads.1.batch=4", ["die_area_mm2"])
    assert found.scenario == {"workloads.0.batch": "2", "workloads.1.batch": "4"}
    with pytest.raises(StudyError, match='no axis "batch"'):
        dse.explain(study, f"{base}, batch=1", ["die_area_mm2"])


WRONG = {
    "450": "points go from 0 to 449, got 450",
    "dram_bandwith=100 GB/s": '(did you mean "dram_bandwidth"?)',
    "dram_bandwidth=fast": "fast",
    "dram_bandwidth=100 GB/s": "column compute (or compute_flop_per_s) is missing",
    "dram_bandwidth": "expected 1234",
    "sram=1 MiB, sram=2 MiB": "sram is given twice",
    "-3": "expected 1234",
}


@pytest.mark.parametrize("design", WRONG)
def test_what_is_no_design_is_an_error_that_says_why(run: Run, study: Path, design: str) -> None:
    code, text = run(str(study), f"--design={design}")
    assert code == 2
    assert WRONG[design] in text


def test_no_design_and_no_ledger(run: Run, study: Path) -> None:
    code, text = run(str(study))
    assert code == 2
    assert "the study has 450 designs: name one with --design" in text
    code, text = run(str(study), "--design", "1", "--column", "boom_usd")
    assert code == 2
    assert 'there is no ledger of "boom_usd" (did you mean "bom_usd"?)' in text
    code, text = run(str(study), "--design", "1", "--column", "tco")
    assert code == 2
    assert '"tco" may mean tco_usd_per_mtoken or tco_usd_per_hour; write one of them' in text


def test_a_ledger_has_a_short_name(run: Run, study: Path) -> None:
    assert run(str(study), "--design", "1", "--column", "bom") == run(
        str(study), "--design", "1", "--column", "bom_usd"
    )


CANDIDATES = (
    "objectives: {decode",
    "candidates:\n"
    "  quick: {dram_bandwidth: 100 GB/s, compute: 50 TFLOP/s, sram: 8 MiB, dram: 12 GB, flash: 0 GB}\n"
    "  slow: {dram_bandwidth: 30 GB/s, compute: 2 TFLOP/s, sram: 8 MiB, dram: 12 GB, flash: 0 GB}\n"
    "objectives: {decode",
)


def test_a_candidate_of_the_study_is_taken_by_its_name(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "named.yaml"
    path.write_text(changed(CANDIDATES), encoding="utf-8")
    values = "dram_bandwidth=100 GB/s, compute=50 TFLOP/s, sram=8 MiB, dram=12 GB, flash=0 GB"
    assert dse.explain(path, "quick").ledgers == dse.explain(path, values).ledgers
    more = dse.explain(path, "quick, dram=24 GB")
    assert more.ledgers == dse.explain(path, values.replace("12 GB", "24 GB")).ledgers
    assert dse.explain(path, "dram=24 GB, quick").ledgers == more.ledgers
    code, text = run(str(path), "--design", "quick, slow")
    assert code == 2
    assert "or a candidate: quick, slow" in text
    code, text = run(str(path), "--design", "quik")
    assert code == 2
    assert 'or a candidate: quick, slow, got "quik" (did you mean "quick"?)' in text
    study = load(path)
    assert load(study.to_yaml()).candidates == study.candidates
    assert study.digest() == load(SMALL).digest()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("candidates: [a]", "expected at most 64 names"),
        ("candidates: {'7': {dram: 12 GB}}", "expected a name that is no number"),
        ("candidates: {a: {dram: [1 GB, 2 GB]}}", "a: dram: expected one value"),
        ("candidates: {a: {drum: 12 GB}}", 'candidates.a: design: no axis "drum" (did you mean "dram"?)'),
        ("candidates: {a: {dram: 12 GB}}", "candidates.a: designs: column dram_bandwidth"),
    ],
)
def test_a_candidate_that_is_no_design_is_an_error_of_the_study(
    tmp_path: Path, run: Run, line: str, message: str
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(changed(("objectives: {decode", f"{line}\nobjectives: {{decode")), encoding="utf-8")
    code, text = run(str(path), "--design", "1")
    assert code == 2
    assert message in text


def test_an_empty_front_has_no_knee(tmp_path: Path, command: Command) -> None:
    study = tmp_path / "none.yaml"
    study.write_text(changed(("ttft <= 4 s", "ttft <= 1 us")), "utf8")
    assert command("sweep", study, "--out", tmp_path / "run").code == 0
    for asked in (("explain",), ("whatif", "--set", "compute=2x")):
        done = command(asked[0], tmp_path / "run", *asked[1:])
        assert (done.code, done.err) == (2, "error: the front is empty: name a design with --design\n")
