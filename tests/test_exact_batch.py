"""The exact search where each design takes its largest batch: bounds over ranges of batches, and the grid's front."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Command
from drawn_problems import derived_problems, largest_problems
from hypothesis import given, settings
from hypothesis import strategies as st
from small_run import assert_same_bits
from test_exact import SMALL, checked, found

import dse
import sweeps.batch_rules
from dse.plan import problem_of
from roofline.calibration import efficiency, shipped
from roofline.catalog import model, model_names
from roofline.efficiency import as_run
from roofline.operators import Operator, Operators
from roofline.parallel import ONE_CHIP, Parallel
from roofline.phases import decode, prefill
from roofline.precision import Precision
from roofline.runtimes import runtimes
from sweeps.archive import relaxed
from sweeps.audit import audit
from sweeps.batch_ranges import _SAME, _SHARED
from sweeps.batch_rules import BatchCorners, LargestRules, rules_of
from sweeps.exact import Options
from sweeps.problem import Problem
from sweeps.run import run_grid
from sweeps.scenario import Largest, Scenario, with_batch

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # with columns that are no number

CHOOSING = (
    ("    batch: 1\n", "    batch: max\n    slo: {tpot: 150 ms, ttft: 20 s}\n"),
    ("request_latency_s: min", "tokens_per_s: max"),
)


def edge(points: int = 6) -> str:
    text = dse.shipped_studies()["edge-exact"].read_text(encoding="utf8").replace("points: 64", f"points: {points}")
    for old, new in CHOOSING:
        assert old in text
        text = text.replace(old, new)
    return text


@settings(deadline=None, max_examples=30)
@given(problem=largest_problems(), options=SMALL)
def test_exact_is_enumeration_with_batches_that_designs_choose(problem: Problem, options: Options) -> None:
    points, values = run_grid(problem).front.finish()
    search = found(problem, options)
    order = np.argsort(search.archive.points)
    assert search.archive.points[order].tolist() == points.tolist()
    assert np.array_equal(search.archive.values[:, order], values.T)
    k = search.counts
    assert k.dominated + k.flat + k.enumerated + sum(k.broken.values()) == problem.space.size


@settings(deadline=None, max_examples=30)
@given(problem=largest_problems(served=True), options=SMALL)
def test_exact_is_enumeration_with_batches_of_servers_of_every_kind(problem: Problem, options: Options) -> None:
    points, _ = run_grid(problem).front.finish()
    search = found(problem, options)
    assert np.sort(search.archive.points).tolist() == points.tolist()
    assert checked(search).failures == []


@settings(deadline=None, max_examples=20)
@given(problem=largest_problems(most=9, served=True))
def test_the_audit_finds_nothing_wrong_with_servers_of_every_kind(problem: Problem) -> None:
    assert audit(problem, 1000).violations == []


def test_a_batch_that_keeps_up_with_arrivals_has_no_bounds(tmp_path: Path, command: Command) -> None:
    arriving = "    batch: steady\n    serving: {batching: continuous, arrivals: 4 request/s}\n"
    (tmp_path / "steady.yaml").write_text(
        edge().replace("    batch: max\n    slo: {tpot: 150 ms, ttft: 20 s}\n", arriving), encoding="utf8"
    )
    done = command("sweep", tmp_path / "steady.yaml", "--out", tmp_path / "out")
    assert done.code == 2
    assert "search.method: method exact has no bounds for batch: steady" in done.err
    problem = problem_of(dse.load(edge()))
    steady = replace(problem.scenario(0), largest=Largest(tokens_per_s=4.0))
    with pytest.raises(ValueError, match="keeps up with arrivals has no bounds"):
        rules_of(problem, steady)


@settings(deadline=None, max_examples=10)
@given(problem=derived_problems(largest_problems()), options=SMALL)
def test_exact_is_enumeration_with_batches_and_columns_that_follow(problem: Problem, options: Options) -> None:
    points, _ = run_grid(problem).front.finish()
    assert np.sort(found(problem, options).archive.points).tolist() == points.tolist()


@settings(deadline=None, max_examples=10)
@given(problem=largest_problems(), options=SMALL)
def test_the_certificate_holds_with_batches_that_designs_choose(problem: Problem, options: Options) -> None:
    search = found(problem, options)
    assert checked(search).failures == []
    if len(search.archive.points):
        assert checked(search, front=search.archive.points[1:]).failures


@settings(deadline=None, max_examples=10)
@given(problem=largest_problems(positive=True), options=SMALL, epsilon=st.sampled_from([0.001, 0.05, 0.5]))
def test_with_an_epsilon_every_design_is_within_it(problem: Problem, options: Options, epsilon: float) -> None:
    search = found(problem, replace(options, epsilon=epsilon))
    points, values = run_grid(problem).front.finish()
    kept = search.archive.values
    near = kept[:, None, :] <= relaxed(values.T, epsilon)[:, :, None] * (1 + 1e-12 * np.sign(values.T))[:, :, None]
    assert near.all(axis=0).any(axis=1).all()
    assert bool(len(kept.T)) == bool(len(points))
    assert checked(search).failures == []


@settings(deadline=None, max_examples=20)
@given(problem=largest_problems(most=9))
def test_the_audit_finds_nothing_wrong_with_batches_that_designs_choose(problem: Problem) -> None:
    assert audit(problem, 1000).violations == []


def test_a_study_with_batches_that_designs_choose_is_exact(tmp_path: Path, command: Command, no_pictures: None) -> None:
    (tmp_path / "exact.yaml").write_text(edge(), encoding="utf8")
    done = command("sweep", tmp_path / "exact.yaml", "--out", tmp_path / "exact")
    assert done.code == 0, done.err
    grid = dse.sweep(edge().replace("{method: exact, epsilon: 0}", "{method: grid}"), out=tmp_path / "grid")
    front = dse.open_run(tmp_path / "exact").front()
    assert_same_bits(front, grid.front())
    assert front["batch"].nunique() > 5
    certified = command("certify", tmp_path / "exact")
    assert certified.code == 0, certified.err
    assert "boxes cover all 7,776 designs" in certified.out


def test_batches_that_designs_choose_leave_most_designs_alone() -> None:
    search = found(problem_of(dse.load(edge(10))), Options())
    assert min(search.counts.flat, search.counts.dominated) > 0
    assert search.counts.evaluated < search.problem.space.size / 5


def test_bounds_of_too_small_a_batch_are_found_by_the_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = problem_of(dse.load(edge(12)))
    assert audit(problem, 5000).violations == []

    def smallest(given: Scenario, low: int, high: int) -> Scenario:
        return with_batch(given, low)

    monkeypatch.setattr(sweeps.batch_rules, "shared_of", smallest)
    assert any(line.startswith("the bound of energy_j_per_token is above") for line in audit(problem, 5000).violations)


def test_a_batch_that_is_not_the_least_is_found_by_the_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = problem_of(dse.load(edge(12).replace("tokens_per_s: max", "tpot_s: min")))
    assert audit(problem, 5000).violations == []
    right = LargestRules.corners

    def hopeful(self: LargestRules, *ends: Any) -> BatchCorners:
        corners = right(self, *ends)
        corners.least_batch = corners.most_batch
        return corners

    monkeypatch.setattr(LargestRules, "corners", hopeful)
    told = audit(problem, 5000).violations
    assert any(line.startswith("the bound of tpot_s is above a design") for line in told)


def test_every_field_of_an_operator_is_shared_the_same_or_not_asked_for() -> None:
    beside = {"rows", "queries_per_kv_head", "scores", "compute_slowdown"}
    # What techniques make other operators of; no time, byte or joule follows from these.
    beside |= {"matrices", "inputs", "outputs", "stacked", "weight_width", "unpack_ops", "group"}
    assert {field.name for field in fields(Operator)} == {*_SHARED, *_SAME} | beside


def tables(name: str, parallel: Parallel, batch: int) -> list[Operators]:
    """Prefill and decode of a model, as ideal and as run by a stack that expands weights and one that does not."""
    precision = Precision("int4", "fp16", "fp8")
    ideal = [
        prefill(model(name), precision, batch=float(batch), prompt_tokens=300.0, parallel=parallel),
        decode(model(name), precision, batch=float(batch), context_tokens=333.0, steps=63.0, parallel=parallel),
    ]
    found = list(ideal)
    for expands in (False, True):
        stack = next(r for r in runtimes() if r.expands_weights == expands)
        reached = efficiency(shipped(), stack, device_class="none", matrix_units=True, limit_j_per_flop=None)
        found.append(as_run(ideal[0], stack, reached, sequences=float(batch), prompt_tokens=300.0))
        found.append(as_run(ideal[1], stack, reached, sequences=float(batch)))
    return found


BATCHES = (1, 2, 5, 8, 9, 33, 1000)


@pytest.mark.parametrize("parallel", [ONE_CHIP, Parallel(expert=4, data=4)])
def test_what_a_pass_needs_rises_with_the_batch_and_falls_for_each_sequence(parallel: Parallel) -> None:
    """The premise of bounds over ranges of batches, on every model of the catalog."""
    for name in model_names():
        try:
            by_batch = [tables(name, parallel, batch) for batch in BATCHES]
        except ValueError:
            continue  # its experts cannot be spread over four chips
        for table in zip(*by_batch, strict=True):
            for rows in zip(*(operators.rows for operators in table), strict=True):
                for field in _SAME:
                    assert len({getattr(row, field) for row in rows}) == 1, (name, rows[0].name, field)
                for field in _SHARED:
                    slowed = [float(row.compute_slowdown) if field == "flop" else 1.0 for row in rows]
                    values = np.array([getattr(row, field) for row in rows]) * slowed
                    assert (np.diff(values) >= -1e-12 * values[:-1]).all(), (name, rows[0].name, field)
                    each = values / BATCHES
                    # Weights are expanded from some number of rows on: what is 0 before has one step up.
                    each = each[each > 0] if field == "scratch_bytes" else each
                    assert (np.diff(each) <= 1e-12 * each[:-1]).all(), (name, rows[0].name, field)
