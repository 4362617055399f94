"""Chunks: the designs of a grid or a sample, cut into pieces that any process can work off in any order.

Where a chunk begins and ends depends on the study alone, and so does all that comes of it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from results.front import FrontArchive
from sweeps.allocator import keep_freed_memory
from sweeps.genes import Genes
from sweeps.grid import Tally, sweep_chunk
from sweeps.points import evaluated
from sweeps.problem import Problem, Table
from sweeps.sample import sampled
from sweeps.space import BLOCK_POINTS, CHUNK_POINTS

Ints = NDArray[np.int64]

MOST_CHUNKS = 16_384
LARGEST_CHUNK = 2**30
"""Designs of a chunk that stores none of them: many, where there are many, so that the chunks stay few."""

_ENOUGH_CHUNKS = 128
_LARGER = 4
"""With enough chunks to share out, those that store nothing hold so many times more designs: a chunk's front costs."""


class Chunks(Protocol):
    """A search as pieces; picklable."""

    @property
    def problem(self) -> Problem:
        """The search problem."""
        ...

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    @property
    def designs(self) -> int:
        """Designs of all of them together."""
        ...

    def work_off(self, number: int, *, rows: bool) -> tuple[Tally, Table | None]:
        """Evaluate a chunk: its counts and front, and every design's columns where `rows` are asked for."""
        ...

    def ends(self, number: int) -> tuple[int, int]:
        """Return the first and the last point of a chunk; no other chunk has points between them."""
        ...


class PartSink(Protocol):
    """Takes the table of one chunk and stores it, in whichever process made it; picklable."""

    def __call__(self, number: int, table: Table) -> dict[str, str]:
        """Store part `number` and return its digest under its file's name."""
        ...


@dataclass(frozen=True)
class GridChunks:
    """The chunks of a whole grid, of about so many `points` each."""

    problem: Problem
    points: int

    @classmethod
    def of(cls, problem: Problem, *, rows: bool) -> GridChunks:
        """Return the chunks of a problem's grid; those that store no designs are larger."""
        if rows:
            return cls(problem, CHUNK_POINTS)
        size = problem.space.size
        larger = min(size // _ENOUGH_CHUNKS, _LARGER * CHUNK_POINTS)
        return cls(problem, min(max(-(-size // MOST_CHUNKS), CHUNK_POINTS, larger), LARGEST_CHUNK))

    @property
    def count(self) -> int:
        """How many there are."""
        return self.problem.space.chunk_count(self.points)

    @property
    def designs(self) -> int:
        """Designs of all of them together."""
        return self.problem.space.size

    def work_off(self, number: int, *, rows: bool) -> tuple[Tally, Table | None]:
        """Evaluate a chunk."""
        return sweep_chunk(self.problem, self.problem.space.chunk(number, self.points), rows=rows)

    def ends(self, number: int) -> tuple[int, int]:
        """Return the first and the last point of a chunk."""
        first, last = self.problem.space.chunk(number, self.points)
        start = next(self.problem.space.blocks(first, first + 1)).start
        end = next(self.problem.space.blocks(last - 1, last))
        return start, end.start + end.size - 1


@dataclass(frozen=True)
class SampleChunks:
    """The chunks of a sample: its points, each once, ascending. Every process draws them for itself, all the same."""

    problem: Problem
    sampler: str
    n: int
    seed: int
    step: int
    _drawn: list[Ints] = field(default_factory=list, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, problem: Problem, sampler: str, n: int, seed: int) -> SampleChunks:
        """Return the chunks of a sample; parameters as for :func:`sweeps.sample.sampled`."""
        return cls(problem, sampler, n, seed, CHUNK_POINTS)

    def __getstate__(self) -> dict[str, object]:
        """Leave the points behind."""
        return {**self.__dict__, "_drawn": []}

    @property
    def points(self) -> Ints:
        """The points of the sample, ascending."""
        if not self._drawn:
            self._drawn.append(np.unique(sampled(Genes.of(self.problem), self.sampler, self.n, self.seed)))
        return self._drawn[0]

    @property
    def count(self) -> int:
        """How many there are."""
        return -(-len(self.points) // self.step)

    @property
    def designs(self) -> int:
        """Designs of all of them together."""
        return len(self.points)

    def work_off(self, number: int, *, rows: bool) -> tuple[Tally, Table | None]:
        """Evaluate a chunk."""
        points = self._of(number)
        tally = tallied(self.problem, points)
        return tally, self.problem.table(points) if rows else None

    def ends(self, number: int) -> tuple[int, int]:
        """Return the first and the last point of a chunk."""
        points = self._of(number)
        return int(points[0]), int(points[-1])

    def _of(self, number: int) -> Ints:
        return self.points[number * self.step : (number + 1) * self.step]


def tallied(problem: Problem, points: Ints) -> Tally:
    """Return the counts and the front of points given by index (n,)."""
    tally = Tally(FrontArchive(len(problem.objectives)))
    for start in range(0, len(points), BLOCK_POINTS):
        block = points[start : start + BLOCK_POINTS]
        found = evaluated(problem, block)
        tally.designs += len(block)
        tally.feasible += int(found.feasible.sum())
        tally.failed += int(found.failed.sum())
        tally.front.add(block[found.feasible], found.objectives[found.feasible])
    return tally


@dataclass(frozen=True)
class Done:
    """A chunk that was worked off, and the seconds it took."""

    number: int
    tally: Tally
    seconds: float


@dataclass(frozen=True)
class Work:
    """What a worker does with the number of a chunk; picklable."""

    chunks: Chunks
    sink: PartSink | None

    def __call__(self, number: int) -> Done:
        """Evaluate a chunk and store its designs."""
        keep_freed_memory()
        began = time.perf_counter()
        tally, table = self.chunks.work_off(number, rows=self.sink is not None)
        if self.sink is not None and table is not None:
            tally.parts |= self.sink(number, table)
        tally.front.settle()
        return Done(number, tally, time.perf_counter() - began)


def stored(problem: Problem, points: Ints, sink: PartSink) -> dict[str, str]:
    """Store every column of points given by index (n,), in that order; return the digests of the parts."""
    parts: dict[str, str] = {}
    for number, start in enumerate(range(0, len(points), CHUNK_POINTS)):
        parts |= sink(number, problem.table(points[start : start + CHUNK_POINTS]))
    return parts
