"""Where each watt, joule, dollar and gram of one design comes from (``dse explain``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodels.tables import UNIT_SCALE, Constant
from dse.column_names import column_named
from dse.errors import StudyError
from dse.one_design import Given, OneDesign, one_design
from dse.pictures import minimized
from dse.plan import problem_of
from dse.runs import Run, load, open_run
from dse.study import Study
from dse.told import Told
from results.columns import COLUMNS
from results.front import knee
from sweeps.evaluate import evaluate
from sweeps.feasible import reason_codes, reasons
from sweeps.ledger import Ledger, ledgers
from sweeps.ledger_steps import LEDGERS

if TYPE_CHECKING:
    import pandas as pd

EMPTY_FRONT = "the front is empty: name a design with --design"


@dataclass(frozen=True)
class Explanation(Told):
    """Ledgers of one design.

    Attributes
    ----------
    study : str
        Name of the study.
    design : OneDesign
    scenario : dict of str to str
        Values of the scenario axes.
    columns : dict of str to float
        Every metric and margin of the design.
    reason : str
        Why it is infeasible; empty if it is not.
    ledgers : tuple of Ledger
    """

    study: str
    design: OneDesign
    scenario: dict[str, str]
    columns: dict[str, float]
    reason: str
    ledgers: tuple[Ledger, ...]

    def __str__(self) -> str:
        """What the command prints."""
        from dse.report.explaining import explanation_text

        return explanation_text(self, sources=False)

    def frame(self) -> pd.DataFrame:
        """Return one row per part: column, unit, part, amount, share and the constants with their sources."""
        import pandas as pd

        rows = [
            {
                "column": ledger.column,
                "unit": COLUMNS[ledger.column].unit,
                "part": entry.name,
                "amount": entry.amount,
                "share": entry.amount / ledger.total,
                "constants": "; ".join(quoted(constant) for constant in entry.constants),
                "sources": "; ".join(f"{constant.name}: {constant.source}" for constant in entry.constants),
            }
            for ledger in self.ledgers
            for entry in ledger.entries
        ]
        return pd.DataFrame(rows, columns=["column", "unit", "part", "amount", "share", "constants", "sources"])


def explain(
    study: str | Path | Mapping[str, object] | Study | Run,
    design: str | int | Mapping[str, Any] | None = None,
    columns: Sequence[str] | None = None,
) -> Explanation:
    """Return where each watt, joule, dollar and gram of one design comes from.

    Parameters
    ----------
    study : path, YAML text, mapping, Study or Run
        A study, or the directory of a run.
    design : str, int or mapping, optional
        A point of the space, or a value for each axis; see :func:`dse.one_design.one_design`. Default: the knee of a
        run's front.
    columns : sequence of str, optional
        Of the columns that have a ledger, also by their short names (``carbon``); default all of them.

    Returns
    -------
    Explanation
        The amounts of a ledger sum to its total exactly (``math.fsum``).

    Raises
    ------
    StudyError
        If the study is wrong, has no such design, or a column has no ledger.
    """
    study = opened(study)
    of, problem = study_and_problem(study)
    try:
        columns = None if columns is None else [column_named(name, LEDGERS, "ledger of") for name in columns]
    except ValueError as error:
        raise StudyError(str(error)) from None
    chosen = one_design(of, problem, given_or_knee(study, design))
    scenario = problem.scenario(chosen.scenario)
    with np.errstate(all="ignore"):
        values = evaluate(chosen.columns, scenario)
    levels = problem.space.scenario_levels(chosen.scenario)
    return Explanation(
        of.name,
        chosen,
        {axis.path: str(axis.values[level]) for axis, level in zip(of.scenario_axes, levels, strict=True)},
        {name: float(np.asarray(value).reshape(-1)[0]) for name, value in values.items()},
        str(reasons(scenario.limits)[int(reason_codes(values, scenario.limits, (1,))[0])]),
        ledgers(chosen.columns, scenario, columns),
    )


def study_and_problem(study: str | Path | Mapping[str, object] | Study | Run) -> tuple[Study, Any]:
    """Return a study, or that of a run or of its directory, with its search problem."""
    study = opened(study)
    if isinstance(study, Run):
        return study.study, study.problem
    loaded = load(study)
    return loaded, problem_of(loaded)


def opened(study: str | Path | Mapping[str, object] | Study | Run) -> str | Path | Mapping[str, object] | Study | Run:
    """Return the run of a directory; anything else as it is."""
    is_run = isinstance(study, str | Path) and "\n" not in str(study) and Path(study).is_dir()
    return open_run(study) if is_run and isinstance(study, str | Path) else study


def knee_of(study: object) -> int | None:
    """Return the point of the knee of a run's front; None of what is no run, or has no front."""
    if not isinstance(study, Run) or not study.manifest["front"]:
        return None
    front = study.front()
    return int(front["point"].iloc[knee(minimized(study, front))])


def quoted(constant: Constant) -> str:
    """Return a constant as its table quotes it, such as ``dram_usd_per_byte 13 USD/GB (10 to 17)``."""
    scale = UNIT_SCALE[constant.unit]
    unit = "" if constant.unit == "1" else f" {constant.unit}"
    ends = f" ({constant.low / scale:.4g} to {constant.high / scale:.4g})" if constant.low < constant.high else ""
    return f"{constant.name} {constant.value / scale:.4g}{unit}{ends}"


def given_or_knee(study: object, design: Given) -> Given:
    """Return the design that is given, or the point of the knee of a run's front.

    Raises
    ------
    StudyError
        If none is given, and the front of the run is empty.
    """
    if design is None and isinstance(study, Run) and not study.manifest["front"] and study.problem.space.size > 1:
        raise StudyError(EMPTY_FRONT)
    return knee_of(study) if design is None else design
