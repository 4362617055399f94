"""What ``dse analyze`` prints: a table for people, or CSV and JSON for other programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

from dse.analysis import Analysis, PhaseAnalysis, as_json, operator_rows
from dse.precision_text import precision_text
from dse.report.tables import number, text_table
from dse.units import format_quantity
from results.labels import counted
from roofline.parallel import DEGREES
from sweeps.scenario import Modelling

_PREFIXES = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_SMALL = ((1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"))
_HELD = {"kv_cache": "KV cache", "dense": "weights"}


def analysis_text(analysis: Analysis, form: str) -> str:
    """Return an analysis as ``table``, ``csv`` or ``json``."""
    if form == "json":
        return json.dumps(as_json(analysis), indent=1, allow_nan=False)
    if form == "csv":
        return analysis_csv(analysis)
    parts = [header(analysis), *(line for line in [does_not_fit(analysis)] if line)]
    return "\n\n".join([*parts, *(phase_table(phase) for phase in analysis.phases)])


def header(analysis: Analysis) -> str:
    """Model, hardware with its ridge points, and what was assumed."""
    model, chip, how = analysis.model, analysis.accelerator, analysis.modelling
    active = f", {number(model.active_parameters / 1e9)} B active" if _has_experts(analysis) else ""
    ridges = "; ".join(
        f"{name} {format_quantity(peak, 'flop/s')}, ridge {number(chip.ridge_flop_per_byte(name))} FLOP/byte"
        for name, peak in chip.peaks.items()
        if name in analysis.formats
    )
    lines = [
        f"{model.name}: {number(model.total_parameters / 1e9)} B parameters{active}, weights "
        f"{_gigabytes(analysis.weight_bytes)}, KV cache {analysis.kv_bytes_per_token:,.10g} bytes per token; "
        f"{precision_text(analysis.precision)}",
        f"{chip.title}: {format_quantity(chip.memory_bytes, 'byte')} {_memory_kind(analysis)} at "
        f"{format_quantity(chip.memory_bytes_per_s, 'byte/s')}; {ridges}",
        f"efficiency: {analysis.efficiency}; {_execution(how)}fused: {', '.join(how.fused) or 'nothing'}",
    ]
    if analysis.parallel.chips > 1:
        lines.append(_chips(analysis))
    if model.note:
        lines.append(f"note: {model.note}")
    return "\n".join(lines)


def _execution(how: Modelling) -> str:
    """How an ideal roofline overlaps and launches, or how a serving stack does."""
    if how.runtime is None:
        return f"overlap: {how.overlap}; launch overhead: {format_quantity(how.launch_overhead_s, 'second')}; "
    return f"{how.runtime.title}: {how.runtime.launch} launches, host {how.runtime.host}; "


def _chips(analysis: Analysis) -> str:
    """How many chips, what they share, and how fast they talk."""
    degrees = ", ".join(f"{name} {getattr(analysis.parallel, name)}" for name in DEGREES)
    link = analysis.accelerator.link_bytes_per_s
    speed = "unknown" if link is None else format_quantity(link, "byte/s")
    parts = analysis.parallel.microbatch(analysis.phases[0].batch)
    of_what = f"a pass is of {counted(parts, 'sequence')}, its operators those of one chip"
    return f"{analysis.parallel.chips} chips ({degrees}), links {speed} per direction; {of_what}"


def _memory_kind(analysis: Analysis) -> str:
    chip = analysis.accelerator
    return (chip.dram_kind or "DRAM") if chip.has_dram else "SRAM"


def _gigabytes(size: float) -> str:
    return f"{number(size / 1e9)} GB"


def _has_experts(analysis: Analysis) -> bool:
    return analysis.model.active_parameters != analysis.model.total_parameters


def does_not_fit(analysis: Analysis) -> str:
    """A line of warning where the memory is too small, naming what needs most; else nothing."""
    worst = max(analysis.phases, key=lambda phase: phase.missing_bytes)
    if not worst.missing_bytes:
        return ""
    held = [(_HELD.get(name, name), size) for name, size in worst.footprint_bytes.items() if size]
    parts = ", ".join(f"{name} {_gigabytes(size)}" for name, size in held)
    needed = _gigabytes(sum(size for _, size in held))
    capacity = _gigabytes(analysis.accelerator.memory_bytes)
    return (
        f"warning: does not fit: {worst.phase} needs {needed} ({parts}), "
        f"the memory holds {capacity}; the times are those of a memory that held it"
    )


def phase_table(phase: PhaseAnalysis) -> str:
    """The operators of one phase and their sum, in units that fit the largest number of each kind."""
    what = "prompt" if phase.phase == "prefill" else "context"
    sequences = f"batch {phase.batch:,}, {what} of {counted(phase.tokens, 'token')}"
    rows = phase.operators
    # Prefixes that leave a hundred of the unit and more, so that few of the small numbers need an exponent.
    flop = _scale([row.flop / 100 for row in rows], _PREFIXES)
    ops = _scale([row.vector_ops / 100 for row in rows], _PREFIXES)
    byte = _scale([row.dram_bytes / 100 for row in rows], _PREFIXES)
    time = _scale([phase.time_s], _SMALL)
    head = [
        "operator",
        "bound by",
        "count",
        f"{flop[1]}FLOP",
        f"vector {ops[1]}op",
        f"weights [{byte[1]}B]",
        f"activations [{byte[1]}B]",
        f"KV, state [{byte[1]}B]",
        f"DRAM [{byte[1]}B]",
        "FLOP/byte",
        f"time [{time[1]}s]",
        "share [%]",
    ]
    bytes_of = ("weight_bytes", "activation_bytes", "kv_bytes", "dram_bytes")
    body = [
        [
            row.name,
            row.bound_by,
            str(row.count),
            number(row.flop / flop[0]),
            number(row.vector_ops / ops[0]),
            *(number(getattr(row, name) / byte[0]) for name in bytes_of),
            number(row.intensity_flop_per_byte) if row.flop else "-",
            number(row.seconds / time[0]),
            f"{100 * phase.share(row):.1f}",
        ]
        for row in rows
    ]
    beside = {"(launch)": phase.launch_overhead_s, "(host)": phase.host_s, "(pipeline)": phase.pipeline_wait_s}
    for what, spent in beside.items():
        if spent:
            blank = [""] * (len(head) - 4)
            body.append([what, "", *blank, number(spent / time[0]), f"{100 * spent / phase.time_s:.1f}"])
    total_flop, total_bytes = phase.total("flop"), phase.total("dram_bytes")
    body.append(
        [
            "total",
            "",
            "",
            number(total_flop / flop[0]),
            number(phase.total("vector_ops") / ops[0]),
            *(number(phase.total(name) / byte[0]) for name in bytes_of),
            number(total_flop / total_bytes),
            number(phase.time_s / time[0]),
            "100.0",
        ]
    )
    lines = text_table(head, body, left=2).splitlines()
    rule = "-" * max(map(len, lines))
    return "\n".join([f"{phase.phase}, {sequences}", *lines[:-1], rule, lines[-1]])


def _scale(values: Sequence[float], prefixes: Sequence[tuple[float, str]]) -> tuple[float, str]:
    """Size and prefix of the unit in which the largest value is at least 1; the last one if there is none."""
    largest = max(values, default=0.0)
    return next(((size, prefix) for size, prefix in prefixes if largest >= size), prefixes[-1])


def analysis_csv(analysis: Analysis) -> str:
    """One line per operator and phase, SI units, all digits; what does not apply is empty."""
    rows = [row for phase in analysis.phases for row in operator_rows(analysis, phase)]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
