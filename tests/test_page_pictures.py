"""Both pages look as they should: at two widths, light and dark, against what is committed (``page_samples.py``)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browser import chromium, gone_to, serving, settle, window
from page_samples import (
    PICTURES,
    THEMES,
    TOLERANCE,
    WIDTHS,
    Picture,
    difference,
    layout_of,
    layout_problems,
    reference_of,
    shots_of,
    write_reference,
)
from small_run import changed

import dse

pytestmark = pytest.mark.browser
pytest.importorskip("uvicorn", reason="uvicorn is not installed")
STUDY = changed(("objectives: {decode", "uncertainty: {samples: 32, seed: 1}\nobjectives: {decode"))
READY = {"report": "#table tbody tr", "serve": "#headlines dd"}


@contextmanager
def addresses(folder: Path) -> Iterator[dict[str, str]]:
    """Where the two pages of one run are."""
    (folder / "study.yaml").write_text(STUDY, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dse.pictures.draw", lambda run: [])
        run = dse.sweep(folder / "study.yaml", out=folder / "run")
    with serving(run.path) as live:
        yield {"report": run.report().as_uri(), "serve": live}


@contextmanager
def opened(browser: Any, address: str, name: str, width: int) -> Iterator[Any]:
    context = window(browser, viewport={"width": width, "height": 900}, color_scheme="light")
    page = context.new_page()
    gone_to(page, address, READY[name])
    settle(page)
    yield page
    context.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, int], Any]]:
    with addresses(tmp_path_factory.mktemp("pages")) as found, chromium() as browser:
        yield lambda name, width: opened(browser, found[name], name, width)


def wrong_layout(page: Any, name: str, width: int) -> list[str]:
    """What is wrong with the layout."""
    return layout_problems(reference_of(name, width, "light")[0], layout_of(page))


def differences(page: Any, name: str, width: int, theme: str) -> list[float]:
    """How far each picture is from the committed one."""
    _, pictures = reference_of(name, width, theme)
    shots = shots_of(page, PICTURES[name])
    if len(shots) != len(pictures):
        return [float("inf")]
    return [round(difference(one, shot), 1) for one, shot in zip(pictures, shots, strict=True)]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PICTURES)
def test_a_page_looks_as_it_should(pages: Callable[[str, int], Any], name: str, width: int) -> None:
    with pages(name, width) as page:
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            settle(page)
            assert wrong_layout(page, name, width) == [], theme
            far = differences(page, name, width, theme)
            assert max(far) <= TOLERANCE, (theme, far)


FONTS = ("* { font-family: serif !important }", "* { font-family: monospace !important }", "html { font-size: 115% }")
LOST: dict[str, list[tuple[str, str]]] = {
    "report": [
        ("a panel", "document.getElementById('binding').hidden = true"),
        ("the panel of a picture", "document.getElementById('energy-roofline').remove()"),
        ("a button", "document.getElementById('csv').remove()"),
        ("points of the scatter", "document.querySelector('#scatter canvas').style.visibility = 'hidden'"),
        ("an ellipse", "document.querySelector('#scatter .ellipse').remove()"),
        ("an operator", "document.querySelector('#energy-roofline .operator').style.visibility = 'hidden'"),
        ("a piece of a bar", "document.querySelector('#consists [data-bar] .stacked span').style.background = 'none'"),
        ("the width", "document.body.style.maxWidth = '900px'"),
    ],
    "serve": [
        ("the controls", "document.getElementById('controls').style.display = 'none'"),
        ("a slider", "document.getElementById('slide-sram').remove()"),
        ("a roof", "document.querySelector('#roofline .roof').remove()"),
        ("a colour", "document.querySelector('#operators .stacked span').style.background = 'red'"),
        ("the columns", "document.querySelector('.columns').style.display = 'block'"),
    ],
}


DRESS = """text => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  document.adoptedStyleSheets = [sheet];
}"""


@pytest.mark.parametrize("name", PICTURES)
def test_other_fonts_are_tolerated(pages: Callable[[str, int], Any], name: str) -> None:
    with pages(name, 1280) as page:
        for style in FONTS:
            page.evaluate(DRESS, style)
            assert wrong_layout(page, name, 1280) == [], style
            far = differences(page, name, 1280, "light")
            assert max(far) <= TOLERANCE, (style, far)


@pytest.mark.parametrize("name", PICTURES)
def test_what_is_lost_is_noticed(pages: Callable[[str, int], Any], name: str) -> None:
    with pages(name, 1280) as page:
        for what, script in LOST[name]:
            page.evaluate(script)
            if not wrong_layout(page, name, 1280):
                far = differences(page, name, 1280, "light")
                assert max(far) > 1.2 * TOLERANCE, (what, far)
            page.reload()
            page.wait_for_selector(READY[name])
            settle(page)  # else it may draw again what the next script takes away


def write(folder: Path) -> None:
    """Write what is to be committed."""
    with addresses(folder) as found, chromium() as browser:
        for name in PICTURES:
            for width in WIDTHS:
                with opened(browser, found[name], name, width) as page:
                    for theme in THEMES:
                        page.emulate_media(color_scheme=theme)
                        settle(page)
                        shots: list[Picture] = shots_of(page, PICTURES[name])
                        write_reference(name, width, theme, layout_of(page), shots)


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as temporary:
        write(Path(temporary))
    sys.exit(0)
