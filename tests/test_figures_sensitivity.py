"""Pictures of sensitivity hold what they should, and survive thin data. (Their looks, people check.)"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import pytest
from matplotlib.figure import Figure

from results.figures import save, sensitivity
from results.figures.tornado import LIGHT, NIGHT, Bar, Panel, Share, sobol_axes, tornado_axes

BARS = (
    Bar("price", 0.5, 2.0),
    Bar("DRAM", 0.9, math.nan, "4 GB", "32 GB"),
    Bar("node", 1.2, 1.4, "7nm", "3nm"),
)
SHARES = (Share("price", 0.6, 0.7, 0.02), Share("DRAM", -0.01, 0.3, 0.01))


def texts(fig: Figure) -> list[str]:
    fig.draw_without_rendering()
    return [t.get_text() for t in fig.findobj(lambda a: hasattr(a, "get_text"))]  # type: ignore[attr-defined]


def test_a_tornado_has_a_bar_per_known_end_from_the_design_to_that_end() -> None:
    ax = tornado_axes(Figure().add_subplot(), BARS, 1.0, "ttft_s")
    spans = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in ax.patches]  # type: ignore[attr-defined]
    assert sorted(end for span in spans for end in span if abs(end - 1.0) > 1e-12) == pytest.approx(
        [0.5, 0.9, 1.2, 1.4, 2.0]
    )
    assert all(min(abs(end - 1.0) for end in span) < 1e-12 for span in spans)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["price", "DRAM", "node"]
    assert ax.yaxis_inverted()
    assert {note.get_text() for note in ax.texts} == {"4 GB", "3nm"}  # the nearer of two ends on a side is not named
    assert ax.get_xlabel() == "time to first token [s]"


def test_a_tornado_over_more_than_a_decade_is_logarithmic() -> None:
    assert tornado_axes(Figure().add_subplot(), [Bar("a", 0.1, 9.0)], 1.0, "ttft_s").get_xscale() == "log"
    assert tornado_axes(Figure().add_subplot(), [Bar("a", 0.0, 9.0)], 1.0, "ttft_s").get_xscale() == "linear"


def test_sobol_bars_are_the_indices_and_start_at_0() -> None:
    ax = sobol_axes(Figure().add_subplot(), SHARES)
    widths = [patch.get_width() for patch in ax.patches]  # type: ignore[attr-defined]
    assert widths == pytest.approx([0.7, 0.6, 0.3, 0.0])
    assert ax.get_xlim() == (0.0, 1.0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "panel",
    [
        Panel("ttft_s", 1.0, BARS, SHARES),
        Panel("ttft_s", 1.0, (), ()),
        Panel("ttft_s", math.nan, (), ()),
        Panel("ttft_s", None, (), SHARES),
        Panel("ttft_s", 1.0, (Bar("only", 1.0, 1.0),), ()),
    ],
    ids=["both", "nothing changes it", "no number", "sobol alone", "one bar without length"],
)
def test_pictures_of_any_panels_are_drawn(panel: Panel, theme: Literal["light", "dark"], tmp_path: Path) -> None:
    fig = sensitivity([panel, panel], title="t", below="b", theme=theme)
    assert "t" in texts(fig)
    for file in save(fig, tmp_path / "picture"):
        assert file.stat().st_size > 1000
    assert tuple(fig.get_facecolor()) != (1.0, 1.0, 1.0, 1.0) or theme == "light"


def test_no_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one column"):
        sensitivity([], title="t")


def luminance(colour: str) -> float:
    from matplotlib.colors import to_rgb

    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colours", [LIGHT, NIGHT], ids=["light", "dark"])
def test_text_stands_out_from_the_page_and_the_ends_from_each_other(colours: object) -> None:
    """WCAG 2.1: a contrast of 4.5 for text; the ends can be told apart without colour."""

    def contrast(one: str, other: str) -> float:
        high, low = sorted((luminance(one), luminance(other)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    assert isinstance(colours, type(LIGHT))
    assert contrast(colours.text, colours.paper) > 7
    assert contrast(colours.muted, colours.paper) > 4.5
    assert contrast(colours.low, colours.high) > 1.5
