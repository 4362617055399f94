"""What ``dse technology`` prints: the constants by table and option, in the unit that people quote."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Sequence

from dse.report.tables import text_table
from dse.technologies import COLUMNS, Row
from results.labels import counted

_HEAD = ("constant", "value", "low", "high", "unit", "year", "family", "source")
_NUMBERS = (1, 2, 3)


def technology_text(rows: Sequence[Row], form: str) -> str:
    """Return constants as ``table`` (one for each option), ``csv``, ``json`` or ``markdown``."""
    if form == "json":
        return json.dumps([vars(row) for row in rows], indent=1, ensure_ascii=False)
    if form == "csv":
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([getattr(row, name) for name in COLUMNS] for row in rows)
        return out.getvalue()
    return _markdown(rows) if form == "markdown" else _tables(rows)


def _cells(row: Row) -> list[str]:
    numbers = (f"{number:.6g}" for number in (row.value, row.low, row.high))
    scenario = re.sub(r"(technology|deployment)\.", "", row.scenario)
    name = f"{row.constant} [{scenario}]" if scenario else row.constant
    unit = "" if row.unit == "1" else row.unit
    return [f"{name} *" if row.overridden else name, *numbers, unit, str(row.year), row.family, row.source]


def _tables(rows: Sequence[Row]) -> str:
    parts = []
    for (table, option), group in itertools.groupby(rows, lambda row: (row.table, row.option)):
        body = [_cells(row) for row in group]
        widths = [max(len(line[i]) for line in [list(_HEAD), *body]) for i in _NUMBERS]
        # Numbers right, words left.
        aligned = [
            [cell.rjust(widths[i - 1]) if i in _NUMBERS else cell for i, cell in enumerate(line)]
            for line in [list(_HEAD), *body]
        ]
        title = f"{table}: {option}" if option else table
        parts.append(f"{title}\n{text_table(aligned[0], aligned[1:], left=len(_HEAD))}")
    notes = [
        f"{counted(len(rows), 'constant')}; low and high bound what is plausible, constants of one family move together"
    ]
    if any(row.overridden for row in rows):
        notes.append("* given by the study")
    notes.append("dse technology TABLE --option NAME --find WORDS shows some, --format csv has every column")
    return "\n\n".join([*parts, "\n".join(notes)])


def _markdown(rows: Sequence[Row]) -> str:
    head = ("table", "option", *_HEAD)
    lines = [
        f"| {' | '.join(head)} |",
        f"|{'|'.join(' ---: ' if i in (3, 4, 5) else ' --- ' for i in range(len(head)))}|",
    ]
    for row in rows:
        cells = [row.table, row.option, *_cells(row)]
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines)
