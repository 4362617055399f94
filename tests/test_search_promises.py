"""What a search promises where there is one objective or six, where limits contradict each other, and of bad input."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from small_run import changed, front_of

import dse
from dse.plan import problem_of
from dse.runs import Run, load
from sweeps.exact import Options, Search, run_search

pytestmark = pytest.mark.usefixtures("no_pictures")

OBJECTIVES = "{decode_tokens_per_s: max, energy_j_per_token: min, tco_usd_per_mtoken: min, carbon_g_per_mtoken: min}"
SIX = (
    "{ttft_s: min, user_tokens_per_s: max, energy_j_per_token: min, bom_usd: min, embodied_kg: min, die_area_mm2: min}"
)
LIMITS = '["ttft <= 4 s", "peak_power <= 60 W"]'
SEARCHES = (
    "method: grid",
    "method: exact",
    "method: sample, n: 20000",
    "method: nsga2, population: 30, generations: 40",
)


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6])
def test_two_to_six_objectives(tmp_path: Path, count: int) -> None:
    names = SIX[1:-1].split(", ")[:count]
    text = changed((OBJECTIVES, "{" + ", ".join(names) + "}"))
    grid = dse.sweep(text, out=tmp_path / "grid")
    assert grid.front()["point"].tolist() == front_of(grid.designs(), grid.objectives)["point"].tolist()
    search = Search(problem_of(load(text)), Options(leaf=2))
    search.seed()
    assert run_search(search)
    assert np.sort(search.archive.points).tolist() == grid.front()["point"].tolist()
    bred = dse.sweep(text + "search: {method: nsga2, population: 30, generations: 60}\n", out=tmp_path / "bred")
    assert set(bred.front()["point"]) == set(front_of(bred.designs(), bred.objectives)["point"])


@pytest.mark.parametrize("search", SEARCHES)
def test_one_objective_works_and_says_so(tmp_path: Path, command: Command, search: str) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(changed((OBJECTIVES, "{bom_usd: min}")) + f"search: {{{search}}}\n")
    assert (
        "objectives: bom_usd min: the front is its best design, and any that are as good" in command("check", path).out
    )
    done = command("sweep", path, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    assert "one objective: the front is its best design" in done.out
    run = dse.open_run(tmp_path / "run")
    whole = dse.sweep(changed((OBJECTIVES, "{bom_usd: min}")), out=tmp_path / "whole").designs()
    assert run.front()["bom_usd"].unique().tolist() == [whole[whole["feasible"]]["bom_usd"].min()]


@pytest.mark.parametrize("search", [one for one in SEARCHES if "exact" not in one])
def test_a_limit_that_leaves_nothing_is_named_with_counts(tmp_path: Path, command: Command, search: str) -> None:
    path = tmp_path / "none.yaml"
    path.write_text(changed((LIMITS, '["ttft <= 4 s", "peak_power <= 1 mW"]')) + f"search: {{{search}}}\n")
    done = command("sweep", path, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    designs = dse.open_run(tmp_path / "run").designs()
    built = designs[designs["ttft_s"].notna()]
    assert "no design is feasible; the first limit each one breaks:" in done.out
    assert " 0.0 %" not in done.out.split("all ")[0]  # reasons of no design are left out
    assert f"{len(designs):,} designs: {len(built):,} can be built and hold the workloads; of these break" in done.out
    assert f"  {len(built):,}  peak_power <= 1 mW: it alone leaves nothing" in done.out
    assert f"  {(built['ttft_s'] > 4).sum():,}  ttft <= 4 s\n" in done.out


def test_why_nothing_is_feasible_is_told_from_a_part_at_a_time(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All columns of all designs were read at once: 1.4 GB for 1.3 million designs, of a run that was finished."""
    text = changed((LIMITS, '["ttft <= 4 s", "peak_power <= 1 mW"]'), ("node: 5nm", "node: [7nm, 5nm, 3nm]"))
    (tmp_path / "none.yaml").write_text(text)
    monkeypatch.setattr("sweeps.chunks.CHUNK_POINTS", 40)
    whole = dse.sweep(text, out=tmp_path / "run").designs()
    read: list[tuple[object, list[str] | None]] = []
    once = Run.read
    monkeypatch.setattr(Run, "read", lambda self, *given: (read.append(given), once(self, *given))[1])
    done = command("sweep", tmp_path / "none.yaml", "--out", tmp_path / "run")
    assert "is finished already" in done.out
    for reason, count in whole["reason"].value_counts().items():
        assert f"{100 * count / len(whole):5.1f} %  {reason}\n" in done.out or not count
    built = whole[whole["ttft_s"].notna()]
    assert f"all 1,350 designs: {len(built):,} can be built and hold the workloads; of these break" in done.out
    assert f"  {(built['ttft_s'] > 4).sum():,}  ttft <= 4 s\n" in done.out
    of_parts = [(path, columns) for path, columns in read[1:]]
    assert [path for path, _ in of_parts] == dse.open_run(tmp_path / "run").paths.parts()
    assert all(columns is not None and len(columns) < 12 for _, columns in of_parts)


def test_limits_that_contradict_each_other_are_named(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "none.yaml"
    path.write_text(changed((LIMITS, '["tpot <= 30 ms", "bom <= 200 USD", "die_area <= 4000 mm**2"]')))
    done = command("sweep", path, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    designs = dse.open_run(tmp_path / "run").designs()
    built = designs[designs["tpot_s"].notna()]
    slow, dear = built["tpot_s"] > 0.03, built["bom_usd"] > 200
    assert not slow.all()
    assert not dear.all()
    assert (slow | dear).all()
    assert f"  {slow.sum():,}  tpot <= 30 ms\n" in done.out
    assert f"  {dear.sum():,}  bom <= 200 USD\n" in done.out
    assert '"tpot <= 30 ms" and "bom <= 200 USD" contradict each other: together they leave nothing' in done.out


def test_a_space_in_which_nothing_can_be_built_says_so(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "none.yaml"
    path.write_text(changed(("[6 GB, 12 GB, 24 GB]", "1 GB"), ("[0 GB, 128 GB]", "0 GB")))
    done = command("sweep", path, "--out", tmp_path / "run")
    assert "all 75 designs: none can be built and hold the workloads, whatever the constraints" in done.out


BAD = {
    "an axis twice, in place and by path": (
        (("node: 5nm,", "node: [5nm, 3nm],"), ("  dram:  ", "  technology.node: [7nm]\n  dram:  ")),
        "design.technology.node: technology.node is an axis already (technology.node)",
    ),
    "an axis twice, by two paths": (
        (("  dram:  ", "  workloads.0.batch: [1, 2]\n  workloads.*.batch: [4, 8]\n  dram:  "),),
        "workloads.*.batch is an axis already (design.workloads.0.batch)",
    ),
    "a dimension twice": ((("  dram:  ", "  sram: 4 MiB\n  dram:  "),), 'duplicate key "sram", first given on line'),
    "an expression that needs itself": (
        (("[2 MiB, 8 MiB, 32 MiB]", '"sram * 2"'),),
        '"sram" is neither a unit nor one of',
    ),
    "expressions in a circle": (
        (("[2 MiB, 8 MiB, 32 MiB]", '"0.001 * dram"'), ("[6 GB, 12 GB, 24 GB]", '"1000 * sram"')),
        "expected dimensions that are given themselves, not by expressions",
    ),
    "an expression that calls": (
        (("[2 MiB, 8 MiB, 32 MiB]", "\"__import__('os').system('true') * compute\""),),
        "design.sram: ",
    ),
    "an expression that loops": (
        (("[2 MiB, 8 MiB, 32 MiB]", '"[x for x in compute]"'),),
        "design.sram: ",
    ),
    "seven objectives": (
        ((OBJECTIVES, SIX[:-1] + ", price_usd: min}"),),
        "objectives: expected 1 to 6 objectives, got 7",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_of_a_search_is_one_line(tmp_path: Path, command: Command, name: str) -> None:
    changes, message = BAD[name]
    path = tmp_path / "bad.yaml"
    path.write_text(changed(*changes))
    for verb in (("check", path), ("sweep", path, "--out", tmp_path / "run")):
        done = command(*verb)
        assert done.code == 2
        assert message in done.err
        assert "bad.yaml" in done.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ("method: exact, epsilon: -0.01", "search.epsilon: expected a number at least 0 and at most 10, got -0.01"),
        ("method: exact, epsilon: -.inf", "search.epsilon: expected a number"),
        *((f"method: {name}, population: 1", "search.population: expected a whole number from 2") for name in (
            "nsga2", "nsga3", "sms-emoa", "rvea", "age-moea2",
        )),
    ],
)  # fmt: skip
def test_numbers_of_a_search_that_make_no_sense(tmp_path: Path, command: Command, search: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(changed() + f"search: {{{search}}}\n")
    done = command("check", path)
    assert done.code == 2
    assert message in done.err


def test_a_worst_case_never_is_better_than_the_mean() -> None:
    second = "  - {model: llama-3-8b, prompt_tokens: 128, output_tokens: 512, precision: {weights: int4}}\n"
    text = changed(("design:", second + "design:"), ('"ttft <= 4 s"', '"mean_ttft <= 4 s"'))
    problem = problem_of(load(text))
    table = problem.table(np.arange(problem.space.size))
    built = ~np.isnan(np.asarray(table["tpot_s"]))
    assert built.sum() > 50
    columns = {name: np.asarray(table[name])[built] for name in problem.metric_names}
    for mean, worst in itertools.chain(
        ((f"mean_{name}", name) for name in ("ttft_s", "tpot_s", "request_latency_s")),
        [("energy_j_per_token", "worst_energy_j_per_token")],
        ((f"worst_{name}", name) for name in ("decode_tokens_per_s", "tokens_per_s")),
    ):
        assert (columns[mean] <= columns[worst] * (1 + 1e-12)).all(), (mean, worst)


@pytest.mark.parametrize("search", ["grid", "exact", "sample, n: 1", "nsga2, population: 4, generations: 1"])
@pytest.mark.parametrize("limit", ["peak_power <= 60 W", "peak_power <= 1 mW"])
def test_one_design_is_told_as_one(tmp_path: Path, command: Command, search: str, limit: str) -> None:
    """It was "1 designs", and "1 files are what was written"."""
    path, run = tmp_path / "one.yaml", tmp_path / "run"
    path.write_text(
        changed(
            ("{log: [25 GB/s, 400 GB/s], points: 5}", "100 GB/s"),
            ("{log: [2 TFLOP/s, 100 TFLOP/s], points: 5}", "10 TFLOP/s"),
            ("[2 MiB, 8 MiB, 32 MiB]", "8 MiB"),
            ("[6 GB, 12 GB, 24 GB]", "12 GB"),
            ("[0 GB, 128 GB]", "0 GB"),
            (LIMITS, f'["{limit}"]'),
        )
        + f"search: {{method: {search}}}\n"
    )
    shard = [("sweep", path, "--out", run, "--shard", "1/1"), ("merge", run)] if search == "grid" else []
    for arguments in (
        ("check", path),
        *shard,
        ("sweep", path, "--out", run),
        ("status", run),
        ("verify", run),
        *([("certify", run)] if search == "exact" else []),
    ):
        done = command(*arguments)
        assert done.code == 0, done.err
        assert "1 " in done.out
        several = r"\b1 (designs|chunks|files|boxes|generations|evaluations|Parquet parts|\w+ are)\b(?!/s)"
        assert not re.search(several, done.out), done.out
