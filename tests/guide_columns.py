"""The page of the guide on columns, made of their definitions: ``python tests/guide_columns.py`` writes it again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from results.columns import COLUMNS, Column
from results.metric_columns import COST, DESIGN, POWER, QUALITY, SPEED
from results.uncertainty_columns import uncertainty_columns

PAGE = Path(__file__).parents[1] / "notebooks" / "guide" / "columns.md"

INTRODUCTION = """\
# Columns

[The guide](README.md)

Every column a result may hold, as `dse columns` lists them (this page is made of the same definitions:
`python tests/guide_columns.py`). Values in files and in Python are in the unit given here; tables and pictures show
some of them in others, such as GB/s or ms. Any metric may be an objective of a study, and limited by a
[constraint](study.md#constraints). *Better* is the direction a buyer wants.

A mix of several workloads has the latencies of the worst of them, and the rates, energies and costs of all together.
Metrics are of the deployment, or of one chip where that is said. A design that cannot hold the model has no times.
"""
STATUS = "Each row has these beside its design and its metrics."
MARGINS = """\
How far a design is from a limit, relative to it: 0 or less is feasible. Each constraint of the study has one too,
`margin_constraint_0`, `margin_constraint_1`, and so on."""
UNCERTAINTY = """\
In `uncertainty.parquet` of a run, and from `dse front RUN --uncertainty`: for each objective its 5th, 50th and 95th
percentile, such as `tpot_s_p5`, `tpot_s_p50` and `tpot_s_p95`, and"""


def table(columns: Iterable[Column]) -> str:
    """A table of columns in Markdown."""
    rows = [
        f"| `{one.name}` | {'' if one.unit == '1' else f'`{one.unit}`'} | {one.better or ''} | {one.meaning} |"
        for one in columns
    ]
    return "\n".join(["| column | unit | better | what it is |", "|---|---|---|---|", *rows])


def page() -> str:
    """The whole page."""
    chances = [one for name, one in uncertainty_columns([], []).items() if name != "point"]
    parts = {
        "Design": table(DESIGN),
        "Speed": table(SPEED),
        "Power and energy": table(POWER),
        "Cost and carbon": table(COST),
        "Quality": table(QUALITY),
        "Margins": f"{MARGINS}\n\n{table(one for one in COLUMNS.values() if one.kind == 'margin')}",
        "Status": f"{STATUS}\n\n{table(one for one in COLUMNS.values() if one.kind == 'status')}",
        "Uncertainty": f"{UNCERTAINTY}\n\n{table(chances)}",
    }
    return "\n".join([INTRODUCTION, *(f"## {title}\n\n{text}\n" for title, text in parts.items())])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf8")
