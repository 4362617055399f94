"""What a what-if sets: fields of a study by short or dotted names, values as they are or relative to what was."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from costmodels.tables import UNIT_SCALE
from dse.designs import STUDY_KEYS, design_columns
from dse.errors import StudyError, did_you_mean, shown
from dse.study import Study
from dse.study_calibration import IDEAL_KEYS
from dse.study_paths import Tree, paths, put, rule_at, targets_of
from dse.study_rules import Context, Quantity, Rule
from dse.units import UnitError, exact_quantity, format_quantity, parse_quantity, split_quantity
from dse.yaml_loader import Keys, load_yaml, resolve_scalar
from results.columns import COLUMNS
from sweeps.scenario import Scenario
from sweeps.space import Columns

#: fields that hold lists of words, which no axis can be
LISTS = ("technology.formats", "modelling.flash_holds", "modelling.fusion")
#: exactly one of each pair is given: setting one takes the other away
INSTEAD: Mapping[Keys, str] = {("deployment", "demand"): "utilization", ("deployment", "utilization"): "demand"}
CONSTANTS = "technology.constants."
_FACTOR = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*[x×]")
_PERCENT = re.compile(r"([+-]\s*(?:\d+(?:\.\d*)?|\.\d+))\s*%")


@dataclass(frozen=True)
class Place:
    """A field that can be set.

    Attributes
    ----------
    name : str
        What people call it: ``dram_bandwidth``, ``technology.node``.
    column : str
        The design column; empty for a field of another section.
    """

    name: str
    column: str = ""

    @property
    def rule(self) -> Rule | None:
        """What one value of it may be; None for a design column, or a list of words."""
        return None if self.column else rule_at(self.name)

    @property
    def unit(self) -> str:
        """Unit of its numbers; ``1`` for none."""
        if self.column:
            return COLUMNS[self.column].unit
        rule = self.rule
        return rule.unit if isinstance(rule, Quantity) else "1"

    def quoted_in(self, study: Study) -> tuple[str, float] | None:
        """Return the unit in which its table quotes a constant, and that unit's size in SI; None for other fields."""
        row = study.vocabulary.constant_rows.get(self.name.removeprefix(CONSTANTS))
        if not self.name.startswith(CONSTANTS) or row is None:
            return None
        return ("" if row.unit == "1" else row.unit), UNIT_SCALE[row.unit]

    def told(self, study: Study, value: Any) -> str:
        """Return a value, as a study holds it, as people read it."""
        quoted = self.quoted_in(study)
        if isinstance(value, dict) and "value" in value:  # a constant with its range
            value = value["value"]
        if quoted is not None and isinstance(value, int | float):
            return f"{value / quoted[1]:.6g} {quoted[0]}".strip()
        if self.unit != "1" and isinstance(value, str):
            with suppress(UnitError):  # a word that stands for a quantity
                return format_quantity(parse_quantity(value, self.unit), self.unit)
        return _told(value)


@dataclass(frozen=True)
class Change:
    """One thing that is set, as people read it.

    Attributes
    ----------
    name : str
    before, after : str
    follows : bool
        Whether nobody set it: the study derives it from what was set.
    """

    name: str
    before: str
    after: str
    follows: bool = False


@dataclass(frozen=True)
class Changed:
    """A study and a design with everything set."""

    study: Study
    columns: Columns
    changes: tuple[Change, ...]


def place_of(study: Study, key: str) -> Place:
    """Return the field that a name means: of the five dimensions, dotted as in a study, or the end of such a path.

    Raises
    ------
    StudyError
        If it means none, or several.
    """
    key = key.strip()
    bare = key.removeprefix("design.")
    columns = {column: name for name, column in STUDY_KEYS.items()}
    if bare in STUDY_KEYS or bare in columns:
        name = columns.get(bare, bare)
        return Place(name, STUDY_KEYS[name])
    if re.fullmatch(r"workloads\.[a-z_]+(\..+)?", key):
        key = f"workloads.*.{key.partition('.')[2]}"
    constant = key.rsplit(".", 1)[-1]
    if constant in study.vocabulary.constants and key in (constant, f"constants.{constant}", CONSTANTS + constant):
        return Place(CONSTANTS + constant)
    known = [*paths(), *LISTS]
    if key in known or (rule_at(key) is not None and not key.startswith(CONSTANTS)):
        if not targets_of(key, study.tree()):
            raise StudyError(f"there is no such workload: {key}; the study has {len(study.workloads)}")
        return Place(key)
    found = [path for path in known if path.endswith(f".{key}")]
    if len(found) > 1:  # of parts that the study has, if there are such
        tree = study.tree()
        found = [path for path in found if _standing(tree, targets_of(path, tree)[0][:-1]) is not None] or found
    if len(found) > 1:
        raise StudyError(f"{shown(key)} may mean {' or '.join(found)}; write one of them")
    if not found:
        words = [path.rsplit(".", 1)[-1] for path in known]
        hint = did_you_mean(key, [*STUDY_KEYS, *words, *known, *study.vocabulary.constants])
        raise StudyError(
            f"there is no field {shown(key)} in a study{hint}; a field is one of {', '.join(STUDY_KEYS)}, "
            "a scalar such as node or technology.node, or a constant of `dse technology`"
        )
    return Place(found[0])


def factor_of(value: Any) -> float | None:
    """Return what ``2x`` or ``+50%`` multiplies by; None for a value that is not relative."""
    text = str(value).strip() if isinstance(value, str) else ""
    if match := _FACTOR.fullmatch(text):
        return float(match[1])
    if match := _PERCENT.fullmatch(text):
        return 1.0 + float(match[1].replace(" ", "")) / 100.0
    return None


def with_changes(study: Study, scenario: Scenario, columns: Columns, given: Mapping[str, Any]) -> Changed:
    """Return a study without scenario axes and a design of it, with some fields set.

    Parameters
    ----------
    study : Study
    scenario : Scenario
        The study's: where it is silent, relative values are of what holds there.
    columns : dict
        The five design columns, (1,) each [SI].
    given : mapping of str to value
        Name of a field, as :func:`place_of` takes it, to its value: as in a study, or relative, ``2x`` or ``+50%``.

    Raises
    ------
    StudyError
        If a name or a value is not possible, or they do not go together.
    """
    places: dict[str, tuple[Place, Any]] = {}
    for key, value in given.items():
        place = place_of(study, key)
        if place.name in places:
            raise StudyError(f"{place.name} is set twice")
        _check_unit(place, key, value)
        places[place.name] = (place, value)
    dimensions = {place.column: value for place, value in places.values() if place.column}
    tree = study.tree()
    values: dict[Keys, Any] = {}
    changes = []
    for place, value in places.values():
        if place.column:
            continue
        for target in targets_of(place.name, tree):
            if target in values:
                raise StudyError(f"{place.name}: {'.'.join(map(str, target))} is set twice")
            before = _standing(tree, target)
            values[target] = _new_value(study, scenario, place, target, before, value)
            name = ".".join(map(str, target)) if "*" in place.name and len(study.workloads) > 1 else place.name
            if place.name.startswith(CONSTANTS):
                before = scenario.ranges[name.removeprefix(CONSTANTS)].value
            changes.append(Change(name, place.told(study, before), place.told(study, values[target])))
    result = changed_study(study, values) if values else study
    after = _design(result, columns, dimensions)
    return Changed(result, after, (*_design_changes(columns, after, set(dimensions)), *changes))


def _check_unit(place: Place, key: str, value: Any) -> None:
    """Raise StudyError where a dimension is given as text without its unit: 16 for 16 GB is no 16 bytes."""
    split = split_quantity(value) if place.name == key.strip().removeprefix("design.") and place.column else None
    if split is not None and not split[1] and float(split[0]):
        try:
            parse_quantity(value, place.unit)
        except UnitError as error:
            raise StudyError(f"{place.name}: {error}") from None


def changed_study(study: Study, values: Mapping[Keys, Any]) -> Study:
    """Return a study without scenario axes with other values in places of its tree; candidates and baselines go.

    Parameters
    ----------
    study : Study
    values : mapping
        Place, as ``("workloads", 0, "batch")``, to what would stand there in a file.

    Raises
    ------
    StudyError
        If a value is not allowed there, or has no effect beside the others.
    """
    tree = study.tree()
    del tree["design"]
    for place, value in values.items():
        if place in INSTEAD and ("deployment", INSTEAD[place]) not in values:
            tree["deployment"].pop(INSTEAD[place], None)
        put(tree, place, value)
        if _standing(tree, place) != value:
            raise StudyError(f"{'.'.join(map(str, place))} has no place in this study; set what it is a part of first")
    plain = dataclasses.replace(study, baselines=(), baseline_devices=(), candidates={})
    result = plain.with_sections(tree)
    for place in values:
        if place[0] == "modelling" and place[1] not in tree["modelling"]:
            calibrated = "no effect beside efficiency: calibrated, whose runtime brings its own"
            why = calibrated if place[1] in IDEAL_KEYS else "an effect only beside efficiency: calibrated; set that too"
            raise StudyError(f"modelling.{place[1]} has {why}")
    return result


def _standing(tree: Tree, target: Keys) -> Any:
    """What stands in a place of a tree; None where nothing does."""
    holder: Any = tree
    for key in target:
        if isinstance(holder, list) and isinstance(key, int):
            holder = holder[key]
        else:
            holder = holder.get(str(key)) if isinstance(holder, dict) else None
    return holder


def _new_value(study: Study, scenario: Scenario, place: Place, target: Keys, before: Any, given: Any) -> Any:
    """The value that is meant, as it would stand in the file, checked alone."""
    name = place.name
    if name in LISTS and isinstance(given, str):
        return [word for word in re.split(r"[\s,\[\]]+", given) if word]
    rule = place.rule
    assert rule is not None or name in LISTS
    factor = factor_of(given)
    value = given
    if factor is not None:
        value = _multiplied(_number_before(study, scenario, place, before, str(given)), factor, place)
    elif isinstance(given, str):
        text = given.strip()
        value = load_yaml(text, path=name)[0] if text.startswith("{") else resolve_scalar(text)
    try:
        if rule is not None:
            rule.check(value, Context(study.vocabulary, study.base_dir, study.algorithms))
    except ValueError as error:
        raise StudyError(f"{name}: {' '.join(str(error).split())}") from None
    return value


def _number_before(study: Study, scenario: Scenario, place: Place, before: Any, given: str) -> float:
    """What a relative value is relative to, in the field's unit."""
    if isinstance(before, int | float) and not isinstance(before, bool):
        return before
    if isinstance(before, dict) and "value" in before:  # a constant with a range
        return float(before["value"])
    if place.unit != "1" and isinstance(before, str):
        with suppress(UnitError):
            return parse_quantity(before, place.unit)
    constant = {"deployment.electricity": "electricity_usd_per_j"}.get(place.name, place.name.rsplit(".", 1)[-1])
    if (place.name.startswith(CONSTANTS) or place.name == "deployment.electricity") and constant in scenario.ranges:
        return float(scenario.ranges[constant].value)
    if place.name == "deployment.chips":
        return study.deployment.layout.chips
    what = "the study gives no value" if before is None else f"it is {_told(before)}, no number"
    raise StudyError(f"{place.name}: {what}, so {shown(given)} is relative to nothing; give the value itself")


def _multiplied(number: float, factor: float, place: Place) -> Any:
    value = number * factor
    if isinstance(number, int):
        return int(value) if value == int(value) else value  # the rule says what is wrong with a fraction
    return place.rule.written(value) if place.unit != "1" and place.rule else value


def _design(study: Study, columns: Columns, given: Mapping[str, Any]) -> Columns:
    """The design with some dimensions set; those that the study derives from them follow."""
    cells: dict[str, list[Any]] = {}
    for key, axis in zip(STUDY_KEYS, study.column_axes, strict=True):
        now = float(columns[axis.name][0])
        if axis.name in given:
            factor = factor_of(given[axis.name])
            cells[key] = [given[axis.name] if factor is None else now * factor]
        elif axis.derived is None or now != float(np.ravel(axis.derived(columns))[0]):
            cells[key] = [now]
    try:
        return design_columns(study, cells)
    except StudyError as error:
        raise StudyError(error.message.removeprefix("designs: ").replace(", row 1", "")) from None


def _design_changes(before: Columns, after: Columns, given: set[str]) -> list[Change]:
    names = {column: name for name, column in STUDY_KEYS.items()}
    found = []
    for column in before:
        one, other = float(before[column][0]), float(after[column][0])
        if column in given or one != other:
            unit = COLUMNS[column].unit
            shown_values = format_quantity(one, unit), format_quantity(other, unit)
            if one != other and shown_values[0] == shown_values[1]:
                shown_values = exact_quantity(one, unit), exact_quantity(other, unit)
            found.append(Change(names[column], *shown_values, follows=column not in given))
    return found


def _told(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, dict):
        return _told(value.get("value")) if "value" in value else ", ".join(f"{k}: {v}" for k, v in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
