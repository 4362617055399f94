"""``dse validate --costs``: four formats of the same rows, a picture, and wrong questions answered in words."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Command

import dse
from dse.cost_validation import PART_COLUMNS, ROW_COLUMNS, CostValidation
from dse.report.cost_picture import DRAWN, picture
from dse.report.costs import costs_text, markdown_table
from roofline.accelerators import accelerators
from sweeps.cost_comparison import QUANTITIES


@pytest.fixture(scope="module")
def found() -> CostValidation:
    return dse.validate_costs()


def parsed(text: str) -> Any:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_the_api_returns_frames(found: CostValidation) -> None:
    assert tuple(found.rows.columns) == ROW_COLUMNS
    assert tuple(found.summary.columns) == PART_COLUMNS
    assert set(found.summary["quantity"]) == set(QUANTITIES)
    assert len(found.rows) == len(found.comparison.rows)
    rows = found.rows[found.rows["tested"].notna()]
    assert (rows["error"] - (rows["tested"] / rows["published"] - 1.0)).abs().max() < 1e-12
    assert list(found.without_facts.columns) == ["device", "quantity", "reason"]
    assert {"measured_w", "idle", "busy", "dynamic"} <= set(found.energy_shares.columns)


def test_figures_are_those_of_the_rows(found: CostValidation) -> None:
    """By hand: medians and shares of what has not seen its number."""
    for _, part in found.summary.iterrows():
        rows = found.rows[(found.rows["quantity"] == part["quantity"]) & (found.rows["basis"] == part["basis"])]
        if part["device_class"] != "all":
            rows = rows[rows["device_class"] == part["device_class"]]
        assert len(rows) == part["rows"]
        predicted = rows[rows["tested"].notna()]
        assert len(predicted) == part["predicted"]
        assert predicted["in_sample"].sum() == part["in_sample"]
        errors = predicted[~predicted["in_sample"].astype(bool)]["error"].astype(float).abs()
        if len(errors):
            assert part["median_ape"] == pytest.approx(errors.median())
            assert part["within_35"] == pytest.approx((errors <= 0.35).mean())


def test_json_has_the_promised_shape(command: Command) -> None:
    done = command("validate", "--costs", "--format", "json")
    assert done.code == 0, done.err
    value = parsed(done.out)
    assert set(value) == {"units", "rows", "summary", "energy_shares", "without_facts"}
    assert all(tuple(row) == ROW_COLUMNS for row in value["rows"])
    assert all(tuple(part) == PART_COLUMNS for part in value["summary"])
    for quantity in QUANTITIES:
        names = [row["device"] for row in value["rows"] if row["quantity"] == quantity]
        names += [one["device"] for one in value["without_facts"] if one["quantity"] == quantity]
        assert set(names) == {chip.name for chip in accelerators()}
    totals = [part for part in value["summary"] if part["device_class"] == "all"]
    for part in totals:
        missing = [one for one in value["without_facts"] if one["quantity"] == part["quantity"]]
        assert part["without_facts"] == len(missing)


def test_csv_is_the_rows(command: Command, found: CostValidation) -> None:
    done = command("validate", "--costs", "--device", "h200", "--format", "csv")
    assert done.code == 0, done.err
    rows = list(csv.DictReader(io.StringIO(done.out)))
    mine = found.rows[found.rows["device"] == "h200-sxm"]
    assert [row["id"] for row in rows] == list(mine["id"])
    assert [float(row["published"]) for row in rows] == list(mine["published"])


def test_the_table_says_what_it_must(found: CostValidation) -> None:
    said = costs_text(found, "table")
    assert "By quantity" in said
    assert "What measured energy consists of" in said
    line = next(line for line in said.splitlines() if line.startswith("h100-sxm-80gb") and "embodied_kg  " in line)
    assert "in-sample" in line
    assert "dram_kg_per_byte and board_kg_per_w come from it, no other source" in line
    assert "neither context_tokens nor the lengths it would follow from are stated: tmc-0002 (first principles)" in said
    assert "bom_usd: 94 devices: no published number was found" in said
    assert max(map(len, said.splitlines())) < 400


def test_markdown_has_tables(command: Command) -> None:
    done = command("validate", "--costs", "--device", "b200", "--format", "markdown")
    assert done.code == 0, done.err
    assert "| quantity | basis |" in done.out
    assert "| b200-sxm | embodied_kg | given area | 284.0 |" in done.out
    assert markdown_table(["a", "b"], [["x|y", "1"]], left=1) == "| a | b |\n| --- | ---: |\n| x/y | 1 |"


def test_an_unknown_device_is_answered_with_the_nearest(command: Command) -> None:
    done = command("validate", "--costs", "--device", "h101")
    assert done.code == 2
    assert 'unknown hardware "h101"; did you mean h100' in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--costs", "--data", "x.csv"], "--costs: expected no --data"),
        (["--costs", "--operators", "--models", "x"], "--costs: expected no --models, --operators"),
        (["--device", "h100"], "--device goes with --costs"),
        (["--format", "csv"], "--format csv goes with --costs"),
        (["--theme", "dark"], "--theme dark goes with --costs"),
        (["--costs", "--plot", "x.gif"], "--plot: expected a file that ends in .png or .svg"),
    ],
)
def test_what_does_not_go_together_is_refused(command: Command, arguments: list[str], said: str) -> None:
    done = command("validate", *arguments)
    assert done.code == 2
    assert said in done.err
    assert done.out == ""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_picture_is_written(command: Command, tmp_path: Path, theme: str) -> None:
    file = tmp_path / "costs.svg"
    done = command("validate", "--costs", "--device", "h100", "--plot", file, "--theme", theme)
    assert done.code == 0, done.err
    assert f"wrote {file}" in done.err
    assert "predicted power [W]" in file.read_text(encoding="utf8")


def test_the_picture_holds_every_prediction_of_its_basis(found: CostValidation) -> None:
    fig = picture(found)
    drawn = sum(len(collection.get_offsets()) for ax in fig.axes for collection in ax.collections[1:])
    rows = found.rows[found.rows["tested"].notna()]
    wanted = sum(((rows["quantity"] == name) & (rows["basis"] == basis[0])).sum() for name, basis in DRAWN.items())
    assert drawn == wanted > 200
    assert [ax.get_title(loc="left") for ax in fig.axes] == [title for _, title, _ in DRAWN.values()]
