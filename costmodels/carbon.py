"""Carbon: embodied in the hardware, and of its operation [kg]."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Number = float | Array


def wafer_kg(
    *,
    wafer_diameter_mm: Number,
    fab_kg_per_j: Number,
    fab_j_per_mm2: Number,
    fab_gas_kg_per_mm2: Number,
    fab_material_kg_per_mm2: Number,
) -> Number:
    """Embodied carbon of one processed wafer [kg]: area x (fab energy x grid + gases + materials).

    Dies share the whole wafer, so edge loss and yield enter once, through the wafers a package consumes.

    References
    ----------
    Gupta et al., ACT, ISCA 2022, Eq. 4-5.
    """
    area_mm2 = math.pi * (wafer_diameter_mm / 2) ** 2
    return area_mm2 * (fab_kg_per_j * fab_j_per_mm2 + fab_gas_kg_per_mm2 + fab_material_kg_per_mm2)


def embodied_kg(
    wafers: Number,
    dram_bytes: Number,
    flash_bytes: Number,
    peak_w: Number,
    *,
    wafer_kg: Number,
    dram_kg_per_byte: Number,
    flash_kg_per_byte: Number,
    board_kg_per_w: Number,
    fixed_kg: Number,
) -> Number:
    """Embodied carbon of one chip with its share of the server [kg].

    Parameters
    ----------
    wafers : array
        Wafers one good package consumes [1].
    dram_bytes, flash_bytes : array
        Memory bought [byte].
    peak_w : array
        Peak power, which sizes board, cooling and power delivery [W].
    wafer_kg : array
        Of one wafer [kg].
    dram_kg_per_byte, flash_kg_per_byte : array
        Of memory [kg/byte].
    board_kg_per_w : array
        Of board, cooling and power delivery [kg/W].
    fixed_kg : array
        Package, drive and host share [kg].
    """
    memory = dram_bytes * dram_kg_per_byte + flash_bytes * flash_kg_per_byte
    return ((wafers * wafer_kg + peak_w * board_kg_per_w) + memory) + fixed_kg


def kg_per_eflop(kg_per_token: Number, flop_per_token: float) -> Number:
    """Compute carbon intensity [kg/EFLOP]: carbon over its life per 10^18 FLOP that were put to use.

    References
    ----------
    Schneider et al., "Life-cycle emissions of AI hardware: a cradle-to-grave approach", arXiv 2502.01671, 2025: CCI
    counts utilized FLOP, never those of the peak.
    """
    return kg_per_token * (1e18 / flop_per_token)


def kg_per_token(
    embodied_kg: Number,
    owned_s_per_token: Number,
    facility_j_per_token: Number,
    *,
    lifetime_s: Number,
    grid_kg_per_j: Number,
) -> Number:
    """Carbon of a token [kg]: embodied over the lifetime's tokens, and its energy on the grid."""
    return embodied_kg * (owned_s_per_token * (1.0 / lifetime_s)) + facility_j_per_token * grid_kg_per_j
