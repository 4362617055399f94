"""Texts of files that a study names, read once and kept with a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class KeptFiles:
    """Texts by the file a study names: those that travel with a run first, then the files themselves.

    A file is read once: what becomes of it while a study runs changes nothing.

    Attributes
    ----------
    read : callable
        Returns the text of a file; raises StudyError if it cannot be read or is not what it should be.
    stored : mapping of str to str
        Texts of a run.
    """

    read: Callable[[str], str]
    stored: Mapping[str, str] = field(default_factory=dict)
    _read: dict[str, str] = field(default_factory=dict, repr=False)

    def __call__(self, path: str) -> str:
        """Return the text of a file; raise StudyError as `read` does."""
        if path in self.stored:
            return self.stored[path]
        if path not in self._read:
            self._read[path] = self.read(path)
        return self._read[path]
