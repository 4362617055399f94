"""The time of one published measurement: its row as a design, a scenario and a serving stack, through the factors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from roofline.accelerators import Accelerator
from roofline.efficiency import Efficiency
from roofline.memory import Number
from roofline.model import Model
from roofline.operators import Operators
from roofline.parallel import Parallel
from roofline.precision import Precision
from roofline.runtimes import Runtime, runtime_of
from sweeps.accelerator import PLAIN, on_accelerator
from sweeps.factors import factors
from sweeps.measurements import CLOSED_LOOP, ENERGIES_OF_MEASUREMENTS, Measurement
from sweeps.observations import work_of
from sweeps.scenario import Modelling, Request, Scenario
from sweeps.space import Columns

FindModel = Callable[[str, str], Model]
FindAccelerator = Callable[[str], Accelerator]

STATIC_CACHE = "npu_static_kv"
"""Protocol: a piece of a prompt, or a step, against a cache of fixed length, all of which is attended."""

MATRIX_UNIT_RATE = 2.05
"""A chip whose 16-bit peak is more than so many times its 32-bit one has units for matrices."""


@dataclass(frozen=True)
class Subject:
    """A measurement with everything it names."""

    row: Measurement
    model: Model
    chip: Accelerator
    runtime: Runtime
    parallel: Parallel
    precision: Precision


@dataclass(frozen=True)
class Passes:
    """The passes a measurement consists of: how often each counts, its phase, its factors and its scenario."""

    parts: tuple[tuple[float, str, dict[str, Number], Scenario], ...]

    def total(self, quantity: str) -> Number:
        """Return the sum of a quantity of the passes, such as ``total("s")`` [s]."""
        result: Number = 0.0
        for times, phase, found, _ in self.parts:
            result = result + times * found[f"{phase}_{quantity}.0"]
        return result


def subject(row: Measurement, models: FindModel, accelerators: FindAccelerator) -> Subject:
    """Return a measurement with its model, device, stack, degrees of parallelism and number formats.

    Raises
    ------
    ValueError
        If one of them is unknown or they do not go together; the message is for people.
    """
    chip = accelerators(row.hardware)
    model = models(row.model, row.hf_id)
    return Subject(
        row=row,
        model=model,
        chip=chip,
        runtime=runtime_of(row.stack, row.stack_version, vendor=chip.vendor),
        parallel=_parallel(row),
        precision=_precision(row, model, chip),
    )


def _parallel(row: Measurement) -> Parallel:
    replicas = row.devices // row.tensor_parallel
    if replicas * row.tensor_parallel != row.devices:
        raise ValueError(f"{row.devices} devices are no whole number of groups of {row.tensor_parallel}")
    return Parallel(tensor=row.tensor_parallel, expert=row.expert_parallel, data=replicas, padded_heads=True)


def _precision(row: Measurement, model: Model, chip: Accelerator) -> Precision:
    bits = row.weight_bits
    if row.weight_bytes is not None:
        bits = 8.0 * row.weight_bytes / model.total_parameters
    if bits is None:
        bits = 16.0
    if not 1.0 <= bits <= 32.0:
        raise ValueError(f"its weights would have {bits:.3g} bits each: the file is of another model")
    return stored_as(chip, bits, row.activation_bits, row.kv_bits)


def stored_as(chip: Accelerator, weight_bits: float, activation_bits: float | None, kv_bits: float | None) -> Precision:
    """Return the number formats that published bits mean on a chip; activations and cache not stated are in 16 bit.

    Eight bits are fp8 where the chip has it, else int8; weights alone in eight bits are int8.
    """
    eight = "fp8" if "fp8" in chip.peaks or "int8" not in chip.peaks else "int8"
    activations = eight if activation_bits is not None and activation_bits <= 8 else "fp16"
    cache = eight if kv_bits is not None and kv_bits <= 8 else "fp16"
    names = {16.0: "fp16", 8.0: eight if activations == eight else "int8"}
    return Precision(names.get(weight_bits, f"{weight_bits:.4f}bit"), activations, cache)


def modelling_of(found: Subject, efficiency: Efficiency | None) -> Modelling:
    """Return the ideal roofline, or the row's stack at an efficiency."""
    return PLAIN if efficiency is None else replace(PLAIN, runtime=found.runtime, efficiency=efficiency)


def has_matrix_units(chip: Accelerator) -> bool:
    """Whether a chip multiplies matrices on units of their own; unknown counts as yes."""
    vector = chip.peaks.get("fp32")
    return vector is None or chip.half_flop_per_s > MATRIX_UNIT_RATE * vector


def limit_j_per_flop(chip: Accelerator) -> float | None:
    """Return a chip's power limit over its dense 16-bit peak [J/FLOP]; None where it is not published."""
    return None if chip.tdp_w is None else chip.tdp_w / chip.half_flop_per_s


def fills_matrix_units(row: Measurement) -> bool:
    """Whether a row's matrix work comes at one stretch, so that the power limit binds: whole prompts, not steps.

    Between the steps of a closed loop a prompt is a short burst, and the limit is one of the average power.
    """
    return row.phase != "decode" and row.protocol != CLOSED_LOOP


def passes(found: Subject, efficiency: Efficiency | None) -> Passes:
    """Return the passes that a measured time consists of.

    Parameters
    ----------
    found : Subject
    efficiency : Efficiency or None
        None is the ideal roofline, a bound. Its fields may be arrays of one shape.

    Raises
    ------
    ValueError
        If the row does not say how long its sequences are, or its device not how fast it is.

    Notes
    -----
    One step of decode; prompts; or prompts and steps. In a closed loop every other client starts 1/output prompts
    during the average step, which a sequence waits for; the ideal roofline lets them overlap, as a bound must. A
    prompt of such a client waits for those that came at the same time, half of the others on average where all start
    together: between one prompt (the bound) and all. Queues that build up later are not modelled.
    """
    row, how = found.row, modelling_of(found, efficiency)
    if row.phase == "prefill":
        prompt, together = _tokens(row.prompt_tokens, "prompt"), row.batch
        if row.protocol == CLOSED_LOOP:
            together = 1.0 if efficiency is None else (row.batch + 1.0) / 2.0
        return Passes(((1.0, "prefill", *_factors(found, how, prompt, 2, together)),))
    if row.phase == "end_to_end":
        prompt, output = _tokens(row.prompt_tokens, "prompt"), _tokens(row.output_tokens, "output")
        both = _factors(found, how, prompt, max(output, 2), row.batch)
        return Passes(((1.0, "prefill", *both), (output - 1.0, "decode", *both)))
    step = _factors(found, how, _context(row) - 1, 2, row.batch)
    parts = [(1.0, "decode", *step)]
    if row.protocol == CLOSED_LOOP and efficiency is not None:
        prompt, output = _tokens(row.prompt_tokens, "prompt"), _tokens(row.output_tokens, "output")
        # Its own prompt is over when a sequence decodes.
        started = max(row.batch / found.parallel.data - 1.0, 0.0) / output
        parts.append((started, "prefill", *_factors(found, how, prompt, 2, 1.0)))
    return Passes(tuple(parts))


def _tokens(count: float | None, what: str) -> int:
    if not count:
        raise ValueError(f"{what}_tokens are not stated")
    return max(1, round(count))


def _context(row: Measurement) -> int:
    """Tokens the average step attends to, its own included."""
    context = row.context_tokens
    if context is None:
        context = (row.prompt_tokens or 0.0) + (row.output_tokens or 0.0) / 2.0
    if not context:
        raise ValueError("neither context_tokens nor the lengths it would follow from are stated")
    return max(2, round(context))


def _factors(
    found: Subject, how: Modelling, prompt: int, output: int, batch: float
) -> tuple[dict[str, Number], Scenario]:
    request = Request(found.model, prompt, output, math.ceil(batch), found.precision)
    design, scenario = on_accelerator(found.chip, request, how, found.parallel)
    row = found.row
    if row.protocol == STATIC_CACHE and row.phase == "prefill" and row.context_tokens:
        scenario = _on_static_cache(scenario, prompt, max(row.context_tokens, prompt))
    return factors(_broad(design), scenario), scenario


def _broad(design: Columns) -> Columns:
    return {name: np.asarray(column) for name, column in design.items()}


def _on_static_cache(scenario: Scenario, tokens: float, context: float) -> Scenario:
    """A prompt that attends to a whole cache of `context` tokens, filled or not."""
    pairs, read = 2.0 * context / (tokens + 1.0), context / tokens
    workload = scenario.workloads[0]
    rows = tuple(
        replace(row, flop=row.flop * pairs, vector_ops=row.vector_ops * pairs, kv_read_bytes=row.kv_read_bytes * read)
        if row.scores
        else row
        for row in workload.prefill
    )
    prefill = Operators(rows, workload.prefill.host_s)
    return replace(scenario, workloads=(replace(workload, prefill=prefill),))


def in_unit(row: Measurement, seconds: float) -> float:
    """Return a time in the unit of a row: itself, or the rate it means."""
    if row.metric in ENERGIES_OF_MEASUREMENTS:
        raise ValueError(f"{row.metric} is no time")
    work = work_of(row)
    return seconds if work is None else work / seconds
