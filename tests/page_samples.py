"""The report and the live page as they look, for the test that compares them with what is committed.

``python tests/test_page_pictures.py`` writes what is committed again, after a change of looks that is meant: look at
it. Fonts and how they are drawn differ from one machine and one Chromium to the next, so no text is compared. What is:

- the layout: which elements with an id can be seen, and where the panels lie: left and width to a few pixels, heights,
  which text makes, within a factor;
- the pictures (lines, marks, maps, bars) without their text, made four times smaller by averaging, tile by tile.

Serif, monospaced and 15 % larger fonts, other hinting and a Chromium of 25 releases before stay within the tolerances;
a panel, a line, a bar or a mark that is lost does not, as ``test_page_pictures.py`` shows.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.image import imread, imsave
from numpy.typing import NDArray

Picture = NDArray[np.float64]

REFERENCES = Path(__file__).parent / "data" / "pages"
WIDTHS = (1280, 390)
THEMES = ("light", "dark")
SMALLER = 4
TILE = 6
"""Side of a tile [pixels of the smaller picture]."""

TOLERANCE = 18.0
"""Root mean square of the difference of a tile, of 255.

Measured: 0.3 on the same machine, 1.3 with other fonts and hinting, 15 with Chromium 131 in the place of 156 (it draws
thick lines of a canvas otherwise); 23 for the loss of one small mark, 32 of an ellipse, from 64 on of lines and bars.
"""

ALIKE = 2.0
"""The same picture: no other shift is tried."""

SHIFTS = (0, -1, 1)
"""A picture may begin a pixel earlier or later: text above it ends between two of them."""

LEFT_PIXELS, WIDTH_PIXELS = 6.0, 10.0
HEIGHT_FACTOR, HEIGHT_PIXELS = 1.6, 30.0

PICTURES = {
    "report": "#parallel .stack, #scatter .stack, #maps .stack, #design .picture, #consists .stacked",
    "serve": "#roofline .picture, #operators .stacked, #ledgers .stacked, #front .stack",
}
PANELS = "header, nav, #controls, main section"

SEEN = """panels => {
  const seen = node => node.checkVisibility() && node.getClientRects().length > 0;
  const place = node => {
    const box = node.getBoundingClientRect();
    return [box.left, box.width, box.height];
  };
  const ids = [...document.querySelectorAll("body [id]")].filter(node => node.tagName !== "SCRIPT" && seen(node));
  const name = node => node.id || node.tagName.toLowerCase();
  return {
    ids: ids.map(node => node.id),
    panels: Object.fromEntries(
      [...document.querySelectorAll(panels)].filter(seen).map(node => [name(node), place(node)])),
  };
}"""
BOXES = """selector => [...document.querySelectorAll(selector)].map(node => {
  const box = node.getBoundingClientRect();
  return [box.left + scrollX, box.top + scrollY, box.width, box.height];
})"""
BARE = """() => {
  const sheet = new CSSStyleSheet();  // which the policy of the page allows, unlike an element with a style
  sheet.replaceSync("svg text { visibility: hidden !important; } #summary, #designs, #assumptions, #provenance, "
    + "#compare, #export { display: none !important; }");
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}"""
DRESSED = "() => { document.adoptedStyleSheets = document.adoptedStyleSheets.slice(0, -1); }"


def layout_of(page: Any) -> dict[str, Any]:
    """Ids of what can be seen, and left, width and height of each panel [pixels]."""
    found: dict[str, Any] = page.evaluate(SEEN, PANELS)
    return found


def layout_problems(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What of a layout is not as it should be."""
    problems = [f"{name} is not there" for name in expected["ids"] if name not in found["ids"]]
    problems += [f"{name} is new" for name in found["ids"] if name not in expected["ids"]]
    for name, (left, width, height) in expected["panels"].items():
        if name not in found["panels"]:
            problems.append(f"panel {name} is not there")
            continue
        left2, width2, height2 = found["panels"][name]
        low, high = height / HEIGHT_FACTOR - HEIGHT_PIXELS, height * HEIGHT_FACTOR + HEIGHT_PIXELS
        if abs(left2 - left) > LEFT_PIXELS or abs(width2 - width) > WIDTH_PIXELS or not low <= height2 <= high:
            problems.append(f"panel {name} lies at {found['panels'][name]}, not at {[left, width, height]}")
    return problems


def shots_of(page: Any, selector: str) -> list[Picture]:
    """Every picture of a page without its text, (rows, columns, 3) each, with a border for shifts."""
    page.evaluate(BARE)
    boxes = page.evaluate(BOXES, selector)
    whole = imread(io.BytesIO(page.screenshot(full_page=True, animations="disabled")))[..., :3] * 255.0
    page.evaluate(DRESSED)
    found = []
    for left, top, width, height in boxes:
        x, y = round(left), round(top)
        right = min(round(left + width), whole.shape[1] - 1)
        found.append(whole[max(0, y - 1) : y + round(height) + 1, max(0, x - 1) : right + 1])
    return found


def smaller(shot: Picture, down: int = 0, across: int = 0) -> Picture:
    """A picture without its border, shifted by so many pixels, made smaller."""
    rows, columns = ((size - 2) // SMALLER * SMALLER for size in shot.shape[:2])
    part = shot[1 + down : 1 + down + rows, 1 + across : 1 + across + columns]
    parts: Picture = part.reshape(rows // SMALLER, SMALLER, columns // SMALLER, SMALLER, 3).mean(axis=(1, 3))
    return parts


def difference(expected: Picture, shot: Picture) -> float:
    """The largest root mean square of a tile, at the best shift; infinite where the sizes differ by more than a few."""
    if min(shot.shape[:2]) < SMALLER + 2:
        return float("inf")
    least = float("inf")
    for shift in itertools.product(SHIFTS, SHIFTS):
        least = min(least, _worst_tile(expected, smaller(shot, *shift)))
        if least <= ALIKE:
            break
    return least


def _worst_tile(one: Picture, other: Picture) -> float:
    if any(abs(a - b) > WIDTH_PIXELS / SMALLER for a, b in zip(one.shape, other.shape, strict=True)):
        return float("inf")
    rows, columns = (min(a, b) for a, b in zip(one.shape[:2], other.shape[:2], strict=True))
    squares = ((one[:rows, :columns] - other[:rows, :columns]) ** 2).mean(axis=2)
    sums = np.pad(squares, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    high, wide = min(TILE, rows), min(TILE, columns)
    tiles = sums[high:, wide:] - sums[:-high, wide:] - sums[high:, :-wide] + sums[:-high, :-wide]
    return float(np.sqrt(max(0.0, tiles.max()) / (high * wide)))


def stacked(pictures: list[Picture]) -> Picture:
    """Pictures under each other, a white line between them."""
    wide = max(one.shape[1] for one in pictures)
    rows = []
    for one in pictures:
        rows += [np.pad(one, ((0, 1), (0, wide - one.shape[1]), (0, 0)), constant_values=255.0)]
    return np.concatenate(rows)


def unstacked(whole: Picture, sizes: list[list[int]]) -> Iterator[Picture]:
    """The pictures of :func:`stacked`."""
    top = 0
    for rows, columns in sizes:
        yield whole[top : top + rows, :columns]
        top += rows + 1


def reference_of(name: str, width: int, theme: str) -> tuple[dict[str, Any], list[Picture]]:
    """What is committed of a page: its layout and its pictures."""
    about = json.loads((REFERENCES / f"{name}-{width}.json").read_text(encoding="utf-8"))
    whole = imread(REFERENCES / f"{name}-{width}-{theme}.png")[..., :3] * 255.0
    return about["layout"], list(unstacked(whole, about["sizes"]))


def write_reference(name: str, width: int, theme: str, layout: dict[str, Any], shots: list[Picture]) -> None:
    """Write what is to be committed of a page."""
    REFERENCES.mkdir(exist_ok=True)
    pictures = [smaller(shot) for shot in shots]
    panels = {name: [round(number, 1) for number in place] for name, place in layout["panels"].items()}
    about = {"layout": {"ids": layout["ids"], "panels": panels}, "sizes": [list(one.shape[:2]) for one in pictures]}
    text = json.dumps(about, indent=None, separators=(", ", ": ")).replace('], "', '],\n"')
    (REFERENCES / f"{name}-{width}.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    imsave(REFERENCES / f"{name}-{width}-{theme}.png", np.clip(stacked(pictures), 0, 255).round().astype(np.uint8))
