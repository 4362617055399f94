"""What each phase of one design spends its time on: the ceilings that bind its operators, and what is beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sweeps.breakdown import OperatorShare, breakdown
from sweeps.evaluate import evaluate
from sweeps.factors import factors, machine_of
from sweeps.largest import at_its_batch
from sweeps.metrics import phases_of
from sweeps.scenario import Scenario
from sweeps.space import Columns

OVERHEAD, POWER_CAP, LINK = "overhead", "power cap", "link"
"""Time of a phase beside its operators: launches and the host; a clock lowered to keep the power cap."""


@dataclass(frozen=True)
class PhaseTime:
    """Time of one phase of a workload.

    Attributes
    ----------
    workload : int
    phase : str
        ``prefill`` or ``decode``.
    seconds : float
        Of all its passes [s], as in the metrics: time to the first token, or per output token, where no server takes
        turns. NaN where the design cannot be built or cannot hold the workload.
    parts_s : dict of str to float
        Seconds of the operators that each ceiling binds, :data:`OVERHEAD` and :data:`POWER_CAP`; longest first. They
        sum to `seconds` but for rounding.
    operators : tuple of OperatorShare
        Of one pass, in order.
    request : int
        Number of the request in its mix: one of several lengths is as many workloads.
    prompt_tokens : float or None
        Of a prefill of such a length [1].
    """

    workload: int
    phase: str
    seconds: float
    parts_s: dict[str, float]
    operators: tuple[OperatorShare, ...]
    request: int = 0
    prompt_tokens: float | None = None

    @property
    def name(self) -> str:
        """The phase, with its length where there are several; lengths share a decode step."""
        return self.phase if self.prompt_tokens is None else f"{self.phase} of {self.prompt_tokens:,.0f} tokens"

    @property
    def bound_by(self) -> str:
        """The part that takes longest."""
        return next(iter(self.parts_s))


def phase_times(design: Columns, scenario: Scenario) -> tuple[PhaseTime, ...]:
    """Return the time of each workload and phase of one design, by what it is spent on.

    Parameters
    ----------
    design : dict
        The five design columns, each with one element.
    scenario : Scenario

    Returns
    -------
    tuple of PhaseTime
        Prefill and decode of each workload in turn.
    """
    with np.errstate(all="ignore"):
        scenario = at_its_batch(design, scenario, evaluate)
        known = factors(design, scenario)
        pairs = phases_of(known, scenario)
        machine = machine_of(design, scenario)
    operators = breakdown(design, scenario)
    found = []
    for i, (workload, (before, after)) in enumerate(zip(scenario.workloads, pairs, strict=True)):
        for phase, times, passes in (
            ("prefill", before, workload.prefill_passes),
            ("decode", after, workload.decode_passes),
        ):
            rows = tuple(row for row in operators if row.workload == i and row.phase == phase)
            parts: dict[str, float] = {}
            for row in rows:
                parts[row.bound_by] = parts.get(row.bound_by, 0.0) + row.seconds * passes
            table = workload.prefill if phase == "prefill" else workload.decode
            launched = table.kernels * machine.launch_overhead_s
            waited = (
                LINK if scenario.pool is not None and phase == "prefill" else OVERHEAD
            )  # caches arrive, nothing runs
            parts[waited] = parts.get(waited, 0.0) + _one(launched + table.host_s) * passes
            parts[POWER_CAP] = _one(times.seconds) - _one(times.unthrottled_s)
            longest = sorted((part for part in parts.items() if part[1] > 0), key=lambda part: -part[1])
            group = workload.turns.group
            several = scenario.requests[group].lengths is not None and phase == "prefill"
            length = workload.prompt_tokens if several else None
            found.append(PhaseTime(i, phase, _one(times.seconds), dict(longest), rows, group, length))
    return tuple(found)


def _one(value: object) -> float:
    return float(np.asarray(value).reshape(-1)[0])
