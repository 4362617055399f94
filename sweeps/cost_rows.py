"""Costs of real devices beside what is published of them: each row predicted, or listed with why it is not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from roofline.accelerators import Accelerator, UnknownFact
from sweeps import dies
from sweeps.choices import Deployment
from sweeps.constants import chosen_constants
from sweeps.device_costs import device_costs
from sweeps.device_technology import class_of, die_of, segment_of, technology_of
from sweeps.predict import FindAccelerator
from sweeps.published_costs import UNITS, PublishedCost, published_costs

OWN_AREA, GIVEN_AREA = "own area", "given area"
"""Whether the model's silicon or the published one, with the published power limit, is what other costs follow from."""


@dataclass(frozen=True)
class CostRow:
    """One published number and what is predicted for it.

    Attributes
    ----------
    id : str
        Of the row: ``device/quantity``, or that of a measurement.
    device, device_class, die_family : str
    quantity, unit : str
        What the numbers below are, and in which unit.
    basis : str
        What the prediction was given, such as :data:`OWN_AREA`.
    published, low, high : float
        The number, and its range.
    predicted : float or None
        With the shipped constants; None: cannot be predicted.
    left_out : float or None
        With the constants refitted without the device's family of dies; None where nothing was refitted.
    fitted : bool
        Whether a constant was fitted to this number.
    note : str
        What was refitted, or why nothing could be.
    source : str
        Of the published number.
    reason : str
        Why it cannot be predicted.
    """

    id: str
    device: str
    device_class: str
    die_family: str
    quantity: str
    unit: str
    basis: str
    published: float
    low: float
    high: float
    predicted: float | None
    left_out: float | None
    fitted: bool
    note: str
    source: str
    reason: str = ""

    @property
    def tested(self) -> float | None:
        """What is held against the published number: the prediction that has not seen it, where there is one."""
        return self.predicted if self.left_out is None else self.left_out

    @property
    def in_sample(self) -> bool:
        """Whether the prediction has seen the published number."""
        return self.fitted and self.left_out is None

    @property
    def error(self) -> float | None:
        """Relative error of what is tested, with its sign [1]."""
        return None if self.tested is None else self.tested / self.published - 1.0


@dataclass(frozen=True)
class Subject:
    """A published number with its device, and the area and limit that predictions of others may take as given."""

    cost: PublishedCost
    chip: Accelerator
    area_mm2: float | None

    def predicted(self, basis: str, **constants: float) -> float:
        """Return the prediction, with some constants in place of the shipped ones.

        Raises
        ------
        UnknownFact
            If a fact that is needed is not published.
        """
        given = basis == GIVEN_AREA
        if given and self.area_mm2 is None:
            self.chip.require("die_area_mm2")
        with_host = self.cost.quantity == "embodied_with_host_kg"
        found = device_costs(
            self.chip,
            area_mm2=self.area_mm2 if given else None,
            limit_w=self.chip.tdp_w if given else None,
            with_host=with_host,
            constants=constants,
        )
        return found["embodied_kg" if with_host else self.cost.quantity]


def published_area_mm2(chip: Accelerator) -> float | None:
    """Return the silicon of a device [mm²]: of its die, or of the catalog or the table of published costs."""
    if (die := die_of(chip)) is not None:
        return dies.published_area_mm2(chip, dies.products()[chip.name], die)
    if chip.die_area_mm2 is not None:
        return chip.die_area_mm2
    given = [c.value for c in published_costs() if (c.device, c.quantity) == (chip.name, "die_area_mm2")]
    return given[0] if given else None


def cost_rows(accelerators: FindAccelerator) -> list[CostRow]:
    """Return every published cost with its prediction, at the model's own area and at the published one.

    Parameters
    ----------
    accelerators : callable
        From a device's name to the accelerator.
    """
    subjects = [
        Subject(cost, chip := accelerators(cost.device), published_area_mm2(chip))
        for cost in published_costs()
        if cost.use != "given"
    ]
    return [_row(one, basis, subjects) for one in subjects for basis in (GIVEN_AREA, OWN_AREA)]


def _row(one: Subject, basis: str, all_of_them: Sequence[Subject]) -> CostRow:
    cost, predicted, left_out, note, reason = one.cost, None, None, "", ""
    try:
        predicted = one.predicted(basis)
        left_out, note = _left_out(one, basis, all_of_them)
    except UnknownFact as error:
        reason = str(error)
    return CostRow(
        id=f"{cost.device}/{cost.quantity}",
        device=cost.device,
        device_class=class_of(one.chip),
        die_family=one.chip.die_family,
        quantity=cost.quantity,
        unit=UNITS[cost.quantity],
        basis=basis,
        published=cost.value,
        low=cost.low,
        high=cost.high,
        predicted=predicted,
        left_out=left_out,
        fitted=cost.use == "fitted",
        note=note,
        source=cost.source,
        reason=reason,
    )


def _left_out(one: Subject, basis: str, all_of_them: Sequence[Subject]) -> tuple[float | None, str]:
    """The prediction with a constant refitted without the device's family of dies, and what that was."""
    names = one.cost.constants
    if not names:
        return None, ""
    if len(names) > 1:
        return None, f"in-sample: {' and '.join(names)} come from it, no other source"
    (name,) = names
    asked = list(_asked(one, name, basis, all_of_them))
    if not asked:
        return None, f"in-sample: {name} comes from it, no other source"
    value = float(np.median(asked))
    others = "other device" if len(asked) == 1 else f"{len(asked)} other devices"
    return one.predicted(basis, **{name: value}), f"{name} {value:.4g} from {others}"


def _asked(one: Subject, name: str, basis: str, all_of_them: Sequence[Subject]) -> Iterator[float]:
    """The value of a constant that each other device of the segment asks for; the quantities are linear in it."""
    for other in all_of_them:
        same = (other.cost.quantity, other.cost.constants) == (one.cost.quantity, one.cost.constants)
        if not same or other.chip.die_family == one.chip.die_family or segment_of(other.chip) != segment_of(one.chip):
            continue
        try:
            shipped = _value(other.chip, name)
            without, with_it = (other.predicted(basis, **{name: value}) for value in (0.0, shipped))
        except UnknownFact:
            continue
        asked = shipped * (other.cost.value - without) / (with_it - without)
        if math.isfinite(asked) and asked > 0:
            yield asked


def _value(chip: Accelerator, name: str) -> float:
    return chosen_constants(technology_of(chip), Deployment(segment=segment_of(chip)))[name].value
