"""The page as one HTML file: data, style and script inside, nothing loaded from anywhere."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dse.errors import OutputError
from dse.report.page.data import page_data

if TYPE_CHECKING:
    from dse.runs import Run

SCRIPTS = (
    *("data", "state", "scales", "parallel", "ellipses", "scatter", "table", "map"),
    *("roofline", "energy", "bars", "design", "page"),
)
"""In the order in which they stand in the page: later ones call earlier ones."""


def page_html(data: dict[str, Any]) -> str:
    """Return the page of what :func:`dse.report.page.data.page_data` gave.

    Notes
    -----
    Text of the run is only ever in the title, escaped, and in the data, where ``<``, ``>`` and ``&`` are written
    by their codes: no text can end the element it stands in. The script puts it on the page as text, never as
    HTML, and the policy of the page lets no other script run and nothing be loaded.
    """
    style, template = _file("page.css"), _file("page.html")
    script = "\n".join(('"use strict";', "(() => {", *(_file(f"{name}.js") for name in SCRIPTS), "})();"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data: blob:"
    parts = {
        "POLICY": html.escape(policy),
        "TITLE": html.escape(f"{data['name']}: report"),
        "STYLE": style,
        "DATA": as_json(data),
        "SCRIPT": script,
    }
    pieces = template.split("@@")
    return "".join(parts[piece] if i % 2 else piece for i, piece in enumerate(pieces))


def as_json(data: Any) -> str:
    """Return data as JSON that may stand inside a script element, floats with every digit."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def write_page(run: Run, path: str | Path | None = None) -> Path:
    """Write the page of a run and return its path.

    Parameters
    ----------
    run : Run
    path : path, optional
        Default ``report.html`` in the run's directory.

    Raises
    ------
    OutputError
        If it cannot be written there.
    """
    target = run.paths.report if path is None else Path(path)
    text = page_html(page_data(run))
    try:
        target.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"{target}: cannot write there: {error.strerror or error}") from None
    return target


def _file(name: str) -> str:
    return (files("dse.report.page") / name).read_text(encoding="utf-8")
