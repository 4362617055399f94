"""Power: static watts paid while on, and the peak with every ceiling at full rate [W]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Number = float | Array


def memory_standby_w(
    dram_bytes: Number, flash_bytes: Number, *, dram_standby_w_per_byte: Number, flash_standby_w_per_byte: Number
) -> Number:
    """Refresh and standby of the bought memory [W]."""
    return dram_bytes * dram_standby_w_per_byte + flash_bytes * flash_standby_w_per_byte


def silicon_static_w(area_mm2: Number, w_per_mm2: Number) -> Number:
    """Leakage and clock tree [W]: power density, idle or busy, x silicon area."""
    return area_mm2 * w_per_mm2


def compute_peak_w(
    compute_flop_per_s: Number, *, j_per_flop: Number, format_peak_relative: Number, vector_peak_relative: Number
) -> Number:
    """Arithmetic at full rate [W].

    Parameters
    ----------
    compute_flop_per_s : array
        Dense 16-bit rate [FLOP/s].
    j_per_flop : float
        Energy of a dense 16-bit FLOP on this chip [J].
    format_peak_relative : float
        Largest rate x energy over the chip's formats, relative to 16 bit [1].
    vector_peak_relative : float
        Rate x energy of the vector units, which may run at the same time [1].
    """
    return compute_flop_per_s * (j_per_flop * (format_peak_relative + vector_peak_relative))


def anchored_j(
    limit_w: Number, seconds: Number, matrix_s: Number, *, busy_power_share: Number, compute_power_share: Number
) -> Number:
    """Energy of work by a power limit and what devices were measured to draw of it [J].

    Parameters
    ----------
    limit_w : array
        Power limit [W]: published, or modelled as the peak power.
    seconds : array
        Time of the work [s].
    matrix_s : array
        Time of its matrix work at the peak rates [s].
    busy_power_share, compute_power_share : array
        Share of the limit drawn by a device that works, and by its matrix units at full rate on top [1].

    Notes
    -----
    ``limit·min(t, busy·t + compute·m)``: a share of the limit that grows with the utilization m/t of the matrix units.
    """
    drawn: Number = np.minimum(seconds, seconds * busy_power_share + matrix_s * compute_power_share)
    return drawn * limit_w


def port_peak_w(bytes_per_s: Number, j_per_byte: Number) -> Number:
    """Power of a memory port at its full bandwidth [W]."""
    return bytes_per_s * j_per_byte
