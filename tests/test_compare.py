"""``dse compare``: the numbers of its table, what it refuses, and its pictures."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from conftest import Command
from matplotlib.image import imread
from small_run import changed

import dse
from dse.comparing import compared
from dse.report.comparing import percent
from dse.runs import Run
from results.figures.look import THEMES

OUTPUT = "output: {dir: runs/small}"
NSGA2 = "method: nsga2, population: 20, generations: 8"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, small_run: Run) -> Mapping[str, Run]:
    """The small study by grid, NSGA-II and a sample; another study; one in which nothing is feasible."""
    folder = tmp_path_factory.mktemp("compared")

    def run(name: str, *changes: tuple[str, str], search: str = "method: grid", output: str = OUTPUT) -> Run:
        text = changed((OUTPUT, f"search: {{{search}}}\n{output}"), *changes)
        return dse.sweep(text, out=folder / name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dse.pictures.draw", lambda run: [])
        limit = ("peak_power <= 60 W", "peak_power <= 1 mW")
        return {
            "grid": small_run,
            "nsga2": run("nsga2", search=NSGA2),
            "sample": run("sample", search="method: sample, n: 64"),
            "short": run("short", search=NSGA2, output="output: {dir: runs/small, keep: front}"),
            "other": run("other", ("node: 5nm", "node: 3nm"), ("carbon_g_per_mtoken: min", "ttft_s: min")),
            "nothing": run("nothing", limit),
            "nothing either": run("nothing-either", limit, search="method: sample, n: 32"),
        }


def paths(runs: Mapping[str, Run], *names: str) -> list[str]:
    return [str(runs[name].path) for name in names]


def test_a_run_beside_itself_misses_nothing(runs: Mapping[str, Run]) -> None:
    table = dse.compare(runs["grid"], reference=runs["grid"])
    (row,) = table.to_dict("records")
    assert (row["method"], row["evaluations"], row["front"]) == ("grid", 450, runs["grid"].manifest["front"])
    assert (row["hypervolume"], row["igd_plus"], row["epsilon"], row["factor"], row["found"]) == (1, 0, 0, 1, 1)


def test_the_table_is_in_the_order_given_and_measures_by_the_reference(runs: Mapping[str, Run]) -> None:
    table = dse.compare(*paths(runs, "sample", "grid", "nsga2"), reference=runs["grid"].path)
    assert table["method"].tolist() == ["sample", "grid", "nsga2"]
    sample, grid, nsga2 = table.to_dict("records")
    assert sample["hypervolume"] < nsga2["hypervolume"] <= grid["hypervolume"] == 1.0
    assert sample["igd_plus"] > nsga2["igd_plus"] >= grid["igd_plus"] == 0.0
    exact, found = set(runs["grid"].front()["point"]), set(runs["nsga2"].front()["point"])
    assert nsga2["found"] == len(exact & found) / len(exact)
    assert table.attrs["reference_designs"] == len(exact)
    assert table.attrs["units"]["seconds"] == "s"


def test_epsilon_says_how_far_every_design_of_the_reference_is_from_the_front(runs: Mapping[str, Run]) -> None:
    (row,) = dse.compare(runs["sample"], reference=runs["grid"]).to_dict("records")
    ways = runs["grid"].objectives

    def ratios(mine: pd.Series, best: pd.Series) -> list[float]:
        return [best[name] / mine[name] if way == "max" else mine[name] / best[name] for name, way in ways.items()]

    front, reference = runs["sample"].front(), runs["grid"].front()
    worst = max(min(max(ratios(a, r)) for _, a in front.iterrows()) for _, r in reference.iterrows())
    assert row["factor"] == pytest.approx(worst, rel=1e-12)


def test_the_reference_point_is_a_tenth_beyond_the_nadir_in_logarithms(runs: Mapping[str, Run]) -> None:
    table = dse.compare(runs["nsga2"], reference=runs["grid"])
    front = runs["grid"].front()
    for name, way in runs["grid"].objectives.items():
        best, worst = (front[name].max(), front[name].min()) if way == "max" else (front[name].min(), front[name].max())
        expected = worst * (worst / best) ** 0.1
        assert table.attrs["reference_point"][name] == pytest.approx(expected, rel=1e-9)


def test_without_a_reference_all_fronts_together_are_the_measure(runs: Mapping[str, Run]) -> None:
    both = dse.compare(runs["sample"], runs["nsga2"])
    assert both["hypervolume"].max() <= 1.0
    union = pd.concat([runs["sample"].front(), runs["nsga2"].front()])
    assert both.attrs["reference_designs"] <= len(union)
    whole = dse.compare(runs["sample"], runs["grid"], runs["nsga2"])
    alone = dse.compare(runs["sample"], runs["nsga2"], reference=runs["grid"])
    assert whole["hypervolume"][[0, 2]].tolist() == alone["hypervolume"].tolist()


def test_the_curve_ends_where_the_run_did(runs: Mapping[str, Run]) -> None:
    comparison = compared(runs["nsga2"], runs["short"], runs["sample"], reference=runs["grid"])
    nsga2, short, sample = comparison.runs
    curve = comparison.curve(nsga2)
    assert curve is not None
    evaluations, shares = curve
    assert (np.diff(evaluations) > 0).all()
    assert (np.diff(shares) >= 0).all()
    assert (evaluations[0], evaluations[-1]) == (20, 160)
    assert shares[-1] == nsga2.quality.hypervolume
    assert comparison.curve(short) is None
    assert comparison.curve(sample) is None


def test_the_command_prints_a_table_csv_and_json(runs: Mapping[str, Run], command: Command) -> None:
    given = [*paths(runs, "grid", "nsga2"), "--reference", *paths(runs, "grid")]
    done = command("compare", *given)
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].split()[:5] == ["run", "method", "evaluated", "seconds", "front"]
    assert lines[1].split()[1:3] == ["grid", "450"]
    assert "100.00 %" in lines[1]
    assert "reference: the front of" in done.out
    assert "up to 1.1" in done.out
    frame = dse.compare(*paths(runs, "grid", "nsga2"), reference=runs["grid"].path)
    read = pd.read_csv(io.StringIO(command("compare", *given, "--format", "csv").out))
    pd.testing.assert_frame_equal(read, frame, check_exact=True)
    told = json.loads(command("compare", *given, "--format", "json").out)
    assert [row["hypervolume"] for row in told["runs"]] == frame["hypervolume"].tolist()
    assert told["reference_point"] == frame.attrs["reference_point"]


@pytest.mark.parametrize(
    ("share", "text"), [(1.0, "100.00 %"), (0.999999, "> 99.99 %"), (0.9996, "99.96 %"), (math.inf, "-"), (0, "0.00 %")]
)
def test_what_is_not_quite_all_is_not_rounded_to_all(share: float, text: str) -> None:
    assert percent(share) == text


def test_runs_of_different_studies_are_refused_with_what_differs(runs: Mapping[str, Run], command: Command) -> None:
    done = command("compare", *paths(runs, "grid", "other"))
    assert (done.code, done.out) == (2, "")
    assert "are runs of different studies: technology, objectives differ" in done.err
    assert all(path in done.err for path in paths(runs, "grid", "other"))
    done = command("compare", *paths(runs, "grid", "nsga2"), "--reference", *paths(runs, "nothing"))
    assert "constraints differ" in done.err


def test_too_little_to_compare_is_refused(runs: Mapping[str, Run], command: Command, tmp_path: Path) -> None:
    alone = command("compare", *paths(runs, "grid"))
    assert (alone.code, alone.out) == (2, "")
    assert "expected two runs at least, or one and a --reference, got 1" in alone.err
    none = command("compare", tmp_path / "none", *paths(runs, "grid"))
    assert (none.code, none.out) == (1, "")
    assert "no such run directory" in none.err
    empty = command("compare", *paths(runs, "nothing", "nothing either"))
    assert (empty.code, empty.out) == (1, "")
    assert "none of the runs found a feasible design" in empty.err


def test_a_front_that_is_empty_beside_one_that_is_not(
    runs: Mapping[str, Run], command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid, sample = dse.open_run(runs["grid"].path), dse.open_run(runs["sample"].path)
    monkeypatch.setattr(
        type(sample), "front", lambda run: Run.read(run, run.paths.front)[: 15 * (run.path == grid.path)]
    )
    (row,) = dse.compare(sample, reference=grid).to_dict("records")
    assert (row["front"], row["hypervolume"], row["found"]) == (0, 0.0, 0.0)
    assert row["igd_plus"] == row["factor"] == math.inf
    told = json.loads(command("compare", sample.path, "--reference", grid.path, "--format", "json").out)
    assert told["runs"][0]["igd_plus"] is None


def test_it_draws_for_light_and_dark_pages(runs: Mapping[str, Run], command: Command, tmp_path: Path) -> None:
    for name, bright in (("light", True), ("dark", False)):
        for kind in ("png", "svg"):
            file = tmp_path / "pictures" / f"{name}.{kind}"
            done = command("compare", *paths(runs, "grid", "nsga2", "sample"), "--plot", file, "--theme", name)
            assert (done.code, done.err) == (0, f"wrote {file}\n")
        picture = imread(tmp_path / "pictures" / f"{name}.png")
        assert (picture[0, 0, :3].mean() > 0.9) == bright
        text = (tmp_path / "pictures" / f"{name}.svg").read_text()
        ElementTree.fromstring(text)
        for word in (
            "small: runs compared",
            "grid, ",
            "450 evaluated",
            "nsga2, 160 evaluated",
            "hypervolume missing [%]",
        ):
            assert word in text, word
        for colour in THEMES[name].groups[:3]:
            assert colour.lower() in text


def test_more_runs_than_people_can_tell_apart_are_not_drawn(
    runs: Mapping[str, Run], command: Command, tmp_path: Path
) -> None:
    done = command("compare", *paths(runs, "grid") * 9, "--plot", "pictures.png")
    assert (done.code, done.out) == (2, "")
    assert "--plot: expected at most 8 runs to tell apart, got 9" in done.err


def test_a_picture_that_cannot_be_written_is_refused(runs: Mapping[str, Run], command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = command("compare", *paths(runs, "grid", "nsga2"), "--plot", tmp_path / "file" / "x.png")
    assert (done.code, done.out) == (2, "")
    assert f"{tmp_path / 'file' / 'x.png'}: cannot write there" in done.err
    done = command("compare", *paths(runs, "grid", "nsga2"), "--plot", tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "--plot: expected a file that ends in .png or .svg, got" in done.err


def test_studies_may_differ_in_search_and_output(runs: Mapping[str, Run]) -> None:
    assert runs["short"].study.search != runs["sample"].study.search
    assert runs["short"].study.output != runs["sample"].study.output
    assert len(dse.compare(runs["short"], runs["sample"])) == 2
