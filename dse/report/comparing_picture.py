"""The picture of a comparison: what to draw; how is the business of `results.figures`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dse.errors import OutputError, StudyError, shown
from results import figures
from results.figures.quality import MOST_SERIES, Series, fronts_and_quality
from results.labels import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dse.comparing import Comparison


def picture(comparison: Comparison, theme: Literal["light", "dark"] = "light") -> Figure:
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
    below = f"reference: {comparison.reference_name}, {counted(len(comparison.reference), 'design')}"
    return fronts_and_quality(
        series, first.objectives, title=f"{first.study.name}: runs compared", below=below, theme=theme
    )


def check_plot(runs: int, plot: str) -> None:
    """Raise StudyError if a picture of so many runs cannot be drawn into such a file."""
    if not plot.lower().endswith((".png", ".svg")):
        raise StudyError(f"--plot: expected a file that ends in .png or .svg, got {shown(plot)}")
    if runs > MOST_SERIES:
        raise StudyError(f"--plot: expected at most {MOST_SERIES} runs to tell apart, got {runs}")


def draw(comparison: Comparison, plot: str, theme: Literal["light", "dark"] = "light") -> str:
    """Draw the picture into a .png or .svg file and return it.

    Raises
    ------
    OutputError
        If it cannot be written there.
    """
    file = Path(plot)
    drawn = picture(comparison, theme)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        (written,) = figures.save(drawn, file.with_suffix(""), kinds=[file.suffix[1:].lower()])
    except OSError as error:
        raise OutputError(f"{file}: cannot write there: {error.strerror or error}") from None
    return str(written)
