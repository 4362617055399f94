"""What moves the numbers of a study: constants and axes, one at a time and all together (``dse sensitivity``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dse.column_names import column_named
from dse.errors import StudyError, did_you_mean
from dse.explaining import knee_of, opened, study_and_problem
from dse.one_design import OneDesign, one_design
from dse.runs import Run
from dse.study import Study
from dse.told import MOST_INPUTS, Told
from results.columns import COLUMNS
from results.labels import axis_label, display
from sweeps.middle import middle_point
from sweeps.problem import Problem
from sweeps.sensitivity import Input, Sobol, Tornado, sobol, tornado
from sweeps.space import DESIGN_COLUMNS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Method = Literal["tornado", "sobol", "both"]
METHODS: tuple[Method, ...] = ("tornado", "sobol", "both")
SAMPLES, SEED = 1024, 1


@dataclass(frozen=True)
class Sensitivity(Told):
    """What each constant and axis does to the columns asked for.

    Attributes
    ----------
    study : str
        Name of the study.
    columns : tuple of str
    design : OneDesign
        Around which the tornado is, and the Sobol' indices too if `given`.
    scenario : dict of str to str
        Values of its scenario axes.
    picked : str
        How the design was chosen, for people.
    given : bool
        Whether the design was named: else the Sobol' indices are over the whole space.
    tornado : Tornado or None
    sobol : Sobol or None
    """

    study: str
    columns: tuple[str, ...]
    design: OneDesign
    scenario: dict[str, str]
    picked: str
    given: bool
    tornado: Tornado | None
    sobol: Sobol | None

    def __str__(self) -> str:
        """What the command prints."""
        from dse.report.sensitivity import sensitivity_text

        return sensitivity_text(self, MOST_INPUTS)

    def plot(self, top: int = 7, theme: Literal["light", "dark"] = "light") -> Figure:
        """Return the tornado beside the Sobol' indices, the `top` inputs of each column; a notebook shows it."""
        from dse.report.sensitivity import sensitivity_figure
        from results.figures import inline

        return inline(sensitivity_figure(self, top, theme=theme))

    def frame(self) -> pd.DataFrame:
        """Return one row per method, column and input, those that matter most first; numbers in stored units."""
        import pandas as pd

        rows = [*self._tornado_rows(), *self._sobol_rows()]
        return pd.DataFrame(rows, columns=list(_FIELDS)).astype({name: kind for name, kind in _FIELDS.items() if kind})

    def _tornado_rows(self) -> list[dict[str, Any]]:
        rows = []
        for column in self.columns if self.tornado is not None else ():
            assert self.tornado is not None
            base = self.tornado.base[column]
            for swing in self.tornado.largest(column, len(self.tornado.swings)):
                one, two = swing.ends(column)
                rows.append(
                    _about("tornado", column, swing.input)
                    | {
                        "base": base,
                        "low_level": str(swing.levels[one]),
                        "high_level": str(swing.levels[two]),
                        "at_low": swing.values[column][one],
                        "at_high": swing.values[column][two],
                        "change_low": swing.values[column][one] - base,
                        "change_high": swing.values[column][two] - base,
                        "feasible_low": swing.feasible[one],
                        "feasible_high": swing.feasible[two],
                    }
                )
        return rows

    def _sobol_rows(self) -> list[dict[str, Any]]:
        if self.sobol is None:
            return []
        found = self.sobol.indices
        return [
            _about("sobol", column, self.sobol.inputs[i])
            | {
                "first": float(found.first[i, j]),
                "first_error": float(found.first_error[i, j]),
                "total": float(found.total[i, j]),
                "total_error": float(found.total_error[i, j]),
            }
            for j, column in enumerate(self.columns)
            for i in np.argsort(-found.total[:, j], kind="stable").tolist()
        ]


_FIELDS: dict[str, str | None] = {
    **dict.fromkeys(("method", "column", "unit", "input", "kind", "constants", "low_level", "high_level")),
    **dict.fromkeys(("base", "at_low", "at_high", "change_low", "change_high"), "float64"),
    **dict.fromkeys(("feasible_low", "feasible_high")),
    **dict.fromkeys(("first", "first_error", "total", "total_error"), "float64"),
}


def _about(method: str, column: str, what: Input) -> dict[str, Any]:
    return {
        "method": method,
        "column": column,
        "unit": COLUMNS[column].unit,
        "input": what.name,
        "kind": what.kind,
        "constants": "; ".join(constant.name for constant in what.constants),
    }


def sensitivity(
    study: str | Path | Mapping[str, object] | Study | Run,
    design: str | int | Mapping[str, Any] | None = None,
    columns: Sequence[str] | None = None,
    *,
    method: str = "both",
    samples: int = SAMPLES,
    seed: int = SEED,
) -> Sensitivity:
    """Return what each constant and axis does to the objectives, or to other columns.

    Parameters
    ----------
    study : path, YAML text, mapping, Study or Run
        A study, or the directory of a run.
    design : str, int or mapping, optional
        A point of the space, or a value for each axis. Without it, Sobol' indices are over the axes too, and the
        tornado is around the knee of a run's front, or the feasible design nearest to the middle of a study's space.
    columns : sequence of str, optional
        Metrics and margins; default the objectives.
    method : {"both", "tornado", "sobol"}
    samples : int
        Rows of the Sobol' scheme, a power of two from 16 to 65536; each takes (inputs + 2) evaluations.
    seed : int

    Returns
    -------
    Sensitivity

    Raises
    ------
    StudyError
        If the study is wrong, has no such design or column, or a number is out of range.
    """
    study = opened(study)
    of, problem = study_and_problem(study)
    if method not in METHODS:
        raise StudyError(f"method: expected {', '.join(METHODS)}, got {method!r}{did_you_mean(method, METHODS)}")
    if problem.scenario(0).largest is not None and method != "tornado":
        raise StudyError("Sobol' indices need a batch that is a number; --method tornado takes batch: max")
    chosen = _columns(problem, columns)
    where, picked = _design(study, of, problem, design)
    given = design is not None
    levels = problem.space.scenario_levels(where.scenario)
    try:
        around = tornado(problem, where.columns, where.scenario, chosen) if method != "sobol" else None
        indices = (
            sobol(
                problem,
                chosen,
                design=where.columns if given else None,
                scenario=where.scenario,
                samples=samples,
                seed=seed,
            )
            if method != "tornado"
            else None
        )
    except ValueError as error:
        raise StudyError(f"sensitivity: {error}") from None
    return Sensitivity(
        of.name,
        chosen,
        where,
        {axis.path: str(axis.values[level]) for axis, level in zip(of.scenario_axes, levels, strict=True)},
        picked,
        given,
        around,
        indices,
    )


def _columns(problem: Problem, columns: Sequence[str] | None) -> tuple[str, ...]:
    known = [name for name in problem.metric_names if name in COLUMNS]
    try:
        named = [column_named(name, known, "metric") for name in columns or ()]
    except ValueError as error:
        raise StudyError(f"objective: {error}") from None
    return tuple(dict.fromkeys(named or (o.column for o in problem.objectives)))


def _design(
    study: object, of: Study, problem: Problem, design: str | int | Mapping[str, Any] | None
) -> tuple[OneDesign, str]:
    if design is not None:
        return one_design(of, problem, design), "the design given"
    if (point := knee_of(study)) is not None:
        return one_design(of, problem, point), "the knee of the front"
    try:
        point, itself = middle_point(problem)
    except ValueError as error:
        raise StudyError(f"sensitivity: {error}; name a design to look around with --design") from None
    return one_design(of, problem, point), "the middle" if itself else "the feasible design nearest to the middle"


def shown_level(what: Input, level: str | float) -> str:
    """Return a level of an input as people read it, a design column in its unit."""
    from dse.report.tables import number

    if what.kind != "design":
        return str(level)
    value, unit = display(what.name, [float(level)])
    text = number(float(value[0]))
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {unit}".strip()


def said_design(found: Sensitivity) -> str:
    """Return the design as one line."""
    from dse.report.tables import number

    parts = [
        f"{axis_label(name)} {number(float(display(name, found.design.columns[name])[0][0]))}"
        for name in DESIGN_COLUMNS
    ]
    parts += [f"{path} {value}" for path, value in found.scenario.items()]
    point = "" if found.design.point is None else f" {found.design.point}"
    return f"design{point} ({found.picked}): {', '.join(parts)}"
