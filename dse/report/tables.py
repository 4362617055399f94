"""Tables for people and for other programs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dse.units import level_text
from results.columns import COLUMNS
from results.labels import axis_label, display

if TYPE_CHECKING:
    import pandas as pd

DESIGN = ("dram_bytes_per_s", "compute_flop_per_s", "sram_bytes", "dram_bytes", "flash_bytes")


def number(value: float) -> str:
    """Four significant digits, plainly."""
    if not math.isfinite(value):
        return "-"
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e6:
        digits = max(0, 3 - math.floor(math.log10(abs(value))))
        return f"{value:,.{digits}f}"
    return f"{value:.3e}"


def text_table(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 0) -> str:
    """Columns aligned right, the first `left` of them left."""
    body = [list(row) for row in rows]
    widths = [max(len(line[i]) for line in [list(header), *body]) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        return "  ".join(
            c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))
        )

    return "\n".join(text.rstrip() for text in (line(header), *map(line, body)))


def front_table(front: pd.DataFrame, objectives: Mapping[str, str], rows: int) -> str:
    """The front for reading: designs and objectives in shown units, sorted by the first objective."""
    if front.empty:
        return "the front is empty: no design meets the constraints"
    header, cells, order = front_cells(front, objectives, rows)
    return text_table(header, zip(*cells, strict=True)) + front_rest(front, len(order))


def front_cells(
    front: pd.DataFrame, objectives: Mapping[str, str], rows: int
) -> tuple[list[str], list[list[str]], list[int]]:
    """Header and columns of the front's table, the objectives last, and the positions of its rows in `front`."""
    first, direction = next(iter(objectives.items()))
    ordered = front.reset_index(drop=True).sort_values(first, ascending=direction == "min", kind="stable")
    shown = ordered if rows == 0 else ordered.head(rows)
    scenario = [name for name in front.columns if name not in COLUMNS and not name.startswith("margin_constraint_")]
    names = ["point", *scenario, *DESIGN, *(name for name in objectives if name not in DESIGN)]
    cells = []
    for name in names:
        if name == "point" or name in scenario:
            cells.append([level_text(value) for value in shown[name]])
        else:
            cells.append([number(float(value)) for value in display(name, shown[name].to_numpy())[0]])
    header = [name if name == "point" or name in scenario else axis_label(name) for name in names]
    return header, cells, [int(position) for position in shown.index]


def front_rest(front: pd.DataFrame, shown: int) -> str:
    """How many designs of the front a table left out."""
    rest = len(front) - shown
    return f"\n... and {rest:,} more; --rows 0 shows all, --format csv has every column" if rest else ""


def frame_csv(frame: pd.DataFrame) -> str:
    """Every column with all digits; missing numbers are empty."""
    return str(frame.to_csv(index=False, lineterminator="\n"))


def frame_json(frame: pd.DataFrame) -> str:
    """A JSON list of rows; missing numbers are null."""
    return json.dumps([{k: _plain(v) for k, v in row.items()} for row in frame.to_dict("records")], indent=1)


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def columns_text(form: str) -> str:
    """The columns of results.columns as a table, CSV or JSON."""
    fields = [(c.name, "" if c.unit == "1" else c.unit, c.kind, c.meaning) for c in COLUMNS.values()]
    header = ("name", "unit", "kind", "meaning")
    if form == "json":
        return json.dumps([dict(zip(header, row, strict=True)) for row in fields], indent=1, ensure_ascii=False)
    if form == "csv":
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([header, *fields])
        return out.getvalue()
    return text_table(header, fields, left=4)
