"""Given designs through the same path as a sweep: tables and CSV files of designs in, every column out."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dse.errors import StudyError, did_you_mean, shown
from dse.study import Study
from dse.units import UnitError, parse_quantity
from results.columns import COLUMNS
from results.store import Categorical
from sweeps.problem import Problem, Table
from sweeps.space import DESIGN_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

STUDY_KEYS = dict(zip(("dram_bandwidth", "compute", "sram", "dram", "flash"), DESIGN_COLUMNS, strict=True))
MOST_ROWS = 5_000_000
MOST_BYTES = 2**29


def evaluate_designs(study: Study, problem: Problem, designs: pd.DataFrame | Mapping[str, Any]) -> pd.DataFrame:
    """Return every column of given designs.

    Parameters
    ----------
    study : Study
    problem : Problem
        The study's.
    designs : DataFrame or mapping
        The five design columns by column name (numbers, SI) or study key (``dram_bandwidth``; quantities such as
        "100 GB/s" or numbers in SI). A design axis with one value in the study may be left out. Other columns are
        ignored, so that rows of a front can be changed and evaluated again.

    Returns
    -------
    DataFrame
        In the order given; with scenario axes, every design in every scenario, scenario by scenario.

    Raises
    ------
    StudyError
        If a column is missing or holds something else.
    """
    columns = design_columns(study, designs)
    rows = len(next(iter(columns.values())))
    tables = [problem.given(columns, scenario) for scenario in range(problem.space.scenarios)] if rows else []
    return _frame(tables, problem)


def read_designs(text: str, path: str) -> dict[str, list[str]]:
    """Return the columns of a CSV file of designs as text.

    Raises
    ------
    StudyError
        If it is no table.
    """
    try:
        reader = csv.reader(io.StringIO(text), strict=True)
        numbered = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise StudyError(f"not a CSV file: {error}", path=path) from None
    if not numbered:
        raise StudyError(
            "the file is empty; its first line names the columns, such as " + ",".join(STUDY_KEYS), path=path
        )
    header = [name.strip() for name in numbered[0][1]]
    for number, row in numbered[1:]:
        if len(row) != len(header):
            raise StudyError(f"expected {len(header)} cells, got {len(row)}", path=path, line=number)
    repeated = {name for name in header if header.count(name) > 1}
    if repeated:
        raise StudyError(f"column {shown(min(repeated))} stands twice in the header", path=path, line=numbered[0][0])
    return {name: [row[i] for _, row in numbered[1:]] for i, name in enumerate(header)}


def design_columns(study: Study, designs: Any) -> dict[str, NDArray[np.float64]]:
    """Return the five design columns (n,) [SI] of designs given by study key or column name.

    Raises
    ------
    StudyError
        If one is missing or is no such quantity.
    """
    given = {str(name): designs[name] for name in designs}
    lengths = {len(np.atleast_1d(np.asarray(given[name], dtype=object))) for name in given}
    if len(lengths) != 1:
        raise StudyError("designs: expected columns of equal length" if lengths else "designs: there are no columns")
    rows = lengths.pop()
    if rows > MOST_ROWS:
        raise StudyError(f"designs: {rows:,} rows; at most {MOST_ROWS:,} at once")
    columns = {}
    for (key, name), axis in zip(STUDY_KEYS.items(), study.column_axes, strict=True):
        found = [candidate for candidate in (name, key) if candidate in given]
        if len(found) == 2:
            raise StudyError(f"designs: both {name} and {key} are given; they are the same")
        if found:
            cells = np.atleast_1d(np.asarray(given[found[0]], dtype=object))
            columns[name] = np.array([_number(cell, found[0], name, row) for row, cell in enumerate(cells, start=1)])
        elif len(axis.values) == 1:
            columns[name] = np.full(rows, axis.values[0])  # of one that follows from others, not yet a number
        else:
            hint = did_you_mean(key, given)
            raise StudyError(f"designs: column {key} (or {name}) is missing{hint}")
    for axis in study.column_axes:
        if axis.derived is not None and np.isnan(columns[axis.name]).any():
            columns[axis.name] = np.broadcast_to(np.asarray(axis.derived(columns)), rows)
    return {name: column.astype(np.float64) for name, column in columns.items()}


def _number(cell: object, column: str, name: str, row: int) -> float:
    """A cell as a number in SI: a plain number, or a quantity."""
    where = f"designs: {column}, row {row}"
    try:
        value = float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        try:
            value = parse_quantity(cell, COLUMNS[name].unit)
        except UnitError as error:
            raise StudyError(f"{where}: {error}") from None
    least = "0 or more" if name == "flash_bytes" else "more than 0"
    if not np.isfinite(value) or value < 0 or (value == 0 and name != "flash_bytes"):
        raise StudyError(f"{where}: expected {least}, got {shown(cell)}")
    return value


def _frame(tables: Sequence[Table], problem: Problem) -> pd.DataFrame:
    import pandas as pd

    names = [name for name in problem.columns() if name != "point"]
    frames = [pd.DataFrame({name: _values(table[name]) for name in names}) for table in tables]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=names)


def _values(column: Any) -> Any:
    if isinstance(column, Categorical):
        return np.asarray(column.categories, dtype=object)[np.asarray(column.codes)]
    return column
