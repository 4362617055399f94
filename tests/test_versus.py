"""``dse versus``: two designs in every case that they leave open, with paired samples, and what people get wrong."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from pages import GUIDE
from small_run import changed

import dse
from dse.errors import StudyError
from dse.one_design import cases
from dse.plan import problem_of
from dse.runs import load
from dse.two_designs import DOMINATES

NAMED = (
    ("node: 5nm", "node: 5nm, prices: [2024, 2026]"),
    ("demand: 200000 token/day", "demand: 200000 token/day, volume: [1000, 1000000]"),
    (
        "objectives: {decode",
        "candidates:\n"
        "  quick: {dram_bandwidth: 100 GB/s, compute: 100 TFLOP/s, sram: 8 MiB, dram: 12 GB, flash: 0 GB}\n"
        "  slow: {dram_bandwidth: 25 GB/s, compute: 2 TFLOP/s, sram: 8 MiB, dram: 12 GB, flash: 0 GB}\n"
        "objectives: {decode",
    ),
    ('"peak_power <= 60 W"', '"peak_power <= 300 W"'),
)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "named.yaml"
    path.write_text(changed(*NAMED), encoding="utf-8")
    return path


def test_open_axes_are_the_cases_and_percentiles_are_those_of_the_designs(study: Path) -> None:
    found = dse.versus(study, samples=64, seed=3)
    assert found.names == ("quick", "slow")
    assert [case.scenario for case in found.cases] == [
        {"technology.prices": prices, "deployment.volume": volume}
        for prices in ("2024", "2026")
        for volume in ("1000", "1000000")
    ]
    frame = found.frame()
    assert len(frame) == 4 * 4
    assert (frame["a_p5"] <= frame["a_p50"]).all()
    assert (frame["a_p50"] <= frame["a_p95"]).all()
    # No constant of the cost models makes a chip of a quarter of the bandwidth decode faster.
    faster = frame[frame["column"] == "decode_tokens_per_s"]
    assert (faster["probability_a_better"] == 1.0).all()
    assert (faster["probability_b_better"] == 0.0).all()
    assert (frame["probability_a_better"] + frame["probability_b_better"] <= 1.0).all()


def test_the_other_way_round_is_the_other_way_round(study: Path) -> None:
    one, other = dse.versus(study, "quick", "slow", samples=64), dse.versus(study, "slow", "quick", samples=64)
    for a, b in zip(one.cases, other.cases, strict=True):
        for name in (*one.objectives, DOMINATES):
            assert (a.better[name].a, a.better[name].b) == (b.better[name].b, b.better[name].a)


def test_a_design_against_itself_is_equal(study: Path) -> None:
    for case in dse.versus(study, "quick", "quick", samples=32).cases:
        assert all(better.a == better.b == 0.0 for better in case.better.values())


def test_design_cost_over_the_volume_is_all_that_the_volume_changes(study: Path) -> None:
    few, many = (
        {case.scenario["technology.prices"]: case for case in dse.versus(study, samples=64).cases
         if case.scenario["deployment.volume"] == volume}
        for volume in ("1000", "1000000")
    )  # fmt: skip
    for prices, case in few.items():
        low, high = case.sampled.percentiles, many[prices].sampled.percentiles
        assert np.array_equal(low["energy_j_per_token"][50], high["energy_j_per_token"][50])
        assert np.all(low["tco_usd_per_mtoken"][5] > high["tco_usd_per_mtoken"][95])


def test_the_table_the_csv_and_the_json_say_the_same(study: Path, command: Command) -> None:
    shown = command("versus", study, "--samples", "32")
    assert shown.code == 0
    assert "quick against slow" in shown.out
    rows = list(csv.DictReader(io.StringIO(command("versus", study, "--samples", "32", "--format", "csv").out)))
    whole = json.loads(command("versus", study, "--samples", "32", "--format", "json").out)
    assert (whole["a"], whole["b"], whole["samples"], whole["seed"]) == ("quick", "slow", 32, 1)
    first = whole["cases"][0]["objectives"]["tco_usd_per_mtoken"]
    row = next(row for row in rows if row["column"] == "tco_usd_per_mtoken")
    assert float(row["a_p50"]) == first["a"]["p50"]
    assert float(row["probability_b_better"]) == first["probability_b_better"]


def test_cases_leave_out_what_both_designs_name(study: Path) -> None:
    of = load(study)
    problem = problem_of(of)
    named = "dram_bandwidth=100 GB/s, compute=100 TFLOP/s, sram=8 MiB, dram=12 GB, flash=0 GB"
    found = cases(of, problem, f"{named}, prices=2024", f"{named}, prices=2026")
    assert [said for said, _ in found] == [{"deployment.volume": "1000"}, {"deployment.volume": "1000000"}]
    for _, (a, b) in found:
        assert (a.scenario % 2, b.scenario - a.scenario) == (b.scenario % 2, 2)
    with pytest.raises(StudyError, match=r"technology\.prices is given for some of the designs"):
        cases(of, problem, f"{named}, prices=2024", named)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--a", "quick"), "expected two designs, --a and --b"),
        (("--a", "quick", "--b", "quik"), 'did you mean "quick"?'),
        (("--samples", "3"), "expected 16 to 65,536 samples, got 3"),
        (("--seed", "-1"), "expected a seed of at least 0, got -1"),
        (
            ("--a", "quick", "--b", "dram_bandwidth=99 GB/s, compute=2 TFLOP/s, sram=8 MiB, dram=12 GB, flash=0 GB"),
            "its values must stand on the axes of the study: dram_bytes_per_s 99 GB/s is not one of",
        ),
    ],
)
def test_what_cannot_be_compared_is_an_error(
    study: Path, command: Command, arguments: tuple[str, ...], message: str
) -> None:
    done = command("versus", study, *arguments)
    assert done.code == 2
    assert message in done.err


def test_a_study_without_two_candidates_asks_for_designs(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "plain.yaml"
    path.write_text(changed(), encoding="utf-8")
    done = command("versus", path)
    assert done.code == 2
    assert "the study has 0 candidates: name two designs with --a and --b" in done.err


def test_the_shipped_study_answers_at_both_dates_and_every_volume() -> None:
    found = dse.versus(dse.shipped_studies()["two-chips"], samples=128)
    price = {tuple(case.scenario.values()): case.better["price_usd"] for case in found.cases}
    assert len(price) == 6
    # Memory got dearer for the chip that buys more of it: its lead is smaller at the prices of 2026.
    assert price["2024", "2000000"].b > price["2026", "2000000"].b
    assert price["2024", "20000"].b > 0.9


def test_the_guide_shows_rows_that_the_command_prints(command: Command) -> None:
    """Of the first objective in some cases; blanks apart."""
    page = (GUIDE / "costs.md").read_text(encoding="utf-8")
    shown = [line.split() for line in page.splitlines() if line.startswith(("2024 ", "2026 ", "prices  volume"))]
    printed = [line.split() for line in command("versus", "two-chips").out.splitlines()]
    assert len(shown) == 4
    assert all(line in printed for line in shown)
