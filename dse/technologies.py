"""Every constant of the cost models as a row for people: of the tables, or those that a study uses."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from costmodels.tables import TABLES, UNIT_SCALE, Constant, constants, options
from dse.errors import StudyError, did_you_mean, listed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from dse.study import Study

#: scenarios of two axes, up to which it is found out what they change together
_MOST_TOGETHER = 256
_SECTIONS = ("technology.", "deployment.")
_OWN_NAMES = {"dram_usd_per_byte": "prices", "flash_usd_per_byte": "prices"}


@dataclass(frozen=True)
class Row:
    """One constant in the unit its table quotes; `scenario` names the levels of a study's axes that it belongs to."""

    table: str
    option: str
    constant: str
    value: float
    low: float
    high: float
    unit: str
    year: int
    family: str
    distribution: str
    source: str
    overridden: bool = False
    scenario: str = ""


COLUMNS = tuple(field.name for field in fields(Row))


def table_rows(table: str | None = None, option: str | None = None) -> list[Row]:
    """Return the constants of all tables, of one, or of one option, in the order of the files.

    Raises
    ------
    StudyError
        If there is no such table or option.
    """
    if table is not None and table not in TABLES:
        raise StudyError(f'there is no table of constants "{table}"{did_you_mean(table, TABLES)}; {_tables()}')
    chosen = TABLES if table is None else (table,)
    known = [name for name in chosen for name in options(name)]
    if option is not None and option not in known:
        where = f"the table {table}" if table else "any table"
        allowed = listed(known) if known else "none, its constants hold for every design"
        raise StudyError(f'there is no option "{option}" in {where}{did_you_mean(option, known)}; allowed: {allowed}')
    return [
        _row(name, constant)
        for name in chosen
        for one in options(name) or ("",)
        for constant in constants(name, one).values()
        if option in (None, one)
    ]


def _tables() -> str:
    return f"allowed: {', '.join(TABLES)}"


def found(rows: Iterable[Row], text: str) -> list[Row]:
    """Return the rows in which every word of `text` occurs, in any column of words.

    Raises
    ------
    StudyError
        If there is none.
    """
    rows = list(rows)
    words = text.casefold().split()

    def told(row: Row) -> str:
        return " ".join((row.table, row.option, row.constant, row.unit, row.family, row.source)).casefold()

    left = [row for row in rows if all(word in told(row) for word in words)]
    if not left:
        names = dict.fromkeys(name for row in rows for name in (row.constant, row.option, row.family))
        raise StudyError(f'no constant has "{text}" in its name, option, family or source{did_you_mean(text, names)}')
    return left


def study_rows(study: Study) -> list[Row]:
    """Return the constants that a study uses, table by table; those that its axes change once for each level.

    Raises
    ------
    StudyError
        If its axes do not go together.
    """
    axes = [axis for axis in study.scenario_axes if axis.path.startswith(_SECTIONS)]
    seen: dict[tuple[int, ...], tuple[dict[str, Constant], dict[str, Constant]]] = {}

    def at(levels: tuple[int, ...]) -> tuple[dict[str, Constant], dict[str, Constant]]:
        if levels not in seen:
            chosen = dict(zip((axis.path for axis in axes), levels, strict=True))
            values = [axis.values[chosen.get(axis.path, 0)] for axis in study.scenario_axes]
            seen[levels] = _chosen(study.at(values) if values else study)
        return seen[levels]

    sizes = [len(axis.values) for axis in axes]
    changed = _changed_by(sizes, lambda levels: at(levels)[0])
    rows = []
    for name in at((0,) * len(axes))[0]:
        concerned = changed.get(name, [])
        for levels in itertools.product(*(range(n) if i in concerned else (0,) for i, n in enumerate(sizes))):
            used, plain = at(levels)
            where = ", ".join(f"{axes[i].path} {axes[i].values[levels[i]]}" for i in concerned)
            rows.append(_used(used[name], plain[name], where))
    return sorted(rows, key=lambda row: (TABLES.index(row.table), row.option and options(row.table).index(row.option)))


def _changed_by(sizes: Sequence[int], at: Callable[[tuple[int, ...]], Mapping[str, Constant]]) -> dict[str, list[int]]:
    """Constant -> the axes that change it: alone, or two together where they are short."""
    changed: dict[str, set[int]] = {}
    pairs = [(i, j) for i, j in itertools.combinations(range(len(sizes)), 2) if sizes[i] * sizes[j] <= _MOST_TOGETHER]
    for group in [*((i,) for i in range(len(sizes))), *pairs]:
        for levels in itertools.product(*(range(n) if i in group else (0,) for i, n in enumerate(sizes))):
            for i in group:
                before = at((*levels[:i], 0, *levels[i + 1 :]))
                for name, constant in at(levels).items():
                    if constant != before[name]:
                        changed.setdefault(name, set()).add(i)
    return {name: sorted(axes) for name, axes in changed.items()}


def _chosen(study: Study) -> tuple[dict[str, Constant], dict[str, Constant]]:
    """Constants of a study without axes: with what it overrides, and as the tables have them."""
    from dse.plan import deployment_of, technology_of
    from sweeps.constants import chosen_constants

    technology, deployment = technology_of(study), deployment_of(study)
    given = deployment.electricity_usd_per_j
    plain = replace(deployment, electricity_usd_per_j=given if isinstance(given, str) else None)
    tables_alone = replace(technology, constants={}, ranges={}, max_dies=None)
    return chosen_constants(technology, deployment), chosen_constants(tables_alone, plain)


def _used(constant: Constant, plain: Constant, where: str) -> Row:
    row = _row(_table_of(constant), constant)
    if constant == plain:
        return replace(row, scenario=where)
    scale = UNIT_SCALE[plain.unit]
    table = f"{plain.value / scale:.6g} ({plain.low / scale:.6g} to {plain.high / scale:.6g})"
    return replace(
        row, scenario=where, overridden=True, source=f"{constant.source}, in place of {table}: {plain.source}"
    )


def _table_of(constant: Constant) -> str:
    """The table a constant of a scenario comes from; some have a name of their own there."""
    if constant.name in _OWN_NAMES:
        return _OWN_NAMES[constant.name]
    if constant.name == "electricity_usd_per_j" and constant.option:
        return "grids"
    return next(table for table in TABLES if constant.name in constants(table, (options(table) or ("",))[0]))


def _row(table: str, constant: Constant) -> Row:
    scale = UNIT_SCALE[constant.unit]
    value, low, high = (float(f"{number / scale:.12g}") for number in (constant.value, constant.low, constant.high))
    return Row(
        *(table, constant.option, constant.name, value, low, high, constant.unit),
        *(constant.year, constant.family, constant.distribution, constant.source),
    )


def chosen_rows(
    table: str | None = None, option: str | None = None, find: str | None = None, study: Study | None = None
) -> list[Row]:
    """Return the rows of a table, an option and a search, of all constants or of those that a study uses.

    Raises
    ------
    StudyError
        If a name is unknown, or nothing is found.
    """
    rows = table_rows(table, option)
    if study is not None:
        keep = {row.table for row in rows}
        rows = [row for row in study_rows(study) if row.table in keep and option in (None, row.option)]
        if not rows:
            raise StudyError(f'the study uses no constant of the option "{option}"')
    return rows if find is None else found(rows, find)


def technology(
    table: str | None = None,
    *,
    option: str | None = None,
    find: str | None = None,
    study: str | Path | Mapping[str, object] | Study | None = None,
) -> pd.DataFrame:
    """Return every constant of the cost models with its range, unit, year, family and source.

    Parameters
    ----------
    table : str, optional
        Only this table, such as ``nodes``.
    option : str, optional
        Only this option, such as ``5nm``.
    find : str, optional
        Only rows with these words in their names or source.
    study : path, YAML text, mapping or Study, optional
        The constants that this study uses: overrides marked, and those that an axis changes once for each level.

    Returns
    -------
    DataFrame
        Columns table, option, constant, value, low, high, unit, year, family, distribution, source, overridden,
        scenario; numbers in `unit`.

    Raises
    ------
    StudyError
        If a name is unknown, nothing is found, or the study is wrong.
    """
    import pandas as pd

    from dse.runs import load

    rows = chosen_rows(table, option, find, None if study is None else load(study))
    return pd.DataFrame([vars(row) for row in rows], columns=list(COLUMNS))
