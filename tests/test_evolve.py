"""Evolutionary search: what it finds, what never reaches pymoo or a front, and going on after it was killed."""

from __future__ import annotations

import io
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Command
from small_run import SMALL, SMALL_SIZE, assert_same_bits, changed, contents_of

import dse
import sweeps.evaluate
from dse.plan import problem_of
from dse.runs import Run, load
from results.front import non_dominated
from results.run_paths import RunPaths
from sweeps.algorithms import METHODS, Selector, reference_directions, unusable
from sweeps.evolve import Evolution, Settings, _for_selection, run_evolution
from sweeps.points import Evaluated
from sweeps.problem import Problem

OUTPUT = "output: {dir: runs/small}"
USABLE = [name for name, method in METHODS.items() if method.needs is None or find_spec(method.needs)]
NAMES = ("{node: 5nm, dram_kind: lpddr5x,", "{node: 5nm, dram_kind: [lpddr5x, gddr6, hbm3e],")


def searching(search: str, *changes: tuple[str, str], output: str = OUTPUT) -> str:
    return changed((OUTPUT, f"search: {{{search}}}\n{output}"), *changes)


def small(*changes: tuple[str, str]) -> Problem:
    return problem_of(load(changed(*changes) if changes else SMALL))


def front_of(search: Evolution) -> list[int]:
    points: list[int] = search.tally.front.finish()[0].tolist()
    return points


def last_population(checkpoint: bytes) -> list[int]:
    with np.load(io.BytesIO(checkpoint)) as file:
        points: list[int] = file["selector.points"].tolist()
    return points


@pytest.mark.parametrize("seed", range(1, 6))
def test_nsga2_finds_most_of_the_front_with_half_of_the_designs(small_run: Run, seed: int) -> None:
    """Blind draws of so many would find 53 % of it."""
    search = run_evolution(small(), Settings("nsga2", 20, 12, seed))
    exact = small_run.front()["point"].tolist()
    assert search.tally.designs == 240
    assert len(set(front_of(search)) & set(exact)) >= 0.8 * len(exact)


@pytest.mark.parametrize("seed", range(1, 4))
def test_nsga2_finds_the_exact_front_of_the_small_study(small_run: Run, seed: int) -> None:
    search = run_evolution(small(), Settings("nsga2", 20, 21, seed))
    assert search.tally.designs <= 420 < SMALL_SIZE
    assert front_of(search) == small_run.front()["point"].tolist()


@pytest.mark.parametrize("method", USABLE)
def test_every_algorithm_finds_all_but_a_design_or_two_of_the_small_front(small_run: Run, method: str) -> None:
    """Over seeds 1 to 7 NSGA-III and SMS-EMOA miss one at most, RVEA two."""
    search = run_evolution(small(), Settings(method, 20, 21, 1))
    assert search.tally.designs <= 420 < SMALL_SIZE
    exact = small_run.front()["point"].tolist()
    assert len(set(front_of(search)) & set(exact)) >= len(exact) - 2


def test_no_design_is_evaluated_twice_and_a_small_space_ends_the_search(small_run: Run) -> None:
    search = run_evolution(small(), Settings("nsga2", 30, 1000, 1))
    points = np.concatenate(search.points)
    assert search.ended == "no new designs"
    assert len(np.unique(points)) == len(points) == search.tally.designs <= SMALL_SIZE
    assert front_of(search) == small_run.front()["point"].tolist()
    assert search.tally.feasible <= small_run.manifest["feasible"]


def test_the_archive_keeps_what_the_last_population_lost() -> None:
    kept: list[bytes] = []
    problem = small()
    search = run_evolution(problem, Settings("nsga2", 10, 20, 1), store=kept.append)
    index, values = search.tally.front.finish()
    survivors = last_population(kept[-1])
    assert len(survivors) == 10
    assert len(index) > len(survivors)
    assert non_dominated(values).all()
    table = problem.table(np.concatenate(search.points))
    feasible = np.asarray(table["feasible"])
    every = np.column_stack([o.sign * np.asarray(table[o.column]) for o in problem.objectives])[feasible]
    points = np.asarray(table["point"])[feasible]
    assert sorted(points[non_dominated(every)].tolist()) == index.tolist()


def test_the_hypervolume_of_the_history_never_falls_and_its_counts_are_those_of_the_run() -> None:
    search = run_evolution(small(), Settings("nsga2", 12, 25, 4))
    rows = np.asarray(search.history)
    assert (np.diff(rows[:, -1]) >= 0).all()
    assert rows[-1, -1] > rows[0, -1] > 0
    assert rows[:, 0].tolist() == list(range(1, 26))
    tally = search.tally
    assert rows[-1, 1:5].tolist() == [tally.designs, tally.feasible, tally.failed, tally.front.size]


def test_standing_still_ends_a_search() -> None:
    search = run_evolution(small(), Settings("nsga2", 20, 500, 1, stagnation=4))
    volumes = [row[-1] for row in search.history]
    assert search.ended == "stagnation"
    assert volumes[-1] < volumes[-5] * 1.0001
    assert volumes[-2] >= volumes[-6] * 1.0001


def test_a_seed_gives_the_same_designs_and_another_others() -> None:
    one, same, other = (run_evolution(small(), Settings("nsga2", 12, 6, seed)) for seed in (3, 3, 4))
    assert np.concatenate(one.points).tolist() == np.concatenate(same.points).tolist()
    assert np.concatenate(one.points).tolist() != np.concatenate(other.points).tolist()
    assert one.history == same.history


@pytest.mark.parametrize("method", USABLE)
def test_going_on_from_any_generation_gives_the_same_bits(method: str) -> None:
    kept: list[bytes] = []
    settings = Settings(method, 14, 30, 9)
    whole = run_evolution(small(NAMES), settings, store=kept.append)
    for checkpoint in (kept[0], kept[random.Random(method).randrange(1, 28)], kept[12], kept[-1]):
        rest = run_evolution(small(NAMES), settings, checkpoint=checkpoint)
        assert [part.tolist() for part in rest.points] == [part.tolist() for part in whole.points]
        assert rest.history == whole.history
        assert front_of(rest) == front_of(whole)
        assert rest.ended == whole.ended


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", b"\x80\x04cos\nsystem\n"])
def test_a_damaged_checkpoint_is_refused_and_nothing_in_it_is_run(damage: bytes) -> None:
    with pytest.raises(ValueError, match="the checkpoint is damaged"):
        run_evolution(small(), Settings("nsga2", 10, 3, 1), checkpoint=damage)


def test_pymoo_truncates_choices_but_names_of_any_length_stay_whole() -> None:
    """pymoo keeps mixed variables in arrays of text as wide as the first one: al_7075 becomes al_707."""
    problem = small(NAMES)
    search = run_evolution(problem, Settings("nsga2", 20, 10, 1))
    points = np.concatenate(search.points)
    kinds: Any = problem.table(points)["technology.dram_kind"]
    assert kinds.categories == ("lpddr5x", "gddr6", "hbm3e")
    counts = np.bincount(kinds.codes, minlength=3)
    assert counts.min() > 0
    assert (points // SMALL_SIZE == kinds.codes).all()


class Checked(Selector):
    """Refuses what pymoo must never see."""

    calls = 0

    def advance(self, points: Any, objectives: Any, margins: Any) -> None:
        assert np.isfinite(objectives).all()
        assert np.isfinite(margins).all()
        type(self).calls += 1
        super().advance(points, objectives, margins)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[float]:
    """Designs of fewer FLOP/s than this have no energy; what pymoo is given is checked."""
    limit = 20e12

    def evaluate(designs: Any, scenario: Any) -> dict[str, Any]:
        columns = sweeps.evaluate.evaluate(designs, scenario)
        slow = designs["compute_flop_per_s"] < limit
        return {**columns, "energy_j_per_token": np.where(slow, np.nan, columns["energy_j_per_token"])}

    monkeypatch.setattr("sweeps.points.evaluate", evaluate)
    monkeypatch.setattr("sweeps.problem.evaluate", evaluate)
    monkeypatch.setattr("sweeps.evolve.Selector", Checked)
    Checked.calls = 0
    yield limit
    assert Checked.calls > 0


@pytest.mark.usefixtures("no_pictures")
def test_a_nan_objective_never_enters_a_front_and_is_reported(tmp_path: Path, command: Command, failing: float) -> None:
    study = tmp_path / "s.yaml"
    study.write_text(searching("method: nsga2, population: 20, generations: 10"), encoding="utf8")
    done = command("sweep", study, "--out", tmp_path / "run")
    run = dse.open_run(tmp_path / "run")
    designs, front = run.designs(), run.front()
    slow = designs["compute_flop_per_s"] < failing
    assert slow.any()
    assert run.manifest["failed"] == (designs["reason"] == "no number came out").sum() > 0
    assert f"{run.manifest['failed']} designs gave no number" in done.out
    assert not designs["feasible"][slow].any()
    assert len(front)
    assert (front["compute_flop_per_s"] >= failing).all()
    assert front["energy_j_per_token"].notna().all()


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize("method", USABLE)
def test_a_search_in_which_everything_fails_ends_with_an_empty_front(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def evaluate(designs: Any, scenario: Any) -> dict[str, Any]:
        columns = sweeps.evaluate.evaluate(designs, scenario)
        return {**columns, "energy_j_per_token": np.nan * designs["sram_bytes"]}

    monkeypatch.setattr("sweeps.points.evaluate", evaluate)
    search = run_evolution(small(), Settings(method, 10, 4, 1, stagnation=2))
    assert search.tally.front.size == search.tally.feasible == 0
    assert search.tally.failed > 0
    assert [row[-1] for row in search.history] == [0.0] * 4


@pytest.mark.parametrize("method", USABLE)
@pytest.mark.parametrize("limit", ["dies <= 0.5", "dies < 1"])
def test_infeasible_ties_stay_infeasible(monkeypatch: pytest.MonkeyPatch, method: str, limit: str) -> None:
    """Designs that miss the same limit by the same, or stand at a limit that may not be touched (margin 0)."""
    monkeypatch.setattr("sweeps.evolve.Selector", Checked)
    problem = small(("peak_power <= 60 W", limit), ("ttft <= 4 s", "ttft <= 1000 s"))
    search = run_evolution(problem, Settings(method, 16, 6, 1))
    assert search.tally.front.size == search.tally.feasible == search.tally.failed == 0
    assert search.tally.designs == 96


def test_what_is_infeasible_or_failed_breaks_a_limit_in_the_eyes_of_pymoo() -> None:
    nan, inf = np.nan, np.inf
    search = Evolution(small_tally(), signs=np.asarray([1, -1]))
    found = Evaluated(
        objectives=np.asarray([[10.0, -100.0], [1.0, -1.0], [nan, -10.0], [inf, nan]]),
        margins=np.asarray([[-1.0, -0.5], [0.0, 0.0], [-1.0, 0.0], [nan, -inf]]),
        feasible=np.asarray([True, False, False, False]),
        failed=np.asarray([False, False, True, False]),
    )
    values, margins = _for_selection(found, search)
    assert values.tolist() == [[1.0, -2.0], [0.0, 0.0], [1.0, -1.0], [1.0, 0.0]]
    assert ((margins > 0).any(axis=1) == [False, True, True, True]).all()
    assert margins[2, 0] > margins[1, 0]


def small_tally() -> Any:
    from results.front import FrontArchive
    from sweeps.grid import Tally

    return Tally(FrontArchive(2))


@pytest.mark.usefixtures("no_pictures")
def test_a_search_begins_with_the_front_of_a_run(tmp_path: Path, small_run: Run) -> None:
    exact = small_run.front()
    wider = f"method: nsga2, population: {len(exact) + 10}, generations: 1, start: {small_run.path}"
    run = dse.sweep(searching(wider), out=tmp_path / "run")
    assert_same_bits(run.front(), exact)
    assert set(run.designs()["point"][:]) >= set(exact["point"])
    fewer = f"method: nsga2, population: 5, generations: 1, start: {small_run.path}"
    run = dse.sweep(searching(fewer), out=tmp_path / "few")
    assert len(run.designs()) == 5
    assert set(run.designs()["point"]) <= set(exact["point"])


@pytest.mark.usefixtures("no_pictures")
def test_one_objective_and_six_and_one_design(tmp_path: Path) -> None:
    objectives = (
        "{decode_tokens_per_s: max, energy_j_per_token: min, tco_usd_per_mtoken: min, carbon_g_per_mtoken: min}"
    )
    one = searching("method: nsga2, population: 20, generations: 15", (objectives, "{energy_j_per_token: min}"))
    run = dse.sweep(one, out=tmp_path / "one")
    designs = run.designs()
    assert run.front()["energy_j_per_token"].max() == designs[designs["feasible"]]["energy_j_per_token"].min()
    more = objectives[:-1] + ", ttft_s: min, bom_usd: min}"
    run = dse.sweep(
        searching("method: nsga3, population: 20, generations: 12", (objectives, more)), out=tmp_path / "six"
    )
    volumes = run.read(run.paths.history)["hypervolume"]
    assert volumes.notna().tolist() == [k == 10 for k in range(1, 13)]
    alone = searching(
        "method: nsga2, population: 20, generations: 15",
        ("{log: [25 GB/s, 400 GB/s], points: 5}", "100 GB/s"),
        ("{log: [2 TFLOP/s, 100 TFLOP/s], points: 5}", "20 TFLOP/s"),
        ("[2 MiB, 8 MiB, 32 MiB]", "8 MiB"),
        ("[6 GB, 12 GB, 24 GB]", "12 GB"),
        ("[0 GB, 128 GB]", "0 GB"),
    )
    run = dse.sweep(alone, out=tmp_path / "alone")
    assert (run.manifest["designs"], run.manifest["search"]["ended"]) == (1, "no new designs")


@pytest.mark.usefixtures("no_pictures")
def test_a_run_says_what_it_searched_and_how_it_ended(tmp_path: Path, command: Command) -> None:
    study = tmp_path / "s.yaml"
    study.write_text(
        searching("method: nsga2, population: 20, generations: 100, stagnation: 4", output=f"{OUTPUT}\n"),
        encoding="utf8",
    )
    checked = command("check", study)
    assert "small: 450 designs; nsga2 evaluates up to 450" in checked.out
    done = command("sweep", study, "--out", tmp_path / "run")
    run = dse.open_run(tmp_path / "run")
    told = run.manifest["search"]
    assert (told["ended"], told["stagnation"], told["start"], told["seed"]) == ("stagnation", 4, "sobol", 1)
    assert f"small: {run.manifest['designs']} of 450 designs" in done.out
    assert f"nsga2: {told['generations_done']} generations of 20 designs, seed 1, ended early" in done.out
    assert "designs that were not may be better" in done.out
    assert "history.parquet" in done.out
    history = run.read(run.paths.history)
    assert len(history) == told["generations_done"]
    assert history["evaluations"].iloc[-1] == run.manifest["designs"] == len(run.designs())
    assert not run.paths.checkpoint.exists()


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("search", ["method: nsga2, population: 10, generations: 4", "method: sample, n: 64"])
def test_a_space_that_nobody_can_enumerate(tmp_path: Path, command: Command, search: str) -> None:
    study = tmp_path / "s.yaml"
    text = searching(
        search,
        ("{log: [25 GB/s, 400 GB/s], points: 5}", "{log: [25 GB/s, 400 GB/s], points: 100000}"),
        ("{log: [2 TFLOP/s, 100 TFLOP/s], points: 5}", "{log: [2 TFLOP/s, 100 TFLOP/s], points: 100000}"),
        ("[2 MiB, 8 MiB, 32 MiB]", "{linear: [2 MiB, 32 MiB], points: 10000}"),
        ("[6 GB, 12 GB, 24 GB]", "{linear: [6 GB, 24 GB], points: 10000}"),
    )
    study.write_text(text, encoding="utf8")
    assert command("check", study).out.startswith("small: 2,000,000,000,000,000,000 designs; ")
    done = command("sweep", study, "--out", tmp_path / "run")
    assert done.code == 0
    assert " of 2,000,000,000,000,000,000 designs" in done.out
    assert dse.open_run(tmp_path / "run").manifest["designs"] in (40, 64)
    study.write_text(text.replace("points: 10000}", "points: 100000}"), encoding="utf8")
    refused = command("check", study)
    assert refused.code == 2
    assert "search.method: the space has 200,000,000,000,000,000,000 designs" in refused.err


@pytest.mark.usefixtures("no_pictures")
def test_a_finished_search_is_left_alone_even_if_its_start_is_gone(tmp_path: Path, small_run: Run) -> None:
    shutil.copytree(small_run.path, tmp_path / "start")
    text = searching(f"method: nsga2, population: 9, generations: 2, start: {tmp_path / 'start'}")
    dse.sweep(text, out=tmp_path / "run")
    shutil.rmtree(tmp_path / "start")
    assert dse.sweep(text, out=tmp_path / "run").already


@pytest.mark.usefixtures("no_pictures")
def test_a_search_that_keeps_the_front_stores_only_designs_it_evaluated(tmp_path: Path) -> None:
    search = "method: nsga2, population: 10, generations: 5"
    all_kept = dse.sweep(searching(search), out=tmp_path / "all")
    front = dse.sweep(searching(search, output="output: {dir: runs/small, keep: front}"), out=tmp_path / "front")
    assert_same_bits(front.front(), all_kept.front())
    assert set(front.designs()["point"]) == set(all_kept.designs()["point"])


LONG = "method: nsga2, population: 16, generations: 40, seed: 11"


@pytest.mark.usefixtures("no_pictures")
def test_killed_after_a_random_generation_it_goes_on_to_the_same_files(tmp_path: Path) -> None:
    study = tmp_path / "s.yaml"
    study.write_text(searching(LONG, NAMES), encoding="utf8")
    whole = dse.sweep(study, out=tmp_path / "whole")
    generation = random.SystemRandom().randrange(1, whole.manifest["search"]["generations_done"])
    kill = f"""
import os, signal, dse
calls = []
def progress(*counts):
    calls.append(counts)
    if len(calls) == {generation}:
        os.kill(os.getpid(), signal.SIGKILL)
dse.sweep({str(study)!r}, out="run", progress=progress)
"""
    done = subprocess.run([sys.executable, "-c", kill], cwd=tmp_path)
    assert done.returncode == -signal.SIGKILL
    assert RunPaths(tmp_path / "run").checkpoint.is_file()
    rest = dse.sweep(study, out=tmp_path / "run")
    assert rest.manifest["search"]["resumed"], generation
    assert contents_of(rest.path) == contents_of(whole.path), generation
    assert not rest.paths.checkpoint.exists()


@pytest.mark.usefixtures("no_pictures")
def test_killed_at_any_moment_it_ends_with_the_same_files(tmp_path: Path) -> None:
    study = tmp_path / "s.yaml"
    study.write_text(searching(LONG, NAMES), encoding="utf8")
    whole = dse.sweep(study, out=tmp_path / "whole")
    with subprocess.Popen(
        [sys.executable, "-m", "dse", "sweep", str(study), "--out", "run"], cwd=tmp_path, stdout=subprocess.DEVNULL
    ) as running:
        while running.poll() is None and not RunPaths(tmp_path / "run").checkpoint.is_file():
            time.sleep(0.005)
        time.sleep(random.SystemRandom().uniform(0.0, 0.5))
        running.kill()
    assert contents_of(dse.sweep(study, out=tmp_path / "run").path) == contents_of(whole.path)


@pytest.mark.usefixtures("no_pictures")
def test_an_interrupted_search_keeps_its_checkpoint_and_a_fresh_one_begins_anew(tmp_path: Path) -> None:
    study = tmp_path / "s.yaml"
    study.write_text(searching(LONG, NAMES), encoding="utf8")

    def interrupt(done: int, size: int, front: int) -> None:
        if done >= 160:
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            dse.sweep(study, out=tmp_path / "run", progress=interrupt)
        assert RunPaths(tmp_path / "run").checkpoint.is_file()
    seen: list[int] = []
    dse.sweep(study, out=tmp_path / "run", progress=lambda done, size, front: seen.append(done))
    assert seen[0] > 160
    seen.clear()
    dse.sweep(study, out=tmp_path / "run", fresh=True, progress=lambda done, size, front: seen.append(done))
    assert seen[0] == 16


def test_a_checkpoint_of_another_run_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dse.pictures.draw", lambda run: [])
    study = tmp_path / "s.yaml"
    study.write_text(searching(LONG, NAMES), encoding="utf8")

    def interrupt(done: int, size: int, front: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dse.sweep(study, out=tmp_path / "run", progress=interrupt)
    path = RunPaths(tmp_path / "run").checkpoint
    path.write_bytes(b"x" * 32 + path.read_bytes()[32:])
    assert not dse.sweep(study, out=tmp_path / "run").manifest["search"]["resumed"]


WRONG = {
    "one design": ("method: nsga2, population: 1", "search.population: expected a whole number from 2 to 100000"),
    "no generation": ("method: nsga2, generations: 0", "search.generations: expected a whole number from 1"),
    "unknown algorithm": ("method: nsga22", 'expected one of grid, exact, sample, nsga2', 'mean "nsga2"?'),
    "unknown sampler": ("method: sample, sampler: sobel", "search.sampler: expected", 'did you mean "sobol"?'),
    "no designs": ("method: sample, n: 0", "search.n: expected a whole number from 1 to 33554432, got 0"),
    "no number": ("method: sample, n: many", 'search.n: expected a whole number', 'got "many"'),
    "seed": ("method: nsga2, seed: -1", "search.seed: expected a whole number from 0"),
    "stagnation": ("method: nsga2, stagnation: 0", "search.stagnation: expected a whole number from 1"),
    "of another method": ("method: grid, population: 10", "search: method grid takes nothing else; got population"),
    "of a third": ("method: sample, generations: 5", "search: method sample takes sampler, n, seed; got generations"),
    "unknown key": ("method: nsga2, populaton: 9", 'unknown key "populaton"', 'did you mean "population"?'),
    "too long": (
        "method: nsga2, population: 10000, generations: 10000",
        "search: expected at most 10,000,000 designs, population x generations, got 100,000,000",
    ),
    "no such start": ("method: nsga2, start: runs/none", "search.start: expected sobol, lhs or the directory of a run"),
    "mistyped start": ("method: nsga2, start: sobl", "search.start: expected", 'did you mean "sobol"?'),
    "few directions": ("method: nsga3, population: 3", "search.method: nsga3 has a direction for each objective"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_search_is_refused_in_one_line(tmp_path: Path, command: Command, name: str) -> None:
    search, *messages = WRONG[name]
    study = tmp_path / "s.yaml"
    study.write_text(searching(search), encoding="utf8")
    done = command("sweep", study, "--out", tmp_path / "run")
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1), done.err
    for message in messages:
        assert message in done.err, done.err
    assert not (tmp_path / "run").exists()


def test_a_start_from_a_run_of_another_study_is_refused(tmp_path: Path, command: Command, small_run: Run) -> None:
    study = tmp_path / "s.yaml"
    text = searching(f"method: nsga2, start: {small_run.path}", ("[6 GB, 12 GB, 24 GB]", "[6 GB, 12 GB]"))
    study.write_text(text.replace("node: 5nm", "node: 3nm"), encoding="utf8")
    done = command("sweep", study, "--out", tmp_path / "run")
    assert done.code == 2
    assert "is a run of another study: design, technology differ" in done.err
    assert not (tmp_path / "run").exists()


def test_a_study_keeps_its_search_when_it_is_written_and_read() -> None:
    study = load(searching("method: sms-emoa, population: 30, stagnation: 9"))
    assert load(study.to_yaml()).search == study.search
    assert study.search.model_dump(exclude_none=True) == {
        "method": "sms-emoa",
        "population": 30,
        "generations": 200,
        "start": "sobol",
        "stagnation": 9,
        "seed": 1,
    }
    assert load(SMALL).to_yaml() == load(searching("method: grid, population: null")).to_yaml()


def test_what_an_algorithm_cannot_take_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert unusable("nsga2", 1, 2) is None
    assert "nsga2 takes one" in str(unusable("sms-emoa", 1, 100))
    monkeypatch.setattr("sweeps.algorithms.find_spec", lambda name: None)
    assert unusable("age-moea2", 4, 100) == "age-moea2 needs the package numba: pip install numba"


@pytest.mark.parametrize(("objectives", "most", "count"), [(2, 100, 100), (4, 100, 84), (6, 21, 21), (3, 3, 3)])
def test_reference_directions_fill_the_simplex_as_finely_as_fits(objectives: int, most: int, count: int) -> None:
    directions = reference_directions(objectives, most)
    assert directions.shape == (count, objectives)
    assert directions.sum(axis=1) == pytest.approx(1.0)
