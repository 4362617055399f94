"""Several chips in a study and on the command line: values, axes, columns, and messages for what cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Command

import dse
from dse.catalogs import vocabulary
from dse.errors import StudyError
from dse.plan import problem_of
from dse.study import Study, load_study

DESIGN = {"dram_bandwidth": "3 TB/s", "compute": "500 TFLOP/s", "sram": "50 MB", "dram": "141 GB"}


def tree(name: str = "llama-3-8b", **deployment: object) -> dict[str, Any]:
    workload = {"model": name, "prompt_tokens": 512, "output_tokens": 64, "batch": 8}
    return {"name": "chips", "workloads": [workload], "design": dict(DESIGN), "deployment": deployment}


def load(source: dict[str, Any]) -> Study:
    return load_study(source, vocabulary=vocabulary())


def refusal(source: dict[str, Any]) -> str:
    with pytest.raises(StudyError) as caught:
        problem_of(load(source))
    return str(caught.value)


def test_chips_alone_mean_tensor_parallelism() -> None:
    assert load(tree()).deployment.layout.chips == 1
    eight = load(tree(chips=8)).deployment.layout
    assert (eight.tensor, eight.pipeline, eight.expert, eight.data) == (8, 1, 1, 1)
    mixed = load(tree(chips=8, parallel={"pipeline": 2, "data": 2})).deployment.layout
    assert (mixed.tensor, mixed.pipeline, mixed.data) == (2, 2, 2)
    given = load(tree(parallel={"tensor": 4, "pipeline": 2})).deployment.layout
    assert given.chips == 8


def test_one_chip_is_the_study_it_was() -> None:
    """Neither the text nor the digest of a study without chips changes, so that old runs stay what they are."""
    plain = load(tree())
    assert "parallel" not in plain.to_yaml()
    assert "chips:" not in plain.to_yaml()
    assert load(tree(parallel={"pipeline": 1})).digest() == plain.digest()
    one, none = (dse.evaluate(tree(**chips), {"point": [0]}) for chips in ({"chips": 1}, {}))
    assert one.equals(none)
    assert list(none["chips"]) == [1.0]


@pytest.mark.parametrize(
    "deployment",
    [
        {"chips": [1, 2, 4, 8]},
        {"chips": 8, "parallel": {"pipeline": [1, 2]}},
        {"parallel": {"tensor": [1, 2], "data": [1, 2, 3]}},
        {"chips": {"linear": [1, 2], "points": 2}},
    ],
)
def test_an_axis_of_chips_goes_to_yaml_and_back(deployment: dict[str, Any]) -> None:
    study = load(tree(**deployment))
    assert load_study(study.to_yaml(), vocabulary=vocabulary()) == study
    assert study.grid_size() > 1
    assert all(study.at(row).deployment.layout.chips for row in _corners(study))


def _corners(study: Study) -> list[list[Any]]:
    return [[axis.values[end] for axis in study.scenario_axes] for end in (0, -1)]


def test_chips_as_an_axis_are_columns() -> None:
    found = dse.evaluate(tree("mixtral-8x7b", chips=[1, 2, 4, 8]), {"point": [0]})
    assert list(found["deployment.chips"]) == list(found["chips"]) == [1, 2, 4, 8]
    assert found["tpot_s"].is_monotonic_decreasing
    assert found["decode_tokens_per_s"].is_monotonic_increasing
    assert (found["decode_tokens_per_s"] * found["tpot_s"]).to_numpy() == pytest.approx(8.0)
    # The chips are alike: what is of one chip stays, what is of the deployment follows from all of them.
    assert found["die_area_mm2"].nunique() == found["bom_usd"].nunique() == 1
    assert found["tco_usd_per_hour"].iloc[3] > 6 * found["tco_usd_per_hour"].iloc[0]


def test_degrees_as_axes_by_path() -> None:
    source = tree("mixtral-8x7b", parallel={"tensor": 8})
    source["design"]["deployment.parallel.expert"] = [1, 2, 8]
    source["design"]["technology.constants.link_bytes_per_s"] = [50e9, 450e9]
    found = dse.evaluate(source, {"point": [0]})
    assert len(found) == 6
    slow = found[found["technology.constants.link_bytes_per_s"] == 50e9]
    assert (slow["ttft_s"].to_numpy() > found["ttft_s"].to_numpy()[1::2]).all()


def test_more_chips_make_a_large_model_feasible() -> None:
    found = dse.evaluate(tree("llama-3-70b", chips=[1, 2]), {"point": [0]})
    assert list(found["feasible"]) == [False, True]
    assert "does not fit" in str(found["reason"].iloc[0])


def test_chips_can_be_an_objective_and_a_constraint() -> None:
    source = tree(chips=[1, 2, 4]) | {"objectives": {"chips": "min", "tpot_s": "min"}, "constraints": ["chips <= 2"]}
    assert list(dse.evaluate(source, {"point": [0]})["feasible"]) == [True, True, False]


@pytest.mark.parametrize(
    ("deployment", "message"),
    [
        ({"chips": 0}, "deployment.chips: expected a whole number from 1 to 65536, got 0"),
        ({"chips": -2}, "deployment.chips: expected a whole number from 1 to 65536, got -2"),
        ({"chips": 1.5}, "deployment.chips: expected a whole number from 1 to 65536, got 1.5"),
        ({"chips": "two"}, 'deployment.chips: expected a whole number from 1 to 65536, got "two"'),
        ({"parallel": {"tensor": 0}}, "deployment.parallel.tensor: expected a whole number from 1 to 65536, got 0"),
        ({"parallel": {"tenser": 2}}, 'unknown key "tenser" (did you mean "tensor"?)'),
        ({"chips": 3}, "deployment.chips: tensor_parallel 3 does not divide the 32 query heads of llama-3-8b"),
        (
            {"chips": [1, 2, 3]},
            "deployment.chips.2: tensor_parallel 3 does not divide the 32 query heads of llama-3-8b",
        ),
        (
            {"chips": 6, "parallel": {"pipeline": 4}},
            "expected a multiple of pipeline 4 x data 1 as chips, such as 4 or 8, got 6",
        ),
        (
            {"chips": 8, "parallel": {"tensor": 2, "pipeline": 2}},
            "expected chips: 4, the product of tensor 2 x pipeline 2 x data 1, got 8",
        ),
        ({"parallel": {"pipeline": [1, 64]}}, "deployment.parallel.pipeline.1: pipeline_parallel 64 exceeds the 32"),
        ({"parallel": {"expert": 2}}, "expert 2 does not go with tensor 1 and data 1; possible: 1"),
        ({"parallel": {"tensor": 256, "data": 65536}}, "expected at most 65536 chips"),
    ],
)
def test_chips_that_cannot_be_are_refused_where_they_stand(deployment: dict[str, Any], message: str) -> None:
    assert message in refusal(tree(**deployment))


def test_combinations_of_axes_are_refused_before_anything_runs() -> None:
    """Each value alone can be; eight chips and the second model cannot."""
    source = tree(chips=[1, 8])
    source["workloads"][0]["model"] = ["llama-3-8b", "phi-2"]
    assert load(source)
    source["workloads"][0]["model"] = ["llama-3-8b", "qwen2.5-7b"]  # 28 query heads
    assert "tensor_parallel 8 does not divide the 28 query heads of qwen2.5-7b" in refusal(source)


def test_a_study_with_a_bad_axis_ends_with_2(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(load(tree(chips=[1, 2])).to_yaml().replace("[1, 2]", "[1, 5]"), encoding="utf8")
    done = command("sweep", str(path))
    assert done.code == 2
    assert "tensor_parallel 5 does not divide the 32 query heads of llama-3-8b" in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "runs").exists()


# --- dse analyze -----------------------------------------------------------------------------------------------------

H100 = ("analyze", "--model", "llama-3-70b", "--hardware", "h100", "--batch", "8")


def test_analyze_shows_collectives_bound_by_links(command: Command) -> None:
    done = command(*H100, "--tensor-parallel", "8", "--format", "json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["chips"] == 8
    assert found["parallel"] == {"tensor": 8, "pipeline": 1, "expert": 1, "data": 1}
    rows = {row["name"]: row for row in found["decode"]["operators"]}
    sums = rows["all_reduce_mlp"]
    assert (sums["bound_by"], sums["count"], sums["dram_bytes"]) == ("link", 80, 0)
    # 8 tokens x 8192 x 2 byte, 2·7/8 of them at 450 GB/s, and 3 steps; 80 layers.
    assert sums["time_s"] == pytest.approx(80 * (3 * 1e-6 + 2 * 7 / 8 * 8 * 8192 * 2 / 450e9))
    assert found["decode"]["link_bytes"] == pytest.approx(sum(row["link_bytes"] for row in rows.values()))
    one = json.loads(command(*H100, "--format", "json").out)
    assert (one["chips"], one["link_bytes"], one["fits"]) == (1, 0, False)
    assert 8 * found["decode"]["flop"] == pytest.approx(one["decode"]["flop"])
    assert found["decode"]["time_s"] > one["decode"]["time_s"] / 8
    assert found["fits"]


def test_analyze_says_how_the_chips_work(command: Command) -> None:
    done = command(*H100, "--tensor-parallel", "4", "--pipeline-parallel", "2")
    assert done.code == 0, done.err
    assert "8 chips (tensor 4, pipeline 2, expert 1, data 1), links 450 GB/s per direction" in done.out
    assert "a pass is of 4 sequences" in done.out
    assert "send_stage" in done.out
    assert "(pipeline)" in done.out
    assert "chips" not in command(*H100).out


def test_a_pipelines_wait_is_part_of_the_prefill() -> None:
    found = dse.analyze("llama-3-70b", "h100", batch=8, tensor_parallel=4, pipeline_parallel=2)
    before, after = found.phases
    work = before.launch_overhead_s + sum(row.seconds for row in before.operators)
    assert before.time_s == pytest.approx(1.5 * work)
    assert before.pipeline_wait_s == pytest.approx(0.5 * work)
    assert after.pipeline_wait_s == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tensor-parallel", "0"), '--tensor-parallel: expected a whole number from 1 to 65536, got "0"'),
        (("--tensor-parallel", "3"), "tensor_parallel 3 does not divide the 64 query heads of llama-3-70b"),
        (("--expert-parallel", "2"), "--expert-parallel: expert 2 does not go with tensor 1 and data 1"),
        (("--pipeline-parallel", "81"), "pipeline_parallel 81 exceeds the 80 layers of llama-3-70b"),
        (("--hardware", "gh200-96gb", "--tensor-parallel", "2"), 'unknown link_bytes_per_s of "gh200-96gb"'),
    ],
)
def test_analyze_refuses_what_cannot_be(command: Command, arguments: tuple[str, ...], message: str) -> None:
    done = command(*H100, *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_replicas_need_no_link() -> None:
    one = dse.analyze("llama-3-8b", "gh200-96gb", batch=4)
    two = dse.analyze("llama-3-8b", "gh200-96gb", batch=8, data_parallel=2)
    assert [phase.time_s for phase in one.phases] == [phase.time_s for phase in two.phases]
    with pytest.raises(StudyError, match="unknown link_bytes_per_s"):
        dse.analyze("llama-3-8b", "gh200-96gb", pipeline_parallel=2)
