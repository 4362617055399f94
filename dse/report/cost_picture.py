"""The picture of predicted costs: what to draw; how is the business of `results.figures`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from dse.cost_validation import CostValidation
from results.figures.accuracy import Panel
from results.figures.costs import CostMark, costs
from results.labels import counted
from roofline.accelerators import aliases
from sweeps.cost_comparison import ALL, LIMITS, CostPart
from sweeps.cost_rows import GIVEN_AREA, OWN_AREA
from sweeps.energy_rows import ANCHORED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWN = {
    "die_area_mm2": (OWN_AREA, "die area", "area [mm$^2$]"),
    "tdp_w": (GIVEN_AREA, "power limit", "power [W]"),
    "idle_power_w": (GIVEN_AREA, "idle power", "power [W]"),
    "bom_usd": (GIVEN_AREA, "bill of materials", "cost [USD]"),
    "price_usd": (GIVEN_AREA, "street price", "price [USD]"),
    "embodied_kg": (GIVEN_AREA, "embodied carbon", "carbon [kg CO$_2$e]"),
    "embodied_with_host_kg": (GIVEN_AREA, "embodied, with server", "carbon [kg CO$_2$e]"),
    "energy_j_per_output_token": (ANCHORED, "energy per output token", "energy [J]"),
}
"""Basis, title and axis of each quantity's panel."""


def picture(validation: CostValidation, theme: Literal["light", "dark"] = "light") -> Figure:
    """Return predicted against published costs, one panel per quantity, coloured by class of device."""
    every = validation.comparison.rows
    rows = [row for row in every if row.tested is not None and row.tested > 0]
    chosen = [row for row in rows if row.quantity in DRAWN and DRAWN[row.quantity][0] == row.basis]
    marks = [
        CostMark(
            row.quantity, row.device_class, _short(row.device), row.published, row.low, row.high, row.tested or 0.0,
            row.in_sample,
        )
        for row in chosen
    ]  # fmt: skip
    panels = []
    for quantity, (basis, title, axis) in DRAWN.items():
        part = next((p for p in validation.comparison.parts if _is(p, quantity, basis)), None)
        if part is not None and any(mark.panel == quantity for mark in marks):
            panels.append(Panel(quantity, title, _said(part), axis))
    classes = dict.fromkeys(row.device_class for row in chosen)
    groups = {name: f"{name}: {counted(sum(row.device_class == name for row in chosen), 'mark')}" for name in classes}
    missing = sum(row.tested is None and DRAWN.get(row.quantity, ("",))[0] == row.basis for row in every)
    below = (
        "Constants refitted without the family of dies where more than one device fixes them. Not drawn, as they could "
        f"not be predicted: {counted(missing, 'row')}."
    )
    return costs(marks, panels, groups, title="Predicted against published costs", below=below, theme=theme)


def _is(part: CostPart, quantity: str, basis: str) -> bool:
    return (part.quantity, part.basis, part.device_class) == (quantity, basis, ALL)


def _said(part: CostPart) -> str:
    """Basis, and how close."""
    said = f"{part.basis}: "
    if part.median_ape is not None:
        unseen = part.predicted - part.in_sample
        said += f"median error {100 * part.median_ape:.0f}\N{NO-BREAK SPACE}% of {unseen}"
        share = part.within[-1]
        if share is not None and unseen > 5:
            said += f", {100 * share:.0f}\N{NO-BREAK SPACE}% within {100 * LIMITS[-1]:.0f}\N{NO-BREAK SPACE}%"
    else:
        said += "all in-sample"
    return said


def _short(device: str) -> str:
    """The shortest name of a device."""
    return min([device, *(alias for alias, name in aliases().items() if name == device)], key=len)
