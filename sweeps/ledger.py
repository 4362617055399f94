"""Ledgers: where each watt, joule, dollar and gram of one design comes from, constant by constant.

No formula of a cost stands here. A part is what a column loses when its constant becomes neutral (a price 0, a markup
1) after all the parts before it did: each is a difference of two results of :func:`sweeps.metrics.metrics`, or of
:func:`sweeps.factors.factors` for silicon, so the parts cannot say anything else than the column does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from costmodels.tables import Constant
from roofline.memory import Number
from sweeps.evaluate import evaluate
from sweeps.factors import factors
from sweeps.largest import at_its_batch
from sweeps.ledger_steps import AREA, LEDGERS, POWER_CAP, Step
from sweeps.metrics import metrics, phases_of
from sweeps.pool import PREFIX
from sweeps.scenario import Scenario, with_constants
from sweeps.space import Columns

ROUNDING = 1e-11
"""Largest relative difference of the parts' sum and the total that is rounding; more is a part nobody named."""


@dataclass(frozen=True)
class Entry:
    """One part of a column.

    Attributes
    ----------
    name : str
    amount : float
        In the column's unit.
    constants : tuple of Constant
        What it is proportional to, or saved by.
    share_of : str
        The column it is a share of, beside its own constants; empty where it stands for itself.
    """

    name: str
    amount: float
    constants: tuple[Constant, ...]
    share_of: str = ""


@dataclass(frozen=True)
class Ledger:
    """A column of one design as the sum of its parts.

    Attributes
    ----------
    column : str
    total : float
        What :func:`sweeps.evaluate.evaluate` says; ``math.fsum`` of the amounts, bit for bit. NaN, without entries,
        where the design has no such number.
    entries : tuple of Entry
        Parts that are not zero. The largest takes what rounding leaves over.
    """

    column: str
    total: float
    entries: tuple[Entry, ...] = field(default=())


def ledgers(design: Columns, scenario: Scenario, columns: Sequence[str] | None = None) -> tuple[Ledger, ...]:
    """Return ledgers of one design.

    Parameters
    ----------
    design : dict
        The five design columns, (1,) each.
    scenario : Scenario
    columns : sequence of str, optional
        Of :data:`sweeps.ledger_steps.LEDGERS`; default all of them.

    Raises
    ------
    ValueError
        If a column has no ledger.
    """
    wanted = tuple(LEDGERS) if columns is None else tuple(columns)
    unknown = [name for name in wanted if name not in LEDGERS]
    if unknown:
        raise ValueError(f"there is no ledger of {unknown[0]}; there are {', '.join(LEDGERS)}")
    with np.errstate(all="ignore"):
        scenario = at_its_batch(design, scenario, evaluate)
        totals = evaluate(design, scenario)
        known = factors(design, scenario)
        held = _at_its_speed(known, scenario)
        return tuple(_ledger(name, _one(totals[name]), design, known, held, scenario) for name in wanted)


def _at_its_speed(known: Mapping[str, Number], scenario: Scenario) -> dict[str, Number]:
    """Return the factors with the times that a power cap leaves."""
    if scenario.power_cap_w is None:
        return dict(known)
    held = dict(known)
    for i, (workload, pair) in enumerate(zip(scenario.workloads, phases_of(known, scenario), strict=True)):
        held[f"prefill_s.{i}"] = pair[0].seconds / workload.prefill_passes
        held[f"decode_s.{i}"] = pair[1].seconds / workload.decode_passes
    return held


def _ledger(
    column: str,
    total: float,
    design: Columns,
    known: Mapping[str, Number],
    held: Mapping[str, Number],
    scenario: Scenario,
) -> Ledger:
    if math.isnan(total):
        return Ledger(column, total)
    ranges = scenario.ranges
    steps = [step for step in LEDGERS[column](scenario) if set(step.constants) <= set(ranges)]
    if column == AREA:
        values = _one_each(factors(design, _neutral(scenario, steps))["silicon_mm2"], len(steps) + 1)
    else:
        free = _neutral(replace(scenario, power_cap_w=None), steps)
        values = _values(column, _neutral_factors(held, steps), free, steps)
    amounts = [*(values[:-1] - values[1:])]
    named = [Entry(s.name, float(a), _constants(s, ranges), s.share_of) for s, a in zip(steps, amounts, strict=True)]
    if scenario.power_cap_w is not None and column != AREA:
        named.insert(0, Entry(POWER_CAP, total - float(values[0]), ()))
    small = ROUNDING * max(abs(total), *(abs(entry.amount) for entry in named))
    left = total - math.fsum(entry.amount for entry in named)
    if abs(left) > small:
        raise ArithmeticError(f"{column}: {left:g} of {total:g} comes from no constant of its ledger")
    return Ledger(column, total, _exact([entry for entry in named if abs(entry.amount) > small], total))


def _values(column: str, known: Mapping[str, Number], scenario: Scenario, steps: Sequence[Step]) -> NDArray[np.float64]:
    """Return the column with the first r steps neutral, for each r."""
    values = _one_each(metrics(known, scenario)[column], len(steps) + 1)
    waits = next((number for number, step in enumerate(steps) if step.waiting), len(steps))
    if waits == len(steps):
        return values
    always = replace(scenario.deployment, utilization=1.0, demand_tokens_per_s=None)
    busy = _one_each(metrics(known, replace(scenario, deployment=always))[column], len(steps) + 1)
    return np.concatenate([values[: waits + 1], busy[waits + 1 :]])


def _exact(entries: list[Entry], total: float) -> tuple[Entry, ...]:
    """Give what rounding leaves over to the largest entry, so that the sum is the total bit for bit."""
    if not entries:
        return ()
    by_size = sorted(range(len(entries)), key=lambda i: -abs(entries[i].amount))
    for i in by_size:  # a smaller one takes what the digits of a larger one cannot hold
        left = Fraction(total) - sum(Fraction(entry.amount) for entry in entries)
        if left == 0:
            break
        entries[i] = replace(entries[i], amount=entries[i].amount + float(left))
    return tuple(entries)


def _neutral(scenario: Scenario, steps: Sequence[Step]) -> Scenario:
    """Return the scenario with samples of its constants: in row r the constants of the first r steps are neutral."""
    rows = len(steps) + 1
    values: dict[str, NDArray[np.float64]] = {}
    for number, step in enumerate(steps):
        for name, neutral in step.constants.items():
            sample = values.setdefault(name, np.full((rows, 1), scenario.ranges[name].value))
            sample[number + 1 :] = neutral
    return with_constants(scenario, values)


def _neutral_factors(known: Mapping[str, Number], steps: Sequence[Step]) -> dict[str, Number]:
    """Return the factors with those of the steps neutral from their row on."""
    result = dict(known)
    for number, step in enumerate(steps):
        both = [*step.factors, *(f"{PREFIX}{name}" for name in step.factors)]
        for name in [name for name in both if name in known]:
            sample = np.repeat(np.reshape(np.asarray(known[name], dtype=np.float64), (1, 1)), len(steps) + 1, axis=0)
            sample[number + 1 :] = 0.0
            result[name] = sample
    return result


def _constants(step: Step, ranges: Mapping[str, Constant]) -> tuple[Constant, ...]:
    return tuple(ranges[name] for name in (*step.constants, *step.also) if name in ranges)


def _one_each(value: Number, rows: int) -> NDArray[np.float64]:
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (rows, 1))[:, 0]


def _one(value: object) -> float:
    return float(np.asarray(value).reshape(-1)[0])
