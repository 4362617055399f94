"""The energy roofline of one design, for pictures and pages: its operators, and the most its number formats allow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from results.figures.energy import STATIC, Curve, EnergyPoint
from sweeps.energy_roofline import energy_roofs, operator_energies
from sweeps.scenario import Scenario
from sweeps.space import Columns


@dataclass(frozen=True)
class EnergyPicture:
    """What an energy roofline shows.

    Attributes
    ----------
    points : tuple of EnergyPoint
    curves : tuple of Curve
        Of the formats that some operator runs in, the most work per energy first.
    balances : tuple of (str, float)
        Intensities [FLOP/byte] at which time and energy of the first curve are equal, with names.
    hidden : int
        Operators without matrix work or bytes of DRAM.
    """

    points: tuple[EnergyPoint, ...]
    curves: tuple[Curve, ...]
    balances: tuple[tuple[str, float], ...]
    hidden: int


def energy_picture(design: Columns, scenario: Scenario, steps: int = 240) -> EnergyPicture:
    """Return the energy roofline of a design (1,), its curves of so many steps."""
    found = operator_energies(design, scenario)
    several = len(scenario.workloads) > 1
    total = {(e.operator.workload, e.operator.phase): 0.0 for e in found}
    for one in found:
        total[one.operator.workload, one.operator.phase] += one.total_j
    points = tuple(
        EnergyPoint(
            name=one.operator.name,
            group=group_of(one.operator.phase, one.operator.workload, several),
            intensity_flop_per_byte=one.operator.flop / one.operator.dram_bytes,
            flop_per_j=one.flop_per_j,
            share=one.total_j / total[one.operator.workload, one.operator.phase],
            mostly=max({**one.parts_j, STATIC: one.static_j}.items(), key=lambda part: part[1])[0],
        )
        for one in found
        if one.operator.flop and one.operator.dram_bytes
    )
    roofs = energy_roofs(design, scenario, _intensities(design, scenario, points, steps))
    used = {one.runs_in for one in found if one.operator.flop}
    kept = [roof for roof in roofs if used & set(roof.formats)] or list(roofs[:1])
    best = kept[0]
    return EnergyPicture(
        points,
        tuple(Curve("/".join(roof.formats), roof.intensity_flop_per_byte, roof.flop_per_j) for roof in kept),
        (
            (f"equal time ({best.formats[0]})", best.time_balance_flop_per_byte),
            (f"equal energy ({best.formats[0]})", best.energy_balance_flop_per_byte),
        ),
        len(found) - len(points),
    )


def group_of(phase: str, workload: int, several: bool) -> str:
    """What gives the mark of an operator its shape: its phase, and of several workloads which."""
    return f"{phase}, workload {workload + 1}" if several else phase


def _intensities(
    design: Columns, scenario: Scenario, points: tuple[EnergyPoint, ...], steps: int
) -> NDArray[np.float64]:
    """Where the curves are drawn: past every mark and every balance."""
    ends = energy_roofs(design, scenario, np.ones(1))
    places = [b for r in ends for b in (r.time_balance_flop_per_byte, r.energy_balance_flop_per_byte)]
    places += [point.intensity_flop_per_byte for point in points]
    low, high = min(places) / 6, max(places) * 10
    return np.asarray([low * (high / low) ** (i / steps) for i in range(steps + 1)])
