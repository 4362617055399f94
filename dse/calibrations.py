"""Calibration files of a user: read once, on top of the shipped numbers, and kept with a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from dse.errors import StudyError
from dse.yaml_loader import read_text
from roofline.calibration import Calibration

MOST_BYTES = 2**24


@dataclass(frozen=True)
class CalibrationFiles:
    """Texts of calibrations by the file a study names: those that travel with a run first, then the files themselves.

    A file is read once: what becomes of it while a study runs changes nothing.
    """

    stored: Mapping[str, str] = field(default_factory=dict)
    _read: dict[str, str] = field(default_factory=dict, repr=False)

    def __call__(self, path: str) -> str:
        """Return the text of a calibration.

        Raises
        ------
        StudyError
            If it is none.
        """
        if path in self.stored:
            return self.stored[path]
        if path not in self._read:
            text = _text(path)
            calibration(text, path)
            self._read[path] = text
        return self._read[path]


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
