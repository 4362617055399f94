"""A handful of designs of a front to talk about, each with why: the best of an objective, the knee, by weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dse.column_names import column_named
from dse.constraints import Constraint, resolve_constraint
from dse.errors import RunError, StudyError
from dse.pictures import minimized
from results.columns import COLUMNS
from results.front import knee as knee_of
from results.labels import axis_label, counted, display
from results.scaling import unit_scaled

if TYPE_CHECKING:
    import pandas as pd

    from dse.runs import Run

_HOLDS = {"<=": np.less_equal, ">=": np.greater_equal, "<": np.less, ">": np.greater}


def pick(
    run: Run, *, weights: Mapping[str, float] | None = None, knee: bool = False, within: Sequence[str] = ()
) -> pd.DataFrame:
    """Return a handful of designs of a run's front, each with why.

    Parameters
    ----------
    run : Run
    weights : mapping of str to float, optional
        Objective (in full, or as ``tco`` or ``decode rate``) -> how much it counts, against the others: picks the
        design with the least weighted sum of how far each objective is from its best value, on a logarithmic scale
        from 0 (best of the front) to 1 (worst).
    knee : bool
        Whether to pick the design nearest to the best values of all objectives at once.
    within : sequence of str
        Limits such as ``"tco_usd_per_mtoken<=0.2"``: only designs that keep them are picked.

    Returns
    -------
    DataFrame
        ``pick`` and ``why``, then every column of the front. Without weights and knee: the best design of each
        objective and the knee. A notebook shows the objectives and why, side by side.

    Raises
    ------
    StudyError
        If a weight is of no objective, or a limit of no column.
    RunError
        If the front is empty, or none of its designs is within the limits.
    """
    from dse.report.picked import Picks

    front = run.front()
    if front.empty:
        raise RunError(f"{run.path}: the front is empty, there is nothing to pick")
    counts = _checked(weights, run.objectives)
    front = _within(run, front, within)
    values = minimized(run, front)
    scaled = unit_scaled(values)
    of = f"of {counted(len(front), 'design')}" + (f" with {' and '.join(within)}" if within else "")
    chosen: list[tuple[str, int, str]] = []
    if counts is None and not knee:
        for k, (name, way) in enumerate(run.objectives.items()):
            best = "highest" if way == "max" else "lowest"
            chosen.append((f"best {_label(name)}", int(values[:, k].argmin()), f"the {best} {_label(name)} {of}"))
    if counts is not None:
        told = ", ".join(f"{_label(name)} {weight:g}" for name, weight in counts.items() if weight)
        row = int((scaled @ np.array([counts[name] for name in run.objectives])).argmin())
        chosen.append(("by weights", row, f"the least weighted distance from the best {of}: {told}"))
    if knee or counts is None:
        chosen.append(("knee", knee_of(values), f"nearest to the best of all objectives at once {of}"))
    result = front.iloc[[row for _, row, _ in chosen]].reset_index(drop=True)
    result.insert(0, "pick", [name for name, _, _ in chosen])
    result.insert(1, "why", [f"{why}; {_reach(scaled[row], run)}" for _, row, why in chosen])
    result.attrs = front.attrs
    return Picks.of(result, run.objectives)


def _label(name: str) -> str:
    return COLUMNS[name].label or name if name in COLUMNS else name


def _reach(scaled: NDArray[np.float64], run: Run) -> str:
    """Say how much of the way from the worst to the best of each objective a design goes."""
    shares = [f"{_label(name)} {100 * (1 - far):.0f} %" for name, far in zip(run.objectives, scaled, strict=True)]
    return f"of the way to the best: {', '.join(shares)}"


def _checked(weights: Mapping[str, float] | None, objectives: Mapping[str, str]) -> dict[str, float] | None:
    if weights is None:
        return None
    counts: dict[str, float] = {}
    for name, weight in weights.items():
        try:
            column = column_named(name, objectives, "objective")
        except ValueError as error:
            raise StudyError(f"weights: {error}") from None
        if column in counts:
            raise StudyError(f"weights: {column} is given twice")
        counts[column] = float(weight)
        if not (weight >= 0 and np.isfinite(weight)):
            raise StudyError(f"weights: expected numbers of at least 0, got {weight:g} for {name}")
    if not any(counts.values()):
        raise StudyError("weights: expected one above 0")
    return {name: counts.get(name, 0.0) for name in objectives}


def _within(run: Run, front: pd.DataFrame, texts: Sequence[str]) -> pd.DataFrame:
    units = {name: column.unit for name, column in run.problem.columns().items() if name in front.columns}
    keep = np.ones(len(front), dtype=np.bool_)
    told = []
    for text in texts:
        try:
            limit = resolve_constraint(text, units)
        except ValueError as error:
            raise StudyError(f"within: {error}") from None
        column = front[limit.column].to_numpy(dtype=np.float64)
        holds = _HOLDS[limit.op](column, limit.limit)
        keep &= holds
        told.append(_told(limit, column, int(holds.sum())))
    if not keep.any():
        raise RunError("\n".join([f"{run.path}: no design of the front is within the limits", *told]))
    return front[keep].reset_index(drop=True)


def _told(limit: Constraint, column: NDArray[np.float64], count: int) -> str:
    best = column.min() if limit.op in ("<=", "<") else column.max()
    shown = f"{float(display(limit.column, np.array([best]))[0][0]):.4g}"
    of = counted(len(column), "design")
    return f"{limit.text}: {count:,} of {of}; the front goes to {axis_label(limit.column)} {shown}"
