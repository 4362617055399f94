"""Processing in memory: compute at a memory tier, with the bandwidth inside that tier.

An operator may run where its weights or KV cache live, if the tier holds all of their class: what SRAM or a nearer tier
holds is a copy. It does where that is faster, so time never rises; its weights and cache then cross no port, only
activations do. Eligibility grows with the tier's capacity and every term falls with each resource, so more of anything
is never slower.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from roofline.memory import CLASSES, Number, Placement, Traffic
from roofline.operators import Operator

if TYPE_CHECKING:
    from roofline.kernel import Machine

Mask = NDArray[np.bool_]
Tier = Literal["dram", "flash"]

PIM_CEILINGS = ("pim compute", "pim bytes", "sram", "dram", "flash")
"""Ceilings of an operator that runs in memory, in the order of :func:`pim_ceilings`."""


@dataclass(frozen=True)
class Pim:
    """Compute at a memory tier; each rate broadcasts against the designs.

    Attributes
    ----------
    tier : {"dram", "flash"}
    flop_per_s : array
        Rate of its arithmetic, 16 bit and narrower and elementwise [FLOP/s].
    bytes_per_s : array
        Bandwidth inside the memory, all banks at once [byte/s].
    """

    tier: Tier
    flop_per_s: Number
    bytes_per_s: Number


@dataclass(frozen=True)
class InMemory:
    """An operator with the choice of running in memory.

    Attributes
    ----------
    chosen : array of bool
        Where it does, as that is faster.
    seconds : array
        Time of the faster choice [s].
    traffic : Traffic
        Bytes across the ports with that choice.
    pim_bytes : array
        Bytes read inside the memory [byte].
    """

    chosen: Mask
    seconds: Number
    traffic: Traffic
    pim_bytes: Number


def held_whole(
    footprint_bytes: Mapping[str, float], *, tier: Tier, capacity_bytes: Number, flash_holds: Collection[str]
) -> dict[str, Mask]:
    """Return where a tier holds all bytes of a class, whatever nearer tiers hold copies of.

    Parameters
    ----------
    footprint_bytes : mapping
        Bytes of each class [byte].
    tier : {"dram", "flash"}
        DRAM is filled in the order of placement, those that flash may hold last; flash from the last class to the
        first, with the weights it may hold: a cache is written at every step, which flash that computes does not take.
    capacity_bytes : array
        What the tier has for them [byte].
    flash_holds : collection of str
    """
    order = sorted(CLASSES, key=lambda name: (name in flash_holds, CLASSES.index(name)))
    if tier == "flash":
        order = [name for name in reversed(order) if name in flash_holds and name != "kv_cache"]
    needed = 0.0
    result: dict[str, Mask] = {}
    for name in order:
        needed += footprint_bytes.get(name, 0.0)
        result[name] = np.asarray(needed <= capacity_bytes)
    return result


def pim_ceilings(row: Operator, machine: Machine, pim: Pim) -> tuple[Number, ...]:
    """Return the time [s] each of :data:`PIM_CEILINGS` alone would need for one instance of an operator in memory."""
    moved = _moved_bytes(row)
    return (
        (row.flop + row.vector_ops) / pim.flop_per_s,
        pim_bytes(row) / pim.bytes_per_s,
        moved / machine.sram_bytes_per_s,
        moved / machine.dram_bytes_per_s,
        moved / machine.flash_divisor if pim.tier == "flash" else 0.0,
    )


def pim_bytes(row: Operator) -> float:
    """Return the bytes an operator in memory reads there: weights and cache, each once [byte]."""
    return row.weight_bytes + row.kv_read_bytes


def _moved_bytes(row: Operator) -> float:
    """Bytes between the chip and the memory: activations, and the keys and values that are appended."""
    return (row.act_read_bytes + row.act_write_bytes) + row.kv_write_bytes


def in_memory(
    row: Operator, machine: Machine, place: Placement, pim: Pim, on_chip_s: Number, on_chip: Traffic
) -> InMemory | None:
    """Return an operator with the choice of running in memory; None if nothing of it lives there.

    Parameters
    ----------
    row : Operator
    machine : Machine
    place : Placement
        Its `pim_holds` says where the tier holds a whole class.
    pim : Pim
    on_chip_s : array
        Time on the chip [s].
    on_chip : Traffic
        Bytes on the chip.
    """
    lives = _lives_there(row, place.pim_holds)
    if lives is None:
        return None
    times = pim_ceilings(row, machine, pim)
    there = times[0]
    for time in times[1:]:
        there = there + time if machine.overlap == "none" else np.maximum(there, time)
    chosen = lives & (there < on_chip_s)
    moved = _moved_bytes(row)
    at_flash = pim.tier == "flash"
    traffic = Traffic(
        sram=np.where(chosen, moved, on_chip.sram),
        dram=np.where(chosen, moved, on_chip.dram),
        flash=np.where(chosen, moved if at_flash else 0.0, on_chip.flash),
        flash_write=on_chip.flash_write,
    )
    return InMemory(chosen, np.where(chosen, there, on_chip_s), traffic, np.where(chosen, pim_bytes(row), 0.0))


def _lives_there(row: Operator, holds: Mapping[str, Mask]) -> Mask | None:
    """Where the tier holds an operator's weights and cache; None if it never does, or there are none."""
    wanted = [row.weight_class] if row.weight_bytes else []
    if row.kv_read_bytes:
        wanted.append("kv_cache")
    if not wanted or any(name not in holds for name in wanted):
        return None
    lives = holds[wanted[0]]
    for name in wanted[1:]:
        lives = lives & holds[name]
    return lives
