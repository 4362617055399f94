"""What the statistics need to know of a measurement: its group, its workload, and how to compare it as a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sweeps.measurements import CLOSED_LOOP, RATES, Measurement
from sweeps.operator_measurements import OperatorMeasurement

TIMING_PHASES = ("decode", "prefill", "prefill_serving", "end_to_end")
TIMING = "timing"
ENERGIES = {"energy_j_per_output_token": "energy", "power_w": "power"}
"""Phases of metrics that are no times, which are never mixed with those that are."""

PHASE_ORDER = (*TIMING_PHASES, *ENERGIES.values())

OPERATORS = "operators"

Key = tuple[object, ...]


@dataclass(frozen=True)
class Observation:
    """A measurement as the statistics see it.

    Attributes
    ----------
    id : str
    value : float
        As published.
    work : float or None
        What a rate is turned into a time with, ``work / value``; None: the value is a time (or an energy, a power).
    phase : str
        Total that it belongs to.
    overall : str
        Total over several phases that it belongs to; empty: none.
    group : tuple of str
        Group that it belongs to, the values of its keys.
    bounded : bool
        Whether there is a bound that less is impossible than: of times.
    workload, configuration : tuple
        What was asked for, and what was tried to do it; configurations of one workload are ranked.
    """

    id: str
    value: float
    work: float | None
    phase: str
    overall: str
    group: tuple[str, ...]
    bounded: bool
    workload: Key
    configuration: Key

    def time(self, value: float) -> float:
        """Return a value of this row as what less is better of: a rate as the time that the row's work takes."""
        return value if self.work is None else self.work / value


GROUP_KEYS = ("stack", "phase", "protocol", "device_class")
OPERATOR_GROUP_KEYS = ("op", "stack", "hardware", "device_class")


def phase_of(row: Measurement) -> str:
    """Return the total a row belongs to.

    The phase; ``prefill_serving`` where the time to the first token contains waiting for other clients' requests;
    ``energy`` and ``power`` for what is no time.
    """
    if row.metric in ENERGIES:
        return ENERGIES[row.metric]
    if row.phase == "prefill" and row.protocol == CLOSED_LOOP:
        return "prefill_serving"
    return row.phase


def work_of(row: Measurement) -> float | None:
    """Return the tokens that a row's rate counts in the row's time; None where the value is no rate.

    One step of every sequence in decode (its time per output token), the prompts of the batch in prefill (time to the
    first token), all output in an end-to-end rate (latency). Where the number of tokens is not stated, of one token.
    """
    if row.metric not in RATES:
        return None
    if row.metric == "prefill_tokens_per_s":
        return row.batch * (row.prompt_tokens or 1.0)
    if row.phase == "end_to_end":
        return row.batch * (row.output_tokens or 1.0)
    return row.batch


def observations(rows: Sequence[Measurement], device_class: Callable[[str], str]) -> list[Observation]:
    """Return measurements as the statistics see them.

    Parameters
    ----------
    rows : sequence of Measurement
    device_class : callable
        From the name of an accelerator to its class.
    """
    found = []
    for row in rows:
        phase = phase_of(row)
        found.append(
            Observation(
                id=row.id,
                value=row.value,
                work=work_of(row),
                phase=phase,
                overall=TIMING if phase in TIMING_PHASES else "",
                group=(row.stack, phase, row.protocol, device_class(row.hardware)),
                bounded=row.metric not in ENERGIES,
                workload=(
                    row.model, phase, row.batch, row.prompt_tokens, row.output_tokens, row.context_tokens, row.protocol
                ),
                configuration=(
                    row.hardware, row.devices, row.stack,
                    row.tensor_parallel, row.expert_parallel, row.data_parallel,
                    row.weight_bits, row.weight_bytes, row.activation_bits, row.kv_bits,
                ),
            )
        )  # fmt: skip
    return found


def operator_observations(rows: Sequence[OperatorMeasurement], device_class: Callable[[str], str]) -> list[Observation]:
    """Return operator latencies as the statistics see them; the kind of operator takes the place of the phase.

    A workload is one operator of one size: what is ranked are the devices, software and number formats that ran it.
    """
    return [
        Observation(
            id=row.id,
            value=row.latency_s,
            work=None,
            phase=row.op,
            overall=OPERATORS,
            group=(row.op, row.stack, row.hardware, device_class(row.hardware)),
            bounded=True,
            workload=(
                row.op, row.m, row.n, row.k, row.batch, row.q_len, row.kv_len, row.heads, row.kv_heads, row.head_dim,
                row.experts, row.topk, row.hidden, row.inter, row.moe_tp, row.moe_ep, row.routing, row.devices,
                row.message_bytes, row.elements,
            ),
            configuration=(row.hardware, row.stack, row.w_bits, row.a_bits, row.kv_bits),
        )
        for row in rows
    ]  # fmt: skip
