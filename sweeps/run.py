"""Work the chunks of a search off on an engine: whatever the engine and the order, the same result."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from results.front import FrontArchive
from sweeps.allocator import keep_freed_memory
from sweeps.chunks import Chunks, Done, GridChunks, PartSink, SampleChunks, Work
from sweeps.engines import Engine, Outcome, Serial, WorkerDiedError, never
from sweeps.grid import Tally
from sweeps.problem import Problem

TRIES = 2
"""Times a chunk is tried before it is given up."""

_LEAST_PROGRESS_S = 0.1
_PROGRESS_SHARE = 20

Progress = Callable[[int, int], None]
"""Called with (designs done so far, size of the front so far)."""

Record = Callable[[Done, NDArray[np.int64]], None]
"""Called with a chunk that is done and those of its points that may be of the front."""


@dataclass
class Worked:
    """What came of the chunks.

    Attributes
    ----------
    tally : Tally
        Of all chunks done.
    failed : dict
        Number of each chunk that was given up, and the error it ended with.
    chunks : int
        Done by this call.
    stopped : bool
        Whether it ended early because it was told to.
    """

    tally: Tally
    chunks: int = 0
    failed: dict[int, Exception] = field(default_factory=dict)
    stopped: bool = False


def run_chunks(
    chunks: Chunks,
    engine: Engine,
    *,
    sink: PartSink | None = None,
    numbers: Collection[int] | None = None,
    tally: Tally | None = None,
    fatal: tuple[type[Exception], ...] = (),
    record: Record | None = None,
    stop: Callable[[], bool] | None = None,
    progress: Progress | None = None,
) -> Worked:
    """Evaluate the chunks of a search.

    Parameters
    ----------
    chunks : Chunks
    engine : Engine
    sink : PartSink, optional
        Stores every design, one part a chunk; without it only the front is kept.
    numbers : collection of int, optional
        The chunks to work off; default all.
    tally : Tally, optional
        Of the chunks that were done before; it is added to.
    fatal : tuple of exception types
        Errors that end the run, because the next chunk would meet them too. Any other is tried again, up to
        :data:`TRIES` times in all, and then the chunk is given up; so is one that has killed two workers.
    record : callable, optional
        Told of every chunk done, in this process.
    stop : callable, optional
        Once it says so, no other chunk is begun.
    progress : callable, optional

    Returns
    -------
    Worked
        The tally of all chunks depends on the problem alone.
    """
    keep_freed_memory()
    worked = Worked(tally or Tally(FrontArchive(len(chunks.problem.objectives))))
    told = _Told(progress)
    asked = stop or never
    todo = list(range(chunks.count) if numbers is None else numbers)
    work = Work(chunks, sink)
    for _ in range(TRIES):
        for number in todo:
            worked.failed.pop(number, None)
        for outcome in engine.outcomes(work, todo, asked):
            _take(worked, outcome, fatal, record)
            told(worked.tally)
        todo = [number for number, error in worked.failed.items() if not isinstance(error, WorkerDiedError)]
        worked.stopped = asked()
        if not todo or worked.stopped:
            break
    told(worked.tally, last=True)
    return worked


def _take(
    worked: Worked, outcome: Outcome[int, Done], fatal: tuple[type[Exception], ...], record: Record | None
) -> None:
    done = outcome.result
    if done is None:
        assert outcome.error is not None
        if isinstance(outcome.error, fatal):
            raise outcome.error
        worked.failed[outcome.piece] = outcome.error
        return
    joining = worked.tally.merge(done.tally)
    worked.chunks += 1
    if record is not None:
        record(done, np.sort(joining))


class _Told:
    """Tells of progress, but not so often that finding out the size of the front takes long."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._next = 0.0

    def __call__(self, tally: Tally, *, last: bool = False) -> None:
        began = time.monotonic()
        if self._progress is None or (began < self._next and not last):
            return
        self._progress(tally.designs, tally.front.size)
        ended = time.monotonic()
        self._next = ended + max(_LEAST_PROGRESS_S, _PROGRESS_SHARE * (ended - began))


def run_grid(problem: Problem, *, progress: Progress | None = None) -> Tally:
    """Evaluate every point of a problem's space in this process and keep the front; raise what a chunk raises."""
    return run_chunks(GridChunks.of(problem, rows=False), Serial(), fatal=(Exception,), progress=progress).tally


def run_sample(problem: Problem, sampler: str, n: int, seed: int) -> tuple[Tally, NDArray[np.int64]]:
    """Evaluate a sample in this process and return its counts and front, and its points, each once, ascending."""
    chunks = SampleChunks.of(problem, sampler, n, seed)
    return run_chunks(chunks, Serial(), fatal=(Exception,)).tally, chunks.points
