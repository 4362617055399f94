"""Measured efficiency of classes of devices and serving stacks, from a table that a fit wrote."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from roofline.efficiency import Efficiency
from roofline.runtimes import Runtime

COLUMNS = ("name", "option", "value", "low", "high", "unit", "source")

GLOBALS = (
    "compute_share",
    "attention_share_relative",
    "expert_share_relative",
    "half_rows",
    "matrix_j_per_flop",
    "memory_share",
    "kernel_s",
    "native_kernel_relative",
    "eager_kernel_relative",
    "step_s",
    "sequence_s",
    "overlapped_sequence_s",
    "link_share",
    "link_latency_s",
)
"""Numbers that hold for every device and stack."""

OF_CLASS = ("class_memory_relative", "class_compute_relative", "class_kernel_relative")
"""Factors of a class of devices."""

OF_RUNTIME = ("runtime_compute_relative", "runtime_kernel_relative")
OF_HOST = ("runtime_step_relative", "runtime_sequence_relative")
"""Factors of a serving stack; of its host's work only where that adds to a step."""

DIVISORS = ("share", "compute", "memory", "matrix")
"""Numbers of times with one of these in their names divide them."""


@dataclass(frozen=True)
class Fitted:
    """One fitted number, the range it takes when devices are left out, its unit and what it was fitted on."""

    value: float
    low: float
    high: float
    unit: str
    source: str


@dataclass(frozen=True)
class Calibration:
    """Fitted numbers by (name, option); a factor that is not there is 1: an unknown class or stack has none."""

    numbers: Mapping[tuple[str, str], Fitted]

    def value(self, name: str, option: str = "") -> float:
        """Return a global number, or the factor of an option."""
        found = self.numbers.get((name, option))
        if found is None and name in GLOBALS:
            raise ValueError(f'the calibration has no "{name}"')
        return 1.0 if found is None else found.value

    def classes(self) -> tuple[str, ...]:
        """Return the classes of devices that have factors."""
        return tuple(dict.fromkeys(option for name, option in self.numbers if name in OF_CLASS))


def efficiency(
    calibration: Calibration,
    runtime: Runtime,
    *,
    device_class: str,
    matrix_units: bool = True,
    limit_j_per_flop: float | None = None,
) -> Efficiency:
    """Return what a class of devices reaches under a serving stack.

    Parameters
    ----------
    calibration : Calibration
    runtime : Runtime
    device_class : str
        One that the table does not know has factors of 1.
    matrix_units : bool
        Whether matrix work runs on units of its own, whose tiles a few rows do not fill.
    limit_j_per_flop : float, optional
        Power limit over the dense 16-bit peak [J/FLOP] of work that fills the matrix units; None: unknown, or of work
        that does not.

    Notes
    -----
    A chip whose matrix units at their peak would draw more than its power limit lowers its clock. Dynamic power is
    ``f V^2``, and the least voltage V rises with f, the more steeply the higher it is: around the usual clocks f
    follows about the square root of the power.
    """
    of = calibration.value
    share = of("compute_share") * of("class_compute_relative", device_class)
    share = min(share * of("runtime_compute_relative", runtime.name), 1.0)
    if limit_j_per_flop is not None:
        share *= min(math.sqrt(limit_j_per_flop / of("matrix_j_per_flop")), 1.0)
    host = runtime.host == "serial"
    sequence_s = {"serial": of("sequence_s"), "overlapped": of("overlapped_sequence_s"), "none": 0.0}[runtime.host]
    return Efficiency(
        gemm_slowdown=1.0 / share,
        attention_slowdown=1.0 / min(share * of("attention_share_relative"), 1.0),
        expert_slowdown=1.0 / min(share * of("expert_share_relative"), 1.0),
        row_slowdown=of("half_rows") / share if matrix_units else 0.0,
        memory_share=min(of("memory_share") * of("class_memory_relative", device_class), 1.0),
        link_share=min(of("link_share"), 1.0),
        kernel_s=_launch_s(calibration, runtime, device_class),
        step_s=of("step_s") * of("runtime_step_relative", runtime.name) if host else 0.0,
        sequence_s=sequence_s * of("runtime_sequence_relative", runtime.name),
        link_latency_s=of("link_latency_s"),
    )


def _launch_s(calibration: Calibration, runtime: Runtime, device_class: str) -> float:
    """Fixed time of a kernel [s]; a spatial pipeline launches none."""
    if runtime.launch == "dataflow":
        return 0.0
    of = calibration.value
    kind = {"graph": 1.0, "native": of("native_kernel_relative"), "eager": of("eager_kernel_relative")}[runtime.launch]
    own = of("class_kernel_relative", device_class) * of("runtime_kernel_relative", runtime.name)
    return of("kernel_s") * kind * own


@cache
def shipped() -> Calibration:
    """Return the calibration in ``data/calibration.csv``."""
    return parsed((files("roofline") / "data" / "calibration.csv").read_text(encoding="utf8"))


def parsed(text: str) -> Calibration:
    """Return a calibration from its CSV text.

    Raises
    ------
    ValueError
        With the line of the first row that is wrong.
    """
    rows = csv.DictReader(io.StringIO(text))
    numbers: dict[tuple[str, str], Fitted] = {}
    try:
        missing = [column for column in COLUMNS if column not in (rows.fieldnames or [])]
        if missing:
            raise ValueError(f"line 1: a calibration needs the columns {', '.join(COLUMNS)}; there is no {missing[0]}")
        for row in rows:
            key, number = _number(row, rows.line_num)
            if key in numbers:
                raise ValueError(f"line {rows.line_num}: {' of '.join(part for part in key if part)} is given twice")
            numbers[key] = number
    except csv.Error as error:
        raise ValueError(f"line {rows.line_num + 1}: {error}") from None
    return Calibration(MappingProxyType(numbers))


def _number(row: Mapping[str, str | None], line: int) -> tuple[tuple[str, str], Fitted]:
    name, option = row["name"] or "", row["option"] or ""
    known = (*GLOBALS, *OF_CLASS, *OF_RUNTIME, *OF_HOST)
    if name not in known:
        raise ValueError(f'line {line}: unknown number "{name}"; known: {", ".join(known)}')
    try:
        value, low, high = (float(row[column] or "") for column in ("value", "low", "high"))
    except ValueError:
        raise ValueError(f"line {line}: value, low and high of {name} must be numbers") from None
    if not 0.0 <= low <= value <= high < float("inf"):
        raise ValueError(
            f"line {line}: {name} must be finite, not negative and between its low and high, got {value:g}"
        )
    if value == 0.0 and any(part in name for part in DIVISORS):
        raise ValueError(f"line {line}: {name} must be above 0")
    if bool(option) == (name in GLOBALS):
        what = "is of all devices and stacks, its option is empty" if option else "needs an option, what it is of"
        raise ValueError(f"line {line}: {name} {what}")
    return (name, option), Fitted(value, low, high, row["unit"] or "", row["source"] or "")


def as_text(numbers: Iterable[tuple[tuple[str, str], Fitted]]) -> str:
    """Return a calibration as CSV text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for (name, option), fit in numbers:
        writer.writerow([name, option, f"{fit.value:.4g}", f"{fit.low:.4g}", f"{fit.high:.4g}", fit.unit, fit.source])
    return out.getvalue()
