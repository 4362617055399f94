"""Columns as people call them: in full, without the unit at the end, or as tables show them."""

from __future__ import annotations

from collections.abc import Iterable

from dse.constraints import stem
from dse.errors import did_you_mean, listed, shown
from results.columns import COLUMNS

MOST_BESIDE_A_GUESS = 12


def column_named(name: str, columns: Iterable[str], what: str) -> str:
    """Return the one of some columns that a name means.

    Parameters
    ----------
    name : str
        ``tco_usd_per_mtoken``, ``tco`` or ``TCO``; ``decode_tokens_per_s``, ``decode`` or ``decode rate``.
    columns : iterable of str
        What may be meant.
    what : str
        What they are, for an error.

    Raises
    ------
    ValueError
        With a message for people: if it is none of them, or may be several.
    """
    known = list(columns)
    if name in known:
        return name
    called: dict[str, list[str]] = {}
    for column in known:
        label = COLUMNS[column].label if column in COLUMNS else ""
        for text in {_plain(column), _plain(stem(column)), _plain(label or column)}:
            called.setdefault(text, []).append(column)
    found = called.get(_plain(name), [])
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"{shown(name)} may mean {' or '.join(found)}; write one of them")
    guess = did_you_mean(name, [*known, *(text for text, of in called.items() if len(of) == 1)])
    every = "" if guess and len(known) > MOST_BESIDE_A_GUESS else f"; there are {listed(known, 40)}"
    raise ValueError(f"there is no {what} {shown(name)}{guess}{every}")


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())
