"""What ``dse explain`` prints: a ledger per column."""

from __future__ import annotations

import json
import textwrap

from dse.explaining import Explanation, quoted
from dse.report.tables import number, text_table
from results.columns import COLUMNS
from results.labels import axis_label, display
from sweeps.ledger import Ledger
from sweeps.space import DESIGN_COLUMNS

_WIDTH = 110


def explanation_text(found: Explanation, *, sources: bool) -> str:
    """Return the ledgers as tables for reading."""
    design = ", ".join(f"{axis_label(name)} {_shown(name, found.design.columns[name][0])}" for name in DESIGN_COLUMNS)
    at = "".join(f", {path} {value}" for path, value in found.scenario.items())
    point = "" if found.design.point is None else f" {found.design.point}"
    head = textwrap.wrap(f"design{point} of {found.study}: {design}{at}", _WIDTH, subsequent_indent="  ")
    blocks = ["\n".join(head)]
    if found.reason:
        blocks.append(f"this design is infeasible: {found.reason}")
    blocks += [_block(ledger) for ledger in found.ledgers]
    if sources:
        blocks.append(_sources(found))
    blocks.append(
        "parts sum to their total exactly; a constant stands with its value and range\n"
        + ("" if sources else "--sources adds where each constant comes from, ")
        + ("" if sources else "--format csv has every digit\n")
    )
    return "\n\n".join(blocks).rstrip()


def _shown(name: str, value: float) -> str:
    return number(float(display(name, [value])[0][0]))


def _block(ledger: Ledger) -> str:
    title = axis_label(ledger.column)
    if not ledger.entries:
        return f"{title}: a design that cannot work has none"
    rows = []
    for entry in sorted(ledger.entries, key=lambda one: -abs(one.amount)):
        share = f"{100 * entry.amount / ledger.total:.1f} %"
        told = [c for c in entry.constants if c.low < c.high or c.unit != "1"]  # labels say nothing here
        why = "; ".join(quoted(constant) for constant in told[:2])
        more = len(told) - 2
        of = f"share of {entry.share_of}; " if entry.share_of else ""
        rows.append([entry.name, _shown(ledger.column, entry.amount), share, of + why + (f"; +{more}" * (more > 0))])
    rows.append(["total", _shown(ledger.column, ledger.total), "100 %", ""])
    table = text_table((ledger.column, title.rsplit("[", 1)[-1].rstrip("]"), "share", "from"), rows, left=1)
    return _left_last(table, rows)


def _left_last(table: str, rows: list[list[str]]) -> str:
    """Return the table with its last column set left."""
    width = max(len(row[-1]) for row in [*rows, ["from"]])
    lines = []
    for line, last in zip(table.split("\n"), ["from", *(row[-1] for row in rows)], strict=True):
        kept = line[: len(line) - len(last)].rstrip() if last else line
        lines.append((kept, last))
    stem = max(len(kept) for kept, _ in lines) if width else 0
    return "\n".join(f"{kept.ljust(stem)}  {last}".rstrip() for kept, last in lines)


def _sources(found: Explanation) -> str:
    constants = {c.name: c for ledger in found.ledgers for entry in ledger.entries for c in entry.constants}
    lines = ["sources:"]
    for constant in constants.values():
        text = f"{quoted(constant)}, {constant.year}: {constant.source}"
        lines += textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="      ")
    return "\n".join(lines)


def explanation_json(found: Explanation) -> str:
    """Return the ledgers with every constant's value, range, unit, year and source (SI units)."""
    return json.dumps(
        {
            "study": found.study,
            "point": found.design.point,
            "scenario": found.scenario,
            "reason": found.reason or None,
            "design": {name: float(found.design.columns[name][0]) for name in DESIGN_COLUMNS},
            "ledgers": [
                {
                    "column": ledger.column,
                    "unit": COLUMNS[ledger.column].unit,
                    "total": ledger.total if ledger.total == ledger.total else None,
                    "parts": [
                        {
                            "name": entry.name,
                            "amount": entry.amount,
                            "share_of": entry.share_of or None,
                            "constants": [
                                {
                                    "name": c.name,
                                    "option": c.option,
                                    "value": c.value,
                                    "low": c.low,
                                    "high": c.high,
                                    "year": c.year,
                                    "source": c.source,
                                }
                                for c in entry.constants
                            ],
                        }
                        for entry in ledger.entries
                    ],
                }
                for ledger in found.ledgers
            ],
        },
        indent=1,
        ensure_ascii=False,
    )
