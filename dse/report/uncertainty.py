"""Ranges and chances of designs for reading."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from dse.report.leaning import said_of_leaning
from dse.report.tables import front_cells, front_rest, number, text_table
from dse.uncertainty import sampling
from results.labels import axis_label, display
from results.uncertainty_columns import FEASIBLE, NON_DOMINATED, REASON, percentile_name

if TYPE_CHECKING:
    import pandas as pd

    from dse.runs import Run

_WIDTH = 110
SPREAD = "median (p5 to p95)"
CHANCES = {NON_DOMINATED: "P(on the front)", FEASIBLE: "P(feasible)"}


def spreads(name: str, sampled: pd.DataFrame) -> list[str]:
    """Return median and range of a column for each design, in the unit people are shown."""
    low, middle, high = (
        display(name, sampled[percentile_name(name, p)].to_numpy(dtype=np.float64))[0] for p in (5, 50, 95)
    )
    return [
        f"{number(float(b))} ({number(float(a))} to {number(float(c))})"
        for a, b, c in zip(low, middle, high, strict=True)
    ]


def chance(value: float) -> str:
    """Return a probability for reading; certainty only where every sample agreed."""
    if 0.0 < value < 0.005 or 0.995 < value < 1.0:
        return "< 0.01" if value < 0.5 else "> 0.99"
    return f"{value:.2f}"


def said_of_samples(run: Run, samples: int | None = None, seed: int | None = None) -> str:
    """Return what the ranges and chances come from, and how sure they are."""
    count, used = sampling(run, samples, seed)
    return (
        f"{SPREAD} and P from {count:,} samples of the constants (seed {used}); a P is sure to about "
        f"+-{1.0 / count**0.5:.2f}.\nP(on the front): no other design of this front is better in that sample; "
        "infeasible samples are not on it.\nSamples in which a design cannot work give no number and are left out of "
        "its percentiles."
    )


def remarks(run: Run, front: pd.DataFrame, sampled: pd.DataFrame) -> str:
    """Return what to know of ranges and chances: usual reasons, and likely values that lie outside of the ranges."""
    leaning = [
        textwrap.fill(line, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
        for line in said_of_leaning(run, front, sampled)
    ]
    return said_of_reasons(sampled) + "".join(f"\n{line}" for line in leaning)


def said_of_reasons(sampled: pd.DataFrame) -> str:
    """Return why designs of the front are infeasible in samples: the usual reason of each, counted."""
    counts = Counter(str(reason) for reason in sampled[REASON] if reason)
    if not counts:
        return ""
    lines = [f"  {count:,} of {len(sampled):,}  {reason}" for reason, count in counts.most_common()]
    return "\n".join(["\nWhere designs of this front are infeasible, it is mostly because (designs, reason):", *lines])


def joined(front: pd.DataFrame, sampled: pd.DataFrame) -> pd.DataFrame:
    """Return the front with the columns of its uncertainty."""
    return front.merge(sampled, on="point", how="left", validate="one_to_one")


def uncertain_front_table(
    run: Run, front: pd.DataFrame, sampled: pd.DataFrame, rows: int, samples: int | None, seed: int | None
) -> str:
    """Return the front for reading: designs, and each objective as median and range, with the chances."""
    if front.empty:
        return "the front is empty: no design meets the constraints"
    header, cells, order = front_cells(front, run.objectives, rows)
    shown = joined(front, sampled).iloc[order]
    for name in run.objectives:
        cells[header.index(axis_label(name))] = spreads(name, shown)
    for name, label in CHANCES.items():
        header.append(label)
        cells.append([chance(float(value)) for value in shown[name]])
    table = text_table(header, zip(*cells, strict=True)) + front_rest(front, len(shown))
    return f"{table}\n\n{said_of_samples(run, samples, seed)}{remarks(run, front, sampled)}"
