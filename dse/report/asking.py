"""What ``dse whatif`` prints: before and after, and why; or the value that meets a target, or what forbids it."""

from __future__ import annotations

import json
import math
import textwrap
from typing import Any

from dse.asking import Side, WhatIf
from dse.reaching import BOUND, FORBIDDEN, LARGEST, Answer
from dse.report.tables import number, text_table
from dse.units import format_quantity
from results.columns import COLUMNS
from results.figures.ceilings import CEILING_LOOKS
from results.labels import axis_label, counted, display
from sweeps.ledger import Ledger
from sweeps.phase_times import PhaseTime
from sweeps.space import DESIGN_COLUMNS

_WIDTH = 110
_PARTS = 3
_WORDS = 12
_LEAST = 0.005
"""Share of a time, and relative change, that is worth a word."""


def whatif_text(found: WhatIf) -> str:
    """Return the changes, a table of before and after, and the reasons."""
    blocks = ["\n".join(textwrap.wrap(design_line(found), _WIDTH, subsequent_indent="  "))]
    if found.answer is not None:
        blocks.append("\n".join(_wrapped(answer_lines(found.answer))))
        if found.answer.words:
            blocks.append(_words(found.answer))
    blocks.append(_plain_table(change_rows(found)))
    blocks.append(text_table(("", "before", "after", "change"), metric_rows(found), left=1))
    blocks.append("\n".join(["why:", *(f"  {line}" for line in _wrapped(reason_lines(found)))]))
    return "\n\n".join(blocks)


def design_line(found: WhatIf) -> str:
    """Return which design of which study it is, in its scenario."""
    design = ", ".join(f"{axis_label(name)} {_shown(name, found.before.values[name])}" for name in DESIGN_COLUMNS)
    at = "".join(f", {path} {value}" for path, value in found.scenario.items())
    point = "" if found.point is None else f" {found.point}"
    return f"design{point} of {found.study}: {design}{at}"


def change_rows(found: WhatIf) -> list[list[str]]:
    """Return what was changed, a row each: field, before, an arrow, after, a remark."""
    return [
        [one.name, one.before, "->", one.after, "follows from the study" if one.follows else ""]
        for one in found.changes
    ]


def metric_rows(found: WhatIf) -> list[list[str]]:
    """Return the metrics that people are shown, a row each: label, before, after, change."""
    return [_row(found, name) for name in found.shown]


def _plain_table(rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _wrapped(lines: list[str]) -> list[str]:
    return [part for line in lines for part in textwrap.wrap(line, _WIDTH, subsequent_indent="  ")]


def _shown(name: str, value: float) -> str:
    return number(float(display(name, [value])[0][0]))


def _with_unit(name: str, value: float) -> str:
    return f"{_shown(name, value)} {display(name, [value])[1]}".strip()


def _row(found: WhatIf, name: str) -> list[str]:
    before, after = found.before.values.get(name, math.nan), found.after.values.get(name, math.nan)
    return [axis_label(name), _shown(name, before), _shown(name, after), _change(before, after)]


def _change(before: float, after: float) -> str:
    if before == after:
        return "="
    if not (math.isfinite(before) and math.isfinite(after) and before):
        return ""
    percent = f"{100 * (after / before - 1):+.1f} %"
    return "~ 0 %" if percent in ("+0.0 %", "-0.0 %") else percent


def reason_lines(found: WhatIf) -> list[str]:
    """Return why the numbers moved: limits, the ceilings of each phase, and the parts of each cost."""
    lines = []
    for what, side in (("before", found.before), ("after", found.after)):
        if side.reason:
            lines.append(f"{what} it is infeasible: {side.reason}")
    one, other = found.before.phases, found.after.phases
    if not any(math.isnan(phase.seconds) for phase in (*one, *other)):
        many = len(found.after.study.workloads) > 1
        moved: dict[str, str] = {}
        for before, after in zip(one, other, strict=False):
            name = f"workload {before.request} {before.name}" if many else before.name
            moved.setdefault(name, f"{name}: {_phase_moved(before, after)}")
        lines += moved.values()
    lines += [line for name, pair in found.moved.items() if (line := _ledger_moved(name, *pair))]
    return lines or ["nothing that was asked for depends on it"]


def _phase_moved(before: PhaseTime, after: PhaseTime) -> str:
    times = [format_quantity(one.seconds, "second") for one in (before, after)]
    if times[0] == times[1] and _parts(before) == _parts(after):
        return f"{times[0]} as before ({_parts(before)})"
    moved = ""
    if before.bound_by != after.bound_by:
        moved = f"; the ceiling moved from {_named(before.bound_by)} to {_named(after.bound_by)}"
    return f"{times[0]} ({_parts(before)}) -> {times[1]} ({_parts(after)}){moved}"


def _named(part: str) -> str:
    return CEILING_LOOKS[part].name if part in CEILING_LOOKS else part


def _parts(phase: PhaseTime) -> str:
    total = math.fsum(phase.parts_s.values())
    told = [
        f"{_named(name)} {100 * seconds / total:.0f} %"
        for name, seconds in phase.parts_s.items()
        if seconds >= _LEAST * total
    ]
    return ", ".join(told[:_PARTS])


def _ledger_moved(column: str, before: Ledger, after: Ledger) -> str:
    """The parts that changed most, of a column that changed."""
    if math.isnan(before.total) or math.isnan(after.total) or before.total == after.total:
        return ""
    one, other = ({entry.name: entry.amount for entry in ledger.entries} for ledger in (before, after))
    changes = {name: other.get(name, 0.0) - one.get(name, 0.0) for name in {**one, **other}}
    largest = sorted(changes.items(), key=lambda item: -abs(item[1]))
    total = after.total - before.total
    told = [f"{name} {_signed(column, amount)}" for name, amount in largest if abs(amount) >= 0.05 * abs(total)]
    return f"{axis_label(column)} {_signed(column, total)}: {', '.join(told[:_PARTS])}"


def _signed(column: str, amount: float) -> str:
    return f"{'+' if amount > 0 else '-'}{_shown(column, abs(amount))}"


def answer_lines(answer: Answer) -> list[str]:
    """Return what was found, in sentences."""
    name, wanted = answer.place.name, " and ".join(target.text for target in answer.targets)
    if answer.value is None:
        return _no_answer(answer, name, wanted)
    if answer.words:
        good = [word for word, meets, *_ in answer.words if meets]
        best = f"; {answer.text} is best in {axis_label(answer.column)}" if len(good) > 1 else ""
        return [f"{wanted}: {name} {_some(good)} of {len(answer.words)} tried{best}"]
    side = "at most" if answer.end == LARGEST else "at least"
    lines = [f"{wanted}: {name} must be {side} {answer.text}"]
    if isinstance(answer.value, float):
        quoted = "in SI units" if " " in answer.text else ""
        unit = answer.place.unit if answer.place.unit != "1" else quoted
        lines[0] += f" (to the last bit: {f'{answer.value!r} {unit}'.strip()})"
    first, last = answer.spans[0], answer.spans[-1]
    end = last.above if answer.end != LARGEST else first.below
    if end:
        unit, edge = answer.place.unit, last.high if answer.end != LARGEST else first.low
        shown = f"{edge:,}" if isinstance(edge, int) else format_quantity(edge, unit)
        lines.append(f"{'above' if answer.end != LARGEST else 'below'} {shown} {_fails(answer, end)}")
    if len(answer.spans) > 1:
        lines.append(f"{len(answer.spans)} separate ranges meet it; --format json has them all")
    if answer.sure:
        less = "smaller" if answer.end != LARGEST else "larger"
        lines.append(f"no {less} value does: {axis_label(answer.column)} moves one way with {name}")
    else:
        lines.append(_looked(answer))
    return lines


def _fails(answer: Answer, end: str) -> str:
    return (
        f"it misses {end}" if end in {target.text for target in answer.targets} else f"the design breaks a limit: {end}"
    )


def _looked(answer: Answer) -> str:
    if answer.looked is None:
        return f"{counted(answer.tried, 'value')} tried"
    low, high = answer.looked
    tried = counted(answer.tried, "value")
    return f"looked at {tried} from {low} to {high}, then refined; windows between two may be missed"


def _some(words: list[str]) -> str:
    rest = len(words) - _WORDS
    return ", ".join(words[:_WORDS]) + (f" and {rest} more" if rest > 0 else "")


def _no_answer(answer: Answer, name: str, wanted: str) -> list[str]:
    where = f" from {answer.looked[0]} to {answer.looked[1]}" if answer.looked else ""
    if answer.why == FORBIDDEN:
        return [
            f"{wanted}: no {name}{where} meets it within the limits",
            f"{name} {answer.would} would, but the design then breaks a limit: {answer.limit}",
            f"the best within the limits is {_with_unit(answer.column, answer.nearest)}, shown below",
        ]
    if answer.why != BOUND:
        return [f"{wanted}: with no {name}{where} is the design feasible: {answer.limit}"]
    lines = [f"{wanted}: no {name}{where} meets it"]
    best = _with_unit(answer.column, answer.without)
    if answer.ceiling is not None:
        phase = answer.ceiling
        lines = [f"{wanted}: bound by {_named(phase.bound_by)}, no {name}{where} meets it; the best is {best}"]
        lines.append(f"{phase.phase} is then {_parts(phase)}")
    else:
        lines[0] += f"; the best is {best}"
    if answer.nearest != answer.without:
        limit = f"; beyond, it breaks a limit: {answer.limit}" if answer.limit else ""
        lines.append(f"within the limits it is {_with_unit(answer.column, answer.nearest)}, shown below{limit}")
    elif answer.limit:
        lines.append(f"further on the design breaks a limit: {answer.limit}")
    return lines


def word_rows(answer: Answer) -> tuple[list[list[str]], str]:
    """Return the words that were tried with a header, those that come nearest first, and how many are left out."""
    column = answer.column
    reverse = answer.targets[0].op in (">=", ">")
    known = sorted((w for w in answer.words if not math.isnan(w[2])), key=lambda w: w[2], reverse=reverse)
    rest = [word for word in answer.words if math.isnan(word[2])]
    rows = [
        [word, "-" if math.isnan(value) else _shown(column, value), "yes" if meets else "no", why]
        for word, meets, value, why in [*known, *rest][:_WORDS]
    ]
    more = len(answer.words) - len(rows)
    head = [answer.place.name, axis_label(column), "meets it", ""]
    return [head, *rows], f"... and {more} more; --format json has them all" if more else ""


def _words(answer: Answer) -> str:
    rows, more = word_rows(answer)
    return _plain_table(rows) + (f"\n{more}" if more else "")


def whatif_json(found: WhatIf) -> str:
    """Return everything as JSON (SI units, every digit)."""
    frame = found.frame()
    whole = {
        "study": found.study,
        "point": found.point,
        "scenario": found.scenario,
        "changes": [vars(one) for one in found.changes],
        "answer": None if found.answer is None else _answer_json(found.answer),
        "feasible": {"before": not found.before.reason, "after": not found.after.reason},
        "reason": {"before": found.before.reason, "after": found.after.reason},
        "columns": {
            row.column: {
                "unit": row.unit,
                "before": _finite(row.before),
                "after": _finite(row.after),
                "relative_change": _finite(row.relative_change),
            }
            for row in frame.itertuples()
        },
        "phases": {"before": _phases_json(found.before), "after": _phases_json(found.after)},
        "ledgers": {
            name: {side: _ledger_json(one) for side, one in zip(("before", "after"), pair, strict=True)}
            for name, pair in found.moved.items()
        },
        "why": reason_lines(found),
    }
    return json.dumps(whole, indent=1, ensure_ascii=False)


def _answer_json(answer: Answer) -> dict[str, Any]:
    return {
        "field": answer.place.name,
        "unit": answer.place.unit,
        "targets": [{"column": t.column, "op": t.op, "limit": t.limit} for t in answer.targets],
        "value": answer.value,
        "text": answer.text or None,
        "end": answer.end if answer.value is not None else None,
        "ranges": [vars(span) for span in answer.spans],
        "words": [
            {"value": word, "meets": meets, answer.column: _finite(value), "reason": why}
            for word, meets, value, why in answer.words
        ],
        "proven": answer.sure,
        "said": answer_lines(answer),
    }


def _phases_json(side: Side) -> list[dict[str, Any]]:
    return [
        {
            "workload": phase.request,
            "phase": phase.phase,
            "seconds": _finite(phase.seconds),
            "parts_s": phase.parts_s if math.isfinite(phase.seconds) else None,
        }
        for phase in side.phases
    ]


def _ledger_json(ledger: Ledger) -> dict[str, Any]:
    unit = COLUMNS[ledger.column].unit
    parts = {entry.name: entry.amount for entry in ledger.entries}
    return {"unit": unit, "total": _finite(ledger.total), "parts": parts}


def _finite(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None
