"""The uncertainty of a run: its file, the tables of `dse sweep` and `dse front`, the API, and wrong input."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import Command
from small_run import SMALL, assert_same_bits, contents_of

import dse
from dse.errors import StudyError
from dse.runs import Run

pytestmark = pytest.mark.usefixtures("undrawn")

SAMPLED = f"{SMALL}uncertainty: {{samples: 64, seed: 5}}\n"
OBJECTIVES = ("decode_tokens_per_s", "energy_j_per_token", "tco_usd_per_mtoken", "carbon_g_per_mtoken")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return dse.sweep(SAMPLED, out=tmp_path_factory.mktemp("uncertain") / "run")


def test_the_file_holds_every_design_of_the_front_with_units(run: Run) -> None:
    schema = pq.read_schema(run.paths.uncertainty)
    names = [f"{name}_p{percent}" for name in OBJECTIVES for percent in (5, 50, 95)]
    assert schema.names == ["point", *names, "probability_non_dominated", "probability_feasible", "usual_reason"]
    for name in OBJECTIVES:
        front = pq.read_schema(run.paths.front).field(name).metadata
        for percent in (5, 50, 95):
            own = schema.field(f"{name}_p{percent}").metadata
            assert own[b"unit"] == front[b"unit"]
            assert own[b"meaning"].startswith(f"{percent}th percentile".encode())
    frame = run.uncertainty()
    assert frame["point"].tolist() == run.front()["point"].tolist()
    assert run.manifest["files_sha256"]["uncertainty.parquet"]
    versions = run.manifest["versions"]
    made_by = {name: version for name, version in versions.items() if name not in ("platform", "python")}
    assert json.loads(schema.metadata[b"provenance"]) == made_by


def test_the_same_run_gives_the_same_bytes_and_its_own_samples_are_those_of_the_file(run: Run, tmp_path: Path) -> None:
    again = dse.sweep(SAMPLED, out=tmp_path / "again")
    assert contents_of(again.path) == contents_of(run.path)
    assert_same_bits(run.uncertainty(64, 5), run.uncertainty())
    assert (
        run.uncertainty(64, 6)["tco_usd_per_mtoken_p50"].tolist()
        != run.uncertainty()["tco_usd_per_mtoken_p50"].tolist()
    )
    assert run.uncertainty(64, 5).attrs["units"] == run.uncertainty().attrs["units"]


def test_a_study_without_the_key_has_no_file_and_can_still_be_asked(small_run: Run, run: Run) -> None:
    assert not small_run.paths.uncertainty.exists()
    assert "uncertainty" not in small_run.study.to_yaml()
    assert_same_bits(small_run.uncertainty(64, 5), run.uncertainty())
    assert small_run.study.digest() != run.study.digest()


def test_sweep_prints_median_range_and_chances(command: Command, run: Run) -> None:
    done = command("sweep", run.paths.study, "--out", run.path)
    assert done.code == 0
    assert done.out.count("median (p5 to p95)") == len(OBJECTIVES) + 1
    assert "P(on the front)" in done.out
    assert "64 samples of the constants (seed 5)" in done.out
    assert "uncertainty.parquet" in done.out


def test_front_prints_chances_beside_medians_and_csv_has_every_column(command: Command, run: Run) -> None:
    table = command("front", run.path, "--uncertainty", "--rows", 3)
    assert table.code == 0
    lines = table.out.splitlines()
    assert lines[0].endswith("P(on the front)  P(feasible)")
    best = run.front().set_index("point")["decode_tokens_per_s"].idxmax()
    row = run.uncertainty().set_index("point").loc[best]
    assert lines[1].split()[0] == str(best)
    assert lines[1].split()[-2:] == [f"{row['probability_non_dominated']:.2f}", f"{row['probability_feasible']:.2f}"]
    rows = list(csv.DictReader(io.StringIO(command("front", run.path, "--uncertainty", "--format", "csv").out)))
    assert len(rows) == len(run.front())
    assert [float(one["tco_usd_per_mtoken_p95"]) for one in rows] == run.uncertainty()[
        "tco_usd_per_mtoken_p95"
    ].tolist()
    assert "probability_feasible" in json.loads(command("front", run.path, "--samples", 16, "--format", "json").out)[0]
    assert "median" not in command("front", run.path).out


def test_a_run_replaced_by_one_without_uncertainty_leaves_no_file(run: Run, tmp_path: Path) -> None:
    one = dse.sweep(SAMPLED, out=tmp_path / "run")
    assert one.paths.uncertainty.is_file()
    assert not dse.sweep(SMALL, out=tmp_path / "run", fresh=True).paths.uncertainty.exists()


def test_an_empty_front_has_an_empty_table(tmp_path: Path) -> None:
    run = dse.sweep(SAMPLED.replace("ttft <= 4 s", "ttft <= 1 us"), out=tmp_path / "run")
    assert len(run.front()) == 0
    assert len(run.uncertainty()) == 0
    assert list(run.uncertainty().columns) == list(run.uncertainty(16).columns)


def test_which_of_two_designs_is_better(run: Run) -> None:
    a, b = (int(point) for point in run.front()["point"].iloc[[0, -1]])
    found = run.probability_better(a, b)
    assert set(found) == {*OBJECTIVES, "dominates"}
    assert all(0 <= one.a <= 1 and 0 <= one.a + one.b <= 1 for one in found.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{samples: 0}", r"uncertainty.samples: expected a whole number from 16 to 65536, got 0"),
        ("{samples: many}", r"uncertainty.samples: expected a whole number from 16 to 65536, got \"many\""),
        ("{seed: -1}", r"uncertainty.seed: expected a whole number from 0 to 4294967295, got -1"),
        ("{sample: 64}", r"unknown key \"sample\" \(did you mean \"samples\"\?\); allowed: samples, seed"),
        ("on", r"uncertainty: expected a mapping with keys such as samples, seed"),
    ],
)
def test_wrong_keys_name_the_line_and_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(StudyError, match=rf"line 19: .*{message}"):
        dse.load(f"{SMALL}uncertainty: {text}\n")


def test_the_key_round_trips_and_empty_means_its_defaults() -> None:
    study = dse.load(SAMPLED)
    assert dse.load(study.to_yaml()) == study
    given = dse.load(f"{SMALL}uncertainty: {{}}\n").uncertainty
    assert given is not None
    assert (given.samples, given.seed) == (256, 1)
    assert dse.load(f"{SMALL}uncertainty:\n").uncertainty is None


def test_wrong_numbers_on_the_command_line_exit_with_2(command: Command, run: Run) -> None:
    for option, value, message in (
        ("--samples", 0, "expected 16 to 65,536 samples, got 0"),
        ("--seed", -1, "seed of at least 0, got -1"),
    ):
        done = command("front", run.path, option, value)
        assert (done.code, done.out) == (2, "")
        assert message in done.err


def test_comparing_a_point_outside_the_space_is_refused(run: Run) -> None:
    with pytest.raises(StudyError, match="outside the space of 450 designs"):
        run.probability_better(0, 450)
