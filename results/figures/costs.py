"""Predicted against published costs: one panel per quantity; a hollow mark has seen its published number."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from results.figures.accuracy import Panel, log_ticks, look_of
from results.figures.look import THEMES, Theme, headline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WITHIN = 0.35
"""Half-width of the band [1]."""

MOST_COLUMNS = 4
MOST_LABELLED = 5
"""Marks of a panel that are told by name; where there are more, the group alone is told."""

LETTERS = 40
"""Of a line over a panel, at most."""

_PANEL_INCHES = 3.3
_BRIGHTER = {"#0072B2": "#4DA3D8", "#000000": "#FFFFFF", "#999999": "#BBBBBB"}
"""Colours that a dark page swallows, and what stands for them there."""


@dataclass(frozen=True)
class CostMark:
    """A mark: the panel and the group it belongs to, its name, its two numbers, and whether it is in-sample.

    `low` and `high` are the range of the published number.
    """

    panel: str
    group: str
    name: str
    published: float
    low: float
    high: float
    predicted: float
    in_sample: bool = False


def costs(
    marks: Sequence[CostMark],
    panels: Sequence[Panel],
    groups: Mapping[str, str],
    *,
    title: str,
    below: str = "",
    theme: Literal["light", "dark"] = "light",
) -> Figure:
    """Predicted against published costs.

    Parameters
    ----------
    marks : sequence of CostMark
    panels : sequence of Panel
        In the order in which they are drawn.
    groups : mapping
        What the legend says of each group, in its order.
    title, below : str
        Headline, and smaller lines under it.
    theme : {"light", "dark"}

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If a number is not positive and finite.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    numbers = [n for mark in marks for n in (mark.published, mark.low, mark.high, mark.predicted)]
    if not all(math.isfinite(n) and n > 0 for n in numbers):
        raise ValueError("the axes are logarithmic: every number is positive and finite")
    look = THEMES[theme]
    columns = min(MOST_COLUMNS, max(1, len(panels)))
    rows = max(1, math.ceil(len(panels) / columns))
    with mpl.rc_context(look.style()):
        width = max(6.5, _PANEL_INCHES * columns)
        legend_columns = 1 if columns == 1 else 3
        legend_inches = 0.22 * math.ceil((len(groups) + 4) / legend_columns)
        fig = Figure(figsize=(width, 0.9 + (_PANEL_INCHES + 0.35) * rows + legend_inches))
        headline(fig, title, below, look)
        for i, panel in enumerate(panels):
            mine = [mark for mark in marks if mark.panel == panel.name]
            cost_panel(fig.add_subplot(rows, columns, i + 1), panel, mine, list(groups), look)
        if not panels:
            fig.text(0.5, 0.5, "nothing was predicted", ha="center", va="center", color=look.muted)
        _legend(fig, groups, legend_columns, look)
    return fig


def cost_panel(ax: Axes, panel: Panel, marks: Sequence[CostMark], groups: Sequence[str], theme: Theme) -> Axes:
    """Draw one panel on `ax` and return it: marks over the band, bars over the range of what is published."""
    numbers = [n for mark in marks for n in (mark.low, mark.high, mark.predicted)]
    low, high = (min(numbers) / 1.8, max(numbers) * 1.8) if numbers else (1.0, 10.0)
    ax.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), aspect="equal")
    ends = np.array([low, high])
    ax.fill_between(ends, (1 - WITHIN) * ends, (1 + WITHIN) * ends, color=theme.band, linewidth=0, zorder=0)
    ax.plot(ends, ends, color=theme.muted, linewidth=0.8, zorder=1)
    for mark in sorted(marks, key=lambda m: -sum(other.group == m.group for other in marks)):
        colour, marker = _colours(groups.index(mark.group), theme)
        if mark.high > mark.low:
            ax.plot([mark.low, mark.high], [mark.predicted] * 2, color=colour, linewidth=0.9, alpha=0.6, zorder=2)
        face = "none" if mark.in_sample else colour
        ax.scatter(
            [mark.published], [mark.predicted], s=22.0 if len(marks) < 100 else 12.0, marker=marker, facecolors=face,
            edgecolors=colour, linewidths=1.0, alpha=0.8, zorder=3, label=mark.group,
        )  # fmt: skip
    if len(marks) <= MOST_LABELLED:
        _names(ax, marks, theme)
    for axis in (ax.xaxis, ax.yaxis):
        log_ticks(axis, low, high)
    said = textwrap.wrap(panel.said, LETTERS)
    ax.set_title(panel.title, loc="left", fontsize=11, color=theme.ink, pad=7 + 11 * len(said))
    ax.annotate(
        "\n".join(said), (0, 1), xytext=(0, 5), xycoords="axes fraction", textcoords="offset points", fontsize=8,
        color=theme.muted, ha="left", va="bottom",
    )  # fmt: skip
    ax.set_xlabel(f"published {panel.quantity}")
    ax.set_ylabel(f"predicted {panel.quantity}")
    return ax


def _names(ax: Axes, marks: Sequence[CostMark], theme: Theme) -> None:
    """The name of every mark: left of it in the right half of the panel, right of it in the left half."""
    (low, high), top = ax.get_xlim(), -math.inf
    for mark in sorted(marks, key=lambda m: m.predicted):
        place = math.log(mark.published / low) / math.log(high / low)
        height = max(math.log(mark.predicted / low) / math.log(high / low), top + 0.055)
        top, right = height, place > 0.5
        level = low * (high / low) ** height
        end = mark.low if right else mark.high
        said = ax.annotate(
            mark.name, (end, level), xytext=(-6 if right else 6, 0), textcoords="offset points", fontsize=7,
            color=theme.ink, ha="right" if right else "left", va="center",
        )  # fmt: skip
        said.set_in_layout(False)


def _colours(position: int, theme: Theme) -> tuple[str, str]:
    colour, marker = look_of(position)
    return (_BRIGHTER.get(colour, colour) if theme.dark else colour), marker


def _legend(fig: Figure, groups: Mapping[str, str], columns: int, theme: Theme) -> None:
    """Groups, what hollow means, the diagonal and the band, under the panels."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    for i, said in enumerate(groups.values()):
        colour, marker = _colours(i, theme)
        handles.append(Line2D([], [], marker=marker, color=colour, label=said, linestyle="none", markersize=6))
    hollow: dict[str, Any] = {"markerfacecolor": "none", "linestyle": "none", "markersize": 6}
    handles.append(Line2D([], [], marker="o", color=theme.muted, label="hollow: a constant was fitted to it", **hollow))
    handles.append(Line2D([], [], color=theme.muted, linewidth=2.4, alpha=0.5, label="bar: range of what is published"))
    handles.append(Line2D([], [], color=theme.muted, linewidth=0.8, label="predicted = published"))
    handles.append(Patch(color=theme.band, label=f"within {100 * WITHIN:.0f} % of the published number"))
    fig.legend(
        handles=handles, loc="outside lower left", ncols=columns, frameon=False, fontsize=8.5, handletextpad=0.5,
        columnspacing=2.0,
    )  # fmt: skip
