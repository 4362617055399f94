"""Area and power limit of the catalog's devices beside what is published, from fits that have not seen their family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from costmodels import tables
from roofline.accelerators import Accelerator, UnknownFact
from sweeps import silicon_fit
from sweeps.cost_rows import GIVEN_AREA, OWN_AREA, CostRow, published_area_mm2
from sweeps.device_costs import device_costs
from sweeps.device_technology import class_of, segment_of

QUANTITIES = {"area": "die_area_mm2", "power": "tdp_w"}
"""Names of quantities by what the fit calls them."""

UNITS = {"die_area_mm2": "mm2", "tdp_w": "W"}


def silicon_rows(chips: Sequence[Accelerator]) -> list[CostRow]:
    """Return the published areas and power limits with their predictions; the limit also at the published area.

    The power limit is held against ``peak_power_w``, all ceilings at once. Areas are those of full dies.
    """
    by_name = {chip.name: chip for chip in chips}
    found = []
    for row in silicon_fit.validation():
        if row.published is None or row.device not in by_name:
            continue
        own = _own(by_name[row.device], row, row.published)
        found.append(own)
        if row.quantity == "power" and (given := _given(own, by_name[row.device])) is not None:
            found.append(given)
    return sorted(found, key=lambda row: (list(UNITS).index(row.quantity), row.basis))


def reasons() -> dict[tuple[str, str], str]:
    """Return why an area or a power limit has nothing to be compared with, by device and quantity."""
    return {
        (row.device, QUANTITIES[row.quantity]): row.note for row in silicon_fit.validation() if row.published is None
    }


def _own(chip: Accelerator, row: silicon_fit.Row, published: float) -> CostRow:
    quantity = QUANTITIES[row.quantity]
    return CostRow(
        id=f"{chip.name}/{quantity}",
        device=chip.name,
        device_class=class_of(chip),
        die_family=chip.die_family,
        quantity=quantity,
        unit=UNITS[quantity],
        basis=OWN_AREA,
        published=published,
        low=published,
        high=published,
        predicted=row.in_sample,
        left_out=row.left_out,
        fitted=row.in_sample is not None,
        note=row.note if row.in_sample is not None else "",
        source=chip.source,
        reason="" if row.in_sample is not None else row.note,
    )


def _given(own: CostRow, chip: Accelerator) -> CostRow | None:
    """The power limit at the published area; None where that is unknown."""
    area_mm2 = published_area_mm2(chip)
    if area_mm2 is None:
        return None
    try:
        predicted = device_costs(chip, area_mm2=area_mm2)["peak_power_w"]
        constants = _constants(chip, own.die_family) if own.left_out is not None else None
        left_out = None
        if constants is not None:
            left_out = device_costs(chip, area_mm2=area_mm2, constants=constants)["peak_power_w"]
    except UnknownFact as error:
        return replace(own, basis=GIVEN_AREA, predicted=None, left_out=None, fitted=False, note="", reason=str(error))
    return replace(own, basis=GIVEN_AREA, predicted=predicted, left_out=left_out, fitted=True, reason="")


def _constants(chip: Accelerator, family: str) -> dict[str, float]:
    """The constants of power that were fitted without a family of dies."""
    names = [one.parameter for one in silicon_fit.fitted_constants() if one.quantity == "power" and one.low < one.high]
    values = dict(zip(names, map(float, silicon_fit.fits()[family][1]), strict=True))
    # An edge part's density is the data center's times its factor of energy: one fit for both.
    values["busy_w_per_mm2"] *= tables.constants("segments", segment_of(chip))["segment_energy_relative"].value
    return values
