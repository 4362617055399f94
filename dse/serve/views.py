"""The numbers of the live page as plain data: every float as ``evaluate`` gave it, those that are none as None."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dse.baselines import baseline_on
from dse.designs import STUDY_KEYS
from dse.report.page.data import about
from dse.report.page.designs import Taken
from dse.serve.asked import Asked, Design
from dse.serve.base import Base, Slider
from dse.units import format_quantity
from results.columns import COLUMNS
from results.store import Categorical
from roofline.accelerators import Accelerator, UnknownFact
from sweeps.space import DESIGN_COLUMNS

HEADLINES = ("decode_tokens_per_s", "energy_j_per_token", "tco_usd_per_mtoken", "carbon_g_per_mtoken")
"""What the page shows largest: tokens per second, joules, dollars, grams."""

COMPARED = (
    *STUDY_KEYS.values(),
    *("decode_tokens_per_s", "tokens_per_s", "ttft_s", "tpot_s", "energy_j_per_token", "peak_power_w", "die_area_mm2"),
    *("price_usd", "tco_usd_per_mtoken", "carbon_g_per_mtoken"),
)
LEDGERS = ("energy_j_per_token", "tco_usd_per_mtoken", "carbon_g_per_mtoken", "price_usd")


def evaluated(design: Design) -> dict[str, Any]:
    """Return every column of a design as ``dse evaluate`` gives it."""
    table = design.problem.given(design.columns, 0)
    return {name: _cell(column) for name, column in table.items() if name != "point"}


def view(base: Base, asked: Asked) -> dict[str, Any]:
    """Return everything the page shows of what it asked for.

    Parameters
    ----------
    base : Base
    asked : Asked

    Returns
    -------
    dict
        Plain data for JSON in stored units: ``columns`` of the design, its operators and ledgers as in a report,
        ``others`` and ``devices`` beside it.
    """
    design = asked.design
    taken = Taken(design.study, LEDGERS)
    taken.add(0, design.columns, design.problem.scenario(0))
    found = {
        "columns": evaluated(design),
        "limits": [limit.text for limit in design.problem.limits],
        **taken.data(),
        "others": [evaluated(other) for other in asked.others],
        "devices": [_device(base, design, chip) for chip in asked.devices],
    }
    plain: dict[str, Any] = jsonable(found)
    return plain


def start(base: Base) -> dict[str, Any]:
    """Return what the page knows before it asks for anything: its controls, and what each column means."""
    import pandas as pd

    study, nothing = base.study, pd.Series(dtype=float)
    return {
        "name": study.name,
        "study": study.digest()[:12],
        "run": None if base.run is None else str(base.run.path.name),
        "fields": base.fields,
        "controls": [vars(control) for control in base.controls.values()],
        "choices": base.choices,
        "sliders": [{**vars(slider), **_shown(slider), "start": base.start[slider.column]} for slider in base.sliders],
        "devices": [[chip.name, chip.title or chip.name] for chip in base.devices],
        "objectives": study.objectives,
        "constraints": list(study.constraints),
        "columns": [
            about(
                column.name,
                column,
                "objective" if column.name in study.objectives else column.kind,
                column.label or column.name,
                nothing,
            )
            for column in COLUMNS.values()
            if column.kind in ("design", "metric")
        ],
        "headlines": HEADLINES,
        "compared": COMPARED,
        "wide": 5.0,
        "count": 0,
        "rows": {},
        "words": [],
        "constants_of": {},
        "ledger_columns": [],
    }


def jsonable(value: Any) -> Any:
    """Return plain data with None in the place of numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: jsonable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(one) for one in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value


def _device(base: Base, design: Design, chip: Accelerator) -> dict[str, Any]:
    told = {"name": chip.name, "title": chip.title or chip.name}
    scenario = design.problem.scenario(0)
    if scenario.largest is not None:
        return {**told, "columns": {}, "note": "a published device needs a batch that is a number"}
    try:
        found = baseline_on(design.study, base.models, chip, scenario)
    except (UnknownFact, ValueError) as error:
        return {**told, "columns": {}, "note": str(error)}
    if not found.columns:
        return {**told, "columns": {}, "note": f"does not fit ({format_quantity(found.missing_bytes, 'byte')} missing)"}
    costs = [name for name in COMPARED if name not in DESIGN_COLUMNS]
    missing = {fact for name in costs for fact in found.missing_facts(name) if fact in vars(chip)}
    notes = [f"not published: {', '.join(sorted(missing))}"] if missing else []
    if scenario.pool is not None:
        notes.append("processes prompts itself")
    note = "; ".join(notes)
    return {**told, "columns": {name: float(value) for name, value in found.columns.items()}, "note": note}


def _shown(slider: Slider) -> dict[str, Any]:
    column = COLUMNS[slider.column]
    return {"label": column.label, "unit": column.shown_unit, "size": column.shown_size}


def _cell(column: Any) -> Any:
    if isinstance(column, Categorical):
        return column.categories[int(np.asarray(column.codes)[0])]
    return column[0].item()
