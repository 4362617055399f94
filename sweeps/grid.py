"""Every point of the grid, in cache-sized blocks; the front and the counts are what remains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from results.front import FrontArchive
from results.store import Categorical
from sweeps.evaluate import evaluate
from sweeps.problem import Problem, Table
from sweeps.space import Block


@dataclass
class Tally:
    """What a part of the grid came to.

    Attributes
    ----------
    designs, feasible, failed : int
        Points evaluated; those within all limits with every objective a number; those within all limits whose
        objective came out as no number.
    front : FrontArchive
        Non-dominated feasible points, objectives minimized.
    parts : dict
        Digest of each stored part, by file name.
    """

    front: FrontArchive
    designs: int = 0
    feasible: int = 0
    failed: int = 0
    parts: dict[str, str] = field(default_factory=dict)

    def merge(self, other: Tally) -> NDArray[np.int64]:
        """Add another part of the grid; return the points of its front that may belong to the whole one's."""
        self.designs += other.designs
        self.feasible += other.feasible
        self.failed += other.failed
        self.parts |= other.parts
        return self.front.merge(other.front)


def sweep_chunk(problem: Problem, chunk: tuple[int, int], *, rows: bool) -> tuple[Tally, Table | None]:
    """Evaluate a chunk of the grid.

    Parameters
    ----------
    problem : Problem
    chunk : (int, int)
        Range of block numbers, of ``problem.space.chunk(number)``.
    rows : bool
        Whether to return every design's columns too.

    Returns
    -------
    tally : Tally
    table : dict or None
    """
    tally = Tally(FrontArchive(len(problem.objectives)))
    tables: list[Table] = []
    for block in problem.space.blocks(*chunk):
        table = _sweep_block(problem, block, tally, rows=rows)
        if table is not None:
            tables.append(table)
    return tally, _stacked(tables) if rows else None


def _sweep_block(problem: Problem, block: Block, tally: Tally, *, rows: bool) -> Table | None:
    with np.errstate(all="ignore"):
        columns = evaluate(block.columns, problem.scenario(block.scenario))
    within = np.flatnonzero(np.broadcast_to(columns["feasible"], block.shape))
    values = [
        objective.sign * np.broadcast_to(columns[objective.column], block.shape).reshape(-1)[within]
        for objective in problem.objectives
    ]
    finite = problem.finite_objectives(values)
    if not finite.all():
        within, values = within[finite], [value[finite] for value in values]
    tally.designs += block.size
    tally.feasible += len(within)
    tally.failed += int(np.count_nonzero(~finite))
    tally.front.add(block.start + within, values)
    if not rows:
        return None
    points = np.arange(block.start, block.start + block.size, dtype=np.int64)
    return problem.flat(columns, points, block.scenario, block.shape)


def _stacked(tables: Sequence[Table]) -> Table:
    result: Table = {}
    for name, first in tables[0].items():
        parts = [table[name] for table in tables]
        if isinstance(first, Categorical):
            codes = np.concatenate([part.codes for part in parts if isinstance(part, Categorical)])
            result[name] = Categorical(codes, first.categories)
        else:
            result[name] = np.concatenate([part for part in parts if not isinstance(part, Categorical)])
    return result
