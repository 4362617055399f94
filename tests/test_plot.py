"""``dse plot`` and ``run.plot``: each picture from a real run, its numbers those of the run, its errors for people."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import Command
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Text
from small_run import SMALL, changed

import dse
from dse.commands.plot import HELP
from dse.one_design import design_text
from dse.picture_kinds import KINDS
from dse.runs import Run
from sweeps.space import DESIGN_COLUMNS
from sweeps.time_by_ceiling import TIME_PARTS

OF_EVERY_GRID = [kind for kind in KINDS if kind not in ("convergence", "rates")]


@pytest.fixture(scope="module")
def evolved(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with generations."""
    folder = tmp_path_factory.mktemp("evolved")
    search = "search: {method: nsga2, population: 20, generations: 6}\nobjectives:"
    return dse.sweep(changed(("objectives:", search)), out=folder / "run")


def said(fig: Figure) -> str:
    return "\n".join(text.get_text() for text in fig.findobj(Text))  # type: ignore[attr-defined]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", OF_EVERY_GRID)
@pytest.mark.filterwarnings("error")
def test_every_picture_is_drawn_without_a_warning(small_run: Run, kind: str, theme: str, tmp_path: Path) -> None:
    fig = small_run.plot(kind, theme=theme)  # type: ignore[arg-type]
    fig.savefig(tmp_path / "x.png", dpi=40)
    light = float(np.mean(fig.get_facecolor()[:3])) > 0.5
    assert light == (theme == "light")
    assert "small" in said(fig)


def test_the_command_writes_what_is_asked_for(command: Command, small_run: Run, tmp_path: Path) -> None:
    file = tmp_path / "new" / "x.svg"
    done = command("plot", small_run.path, "--kind", "roofline", "--design", "100", "--out", file, "--theme", "dark")
    assert (done.code, done.out) == (0, f"{file}\n")
    assert "design 100" in file.read_text(encoding="utf8")
    assert [path.name for path in file.parent.iterdir()] == ["x.svg"]


def test_pictures_lie_in_the_run_unless_told_otherwise(command: Command, small_run: Run, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "run"
    shutil.copytree(small_run.path, copy)
    done = command("plot", copy, "--kind", "pair", "--theme", "dark", "--kind", "breakdown")
    assert done.code == 0
    names = [f"{kind}-dark.{suffix}" for kind in ("pair", "breakdown") for suffix in ("png", "svg")]
    assert [Path(line).name for line in done.out.splitlines()] == names
    assert {path.name for path in (copy / "figures").iterdir()} >= set(names)


def test_all_draws_what_the_run_has_data_for_and_says_what_it_has_not(
    command: Command, small_run: Run, tmp_path: Path
) -> None:
    import shutil

    copy = tmp_path / "run"
    shutil.copytree(small_run.path, copy)
    done = command("plot", copy, "--kind", "all", "--design", "200")
    assert done.code == 0
    assert {Path(line).stem for line in done.out.splitlines()} == set(OF_EVERY_GRID)
    said_so = done.err.splitlines()
    assert [line.split(":")[0] for line in said_so] == ["no picture rates", "no picture convergence"]
    assert "a picture of convergence needs generations, which method grid does not have" in said_so[1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--kind", "rofline"), 'there is no picture "rofline" (did you mean "roofline"?); pictures: front, parallel'),
        (("--kind", "front", "--design", "3"), "--design: picture front takes no design; roofline, energy"),
        (("--kind", "energy", "--design", "3", "--design", "4"), "--design: picture energy takes one, got 2"),
        (("--kind", "roofline", "--design", "450"), "design: points go from 0 to 449, got 450"),
        (("--kind", "roofline", "--axes", "a,b"), "--axes: picture roofline takes no axes; pair, uncertainty, bottle"),
        (("--kind", "pair", "--axes", "tco,TCO"), "--axes: expected 2 different ones, got tco_usd_per_mtoken twice"),
        (("--kind", "pair", "--axes", "tpot_s"), '--axes: expected 2 different ones, as X,Y, got "tpot_s"'),
        (
            ("--kind", "pair", "--axes", "decode_tokens_per_s,energy_j_per_tokens"),
            '--axes: there is no objective "energy_j_per_tokens" (did you mean "energy_j_per_token"?); there are',
        ),
        (
            ("--kind", "bottleneck", "--axes", "sram,computes"),
            '--axes: there is no free design axis "computes" (did you mean "compute"?)',
        ),
        (("--kind", "bottleneck", "--axes", "sram,sram"), '--axes: expected 2 different ones, as X,Y, got "sram,sram"'),
        (("--kind", "convergence"), "a picture of convergence needs generations, which method grid does not have"),
        (("--kind", "pair", "--out", "x.pdf"), '--out: expected a file that ends in .png or .svg, got "x.pdf"'),
        (("--out", "x.png"), "--out: takes one picture; name it with --kind"),
        (("--kind", "all", "--out", "x.png"), "--out: takes one picture"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    command: Command, small_run: Run, given: tuple[str, ...], message: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    done = command("plot", small_run.path, *given)
    assert done.code == 2
    assert done.err.startswith(f"error: {message}"), done.err
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_is_said(command: Command, small_run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    done = command("plot", small_run.path, "--kind", "pair", "--out", tmp_path / "file" / "x.png")
    assert done.code == 2
    assert "cannot write there" in done.err


def test_the_help_lists_every_picture_with_what_it_shows() -> None:
    listed = dict(re.findall(r"^  ([a-z]+)\s{2,}(.*)$", HELP, flags=re.M))
    assert {name: listed[name] for name in KINDS} == {name: kind.about for name, kind in KINDS.items()}


def test_a_pair_shows_the_front_and_the_edge_it_has_in_two_objectives(small_run: Run) -> None:
    front = small_run.front()
    fig = small_run.plot("pair", axes=("energy", "carbon_g_per_mtoken"))
    ax = fig.axes[0]
    points = next(c for c in ax.collections if isinstance(c, PathCollection) and len(c.get_offsets()) == len(front))
    offsets = np.asarray(points.get_offsets())
    assert np.array_equal(offsets[:, 0], front["energy_j_per_token"])
    (stairs,) = [line for line in ax.lines if line.get_drawstyle().startswith("steps")]
    x, y = (np.asarray(values, dtype=float) for values in stairs.get_data())
    assert (x[0], y[-1]) == (offsets[:, 0].min(), offsets[:, 1].min())
    assert (np.diff(x) > 0).all()
    assert (np.diff(y) < 0).all()


def test_ellipses_are_of_the_samples_that_the_uncertainty_counts(small_run: Run) -> None:
    from dse.front_pictures import MOST_ELLIPSES
    from sweeps.uncertainty import objective_samples

    points = small_run.front()["point"].to_numpy()
    drawn = objective_samples(small_run.problem, points, samples=64, seed=3)
    counted = small_run.uncertainty(samples=64, seed=3)
    feasible = np.isfinite(drawn["energy_j_per_token"])
    assert np.array_equal(feasible.mean(axis=0), counted["probability_feasible"])
    always = feasible.all(axis=0)
    assert always.any()
    medians = np.median(drawn["energy_j_per_token"][:, always], axis=0)
    np.testing.assert_allclose(medians, counted["energy_j_per_token_p50"][always], rtol=1e-12)
    fig = small_run.plot("uncertainty")
    rings = [line for line in fig.axes[0].lines if len(line.get_xydata()) == 121]  # type: ignore[arg-type]
    assert 1 <= len(rings) <= MOST_ELLIPSES + 1
    assert "seed 1" in said(fig)


def test_a_roofline_has_the_ceilings_of_the_design(small_run: Run) -> None:
    point = 266
    design = small_run.designs().set_index("point").loc[point]
    fig = small_run.plot("roofline", point)
    shown = said(fig)
    compute = design["compute_flop_per_s"] / 1e12
    assert f"bf16/fp16 {compute:.3g} TFLOP/s" in shown
    assert f"DRAM {design['dram_bytes_per_s'] / 1e9:.3g} GB/s" in shown
    assert "SRAM" in shown


def test_operators_in_flash_show_its_ceiling(small_run: Run) -> None:
    asked = {"dram_bandwidth": "50 GB/s", "compute": "100 TFLOP/s", "sram": "8 MiB", "dram": "3 GB", "flash": "128 GB"}
    shown = said(small_run.plot("roofline", asked))
    assert "bound by flash" in shown
    assert "the same at flash" in shown
    assert "GB/s" in shown


def test_an_infeasible_design_says_why_on_its_picture(small_run: Run) -> None:
    designs = small_run.designs(["point", "reason", "feasible"])
    bad = designs[~designs["feasible"]].iloc[0]
    for kind in ("roofline", "energy"):
        words = " ".join(said(small_run.plot(kind, int(bad["point"]))).split())
        assert f"infeasible: {bad['reason']}" in words


def test_a_bottleneck_map_agrees_with_the_run_at_its_star(small_run: Run) -> None:
    from dse import design_pictures
    from results.figures import bottleneck

    seen: list[bottleneck.Map] = []
    original = bottleneck.map_axes

    def spy(ax: object, one: bottleneck.Map, *more: object) -> object:
        seen.append(one)
        return original(ax, one, *more)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bottleneck, "map_axes", spy)
        small_run.plot("bottleneck", 266, axes=("compute", "dram_bytes_per_s"))
    row = small_run.designs().set_index("point").loc[266]
    assert [one.name for one in seen] == ["prefill", "decode"]
    decode = seen[1]
    assert (decode.x, decode.y) == ("compute_flop_per_s", "dram_bytes_per_s")
    assert decode.codes.shape == (design_pictures.MAP_LEVELS, design_pictures.MAP_LEVELS)
    near = np.abs(np.log(decode.y_values / row["dram_bytes_per_s"])).argmin()
    across = np.abs(np.log(decode.x_values / row["compute_flop_per_s"])).argmin()
    assert decode.values[near, across] == pytest.approx(row["decode_tokens_per_s"], rel=0.05)
    assert {TIME_PARTS[code] for code in np.unique(decode.codes) if code >= 0} >= {"dram", "vector"}
    corners = decode.x_values[[0, -1]].tolist()
    assert corners == pytest.approx([2e12, 100e12])


def test_bars_are_the_ledgers_of_the_designs(small_run: Run) -> None:
    front = small_run.front().set_index("point")
    best = int(front["energy_j_per_token"].idxmin())
    fig = small_run.plot("breakdown", [best, int(front.index[0])])
    totals = {ax.get_title(loc="left"): ax for ax in fig.axes}
    energy = totals["energy [J/token]"]
    for number, point in enumerate((best, int(front.index[0]))):
        widths = [p.get_width() for p in energy.patches if abs(p.get_y() + p.get_height() / 2 - number) < 0.1]  # type: ignore[attr-defined]
        assert sum(widths) == pytest.approx(front["energy_j_per_token"][point], rel=1e-12)
    time = totals["time per token [ms]"]
    widths = [p.get_width() for p in time.patches if abs(p.get_y() + p.get_height() / 2) < 0.1]  # type: ignore[attr-defined]
    assert sum(widths) == pytest.approx(1e3 / front["tokens_per_s"][best], rel=1e-9)


def test_designs_between_the_levels_keep_their_own_bars(small_run: Run) -> None:
    given = [f"dram_bandwidth=90 GB/s, compute={c} TFLOP/s, sram=8 MiB, dram=12 GB, flash=0 GB" for c in (7, 9)]
    fig = small_run.plot("breakdown", given)
    assert {"design 1 as given", "design 2 as given"} <= set(said(fig).split("\n"))


def test_convergence_shows_the_history(command: Command, evolved: Run, tmp_path: Path) -> None:
    history = pd.read_parquet(evolved.paths.history)
    fig = evolved.plot("convergence")
    line = fig.axes[0].lines[0]
    assert np.array_equal(line.get_xdata(), history["evaluations"])
    assert np.array_equal(line.get_ydata(), history["hypervolume"])
    assert "nsga2, population 20, seed 1; 6 generations" in said(fig)
    assert command("plot", evolved.path, "--kind", "convergence", "--out", tmp_path / "x.png").code == 0


def test_scenario_axes_are_part_of_a_design(tmp_path: Path) -> None:
    run = dse.sweep(changed(("batch: 1", "batch: [1, 8]")), out=tmp_path / "run")
    assert json.loads(run.paths.manifest.read_text())["front"] > 0
    half = run.problem.space.inner_size
    for point in (10, half + 10):
        assert f"design {point:,}" in said(run.plot("roofline", point))


def test_an_axis_that_follows_from_others_is_no_axis_of_a_map(tmp_path: Path) -> None:
    text = changed(("[2 MiB, 8 MiB, 32 MiB]", '"0.5 MiB/(TFLOP/s) * compute"'))
    run = dse.sweep(text, out=tmp_path / "run")
    assert "SRAM follows from others" in " ".join(said(run.plot("bottleneck")).split())
    with pytest.raises(dse.StudyError, match='there is no free design axis "sram"'):
        run.plot("bottleneck", axes=("sram", "compute"))


def test_one_objective_has_no_pair_and_an_empty_front_no_knee(tmp_path: Path) -> None:
    objectives = SMALL.split("objectives: ")[1].split("\n")[0]
    text = changed((objectives, "{decode_tokens_per_s: max}"), ("peak_power <= 60 W", "peak_power <= 0.001 W"))
    run = dse.sweep(text, out=tmp_path / "run")
    with pytest.raises(dse.StudyError, match="needs two; the study has 1"):
        run.plot("pair")
    for kind, words in (("front", "the front is empty"), ("breakdown", "name a design with --design")):
        with pytest.raises(dse.StudyError, match=words):
            run.plot(kind)
    assert "infeasible" in said(run.plot("roofline", 7))


def test_a_picture_names_a_design_in_the_units_of_its_axes() -> None:
    """16 MiB of SRAM were 16.8 MB above a picture whose axis is in MiB, and no flash was 0 B."""
    amounts = (3.35e12, 8.79e12, 2.0**24, 8e9, 0.0)
    told = design_text({name: np.array([value]) for name, value in zip(DESIGN_COLUMNS, amounts, strict=True)})
    assert told == "DRAM bandwidth 3,350 GB/s, compute 8.79 TFLOP/s, SRAM 16 MiB, DRAM 8 GB, flash 0 GB"


def test_the_tornado_of_a_run_is_around_its_knee(small_run: Run) -> None:
    knee = int(small_run.pick(knee=True)["point"].item())
    for design, name in ((None, f"design {knee}, the knee of the front: "), (knee, f"design {knee}: ")):
        assert name + "DRAM bandwidth" in " ".join(said(small_run.plot("tornado", design)).split())
