"""Rates of chips and users, means and worst cases of a mix, devices at their largest batch, and the picture of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import Command
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from small_run import changed

import dse
from dse.errors import StudyError
from dse.pictures import rates_figure
from dse.plan import modelling_of, problem_of, requests, runtime_of
from dse.runs import load
from results.columns import COLUMNS
from results.figures import fronts_and_quality, rates, scatter_matrix
from results.figures.marks import Mark
from results.figures.quality import Series
from roofline.accelerators import accelerator
from sweeps.baselines import baseline
from sweeps.evaluate import evaluate
from sweeps.mix import MIX_COLUMNS
from sweeps.reached import on_device

MIX = """\
name: mix
workloads:
  - {model: llama-3-8b, prompt_tokens: 1024, output_tokens: 128, batch: 8, share: 0.7}
  - {model: llama-3-8b, prompt_tokens: 8192, output_tokens: 512, batch: 2, share: 0.3}
design:
  dram_bandwidth: {log: [1 TB/s, 4 TB/s], points: 6}
  compute: {log: [100 TFLOP/s, 1000 TFLOP/s], points: 6}
  sram: [32 MiB, 128 MiB]
  dram: [48 GB, 96 GB]
deployment: {chips: 2}
objectives: {worst_decode_tokens_per_s: max, mean_request_latency_s: min, worst_energy_j_per_token: min, bom_usd: min}
"""


def test_the_mean_and_the_worst_of_a_mix_are_those_of_its_workloads_alone() -> None:
    of = problem_of(load(MIX)).scenario(0)
    assert not set(MIX_COLUMNS) & set(problem_of(load(MIX.replace(MIX.splitlines()[-1], ""))).metric_names)
    plain = MIX.replace(MIX.splitlines()[-1], "objectives: {tpot_s: min}")
    alone = [
        problem_of(load(plain.replace(drop, "").replace(f"share: {share}", "share: 1.0"))).scenario(0)
        for share, drop in ((0.7, MIX.splitlines()[3] + "\n"), (0.3, MIX.splitlines()[2] + "\n"))
    ]
    designs = {
        "dram_bytes_per_s": np.array([1e12, 3e12]),
        "compute_flop_per_s": np.array([2e14, 4e14]),
        "sram_bytes": np.array([2.0**25, 2.0**27]),
        "dram_bytes": np.array([48e9, 96e9]),
        "flash_bytes": np.zeros(2),
    }
    mix, (chat, long) = evaluate(designs, of), (evaluate(designs, one) for one in alone)
    for name in ("decode_tokens_per_s", "tokens_per_s"):
        worst = np.minimum(chat[name], long[name])
        assert mix[f"worst_{name}"] == pytest.approx(worst, rel=1e-12)
        assert (np.asarray(mix[f"worst_{name}"]) < np.asarray(mix[name])).all()
    worst = np.maximum(chat["energy_j_per_token"], long["energy_j_per_token"])
    assert mix["worst_energy_j_per_token"] == pytest.approx(worst, rel=1e-12)
    asked = np.array([0.7 / 128, 0.3 / 512])
    for name in ("ttft_s", "request_latency_s"):
        mean = (asked[0] * np.asarray(chat[name]) + asked[1] * np.asarray(long[name])) / asked.sum()
        assert mix[f"mean_{name}"] == pytest.approx(mean, rel=1e-12)
        assert (np.asarray(mix[f"mean_{name}"]) < np.asarray(mix[name])).all()
    assert mix["mean_tpot_s"] == pytest.approx(0.7 * np.asarray(chat["tpot_s"]) + 0.3 * np.asarray(long["tpot_s"]))
    assert mix["user_tokens_per_s"] == pytest.approx(1 / np.asarray(mix["tpot_s"]), rel=1e-15)
    assert mix["chip_tokens_per_s"] == pytest.approx(np.asarray(mix["decode_tokens_per_s"]) / 2, rel=1e-15)


def test_worst_cases_are_objectives_and_the_exact_front_is_the_grids(no_pictures: None, tmp_path: Path) -> None:
    grid = dse.sweep(MIX, out=tmp_path / "grid")
    exact = dse.sweep(MIX + "search: {method: exact}\n", out=tmp_path / "exact")
    assert grid.front()["point"].tolist() == exact.front()["point"].tolist()
    assert len(grid.front()) > 10
    assert set(MIX_COLUMNS) <= set(grid.front().columns) & set(COLUMNS)


def test_a_single_workload_has_no_columns_of_a_mix() -> None:
    assert not set(MIX_COLUMNS) & set(problem_of(load(changed())).metric_names)
    with pytest.raises(StudyError, match="no column mean_tpot_s: it needs a mix of several workloads"):
        problem_of(load(changed(("carbon_g_per_mtoken: min", "mean_tpot_s: min"))))


SERVED = (
    ("    batch: 1\n", "    batch: max\n    slo: {tpot: 40 ms, ttft: 20 s}\n"),
    ('"ttft <= 4 s", ', ""),
    ("objectives:", "baselines: [h100, jetson-orin, h20]\nobjectives:"),
)


@pytest.mark.parametrize(("name", "low"), [("h100", 2), ("a100", 2), ("jetson-orin", 0)])
def test_a_device_has_the_largest_batch_that_trying_each_one_finds(name: str, low: int) -> None:
    study = load(changed(*SERVED).replace("tpot: 40 ms", "tpot: 20 ms"))
    scenario = problem_of(study).scenario(0)
    chip, asked = accelerator(name), requests(study, problem_of(study).scenario.models)  # type: ignore[attr-defined]
    how = on_device(modelling_of(study), chip, runtime_of(study), study.calibration())
    found = baseline(chip, asked, how, scenario)
    best = 0
    for batch in range(1, 400):
        fixed = load(changed(("    batch: 1\n", f"    batch: {batch}\n")))
        one = baseline(chip, requests(fixed, problem_of(fixed).scenario.models), how, problem_of(fixed).scenario(0))  # type: ignore[attr-defined]
        if one.columns and one.columns["tpot_s"] <= 0.02 and one.columns["ttft_s"] <= 20:
            best = batch
            columns = one.columns
        elif best:
            break
    assert best >= low
    assert found.columns.get("batch", 0.0) == best
    assert found.too_slow == (best == 0)
    if best:
        assert {name: value for name, value in found.columns.items() if name in ("tpot_s", "ttft_s", "chips")} == {
            name: columns[name] for name in ("tpot_s", "ttft_s", "chips") if name in found.columns
        }


def test_a_run_with_batch_max_is_drawn_with_devices(tmp_path: Path, command: Command) -> None:
    run = dse.sweep(changed(*SERVED), out=tmp_path / "run")
    assert {file.name for file in run.paths.figures.iterdir()} >= {"rates.png", "rates.svg"}
    said = (run.paths.figures / "rates.svg").read_text()
    assert "H100" in said
    assert "batch of a design of the front" in said
    done = command("plot", run.path, "--rates", tmp_path / "dark.svg", "--theme", "dark")
    assert done.code == 0, done.err
    assert "#14171a" in (tmp_path / "dark.svg").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--rates", "x.gif"), '--rates: expected a file that ends in .png or .svg, got "x.gif"'),
        (("--rates", "x.png"), "has no such picture: its batch is neither an axis nor max"),
    ],
)
def test_a_picture_of_rates_that_cannot_be(
    small_run: dse.Run, command: Command, options: tuple[str, ...], message: str
) -> None:
    done = command("plot", small_run.path, *options)
    assert done.code == 2
    assert message in done.err


def test_the_shipped_study_of_users_has_a_front_from_the_fastest_user_to_the_busiest_chip(
    tmp_path: Path, no_pictures: None
) -> None:
    run = dse.sweep(dse.shipped_studies()["llama3-70b-users"], out=tmp_path / "run")
    front = run.front()
    assert front["workloads.0.batch"].min() == 1
    assert front["workloads.0.batch"].max() >= 256
    assert front["user_tokens_per_s"].max() > 3 * front["user_tokens_per_s"].min()
    best = front.loc[front["user_tokens_per_s"].idxmax()]
    assert best["deployment.chips"] == 8
    figure = rates_figure(run, front)
    assert figure is not None
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[:3] == ["front of the run", "other designs", "best of both rates"]
    assert len(labels) == 7


def frame(rows: int) -> pd.DataFrame:
    user = np.geomspace(10, 500, rows)
    return pd.DataFrame({"user_tokens_per_s": user, "chip_tokens_per_s": 1e5 / user, "batch": np.arange(rows) + 1.0})


def drawn_in(figure: Figure) -> int:
    return max(len(c.get_offsets()) for ax in figure.axes for c in ax.collections if isinstance(c, PathCollection))


def test_a_large_front_is_thinned_and_keeps_its_ends() -> None:
    front = frame(25_000).assign(point=np.arange(25_000))
    figure = rates(front, front[:0], title="t", counts="25,000 on the front", batch="batch")
    assert "showing 8,000 of the front" in "\n".join(text.get_text() for text in figure.texts)
    assert drawn_in(figure) == 8_000
    objectives = {"user_tokens_per_s": "max", "chip_tokens_per_s": "max"}
    matrix = scatter_matrix(front, front[:0], objectives, knee=12_345, title="t", counts="c", colour="batch")  # type: ignore[arg-type]
    assert drawn_in(matrix) == 8_000
    assert "c; showing 8,000 of the front, histograms of all" in "\n".join(text.get_text() for text in matrix.texts)
    (marks,) = [
        c for c in matrix.axes[1].collections if isinstance(c, PathCollection) and len(c.get_offsets()) == 8_000
    ]
    across = np.asarray(marks.get_offsets())[:, 0]
    assert (across.min(), across.max()) == pytest.approx((10, 500))
    assert np.unique(across).size == 8_000


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_thin_data_is_drawn(theme: str) -> None:
    unknown = Mark("somewhere", note="unknown tdp_w")
    known = Mark("chip", {name: np.array([50.0, 20.0]) for name in ("user_tokens_per_s", "chip_tokens_per_s")})
    for rows, others in ((0, 0), (1, 0), (0, 3), (2, 1)):
        figure = rates(
            frame(max(rows, 1))[:rows], frame(max(others, 1))[:others], title="t", counts="c", batch="batch",
            marks=[unknown, known], theme=theme,  # type: ignore[arg-type]
        )  # fmt: skip
        figure.draw_without_rendering()
        assert "somewhere: unknown tdp_w" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_large_fronts_side_by_side_are_thinned_too() -> None:
    series = [Series("one", frame(12_000), 1.0, 1.0), Series("two", frame(30), 0.9, 0.1)]
    ways = {"user_tokens_per_s": "max", "chip_tokens_per_s": "max"}
    figure = fronts_and_quality(series, ways, title="t", below="reference: one")  # type: ignore[arg-type]
    assert drawn_in(figure) == 8_000
    said = "\n".join(text.get_text() for text in figure.texts)
    assert "reference: one; showing at most 8,000 designs of each front" in said


SERVED_MIX = """\
name: served-mix
workloads:
  - model: llama-3-8b
    lengths: {histogram: [{prompt_tokens: 512, output_tokens: 64}, {prompt_tokens: 4096, output_tokens: 256}]}
    batch: 8
    serving: {batching: continuous}
    share: 0.6
  - {model: llama-3-8b, prompt_tokens: 2048, output_tokens: 128, batch: 4, share: 0.4, techniques: TECHNIQUES}
design: {dram_bandwidth: [1 TB/s, 3 TB/s], compute: 400 TFLOP/s, sram: 64 MiB, dram: 80 GB}
technology: {dram_kind: hbm3e}
objectives: {worst_tokens_per_s: max, worst_energy_j_per_token: min, mean_ttft_s: min}
"""
PAIR = """\
disaggregate: {link: 5 GB/s, prefill: {dram_bandwidth: 1 TB/s, compute: 300 TFLOP/s, sram: 64 MiB, dram: 48 GB}}
"""


@pytest.mark.parametrize("pair", ["", PAIR])
@pytest.mark.parametrize("techniques", ["{}", "{eagle: {depth: 3, acceptance: 0.6}}"])
def test_a_request_of_several_lengths_is_one_workload_of_a_mix(pair: str, techniques: str) -> None:
    """Columns of a mix from its requests alone: turns, lengths, drafted tokens and other chips are in them."""
    text = SERVED_MIX.replace("TECHNIQUES", techniques) + pair
    of = problem_of(load(text)).scenario(0)
    lines = text.splitlines(keepends=True)
    plain = "objectives: {tpot_s: min}\n" + pair
    first = "".join([*lines[:6], *lines[8:10]]) + plain
    second = "".join([*lines[:2], lines[7].replace("share: 0.4, ", ""), *lines[8:10]]) + plain
    one, other = (problem_of(load(alone)).scenario(0) for alone in (first, second))
    design = {
        "dram_bytes_per_s": np.array([1e12, 3e12]),
        "compute_flop_per_s": np.array([4e14, 4e14]),
        "sram_bytes": np.array([2.0**26, 2.0**26]),
        "dram_bytes": np.array([80e9, 80e9]),
        "flash_bytes": np.zeros(2),
    }
    mix, chat, long = (evaluate(design, scenario) for scenario in (of, one, other))
    for name in ("decode_tokens_per_s", "tokens_per_s"):
        assert mix[f"worst_{name}"] == pytest.approx(np.minimum(chat[name], long[name]), rel=1e-12)
    joules = np.maximum(chat["energy_j_per_token"], long["energy_j_per_token"])
    assert mix["worst_energy_j_per_token"] == pytest.approx(joules, rel=1e-12)
    tpot = 0.6 * np.asarray(chat["tpot_s"]) + 0.4 * np.asarray(long["tpot_s"])
    assert mix["mean_tpot_s"] == pytest.approx(tpot, rel=1e-12)
    assert mix["user_tokens_per_s"] == pytest.approx(1 / np.asarray(mix["tpot_s"]), rel=1e-15)
    chips = 1.0 + np.asarray(mix.get("prefill_chips", 0.0))
    assert mix["chip_tokens_per_s"] == pytest.approx(np.asarray(mix["decode_tokens_per_s"]) / chips, rel=1e-15)
    assert ("prefill_chips" in mix) == bool(pair)


def test_lengths_alone_are_no_mix() -> None:
    text = "".join(line for i, line in enumerate(SERVED_MIX.splitlines(keepends=True)) if i not in (6, 7))
    with pytest.raises(StudyError, match="no column worst_tokens_per_s: it needs a mix of several workloads"):
        problem_of(load(text))
