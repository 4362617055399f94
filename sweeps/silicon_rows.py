"""Area and power limit of every device of the catalog, beside what is published of them."""

from __future__ import annotations

from collections.abc import Sequence

from roofline.accelerators import Accelerator, UnknownFact
from sweeps.cost_rows import GIVEN_AREA, OWN_AREA, CostRow
from sweeps.device_costs import device_costs

AREA, LIMIT = "die_area_mm2", "tdp_w"


def silicon_rows(chips: Sequence[Accelerator]) -> list[CostRow]:
    """Return the published areas and power limits with their predictions; the limit also at the published area.

    The power limit is held against ``peak_power_w``, all ceilings at once.
    """
    found = []
    for chip in chips:
        if chip.die_area_mm2 is not None:
            found.append(_row(chip, AREA, OWN_AREA, "die_area_mm2", None))
        if chip.tdp_w is not None:
            if chip.die_area_mm2 is not None:
                found.append(_row(chip, LIMIT, GIVEN_AREA, "peak_power_w", chip.die_area_mm2))
            found.append(_row(chip, LIMIT, OWN_AREA, "peak_power_w", None))
    return found


def _row(chip: Accelerator, quantity: str, basis: str, column: str, area_mm2: float | None) -> CostRow:
    published, predicted, reason = chip.known(quantity), None, ""
    try:
        predicted = device_costs(chip, area_mm2=area_mm2)[column]
    except UnknownFact as error:
        reason = str(error)
    return CostRow(
        id=f"{chip.name}/{quantity}",
        device=chip.name,
        device_class=chip.device_class,
        die_family=chip.die_family,
        quantity=quantity,
        unit="mm2" if quantity == AREA else "W",
        basis=basis,
        published=published,
        low=published,
        high=published,
        predicted=predicted,
        left_out=None,
        fitted=False,
        note="",
        source=chip.source,
        reason=reason,
    )
