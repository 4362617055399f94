"""What a sweep came to, and what a study would do, for a tired reader."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dse.catalogs import models_beside
from dse.efficiency_text import MOST_TOLD, described, fitted_numbers, modellings
from dse.pictures import minimized
from dse.report.empty_fronts import no_front
from dse.report.quality import quality_lines
from dse.report.searches import counts, no_exact_front, whole
from dse.report.tables import DESIGN, number, text_table
from dse.report.uncertainty import CHANCES, SPREAD, chance, remarks, said_of_samples, spreads
from dse.technique_checks import draft_warnings
from dse.units import format_quantity, level_text
from results.columns import COLUMNS
from results.front import knee
from results.labels import axis_label, counted, display
from results.places import is_remote

if TYPE_CHECKING:
    import pandas as pd

    from dse.runs import Run
    from dse.study import Study, Workload
    from sweeps.problem import Problem


MOST_VALUES = 8
"""Values of an axis that are told one by one."""


ONE = ": the front is its best design, and any that are as good"
"""Said of a study with a single objective."""


def summary(run: Run) -> str:
    """Designs, feasible, front; the best of each objective and the knee; where the files are."""
    m = run.manifest
    lines = []
    if run.already:
        lines.append(
            f"{shown_path(run.path)} is finished already; nothing was changed (`dse sweep --fresh` runs it again)"
        )
    if m.get("repaired"):
        lines.append(f"damaged or missing, and made again: {', '.join(m['repaired'])}")
    if m.get("failed_chunks"):
        lines.append(
            f"{counted(len(m['failed_chunks']), 'chunk')} failed, with its designs missing; `dse sweep` tries again"
        )
    lines += counts(run)
    speed = "" if m["method"] == "exact" else f", {_rate(m['designs_per_s'])}"
    failures = "evaluations" if m["method"] == "exact" else "designs"
    lines.append(
        f"{m['seconds']:.1f} s{speed}; efficiency: {m['efficiency']}"
        + (f"; {m['failed']:,} {failures} gave no number" if m["failed"] else "")
    )
    if len(run.objectives) == 1:
        lines.append(f"one objective{ONE}")
    front = run.front()
    lines += draft_warnings(run.study, run.models)
    lines += ["", _picks(run, front) if len(front) else said_of_no_front(run), "", *_files(run)]
    return "\n".join(lines)


def _rate(designs_per_s: float) -> str:
    return f"{designs_per_s / 1e6:.2f} M designs/s" if designs_per_s >= 1e5 else f"{designs_per_s:,.0f} designs/s"


def said_of_no_front(run: Run) -> str:
    """Return why the front is empty."""
    return no_exact_front(run.manifest) if run.manifest["method"] == "exact" else no_front(run)


def _picks(run: Run, front: pd.DataFrame) -> str:
    picks, rows = best_designs(run, front)
    table = text_table(["", *picks], rows, left=1)
    if not run.study.uncertainty:
        return table
    return table + "\n\n" + said_of_samples(run) + remarks(run, front, run.uncertainty())


def best_designs(run: Run, front: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Return the best design of each objective and the knee: their names, and rows with a cell each after the label."""
    sampled = run.uncertainty() if run.study.uncertainty else None
    objectives = run.objectives
    picks = {}
    for name, direction in objectives.items():
        values = front[name].to_numpy()
        picks[f"best {COLUMNS[name].label or name}"] = int(values.argmax() if direction == "max" else values.argmin())
    picks["knee"] = knee(minimized(run, front))
    rows = [["point", *(f"{front['point'].iloc[i]}" for i in picks.values())]]
    rows += [
        [name, *(level_text(front[name].iloc[i]) for i in picks.values())]
        for name in front.columns
        if name not in COLUMNS and not name.startswith("margin_constraint_")
    ]
    for name in (*DESIGN, *objectives):
        values = display(name, front[name].to_numpy())[0]
        rows.append([axis_label(name), *(number(float(values[i])) for i in picks.values())])
        if sampled is not None and name in objectives:
            spread = spreads(name, sampled)
            rows.append([f"  {SPREAD}", *(spread[i] for i in picks.values())])
    if sampled is not None:
        for name in CHANCES:
            rows.append([CHANCES[name], *(chance(sampled[name].iloc[i]) for i in picks.values())])
    return list(picks), rows


def _files(run: Run) -> list[str]:
    paths = run.paths
    parts = paths.parts()
    every = "all designs" if whole(run) else "all designs evaluated"
    what = every if run.manifest["keep"] == "all" else "the front and a uniform sample"
    files = [
        (shown_path(paths.front), "the front, every column"),
        (shown_path(paths.designs) + os.sep, f"{what}, {counted(len(parts), 'Parquet part')}"),
    ]
    if run.study.uncertainty:
        files.append((shown_path(paths.uncertainty), "percentiles and chances of the designs of the front"))
    if paths.history.is_file():
        files.append((shown_path(paths.history), "the hypervolume by generation"))
    if paths.certificate.is_file():
        parts = paths.leaf_parts()
        files.append((shown_path(paths.certificate), f"the proof, with {counted(len(parts), 'Parquet part')}"))
    if paths.figures.is_dir():
        files.append((shown_path(paths.figures) + os.sep, "pictures, PNG and SVG"))
    width = max(len(name) for name, _ in files)
    return [f"{name.ljust(width)}  {text}" for name, text in files]


def shown_path(path: Path) -> str:
    """A path as short as it can be said from here."""
    if is_remote(path):
        return str(path)
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def study_summary(study: Study, problem: Problem) -> str:
    """What a study would do: its size, axes, workloads, objectives and limits."""
    size = study.grid_size()
    lines = [f"{study.name}: {counted(size, 'design')}{_effort(study, size)}", ""]
    rows = []
    for axis in study.column_axes:
        unit = COLUMNS[axis.name].unit
        if axis.derived is not None:
            rows.append([axis.name, "1", axis.text])
            continue
        low, high = min(axis.values), max(axis.values)
        ends = format_quantity(low, unit) + (f" to {format_quantity(high, unit)}" if high > low else "")
        rows.append([axis.name, f"{len(axis.values):,}", ends + apart(axis.values)])
    for other in study.scenario_axes:
        shown = [level_text(value) for value in other.values]
        if len(shown) > MOST_VALUES:
            shown = [*shown[: MOST_VALUES - 2], "...", shown[-1] + apart(other.numbers)]
        rows.append([other.path, f"{len(other.values):,}", ", ".join(shown)])
    lines += [text_table(["axis", "levels", "values"], rows, left=1), ""]
    first = problem.scenario(0)
    for group, workload in enumerate(study.workloads):
        own = [told for told in first.workloads if told.turns.group == group]
        told, share = own[0], sum(one.share for one in own)
        held = sum(told.footprint_bytes.values())
        lines.append(
            f"workload {workload.model}: {_lengths_text(study, workload)}, batch "
            f"{_batch_text(workload)}, share {share:g}; needs {format_quantity(held, 'byte')}"
            + (f"; a decode step yields {told.tokens_per_pass:.3g} tokens" if told.tokens_per_pass != 1.0 else "")
        )
    if first.quality is not None:
        lines += quality_lines(first.quality)
    objectives = ", ".join(f"{name} {way}" for name, way in study.objectives.items())
    lines.append(f"objectives: {objectives}{ONE if len(study.objectives) == 1 else ''}")
    lines.append("constraints: " + (", ".join(study.constraints) or "none"))
    if study.baseline_devices:
        lines.append("baselines: " + ", ".join(chip.name for chip in study.baseline_devices))
    return "\n".join([*lines, *_efficiencies(study), *draft_warnings(study, models_beside(study.source_path))])


def apart(values: Sequence[float]) -> str:
    """How far the values of a fine axis are apart at most, in percent; nothing of a few values, or where one is 0."""
    ordered = sorted(values)
    if len(ordered) <= MOST_VALUES or ordered[0] <= 0:
        return ""
    most = max(high / low for low, high in itertools.pairwise(ordered)) - 1.0
    return f", at most {100 * most:.2g} % apart"


def _efficiencies(study: Study) -> list[str]:
    """What the designs reach; of calibrated ones the factors of the class and the runtime, with their ranges."""
    found = modellings(study)
    told = [described(how) for how in list(found)[:MOST_TOLD]]
    more = len(found) - len(told)
    lines = ["efficiency: " + "\n            ".join([*told, *([f"and {more} more"] if more else [])])]
    rows: dict[tuple[str, str, str], list[str]] = {}
    for how, calibration in found.items():
        for name, option, fit in fitted_numbers(how, calibration):
            cells = [f"{value:.3g}" for value in (fit.value, fit.low, fit.high)]
            rows.setdefault((name, option, cells[0]), [name, option, *cells])
    if rows:
        head = ["factor on what is common to all", "of", "value", "low", "high"]
        lines += ["", text_table(head, rows.values(), left=2)]
    return lines


def _effort(study: Study, size: int) -> str:
    """How long a grid takes, or what a search looks at."""
    search = study.search
    if search.method == "exact":
        return ", searched exactly"
    if search.designs:
        return f"; {search.method} evaluates up to {min(size, search.designs):,}"
    return f", about {_duration(size / 5e6)} on one core"


def _duration(seconds: float) -> str:
    if seconds < 1:
        return "a second"
    for name, length in (("second", 1.0), ("minute", 60.0), ("hour", 3600.0)):
        if seconds < 120 * length or name == "hour":
            return counted(math.ceil(seconds / length), name)
    return ""


def _lengths_text(study: Study, workload: Workload) -> str:
    """Tokens of the requests of a workload; of a distribution the means."""
    lengths = study.lengths_of(workload)
    if lengths is None:
        return f"{workload.prompt_tokens or 0:,} in, {workload.output_tokens or 0:,} out"
    return f"{lengths.mean_prompt:,.0f} in, {lengths.mean_output:,.0f} out on average"


def _batch_text(workload: Workload) -> str:
    """The batch of a workload; of one that each design chooses, what it must meet."""
    if isinstance(workload.batch, int):
        return f"{workload.batch:,}"
    if workload.batch == "steady":
        return f"as {format_quantity(workload.serving.arrivals or 0.0, 'request/s')} keep in flight"
    limits = [
        f"{key} <= {format_quantity(value, 'second')}"
        for key, value in (("ttft", workload.slo.ttft), ("tpot", workload.slo.tpot))
        if value is not None
    ]
    return f"as large as fits{' with ' + ' and '.join(limits) if limits else ''}"
