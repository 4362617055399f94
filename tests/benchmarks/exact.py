"""How fast the exact search is, on this machine: ``python tests/benchmarks/exact.py`` prints a table (some minutes).

The study is the shipped ``edge-exact`` with other numbers of levels on each of its five axes. Each row is a process of
its own whose numerical libraries run single-threaded; seconds are those of the processor, user and system, so that
other jobs disturb them little, and the peak of its memory includes Python, NumPy and pyarrow. The search alone counts:
no audit, pictures or files; the last columns are the audit, and the check of the certificate.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import json
import platform
import resource
import statistics
import subprocess
import sys
import time

import dse
from dse.plan import problem_of
from sweeps.audit import audit
from sweeps.certificate import ROWS, leaves_of
from sweeps.certify import certify
from sweeps.exact import Options, Search, run_search

ROWS_OF_TABLE = [
    # levels, epsilon, wanted seconds, runs
    (16, 0.0, None, 3),
    (64, 0.0, 5.0, 3),
    (128, 0.0, None, 3),
    (256, 0.01, 6.0, 3),
    (256, 0.0, 60.0, 3),
    (1000, 0.01, 20.0, 3),
]


def one(levels: int, epsilon: float) -> dict[str, float]:
    """Search once and check what came out."""
    text = dse.shipped_studies()["edge-exact"].read_text(encoding="utf8")
    problem = problem_of(dse.load(text.replace("points: 64", f"points: {levels}")))
    times = [time.process_time()]
    if audit(problem).violations:
        raise SystemExit("the audit failed")
    times.append(time.process_time())
    search = Search(problem, Options(epsilon=epsilon))
    search.seed()
    run_search(search)
    times.append(time.process_time())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    leaves = leaves_of(search)
    parts = (leaves.part(slice(at, at + ROWS)) for at in range(0, len(leaves.kind), ROWS))
    if certify(problem, epsilon, search.archive.points, parts).failures:
        raise SystemExit("the certificate does not hold")
    times.append(time.process_time())
    return {
        "designs": problem.space.size,
        "audit": times[1] - times[0],
        "search": times[2] - times[1],
        "check": times[3] - times[2],
        "evaluated": search.counts.evaluated,
        "boxes": search.counts.boxes,
        "front": len(search.archive.points),
        "peak_mib": peak / 1024,
    }


def main() -> None:
    """Print the table."""
    if len(sys.argv) == 3:
        print(json.dumps(one(int(sys.argv[1]), float(sys.argv[2]))))
        return
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f}"
    )
    print(
        "| levels | designs | epsilon | search [s] | wanted | evaluated | boxes | front | MiB | audit [s] | check [s] |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for levels, epsilon, wanted, runs in ROWS_OF_TABLE:
        told = []
        for _ in range(runs):
            command = [sys.executable, __file__, str(levels), str(epsilon)]
            told.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        median = {name: statistics.median(t[name] for t in told) for name in told[0]}
        limit = "" if wanted is None else f"{wanted:g}"
        print(
            f"| {levels} | {median['designs']:.3g} | {100 * epsilon:g} % | {median['search']:.2f} | {limit} "
            f"| {median['evaluated']:,.0f} | {median['boxes']:,.0f} | {median['front']:,.0f} "
            f"| {median['peak_mib']:.0f} | {median['audit']:.2f} | {median['check']:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
