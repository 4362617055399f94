"""How people are shown a column: its numbers in a familiar unit, its name on an axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from results.columns import Column, column


def display(name: str, values: ArrayLike) -> tuple[NDArray[Any], str]:
    """Scale a column's numbers to the unit people are shown.

    Parameters
    ----------
    name : str
        Name of a column.
    values : array_like
        Numbers in the column's stored unit. Text and truth values pass unchanged.

    Returns
    -------
    values : ndarray
        Numbers in the shown unit, same shape.
    unit : str
        The shown unit, such as ``"GB/s"``; empty for a count. Always the same one for a column.

    Raises
    ------
    KeyError
        If there is no such column.
    """
    shown = column(name)
    array = np.asarray(values)
    if shown.shown_size != 1.0 and array.dtype.kind in "iuf":
        array = array / shown.shown_size
    return array, _shown_unit(shown)


def axis_label(name: str) -> str:
    """Text for an axis of a picture, with the unit that `display` scales to.

    Parameters
    ----------
    name : str
        Name of a column.

    Returns
    -------
    str
        Such as ``"DRAM bandwidth [GB/s]"``; without brackets for a count.

    Raises
    ------
    KeyError
        If there is no such column.
    """
    shown = column(name)
    unit = _shown_unit(shown)
    label = shown.label or shown.name
    return f"{label} [{unit}]" if unit else label


def _shown_unit(shown: Column) -> str:
    return shown.shown_unit or ("" if shown.unit == "1" else shown.unit)


def counted(count: int, what: str) -> str:
    """Return a number of things, ``1 row`` or ``1,234 rows``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def are(count: int) -> str:
    """Return the verb of a number of things: ``is`` of one, ``are`` of none or several."""
    return "is" if count == 1 else "are"
