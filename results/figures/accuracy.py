"""Predicted against measured: one panel per kind of figure, both axes logarithmic, the diagonal is a perfect match."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from results.figures.look import DARK, MUTED, STYLE, headline, number_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito; shapes differ too, so that groups can be told apart in black and white.
GROUP_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
GROUP_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
BAND = "0.87"
WITHIN = 0.25
MOST_COLUMNS = 3
_PANEL_INCHES = 3.7
_CROWD = 300


@dataclass(frozen=True)
class Compared:
    """A mark: the panel and the group it belongs to, and its two numbers, positive."""

    panel: str
    group: str
    measured: float
    predicted: float


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes
    ----------
    name : str
        What its marks call it.
    title, said : str
        Its headline, and a smaller line under it.
    quantity : str
        What is compared, with its unit.
    """

    name: str
    title: str
    said: str
    quantity: str


def accuracy(
    marks: Sequence[Compared], panels: Sequence[Panel], groups: Mapping[str, str], *, title: str, below: str = ""
) -> Figure:
    """Predicted against measured.

    Parameters
    ----------
    marks : sequence of Compared
    panels : sequence of Panel
        In the order in which they are drawn.
    groups : mapping
        What the legend says of each group, in its order.
    title : str
        Headline.
    below : str
        One smaller line under it.

    Returns
    -------
    matplotlib.figure.Figure
        The measured number across, the predicted one up; equal scales, so that a factor has one length everywhere.

    Raises
    ------
    ValueError
        If a number is not positive and finite.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    if not all(math.isfinite(n) and n > 0 for mark in marks for n in (mark.measured, mark.predicted)):
        raise ValueError("the axes are logarithmic: every number is positive and finite")
    columns = min(MOST_COLUMNS, max(1, len(panels)))
    rows = max(1, math.ceil(len(panels) / columns))
    legend_columns = 1 if columns == 1 else 2
    legend_rows = math.ceil(max(1, len(groups)) / legend_columns)
    with mpl.rc_context(STYLE):
        width = max(5.6, _PANEL_INCHES * columns)
        fig = Figure(figsize=(width, 0.72 + (_PANEL_INCHES + 0.35) * rows + 0.22 * legend_rows))
        headline(fig, title, below)
        for i, panel in enumerate(panels):
            _panel(fig.add_subplot(rows, columns, i + 1), panel, marks, list(groups))
        if not panels:
            fig.text(0.5, 0.5, "no row was predicted", ha="center", va="center", color=MUTED)
        _legend(fig, groups, legend_columns)
    return fig


def _panel(ax: Axes, panel: Panel, marks: Sequence[Compared], groups: Sequence[str]) -> None:
    """Marks over the band, the largest group first, so that small groups lie on top."""
    mine = [mark for mark in marks if mark.panel == panel.name]
    numbers = [n for mark in mine for n in (mark.measured, mark.predicted)]
    low, high = (min(numbers) / 1.6, max(numbers) * 1.6) if numbers else (1.0, 10.0)
    ax.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), aspect="equal")
    ends = np.array([low, high])
    ax.fill_between(ends, (1 - WITHIN) * ends, (1 + WITHIN) * ends, color=BAND, linewidth=0, zorder=0)
    ax.plot(ends, ends, color=MUTED, linewidth=0.8, zorder=1)
    size = 14.0 if len(mine) < _CROWD else 8.0  # points², of a mark
    by_group = {group: [mark for mark in mine if mark.group == group] for group in groups}
    for group, members in sorted(by_group.items(), key=lambda item: -len(item[1])):
        if members:
            colour, marker = look_of(groups.index(group))
            ax.scatter(
                [m.measured for m in members], [m.predicted for m in members], s=size, marker=marker, color=colour,
                alpha=0.55, edgecolors="white", linewidths=0.3, zorder=2, label=group,
            )  # fmt: skip
    for axis in (ax.xaxis, ax.yaxis):
        log_ticks(axis, low, high)
    ax.set_title(panel.title, loc="left", fontsize=11, color=DARK, pad=18)
    ax.annotate(
        panel.said, (0, 1), xytext=(0, 5), xycoords="axes fraction", textcoords="offset points", fontsize=8,
        color=MUTED, ha="left", va="bottom",
    )  # fmt: skip
    ax.set_xlabel(f"measured {panel.quantity}")
    ax.set_ylabel(f"predicted {panel.quantity}")


def look_of(position: int) -> tuple[str, str]:
    """Colour and shape of a group; the shape moves on where the colours begin again."""
    colours, markers = len(GROUP_COLOURS), len(GROUP_MARKERS)
    return GROUP_COLOURS[position % colours], GROUP_MARKERS[(position + position // colours) % markers]


def log_ticks(axis: Any, low: float, high: float) -> None:
    """Few ticks with plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    subs = (1.0, 2.0, 5.0) if high < 50 * low else (1.0,)
    axis.set_major_locator(LogLocator(base=10.0, subs=subs, numticks=7))
    axis.set_minor_locator(LogLocator(base=10.0, subs=(2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0), numticks=7))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number_text(value)))
    axis.set_minor_formatter(NullFormatter())


def _legend(fig: Figure, groups: Mapping[str, str], columns: int) -> None:
    """Groups, the diagonal and the band, under the panels."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    for i, said in enumerate(groups.values()):
        colour, marker = look_of(i)
        look: dict[str, Any] = {"linestyle": "none", "markeredgecolor": "white", "markersize": 7}
        handles.append(Line2D([], [], marker=marker, color=colour, label=said, **look))
    handles.append(Line2D([], [], color=MUTED, linewidth=0.8, label="predicted = measured"))
    handles.append(Patch(color=BAND, label=f"within {100 * WITHIN:.0f} % of the measured time or energy"))
    fig.legend(
        handles=handles, loc="outside lower left", ncols=columns, frameon=False, fontsize=8.5, handletextpad=0.5,
        columnspacing=2.0,
    )  # fmt: skip
