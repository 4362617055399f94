"""Runs beside each other, for reading and for other programs."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from dse.report.tables import number, text_table
from results.labels import axis_label, counted, display
from results.quality import REFERENCE_POINT

if TYPE_CHECKING:
    from dse.comparing import Comparison


def comparison_table(comparison: Comparison) -> str:
    """A line for each run, and what its numbers are measured by."""
    header = ["run", "method", "evaluated", "seconds", "front", "hypervolume", "IGD+", "behind by", "found"]
    rows = []
    for one in comparison.runs:
        told, q = one.run.manifest, one.quality
        rows.append(
            [
                *(one.name, told["method"], f"{one.evaluations:,}", f"{told['seconds']:,.1f}", f"{len(one.front):,}"),
                *(percent(q.hypervolume), number(q.igd_plus)),
                *("-" if q.factor is None else percent(q.factor - 1.0, 1), percent(q.found, 1)),
            ]
        )
    point = []
    for name, value in comparison.reference_point().items():
        shown = float(display(name, [value])[0][0])
        point.append(f"{axis_label(name)} {number(shown)}")
    scale = "logarithms of the objectives" if comparison.frame.signs.all() else "objectives"
    return "\n".join(
        [
            text_table(header, rows, left=2),
            "",
            f"reference: {comparison.reference_name}, {counted(len(comparison.reference), 'design')}",
            f"hypervolume: relative to the reference's; {scale} from its ideal (0) to its nadir (1), up to "
            f"{REFERENCE_POINT:g}, that is",
            f"  {', '.join(point)}",
            "IGD+: mean distance from the reference front in these units; behind by: the least improvement of every",
            "objective that reaches all of the reference; found: share of the reference front in the run's front",
        ]
    )


def percent(share: float, digits: int = 2) -> str:
    """A share in percent; what is not quite all is never rounded to all."""
    if not math.isfinite(share):
        return "-"
    text = f"{100 * share:.{digits}f}"
    if share < 1.0 and float(text) == 100.0:
        return f"> {100 - 10**-digits:.{digits}f} %"
    return f"{text} %"


def comparison_json(comparison: Comparison) -> str:
    """The table, the reference and its point as JSON; numbers that are none are null."""
    table = comparison.table()
    rows = [
        {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}
        for row in table.to_dict("records")
    ]
    return json.dumps({**table.attrs, "runs": rows}, indent=1)
