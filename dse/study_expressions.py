"""Expressions of a study, such as ``0.02 MiB/(GFLOP/s) * compute``: numbers, units, dimensions, ``+ - * / **`` and ( ).

Nothing is called and nothing repeats: text is read by the small grammar below, units are checked, and what is left is
a tree of numbers (:mod:`sweeps.derived`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from dse.errors import did_you_mean, shown
from dse.units import kind_of, unit_size
from sweeps.derived import Derived, Node

MOST_TEXT = 400
_MOST_DEPTH = 40
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)|(?P<name>[A-Za-zµμ_]+)|(?P<op>\*\*|[-+*/()^]))"
)

Dimensions = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class _Part:
    """A tree in base units and its dimensions."""

    tree: Node
    dimensions: Dimensions


def is_expression(value: object, names: Mapping[str, tuple[str, str]]) -> bool:
    """Whether a text means an expression: it names a dimension, or has operators no quantity has."""
    if not isinstance(value, str) or len(value) > MOST_TEXT:
        return False
    words = re.findall(r"[A-Za-z_]+", value)
    return any(word in names for word in words) or bool(
        re.search(r"[()+]|(?<![eE])-|(?<!\*)\*(?!\*)", value.strip()[1:])
    )


def parse_expression(text: str, unit: str, names: Mapping[str, tuple[str, str]]) -> Derived:
    """Return an expression as a column in `unit`.

    Parameters
    ----------
    text : str
    unit : str
        Of the result, as ``byte``.
    names : mapping of str to (str, str)
        What it may name -> column and unit of the column.

    Raises
    ------
    ValueError
        If it is no expression, names something unknown, or its unit is another.
    """
    part = _Parser(text, names).whole()
    size, dimensions = unit_size(unit)
    if part.dimensions != dimensions:
        raise ValueError(
            f"expected a {kind_of(unit)[0]} such as {kind_of(unit)[1]}, got a {_said(part.dimensions)}: {text}"
        )
    return Derived(text, ("/", part.tree, ("number", float(size))) if size != 1 else part.tree)


class _Parser:
    """Recursive descent: sum := product (+|- product)*; product := power (*|/|nothing power)*; power := atom (** n)."""

    def __init__(self, text: str, names: Mapping[str, tuple[str, str]]) -> None:
        if len(text) > MOST_TEXT:
            raise ValueError(f"expected an expression of at most {MOST_TEXT} characters, got {len(text)}")
        self.text, self.names, self.depth = text, names, 0
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                raise ValueError(
                    f"expected numbers, units, {', '.join(names)} and + - * / ( ), got {shown(text[at:].strip()[:20])}"
                )
            self.tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
            at = match.end()

    def whole(self) -> _Part:
        part = self._sum()
        if self.tokens:
            raise ValueError(f"expected an operator before {shown(self.tokens[0][1])} in {self.text}")
        return part

    def _next(self, *wanted: str) -> str | None:
        if self.tokens and self.tokens[0][0] == "op" and self.tokens[0][1] in wanted:
            return self.tokens.pop(0)[1]
        return None

    def _sum(self) -> _Part:
        left = self._product()
        while operator := self._next("+", "-"):
            right = self._product()
            if left.dimensions != right.dimensions:
                one, two = _said(left.dimensions), _said(right.dimensions)
                raise ValueError(f"a {one} and a {two} cannot be added: {self.text}")
            left = _Part((operator, left.tree, right.tree), left.dimensions)
        return left

    def _product(self) -> _Part:
        left = self._power()
        while self.tokens:
            operator = self._next("*", "/")
            if operator is None:
                if self.tokens[0][0] != "name" and self.tokens[0] != ("op", "("):
                    break
                operator = "*"  # a number and its unit stand beside each other
            right = self._power()
            left = _combined(operator, left, right)
        return left

    def _power(self) -> _Part:
        base = self._atom()
        if self._next("**", "^") is None:
            return base
        kind, text = self.tokens.pop(0) if self.tokens else ("", "nothing")
        if kind != "number" or text not in ("1", "2", "3", "4"):
            raise ValueError(f"expected a power of 1, 2, 3 or 4, got {shown(text)} in {self.text}")
        result = base
        for _ in range(int(text) - 1):
            result = _combined("*", result, base)
        return result

    def _atom(self) -> _Part:
        self.depth += 1
        if self.depth > _MOST_DEPTH:
            raise ValueError(f"expected a simpler expression, got {shown(self.text)}")
        try:
            return self._one()
        finally:
            self.depth -= 1

    def _one(self) -> _Part:
        if self._next("("):
            part = self._sum()
            if self._next(")") is None:
                raise ValueError(f"a ( is never closed in {self.text}")
            return part
        if not self.tokens:
            raise ValueError(f"the expression ends too soon: {self.text}")
        kind, text = self.tokens.pop(0)
        if kind == "number":
            return _Part(("number", float(text)), ())
        if kind != "name":
            raise ValueError(
                f"expected a number, a unit or one of {', '.join(self.names)}, got {shown(text)} in {self.text}"
            )
        if text in self.names:
            column, unit = self.names[text]
            size, dimensions = unit_size(unit)
            return _Part(_scaled(("column", column), size), dimensions)
        if self.tokens and self.tokens[0] == ("op", "("):
            raise ValueError(f"an expression calls nothing, got {text}(...)")
        try:
            size, dimensions = unit_size(text)
        except LookupError:
            hint = did_you_mean(text, self.names)
            raise ValueError(f"{shown(text)} is neither a unit nor one of {', '.join(self.names)}{hint}") from None
        return _Part(("number", float(size)), dimensions)


def _scaled(node: Node, size: Fraction) -> Node:
    return node if size == 1 else ("*", node, ("number", float(size)))


def _combined(operator: str, left: _Part, right: _Part) -> _Part:
    powers = dict(left.dimensions)
    for name, power in right.dimensions:
        powers[name] = powers.get(name, 0) + (power if operator == "*" else -power)
    dimensions = tuple(sorted((name, power) for name, power in powers.items() if power))
    return _Part((operator, left.tree, right.tree), dimensions)


def _said(dimensions: Dimensions) -> str:
    parts = [name.strip("[]") + (f"**{power}" if power != 1 else "") for name, power in dimensions]
    return " ".join(parts) or "plain number"
