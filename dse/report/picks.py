"""Picks of a front as a table with a column each, and a line for why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dse.report.tables import DESIGN, number, text_table
from dse.units import level_text
from results.columns import COLUMNS
from results.labels import axis_label, display

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from dse.runs import Run


def picks_table(picks: pd.DataFrame, run: Run) -> str:
    """Return picked designs side by side, and below why each was picked."""
    why = [f"{name}: {reason}" for name, reason in zip(picks["pick"], picks["why"], strict=True)]
    return "\n".join([text_table(["", *picks["pick"]], picks_rows(picks, run.objectives), left=1), "", *why])


def picks_rows(picks: pd.DataFrame, objectives: Iterable[str]) -> list[list[str]]:
    """Return what people are shown of picked designs, a row each, a cell per design after the label."""
    rows = [["point", *(str(point) for point in picks["point"])]]
    rows += [
        [name, *(level_text(value) for value in picks[name])]
        for name in picks.columns
        if name not in COLUMNS and name not in ("pick", "why") and not name.startswith("margin_constraint_")
    ]
    for name in dict.fromkeys((*DESIGN, *objectives)):
        values = display(name, picks[name].to_numpy())[0]
        rows.append([axis_label(name), *(number(float(value)) for value in values)])
    return rows
