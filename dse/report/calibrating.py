"""What ``dse calibrate`` prints: errors before and after, the numbers that moved, and rows that were not fitted."""

from __future__ import annotations

from dse.calibrating import OwnCalibration
from dse.report.tables import number, text_table
from results.labels import counted
from roofline.calibration import shipped

MOST_LISTED = 10


def calibration_text(found: OwnCalibration) -> str:
    """Return the summary of a fit."""
    used = found.rows - len(found.unused)
    parts = [f"{found.name}: {counted(found.rows, 'row')}, {used:,} fitted on top of the shipped calibration"]
    head = ["phase", "rows", "median error [%]", "fitted", "within 25 % [%]", "fitted"]
    body = [
        [part.phase, f"{part.rows:,}", *(f"{100 * value:.1f}" for value in _figures(part))] for part in found.errors
    ]
    parts.append(text_table(head, body, left=1))
    parts.append(_numbers(found) if found.numbers else "no number moved: the shipped ones fit these rows")
    if found.unused:
        lines = [f"  {row}: {reason}" for row, reason in found.unused[:MOST_LISTED]]
        if more := len(found.unused) - len(lines):
            lines.append(f"  ... and {more:,} more")
        parts.append("\n".join([f"not fitted: {counted(len(found.unused), 'row')}", *lines]))
    return "\n\n".join(parts)


def _figures(part: object) -> list[float]:
    return [getattr(part, name) for name in ("median_before", "median_after", "near_before", "near_after")]


def _numbers(found: OwnCalibration) -> str:
    rows = []
    for (name, option), fit in found.numbers.items():
        before = shipped().numbers.get((name, option))
        value = 1.0 if before is None else before.value
        change = f"{100 * (fit.value / value - 1):+.1f}"
        rows.append([name, option or "-", "-" if before is None else number(value), number(fit.value), change])
    return text_table(["number", "of", "shipped", "fitted", "change [%]"], rows, left=2)
