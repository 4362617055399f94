"""Predicted costs beside published ones, as a table, JSON, CSV or Markdown."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

from dse.cost_validation import PART_COLUMNS, ROW_COLUMNS, CostValidation, part_values, row_values
from dse.errors import listed
from dse.report.tables import number, text_table
from results.labels import counted
from sweeps.cost_comparison import ALL, CostPart
from sweeps.cost_rows import CostRow
from sweeps.energy_rows import UNITS as OF_RUNS
from sweeps.energy_rows import EnergyShare

PERCENT = 100.0
MOST_NAMES = 6
FORMS = ("table", "json", "csv", "markdown")
UNITS = {"published, low, high, predicted, left_out, tested": "unit", "errors and shares": "1", "kendall_tau": "1"}


def costs_text(validation: CostValidation, form: str) -> str:
    """Return a validation of costs in one of :data:`FORMS`."""
    if form == "json":
        return json.dumps(as_json(validation), indent=1, allow_nan=False)
    if form == "csv":
        out = io.StringIO()
        writer = csv.DictWriter(out, ROW_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row_values(validation))
        return out.getvalue().rstrip("\n")
    draw = markdown_table if form == "markdown" else text_table
    found = validation.comparison
    parts = [
        _headline(validation),
        f"By quantity\n{_blank(form)}" + draw(*_summary([p for p in found.parts if p.device_class == ALL]), left=2),
    ]
    if classes := [p for p in found.parts if p.device_class != ALL]:
        parts.append(f"By class of device\n{_blank(form)}" + draw(*_summary(classes), left=3))
    parts.append(_legend())
    if devices := [row for row in found.rows if row.quantity not in OF_RUNS]:
        parts.append(f"Devices\n{_blank(form)}" + draw(*_rows(devices), left=3))
    if found.shares:
        parts.append(f"What measured energy consists of\n{_blank(form)}" + draw(*_shares(found.shares), left=2))
        parts.append(SHARES_SAID)
    parts += [_unpredicted(found.rows), _without_facts(validation)]
    return "\n\n".join(part for part in parts if part)


def as_json(validation: CostValidation) -> dict[str, Any]:
    """Return a validation as plain values: errors and shares [1], what is not defined as None."""
    return {
        "units": UNITS,
        "rows": row_values(validation),
        "summary": part_values(validation),
        "energy_shares": [vars(share) for share in validation.comparison.shares],
        "without_facts": [vars(one) for one in validation.comparison.without_facts],
    }


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 0) -> str:
    """A table in Markdown, the first `left` columns aligned left."""

    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cell.strip().replace('|', '/') for cell in cells)} |"

    aligned = ["---" if i < left else "---:" for i in range(len(header))]
    return "\n".join([line(header), line(aligned), *map(line, rows)])


def _blank(form: str) -> str:
    """Markdown needs a blank line before a table."""
    return "\n" if form == "markdown" else ""


def _headline(validation: CostValidation) -> str:
    rows = validation.comparison.rows
    published = {(row.id, row.quantity) for row in rows}
    missing = {(row.id, row.quantity) for row in rows if row.tested is None}
    seen = {(row.id, row.quantity) for row in rows if row.in_sample and row.tested is not None}
    return (
        f"Costs of published devices: {counted(len(published), 'published number')}, "
        f"{len(seen)} in-sample with no other source, {len(missing)} with a prediction missing; "
        f"{counted(len(validation.comparison.without_facts), 'pair')} of device and quantity without a published number"
    )


def _summary(parts: Sequence[CostPart]) -> tuple[list[str], list[list[str]]]:
    classes = any(part.device_class != ALL for part in parts)
    head = ["quantity", "basis", *(["class"] if classes else []), "rows", "predicted", "median %", "within 25 %"]
    head += ["within 35 %", "tau", "in-sample", "their median %"]
    body = [
        [
            part.quantity,
            part.basis,
            *([part.device_class] if classes else []),
            f"{part.rows:,}",
            f"{part.predicted:,}",
            _percent(part.median_ape, 1),
            *(_percent(share) for share in part.within),
            "-" if part.kendall_tau is None else f"{part.kendall_tau:.2f}",
            f"{part.in_sample:,}",
            _percent(part.median_in_sample, 1),
        ]
        for part in parts
    ]
    return head, body


LEGEND = (
    "median, within: absolute error of predictions that have not seen the published number: with the constant refitted",
    "without the device's family of dies where one was fitted to it; in-sample: those that have, for want of others",
    "own area: from the five variables and the technology alone; given area: with published area and power limit",
)


def _legend() -> str:
    return "\n".join(LEGEND)


def _rows(rows: Sequence[CostRow]) -> tuple[list[str], list[list[str]]]:
    head = ["device", "quantity", "basis", "published", "predicted", "left out", "error %", "seen", "note"]
    body = [
        [
            row.device,
            row.quantity,
            row.basis,
            number(row.published),
            _value(row.predicted),
            _value(row.left_out),
            f"{PERCENT * (row.error or 0.0):+.0f}",
            "in-sample" if row.in_sample else "",
            row.note.removeprefix("in-sample: "),
        ]
        for row in rows
        if row.tested is not None
    ]
    width = max((len(line[-1]) for line in [head, *body]), default=0)
    return [*head[:-1], head[-1].ljust(width)], [[*line[:-1], line[-1].ljust(width)] for line in body]


SHARES_SAID = (
    "shares of the measured energy, medians over runs with a published time: static power of a device that idles, of\n"
    "one at work (idle in it), and of arithmetic and bytes, all by first principles; the rest they do not explain.\n"
    "Measured watts are over the time between two tokens of a sequence: prompts of others, whose energy is in them,\n"
    "take time of their own, so that they may exceed the limit"
)


def _shares(shares: Sequence[EnergyShare]) -> tuple[list[str], list[list[str]]]:
    head = ["device", "batch", "runs", "measured W", "idle %", "static %", "arithmetic and bytes %", "unexplained %"]
    body = []
    for share in shares:
        to = "and more" if share.batch_high is None else f"to {share.batch_high}"
        rest = 1.0 - share.busy - share.dynamic
        body.append([
            share.device, f"{share.batch_low} {to}", f"{share.rows:,}", number(share.measured_w),
            *(_percent(value) for value in (share.idle, share.busy, share.dynamic, rest)),
        ])  # fmt: skip
    return head, body


def _unpredicted(rows: Sequence[CostRow]) -> str:
    by_reason: dict[str, list[str]] = {}
    for row in rows:
        if row.tested is None:
            by_reason.setdefault(row.reason.replace(f' of "{row.device}"', ""), []).append(f"{row.id} ({row.basis})")
    if not by_reason:
        return "Every published number was predicted."
    lines = ["Published, not predicted"]
    ordered = sorted(by_reason.items(), key=lambda item: -len(item[1]))
    lines += [f"  {reason}: {listed(list(dict.fromkeys(ids)), MOST_NAMES)}" for reason, ids in ordered]
    return "\n".join(lines)


def _without_facts(validation: CostValidation) -> str:
    by_reason: dict[tuple[str, str], list[str]] = {}
    for one in validation.comparison.without_facts:
        by_reason.setdefault((one.quantity, one.reason), []).append(one.device)
    if not by_reason:
        return ""
    lines = ["Without a published number (--format json lists all)"]
    lines += [
        f"  {quantity}: {counted(len(names), 'device')}: {reason}: {listed(names, MOST_NAMES)}"
        for (quantity, reason), names in by_reason.items()
    ]
    return "\n".join(lines)


def _value(value: float | None) -> str:
    return "-" if value is None else number(value)


def _percent(share: float | None, digits: int = 0) -> str:
    return "-" if share is None or not math.isfinite(share) else f"{PERCENT * share:.{digits}f}"


__all__ = ["FORMS", "PART_COLUMNS", "as_json", "costs_text"]
