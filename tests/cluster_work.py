"""What the workers of the tests' clusters do, in a module that they can import; and those clusters."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from small_run import PATIENCE_S, changed

from sweeps.chunks import GridChunks
from sweeps.grid import Tally
from sweeps.problem import Table

STEPS = 16
"""Chunks of the stepped study: one for each of its prompt lengths, where CHUNK_POINTS is 1."""

STEPPED = changed(
    ("prompt_tokens: 1024", f"prompt_tokens: {[256 * k for k in range(1, STEPS + 1)]}"),
    ("output: {dir: runs/small}", "output: {keep: all}"),
)


def environment() -> dict[str, str]:
    """Variables with which another process imports what this one does."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


@dataclass(frozen=True)
class Square:
    """Squares numbers; some fail, and some kill the process."""

    fails: frozenset[int] = frozenset()
    kills: frozenset[int] = frozenset()
    seconds: float = 0.0

    def __call__(self, number: int) -> int:
        if number in self.kills:
            os.kill(os.getpid(), signal.SIGKILL)
        if number in self.fails:
            raise ValueError(f"no square of {number}")
        time.sleep(self.seconds)
        return number * number


@dataclass(frozen=True)
class PoisonChunks(GridChunks):
    """The chunks of a grid, one of which kills whoever works it off; with what it killed noted in a directory."""

    poison: int = 5
    notes: str = ""

    def work_off(self, number: int, *, rows: bool) -> tuple[Tally, Table | None]:
        if number == self.poison:
            (Path(self.notes) / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().work_off(number, rows=rows)


@dataclass
class Started:
    """A scheduler and worker processes, by the programs that come with Dask."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: subprocess.Popen[bytes] | None

    def pids(self) -> dict[str, int]:
        """Process of each worker, by its address."""
        from distributed import Client

        with Client(self.address, timeout=PATIENCE_S, set_as_default=False) as client:
            found: dict[str, int] = client.run(os.getpid)
            return found

    def wait_for(self, workers: int) -> None:
        """Wait until so many workers are there."""
        from distributed import Client

        with Client(self.address, timeout=PATIENCE_S, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=PATIENCE_S)


@contextmanager
def started(folder: Path, workers: int, more: Sequence[str] = (), scheme: str = "tcp") -> Iterator[Started]:
    """Start a scheduler and so many worker processes, and end them afterwards; `more` options are for both."""
    folder.mkdir(exist_ok=True)
    file = folder / "scheduler.json"

    def start(program: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{program}", "--scheduler-file", str(file), *options, *more]
        with (folder / f"{program}.log").open("wb") as log:
            return subprocess.Popen(command, env=environment(), cwd=folder, stdout=log, stderr=log)

    processes = [start("dask_scheduler", "--host", f"{scheme}://127.0.0.1", "--port", "0", "--no-dashboard")]
    try:
        if workers:
            limits = ("--nworkers", str(workers), "--nthreads", "1", "--no-dashboard", "--memory-limit", "0")
            processes.append(start("dask_worker", *limits, "--local-directory", str(folder)))
        yield Started(_address(file, processes[0]), processes[0], processes[1] if workers else None)
    finally:
        for process in processes:
            process.kill()  # the worker processes end with the one that started them
            process.wait()


def _address(file: Path, scheduler: subprocess.Popen[bytes]) -> str:
    import json

    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and scheduler.poll() is None:
        try:
            return str(json.loads(file.read_text())["address"])
        except (OSError, ValueError):
            time.sleep(0.05)
    raise RuntimeError(f"no scheduler: {(file.parent / 'dask_scheduler.log').read_text()}")
