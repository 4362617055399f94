"""Problem: a space, the scenario of each of its combinations, and what to optimize."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from results.columns import COLUMNS, Column, constraint_column
from results.store import Categorical
from roofline.memory import Number
from roofline.quality import EVIDENCE
from sweeps.evaluate import evaluate
from sweeps.feasible import DEMAND, PREFILL, reason_codes, reasons
from sweeps.latencies import TTFT_QUANTILES
from sweeps.mix import MIX_COLUMNS
from sweeps.model_quality import COLUMNS as QUALITY
from sweeps.scenario import Limit, Scenario
from sweeps.space import DESIGN_COLUMNS, Columns, Space

Table = dict[str, NDArray[Any] | Categorical]
"""Columns of a result, (n,) each."""


@dataclass(frozen=True)
class Objective:
    """A metric column to optimize; `sign` makes it a minimization."""

    column: str
    sign: float

    @classmethod
    def of(cls, column: str, direction: str) -> Objective:
        """Return the objective of a direction ``max`` or ``min``."""
        return cls(column, -1.0 if direction == "max" else 1.0)


@dataclass(frozen=True)
class ScenarioColumn:
    """A scenario axis as a column of the result: the text or number of each level.

    `numbers` are what levels given as text, such as quantities, come to; empty if they are names.
    """

    name: str
    values: tuple[str | float, ...]
    numbers: tuple[float, ...] = ()

    @property
    def is_text(self) -> bool:
        """Whether any level is text."""
        return any(isinstance(value, str) for value in self.values)


@dataclass(frozen=True)
class KnownScenarios:
    """Scenario index -> Scenario, of scenarios that were made before."""

    known: tuple[Scenario, ...]

    def __call__(self, number: int) -> Scenario:
        """Return the scenario with this index."""
        return self.known[number]


@dataclass(frozen=True)
class Problem:
    """What a search needs.

    Attributes
    ----------
    space : Space
    scenario : callable
        Scenario index -> Scenario; picklable, cheap when asked again.
    objectives : tuple of Objective
    limits : tuple of Limit
        The constraints, the same in every scenario.
    scenario_columns : tuple of ScenarioColumn
        One per scenario axis, in the order of ``space.scenario_shape``.
    metric_names : tuple of str
        Metric and margin columns of the result, in order.
    """

    space: Space
    scenario: Callable[[int], Scenario]
    objectives: tuple[Objective, ...]
    limits: tuple[Limit, ...]
    scenario_columns: tuple[ScenarioColumn, ...] = ()

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Metric and margin columns that this problem's designs have, in the order of the columns' list."""
        first = self.scenario(0)
        optional = {
            "batch": first.largest is not None,
            **dict.fromkeys(QUALITY, first.quality is not None),
            **dict.fromkeys(TTFT_QUANTILES.values(), first.distributed),
            **dict.fromkeys(("prefill_chips", PREFILL), first.pool is not None),
            "throttled": first.power_cap_w is not None,
            "margin_power_cap": first.power_cap_w is not None,
            DEMAND: first.deployment.demand_tokens_per_s is not None or first.arriving_tokens_per_s > 0,
            "flash_lifetime_years": "kv_cache" in first.modelling.flash_holds,
            **dict.fromkeys(MIX_COLUMNS, len(first.requests) > 1 and first.aggregates),
        }
        named = [c.name for c in COLUMNS.values() if c.kind in ("metric", "margin") and optional.get(c.name, True)]
        return (*named, *(f"margin_constraint_{i}" for i in range(len(self.limits))))

    def columns(self) -> dict[str, Column]:
        """Return the definition of every column of this problem's tables, in order."""
        defined = {"point": COLUMNS["point"]}
        for axis in self.scenario_columns:
            defined[axis.name] = Column(axis.name, "1", f"value of {axis.name} in the study", None, "design")
        defined |= {name: COLUMNS[name] for name in DESIGN_COLUMNS}
        limits = {f"margin_constraint_{i}": constraint_column(i, limit.text) for i, limit in enumerate(self.limits)}
        defined |= {name: limits.get(name) or COLUMNS[name] for name in self.metric_names}
        told = ("evidence", "feasible", "reason") if self.scenario(0).quality is not None else ("feasible", "reason")
        return defined | {name: COLUMNS[name] for name in told}

    def table(self, points: NDArray[np.int64]) -> Table:
        """Return every column of the points given by index (n,), in that order."""
        scenarios, designs = self.space.designs(points)
        parts: list[tuple[NDArray[np.int64], Table]] = []
        for number in np.unique(scenarios):
            rows = np.flatnonzero(scenarios == number)
            scenario = self.scenario(int(number))
            with np.errstate(all="ignore"):
                evaluated = evaluate({name: column[rows] for name, column in designs.items()}, scenario)
            parts.append((rows, self.flat(evaluated, points[rows], int(number), (len(rows),))))
        return _gathered(parts, len(points)) if len(parts) != 1 else parts[0][1]

    def given(self, designs: Columns, scenario: int) -> Table:
        """Return every column of designs (n,) that need not lie on the grid; ``point`` is their row."""
        rows = len(designs[DESIGN_COLUMNS[0]])
        with np.errstate(all="ignore"):
            evaluated = evaluate(designs, self.scenario(scenario))
        return self.flat(evaluated, np.arange(rows, dtype=np.int64), scenario, (rows,))

    def flat(
        self, evaluated: dict[str, Number], points: NDArray[np.int64], scenario: int, shape: tuple[int, ...]
    ) -> Table:
        """Return evaluated columns as a table: broadcast to `shape`, flattened in index order."""

        def column(value: Number) -> NDArray[np.float64]:
            return np.broadcast_to(np.asarray(value, dtype=np.float64), shape).reshape(-1)

        finite = self.finite_objectives([column(evaluated[o.column]) for o in self.objectives])
        feasible = np.broadcast_to(evaluated["feasible"], shape).reshape(-1) & finite
        codes = reason_codes({**evaluated, "feasible": feasible.reshape(shape)}, self.limits, shape).reshape(-1)
        table: Table = {"point": points}
        levels = self.space.scenario_levels(scenario)
        for axis, level in zip(self.scenario_columns, levels, strict=True):
            table[axis.name] = _constant(axis, level, len(points))
        table |= {name: column(evaluated[name]) for name in (*DESIGN_COLUMNS, *self.metric_names)}
        if (quality := self.scenario(scenario).quality) is not None:
            code = EVIDENCE.index(quality.loss.evidence)
            table["evidence"] = Categorical(np.full(len(points), code, dtype=np.int16), EVIDENCE)
        return table | {"feasible": feasible, "reason": Categorical(codes, reasons(self.limits))}

    def finite_objectives(self, values: list[NDArray[np.float64]]) -> NDArray[np.bool_]:
        """Return where every objective is a number."""
        finite = np.isfinite(values[0])
        for value in values[1:]:
            finite &= np.isfinite(value)
        return finite


def _constant(axis: ScenarioColumn, level: int, rows: int) -> NDArray[np.float64] | Categorical:
    if axis.is_text:
        return Categorical(np.full(rows, level, dtype=np.int16), tuple(str(value) for value in axis.values))
    whole = all(isinstance(value, int) for value in axis.values)
    return np.full(rows, axis.values[level], dtype=np.int64 if whole else np.float64)


def _gathered(parts: list[tuple[NDArray[np.int64], Table]], rows: int) -> Table:
    """Put the rows of several scenarios back into one table, in the order asked for."""
    if not parts:
        raise ValueError("no points")
    result: Table = {}
    for name, first in parts[0][1].items():
        if isinstance(first, Categorical):
            codes = np.empty(rows, dtype=np.asarray(first.codes).dtype)
            for at, table in parts:
                part = table[name]
                assert isinstance(part, Categorical)
                codes[at] = part.codes
            result[name] = Categorical(codes, first.categories)
            continue
        values = np.empty(rows, dtype=first.dtype)
        for at, table in parts:
            part = table[name]
            assert not isinstance(part, Categorical)
            values[at] = part
        result[name] = values
    return result
