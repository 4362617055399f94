"""How fast the engine is, on this machine: ``python tests/benchmarks/speed.py`` prints a table (about a minute).

Each figure is the median of its runs. "One core" is one process whose numerical libraries run single-threaded.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import dse
from dse.plan import problem_of
from results.front import FrontArchive
from results.store import RunPaths, write_table
from sweeps.allocator import keep_freed_memory
from sweeps.evaluate import evaluate
from sweeps.grid import sweep_chunk
from sweeps.problem import Problem
from sweeps.run import run_grid

PEER_DESIGNS_PER_S = 0.028e6
"""Designs per second of the fastest peer that evaluates hardware with costs."""

LARGE = """
name: large
workloads: [{model: llama-3-8b, prompt_tokens: 1024, output_tokens: 256, precision: {weights: int4}}]
design:
  dram_bandwidth: {log: [17 GB/s, 1 TB/s], points: 100}
  compute: {log: [1 TFLOP/s, 200 TFLOP/s], points: 100}
  sram: {log: [2 MiB, 256 MiB], points: 50}
  dram: {linear: [4 GB, 32 GB], points: 20}
  flash: {linear: [0 GB, 256 GB], points: 10}
technology: {dram_kind: lpddr5x, flash_kind: ufs, sram_style: scratchpad}
deployment: {segment: edge, lifetime: 4 years, demand: 200000 token/day}
constraints: ["ttft <= 2 s", "peak_power <= 30 W", "die_area <= 400 mm**2"]
output: {keep: front}
"""


def median_s(work: Callable[[], object], runs: int = 5) -> float:
    """Median wall time of a few runs, after one to warm up [s]."""
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def evaluated_per_s(problem: Problem) -> float:
    """Designs of a study with every metric and margin computed, per second."""

    def work() -> None:
        for block in problem.space.blocks():
            with np.errstate(all="ignore"):
                evaluate(block.columns, problem.scenario(block.scenario))

    return problem.space.size / median_s(work)


def swept_per_s(problem: Problem) -> float:
    """The same with constraints, reasons to the counts and the streaming front, per second."""
    return problem.space.size / median_s(lambda: run_grid(problem))


def filtered_per_s(points: int = 4_000_000, block: int = 32768) -> float:
    """Points of four uniform objectives through the streaming front, per second."""
    values = np.random.default_rng(1).random((4, points))
    index = np.arange(points)

    def work() -> None:
        archive = FrontArchive(4)
        for start in range(0, points, block):
            part = slice(start, start + block)
            archive.add(index[part], [column[part] for column in values])
        archive.finish()

    return points / median_s(work, 3)


def written_per_s(problem: Problem) -> tuple[float, float]:
    """Rows of every column written to Parquet per second, and their size [byte/row]."""
    chunk = problem.space.chunks()[0]
    _, table = sweep_chunk(problem, chunk, rows=True)
    assert table is not None
    rows = len(next(iter(table.values())))  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        paths = RunPaths(Path(folder))
        columns = problem.columns()

        def work() -> int:
            return write_table(paths.part(0), table, columns=columns, metadata={}, staging=paths.staging).bytes

        size = work()
        return rows / median_s(work, 3), size / rows


def large_sweep() -> tuple[float, float]:
    """10^8 designs with ``keep: front`` in a process of its own: seconds, and peak memory [MiB]."""
    code = "\n".join(
        [
            "import resource, sys, time",
            "import dse",
            "start = time.perf_counter()",
            "run = dse.sweep(sys.argv[1], out=sys.argv[2])",
            "assert run.manifest['designs'] == 10**8",
            "print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)",
        ]
    )
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", code, LARGE, f"{folder}/run"], capture_output=True, text=True, check=True
        )
    seconds, mebibytes = map(float, done.stdout.split())
    return seconds, mebibytes


def startup_s() -> float:
    """`dse --help` from a shell [s]."""
    command = [sys.executable, "-m", "dse", "--help"]
    return median_s(lambda: subprocess.run(command, capture_output=True, check=True), 11)


def main() -> None:
    """Print the table."""
    edge = problem_of(dse.load(dse.shipped_studies()["llama3-8b-edge"]))
    center = problem_of(dse.load(dse.shipped_studies()["llama3-70b-datacenter"]))
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}\n")
    trimmed = evaluated_per_s(edge)
    keep_freed_memory()  # as every sweep does
    rate = evaluated_per_s(edge)
    rows: list[tuple[str, str]] = [
        ("fully costed designs/s, one core, edge study", f"{rate / 1e6:.1f} M"),
        ("  against the fastest peer (0.028 M/s)", f"{rate / PEER_DESIGNS_PER_S:.0f} x"),
        ("  against the allocator as it comes", f"{rate / trimmed:.1f} x"),
        ("  the same, datacenter study (a mix of two)", f"{evaluated_per_s(center) / 1e6:.1f} M"),
        ("with constraints, counts and front, edge study", f"{swept_per_s(edge) / 1e6:.1f} M"),
        ("front filter alone, four uniform objectives", f"{filtered_per_s() / 1e6:.0f} M/s"),
    ]
    written, size = written_per_s(edge)
    rows.append((f"Parquet, {len(edge.columns())} columns, {size:.0f} byte/row", f"{written / 1e6:.2f} M rows/s"))
    seconds, mebibytes = large_sweep()
    rows += [
        ("10^8 designs, keep: front, with pictures", f"{seconds:.1f} s"),
        ("  peak memory", f"{mebibytes:.0f} MiB"),
        ("dse --help", f"{startup_s():.2f} s"),
        ("peak memory of this benchmark", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"),
    ]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name.ljust(width)}  {value:>12}")


if __name__ == "__main__":
    main()
