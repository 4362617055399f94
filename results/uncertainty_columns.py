"""Columns of the uncertainty of designs: percentiles of each objective, and the chances of a design."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from results.columns import COLUMNS, Column, column

NON_DOMINATED = "probability_non_dominated"
FEASIBLE = "probability_feasible"

_CHANCES = (
    Column(
        NON_DOMINATED,
        "1",
        "share of the samples of the constants in which the design is feasible and no other of the front dominates it",
        "max",
        "metric",
        "P(on the front)",
    ),
    Column(
        FEASIBLE,
        "1",
        "share of the samples of the constants in which the design is within all limits",
        "max",
        "metric",
        "P(feasible)",
    ),
)


def percentile_name(name: str, percent: int) -> str:
    """Return the name of the column of a percentile of another column, such as ``tpot_s_p95``."""
    return f"{name}_p{percent}"


def uncertainty_columns(objectives: Iterable[str], percents: Sequence[int]) -> dict[str, Column]:
    """Return the definition of every column of the uncertainty of designs, in order.

    Parameters
    ----------
    objectives : iterable of str
        Names of columns.
    percents : sequence of int

    Returns
    -------
    dict of str to Column
        ``point``, the percentiles of each objective in its unit, and the chances.

    Raises
    ------
    KeyError
        If there is no such column.
    """
    defined = {"point": COLUMNS["point"]}
    for name in objectives:
        of = column(name)
        for percent in percents:
            own = percentile_name(name, percent)
            meaning = f"{percent}th percentile, over the samples of the constants in which it is a number, of: "
            defined[own] = replace(of, name=own, meaning=meaning + of.meaning, label=f"{of.label or name}, p{percent}")
    return defined | {chance.name: chance for chance in _CHANCES}
