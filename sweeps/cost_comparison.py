"""How close predicted costs come to published ones: by quantity and class of device, with what nobody published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from roofline.accelerators import Accelerator
from sweeps.accuracy import kendall_tau
from sweeps.cost_rows import CostRow, cost_rows
from sweeps.energy_rows import EnergyShare, energy_rows, energy_samples, energy_shares
from sweeps.measurements import Measurement
from sweeps.predict import FindAccelerator, FindModel
from sweeps.silicon_rows import reasons as silicon_reasons
from sweeps.silicon_rows import silicon_rows

LIMITS = (0.25, 0.35)
"""Errors that count as close [1]."""

ALL = "all"

QUANTITIES = (
    "die_area_mm2",
    "tdp_w",
    "idle_power_w",
    "bom_usd",
    "price_usd",
    "embodied_kg",
    "embodied_with_host_kg",
    "energy_j_per_output_token",
    "power_w",
)
"""What is compared, in the order of the tables."""


@dataclass(frozen=True)
class WithoutFacts:
    """A device of the catalog of which a quantity was not found published."""

    device: str
    quantity: str
    reason: str


@dataclass(frozen=True)
class CostPart:
    """How close the rows of one quantity, basis and class of device came.

    Attributes
    ----------
    quantity, basis, device_class : str
        The class is :data:`ALL` for the total.
    rows, predicted : int
        Published numbers, and those of them that could be predicted.
    in_sample : int
        Predictions that have seen the published number; no other figure but `median_in_sample` counts them.
    median_ape : float or None
        Median absolute error of the predictions that have not [1]; None without one.
    within : tuple of float or None
        Share of them within each of :data:`LIMITS` [1].
    median_in_sample : float or None
        Median absolute error of those that have [1].
    kendall_tau : float or None
        Rank correlation of predictions that have not seen their number with the published ones.
    """

    quantity: str
    basis: str
    device_class: str
    rows: int
    predicted: int
    in_sample: int
    median_ape: float | None
    within: tuple[float | None, ...]
    median_in_sample: float | None
    kendall_tau: float | None


@dataclass(frozen=True)
class CostComparison:
    """Predicted costs of devices held against published ones.

    Attributes
    ----------
    rows : tuple of CostRow
    parts : tuple of CostPart
        Totals and classes of each quantity and basis.
    without_facts : tuple of WithoutFacts
    shares : tuple of EnergyShare
        What the measured energies consist of.
    """

    rows: tuple[CostRow, ...]
    parts: tuple[CostPart, ...]
    without_facts: tuple[WithoutFacts, ...]
    shares: tuple[EnergyShare, ...]


def compare_costs(
    measurements: Sequence[Measurement],
    chips: Sequence[Accelerator],
    *,
    models: FindModel,
    accelerators: FindAccelerator,
    devices: Sequence[str] = (),
) -> CostComparison:
    """Return every published cost of the devices beside its prediction.

    Parameters
    ----------
    measurements : sequence of Measurement
        Of which the energies and powers are taken.
    chips : sequence of Accelerator
        The catalog: devices of which nothing is published are listed.
    models, accelerators : callable
        From names to the model and the accelerator.
    devices : sequence of str
        Names of the devices to show; default all. What was refitted stays refitted to all others.
    """
    samples, reasons = energy_samples(measurements, models, accelerators)
    rows = [*silicon_rows(chips), *cost_rows(accelerators), *energy_rows(measurements, samples, reasons, accelerators)]
    rows.sort(key=lambda row: QUANTITIES.index(row.quantity))
    shares = energy_shares(samples)
    shown = [chip for chip in chips if not devices or chip.name in devices]
    if devices:
        rows = [row for row in rows if row.device in devices]
        shares = [share for share in shares if share.device in devices]
    return CostComparison(tuple(rows), tuple(_parts(rows)), tuple(_without_facts(rows, shown)), tuple(shares))


def _without_facts(rows: Sequence[CostRow], chips: Sequence[Accelerator]) -> list[WithoutFacts]:
    there = {(row.device, row.quantity) for row in rows}
    known = silicon_reasons()
    return [
        WithoutFacts(chip.name, quantity, known.get((chip.name, quantity)) or _nothing(chip, quantity))
        for quantity in QUANTITIES
        for chip in chips
        if (chip.name, quantity) not in there
    ]


def _nothing(chip: Accelerator, quantity: str) -> str:
    if quantity == "price_usd" and chip.price_usd is not None:
        return (
            f"its published price is a {chip.price_kind or 'price'} of {chip.year}, not of a year of the price tables"
        )
    if quantity in ("energy_j_per_output_token", "power_w"):
        return "no measurement of it in the shipped ones"
    return "no published number was found"


def _parts(rows: Sequence[CostRow]) -> list[CostPart]:
    found = []
    for quantity in QUANTITIES:
        mine = [row for row in rows if row.quantity == quantity]
        for basis in dict.fromkeys(row.basis for row in mine):
            chosen = [row for row in mine if row.basis == basis]
            classes = list(dict.fromkeys(row.device_class for row in chosen))
            found.append(_part(ALL, chosen))
            if len(classes) > 1:
                found += [_part(name, [row for row in chosen if row.device_class == name]) for name in classes]
    return found


def _part(device_class: str, rows: Sequence[CostRow]) -> CostPart:
    predicted = [row for row in rows if row.tested is not None]
    unseen = [row for row in predicted if not row.in_sample]
    errors, seen = _errors(unseen), _errors([row for row in predicted if row.in_sample])
    values = np.array([[row.published, row.tested or np.nan] for row in unseen]).reshape(-1, 2)
    return CostPart(
        quantity=rows[0].quantity,
        basis=rows[0].basis,
        device_class=device_class,
        rows=len(rows),
        predicted=len(predicted),
        in_sample=len(seen),
        median_ape=float(np.median(errors)) if len(errors) else None,
        within=tuple(float(np.mean(errors <= limit)) if len(errors) else None for limit in LIMITS),
        median_in_sample=float(np.median(seen)) if len(seen) else None,
        kendall_tau=kendall_tau(values[:, 0], values[:, 1]),
    )


def _errors(rows: Sequence[CostRow]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([abs(row.error) for row in rows if row.error is not None])
