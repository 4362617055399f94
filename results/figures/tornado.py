"""Sensitivity as pictures: a tornado of one input at a time, and bars of Sobol' indices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from results.columns import column as column_of
from results.figures.look import THEMES, Theme, headline, number_text
from results.labels import axis_label, display

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BAR_INCHES = 0.24
_PANEL_INCHES = 6.6
_LEAST_ROWS = 3
_ROOM = 0.22  # of the axis, at each end, for what the ends are


@dataclass(frozen=True)
class Colours:
    """Of a page: paper, text, lines, ends of an input, indices (Okabe & Ito; the ends differ in lightness too)."""

    theme: Theme
    low: str
    high: str
    share: str

    @property
    def paper(self) -> str:
        """Of the page."""
        return self.theme.page

    @property
    def text(self) -> str:
        """Of words."""
        return self.theme.ink

    @property
    def muted(self) -> str:
        """Of smaller words and lines."""
        return self.theme.muted


LIGHT = Colours(THEMES["light"], "#0072B2", "#E69F00", "#009E73")
NIGHT = Colours(THEMES["dark"], "#56B4E9", "#F0E442", "#CC79A7")


@dataclass(frozen=True)
class Bar:
    """One input of a tornado: the value of a column at its low and high end [stored unit], and what those ends are."""

    label: str
    low: float
    high: float
    low_text: str = ""
    high_text: str = ""


@dataclass(frozen=True)
class Share:
    """One input's Sobol' indices of a column, and the standard error of the total one [1]."""

    label: str
    first: float
    total: float
    error: float = 0.0


@dataclass(frozen=True)
class Panel:
    """One column: its value at the design (None: no tornado), and its bars, the largest first."""

    column: str
    base: float | None
    bars: tuple[Bar, ...]
    shares: tuple[Share, ...]


def tornado_axes(ax: Axes, bars: Sequence[Bar], base: float, column: str, colours: Colours = LIGHT) -> Axes:
    """Draw one input at a time: bars from the value at the design to those at each input's ends.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    bars : sequence of Bar
        The largest first; it is drawn at the top. An end that is no number has no bar.
    base : float
        Value at the design [stored unit of the column].
    column : str
        A column of the results.
    colours : Colours

    Returns
    -------
    matplotlib.axes.Axes
        The same, in the unit people are shown; logarithmic where all is positive and spans more than a decade.
    """
    values = [_shown(column, value) for bar in bars for value in (bar.low, bar.high)]
    known = [value for value in [*values, _shown(column, base)] if math.isfinite(value)]
    centre = _shown(column, base)
    for row, bar in enumerate(bars):
        _bar(ax, row, bar, column, centre, colours)
    ax.axvline(centre, color=colours.text, linewidth=0.9, zorder=3)
    low, high = min(known), max(known)
    if low > 0 and high > 10 * low:
        ax.set_xscale("log")
        room = (high / low) ** _ROOM
        ax.set_xlim(low / room, high * room)
    else:
        room = _ROOM * (high - low) or 0.05 * abs(centre) or 1.0
        ax.set_xlim(low - room, high + room)
    _number_ticks(ax)
    _rows(ax, [bar.label for bar in bars], colours)
    ax.set_xlabel(axis_label(column), color=colours.text)
    return ax


def _bar(ax: Axes, row: int, bar: Bar, column: str, centre: float, colours: Colours) -> None:
    """Draw both ends; where they lie on one side, the nearer over the farther, which alone is named."""
    ends = [(bar.low, bar.low_text, colours.low), (bar.high, bar.high_text, colours.high)]
    drawn = [(_shown(column, end), text, colour) for end, text, colour in ends if math.isfinite(end)]
    named: set[bool] = set()
    for value, text, colour in sorted(drawn, key=lambda one: -abs(one[0] - centre)):
        right = value > centre
        ax.barh(
            row, value - centre, left=centre, height=0.72, color=colour, edgecolor=colours.text, linewidth=0.4, zorder=2
        )
        if text and value != centre and right not in named:
            named.add(right)
            ax.annotate(
                text, (value, row), xytext=(3 if right else -3, 0), textcoords="offset points", fontsize=7,
                va="center", ha="left" if right else "right", color=colours.muted,
            )  # fmt: skip


def sobol_axes(ax: Axes, shares: Sequence[Share], colours: Colours = LIGHT) -> Axes:
    """Draw Sobol' indices: the first-order one as a full bar, the total one as a pale bar around it with its error.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    shares : sequence of Share
        The largest first; it is drawn at the top.
    colours : Colours

    Returns
    -------
    matplotlib.axes.Axes
        The same; shares of the variance from 0 to 1, further where a total index is larger.
    """
    for row, share in enumerate(shares):
        ax.barh(
            row, max(share.total, 0.0), height=0.72, facecolor=colours.paper, edgecolor=colours.text, linewidth=0.8,
            hatch="////", zorder=2,
        )  # fmt: skip
        ax.barh(row, max(share.first, 0.0), height=0.36, color=colours.share, zorder=3)
        ax.plot(
            [share.total - share.error, share.total + share.error], [row, row], color=colours.text, linewidth=1.4,
            zorder=4, solid_capstyle="butt",
        )  # fmt: skip
    most = max((share.total + share.error for share in shares), default=1.0)
    ax.set_xlim(0.0, max(1.0, 1.05 * most))
    _rows(ax, [share.label for share in shares], colours)
    ax.set_xlabel("share of the variance", color=colours.text)
    return ax


def sensitivity(
    panels: Sequence[Panel], *, title: str, below: str = "", theme: Literal["light", "dark"] = "light"
) -> Figure:
    """Draw a row per column: the tornado left, the Sobol' indices right, whichever there are.

    Parameters
    ----------
    panels : sequence of Panel
    title : str
        Headline.
    below : str
        One smaller line under it, or as many as it takes.
    theme : {"light", "dark"}
        Page the picture is for.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no panel.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    if not panels:
        raise ValueError("a picture of sensitivity needs at least one column")
    colours = NIGHT if theme == "dark" else LIGHT
    kinds = [kind for kind in ("tornado", "sobol") if any(_has(panel, kind) for panel in panels)] or ["tornado"]
    heights = [max(_LEAST_ROWS, len(panel.bars), len(panel.shares)) * _BAR_INCHES + 0.95 for panel in panels]
    style = colours.theme.style() | {"ytick.color": colours.text, "hatch.linewidth": 0.5}
    with mpl.rc_context(style):
        fig = Figure(figsize=(_PANEL_INCHES * len(kinds), sum(heights) + 1.5))
        headline(fig, title, below, colours.theme)
        axes = fig.subplots(len(panels), len(kinds), squeeze=False, gridspec_kw={"height_ratios": heights})
        for panel, row in zip(panels, axes, strict=True):
            for kind, ax in zip(kinds, row, strict=True):
                _panel(ax, panel, kind, colours)
        _legend(fig, kinds, colours)
    return fig


def _has(panel: Panel, kind: str) -> bool:
    return panel.base is not None if kind == "tornado" else bool(panel.shares)


def _panel(ax: Axes, panel: Panel, kind: str, colours: Colours) -> None:
    if kind == "tornado" and panel.bars and panel.base is not None:
        tornado_axes(ax, panel.bars, panel.base, panel.column, colours)
        return
    if kind == "sobol" and panel.shares:
        sobol_axes(ax, panel.shares, colours)
        ax.set_xlabel(f"share of the variance of {column_of(panel.column).label or panel.column}", color=colours.text)
        return
    ax.set_axis_off()
    said = "no input changes it" if kind == "sobol" or panel.base is not None else ""
    if kind == "tornado" and panel.base is not None and not math.isfinite(panel.base):
        said = "no number at this design"
    ax.text(0.5, 0.5, f"{axis_label(panel.column)}: {said}", ha="center", va="center", color=colours.muted)


def _rows(ax: Axes, labels: Sequence[str], colours: Colours) -> None:
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(max(len(labels), _LEAST_ROWS) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0, labelcolor=colours.text)
    ax.grid(axis="x", color=colours.muted, alpha=0.25, linewidth=0.5, zorder=0)
    ax.set_axisbelow(True)


def _number_ticks(ax: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

    if ax.get_xscale() == "log":
        low, high = ax.get_xlim()
        subs = (1.0, 2.0, 5.0) if high < 300 * low else (1.0,)
        ax.xaxis.set_major_locator(LogLocator(base=10.0, subs=subs, numticks=9))
        ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number_text(value)))


def _legend(fig: Figure, kinds: Sequence[str], colours: Colours) -> None:
    from matplotlib.patches import Patch

    handles = []
    if "tornado" in kinds:
        handles += [
            Patch(facecolor=colours.low, edgecolor=colours.text, linewidth=0.4, label="input at its low end"),
            Patch(facecolor=colours.high, edgecolor=colours.text, linewidth=0.4, label="input at its high end"),
        ]
    if "sobol" in kinds:
        total: dict[str, Any] = {"facecolor": colours.paper, "edgecolor": colours.text, "hatch": "////"}
        handles += [
            Patch(color=colours.share, label="first-order index"),
            Patch(**total, linewidth=0.8, label="total index, with its standard error"),
        ]
    fig.legend(handles=handles, loc="outside lower left", frameon=False, ncols=4, labelcolor=colours.text)


def _shown(column: str, value: float) -> float:
    return float(display(column, [value])[0][0])
