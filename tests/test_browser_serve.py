"""The live page in a real browser, from ``dse serve`` as people start it; its numbers are those of ``dse evaluate``."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Window, chromium, serious, serving, settle, shared_colours
from small_run import bits, changed

import dse
from dse.designs import STUDY_KEYS
from dse.runs import Run

pytestmark = pytest.mark.browser
pytest.importorskip("uvicorn", reason="uvicorn is not installed")
# The sizes of the front that the page shows, one for each time it is drawn.
NOTE_STEPS = """() => {
    const told = document.getElementById("sweep-state");
    window.steps = [];
    new MutationObserver(() => window.steps.push(Number(told.dataset.front))).observe(told, { attributes: true });
}"""
# The quickest of hands: a sweep of the page takes a part of a second.
STOP_AT_ONCE = """() => {
    const stop = document.getElementById("stop");
    new MutationObserver(() => stop.click()).observe(stop, { attributeFilter: ["disabled"] });
}"""
# Both in one look: what Playwright knows of the address may be older. The timer is later than that of the page.
ADDRESS = """() => new Promise(done => setTimeout(
    () => done([document.getElementById("link").value, location.href]), 150))"""
HEADLINES = ("decode_tokens_per_s", "energy_j_per_token", "tco_usd_per_mtoken", "carbon_g_per_mtoken")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("serve") / "small.yaml"
    path.write_text(changed(("[2 MiB, 8 MiB, 32 MiB]", "{log: [2 MiB, 32 MiB], points: 3}")), "utf8")
    with serving(path) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


class Opened(Window):
    """The live page."""

    def __init__(self, browser: Any, address: str) -> None:
        super().__init__(browser, address, "#headlines dd")

    def drawn(self) -> int:
        return int(self.page.get_attribute("body", "data-drawn"))

    def after(self, action: Any) -> None:
        """Do something, and wait until what it asked for is drawn."""
        before = self.drawn()
        action()
        self.page.wait_for_function("before => Number(document.body.dataset.drawn) > before", arg=before)

    def address(self) -> str:
        """The address of the view, which is written a moment after it is drawn."""
        link, address = self.page.evaluate(ADDRESS)
        assert link == address
        return str(address)

    def headlines(self) -> dict[str, float]:
        told = self.page.eval_on_selector_all(
            "#headlines dd", "nodes => nodes.map(node => [node.dataset.headline, Number(node.dataset.value)])"
        )
        return dict(told)

    def slide(self, key: str, place: int) -> None:
        """Put a slider somewhere, as a hand does."""
        self.after(
            lambda: self.page.eval_on_selector(
                f"#slide-{key}",
                "(node, place) => { node.value = place; node.dispatchEvent(new Event('input', {bubbles: true})); }",
                str(place),
            )
        )

    def saved(self, selector: str) -> tuple[str, bytes]:
        with self.page.expect_download() as waiting:
            self.page.click(selector)
        return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Opened]:
    window = Opened(browser, address)
    yield window
    assert window.wrong == []
    assert all(url.startswith((address, "blob:", "data:")) for url in window.asked)
    window.context.close()


def evaluated(opened: Opened, tmp_path: Path) -> dict[str, float]:
    """What ``dse evaluate`` prints for the study that the page exports."""
    name, text = opened.saved('[data-export="study"]')
    assert name == "small-view.yaml"
    study = tmp_path / "view.yaml"
    study.write_bytes(text)
    (axis,) = dse.load(study).column_axes[0].values
    (tmp_path / "designs.csv").write_text(f"dram_bytes_per_s\n{axis!r}\n", "utf8")
    told = subprocess.run(
        [sys.executable, "-m", "dse", "evaluate", str(study), "--designs", str(tmp_path / "designs.csv")],
        check=True,
        capture_output=True,
        text=True,
    )
    (row,) = csv.DictReader(io.StringIO(told.stdout))
    return {name: float(row[name]) for name in HEADLINES}


def test_a_slider_a_model_and_a_technology_change_every_number_and_a_shared_address_keeps_them(
    opened: Opened, browser: Any, tmp_path: Path
) -> None:
    before = opened.headlines()
    opened.slide("dram_bandwidth", 300)
    slower = opened.headlines()
    assert slower["decode_tokens_per_s"] < before["decode_tokens_per_s"]
    opened.after(lambda: opened.page.select_option("#set-workloads-0-model", "llama-2-7b"))
    opened.after(lambda: opened.page.select_option("#set-technology-node", "3nm"))
    opened.page.fill("#set-workloads-0-batch", "3")
    opened.after(lambda: opened.page.press("#set-workloads-0-batch", "Enter"))
    opened.page.fill("#set-dram", "11.5")
    opened.after(lambda: opened.page.press("#set-dram", "Enter"))
    assert opened.page.locator("#roofline svg .operator").count() > 5
    found = opened.headlines()
    assert all(found[name] != slower[name] for name in HEADLINES)
    assert {name: bits(value) for name, value in evaluated(opened, tmp_path).items()} == {
        name: bits(value) for name, value in found.items()
    }
    shared = Opened(browser, opened.address())
    assert shared.headlines() == found
    shared.page.reload()
    shared.page.wait_for_selector("#headlines dd")
    assert shared.headlines() == found
    assert shared.page.input_value("#set-dram") == "11.5"
    assert shared.page.input_value("#set-workloads-0-model") == "llama-2-7b"
    assert shared.wrong == []
    shared.context.close()


def test_no_two_named_parts_of_a_bar_look_alike(opened: Opened) -> None:
    """There are more parts than colours; once they began anew and two large ones were of one blue."""
    assert opened.page.locator('[data-bar="carbon_g_per_mtoken"] .swatch').count() > 2
    assert shared_colours(opened.page) == []
    opened.page.fill("#set-flash", "64")  # one part more
    opened.after(lambda: opened.page.press("#set-flash", "Enter"))
    assert shared_colours(opened.page) == []


def test_the_name_of_the_roof_lies_on_no_mark(opened: Opened) -> None:
    """With a draft the verification lay in the middle of the roof, over its bandwidth."""
    page = opened.page
    page.focus('summary:has-text("Techniques")')
    page.keyboard.press("Enter")
    opened.after(lambda: page.check("#set-workloads-0-techniques-speculative"))
    for key, number in (("dram_bandwidth", "123.7"), ("compute", "13.2")):
        page.fill(f"#set-{key}", number)
        opened.after(lambda key=key: page.press(f"#set-{key}", "Enter"))
    name = page.locator("#roofline text", has_text=re.compile("^DRAM ")).bounding_box()
    assert name is not None
    for mark in page.locator("#roofline .operator").all():
        box = mark.bounding_box()
        assert box is not None
        beside = name["x"] + name["width"] <= box["x"] or box["x"] + box["width"] <= name["x"]
        above = name["y"] + name["height"] <= box["y"] or box["y"] + box["height"] <= name["y"]
        assert beside or above, (name, box)


def test_sliders_and_menus_are_moved_by_keyboard(opened: Opened) -> None:
    before = opened.headlines()
    opened.page.focus("#slide-compute")
    opened.after(lambda: opened.page.keyboard.press("ArrowRight"))
    told = opened.page.get_attribute("#slide-compute", "aria-valuetext")
    assert told.endswith("TFLOP/s")
    opened.after(lambda: opened.page.keyboard.press("End"))
    assert opened.page.input_value("#set-compute") == "100"
    assert opened.headlines() != before
    opened.page.focus("#slide-flash")
    opened.after(lambda: opened.page.keyboard.press("End"))
    assert opened.page.input_value("#set-flash") == "2048"
    opened.after(lambda: opened.page.keyboard.press("Home"))
    assert opened.page.input_value("#set-flash") == "0"


def test_a_design_that_cannot_be_is_told_and_the_page_goes_on(opened: Opened) -> None:
    opened.page.fill("#set-dram", "0.5")
    opened.after(lambda: opened.page.press("#set-dram", "Enter"))
    assert opened.page.inner_text("#verdict").startswith("Not feasible: does not fit")
    assert opened.page.locator("#roofline svg").count() == 0
    opened.page.fill("#set-dram", "12")
    opened.after(lambda: opened.page.press("#set-dram", "Enter"))
    assert opened.page.locator("#roofline svg").count() == 1


def test_an_address_of_another_study_says_so(opened: Opened, browser: Any, address: str) -> None:
    other = Opened(browser, f"{address}#study=000000000000&technology.node=9nm&x=%3Cimg%20src%3Dx%3E&other=%00")
    other.page.wait_for_selector("#problem:not([hidden])")
    assert "another study" in other.page.inner_text("#problem")
    assert other.headlines() == opened.headlines()
    assert other.wrong == []
    other.context.close()


def test_phases_are_looked_at_one_by_one(opened: Opened) -> None:
    both = opened.page.locator("#roofline svg .operator").count()
    opened.page.check('input[name="phase"][value="decode"]')
    assert 0 < opened.page.locator("#roofline svg .operator").count() < both
    assert opened.page.inner_text("#operators").startswith("decode")
    assert "phase=decode" in opened.address()


def test_designs_and_devices_are_compared_taken_and_dropped(opened: Opened, browser: Any) -> None:
    first = opened.headlines()
    opened.after(lambda: opened.page.click("#keep"))
    opened.slide("dram_bandwidth", 200)
    opened.page.select_option("#device", "h100-sxm-80gb")
    opened.after(lambda: opened.page.click("#add-device"))
    values = opened.page.eval_on_selector_all(
        '[data-compared="decode_tokens_per_s"]', "nodes => nodes.map(node => Number(node.dataset.value))"
    )
    assert values[0] == opened.headlines()["decode_tokens_per_s"] != values[1]
    assert values[1] == first["decode_tokens_per_s"]
    assert values[2] > values[0]
    shared = Opened(browser, opened.address())
    shared.page.wait_for_selector('#compared th:has-text("H100")')
    again = shared.page.eval_on_selector_all(
        '[data-compared="decode_tokens_per_s"]', "nodes => nodes.map(node => Number(node.dataset.value))"
    )
    assert again == values
    shared.context.close()
    opened.after(lambda: opened.page.click('[aria-label="Take design A in hand"]'))
    assert opened.headlines() == first
    opened.after(lambda: opened.page.click('[aria-label="Drop design A"]'))
    assert opened.page.locator("#compared thead th").count() == 2
    for _ in range(4):
        opened.after(lambda: opened.page.click("#keep"))
    assert opened.page.is_disabled("#keep")


def test_a_sweep_is_started_and_its_front_grows(opened: Opened) -> None:
    opened.page.fill("#points", "90")
    opened.page.evaluate(NOTE_STEPS)
    opened.page.click("#begin")
    opened.page.wait_for_selector('#sweep-state[data-ended="true"]')
    steps = opened.page.evaluate("window.steps")
    assert len(set(steps)) > 1
    assert steps[-1] > 100
    assert "4,374,000 of 4,374,000 designs" in opened.page.inner_text("#sweep-state")
    opened.after(lambda: opened.page.locator("#front-table .choose").first.click())
    best = opened.page.locator("#front-table tbody tr").first.locator("td").first.inner_text()
    assert f"{opened.headlines()['decode_tokens_per_s']:.4g}" == f"{float(best):.4g}"
    name, text = opened.saved("#front-csv")
    rows = list(csv.DictReader(io.StringIO(text.decode())))
    assert name == "small-front.csv"
    assert len(rows) == min(steps[-1], 1500)
    assert max(float(row["decode_tokens_per_s"]) for row in rows) == opened.headlines()["decode_tokens_per_s"]
    opened.page.select_option("#front-x", "tco_usd_per_mtoken")
    assert "TCO" in opened.page.get_attribute("#front svg", "aria-label")


def test_a_sweep_is_stopped(opened: Opened) -> None:
    opened.page.fill("#points", "90")
    opened.page.evaluate(STOP_AT_ONCE)
    opened.page.click("#begin")
    opened.page.wait_for_selector('#sweep-state[data-ended="true"]')
    assert "stopped" in opened.page.inner_text("#sweep-state")


def test_what_is_not_possible_is_said_and_gone_when_it_is_put_right(opened: Opened) -> None:
    opened.page.fill("#set-workloads-0-batch", "0")
    opened.after(lambda: opened.page.press("#set-workloads-0-batch", "Enter"))
    assert "batch" in opened.page.inner_text("#problem")
    opened.page.fill("#set-workloads-0-batch", "2")
    opened.after(lambda: opened.page.press("#set-workloads-0-batch", "Enter"))
    assert not opened.page.is_visible("#problem")


def test_nonsense_in_every_box_is_told_beside_it_and_no_error_of_the_page(opened: Opened) -> None:
    before = opened.headlines()
    for selector, nonsense, told in (
        ("#set-workloads-0-prompt_tokens", "many", "expected a whole number"),
        ("#set-deployment-chips", "-3", "expected a whole number"),
        ("#set-deployment-demand", "<b>lots</b>", "expected a quantity"),
    ):
        old = opened.page.input_value(selector)
        opened.page.fill(selector, nonsense)
        opened.after(lambda selector=selector: opened.page.press(selector, "Enter"))
        beside = opened.page.locator(f"#wrong-{selector.removeprefix('#')}")
        assert beside.inner_text().startswith(told)
        assert opened.page.get_attribute(selector, "aria-invalid") == "true"
        assert opened.page.get_attribute(selector, "aria-describedby") == beside.get_attribute("id")
        assert opened.page.inner_text("#problem").endswith(beside.inner_text())
        opened.page.fill(selector, old)
        opened.after(lambda selector=selector: opened.page.press(selector, "Enter"))
        assert not beside.is_visible()
        assert opened.page.get_attribute(selector, "aria-invalid") is None
    opened.page.fill("#points", "1")
    opened.page.click("#begin")
    opened.page.wait_for_selector("#problem:not([hidden])")
    assert "points" in opened.page.inner_text("#problem")
    assert opened.page.locator("#controls .wrong:visible").count() == 0  # it is about none of them
    assert opened.headlines() == before


def test_techniques_are_switched_by_keyboard_and_what_contradicts_is_told_beside_the_switch(
    opened: Opened, browser: Any, tmp_path: Path
) -> None:
    page, techniques = opened.page, "set-workloads-0-techniques"
    before = opened.headlines()
    page.focus('summary:has-text("Techniques")')
    page.keyboard.press("Enter")
    page.focus(f"#{techniques}-medusa")
    opened.after(lambda: page.keyboard.press("Space"))
    assert opened.headlines()["decode_tokens_per_s"] > before["decode_tokens_per_s"]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == f"{techniques}-medusa-acceptance"
    with_medusa = opened.headlines()
    page.focus(f"#{techniques}-eagle")
    opened.after(lambda: page.keyboard.press("Space"))
    assert page.inner_text(f"#wrong-{techniques}-eagle").startswith("medusa and eagle contradict each other")
    assert opened.headlines() == with_medusa
    opened.after(lambda: page.keyboard.press("Space"))
    assert not page.is_visible("#problem")
    page.fill(f"#{techniques}-medusa-acceptance", "0.9")
    opened.after(lambda: page.keyboard.press("Enter"))
    opened.after(lambda: page.select_option("#set-workloads-0-lengths", "some spread"))
    page.click('summary:has-text("Serving")')
    opened.after(lambda: page.select_option("#set-workloads-0-serving-batching", "continuous"))
    assert "Techniques (1 on)" in page.inner_text("#controls")
    found = opened.headlines()
    assert {name: bits(value) for name, value in evaluated(opened, tmp_path).items()} == {
        name: bits(value) for name, value in found.items()
    }
    shared = Opened(browser, opened.address())
    assert shared.headlines() == found
    assert shared.page.is_checked(f"#{techniques}-medusa")
    assert shared.page.input_value(f"#{techniques}-medusa-acceptance") == "0.9"
    assert shared.wrong == []
    shared.context.close()


def test_exports_are_saved(opened: Opened) -> None:
    name, picture = opened.saved("#png")
    assert name == "small-roofline.png"
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 5000
    name, text = opened.saved('[data-export="llmcompass"]')
    assert json.loads(text)["device_count"] == 1
    name, text = opened.saved('[data-export="designs"]')
    (row,) = csv.DictReader(io.StringIO(text.decode()))
    assert float(row["energy_j_per_token"]) == opened.headlines()["energy_j_per_token"]


def test_the_page_of_a_run_shows_its_front(browser: Any, small_run: Run) -> None:
    with serving(small_run.path) as url:
        opened = Opened(browser, url)
        front = small_run.front()
        assert f"{len(front)} on the front" in opened.page.inner_text("#sweep-state")
        best = front.loc[front["decode_tokens_per_s"].idxmax()]
        opened.after(lambda: opened.page.locator("#front-table .choose").first.click())
        found = opened.headlines()
        assert {name: bits(found[name]) for name in HEADLINES} == {name: bits(best[name]) for name in HEADLINES}
        address = opened.address()
        for key, column in STUDY_KEYS.items():
            assert bits(float(address.split(f"{key}=")[1].split("&")[0])) == bits(best[column])
        assert opened.wrong == []
        opened.context.close()


def test_no_serious_violation_of_accessibility_and_no_sideways_page(browser: Any, address: str) -> None:
    opened = Opened(browser, address)
    opened.after(lambda: opened.page.click("#keep"))
    opened.after(lambda: opened.page.click("#add-device"))
    opened.page.fill("#points", "8")
    opened.page.click("#begin")
    opened.page.wait_for_selector('#sweep-state[data-ended="true"]')
    for summary in opened.page.locator("summary").all():
        if not summary.evaluate("node => node.parentNode.open"):
            summary.click()
    for name in ("speculative", "eagle"):  # with every control, and what is refused, in sight
        opened.after(lambda name=name: opened.page.check(f"#set-workloads-0-techniques-{name}"))
    assert opened.page.is_visible("#wrong-set-workloads-0-techniques-eagle")
    for width, theme in itertools.product((1280, 390), ("light", "dark")):
        opened.page.set_viewport_size({"width": width, "height": 900})
        opened.page.emulate_media(color_scheme=theme)
        settle(opened.page)
        assert serious(opened.page) == [], (width, theme)
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.wrong == []
    opened.context.close()
