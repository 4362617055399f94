"""Checks that read the code instead of running it: ruff, mypy, and the commands and links of the pages."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dse.__main__ import COMMANDS

ROOT = Path(__file__).parents[1]
PACKAGES = ("dse", "roofline", "costmodels", "sweeps", "results")
CHECKED = (*PACKAGES, "tests", "notebooks")
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")


@pytest.mark.parametrize(
    "command",
    [("ruff", "check", *CHECKED), ("ruff", "format", "--check", *CHECKED), ("mypy",)],
    ids=("ruff-check", "ruff-format", "mypy"),
)
def test_tool_finds_nothing(command: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf8")


@pytest.mark.parametrize("comment", ["run", "test"])
def test_readme_has_one_command_of_each_kind(comment: str) -> None:
    """One line in a fenced block right after the comment: people, .ci/run and other tools extract it."""
    found = re.findall(rf"^<!-- {comment} -->\n```bash\n(.*?)^```$", page("README.md"), re.M | re.S)
    assert len(found) == 1
    (command,) = found[0].splitlines()
    assert command.startswith("python3 -m venv ")


def test_ci_runs_the_test_command_of_the_readme(tmp_path: Path) -> None:
    """The real script, beside a README whose test command only speaks."""
    script = tmp_path / ".ci" / "run"
    script.parent.mkdir()
    script.write_text(page(".ci/run"), encoding="utf8")
    fence = "```"
    (tmp_path / "README.md").write_text(
        f"<!-- run -->\n{fence}bash\necho wrong\n{fence}\n<!-- test -->\n{fence}bash\necho right && exit 3\n{fence}\n"
        f"{fence}bash\necho late\n{fence}\n",
        encoding="utf8",
    )
    done = subprocess.run(["bash", str(script)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, "+ echo right && exit 3\nright\n")
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


@pytest.mark.parametrize("name", PAGES)
def test_links_of_a_page_lead_somewhere(name: str) -> None:
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", page(name)) if "://" not in target]
    missing = [target for target in targets if not (ROOT / target).exists()]
    assert not missing


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_files_and_commands_a_page_names_exist(name: str) -> None:
    text = page(name)
    quoted = re.findall(r"`([^`\n]+)`", text)
    files = [word for word in quoted if re.fullmatch(rf"({'|'.join(CHECKED)})/[\w./-]+", word)]
    assert files
    assert not [word for word in files if not (ROOT / word).exists()]
    commands = set(re.findall(r"(?:^|[`/])dse ([a-z]+)", text, re.M))
    assert commands
    assert commands <= set(COMMANDS)
