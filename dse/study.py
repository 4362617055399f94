"""The study file: what a user asks, read, checked and in plain numbers.

`load_study` reads YAML (dse/yaml_loader.py), takes the axes out (dse/study_axes.py), validates the rest against the
grammar (dse/study_fields.py) and says everything that is wrong at once, each with its line (dse/study_problems.py).
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from dse.constraints import Constraint, resolve_constraint
from dse.errors import StudyError, shown
from dse.study_axes import ColumnAxis, ScenarioAxis, TakenAxis, take_axes
from dse.study_calibration import calibration_problems, effect_problems, read_of, with_effect
from dse.study_constants import price_problems
from dse.study_disaggregate import Disaggregate
from dse.study_execution import Execution
from dse.study_fields import (
    Deployment,
    Efficiency,
    Modelling,
    Output,
    Precision,
    Search,
    StudyFile,
    Technology,
    Uncertainty,
    Workload,
    workload_shares,
)
from dse.study_hardware import baseline_devices, beside
from dse.study_paths import Tree, put, targets_of
from dse.study_problems import MAY_BE_EMPTY, Problem, problems_of, raise_problems
from dse.study_rules import Context, Value, resolve_model
from dse.study_runtime import runtime_problems, undivided
from dse.study_techniques import Techniques
from dse.study_traces import lengths_of, trace_problems
from dse.study_yaml import algorithms_tree, design_tree, digest, dump_yaml, plain_tree, section_tree, workload_trees
from dse.vocabulary import Vocabulary
from dse.yaml_loader import Keys, Lines, load_yaml, read_text
from roofline.accelerators import Accelerator
from roofline.calibration import Calibration
from roofline.lengths import Lengths as LengthsOf

__all__ = [
    "ColumnAxis",
    "Constraint",
    "Deployment",
    "Efficiency",
    "Modelling",
    "Output",
    "Precision",
    "ScenarioAxis",
    "Search",
    "Study",
    "Technology",
    "Vocabulary",
    "Workload",
    "load_study",
]


@dataclass(frozen=True)
class Study:
    """A checked study. Quantities are floats in the unit that the field of each section states; see `load_study`.

    Parameters
    ----------
    name : str
        Fit for a directory.
    workloads : tuple of Workload
        The mix; every `share` is a number and they sum to 1. A field that is an axis holds the axis's first value.
    column_axes : tuple of ColumnAxis
        DRAM bandwidth, compute, SRAM, DRAM, flash, in this order.
    scenario_axes : tuple of ScenarioAxis
        In the order in which they stand in the file.
    technology, deployment, modelling, search, disaggregate, uncertainty, execution, output
        The sections of the file; `output.dir` is always given, `disaggregate` and `uncertainty` None where off.
    objectives : dict of str to str
        Column to ``"max"`` or ``"min"``.
    constraint_terms : tuple of Constraint
        Limits in the units of their columns.
    baselines : tuple of str
        Published accelerators to draw on the fronts.
    algorithms : dict of str to Techniques
        Techniques with a name.
    candidates : dict of str to dict
        Designs with a name: the value of each axis that makes them.
    hardware : tuple of str
        Files with accelerators of the user's own.
    baseline_devices : tuple of Accelerator
        What `baselines` names.
    hardware_devices : dict of str to tuple of Accelerator
        The devices of each file of `hardware`.
    source_path : str or None
        The file this was read from.
    text : str
        What was read; canonical YAML for a study that was given as a dict.
    base_dir : Path or None
        Directory of the study file.
    vocabulary : Vocabulary
        The names it may use.
    """

    name: str
    workloads: tuple[Workload, ...]
    column_axes: tuple[ColumnAxis, ...]
    scenario_axes: tuple[ScenarioAxis, ...]
    technology: Technology
    deployment: Deployment
    modelling: Modelling
    objectives: dict[str, str]
    constraint_terms: tuple[Constraint, ...]
    search: Search
    output: Output
    disaggregate: Disaggregate | None = None
    uncertainty: Uncertainty | None = None
    execution: Execution = field(default_factory=Execution, compare=False)
    baselines: tuple[str, ...] = ()
    hardware: tuple[str, ...] = ()
    algorithms: dict[str, Techniques] = field(default_factory=dict)
    candidates: dict[str, dict[str, str | float]] = field(default_factory=dict, compare=False)
    baseline_devices: tuple[Accelerator, ...] = field(default=(), compare=False, repr=False)
    hardware_devices: dict[str, tuple[Accelerator, ...]] = field(default_factory=dict, compare=False, repr=False)
    source_path: str | None = field(default=None, compare=False)
    text: str = field(default="", compare=False, repr=False)
    base_dir: Path | None = field(default=None, compare=False)
    vocabulary: Vocabulary = field(kw_only=True, compare=False, repr=False)
    _given_workloads: tuple[Workload, ...] = field(default=(), compare=False, repr=False)

    @property
    def constraints(self) -> tuple[str, ...]:
        """The constraints as they are written."""
        return tuple(term.text for term in self.constraint_terms)

    def resolved_model(self, model: str) -> str:
        """A workload's model as the catalog takes it: a path beside the study file is found from anywhere."""
        return resolve_model(model, self.base_dir)

    def calibration(self) -> Calibration:
        """Fitted numbers of a study without scenario axes: those of its file, else the shipped ones."""
        return read_of(self.modelling.calibration, self.vocabulary, self.base_dir)

    def lengths_of(self, workload: Workload) -> LengthsOf | None:
        """Distribution of the lengths of a workload; None where all requests are alike."""
        return lengths_of(workload.lengths, self.vocabulary, self.base_dir)

    def calibration_texts(self) -> dict[str, str]:
        """Text of each calibration file that the study or an axis of it names."""
        axis = next((axis.values for axis in self.scenario_axes if axis.path == "modelling.calibration"), ())
        names = [str(name) for name in axis or (self.modelling.calibration,) if name is not None]
        return {name: self.vocabulary.calibration(beside(name, self.base_dir)) for name in names}

    def grid_size(self) -> int:
        """Number of points over all axes, of designs and of scenarios, as an exact integer."""
        sizes = [len(axis.values) for axis in self.column_axes] + [len(axis.values) for axis in self.scenario_axes]
        return math.prod(sizes)

    def at(self, values: Sequence[Value]) -> Study:
        """The study with every scenario axis fixed.

        Parameters
        ----------
        values : sequence of str, int, float or bool
            One for each of `scenario_axes`, as it would stand in the file.

        Returns
        -------
        Study
            Without scenario axes.

        Raises
        ------
        ValueError
            If there are not as many values as axes.
        StudyError
            If a value is not allowed there.
        """
        if len(values) != len(self.scenario_axes):
            raise ValueError(f"expected {len(self.scenario_axes)} values, one for each axis, got {len(values)}")
        tree = self.tree(design=False)
        for axis, value in zip(self.scenario_axes, values, strict=True):
            for target in targets_of(axis.path, tree):
                put(tree, target, value)
        return self.with_sections(tree)

    def with_sections(self, tree: Tree) -> Study:
        """The study with the sections of a tree that scenario axes may be in, and without such axes."""
        tree["modelling"] = with_effect(tree["modelling"], of=self.scenario_axes)
        file, problems = _validated(tree, Context(self.vocabulary, self.base_dir, self.algorithms))
        raise_problems(problems, self.source_path, Lines())
        assert file is not None
        return dataclasses.replace(
            self,
            workloads=_with_shares(file.workloads),
            scenario_axes=(),
            technology=file.technology,
            deployment=file.deployment,
            modelling=file.modelling,
            disaggregate=file.disaggregate,
            _given_workloads=file.workloads,
        )

    def to_yaml(self) -> str:
        """Canonical YAML that loads back to an equal study."""
        return dump_yaml(self.tree())

    def results_yaml(self) -> str:
        """Canonical YAML of all that decides the results: not where they go, nor how they are made."""
        return dump_yaml({key: value for key, value in self.tree().items() if key not in ("output", "execution")})

    def digest(self) -> str:
        """SHA-256 [hexadecimal] of everything that decides the results; not of where they go."""
        return digest(self.tree())

    def tree(self, *, design: bool = True) -> Tree:
        """The study as its canonical YAML would be read."""
        shares_vary = any(axis.path.endswith(".share") for axis in self.scenario_axes)
        return {
            "name": self.name,
            "workloads": workload_trees(self._given_workloads if shares_vary else self.workloads),
            **algorithms_tree(self.algorithms),
            **({"design": design_tree(self.column_axes, self.scenario_axes)} if design else {}),
            "technology": section_tree(self.technology),
            "deployment": section_tree(self.deployment),
            "modelling": with_effect(section_tree(self.modelling), self.scenario_axes),
            **({"disaggregate": section_tree(self.disaggregate)} if self.disaggregate else {}),
            **({"hardware": list(self.hardware)} if self.hardware else {}),
            "baselines": list(self.baselines),
            "objectives": dict(self.objectives),
            "constraints": list(self.constraints),
            **({"candidates": {name: dict(one) for name, one in self.candidates.items()}} if self.candidates else {}),
            "search": section_tree(self.search),
            **({"uncertainty": section_tree(self.uncertainty)} if self.uncertainty else {}),
            **({"execution": section_tree(self.execution)} if self.execution != Execution() else {}),
            "output": section_tree(self.output),
        }


def load_study(
    source: str | Path | Mapping[str, object], *, vocabulary: Vocabulary, path: str | Path | None = None
) -> Study:
    """Read and check a study.

    Parameters
    ----------
    source : str, Path or mapping
        The path of a study file; or its text (anything with a line break, or any text when `path` is given); or the
        tree that its YAML would give.
    vocabulary : Vocabulary
        The names it may use.
    path : str or Path, optional
        For a text or a mapping: the file it comes from. Messages name it; models are looked up beside it.

    Returns
    -------
    Study
        With quantities in byte, byte/s, flop/s, second, watt, USD/joule and token/s.

    Raises
    ------
    StudyError
        With every problem found, one per line, as ``file:line: key: expected ..., got ...``.
    """
    shown_path = None if path is None else str(path)
    text = ""
    tree: object
    if isinstance(source, Mapping):
        tree, lines = plain_tree(source, shown_path), Lines()
    else:
        text, shown_path = _text_of(source, shown_path)
        tree, lines = load_yaml(text, path=shown_path or "")
    if not isinstance(tree, dict):
        what = "an empty file" if tree is None else shown(tree)
        raise StudyError(
            f"expected a study, a mapping with keys such as name and workloads, got {what}", path=shown_path
        )
    base_dir = Path(shown_path).parent if shown_path else None
    named = tree.get("algorithms")
    context = Context(vocabulary, base_dir, named if isinstance(named, dict) else {})
    study = _study(tree, lines, context, shown_path)
    return dataclasses.replace(study, text=text or study.to_yaml())


def _text_of(source: str | Path, path: str | None) -> tuple[str, str | None]:
    if isinstance(source, str) and (path is not None or "\n" in source):
        return source, path
    return read_text(source), str(source)


def _study(tree: Tree, lines: Lines, context: Context, path: str | None) -> Study:
    for key in MAY_BE_EMPTY:
        if key in tree and tree[key] is None:  # a section whose lines are all commented out
            del tree[key]
    problems: list[Problem] = []
    columns, taken = take_axes(tree, context, problems)
    file, found = _validated(tree, context)
    problems += _beside_axes([*found, *effect_problems(tree, taken)], taken, tree)
    terms: list[Constraint] = []
    constraints = tree.get("constraints", ())
    for position, text in enumerate(constraints[:256] if isinstance(constraints, list) else ()):
        try:
            terms.append(resolve_constraint(text, context.vocabulary.columns))
        except ValueError as error:
            problems.append(Problem(("constraints", position), str(error)))
    devices: tuple[Accelerator, ...] = ()
    of_files: dict[str, tuple[Accelerator, ...]] = {}
    if file is not None:
        devices, of_files = baseline_devices(file.hardware, file.baselines, context, problems)
    if not problems:
        problems += _scenario_problems(tree, taken, context)
    raise_problems(problems, path, lines)
    assert file is not None
    return Study(
        name=file.name,
        workloads=_with_shares(file.workloads),
        column_axes=columns,
        scenario_axes=tuple(one.axis for one in taken),
        technology=file.technology,
        deployment=file.deployment,
        modelling=file.modelling,
        disaggregate=file.disaggregate,
        objectives=file.objectives,
        constraint_terms=tuple(terms),
        search=file.search,
        uncertainty=file.uncertainty,
        execution=file.execution,
        baselines=file.baselines,
        algorithms=file.algorithms,
        candidates=file.candidates,
        hardware=file.hardware,
        baseline_devices=devices,
        hardware_devices=of_files,
        output=file.output.model_copy(update={"dir": file.output.dir or f"runs/{file.name}"}),
        source_path=path,
        base_dir=context.base_dir,
        vocabulary=context.vocabulary,
        _given_workloads=file.workloads,
    )


def _validated(tree: Tree, context: Context) -> tuple[StudyFile | None, list[Problem]]:
    """The sections of a tree without axes; or what is wrong with them."""
    tree = {key: value for key, value in tree.items() if key != "design"}
    try:
        file = StudyFile.model_validate(tree, context=context)
    except ValidationError as error:
        return None, problems_of(error, StudyFile)
    try:
        workload_shares(file.workloads)
    except ValueError as error:
        return None, [Problem(("workloads",), str(error))]
    checks = (undivided, trace_problems, calibration_problems, price_problems, runtime_problems)
    return file, [problem for check in checks for problem in check(file, context)]


def _with_shares(workloads: tuple[Workload, ...]) -> tuple[Workload, ...]:
    shares = workload_shares(workloads)
    return tuple(
        workload.model_copy(update={"share": share}) for workload, share in zip(workloads, shares, strict=True)
    )


def _beside_axes(found: list[Problem], taken: tuple[TakenAxis, ...], tree: Tree) -> list[Problem]:
    """Problems of the fields, where an axis's first value is at fault told of the axis, and only once."""
    places = {target: one for one in taken for target in targets_of(one.axis.path, tree)}
    result: dict[tuple[Keys, str], Problem] = {}
    for problem in found:
        axis = places.get(problem.where)
        if axis is not None:
            if not axis.good:
                continue
            problem = Problem(axis.where, problem.message)
        result.setdefault((problem.where, problem.message), problem)
    return list(result.values())


def _scenario_problems(tree: Tree, taken: tuple[TakenAxis, ...], context: Context) -> list[Problem]:
    """What is wrong with the study at each other value of an axis, one axis at a time."""
    problems: list[Problem] = []
    for one in taken:
        for position, value in enumerate(one.axis.values[1:], start=1):
            changed = copy.deepcopy(tree)
            for target in targets_of(one.axis.path, changed):
                put(changed, target, value)
            _, found = _validated(changed, context)
            problems += [Problem((*one.where, position), problem.message) for problem in found]
    return problems
