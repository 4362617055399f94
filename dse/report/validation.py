"""What ``dse validate`` prints: tables for people, or JSON for other programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dse.errors import listed
from dse.report.tables import number, text_table
from dse.validation import MEASURED_TIME, Validation
from results.labels import counted
from sweeps.accuracy import CONFIDENCE, Figures, Interval
from sweeps.comparison import Part, Ranking
from sweeps.measurements import Measurement
from sweeps.operator_measurements import OPERATORS, OperatorMeasurement

PERCENT = 100.0
MOST_IDS = 8
MOST_WHAT = 110
ERRORS = "% of the measured time (a rate counts as the time its tokens take), energy or power"
UNITS = {
    "mape": ERRORS,
    "median_ape": ERRORS,
    "within_10": "% of the rows",
    "within_25": "% of the rows",
    "median_ape_interval": ERRORS,
    "within_25_interval": "% of the rows",
    "kendall_tau": "1",
    "mean_kendall_tau": "1",
    "rows": "1",
    "predicted": "1",
    "bound_violations": "1",
}


def validation_text(validation: Validation, form: str, top: int) -> str:
    """Return a validation as ``table`` or ``json``, with the `top` worst rows."""
    if form == "json":
        return json.dumps(as_json(validation, top), indent=1, allow_nan=False)
    return "\n\n".join(part for part in _sections(validation, top) if part)


# JSON


def as_json(validation: Validation, top: int) -> dict[str, Any]:
    """Return a validation as plain values: errors and shares in percent, what is not defined as None."""
    found = validation.comparison
    return {
        "data": validation.name,
        "rows": len(validation.rows),
        "predicted": found.predicted,
        "units": UNITS,
        "confidence": CONFIDENCE,
        "totals": [_part(part) for part in found.totals],
        "groups": [_part(part) for part in found.groups],
        "unpredicted": [{"id": p.id, "reason": p.reason} for p in found.unpredicted],
        "predictions": [
            {"id": p.id, "quantity": _quantity(row), "measured": seen.value, "predicted": p.value, "bound": p.bound}
            for row, seen, p in zip(validation.rows, found.observations, found.predictions, strict=True)
        ],
        "violations": [
            {**_row(validation, i, "bound"), "why": validation.why[validation.rows[i].id]} for i in found.violations
        ],
        "worst": [_row(validation, i, "predicted") for i in found.worst(top)],
        "notes": list(validation.notes),
    }


def _part(part: Part) -> dict[str, Any]:
    return {
        **part.keys,
        **_figures(part.calibrated, part.ranking),
        "bound_violations": part.bound_violations,
        "bound": None if part.bound is None else _figures(part.bound, part.bound_ranking),
    }


def _figures(figures: Figures, ranking: Ranking) -> dict[str, Any]:
    def ends(interval: Interval) -> list[float | None]:
        return [_finite(PERCENT * interval.low), _finite(PERCENT * interval.high)]

    return {
        "rows": figures.rows,
        "predicted": figures.predicted,
        "mape": _finite(PERCENT * figures.mape),
        "median_ape": _finite(PERCENT * figures.median_ape),
        "median_ape_interval": ends(figures.median_ape_interval),
        "within_10": PERCENT * figures.within_10,
        "within_25": PERCENT * figures.within_25,
        "within_25_interval": ends(figures.within_25_interval),
        "kendall_tau": figures.kendall_tau,
        "ranking": {
            "workloads": ranking.workloads,
            "rows": ranking.rows,
            "mean_kendall_tau": ranking.mean_kendall_tau,
        },
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _row(validation: Validation, i: int, against: str) -> dict[str, Any]:
    row, prediction = validation.rows[i], validation.comparison.predictions[i]
    return {
        "id": row.id,
        "stack": row.stack,
        "hardware": row.hardware,
        "what": _what(row),
        "quantity": _quantity(row),
        "measured": validation.comparison.observations[i].value,
        against: prediction.value if against == "predicted" else prediction.bound,
    }


def _quantity(row: Measurement | OperatorMeasurement) -> str:
    return row.metric if isinstance(row, Measurement) else "latency_s"


# tables


def _sections(validation: Validation, top: int) -> Iterable[str]:
    found = validation.comparison
    missing = len(validation.rows) - found.predicted
    yield (
        f"{validation.name}: {counted(len(validation.rows), 'row')}, {found.predicted:,} predicted"
        + (f", {missing:,} not (they count as an error of 100 %)" if missing else "")
        + "".join(f"\n{_plain(note)}" for note in validation.notes)
    )
    first = next(iter(found.totals[0].keys)).replace("_", " ")
    yield "Calibrated predictions\n" + _totals(found.totals, first)
    yield "Uncalibrated roofline, the best case\n" + _bound_totals(found.totals, first)
    yield _legend(validation)
    yield "By group\n" + _groups(found.groups)
    yield _worst(validation, top)
    yield _violations(validation, top)
    yield _unpredicted(validation)


def _totals(totals: Iterable[Part], first: str) -> str:
    head = [
        first, "rows", "predicted", "median %", f"{PERCENT * CONFIDENCE:.0f} % interval", "mean %", "within 10 %",
        "within 25 %", f"{PERCENT * CONFIDENCE:.0f} % interval", "tau", "ranking tau", "workloads",
    ]  # fmt: skip
    body = []
    for part in totals:
        f, r = part.calibrated, part.ranking
        body.append([
            _plain(next(iter(part.keys.values()))), f"{f.rows:,}", f"{f.predicted:,}",
            _percent(f.median_ape, 1), _ends(f.median_ape_interval, 1), _percent(f.mape, 1), _percent(f.within_10),
            _percent(f.within_25), _ends(f.within_25_interval), _tau(f.kendall_tau), _tau(r.mean_kendall_tau),
            f"{r.workloads:,}",
        ])  # fmt: skip
    return text_table(head, body, left=1)


def _bound_totals(totals: Iterable[Part], first: str) -> str:
    head = [first, "median %", "mean %", "within 10 %", "within 25 %", "tau", "ranking tau", "beaten by"]
    body = []
    for part in totals:
        f, r = part.bound, part.bound_ranking
        name = _plain(next(iter(part.keys.values())))
        if f is None:
            body.append([name, *["-"] * (len(head) - 1)])
            continue
        body.append([
            name, _percent(f.median_ape, 1), _percent(f.mape, 1),
            _percent(f.within_10), _percent(f.within_25), _tau(f.kendall_tau), _tau(r.mean_kendall_tau),
            counted(part.bound_violations, "row"),
        ])  # fmt: skip
    return text_table(head, body, left=1)


def _legend(validation: Validation) -> str:
    lines = [
        "median, mean: absolute error relative to the measured time, energy or power; a rate counts as the time its",
        "tokens take, so that one rule holds for both; within: share of rows",
        "tau: rank correlation of all predicted rows; ranking tau: mean over workloads with 4 or more configurations",
    ]
    if validation.of_operators:
        lines.append(
            "an operator runs in a loop, without the host's share of a pass; of several ranks the fullest is timed"
        )
    else:
        lines.append(
            "prefill_serving: time to the first token under load, waiting included; timing: all times and rates"
        )
    if any(MEASURED_TIME in part.keys.values() for part in validation.comparison.totals):
        lines.append(f"{MEASURED_TIME}: energies whose run's time was published, predicted from that time")
    return "\n".join(lines)


def _groups(groups: Iterable[Part]) -> str:
    groups = list(groups)
    head = [key.replace("_", " ") for key in groups[0].keys]
    left = len(head)
    head += ["rows", "predicted", "median %", "mean %", "within 10 %", "within 25 %", "tau"]
    head += ["roofline: median %", "within 25 %", "tau", "beaten by"]
    body = []
    for part in groups:
        f, b = part.calibrated, part.bound
        body.append([
            *map(_plain, part.keys.values()), f"{f.rows:,}", f"{f.predicted:,}", _percent(f.median_ape, 1),
            _percent(f.mape, 1), _percent(f.within_10), _percent(f.within_25), _tau(f.kendall_tau),
            *(["-"] * 4 if b is None else [
                _percent(b.median_ape, 1), _percent(b.within_25), _tau(b.kendall_tau), f"{part.bound_violations:,}",
            ]),
        ])  # fmt: skip
    return text_table(head, body, left=left)


def _worst(validation: Validation, top: int) -> str:
    rows = validation.comparison.worst(top)
    if not rows:
        return ""
    return f"Furthest off: {counted(len(rows), 'row')}\n" + _rows(validation, rows, "predicted")


def _violations(validation: Validation, top: int) -> str:
    rows = validation.comparison.violations
    if not rows:
        return "No measurement beats the uncalibrated roofline."
    share = PERCENT * len(rows) / len(validation.rows)
    text = f"Faster than the uncalibrated roofline: {counted(len(rows), 'row')}, {share:.1f} %"
    text += f"\n{_rows(validation, rows[:top], 'bound')}" if top else ""
    if left := rows[top:]:
        ids = [_plain(validation.rows[i].id) for i in left]
        text += f"\n{'and ' if top else ''}{listed(ids, MOST_IDS * 4)}; --format json lists all"
    return text


def _rows(validation: Validation, rows: Sequence[int], against: str) -> str:
    head = ["id", "stack", "hardware", "what", "quantity", "measured", against, f"{against} / measured"]
    widths = {"what": MOST_WHAT}
    body = []
    for i in rows:
        row = _row(validation, i, against)
        ratio = row[against] / row["measured"]
        names = (_plain(str(row[key]), widths.get(key, 60)) for key in ("id", "stack", "hardware", "what", "quantity"))
        body.append([*names, number(row["measured"]), number(row[against]), f"{ratio:.3g}"])
    if against == "bound":
        reasons = ["why", *(_plain(validation.why[validation.rows[i].id], 120) for i in rows)]
        width = max(map(len, reasons))
        head, *body = ([*line, said.ljust(width)] for line, said in zip([head, *body], reasons, strict=True))
    return text_table(head, body, left=5)


def _unpredicted(validation: Validation) -> str:
    by_reason: dict[str, list[str]] = {}
    for prediction in validation.comparison.unpredicted:
        by_reason.setdefault(prediction.reason, []).append(_plain(prediction.id))
    if not by_reason:
        return "Every row was predicted."
    ordered = sorted(by_reason.items(), key=lambda item: -len(item[1]))
    total = sum(map(len, by_reason.values()))
    lines = [f"Not predicted: {counted(total, 'row')}"]
    lines += [
        f"  {counted(len(ids), 'row')}: {_plain(reason, 400)}: {listed(ids, MOST_IDS)}" for reason, ids in ordered
    ]
    return "\n".join(lines)


def _what(row: Measurement | OperatorMeasurement) -> str:
    """What was measured, short."""
    if isinstance(row, OperatorMeasurement):
        sizes: Mapping[str, Any] = {name: getattr(row, name) for name in (*OPERATORS[row.op], "moe_tp", "moe_ep")}
        said = [f"{name}={value:.10g}" for name, value in sizes.items() if value is not None]
        return " ".join([row.op, *said, *([row.routing] if row.routing else [])])
    parts = [row.model, row.phase, f"batch {row.batch:g}"]
    if row.prompt_tokens or row.output_tokens:
        parts.append(f"{_tokens(row.prompt_tokens)}+{_tokens(row.output_tokens)} tokens")
    if row.devices > 1:
        parts.append(f"on {row.devices}")
    return " ".join(parts)


def _tokens(count: float | None) -> str:
    return "?" if count is None else f"{count:.0f}"


def _percent(share: float, digits: int = 0) -> str:
    percent = PERCENT * share
    return f"{percent:.{digits}f}" if percent < 1e5 else f"{percent:.1e}"


def _ends(interval: Interval, digits: int = 0) -> str:
    return f"{_percent(interval.low, digits)} to {_percent(interval.high, digits)}"


def _tau(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _plain(text: str, most: int = 60) -> str:
    """A name from a file as a terminal may be shown it: on one line, nothing that moves the cursor."""
    cut = text if len(text) <= most else text[: most - 3] + "..."
    return cut if cut.isprintable() else ascii(cut)[1:-1]
