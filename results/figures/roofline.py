"""Roofline: operators as marks under the ceilings of a chip, both axes logarithmic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from results.figures.labelling import Spot, place_labels
from results.figures.look import DARK, MUTED, STYLE, headline, number_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito; the lightness differs too, so the marks can be told apart in black and white.
BOUND_COLOURS = {
    "compute": "#D55E00",
    "vector": "#CC79A7",
    "sram": "#009E73",
    "dram": "#0072B2",
    "flash": "#56B4E9",
    "link": "#000000",
}
BOUND_NAMES = {
    "compute": "matrix compute",
    "vector": "vector units",
    "sram": "SRAM",
    "dram": "DRAM",
    "flash": "flash",
    "link": "links",
}
GROUP_MARKERS = ("o", "s", "D", "^", "v", "P")
MOST_LABELS = 12
LEAST_LABELLED_SHARE = 0.005


@dataclass(frozen=True)
class Point:
    """An operator: where it lies, and how much it matters.

    Attributes
    ----------
    name : str
    group : str
        Gives the mark its shape, such as the phase.
    intensity_flop_per_byte : float
        Operational intensity [FLOP/byte], positive.
    flop_per_s : float
        Rate it reaches [FLOP/s], positive.
    share : float
        Of its group's time [1]; the area of the mark.
    bound_by : str
        Ceiling that binds it, one of :data:`BOUND_COLOURS`.
    """

    name: str
    group: str
    intensity_flop_per_byte: float
    flop_per_s: float
    share: float
    bound_by: str


@dataclass(frozen=True)
class Ceiling:
    """A limit of the chip: a compute rate [FLOP/s], or a memory bandwidth [byte/s]."""

    name: str
    rate: float
    is_memory: bool

    @classmethod
    def compute(cls, name: str, flop_per_s: float) -> Ceiling:
        """Return a horizontal ceiling."""
        return cls(name, flop_per_s, is_memory=False)

    @classmethod
    def memory(cls, name: str, bytes_per_s: float) -> Ceiling:
        """Return a slanted ceiling: FLOP/s = intensity x bandwidth."""
        return cls(name, bytes_per_s, is_memory=True)

    @property
    def label(self) -> str:
        """Name and rate, in a familiar unit."""
        unit = "B/s" if self.is_memory else "FLOP/s"
        size, prefix = (1e15, "P") if self.rate >= 1e16 else (1e12, "T") if self.rate >= 1e12 else (1e9, "G")
        return f"{self.name} {number_text(self.rate / size)} {prefix}{unit}"


def roofline(
    points: Sequence[Point], ceilings: Sequence[Ceiling], *, title: str, below: str = "", remark: str = ""
) -> Figure:
    """Operators as marks under the ceilings of a chip.

    Parameters
    ----------
    points : sequence of Point
        Marks, whose areas follow their shares; those with the largest are named.
    ceilings : sequence of Ceiling
        At least one compute rate and one memory bandwidth. The slowest memory is the roof of the marks' intensity.
    title : str
        Headline.
    below : str
        One smaller line under it.
    remark : str
        Such as what is not shown; inside, at the upper left, where no mark can be.

    Returns
    -------
    matplotlib.figure.Figure
        Rate [TFLOP/s] over operational intensity [FLOP/byte].

    Raises
    ------
    ValueError
        If a kind of ceiling is missing, or a number is not positive and finite.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    memories = [c for c in ceilings if c.is_memory]
    rates = sorted((c for c in ceilings if not c.is_memory), key=lambda c: c.rate)
    if not memories or not rates:
        raise ValueError("a roofline needs a compute rate and a memory bandwidth")
    numbers = [n for p in points for n in (p.intensity_flop_per_byte, p.flop_per_s)] + [c.rate for c in ceilings]
    if not all(math.isfinite(n) and n > 0 for n in numbers):
        raise ValueError("a roofline has logarithmic axes: every intensity and rate is positive and finite")
    roof = min(memories, key=lambda c: c.rate)
    with mpl.rc_context(STYLE):
        fig = Figure(figsize=(9.6, 6.4))
        ax = fig.add_subplot()
        _axes(ax, points, roof, rates)
        _ceilings(ax, memories, rates)
        ax.text(0.008, 0.985, remark, transform=ax.transAxes, ha="left", va="top", fontsize=8, color=MUTED)
        order = sorted(points, key=lambda p: -p.share)  # small marks lie over large ones
        groups = list(dict.fromkeys(p.group for p in points))
        for point in order:
            _mark(ax, point, GROUP_MARKERS[groups.index(point.group) % len(GROUP_MARKERS)])
        _legend(fig, points, groups)
        headline(fig, title, below)
        _label(ax, order, memories, rates)
    return fig


def _tera(flop_per_s: float) -> float:
    return flop_per_s / 1e12


def _axes(ax: Axes, points: Sequence[Point], roof: Ceiling, rates: Sequence[Ceiling]) -> None:
    """Logarithmic axes that hold every mark and every ridge, with plain numbers on whole decades."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ridges = [c.rate / roof.rate for c in rates]
    x = [p.intensity_flop_per_byte for p in points] + ridges
    y = [_tera(p.flop_per_s) for p in points] + [_tera(c.rate) for c in rates]
    ax.set(xscale="log", yscale="log", xlim=(min(x) / 6, max(x) * 8), ylim=(min(y) / 6, max(y) * 2.2))
    for axis in (ax.xaxis, ax.yaxis):
        low, high = axis.get_view_interval()
        subs = (1.0, 2.0, 5.0) if high < 300 * low else (1.0,)
        axis.set_major_locator(LogLocator(base=10.0, subs=subs, numticks=12))
        axis.set_minor_locator(LogLocator(base=10.0, subs=(2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0), numticks=12))
        axis.set_major_formatter(FuncFormatter(lambda value, _: number_text(value)))
        axis.set_minor_formatter(NullFormatter())
    ax.grid(which="major", color="0.90", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.set_xlabel("operational intensity [FLOP per byte of DRAM traffic]")
    ax.set_ylabel("rate reached [TFLOP/s]")


def _ceilings(ax: Axes, memories: Sequence[Ceiling], rates: Sequence[Ceiling]) -> None:
    low, high = ax.get_xlim()
    bottom = ax.get_ylim()[0]
    line: dict[str, Any] = {"color": DARK, "zorder": 1}
    for memory in memories:
        ridge = rates[-1].rate / memory.rate
        ax.plot([low, ridge], [_tera(low * memory.rate), _tera(rates[-1].rate)], linewidth=1.6, **line)
        # Where the line enters the picture, so that its name stands clear of the marks.
        start = max(low, bottom * 1e12 / memory.rate)
        at = start * (ridge / start) ** 0.10
        above = 1.12 * _tera(memory.rate)
        slope = math.degrees(math.atan(above))  # in data units, where a line through the text would have it
        ax.text(
            at, at * above, memory.label, rotation=slope, rotation_mode="anchor",
            transform_rotates_text=True, ha="left", va="bottom", fontsize=8.5, color=DARK,
        )  # fmt: skip
    roof = min(memories, key=lambda c: c.rate)
    for i, rate in enumerate(rates):
        ridge = rate.rate / roof.rate
        top = _tera(rate.rate)
        ax.plot([ridge, high], [top, top], linewidth=1.6 if i == len(rates) - 1 else 1.1, **line)
        ax.plot([ridge, ridge], [bottom, top], linewidth=0.7, linestyle=(0, (2, 3)), color=MUTED, zorder=1)
        ax.annotate(
            rate.label, (high, top), xytext=(-2, 3), textcoords="offset points", ha="right", va="bottom",
            fontsize=8.5, color=DARK,
        )  # fmt: skip
        ax.annotate(
            f"ridge {number_text(ridge)}", (ridge, bottom), xytext=(-3, 4), textcoords="offset points", rotation=90,
            ha="right", va="bottom", fontsize=7.5, color=MUTED,
        )  # fmt: skip


def _size(share: float) -> float:
    """Area of a mark [points²]: proportional to its share above a least size that can be seen."""
    return 18.0 + 900.0 * min(max(share, 0.0), 1.0)


def _mark(ax: Axes, point: Point, marker: str) -> None:
    ax.scatter(
        [point.intensity_flop_per_byte], [_tera(point.flop_per_s)], s=_size(point.share), marker=marker,
        color=BOUND_COLOURS.get(point.bound_by, MUTED), edgecolors="white", linewidths=0.8, alpha=0.85, zorder=3,
    )  # fmt: skip


def _legend(fig: Figure, points: Sequence[Point], groups: Sequence[str]) -> None:
    """Shapes, colours and sizes, under the picture."""
    from matplotlib.lines import Line2D

    look: dict[str, Any] = {"linestyle": "none", "markeredgecolor": "white"}
    handles = [
        Line2D([], [], marker=GROUP_MARKERS[i % len(GROUP_MARKERS)], color="0.45", markersize=8, label=group, **look)
        for i, group in enumerate(groups)
    ]
    bounds = [name for name in BOUND_COLOURS if any(p.bound_by == name for p in points)]
    handles += [
        Line2D(
            [], [], marker="o", color=BOUND_COLOURS[name], markersize=8, label=f"bound by {BOUND_NAMES[name]}", **look
        )
        for name in bounds
    ]
    handles += [
        Line2D(
            [],
            [],
            marker="o",
            color="0.75",
            markersize=math.sqrt(_size(share)),
            label=f"{_percent(share)} of time",
            **look,
        )
        for share in ((0.05, 0.4) if points else ())
    ]
    if handles:
        columns = len(handles) if len(handles) <= 7 else math.ceil(len(handles) / 2)
        fig.legend(
            handles=handles, loc="outside lower center", ncols=columns, frameon=False, fontsize=8.5,
            columnspacing=1.3, handletextpad=0.3,
        )  # fmt: skip


def _label(ax: Axes, order: Sequence[Point], memories: Sequence[Ceiling], rates: Sequence[Ceiling]) -> None:
    """Name the marks with the largest shares; marks that coincide share one label."""
    named = [p for p in order if p.share >= LEAST_LABELLED_SHARE][:MOST_LABELS]
    spots = [
        Spot(
            x=p.intensity_flop_per_byte,
            y=_tera(p.flop_per_s),
            radius_points=math.sqrt(_size(p.share)) / 2,
            text=_name(p, order) if p in named else "",
            group=p.group,
        )
        for p in order
    ]
    low, high = ax.get_xlim()
    lines = [((low, _tera(low * m.rate)), (rates[-1].rate / m.rate, _tera(rates[-1].rate))) for m in memories]
    roof = min(memories, key=lambda c: c.rate)
    lines += [((c.rate / roof.rate, _tera(c.rate)), (high, _tera(c.rate))) for c in rates]
    lines += [((c.rate / roof.rate, ax.get_ylim()[0]), (c.rate / roof.rate, _tera(c.rate))) for c in rates]
    place_labels(ax, spots, lines)


def _name(point: Point, others: Sequence[Point]) -> str:
    """Name and share; the group too where a mark of another one lies at the same place."""
    near = any(
        other.group != point.group
        and abs(math.log10(other.intensity_flop_per_byte / point.intensity_flop_per_byte)) < 0.1
        and abs(math.log10(other.flop_per_s / point.flop_per_s)) < 0.1
        for other in others
    )
    return f"{point.name} {_percent(point.share)}" + (f" ({point.group})" if near else "")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.1f} %"
