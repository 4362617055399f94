"""Traces of a user: the lengths of requests as CSV, read once and kept with a run."""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path

from dse.errors import StudyError, did_you_mean, listed, shown
from dse.study_hardware import beside
from dse.yaml_loader import read_text
from roofline.lengths import Lengths

MOST_BYTES = 2**24
MOST_TOKENS = 10**8
PROMPT, OUTPUT = "prompt_tokens", "output_tokens"


def trace_text(path: str) -> str:
    """Return the text of a trace; raise StudyError if it is none."""
    text = read_text(path, what="trace", most_bytes=MOST_BYTES)
    lengths_of(text, path)
    return text


def path_of(file: str, base_dir: Path | None) -> str:
    """Return the path of a trace that a study names: a file in the study's folder.

    Raises
    ------
    ValueError
        If the path leaves that folder: a study from elsewhere reads nothing else.
    """
    parts = Path(file.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or (len(file) > 1 and file[1] == ":"):
        raise ValueError(f"expected the path of a trace in the folder of the study, got {shown(file)}")
    found = beside(file, base_dir)
    own = base_dir is not None and Path(found) == base_dir / file
    if base_dir is not None and own and not Path(found).resolve().is_relative_to(base_dir.resolve()):
        raise ValueError(f"expected the path of a trace in the folder of the study, got {shown(file)}, a link")
    return found


@lru_cache(maxsize=64)
def lengths_of(text: str, path: str) -> Lengths:
    """Return the lengths of a trace's text: one request per row, other columns left alone.

    Raises
    ------
    StudyError
        With the file and the line, if it is malformed.
    """
    reader = csv.DictReader(text.splitlines())
    names = reader.fieldnames or []
    for name in (PROMPT, OUTPUT):
        if name not in names:
            near = did_you_mean(name, names)
            raise StudyError(f"expected a column {name}{near}, got {listed(names) or 'none'}", path=path, line=1)
    counts: dict[tuple[int, int], int] = {}
    try:
        for row in reader:
            length = (_tokens(row[PROMPT], PROMPT), _tokens(row[OUTPUT], OUTPUT))
            counts[length] = counts.get(length, 0) + 1
    except (ValueError, csv.Error) as error:
        raise StudyError(str(error), path=path, line=reader.line_num) from None
    try:
        found = Lengths.of([(prompt, output, count) for (prompt, output), count in counts.items()])
    except ValueError as error:
        raise StudyError(str(error), path=path) from None
    if found.mean_output < 2:
        raise StudyError(
            f"expected at least 2 output tokens on average, got {found.mean_output:g}: nothing is decoded", path=path
        )
    return found


def _tokens(text: str | None, name: str) -> int:
    digits = (text or "").strip()
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 12 and 1 <= int(digits) <= MOST_TOKENS):
        raise ValueError(f"{name}: expected a whole number from 1 to {MOST_TOKENS}, got {shown(text)}")
    return int(digits)
