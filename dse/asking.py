"""What if: one design before and after a change, and why its numbers moved (``dse whatif``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dse.changes import Change, with_changes
from dse.errors import StudyError
from dse.explaining import given_or_knee, opened, study_and_problem
from dse.one_design import Given, one_design
from dse.plan import problem_of
from dse.runs import Run
from dse.study import Study
from results.columns import COLUMNS
from sweeps.ledger import Ledger, ledgers
from sweeps.ledger_steps import LEDGERS
from sweeps.phase_times import PhaseTime, phase_times
from sweeps.problem import Problem
from sweeps.scenario import Scenario
from sweeps.space import DESIGN_COLUMNS, Columns

if TYPE_CHECKING:
    import pandas as pd

    from dse.reaching import Answer


@dataclass(frozen=True)
class Side:
    """One design of a study without scenario axes, with its numbers.

    Attributes
    ----------
    study : Study
    problem : Problem
    columns : dict
        The five design columns, (1,) each [SI].
    """

    study: Study
    problem: Problem
    columns: Columns

    @property
    def scenario(self) -> Scenario:
        """The only scenario of the study."""
        return self.problem.scenario(0)

    @cached_property
    def values(self) -> dict[str, float]:
        """Every metric and margin; NaN where the design has none."""
        table = self.problem.given(self.columns, 0)
        return {name: float(np.asarray(table[name])[0]) for name in (*DESIGN_COLUMNS, *self.problem.metric_names)}

    @cached_property
    def reason(self) -> str:
        """Why it is infeasible; empty if it is feasible."""
        told: Any = self.problem.given(self.columns, 0)["reason"]
        return str(told.categories[int(told.codes[0])])

    @cached_property
    def phases(self) -> tuple[PhaseTime, ...]:
        """What its phases spend their time on."""
        return phase_times(self.columns, self.scenario)

    def ledgers(self, columns: Sequence[str]) -> dict[str, Ledger]:
        """Where the columns that have a ledger come from."""
        wanted = [name for name in columns if name in LEDGERS]
        return {one.column: one for one in ledgers(self.columns, self.scenario, wanted)} if wanted else {}


@dataclass(frozen=True)
class WhatIf:
    """A design before and after a change.

    Attributes
    ----------
    study : str
        Name of the study.
    point : int or None
        Of the design before, in the study's space.
    scenario : dict of str to str
        Values of the study's scenario axes before.
    objectives : dict of str to str
        Column to ``max`` or ``min``.
    shown : tuple of str
        Metrics that people are shown: objectives, what is limited, what was asked for, times and prices.
    changes : tuple of Change
    before, after : Side
    answer : Answer or None
        What was found where a target was asked for; `after` is then at the value that meets it, or comes nearest.
    """

    study: str
    point: int | None
    scenario: dict[str, str]
    objectives: dict[str, str]
    shown: tuple[str, ...]
    changes: tuple[Change, ...]
    before: Side = field(repr=False)
    after: Side = field(repr=False)
    answer: Answer | None = None

    def __str__(self) -> str:
        """What the command prints."""
        from dse.report.asking import whatif_text

        return whatif_text(self)

    def _repr_html_(self) -> str:
        from dse.report.notebook import whatif_html

        return whatif_html(self)

    def frame(self) -> pd.DataFrame:
        """Return every design column, metric and margin before and after [stored units], and the relative change."""
        import pandas as pd

        one, other = self.before.values, self.after.values
        rows = []
        for name in dict.fromkeys((*one, *other)):
            before, after = one.get(name, np.nan), other.get(name, np.nan)
            change = after / before - 1.0 if before else (0.0 if before == after else np.nan)
            unit = COLUMNS[name].unit if name in COLUMNS else "1"
            rows.append({"column": name, "unit": unit, "before": before, "after": after, "relative_change": change})
        return pd.DataFrame(rows)

    @cached_property
    def moved(self) -> dict[str, tuple[Ledger, Ledger]]:
        """Ledgers before and after, of the objectives that have one."""
        columns = [name for name in self.objectives if name in LEDGERS]
        one, other = self.before.ledgers(columns), self.after.ledgers(columns)
        return {name: (one[name], other[name]) for name in columns}


#: shown of every design, beside what the study itself asks about
_USUAL = ("ttft_s", "tpot_s", "decode_tokens_per_s", "sustained_power_w", "die_area_mm2", "price_usd")


def whatif(
    study: str | Path | Mapping[str, object] | Study | Run,
    design: Given = None,
    changes: Mapping[str, Any] | None = None,
    *,
    target: str | Sequence[str] | None = None,
    vary: str | None = None,
    between: str | None = None,
) -> WhatIf:
    """Return a design before and after a change; or with a target, the value of one field that meets it.

    Parameters
    ----------
    study : path, YAML text, mapping, Study or Run
        A study, or the directory of a run.
    design : str, int or mapping, optional
        A point of the space, a row of a front, a candidate, or a value for each axis; see
        :func:`dse.one_design.one_design`. Default: the knee of a run's front.
    changes : mapping, optional
        Field to value. A field is one of the five dimensions (``dram_bandwidth``), a scalar of the study by its path or
        the end of it (``node``), or a constant of the cost models (``dram_usd_per_byte``). A value is as in a study
        (``"800 GB/s"``, ``"3nm"``, 4), or relative: ``"2x"``, ``"+50%"``.
    target : str or sequence of str, optional
        What the changed design must reach, as constraints are written: ``"decode_tokens_per_s >= 50"``. It must also
        stay within all limits of the study.
    vary : str, optional
        The field whose value is looked for: the smallest that meets the target, or the largest where less is easy.
    between : str, optional
        Where to look for it: ``"17 GB/s..1 TB/s"``, or values, ``"5nm, 3nm"``. Default: from a thousandth to a thousand
        times what it is; all words of a field that holds a word.

    Returns
    -------
    WhatIf

    Raises
    ------
    StudyError
        If the study, the design, a field, a value or the target is wrong, or nothing is asked.
    """
    of, problem = study_and_problem(study := opened(study))
    targets = (target,) if isinstance(target, str) else tuple(target or ())
    if bool(targets) != (vary is not None):
        raise StudyError("expected both a target and the field to vary, as --target 'ttft <= 1 s' --vary compute")
    if between is not None and vary is None:
        raise StudyError("a range goes with a target and the field to vary")
    if not changes and not targets:
        raise StudyError("nothing to change: expected a field and its value, as --set dram_bandwidth=2x, or a target")
    found = one_design(of, problem, given_or_knee(study, design))
    levels = problem.space.scenario_levels(found.scenario)
    axes = {axis.path: axis.values[level] for axis, level in zip(of.scenario_axes, levels, strict=True)}
    models = problem.scenario.models
    before = _side(of.at(list(axes.values())) if axes else of, found.columns, models, problem)
    changed = with_changes(before.study, before.scenario, before.columns, changes or {})
    after = _side(changed.study, changed.columns, models)
    shown = dict.fromkeys((*of.objectives, *(limit.column for limit in problem.limits)))
    answer, said = None, changed.changes
    if vary is not None:
        from dse.reaching import reach

        answer = reach(after, targets, vary, between, models)
        shown = dict.fromkeys((*(one.column for one in answer.targets), *shown))
        set_to = {**(changes or {}), answer.place.name: answer.at}
        changed = with_changes(before.study, before.scenario, before.columns, set_to)
        after = _side(changed.study, changed.columns, models)
        said = tuple(
            replace(c, after=answer.text or c.after) if c.name == answer.place.name else c for c in changed.changes
        )
    names = [name for name in (*shown, *_USUAL) if name not in DESIGN_COLUMNS]
    return WhatIf(
        of.name,
        found.point,
        {path: str(value) for path, value in axes.items()},
        dict(of.objectives),
        tuple(dict.fromkeys(names)),
        said,
        before,
        after,
        answer,
    )


def _side(study: Study, columns: Columns, models: Any, known: Problem | None = None) -> Side:
    """A design of a study without scenario axes; the problem of one that has none is known."""
    if known is not None and known.space.scenarios == 1:
        return Side(study, known, columns)
    plain = replace(study, candidates={}, baselines=(), baseline_devices=())
    return Side(plain, problem_of(plain, models), columns)
