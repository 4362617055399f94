"""Constants of the cost models: read from ``costmodels/data/*.csv``, each with its range, unit, year and source.

Every file has the same ten columns, ``option,parameter,value,low,high,unit,year,source,family,distribution``. The
numbers stand in the unit a person would quote (the ``unit`` column); they are converted here, once, to the unit at the
end of the parameter's name (base SI; by custom mm, mm2, USD, year).

``family`` names the cause a number's error has: constants of one family are drawn at the same quantile of their
distributions, so they are high together or low together, across options and tables. One parameter is one family over
all options unless stated (what is wrong with the wafer price of one node is wrong with that of the next). Parameters
share a family where one cause moves both the same way: the memory market (every price of DRAM and flash), the steps of
a process (energy and gas of a fab), the width of an interface (PHYs of memory and links), one measurement (base and
wire energy of SRAM), one number in two tables (vector energy), or an order that must hold (idle below busy power).
Numbers that were fitted together and offset each other are apart: no sample then moves both the same way on purpose.

``distribution`` says how likely the numbers between low and high are: ``triangular`` with its peak at the value;
``uniform``; ``log``, triangular in the logarithm, where the range spans a decade or more; ``whole``, whole numbers
only; ``fixed``, low = value = high, for labels and definitions.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable
    from pathlib import Path

TABLES: tuple[str, ...] = ("nodes", "dram", "prices", "flash", "pim", "sram", "datapath", "segments", "grids", "common")

COLUMNS: tuple[str, ...] = (
    "option",
    "parameter",
    "value",
    "low",
    "high",
    "unit",
    "year",
    "source",
    "family",
    "distribution",
)

DISTRIBUTIONS: tuple[str, ...] = ("triangular", "uniform", "log", "whole", "fixed")

# Unit of the `unit` column -> what one of it is in the unit at the end of the parameter's name.
UNIT_SCALE: Mapping[str, float] = MappingProxyType(
    {
        "1": 1.0,
        "B": 1.0,
        "GB": 1e9,
        "GB/s": 1e9,
        "(GB/s)/TB": 1e-3,
        "(TB/s)/MB": 1e6,
        "us": 1e-6,
        "mm": 1.0,
        "mm2": 1.0,
        "mm2/(GB/s)": 1e-9,
        "mm2/(TFLOP/s)": 1e-12,
        "mm2/MB": 1e-6,
        "1/cm2": 1e-2,
        "pJ/bit": 8e-12,
        "pJ/bit/mm": 8e-12,
        "pJ/FLOP": 1e-12,
        "FLOP/B": 1.0,
        "kWh/cm2": 3.6e6 / 100,
        "W/GB": 1e-9,
        "W/mm2": 1.0,
        "kg": 1.0,
        "kg/GB": 1e-9,
        "kg/W": 1.0,
        "kg/kWh": 1 / 3.6e6,
        "g/kWh": 1e-3 / 3.6e6,
        "g/cm2": 1e-5,
        "USD": 1.0,
        "USD/GB": 1e-9,
        "USD/W": 1.0,
        "USD/mm2": 1.0,
        "USD/kWh": 1 / 3.6e6,
        "year": 1.0,
        "1/year": 1.0,
    }
)


@dataclass(frozen=True)
class Constant:
    """One number with where it comes from.

    Attributes
    ----------
    name : str
        The parameter; it ends in the unit of `value`, `low` and `high`.
    option : str
        The choice it belongs to, such as "5nm" or "hbm3e"; empty for constants of every design.
    value, low, high : float
        The value and its plausible range [unit at the end of `name`], low <= value <= high.
    unit : str
        The unit in which the file quotes the number, a key of `UNIT_SCALE`.
    year : int
        The year the number describes.
    source : str
        Where it was read, or how it was derived or assumed.
    family : str
        Constants of one family are drawn together, at the same quantile.
    distribution : str
        One of `DISTRIBUTIONS`: how likely the numbers from `low` to `high` are.
    """

    name: str
    option: str
    value: float
    low: float
    high: float
    unit: str
    year: int
    source: str
    family: str
    distribution: str


def read_constants(file: Path | Traversable) -> tuple[Constant, ...]:
    """Constants of one CSV file, in file order, in the units of their names.

    Parameters
    ----------
    file : Path or Traversable
        A UTF-8 CSV file with the columns of `COLUMNS`.

    Returns
    -------
    tuple of Constant

    Raises
    ------
    ValueError
        With file and line, when the header or a row is malformed: a wrong number of cells, a number that is not
        finite, an unknown unit, low > value or value > high, a year that is no integer, an empty parameter,
        source or family, a distribution that does not suit the range, or a second row for the same option and
        parameter.
    """
    constants_read: dict[tuple[str, str], Constant] = {}
    reader = csv.reader(io.StringIO(file.read_text(encoding="utf-8")))
    header = next(reader, [])
    if tuple(header) != COLUMNS:
        raise ValueError(f"{file.name}:1: expected the columns {','.join(COLUMNS)}, got {','.join(header)!r}")
    for cells in reader:
        where = f"{file.name}:{reader.line_num}"
        constant = _constant(cells, where)
        key = (constant.option, constant.name)
        if key in constants_read:
            raise ValueError(f"{where}: a second row for option {key[0]!r}, parameter {key[1]!r}")
        constants_read[key] = constant
    return tuple(constants_read.values())


def _constant(cells: list[str], where: str) -> Constant:
    """One row as a Constant; errors name `where`, the file and line."""
    if len(cells) != len(COLUMNS):
        raise ValueError(f"{where}: expected {len(COLUMNS)} cells ({','.join(COLUMNS)}), got {len(cells)}")
    option, name, value_text, low_text, high_text, unit, year_text, source, family, distribution = (
        cell.strip() for cell in cells
    )
    for column, text in (("parameter", name), ("source", source), ("family", family)):
        if not text:
            raise ValueError(f"{where}: {column} is empty")
    if unit not in UNIT_SCALE:
        raise ValueError(f"{where}: unknown unit {unit!r}; allowed: {', '.join(UNIT_SCALE)}")
    value, low, high = (
        _number(text, f"{where}: {column}")
        for column, text in (("value", value_text), ("low", low_text), ("high", high_text))
    )
    if not low <= value <= high:
        raise ValueError(f"{where}: expected low <= value <= high, got {low:g}, {value:g}, {high:g}")
    if not (year_text.isascii() and year_text.isdigit()):
        raise ValueError(f"{where}: year: expected an integer, got {year_text!r}")
    check_distribution(distribution, value, low, high, where)
    scale = UNIT_SCALE[unit]
    numbers = (value * scale, low * scale, high * scale)
    return Constant(name, option, *numbers, unit, int(year_text), source, family, distribution)


def check_distribution(distribution: str, value: float, low: float, high: float, where: str) -> None:
    """Raise ValueError, starting with `where`, if numbers from `low` to `high` cannot be so distributed."""
    if distribution not in DISTRIBUTIONS:
        raise ValueError(f"{where}: unknown distribution {distribution!r}; allowed: {', '.join(DISTRIBUTIONS)}")
    if (distribution == "fixed") != (low == high):
        raise ValueError(f"{where}: fixed means low = high and no other does, got {distribution}, {low:g} to {high:g}")
    if distribution == "log" and not low > 0:
        raise ValueError(f"{where}: log needs low above 0, got {low:g}")
    if distribution == "whole" and any(number != int(number) for number in (value, low, high)):
        raise ValueError(f"{where}: whole needs whole numbers, got {low:g}, {value:g}, {high:g}")


def _number(text: str, where: str) -> float:
    """A finite float; errors start with `where`."""
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{where}: expected a number, got {text!r}") from None
    if not math.isfinite(number):
        raise ValueError(f"{where}: expected a finite number, got {text!r}")
    return number


@cache
def _table(table: str) -> Mapping[str, Mapping[str, Constant]]:
    """Option -> parameter -> Constant of a shipped table, read once."""
    if table not in TABLES:
        raise ValueError(f"no table of constants {table!r}; allowed: {', '.join(TABLES)}")
    by_option: dict[str, dict[str, Constant]] = {}
    for constant in read_constants(files("costmodels") / "data" / f"{table}.csv"):
        by_option.setdefault(constant.option, {})[constant.name] = constant
    return by_option


@cache
def options(table: str) -> tuple[str, ...]:
    """Options of a table in file order, such as ("7nm", "6nm", ...); empty for "common".

    Parameters
    ----------
    table : str
        One of `TABLES`.

    Returns
    -------
    tuple of str

    Raises
    ------
    ValueError
        When there is no such table; the message names the tables there are.
    """
    return tuple(option for option in _table(table) if option)


def constants(table: str, option: str = "") -> dict[str, Constant]:
    """Constants of one option of a table, by name, in the units of their names.

    Parameters
    ----------
    table : str
        One of `TABLES`.
    option : str
        One of `options(table)`; empty for "common".

    Returns
    -------
    dict of str to Constant
        A new dict at each call.

    Raises
    ------
    ValueError
        When there is no such table or option; the message names the allowed ones.
    """
    by_option = _table(table)
    if option not in by_option:
        allowed = ", ".join(options(table)) or "none (leave it empty)"
        raise ValueError(f"no option {option!r} in the table {table!r}; allowed: {allowed}")
    return dict(by_option[option])
