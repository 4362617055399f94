"""Dies per wafer, and the wafers one good package consumes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from costmodels.yields import die_yield

Array = NDArray[np.float64]
Number = float | Array


def dies_per_wafer(
    die_mm2: Number, *, wafer_diameter_mm: Number, edge_exclusion_mm: Number, scribe_mm: Number
) -> Number:
    """Gross dies on a wafer [1]: pi r^2 / s - 2 pi r / sqrt(2 s), with s = (sqrt(A) + scribe)^2.

    References
    ----------
    de Vries, "Investigation of gross die per wafer formulas", IEEE Trans. Semicond. Manuf. 18(1), 2005; the form used
    by Chiplet Actuary (Feng & Ma, DAC 2022).
    """
    radius = wafer_diameter_mm / 2 - edge_exclusion_mm
    side = np.sqrt(die_mm2) + scribe_mm
    gross: Number = math.pi * radius * radius / (side * side) - 2 * math.pi * radius / (math.sqrt(2.0) * side)
    return gross


def sold_share(perfect_share: Number, harvest_share: Number) -> Number:
    """Share of dies that can be sold [1]: Y + h(1 - Y), as a share h of the defective ones is sold with units off."""
    return perfect_share + harvest_share * (1.0 - perfect_share)


def package_silicon(
    area_mm2: Number,
    *,
    reticle_mm2: Number,
    die_to_die_mm2: Number,
    bond_wafers: Number,
    max_dies: Number,
    wafer_diameter_mm: Number,
    edge_exclusion_mm: Number,
    scribe_mm: Number,
    defects_per_mm2: Number,
    yield_clustering: Number,
    harvest_share: Number,
    yield_model: str = "negative_binomial",
) -> tuple[Number, Number]:
    """Wafers that one good package consumes, and the dies its silicon is split into.

    Parameters
    ----------
    area_mm2 : array
        Silicon of the package before die-to-die interfaces [mm2].
    reticle_mm2 : array
        Largest die [mm2]. It and all constants below are numbers, or samples that broadcast against `area_mm2`.
    die_to_die_mm2 : array
        Interface each die of a split package adds [mm2].
    bond_wafers : array
        Bonding one more die, in wafers [1].
    max_dies : array
        Dies a package may hold; whole numbers.
    wafer_diameter_mm, edge_exclusion_mm, scribe_mm : array
        Wafer, the rim without dies, and the lane between two dies [mm].
    defects_per_mm2 : array
        Density of defects [1/mm2].
    yield_clustering : array
        How they gather [1], of the negative binomial model.
    harvest_share : array
        Share of defective dies that is sold with units off [1].
    yield_model : str
        One of :data:`costmodels.yields.YIELD_MODELS`.

    Returns
    -------
    wafers, dies : array
        ``wafers = min over k of k/(DPW·Y) + (k - 1)·bond`` over the splits k <= max_dies whose dies fit the reticle.
        It rises with the area: every branch does, and a larger area has fewer branches. Cost and embodied carbon are
        both proportional to it, so they rise with the area too. Silicon that no allowed split can hold is priced in
        proportion to the largest that one can, on the fewest dies that hold it, more than `max_dies`.
    """

    def used(dies: Number, die_mm2: Number) -> Number:
        gross = dies_per_wafer(
            np.minimum(die_mm2, reticle_mm2),
            wafer_diameter_mm=wafer_diameter_mm,
            edge_exclusion_mm=edge_exclusion_mm,
            scribe_mm=scribe_mm,
        )
        perfect = die_yield(
            die_mm2, defects_per_mm2=defects_per_mm2, yield_clustering=yield_clustering, model=yield_model
        )
        return dies / (gross * sold_share(perfect, harvest_share)) + (dies - 1.0) * bond_wafers

    wafers: Number = np.inf
    chosen: Number = 0.0
    for dies in range(1, int(np.max(max_dies)) + 1):
        die = area_mm2 / dies + (die_to_die_mm2 if dies > 1 else 0.0)
        fits = (die <= reticle_mm2) & (dies <= np.asarray(max_dies))
        if not np.any(fits):
            continue
        candidate = used(float(dies), die)
        better = fits & (candidate < wafers)
        wafers = np.where(better, candidate, wafers)
        chosen = np.where(better, float(dies), chosen)
    if not np.all(np.asarray(chosen) > 0):
        largest = max_dies * (reticle_mm2 - np.where(np.asarray(max_dies) > 1, die_to_die_mm2, 0.0))
        beyond = used(max_dies, reticle_mm2) * (area_mm2 / largest)
        fewest = np.maximum(np.ceil(area_mm2 / (reticle_mm2 - die_to_die_mm2)), max_dies + 1.0)
        held = np.asarray(chosen) > 0
        wafers, chosen = np.where(held, wafers, beyond), np.where(held, chosen, fewest)
    return wafers, chosen


def split_mm2(area_mm2: Number, dies: Number, *, die_to_die_mm2: Number) -> Number:
    """Silicon of all dies with the interfaces a split adds [mm2]."""
    return area_mm2 + np.where(dies > 1, dies, 0.0) * die_to_die_mm2


def shoreline_mm(silicon_mm2: Number, dies: Number, *, usable_edges: Number) -> Number:
    """Die edge that memory PHYs may occupy [mm]: usable edges x the sum of the dies' side lengths, k·sqrt(A/k)."""
    return usable_edges * np.sqrt(silicon_mm2 * dies)
