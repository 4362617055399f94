"""Calibration files of a user: read once, on top of the shipped numbers, and kept with a run."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from dse.errors import StudyError
from dse.yaml_loader import read_text
from roofline.calibration import Calibration

MOST_BYTES = 2**24


def calibration_text(path: str) -> str:
    """Return the text of a calibration; raise StudyError if it is none."""
    text = _text(path)
    calibration(text, path)
    return text


def _text(path: str | Path) -> str:
    return read_text(path, what="calibration", most_bytes=MOST_BYTES)


@lru_cache(maxsize=64)
def calibration(text: str, path: str) -> Calibration:
    """Return the numbers of a calibration's text on top of the shipped ones: those it does not name stay.

    Raises
    ------
    StudyError
        With the file and the line, if it is malformed.
    """
    from sweeps.validate import read_calibration

    try:
        return read_calibration(text, path)
    except ValueError as error:
        raise StudyError(str(error)) from None


def calibration_of(path: str | Path, before: str = "") -> Calibration:
    """Return the calibration of a file; `before` its path in messages stands what asked for it.

    Raises
    ------
    StudyError
        If it cannot be read or is malformed.
    """
    text = _text(path)
    try:
        return calibration(text, str(path))
    except StudyError as error:
        raise StudyError(f"{before}{error}") from None
