"""The public API: what `import dse` offers, costs and returns."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from small_run import DESIGN, SMALL, SMALL_SIZE, assert_same_bits, changed, front_of

import dse
from dse.runs import Run
from results.columns import COLUMNS

HEAVY = ("pandas", "pint", "pyarrow", "matplotlib", "moocore", "scipy", "pymoo", "rich", "pydantic", "yaml", "numpy")


@pytest.mark.parametrize("code", ["import dse", "import dse.__main__"])
def test_importing_costs_nothing(code: str) -> None:
    check = f"{code}\nimport sys\nprint(*sorted({set(HEAVY)!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_everything_named_is_there() -> None:
    assert {"sweep", "evaluate", "open_run", "load", "Study", "Run", "StudyError", "RunError"} <= set(dse.__all__)
    for name in dse.__all__:
        assert callable(getattr(dse, name))
    with pytest.raises(AttributeError, match="no attribute 'swep'"):
        dse.swep  # noqa: B018


def test_one_except_catches_what_people_can_cause(tmp_path: Path) -> None:
    for wrong in (
        lambda: dse.load(tmp_path / "missing.yaml"),
        lambda: dse.open_run(tmp_path),
        lambda: dse.sweep(SMALL, out=tmp_path / "x", workers=0),
        lambda: dse.evaluate(SMALL, {"compute": [1]}),
    ):
        with pytest.raises(dse.DseError) as caught:
            wrong()
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_study_is_a_path_a_text_a_mapping_or_a_study(study_file: Path) -> None:
    loaded = [dse.load(source) for source in (study_file, str(study_file), SMALL, yaml.safe_load(SMALL))]
    assert all(isinstance(study, dse.Study) for study in loaded)
    assert len({study.digest() for study in loaded}) == 1
    assert dse.load(loaded[0]) is loaded[0]


def test_sweep_returns_the_run_it_wrote(small_run: Run) -> None:
    assert isinstance(small_run, dse.Run)
    assert not small_run.already
    opened = dse.open_run(str(small_run.path))
    assert opened.manifest == small_run.manifest
    assert opened.study == small_run.study
    assert opened.objectives == {
        "decode_tokens_per_s": "max",
        "energy_j_per_token": "min",
        "tco_usd_per_mtoken": "min",
        "carbon_g_per_mtoken": "min",
    }
    assert_same_bits(opened.front(), small_run.front())


def test_front_is_a_table_that_knows_its_units(small_run: Run) -> None:
    front = small_run.front()
    assert isinstance(front, pd.DataFrame)
    units, meanings = front.attrs["units"], front.attrs["meanings"]
    assert list(units) == list(meanings) == list(front.columns)
    assert units["ttft_s"] == "second"
    assert units["dram_bytes"] == "byte"
    for name in front.columns:
        if name in COLUMNS:
            assert (units[name], meanings[name]) == (COLUMNS[name].unit, COLUMNS[name].meaning)
    assert "ttft <= 4 s" in meanings["margin_constraint_0"]


def test_designs_may_be_asked_for_by_column(small_run: Run) -> None:
    some = small_run.designs(["feasible", "point"])
    assert list(some.columns) == ["feasible", "point"]
    assert len(some) == SMALL_SIZE
    with pytest.raises(dse.RunError, match="no column nothing"):
        small_run.designs(["nothing"])


AS_TEXT = {
    "dram_bandwidth": ["100 GB/s", "0.2 TB/s"],
    "compute": ["20 TFLOP/s", "20 TFLOP/s"],
    "sram": ["8 MiB", "8 MiB"],
    "dram": ["12 GB", "12 GB"],
    "flash": ["0 GB", "128 GB"],
}
AS_NUMBERS = {
    "dram_bytes_per_s": [1e11, 2e11],
    "compute_flop_per_s": [2e13, 2e13],
    "sram_bytes": [8 * 2**20, 8 * 2**20],
    "dram_bytes": [12e9, 12e9],
    "flash_bytes": [0, 128e9],
}


def test_evaluate_takes_tables_lists_and_quantities_alike() -> None:
    expected = dse.evaluate(SMALL, AS_TEXT)
    assert expected["decode_tokens_per_s"].is_monotonic_increasing
    assert {name: expected[name].tolist() for name in DESIGN} == AS_NUMBERS
    for designs in (AS_NUMBERS, pd.DataFrame(AS_NUMBERS), pd.DataFrame(AS_TEXT), pd.DataFrame(AS_TEXT).iloc[:, ::-1]):
        assert_same_bits(dse.evaluate(SMALL, designs), expected)
    reindexed = pd.DataFrame(AS_NUMBERS, index=[7, 7])
    assert_same_bits(dse.evaluate(SMALL, reindexed), expected)


def test_evaluate_does_not_change_what_it_is_given() -> None:
    designs = pd.DataFrame(AS_NUMBERS)
    study = yaml.safe_load(SMALL)
    dse.evaluate(study, designs)
    assert study == yaml.safe_load(SMALL)
    assert designs.equals(pd.DataFrame(AS_NUMBERS))


def test_a_front_can_be_changed_and_evaluated_again(small_run: Run) -> None:
    front = small_run.front()
    same = small_run.evaluate(front)
    assert_same_bits(same, front.drop(columns="point").assign(reason=front["reason"].astype(str)))
    doubled = small_run.evaluate(front.assign(compute_flop_per_s=2 * front["compute_flop_per_s"]))
    assert (doubled["ttft_s"] <= same["ttft_s"]).all()
    assert doubled["ttft_s"].sum() < 0.8 * same["ttft_s"].sum()


def test_evaluate_gives_every_design_in_every_scenario() -> None:
    text = changed(("batch: 1", "batch: [1, 4]"))
    frame = dse.evaluate(text, AS_NUMBERS)
    assert frame["workloads.0.batch"].tolist() == [1, 1, 4, 4]
    one, four = (dse.evaluate(changed(("batch: 1", f"batch: {batch}")), AS_NUMBERS) for batch in (1, 4))
    parts = frame.drop(columns="workloads.0.batch")
    assert_same_bits(parts.iloc[:2], one)
    assert_same_bits(parts.iloc[2:], four)
    assert dse.evaluate(text, {name: [] for name in AS_NUMBERS}).empty


@pytest.mark.parametrize(
    "change, message",
    [
        ({"dram_bytes": None}, "designs: column dram (or dram_bytes) is missing"),
        ({"dram_bytes": [12e9]}, "designs: expected columns of equal length"),
        (
            {"dram_bytes": [12e9, "much"]},
            r'designs: dram_bytes, row 2: expected a quantity such as "16 GB", got "much"',
        ),
        ({"dram_bytes": [12e9, "12 GB/s"]}, 'row 2: expected a capacity such as "16 GB", got "12 GB/s" (a bandwidth)'),
        ({"dram_bytes": [12e9, 0]}, "designs: dram_bytes, row 2: expected more than 0, got 0"),
        ({"flash_bytes": [-1, 0]}, "designs: flash_bytes, row 1: expected 0 or more, got -1"),
        ({"sram_bytes": [float("nan"), 1]}, "designs: sram_bytes, row 1: expected more than 0"),
        ({"sram_bytes": [float("inf"), 1]}, "designs: sram_bytes, row 1: expected more than 0"),
        ({"sram_bytes": [None, 1]}, "designs: sram_bytes, row 1: expected"),
        ({"dram": [12e9, 12e9]}, "both dram_bytes and dram are given"),
    ],
)
def test_designs_that_make_no_sense_are_refused(change: dict[str, object], message: str) -> None:
    designs = {name: values for name, values in {**AS_NUMBERS, **change}.items() if values is not None}
    with pytest.raises(dse.StudyError, match=re.escape(message)):
        dse.evaluate(SMALL, designs)


def test_shipped_studies_are_files_by_name() -> None:
    shipped = dse.shipped_studies()
    assert {"llama3-8b-edge", "llama3-70b-datacenter"} <= set(shipped)
    assert all(dse.load(path).name == name for name, path in shipped.items())


@pytest.mark.usefixtures("no_pictures")
def test_a_mapping_sweeps_to_the_same_front(tmp_path: Path, small_run: Run) -> None:
    run = dse.sweep(yaml.safe_load(SMALL), out=tmp_path / "run")
    assert_same_bits(run.front(), small_run.front())
    assert_same_bits(run.front(), front_of(run.designs(), run.objectives))
    assert dse.load(run.path / "study.yaml") == small_run.study
