"""The page of a run as a file: it loads nothing, its numbers are those of evaluate, and no text does harm."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import math
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Command
from small_run import SMALL, bits, changed

import dse
from dse.report.page import data
from dse.report.page.data import page_data
from dse.report.page.html import SCRIPTS, as_json, page_html
from dse.report.page.maps import LETTERS
from dse.runs import Run
from results.figures.pair import ellipse
from sweeps.energy_roofline import operator_energies
from sweeps.time_by_ceiling import binding, seconds_per_token
from sweeps.uncertainty import objective_samples

MOST_BYTES = 5_000_000


@pytest.fixture(scope="module")
def whole(small_run: Run) -> dict[str, Any]:
    return page_data(small_run)


class Read(html.parser.HTMLParser):
    """The elements of a page with their attributes, and the text of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "script":
            self.scripts[-1] += data


def test_the_page_holds_the_front_as_it_is(small_run: Run, whole: dict[str, Any]) -> None:
    read = Read(page_html(whole))
    held = json.loads(read.scripts[0])
    assert held == json.loads(json.dumps(whole))
    front = small_run.front()
    assert held["front"] == held["count"] == len(front)
    for name, values in held["rows"].items():
        assert [bits(value) for value in values] == [bits(value) for value in front[name].tolist()]
    assert {*small_run.objectives, "price_usd", "ttft_s", "point"} <= set(held["rows"])
    assert list(held["objectives"]) == list(small_run.objectives)


def test_what_a_design_consists_of_sums_to_its_numbers(small_run: Run, whole: dict[str, Any]) -> None:
    front = small_run.front()
    assert set(whole["designs"]) == {str(row) for row in range(len(front))}
    for row, design in whole["designs"].items():
        before, after = design["phases"]
        assert before["seconds"] == front["ttft_s"].iloc[int(row)]
        assert after["seconds"] == front["tpot_s"].iloc[int(row)]
        for phase in (before, after):
            assert math.fsum(time for _, time in phase["parts"]) == pytest.approx(phase["seconds"], rel=1e-12)
        for name, ledger in zip(whole["ledger_columns"], design["ledgers"], strict=True):
            assert ledger["total"] == front[name].iloc[int(row)]
            assert math.fsum(amount for _, amount in ledger["parts"]) == ledger["total"]
        assert design["ceilings"]["memory"]["DRAM"] == front["dram_bytes_per_s"].iloc[int(row)]
        assert design["ceilings"]["compute"]["fp16"] == front["compute_flop_per_s"].iloc[int(row)]


def test_bars_of_energy_cost_and_carbon_are_in_every_page(whole: dict[str, Any]) -> None:
    assert {"energy_j_per_token", "tco_usd_per_mtoken", "carbon_g_per_mtoken", "price_usd"} <= set(
        whole["ledger_columns"]
    )


def test_operators_of_an_energy_roofline_have_the_energy_of_their_phase(small_run: Run, whole: dict[str, Any]) -> None:
    row = whole["picks"][0]["row"]
    point = int(small_run.front()["point"].iloc[row])
    scenarios, columns = small_run.problem.space.designs(np.array([point]))
    found = operator_energies(columns, small_run.problem.scenario(int(scenarios[0])))
    energy = whole["designs"][str(row)]["energy"]
    seen = [one for one in found if one.operator.flop and one.operator.dram_bytes]
    assert [one[3] for one in energy["points"]] == [one.flop_per_j for one in seen]
    (curve,) = energy["curves"]
    for _, _, intensity, flop_per_j, _, _ in energy["points"]:  # no operator is above the curve
        assert flop_per_j <= np.interp(math.log(intensity), np.log(curve[1]), curve[2]) * 1.02
    total = sum(one.total_j for one in seen if one.operator.phase == "decode")
    shares = {whole["words"][one[0]]: one[4] for one in energy["points"] if whole["words"][one[1]] == "decode"}
    best = max((one for one in seen if one.operator.phase == "decode"), key=lambda one: one.total_j)
    assert max(shares, key=shares.__getitem__) == best.operator.name
    assert total > 0


def test_letters_of_a_map_are_what_binds_in_the_run(small_run: Run, whole: dict[str, Any]) -> None:
    maps, (across, up) = whole["maps"], ("dram_bytes_per_s", "compute_flop_per_s")
    assert set(maps["rows"]) == {str(pick["row"]) for pick in whole["picks"]}
    assert len(maps["rows"][str(whole["picks"][0]["row"])]["pairs"]) == 10
    for pick in whole["picks"][:2]:
        held = maps["rows"][str(pick["row"])]
        design = {name: small_run.front()[name].iloc[pick["row"]] for name in maps["axes"]}
        size = len(held["levels"][across])
        for i, j in ((0, 0), (size - 1, 3), (5, size - 1), (size // 2, size // 2)):
            moved = design | {across: held["levels"][across][i], up: held["levels"][up][j]}
            columns = {name: np.array([value]) for name, value in moved.items()}
            scenario = small_run.problem.scenario(0)
            codes = binding(seconds_per_token(columns, scenario))
            letters = held["pairs"][f"{across},{up}"]
            for phase in ("prefill", "decode"):
                letter = letters[phase][j * size + i]
                assert letter == ("-" if codes[phase][0] < 0 else LETTERS[codes[phase][0]])
            feasible = bool(small_run.problem.given(columns, 0)["feasible"][0])  # type: ignore[index]
            assert letters["feasible"][j * size + i] == str(int(feasible))


@pytest.mark.usefixtures("no_pictures")
def test_an_axis_that_is_always_0_has_no_map(tmp_path: Path) -> None:
    study = changed(("[0 GB, 128 GB]", "0 GB"), ("[6 GB, 12 GB, 24 GB]", "12 GB"))
    maps = page_data(dse.sweep(study, out=tmp_path / "run"))["maps"]
    assert maps["axes"] == ["dram_bytes_per_s", "compute_flop_per_s", "sram_bytes", "dram_bytes"]
    levels = next(iter(maps["rows"].values()))["levels"]
    assert levels["dram_bytes"][0] == 3e9  # of one value, a quarter and four times of it
    assert levels["dram_bytes"][-1] == pytest.approx(48e9)


@pytest.mark.usefixtures("no_pictures")
def test_ellipses_are_those_of_the_picture_of_uncertainty(tmp_path: Path) -> None:
    study = changed(("objectives: {decode", "uncertainty: {samples: 64, seed: 3}\nobjectives: {decode"))
    run = dse.sweep(study, out=tmp_path / "run")
    found = page_data(run)["spreads"]
    assert found["objectives"] == list(run.objectives)
    row = int(next(iter(found["rows"])))
    spread = found["rows"][str(row)]
    point = int(run.front()["point"].iloc[row])
    drawn = objective_samples(run.problem, np.array([point]), samples=64, seed=3)
    for x, y in ((0, 2), (3, 1)):
        names = [found["objectives"][k] for k in (x, y)]
        corners = ellipse(drawn[names[0]][:, 0], drawn[names[1]][:, 0])
        bent = np.stack([np.log(corners[:, i]) if spread["logs"][k] else corners[:, i] for i, k in enumerate((x, y))])
        away = bent - np.array([[spread["mean"][k]] for k in (x, y)])
        covariance = np.array([[spread["covariance"][a][b] for b in (x, y)] for a in (x, y)])
        radii = np.sqrt(np.einsum("ik,ij,jk->k", away, np.linalg.inv(covariance), away))
        assert radii == pytest.approx(found["radius"], rel=1e-6)


def test_a_study_without_uncertainty_has_no_ellipses(whole: dict[str, Any]) -> None:
    assert whole["spreads"] is None


def test_the_picks_are_the_best_of_each_objective(small_run: Run, whole: dict[str, Any]) -> None:
    front, rows = small_run.front(), {pick["name"]: pick["row"] for pick in whole["picks"]}
    assert front["decode_tokens_per_s"].iloc[rows["best decode rate"]] == front["decode_tokens_per_s"].max()
    assert front["tco_usd_per_mtoken"].iloc[rows["best TCO"]] == front["tco_usd_per_mtoken"].min()
    assert len(rows) == 5


def test_the_page_is_one_file_that_loads_nothing(whole: dict[str, Any]) -> None:
    text = page_html(whole)
    assert len(text.encode()) < MOST_BYTES
    read = Read(text)
    for tag, attributes in read.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    own = [
        (files("dse.report.page") / name).read_text(encoding="utf-8")
        for name in ("page.css", "page.html", *(f"{n}.js" for n in SCRIPTS))
    ]
    for part in own:
        assert not re.search(
            r"@import|url\(|fetch\(|XMLHttpRequest|WebSocket|import\(|innerHTML|outerHTML|eval\(", part
        )
        assert "http" not in part.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")


def test_the_policy_lets_only_this_script_run(whole: dict[str, Any]) -> None:
    read = Read(page_html(whole))
    policy = next(a["content"] for tag, a in read.elements if tag == "meta" and "http-equiv" in a)
    assert policy is not None
    digest = base64.b64encode(hashlib.sha256(read.scripts[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")


HOSTILE = "</script><script>alert(1)</script><!-- <img src=x onerror=alert(1)> & \" ' \u2028 @@DATA@@"


def test_no_text_ends_the_element_it_stands_in(whole: dict[str, Any]) -> None:
    plain = Read(page_html(whole))
    harmful = {**whole, "name": HOSTILE, "study": HOSTILE, "constraints": [HOSTILE], "lines": [HOSTILE]}
    text = page_html(harmful)
    read = Read(text)
    assert [tag for tag, _ in read.elements] == [tag for tag, _ in plain.elements]
    assert json.loads(read.scripts[0])["study"] == HOSTILE
    assert read.scripts[1] == plain.scripts[1]
    assert text.count("</script>") == 2
    assert "<!--" not in text
    assert as_json(HOSTILE).isascii()


def test_a_long_front_is_thinned_and_keeps_the_best(small_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "LEAST_ROWS", 14)
    monkeypatch.setattr(data, "MOST_BYTES", 1)
    monkeypatch.setattr(data, "MOST_TAKEN", 6)
    found = page_data(small_run)
    front = small_run.front()
    assert 6 < found["count"] <= 14 < found["front"] == len(front)
    assert len(found["designs"]) == 6
    for name, way in small_run.objectives.items():
        best = front[name].max() if way == "max" else front[name].min()
        assert best in found["rows"][name]
    assert {pick["row"] for pick in found["picks"]} <= {int(row) for row in found["designs"]}


def test_designs_are_taken_apart_as_far_as_there_is_room(small_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "MOST_TAKEN_BYTES", 20_000)
    found = page_data(small_run)
    taken = [len(json.dumps(design, separators=(",", ":"))) for design in found["designs"].values()]
    assert sum(taken[:-1]) < 20_000 <= sum(taken)
    assert found["count"] == len(small_run.front())


VARIANTS = {
    "a power cap": changed(("node: 5nm", "node: 5nm, power_cap: 6 W")),
    "the largest batch": changed(
        ("batch: 1", "batch: max\n    slo: {tpot: 200 ms}"),
        ("segment: edge, demand: 200000 token/day", "segment: edge"),
        ('"ttft <= 4 s", ', ""),
    ),
    "several chips": changed(("segment: edge, demand: 200000 token/day", "segment: datacenter, chips: [1, 2, 4]")),
    "pipeline": changed(
        ("segment: edge, demand: 200000 token/day", "segment: datacenter, chips: 4, parallel: {pipeline: 2}")
    ),
    "calibrated": SMALL + "modelling: {efficiency: calibrated, runtime: llama.cpp}\n",
    "memory that computes": changed(("flash_kind: ufs", "flash_kind: nvme, pim: nand-pim")),
    "one objective": changed(
        ("max, energy_j_per_token: min, tco_usd_per_mtoken: min, carbon_g_per_mtoken: min}", "max}"),
    ),
}


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("case", VARIANTS)
def test_parts_sum_for_every_kind_of_study(case: str, tmp_path: Path) -> None:
    run = dse.sweep(VARIANTS[case], out=tmp_path / "run")
    found = page_data(run)
    assert found["designs"]
    for row, design in found["designs"].items():
        assert [phase["seconds"] for phase in design["phases"]] == [
            found["rows"]["ttft_s"][int(row)], found["rows"]["tpot_s"][int(row)],
        ]  # fmt: skip
        for phase in design["phases"]:
            assert math.fsum(time for _, time in phase["parts"]) == pytest.approx(phase["seconds"], rel=1e-11)
    assert Read(page_html(found)).scripts[0]


@pytest.mark.usefixtures("no_pictures")
def test_a_run_made_anew_does_not_keep_the_page_of_the_old_one(study_file: Path, tmp_path: Path) -> None:
    run = dse.sweep(study_file, out=tmp_path / "run")
    assert run.report() == tmp_path / "run" / "report.html"
    assert dse.sweep(study_file, out=tmp_path / "run").already
    assert (tmp_path / "run" / "report.html").is_file()
    dse.sweep(study_file, out=tmp_path / "run", fresh=True)
    assert not (tmp_path / "run" / "report.html").exists()


def test_the_command_writes_it_where_told(command: Command, small_run: Run, tmp_path: Path) -> None:
    done = command("report", small_run.path, "-o", tmp_path / "page.html")
    assert (done.code, done.err) == (0, "")
    assert "page.html" in done.out
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page_html(page_data(small_run))
    assert command("report", small_run.path, "-o", tmp_path / "none" / "page.html").code == 2
    missing = command("report", tmp_path / "nothing")
    assert (missing.code, missing.out) == (1, "")
