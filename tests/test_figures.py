"""Pictures hold what they should, say what they leave out, and survive thin data. (Their looks, people check.)"""

from __future__ import annotations

import errno
import os
import sys
import xml.etree.ElementTree as ET
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from results.figures import parallel_coordinates, save, scatter_matrix
from results.figures.look import number_text
from results.figures.marks import Mark

OBJECTIVES = {
    "decode_tokens_per_s": "max",
    "energy_j_per_token": "min",
    "tco_usd_per_mtoken": "min",
    "carbon_g_per_mtoken": "min",
}
DESIGN = ["dram_bytes_per_s", "compute_flop_per_s", "sram_bytes", "dram_bytes", "flash_bytes"]


def designs(rows: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    bandwidth = np.geomspace(25e9, 1e12, 24)[rng.integers(0, 24, rows)]
    rate = bandwidth / 4e9 * rng.uniform(0.9, 1, rows)
    return pd.DataFrame(
        {
            "point": np.arange(rows) * 11,
            "dram_bytes_per_s": bandwidth,
            "compute_flop_per_s": np.geomspace(1e12, 2e14, 24)[rng.integers(0, 24, rows)],
            "sram_bytes": np.geomspace(2**21, 2**28, 12)[rng.integers(0, 12, rows)],
            "dram_bytes": np.full(rows, 8e9),
            "flash_bytes": rng.choice([0.0, 128e9, 512e9], rows),
            "decode_tokens_per_s": rate,
            "energy_j_per_token": 0.2 + 3 / rate,
            "tco_usd_per_mtoken": 0.3 + rate / 100 * rng.uniform(1, 1.3, rows),
            "carbon_g_per_mtoken": 60 + rate / 9,
        }
    )


def matrix(front: pd.DataFrame, cloud: pd.DataFrame, objectives: dict[str, str] = OBJECTIVES, **more: object) -> Figure:
    given = {"knee": 0 if len(front) else None, "title": "t", "counts": "showing 7 of 9", **more}
    return scatter_matrix(front, cloud, objectives, **given)  # type: ignore[arg-type]


def texts(fig: Figure) -> str:
    fig.draw_without_rendering()
    return "\n".join(t.get_text() for t in fig.findobj(lambda a: hasattr(a, "get_text")))  # type: ignore[attr-defined]


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_scatter_matrix_is_a_lower_triangle_of_front_before_cloud(m: int) -> None:
    front, cloud = designs(50), designs(300, 1)
    fig = matrix(front, cloud, dict(list(OBJECTIVES.items())[:m]), colour="dram_bytes_per_s")
    pairs = [ax for ax in fig.axes if any(isinstance(c, PathCollection) for c in ax.collections)]
    pairs = [ax for ax in pairs if m > 1]
    assert len(pairs) == m * (m - 1) // 2
    for ax in pairs:
        behind, before, star = ax.collections
        assert [len(np.asarray(c.get_offsets())) for c in (behind, before, star)] == [300, 50, 1]
        assert behind.get_zorder() < before.get_zorder() < star.get_zorder()
        assert behind.get_rasterized()


def test_scatter_matrix_shows_numbers_in_shown_units_and_orders_axes() -> None:
    front = designs(50)
    objectives = {"tpot_s": "min", "energy_j_per_token": "min"}
    front["tpot_s"] = 1 / front["decode_tokens_per_s"]
    fig = matrix(front, front.iloc[:0], objectives)
    (pair,) = [ax for ax in fig.axes if len(ax.collections) == 3]
    assert np.allclose(pair.collections[1].get_offsets()[:, 0], front["tpot_s"] * 1e3)  # type: ignore[index]
    assert pair.get_xscale() == "log"  # spans more than a decade
    assert pair.get_yscale() == "linear"
    low, high = pair.get_xlim()
    assert low < front["tpot_s"].min() * 1e3 < front["tpot_s"].max() * 1e3 < high


def test_scatter_matrix_says_what_it_shows() -> None:
    said = texts(matrix(designs(50), designs(300, 1), colour="dram_bytes_per_s", knee=3))
    for words in (
        "showing 7 of 9",
        "decode rate [token/s]\nbetter →",
        "energy [J/token]\n← better",
        "dominated designs",
        "knee: design 33",
        "DRAM bandwidth [GB/s]",
    ):
        assert words in said


def test_marks_are_drawn_where_both_columns_are_known_and_named_with_what_is_not() -> None:
    front = designs(50)
    known = {"decode_tokens_per_s": np.array([500.0, 700.0]), "energy_j_per_token": np.array([0.5, 0.6])}
    marks = [Mark("Chip A", known), Mark("Chip B", note="does not fit (8 GB more needed)")]
    fig = matrix(front, designs(300, 1), marks=marks)
    pairs = [ax for ax in fig.axes if len(ax.collections) >= 3]
    drawn = [ax.collections[3] for ax in pairs if len(ax.collections) == 4]
    assert len(pairs) == 6
    (mark,) = drawn  # energy over rate; cost and carbon are not known
    assert np.allclose(mark.get_offsets(), [[500, 0.5], [700, 0.6]])  # type: ignore[arg-type]
    said = texts(fig)
    assert "Chip A (unknown: TCO, carbon)" in said
    assert "Chip B: does not fit (8 GB more needed)" in said
    (ax,) = [ax for ax in pairs if len(ax.collections) == 4]
    assert ax.get_xlim()[1] > 700  # what is compared with is in the picture
    assert "Chip A" not in texts(matrix(front, designs(300, 1)))
    one = matrix(front, front.iloc[:0], {"decode_tokens_per_s": "max"}, marks=marks)
    assert any(
        np.allclose(c.get_offsets(), [[500, 0], [700, 0]])
        for ax in one.axes
        for c in ax.collections
        if len(c.get_offsets()) == 2
    )  # type: ignore[arg-type]


def test_wild_dominated_designs_do_not_squeeze_the_front() -> None:
    front, cloud = designs(50), designs(1000, 1)
    cloud.loc[:4, "energy_j_per_token"] = 1e6
    (ax, *_) = [ax for ax in matrix(front, cloud).axes if len(ax.collections) == 3]
    assert ax.get_ylim()[1] < 10
    front.loc[0, "energy_j_per_token"] = 1e6  # but what is on the front is in the picture
    (ax, *_) = [ax for ax in matrix(front, cloud).axes if len(ax.collections) == 3]
    assert ax.get_ylim()[1] > 1e6


@pytest.mark.parametrize("rows", [0, 1, 2, 2500])
@pytest.mark.parametrize("behind", [0, 1])
@pytest.mark.filterwarnings("error")
def test_thin_and_thick_data_draw_without_a_warning(tmp_path: Path, rows: int, behind: int) -> None:
    front, cloud = designs(rows), designs(behind, 1)
    cloud["energy_j_per_token"] = np.nan
    fig = matrix(front, cloud, colour="dram_bytes")
    fig.draw_without_rendering()
    other = parallel_coordinates(front, DESIGN, OBJECTIVES, highlight=[0] if rows else None, title="t")  # type: ignore[arg-type]
    assert save(other, tmp_path / "p")[0].stat().st_size > 5000
    assert ("no design is feasible" in texts(fig)) == (rows == 0)


@pytest.mark.filterwarnings("error")
def test_equal_and_zero_values_draw_without_a_warning() -> None:
    front = designs(5)
    for name in OBJECTIVES:
        front[name] = [0.0, 3.0, 3.0 * (1 + 1e-15), 3.0, 3.0] if name == "energy_j_per_token" else 3.0
    matrix(front, front.iloc[:0]).draw_without_rendering()
    parallel_coordinates(front, DESIGN, OBJECTIVES, highlight=None, title="t").draw_without_rendering()  # type: ignore[arg-type]


def test_parallel_coordinates_have_a_line_per_design_better_ends_up() -> None:
    front = designs(40)
    fig = parallel_coordinates(front, DESIGN, OBJECTIVES, highlight={"knee": 2}, title="t")  # type: ignore[arg-type]
    (lines,) = [
        c for ax in fig.axes for c in ax.collections if isinstance(c, LineCollection) and len(c.get_paths()) == 40
    ]
    ends = np.array([np.asarray(p.vertices)[6, 1] for p in lines.get_paths()])
    assert (ends.min(), ends.max()) == (0.0, 1.0)
    cheapest = int(front["energy_j_per_token"].argmin())
    rates = np.asarray(lines.get_array())
    assert ends[rates == front["decode_tokens_per_s"].iloc[cheapest]].tolist() == [1.0]
    said = texts(fig)
    assert "knee: design 22" in said
    assert "40 designs on the front" in said
    assert "DRAM bandwidth\n[GB/s]" in said
    for level in ("0", "128", "512", "8"):
        assert f"\n{level}\n" in said


def test_parallel_coordinates_have_axes_of_words_in_their_order_and_of_numbers() -> None:
    levels = ["plain", "two-of-four", "eagle", "unused"]
    front = designs(6).assign(
        **{
            "workloads.0.techniques": pd.Categorical([levels[row % 3] for row in range(6)], categories=levels),
            "workloads.0.batch": [1, 2, 4, 8, 1, 2],
        }
    )
    axes = ["workloads.0.techniques", "workloads.0.batch", "dram_bytes_per_s"]
    fig = parallel_coordinates(front, axes, OBJECTIVES, highlight=None, title="t")
    (lines,) = [c for ax in fig.axes for c in ax.collections if isinstance(c, LineCollection)][:1]
    found = {tuple(np.asarray(path.vertices)[0]) for path in lines.get_paths()}
    assert found == {(0.0, 0.0), (0.0, 0.5), (0.0, 1.0)}
    said = texts(fig)
    assert "workloads.0\ntechniques" in said
    assert "workloads.0\nbatch" in said
    assert "two-of-four" in said
    assert "unused" not in said


def test_parallel_coordinates_say_how_many_lines_of_how_many() -> None:
    fig = parallel_coordinates(designs(2345), DESIGN, OBJECTIVES, highlight=None, title="t")  # type: ignore[arg-type]
    assert "showing 1,000 of 2,345 designs on the front" in texts(fig)
    most = max(len(c.get_paths()) for ax in fig.axes for c in ax.collections)
    assert most == 1000


def test_saved_figures_are_whole_and_the_same_each_time(tmp_path: Path) -> None:
    def made(where: Path) -> list[Path]:
        return save(matrix(designs(20), designs(50, 1), colour="sram_bytes"), where / "front.v1")

    first, second = made(tmp_path / "a"), made(tmp_path / "b")
    assert [p.name for p in first] == ["front.v1.png", "front.v1.svg"]
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert first[0].read_bytes().startswith(b"\x89PNG")
    words = " ".join(ET.parse(first[1]).getroot().itertext())
    assert "energy [J/token]" in words  # text stays text


def test_a_figure_is_laid_out_once_for_both_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fig, same, again = (matrix(designs(20), designs(50, 1)) for _ in range(3))
    engine = fig.get_layout_engine()
    times: list[int] = []
    real = ConstrainedLayoutEngine.execute
    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", lambda self, of: (times.append(1), real(self, of))[1])
    save(fig, tmp_path / "front")
    assert len(times) == 1
    assert fig.get_layout_engine() is engine  # whoever has the figure may go on with it
    save(same, tmp_path / "alone", kinds=["svg"])
    assert (tmp_path / "alone.svg").read_bytes() == (tmp_path / "front.svg").read_bytes()
    plain = BytesIO()
    again.savefig(plain, format="png", dpi=150, metadata={"Software": None})
    assert (tmp_path / "front.png").read_bytes() == plain.getvalue()  # as matplotlib alone lays it out


def test_lines_stay_lines_in_an_svg(tmp_path: Path) -> None:
    """More than 500 were pixels once: five times the file, and blurred on paper."""
    fig = parallel_coordinates(designs(900), DESIGN, OBJECTIVES, highlight=None, title="t")  # type: ignore[arg-type]
    (path,) = save(fig, tmp_path / "parallel", kinds=["svg"])
    assert path.stat().st_size < 500_000
    images = ET.parse(path).getroot().iter("{http://www.w3.org/2000/svg}image")
    assert max(float(one.get("width", 0)) for one in images) < 100  # but for the bar of colours


def test_a_full_disk_leaves_no_half_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    fig = matrix(designs(5), designs(5))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="full"):
        save(fig, tmp_path / "front")
    assert list(tmp_path.iterdir()) == []


def test_bad_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one objective"):
        matrix(designs(2), designs(2), {})
    with pytest.raises(ValueError, match="at least one objective"):
        parallel_coordinates(designs(2), DESIGN, {}, highlight=None, title="t")
    with pytest.raises(KeyError):
        matrix(designs(2), designs(2), {"tpot_s": "min"})


def test_pictures_do_without_pyplot() -> None:
    import subprocess

    code = (
        "import sys, results.figures as f; assert 'matplotlib' not in sys.modules; import pandas as pd;"
        "d = pd.DataFrame({'tpot_s': [1.0, 2.0], 'dies': [2.0, 1.0]}); o = {'tpot_s': 'min', 'dies': 'min'};"
        "f.scatter_matrix(d, d, o, knee=0, title='', counts='').draw_without_rendering();"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1000.0, "1,000"), (0.218, "0.218"), (5.8812, "5.88"), (25, "25"), (128.0, "128"), (0.5, "0.5")],
)
def test_numbers_on_axes_are_short(value: float, text: str) -> None:
    assert number_text(value) == text
    assert number_text(1e7) == "$10^{7}$"
    assert number_text(2.5e-5) == "$2.5\\times10^{-5}$"
