"""Predicted against measured: marks where the numbers are, equal scales, nothing that overlaps."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from results.figures import save
from results.figures.accuracy import GROUP_COLOURS, GROUP_MARKERS, WITHIN, Compared, Panel, accuracy, look_of

PANELS = [Panel(name, name.title(), f"about {name}", "time [s]") for name in ("one", "two", "three", "four")]
GROUPS = {name: f"{name}: 9 rows, median error 12 %, 80 % within 25 %" for name in ("gpu", "npu", "apple")}


def marks(count: int = 60) -> list[Compared]:
    rng = np.random.default_rng(5)
    measured = 10 ** rng.uniform(-3, 1, count)
    factor = np.exp(rng.normal(0, 0.2, count))
    names = list(GROUPS)
    return [
        Compared(PANELS[i % 4].name, names[i % 3], float(m), float(m * f))
        for i, (m, f) in enumerate(zip(measured, factor, strict=True))
    ]


def drawn(fig: Figure) -> Figure:
    fig.draw_without_rendering()
    return fig


def test_marks_are_at_their_numbers_in_their_panels() -> None:
    given = marks()
    fig = drawn(accuracy(given, PANELS, GROUPS, title="t"))
    assert len(fig.axes) == 4
    for ax, panel in zip(fig.axes, PANELS, strict=True):
        found = {
            (c.get_label(), float(x), float(y))
            for c in ax.collections
            if isinstance(c, PathCollection)
            for x, y in np.asarray(c.get_offsets())
        }
        assert found == {(m.group, m.measured, m.predicted) for m in given if m.panel == panel.name}


def test_both_axes_have_one_scale_and_one_range_that_holds_every_mark() -> None:
    given = marks()
    for ax, panel in zip(drawn(accuracy(given, PANELS, GROUPS, title="t")).axes, PANELS, strict=True):
        assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
        assert ax.get_xlim() == ax.get_ylim()
        box = ax.get_window_extent()
        assert box.width == pytest.approx(box.height, rel=1e-3)
        low, high = ax.get_xlim()
        assert all(low < n < high for m in given if m.panel == panel.name for n in (m.measured, m.predicted))
        assert "[s]" in ax.get_xlabel()
        assert "[s]" in ax.get_ylabel()


def test_the_band_is_a_quarter_either_way() -> None:
    (ax,) = accuracy([Compared("one", "gpu", 2.0, 2.0)], PANELS[:1], GROUPS, title="t").axes
    band = next(c for c in ax.collections if not isinstance(c, PathCollection))
    ratios = {round(float(y / x), 9) for x, y in band.get_paths()[0].vertices}
    assert ratios == {1 - WITHIN, 1 + WITHIN}


@pytest.mark.parametrize("count", [1, 2, 4])
def test_texts_stay_inside_and_apart(count: int) -> None:
    fig = drawn(accuracy(marks(), PANELS[:count], GROUPS, title="Predicted against measured", below="a file: 9 rows"))
    (legend,) = fig.legends
    said = {text.get_text() for text in legend.get_texts()}
    assert set(GROUPS.values()) <= said
    boxes = [legend.get_window_extent(), *(text.get_window_extent() for text in fig.texts)]
    boxes += [ax.get_tightbbox() for ax in fig.axes]
    for i, box in enumerate(boxes):
        assert fig.bbox.x0 <= box.x0 < box.x1 <= fig.bbox.x1 + 1
        assert fig.bbox.y0 <= box.y0 < box.y1 <= fig.bbox.y1 + 1
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_groups_differ_in_colour_and_shape_and_more_of_them_in_the_pair() -> None:
    first = [look_of(i) for i in range(len(GROUP_COLOURS))]
    assert len({colour for colour, _ in first}) == len({marker for _, marker in first}) == len(GROUP_MARKERS)
    assert len({look_of(i) for i in range(20)}) == 20


def test_nothing_to_draw_is_said() -> None:
    fig = drawn(accuracy([], [], {}, title="t"))
    assert "no row was predicted" in {text.get_text() for text in fig.texts}


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.inf, math.nan])
def test_impossible_numbers_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="positive and finite"):
        accuracy([Compared("one", "gpu", 1.0, wrong)], PANELS, GROUPS, title="t")


def test_the_same_figure_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(accuracy(marks(), PANELS, GROUPS, title="t"), tmp_path / name, kinds=["svg"])
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
