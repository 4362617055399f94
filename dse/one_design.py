"""One design of a study as people name it: a point of its space, or a value for each axis."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any, cast

import numpy as np

from dse.designs import STUDY_KEYS, design_columns
from dse.errors import StudyError, did_you_mean, shown
from dse.study import Study
from dse.study_axes import ScenarioAxis
from dse.study_paths import rule_at
from dse.study_rules import Context
from dse.units import format_quantity
from results.columns import COLUMNS
from results.figures.look import number_text
from results.labels import display
from sweeps.problem import Problem
from sweeps.space import DESIGN_COLUMNS, Columns

FORM = '1234 (a point of the space, as in a front) or "dram_bandwidth=100 GB/s, compute=50 TFLOP/s, ..."'
MOST_TOLD = 12
Given = str | int | Mapping[str, Any] | None


@dataclass(frozen=True)
class OneDesign:
    """A design and where it stands in its study.

    Attributes
    ----------
    columns : dict
        The five design columns, (1,) each [SI].
    scenario : int
        Index of the combination of scenario axes.
    point : int or None
        Its index in the space; None where it lies between the values of an axis.
    """

    columns: Columns
    scenario: int
    point: int | None = None


@dataclass(frozen=True)
class _Named:
    """What somebody said of a design: values of design axes, and levels of scenario axes (None: not said)."""

    dimensions: dict[str, list[Any]]
    levels: tuple[int | None, ...]


def design_text(columns: Columns) -> str:
    """Return design columns in words, in the units of tables and axes: ``DRAM bandwidth 100 GB/s, SRAM 16 MiB``."""
    shown = ((name, *display(name, value)) for name, value in columns.items())
    return ", ".join(
        f"{COLUMNS[name].label or name} {number_text(float(value[0]))} {unit}" for name, value, unit in shown
    )


def one_design(study: Study, problem: Problem, given: Given) -> OneDesign:
    """Return the design that `given` names.

    Parameters
    ----------
    study : Study
    problem : Problem
        The study's.
    given : str, int, mapping, row of a table or None
        A point of the space; the name of a candidate of the study; or a value for each axis, by study key or column,
        as text ``key=value, key=value`` or a mapping (quantities, or numbers in SI). An axis with one value may be left
        out; a candidate with other values is ``name, key=value``. A row of a front, or of what ``evaluate`` returned,
        is its design. None is the only design of a study without axes.

    Raises
    ------
    StudyError
        If it names no design of the study.
    """
    given = _of_row(study, given)
    point = _point(problem, given)
    if point is not None:
        scenarios, columns = problem.space.designs(np.array([point], dtype=np.int64))
        return OneDesign(columns, int(scenarios[0]), point)
    named = _named(study, problem, given)
    for axis, level in zip(study.scenario_axes, named.levels, strict=True):
        if level is None:
            raise StudyError(f"design: {axis.path} is missing; it is one of {', '.join(map(str, axis.values))}")
    return _at(study, problem, named, {})


def cases(study: Study, problem: Problem, *given: Given) -> list[tuple[dict[str, str], tuple[OneDesign, ...]]]:
    """Return designs in every combination of the scenario axes that none of them fixes.

    Parameters
    ----------
    study, problem
    given : str, int, mapping or None
        As for :func:`one_design`; scenario axes may be left out, of all of them alike.

    Returns
    -------
    list of (dict, tuple of OneDesign)
        Values of the open axes, and the designs in the order given.

    Raises
    ------
    StudyError
        If one names no design, or an axis is fixed for some only.
    """
    designs = [_named(study, problem, _of_row(study, one)) for one in given]
    open_axes = []
    for i, axis in enumerate(study.scenario_axes):
        said = [named.levels[i] is not None for named in designs]
        if any(said) and not all(said):
            raise StudyError(f"design: {axis.path} is given for some of the designs; give it for all or none")
        if not any(said):
            open_axes.append(i)
    found = []
    for levels in itertools.product(*(range(len(study.scenario_axes[i].values)) for i in open_axes)):
        chosen = dict(zip(open_axes, levels, strict=True))
        said_so = {study.scenario_axes[i].path: str(study.scenario_axes[i].values[n]) for i, n in chosen.items()}
        found.append((said_so, tuple(_at(study, problem, named, chosen) for named in designs)))
    return found


def check_candidates(study: Study, problem: Problem) -> None:
    """Raise StudyError where a candidate of the study is no design of it."""
    for name in study.candidates:
        try:
            design_columns(study, _named(study, problem, name).dimensions)
        except StudyError as error:
            raise StudyError(error.message, path=study.source_path, key=f"candidates.{name}") from None


def _of_row(study: Study, given: Any) -> Given:
    """Return what a row of a table of pandas, or a number of NumPy, says of a design; anything else as it is."""
    if isinstance(given, Integral):
        return int(given)
    if not hasattr(given, "to_dict"):
        return cast(Given, given)
    rows = given.to_dict("records") if hasattr(given, "columns") else [given.to_dict()]
    if len(rows) != 1:
        raise StudyError(f"design: expected one row of a table, got {len(rows):,}")
    row = rows[0]
    if "point" in row:
        return int(row["point"])
    names = (*DESIGN_COLUMNS, *(axis.path for axis in study.scenario_axes))
    return {name: row[name] for name in names if name in row}


def _point(problem: Problem, given: Given) -> int | None:
    """Return the point that is given; None where something else is."""
    if given is None and problem.space.size == 1:
        return 0
    if isinstance(given, str) and re.fullmatch(r"[0-9]{1,18}", given.strip()):
        given = int(given)
    if not isinstance(given, int):
        return None
    if not 0 <= given < problem.space.size:
        raise StudyError(f"design: points go from 0 to {problem.space.size - 1:,}, got {given:,}")
    return given


def _named(study: Study, problem: Problem, given: Given) -> _Named:
    """Return what is said of a design; a candidate of the study is taken by its name."""
    point = _point(problem, given)
    if point is not None:
        scenarios, columns = problem.space.designs(np.array([point], dtype=np.int64))
        levels = problem.space.scenario_levels(int(scenarios[0]))
        return _Named({name: [float(column[0])] for name, column in columns.items()}, levels)
    if given is None:
        raise StudyError(f"the study has {problem.space.size:,} designs: name one with --design, as {FORM}")
    if isinstance(given, str) and given.strip() in study.candidates:
        given = study.candidates[given.strip()]
    values = _pairs(given, study) if isinstance(given, str) else given
    if not isinstance(values, Mapping):
        raise StudyError(f"design: expected {FORM}, got {shown(given)}")
    return _values(study, values)


def _pairs(text: str, study: Study) -> dict[str, Any]:
    """Return ``key=value, key=value`` as a mapping; a candidate among them gives what the others leave open."""
    found: dict[str, Any] = {}
    candidate: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        if part in study.candidates and not candidate:
            candidate = study.candidates[part]
            continue
        key, equals, value = part.partition("=")
        if not equals or not key.strip() or not value.strip():
            named = f", or a candidate: {', '.join(study.candidates)}" if study.candidates else ""
            hint = did_you_mean(part, study.candidates)
            raise StudyError(f"design: expected {FORM}{named}, got {shown(part)}{hint}")
        if key.strip() in found:
            raise StudyError(f"design: {key.strip()} is given twice")
        found[key.strip()] = value.strip()
    if not found and not candidate:
        raise StudyError(f"design: expected {FORM}, got {shown(text)}")
    return {**candidate, **found}


def _values(study: Study, given: Mapping[str, Any]) -> _Named:
    axes = {axis.path: axis for axis in study.scenario_axes}
    words = [path.rsplit(".", 1)[-1] for path in axes]
    last = {word: path for word, path in zip(words, axes, strict=True) if words.count(word) == 1}
    levels: dict[str, int | None] = {path: 0 if len(axis.values) == 1 else None for path, axis in axes.items()}
    dimensions: dict[str, list[Any]] = {}
    for key, value in given.items():
        path = key if key in axes else last.get(key)
        if path is not None:
            levels[path] = _level(study, axes[path], value)
        elif key in STUDY_KEYS or key in DESIGN_COLUMNS:
            dimensions[key] = [value]
        else:
            names = [*STUDY_KEYS, *axes]
            raise StudyError(f"design: no axis {shown(key)}{did_you_mean(key, names)}; there are {', '.join(names)}")
    if not dimensions:
        missing = [key for key, axis in zip(STUDY_KEYS, study.column_axes, strict=True) if len(axis.values) > 1]
        if missing:
            raise StudyError(f"design: {missing[0]} is missing")
        dimensions = {axis.name: [axis.values[0]] for axis in study.column_axes}
    return _Named(dimensions, tuple(levels.values()))


def _level(study: Study, axis: ScenarioAxis, value: object) -> int:
    """Return the level of a scenario axis that a value is, as it stands there or as the same number."""
    texts = [str(level) for level in axis.values]
    if str(value) in texts:
        return texts.index(str(value))
    nearest, rule = "", rule_at(axis.path)
    if axis.numbers and rule is not None:
        try:
            number = float(rule.check(value, Context(study.vocabulary, study.base_dir, study.algorithms)))
        except (ValueError, TypeError):
            pass
        else:
            level = min(range(len(texts)), key=lambda i: abs(axis.numbers[i] - number))
            if axis.numbers[level] == number:
                return level
            nearest = f"; the nearest is {texts[level]}"
    told = ", ".join(texts[:MOST_TOLD]) + (f", ... ({len(texts):,} values)" if len(texts) > MOST_TOLD else "")
    hint = nearest or did_you_mean(str(value), texts)
    raise StudyError(f"design: {axis.path}: expected one of {told}, got {shown(value)}{hint}")


def between(problem: Problem, design: OneDesign) -> str:
    """Say of which axis a design has a value that is none of its levels, and which level is the nearest."""
    for axis in problem.space.axes:
        value = float(design.columns[axis.name][0])
        if axis.derived is None and value not in axis.values:
            unit = COLUMNS[axis.name].unit
            near = min(axis.values, key=lambda level: abs(level - value))
            said = f"{axis.name} {format_quantity(value, unit)} is not one of {len(axis.values):,} values"
            return f"{said} (the nearest is {format_quantity(near, unit)})"
    return "a dimension that follows from others has another value"


def _at(study: Study, problem: Problem, named: _Named, levels: Mapping[int, int]) -> OneDesign:
    """Return a design with the levels of the axes it leaves open."""
    columns = design_columns(study, named.dimensions)
    number = 0
    for i, axis in enumerate(study.scenario_axes):
        level = named.levels[i]
        number = number * len(axis.values) + (levels[i] if level is None else level)
    point = number
    for dimension in problem.space.axes:
        value = float(columns[dimension.name][0])
        if dimension.derived is not None and value == float(np.ravel(dimension.derived(columns))[0]):
            continue
        if value not in dimension.values:
            return OneDesign(columns, number)
        point = point * len(dimension.values) + dimension.values.index(value)
    return OneDesign(columns, number, point)
