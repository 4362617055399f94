"""Parallel coordinates: every design of the front as a line across its variables and objectives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from results.columns import COLUMNS
from results.figures.look import (
    THEMES,
    Direction,
    Page,
    Scale,
    Theme,
    colour_map,
    colour_norm,
    design_name,
    headline,
    number_text,
    scale_of,
    set_ticks,
    shown_values,
)
from results.labels import axis_label, counted

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_LINES = 1000


def parallel_coordinates(
    front: pd.DataFrame,
    design_columns: Sequence[str],
    objectives: Mapping[str, Direction],
    *,
    highlight: Mapping[str, int] | Sequence[int] | None,
    title: str,
    theme: Page = "light",
) -> Figure:
    """Every design of the front as a line across its design variables and objectives.

    Parameters
    ----------
    front : pandas.DataFrame
        Designs of the front, in stored units. May be empty. Of more than 1,000 designs, 1,000 are drawn, spread evenly
        over the first objective, and the picture says so.
    design_columns : sequence of str
        Design variables, drawn upwards from small to large; and axes of the scenario, by path, words among them in
        the order of their categories.
    objectives : mapping of str to {"max", "min"}
        Objectives, drawn with the better end up; the first colours the lines.
    highlight : mapping of str to int, or sequence of int, optional
        Positions in `front` of designs to draw boldly, with a name for the legend if it is a mapping.
    title : str
        Headline.
    theme : {"light", "dark"}
        Page the picture is for.

    Returns
    -------
    matplotlib.figure.Figure
        One axis per column, each with its own scale: logarithmic where it spans more than a decade.

    Raises
    ------
    KeyError
        If a column is not in the frame, or an objective has no definition.
    ValueError
        If there are no objectives.
    """
    import matplotlib as mpl
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

    if not objectives:
        raise ValueError("parallel coordinates need at least one objective")
    names = [*(name for name in design_columns if name not in objectives), *objectives]
    words = {name: _words(front[name]) for name in names if name not in COLUMNS and front[name].dtype.kind not in "iuf"}
    shown = {name: _numbers(front, name, words.get(name)) for name in names}
    scales = {name: scale_of([values]) for name, values in shown.items()}
    places = np.column_stack([scales[name].position(shown[name]) for name in names])
    for column, name in enumerate(names):
        if objectives.get(name) == "min":
            places[:, column] = 1.0 - places[:, column]
    first, look = next(iter(objectives)), THEMES[theme]
    with mpl.rc_context(look.front_style()):
        fig = Figure(figsize=(max(7.0, 1.32 * len(names) + 1.6), 5.2))
        ax = fig.add_subplot()
        drawn = _evenly(shown[first], _MOST_LINES)
        _lines(ax, places[drawn], shown[first][drawn], look)
        _bold_lines(ax, front, places, highlight, look)
        for column, name in enumerate(names):
            level_texts = words.get(name, ())
            _upright(ax, column, name, shown[name], scales[name], objectives.get(name), look, level_texts)
        _frame_lines(ax, len(names), len(names) - len(objectives), look)
        said = f"{counted(len(front), 'design')} on the front" if len(front) else "no design is feasible"
        if len(drawn) < len(front):
            said = f"showing {len(drawn):,} of {said}"
        headline(fig, title, f"{said}; objectives have their better end at the top", look)
        if scales[first].high > scales[first].low:
            bar = fig.colorbar(
                ScalarMappable(colour_norm(shown[first]), colour_map(look)), ax=ax, fraction=0.03, pad=0.02
            )
            bar.set_label(axis_label(first))
            bar.outline.set_linewidth(0.5)
            set_ticks(bar.ax.yaxis, scales[first])
    return fig


def _words(column: pd.Series[Any]) -> tuple[str, ...]:
    """The words of an axis that are on the front, in the order of its categories."""
    return tuple(map(str, column.astype("category").cat.remove_unused_categories().cat.categories))


def _numbers(front: pd.DataFrame, name: str, words: Sequence[str] | None) -> NDArray[np.float64]:
    """A column in the unit that people are shown; of words their places, from 0."""
    if words is not None:
        places = {word: float(place) for place, word in enumerate(words)}
        return np.array([places[str(word)] for word in front[name]], dtype=np.float64)
    return shown_values(front, name) if name in COLUMNS else front[name].to_numpy(dtype=np.float64)


def _heading(name: str) -> str:
    """Two lines for the head of an axis: a label and its unit, or a path, broken where its halves are most alike."""
    if name in COLUMNS:
        label = axis_label(name).replace(" [", "\n[")
        return label if "\n" in label else f"{label}\n"
    parts = name.split(".")
    cuts = [at for at in range(1, len(parts)) if not parts[at].isdigit()]
    halves = [(".".join(parts[:at]), ".".join(parts[at:])) for at in cuts] or [(name, "")]
    return "\n".join(min(halves, key=lambda two: max(map(len, two))))


def _evenly(values: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """At most so many positions, evenly spread over the ranks of the values, shuffled so that none hides the others."""
    order = np.argsort(values, kind="stable").astype(np.int64)
    if len(order) > most:
        order = order[np.linspace(0, len(order) - 1, most).round().astype(np.int64)]
    return np.random.default_rng(0).permutation(order)


def _lines(ax: Axes, places: NDArray[np.float64], values: NDArray[np.float64], theme: Theme) -> None:
    from matplotlib.collections import LineCollection

    if not len(places):
        return
    across = np.broadcast_to(np.arange(places.shape[1], dtype=np.float64), places.shape)
    many = len(places)
    lines = LineCollection(
        list(np.stack([across, places], axis=-1)),
        array=values,
        cmap=colour_map(theme),
        norm=colour_norm(values),
        linewidths=float(np.clip(60 / many, 0.5, 1.6)),
        alpha=float(np.clip(150 / many, 0.25, 0.9)),
        zorder=1,
    )
    ax.add_collection(lines)


def _bold_lines(
    ax: Axes,
    front: pd.DataFrame,
    places: NDArray[np.float64],
    highlight: Mapping[str, int] | Sequence[int] | None,
    theme: Theme,
) -> None:
    if not highlight or not len(front):
        return
    if isinstance(highlight, Mapping):
        named = [(f"{name}: {design_name(front, row)}", row) for name, row in highlight.items()]
    else:
        named = [(design_name(front, row), row) for row in highlight]
    dashes = ["-", "--", "-.", ":"]
    for i, (label, row) in enumerate(named):
        across = np.arange(places.shape[1])
        ax.plot(across, places[row], color=theme.page, linewidth=4.5, zorder=2)
        style: dict[str, Any] = {
            "linestyle": dashes[i % 4],
            "marker": "*so^"[i % 4],
            "markersize": 11 if i % 4 == 0 else 6,
        }
        ax.plot(
            across,
            places[row],
            color=theme.groups[1],
            linewidth=2.0,
            markeredgecolor=theme.page,
            label=label,
            zorder=3,
            **style,
        )
    ax.legend(loc="upper right", bbox_to_anchor=(1.0, -0.02), frameon=False, ncols=min(4, len(named)))


def _upright(
    ax: Axes,
    at: int,
    name: str,
    values: NDArray[np.float64],
    scale: Scale,
    better: Direction | None,
    theme: Theme,
    words: Sequence[str] = (),
) -> None:
    """One upright axis: a line, its ends in numbers (every level of a variable with few, or words), its name above."""
    constant = not scale.high > scale.low
    ax.plot(
        [at, at],
        [0, 1],
        color=theme.muted,
        linewidth=0.4 if constant else 1.0,
        alpha=0.5 if constant else 1.0,
        zorder=2,
    )
    levels = np.unique(values[np.isfinite(values)])
    if (len(levels) > 6 and not words) or better is not None:
        levels = levels[[0, -1]] if len(levels) else levels
    where = scale.position(levels)
    if better == "min":
        where = 1.0 - where
    last = -1.0
    for value, place in sorted(zip(levels.tolist(), where.tolist(), strict=True), key=lambda pair: pair[1]):
        if place - last < 0.045 and place < 1:
            continue
        last = place
        box = {"boxstyle": "square,pad=0.12", "facecolor": theme.page, "alpha": 0.82, "linewidth": 0}
        down = "top" if place == 0 else "bottom" if place == 1 else "center"
        edge = {"top": (0, -4), "bottom": (0, 4)}.get(down, (5, 0))
        ax.annotate(
            words[int(value)] if words else number_text(value),
            (at, place),
            xytext=edge,
            textcoords="offset points",
            ha="left" if down == "center" else "center",
            va=down,
            fontsize=8,
            color=theme.ink,
            bbox=box if down == "center" else None,
            zorder=4,
        )
    ax.annotate(
        _heading(name),
        (at, 1),
        xytext=(0, 18),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=8.5,
        color=theme.ink,
    )


def _frame_lines(ax: Axes, axes: int, designs: int, theme: Theme) -> None:
    ax.set(xlim=(-0.45, axes - 0.55), ylim=(-0.06, 1.17))
    ax.set_axis_off()
    if designs:  # what is chosen on the left, what follows on the right
        ax.axvline(
            designs - 0.5, ymin=0.04, ymax=0.98, color=theme.muted, linewidth=0.8, linestyle=(0, (4, 4)), zorder=0
        )
