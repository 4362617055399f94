"""Die area: logic that shrinks, SRAM that stopped shrinking, PHYs that never did [mm2]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Number = float | Array


def logic_mm2(
    compute_flop_per_s: Number,
    *,
    compute_mm2_per_flop_per_s: Number,
    noc_area_relative: Number,
    formats_area_relative: Number,
    logic_density_relative: Number,
) -> Number:
    """Area of the compute units and their interconnect [mm2].

    Parameters
    ----------
    compute_flop_per_s : array
        Dense 16-bit rate [FLOP/s].
    compute_mm2_per_flop_per_s : float
        Area of the datapath and its control at TSMC 7 nm [mm2/(FLOP/s)].
    noc_area_relative : float
        On-chip network, relative to the cores [1].
    formats_area_relative : float
        Datapath of the chip's number formats relative to the reference set [1].
    logic_density_relative : float
        Achieved logic density of the node relative to 7 nm [1].

    References
    ----------
    Zhang et al., LLMCompass, ISCA 2024, Fig. 6 (die annotation of GA100, from which the constants derive).
    """
    at_n7 = compute_mm2_per_flop_per_s * noc_area_relative * formats_area_relative
    return compute_flop_per_s * (at_n7 / logic_density_relative)


def sram_mm2(sram_bytes: Number, *, sram_mm2_per_byte: Number, sram_density_relative: Number) -> Number:
    """Area of on-chip memory [mm2]: macro area per byte at 7 nm over the node's SRAM density (5 nm = 3 nm)."""
    return sram_bytes * (sram_mm2_per_byte / sram_density_relative)


def phy_mm2(dram_bytes_per_s: Number, *, dram_phy_mm2_per_byte_per_s: Number) -> Number:
    """Area of the memory PHYs and controllers [mm2]: analogue, so the same on every node."""
    return dram_bytes_per_s * dram_phy_mm2_per_byte_per_s


def link_extra_mm2(link_bytes_per_s: Number, *, link_phy_mm2_per_byte_per_s: Number, fixed_link_mm2: Number) -> Number:
    """Area of the link PHYs beyond those that a chip's fixed area holds already [mm2].

    Parameters
    ----------
    link_bytes_per_s : array
        Bandwidth to other chips, per direction [byte/s].
    link_phy_mm2_per_byte_per_s : float
        Area of the links' PHYs; analogue, so the same on every node [mm2/(byte/s)].
    fixed_link_mm2 : float
        Link PHYs within the fixed area [mm2].
    """
    beyond: Number = np.maximum(link_bytes_per_s * link_phy_mm2_per_byte_per_s - fixed_link_mm2, 0.0)
    return beyond
