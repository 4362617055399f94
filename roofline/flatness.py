"""Where a resource does not matter: the time of a pass is the same for every amount of it between two designs.

On a box of designs with corners `slow` (least of everything) and `fast` (most of everything) each ceiling of an
operator is longest at `slow` and shortest at `fast`. Where the longest of one ceiling is no longer than the shortest
of another, it never binds in the whole box, bit for bit: every ceiling is a chain of monotone operations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roofline.kernel import Machine, operator_ceilings
from roofline.memory import Number, Placement, operator_traffic
from roofline.operators import Operators

Mask = NDArray[np.bool_]
Corner = tuple[Machine, Placement]

RESOURCES = ("dram_bandwidth", "compute", "sram", "dram", "flash")
"""In the order of the design axes."""


def flat_resources(operators: Operators, slow: Corner, fast: Corner) -> tuple[Mask, ...]:
    """Return where more of each resource leaves the time of a pass exactly as it is.

    Parameters
    ----------
    operators : Operators
    slow, fast : (Machine, Placement)
        Of the designs (n,) at both ends of each box.

    Returns
    -------
    tuple of ndarray of bool
        (n,) or a single value each, in the order of :data:`RESOURCES`; False where it is not proven. Nothing is proven
        where memory computes, and only compute where flash has a port of its own.
    """
    flat = [np.asarray(True) for _ in RESOURCES]
    direct = slow[1].port is not None
    if slow[0].pim is not None:
        return tuple(np.asarray(False) for _ in RESOURCES)
    for row in operators:
        at_slow = _numbers(operator_ceilings(row, *slow))
        at_fast = _numbers(operator_ceilings(row, *fast))
        slow_bytes = operator_traffic(row, slow[1], slow[0].tile_bytes)
        fast_bytes = operator_traffic(row, fast[1], fast[0].tile_bytes)
        # Bytes only fall towards `fast`: the same at both ends, they are the same in between.
        steady = (
            np.asarray(np.asarray(slow_bytes.dram) == np.asarray(fast_bytes.dram)),
            np.asarray(np.asarray(slow_bytes.flash) == np.asarray(fast_bytes.flash)),
        )
        found = _RULES[slow[0].overlap](at_slow, at_fast, *steady)
        flat = [a & b for a, b in zip(flat, found, strict=True)]
    same_rate = np.asarray(np.asarray(slow[0].flash_divisor) == np.asarray(fast[0].flash_divisor))
    flat[4] = flat[4] | same_rate  # the bandwidth of flash has an upper end
    if direct:
        flat = [np.asarray(False), flat[1], np.asarray(False), np.asarray(False), np.asarray(False)]
    return tuple(np.asarray(mask) for mask in flat)


def _numbers(ceilings: tuple[Number, ...]) -> tuple[Number, ...]:
    return tuple(np.asarray(c) for c in ceilings)


def _most(*terms: Number) -> Number:
    result = terms[0]
    for term in terms[1:]:
        result = np.maximum(result, term)
    return result


def _of_largest(
    slow: tuple[Number, ...], fast: tuple[Number, ...], dram_steady: Mask, flash_steady: Mask
) -> list[Mask]:
    """Time is the largest of all ceilings."""
    compute, vector, sram, dram, flash, link = fast
    core = _most(compute, vector, link)
    rest = _most(sram, dram, flash, link)
    capacity = slow[4] <= _most(core, sram, dram)
    # With more SRAM its port is faster, and less may cross the others.
    beside_sram = _most(core, np.where(dram_steady, dram, 0.0), np.where(flash_steady, flash, 0.0))
    return [
        np.asarray(slow[3] <= _most(core, sram, flash)),
        np.asarray(_most(slow[0], slow[1]) <= rest),
        np.asarray(
            (slow[2] <= beside_sram)
            & (dram_steady | (slow[3] <= beside_sram))
            & (flash_steady | (slow[4] <= beside_sram))
        ),
        np.asarray(capacity | flash_steady),
        np.asarray(capacity),
    ]


def _of_sum(slow: tuple[Number, ...], fast: tuple[Number, ...], dram_steady: Mask, flash_steady: Mask) -> list[Mask]:
    """Time is the sum of all ceilings: only one of nothing does not count."""
    nothing = np.asarray(slow[4] == 0)
    return [
        np.asarray(slow[3] == 0),
        np.asarray((slow[0] == 0) & (slow[1] == 0)),
        np.asarray((slow[2] == 0) & dram_steady & flash_steady),
        np.asarray(nothing | flash_steady),
        nothing,
    ]


def _of_turns(slow: tuple[Number, ...], fast: tuple[Number, ...], dram_steady: Mask, flash_steady: Mask) -> list[Mask]:
    """Transfers and arithmetic in turn, unless the on-chip port outlasts them."""
    compute, vector, _, dram, flash, link = fast
    off_chip = np.where(dram_steady, dram, 0.0), np.where(flash_steady, flash, 0.0)
    in_turn = _most(*off_chip) + (compute + vector) + link
    nothing = np.asarray((slow[0] == 0) & (slow[1] == 0))
    return [
        np.asarray(slow[3] <= flash),
        nothing,
        # Rounding of a sum in another order is far below this.
        np.asarray((slow[2] <= in_turn * (1.0 - 1e-12)) & dram_steady & flash_steady),
        np.asarray((slow[4] <= dram) | flash_steady),
        np.asarray(slow[4] <= dram),
    ]


_RULES = {"full": _of_largest, "none": _of_sum, "serial": _of_turns}
