"""Results as HTML, for notebooks: tables and lists without style of their own, every text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from dse.asking import WhatIf
from dse.report.asking import answer_lines, change_rows, design_line, metric_rows, reason_lines, word_rows
from dse.report.picks import picks_rows
from dse.report.searches import counts
from dse.report.summary import best_designs, said_of_no_front

if TYPE_CHECKING:
    import pandas as pd

    from dse.runs import Run


def whatif_html(found: WhatIf) -> str:
    """Return the question, its answer if a value was looked for, before and after, and why."""
    parts = [_line(design_line(found))]
    if found.answer is not None:
        first, *rest = answer_lines(found.answer)
        parts += [f"<p><b>{escape(first)}</b></p>", _list(rest)]
        if found.answer.words:
            (head, *rows), more = word_rows(found.answer)
            parts += [_table(head, rows), _line(more) if more else ""]
    told = [f"{name}: {before} → {after}" + (f" ({said})" if said else "") for name, before, _, after, said in
            change_rows(found)]  # fmt: skip
    parts += [_list(told), _table(["", "before", "after", "change"], metric_rows(found)), _list(reason_lines(found))]
    return "\n".join(part for part in parts if part)


def picks_html(picks: pd.DataFrame, objectives: Iterable[str]) -> str:
    """Return picked designs side by side, and why each was picked."""
    why = [f"{name}: {reason}" for name, reason in zip(picks["pick"], picks["why"], strict=True)]
    return "\n".join([_table(["", *picks["pick"]], picks_rows(picks, objectives)), _list(why)])


def run_html(run: Run) -> str:
    """Return how many designs there were, and the best of the front; no times and no paths, which say nothing of it."""
    lines = [_line(told) for told in (*counts(run), f"efficiency: {run.manifest['efficiency']}")]
    front = run.front()
    if front.empty:
        return "\n".join([*lines, *map(_line, said_of_no_front(run).splitlines())])
    names, rows = best_designs(run, front)
    return "\n".join([*lines, _table(["", *names], rows)])


def _line(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>" if lines else ""


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
