"""Docstrings: they render without a warning, and the parameters they describe are those that there are."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pages import ROOT

import dse

PACKAGES = ("dse", "roofline", "costmodels", "sweeps", "results")
_SECTION = r"^{name}\n-+\n(.*?)(?=^\S[^\n]*\n-{{3,}}\n|\Z)"


def described(docstring: str, section: str) -> list[str] | None:
    """Names that a section of a numpydoc docstring describes; None where it has none."""
    found = re.search(_SECTION.format(name=section), docstring, re.M | re.S)
    if found is None:
        return None
    lines = re.findall(r"^(\S[^:\n]*?)(?: :.*)?$", found[1], re.M)
    return [name.strip().lstrip("*") for line in lines for name in line.split(",")]


@dataclass(frozen=True)
class Documented:
    """A function or a dataclass of the source: where it is, what it takes, what it says, and its properties."""

    where: str
    names: tuple[str, ...]
    docstring: str
    properties: tuple[str, ...] = ()


def taken(node: ast.FunctionDef) -> tuple[str, ...]:
    """The parameters of a function, in order."""
    of = node.args
    every = [*of.posonlyargs, *of.args, of.vararg, *of.kwonlyargs, of.kwarg]
    return tuple(one.arg for one in every if one is not None and one.arg not in ("self", "cls"))


def kept(node: ast.ClassDef) -> tuple[str, ...]:
    """The public fields of a dataclass, in order."""
    fields = [one.target.id for one in node.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)]
    return tuple(name for name in fields if not name.startswith("_"))


def functions(nodes: list[ast.stmt], file: str) -> Iterator[Documented]:
    """The public functions and methods with a docstring."""
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            yield from functions(node.body, file)
        if isinstance(node, ast.FunctionDef) and (text := ast.get_docstring(node)):
            yield Documented(f"{file}:{node.lineno} {node.name}", taken(node), text)


def dataclasses(nodes: list[ast.stmt], file: str) -> Iterator[Documented]:
    """The dataclasses with a docstring."""
    for node in nodes:
        if isinstance(node, ast.ClassDef) and any("dataclass" in ast.unparse(one) for one in node.decorator_list):
            properties = tuple(one.name for one in node.body if isinstance(one, ast.FunctionDef) and one.decorator_list)
            yield Documented(f"{file}:{node.lineno} {node.name}", kept(node), ast.get_docstring(node) or "", properties)


def parsed() -> Iterator[tuple[str, list[ast.stmt]]]:
    """The source files and what they define."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf8")).body


def test_every_page_renders_without_a_warning(tmp_path: Path) -> None:
    """pdoc writes the public API and every public module of the packages below it; a warning is an error."""
    command = [sys.executable, "-W", "error", str(ROOT / "tests" / "api_pages.py"), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.html")}
    assert {"dse.html", "roofline/kernel.html", "costmodels/area.html", "sweeps/evaluate.html"} <= written
    page = (tmp_path / "dse.html").read_text(encoding="utf8")
    assert all(f'id="{name}"' in page for name in dse.__all__)


def test_parameters_of_functions_are_those_of_their_signatures() -> None:
    checked = [one for file, nodes in parsed() for one in functions(nodes, file) if "Parameters\n---" in one.docstring]
    assert len(checked) > 200
    wrong = {one.where: one.names for one in checked if described(one.docstring, "Parameters") != list(one.names)}
    assert not wrong


def test_attributes_of_dataclasses_are_their_fields() -> None:
    checked = 0
    wrong: dict[str, object] = {}
    for file, nodes in parsed():
        for one in dataclasses(nodes, file):
            named = described(one.docstring, "Parameters") or described(one.docstring, "Attributes")
            checked += named is not None
            if named is None:
                continue
            fields = [name for name in named if name not in one.properties]
            if sorted(fields) != sorted(one.names):
                wrong[one.where] = set(fields) ^ set(one.names) or "one is there twice"
    assert checked > 100
    assert not wrong


@pytest.mark.parametrize("name", dse.__all__)
def test_the_public_api_says_what_it_takes_and_returns(name: str) -> None:
    found = getattr(dse, name)
    text = inspect.getdoc(found) or ""
    if inspect.isclass(found):
        assert text
        return
    takes = list(inspect.signature(found).parameters)
    assert described(text, "Parameters") == (takes or None)
    assert described(text, "Returns")


@pytest.mark.parametrize(
    "method", [name for name, one in vars(dse.Run).items() if inspect.isfunction(one) and not name.startswith("_")]
)
def test_methods_of_a_run_say_what_they_take_or_where_it_stands(method: str) -> None:
    text = inspect.getdoc(getattr(dse.Run, method)) or ""
    _, *takes = inspect.signature(getattr(dse.Run, method)).parameters
    assert text
    if len(takes) > 1 and "see :func:`dse." not in text:
        assert described(text, "Parameters") == takes


@pytest.mark.parametrize(
    "docstring",
    [
        "One.\n\nParameters\n----------\na, b : int\n    Both.\n*rest : str\n\nReturns\n-------\nint\n    c : no.",
        "One.\n\nParameters\n----------\na : int\nb : {1, 2}\n    See x : y.\nrest\n",
    ],
)
def test_the_reader_of_docstrings_reads_names(docstring: str) -> None:
    assert described(docstring, "Parameters") == ["a", "b", "rest"]
    assert described(docstring, "Raises") is None
