"""Tornado and Sobol' indices of studies: against single evaluations, known answers, and `dse sensitivity`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import yaml
from conftest import Command
from small_run import SMALL, assert_same_bits
from test_uncertainty import collapsed

import dse
from costmodels.distributions import draw
from dse.errors import StudyError
from dse.plan import problem_of
from dse.runs import Run
from sweeps.evaluate import evaluate
from sweeps.middle import middle_point
from sweeps.problem import Problem
from sweeps.scenario import Scenario, with_constants
from sweeps.sensitivity import Input, _Place, family_inputs, sobol, tornado
from sweeps.space import Columns

OBJECTIVES = ("decode_tokens_per_s", "energy_j_per_token", "tco_usd_per_mtoken", "carbon_g_per_mtoken")
AXES = {"technology.node": ["7nm", "3nm", "5nm"], "workloads.0.batch": [4, 1, 2]}


def study(axes: Mapping[str, Any] = MappingProxyType({}), **constants: Any) -> dict[str, Any]:
    tree: dict[str, Any] = yaml.safe_load(SMALL)
    tree["design"] |= axes
    if constants:
        tree["technology"]["constants"] = constants
    return tree


@pytest.fixture(scope="module")
def axed() -> Problem:
    return problem_of(dse.load(study(AXES)))


@pytest.fixture(scope="module")
def one() -> Problem:
    return problem_of(dse.load(SMALL))


def single(design: Columns, scenario: Scenario, column: str) -> float:
    with np.errstate(all="ignore"):
        return float(np.ravel(evaluate(design, scenario)[column])[0])


def at(problem: Problem, point: int) -> tuple[int, Columns]:
    scenarios, design = problem.space.designs(np.array([point], dtype=np.int64))
    return int(scenarios[0]), design


def test_every_end_of_the_tornado_is_one_plain_evaluation(axed: Problem) -> None:
    number, design = at(axed, middle_point(axed)[0])
    given, ranges = axed.scenario(number), axed.scenario(number).ranges
    found = tornado(axed, design, number, OBJECTIVES)
    kinds = {swing.input.name: swing.input.kind for swing in found.swings}
    assert {name for name, kind in kinds.items() if kind == "scenario"} == set(AXES)
    assert {name for name, kind in kinds.items() if kind == "design"} == set(design)
    assert len(kinds) == len(found.swings) > 40
    for column in OBJECTIVES:
        assert found.base[column] == single(design, given, column)
    for swing in found.swings:
        name = swing.input.name
        for k, level in enumerate(swing.levels):
            if swing.input.kind == "constants":
                ends = draw(ranges, {name: np.array([float(k)])})
                expected = [
                    single(design, with_constants(given, {n: float(v[0]) for n, v in ends.items()}), column)
                    for column in OBJECTIVES
                ]
                assert set(ends) == {c.name for c in swing.input.constants}
            elif swing.input.kind == "design":
                expected = [single({**design, name: np.array([level])}, given, column) for column in OBJECTIVES]
            else:
                levels = list(axed.space.scenario_levels(number))
                levels[list(AXES).index(name)] = AXES[name].index(level)
                other = axed.scenario(levels[0] * 3 + levels[1])
                expected = [single(design, other, column) for column in OBJECTIVES]
            np.testing.assert_array_equal([swing.values[column][k] for column in OBJECTIVES], expected, err_msg=name)
    assert found.evaluations == 1 + sum(len(swing.levels) for swing in found.swings)


def test_axes_of_numbers_have_two_ends_and_axes_of_names_all_levels(axed: Problem) -> None:
    number, design = at(axed, middle_point(axed)[0])
    swings = {s.input.name: s for s in tornado(axed, design, number, OBJECTIVES).swings}
    assert swings["workloads.0.batch"].levels == (1, 4)
    assert swings["technology.node"].levels == ("7nm", "3nm", "5nm")
    assert swings["dram_bytes"].levels == (6e9, 24e9)
    low, high = swings["technology.node"].ends("tco_usd_per_mtoken")
    values = swings["technology.node"].values["tco_usd_per_mtoken"]
    assert (values[low], values[high]) == (min(values), max(values))


def test_the_largest_swings_come_first_and_what_changes_nothing_is_left_out(one: Problem) -> None:
    number, design = at(one, middle_point(one)[0])
    found = tornado(one, design, number, ("bom_usd",))
    order = found.largest("bom_usd", 100)
    spreads = [swing.spread("bom_usd", found.base["bom_usd"]) for swing in order]
    assert spreads == sorted(spreads, reverse=True)
    assert min(spreads) > 0
    names = {swing.input.name for swing in order}
    assert "memory_price" in names
    assert "grid_kg_per_j" not in names  # carbon of electricity costs nothing


def test_rows_of_the_sobol_scheme_are_plain_evaluations(axed: Problem) -> None:
    """The naive twin of the vectorized rows: each its own design, scenario and constants, as scalars."""
    space = axed.space
    everywhere = range(space.scenarios)
    names = sorted({i.name for n in everywhere for i in family_inputs(axed.scenario(n).ranges)})
    inputs = [Input(name, "constants") for name in names]
    inputs += [Input(axis.name, "design") for axis in space.axes]
    inputs += [Input(axis.name, "scenario") for axis in axed.scenario_columns]
    u = np.random.default_rng(3).random((len(inputs), 40))
    found = _Place(axed, OBJECTIVES, tuple(inputs), None, 0).respond(u)
    for row in range(40):
        of = {what.name: float(u[i, row]) for i, what in enumerate(inputs)}
        design = {axis.name: np.array([axis.values[int(of[axis.name] * len(axis.values))]]) for axis in space.axes}
        number = 0
        for axis in axed.scenario_columns:
            number = number * len(axis.values) + int(of[axis.name] * len(axis.values))
        given = axed.scenario(number)
        constants = draw(given.ranges, {name: np.array([of[name]]) for name in names})
        scenario = with_constants(given, {name: float(value[0]) for name, value in constants.items()})
        np.testing.assert_array_equal(found[:, row], [single(design, scenario, column) for column in OBJECTIVES])
    assert np.isfinite(found).any()


def variance(low: float, peak: float, high: float) -> float:
    """Of a triangular distribution."""
    squares = low * low + peak * peak + high * high
    return (squares - low * peak - low * high - peak * high) / 18


def test_a_bill_of_materials_that_is_linear_in_two_prices_has_known_indices() -> None:
    """bom = assembly (silicon + package_usd + D dram_usd + F flash_usd): shares are those of slope² times variance."""
    package, memory = (10.0, 12.0, 30.0), (3e-9, 4e-9, 8e-9)
    fixed = {k: v for k, v in collapsed().items() if k not in ("package_usd", "dram_usd_per_byte")}
    ranged = {
        name: {"low": low, "value": value, "high": high}
        for name, (low, value, high) in {"package_usd": package, "dram_usd_per_byte": memory}.items()
    }
    problem = problem_of(dse.load(study(**fixed, **ranged)))
    number, design = at(problem, middle_point(problem)[0])
    bought = float(design["dram_bytes"][0])
    found = sobol(problem, ["bom_usd"], design=design, scenario=number, samples=4096)
    assert [what.name for what in found.inputs] == ["memory_price", "packaging_price"]
    parts = np.array([variance(*memory) * bought**2, variance(*package)])
    assert found.indices.first[:, 0] == pytest.approx(parts / parts.sum(), abs=0.01)
    assert found.indices.total[:, 0] == pytest.approx(parts / parts.sum(), abs=0.01)


def test_nothing_that_varies_is_an_error() -> None:
    tree = study(**collapsed())
    problem = problem_of(dse.load(tree))
    number, design = at(problem, 130)
    with pytest.raises(ValueError, match="nothing varies"):
        sobol(problem, ["bom_usd"], design=design, scenario=number)


def test_the_middle_is_the_geometric_one_or_the_nearest_feasible(one: Problem) -> None:
    point, itself = middle_point(one)
    table = one.table(np.arange(450))
    assert bool(np.asarray(table["feasible"])[point])
    _, design = at(one, point)
    if itself:
        assert design["dram_bytes_per_s"][0] == pytest.approx(100e9)
    wide = problem_of(dse.load({**study(), "constraints": []}))
    assert middle_point(wide)[0] >= 0
    none = problem_of(dse.load({**study(), "constraints": ["ttft <= 1 us"]}))
    with pytest.raises(ValueError, match="none of 450 designs of the space is feasible"):
        middle_point(none)


def test_the_table_names_design_inputs_and_evaluations(command: Command, study_file: Path) -> None:
    done = command("sensitivity", study_file, "--samples", 16, "--top", 3)
    assert done.code == 0, done.err
    assert "design " in done.out
    assert "middle" in done.out
    assert done.out.count("one at a time") == done.out.count("at the design") == len(OBJECTIVES)
    assert "evaluations" in done.out
    assert "Constants of one family move together" in " ".join(done.out.split())


def test_a_run_is_looked_at_from_its_knee(command: Command, small_run: Run) -> None:
    done = command("sensitivity", small_run.path, "--method", "tornado")
    assert done.code == 0, done.err
    assert "the knee of the front" in done.out
    assert "Sobol" not in done.out


def test_csv_and_json_hold_the_same_numbers(command: Command, study_file: Path) -> None:
    chosen = ("sensitivity", study_file, "--samples", 16, "--design", 130, "--objective", "bom_usd")
    rows = list(csv.DictReader(io.StringIO(command(*chosen, "--format", "csv").out)))
    told = json.loads(command(*chosen, "--format", "json").out)
    assert {row["method"] for row in rows} == {"tornado", "sobol"}
    for method in ("tornado", "sobol"):
        mine = [row for row in rows if row["method"] == method]
        assert [row["input"] for row in mine] == [row["input"] for row in told[method]]
    totals = [float(row["total"]) for row in rows if row["method"] == "sobol"]
    assert totals == [row["total"] for row in told["sobol"]]
    assert told["sobol_over"] == "constants"
    assert told["point"] == 130
    assert told["columns"] == {"bom_usd": "USD"}


def test_a_design_by_its_values_is_the_point(study_file: Path, one: Problem) -> None:
    _, design = at(one, 130)
    text = ", ".join(f"{name}={float(value[0])!r}" for name, value in design.items())
    by_point, by_text = (dse.sensitivity(study_file, which, method="tornado") for which in (130, text))
    assert_same_bits(by_point.frame(), by_text.frame())
    assert len(by_point.frame()) > 40


@pytest.mark.parametrize("dark", [False, True])
def test_the_picture_is_written(command: Command, study_file: Path, tmp_path: Path, dark: bool) -> None:
    more = ("--theme", "dark") if dark else ()
    for name in ("one.png", "two.svg"):
        done = command("sensitivity", study_file, "--samples", 16, "--plot", tmp_path / name, *more)
        assert done.code == 0, done.err
        assert (tmp_path / name).stat().st_size > 10_000
    text = (tmp_path / "two.svg").read_text(encoding="utf8")
    assert "TCO [USD/Mtoken]" in text
    assert "share of the variance of TCO" in text
    assert ("#14171a" in text) == dark


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--objective", "tco_usd_per_mtokn"), 'did you mean "tco_usd_per_mtoken"?'),
        (("--objective", "point"), 'there is no metric "point"'),
        (("--method", "tornadoe"), 'did you mean "tornado"?'),
        (("--samples", "0"), "expected a power of two from 16 to 65,536 as samples, got 0"),
        (("--samples", "100"), "expected a power of two"),
        (("--seed", "-1"), "seed of at least 0, got -1"),
        (("--design", "450"), "points go from 0 to 449, got 450"),
        (("--design", "sram=2 MiB, colour=red"), 'no axis "colour"'),
        (("--plot", "picture.pdf"), "a file that ends in .png or .svg"),
    ],
)
def test_wrong_arguments_exit_with_2(
    command: Command, study_file: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = command("sensitivity", study_file, *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_a_design_that_cannot_work_says_so(command: Command, study_file: Path) -> None:
    done = command("sensitivity", study_file, "--design", 0, "--method", "tornado")
    assert done.code == 0
    assert "this design is infeasible" in done.out
    with pytest.raises(StudyError, match="only 0 have a number everywhere"):
        dse.sensitivity(SMALL.replace("dram:           [6 GB", "dram:           [1 GB"), 0, samples=16, method="sobol")
