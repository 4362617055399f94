"""What a page asks for, from the JSON it sends to a checked study and designs; nothing else gets past here."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dse.designs import STUDY_KEYS, design_columns
from dse.errors import StudyError, did_you_mean, shown
from dse.serve.base import Base
from dse.serve.controls import Value, as_value
from dse.study import Study
from roofline.accelerators import Accelerator, find
from sweeps.problem import Problem
from sweeps.space import Columns

MOST_COMPARED = 4
"""Designs beside the one in hand, and as many published devices."""

MOST_LETTERS = 200
MOST_NUMBER = 1e30


@dataclass(frozen=True)
class Design:
    """A design in its technology.

    Attributes
    ----------
    study : Study
        Without scenario axes.
    problem : Problem
        The study's.
    columns : dict
        The five design columns, (1,) each [SI].
    """

    study: Study
    problem: Problem
    columns: Columns


@dataclass(frozen=True)
class Asked:
    """What a page shows: a design, others on the same work, and published devices."""

    design: Design
    others: tuple[Design, ...] = ()
    devices: tuple[Accelerator, ...] = ()


def json_of(body: bytes) -> dict[str, Any]:
    """Return the object that a body holds.

    Raises
    ------
    StudyError
        If it is no JSON object, or holds a number or a text that JSON does not have.
    """

    def refuse(name: str) -> float:
        raise ValueError(name)

    try:
        found = json.loads(body, parse_constant=refuse)
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        raise StudyError("expected a JSON object") from None
    if not isinstance(found, dict):
        raise StudyError("expected a JSON object")
    return found


def asked_of(base: Base, data: Mapping[str, Any]) -> Asked:
    """Return what a page asks for.

    Parameters
    ----------
    base : Base
    data : mapping
        ``fields``: path in a study to value; ``design``: key of a dimension to number [SI]; ``others``: designs, each
        with fields of its own technology; ``devices``: names of published accelerators. Any may be left out.

    Raises
    ------
    StudyError
        If it is anything else, or not possible.
    """
    _known_keys(data, ("fields", "design", "others", "devices"))
    fields = _fields(base, _mapping(data, "fields"))
    design = Design(*base.at(fields), _columns(base, _mapping(data, "design")))
    others = tuple(_other(base, fields, one) for one in _few(data, "others"))
    return Asked(design, others, tuple(_device(base, name) for name in _few(data, "devices")))


def _other(base: Base, fields: Mapping[str, Value], data: object) -> Design:
    if not isinstance(data, Mapping):
        raise StudyError(f"others: expected fields and a design, got {shown(data)}")
    _known_keys(data, ("fields", "design"))
    own = _fields(base, _mapping(data, "fields"))
    for path in own:
        if not path.startswith("technology."):
            raise StudyError(f"others: {path} is the same for all that is compared")
    return Design(*base.at({**fields, **own}), _columns(base, _mapping(data, "design")))


def _fields(base: Base, given: Mapping[str, Any]) -> dict[str, Value]:
    return {path: _value(base, path, value) for path, value in given.items()}


def _value(base: Base, path: str, value: object) -> Value:
    """A value that the page may set; words only those it offers, so that none is ever the path of a file."""
    if path not in base.controls:
        raise StudyError(f"there is no field {shown(path)} to set{did_you_mean(path, base.controls)}")
    if isinstance(value, bool) or not isinstance(value, str | int | float) or len(str(value)) > MOST_LETTERS:
        raise StudyError(f"expected a word or a number, got {shown(value)}", key=path)
    if not isinstance(value, str) and not _sound(value):
        raise StudyError(f"expected a smaller number, got {shown(value)}", key=path)
    control = base.controls[path]
    if not control.words:
        return as_value(control.kind, value.strip() if isinstance(value, str) else value)
    offered = base.choices[control.words]
    if value not in offered:
        raise StudyError(f"expected one of {_listed(offered)}, got {shown(value)}{_near(value, offered)}", key=path)
    assert isinstance(value, str)
    return value


def _listed(words: list[str]) -> str:
    words = [word for word in words if word]
    return ", ".join(words[:12]) + (f" and {len(words) - 12} others" if len(words) > 12 else "")


def _near(value: object, words: list[str]) -> str:
    return did_you_mean(str(value), words)


def _columns(base: Base, given: Mapping[str, Any]) -> Columns:
    for key, value in given.items():
        if key not in STUDY_KEYS:
            raise StudyError(f"there is no dimension {shown(key)}; there are {', '.join(STUDY_KEYS)}")
        if not isinstance(value, int | float) or isinstance(value, bool) or not _sound(value):
            raise StudyError(f"{key}: expected a number, got {shown(value)}")
    cells = {key: [float(given.get(key, base.start[column]))] for key, column in STUDY_KEYS.items()}
    try:
        return design_columns(base.study, cells)
    except StudyError as error:
        raise StudyError(error.message.removeprefix("designs: ").replace(", row 1", "")) from None


def _sound(value: float) -> bool:
    return abs(value) <= MOST_NUMBER if isinstance(value, int) else math.isfinite(value) and abs(value) <= MOST_NUMBER


def _device(base: Base, name: object) -> Accelerator:
    if not isinstance(name, str) or len(name) > MOST_LETTERS:
        raise StudyError(f"devices: expected the name of a published accelerator, got {shown(name)}")
    try:
        return find(name, base.devices)
    except ValueError as error:
        raise StudyError(f"devices: {error}") from None


def _known_keys(data: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    for key in data:
        if key not in keys:
            raise StudyError(f"there is no {shown(key)} to ask for; there are {', '.join(keys)}")


def _mapping(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _of_kind(data, key, dict, {}, "an object")
    return found


def _few(data: Mapping[str, Any], key: str) -> list[Any]:
    found: list[Any] = _of_kind(data, key, list, [], "a list")
    if len(found) > MOST_COMPARED:
        raise StudyError(f"{key}: at most {MOST_COMPARED}, got {len(found)}")
    return found


def _of_kind(data: Mapping[str, Any], key: str, kind: Callable[..., Any], nothing: Any, told: str) -> Any:
    found = data.get(key, nothing)
    if not isinstance(found, kind):  # type: ignore[arg-type]
        raise StudyError(f"{key}: expected {told}, got {shown(found)}")
    return found
