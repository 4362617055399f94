"""What is published of the costs of real devices, and which constants were fitted to it."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

COLUMNS = ("device", "quantity", "value", "low", "high", "unit", "year", "use", "constants", "source")

UNITS = {
    "die_area_mm2": "mm2",
    "idle_power_w": "W",
    "bom_usd": "USD",
    "price_usd": "USD",
    "embodied_kg": "kg",
    "embodied_with_host_kg": "kg",
}
"""Quantities of the table and their units: they end in them."""

USES = ("given", "fitted", "check")
"""Taken as given where others are predicted; what constants were fitted to; seen by no fit."""


@dataclass(frozen=True)
class PublishedCost:
    """One published number of a device.

    Attributes
    ----------
    device : str
        Name in the catalog of accelerators.
    quantity : str
        One of :data:`UNITS`.
    value, low, high : float
        In its unit.
    year : int
    use : str
        One of :data:`USES`.
    constants : tuple of str
        Constants that were fitted to it.
    source : str
        Where it was read, or how it was derived or assumed.
    """

    device: str
    quantity: str
    value: float
    low: float
    high: float
    year: int
    use: str
    constants: tuple[str, ...]
    source: str


@cache
def published_costs() -> tuple[PublishedCost, ...]:
    """Return the rows of ``data/published_costs.csv``."""
    return parsed((files("sweeps") / "data" / "published_costs.csv").read_text(encoding="utf8"))


def parsed(text: str) -> tuple[PublishedCost, ...]:
    """Return published costs from their CSV text.

    Raises
    ------
    ValueError
        With the line of the first row that is wrong.
    """
    rows = csv.DictReader(io.StringIO(text))
    if tuple(rows.fieldnames or ()) != COLUMNS:
        raise ValueError(f"line 1: expected the columns {','.join(COLUMNS)}")
    found: dict[tuple[str, str], PublishedCost] = {}
    for row in rows:
        try:
            cost = _cost(row)
        except ValueError as error:
            raise ValueError(f"line {rows.line_num}: {error}") from None
        key = (cost.device, cost.quantity)
        if key in found:
            raise ValueError(f"line {rows.line_num}: a second {cost.quantity} of {cost.device}")
        found[key] = cost
    return tuple(found.values())


def _cost(row: dict[str, str]) -> PublishedCost:
    quantity, use, source = row["quantity"], row["use"], row["source"].strip()
    if quantity not in UNITS:
        raise ValueError(f'unknown quantity "{quantity}"; known: {", ".join(UNITS)}')
    if row["unit"] != UNITS[quantity]:
        raise ValueError(f"unit of {quantity}: expected {UNITS[quantity]}, got {row['unit']!r}")
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    if not 0.0 < low <= value <= high < math.inf:
        raise ValueError(f"expected 0 < low <= value <= high, got {low:g}, {value:g}, {high:g}")
    if use not in USES:
        raise ValueError(f'unknown use "{use}"; known: {", ".join(USES)}')
    constants = tuple(name for name in row["constants"].split(";") if name)
    if (use == "fitted") != bool(constants):
        raise ValueError("a fitted number names the constants that were fitted to it, and no other does")
    if not source:
        raise ValueError("source is empty")
    return PublishedCost(row["device"], quantity, value, low, high, int(row["year"]), use, constants, source)
