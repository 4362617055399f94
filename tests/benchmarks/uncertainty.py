"""How long uncertainty and sensitivity take, on this machine: ``python tests/benchmarks/uncertainty.py``.

Each figure is the median of its runs, in one process whose numerical libraries run single-threaded.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import platform
import resource
import statistics
import time
from collections.abc import Callable

import numpy as np

import dse
from dse.plan import problem_of
from results.front import FrontArchive
from sweeps.middle import middle_point
from sweeps.problem import Problem
from sweeps.run import run_grid
from sweeps.sensitivity import sobol, tornado
from sweeps.uncertainty import uncertainty

DESIGNS, SAMPLES = 1000, 256


def median_s(work: Callable[[], object], runs: int = 5) -> float:
    """Median wall time of a few runs, after one to warm up [s]."""
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def thousand(problem: Problem) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """A thousand designs: those of the front, and of the fronts below it, until there are enough."""
    left = np.arange(problem.space.size, dtype=np.int64)
    chosen, _ = run_grid(problem).front.finish()
    signs = [(o.column, o.sign) for o in problem.objectives]
    while len(chosen) < DESIGNS:
        left = np.setdiff1d(left, chosen)
        table = problem.table(left)
        feasible = np.asarray(table["feasible"])
        archive = FrontArchive(len(signs))
        archive.add(left[feasible], [sign * np.asarray(table[name])[feasible] for name, sign in signs])
        more, _ = archive.finish()
        if not len(more):
            break
        chosen = np.concatenate([chosen, more])
    return chosen[:DESIGNS]


def main() -> None:
    """Print the table."""
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}\n")
    rows: list[tuple[str, str]] = []
    for name, path in dse.shipped_studies().items():
        problem = problem_of(dse.load(path))
        points = thousand(problem)
        if len(points) < DESIGNS:
            continue
        columns = [o.column for o in problem.objectives]
        spent = median_s(lambda of=problem, at=points: uncertainty(of, at, samples=SAMPLES))  # type: ignore[misc]
        rate = len(points) * SAMPLES / spent
        rows.append((f"{name}: {SAMPLES} samples of {len(points):,} designs", f"{spent:.2f} s"))
        rows.append(("  designs in samples per second, with their fronts", f"{rate / 1e6:.1f} M"))
        point, _ = middle_point(problem)
        scenarios, design = problem.space.designs(np.array([point]))
        scenario = int(scenarios[0])
        around = median_s(lambda p=problem, d=design, s=scenario, c=columns: tornado(p, d, s, c))  # type: ignore[misc]
        found = sobol(problem, columns)
        everywhere = median_s(lambda p=problem, c=columns: sobol(p, c), 3)  # type: ignore[misc]
        rows.append(("  tornado at one design", f"{around * 1e3:.0f} ms"))
        rows.append((f"  Sobol' indices, {found.indices.evaluations:,} evaluations", f"{everywhere:.2f} s"))
    rows.append(("peak memory", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name.ljust(width)}  {value:>10}")


if __name__ == "__main__":
    main()
