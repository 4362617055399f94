"""README and guide say what is true: commands run, studies check, keys, defaults and columns are the program's."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin

import click
import guide_columns
import pytest
import yaml
from conftest import Command
from pages import (
    GUIDE,
    PAGES,
    README,
    ROOT,
    anchors,
    blocks,
    commands,
    examples,
    links,
    name_of,
    prose,
    quoted_commands,
    rows,
)
from pydantic.fields import FieldInfo

import dse
from dse.__main__ import COMMANDS, cli
from dse.study_axes import DIMENSIONS
from dse.study_fields import StudyFile
from dse.study_part import Part
from dse.study_rules import Context, Rule
from dse.study_search import SEARCHES
from results.columns import COLUMNS

KEYS = "| key | value | default | what it means |"
ONLY_READ = {
    "dse serve": "does not end",
    "dse sweep my.yaml --print-job": "the study here starts no jobs; test_execution shows such scripts",
    "dse validate": "takes long; test_validate_shipped",
    "dse validate --operators": "takes long; test_validate_shipped",
    "dse validate --costs --plot costs.png": "takes long; test_validate_costs",
    "dse validate --costs --device h100 --format csv": "takes long; test_validate_costs",
    "dse sweep which-algorithm": "takes long; the notebooks run it",
    "dse sweep llama3-8b-edge": "is what the test directory begins with; test_notebooks has its summary",
}
"""Commands of the pages that the test of all commands only parses, and why."""

LEAST = """\
name: least
workloads: [{model: llama-3-8b, prompt_tokens: 8, output_tokens: 8}]
design: {dram_bandwidth: 1 TB/s, compute: 1 TFLOP/s, sram: 1 MiB, dram: 80 GB}
"""

ALL_COMMANDS = sorted({one for page in PAGES for one in commands(page)})


ABOVE = click.Context(cli, **cli.context_settings)


def command_named(name: str) -> click.Command:
    """The command with this name."""
    found = cli.get_command(ABOVE, name)
    assert found is not None
    return found


EXAMPLES = {name: examples(command_named(name).help or "") for name in COMMANDS}
FIRST = [lines[0] for lines in EXAMPLES.values() if lines]


# Pages


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    assert links(page)
    for link in links(page):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_index_and_the_readme_name_every_page() -> None:
    pages = {page.name for page in GUIDE.glob("*.md")} - {"README.md"}
    assert len(pages) >= 10
    assert pages <= set(links(GUIDE / "README.md"))
    assert {f"notebooks/guide/{name}" for name in pages} <= set(links(README))
    assert {name_of(path) for path in GUIDE.parent.glob("*.ipynb")} <= set(links(README))


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf8").splitlines()) <= 220


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_words_in_quotes_that_are_files_or_commands_exist(page: Path) -> None:
    quoted = re.findall(r"`([^`\n]+)`", prose(page))
    folders = "dse|roofline|costmodels|sweeps|results|tests|notebooks"
    for word in quoted:
        if found := re.fullmatch(rf"(?:python )?((?:{folders})/[\w./-]+)", word):
            assert (ROOT / found[1]).exists(), word
        if found := re.match(r"dse ([a-z]+)", word):
            assert found[1] in COMMANDS, word


def test_the_table_of_the_readme_has_every_command() -> None:
    named = rows(README.read_text(encoding="utf8"), "| command | what it does |")
    found = {word for cells in named for word in re.findall(r"`dse ([a-z]+)", cells[0])}
    assert found == set(COMMANDS)


def test_speeds_of_the_readme_are_those_of_the_guide() -> None:
    header = "| what | measured |"
    short, whole = (rows(page.read_text(encoding="utf8"), header) for page in (README, GUIDE / "speed.md"))
    assert short
    assert all(row in whole for row in short)


def test_the_page_on_python_has_every_public_name() -> None:
    named = rows((GUIDE / "python.md").read_text(encoding="utf8"), "| name | what it is | on the command line |")
    found = [word for cells in named for word in re.findall(r"`(\w+)`", cells[0])]
    assert sorted(found) == sorted(dse.__all__)
    methods = re.findall(r"`(\w+)\(\)`", (GUIDE / "python.md").read_text(encoding="utf8"))
    assert methods
    assert all(callable(getattr(dse.Run, name)) for name in methods)


def test_the_tests_that_the_guide_names_exist() -> None:
    named = re.findall(r"`(tests/test_\w+\.py)::(\w+)`", (GUIDE / "right.md").read_text(encoding="utf8"))
    assert len(named) >= 20
    for file, name in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, (file, name)


# Commands


QUOTED = {one for page in PAGES for one in quoted_commands(page)}


@pytest.mark.parametrize(
    "line", sorted({*ALL_COMMANDS, *QUOTED, *(one for lines in EXAMPLES.values() for one in lines)})
)
def test_every_command_of_the_pages_and_every_example_parses(line: str) -> None:
    _, name, *arguments = shlex.split(line)
    command_named(name).make_context(name, arguments, parent=ABOVE)


def test_python_scripts_of_the_pages_exist_with_their_options() -> None:
    lines = [line for page in PAGES for block in blocks(page, "bash") for line in block.splitlines()]
    scripts = [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("python ")]
    assert scripts
    for path, *arguments in scripts:
        text = (ROOT / path).read_text(encoding="utf8")
        assert all(f'"{word}"' in text for word in arguments if word.startswith("--")), path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the files and runs that the pages speak of."""
    place = tmp_path_factory.mktemp("place")
    study = (ROOT / "dse" / "starter.yaml").read_text(encoding="utf8")
    (place / "my.yaml").write_text(study, encoding="utf8")
    (place / "designs.csv").write_text(
        "dram_bandwidth,compute,sram,dram,flash\n100 GB/s,20 TFLOP/s,8 MiB,8 GB,0 GB\n", encoding="utf8"
    )
    (place / "chat.csv").write_text("prompt_tokens,output_tokens\n512,128\n2048,64\n", encoding="utf8")
    measured = (ROOT / "sweeps" / "data" / "measurements" / "measurements.csv").read_text(encoding="utf8")
    for name in ("measured.csv", "my.csv"):
        (place / name).write_text("".join(measured.splitlines(keepends=True)[:20]), encoding="utf8")
    exact = dse.shipped_studies()["edge-exact"].read_text(encoding="utf8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dse.pictures.draw", lambda run: [])
        patch.chdir(place)
        dse.sweep(dse.shipped_studies()["llama3-8b-edge"])
        dse.sweep(dse.shipped_studies()["edge-exact"])
        for name, search in {"nsga2": "{method: nsga2, generations: 2}", "sobol": "{method: sample, n: 500}"}.items():
            text = exact.replace("{method: exact, epsilon: 0}", search)
            assert text != exact
            dse.sweep(text, out=place / "runs" / name)
        dse.sweep(study)
        for shard in ("1/2", "2/2"):
            dse.sweep_shard(study, shard, out=place / "runs" / "mine")
    (place / "fit.csv").write_text(dse.calibrate(place / "measured.csv").text, encoding="utf8")
    return place


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_of_its_own(name: str) -> None:
    lines = EXAMPLES[name]
    assert lines
    assert all(line.split()[1] == name for line in lines)


MADE = {"dse new my.yaml": "my.yaml", "dse calibrate measured.csv -o fit.csv": "fit.csv"}
"""What commands make that others read, each in a process of its own perhaps: it is there from the beginning."""


@pytest.mark.parametrize("line", sorted({*ALL_COMMANDS, *FIRST} - set(ONLY_READ)))
def test_every_command_of_the_pages_and_first_example_runs(
    line: str, place: Path, command: Command, monkeypatch: pytest.MonkeyPatch, no_pictures: None
) -> None:
    monkeypatch.chdir(place)
    for made in (name for start, name in MADE.items() if line.startswith(start)):
        (place / made).unlink()  # it comes back as it was
    if "--shard" in line:  # its job array is another one than that which `dse merge` finds, whichever comes first
        line = line.replace("runs/mine", "runs/array")
    done = command(*shlex.split(line)[1:])
    assert done.code == 0, done.err
    assert done.out


def test_commands_that_are_only_parsed_are_on_the_pages() -> None:
    assert set(ONLY_READ) <= {*ALL_COMMANDS, *FIRST}


# Studies


def completed(fragment: dict[str, Any]) -> dict[str, Any]:
    """A study that gives little, with what a fragment says."""
    study = {**yaml.safe_load(LEAST), "technology": {"flash_kind": "ufs"}}
    for key, part in fragment.items():
        study[key] = {**study.get(key, {}), **part} if key == "technology" else part
    return study


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(text, id=f"{name_of(page)}-{number}")
        for page in PAGES
        for number, text in enumerate(blocks(page, "yaml"))
    ],
)
def test_every_study_of_the_pages_is_one(text: str, place: Path, command: Command) -> None:
    (place / "shown.yaml").write_text(
        yaml.safe_dump(completed(yaml.safe_load(text)), allow_unicode=True), encoding="utf8"
    )
    done = command("check", place / "shown.yaml")
    assert done.code == 0, done.err


# Keys


def part_in(annotation: object) -> type[Part] | None:
    """The section that a field holds, or the rows of a list do; none for names with values."""
    if isinstance(annotation, type):
        return annotation if issubclass(annotation, Part) else None
    if get_origin(annotation) is dict:
        return None
    return next((found for one in get_args(annotation) if (found := part_in(one)) is not None), None)


def fields(part: type[Part], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key of a section and of those within it, by path."""
    for name, field in part.model_fields.items():
        yield prefix + name, field
        inner = part_in(field.annotation)
        inner = inner or next((rule.part for rule in field.metadata if isinstance(rule, Rule) and rule.part), None)
        if inner is not None:
            yield from fields(inner, f"{prefix}{name}.")


FIELDS = dict(fields(StudyFile))


@cache
def described() -> dict[str, str]:
    """The default of each key on the pages of the guide."""
    found: dict[str, str] = {}
    for page in PAGES:
        for section, text in re.findall(
            r"^### `([\w.]+)`\n(.*?)(?=^#|\Z)", page.read_text(encoding="utf8"), re.M | re.S
        ):
            for key, _, default, *_ in rows(text, KEYS):
                path = key.strip("`") if section == "study" else f"{section}.{key.strip('`')}"
                assert path not in found, path
                found[path] = default
    return found


def test_the_guide_has_every_key_and_no_other() -> None:
    assert set(described()) == {*FIELDS, "design", *(f"design.{name}" for name in DIMENSIONS)}
    assert len(described()) > 150


@pytest.fixture(scope="module")
def least() -> dse.Study:
    """A study that gives nothing that has a default."""
    return dse.load(yaml.safe_load(LEAST))


@pytest.mark.parametrize("path", sorted(FIELDS))
def test_a_default_on_the_page_is_the_one_that_is_used(path: str, least: dse.Study) -> None:
    field, said = FIELDS[path], described()[path].strip("`")
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    assert field.is_required() == (said == "*required*")
    if said == "*required*":
        return
    if said == "section":
        assert default == {}
        assert path in ("workloads.techniques", "modelling.efficiency") or part_in(field.annotation)
        return
    section, _, key = path.partition(".")
    if section == "search":
        default = next((keys[key] for keys in SEARCHES.values() if keys.get(key) is not None), default)
    if said == "none":
        assert default in (None, "none", (), {}, [])
        return
    if default in (None, {}):
        default = getattr(getattr(least, section), key)
    (rule,) = (one for one in field.metadata if isinstance(one, Rule))
    assert rule.check(yaml.safe_load(said), Context(least.vocabulary)) == default


def test_no_flash_is_the_default(least: dse.Study) -> None:
    assert described()["design.flash"] == "0 GB"
    assert least.column_axes[list(DIMENSIONS).index("flash")].values == (0.0,)
    assert {described()[f"design.{name}"] for name in DIMENSIONS if name != "flash"} == {"*required*"}


# Columns


def test_the_page_on_columns_is_made_of_their_definitions() -> None:
    assert guide_columns.PAGE.read_text(encoding="utf8") == guide_columns.page(), "python tests/guide_columns.py"
    found = rows(guide_columns.page(), "| column | unit | better | what it is |")
    assert set(COLUMNS) <= {cells[0].strip("`") for cells in found}
