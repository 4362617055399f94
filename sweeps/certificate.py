"""The proof that an exact search leaves behind: every box its tree ends in, with the reason why it holds nothing more.

The leaves are written in the order of the tree with their depths. Two neighbours of one depth join to the box they were
cut from, so reading them once shows that they cover the space, each design once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from results.columns import Column
from results.store import Categorical
from sweeps.boxes import AXES, DOMINATED, FLAT, INFEASIBLE, KINDS, SPLIT, Indices, Ranks
from sweeps.exact import Search
from sweeps.problem import Problem, Table
from sweeps.space import DESIGN_COLUMNS

ROWS = 262_144
"""Leaves in one file."""

NOTHING = -1


@dataclass(frozen=True)
class Leaves:
    """Boxes the tree ends in, in its order.

    Attributes
    ----------
    scenario, depth : ndarray, shape (n,)
    low, high : ndarray, shape (n, 5)
        First and last ranks.
    kind : ndarray of int8, shape (n,)
        Of :data:`sweeps.boxes.KINDS`.
    detail : ndarray of int64, shape (n,)
        Point that dominates it, number of the limit it breaks, or axis on which it is flat.
    """

    scenario: Indices
    depth: Indices
    low: Ranks
    high: Ranks
    kind: NDArray[np.int8]
    detail: Indices

    def part(self, at: slice) -> Leaves:
        """Return some of them."""
        return Leaves(*(value[at] for value in self.__dict__.values()))


def leaves_of(search: Search) -> Leaves:
    """Return the leaves of a search's tree; each witness is a point of the front."""
    tree = search.tree
    kind, axis, cut, left = (tree[name] for name in ("kind", "axis", "cut", "left"))
    levels = [np.arange(tree.roots, dtype=np.int64)]
    while True:
        parents = levels[-1][kind[levels[-1]] == SPLIT]
        if not len(parents):
            break
        levels.append(np.stack([left[parents], left[parents] + 1], axis=1).reshape(-1).astype(np.int64))
    below = np.ones(tree.size, dtype=np.int64)
    for level in reversed(levels):
        parents = level[kind[level] == SPLIT]
        below[parents] = below[left[parents]] + below[left[parents] + 1]
    total = int(below[: tree.roots].sum())
    result = Leaves(
        np.empty(total, dtype=np.int32),
        np.empty(total, dtype=np.int16),
        np.empty((total, AXES), dtype=np.int32),
        np.empty((total, AXES), dtype=np.int32),
        np.empty(total, dtype=np.int8),
        np.empty(total, dtype=np.int64),
    )
    low, high = (np.repeat(end, tree.roots, axis=0) for end in search.grid.root())
    at = np.cumsum(below[: tree.roots]) - below[: tree.roots]
    scenario = np.arange(tree.roots, dtype=np.int32)
    for depth, level in enumerate(levels):
        split = kind[level] == SPLIT
        ends = ~split
        rows = at[ends]
        result.scenario[rows], result.depth[rows] = scenario[ends], depth
        result.low[rows], result.high[rows] = low[ends], high[ends]
        result.kind[rows], result.detail[rows] = kind[level[ends]], tree["detail"][level[ends]]
        parents = level[split]
        first = at[split]
        at = np.stack([first, first + below[left[parents]]], axis=1).reshape(-1)
        scenario = np.repeat(scenario[split], 2)
        low, high = np.repeat(low[split], 2, axis=0), np.repeat(high[split], 2, axis=0)
        rows = np.arange(len(parents))
        high[2 * rows, axis[parents]] = cut[parents]
        low[2 * rows + 1, axis[parents]] = cut[parents] + 1
    dominated = result.kind == DOMINATED
    result.detail[dominated] = _on_front(result.detail[dominated], search)
    return result


def _on_front(witnesses: Indices, search: Search) -> Indices:
    """Return, for points that once were the archive's, points of the front that dominate or are them."""
    known, back = np.unique(witnesses, return_inverse=True)
    gone = np.flatnonzero(~np.isin(known, search.archive.points))
    scenarios, ranks = search.grid.ranks(known[gone])
    for scenario in np.unique(scenarios):
        at = np.flatnonzero(scenarios == scenario)
        _, values = search.evaluated(int(scenario), ranks[at])
        known[gone[at]] = search.archive.points[search.archive.front.dominators(values)]
    return known[back]


def leaf_columns(problem: Problem) -> dict[str, Column]:
    """Return the definitions of the columns of the leaves."""
    columns = [
        Column("scenario", "1", "number of the combination of the study's scenario axes", None, "status"),
        Column("depth", "1", "cuts between the whole space of the scenario and this box", None, "status"),
    ]
    for name in DESIGN_COLUMNS:
        for end, word in (("first", "least"), ("last", "greatest")):
            meaning = f"place of the {word} level of {name} in the box, among all levels ascending, from 0"
            columns.append(Column(f"{name}_{end}", "1", meaning, None, "status"))
    columns += [
        Column("end", "1", "why the box holds nothing more for the front", None, "status"),
        Column(
            "because", "1", "limit that all of an infeasible box breaks, or axis on which it is flat", None, "status"
        ),
        Column("witness", "1", "point of the front that dominates the box, else -1", None, "status"),
    ]
    return {c.name: c for c in columns}


def reasons_of(problem: Problem, limits: tuple[str, ...]) -> tuple[str, ...]:
    """Return the texts of the column ``because``."""
    return ("", *limits, *DESIGN_COLUMNS)


def leaf_tables(leaves: Leaves, problem: Problem, limits: tuple[str, ...]) -> Iterator[Table]:
    """Yield the leaves as tables of up to :data:`ROWS` rows."""
    texts = reasons_of(problem, limits)
    for start in range(0, len(leaves.kind), ROWS):
        part = leaves.part(slice(start, start + ROWS))
        table: Table = {"scenario": part.scenario, "depth": part.depth.astype(np.int32)}
        for k, name in enumerate(DESIGN_COLUMNS):
            table[f"{name}_first"], table[f"{name}_last"] = part.low[:, k], part.high[:, k]
        because = np.where(part.kind == INFEASIBLE, 1 + part.detail, 0)
        because = np.where(part.kind == FLAT, 1 + len(limits) + part.detail, because)
        table["end"] = Categorical(part.kind.astype(np.int16), KINDS)
        table["because"] = Categorical(because.astype(np.int16), texts)
        table["witness"] = np.where(part.kind == DOMINATED, part.detail, NOTHING)
        yield table


def leaves_from(columns: dict[str, NDArray[np.generic]], problem: Problem, limits: tuple[str, ...]) -> Leaves:
    """Return the leaves of a table that was stored.

    Raises
    ------
    ValueError
        If it holds a word that is not known.
    """
    texts = reasons_of(problem, limits)
    try:
        kind = np.array([KINDS.index(str(word)) for word in columns["end"]], dtype=np.int8)
        because = np.array([texts.index(str(word)) for word in columns["because"]], dtype=np.int64)
    except ValueError as error:
        raise ValueError(f"the leaves hold a word that is not known: {error}") from None
    detail = np.where(kind == INFEASIBLE, because - 1, np.asarray(columns["witness"], dtype=np.int64))
    detail = np.where(kind == FLAT, because - 1 - len(limits), detail)
    low, high = (
        np.stack([np.asarray(columns[f"{name}_{end}"], dtype=np.int32) for name in DESIGN_COLUMNS], axis=1)
        for end in ("first", "last")
    )
    scenario, depth = (np.asarray(columns[name], dtype=np.int64) for name in ("scenario", "depth"))
    return Leaves(scenario, depth, low, high, kind, detail)
