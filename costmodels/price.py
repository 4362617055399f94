"""Bill of materials and price [USD]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Number = float | Array


def package_usd(
    area_mm2: Number,
    *,
    in_package_memory: Number,
    interposer_usd_per_mm2: Number,
    package_usd: Number,
    substrate_usd: Number,
) -> Number:
    """Packaging [USD]: a package with its substrate, and an interposer by die area under in-package memory (HBM)."""
    interposer = area_mm2 * (in_package_memory * interposer_usd_per_mm2)
    return interposer + (package_usd + substrate_usd)


def bom_usd(silicon_usd: Number, memory_usd: Number, packaging_usd: Number, *, assembly_relative: Number) -> Number:
    """Bill of materials [USD]: (silicon + memory + packaging) x assembly, test, yield and board."""
    return ((silicon_usd + packaging_usd) + memory_usd) * assembly_relative


def price_usd(bom_usd: Number, *, markup_relative: Number, nre_usd: Number = 0.0, volume: Number = 0.0) -> Number:
    """Price of one chip with its memory [USD]: BOM x markup, plus the design cost over `volume` chips (0: none)."""
    return bom_usd * markup_relative + (nre_usd / volume if volume else 0.0)
