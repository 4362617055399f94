"""``dse whatif``: a change is what the changed study says, names and values as people write them, and why it moved."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Command
from hypothesis import given
from hypothesis import strategies as st
from pages import GUIDE, README, name_of
from small_run import SMALL, bits, changed

import dse
from dse.changes import LISTS
from dse.errors import StudyError
from dse.explaining import study_and_problem
from dse.one_design import one_design
from dse.runs import Run, load
from dse.study_paths import paths, targets_of
from sweeps.evaluate import evaluate
from sweeps.ledger_steps import LEDGERS
from sweeps.phase_times import OVERHEAD, POWER_CAP, phase_times

DESIGN = "dram_bandwidth=100 GB/s, compute=10 TFLOP/s, sram=8 MiB, dram=12 GB, flash=0 GB"
VALUES = {
    "dram_bandwidth": "100 GB/s",
    "compute": "10 TFLOP/s",
    "sram": "8 MiB",
    "dram": "12 GB",
    "flash": "0 GB",
}


def evaluated(text: str, **other: str) -> dict[str, Any]:
    """The design of these tests under a study, through `dse.evaluate`."""
    row = dse.evaluate(text, {name: [value] for name, value in {**VALUES, **other}.items()}).iloc[0]
    return {str(name): row[name] for name in row.index if name != "reason"} | {"reason": str(row["reason"])}


def assert_side_is(side: Any, expected: dict[str, Any]) -> None:
    assert side.reason == expected["reason"]
    assert side.values
    for name, value in side.values.items():
        assert bits(value) == bits(expected[name]), name


NODE = (("node: 5nm", "node: 3nm"),)
CHANGES: dict[str, tuple[dict[str, Any], str, dict[str, str]]] = {
    "a dimension, as a quantity": ({"dram_bandwidth": "200 GB/s"}, SMALL, {"dram_bandwidth": "200 GB/s"}),
    "a dimension, relative": ({"dram_bandwidth": "2x"}, SMALL, {"dram_bandwidth": "200 GB/s"}),
    "a dimension, in percent": ({"compute": "+50%"}, SMALL, {"compute": "15 TFLOP/s"}),
    "a dimension, less": ({"compute": "- 20 %"}, SMALL, {"compute": "8 TFLOP/s"}),
    "a dimension by its column, in SI": ({"dram_bytes": 24e9}, SMALL, {"dram": "24 GB"}),
    "a dimension under design": ({"design.dram": "24 GB"}, SMALL, {"dram": "24 GB"}),
    "a scalar by its last word": ({"node": "3nm"}, changed(*NODE), {}),
    "a scalar by its path": ({"technology.node": "3nm"}, changed(*NODE), {}),
    "two of them": ({"node": "3nm", "sram": "4x"}, changed(*NODE), {"sram": "32 MiB"}),
    "a whole number": ({"batch": 4}, changed(("batch: 1", "batch: 4")), {}),
    "a whole number, relative": ({"prompt_tokens": "2x"}, changed(("tokens: 1024", "tokens: 2048")), {}),
    "one workload": ({"workloads.0.batch": "4"}, changed(("batch: 1", "batch: 4")), {}),
    "a nested word": ({"weights": "int8"}, changed(("weights: int4", "weights: int8")), {}),
    "the end of a path": ({"precision.weights": "int8"}, changed(("weights: int4", "weights: int8")), {}),
    "a quantity, relative": ({"demand": "3x"}, changed(("200000 token/day", "600000 token/day")), {}),
    "utilization instead of demand": (
        {"utilization": 0.3},
        changed(("demand: 200000 token/day", "utilization: 0.3")),
        {},
    ),
    "a constant in its unit": (
        {"dram_usd_per_byte": "9 USD/GB"},
        changed(("node: 5nm", "node: 5nm, constants: {dram_usd_per_byte: 9 USD/GB}")),
        {},
    ),
    "a constant, relative": (
        {"constants.pue": "2x"},
        changed(("node: 5nm", "node: 5nm, constants: {pue: 2.0}")),
        {},
    ),
    "a list of words": (
        {"formats": "[fp16, int8]"},
        changed(("node: 5nm", "node: 5nm, formats: [fp16, int8]")),
        {},
    ),
    "an efficiency": (
        {"efficiency": "calibrated", "runtime": "llama.cpp"},
        SMALL + "modelling: {efficiency: calibrated, runtime: llama.cpp}\n",
        {},
    ),
    "an efficiency in parts": (
        {"efficiency": "{compute: 0.7, memory: 0.5}"},
        SMALL + "modelling: {efficiency: {compute: 0.7, memory: 0.5}}\n",
        {},
    ),
    "part of an efficiency": ({"efficiency.memory": 0.5}, SMALL + "modelling: {efficiency: {memory: 0.5}}\n", {}),
    "electricity that the study leaves open": (
        {"electricity": "2x"},
        changed(("segment: edge", "segment: edge, electricity: 0.16 USD/kWh")),
        {},
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_is_the_changed_study(case: str) -> None:
    changes, study, other = CHANGES[case]
    found = dse.whatif(SMALL, DESIGN, changes)
    assert_side_is(found.before, evaluated(SMALL))
    assert_side_is(found.after, evaluated(study, **other))
    assert len(found.changes) == len(changes)
    assert found.changes[0].before != found.changes[0].after


def test_the_frame_has_every_column_before_and_after() -> None:
    frame = dse.whatif(SMALL, DESIGN, {"dram_bandwidth": "2x"}).frame().set_index("column")
    before, after = evaluated(SMALL), evaluated(SMALL, dram_bandwidth="200 GB/s")
    assert set(frame.index) == set(before) - {"feasible", "reason"}
    for name, row in frame.iterrows():
        assert (row["before"], row["after"]) == (before[str(name)], after[str(name)])
    assert frame.loc["dram_bytes_per_s", "relative_change"] == 1.0


def test_a_run_a_study_and_a_point_are_asked_alike(small_run: Run) -> None:
    point = int(small_run.front()["point"].iloc[3])
    asked = [
        small_run.whatif(point, {"node": "3nm"}),
        dse.whatif(small_run.path, point, {"node": "3nm"}),
        dse.whatif(small_run.study, str(point), {"node": "3nm"}),
    ]
    front = small_run.front().iloc[3]
    for one in asked:
        assert one.point == point
        assert one.after.values == asked[0].after.values
        assert all(one.before.values[name] == front[name] for name in small_run.objectives)


def test_scenario_axes_are_fixed_at_the_design_and_may_be_changed(tmp_path: Path) -> None:
    study = changed(("node: 5nm", "node: [7nm, 5nm]"), ("batch: 1", "batch: [1, 4]"))
    found = dse.whatif(study, f"{DESIGN}, node=7nm, batch=4", {"node": "5nm"})
    assert found.scenario == {"workloads.0.batch": "4", "technology.node": "7nm"}
    assert_side_is(found.before, evaluated(changed(("node: 5nm", "node: 7nm"), ("batch: 1", "batch: 4"))))
    assert_side_is(found.after, evaluated(changed(("batch: 1", "batch: 4"))))


def test_what_the_study_derives_follows_unless_it_is_set() -> None:
    derived = changed(("sram:           [2 MiB, 8 MiB, 32 MiB]", 'sram: "0.5 MiB/(TFLOP/s) * compute"'))
    at = "dram_bandwidth=100 GB/s, compute=100 TFLOP/s, dram=12 GB, flash=0 GB"
    follows = dse.whatif(derived, at, {"compute": "0.5x"})
    assert follows.after.values["sram_bytes"] == 25 * 2**20
    assert [(one.name, one.follows) for one in follows.changes] == [("compute", False), ("sram", True)]
    fixed = dse.whatif(derived, at, {"compute": "0.5x", "sram": "50 MiB"})
    assert fixed.after.values["sram_bytes"] == 50 * 2**20
    other = dse.whatif(derived, f"{at}, sram=8 MiB", {"compute": "0.5x"})
    assert other.after.values["sram_bytes"] == 8 * 2**20


def test_the_largest_batch_is_found_again() -> None:
    study = changed(
        ("batch: 1", "batch: max\n    slo: {tpot: 100 ms}"),
        ("segment: edge, demand: 200000 token/day", "segment: edge"),
    )
    found = dse.whatif(study, DESIGN, {"dram": "24 GB", "kv_cache": "fp8"})
    assert found.after.values["batch"] > found.before.values["batch"] >= 1
    assert found.after.values == {
        name: pytest.approx(value, rel=0, abs=0, nan_ok=True)
        for name, value in evaluated(study.replace("kv_cache: fp16", "kv_cache: fp8"), dram="24 GB").items()
        if name in found.after.values
    }


def test_the_ceiling_moved_from_dram_to_the_vector_units(command: Command) -> None:
    """The README's example: twice the bandwidth with enough DRAM, and 4-bit weights are unpacked too slowly."""
    done = command("whatif", "llama3-8b-edge", "--design", 558738, "--set", "dram_bandwidth=2x", "--set", "dram=16GB")
    assert done.code == 0
    assert "the ceiling moved from DRAM to vector units" in " ".join(done.out.split())
    found = dse.whatif(dse.shipped_studies()["llama3-8b-edge"], 558738, {"dram_bandwidth": "2x", "dram": "16 GB"})
    decode = [side.phases[1].bound_by for side in (found.before, found.after)]
    assert decode == ["dram", "vector"]
    assert round(found.after.values["decode_tokens_per_s"], 1) == 34.8


def test_carbon_of_a_chip_that_waits_less_is_said_to_be_that_of_waiting() -> None:
    found = dse.whatif(SMALL, DESIGN, {"demand": "3x"})
    (line,) = [line for line in str(found).split("\n  ") if line.startswith("carbon")]
    assert "operation: electricity while waiting -" in line
    assert "at work" not in line  # which the demand does not change


def test_a_change_that_nobody_can_build_says_why(command: Command) -> None:
    done = command("whatif", "llama3-8b-edge", "--design", 558738, "--set", "dram_bandwidth=2x")
    assert done.code == 0
    assert "after it is infeasible: too little DRAM: the units needed for its bandwidth" in done.out


def test_ledgers_are_those_of_explain() -> None:
    found = dse.whatif(SMALL, DESIGN, {"dram": "24 GB"})
    for column, (before, after) in found.moved.items():
        assert column in LEDGERS
        (one,) = dse.explain(SMALL, DESIGN, [column]).ledgers
        (other,) = dse.explain(SMALL, DESIGN.replace("12 GB", "24 GB"), [column]).ledgers
        assert (before, after) == (one, other)


def test_the_table_the_csv_and_the_json_say_the_same(command: Command, study_file: Path) -> None:
    asked = ("whatif", study_file, "--design", DESIGN, "--set", "dram_bandwidth=2x")
    shown, table, whole = (command(*asked, *more) for more in ([], ["--format", "csv"], ["--json"]))
    assert (shown.code, table.code, whole.code) == (0, 0, 0)
    assert command(*asked, "--format", "json").out == whole.out
    parsed = json.loads(whole.out)
    rows = {row["column"]: row for row in csv.DictReader(io.StringIO(table.out))}
    assert set(parsed["columns"]) == set(rows)
    for name, column in parsed["columns"].items():
        for side in ("before", "after"):
            assert (float(rows[name][side]) if rows[name][side] else None) == column[side]
    assert parsed["changes"][0] | {"follows": False} == {
        "name": "dram_bandwidth", "before": "100 GB/s", "after": "200 GB/s", "follows": False,
    }  # fmt: skip
    assert "dram_bandwidth  100 GB/s  ->  200 GB/s" in shown.out


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no such field": ({"dram_bandwith": "2x"}, 'no field "dram_bandwith" in a study (did you mean "dram_bandwidth"?)'),
    "no such word": ({"node": "3mm"}, 'technology.node: expected a process node, one of .*did you mean "3nm"'),
    "no such constant": ({"constants.pui": 1}, "no field"),
    "nothing like it": ({"zzzzzz": 1}, "a scalar such as node or technology.node, or a constant of `dse technology`"),
    "no unit": ({"dram_bandwidth": "fast"}, "dram_bandwidth: expected a quantity"),
    "a dimension without its unit": ({"design.dram": "16"}, 'dram: expected a .* such as "16 GB", got "16"'),
    "nothing of it": ({"compute": "0x"}, "compute: expected more than 0"),
    "less than nothing": ({"compute": "-150%"}, "compute: expected more than 0"),
    "relative to nothing": ({"volume": "2x"}, "deployment.volume: the study gives no value"),
    "relative to a word": ({"node": "2x"}, "technology.node: it is 5nm, no number"),
    "half a sequence": ({"batch": "1.5x"}, "expected a whole number"),
    "set twice": ({"node": "3nm", "technology.node": "3nm"}, "technology.node is set twice"),
    "no such workload": ({"workloads.3.batch": 2}, "there is no such workload: workloads.3.batch; the study has 1"),
    "no effect": ({"device_class": "npu"}, "modelling.device_class has an effect only beside efficiency: calibrated"),
    "no effect of ideal": (
        {"efficiency": "calibrated", "overlap": "none"},
        "modelling.overlap has no effect beside efficiency: calibrated",
    ),
    "both": ({"utilization": 0.5, "demand": "3 token/s"}, "expected exactly one of utilization and demand"),
    "nothing": ({}, "nothing to change"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_set_is_an_error_that_says_why(case: str) -> None:
    changes, message = WRONG[case]
    with pytest.raises(StudyError, match=message.replace("(did", r"\(did").replace("?)", r"\?\)")):
        dse.whatif(SMALL, DESIGN, changes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "dram"), 'expected FIELD=VALUE such as dram_bandwidth=2x, got "dram"'),
        (("--set", "dram=16"), 'dram: expected a capacity such as "16 GB", got "16" (no unit)'),
        (("--set", "dram=1 GB", "--set", "dram=2 GB"), "--set: dram is given twice"),
        (("--vary", "dram"), "expected both a target and the field to vary"),
        (("--target", "ttft <= 1 s"), "expected both a target and the field to vary"),
        (("--set", "dram=2x", "--range", "1 GB..2 GB"), "a range goes with a target"),
        ((), "nothing to change"),
    ],
)
def test_a_wrong_command_line_exits_with_2(
    command: Command, study_file: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = command("whatif", study_file, "--design", DESIGN, *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


EVERYTHING = changed(
    ("batch: 1", "batch: 2"),
    ("node: 5nm", "node: 5nm, power_cap: 40 W, max_dies: 4, constants: {pue: 1.5}"),
    ("segment: edge, demand: 200000 token/day", "segment: datacenter, utilization: 0.5, chips: 4, volume: 1000, "
     "electricity: 0.1 USD/kWh, parallel: {tensor: 2, data: 2}"),
) + "modelling: {efficiency: {compute: 0.7, memory: 0.8}, fusion: [norm]}\n"  # fmt: skip


def held(path: str) -> Any:
    """What a study with much in it holds in a place; None if it holds nothing there."""
    tree: Any = load(EVERYTHING).tree()
    for key in targets_of(path, tree)[0]:
        tree = tree[key] if isinstance(tree, list) else tree.get(key) if isinstance(tree, dict) else None
    return tree


@pytest.mark.parametrize(
    "path", [p for p in sorted({*paths(), *LISTS, "technology.constants.pue"}) if held(p) is not None]
)
def test_a_field_set_to_what_it_is_changes_nothing(path: str) -> None:
    value = held(path)
    given = ", ".join(value) if isinstance(value, list) else value if isinstance(value, dict) else str(value)
    found = dse.whatif(EVERYTHING, DESIGN, {path: given})
    assert {n: bits(v) for n, v in found.after.values.items()} == {n: bits(v) for n, v in found.before.values.items()}
    assert [one.before for one in found.changes] == [one.after for one in found.changes]


def test_it_prints_what_the_command_prints(command: Command, study_file: Path) -> None:
    found = dse.whatif(study_file, DESIGN, {"dram_bandwidth": "2x"})
    assert f"{found}\n" == command("whatif", study_file, "--design", DESIGN, "--set", "dram_bandwidth=2x").out
    assert len(repr(found)) < 2000


PHASES = {
    "plain": SMALL,
    "a power cap": changed(("node: 5nm", "node: 5nm, power_cap: 4 W")),
    "pipeline": changed(("segment: edge", "segment: datacenter, chips: 4, parallel: {pipeline: 4}")),
    "calibrated": SMALL + "modelling: {efficiency: calibrated, runtime: llama.cpp}\n",
    "no overlap": SMALL + "modelling: {overlap: none}\n",
    "largest batch": changed(("batch: 1", "batch: max"), ("segment: edge, demand: 200000 token/day", "segment: edge")),
}


@pytest.mark.parametrize("case", PHASES)
def test_times_of_phases_are_those_of_evaluate_and_their_parts_sum_to_them(case: str) -> None:
    study, problem = study_and_problem(PHASES[case])
    design = one_design(study, problem, DESIGN)
    scenario = problem.scenario(0)
    metrics = evaluate(design.columns, scenario)
    before, after = phase_times(design.columns, scenario)
    assert (before.phase, after.phase) == ("prefill", "decode")
    assert before.seconds == float(np.ravel(metrics["ttft_s"])[0])
    assert after.seconds == float(np.ravel(metrics["tpot_s"])[0])
    for one in (before, after):
        assert math.fsum(one.parts_s.values()) == pytest.approx(one.seconds, rel=1e-12)
        assert list(one.parts_s.values()) == sorted(one.parts_s.values(), reverse=True)
        assert OVERHEAD in one.parts_s
    assert (POWER_CAP in after.parts_s) == (case == "a power cap")


@given(factor=st.floats(0.01, 100.0), name=st.sampled_from(["dram_bandwidth", "compute", "sram"]))
def test_a_factor_multiplies_the_value_that_was(factor: float, name: str) -> None:
    text = f"{factor:.6f}x"
    found = dse.whatif(SMALL, DESIGN, {name: text})
    column = {"dram_bandwidth": "dram_bytes_per_s", "compute": "compute_flop_per_s", "sram": "sram_bytes"}[name]
    assert found.after.values[column] == found.before.values[column] * float(text[:-1])


@pytest.mark.parametrize("page", [README, GUIDE / "seeing.md"], ids=name_of)
def test_pages_show_lines_that_the_command_prints(page: Path, command: Command) -> None:
    """Blanks and line breaks apart."""
    text = page.read_text(encoding="utf-8")
    shown = [line for line in text.splitlines() if line.startswith(("decode: 32.4 ms", "ttft <= 1 s: ", "above 119"))]
    assert len(shown) == 3
    asked = ("whatif", "llama3-8b-edge", "--design", 558738)
    changed_text = command(*asked, "--set", "dram_bandwidth=2x", "--set", "dram=16GB").out
    target_text = command(*asked, "--target", "ttft <= 1 s", "--vary", "compute").out
    printed = " ".join(changed_text.split() + target_text.split())
    assert all(" ".join(line.split()) in printed for line in shown)


def test_lengths_are_told_apart_and_their_decode_step_once() -> None:
    lengths = (
        "lengths: {histogram: [{prompt_tokens: 512, output_tokens: 64}, {prompt_tokens: 2048, output_tokens: 16}]}"
    )
    text = re.sub(r"prompt_tokens: \d+\n    output_tokens: \d+", lengths, SMALL)
    assert lengths in text
    told = str(dse.whatif(text, DESIGN, {"dram_bandwidth": "2x"}))
    assert [told.count(name) for name in ("prefill of 512 tokens:", "prefill of 2,048 tokens:", "decode:")] == [1, 1, 1]


def test_a_name_is_that_of_a_part_the_study_has() -> None:
    with pytest.raises(StudyError, match=r"\"acceptance\" may mean workloads"):
        dse.whatif(SMALL, DESIGN, {"acceptance": 0.5})
    drafted = changed(("batch: 1", "batch: 1\n    techniques: {eagle: {depth: 2, acceptance: 0.7}}"))
    found = dse.whatif(drafted, DESIGN, {"acceptance": 0.5})
    assert [change.name for change in found.changes] == ["workloads.*.techniques.eagle.acceptance"]
