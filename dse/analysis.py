"""One model on one published accelerator: every operator of prefill and of a decode step, its cost and its bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dse.efficiency_text import described
from dse.told import Told
from roofline.accelerators import Accelerator
from roofline.model import Model, kv_cache_bytes_per_token, weight_bytes
from roofline.parallel import DEGREES, ONE_CHIP, Parallel
from roofline.precision import Precision
from sweeps.accelerator import PLAIN, on_accelerator
from sweeps.breakdown import OperatorShare, breakdown
from sweeps.factors import factors
from sweeps.scenario import Modelling, Request, Scenario
from sweeps.space import Columns

if TYPE_CHECKING:
    from results.figures.roofline import Ceiling, Point

PHASES = ("prefill", "decode")


@dataclass(frozen=True)
class PhaseAnalysis:
    """One forward pass on one accelerator, or on one of several.

    Attributes
    ----------
    phase : str
        ``prefill`` or ``decode``.
    batch, tokens : int
        Sequences, and tokens of each: of the prompt, or of the context that a new token attends to, itself included.
    operators : tuple of OperatorShare
        Of one chip; of a pipeline, with one microbatch through all stages.
    launch_overhead_s : float
        Of all launched kernels [s].
    host_s : float
        What the host's work adds [s].
    time_s : float
        Launch overhead and the host, the operators' seconds, summed in order, and the wait [s].
    pipeline_wait_s : float
        For the microbatches before it in a pipeline [s].
    footprint_bytes : dict
        Bytes that must be held, by class, and one token more [byte].
    missing_bytes : float
        Of them, those the memory has no room for [byte].
    """

    phase: str
    batch: int
    tokens: int
    operators: tuple[OperatorShare, ...]
    launch_overhead_s: float
    time_s: float
    footprint_bytes: dict[str, float]
    missing_bytes: float
    pipeline_wait_s: float = 0.0
    host_s: float = 0.0

    def total(self, quantity: str) -> float:
        """Return the sum of a quantity over the operators in order, such as ``total("dram_bytes")``."""
        total = 0.0
        for operator in self.operators:
            total = total + getattr(operator, quantity)
        return total

    def share(self, operator: OperatorShare) -> float:
        """Return an operator's share of the time [1]."""
        return operator.seconds / self.time_s


@dataclass(frozen=True)
class Analysis(Told):
    """A model on an accelerator, or on several, phase by phase."""

    model: Model
    accelerator: Accelerator
    precision: Precision
    modelling: Modelling
    phases: tuple[PhaseAnalysis, ...]
    parallel: Parallel = ONE_CHIP

    def __str__(self) -> str:
        """What the command prints."""
        from dse.report.analysis import analysis_text

        return analysis_text(self, "table")

    @property
    def weight_bytes(self) -> float:
        """All weights as stored [byte]."""
        return weight_bytes(self.model, self.precision)

    @property
    def kv_bytes_per_token(self) -> float:
        """KV cache one more token of one sequence adds [byte]."""
        return kv_cache_bytes_per_token(self.model, self.precision)

    @property
    def efficiency(self) -> str:
        """``ideal``, the shares of the peaks that are reached, or a runtime and what it reaches."""
        return described(self.modelling)

    @property
    def formats(self) -> tuple[str, ...]:
        """Native formats the matrix work runs in, widest first."""
        used = {self.accelerator.runs_in(row.compute_format) for p in self.phases for row in p.operators if row.flop}
        return tuple(name for name in self.accelerator.peaks if name in used)


def analyze(
    model: Model,
    accelerator: Accelerator,
    *,
    phases: Sequence[str] = PHASES,
    batch: int = 1,
    prompt_tokens: int = 1024,
    context_tokens: int | None = None,
    precision: Precision | None = None,
    modelling: Modelling = PLAIN,
    parallel: Parallel = ONE_CHIP,
) -> Analysis:
    """Return every operator of the phases of a model on an accelerator.

    Parameters
    ----------
    model : Model
    accelerator : Accelerator
    phases : sequence of str
        Of :data:`PHASES`.
    batch, prompt_tokens : int
        Sequences, and tokens of each prompt.
    context_tokens : int, optional
        Tokens the decode step attends to, the new one included; default one more than the prompt.
    precision : Precision, optional
        Default 16 bit throughout.
    modelling : Modelling
        Overlap, launch overhead, efficiency, fusion.
    parallel : Parallel
        Accelerators that work together on the batch.

    Raises
    ------
    ValueError
        If a number, a phase or a fusion group is not possible, or the accelerators cannot divide the model.
    """
    context = prompt_tokens + 1 if context_tokens is None else context_tokens
    if batch < 1 or prompt_tokens < 1 or context < 2:
        raise ValueError("a batch and a prompt are at least 1, a decode context, with its new token, at least 2")
    chosen = precision or Precision()
    passes = []
    for phase in phases:
        if phase not in PHASES:
            raise ValueError(f'there is no phase "{phase}"; phases: {", ".join(PHASES)}')
        # Two output tokens after a prompt have one decode step, at a context of one more than the prompt.
        prompt = prompt_tokens if phase == "prefill" else context - 1
        request = Request(model, prompt, 2, batch, chosen)
        tokens = prompt_tokens if phase == "prefill" else context
        passes.append(_phase(accelerator, request, modelling, phase, tokens, parallel))
    return Analysis(model, accelerator, chosen, modelling, tuple(passes), parallel)


def _phase(
    accelerator: Accelerator, request: Request, modelling: Modelling, phase: str, tokens: int, parallel: Parallel
) -> PhaseAnalysis:
    design, scenario = on_accelerator(accelerator, request, modelling, parallel)
    workload = scenario.workloads[0]
    found = factors(design, scenario)
    operators = workload.prefill if phase == "prefill" else workload.decode
    pass_s = _one(found[f"{phase}_s.0"])
    kernel_s = modelling.efficiency.kernel_s if modelling.calibrated else modelling.launch_overhead_s
    time_s = pass_s * (workload.prefill_passes if phase == "prefill" else workload.decode_passes)
    return PhaseAnalysis(
        phase=phase,
        batch=request.batch,
        tokens=tokens,
        operators=_operators(accelerator, design, scenario, phase),
        launch_overhead_s=operators.kernels * _one(kernel_s),
        host_s=_one(operators.host_s),
        time_s=time_s,
        footprint_bytes=dict(workload.footprint_bytes),
        missing_bytes=_one(found["missing_bytes.0"]),
        pipeline_wait_s=time_s - pass_s,
    )


def _operators(accelerator: Accelerator, design: Columns, scenario: Scenario, phase: str) -> tuple[OperatorShare, ...]:
    """Operators of a phase; on a chip without DRAM its memory is called by its name."""
    rows = tuple(row for row in breakdown(design, scenario) if row.phase == phase)
    if accelerator.has_dram:
        return rows
    return tuple(replace(row, bound_by="sram") if row.bound_by == "dram" else row for row in rows)


def _one(value: object) -> float:
    return float(np.asarray(value).reshape(-1)[0])


def as_json(analysis: Analysis) -> dict[str, Any]:
    """Return an analysis as plain data, SI units.

    The keys ``total_parameters, active_parameters, weight_bytes, kv_bytes_per_token, flop, dram_bytes, time_s,
    operators`` are always there; with several phases the last four are of all of them together, and each phase also has
    its own under its name.
    """
    phases = [_phase_json(analysis, phase) for phase in analysis.phases]
    result: dict[str, Any] = {
        "model": analysis.model.name,
        "hardware": analysis.accelerator.name,
        "precision": {
            "weights": analysis.precision.weights,
            "activations": analysis.precision.activations,
            "kv_cache": analysis.precision.kv_cache,
            "groups": dict(analysis.precision.groups),
        },
        "efficiency": analysis.efficiency,
        "fusion": list(analysis.modelling.fused),
        "total_parameters": analysis.model.total_parameters,
        "active_parameters": analysis.model.active_parameters,
        "weight_bytes": analysis.weight_bytes,
        "kv_bytes_per_token": analysis.kv_bytes_per_token,
        "ridge_flop_per_byte": {name: analysis.accelerator.ridge_flop_per_byte(name) for name in analysis.formats},
        "phases": [phase.phase for phase in analysis.phases],
        "chips": analysis.parallel.chips,
        "parallel": {name: getattr(analysis.parallel, name) for name in DEGREES},
        "batch": analysis.phases[0].batch,
        "fits": all(phase.missing_bytes == 0 for phase in analysis.phases),
        "missing_bytes": max(phase.missing_bytes for phase in analysis.phases),
    }
    summed = (
        "flop",
        "vector_ops",
        "weight_read_bytes",
        "activation_bytes",
        "kv_bytes",
        "dram_bytes",
        "link_bytes",
        "time_s",
    )
    result |= {key: sum(phase[key] for phase in phases) for key in summed}
    result["operators"] = [operator for phase in phases for operator in phase["operators"]]
    if len(phases) > 1:
        result |= {phase["phase"]: phase for phase in phases}
    else:
        result = {**phases[0], **result}
    return result


def _phase_json(analysis: Analysis, phase: PhaseAnalysis) -> dict[str, Any]:
    return {
        "phase": phase.phase,
        "tokens": phase.tokens,
        "flop": phase.total("flop"),
        "vector_ops": phase.total("vector_ops"),
        "weight_read_bytes": phase.total("weight_bytes"),
        "activation_bytes": phase.total("activation_bytes"),
        "kv_bytes": phase.total("kv_bytes"),
        "dram_bytes": phase.total("dram_bytes"),
        "link_bytes": phase.total("link_bytes"),
        "launch_overhead_s": phase.launch_overhead_s,
        "host_s": phase.host_s,
        "pipeline_wait_s": phase.pipeline_wait_s,
        "time_s": phase.time_s,
        "footprint_bytes": phase.footprint_bytes,
        "missing_bytes": phase.missing_bytes,
        "operators": operator_rows(analysis, phase),
    }


def operator_rows(analysis: Analysis, phase: PhaseAnalysis) -> list[dict[str, Any]]:
    """Return the operators of a phase, a mapping each: all instances together, SI units."""
    return [
        {
            "phase": phase.phase,
            "name": row.name,
            "count": row.count,
            "flop": row.flop,
            "format": analysis.accelerator.runs_in(row.compute_format) if row.flop else "",
            "vector_ops": row.vector_ops,
            "weight_read_bytes": row.weight_bytes,
            "activation_bytes": row.activation_bytes,
            "kv_bytes": row.kv_bytes,
            "dram_bytes": row.dram_bytes,
            "link_bytes": row.link_bytes,
            "intensity_flop_per_byte": row.intensity_flop_per_byte if row.dram_bytes else None,
            "bound_by": row.bound_by,
            "time_s": row.seconds,
            "share": phase.share(row),
        }
        for row in phase.operators
    ]


def picture_data(analysis: Analysis) -> tuple[list[Point], list[Ceiling]]:
    """Return what a roofline picture shows: operators with matrix work, and the ceilings they meet."""
    from results.figures.roofline import Ceiling, Point

    points = [
        Point(
            name=row.name,
            group=phase.phase,
            intensity_flop_per_byte=row.intensity_flop_per_byte,
            flop_per_s=row.flop / row.seconds,
            share=phase.share(row),
            bound_by=row.bound_by,
        )
        for phase in analysis.phases
        for row in phase.operators
        if row.flop and row.seconds and row.dram_bytes
    ]
    chip, how = analysis.accelerator, analysis.modelling
    compute, share = how.compute_share / _one(how.efficiency.gemm_slowdown), _one(how.memory_share)
    used: dict[float, list[str]] = {}
    for name in analysis.formats:
        used.setdefault(chip.peaks[name] * compute, []).append(name)
    ceilings = [Ceiling.compute("/".join(names), peak) for peak, names in used.items()]
    memory = Ceiling.memory(chip.memory_tier.upper(), chip.memory_bytes_per_s * share)
    if chip.pim_tier and any(row.pim_bytes for phase in analysis.phases for row in phase.operators):
        inside = chip.known("pim_bytes_per_s") * share
        ceilings.append(Ceiling.memory(f"inside the {chip.pim_tier.upper()}", inside))
    return points, [memory, *ceilings]
