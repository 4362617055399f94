"""The tables of ``scaling.py``; see there."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import pickle
import platform
import resource
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from typing import Any

import numpy as np
from speed import LARGE

import dse
import sweeps.engines.dask as of_dask
from dse.plan import problem_of
from sweeps.chunks import MOST_CHUNKS, GridChunks, Work
from sweeps.engines import Engine, Serial, never
from sweeps.engines.clusters import local_engine
from sweeps.engines.dask import Dask
from sweeps.engines.processes import Processes
from sweeps.grid import Tally
from sweeps.problem import Problem
from sweeps.run import run_chunks

DESIGNS = 10**12
SIMULATED_TASKS = 4096
WORKERS = 1000
RUNS = 3


def nothing(number: int) -> int:
    """Do nothing with a piece."""
    return number


def processors_s() -> float:
    """User and system time of this process and of its children that have ended [s]."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def swept(engine: Engine) -> tuple[float, float, float]:
    """The large grid on an engine: wall time, seconds in its chunks, seconds of processors.

    A Dask cluster is there before; processes start within the time, as they do in a run.
    """
    chunks = GridChunks.of(problem_of(dse.load(LARGE)), rows=False)
    began = processors_s()
    with engine:
        list(engine.outcomes(nothing, range(8), never))
        inside: list[float] = []
        start = time.perf_counter()
        worked = run_chunks(chunks, engine, record=lambda done, _: inside.append(done.seconds))
        wall = time.perf_counter() - start
    assert worked.tally.designs == 10**8
    return wall, sum(inside), processors_s() - began


def apart(processes: int) -> float:
    """Wall time of the large grid in processes that each take a share of the chunks and never hear of one another [s].

    Two cores of a machine are rarely twice one: they share a cache, or are two threads of one core. No engine can be
    better than this.
    """
    context = multiprocessing.get_context("spawn")
    line = context.Barrier(processes + 1)
    runners = [context.Process(target=_share, args=(number, processes, line)) for number in range(processes)]
    for runner in runners:
        runner.start()
    line.wait()
    start = time.perf_counter()
    line.wait()
    wall = time.perf_counter() - start
    for runner in runners:
        runner.join()
    return wall


def _share(number: int, processes: int, line: Barrier) -> None:
    chunks = GridChunks.of(problem_of(dse.load(LARGE)), rows=False)
    work = Work(chunks, None)
    work(0)
    line.wait()
    for chunk in range(number, chunks.count, processes):
        work(chunk)
    line.wait()


def task_s(engine: Engine, pieces: int) -> tuple[float, float]:
    """A task that does nothing: wall time and seconds of this process for each."""
    with engine:
        list(engine.outcomes(nothing, range(8), never))
        start, began = time.perf_counter(), time.process_time()
        assert len(list(engine.outcomes(nothing, range(pieces), never))) == pieces
        return (time.perf_counter() - start) / pieces, (time.process_time() - began) / pieces


def simulated(workers: int) -> Dask:
    """The engine of a cluster whose workers are all in this process."""

    @contextmanager
    def connect() -> Iterator[Any]:
        import dask
        import distributed.scheduler
        from distributed import Client, LocalCluster

        distributed.scheduler.heartbeat_interval = lambda workers: 60.0
        with (
            dask.config.set(_QUIET),
            LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=False,
                dashboard_address=None,
                worker_dashboard_address=None,
                memory_limit=None,
                silence_logs="CRITICAL",
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            client.wait_for_workers(workers)
            yield client

    return Dask(connect, workers, "the simulated cluster", 600.0)


_QUIET = {
    "distributed.admin.system-monitor.interval": "600s",
    "distributed.admin.tick.interval": "10s",
    "distributed.admin.tick.cycle": "20s",
    "distributed.comm.timeouts.connect": "300s",
    "distributed.scheduler.idle-timeout": None,
    "distributed.scheduler.worker-ttl": None,
    "distributed.worker.profile.enabled": False,
}


@dataclass(frozen=True)
class Sleeping:
    """The chunks of 10^12 designs, each of which takes its time in sleep and returns the front of a real one."""

    problem: Problem
    fronts: tuple[Tally, ...]
    designs_of_each: int
    seconds: float
    count: int = MOST_CHUNKS

    @property
    def designs(self) -> int:
        """Designs of all of them together."""
        return self.count * self.designs_of_each

    def work_off(self, number: int, *, rows: bool) -> tuple[Tally, None]:
        """Sleep; the further round, the slightly worse is every point, so that the front stays one of its size."""
        time.sleep(self.seconds)
        turn, which = divmod(number, len(self.fronts))
        front = copy(self.fronts[which].front)
        front._index = front._index + turn * 10**8
        front._points = front._points + 1e-9 * turn * np.abs(front._points)
        return Tally(front, self.designs_of_each, self.designs_of_each), None

    def ends(self, number: int) -> tuple[int, int]:
        """Return the first and the last point of a chunk."""
        return number * self.designs_of_each, (number + 1) * self.designs_of_each - 1


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=WORKERS, help="of the simulated cluster")
    workers = parser.parse_args().workers
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, 10^8 designs, keep: front\n")
    print(f"{'engine':24}  {'wall':>7}  {'in chunks':>9}  {'processors':>10}  {'against one process':>24}")
    runs: dict[str, list[tuple[float, float, float]]] = {}
    most: list[float] = []
    for _ in range(RUNS):  # in turn, for a machine is not equally fast at all times
        most.append(apart(1) / apart(2))
        for name, engine in (
            ("this process", Serial()),
            ("2 processes", Processes(2)),
            ("Dask, 2", local_engine(2, None)),
        ):
            runs.setdefault(name, []).append(swept(engine))
    alone = [wall for wall, _, _ in runs["this process"]]
    for name, figures in runs.items():
        wall, inside, used = (statistics.median(column) for column in zip(*figures, strict=True))
        ratios = [first / figure[0] for first, figure in zip(alone, figures, strict=True)]
        spread = f"{statistics.median(ratios):.2f} x ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"{name:24}  {wall:5.1f} s  {inside:7.1f} s  {used:8.1f} s  {spread:>24}", flush=True)
    spread = f"{statistics.median(most):.2f} x ({min(most):.2f} to {max(most):.2f})"
    print(f"{'two that share nothing':24}  {spread:>56}")
    rate = 10**8 / statistics.median(inside for _, inside, _ in runs["this process"])
    print("\na task that does nothing")
    for name, engine, pieces in (
        ("2 processes", Processes(2), 2000),
        ("Dask, 2 processes", local_engine(2, None), 2000),
        (f"Dask, {workers:,} simulated", simulated(workers), SIMULATED_TASKS),
    ):
        kept, of_dask._TASK_S, of_dask._TASK_S_PER_WORKER = (of_dask._TASK_S, of_dask._TASK_S_PER_WORKER), 0.0, 0.0
        wall, here = task_s(engine, pieces)
        of_dask._TASK_S, of_dask._TASK_S_PER_WORKER = kept
        print(f"{name:24}  {1e3 * wall:6.2f} ms wall, {1e3 * here:6.2f} ms of this process", flush=True)
    project(rate, workers)


def project(rate: float, workers: int) -> None:
    """Print what 10^12 designs come to on paper, from designs per second of a core, and on the simulated cluster."""
    designs = DESIGNS // MOST_CHUNKS
    chunk_s = designs / rate
    paper = -(-MOST_CHUNKS // workers) * chunk_s
    print(
        f"\n10^12 designs on {workers:,} workers, each as fast as this core ({rate / 1e6:.1f} M designs/s)"
        f"\n  on paper   {MOST_CHUNKS:,} chunks of {designs / 1e6:.0f} M designs, {chunk_s:.1f} s each: {paper:.0f} s",
        flush=True,
    )
    grid = GridChunks.of(problem_of(dse.load(LARGE)), rows=False)
    fronts = tuple(Work(grid, None)(number).tally for number in range(grid.count))
    chunks = Sleeping(grid.problem, fronts, designs, chunk_s)
    with simulated(workers) as engine:
        of_dask._lock = nullcontext()  # type: ignore[assignment]  # it is one for a process, and these share theirs
        list(engine.outcomes(nothing, range(8), never))
        begun = time.perf_counter(), time.process_time(), time.thread_time()
        worked = run_chunks(chunks, engine)
        wall, here, client = (
            now - then
            for now, then in zip((time.perf_counter(), time.process_time(), time.thread_time()), begun, strict=True)
        )
    assert worked.tally.designs == chunks.designs
    size = sum(len(pickle.dumps(tally)) for tally in fronts) / len(fronts)
    print(
        f"  simulated  {wall:.0f} s; busy: the client {client:.0f} s; scheduler, messages and {workers:,} workers "
        f"(less their sleep) {here - client:.0f} s, all in one process\n"
        f"  a chunk's result has {size / 1e3:.0f} kB, all of them {size * MOST_CHUNKS / 1e6:.0f} MB; the front has "
        f"{worked.tally.front.size:,} designs"
    )
