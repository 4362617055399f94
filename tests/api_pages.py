"""The docstrings as pages: ``python tests/api_pages.py FOLDER`` writes HTML of the public API and what is below it.

pdoc renders them. It reads what is imported, so that nothing is configured twice, and understands numpydoc.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pdoc.doc
import pdoc.render

import dse

PACKAGES = ("dse", "roofline", "costmodels", "sweeps", "results")


def modules() -> dict[str, pdoc.doc.Module]:
    """The public modules by name: ``dse`` itself, and everything in the packages below it."""
    for name in dse.__all__:  # they are imported on first use, which pdoc does not see
        setattr(dse, name, getattr(dse, name))
    found: dict[str, pdoc.doc.Module] = {}
    waiting = [pdoc.doc.Module.from_name(name) for name in PACKAGES]
    while waiting:
        module = waiting.pop()
        found[module.modulename] = module
        waiting += module.submodules
    return dict(sorted(found.items()))


def write(folder: Path) -> list[Path]:
    """Write a page for each module, and return their paths."""
    pdoc.render.configure(docformat="numpy", show_source=False, search=False)
    shown = modules()
    written = []
    for name, module in shown.items():
        page = folder.joinpath(*name.split(".")).with_suffix(".html")
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(pdoc.render.html_module(module, shown), encoding="utf8")
        written.append(page)
    (folder / "index.html").write_text(pdoc.render.html_index(shown), encoding="utf8")
    return written


if __name__ == "__main__":
    for page in write(Path(sys.argv[1])):
        print(page)
