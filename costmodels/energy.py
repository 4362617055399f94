"""Energy of work: arithmetic and bytes by memory level [J]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Number = float | Array


def sram_j_per_byte(
    sram_bytes: Number,
    *,
    sram_j_per_byte_base: Number,
    sram_wire_j_per_byte_per_mm: Number,
    sram_wire_mm2_per_byte: Number,
    sram_energy_relative: Number,
) -> Number:
    """Energy per byte of on-chip memory [J/byte]: a macro access, and wires as long as half the array's side.

    0.2 + 0.04·sqrt(0.9 MB) pJ/bit at 7 nm: the 1 MB macro of Jouppi et al., ISCA 2021, Table 2, and 0.08 pJ/bit/mm
    wires (Dally, Hot Chips 2023) over half the side of a scratchpad.
    """
    side_mm = np.sqrt(sram_bytes * sram_wire_mm2_per_byte)
    at_n7 = sram_j_per_byte_base + side_mm * sram_wire_j_per_byte_per_mm
    return at_n7 * sram_energy_relative


def pass_j(
    compute_j: Number,
    sram_bytes: Number,
    dram_bytes: Number,
    flash_bytes: Number,
    *,
    sram_j_per_byte: Number,
    dram_j_per_byte: Number,
    flash_j_per_byte: Number,
) -> Number:
    """Dynamic energy of a forward pass [J]: arithmetic + bytes x energy per byte at each port."""
    memory = dram_bytes * dram_j_per_byte + flash_bytes * flash_j_per_byte
    return (compute_j + sram_bytes * sram_j_per_byte) + memory


def facility_j_per_token(
    dynamic_j_per_token: Number,
    busy_s_per_token: Number,
    owned_s_per_token: Number,
    *,
    idle_w: Number,
    busy_over_idle_w: Number,
    host_energy_relative: Number,
    pue: Number,
) -> Number:
    """Energy at the meter per token [J]: (dynamic + static while busy + idle while waiting) x host x PUE.

    ``E_dyn + P_busy·t + P_idle·(T - t)`` written with T the seconds owned per token and t the busy ones as
    ``E_dyn + (P_busy - P_idle)·t + P_idle·T``: every term is a product of non-negative factors.
    """
    package = (dynamic_j_per_token + busy_over_idle_w * busy_s_per_token) + idle_w * owned_s_per_token
    return package * (host_energy_relative * pue)
