"""Predicted against published costs: marks where the numbers are, hollow where they were seen, in two themes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from results.figures import save
from results.figures.accuracy import Panel
from results.figures.costs import MOST_LABELLED, WITHIN, CostMark, cost_panel, costs
from results.figures.look import THEMES

PANELS = [Panel("area", "die area", "own area: 4 of 4", "area [mm$^2$]"), Panel("bom", "bill", "one", "cost [USD]")]
GROUPS = {"datacenter": "datacenter: 3 marks", "soc": "soc: 1 mark"}
MARKS = [
    CostMark("area", "datacenter", "a100", 826.0, 826.0, 826.0, 700.0),
    CostMark("area", "datacenter", "h100", 814.0, 814.0, 814.0, 900.0, in_sample=True),
    CostMark("area", "soc", "orin", 455.0, 440.0, 470.0, 300.0),
    CostMark("bom", "datacenter", "h200", 4250.0, 3500.0, 4550.0, 4300.0),
]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marks_are_at_their_numbers_and_hollow_where_they_were_seen(theme: str) -> None:
    fig = costs(MARKS, PANELS, GROUPS, title="t", theme=theme)  # type: ignore[arg-type]
    for ax, panel in zip(fig.axes, PANELS, strict=True):
        marks = {tuple(c.get_offsets()[0]): len(c.get_facecolors()) == 0 for c in ax.collections[1:]}
        assert marks == {(m.published, m.predicted): m.in_sample for m in MARKS if m.panel == panel.name}
        assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
        assert ax.get_xlim() == ax.get_ylim()
        assert ax.get_xlabel() == f"published {panel.quantity}"
        assert ax.get_ylabel() == f"predicted {panel.quantity}"
    assert fig.get_facecolor() == to_rgba(THEMES[theme].page)
    words = [text.get_color() for text in fig.texts]
    assert words == [THEMES[theme].ink, THEMES[theme].muted]


def test_the_band_and_the_published_range() -> None:
    ax = cost_panel(Figure().add_subplot(), PANELS[1], MARKS[3:], list(GROUPS), THEMES["light"])
    ratios = {round(float(y / x), 9) for x, y in ax.collections[0].get_paths()[0].vertices}
    assert ratios == {1 - WITHIN, 1 + WITHIN}
    assert any(list(line.get_xdata()) == [3500.0, 4550.0] for line in ax.lines)


def test_few_marks_have_names_inside_the_figure() -> None:
    fig = costs(MARKS, PANELS, GROUPS, title="t", below="b")
    fig.draw_without_rendering()
    names = [text for ax in fig.axes for text in ax.texts if text.get_text() in {m.name for m in MARKS}]
    assert {text.get_text() for text in names} == {m.name for m in MARKS}
    boxes = [text.get_window_extent() for text in names]
    for i, box in enumerate(boxes):
        assert fig.bbox.x0 <= box.x0 < box.x1 <= fig.bbox.x1
        assert not any(box.overlaps(other) for other in boxes[:i])
    many = [CostMark("area", "soc", f"n{i}", 1.0 + i, 1.0, 9.0, 2.0) for i in range(MOST_LABELLED + 1)]
    crowd = costs(many, PANELS[:1], GROUPS, title="t")
    assert not {text.get_text() for text in crowd.axes[0].texts} & {m.name for m in many}


def test_panels_keep_their_size_under_long_lines() -> None:
    """What is said over a panel is broken into lines, so that it never squeezes the axes."""
    long = Panel("area", "die area", "share of the power limit: median error 15 % of 138, 85 % within 35 %", "[mm]")
    short, other = (costs(MARKS, [panel], GROUPS, title="t") for panel in (PANELS[0], long))
    for fig in (short, other):
        fig.draw_without_rendering()
    assert other.axes[0].get_window_extent().width > 0.9 * short.axes[0].get_window_extent().width


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.inf, math.nan])
def test_impossible_numbers_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="positive and finite"):
        costs([CostMark("area", "soc", "x", 1.0, 1.0, 1.0, wrong)], PANELS, GROUPS, title="t")


def test_nothing_to_draw_is_said() -> None:
    assert "nothing was predicted" in {text.get_text() for text in costs([], [], {}, title="t").texts}


def test_the_same_figure_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(costs(MARKS, PANELS, GROUPS, title="t"), tmp_path / name, kinds=["svg"])
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert np.all([panel.title in (tmp_path / "a.svg").read_text(encoding="utf8") for panel in PANELS])
