"""What several processes bring, and what a task costs: ``python tests/benchmarks/scaling.py`` (some minutes).

``--workers`` sets how many workers the simulated cluster has. They share one process with scheduler and client, so what
a task costs there is an upper bound for the scheduler; what a worker looks at now and then for itself (its memory, its
own delays) is switched off there, for a machine has one or some of them, never a thousand. Seconds "of processors" are
those of all processes, user and system; they are what to look at where other jobs are running, for wall time then says
little. This file imports nothing heavy, as the command line does not: processes that are started begin with it.
"""

from __future__ import annotations

import os

if __name__ == "__main__":
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    from scaling_tables import main

    main()
