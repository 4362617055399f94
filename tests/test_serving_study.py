"""Lengths, serving and runtimes in a study: keys, axes, traces that travel with a run, and what is said of mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import Command

import dse
from dse.plan import problem_of
from roofline.runtimes import runtime, runtimes

pytestmark = pytest.mark.usefixtures("undrawn")

STUDY = """
name: served
workloads:
  - model: llama-3.2-1b
    lengths: @lengths
    batch: 4
    serving: @serving
design:
  dram_bandwidth: [500 GB/s, 1 TB/s]
  compute: [50 TFLOP/s, 200 TFLOP/s]
  sram: 32 MiB
  dram: [24 GB, 32 GB]
objectives: {tokens_per_s: max, ttft_p95_s: min, tpot_s: min}
constraints: ["ttft_p50 <= 1 s"]
"""
HISTOGRAM = (
    "{histogram: [{prompt_tokens: 512, output_tokens: 128, requests: 3}, {prompt_tokens: 4096, output_tokens: 256}]}"
)
SERVING = "{batching: continuous, chunk_tokens: 256, prefix_hit_rate: 0.25, block_tokens: 16}"
STUDY = STUDY.replace("@lengths", HISTOGRAM).replace("@serving", SERVING)
TRACE = "time,prompt_tokens,output_tokens\n" + "".join(f"{i},{100 + 7 * i},{10 + i % 90}\n" for i in range(400))


def changed(old: str, new: str) -> str:
    assert old in STUDY
    return STUDY.replace(old, new)


def test_the_canonical_text_of_a_study_loads_back() -> None:
    loaded = dse.load(STUDY)
    again = dse.load(loaded.to_yaml())
    assert again == loaded
    assert again.digest() == loaded.digest()
    plain = dse.load(changed(f"    serving: {SERVING}\n", ""))
    assert "serving" not in plain.to_yaml()
    assert plain.digest() != loaded.digest()


@pytest.mark.usefixtures("no_pictures")
def test_every_key_of_serving_is_an_axis(tmp_path: Path) -> None:
    text = changed(
        SERVING,
        "{batching: continuous, chunk_tokens: [256, 1024], prefix_hit_rate: [0, 0.5], block_tokens: [1, 64], "
        "prefix_memory: [0 GB, 1 GB]}",
    )
    run = dse.sweep(text, out=tmp_path / "run")
    table = run.designs()
    assert len(table) == 2 * 2 * 2 * 2 * 8
    good = table[table["feasible"]]

    def mean(column: str, axis: str) -> list[float]:
        return [float(value) for value in good.groupby(f"workloads.0.serving.{axis}")[column].mean()]

    hits = mean("ttft_p95_s", "prefix_hit_rate")
    assert hits[1] < hits[0]
    chunks = mean("ttft_p95_s", "chunk_tokens")
    assert chunks[1] < chunks[0]
    margins = table.groupby("workloads.0.serving.block_tokens")["margin_fit"].mean()
    assert (margins <= 0).all()


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("search", ["exact, epsilon: 0", "nsga2, population: 8, generations: 3", "sample, n: 8"])
def test_every_search_takes_served_studies(search: str, tmp_path: Path) -> None:
    found = dse.sweep(STUDY + f"search: {{method: {search}}}\n", out=tmp_path / "run")
    grid = dse.sweep(STUDY, out=tmp_path / "grid")
    if "exact" in search:
        assert list(found.front()["point"]) == list(grid.front()["point"])
    assert set(found.front()["point"]) <= set(range(8))


def test_uncertainty_and_ledgers_of_served_designs(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "served.yaml"
    path.write_text(STUDY + "uncertainty: {samples: 16}\n", encoding="utf8")
    run = dse.sweep(path, out=tmp_path / "run")
    ranges = run.uncertainty()
    assert (ranges["ttft_p95_s_p5"] <= ranges["ttft_p95_s_p95"]).all()
    assert command("explain", tmp_path / "run", "--design", str(int(run.front()["point"].iloc[0]))).code == 0


def with_trace(folder: Path, trace: str = TRACE) -> Path:
    (folder / "chat.csv").write_text(trace, encoding="utf8")
    path = folder / "served.yaml"
    path.write_text(changed(HISTOGRAM, "{trace: chat.csv}"), encoding="utf8")
    return path


@pytest.mark.usefixtures("no_pictures")
def test_a_trace_travels_with_its_run(tmp_path: Path, command: Command) -> None:
    path = with_trace(tmp_path)
    run = dse.sweep(path, out=tmp_path / "run")
    assert run.manifest["traces"] == {"chat.csv": TRACE}
    before = run.front()
    (tmp_path / "chat.csv").write_text(TRACE.replace(",100,", ",9000,"), encoding="utf8")
    again = command("sweep", path, "--out", tmp_path / "run")
    assert again.code == 2
    assert "other lengths in the same trace" in again.err
    (tmp_path / "chat.csv").unlink()
    stored = dse.sweep(tmp_path / "run" / "study.yaml", out=tmp_path / "copy")
    assert stored.front().equals(before)


def test_a_trace_is_its_rows(tmp_path: Path) -> None:
    study = dse.load(with_trace(tmp_path))
    lengths = study.lengths_of(study.workloads[0])
    assert lengths is not None
    prompts = [100 + 7 * i for i in range(400)]
    assert lengths.mean_prompt == pytest.approx(sum(prompts) / 400)
    assert lengths.prompt_quantile(0.95) == prompts[379]


@pytest.mark.parametrize(
    "trace, message",
    [
        ("prompt,output_tokens\n1,2\n", "chat.csv:1: expected a column prompt_tokens"),
        ("prompt_tokens,output_tokens\n1,2\nx,2\n", "chat.csv:3: prompt_tokens: expected a whole number from 1"),
        ("prompt_tokens,output_tokens\n1,-2\n", "chat.csv:2: output_tokens: expected a whole number"),
        ("prompt_tokens,output_tokens\n1\n", "chat.csv:2: output_tokens: expected a whole number"),
        ("prompt_tokens,output_tokens\n", "expected at least one length"),
        ("prompt_tokens,output_tokens\n9,1\n", "expected at least 2 output tokens on average"),
        ("", "expected a column prompt_tokens, got none"),
    ],
)
def test_a_trace_that_is_none_is_said_with_its_line(tmp_path: Path, command: Command, trace: str, message: str) -> None:
    done = command("check", with_trace(tmp_path, trace))
    assert done.code == 2
    assert message in done.err
    assert "workloads.0.lengths.trace" in done.err


@pytest.mark.parametrize("name", ["../chat.csv", "/etc/hostname", "a/../../chat.csv", "C:/chat.csv", "..\\\\chat.csv"])
def test_a_trace_lies_in_the_folder_of_its_study(tmp_path: Path, command: Command, name: str) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    (tmp_path / "chat.csv").write_text(TRACE, encoding="utf8")
    path = folder / "served.yaml"
    path.write_text(changed(HISTOGRAM, f'{{trace: "{name}"}}'), encoding="utf8")
    done = command("check", path)
    assert done.code == 2
    assert "expected the path of a trace in the folder of the study" in done.err


def test_a_link_out_of_the_folder_is_no_way_around(tmp_path: Path, command: Command) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    (tmp_path / "secret.csv").write_text(TRACE, encoding="utf8")
    path = with_trace(folder)
    (folder / "chat.csv").unlink()
    (folder / "chat.csv").symlink_to(tmp_path / "secret.csv")
    done = command("check", path)
    assert done.code == 2
    assert "a link" in done.err


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("prefix_hit_rate: 0.25", "prefix_hit_rate: 1.5", "hit_rate: expected a number at least 0 and at most 1"),
        ("batching: continuous", "batching: static", "serving: chunk_tokens needs batching: continuous"),
        ("batching: continuous", "batching: continous", '(did you mean "continuous"?)'),
        ("chunk_tokens: 256", "chunk_tokens: 0", "serving.chunk_tokens: expected a whole number from 1"),
        ("chunk_tokens: 256", "chunk_token: 256", 'unknown key "chunk_token" (did you mean "chunk_tokens"?)'),
        ("block_tokens: 16", "reserved_tokens: 1000", "reserved_tokens 1000 is less than the 4352 tokens"),
        ("block_tokens: 16", "block_tokens: 16, reserved_tokens: 9000", "expected block_tokens or reserved_tokens"),
        ("block_tokens: 16", "arrivals: 4", 'serving.arrivals: expected a quantity such as "4 request/s"'),
        ("block_tokens: 16", "arrivals: 4 request/s", "serving.arrivals needs batch: steady"),
        ("batch: 4", "batch: steady", "batch: steady needs serving: {batching: continuous, arrivals: 4 request/s}"),
        ("requests: 3", "requests: 0", "histogram.0.requests: expected a number above 0"),
        ("output_tokens: 128", "output_tokens: 1", "histogram.0.output_tokens: expected a whole number from 2"),
        (HISTOGRAM, "{}", "lengths: expected exactly one of histogram and trace, got none"),
        (HISTOGRAM, "{histogram: []}", "lengths.histogram: expected a list of 1 to 256 lengths"),
        (HISTOGRAM, "{trace: no.csv}", "lengths.trace: no.csv: no such file"),
        ("    batch: 4", "    prompt_tokens: 7\n    batch: 4", "expected lengths, or prompt_tokens and output_tokens"),
        (f"    lengths: {HISTOGRAM}\n", "    prompt_tokens: 7\n", 'required key "output_tokens" is missing'),
        ("ttft_p50 <= 1 s", "ttft_p60 <= 1 s", 'unknown column "ttft_p60"'),
        (f"lengths: {HISTOGRAM}\n", "prompt_tokens: 7\n    output_tokens: 7\n", "no column ttft_p95_s: it needs a"),
        ("name: served", "name: served\nmodelling: {runtime: exllamav2}\ntechnology: {formats: [fp16]}", ""),
        ("name: served", "name: served\nmodelling: {runtime: pytorch}", "the runtime pytorch batches static"),
        (
            "    batch: 4",
            "    precision: {weights: nvfp4}\n    batch: 4\nmodelling: {runtime: [vllm, llama.cpp]}\ndeployment: {}",
            "the runtime llama.cpp has no weights in nvfp4",
        ),
    ],
)  # fmt: skip
def test_mistakes_are_said_in_one_line(tmp_path: Path, command: Command, old: str, new: str, message: str) -> None:
    text = changed(old, new)
    if "deployment: {}" in text:  # the sections that the change put in the middle go to the end
        head, _, rest = text.partition("modelling: {runtime: [vllm, llama.cpp]}\ndeployment: {}")
        text = head + rest.lstrip("\n") + "modelling: {runtime: [vllm, llama.cpp]}\n"
    path = tmp_path / "served.yaml"
    path.write_text(text, encoding="utf8")
    done = command("check", path)
    assert message in done.err
    assert done.code == (2 if message else 0), done.err


def test_a_runtimes_own_pieces_and_chunks_are_apart(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "served.yaml"
    path.write_text(STUDY + "modelling: {runtime: llama.cpp}\n", encoding="utf8")
    done = command("check", path)
    assert done.code == 2
    assert "which processes prompts in pieces of 512 tokens of its own" in done.err


def test_a_runtime_without_calibration_is_what_it_fuses_and_moves() -> None:
    """On the ideal roofline llama.cpp writes scores and expands weights, a dataflow stack launches nothing."""
    text = changed(f"    serving: {SERVING}\n", "") + "modelling: {runtime: NAME}\n"
    times = {}
    for name in ("vllm", "llama.cpp", "pytorch", "sambaflow"):
        problem = problem_of(dse.load(text.replace("NAME", name)))
        scenario = problem.scenario(0)
        assert not scenario.modelling.calibrated
        assert scenario.modelling.fused == runtime(name).fusion
        times[name] = float(np.asarray(problem.table(np.array([7]))["ttft_s"])[0])
    assert times["sambaflow"] < times["vllm"] < times["pytorch"]
    assert times["vllm"] < times["llama.cpp"]


def test_an_axis_of_efficiencies_keeps_its_runtime_to_the_calibrated() -> None:
    """A study of both, written before runtimes had a meaning on the ideal roofline, keeps its results."""
    text = STUDY + "modelling: {efficiency: [ideal, calibrated], runtime: vllm}\n"
    problem = problem_of(dse.load(text))
    ideal, calibrated = problem.scenario(0).modelling, problem.scenario(1).modelling
    assert ideal.stack is None
    assert calibrated.runtime == runtime("vllm")


def test_runtimes_say_what_they_run_and_where_that_is_from() -> None:
    named = {stack.name for stack in runtimes()}
    assert {"llama.cpp", "llamafile", "vllm", "sglang", "trtllm", "exllamav2"} <= named
    for stack in runtimes():
        told = (stack.weights, stack.activations, stack.kv_cache, stack.batching)
        assert bool(stack.supports_source) == any(told), stack.name
        assert stack.batching in ("", "static", "continuous")
    assert runtime("exllamav2").unsupported("weights", "4.89bit") is None
    assert runtime("trtllm").unsupported("kv_cache", "fp8_e4m3") is None
    assert runtime("other").unsupported("weights", "int2") is None
    assert "it runs" in str(runtime("llamafile").unsupported("weights", "fp8"))
