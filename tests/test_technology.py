"""``dse technology``: every constant with its range, year, family and source; and those that a study uses."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Command
from small_run import PATIENCE_S
from test_overrides import study

import dse
from costmodels import tables
from dse.errors import StudyError
from dse.plan import problem_of


def test_every_constant_of_every_table_is_listed_as_its_file_has_it(command: Command) -> None:
    listed = list(csv.DictReader(io.StringIO(command("technology", "--format", "csv").out)))
    expected = []
    for table in tables.TABLES:
        path = Path(tables.__file__).parent / "data" / f"{table}.csv"
        expected += [(table, row) for row in csv.DictReader(path.open(encoding="utf-8", newline=""))]
    assert len(listed) == len(expected)
    by_key = {(row["table"], row["option"], row["constant"]): row for row in listed}
    for table, row in expected:
        got = by_key[table, row["option"], row["parameter"]]
        assert all(float(got[name]) == float(row[name]) for name in ("value", "low", "high")), row
        assert all(got[name] == row[name] for name in ("unit", "year", "family", "distribution", "source")), row


def test_one_option_is_a_table_with_the_units_people_quote(command: Command) -> None:
    text = command("technology", "nodes", "--option", "5nm").out
    line = next(line for line in text.splitlines() if line.startswith("wafer_usd"))
    assert line.split()[:7] == ["wafer_usd", "16988", "13495", "18500", "USD", "2020", "wafer_usd"]
    assert "Khan & Mann" in line
    assert "7nm" not in text
    assert "11 constants" in text


def test_a_search_finds_words_in_any_order(command: Command) -> None:
    rows = json.loads(command("technology", "--find", "TrendForce hbm3e", "--format", "json").out)
    assert [(row["table"], row["constant"], row["option"]) for row in rows] == [
        ("prices", "hbm3e_usd_per_byte", "2026")
    ]


def test_markdown_is_one_table_of_equal_columns(command: Command) -> None:
    lines = command("technology", "grids", "--format", "markdown").out.splitlines()
    assert len(lines) == 2 + sum(len(tables.constants("grids", grid)) for grid in tables.options("grids"))
    assert {line.count(" | ") for line in lines[2:]} == {lines[0].count(" | ")}


def test_a_study_lists_what_it_uses_and_marks_what_it_overrides(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(dse.load(study({"pue": 1.1, "dram_usd_per_byte": "9 USD/GB"})).to_yaml(), encoding="utf-8")
    text = command("technology", str(path)).out
    line = next(line for line in text.splitlines() if line.startswith("pue *"))
    assert line.split()[:5] == ["pue", "*", "1.1", "1.1", "1.1"]
    assert "given by the study, in place of 1.2 (1.08 to 1.58): assumption: between Google" in line
    assert "dram_usd_per_byte *" in text
    assert "* given by the study" in text
    assert "hbm2e" not in text.split("dram: hbm3")[0]
    assert command("technology", "segments", str(path)).out.count("pue *") == 1


def test_the_rows_of_a_study_are_the_constants_of_its_scenarios() -> None:
    given = dse.load(study({"pue": [1.1, 1.3]}, node=["7nm", "3nm"], prices=[2024, 2026], dram_kind=["hbm3", "hbm3e"]))
    frame = dse.technology(study=given)
    problem = problem_of(given)
    axes = {axis.path: axis.values for axis in given.scenario_axes}
    for number in range(problem.space.scenarios):
        at, left = {}, number
        for path in reversed(list(axes)):
            left, level = divmod(left, len(axes[path]))
            at[path] = axes[path][level]
        here = {f"{path} {value}" for path, value in at.items()}
        rows = frame[[not scenario or set(scenario.split(", ")) <= here for scenario in frame["scenario"]]]
        assert not rows["constant"].duplicated().any()
        used = problem.scenario(number).ranges
        assert set(rows["constant"]) == set(used)
        for row in rows.itertuples():
            assert row.value * tables.UNIT_SCALE[str(row.unit)] == pytest.approx(
                used[str(row.constant)].value, rel=1e-11
            )


def test_a_constant_has_a_line_only_for_the_axes_that_change_it() -> None:
    frame = dse.technology(
        study=study({}, prices=[2024, 2026], dram_kind=["hbm3", "hbm3e"], node=["7nm", "5nm", "3nm"])
    )
    lines = frame.groupby("constant").size()
    assert lines["wafer_usd"] == 3
    assert lines["dram_j_per_byte"] == 2
    assert lines["pue"] == 1
    assert set(frame[frame["constant"] == "wafer_usd"]["scenario"]) == {f"technology.node {n}nm" for n in (7, 5, 3)}


def test_what_two_axes_change_together_has_a_line_for_each_pair() -> None:
    frame = dse.technology(study=study({}, prices=[2024, 2026], dram_kind=["hbm3", "hbm3e"]), find="dram_usd_per_byte")
    assert len(frame) == 4
    assert set(frame["value"]) == {11, 12, 13, 14}
    assert set(frame["scenario"]) == {
        f"technology.dram_kind {kind}, technology.prices {date}" for kind in ("hbm3", "hbm3e") for date in (2024, 2026)
    }
    meeting = {**study({}), "deployment": {"electricity": ["0.1 USD/kWh", "grid"], "grid": ["usa", "france"]}}
    prices = dse.technology(study=meeting, find="electricity_usd")
    assert sorted(prices["value"]) == [0.085, 0.1, 0.1, 0.1847]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["node"], 'there is no table of constants "node" (did you mean "nodes"?); allowed: nodes, dram'),
        (["nodes", "--option", "9nm"], 'there is no option "9nm" in the table nodes (did you mean "8nm"?)'),
        (["common", "--option", "5nm"], "allowed: none, its constants hold for every design"),
        (["--option", "hbm3f"], 'in any table (did you mean "hbm3'),
        (
            ["--find", "waferusd"],
            'no constant has "waferusd" in its name, option, family or source (did you mean "wafer',
        ),
        (["missing.yaml"], "missing.yaml: no such file, nor a shipped study"),
        (["nodes", "llama3-8b-edg"], 'nor a shipped study (did you mean "llama3-8b-edge"?)'),
    ],
)
def test_an_unknown_name_is_guessed_and_exits_with_2(command: Command, arguments: list[str], message: str) -> None:
    done = command("technology", *arguments)
    assert done.code == 2
    assert message in done.err


def test_python_gets_the_same_as_a_frame() -> None:
    frame = dse.technology("dram", option="hbm3e")
    assert set(frame["constant"]) == set(tables.constants("dram", "hbm3e"))
    with pytest.raises(StudyError, match="did you mean"):
        dse.technology("drams")


def test_the_tables_are_listed_without_anything_heavy() -> None:
    code = (
        "import sys; from dse.__main__ import cli; cli.main(['technology', 'nodes'], standalone_mode=False);"
        "print(*{'pandas', 'pint', 'pydantic', 'scipy', 'pyarrow', 'matplotlib'} & set(sys.modules),"
        "file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE_S)
    assert done.stderr.strip() == ""
