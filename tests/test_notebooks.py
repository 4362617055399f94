"""The notebooks run from top to bottom, and what they and the pages show is what the product prints today."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from pages import GUIDE, README, ROOT, blocks

import dse
from dse.report.summary import summary

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SECONDS_PER_CELL = 120
REFRESH = "the product prints something else than is committed; CONTRIBUTING.md says how to refresh it"


class ThisInterpreter(KernelSpecManager):
    """Kernels run in the interpreter of the tests, whatever kernels this machine has installed."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name=kernel_name, language="python")


def pictures(notebook: Any) -> int:
    return sum("image/png" in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", []))


def printed(notebook: Any) -> list[str]:
    """What each code cell prints to standard output, and shows as HTML or Markdown."""
    return [
        "".join(
            o["text"]
            if o.output_type == "stream"
            else "".join(o.get("data", {}).get(kind, "") for kind in ("text/html", "text/markdown"))
            for o in cell.outputs
            if o.output_type != "stream" or o.name == "stdout"
        )
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def test_there_is_a_notebook() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_and_prints_what_is_committed(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable.lower()))
    work = tmp_path / "work"
    work.mkdir()
    committed = nbformat.read(shutil.copy(path, work), as_version=4)
    fresh = nbformat.from_dict(committed)
    for cell in fresh.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    kernel = AsyncKernelManager(kernel_spec_manager=ThisInterpreter())
    where = {"metadata": {"path": str(work)}}
    client = NotebookClient(fresh, km=kernel, timeout=SECONDS_PER_CELL, resources=where, shutdown_kernel="immediate")
    client.execute(cleanup_kc=True)

    assert not kernel.has_kernel  # it would keep its memory until the last test has ended
    assert pictures(committed) == pictures(fresh) > 0
    assert printed(committed) == printed(fresh), REFRESH


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_small_and_names_no_path_of_a_machine(path: Path) -> None:
    text = path.read_text(encoding="utf8")
    assert len(text) < 1_500_000
    assert not re.search(r"(?<![\w.])/(home|root|tmp|work|opt|usr|Users)/", text)


def test_the_tour_has_an_order_and_no_dead_end() -> None:
    index = (ROOT / "notebooks" / "README.md").read_text(encoding="utf8")
    assert re.findall(r"\| (\d) \| \[[^]]*\]\((\w+\.ipynb)\)", index) == [
        (str(number), path.name) for number, path in enumerate(NOTEBOOKS, start=1)
    ]
    for number, path in enumerate(NOTEBOOKS, start=1):
        cells = nbformat.read(path, as_version=4).cells
        first, last = cells[0].source, cells[-1].source
        assert first.startswith(f"# {number}. "), path.name
        assert "**The question.**" in first, path.name
        beside = [one.name for one in (NOTEBOOKS[number - 2 : number - 1] if number > 1 else [])]
        beside += ["README.md", *(one.name for one in NOTEBOOKS[number : number + 1])]
        assert re.findall(r"\]\(([^)]*)\)", last.splitlines()[-1]) == beside, path.name
        assert f"](images/tour-{number}.png)" in index or f'"images/tour-{number}.png"' in index
        assert (ROOT / "notebooks" / "images" / f"tour-{number}.png").stat().st_size < 150_000
        for target in re.findall(r"\]\(([\w./]+)(?:#[\w-]*)?\)", "\n".join(cell.source for cell in cells)):
            assert (path.parent / target).is_file(), (path.name, target)


def test_cells_are_short_and_pictures_small() -> None:
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            assert len(cell.source.splitlines()) <= 50, (path.name, cell.source[:60])
            for output in cell.get("outputs", []):
                assert len(output.get("data", {}).get("image/png", "")) < 450_000, path.name
                assert "".join(output.get("text", "")).count("\n") <= 50, path.name


def test_readme_and_guide_show_what_the_product_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first text block of the README is the summary of the sweep, apart from the time; then the guide's Python."""
    monkeypatch.chdir(tmp_path)
    run = dse.sweep(dse.shipped_studies()["llama3-8b-edge"])
    swept, *_ = blocks(README, "text")
    timing = re.compile(r"^[\d.]+ s, [\d.,]+ (M )?designs/s;.*$", re.M)
    assert timing.search(swept)
    assert timing.sub("", swept).strip() == timing.sub("", summary(run)).strip(), REFRESH

    (python,), (python_prints,) = blocks(GUIDE / "python.md", "python"), blocks(GUIDE / "python.md", "text")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(python, "python.md", "exec"), {})
    assert out.getvalue().strip() == python_prints.strip(), REFRESH


def test_readme_shows_a_part_of_the_shipped_study() -> None:
    study = dse.shipped_studies()["llama3-8b-edge"].read_text(encoding="utf8")
    shown, *_ = blocks(README, "yaml")
    assert shown in study, REFRESH
