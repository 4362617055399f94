"""Picks of a front: the best, the knee, by weights, within limits; each says why, and nonsense is told."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from conftest import Command

import dse
from dse.column_names import column_named
from dse.pictures import minimized
from dse.report.picks import picks_rows
from dse.report.tables import front_cells
from dse.runs import Run
from results.columns import COLUMNS
from results.scaling import unit_scaled


def test_the_best_of_each_objective_and_the_knee(small_run: Run) -> None:
    front, picks = small_run.front(), dse.pick(small_run)
    assert picks["pick"].tolist() == ["best decode rate", "best energy", "best TCO", "best carbon", "knee"]
    for row, (name, way) in enumerate(small_run.objectives.items()):
        assert picks[name][row] == (front[name].max() if way == "max" else front[name].min())
    scaled = unit_scaled(minimized(small_run, front))
    assert picks["point"].iloc[-1] == front["point"][int((scaled**2).sum(axis=1).argmin())]
    assert picks["why"][0].startswith(
        f"the highest decode rate of {len(front)} designs; of the way to the best: decode"
    )
    assert "decode rate 100 %" in picks["why"][0]


def test_weights_decide(small_run: Run) -> None:
    front = small_run.front()
    one = dse.pick(small_run, weights={"tco_usd_per_mtoken": 1})
    assert one["tco_usd_per_mtoken"].item() == front["tco_usd_per_mtoken"].min()
    both = {"decode_tokens_per_s": 1.0, "carbon_g_per_mtoken": 3.0}
    scaled = unit_scaled(minimized(small_run, front))
    expected = front["point"][int((scaled @ np.array([1.0, 0.0, 0.0, 3.0])).argmin())]
    picks = dse.pick(small_run, weights=both, knee=True)
    assert picks["pick"].tolist() == ["by weights", "knee"]
    assert picks["point"][0] == expected
    assert "decode rate 1, carbon 3" in picks["why"][0]


@pytest.mark.parametrize("name", ["tco", "TCO", "tco_usd_per_mtoken"])
def test_an_objective_is_called_as_tables_and_constraints_call_it(name: str, small_run: Run, command: Command) -> None:
    whole = dse.pick(small_run, weights={"tco_usd_per_mtoken": 2, "decode_tokens_per_s": 1})
    done = command("pick", small_run.path, "--weights", f"{name}=2, decode rate=1", "--format", "json")
    assert [row["point"] for row in json.loads(done.out)] == whole["point"].tolist()


@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_answers_to_its_own_name_in_full(column: str) -> None:
    assert column_named(column, COLUMNS, "column") == column


def test_a_name_of_several_columns_is_asked_about() -> None:
    both = ["tco_usd_per_mtoken", "tco_usd_per_hour"]
    with pytest.raises(ValueError, match=re.escape('"tco" may mean tco_usd_per_mtoken or tco_usd_per_hour; write one')):
        column_named("tco", both, "column")
    assert column_named("tco", both[1:], "column") == both[1]


def test_only_designs_within_the_limits(small_run: Run, command: Command) -> None:
    limit = small_run.front()["peak_power_w"].median()
    picks = dse.pick(small_run, within=[f"peak_power_w <= {limit}"])
    assert (picks["peak_power_w"] <= limit).all()
    front = small_run.front()
    allowed = front[front["peak_power_w"] <= limit]
    assert picks["decode_tokens_per_s"][0] == allowed["decode_tokens_per_s"].max()
    done = command("pick", small_run.path, "--within", f"peak_power <= {limit} W", "--within", "ttft <= 4 s")
    assert done.code == 0
    assert f"of {len(allowed)} designs with peak_power <= {limit} W and ttft <= 4 s" in done.out
    none = command("pick", small_run.path, "--within", "peak_power <= 1 mW")
    assert none.code == 1
    assert f"peak_power <= 1 mW: 0 of {len(front)} designs; the front goes to peak power [W] " in none.err


def test_one_design_is_one_design(small_run: Run, command: Command) -> None:
    most = float(small_run.front()["decode_tokens_per_s"].max())
    told = command("pick", small_run.path, "--within", f"decode_tokens_per_s >= {most!r}").out
    assert "the highest decode rate of 1 design with decode_tokens_per_s >=" in told


def test_the_level_of_a_range_is_told_in_few_digits(small_run: Run) -> None:
    level = {"deployment.electricity": "2.7777777777777777e-08 USD/joule"}
    picks = dse.pick(small_run, knee=True).assign(**level)
    assert ["deployment.electricity", "0.1 USD/kWh"] in picks_rows(picks, small_run.objectives)
    assert ["0.1 USD/kWh"] in front_cells(small_run.front().assign(**level), small_run.objectives, 1)[1]


def test_pick_for_machines(small_run: Run, command: Command) -> None:
    rows = json.loads(command("pick", small_run.path, "--knee", "--format", "json").out)
    assert [row["pick"] for row in rows] == ["knee"]
    assert command("pick", small_run.path, "--format", "csv").out.startswith("pick,why,point,")


@pytest.mark.parametrize(
    "options, message",
    [
        (
            ("--weights", "tcco=1"),
            'weights: there is no objective "tcco" (did you mean "tco"?); there are decode_tokens_',
        ),
        (("--weights", "decode rte=1"), '(did you mean "decode rate"?)'),
        (
            ("--weights", "ttft=1"),
            'weights: there is no objective "ttft"; there are decode_tokens_per_s, energy_j_per_t',
        ),
        (("--weights", "tco=1,TCO=2"), "weights: tco_usd_per_mtoken is given twice"),
        (("--weights", "tco=1,tco=2"), "weights: tco is given twice"),
        (("--weights", "tco_usd_per_mtoken=-1"), "weights: expected numbers of at least 0, got -1"),
        (("--weights", "tco_usd_per_mtoken=nan"), "weights: expected numbers of at least 0, got nan"),
        (("--weights", "tco_usd_per_mtoken=0"), "weights: expected one above 0"),
        (("--weights", "x"), 'weights: expected OBJECTIVE=NUMBER, got "x"'),
        (("--within", "no_such_column <= 2"), "within: "),
        (("--within", "peak_power == 2 W"), "within: "),
    ],
)
def test_picks_that_make_no_sense(options: tuple[str, str], message: str, small_run: Run, command: Command) -> None:
    done = command("pick", small_run.path, *options)
    assert done.code == 2
    assert message in done.err
