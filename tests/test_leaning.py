"""A likely value outside of its own percentiles is explained beside them, by the constants that push it there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import Command
from small_run import changed

import dse
from dse.one_design import one_design
from dse.report.leaning import said_of_leaning
from dse.report.page.data import page_data
from dse.runs import Run
from results.uncertainty_columns import FEASIBLE, REASON, percentile_name
from sweeps.sensitivity import tornado

LEANING = changed(
    ("objectives: {decode", "uncertainty: {samples: 64, seed: 1}\nobjectives: {decode"),
    ("node: 5nm", "node: 5nm, constants: {dram_j_per_byte: {value: 4 pJ/bit, low: 3.9 pJ/bit, high: 80 pJ/bit}}"),
)


@pytest.fixture(scope="module")
def leaning(tmp_path_factory: pytest.TempPathFactory) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dse.pictures.draw", lambda run: [])
        return dse.sweep(LEANING, out=tmp_path_factory.mktemp("leaning") / "run")


def sampled(run: Run, low: float = 0.5, high: float = 2.0, feasible: float = 1.0, reason: str = "") -> pd.DataFrame:
    """Percentiles at a share of each likely value."""
    front = run.front()
    found = {"point": front["point"][::-1], FEASIBLE: feasible, REASON: reason}
    for name in run.objectives:
        found |= {percentile_name(name, p): front[name][::-1] * share for p, share in ((5, low), (95, high))}
    return pd.DataFrame(found)


def test_likely_values_within_their_percentiles_need_no_word(small_run: Run) -> None:
    assert said_of_leaning(small_run, small_run.front(), sampled(small_run)) == []


@pytest.mark.parametrize(
    ("low", "high", "side", "reach"),
    [(1.1, 2.0, "below p5", "up than down"), (0.5, 0.9, "above p95", "down than up")],
)
def test_a_side_is_told_for_every_objective(small_run: Run, low: float, high: float, side: str, reach: str) -> None:
    front = small_run.front()
    lines = said_of_leaning(small_run, front, sampled(small_run, low, high))
    assert [line.split(":")[0] for line in lines] == ["decode rate", "energy", "TCO", "carbon"]
    for line in lines:
        assert f"all {len(front)} designs lie {side}" in line
        assert f"reach further {reach}" in line


def test_one_design_outside_is_counted(small_run: Run) -> None:
    found = sampled(small_run)
    name = percentile_name("carbon_g_per_mtoken", 5)
    found.loc[found.index[3], name] *= 4
    (line,) = said_of_leaning(small_run, small_run.front(), found)
    assert line.startswith(f"carbon: with the likely constants 1 of {len(found)} designs lies below p5")


def test_the_constants_that_are_named_push_that_way(small_run: Run) -> None:
    (line,) = (
        line for line in said_of_leaning(small_run, small_run.front(), sampled(small_run, low=1.1)) if "TCO" in line
    )
    named = line.split("the ranges of ")[1].split(" reach")[0].replace(" and ", ", ").split(", ")
    front = small_run.front()
    design = one_design(small_run.study, small_run.problem, int(dse.pick(small_run, knee=True)["point"].item()))
    moved = tornado(small_run.problem, design.columns, design.scenario, ["tco_usd_per_mtoken"])
    base = moved.base["tco_usd_per_mtoken"]
    assert base in front["tco_usd_per_mtoken"].to_numpy()
    pushes = {
        swing.input.name: float(np.sum(swing.values["tco_usd_per_mtoken"])) - 2 * base
        for swing in moved.swings
        if swing.input.kind == "constants"
    }
    assert named == sorted(pushes, key=lambda name: -pushes[name])[: len(named)]
    assert all(pushes[name] > 0 for name in named)


def test_a_limit_that_samples_break_is_told_with_what_pushes_it(small_run: Run) -> None:
    limit = small_run.problem.limits[0]
    reason = f"violates {limit.text}"
    (line,) = said_of_leaning(small_run, small_run.front(), sampled(small_run, feasible=0.1, reason=reason))
    assert line.startswith(f"P(feasible): all {len(small_run.front())} designs break {limit.text} in most samples")
    assert said_of_leaning(small_run, small_run.front(), sampled(small_run, feasible=0.9, reason=reason)) == []


def test_it_stands_beside_the_percentiles(leaning: Run, command: Command) -> None:
    told = "energy: with the likely constants all"
    whole = " ".join(command("front", leaning.path, "--uncertainty").out.split())
    assert told in whole
    assert "as the ranges of dram_interface_energy reach further up than down" in whole
    assert told in " ".join(command("sweep", Path(leaning.path) / "study.yaml", "--out", leaning.path).out.split())
    assert any(line.startswith(told) for line in page_data(leaning)["leaning"])
