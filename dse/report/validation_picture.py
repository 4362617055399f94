"""The picture of a validation: what to draw; how is the business of `results.figures`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dse.validation import Validation
from results.figures.accuracy import Compared, Panel, accuracy
from results.labels import counted
from sweeps.accuracy import LIMITS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_AXES = {
    "decode": ("decode", "time per output token [s]"),
    "prefill": ("prefill", "time to first token [s]"),
    "prefill_serving": ("prefill under load", "time to first token [s]"),
    "end_to_end": ("end to end", "latency [s]"),
    "energy": ("energy", "energy per output token [J]"),
    "power": ("power", "power [W]"),
}
"""Title of a phase's panel, and what its rows are compared as."""


def picture(validation: Validation) -> Figure:
    """Return predicted against measured, one panel per phase (or kind of operator), coloured by class of device."""
    found = validation.comparison
    marks = []
    for i, (seen, prediction) in enumerate(zip(found.observations, found.predictions, strict=True)):
        if prediction.value is not None:
            group = validation.classes[validation.rows[i].hardware]
            marks.append(Compared(seen.phase, group, seen.time(seen.value), seen.time(prediction.value)))
    panels = []
    for part in found.totals:
        (name,) = part.keys.values()
        if any(mark.panel == name for mark in marks):
            title, axis = _AXES.get(name, (name.replace("_", " "), "latency [s]"))
            f = part.calibrated
            said = (
                f"{counted(f.rows, 'row')}, median error {_percent(f.median_ape)}, {_percent(f.within_25)} within 25 %"
            )
            panels.append(Panel(name, title, said, axis))
    missing = len(validation.rows) - found.predicted
    below = f"{validation.name}: {counted(len(validation.rows), 'row')}" + (
        f", of which {missing:,} could not be predicted: not drawn, but counted as wholly wrong" if missing else ""
    )
    return accuracy(marks, panels, _legend(validation), title="Predicted against measured", below=below)


def _legend(validation: Validation) -> dict[str, str]:
    """What to say of each class of device: how many rows, and how close over all of them."""
    errors = validation.comparison.errors
    by_class: dict[str, list[int]] = {}
    for i, row in enumerate(validation.rows):
        by_class.setdefault(validation.classes[row.hardware], []).append(i)
    ordered = sorted(by_class.items(), key=lambda item: (-len(item[1]), item[0]))
    return {
        name: f"{name}: {counted(len(rows), 'row')}, median error {_percent(float(np.median(errors[rows])))}, "
        f"{_percent(float(np.mean(errors[rows] <= LIMITS[-1])))} within 25 %"
        for name, rows in ordered
    }


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
