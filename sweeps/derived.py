"""Design columns that follow from others, as ``sram = 0.02 byte s/FLOP x compute``: small trees of + - x /."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from roofline.memory import Number

Node = tuple[Any, ...]
"""``("number", value)``, ``("column", name)`` or ``(operator, left, right)`` with one of ``+ - * /``."""


@dataclass(frozen=True)
class Derived:
    """A column as an expression of others; picklable, the same bits on every machine.

    Attributes
    ----------
    text : str
        As the study writes it.
    tree : tuple
        Numbers in the units in which the columns are.
    """

    text: str
    tree: Node

    @property
    def inputs(self) -> frozenset[str]:
        """Columns it needs."""
        return frozenset(_names(self.tree))

    def __call__(self, columns: Mapping[str, Number]) -> Number:
        """Return the column of designs; it broadcasts as its inputs do."""
        with np.errstate(all="ignore"):
            return _value(self.tree, columns)


def _names(node: Node) -> set[str]:
    if node[0] == "column":
        return {str(node[1])}
    return set() if node[0] == "number" else _names(node[1]) | _names(node[2])


def _value(node: Node, columns: Mapping[str, Number]) -> Number:
    if node[0] == "number":
        return float(node[1])
    if node[0] == "column":
        return columns[node[1]]
    left, right = _value(node[1], columns), _value(node[2], columns)
    if node[0] == "+":
        return left + right
    if node[0] == "-":
        return left - right
    return left * right if node[0] == "*" else np.divide(left, right)
