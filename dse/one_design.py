"""One design of a study as people name it: a point of its space, or a value for each axis."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dse.designs import STUDY_KEYS, design_columns
from dse.errors import StudyError, did_you_mean, shown
from dse.study import Study
from sweeps.problem import Problem
from sweeps.space import DESIGN_COLUMNS, Columns

FORM = '1234 (a point of the space, as in a front) or "dram_bandwidth=100 GB/s, compute=50 TFLOP/s, ..."'


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
        Its index in the space, where it was named so.
    """

    columns: Columns
    scenario: int
    point: int | None = None


def one_design(study: Study, problem: Problem, given: str | int | Mapping[str, Any] | None) -> OneDesign:
    """Return the design that `given` names.

    Parameters
    ----------
    study : Study
    problem : Problem
        The study's.
    given : str, int, mapping or None
        A point of the space; or a value for each axis, by study key or column, as text ``key=value, key=value`` or a
        mapping (quantities, or numbers in SI). An axis with one value may be left out; None is the only design of a
        study without axes.

    Raises
    ------
    StudyError
        If it names no design of the study.
    """
    if given is None:
        if problem.space.size != 1:
            raise StudyError(f"the study has {problem.space.size:,} designs: name one with --design, as {FORM}")
        given = 0
    if isinstance(given, str):
        text = given.strip()
        given = int(text) if re.fullmatch(r"[0-9]{1,18}", text) else _pairs(text)
    if isinstance(given, int):
        return _at_point(problem, given)
    if not isinstance(given, Mapping):
        raise StudyError(f"design: expected {FORM}, got {shown(given)}")
    return _with_values(study, problem, given)


def _at_point(problem: Problem, point: int) -> OneDesign:
    if not 0 <= point < problem.space.size:
        raise StudyError(f"design: points go from 0 to {problem.space.size - 1:,}, got {point:,}")
    scenarios, columns = problem.space.designs(np.array([point], dtype=np.int64))
    return OneDesign(columns, int(scenarios[0]), point)


def _pairs(text: str) -> dict[str, str]:
    """Return ``key=value, key=value`` as a mapping."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = part.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise StudyError(f"design: expected {FORM}, got {shown(part)}")
        if key.strip() in found:
            raise StudyError(f"design: {key.strip()} is given twice")
        found[key.strip()] = value.strip()
    if not found:
        raise StudyError(f"design: expected {FORM}, got {shown(text)}")
    return found


def _with_values(study: Study, problem: Problem, given: Mapping[str, Any]) -> OneDesign:
    axes = {axis.path: axis for axis in study.scenario_axes}
    last = {path.rsplit(".", 1)[-1]: path for path in axes}
    levels, dimensions = dict.fromkeys(axes, -1), {}
    for key, value in given.items():
        path = key if key in axes else last.get(key)
        if path is not None:
            texts = [str(level) for level in axes[path].values]
            if str(value) not in texts:
                hint = did_you_mean(str(value), texts)
                raise StudyError(f"design: {path}: expected one of {', '.join(texts)}, got {shown(value)}{hint}")
            levels[path] = texts.index(str(value))
        elif key in STUDY_KEYS or key in DESIGN_COLUMNS:
            dimensions[key] = [value]
        else:
            names = [*STUDY_KEYS, *axes]
            raise StudyError(f"design: no axis {shown(key)}{did_you_mean(key, names)}; there are {', '.join(names)}")
    number = 0
    for path, axis in axes.items():
        if levels[path] < 0 and len(axis.values) > 1:
            raise StudyError(f"design: {path} is missing; it is one of {', '.join(str(v) for v in axis.values)}")
        number = number * len(axis.values) + max(levels[path], 0)
    if not dimensions and all(len(axis.values) == 1 for axis in study.column_axes):
        dimensions = {axis.name: [axis.values[0]] for axis in study.column_axes}
    return OneDesign(design_columns(study, dimensions or {"": [0]}), number)
