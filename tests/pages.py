"""The pages people read, taken apart: blocks of code, commands, tables, headings and links."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "notebooks" / "guide"
README = ROOT / "README.md"
PAGES = (README, *sorted(GUIDE.glob("*.md")))
_BLOCK = r"^```{language}\n(.*?)^```$"


def name_of(page: Path) -> str:
    """The page as a path within the project."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language on a page."""
    return re.findall(_BLOCK.format(language=language), page.read_text(encoding="utf8"), re.M | re.S)


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(_BLOCK.format(language=r"\w*"), "", page.read_text(encoding="utf8"), flags=re.M | re.S)


def commands(page: Path) -> list[str]:
    """The commands ``dse`` in the shell blocks of a page, without comments; in a job array that of its first task."""
    lines = [line.removeprefix("exec ") for block in blocks(page, "bash") for line in block.splitlines()]
    texts = [line.replace("$SLURM_ARRAY_TASK_ID", "1") for line in lines if line.startswith("dse ")]
    return [shlex.join(shlex.split(text, comments=True)) for text in texts]


def quoted_commands(page: Path) -> list[str]:
    """The commands ``dse`` with options that the sentences of a page quote."""
    return re.findall(r"`(dse [a-z]+ [^`\n]*--[^`\n]*)`", prose(page))


def examples(help_text: str) -> list[str]:
    """The commands under ``Examples:`` of the help of a command, without remarks; long ones go on in the next line."""
    _, _, block = help_text.partition("Examples:\n")
    whole = re.sub(r"\n {3,}(?=\S)", " ", block.split("\n\n")[0])
    lines = [re.split(r" {3,}", line.strip())[0] for line in whole.splitlines()]
    return [shlex.join(shlex.split(line)) for line in lines if line.startswith("dse ")]


def anchors(page: Path) -> set[str]:
    """What a link may name on a page: its headings, as GitHub writes them in addresses."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.M)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


def links(page: Path) -> list[str]:
    """Targets of the links and pictures of a page that lie in the project."""
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)) if "://" not in target]


def rows(text: str, header: str) -> list[list[str]]:
    """The cells of the rows of all tables with this header line."""
    found: list[list[str]] = []
    for table in re.findall(rf"^{re.escape(header)}\n\|[-|]+\|\n((?:\|.*\|\n?)*)", text, re.M):
        found += [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]
    return found
