"""The picture of a comparison: what to draw; how is the business of `results.figures`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dse.errors import OutputError, StudyError
from results import figures
from results.figures.quality import MOST_SERIES, Series, fronts_and_quality

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dse.comparing import Comparison

NAME = "compare"


def picture(comparison: Comparison, *, dark: bool = False) -> Figure:
    """Return the fronts over each other, their quality, and how it grew."""
    series = []
    for one in comparison.runs:
        name = Path(one.name).name
        method, designs = one.run.manifest["method"], one.evaluations
        series.append(
            Series(
                label=f"{name}, {designs:,} evaluated"
                if name == method
                else f"{name}: {method}, {designs:,} evaluated",
                front=one.run.front(),
                hypervolume=one.quality.hypervolume,
                found=one.quality.found,
                curve=comparison.curve(one),
            )
        )
    first = comparison.runs[0].run
    below = f"reference: {comparison.reference_name}, {len(comparison.reference):,} designs"
    return fronts_and_quality(
        series, first.objectives, title=f"{first.study.name}: runs compared", below=below, dark=dark
    )


def draw(comparison: Comparison, directory: str | Path) -> list[Path]:
    """Draw the picture into a directory, light and dark, and return its files.

    Raises
    ------
    OutputError
        If it cannot be written there.
    StudyError
        If there are more runs than people can tell apart.
    """
    if len(comparison.runs) > MOST_SERIES:
        raise StudyError(f"--plot: expected at most {MOST_SERIES} runs to tell apart, got {len(comparison.runs)}")
    folder = Path(directory)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        light = figures.save(picture(comparison), folder / NAME)
        return light + figures.save(picture(comparison, dark=True), folder / f"{NAME}-dark")
    except OSError as error:
        raise OutputError(f"{folder}: cannot write there: {error.strerror or error}") from None
