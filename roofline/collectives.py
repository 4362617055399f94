"""Collectives: what chips tell each other, as rows of a pass on its critical path.

Time is ``steps x latency + bytes / bandwidth`` with the bytes that one chip sends over its links (one direction; it
receives as much at the same time), as in Thakur, Rabenseifner, Gropp, "Optimization of Collective Communication
Operations in MPICH", IJHPCA 19(1), 2005. Bytes are those of ring algorithms, which no algorithm without arithmetic in
the network undercuts; latency steps are those of trees, as switched links allow.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from roofline.operators import Operator


def all_reduce(name: str, chips: int, message_bytes: float) -> Operator:
    """Return the sum of `message_bytes` on each of `chips`, known to all: 2(n-1)/n of them cross a chip's links."""
    return _row(name, chips, 2.0 * message_bytes)


def all_gather(name: str, chips: int, message_bytes: float) -> Operator:
    """Return the joining of parts that are `message_bytes` together, known to all: (n-1)/n of them."""
    return _row(name, chips, message_bytes)


def reduce_scatter(name: str, chips: int, message_bytes: float) -> Operator:
    """Return the sum of `message_bytes`, of which each chip keeps its part: (n-1)/n of them."""
    return _row(name, chips, message_bytes)


def all_to_all(name: str, chips: int, message_bytes: float) -> Operator:
    """Return the exchange of `message_bytes` of every chip, equal parts of them for each: (n-1)/n of them."""
    return _row(name, chips, message_bytes)


def point_to_point(name: str, message_bytes: float) -> Operator:
    """Return the passing on of `message_bytes` to the next chip."""
    return Operator(name=name, link_bytes=message_bytes, link_steps=1.0)


Collective = Callable[[str, int, float], Operator]


def between(collective: Collective, name: str, chips: int, message_bytes: float) -> list[Operator]:
    """Return the row of a collective between `chips`; nothing for a single one."""
    return [collective(name, chips, message_bytes)] if chips > 1 else []


def _row(name: str, chips: int, message_bytes: float) -> Operator:
    return Operator(
        name=name,
        link_bytes=(chips - 1) / chips * message_bytes,
        link_steps=float(math.ceil(math.log2(chips))),
    )
