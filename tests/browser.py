"""The Chromium of the browser tests; a module that imports this is skipped, with one line, where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="browser tests: playwright is not installed")
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = os.environ.get("DSE_BROWSER") or next((path for name in NAMES if (path := shutil.which(name))), None)
if BROWSER is None:
    pytest.skip("browser tests: no Chromium is found (set DSE_BROWSER to its path)", allow_module_level=True)

MOST_S = 120
"""For one thing to happen on a page, with others at work on the machine; what happens is not waited for any longer."""

# Two frames: changes of the theme and of the size are told to a page before the first, and drawn in the second. The
# timer is later than that with which the pages draw again once they have another width.
SETTLED = """() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(
    () => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 120))))"""


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless browser."""
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"], timeout=MOST_S * 1000)
        yield opened
        opened.close()


@contextmanager
def serving(target: Path) -> Iterator[str]:
    """The address of a server of its own, which the command prints."""
    command = [sys.executable, "-m", "dse", "serve", str(target), "--port", "0"]
    process = subprocess.Popen(
        command, cwd=target.parent, env={**os.environ, "PYTHONUNBUFFERED": "1"}, text=True, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[1]
    finally:
        process.terminate()
        process.wait(MOST_S)
        process.stdout.close()


def gone_to(page: Any, address: str, selector: str) -> None:
    """Open an address, whose server may not listen yet, and wait for something on it."""
    last = time.monotonic() + MOST_S
    while True:
        try:
            page.goto(address)
            break
        except playwright.Error:
            if time.monotonic() > last:
                raise
            page.wait_for_timeout(250)
    page.wait_for_selector(selector)


def window(browser: Any, **options: Any) -> Any:
    """Return a window of its own, patient with a busy machine."""
    context = browser.new_context(**options)
    context.set_default_timeout(MOST_S * 1000)
    return context


def settle(page: Any) -> None:
    """Wait until a page has drawn what its theme and its size ask for."""
    page.evaluate(SETTLED)


def serious(page: Any) -> list[str]:
    """What axe-core calls serious or critical on a page."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{one['id']}: {', '.join(node['html'][:120] for node in one['nodes'][:3])}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def shared_colours(page: Any) -> list[str]:
    """Bars of a page two of whose named parts look alike; the bars of an energy, a cost or a carbon."""
    found: list[str] = page.eval_on_selector_all(
        "[data-bar]",
        """bars => bars.filter(bar => {
            const colours = [...bar.querySelectorAll(".swatch")].map(node => getComputedStyle(node).backgroundColor);
            return new Set(colours).size < colours.length;
        }).map(bar => bar.dataset.bar)""",
    )
    return found


class Window:
    """A page in a window of its own, what went wrong in it, and what it asked for."""

    def __init__(self, browser: Any, address: str, selector: str) -> None:
        self.context = window(browser, viewport={"width": 1280, "height": 900})
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.wrong.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        gone_to(self.page, address, selector)
