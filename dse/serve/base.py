"""What a live page starts from: a study with one scenario, and the fields of it that the page can set."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from dse.catalogs import Models, models_beside
from dse.designs import STUDY_KEYS
from dse.plan import problem_of
from dse.runs import Run, load, open_run
from dse.serve.controls import Control, Value, choices_of, controls_of
from dse.serve.setting import applied
from dse.study import Study
from dse.study_paths import Tree
from results.columns import COLUMNS
from results.front import knee
from roofline.accelerators import Accelerator, accelerators
from roofline.catalog import model_names
from sweeps.problem import Problem
from sweeps.space import DESIGN_COLUMNS

AROUND = 16.0
"""A slider of a dimension with one value reaches this factor below and above it."""

_MOST_CACHED = 64
_SAMPLE = 4096


@dataclass(frozen=True)
class Slider:
    """The range of one dimension on the page [SI].

    Attributes
    ----------
    key : str
        As in a study, ``dram_bandwidth``.
    column : str
    low, high : float
        Both positive.
    zero : bool
        Whether it can be 0 too.
    start : float
    """

    key: str
    column: str
    low: float
    high: float
    zero: bool
    start: float


@dataclass(frozen=True)
class Base:
    """A study without scenario axes, and where its models come from.

    Attributes
    ----------
    study : Study
    models : Models
    run : Run or None
        The run whose front the page shows.
    """

    study: Study
    models: Models
    run: Run | None = None
    _known: dict[object, tuple[Study, Problem]] = field(default_factory=dict, compare=False, repr=False)

    def at(self, fields: Mapping[str, Value]) -> tuple[Study, Problem]:
        """Return the study with some fields set, and its problem; the last few are remembered.

        Raises
        ------
        StudyError
            If a value is not possible there.
        """
        changed = {path: value for path, value in fields.items() if value != self.fields[path]}
        key = tuple(sorted(changed.items(), key=lambda item: item[0]))
        found = self._known.get(key)
        if found is None:
            study = self._changed(changed) if changed else self.study
            found = study, problem_of(study, self.models)
            while len(self._known) >= _MOST_CACHED:
                with suppress(StopIteration, KeyError, RuntimeError):  # another thread did it
                    del self._known[next(iter(self._known))]
            self._known[key] = found
        return found

    def _changed(self, changed: Mapping[str, Value]) -> Study:
        tree = copy.deepcopy(self._tree)
        applied(tree, self.controls, {**self.fields, **changed}, changed)
        return self.study.with_sections(tree)

    @cached_property
    def _tree(self) -> Tree:
        return self.study.tree(design=False)

    @cached_property
    def devices(self) -> tuple[Accelerator, ...]:
        """Devices to compare with: those of the study's own files, then those of the catalog."""
        own = {chip.name: chip for chips in self.study.hardware_devices.values() for chip in chips}
        return (*own.values(), *(chip for chip in accelerators() if chip.name not in own))

    def model_names(self) -> list[str]:
        """Models that may be picked: those of the catalog and of the study; no other file is ever read."""
        own = [str(workload.model) for workload in self.study.workloads]
        if self.run is not None:
            axes = (axis for axis in self.run.study.scenario_axes if axis.path.endswith(".model"))
            own += [str(value) for axis in axes for value in axis.values]
        return list(dict.fromkeys([*own, *model_names()]))

    @cached_property
    def controls(self) -> dict[str, Control]:
        """Everything that the page can set, by its path."""
        return {control.path: control for control in controls_of(self.study)}

    @cached_property
    def fields(self) -> dict[str, Value]:
        """Value of every control in the study."""
        return {path: control.start for path, control in self.controls.items()}

    @cached_property
    def choices(self) -> dict[str, list[str]]:
        """What controls of words may be."""
        return choices_of(self.study, tuple(self.controls.values()), self.model_names())

    @cached_property
    def start(self) -> dict[str, float]:
        """The design that the page begins with, by column: the knee of a sample of its space, if any is feasible."""
        problem = self.at({})[1]
        size = problem.space.size
        points = np.unique(np.linspace(0, size - 1, min(size, _SAMPLE)).round().astype(np.int64))
        table = problem.table(points)
        feasible = np.flatnonzero(np.asarray(table["feasible"]))
        if len(feasible) == 0:
            return {slider.column: slider.start for slider in self.sliders}
        goals = [objective.sign * np.asarray(table[objective.column])[feasible] for objective in problem.objectives]
        chosen = int(feasible[knee(np.column_stack(goals))])
        return {name: float(np.asarray(table[name])[chosen]) for name in DESIGN_COLUMNS}

    @cached_property
    def sliders(self) -> list[Slider]:
        """The ranges of the five dimensions: from the least to the most of the study's own."""
        found = []
        for (key, column), axis in zip(STUDY_KEYS.items(), self.study.column_axes, strict=True):
            values = [float(value) for value in axis.values if value == value]
            positive = sorted(value for value in values if value > 0)
            low, high = (positive[0], positive[-1]) if positive else (COLUMNS[column].shown_size,) * 2
            if low == high:
                low, high = low / AROUND, high * AROUND
            start = values[len(values) // 2] if values else low
            found.append(Slider(key, column, low, high, zero=column == "flash_bytes", start=start))
        return found


def base_of(target: str | Path) -> Base:
    """Return what a page starts from.

    Parameters
    ----------
    target : path
        A study, or the directory of a run. Of scenario axes the first values hold until the page sets others.

    Raises
    ------
    StudyError, RunError
        If it is neither.
    """
    run = open_run(target) if "://" in str(target) or Path(target).is_dir() else None
    study = load(target) if run is None else run.study
    models = models_beside(study.source_path) if run is None else run.models
    return Base(fixed(study), models, run)


def fixed(study: Study) -> Study:
    """Return a study with the first value of each scenario axis, and without what belongs to a sweep of it only."""
    at = study.at([axis.values[0] for axis in study.scenario_axes]) if study.scenario_axes else study
    return replace(at, baselines=(), baseline_devices=(), candidates={}, uncertainty=None)
