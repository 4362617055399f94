"""Which of two designs is better, and how sure that is (``dse versus``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dse.errors import StudyError
from dse.explaining import study_and_problem
from dse.one_design import Given, OneDesign, between, cases
from dse.runs import Run
from dse.study import Study
from dse.told import Told
from results.columns import COLUMNS
from sweeps.uncertainty import PERCENTS, Better, Uncertainty, probability_better, uncertainty

if TYPE_CHECKING:
    import pandas as pd

    from sweeps.problem import Problem

SAMPLES, SEED = 256, 1
MOST_CASES = 1000
DOMINATES = "dominates"


@dataclass(frozen=True)
class Case:
    """Two designs at one combination of the scenario axes that they leave open.

    Attributes
    ----------
    scenario : dict of str to str
        Values of those axes.
    points : (int, int)
    sampled : Uncertainty
        Percentiles of the objectives of both, in that order.
    better : dict of str to Better
        By objective, and ``dominates``: how likely either is better.
    """

    scenario: dict[str, str]
    points: tuple[int, int]
    sampled: Uncertainty
    better: Mapping[str, Better]


@dataclass(frozen=True)
class Versus(Told):
    """Two designs against each other.

    Attributes
    ----------
    study : str
        Name of the study.
    names : (str, str)
        What the designs are called.
    objectives : dict of str to str
        Column to ``max`` or ``min``.
    cases : tuple of Case
    samples, seed : int
    """

    study: str
    names: tuple[str, str]
    objectives: dict[str, str]
    cases: tuple[Case, ...]
    samples: int
    seed: int

    def __str__(self) -> str:
        """What the command prints."""
        from dse.report.versus import versus_text

        return versus_text(self)

    def frame(self) -> pd.DataFrame:
        """Return one row per case and objective: percentiles of both designs, and the chance that either is better."""
        import pandas as pd

        rows = []
        for case in self.cases:
            for column in self.objectives:
                row: dict[str, Any] = {**case.scenario, "column": column, "unit": COLUMNS[column].unit}
                for i, side in enumerate("ab"):
                    row[side] = self.names[i]
                    for percent in PERCENTS:
                        row[f"{side}_p{percent}"] = float(case.sampled.percentiles[column][percent][i])
                row["probability_a_better"] = case.better[column].a
                row["probability_b_better"] = case.better[column].b
                row["probability_a_dominates"] = case.better[DOMINATES].a
                row["probability_b_dominates"] = case.better[DOMINATES].b
                rows.append(row)
        return pd.DataFrame(rows)


def versus(
    study: str | Path | Mapping[str, object] | Study | Run,
    a: Given = None,
    b: Given = None,
    *,
    samples: int | None = None,
    seed: int | None = None,
) -> Versus:
    """Return which of two designs is better in each objective, and how likely.

    Parameters
    ----------
    study : path, YAML text, mapping, Study or Run
    a, b : str, int or mapping, optional
        Designs on the study's grid, as :func:`dse.one_design.one_design` takes them; scenario axes that neither names
        are the cases. Default: the two candidates of the study.
    samples, seed : int, optional
        Samples of the constants, the same for both designs; default those of the study's `uncertainty`, else 256 and 1.

    Returns
    -------
    Versus

    Raises
    ------
    StudyError
        If the study is wrong or has no such designs.
    """
    of, problem = study_and_problem(study)
    if a is None and b is None:
        if len(of.candidates) != 2:
            raise StudyError(f"the study has {len(of.candidates)} candidates: name two designs with --a and --b")
        a, b = of.candidates
    if a is None or b is None:
        raise StudyError("expected two designs, --a and --b")
    drawn = of.uncertainty
    count = samples if samples is not None else drawn.samples if drawn else SAMPLES
    start = seed if seed is not None else drawn.seed if drawn else SEED
    found = cases(of, problem, a, b)
    if len(found) > MOST_CASES:
        raise StudyError(f"{len(found):,} combinations of the axes that neither design names; at most {MOST_CASES:,}")
    names = _name(a, "a", of), _name(b, "b", of)
    compared = tuple(_case(problem, said, pair, names, count, start) for said, pair in found)
    return Versus(of.name, names, dict(of.objectives), compared, count, start)


def _name(given: Given, side: str, study: Study) -> str:
    if isinstance(given, str) and given.strip() in study.candidates:
        return given.strip()
    return f"{side} ({given})" if isinstance(given, int) or (isinstance(given, str) and given.isdigit()) else side


def _case(
    problem: Problem,
    said: dict[str, str],
    pair: tuple[OneDesign, ...],
    names: tuple[str, str],
    samples: int,
    seed: int,
) -> Case:
    points = []
    for name, design in zip(names, pair, strict=True):
        if design.point is None:
            raise StudyError(
                f"design {name}: its values must stand on the axes of the study: {between(problem, design)}; "
                "a list of values as the axis can hold those of both designs"
            )
        points.append(design.point)
    try:
        sampled = uncertainty(problem, np.array(points, dtype=np.int64), samples=samples, seed=seed)
        better = probability_better(problem, points[0], points[1], samples=samples, seed=seed)
    except ValueError as error:
        raise StudyError(str(error)) from None
    return Case(said, (points[0], points[1]), sampled, better)
