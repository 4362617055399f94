"""Pictures of a run's front and of how it was found, one function each: a run in, a figure out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dse.baselines import REMARK, marks
from dse.column_names import column_named
from dse.efficiency_text import short_efficiency
from dse.errors import StudyError
from dse.picture_kinds import Asked
from dse.pictures import cloud, colour_of, minimized
from dse.uncertainty import sampling
from results import figures
from results.figures.look import scale_of, shown_values
from results.figures.pair import Spread
from results.front import knee
from results.labels import counted
from sweeps.uncertainty import objective_samples

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from dse.runs import Run
    from results.figures.look import Direction

MOST_ELLIPSES = 8
"""Beside that of the knee."""


def pair(run: Run, asked: Asked) -> Figure:
    """Two objectives: front, dominated designs, baselines."""
    return _pair(run, asked, spread=False)


def uncertain(run: Run, asked: Asked) -> Figure:
    """Two objectives with an ellipse for the knee and for designs spread over the edge of the front."""
    return _pair(run, asked, spread=True)


def _pair(run: Run, asked: Asked, *, spread: bool) -> Figure:
    if len(run.objectives) < 2:
        raise StudyError(f"a picture of two objectives needs two; the study has {len(run.objectives)}")
    front = run.front()
    if front.empty:
        raise StudyError("the front is empty: nothing to draw")
    try:
        names = [column_named(name, run.objectives, "objective") for name in asked.axes or list(run.objectives)[:2]]
    except ValueError as error:
        raise StudyError(f"--axes: {error}") from None
    if names[0] == names[1]:
        raise StudyError(f"--axes: expected 2 different ones, got {names[0]} twice")
    two = {name: run.objectives[name] for name in names}
    best = knee(minimized(run, front))
    beside = marks(run, front)
    below = [f"{counted(len(front), 'design')} on the front of {counted(len(run.objectives), 'objective')}"]
    spreads = []
    if spread:
        rows = _spread_rows(front, two, best)
        samples, seed = sampling(run)
        drawn = objective_samples(run.problem, front["point"].to_numpy()[rows], samples=samples, seed=seed)
        spreads = [Spread(row, drawn[names[0]][:, i], drawn[names[1]][:, i]) for i, row in enumerate(rows)]
        below.append(f"{len(rows)} of them with {samples:,} samples of all constants, seed {seed}")
    below.append(f"efficiency: {short_efficiency(run.study)}")
    return figures.two_objectives(
        front,
        cloud(run),
        two,
        knee=best,
        title=run.study.name,
        below="; ".join([*below, REMARK] if beside else below),
        colour=colour_of(front),
        marks=beside,
        spreads=spreads,
        theme=asked.theme,
    )


def _spread_rows(front: pd.DataFrame, two: dict[str, Direction], best: int) -> list[int]:
    """The knee, and the design that is best up in each stretch across: along the edge of the front as it is seen."""
    (across, _), (up, way) = two.items()
    seen = shown_values(front, across)
    stretch = np.minimum((scale_of([seen]).position(seen) * MOST_ELLIPSES).astype(np.int64), MOST_ELLIPSES - 1)
    height = front[up].to_numpy(dtype=np.float64) * (-1.0 if way == "max" else 1.0)
    rows = {best}
    for number in np.unique(stretch):
        inside = np.flatnonzero(stretch == number)
        rows.add(int(inside[height[inside].argmin()]))
    return sorted(rows)


def growth(run: Run, asked: Asked) -> Figure:
    """Hypervolume, front and feasible designs over the designs evaluated."""
    if not run.paths.history.is_file():
        method = run.manifest["method"]
        raise StudyError(
            f"a picture of convergence needs generations, which method {method} does not have; "
            "search: {method: nsga2} and its like write them"
        )
    history = run.read(run.paths.history)
    search = run.study.search
    below = (
        f"{search.method}, population {search.population}, seed {search.seed}; {counted(len(history), 'generation')}"
    )
    return figures.convergence(
        history["evaluations"],
        history["hypervolume"],
        history["front"],
        history["feasible"],
        title=run.study.name,
        below=below,
        theme=asked.theme,
    )
