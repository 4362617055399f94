"""The pictures of a run: what to draw comes from its Parquet files, how from `results.figures`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from dse.baselines import REMARK, marks
from dse.efficiency_text import short_efficiency
from dse.errors import StudyError, shown
from dse.picture_kinds import Asked, figure
from dse.units import level_text
from results import figures
from results.columns import COLUMNS
from results.front import knee
from results.labels import counted
from sweeps.space import DESIGN_COLUMNS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from dse.runs import Run

CLOUD_ROWS = 20_000
CLOUD_SEED = 1
RATES = ("user_tokens_per_s", "chip_tokens_per_s")


def minimized(run: Run, frame: pd.DataFrame) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return the objectives (n, m) with those to maximize negated."""
    signs = {column: -1.0 if direction == "max" else 1.0 for column, direction in run.objectives.items()}
    return np.column_stack([sign * frame[column].to_numpy(dtype=np.float64) for column, sign in signs.items()])


def cloud(run: Run, columns: Iterable[str] | None = None) -> pd.DataFrame:
    """Return a seeded sample of the stored feasible designs: their objectives, or the columns given."""
    import pandas as pd

    generator = np.random.default_rng(CLOUD_SEED)
    wanted = [*dict.fromkeys([*(run.objectives if columns is None else columns), "feasible"])]
    parts = run.paths.parts()
    sampled = []
    for part in parts:
        frame = run.read(part, wanted)
        frame = frame[frame["feasible"]]
        share = max(1, CLOUD_ROWS // len(parts))
        if len(frame) > share:
            frame = frame.iloc[np.sort(generator.choice(len(frame), share, replace=False))]
        sampled.append(frame)
    return pd.concat(sampled, ignore_index=True) if sampled else pd.DataFrame(columns=wanted)


def front(run: Run, asked: Asked) -> Figure:
    """Every pair of objectives."""
    found = _found(run)
    counts = _counts(run, found)
    beside = marks(run, found)
    return figures.scatter_matrix(
        found,
        cloud(run),
        run.objectives,
        knee=knee(minimized(run, found)),
        title=run.study.name,
        counts=f"{counts}; {REMARK}" if beside else counts,
        colour=colour_of(found),
        marks=beside,
        theme=asked.theme,
    )


def parallel(run: Run, asked: Asked) -> Figure:
    """The front as lines over design variables, axes of the scenario and objectives."""
    found = _found(run)
    axes = [*(axis.path for axis in run.study.scenario_axes), *DESIGN_COLUMNS]
    moving = [name for name in axes if found[name].nunique() > 1]
    for name in (name for name in moving if found[name].dtype == "category"):
        words = found[name].cat.remove_unused_categories()
        texts = [level_text(word) for word in words.cat.categories]
        found[name] = words.cat.rename_categories(texts) if len(set(texts)) == len(texts) else words
    best = [knee(minimized(run, found))]
    return figures.parallel_coordinates(
        found, moving, run.objectives, highlight=best, title=run.study.name, theme=asked.theme
    )


def _found(run: Run) -> pd.DataFrame:
    found = run.front()
    if found.empty:
        raise StudyError("the front is empty: nothing to draw")
    return found


def draw(run: Run) -> list[Path]:
    """Draw the pictures that every run has into its ``figures`` directory and return their files."""
    if run.front().empty:
        return []
    return [file for name in default_kinds(run) for file in figures.save(figure(run, name), run.paths.figures / name)]


def default_kinds(run: Run) -> list[str]:
    """Return the names of the pictures that are drawn unasked."""
    return ["front", "parallel", *(["rates"] if rates_figure(run, run.front()) is not None else [])]


def rates(run: Run, asked: Asked) -> Figure:
    """Tokens/s of a chip against those of each user."""
    found = rates_figure(run, _found(run), asked.theme)
    if found is None:
        raise StudyError(f"{run.path} has no picture of rates: its batch is neither an axis nor max")
    return found


def _counts(run: Run, front: pd.DataFrame) -> str:
    feasible = run.manifest["feasible"]
    told = "" if feasible is None else f"{feasible:,} feasible, "
    counts = f"{counted(run.manifest['designs'], 'design')}, {told}{len(front):,} on the front"
    return f"{counts}; efficiency: {short_efficiency(run.study)}"


def rates_figure(run: Run, front: pd.DataFrame, theme: Literal["light", "dark"] = "light") -> Figure | None:
    """Return the picture of the rates of chips and users, where the batch is an axis or chosen by each design."""
    axis = next((a.path for a in run.study.scenario_axes if a.path.endswith(".batch") and len(a.numbers) > 1), None)
    batch = axis or ("batch" if "batch" in front.columns else None)
    ways = dict.fromkeys(RATES, "max")
    if batch is None or not set(RATES) <= set(front.columns):
        return None
    beside = marks(run, front, ways)
    counts = _counts(run, front)
    joined = "lines join what each published accelerator gives in the same scenarios"
    return figures.rates(
        front,
        cloud(run, RATES),
        title=run.study.name,
        counts=f"{counts}; {joined}" if beside else counts,
        batch=batch,
        marks=beside,
        theme=theme,
    )


def draw_rates(run: Run, file: str, theme: Literal["light", "dark"]) -> Path:
    """Draw that picture alone into a .png or .svg file and return it.

    Raises
    ------
    StudyError
        If the file ends otherwise, or the run has no such picture.
    """
    path = Path(file)
    if path.suffix.lower() not in (".png", ".svg"):
        raise StudyError(f"--rates: expected a file that ends in .png or .svg, got {shown(file)}")
    front = run.front()
    figure = rates_figure(run, front, theme) if len(front) else None
    if figure is None:
        why = "its front is empty" if not len(front) else "its batch is neither an axis nor max"
        raise StudyError(f"--rates: {run.path} has no such picture: {why}")
    return figures.save(figure, path.with_suffix(""), kinds=[path.suffix.lower()[1:]])[0]


def colour_of(found: pd.DataFrame) -> str | None:
    """Colour a front by the design variable with the most levels on it."""
    levels = {name: found[name].nunique() for name in DESIGN_COLUMNS if name in COLUMNS}
    name = max(levels, key=lambda key: levels[key])
    return name if levels[name] > 1 else None
