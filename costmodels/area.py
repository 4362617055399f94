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
    vector_mm2_per_flop_per_s: Number,
    vector_rate_relative: Number,
    noc_area_relative: Number,
    formats_area_relative: Number,
    logic_density_relative: Number,
    clock_relative: Number,
) -> Number:
    """Area of the matrix units, the vector units and their interconnect [mm2].

    ``(a_m·s·C + a_v·v·C)·k_noc / (rho·f)``: area buys units, and a unit's rate grows with its clock.

    Parameters
    ----------
    compute_flop_per_s : array
        Dense 16-bit rate C [FLOP/s].
    compute_mm2_per_flop_per_s : float
        Area a_m of the matrix units and their control at TSMC 7 nm and its clock [mm2/(FLOP/s)].
    vector_mm2_per_flop_per_s : float
        Area a_v of the vector units and what feeds them at TSMC 7 nm and its clock [mm2/(FLOP/s)].
    vector_rate_relative : float
        Rate v of the vector units relative to the dense 16-bit rate [1].
    noc_area_relative : float
        On-chip network, relative to the cores, k_noc [1].
    formats_area_relative : float
        Matrix units of the chip's number formats relative to the reference set, s [1].
    logic_density_relative : float
        Logic density of the node relative to 7 nm, rho [1].
    clock_relative : float
        Clock of the node and the datapath relative to a matrix chip at 7 nm, f [1].

    References
    ----------
    Zhang et al., LLMCompass, ISCA 2024, Fig. 6 (die annotation of GA100: network, cache, PHYs).
    """
    matrix = compute_mm2_per_flop_per_s * formats_area_relative
    vector = vector_mm2_per_flop_per_s * vector_rate_relative
    at_n7 = (matrix + vector) * noc_area_relative
    return compute_flop_per_s * (at_n7 / (logic_density_relative * clock_relative))


def host_mm2(host_area_mm2: Number, *, logic_density_relative: Number) -> Number:
    """Area of the processor that a part without a separate host carries [mm2]: its area at 7 nm over the density."""
    return host_area_mm2 / logic_density_relative


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
