"""Every column a result may hold: its name, unit and meaning, and how people are shown it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Better = Literal["max", "min"]
Kind = Literal["design", "metric", "margin", "status"]


@dataclass(frozen=True)
class Column:
    """One column of a result.

    Parameters
    ----------
    name : str
        Name in tables, files and study files; a physical quantity ends in its unit.
    unit : str
        Unit of the stored numbers, as text that pint parses; ``"1"`` for none.
    meaning : str
        What the number is, in one or two sentences.
    better : {"max", "min"}, optional
        The direction a buyer wants; None where that depends on the question.
    kind : {"design", "metric", "margin", "status"}
        A choice, a result of it, a distance to a limit (<= 0 is feasible), or bookkeeping.
    label : str
        A few words for an axis of a picture; the name where empty.
    shown_unit : str
        The unit people are shown; `unit` where empty, nothing where the column has none.
    shown_size : float
        Size of the shown unit [unit], so that shown number = stored number / shown_size.
    """

    name: str
    unit: str
    meaning: str
    better: Better | None
    kind: Kind
    label: str = ""
    shown_unit: str = ""
    shown_size: float = 1.0


_DESIGN = (
    Column("dram_bytes_per_s", "byte/s", "DRAM bandwidth of one chip", "max", "design", "DRAM bandwidth", "GB/s", 1e9),
    Column(
        "compute_flop_per_s",
        "flop/s",
        "peak rate of one chip for dense 16-bit arithmetic; 1 multiply-add = 2 FLOP",
        "max",
        "design",
        "compute",
        "TFLOP/s",
        1e12,
    ),
    Column("sram_bytes", "byte", "SRAM of one chip: tile buffer, residents", "max", "design", "SRAM", "MiB", 2.0**20),
    Column("dram_bytes", "byte", "DRAM capacity of one chip", "max", "design", "DRAM", "GB", 1e9),
    Column("flash_bytes", "byte", "flash capacity of one chip; 0 = no flash tier", "max", "design", "flash", "GB", 1e9),
)

_SPEED = (
    Column(
        "ttft_s",
        "second",
        "time to first token: one prefill pass over the prompts of a batch; the worst workload of the mix",
        "min",
        "metric",
        "time to first token",
        "s",
    ),
    Column(
        "tpot_s",
        "second",
        "time per output token: one decode step at the mean context (prompt + output/2); the worst workload of the mix",
        "min",
        "metric",
        "time per output token",
        "ms",
        1e-3,
    ),
    Column(
        "request_latency_s",
        "second",
        "ttft_s + (output tokens - 1) * tpot_s; the worst workload of the mix",
        "min",
        "metric",
        "request latency",
        "s",
    ),
    Column(
        "decode_tokens_per_s",
        "token/second",
        "generated tokens per second of the deployment while it decodes, over the mix: 1 / sum(share * tpot / batch)",
        "max",
        "metric",
        "decode rate",
        "token/s",
    ),
    Column(
        "tokens_per_s",
        "token/second",
        "generated tokens per second of the deployment with prefill counted, over the mix: "
        "1 / sum(share * request latency / (batch * output tokens))",
        "max",
        "metric",
        "total rate",
        "token/s",
    ),
)

_POWER = (
    Column(
        "energy_j_per_token",
        "joule/token",
        "energy of the package (dies, DRAM, flash) while busy, prefill included, per generated token over the mix",
        "min",
        "metric",
        "energy",
        "J/token",
    ),
    Column(
        "facility_energy_j_per_token",
        "joule/token",
        "energy_j_per_token plus idle time, host and PUE: what the meter of the site counts, per generated token",
        "min",
        "metric",
        "facility energy",
        "J/token",
    ),
    Column(
        "prefill_power_w",
        "watt",
        "energy of the prefill phase / its time, per chip; the worst workload of the mix",
        "min",
        "metric",
        "prefill power",
        "W",
    ),
    Column(
        "decode_power_w",
        "watt",
        "energy of the decode phase / its time, per chip; the worst workload of the mix",
        "min",
        "metric",
        "decode power",
        "W",
    ),
    Column(
        "sustained_power_w",
        "watt",
        "the larger of prefill and decode power over the mix, per chip: what a cooling limit constrains",
        "min",
        "metric",
        "sustained power",
        "W",
    ),
    Column(
        "peak_power_w",
        "watt",
        "static power plus compute, SRAM, DRAM and flash all at their ceilings at once, per chip",
        "min",
        "metric",
        "peak power",
        "W",
    ),
    Column("idle_power_w", "watt", "power of one chip that is on and has no work", "min", "metric", "idle power", "W"),
)

_COST = (
    Column("chips", "1", "chips of the deployment that work together on its requests", "min", "metric", "chips"),
    Column("die_area_mm2", "mm**2", "silicon of one chip, all its dies", "min", "metric", "die area", "mm²"),
    Column("dies", "1", "dies of one chip: reticle-sized at most, so a large chip is split", "min", "metric", "dies"),
    Column(
        "dram_units",
        "1",
        "DRAM units (stacks, packages or channels) of one chip that its bandwidth needs; fractional unless granular",
        "min",
        "metric",
        "DRAM units",
    ),
    Column(
        "bom_usd",
        "USD",
        "bill of materials of one chip (dies, DRAM, flash, package); a cost",
        "min",
        "metric",
        "BOM",
    ),
    Column(
        "price_usd",
        "USD",
        "what the study's view pays for one chip: bill of materials times markup (view: buyer), or cost (view: cost)",
        "min",
        "metric",
        "price",
    ),
    Column(
        "tco_usd_per_hour",
        "USD/hour",
        "total cost of ownership of the deployment per hour: capital, facility, energy, maintenance",
        "min",
        "metric",
        "TCO",
    ),
    Column(
        "tco_usd_per_mtoken",
        "USD/Mtoken",
        "total cost of ownership of the deployment per million generated tokens, prefill included",
        "min",
        "metric",
        "TCO",
    ),
    Column("embodied_kg", "kg", "CO2-equivalent emitted to make one chip", "min", "metric", "embodied CO₂e"),
    Column(
        "carbon_g_per_mtoken",
        "g/Mtoken",
        "CO2-equivalent, embodied and operational, of the deployment per million generated tokens, prefill included",
        "min",
        "metric",
        "carbon",
        "g CO₂e/Mtoken",
    ),
    Column(
        "utilization",
        "1",
        "share of its powered-on life that the deployment generates; given by the study, or demand / tokens_per_s",
        None,
        "metric",
        "utilization",
        "%",
        0.01,
    ),
    Column(
        "throttled",
        "1",
        "share of bandwidth and compute that technology.power_cap takes away; 0 = not throttled",
        "min",
        "metric",
        "throttled",
        "%",
        0.01,
    ),
    Column(
        "flash_lifetime_years",
        "year",
        "years until flash that holds KV cache is worn out at the deployment's rate; infinite if nothing is written",
        "max",
        "metric",
        "flash lifetime",
        "years",
    ),
)


def _margin(name: str, meaning: str, label: str) -> Column:
    return Column(name, "1", f"{meaning}; relative, <= 0 is feasible", None, "margin", label, "%", 0.01)


_MARGINS = (
    _margin("margin_fit", "missing bytes / needed bytes, of the worst workload of the mix, in all tiers", "fit margin"),
    _margin(
        "margin_dram_bandwidth",
        "how far the least bytes that come with the DRAM units of this bandwidth exceed the DRAM capacity",
        "DRAM bandwidth margin",
    ),
    _margin(
        "margin_dram_capacity",
        "how far the DRAM capacity exceeds the most bytes that the DRAM units can hold",
        "DRAM capacity margin",
    ),
    _margin(
        "margin_dram_edge",
        "how far the die edge that the DRAM units occupy exceeds the usable edge of the dies",
        "die edge margin",
    ),
    _margin("margin_dies", "how far the number of dies exceeds the most that one package takes", "dies margin"),
    _margin("margin_demand", "how far the demanded token rate exceeds what the design generates", "demand margin"),
    _margin(
        "margin_power_cap",
        "how far sustained power exceeds technology.power_cap after throttling, at the worst workload of the mix",
        "power cap margin",
    ),
)

_STATUS = (
    Column("point", "1", "index of the design in the study's space, from 0", None, "status", "point"),
    Column("feasible", "1", "true where every margin is <= 0", None, "status", "feasible"),
    Column("reason", "1", "why the design is infeasible or failed; empty if feasible", None, "status", "reason"),
)

COLUMNS: Mapping[str, Column] = MappingProxyType(
    {c.name: c for c in (*_STATUS[:1], *_DESIGN, *_SPEED, *_POWER, *_COST, *_MARGINS, *_STATUS[1:])}
)
"""Every column by name, in the order files and tables list them (constraint margins: `constraint_column`)."""

_CONSTRAINT = re.compile(r"margin_constraint_(0|[1-9][0-9]*)")


def constraint_column(number: int, text: str) -> Column:
    """Column of the margin of one of the study's constraints.

    Parameters
    ----------
    number : int
        Position of the constraint in the study, from 0.
    text : str
        The constraint as the study writes it, such as ``"ttft <= 2 s"``.

    Returns
    -------
    Column
        ``margin_constraint_<number>``, relative to the constraint's limit.

    Raises
    ------
    ValueError
        If `number` is negative.
    """
    if number < 0:
        raise ValueError(f"a constraint's number counts from 0, got {number}")
    meaning = (
        f"how far the design misses the constraint {text}, of its limit" if text else "how far it misses its limit"
    )
    return _margin(f"margin_constraint_{number}", meaning, text or f"constraint {number} margin")


def column(name: str) -> Column:
    """Definition of a column.

    Parameters
    ----------
    name : str
        A name in `COLUMNS`, or ``margin_constraint_<number>``.

    Returns
    -------
    Column
        Its definition (a constraint's margin without the text of the constraint, which the study holds).

    Raises
    ------
    KeyError
        If there is no such column; the message names the nearest ones.
    """
    if name in COLUMNS:
        return COLUMNS[name]
    if match := _CONSTRAINT.fullmatch(name):
        return constraint_column(int(match[1]), "")
    near = difflib.get_close_matches(name, COLUMNS, n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise KeyError(f'no column is named "{name}"{hint}')
