"""The axes of a study: the five dimensions of a design, and any scalar that is given as a list or a range.

`take_axes` walks the tree of a study file along the fields of dse/study_fields.py. Where a field takes one value and
the file holds a list or a range (dse/study_ranges.py), it takes the axis out and leaves the first value in its place.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast, get_args

from dse.errors import did_you_mean, shown
from dse.study_expressions import is_expression, parse_expression
from dse.study_paths import SECTIONS, Tree, field_at, paths, put, rule_at, section_of, targets_of
from dse.study_problems import Problem, missing_key, unknown_key
from dse.study_ranges import CONTINUOUS_POINTS, CONTINUOUS_SCENARIOS, Scale, range_of
from dse.study_rules import Context, Quantity, Rule, Value
from dse.yaml_loader import Keys
from sweeps.derived import Derived

MOST_POINTS = 10**6
#: each value of a scenario axis is a scenario of its own, with its own operators
MOST_SCENARIOS = 1000
MOST_SCENARIO_VALUES = 4000
_ENOUGH = 100  # problems, before the search for more ends

#: key in ``design`` -> name of the column, rule for one value
DIMENSIONS: dict[str, tuple[str, Quantity]] = {
    "dram_bandwidth": ("dram_bytes_per_s", Quantity("byte/s")),
    "compute": ("compute_flop_per_s", Quantity("flop/s")),
    "sram": ("sram_bytes", Quantity("byte")),
    "dram": ("dram_bytes", Quantity("byte")),
    "flash": ("flash_bytes", Quantity("byte", zero=True)),
}
_NAMES = {key: (name, rule.unit) for key, (name, rule) in DIMENSIONS.items()}


@dataclass(frozen=True)
class ColumnAxis:
    """One of the five dimensions of a design.

    Parameters
    ----------
    name : str
        The column, as ``dram_bytes_per_s``.
    values : tuple of float
        In the column's unit [byte/s, flop/s or byte]; different from each other.
    text : str
        As the study file gives it.
    scale : {"list", "log", "linear"}
        How it was given, and so how a picture may show it.
    derived : Derived or None
        What it is of other dimensions; `values` is then the one level NaN.
    """

    name: str
    values: tuple[float, ...]
    text: str = field(default="", compare=False)
    scale: Scale = "list"
    derived: Derived | None = None


@dataclass(frozen=True)
class ScenarioAxis:
    """A scalar of the study that takes several values; each gives a scenario.

    Parameters
    ----------
    path : str
        Where in the study, as ``technology.node`` or ``workloads.*.batch`` (all workloads together).
    values : tuple of str, int, float or bool
        As they would stand in the file, as ``"7nm"``, ``16`` or ``"0.15 USD/kWh"``; at least one.
    numbers : tuple of float
        What they are in the unit of the field; empty if any is not a number.
    """

    path: str
    values: tuple[Value, ...]
    numbers: tuple[float, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class TakenAxis:
    """A scenario axis with where it stood in the file, and whether its values are allowed."""

    axis: ScenarioAxis
    where: Keys
    good: bool


def take_axes(
    tree: Tree, context: Context, problems: list[Problem]
) -> tuple[tuple[ColumnAxis, ...], tuple[TakenAxis, ...]]:
    """Take every axis out of the tree of a study file.

    Parameters
    ----------
    tree : dict
        The study as YAML gives it; changed in place: ``design`` is removed, each axis is replaced by its first value.
    context : Context
        For the rules of the values.
    problems : list of Problem
        What is wrong with the axes is appended here.

    Returns
    -------
    columns : tuple of ColumnAxis
        The dimensions that are well given, in the order of `DIMENSIONS`.
    scenarios : tuple of TakenAxis
        In order of appearance.
    """
    taken: list[TakenAxis] = []
    columns: tuple[ColumnAxis, ...] = ()
    design = tree.get("design")
    if design is None:
        problems.append(missing_key((), "design"))
    for section in list(tree):
        if section == "design" and design is not None:
            columns = _take_design(design, tree, context, problems, taken)
        elif section in SECTIONS:
            for where, rule, holder, key in _scalars(tree, section):
                if not rule.is_value(holder[key]):
                    _take(".".join(map(str, where)), where, rule, holder[key], tree, context, problems, taken)
    tree.pop("design", None)
    if (count := sum(len(one.axis.values) for one in taken)) > MOST_SCENARIO_VALUES:
        problems.append(
            Problem((), f"expected at most {MOST_SCENARIO_VALUES} values on all scenario axes, got {count}")
        )
    return columns, tuple(taken)


def _take_design(
    design: object, tree: Tree, context: Context, problems: list[Problem], taken: list[TakenAxis]
) -> tuple[ColumnAxis, ...]:
    if not isinstance(design, dict):
        problems.append(Problem(("design",), f"expected a mapping of {', '.join(DIMENSIONS)}, got {shown(design)}"))
        return ()
    columns = {}
    for key, raw in design.items():
        if len(problems) >= _ENOUGH:
            break
        if key in DIMENSIONS:
            columns[key] = _column_axis(key, raw, context, problems)
        elif (rule := rule_at(key)) is None:
            names = [*DIMENSIONS, *paths()]
            problem = unknown_key(("design", key), names, len(DIMENSIONS))
            allowed = f"{', '.join(DIMENSIONS)}, or the path of a scalar such as technology.node or workloads.*.batch"
            message = f"unknown key {shown(key)}{did_you_mean(key, names)}; allowed: {allowed}"
            problems.append(Problem(problem.where, message, problem.about))
        else:
            _take(key, ("design", key), rule, raw, tree, context, problems, taken)
    for key, (name, _) in DIMENSIONS.items():
        if key not in design:
            if key == "flash":
                columns[key] = ColumnAxis(name, (0.0,), "0 GB")
            else:
                problems.append(missing_key(("design",), key))
    problems += _derived_problems(columns)
    return tuple(axis for key in DIMENSIONS if (axis := columns.get(key)) is not None)


def _column_axis(key: str, raw: object, context: Context, problems: list[Problem]) -> ColumnAxis | None:
    name, rule = DIMENSIONS[key]
    where: Keys = ("design", key)
    if isinstance(raw, dict):
        found = range_of(raw, rule, where, MOST_POINTS, CONTINUOUS_POINTS, context, problems)
        return ColumnAxis(name, found[1], _text(raw), found[0]) if found else None
    if is_expression(raw, _NAMES):
        return _derived_axis(key, str(raw), problems)
    values = _checked(raw, rule, where, MOST_POINTS, context, problems)
    return None if values is None else ColumnAxis(name, tuple(values), _text(raw))


def _derived_axis(key: str, text: str, problems: list[Problem]) -> ColumnAxis | None:
    """A dimension that follows from others."""
    name, rule = DIMENSIONS[key]
    try:
        derived = parse_expression(text, rule.unit, {other: at for other, at in _NAMES.items() if other != key})
        if not derived.inputs:
            raise ValueError(f"expected a dimension in it ({', '.join(other for other in _NAMES if other != key)})")
    except ValueError as error:
        problems.append(Problem(("design", key), str(error)))
        return None
    return ColumnAxis(name, (math.nan,), text, "list", derived)


def _derived_problems(columns: dict[str, ColumnAxis | None]) -> list[Problem]:
    """Dimensions that follow from one that follows itself, or that are not positive."""
    problems = []
    found = {axis.name: axis for axis in columns.values() if axis is not None}
    for key, axis in columns.items():
        if axis is None or axis.derived is None or not axis.derived.inputs <= set(found):
            continue
        inputs = [found[name] for name in sorted(axis.derived.inputs)]
        if any(other.derived is not None for other in inputs):
            problems.append(
                Problem(("design", key), "expected dimensions that are given themselves, not by expressions")
            )
            continue
        for values in itertools.islice(itertools.product(*(_ends(other.values) for other in inputs)), _ENOUGH):
            value = float(axis.derived({other.name: value for other, value in zip(inputs, values, strict=True)}))
            if not math.isfinite(value) or value < 0 or (value == 0 and key != "flash"):
                said = ", ".join(f"{other.name} {one:g}" for other, one in zip(inputs, values, strict=True))
                problems.append(Problem(("design", key), f"expected more than 0, got {value:g} at {said}"))
                break
    return problems


def _ends(values: tuple[float, ...]) -> tuple[float, ...]:
    return (min(values), max(values))


def _take(
    path: str,
    where: Keys,
    rule: Rule,
    raw: object,
    tree: Tree,
    context: Context,
    problems: list[Problem],
    taken: list[TakenAxis],
) -> None:
    """Take one scenario axis: its values, and the first of them into the tree."""
    targets = targets_of(path, tree)
    if not targets:
        problems.append(Problem(where, f"there is no such workload: {path}"))
        return
    for target in targets if where[0] == "design" else ():
        if (held := _held(tree, target)) is not None and not rule.is_value(held):
            problems.append(Problem(where, f"{path} is an axis already ({'.'.join(map(str, target))})"))
            return
    for other in taken:
        if _overlap(targets, targets_of(other.axis.path, tree)):
            problems.append(Problem(where, f"{path} is an axis already ({'.'.join(map(str, other.where))})"))
            return
    found = _scenario_values(raw, rule, where, context, problems)
    values, clean = found or ((), ())
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in clean)
    axis = ScenarioAxis(path, values, tuple(map(float, clean)) if numbers else ())
    taken.append(TakenAxis(axis, where, good=found is not None))
    for target in targets:
        put(tree, target, values[0] if values else None)


def _scenario_values(
    raw: object, rule: Rule, where: Keys, context: Context, problems: list[Problem]
) -> tuple[tuple[Value, ...], tuple[Any, ...]] | None:
    """Values of a scenario axis as they would stand in the file, and clean; None if anything is wrong with them."""
    if not isinstance(raw, dict):
        clean = _checked(raw, rule, where, MOST_SCENARIOS, context, problems)
        given = tuple(cast(list[Value], raw)) if isinstance(raw, list | tuple) else (cast(Value, raw),)
        return None if clean is None else (given, tuple(clean))
    if not rule.numeric:
        problems.append(Problem(where, f"expected one value or a list of values, got {shown(raw)}"))
        return None
    found = range_of(raw, rule, where, MOST_SCENARIOS, CONTINUOUS_SCENARIOS, context, problems)
    if found is None:
        return None
    values = tuple(rule.written(number) for number in found[1])
    different = tuple(dict.fromkeys(values))
    if len(different) < len(values) and "continuous" not in raw:
        problems.append(Problem(where, "expected fewer points: this range gives the same whole number twice"))
        return None
    try:
        return different, tuple(rule.check(value, context) for value in different)
    except ValueError as error:
        problems.append(Problem(where, " ".join(str(error).split())))
        return None


def _held(tree: Tree, target: Keys) -> object:
    """What a tree holds in a place; None where it has no such place."""
    holder: Any = tree
    for key in target:
        inside = isinstance(holder, dict) and key in holder
        inside = inside or (isinstance(holder, list) and isinstance(key, int) and key < len(holder))
        holder = holder[key] if inside else None
    return holder


def _overlap(one: list[Keys], other: list[Keys]) -> bool:
    """Whether two axes set the same place, or one a part of what the other sets."""
    return any(a[: len(b)] == b or b[: len(a)] == a for a in one for b in other)


def _checked(
    raw: object, rule: Rule, where: Keys, most: int, context: Context, problems: list[Problem]
) -> list[Any] | None:
    """Clean values of a list, or of one value; None if anything is wrong with them."""
    items = list(raw) if isinstance(raw, list | tuple) else [raw]
    if not 1 <= len(items) <= most:
        problems.append(Problem(where, f"expected 1 to {most} values, got {len(items) or 'an empty list'}"))
        return None
    before = len(problems)
    clean: dict[Any, int] = {}
    for position, item in enumerate(items):
        if len(problems) - before >= _ENOUGH:
            break
        place = (*where, position) if isinstance(raw, list | tuple) else where
        if item is None or isinstance(item, list | tuple | dict):
            if rule.numeric and not isinstance(raw, list | tuple):
                problems.append(Problem(place, f"expected a value, a list or a range, got {shown(item)}"))
            else:
                hint = (
                    "; give it a name under algorithms" if where[-1] == "techniques" and isinstance(item, dict) else ""
                )
                problems.append(Problem(place, f"expected one value, got {shown(item)}{hint}"))
            continue
        try:
            value = rule.check(item, context)
        except ValueError as error:
            problems.append(Problem(place, " ".join(str(error).split())))
            continue
        if value in clean:
            problems.append(Problem(place, f"the same value is given twice: {shown(item)}"))
        clean.setdefault(value, position)
    return list(clean) if len(problems) == before else None


def _text(raw: object) -> str:
    if isinstance(raw, dict):
        return f"{{{', '.join(f'{key}: {_text(value)}' for key, value in raw.items())}}}"
    if isinstance(raw, list | tuple):
        return f"[{', '.join(_text(item) for item in raw)}]"
    return str(raw).lower() if isinstance(raw, bool) else str(raw)


def _scalars(tree: Tree, section: str) -> list[tuple[Keys, Rule, dict[str, Any], str]]:
    """Every scalar that a section of the tree holds: where, its rule, the mapping that holds it, its key."""
    model = section_of(section)
    holder = tree[section]
    if section != "workloads":
        return list(_scalars_in(holder, model, (section,)))
    if not isinstance(holder, list | tuple):
        return []
    item = get_args(model)[0]
    return [found for index, part in enumerate(holder) for found in _scalars_in(part, item, (section, index))]


def _scalars_in(holder: object, model: Any, where: Keys) -> Iterator[tuple[Keys, Rule, dict[str, Any], str]]:
    if not isinstance(holder, dict):
        return
    for key in holder:
        rule, inner = field_at(model, key)
        if inner is not None and (rule is None or isinstance(holder[key], dict)):
            yield from _scalars_in(holder[key], inner, (*where, key))
        elif rule is not None:
            yield (*where, key), rule, holder, key
