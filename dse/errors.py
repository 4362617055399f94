"""The errors people can cause, and the exit status of each.

Every one of them is shown as a message of one line per problem, never as a traceback::

    Exception
    └── DseError              exit 1   something went wrong that we can explain
        ├── StudyError        exit 2   the study file or the command line is wrong
        ├── OutputError       exit 2   cannot write where told: full disk, no permission, another study's directory
        └── RunError          exit 1   a run failed, or a run directory cannot be used
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

#: How many problems one message lists before it only counts the rest.
MAX_PROBLEMS = 20


class DseError(Exception):
    """Something went wrong that a message can explain."""

    exit_code = 1


class OutputError(DseError):
    """The results cannot be written where the user wants them."""

    exit_code = 2


class RunError(DseError):
    """A run failed, or a run directory cannot be used."""

    exit_code = 1


class StudyError(DseError):
    """The study file or the command line is wrong; ``str()`` is ``file:line: key: message``.

    Parameters
    ----------
    message : str
        What was expected, and what was given.
    path : str, optional
        The study file.
    line : int, optional
        Line in that file, from 1.
    key : str, optional
        Where in the study, as ``design.dram``.
    """

    exit_code = 2

    def __init__(
        self, message: str, *, path: str | None = None, line: int | None = None, key: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.line = line
        self.key = key
        self._parts: tuple[StudyError, ...] = ()

    @classmethod
    def many(cls, problems: Iterable[StudyError]) -> StudyError:
        """Gather several problems into one error, ordered by line, each said once.

        Parameters
        ----------
        problems : iterable of StudyError
            At least one.

        Returns
        -------
        StudyError
            The problem itself if there is only one.

        Raises
        ------
        ValueError
            If there is no problem at all.
        """
        flat = [part for problem in problems for part in problem.problems]
        unique = list({str(part): part for part in flat}.values())
        if not unique:
            raise ValueError("StudyError.many needs at least one problem")
        unique.sort(key=lambda part: part.line or 0)
        if len(unique) == 1:
            return unique[0]
        error = cls(f"{len(unique)} problems", path=unique[0].path)
        error._parts = tuple(unique)
        return error

    @property
    def problems(self) -> tuple[StudyError, ...]:
        """The single problems this error holds; itself if it is one."""
        return self._parts or (self,)

    def __str__(self) -> str:
        if self._parts:
            lines = [str(part) for part in self._parts[:MAX_PROBLEMS]]
            if left := len(self._parts) - len(lines):
                lines.append(f"... and {left} more problem{'s' if left > 1 else ''}")
            return "\n".join(lines)
        place = self.path or ""
        if self.line is not None:
            place = f"{place or 'line'}:{self.line}" if place else f"line {self.line}"
        return ": ".join(part for part in (place, self.key, self.message) if part)


def nearest(word: str, allowed: Iterable[str], n: int = 3) -> list[str]:
    """Names that look most like a mistyped one, best first.

    Parameters
    ----------
    word : str
        What was given.
    allowed : iterable of str
        What could have been meant.
    n : int
        At most this many.

    Returns
    -------
    list of str
        Possibly empty.
    """
    import difflib

    by_folded: dict[str, str] = {}
    for name in allowed:
        by_folded.setdefault(name.casefold(), name)
    found = difflib.get_close_matches(word[:200].casefold(), list(by_folded), n=n, cutoff=0.6)
    return [by_folded[folded] for folded in found]


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """A guess to end a message with: ``' (did you mean "llama-3-8b"?)'``, or nothing."""
    guesses = nearest(word, allowed, 1)
    return f' (did you mean "{guesses[0]}"?)' if guesses else ""


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names for a message, ``a, b, c``; the first few and a count where there are more than `most`."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])}, ... ({len(names)} in all)"


def shown(value: object, most: int = 60) -> str:
    """A given value as a message shows it: short, on one line, with its kind where that is the point."""
    import json

    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = value if len(value) <= most else value[: most - 3] + "..."
        return json.dumps(text, ensure_ascii=not text.isprintable())
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    if isinstance(value, int | float):
        text = repr(value)
        return text if len(text) <= most else text[: most - 3] + "..."
    return f"a {type(value).__name__}"
