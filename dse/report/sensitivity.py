"""What ``dse sensitivity`` prints and draws: a tornado and Sobol' indices per column."""

from __future__ import annotations

import json
import math
import textwrap
from typing import TYPE_CHECKING, Literal

import numpy as np

from dse.explaining import quoted
from dse.one_design import design_text
from dse.report.tables import number, text_table
from dse.sensitivities import Sensitivity, said_design, shown_level
from results.columns import COLUMNS
from results.labels import axis_label, counted, display
from sweeps.sensitivity import Input, Swing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from results.figures.tornado import Bar, Share

_WIDTH = 110
_LEAST_INDEX = 0.005
_LEAST_CHANGE = 0.0005


def sensitivity_text(found: Sensitivity, top: int) -> str:
    """Return the tables for reading, the `top` inputs of each column."""
    blocks = [_head(found)]
    for column in found.columns:
        blocks.append(f"== {axis_label(column)} ==")
        if found.tornado is not None:
            blocks.append(_tornado_block(found, column, top))
        if found.sobol is not None:
            blocks.append(_sobol_block(found, column, top))
    blocks.append("\n".join(textwrap.fill(line, _WIDTH) for line in remarks(found)))
    return "\n\n".join(blocks)


def _head(found: Sensitivity) -> str:
    lines = [f"{found.study}: what moves {', '.join(found.columns)}"]
    if found.tornado is not None or found.given:
        lines.append(said_design(found))
    if found.tornado is not None and not found.tornado.feasible:
        lines.append("this design is infeasible; inputs that make it work are not compared with it")
    return "\n".join(textwrap.fill(line, _WIDTH, subsequent_indent="  ") for line in lines)


def remarks(found: Sensitivity) -> list[str]:
    """Return what the numbers come from, and what they are not."""
    said = []
    if found.tornado is not None:
        said.append(
            f"One at a time: {found.tornado.evaluations:,} evaluations; constants of a family at their low or high end "
            "together, an axis at the ends of the study, all others as in the design. * marks an infeasible end, - "
            "one where the design cannot work."
        )
    if found.sobol is not None:
        of, where = found.sobol.indices, "constants at this design"
        where = where if found.given else "constants and axes over the whole space, each level equally likely"
        said.append(
            f"Sobol' indices: {of.evaluations:,} evaluations, {of.rows:,} rows of {len(found.sobol.inputs)} inputs "
            f"({where}). Constants of one family move together and are one input. first: share of the variance that "
            "the input causes alone; total: with its interactions; +- one standard error."
        )
        if of.left_out:
            said.append(
                f"{counted(of.left_out, 'row')} had a design that cannot work, left out: the indices are of designs "
                "that can, where inputs are no longer quite independent."
            )
    return said


def _tornado_block(found: Sensitivity, column: str, top: int) -> str:
    assert found.tornado is not None
    base = found.tornado.base[column]
    if not math.isfinite(base):
        return "at this design there is no number"
    rows = [_tornado_row(swing, column, base) for swing in _largest(found, column, top)]
    header = ["one at a time", "at low", "at high", "change low", "change high", "from low to high"]
    rows.insert(0, ["at the design", number(_scaled(column, base)), "", "", "", ""])
    return _last_left(text_table(header, rows, left=1), [header[-1], *(row[-1] for row in rows)])


def _largest(found: Sensitivity, column: str, top: int) -> list[Swing]:
    """Return the swings that change a column most, those that hardly do left out."""
    assert found.tornado is not None
    base = found.tornado.base[column]
    swings = found.tornado.largest(column, top)
    return [swing for swing in swings if swing.spread(column, base) >= _LEAST_CHANGE * abs(base)]


def _tornado_row(swing: Swing, column: str, base: float) -> list[str]:
    ends = swing.ends(column)
    values = [swing.values[column][i] for i in ends]
    shown = [
        number(_scaled(column, value)) + ("" if swing.feasible[i] or not math.isfinite(value) else "*")
        for i, value in zip(ends, values, strict=True)
    ]
    changes = [_change(value, base) for value in values]
    return [swing.input.name, *shown, *changes, _ends(swing, ends)]


def _change(value: float, base: float) -> str:
    if not math.isfinite(value):
        return "-"
    return f"{100.0 * (value - base) / abs(base):+.1f} %" if base else "-"


def _ends(swing: Swing, ends: tuple[int, int]) -> str:
    if swing.input.kind == "constants":
        return "; ".join(quoted(c) for c in swing.input.constants[:2]) + (
            f"; +{len(swing.input.constants) - 2}" if len(swing.input.constants) > 2 else ""
        )
    return " to ".join(shown_level(swing.input, swing.levels[i]) for i in ends)


def _last_left(table: str, last: list[str]) -> str:
    """Return a table with its last column set left."""
    lines = table.split("\n")
    kept = [line[: len(line) - len(cell)].rstrip() if cell else line for line, cell in zip(lines, last, strict=True)]
    width = max(len(line) for line in kept)
    return "\n".join(f"{line.ljust(width)}  {cell}".rstrip() for line, cell in zip(kept, last, strict=True))


def _sobol_block(found: Sensitivity, column: str, top: int) -> str:
    assert found.sobol is not None
    of, j = found.sobol.indices, found.columns.index(column)
    if not of.total[:, j].any():
        return "it does not vary"
    mean, deviation = (number(_scaled(column, float(value))) for value in (of.mean[j], of.deviation[j]))
    rows = [
        [
            found.sobol.inputs[i].name,
            f"{of.first[i, j]:.3f}",
            f"+-{of.first_error[i, j]:.3f}",
            f"{of.total[i, j]:.3f}",
            f"+-{of.total_error[i, j]:.3f}",
        ]
        for i in _most(found, j, top)
    ]
    table = text_table(["Sobol' indices", "first", "", "total", ""], rows, left=1)
    return f"{table}\n(mean {mean}, standard deviation {deviation})"


def _most(found: Sensitivity, j: int, top: int) -> list[int]:
    """Positions of the inputs with the largest total indices, those that hardly matter left out."""
    assert found.sobol is not None
    total = found.sobol.indices.total[:, j]
    return [i for i in np.argsort(-total, kind="stable").tolist() if total[i] >= _LEAST_INDEX][:top]


def _scaled(column: str, value: float) -> float:
    return float(display(column, [value])[0][0])


def sensitivity_json(found: Sensitivity) -> str:
    """Return everything as JSON, SI units; null where there is no number."""

    def plain(value: object) -> object:
        return None if isinstance(value, float) and not math.isfinite(value) else value

    rows = found.frame().to_dict("records")
    tables: dict[str, list[dict[str, object]]] = {"tornado": [], "sobol": []}
    for row in rows:
        kept = {str(name): plain(value) for name, value in row.items() if name != "method"}
        tables[row["method"]].append({name: value for name, value in kept.items() if value is not None})
    about: dict[str, object] = {
        "study": found.study,
        "columns": {name: COLUMNS[name].unit for name in found.columns},
        "design": {name: float(values[0]) for name, values in found.design.columns.items()},
        "point": found.design.point,
        "scenario": found.scenario,
        "picked": found.picked,
    }
    if found.tornado is not None:
        about["tornado_evaluations"] = found.tornado.evaluations
        about["feasible"] = found.tornado.feasible
    if found.sobol is not None:
        of = found.sobol.indices
        about |= {"sobol_evaluations": of.evaluations, "sobol_rows": of.rows, "sobol_left_out": of.left_out}
        about["sobol_over"] = "constants" if found.given else "constants and axes"
    return json.dumps(about | tables, indent=1, ensure_ascii=False)


def sensitivity_figure(found: Sensitivity, top: int, *, theme: Literal["light", "dark"]) -> Figure:
    """Return the picture: a row per column, the tornado left and the Sobol' indices right."""
    from results.figures import tornado as figures

    panels = [
        figures.Panel(
            column,
            None if found.tornado is None else found.tornado.base[column],
            tuple(_bars(found, column, top)),
            tuple(_shares(found, column, top)),
        )
        for column in found.columns
    ]
    around = found.tornado is not None or found.given
    return figures.sensitivity(
        panels,
        title=f"{found.study}: sensitivity",
        below=f"{_place(found)}. {_short(found)}" if around else _short(found),
        theme=theme,
    )


def _place(found: Sensitivity) -> str:
    """Which design it is, as the other pictures of a design say it."""
    name = "design" if found.design.point is None else f"design {found.design.point:,}"
    name = name if found.given else f"{name}, {found.picked}"
    at = [design_text(found.design.columns), *(f"{path} {value}" for path, value in found.scenario.items())]
    return f"{name}: {', '.join(at)}"


def _short(found: Sensitivity) -> str:
    if found.sobol is None:
        return "Constants of one family move together."
    of = found.sobol.indices
    where = "constants at this design" if found.given else "constants and axes over the space"
    return f"Sobol' indices over {where}, {of.evaluations:,} evaluations; constants of one family move together." + (
        f" {counted(of.left_out, 'row')} that cannot work left out." if of.left_out else ""
    )


def _bars(found: Sensitivity, column: str, top: int) -> list[Bar]:
    from results.figures.tornado import Bar

    if found.tornado is None or not math.isfinite(found.tornado.base[column]):
        return []
    bars = []
    for swing in _largest(found, column, top):
        ends = swing.ends(column)
        low, high = (swing.values[column][i] for i in ends)
        texts = tuple(_short_end(swing.input, swing.levels[i]) for i in ends)
        bars.append(Bar(_label(swing.input), low, high, texts[0], texts[1]))
    return bars


def _label(what: Input) -> str:
    """Return what a picture calls an input: a design column by its words."""
    return COLUMNS[what.name].label or what.name if what.kind == "design" else what.name


def _short_end(what: Input, level: str | float) -> str:
    return "" if what.kind == "constants" else shown_level(what, level)


def _shares(found: Sensitivity, column: str, top: int) -> list[Share]:
    from results.figures.tornado import Share

    if found.sobol is None:
        return []
    of, j = found.sobol.indices, found.columns.index(column)
    return [
        Share(_label(found.sobol.inputs[i]), float(of.first[i, j]), float(of.total[i, j]), float(of.total_error[i, j]))
        for i in _most(found, j, top)
    ]
