"""Dies per wafer, yield, and the wafers one good package consumes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

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


def die_yield(die_mm2: Number, *, defects_per_mm2: Number, yield_clustering: Number) -> Number:
    """Share of dies without a defect [1]: negative binomial, (1 + A·D0/alpha)^-alpha.

    Parameters
    ----------
    die_mm2 : array [mm2]
    defects_per_mm2 : float
        Defect density D0 [1/mm2].
    yield_clustering : float
        Clustering alpha; a whole number, so that the power is a product.

    Raises
    ------
    ValueError
        If alpha is not a whole number of at least 1.

    References
    ----------
    Stapper, "Defect density distribution for LSI yield calculations", IEEE Trans. Electron Devices 20(7), 1973.
    """
    if yield_clustering != int(yield_clustering) or yield_clustering < 1:
        raise ValueError(f"yield_clustering must be a whole number of at least 1, got {yield_clustering}")
    base = 1.0 + die_mm2 * (defects_per_mm2 / yield_clustering)
    power = base
    for _ in range(int(yield_clustering) - 1):
        power = power * base
    return 1.0 / power


def sold_share(perfect_share: Number, harvest_share: Number) -> Number:
    """Share of dies that can be sold [1]: Y + h(1 - Y), as a share h of the defective ones is sold with units off."""
    return perfect_share + harvest_share * (1.0 - perfect_share)


def package_silicon(
    area_mm2: Number,
    *,
    reticle_mm2: Number,
    die_to_die_mm2: Number,
    bond_wafers: Number,
    max_dies: int,
    wafer_diameter_mm: Number,
    edge_exclusion_mm: Number,
    scribe_mm: Number,
    defects_per_mm2: Number,
    yield_clustering: Number,
    harvest_share: Number,
) -> tuple[Number, Number]:
    """Wafers that one good package consumes, and the dies its silicon is split into.

    Parameters
    ----------
    area_mm2 : array
        Silicon of the package before die-to-die interfaces [mm2].
    reticle_mm2 : float
        Largest die [mm2].
    die_to_die_mm2 : float
        Interface each die of a split package adds [mm2].
    bond_wafers : float
        Bonding one more die, in wafers [1].
    max_dies : int
        Dies a package may hold.

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
        perfect = die_yield(die_mm2, defects_per_mm2=defects_per_mm2, yield_clustering=yield_clustering)
        return dies / (gross * sold_share(perfect, harvest_share)) + (dies - 1.0) * bond_wafers

    wafers: Number = np.full(np.shape(area_mm2), np.inf)
    chosen: Number = np.zeros(np.shape(area_mm2))
    for dies in range(1, max_dies + 1):
        die = area_mm2 / dies + (die_to_die_mm2 if dies > 1 else 0.0)
        fits = die <= reticle_mm2
        if not np.any(fits):
            continue
        candidate = used(float(dies), die)
        better = fits & (candidate < wafers)
        wafers = np.where(better, candidate, wafers)
        chosen = np.where(better, float(dies), chosen)
    if not np.all(chosen > 0):
        largest = max_dies * (reticle_mm2 - (die_to_die_mm2 if max_dies > 1 else 0.0))
        beyond = used(float(max_dies), reticle_mm2) * (area_mm2 / largest)
        wafers = np.where(chosen > 0, wafers, beyond)
        chosen = np.where(
            chosen > 0, chosen, np.maximum(np.ceil(area_mm2 / (reticle_mm2 - die_to_die_mm2)), max_dies + 1.0)
        )
    return wafers, chosen


def split_mm2(area_mm2: Number, dies: Number, *, die_to_die_mm2: Number) -> Number:
    """Silicon of all dies with the interfaces a split adds [mm2]."""
    return area_mm2 + np.where(dies > 1, dies, 0.0) * die_to_die_mm2


def shoreline_mm(silicon_mm2: Number, dies: Number, *, usable_edges: Number) -> Number:
    """Die edge that memory PHYs may occupy [mm]: usable edges x the sum of the dies' side lengths, k·sqrt(A/k)."""
    return usable_edges * np.sqrt(silicon_mm2 * dies)
