"""``batch: max``: the largest batch of each design, found by bisection, is the one that trying all of them finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from flat_memory import request
from small_run import changed

import dse
from dse.errors import StudyError
from dse.runs import load
from sweeps.evaluate import evaluate
from sweeps.ledger import ledgers
from sweeps.scenario import Deployment, Largest, Modelling, Scenario, Technology, scenario, with_batch, with_constants
from sweeps.space import DESIGN_COLUMNS

pytestmark = pytest.mark.usefixtures("undrawn")

MAX = (("    batch: 1\n", "    batch: max\n    slo: {tpot: 150 ms, ttft: 3 s}\n"), ('"ttft <= 4 s", ', ""))


def scenario_of(largest: Largest, **technology: object) -> Scenario:
    made = scenario(
        [request("llama-3-8b", prompt=2048, output=256)],
        Technology(node="4nm", dram_kind="hbm3", **technology),  # type: ignore[arg-type]
        Deployment(),
        Modelling(),
    )
    return replace(made, largest=largest)


def drawn(count: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    spans = ((8e11, 3e12), (1e14, 1e15), (1e7, 1e8), (60e9, 96e9))
    values = [low * (high / low) ** rng.random(count) for low, high in spans]
    return dict(zip(DESIGN_COLUMNS, [*values, np.zeros(count)], strict=True))


@pytest.mark.parametrize("limits", [Largest(9.0, 0.05, 300), Largest(None, 0.03, 300), Largest(None, None, 300)])
def test_bisection_finds_what_trying_every_batch_finds(limits: Largest) -> None:
    of, designs = scenario_of(limits), drawn(40, seed=1)
    best = np.zeros(40, dtype=int)
    for batch in range(1, limits.most + 1):
        with np.errstate(all="ignore"):
            got = evaluate(designs, with_batch(of, batch))
        fine = (got["margin_fit"] <= 0) & ~np.isnan(got["tpot_s"])
        for name, limit in (("ttft_s", limits.ttft_s), ("tpot_s", limits.tpot_s)):
            fine &= (got[name] <= limit) if limit is not None else True
        best = np.where(fine, batch, best)
    with np.errstate(all="ignore"):
        found = evaluate(designs, of)
    assert np.array_equal(found["batch"], np.maximum(best, 1))
    assert len(np.unique(best)) > 5
    for i in range(40):  # and every column is that of this batch
        one = {name: column[i : i + 1] for name, column in designs.items()}
        with np.errstate(all="ignore"):
            fixed = evaluate(one, with_batch(of, int(found["batch"][i])))
        for name, value in fixed.items():
            assert np.array_equal(np.broadcast_to(value, 1)[0], found[name][i], equal_nan=True), name


def test_blocks_of_a_grid_and_lists_have_the_same_batches() -> None:
    of, designs = scenario_of(Largest(9.0, 0.05)), drawn(6, seed=2)
    block = {name: np.sort(designs[name]).reshape([-1 if k == i else 1 for k in range(5)])
             for i, name in enumerate(DESIGN_COLUMNS[:4])} | {"flash_bytes": np.zeros((1, 1, 1, 1, 1))}  # fmt: skip
    flat = {name: np.broadcast_to(column, (6, 6, 6, 6, 1)).reshape(-1) for name, column in block.items()}
    with np.errstate(all="ignore"):
        one, other = evaluate(block, of), evaluate(flat, of)
    assert one["batch"].shape == (6, 6, 6, 6, 1)
    for name in other:
        assert np.array_equal(one[name].reshape(-1), other[name], equal_nan=True), name


def test_samples_of_constants_have_batches_of_their_own() -> None:
    of, designs = scenario_of(Largest(None, 0.03, 300)), drawn(8, seed=3)
    scales = np.array([[0.5], [1.0], [2.0]])
    name = "sram_bytes_per_s_per_byte"
    with np.errstate(all="ignore"):
        both = evaluate(designs, with_constants(of, {name: scales * of.constants[name]}))
        for i in range(3):
            one = evaluate(designs, with_constants(of, {name: float(scales[i, 0] * of.constants[name])}))
            assert np.array_equal(both["batch"][i], one["batch"])
            assert np.array_equal(both["tokens_per_s"][i], one["tokens_per_s"], equal_nan=True)


def test_a_ledger_is_of_the_batch_that_was_chosen() -> None:
    of = scenario_of(Largest(None, 0.05, 300))
    design = {name: column[:1] for name, column in drawn(1, seed=4).items()}
    got = float(np.ravel(evaluate(design, of)["tco_usd_per_mtoken"])[0])
    assert got > 0
    assert ledgers(design, of, ["tco_usd_per_mtoken"])[0].total == got


def test_a_study_sweeps_with_the_largest_batch_of_each_design(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "max.yaml"
    path.write_text(changed(*MAX), encoding="utf-8")
    run = dse.sweep(path, out=tmp_path / "run")
    every = run.designs()
    feasible = every[every["feasible"]]
    assert len(feasible) > 20
    assert feasible["batch"].max() > 1
    assert (feasible["tpot_s"] <= 0.15).all()
    assert (feasible["ttft_s"] <= 3.0).all()
    slow = every["reason"].astype(str).str.startswith("violates slo: ")
    assert slow.any()
    assert (every.loc[slow, "batch"] == 1).all()
    assert "batch as large as fits with ttft <= 3 s and tpot <= 150 ms" in command("check", path).out
    given = {name: [feasible[name].iloc[0]] for name in DESIGN_COLUMNS}
    assert dse.evaluate(path, given)["batch"].iloc[0] == feasible["batch"].iloc[0]
    assert load(load(path).to_yaml()) == load(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ((("    batch: 1\n", "    batch: maximum\n"),), "expected a whole number from 1 to 100000000, or max"),
        ((("    batch: 1\n", "    batch: 4\n    slo: {tpot: 50 ms}\n"),), "slo needs batch: max"),
        ((("    batch: 1\n", "    batch: [1, max]\n"),), "batch: max is for all of a study"),
        ((("    batch: 1\n", "    batch: max\n    slo: {tpot: 0 ms}\n"),), "expected a time above 0"),
    ],
)
def test_what_a_largest_batch_does_not_go_with(
    tmp_path: Path, changes: tuple[tuple[str, str], ...], message: str
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(changed(*changes), encoding="utf-8")
    with pytest.raises(StudyError, match=message):
        dse.sweep(path, out=tmp_path / "run")


def test_sensitivity_of_a_chosen_batch_is_one_at_a_time(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "max.yaml"
    path.write_text(changed(*MAX), encoding="utf-8")
    done = command("sensitivity", path)
    assert done.code == 2
    assert "Sobol' indices need a batch that is a number" in done.err
    assert command("sensitivity", path, "--method", "tornado").code == 0
