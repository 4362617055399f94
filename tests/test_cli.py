"""The command line: every command in every format says the same as the API, and every exit status is right."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest
from conftest import Command
from small_run import DESIGN, SMALL, SMALL_SIZE, assert_same_bits, changed

import dse
from dse.__main__ import COMMANDS
from dse.runs import Run
from results.columns import COLUMNS


def from_csv(text: str) -> pd.DataFrame:
    header, *rows = csv.reader(io.StringIO(text))
    return pd.DataFrame(
        [[cell_value(name, cell) for name, cell in zip(header, row, strict=True)] for row in rows], columns=header
    )


def cell_value(name: str, cell: str) -> object:
    if name == "reason":
        return cell
    if name == "feasible":
        return {"True": True, "False": False}[cell]
    return int(cell) if name == "point" else float(cell or "nan")


def from_json(text: str) -> pd.DataFrame:
    return pd.DataFrame(json.loads(text))


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(reason=frame["reason"].astype(str)).reset_index(drop=True)


def python_m_dse(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "dse", *arguments], cwd=cwd, capture_output=True, text=True)


def test_exit_status_of_the_real_process(tmp_path: Path, small_run: Run) -> None:
    assert python_m_dse("--version", cwd=tmp_path).stdout == f"dse {version('dse')}\n"
    assert python_m_dse("front", str(small_run.path), cwd=tmp_path).returncode == 0
    missing = python_m_dse("front", "nothing-here", cwd=tmp_path)
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr == "error: nothing-here: no such run directory\n"
    wrong = python_m_dse("check", "nothing-here.yaml", cwd=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert not list(tmp_path.iterdir())


def test_help_lists_every_command_and_keeps_its_lines(command: Command) -> None:
    done = command("--help")
    assert done.code == 0
    assert set(re.findall(r"^  (\w+)  +\S", done.out.partition("Commands:")[2], re.M)) == set(COMMANDS)
    assert "\n  dse sweep my.yaml        evaluate every design, find the front, draw it\n" in done.out
    assert "\n    dse sweep llama3-8b-edge\n" in command("sweep", "--help").out
    for name in COMMANDS:
        shown = command(name, "-h")
        assert shown.code == 0
        assert "\\b" not in shown.out


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["swep"], 'there is no command "swep" (did you mean "sweep"?)'),
        (["sweep"], "Missing argument 'STUDY'"),
        (["sweep", "x.yaml", "--worker", "2"], "No such option"),
        (["sweep", "x.yaml", "--workers", "two"], "not a valid integer"),
        (["front", "x", "--format", "xml"], "'xml' is not one of 'table', 'csv', 'json'"),
        (["evaluate", "x.yaml"], "Missing option '--designs'"),
    ],
)
def test_a_wrong_command_line_exits_with_2(command: Command, arguments: list[str], message: str) -> None:
    done = command(*arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_output_that_cannot_be_written_is_one_message(small_run: Run, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "dse", "front", str(small_run.path)], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert (done.returncode, done.stderr) == (1, "error: cannot write the output: No space left on device\n")


def test_a_reader_that_leaves_early_hears_nothing(small_run: Run) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-m", "dse", "front", str(small_run.path), "--format", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.close()
    assert writer.stderr.read() == b""
    writer.stderr.close()
    writer.wait()


@pytest.mark.usefixtures("no_pictures")
def test_the_summary_of_a_sweep_says_what_came_out(
    command: Command, study_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = command("sweep", study_file)
    assert (done.code, done.err) == (0, "")
    run = dse.open_run("runs/small")
    front, rows = run.front(), done.out.splitlines()
    feasible = int(run.designs()["feasible"].sum())
    assert rows[0].startswith(f"small: {SMALL_SIZE} designs, {feasible} feasible (")
    assert rows[0].endswith(f", {len(front)} on the front")
    header = re.split(r"\s{2,}", next(row for row in rows if "knee" in row).strip())
    assert header == ["best decode rate", "best energy", "best TCO", "best carbon", "knee"]
    points = next(row for row in rows if row.startswith("point ")).split()[1:]
    best = [
        front[name].idxmax() if direction == "max" else front[name].idxmin()
        for name, direction in run.objectives.items()
    ]
    assert points[:4] == [str(front["point"].iloc[i]) for i in best]
    assert int(points[4]) in set(front["point"])
    assert any(row.startswith("decode rate [token/s]") for row in rows)
    assert any(row.startswith(str(Path("runs/small/front.parquet"))) for row in rows)
    assert any(row.startswith(str(Path("runs/small/designs"))) for row in rows)


@pytest.mark.usefixtures("no_pictures")
def test_a_sweep_without_a_feasible_design_says_why(command: Command, tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text(changed(("ttft <= 4 s", "ttft <= 1 us")), encoding="utf8")
    done = command("sweep", study, "--out", tmp_path / "run")
    assert done.code == 0
    assert "0 feasible (0.0 %), 0 on the front" in done.out
    assert "no design is feasible" in done.out
    assert "violates ttft <= 1 us" in done.out
    assert len(dse.open_run(tmp_path / "run").front()) == 0
    assert "the front is empty" in command("front", tmp_path / "run").out
    assert command("front", tmp_path / "run", "--format", "json").out == "[]\n"


@pytest.mark.parametrize("form, read", [("csv", from_csv), ("json", from_json)])
def test_front_in_every_format_holds_the_same_bits(command: Command, small_run: Run, form: str, read: object) -> None:
    done = command("front", small_run.path, "--format", form)
    assert done.code == 0
    assert callable(read)
    assert_same_bits(read(done.out), plain(small_run.front()))


def test_the_table_of_a_front_is_sorted_and_says_what_it_leaves_out(command: Command, small_run: Run) -> None:
    front = small_run.front()
    all_rows = command("front", small_run.path, "--rows", 0).out.splitlines()
    assert len(all_rows) == len(front) + 1
    assert "decode rate [token/s]" in all_rows[0]
    points = [int(row.split()[0]) for row in all_rows[1:]]
    assert points == front.sort_values("decode_tokens_per_s", ascending=False, kind="stable")["point"].tolist()
    few = command("front", small_run.path, "--rows", 2).out.splitlines()
    assert few[:3] == all_rows[:3]
    assert f"and {len(front) - 2} more" in few[3]


def designs_csv(rows: pd.DataFrame) -> str:
    return str(rows[list(DESIGN)].to_csv(index=False))


@pytest.mark.parametrize("form, read", [("csv", from_csv), ("json", from_json)])
def test_evaluate_gives_the_rows_of_the_sweep_bit_for_bit(
    command: Command, small_run: Run, tmp_path: Path, form: str, read: object
) -> None:
    rows = small_run.designs()
    (tmp_path / "designs.csv").write_text(designs_csv(rows), encoding="utf8")
    done = command("evaluate", small_run.path / "study.yaml", "--designs", tmp_path / "designs.csv", "--format", form)
    assert (done.code, done.err) == (0, "")
    assert callable(read)
    assert_same_bits(read(done.out), plain(rows.drop(columns="point")))


def test_evaluate_reads_quantities_and_fills_in_what_the_study_fixes(command: Command, tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text(changed(("flash:          [0 GB, 128 GB]", "flash: 0 GB")), encoding="utf8")
    (tmp_path / "d.csv").write_text(
        "compute, dram_bandwidth,sram,dram,note\n20 TFLOP/s,100 GB/s,8 MiB,12 GB,mine\n\n2e13,1e11,8388608,12e9,same\n"
    )
    done = command("evaluate", study, "--designs", tmp_path / "d.csv")
    assert done.code == 0
    frame = from_csv(done.out)
    assert frame[list(DESIGN)].iloc[0].tolist() == [100e9, 20e12, 8 * 2**20, 12e9, 0.0]
    assert_same_bits(frame.iloc[:1], frame.iloc[1:])
    assert frame["feasible"].tolist() == [True, True]


def test_evaluate_takes_more_designs_than_a_study_file_may_hold(command: Command, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(SMALL, encoding="utf8")
    rows = 2_000
    row = f"1e11,2e13,8388608,12e9,0,{'x' * 600}\n"
    (tmp_path / "d.csv").write_text("dram_bandwidth,compute,sram,dram,flash,remark\n" + row * rows)
    assert (tmp_path / "d.csv").stat().st_size > 2**20
    frame = dse.evaluate(
        SMALL, {"dram_bandwidth": [1e11], "compute": [2e13], "sram": [2**23], "dram": [12e9], "flash": [0]}
    )
    done = command("evaluate", tmp_path / "study.yaml", "--designs", tmp_path / "d.csv")
    lines = done.out.splitlines()
    assert len(lines) == rows + 1
    assert len(set(lines[1:])) == 1
    assert_same_bits(from_csv("\n".join(lines[:2])), plain(frame))


def test_check_says_what_a_study_would_do(command: Command, study_file: Path) -> None:
    done = command("check", study_file)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"small: {SMALL_SIZE} designs, about a second on one core\n")
    assert re.search(r"^dram_bytes +3 +6 GB to 24 GB$", done.out, re.M)
    assert "workload llama-3-8b: 1,024 in, 256 out, batch 1, share 1; needs " in done.out
    assert "constraints: ttft <= 4 s, peak_power <= 60 W" in done.out
    assert sorted(path.name for path in study_file.parent.iterdir()) == ["small.yaml"]


@pytest.mark.parametrize("name", dse.shipped_studies())
def test_every_shipped_study_checks_by_name(
    command: Command, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = command("check", name)
    assert done.code == 0
    assert done.out.startswith(f"{name}: ")


@pytest.mark.usefixtures("no_pictures")
def test_new_writes_a_study_that_runs_and_overwrites_nothing(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("new").out == "wrote study.yaml; try it with: dse sweep study.yaml\n"
    text = Path("study.yaml").read_text()
    assert text.count("#") > 30
    assert command("sweep", "study.yaml", "--out", "run").code == 0
    assert len(dse.open_run("run").front()) >= 10
    Path("study.yaml").write_text("mine\n")
    again = command("new", "study.yaml")
    assert (again.code, again.out) == (2, "")
    assert again.err == "error: study.yaml: exists already; nothing was changed\n"
    assert Path("study.yaml").read_text() == "mine\n"
    assert command("new", "some/folder/s.yaml").code == 0
    assert Path("some/folder/s.yaml").read_text() == text


def test_columns_in_every_format(command: Command) -> None:
    rows = json.loads(command("columns", "--format", "json").out)
    assert [row["name"] for row in rows] == list(COLUMNS)
    assert all(row["meaning"] for row in rows)
    frame = pd.read_csv(io.StringIO(command("columns", "--format", "csv").out), keep_default_na=False)
    assert frame.to_dict("records") == rows
    table = command("columns").out.splitlines()
    assert [line.split()[0] for line in table[1:]] == list(COLUMNS)


def test_plot_draws_the_pictures_again(command: Command, small_run: Run, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "run"
    shutil.copytree(small_run.path, copy)
    before = {path.name: path.read_bytes() for path in (copy / "figures").iterdir()}
    assert sorted(before) == ["front.png", "front.svg", "parallel.png", "parallel.svg"]
    shutil.rmtree(copy / "figures")
    done = command("plot", copy)
    assert done.code == 0
    assert sorted(Path(line).name for line in done.out.splitlines()) == sorted(before)
    drawn = {path.name: path.read_bytes() for path in (copy / "figures").iterdir()}
    assert drawn == before
    assert drawn["front.png"].startswith(b"\x89PNG")
