"""CSV files as typed rows: every problem is told with its line, its column and what was expected."""

from __future__ import annotations

import csv
import difflib
import io
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_PROBLEMS = 20
"""How many problems one message lists before it only counts the rest."""

MOST_NUMBER = 1e18
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class MeasurementError(ValueError):
    """A file of measurements is malformed; ``str()`` is one line per problem, ``file:line: column: message``.

    Parameters
    ----------
    path : str
        The file.
    problems : sequence of (int or None, str)
        Line, from 1, and what is wrong there; at least one.
    """

    def __init__(self, path: str, problems: Sequence[tuple[int | None, str]]) -> None:
        self.path = path
        self.problems = tuple(problems)
        lines = [f"{path}: {text}" if line is None else f"{path}:{line}: {text}" for line, text in problems]
        left = len(lines) - MAX_PROBLEMS
        more = [f"... and {left} more problem{'s' if left > 1 else ''}"] if left > 0 else []
        super().__init__("\n".join([*lines[:MAX_PROBLEMS], *more]))


class WrongValueError(ValueError):
    """A field is not what its column holds; the message says what was expected."""


Parser = Callable[[str], object]


@dataclass(frozen=True)
class Column:
    """A column of a file.

    Attributes
    ----------
    parse : callable
        From the field's text, stripped, to its value.
    optional : bool
        Whether a file may leave the column out; its fields are then blank.
    """

    parse: Parser
    optional: bool = False


@dataclass(frozen=True)
class Record:
    """A row that was read: the line it starts on, from 1, and its value by column."""

    line: int
    values: Mapping[str, object]


def read_file(path: str | Path) -> str:
    """Return the text of a UTF-8 file, without its byte order mark.

    Raises
    ------
    MeasurementError
        If it is no UTF-8, with the line.
    OSError
        If the system refuses.
    """
    data = Path(path).read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MeasurementError(str(path), [(line, "expected UTF-8 text, got other bytes")]) from None


def read_records(text: str, path: str, columns: Mapping[str, Column]) -> tuple[list[Record], tuple[str, ...]]:
    """Return the rows of a CSV text, and the names of columns that are not known and were ignored.

    Parameters
    ----------
    text : str
        Comma-separated, with a header line; blank lines, either kind of line end and a byte order mark are fine.
    path : str
        The file it comes from, for messages.
    columns : mapping of name to Column
        What a row holds; their order in the file does not matter.

    Raises
    ------
    MeasurementError
        With every problem of the file.
    """
    lines = _lines(text.removeprefix("\ufeff"), path)
    first = next(lines, None)
    if first is None:
        raise MeasurementError(path, [(None, f"the file is empty; expected the columns {', '.join(columns)}")])
    header = [name.strip() for name in first[1]]
    _check_header(header, first[0], path, columns)
    records: list[Record] = []
    problems: list[tuple[int | None, str]] = []
    for line, fields in lines:
        if len(fields) != len(header):
            problems.append((line, f"expected {len(header)} fields as in the header, got {len(fields)}"))
            continue
        given = dict(zip(header, fields, strict=True))
        values: dict[str, object] = {}
        for name, column in columns.items():
            try:
                values[name] = column.parse(given.get(name, "").strip())
            except WrongValueError as error:
                problems.append((line, f"{name}: {error}"))
        records.append(Record(line, values))
    problems += _repeated(records)
    if problems:
        raise MeasurementError(path, sorted(problems, key=lambda problem: problem[0] or 0))
    if not records:
        raise MeasurementError(path, [(None, "the file has a header and no rows")])
    return records, tuple(name for name in header if name not in columns)


def _lines(text: str, path: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, with the line each one starts on."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise MeasurementError(path, [(line, f"not valid CSV: {error}")]) from None
        if any(field.strip() for field in fields):
            yield line, fields


def _check_header(header: list[str], line: int, path: str, columns: Mapping[str, Column]) -> None:
    problems: list[tuple[int | None, str]] = []
    twice = sorted({name for name in header if name and header.count(name) > 1})
    problems += [(line, f"the header names the column {name} twice") for name in twice]
    unknown = [name for name in header if name not in columns]
    for name, column in columns.items():
        if name in header or column.optional:
            continue
        near = difflib.get_close_matches(name, unknown, n=1, cutoff=0.6)
        guess = f' (is it "{shortened(near[0])}"?)' if near else ""
        problems.append((line, f"the column {name} is missing{guess}"))
    if len(header) == 1 and len(problems) > 1:
        seen = [word for mark, word in ((";", "semicolons"), ("\t", "tabs")) if mark in header[0]]
        hint = f"; this line is separated by {seen[0]}" if seen else ""
        problems = [(line, f"expected a header of column names separated by commas, got {shown(header[0])}{hint}")]
    if problems:
        raise MeasurementError(path, problems)


def _repeated(records: Sequence[Record]) -> list[tuple[int | None, str]]:
    """One problem per id that an earlier line has."""
    first: dict[object, int] = {}
    problems: list[tuple[int | None, str]] = []
    for record in records:
        name = record.values.get("id")
        if name in first:
            problems.append((record.line, f"id: {shown(str(name))} stands on line {first[name]} already"))
        elif name is not None:
            first[name] = record.line
    return problems


def shortened(text: str, most: int = 60) -> str:
    """Return a text, cut where it is long."""
    return text if len(text) <= most else text[: most - 3] + "..."


def shown(text: str) -> str:
    """Return a field as a message shows it: in quotes, on one line, short."""
    if not text:
        return "nothing"
    cut = shortened(text)
    return f'"{cut}"' if cut.isprintable() else ascii(cut)


def words(text: str) -> str:
    """Parse any text."""
    return text


def name(text: str) -> str:
    """Parse a text that may not be blank."""
    if not text:
        raise WrongValueError("expected a name, got nothing")
    return text


def one_of(allowed: Sequence[str]) -> Parser:
    """Return a parser of one of some names."""

    def parse(text: str) -> str:
        if text in allowed:
            return text
        near = difflib.get_close_matches(text[:100].casefold(), allowed, n=1, cutoff=0.6)
        guess = f' (did you mean "{near[0]}"?)' if near else ""
        raise WrongValueError(f"expected one of {', '.join(allowed)}; got {shown(text)}{guess}")

    return parse


def number(
    least: float = 0.0, *, above: bool = True, whole: bool = False, most: float = MOST_NUMBER, blank: bool = True
) -> Parser:
    """Return a parser of a number.

    Parameters
    ----------
    least : float
        No number below it.
    above : bool
        Nor that number itself.
    whole : bool
        Only whole numbers, returned as int; ``8.0`` is one.
    most : float
        No number above it.
    blank : bool
        A blank field is allowed, and None.
    """
    bound = "above" if above else "of at least"
    expected = f"a {'whole ' if whole else ''}number {bound} {least:g}"

    def parse(text: str) -> float | int | None:
        if not text and blank:
            return None
        value = float(text) if len(text) <= 40 and _NUMBER.fullmatch(text) else math.nan
        fits = (value > least or (not above and value == least)) and value <= most
        if not fits or (whole and value != int(value)):
            limit = f" and at most {most:g}" if value > most else ""
            raise WrongValueError(f"expected {expected}{limit}, got {shown(text)}")
        return int(value) if whole else value

    return parse
