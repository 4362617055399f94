"""Why a likely value lies outside of its percentiles, and why a design of a front is feasible in few samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dse.one_design import one_design
from dse.pictures import minimized
from results.columns import COLUMNS
from results.front import knee
from results.uncertainty_columns import FEASIBLE, REASON, percentile_name
from sweeps.sensitivity import Tornado, tornado

if TYPE_CHECKING:
    import pandas as pd

    from dse.runs import Run
    from sweeps.scenario import Limit

MOST_NAMED = 3
LEAST_SHARE = 0.1
"""Of the largest push, below which an input is not named."""


def said_of_leaning(run: Run, front: pd.DataFrame, sampled: pd.DataFrame) -> list[str]:
    """Return a sentence for each objective whose likely value lies outside of p5 to p95, and each limit samples break.

    Parameters
    ----------
    run : Run
    front : pandas.DataFrame
        Its front: what the designs are with the likely constants.
    sampled : pandas.DataFrame
        Percentiles and chances of its designs, by point.
    """
    sampled = sampled.set_index("point").loc[front["point"]].reset_index()
    outside = {name: found for name in run.objectives if (found := _outside(front, sampled, name))}
    broken = _broken(run, sampled)
    if not outside and not broken:
        return []
    chosen = one_design(run.study, run.problem, int(front["point"].iloc[knee(minimized(run, front))]))
    limits = {limit.column for limit, _ in broken}
    columns = list(dict.fromkeys([*outside, *limits]))
    moved = tornado(run.problem, chosen.columns, chosen.scenario, columns)
    lines = [_outside_text(name, *found, moved, len(front)) for name, found in outside.items()]
    return lines + [_broken_text(limit, count, moved, len(front)) for limit, count in broken]


def _outside(front: pd.DataFrame, sampled: pd.DataFrame, name: str) -> tuple[str, int] | None:
    """Return on which side of the percentiles more designs lie, and how many; None where none does."""
    likely = front[name].to_numpy(dtype=np.float64)
    low, high = (sampled[percentile_name(name, p)].to_numpy(dtype=np.float64) for p in (5, 95))
    below, above = int((likely < low).sum()), int((likely > high).sum())
    if not below and not above:
        return None
    return ("below p5", below) if below >= above else ("above p95", above)


def _broken(run: Run, sampled: pd.DataFrame) -> list[tuple[Limit, int]]:
    """Return the limits that most samples of a design break, each with how many designs that is true of."""
    seldom = sampled[sampled[FEASIBLE] < 0.5]
    counts = [(limit, int((seldom[REASON] == f"violates {limit.text}").sum())) for limit in run.problem.limits]
    return [(limit, count) for limit, count in counts if count]


def _outside_text(name: str, side: str, count: int, moved: Tornado, designs: int) -> str:
    up = side == "below p5"
    reach = "reach further up than down" if up else "reach further down than up"
    where = "near the low end of" if up else "near the high end of"
    return (
        f"{_label(name)}: with the likely constants {_of(count, designs)} {side}, as the ranges of "
        f"{_named(_pushing(moved, name, up=up))} {reach}: "
        f"read that value as {where} what is known, and plan with the median."
    )


def _broken_text(limit: Limit, count: int, moved: Tornado, designs: int) -> str:
    up = limit.op in ("<=", "<")
    return (
        f"P(feasible): {_of(count, designs, 'break', 'breaks')} {limit.text} in most samples, for a front lies at its "
        f"limits and the ranges of {_named(_pushing(moved, limit.column, up=up))} push "
        f"{_label(limit.column)} {'up' if up else 'down'}: a tighter limit leaves room for them."
    )


def _of(count: int, designs: int, many: str = "lie", one: str = "lies") -> str:
    if designs == 1:
        return f"the only design {one}"
    if count == designs:
        return f"all {designs:,} designs {many}"
    return f"{count:,} of {designs:,} designs {one if count == 1 else many}"


def _pushing(moved: Tornado, column: str, *, up: bool) -> Sequence[str]:
    """Return the families of constants whose two ends together move a column most in one direction."""
    base, sign = moved.base[column], 1.0 if up else -1.0
    pushes: Mapping[str, float] = {
        swing.input.name: sign * float(np.nansum([value - base for value in swing.values[column]]))
        for swing in moved.swings
        if swing.input.kind == "constants"
    }
    ordered = sorted(pushes, key=lambda name: -pushes[name])
    least = LEAST_SHARE * max(pushes.values(), default=0.0)
    return [name for name in ordered if pushes[name] > max(least, 0.0)][:MOST_NAMED]


def _named(names: Sequence[str]) -> str:
    if not names:
        return "several constants together"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _label(name: str) -> str:
    return COLUMNS[name].label or name if name in COLUMNS else name
