"""Uncertainty against a naive twin and known answers, and what must hold for any designs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from small_run import SMALL, naive_front

import dse
from costmodels.distributions import draw, latin_hypercube
from dse.plan import problem_of
from sweeps import uncertainty as module
from sweeps.evaluate import evaluate
from sweeps.feasible import reason_codes, reasons
from sweeps.problem import Problem
from sweeps.samples import varied_families
from sweeps.scenario import Scenario, with_constants
from sweeps.uncertainty import percentiles, probability_better, uncertainty

SAMPLES = 24
POINTS = np.array([3, 40, 41, 77, 130, 200, 201, 310, 449], dtype=np.int64)


def study(**changes: Any) -> dict[str, Any]:
    tree: dict[str, Any] = yaml.safe_load(SMALL)
    for section, values in changes.items():
        tree[section] = {**tree.get(section, {}), **values}
    return tree


def problem(**changes: Any) -> Problem:
    return problem_of(dse.load(study(**changes)))


def naive_percentile(values: list[float], percent: int) -> float:
    ordered = sorted(value for value in values if math.isfinite(value))
    if not ordered:
        return math.nan
    position = (len(ordered) - 1) * percent / 100.0
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    return min(ordered[low] + (ordered[high] - ordered[low]) * (position - low), ordered[high])


def naive(of: Problem, points: np.ndarray[Any, Any], samples: int, seed: int) -> Mapping[str, Any]:
    """One sample and one design at a time, scalars only."""
    scenarios, designs = of.space.designs(points)
    u = latin_hypercube(varied_families(of, scenarios), samples, seed)
    values: dict[str, list[list[float]]] = {o.column: [[] for _ in points] for o in of.objectives}
    on_front, feasible = [0] * len(points), [0] * len(points)
    why: list[list[int]] = [[] for _ in points]
    for sample in range(samples):
        rows, inside = [], []
        for i, number in enumerate(scenarios.tolist()):
            given = of.scenario(number)
            drawn = draw(given.ranges, u)
            scenario = with_constants(given, {name: float(column[sample]) for name, column in drawn.items()})
            with np.errstate(all="ignore"):
                found = evaluate({name: column[i : i + 1] for name, column in designs.items()}, scenario)
            row = [float(np.broadcast_to(found[o.column], (1,))[0]) for o in of.objectives]
            for o, value in zip(of.objectives, row, strict=True):
                values[o.column][i].append(value)
            if bool(np.broadcast_to(found["feasible"], (1,))[0]) and all(map(math.isfinite, row)):
                feasible[i] += 1
                rows.append(row)
                inside.append(i)
            else:
                code = reason_codes({**found, "feasible": np.zeros(1, dtype=np.bool_)}, of.limits, (1,))
                why[i].append(int(code[0]))
        for winner in naive_front(rows, [o.sign for o in of.objectives]):
            on_front[inside[winner]] += 1
    return {"values": values, "front": on_front, "feasible": feasible, "why": why}


SCENARIOS = {
    "one": problem(),
    "nodes and regions": problem(design={"technology.node": ["5nm", "3nm"], "deployment.grid": ["world", "france"]}),
    "datacenter": problem(
        technology={"dram_kind": "hbm3e", "flash_kind": "none"}, deployment={"segment": "datacenter"}
    ),
    "anchored": problem(modelling={"power": "anchored"}),
    "capped": problem(technology={"power_cap": "20 W"}),
    "several chips": problem(deployment={"chips": 2}),
    "memory that computes": problem(technology={"dram_kind": "gddr6", "flash_kind": "none", "pim": "gddr6-aim"}),
    "flash that computes": problem(
        technology={"pim": "nand-pim", "flash_kind": "hbf"}, modelling={"flash_path": "direct"}
    ),
    "whole units, another yield": problem(technology={"granular": True, "yield_model": "poisson", "dram_kind": "ddr5"}),
    "models that stay": problem(modelling={"resident": "all"}, deployment={"segment": "datacenter", "volume": 1000}),
    "calibrated": problem(modelling={"efficiency": "calibrated", "runtime": "llama.cpp"}),
}


@pytest.mark.parametrize("of", SCENARIOS.values(), ids=SCENARIOS)
def test_the_naive_twin_agrees_bit_for_bit(of: Problem) -> None:
    points = POINTS if of.space.scenarios == 1 else np.concatenate([POINTS, POINTS + of.space.inner_size * 3])
    found, twin = uncertainty(of, points, samples=SAMPLES, seed=7), naive(of, points, SAMPLES, 7)
    assert found.probability_feasible.tolist() == [count / SAMPLES for count in twin["feasible"]]
    assert found.probability_non_dominated.tolist() == [count / SAMPLES for count in twin["front"]]
    usual = [max(sorted(set(codes)), key=codes.count) if codes else 0 for codes in twin["why"]]
    assert list(found.usual_reason) == [reasons(of.limits)[code] for code in usual]
    for column, by_percent in found.percentiles.items():
        for percent, values in by_percent.items():
            expected = [naive_percentile(one, percent) for one in twin["values"][column]]
            np.testing.assert_array_equal(values, expected, err_msg=f"{column} p{percent}")


def test_the_twin_sees_every_kind_of_outcome() -> None:
    """Else the comparison above would prove little."""
    found = uncertainty(SCENARIOS["one"], np.arange(450), samples=SAMPLES, seed=7)
    for share in (found.probability_feasible, found.probability_non_dominated):
        assert (share == 0).any()
        assert ((share > 0) & (share < 1)).any()
    assert (found.probability_feasible == 1).any()
    assert (found.probability_non_dominated <= found.probability_feasible).all()


def test_small_blocks_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    of = SCENARIOS["nodes and regions"]
    points = np.concatenate([POINTS, POINTS + of.space.inner_size])
    whole = uncertainty(of, points, samples=SAMPLES, seed=3)
    monkeypatch.setattr(module, "BLOCK_BYTES", 8 * 4 * 30)
    monkeypatch.setattr(module, "BLOCK_POINTS", 5)
    small = uncertainty(of, points, samples=SAMPLES, seed=3)
    assert whole.probability_feasible.tolist() == small.probability_feasible.tolist()
    assert whole.probability_non_dominated.tolist() == small.probability_non_dominated.tolist()
    for column, by_percent in whole.percentiles.items():
        for percent, values in by_percent.items():
            np.testing.assert_array_equal(values, small.percentiles[column][percent])


def collapsed() -> dict[str, Any]:
    """The small study with every constant at its likely value and no range."""
    ranges = SCENARIOS["one"].scenario(0).ranges
    return {name: c.value for name, c in ranges.items() if c.low < c.high}


def test_without_ranges_every_percentile_is_the_nominal_value() -> None:
    of = problem(technology={"constants": collapsed()})
    points = np.arange(450)
    found, table = uncertainty(of, points, samples=16), of.table(points)
    for column, by_percent in found.percentiles.items():
        for values in by_percent.values():
            np.testing.assert_array_equal(values, np.asarray(table[column]))
    assert found.probability_feasible.tolist() == np.asarray(table["feasible"]).astype(float).tolist()
    assert set(found.probability_non_dominated.tolist()) <= {0.0, 1.0}


def test_a_family_moves_designs_of_all_scenarios_together() -> None:
    """Two grids, drawn over wide ranges: the cleaner one stays the cleaner in every sample."""
    tree = study(design={"deployment.grid": ["world", "france"]})
    tree["objectives"] = {"carbon_g_per_mtoken": "min"}
    of = problem_of(dse.load(tree))
    found = uncertainty(of, np.array([130, 130 + of.space.inner_size]), samples=64)
    assert found.probability_feasible[0] == found.probability_feasible[1] > 0
    assert found.probability_non_dominated.tolist() == [0.0, found.probability_feasible[1]]


@dataclass(frozen=True)
class Packages:
    """Scenario 0 with a package at a known price, scenario 1 with one at a price from 10 to 18 USD, likely 12."""

    base: Scenario
    price_usd: float

    def __call__(self, number: int) -> Scenario:
        known = {**collapsed(), "package_usd": self.price_usd if number == 0 else 12.0}
        ranges = {} if number == 0 else {"package_usd": (10.0, 18.0)}
        return with_constants(replace(self.base, technology=replace(self.base.technology, ranges=ranges)), known)


@pytest.mark.parametrize(("price_usd", "chance"), [(11.0, 1 / 16), (12.0, 1 / 4), (14.0, 2 / 3), (17.0, 1 - 1 / 48)])
def test_the_chance_of_a_cheaper_package_is_the_distribution_at_its_price(price_usd: float, chance: float) -> None:
    """Triangular: F(x) = (x - 10)² / (8 · 2) up to 12, 1 - (18 - x)² / (8 · 6) above."""
    tree = study()
    tree["objectives"] = {"bom_usd": "min"}
    one = problem_of(dse.load(tree))
    two = replace(one, space=replace(one.space, scenario_shape=(2,)), scenario=Packages(one.scenario(0), price_usd))
    point = int(np.flatnonzero(np.asarray(one.table(np.arange(450))["feasible"]))[0])
    points = np.array([point, point + one.space.inner_size])
    found = uncertainty(two, points, samples=512)
    assert found.probability_feasible.tolist() == [1.0, 1.0]
    assert found.probability_non_dominated.tolist() == pytest.approx([1 - chance, chance], abs=1.5 / 512)
    better = probability_better(two, int(points[1]), int(points[0]), samples=512)
    assert better["bom_usd"].a == pytest.approx(chance, abs=1.5 / 512)
    assert better["dominates"] == better["bom_usd"]


def test_a_design_neither_beats_nor_loses_to_itself() -> None:
    found = probability_better(SCENARIOS["one"], 130, 130, samples=16)
    assert {(one.a, one.b) for one in found.values()} == {(0.0, 0.0)}


def test_the_two_sides_of_a_comparison_mirror_each_other() -> None:
    one, other = (probability_better(SCENARIOS["one"], a, b, samples=64) for a, b in ((40, 201), (201, 40)))
    assert {name: (x.a, x.b) for name, x in one.items()} == {name: (x.b, x.a) for name, x in other.items()}


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 449), min_size=1, max_size=12, unique=True), st.integers(0, 99))
def test_percentiles_are_ordered_and_chances_are_chances(points: list[int], seed: int) -> None:
    found = uncertainty(SCENARIOS["one"], np.array(points), samples=16, seed=seed)
    for by_percent in found.percentiles.values():
        low, middle, high = by_percent[5], by_percent[50], by_percent[95]
        known = ~np.isnan(middle)
        assert (low[known] <= middle[known]).all()
        assert (middle[known] <= high[known]).all()
        assert (low[known] >= 0).all()
    assert ((found.probability_feasible >= 0) & (found.probability_feasible <= 1)).all()
    assert (found.probability_non_dominated <= found.probability_feasible).all()
    if (found.probability_feasible == 1).any():
        assert found.probability_non_dominated.sum() >= 1 - 1e-9  # some design is on the front of every sample


@given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(math.nan), st.just(math.inf)), min_size=1, max_size=30))
def test_percentiles_leave_out_what_is_no_number(values: list[float]) -> None:
    found = percentiles(np.array(values)[:, None], (5, 50, 95))[:, 0]
    np.testing.assert_array_equal(found, [naive_percentile(values, percent) for percent in (5, 50, 95)])


@pytest.mark.parametrize("samples", [0, 15, 65537, -1])
def test_unusable_numbers_of_samples_are_refused(samples: int) -> None:
    with pytest.raises(ValueError, match="expected 16 to 65,536 samples"):
        uncertainty(SCENARIOS["one"], POINTS, samples=samples)


def test_a_negative_seed_and_a_point_outside_are_refused() -> None:
    with pytest.raises(ValueError, match="seed of at least 0, got -1"):
        uncertainty(SCENARIOS["one"], POINTS, seed=-1)
    with pytest.raises(IndexError, match="outside the space"):
        uncertainty(SCENARIOS["one"], np.array([450]))


def test_no_designs_have_no_numbers() -> None:
    found = uncertainty(SCENARIOS["one"], np.array([], dtype=np.int64))
    assert found.probability_feasible.shape == (0,)
    assert found.percentiles["tco_usd_per_mtoken"][50].shape == (0,)
