"""YAML text to plain Python values and the line of each: a small, safe part of YAML 1.2.

Kept from YAML: mappings with text keys, lists, scalars of the 1.2 core schema (``1e9`` is a number, ``on`` is text),
comments.
Refused, with the line: anchors and aliases, tags, merge keys, duplicate keys, several documents, deep nesting, control
characters, very large files. The events of PyYAML's parser are checked one by one, so that hostile text is refused
before it has cost anything.
"""

from __future__ import annotations

import math
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dse.errors import StudyError, shown

if TYPE_CHECKING:
    import yaml

MAX_BYTES = 2**20
MAX_NODES = 100_000
MAX_DEPTH = 32
_MAX_DIGITS = 64

_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|\ufeff")
_BREAKS = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"([-+]?)\.(?:inf|Inf|INF)")
_NAN = re.compile(r"\.(?:nan|NaN|NAN)")

Keys = tuple[str | int, ...]


class Lines:
    """Where in a text each value stands.

    Parameters
    ----------
    known : dict of path to int, optional
        Line of each value, from 1; a path is a tuple of keys and list positions.
    """

    def __init__(self, known: dict[Keys, int] | None = None) -> None:
        self._known = known or {}

    def line(self, path: Keys) -> int | None:
        """Line of a value or of its nearest known parent, from 1; None for a text that has no lines."""
        for length in range(len(path), -1, -1):
            if (line := self._known.get(tuple(path[:length]))) is not None:
                return line
        return None


def read_text(path: str | Path, *, what: str = "study", most_bytes: int = MAX_BYTES) -> str:
    """Read a text file that a user names.

    Parameters
    ----------
    path : str or Path
        The file, UTF-8.
    what : str
        What it should be, for messages.
    most_bytes : int
        Its largest size [byte].

    Returns
    -------
    str
        Its text.

    Raises
    ------
    StudyError
        If there is no such file, or it cannot be read, or is something else.
    """
    name = str(path)
    try:
        mode = Path(path).stat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
            raise StudyError(f"expected a {what} file, this is {kind}", path=name)
        with Path(path).open("rb") as file:
            data = file.read(most_bytes + 1)
    except FileNotFoundError:
        raise StudyError("no such file", path=name) from None
    except PermissionError:
        raise StudyError("no permission to read this file", path=name) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise StudyError(f"cannot read this file: {reason}", path=name) from None
    if len(data) > most_bytes:
        raise StudyError(_too_large(what, most_bytes), path=name)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise StudyError("expected UTF-8 text, got other bytes", path=name, line=line) from None


def load_yaml(text: str, *, path: str) -> tuple[object, Lines]:
    """Read one YAML document.

    Parameters
    ----------
    text : str
        The document, at most 1 MiB.
    path : str
        Name of the file, for messages.

    Returns
    -------
    value : object
        dict, list, str, int, float, bool or None; None for an empty document.
    lines : Lines
        The line of every value.

    Raises
    ------
    StudyError
        If this is not YAML, or not of the part of YAML that a study may use.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise StudyError(_too_large("study", MAX_BYTES), path=path)
    if match := _FORBIDDEN.search(text):
        line = len(_BREAKS.findall(text, 0, match.start())) + 1
        raise StudyError(f"control character U+{ord(match[0]):04X} is not allowed", path=path, line=line)
    builder = _Builder(path)
    for event in _events(text, path):
        builder.take(event)
    return builder.root, Lines(builder.lines)


def _too_large(what: str, most_bytes: int) -> str:
    return f"the file is larger than a {what} may be ({most_bytes // 2**20} MiB)"


def _events(text: str, path: str) -> Iterator[yaml.Event]:
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        yield from yaml.parse(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(part for part in (error.context, error.problem) if part)
        raise StudyError(
            f"not valid YAML: {_one_line(what)}", path=path, line=mark.line + 1 if mark else None
        ) from None
    except (yaml.YAMLError, ValueError) as error:
        raise StudyError(f"not valid YAML: {_one_line(str(error))}", path=path) from None


def _line(event: yaml.Event) -> int:
    """Line where an event starts, from 1."""
    mark = event.start_mark
    return mark.line + 1 if mark is not None else 1


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


class _Builder:
    """Builds the values of one document from parser events, and refuses what a study may not hold."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.root: object = None
        self.lines: dict[Keys, int] = {}
        self._containers: list[dict[str, object] | list[object]] = []
        self._paths: list[Keys] = []
        self._keys: list[str | None] = []  # per container: the key that waits for its value
        self._nodes = 0
        self._documents = 0

    def _refuse(self, event: yaml.Event, message: str) -> StudyError:
        path = self._paths[-1] if self._paths else ()
        key = ".".join(str(part) for part in path) or None
        return StudyError(message, path=self.path, line=_line(event), key=key)

    def take(self, event: yaml.Event) -> None:
        import yaml

        if isinstance(event, yaml.NodeEvent):
            self._check_node(event)
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self._refuse(event, "a study is one YAML document, this is the start of another")
        elif isinstance(event, yaml.ScalarEvent):
            self._take_scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            container: dict[str, object] | list[object] = {} if isinstance(event, yaml.MappingStartEvent) else []
            path = self._place(event, container)
            self._containers.append(container)
            self._paths.append(path)
            self._keys.append(None)
            if len(self._containers) > MAX_DEPTH:
                raise StudyError(f"nested more than {MAX_DEPTH} levels deep", path=self.path, line=_line(event))
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._containers.pop()
            self._paths.pop()
            self._keys.pop()

    def _check_node(self, event: yaml.NodeEvent) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._refuse(event, f"more than {MAX_NODES} values")
        if event.anchor is not None:
            raise self._refuse(event, f"anchors and aliases are not allowed (&{event.anchor} or *{event.anchor})")
        if getattr(event, "tag", None) is not None:
            raise self._refuse(event, f"tags are not allowed, got {shown(getattr(event, 'tag', None))}")

    def _take_scalar(self, event: yaml.ScalarEvent) -> None:
        text = event.value
        if match := _FORBIDDEN.search(text):
            raise self._refuse(event, f"control character U+{ord(match[0]):04X} is not allowed")
        plain = bool(event.implicit[0])
        if self._waits_for_key():
            self._take_key(event, text, plain)
            return
        try:
            value = resolve_scalar(text) if plain else text
        except ValueError as error:
            raise self._refuse(event, str(error)) from None
        self._place(event, value)

    def _waits_for_key(self) -> bool:
        return bool(self._containers) and isinstance(self._containers[-1], dict) and self._keys[-1] is None

    def _take_key(self, event: yaml.ScalarEvent, text: str, plain: bool) -> None:
        container = self._containers[-1]
        if plain and text == "<<":
            raise self._refuse(event, 'merge keys ("<<") are not allowed')
        try:
            is_text = not plain or isinstance(resolve_scalar(text), str)
        except ValueError:
            is_text = False
        if not is_text:
            raise self._refuse(event, f"expected text as a key, got {_one_line(text)[:60] or 'nothing'}")
        if text in container:
            first = self.lines[(*self._paths[-1], text)]
            raise self._refuse(event, f"duplicate key {shown(text)}, first given on line {first}")
        self._keys[-1] = text
        self.lines[(*self._paths[-1], text)] = _line(event)

    def _place(self, event: yaml.NodeEvent, value: object) -> Keys:
        """Put a value where the parser stands; returns its path."""
        if not self._containers:
            self.root = value
            self.lines[()] = _line(event)
            return ()
        container = self._containers[-1]
        if isinstance(container, list):
            path = (*self._paths[-1], len(container))
            container.append(value)
            self.lines[path] = _line(event)
            return path
        key = self._keys[-1]
        if key is None:
            raise self._refuse(event, f"expected text as a key, got {shown(value)}")
        path = (*self._paths[-1], key)
        container[key] = value
        self._keys[-1] = None
        return path


def resolve_scalar(text: str) -> str | int | float | bool | None:
    """The value of an unquoted scalar by the YAML 1.2 core schema.

    Parameters
    ----------
    text : str
        The scalar as written.

    Returns
    -------
    str, int, float, bool or None
        ``1e9`` and ``.5`` are floats, ``012`` is 12, ``0o14`` octal, ``0x0c`` hexadecimal, ``on`` and ``yes`` are text.

    Raises
    ------
    ValueError
        If a whole number has more than 64 digits.

    References
    ----------
    YAML 1.2.2, section 10.3.2, tag resolution of the core schema.
    """
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    for pattern, base in ((_INTEGER, 10), (_OCTAL, 8), (_HEX, 16)):
        if pattern.fullmatch(text):
            if len(text) > _MAX_DIGITS:
                raise ValueError(f"expected a number of at most {_MAX_DIGITS} digits, got {len(text)}")
            return int(text if base == 10 else text[2:], base)
    if _FLOAT.fullmatch(text):
        return float(text)
    if match := _INFINITY.fullmatch(text):
        return -math.inf if match[1] == "-" else math.inf
    return math.nan if _NAN.fullmatch(text) else text
