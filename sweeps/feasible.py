"""Limits as margins, relative to the limit: <= 0 is feasible. A design outside keeps its row, margins and reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roofline.memory import Number
from sweeps.pool import pool_factors
from sweeps.scenario import Limit, Scenario

Array = NDArray[np.float64]

PHYSICAL = {
    "margin_fit": "does not fit: SRAM, DRAM and flash together cannot hold the workload",
    "margin_dram_bandwidth": "too little DRAM: the units needed for its bandwidth hold more",
    "margin_dram_capacity": "too much DRAM: the die's edge has no room for the units it needs",
    "margin_dram_edge": "too much DRAM bandwidth: the die's edge has no room for the units it needs",
    "margin_dies": "too much silicon: more dies than the package may hold",
    "margin_power_cap": "static power alone exceeds the power cap",
    "margin_prefill": "the chips that process prompts: they cannot be built, or cannot hold the workload",
}
"""Limits nobody can build past, with the reason people are told; checked in this order."""

PREFILL = "margin_prefill"
DEMAND = "margin_demand"
DEMAND_REASON = "too slow for the demand: it would be busy more than all the time"


def physical_margins(factors: Mapping[str, Number], scenario: Scenario) -> dict[str, Number]:
    """Return the margins of what can be built at all [1].

    Notes
    -----
    Of other chips that process prompts the worst of their own. fit: missing / needed bytes, the worst
    workload. DRAM, with n units: ``n·unit_bytes_min / D - 1``, ``D / (n_max·unit_bytes_max) - 1`` with n_max the units
    the die's edge has room for, and ``n·edge_mm / shoreline_mm - 1``.
    """
    k = scenario.constants
    fit: Number = 0.0
    for i, workload in enumerate(scenario.workloads):
        fit = np.maximum(fit, factors[f"missing_bytes.{i}"] / workload.footprint_total_bytes)
    units, shoreline, capacity = factors["dram_units"], factors["shoreline_mm"], factors["dram_bytes"]
    most_bytes = shoreline * (k["dram_unit_bytes_max"] / k["dram_edge_mm_per_unit"])
    found: dict[str, Number] = {
        "margin_fit": fit,
        "margin_dram_bandwidth": (units * k["dram_unit_bytes_min"]) / capacity - 1.0,
        "margin_dram_capacity": capacity / most_bytes - 1.0,
        "margin_dram_edge": (units * k["dram_edge_mm_per_unit"]) / shoreline - 1.0,
        "margin_dies": factors["dies"] / k["max_dies"] - 1.0,
    }
    if scenario.pool is None:
        return found
    beside = physical_margins(pool_factors(factors), scenario.pool.scenario)
    return found | {PREFILL: worst(beside, tuple(beside))}


def worst(margins: Mapping[str, Number], names: Sequence[str]) -> Number:
    """Return the largest of the named margins (NaN where one is NaN)."""
    result: Number = -np.inf
    for name in names:
        result = np.maximum(result, margins[name])
    return result


def constraint_margin(value: Number, limit: Limit) -> Number:
    """Return (value - limit) / |limit| with the sign of "too much", or the plain difference at limit 0 [1]."""
    scale = abs(limit.limit) or 1.0
    if limit.op in ("<=", "<"):
        return value / scale - limit.limit / scale
    return limit.limit / scale - value / scale


def satisfied(margin: Number, limit: Limit) -> NDArray[np.bool_]:
    """Return where a constraint holds; never where the value is NaN."""
    return np.asarray(margin < 0 if limit.op in ("<", ">") else margin <= 0)


def reasons(limits: Sequence[Limit]) -> tuple[str, ...]:
    """Return the texts of the codes of :func:`reason_codes`; code 0 is feasible, the empty text."""
    return (
        "",
        *PHYSICAL.values(),
        DEMAND_REASON,
        *(f"violates {limit.text}" for limit in limits),
        "no number came out",
    )


def reason_codes(columns: Mapping[str, Any], limits: Sequence[Limit], shape: tuple[int, ...]) -> NDArray[np.int16]:
    """Return why each design is infeasible, as an index into :func:`reasons`: the first limit it breaks.

    Parameters
    ----------
    columns : mapping
        Result of :func:`sweeps.evaluate.evaluate`.
    limits : sequence of Limit
    shape : tuple of int
        Common shape of the designs.
    """
    last = len(reasons(limits)) - 1
    codes = np.where(np.broadcast_to(columns["feasible"], shape), 0, last).astype(np.int16)
    for i in range(len(limits) - 1, -1, -1):
        broken = ~satisfied(columns[f"margin_constraint_{i}"], limits[i])
        codes = _mark(codes, broken & ~np.isnan(columns[f"margin_constraint_{i}"]), len(PHYSICAL) + 2 + i)
    if DEMAND in columns:
        codes = _mark(codes, np.asarray(columns[DEMAND]) > 0, len(PHYSICAL) + 1)
    for i, name in reversed(list(enumerate(PHYSICAL))):
        if name in columns:
            codes = _mark(codes, np.asarray(columns[name]) > 0, i + 1)
    return codes


def _mark(codes: NDArray[np.int16], where: NDArray[np.bool_], code: int) -> NDArray[np.int16]:
    return np.where(np.broadcast_to(where, codes.shape), np.int16(code), codes)
