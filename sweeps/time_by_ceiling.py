"""Where the time of designs goes: seconds per generated token by phase and by the ceiling that binds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from roofline.kernel import CEILINGS, Machine, combined_s, operator_ceilings
from roofline.memory import Number, Placement, operator_traffic
from roofline.operators import Operator
from roofline.pim import PIM_CEILINGS, in_memory, pim_ceilings
from sweeps.evaluate import evaluate
from sweeps.factors import factors, machine_of, placement_of
from sweeps.latencies import behind_pool, latencies
from sweeps.metrics import phases_of
from sweeps.per_token import Phase
from sweeps.scenario import Scenario, with_batch
from sweeps.space import DESIGN_COLUMNS, Columns

Array = NDArray[np.float64]

LAUNCH, POWER_CAP = "launch", "power cap"
TIME_PARTS = (*CEILINGS, *(name for name in PIM_CEILINGS if name not in CEILINGS), LAUNCH, POWER_CAP)
"""What time can be spent on: a ceiling that binds, launches and the host, a clock lowered for a power cap."""

PHASES = ("prefill", "decode")


def seconds_per_token(designs: Columns, scenario: Scenario) -> dict[str, Array]:
    """Return how long each phase of each design waits for each of :data:`TIME_PARTS`, per generated token.

    Parameters
    ----------
    designs : dict
        The five design columns, (n,) each.
    scenario : Scenario

    Returns
    -------
    dict of str to ndarray, shape (parts, n)
        ``prefill`` and ``decode`` [s]; over both they sum to ``1 / tokens_per_s`` but for rounding, and are NaN where
        that is. Over the mix, each operator counts for its slowest ceiling with all of its time.
    """
    if scenario.largest is not None:
        return _at_own_batch(designs, scenario)
    rows = len(designs[DESIGN_COLUMNS[0]])
    machine, known = machine_of(designs, scenario), factors(designs, scenario)
    result = {phase: np.zeros((len(TIME_PARTS), rows)) for phase in PHASES}
    pairs = phases_of(known, scenario)
    prefills = _prefills_per_token(scenario)
    for workload, passes, prompts in zip(scenario.workloads, pairs, prefills, strict=True):
        place = placement_of(designs, scenario, workload, machine)
        steps = workload.decode_steps * workload.share / (workload.batch * workload.output_tokens)
        for phase, spent, operators, count, times in (
            ("prefill", passes[0], workload.prefill, workload.prefill_passes, prompts),
            ("decode", passes[1], workload.decode, workload.decode_passes, steps),
        ):
            here = np.zeros((len(TIME_PARTS), rows))
            waits = (
                CEILINGS.index("link") if scenario.pool is not None and phase == "prefill" else TIME_PARTS.index(LAUNCH)
            )
            here[waits] = operators.kernels * machine.launch_overhead_s + operators.host_s
            for row in operators:
                codes, seconds = _bound(row, machine, place, rows)
                for code in np.unique(codes):
                    here[code] += np.where(codes == code, row.count * seconds, 0.0)
            here *= count
            stretched = np.broadcast_to(np.asarray(spent.seconds - spent.unthrottled_s), (rows,))
            here[TIME_PARTS.index(POWER_CAP)] = np.maximum(stretched, 0.0)
            buildable = np.broadcast_to(np.isfinite(np.asarray(spent.seconds)), (rows,))
            result[phase] += np.where(buildable, here, np.nan) * times
    if scenario.pool is not None:
        result["prefill"][CEILINGS.index("link")] += _waits_for_caches(pairs, scenario)
    return result


def _prefills_per_token(scenario: Scenario) -> list[float]:
    """Prefill passes of each workload while the mix generates a token, those that others wait for included."""
    counts = [0.0] * len(scenario.workloads)
    for i, workload in enumerate(scenario.workloads):
        sequences = workload.share / (workload.batch * workload.output_tokens)
        counts[i] += sequences * workload.turns.first_passes
        for other, passes in workload.turns.between:
            counts[other] += sequences * (workload.output_tokens - 1.0) * passes
    return counts


def _waits_for_caches(pairs: list[tuple[Phase, Phase]], scenario: Scenario) -> Number:
    """Seconds per generated token in which sequences keep their places for the link, beside what their caches take."""
    own = latencies([(before.seconds, after.seconds) for before, after in pairs], scenario.workloads)
    linked = behind_pool(own, [0.0] * len(own), scenario.workloads)
    total: Number = 0.0
    for workload, before, after in zip(scenario.workloads, own, linked, strict=True):
        sequences = workload.share / (workload.batch * workload.output_tokens)
        total = total + (after.served_s - before.served_s) * sequences
    return total


def _bound(row: Operator, machine: Machine, place: Placement, rows: int) -> tuple[NDArray[np.int64], Array]:
    """Index in :data:`TIME_PARTS` of the ceiling that binds one operator on each design, and its seconds (n,) each."""
    times = operator_ceilings(row, machine, place)
    spent: Number = combined_s(times, machine.overlap)
    stacked = _stacked(times, rows)
    if machine.overlap == "serial":  # of terms in turn, an on-chip port that keeps up is not waited for
        sram = CEILINGS.index("sram")
        stacked[sram] = np.where(stacked[sram] < spent, 0.0, stacked[sram])
    codes = stacked.argmax(axis=0)
    if machine.pim is not None:
        traffic = operator_traffic(row, place, machine.tile_bytes)
        choice = in_memory(row, machine, place, machine.pim, spent, traffic)
        if choice is not None:
            there = _stacked(pim_ceilings(row, machine, machine.pim), rows).argmax(axis=0)
            inside = np.array([TIME_PARTS.index(name) for name in PIM_CEILINGS])[there]
            codes = np.where(choice.chosen, inside, codes)
            spent = choice.seconds
    return codes, np.broadcast_to(np.asarray(spent, dtype=np.float64), (rows,))


def _stacked(times: tuple[Number, ...], rows: int) -> Array:
    return np.stack([np.broadcast_to(np.asarray(time, dtype=np.float64), (rows,)) for time in times])


def _at_own_batch(designs: Columns, scenario: Scenario) -> dict[str, Array]:
    """As :func:`seconds_per_token`, each design at its largest batch."""
    rows = len(designs[DESIGN_COLUMNS[0]])
    with np.errstate(all="ignore"):
        batches = np.broadcast_to(np.asarray(evaluate(designs, scenario)["batch"]), (rows,))
    result = {phase: np.empty((len(TIME_PARTS), rows)) for phase in PHASES}
    for batch in np.unique(batches):
        at = np.flatnonzero(batches == batch)
        part = {name: designs[name][at] for name in DESIGN_COLUMNS}
        for phase, seconds in seconds_per_token(part, with_batch(scenario, int(batch))).items():
            result[phase][:, at] = seconds
    return result


def binding(seconds: Mapping[str, Array]) -> dict[str, NDArray[np.int64]]:
    """Return the index in :data:`TIME_PARTS` of what most of the time of each phase is spent on (n,); -1 for NaN."""
    return {
        phase: np.where(np.isnan(parts).any(axis=0), -1, np.nan_to_num(parts, nan=0.0).argmax(axis=0))
        for phase, parts in seconds.items()
    }
