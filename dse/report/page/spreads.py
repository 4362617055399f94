"""How far the objectives of designs scatter over samples of the constants, as a page draws it: ellipses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dse.uncertainty import sampling
from results.figures.pair import LEAST_SAMPLES, LEVEL
from sweeps.uncertainty import objective_samples

if TYPE_CHECKING:
    from dse.runs import Run


def spreads(run: Run, rows: Sequence[int], points: Sequence[int]) -> dict[str, Any] | None:
    """Return mean and covariance of the objectives of designs; None where the study does not ask for samples.

    Parameters
    ----------
    run : Run
    rows : sequence of int
        Rows of the page.
    points : sequence of int
        The same designs in the run.

    Returns
    -------
    dict
        ``objectives``; ``radius``, with which an ellipse of a normal distribution holds ``level`` of the samples; by
        row ``logs`` (whether an objective is taken in logarithms, as in :func:`results.figures.pair.ellipse`),
        ``mean`` and ``covariance``, of which two rows and columns give the ellipse of a pair.
    """
    if run.study.uncertainty is None:
        return None
    samples, seed = sampling(run)
    drawn = objective_samples(run.problem, np.asarray(points, dtype=np.int64), samples=samples, seed=seed)
    found: dict[str, Any] = {}
    for place, row in enumerate(rows):
        seen = np.stack([values[:, place] for values in drawn.values()])
        seen = seen[:, np.isfinite(seen).all(axis=0)]
        if seen.shape[1] < LEAST_SAMPLES:
            continue
        logs = [bool((values > 0).all()) for values in seen]
        bent = np.stack([np.log(values) if log else values for values, log in zip(seen, logs, strict=True)])
        covariance = np.atleast_2d(np.cov(bent))
        found[str(row)] = {"logs": logs, "mean": bent.mean(axis=1).tolist(), "covariance": covariance.tolist()}
    radius = math.sqrt(-2.0 * math.log(1.0 - LEVEL))
    return {"objectives": list(drawn), "radius": radius, "level": LEVEL, "samples": samples, "rows": found}
