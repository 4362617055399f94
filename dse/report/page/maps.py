"""What binds around the best designs, over every two design axes, small enough for a page."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np

from dse.ceiling_maps import ceiling_maps, free_axes, levels_of
from sweeps.problem import Problem
from sweeps.time_by_ceiling import TIME_PARTS

LEVELS = 32
LEVELS_OWN_BATCH = 10
"""Where each design has a batch of its own, which takes longer."""

NOTHING = "-"
"""In the place of a ceiling where nothing can be built."""

LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


def binding_maps(problem: Problem, designs: Iterable[tuple[int, int]]) -> dict[str, Any] | None:
    """Return which ceiling binds around designs; None for a space with fewer than two axes that are free and not 0.

    Parameters
    ----------
    problem : Problem
    designs : iterable of (int, int)
        Row of the page, and point of the space.

    Returns
    -------
    dict
        ``axes``, ``parts``, and by row: ``levels`` of each axis [stored units], and by two axes, ``across,up``, a
        letter for each level across of each level up: of ``parts`` in ``prefill`` and ``decode``, and 1 where a design
        is within all limits in ``feasible``.
    """
    names = [name for name in free_axes(problem) if _moves(problem, name)]
    if len(names) < 2:
        return None
    found: dict[str, Any] = {}
    for row, point in designs:
        scenarios, columns = problem.space.designs(np.array([point], dtype=np.int64))
        number = int(scenarios[0])
        count = LEVELS if problem.scenario(number).largest is None else LEVELS_OWN_BATCH
        pairs = {}
        for across, up in itertools.combinations(names, 2):
            prefill, decode = ceiling_maps(problem, columns, number, across, up, count)
            pairs[f"{across},{up}"] = {
                "prefill": _letters(prefill.codes),
                "decode": _letters(decode.codes),
                "feasible": _letters(decode.feasible),
            }
        levels = {name: levels_of(problem, columns, name, count).tolist() for name in names}
        found[str(row)] = {"levels": levels, "pairs": pairs}
    return {"axes": names, "parts": list(TIME_PARTS), "rows": found}


def _moves(problem: Problem, name: str) -> bool:
    """Whether a map can span an axis: of one that is always 0 there is nothing below and above."""
    return any(value != 0 for axis in problem.space.axes if axis.name == name for value in axis.values)


def _letters(codes: np.ndarray[Any, Any]) -> str:
    return "".join(NOTHING if code < 0 else LETTERS[int(code)] for code in codes.ravel())
