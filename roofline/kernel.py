"""The vectorized roofline: operators x designs -> time, traffic, and which ceiling binds.

A loop over the few operators, vectorized over the designs. Only + - x / sqrt min max touch a design, and operators are
summed in order, so a design's result does not depend on the batch it is evaluated in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from roofline.memory import Number, Placement, Traffic, operator_traffic
from roofline.operators import Operator, Operators
from roofline.pim import Pim, in_memory
from roofline.precision import native_format

CEILINGS = ("compute", "vector", "sram", "dram", "flash", "link")
"""Ceilings of the roofline, and of :func:`operator_ceilings`, in order."""


@dataclass(frozen=True)
class Machine:
    """What the kernel needs of the designs; each rate broadcasts against the others.

    Attributes
    ----------
    flop_per_s : array
        Achievable dense 16-bit rate [FLOP/s] (peak x efficiency).
    vector_ops_per_s : array
        Elementwise operations per second [1/s].
    sram_bytes_per_s, dram_bytes_per_s, flash_bytes_per_s : array
        Achievable port bandwidths [byte/s]; flash 0 means no such tier.
    tile_bytes : array
        SRAM used as tile buffer [byte].
    formats : tuple of str
        Number formats computed natively.
    rates : mapping of str to float
        Rate of a format relative to the dense 16-bit peak [1], where it is not that of ``formats.csv``.
    launch_overhead_s : array
        Fixed time per launched kernel [s].
    overlap : {"full", "none", "serial"}
        Whether an operator's time is the largest of its terms, their sum, or that of transfers and arithmetic in turn,
        with nothing added for an on-chip port that keeps up.
    link_bytes_per_s : array
        Bandwidth to other chips, per direction [byte/s].
    link_latency_s : array
        Of one transfer to another chip [s].
    pim : Pim or None
        Compute at a memory tier, taken where it is faster.
    flash_divisor : array
        `flash_bytes_per_s`, or 1 where that is less: what bytes of flash are divided by [byte/s].
    """

    flop_per_s: Number
    vector_ops_per_s: Number
    sram_bytes_per_s: Number
    dram_bytes_per_s: Number
    flash_bytes_per_s: Number
    tile_bytes: Number
    formats: tuple[str, ...] = ("tf32", "bf16", "fp16", "fp8", "int8")
    rates: Mapping[str, float] = field(default_factory=dict)
    launch_overhead_s: Number = 0.0
    overlap: Literal["full", "none", "serial"] = "full"
    link_bytes_per_s: Number = 0.0
    link_latency_s: Number = 0.0
    pim: Pim | None = None
    flash_divisor: Number = field(init=False)

    def __post_init__(self) -> None:
        # No tier is a very slow one: nothing is divided by zero, and more flash is never slower.
        object.__setattr__(self, "flash_divisor", np.maximum(self.flash_bytes_per_s, 1.0))


@dataclass(frozen=True)
class Pass:
    """One forward pass on the designs: seconds, and bytes [byte].

    Attributes
    ----------
    seconds : array
    sram_bytes, dram_bytes, flash_bytes : array
        Across each port.
    flash_write_bytes : array
        Written to flash.
    link_bytes : float
        Sent to other chips.
    pim_bytes : array
        Read inside a memory that computes.
    """

    seconds: Number
    sram_bytes: Number
    dram_bytes: Number
    flash_bytes: Number
    flash_write_bytes: Number
    link_bytes: float = 0.0
    pim_bytes: Number = 0.0


def pass_time(operators: Operators, machine: Machine, place: Placement) -> Pass:
    """Return time and traffic of one pass.

    Parameters
    ----------
    operators : Operators
    machine : Machine
    place : Placement

    Returns
    -------
    Pass
        ``seconds = sum(count x max(ceilings)) + kernels x launch overhead`` with full overlap, a sum of the ceilings'
        times without. A collective is an operator of its own: it waits for what comes before it and nothing hides it.

    References
    ----------
    Williams, Waterman, Patterson: Roofline, CACM 52(4), 2009, applied per operator and per memory port.
    """
    seconds: Number = operators.kernels * machine.launch_overhead_s + operators.host_s
    sram: Number = 0.0
    dram: Number = 0.0
    flash: Number = 0.0
    write: Number = 0.0
    link = 0.0
    pim: Number = 0.0
    for row in operators:
        traffic = operator_traffic(row, place, machine.tile_bytes)
        spent = combined_s(_ceilings(row, machine, traffic), machine.overlap)
        if machine.pim is not None and (choice := in_memory(row, machine, place, machine.pim, spent, traffic)):
            spent, traffic = choice.seconds, choice.traffic
            pim = pim + row.count * choice.pim_bytes
        seconds = seconds + row.count * spent
        sram = sram + row.count * traffic.sram
        dram = dram + row.count * traffic.dram
        flash = flash + row.count * traffic.flash
        write = write + row.count * traffic.flash_write
        link = link + row.count * row.link_bytes
    return Pass(seconds, sram, dram, flash, write, link, pim)


def operator_ceilings(row: Operator, machine: Machine, place: Placement) -> tuple[Number, ...]:
    """Return the time [s] each of :data:`CEILINGS` alone would need for one instance of an operator."""
    return _ceilings(row, machine, operator_traffic(row, place, machine.tile_bytes))


def bound_by(row: Operator, machine: Machine, place: Placement) -> str:
    """Return the ceiling that binds an operator on one design: the slowest of :data:`CEILINGS`.

    Of terms in turn it is the longest one that is waited for: an on-chip port counts where it outlasts all the others.
    """
    times = [float(np.asarray(t).reshape(-1)[0]) for t in operator_ceilings(row, machine, place)]
    sram = CEILINGS.index("sram")
    if machine.overlap == "serial" and times[sram] < float(np.asarray(combined_s(tuple(times), "serial"))):
        times[sram] = 0.0
    return CEILINGS[times.index(max(times))]


def _ceilings(row: Operator, machine: Machine, traffic: Traffic) -> tuple[Number, ...]:
    native = native_format(row.compute_format, machine.formats)
    rate = machine.rates.get(native.name, native.rate_relative)
    return (
        row.flop * row.compute_slowdown / (machine.flop_per_s * rate) if row.flop else 0.0,
        row.vector_ops / machine.vector_ops_per_s if row.vector_ops else 0.0,
        traffic.sram / machine.sram_bytes_per_s,
        traffic.dram / machine.dram_bytes_per_s,
        0.0 if _is_nothing(traffic.flash) else traffic.flash / machine.flash_divisor,
        _link_s(row, machine) if row.link_steps else 0.0,
    )


def _link_s(row: Operator, machine: Machine) -> Number:
    # No link is a very slow one, as with flash.
    return row.link_steps * machine.link_latency_s + row.link_bytes / np.maximum(machine.link_bytes_per_s, 1.0)


def combined_s(ceilings: tuple[Number, ...], overlap: str) -> Number:
    """Return an operator's time from the times of its ceilings [s], see :attr:`Machine.overlap`."""
    compute, vector, sram, dram, flash, link = ceilings
    if overlap == "none":
        total = ((compute + vector) + (sram + flash)) + dram
        return total if _is_nothing(link) else total + link
    if overlap == "serial":
        total = _largest((dram, flash)) + (compute + vector)
        return _largest((sram, total if _is_nothing(link) else total + link))
    # Terms that depend on few axes are combined first, so that only one step covers the whole grid block.
    return _largest((_largest((compute, vector)), dram, _largest((sram, flash)), link))


def _is_nothing(term: Number) -> bool:
    return isinstance(term, float) and term == 0.0


def _largest(terms: Iterable[Number]) -> Number:
    result: Number | None = None
    for term in terms:
        if _is_nothing(term):
            continue
        result = term if result is None else np.maximum(result, term)
    return 0.0 if result is None else result


def peak_flop(operators: Operators, machine_formats: tuple[str, ...], rates: Mapping[str, float]) -> float:
    """Return the pass's matrix work in dense 16-bit FLOP of equal time at the peaks.

    Parameters
    ----------
    operators : Operators
    machine_formats : tuple of str
        Native formats of the chip.
    rates : mapping of str to float
        Rates of the formats relative to dense 16 bit [1], where ``formats.csv`` does not hold.
    """
    total = 0.0
    for row in operators:
        native = native_format(row.compute_format, machine_formats)
        total += row.count * row.flop / rates.get(native.name, native.rate_relative)
    return total


def compute_energy_relative(operators: Operators, formats: tuple[str, ...], *, vector: Number) -> Number:
    """Return the pass's arithmetic in dense 16-bit FLOP of equal energy.

    Parameters
    ----------
    operators : Operators
    formats : tuple of str
        Native formats of the chip.
    vector : array
        Energy of an elementwise operation relative to a dense 16-bit FLOP [1].
    """
    return sum(
        row.count * (row.flop * native_format(row.compute_format, formats).energy_relative + row.vector_ops * vector)
        for row in operators
    )
