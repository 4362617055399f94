"""Constraints as people write them, ``"ttft <= 2 s"``, to a column, an operator and a limit in the column's unit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from dse.errors import nearest, shown
from dse.units import UnitError, convertible, kind_of, parse_quantity, split_quantity

Operator = Literal["<=", ">=", "<", ">"]

MAX_TEXT = 200
_TERM = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*([<>=!~]{1,3})\s*(\S(?:.*\S)?)\s*")
_OPERATORS = ("<=", ">=", "<", ">")
_PIECE = r"(?:m?s|years?|days?|[mk]?w|[kmp]?j|kwh|usd|k?g|kg|[cm]?m2|mm|bytes?|bits?|flop|m?tokens?|hz|unit)"
_SUFFIX = re.compile(rf"(?:per_)?{_PIECE}(?:_per_{_PIECE})*")


@dataclass(frozen=True)
class Constraint:
    """One limit on a column.

    Parameters
    ----------
    text : str
        As the study gives it.
    column : str
        The column it limits.
    op : {"<=", ">=", "<", ">"}
        What holds between the column and the limit for a design that is allowed.
    limit : float
        In the column's unit.
    """

    text: str
    column: str
    op: Operator
    limit: float


def resolve_constraint(text: object, columns: Mapping[str, str]) -> Constraint:
    """Find the column and the limit that a constraint means.

    Parameters
    ----------
    text : object
        ``column <op> quantity``. The unit at the end of the column's name may be left off where the quantity has a
        unit; a bare number is in the unit of a column that is named in full.
    columns : mapping of str to str
        Column name to unit; ``"1"`` for none.

    Returns
    -------
    Constraint
        With the limit in the column's unit.

    Raises
    ------
    ValueError
        With a message for people.
    """
    match = _TERM.fullmatch(text) if isinstance(text, str) and len(text) <= MAX_TEXT else None
    if match is None or not isinstance(text, str):
        raise ValueError(f'expected a constraint such as "ttft <= 2 s", got {shown(text)}')
    name, op, quantity = match.groups()
    if op not in _OPERATORS:
        raise ValueError(f"expected one of {', '.join(_OPERATORS)} between column and limit, got {shown(op)}")
    split = split_quantity(quantity)
    if split is None:
        example = kind_of(columns[name])[1] if name in columns else "2 s"
        raise ValueError(f'expected a limit such as "{example}", got {shown(quantity)}')
    column = name if name in columns else _completed(name, quantity, split[1], columns)
    unit = columns[column]
    try:
        limit = parse_quantity(quantity if split[1] else f"{split[0]} {'' if unit == '1' else unit}".strip(), unit)
    except UnitError as error:
        raise ValueError(f"{column}: {error}") from None
    return Constraint(text.strip(), column, cast(Operator, op), limit)


def _completed(name: str, quantity: str, unit: str, columns: Mapping[str, str]) -> str:
    """The one column that is `name` with a unit at its end and holds quantities of this kind."""
    named = [
        column for column in columns if column.startswith(f"{name}_") and _SUFFIX.fullmatch(column[len(name) + 1 :])
    ]
    fitting = [column for column in named if unit and convertible(unit, columns[column])]
    if len(fitting) == 1:
        return fitting[0]
    if len(fitting) > 1:
        raise ValueError(f"{shown(name)} may mean {' or '.join(fitting)}; write one of them")
    if len(named) == 1 and not unit:
        example = kind_of(columns[named[0]])[1]
        raise ValueError(
            f'expected a limit with a unit such as "{example}", or the full name {named[0]}, got {quantity}'
        )
    if len(named) == 1:
        parse_quantity(quantity, columns[named[0]])  # says what was expected
    by_stem = {stem(column): column for column in columns}
    guesses = list(dict.fromkeys(by_stem.get(guess, guess) for guess in nearest(name, [*columns, *by_stem])))
    guesses = guesses or [column for column in columns if name in column.split("_")][:3]
    hint = f" (did you mean {' or '.join(guesses)}?)" if guesses else ""
    raise ValueError(f"unknown column {shown(name)}{hint}; `dse columns` lists them all")


def stem(column: str) -> str:
    """Return the name of a column without the unit at its end."""
    for position, letter in enumerate(column):
        if letter == "_" and _SUFFIX.fullmatch(column[position + 1 :]):
            return column[:position]
    return column
