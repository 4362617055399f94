"""Run a grid: in this process or in several, the same result either way."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from typing import Protocol

from results.front import FrontArchive
from sweeps.allocator import keep_freed_memory
from sweeps.grid import Tally, sweep_chunk
from sweeps.problem import Problem, Table

_WAITING_PER_WORKER = 3


class PartSink(Protocol):
    """Takes the table of one chunk and stores it, in whichever process made it; picklable."""

    def __call__(self, number: int, table: Table) -> dict[str, str]:
        """Store part `number` and return its digest under its file's name."""
        ...


Progress = Callable[[int, int], None]
"""Called with (designs done so far, size of the front so far)."""


def run_grid(
    problem: Problem, *, sink: PartSink | None = None, workers: int = 1, progress: Progress | None = None
) -> Tally:
    """Evaluate every point of a problem's space.

    Parameters
    ----------
    problem : Problem
    sink : PartSink, optional
        Stores every design, one part a chunk; without it only the front is kept.
    workers : int
        Processes; 1 is this one.
    progress : callable, optional

    Returns
    -------
    Tally
        Counts, front and the digests of the parts. It depends on the problem alone.

    Raises
    ------
    ValueError
        If `workers` is less than 1.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    keep_freed_memory()
    total = Tally(FrontArchive(len(problem.objectives)))
    chunks = list(enumerate(problem.space.chunks()))
    done = (
        (_run_chunk(problem, chunk, number, sink) for number, chunk in chunks)
        if workers == 1
        else _in_processes(problem, chunks, sink, workers)
    )
    for tally in done:
        total.merge(tally)
        if progress is not None:
            progress(total.designs, total.front.size)
    return total


def _run_chunk(problem: Problem, chunk: tuple[int, int], number: int, sink: PartSink | None) -> Tally:
    tally, table = sweep_chunk(problem, chunk, rows=sink is not None)
    if sink is not None and table is not None:
        tally.parts |= sink(number, table)
    return tally


_worker_problem: tuple[Problem, PartSink | None] | None = None


def _start_worker(problem: Problem, sink: PartSink | None) -> None:
    global _worker_problem
    keep_freed_memory()
    _worker_problem = problem, sink


def _work(number: int, chunk: tuple[int, int]) -> Tally:
    assert _worker_problem is not None  # set by _start_worker in every worker
    problem, sink = _worker_problem
    return _run_chunk(problem, chunk, number, sink)


def _in_processes(
    problem: Problem, chunks: list[tuple[int, tuple[int, int]]], sink: PartSink | None, workers: int
) -> Iterator[Tally]:
    """Yield the tallies as they come; a bounded number of chunks is under way at any time."""
    todo = iter(chunks)
    with ProcessPoolExecutor(
        min(workers, len(chunks)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(problem, sink),
    ) as pool:
        waiting: set[Future[Tally]] = set()
        try:
            while True:
                while len(waiting) < workers * _WAITING_PER_WORKER and (item := next(todo, None)) is not None:
                    waiting.add(pool.submit(_work, *item))
                if not waiting:
                    return
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
        finally:
            for future in waiting:
                future.cancel()
