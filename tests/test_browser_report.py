"""The page of a run in a real browser, opened from its file: brush, select, sort, download; no errors, accessible."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Window, chromium, serious, settle, shared_colours, window
from small_run import SMALL, bits, changed

import dse
from dse.report.leaning import said_of_leaning
from dse.runs import Run

pytestmark = pytest.mark.browser
HOSTILE = '# </script><script>window.harmed = 1</script><img src=x onerror="window.harmed = 1"> & \u2028\n'
STUDY = HOSTILE + changed(
    ("node: 5nm", "node: [5nm, 3nm]"),
    ("objectives: {decode", "baselines: [jetson-orin, m3]\nuncertainty: {samples: 32, seed: 1}\nobjectives: {decode"),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("report")
    (folder / "study.yaml").write_text(STUDY, encoding="utf-8")
    patch = pytest.MonkeyPatch()
    patch.setattr("dse.pictures.draw", lambda run: [])
    try:
        return dse.sweep(folder / "study.yaml", out=folder / "run")
    finally:
        patch.undo()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


class Opened(Window):
    """The page of a run."""

    def __init__(self, browser: Any, path: Path) -> None:
        super().__init__(browser, path.as_uri(), "#table tbody tr")

    def kept(self) -> int:
        return int(self.page.inner_text("#kept").split()[0])

    def column(self, number: int) -> list[str]:
        return self.page.locator(f"#table tbody tr > :nth-child({number})").all_inner_texts()

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.page.mouse.move(*start)
        self.page.mouse.down()
        self.page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        self.page.mouse.move(*end)
        self.page.mouse.up()


@pytest.fixture(scope="module")
def report(run: Run) -> Path:
    return run.report(run.path.parent / "report.html")


@pytest.fixture
def opened(browser: Any, report: Path) -> Iterator[Opened]:
    window = Opened(browser, report)
    yield window
    assert window.wrong == []
    assert window.asked == [report.as_uri()]
    window.context.close()


def box(opened: Opened, selector: str) -> dict[str, float]:
    locator = opened.page.locator(selector)
    locator.scroll_into_view_if_needed()
    found = locator.bounding_box()
    assert found is not None
    return dict(found)


def downloaded(opened: Opened) -> list[dict[str, str]]:
    with opened.page.expect_download() as waiting:
        opened.page.click("#csv")
    text = Path(waiting.value.path()).read_text(encoding="utf-8")
    assert waiting.value.suggested_filename == "small-front.csv"
    return list(csv.DictReader(io.StringIO(text)))


def test_the_csv_is_the_front_to_the_last_digit(opened: Opened, run: Run) -> None:
    rows = {int(row["point"]): row for row in downloaded(opened)}
    front = run.front()
    assert sorted(rows) == sorted(front["point"])
    metrics = [name for name in front if front[name].dtype.kind == "f" and not name.startswith("margin_")]
    assert len(metrics) > 25
    for _, design in front.iterrows():
        for name in metrics:
            assert bits(float(rows[int(design["point"])][name])) == bits(design[name]), name
        assert rows[int(design["point"])]["technology.node"] == design["technology.node"]
    assert "probability_non_dominated" in next(iter(rows.values()))


def test_a_brush_on_an_axis_filters_everything(opened: Opened, run: Run) -> None:
    every = opened.kept()
    assert every == len(run.front())
    axis = box(opened, '[data-axis="decode_tokens_per_s"]')
    middle = axis["x"] + axis["width"] / 2
    opened.drag((middle, axis["y"]), (middle, axis["y"] + axis["height"] / 3))
    kept = opened.kept()
    assert 0 < kept < every
    rows = downloaded(opened)
    assert len(rows) == kept
    rates = sorted(run.front()["decode_tokens_per_s"])
    assert sorted(float(row["decode_tokens_per_s"]) for row in rows) == rates[-kept:]
    assert f"of {kept}" in opened.page.inner_text("#pages")
    axis = box(opened, '[data-axis="decode_tokens_per_s"]')
    opened.page.mouse.click(axis["x"] + axis["width"] / 2, axis["y"] + axis["height"] - 12)
    assert opened.kept() == every


def test_a_rectangle_on_the_scatter_is_a_range_of_both_columns(opened: Opened, run: Run) -> None:
    area = box(opened, "#scatter-area")
    left, top = area["x"] + area["width"] / 2, area["y"] + 2
    opened.drag((left, top), (area["x"] + area["width"] - 1, area["y"] + area["height"] - 1))
    kept = opened.kept()
    assert 0 < kept < len(run.front())
    assert opened.page.locator("#parallel .brush").count() == 2
    opened.page.click("#reset")
    assert opened.kept() == len(run.front())
    assert opened.page.locator("#parallel .brush").count() == 0


def test_ranges_can_be_typed(opened: Opened, run: Run) -> None:
    opened.page.click("#ranges summary")
    most = opened.page.locator('[data-range="tco_usd_per_mtoken:1"]')
    limit = float(run.front()["tco_usd_per_mtoken"].median())
    most.fill(repr(limit))
    most.press("Enter")
    assert opened.kept() == int((run.front()["tco_usd_per_mtoken"] <= limit).sum())
    most = opened.page.locator('[data-range="tco_usd_per_mtoken:1"]')
    most.fill("")
    most.press("Enter")
    assert opened.kept() == len(run.front())


def test_words_are_kept_by_a_menu(opened: Opened, run: Run) -> None:
    opened.page.click("#ranges summary")
    opened.page.select_option('[data-range="technology.node"]', "3nm")
    assert opened.kept() == int((run.front()["technology.node"] == "3nm").sum()) > 0
    assert {row["technology.node"] for row in downloaded(opened)} == {"3nm"}
    opened.page.select_option('[data-range="technology.node"]', "")
    assert opened.kept() == len(run.front())


def test_the_table_sorts_both_ways_by_keyboard(opened: Opened, run: Run) -> None:
    button = opened.page.locator('[data-sort="energy_j_per_token"]')
    button.focus()
    opened.page.keyboard.press("Enter")
    header = opened.page.locator('th:has([data-sort="energy_j_per_token"])')
    assert header.get_attribute("aria-sort") == "ascending"
    ordered = run.front().sort_values("energy_j_per_token")["point"].tolist()
    shown = [int(text) for text in opened.column(1)]
    assert shown[0] == ordered[0]
    energies = run.front().set_index("point")["energy_j_per_token"]
    assert [energies[point] for point in shown] == sorted(energies)[: len(shown)]
    opened.page.keyboard.press("Enter")
    assert opened.page.locator('th:has([data-sort="energy_j_per_token"])').get_attribute("aria-sort") == "descending"
    assert energies[int(opened.column(1)[0])] == max(energies)


def test_a_chosen_design_has_the_numbers_of_evaluate(opened: Opened, run: Run) -> None:
    point = int(run.front()["point"].iloc[2])
    opened.page.click('[data-sort="point"]')
    opened.page.locator("#table .choose", has_text=str(point)).first.click()
    assert opened.page.inner_text("#design-title") == f"Design {point}"
    design = run.front().set_index("point").loc[point]
    row = {
        name: [design[name]]
        for name in ("dram_bytes_per_s", "compute_flop_per_s", "sram_bytes", "dram_bytes", "flash_bytes")
    }
    frame = run.evaluate(row)
    evaluated = frame[frame["technology.node"] == design["technology.node"]].iloc[0]
    told = dict(
        opened.page.eval_on_selector_all(
            "#design dd[data-column]", "nodes => nodes.map(node => [node.dataset.column, node.dataset.value])"
        )
    )
    for name in (*run.objectives, "ttft_s", "price_usd", "die_area_mm2", "peak_power_w"):
        assert bits(float(told[name])) == bits(float(evaluated[name]))
    assert opened.page.locator("#design svg .operator").count() > 10
    explained = dse.explain(run, point, ["tco_usd_per_mtoken"]).ledgers[0]
    table = opened.page.locator("#design details", has_text="TCO [USD/Mtoken]").locator("tbody tr")
    assert table.count() == len(explained.entries)


def test_a_point_of_the_scatter_is_chosen_by_a_click(opened: Opened) -> None:
    before = opened.page.inner_text("#design-title")
    chosen = box(opened, "#scatter .chosen")
    area = box(opened, "#scatter-area")
    at = (chosen["x"] + chosen["width"] / 2, chosen["y"] + chosen["height"] / 2)
    best = opened.page.locator("#picks .choose").nth(1)
    best.click()
    after = opened.page.inner_text("#design-title")
    assert after != before
    moved = box(opened, "#scatter-area")
    opened.page.mouse.click(at[0] + moved["x"] - area["x"], at[1] + moved["y"] - area["y"])
    assert opened.page.inner_text("#design-title") == before


def test_likely_values_outside_of_their_percentiles_are_explained(opened: Opened, run: Run) -> None:
    summary, spread = opened.page.inner_text("#picks"), run.uncertainty()
    assert summary.count("median (p5 to p95)") == len(run.objectives)
    for chance in ("P(on the front)", "P(feasible)"):
        assert chance in summary
        assert chance in opened.page.inner_text("#table thead")
    chosen = spread[spread["point"] == dse.pick(run, knee=True)["point"].item()].iloc[0]
    assert f"{chosen['probability_feasible']:.2f}" in summary.split("P(feasible)")[1]
    lines = said_of_leaning(run, run.front(), run.uncertainty())
    assert lines
    assert opened.page.locator("#leaning p").all_inner_texts() == lines
    assert set(lines) <= set(opened.page.locator("#design .hint").all_inner_texts())


def test_ellipses_of_the_constants_are_drawn_and_can_be_left_out(opened: Opened, run: Run) -> None:
    marks = opened.page.locator("#scatter .ellipse")
    assert marks.count() >= 2
    assert opened.page.locator("#scatter .chosen-ellipse").count() == 1
    assert "samples of the constants" in opened.page.inner_text("#scatter-legend")
    opened.page.uncheck("#choose-spreads")
    assert marks.count() == 0
    assert "other feasible designs" in opened.page.inner_text("#scatter-legend")
    opened.page.check("#choose-spreads")
    opened.page.select_option("#choose-x", "tco_usd_per_mtoken")
    assert marks.count() >= 2
    opened.page.select_option("#choose-x", "die_area_mm2")  # no objective: nothing is known of its samples
    assert marks.count() == 0


def test_maps_of_what_binds_have_two_axes_to_choose(opened: Opened) -> None:
    told = opened.page.locator("#maps svg").nth(1).get_attribute("aria-label")
    assert told.startswith("What binds in decode, compute [TFLOP/s] over DRAM bandwidth [GB/s]: ")
    opened.page.focus("#map-y")
    opened.page.keyboard.press("ArrowDown")
    assert opened.page.locator("#maps svg").first.get_attribute("aria-label").startswith("What binds in prefill, SRAM")
    assert opened.page.evaluate("document.activeElement.id") == "map-y"
    opened.page.select_option("#map-y", "dram_bytes_per_s")  # both axes alike: the other one gives way
    assert opened.page.input_value("#map-x") != "dram_bytes_per_s"
    opened.page.select_option("#map-x", "sram_bytes")
    told = opened.page.locator("#maps svg").first.get_attribute("aria-label")
    assert told.startswith("What binds in prefill, DRAM bandwidth [GB/s] over SRAM [MiB]: ")
    assert "%" in opened.page.inner_text("#map-legend")
    other = opened.page.locator("#map-row option").last.get_attribute("value")
    opened.page.select_option("#map-row", other)
    assert opened.page.locator("#maps svg").count() == 2


def test_a_chosen_design_has_an_energy_roofline_and_its_bars(opened: Opened) -> None:
    assert opened.page.locator("#energy-roofline .operator").count() > 10
    bars = opened.page.locator("#consists [data-bar]")
    assert {"energy_j_per_token", "tco_usd_per_mtoken", "carbon_g_per_mtoken"} <= set(
        bars.evaluate_all("nodes => nodes.map(node => node.dataset.bar)")
    )
    opened.page.locator("#table .choose").last.click()
    assert opened.page.locator("#consists .stacked").count() == bars.count() + 2
    assert shared_colours(opened.page) == []


def test_text_of_the_study_does_no_harm_and_is_shown(opened: Opened) -> None:
    assert opened.page.evaluate("window.harmed") is None
    assert opened.page.locator("#study").text_content() == STUDY
    assert opened.page.locator("main img").count() == 0


def test_constants_are_found_with_their_sources(opened: Opened) -> None:
    every = opened.page.locator("#constants tbody tr").count()
    opened.page.fill("#find", "dram_usd_per_byte")
    assert opened.page.locator("#constants tbody tr").count() == 1 < every
    assert "USD/GB" in opened.page.inner_text("#constants tbody")


def test_devices_are_named_beside_the_front(opened: Opened) -> None:
    assert "Jetson" in opened.page.inner_text("#scatter-legend")


def test_other_columns_can_be_looked_at(opened: Opened) -> None:
    opened.page.select_option("#choose-x", "die_area_mm2")
    opened.page.select_option("#choose-y", "technology.node")
    opened.page.select_option("#choose-colour", "tco_usd_per_mtoken")
    assert "die area" in opened.page.locator("#scatter svg").get_attribute("aria-label")
    assert "front, by TCO [USD/Mtoken]: " in opened.page.inner_text("#scatter-legend")


def test_ticks_close_to_each_other_say_different_numbers(browser: Any) -> None:
    """Prices from 1,185 to 1,200 USD once read 1190, 1190, 1200, 1200."""
    source = (Path(dse.__file__).parent / "report" / "page" / "data.js").read_text()
    functions = "".join(re.findall(r"^function (?:tick|told)\(.*?^}$", source, re.DOTALL | re.MULTILINE))
    page = window(browser).new_page()
    many = [[1185, 1190, 1195, 1200], [0.1, 0.2, 0.30000000000000004], [1.2e6, 1.25e6], [2, 5, 10, 20], [0.6]]
    texts = page.evaluate(
        f"many => {{ {functions}; return many.map(one => told(one, 1).map(([, text]) => text)); }}", many
    )
    page.context.close()
    assert texts == [
        ["1185", "1190", "1195", "1200"],
        ["0.1", "0.2", "0.3"],
        ["1.20e6", "1.25e6"],
        ["2", "5", "10", "20"],
        ["0.6"],
    ]


def test_no_serious_violation_of_accessibility_and_no_sideways_page(opened: Opened) -> None:
    for summary in opened.page.locator("summary").all():
        if not summary.evaluate("node => node.parentNode.open"):
            summary.click()
    opened.page.evaluate("document.querySelector('#map-row option').textContent = 'best of all: '.repeat(9)")
    for width, theme in itertools.product((1280, 390), ("light", "dark")):
        opened.page.set_viewport_size({"width": width, "height": 900})
        opened.page.emulate_media(color_scheme=theme)
        settle(opened.page)
        assert serious(opened.page) == [], (width, theme)
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_run_without_a_front_says_why(browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dse.pictures.draw", lambda run: [])
    empty = dse.sweep(changed(('"ttft <= 4 s"', '"ttft <= 1 us"'), text=SMALL), out=tmp_path / "run")
    context = window(browser)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(empty.report().as_uri())
    assert "violates ttft <= 1 us" in page.inner_text("#picks")
    assert not page.is_visible("#explore")
    assert page.locator("#constants tbody tr").count() > 50
    assert wrong == []
    context.close()
