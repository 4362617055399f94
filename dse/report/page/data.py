"""The numbers of a page about a run, as plain data: every float as ``evaluate`` gave it, nothing rounded."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dse.baselines import marks
from dse.efficiency_text import short_efficiency
from dse.pictures import cloud, minimized
from dse.report.empty_fronts import no_front
from dse.report.leaning import said_of_leaning
from dse.report.page.designs import Taken
from dse.report.page.maps import binding_maps
from dse.report.page.spreads import spreads
from dse.report.searches import counts, no_exact_front
from dse.technologies import study_rows
from dse.uncertainty import defined
from results.columns import COLUMNS, Column
from results.front import knee
from results.labels import axis_label, display

if TYPE_CHECKING:
    import pandas as pd

    from dse.runs import Run

MOST_BYTES = 2_000_000
"""Of the numbers of the front; a longer front is thinned out, which the page says."""

LEAST_ROWS = 100
MOST_TAKEN, MOST_TAKEN_BYTES = 200, 1_500_000
"""Designs whose operators and ledgers are in the page, about 10 ms each, and the room they may take."""

MOST_CLOUD = 2000
WIDE = 5.0
"""Ratio of the most to the least of a column from which its axis is logarithmic."""

_BYTES_PER_NUMBER = 20


def page_data(run: Run) -> dict[str, Any]:
    """Return everything a page about a run shows.

    Parameters
    ----------
    run : Run

    Returns
    -------
    dict
        Plain data for JSON; numbers in stored units, missing ones None.
    """
    front = _joined(run)
    study, objectives = run.study, run.objectives
    found = {
        "name": study.name,
        "lines": counts(run),
        "efficiency": short_efficiency(study),
        "objectives": objectives,
        "constraints": list(study.constraints),
        "constants": [vars(row) for row in study_rows(study)],
        "provenance": _provenance(run),
        "study": study.text,
        "front": len(front),
        "wide": WIDE,
    }
    if front.empty:
        nothing = no_exact_front(run.manifest) if run.manifest["method"] == "exact" else no_front(run)
        return found | {"count": 0, "nothing": nothing, "columns": [], "axes": [], "rows": {}, "picks": [], "cloud": {}}
    kept = _kept(run, front)
    rows = front.iloc[kept].reset_index(drop=True)
    axes = {axis.path for axis in study.scenario_axes}
    sampled = defined(run.problem)
    columns = [_column(str(name), rows[name], objectives, axes, sampled) for name in rows.columns]
    moving = [
        one["name"] for one in columns if one["kind"] in ("design", "scenario") and rows[one["name"]].nunique() > 1
    ]
    picks = _picks(run, rows)
    taken = Taken(study, objectives, energy=True)
    points = rows["point"].tolist()
    for position in _order(rows, [pick["row"] for pick in picks], next(iter(objectives))):
        if taken.bytes < MOST_TAKEN_BYTES:
            taken.add_point(position, run.problem, int(points[position]))
    held = [int(row) for row in taken.data()["designs"]]
    best = dict.fromkeys(pick["row"] for pick in picks)
    return found | {
        "count": len(rows),
        "columns": columns,
        "axes": [*moving, *objectives],
        "rows": {str(name): _plain(rows[name].to_numpy()) for name in rows.columns},
        "picks": picks,
        "leaning": said_of_leaning(run, run.front(), run.uncertainty()) if study.uncertainty else [],
        "cloud": _cloud(run),
        "marks": [
            {"label": mark.label, "note": mark.note, "values": {k: _plain(v) for k, v in mark.values.items()}}
            for mark in marks(run, front)
        ],
        "spreads": spreads(run, held, [points[row] for row in held]),
        "maps": binding_maps(run.problem, [(row, int(points[row])) for row in best]),
        **taken.data(),
    }


def _joined(run: Run) -> pd.DataFrame:
    """The front without margins, with percentiles and chances where the study asks for samples."""
    front = run.front()
    keep = [
        name for name in front.columns if not str(name).startswith("margin_") and name not in ("feasible", "reason")
    ]
    front = front[keep]
    if run.study.uncertainty is None or front.empty:
        return front
    return front.merge(run.uncertainty(), on="point", how="left")


def _kept(run: Run, front: pd.DataFrame) -> NDArray[np.int64]:
    """Positions of the designs that fit into the page: all, or the best ones and an even choice by first objective."""
    most = max(LEAST_ROWS, MOST_BYTES // (_BYTES_PER_NUMBER * len(front.columns)))
    if len(front) <= most:
        return np.arange(len(front))
    first = next(iter(run.objectives))
    order = np.argsort(front[first].to_numpy(), kind="stable")
    even = order[np.linspace(0, len(front) - 1, most - len(run.objectives) - 1).round().astype(np.int64)]
    return np.unique(np.concatenate([even, np.array([pick["row"] for pick in _picks(run, front)])]))


def _picks(run: Run, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The best design of each objective, and the knee."""
    found = [{"name": "knee", "row": int(knee(minimized(run, rows)))}]
    for name, direction in run.objectives.items():
        values = rows[name].to_numpy()
        best = int(values.argmax() if direction == "max" else values.argmin())
        found.append({"name": f"best {COLUMNS[name].label or name}", "row": best})
    return found


def _order(rows: pd.DataFrame, first: list[int], objective: str) -> list[int]:
    """Positions of the designs to take apart: those first, then evenly by an objective."""
    order = np.argsort(rows[objective].to_numpy(), kind="stable")
    even = order[np.linspace(0, len(rows) - 1, min(len(rows), MOST_TAKEN)).round().astype(np.int64)]
    return list(dict.fromkeys([*first, *even.tolist()]))[:MOST_TAKEN]


def _column(
    name: str, values: pd.Series[Any], objectives: dict[str, Any], axes: set[str], sampled: dict[str, Column]
) -> dict[str, Any]:
    known = COLUMNS.get(name)
    if known is None and name in sampled and name not in axes:
        of = COLUMNS.get(name.rpartition("_")[0], sampled[name])  # whose unit people are shown
        found = about(name, of, "uncertainty", sampled[name].label or name, values)
        return found | {"better": None, "meaning": sampled[name].meaning}
    if known is None:
        meaning = f"value of {name} in the study"
        return about(name, Column(name, "1", meaning, None, "design", name), "scenario", name, values)
    kind = "objective" if name in objectives else known.kind
    return about(name, known, kind, known.label or name, values) | {"better": objectives.get(name, known.better)}


def about(name: str, column: Column, kind: str, label: str, values: pd.Series[Any]) -> dict[str, Any]:
    """Return what a page says of a column: its names, units, and how its axis is drawn for these values."""
    text = values.dtype.kind not in "iufb"
    unit = "" if text else display(column.name, np.array([1.0]))[1] if column.name in COLUMNS else ""
    numbers = values.to_numpy() if not text else np.array([])
    positive = len(numbers) > 0 and bool(np.all(np.isfinite(numbers)) and np.min(numbers) > 0)
    return {
        "name": name,
        "label": label,
        "unit": unit,
        "size": column.shown_size,
        "stored": column.unit,
        "kind": kind,
        "better": column.better,
        "meaning": column.meaning,
        "text": text,
        "levels": sorted(map(str, set(values))) if text else None,
        "log": positive and float(np.max(numbers)) > WIDE * float(np.min(numbers)),
        "axis": axis_label(name) if name in COLUMNS else label,
    }


def _cloud(run: Run) -> dict[str, list[Any]]:
    """Feasible designs behind the front, an even choice of the stored ones."""
    frame = cloud(run)
    if len(frame) > MOST_CLOUD:
        frame = frame.iloc[np.linspace(0, len(frame) - 1, MOST_CLOUD).round().astype(np.int64)]
    return {name: _plain(frame[name].to_numpy()) for name in run.objectives}


def _provenance(run: Run) -> list[list[str]]:
    m = run.manifest
    rows = [["study", f"sha256 {m['study_sha256']}"], ["data tables", f"sha256 {m['data_sha256']}"]]
    rows += [["search", m["method"]], ["efficiency", m["efficiency"]]]
    rows += [["started", m["started"]], ["finished", m["finished"]], ["seconds", repr(m["seconds"])]]
    rows += [[name, version] for name, version in sorted(m["versions"].items())]
    return [[str(name), str(value)] for name, value in rows]


def _plain(values: NDArray[Any]) -> list[Any]:
    """A column as JSON holds it: floats by their shortest exact form, missing ones None."""
    listed = values.tolist()
    return [None if isinstance(value, float) and not math.isfinite(value) else value for value in listed]
