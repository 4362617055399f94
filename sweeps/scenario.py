"""Scenario: everything `evaluate` needs besides the designs - operators by phase, constants, deployment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from costmodels.tables import Constant
from roofline.operators import Number, Operators
from roofline.parallel import Parallel
from roofline.serving import IN_STEP, Turns
from roofline.techniques import PassOptions, TechniqueError
from sweeps.choices import DEFAULT_FORMATS as DEFAULT_FORMATS
from sweeps.choices import Deployment as Deployment
from sweeps.choices import Modelling as Modelling
from sweeps.choices import Request as Request
from sweeps.choices import Technology as Technology
from sweeps.constants import OPERATOR_CONSTANTS, any_positive, chosen_constants, resolved_constants, scalars
from sweeps.model_quality import Quality
from sweeps.pool import Pool, PrefillSide, check_requests, received, scaled_to_pool
from sweeps.serving_parts import Part, lengths_of, parts_of


@dataclass(frozen=True)
class Workload:
    """A request as tables of one chip's operators in a pass over all layers, and its bytes of each placement class.

    Attributes
    ----------
    share : float
        Of the generated tokens [1].
    batch, prompt_tokens, output_tokens : float
        Sequences of the whole deployment, and tokens of each.
    prefill, decode : Operators
        Of one microbatch of one replica.
    footprint_bytes : mapping of class to bytes
        What one chip, of the fullest pipeline stage, must hold.
    reserve_bytes : float
        DRAM it may not use: the operating system, and other resident models.
    prefill_passes, decode_passes : float
        Time of a prefill of all sequences, and between two tokens of each, in passes [1].
    passes_per_chip : float
        Passes the average chip works off in either [1]: its bytes and energy are those of so many.
    tokens_per_pass : float
        Tokens of each sequence that a decode step yields; `decode_passes` counts the step's share of one token [1].
    turns : Turns
        How its passes and those of others follow each other.
    """

    share: float
    batch: float
    prompt_tokens: float
    output_tokens: float
    prefill: Operators
    decode: Operators
    footprint_bytes: Mapping[str, float]
    reserve_bytes: Number = 0.0
    prefill_passes: float = 1.0
    decode_passes: float = 1.0
    passes_per_chip: float = 1.0
    tokens_per_pass: float = 1.0
    turns: Turns = IN_STEP

    @property
    def decode_steps(self) -> float:
        """Decode passes per sequence while its tokens are generated, counted in tokens [1]."""
        return (self.output_tokens - 1.0) * self.turns.decode_share

    @property
    def decode_passes_per_chip(self) -> float:
        """Passes the average chip works off per decoded token of each sequence [1]."""
        return self.passes_per_chip / self.tokens_per_pass

    @property
    def footprint_total_bytes(self) -> Number:
        """Bytes the workload needs in all [byte]."""
        return sum(self.footprint_bytes.values()) + self.reserve_bytes


class RequestError(ValueError):
    """A request of a mix that cannot be: its number, where in it, and what is wrong there."""

    def __init__(self, number: int, count: int, error: ValueError) -> None:
        super().__init__(f"workloads.{number}: {error}" if count > 1 else str(error))
        self.number = number
        self.key = ("techniques", error.technique) if isinstance(error, TechniqueError) else ()
        self.message = error.message if isinstance(error, TechniqueError) else str(error)


@dataclass(frozen=True)
class Limit:
    """A constraint on a column: ``value op limit`` in the column's unit."""

    text: str
    column: str
    op: Literal["<=", ">=", "<", ">"]
    limit: float


@dataclass(frozen=True)
class Largest:
    """What the largest batch of a design must meet; None: no such limit.

    Attributes
    ----------
    ttft_s, tpot_s : float or None
        Longest time to the first token, and per output token [s].
    tokens_per_s : float or None
        Instead the batch is the smallest that generates as much: what arrives, so that by Little's law so many
        sequences are in flight [token/s].
    most : int
        No larger batch is asked for.
    """

    ttft_s: float | None = None
    tpot_s: float | None = None
    most: int = 4096
    tokens_per_s: float | None = None


@dataclass(frozen=True)
class Scenario:
    """What :func:`sweeps.evaluate.evaluate` needs besides the designs.

    Attributes
    ----------
    workloads : tuple of Workload
    constants : mapping of name to number
        SI units. Where they are samples, an array (samples, 1) each: designs (n,) then have metrics (samples, n).
    formats : tuple of str
        Number formats the chip computes natively.
    modelling : Modelling
    deployment : Deployment
    rates : mapping of format to rate
        Of the number formats relative to dense 16 bit [1], where ``formats.csv`` does not hold.
    granular : bool
        Whether DRAM comes in whole units only.
    power_cap_w : float or None
        Sustained power that the clock is lowered to [W].
    limits : tuple of Limit
        The constraints.
    requests, technology
        What the workloads and the constants were made from.
    largest : Largest or None
        The batch of the one workload is the largest that meets this, for each design its own.
    quality : Quality or None
        What its formats and techniques cost its models; None where nobody asked.
    pool : Pool or None
        Chips of another kind that process the prompts: a prefill of a workload is then what receives its KV caches.
    aggregates : bool
        Whether a mix of several workloads has the columns of :mod:`sweeps.mix`, which take a tenth of the time.
    """

    workloads: tuple[Workload, ...]
    constants: Mapping[str, Number]
    formats: tuple[str, ...]
    modelling: Modelling
    deployment: Deployment
    rates: Mapping[str, float] = field(default_factory=dict)
    granular: bool = False
    power_cap_w: float | None = None
    limits: tuple[Limit, ...] = ()
    requests: tuple[Request, ...] = ()
    technology: Technology = field(default_factory=Technology)
    largest: Largest | None = None
    quality: Quality | None = None
    pool: Pool | None = None
    aggregates: bool = True
    # Scenarios of fixed batches; a copy with anything replaced starts without them.
    _at_batch: dict[int, Scenario] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def ranges(self) -> dict[str, Constant]:
        """Every constant of its choices with value, low, high and source; what the study says has no range."""
        return chosen_constants(self.technology, self.deployment)

    @property
    def arriving_tokens_per_s(self) -> float:
        """Output tokens of the requests that arrive; 0 where there is always a next one [token/s]."""
        rates = [(request.serving.arrivals_per_s or 0.0) * lengths_of(request).mean_output for request in self.requests]
        return sum(rates)

    @property
    def distributed(self) -> bool:
        """Whether a request has a distribution of lengths, so that its latencies have quantiles."""
        return any(request.lengths is not None for request in self.requests)

    @property
    def pim_tier(self) -> Literal["dram", "flash"] | None:
        """The memory tier that computes, if any."""
        if any_positive(self.constants["pim_dram_bandwidth_relative"]):
            return "dram"
        return "flash" if any_positive(self.constants["pim_flash_bytes_per_s_per_byte"]) else None


def scenario(
    requests: Sequence[Request],
    technology: Technology,
    deployment: Deployment,
    modelling: Modelling,
    limits: Sequence[Limit] = (),
    prefill: PrefillSide | None = None,
) -> Scenario:
    """Return the scenario of a mix of requests on a technology; `prefill`: other chips process the prompts.

    Raises
    ------
    ValueError
        If a name or an overridden constant is unknown, the shares do not sum to 1, or the chips cannot divide a model.
    """
    total = sum(request.share for request in requests)
    if abs(total - 1.0) > 1e-6:
        raise ValueError(f"the shares of the workloads sum to {total:g}, not 1")
    constants = resolved_constants(technology, deployment)
    _check_pim(technology)
    pool = None if prefill is None else _pool(requests, deployment, modelling, technology, prefill)
    return Scenario(
        workloads=_workloads(requests, modelling, constants, deployment.parallel, technology.sparsity, prefill),
        constants=constants,
        formats=technology.formats,
        modelling=modelling,
        deployment=deployment,
        granular=technology.granular,
        power_cap_w=technology.power_cap_w,
        limits=tuple(limits),
        requests=tuple(requests),
        technology=technology,
        pool=pool,
    )


def _pool(
    requests: Sequence[Request],
    deployment: Deployment,
    modelling: Modelling,
    technology: Technology,
    side: PrefillSide,
) -> Pool:
    """Return the chips that process the prompts of a mix, as a scenario of their own."""
    check_requests(requests, deployment.parallel)
    if technology.power_cap_w is not None:
        raise ValueError("disaggregate does not go with a power cap")
    if deployment.utilization is None:
        raise ValueError(
            "disaggregate needs deployment.utilization, such as 0.6, in place of demand: two kinds of chips are sized "
            "to be busy alike"
        )
    # One pass of prompts each: nothing is cached for longer, and nothing is decoded.
    prompts = [
        replace(
            r,
            batch=side.batch,
            serving=replace(r.serving, continuous=False, only_prompts=True),
            techniques=r.techniques.of_prompts,
        )
        for r in requests
    ]
    own = replace(deployment, parallel=Parallel(tensor=side.tensor))
    alone = scenario(prompts, side.technology, own, modelling)
    workloads = tuple(replace(w, decode=Operators(())) for w in alone.workloads)
    return Pool(side, replace(alone, workloads=workloads))


def with_constants(given: Scenario, values: Mapping[str, Number]) -> Scenario:
    """Return the same scenario with some constants replaced, and all that follows from them.

    Parameters
    ----------
    given : Scenario
        As :func:`scenario` made it.
    values : mapping of name to number
        SI units; floats, or arrays (samples, 1) of samples. Those of :data:`OPERATOR_CONSTANTS` are one number each.

    Raises
    ------
    ValueError
        If a constant is unknown, or one that operators are made with takes several values.
    """
    technology = replace(given.technology, constants={**given.technology.constants, **values})
    constants = resolved_constants(technology, given.deployment)
    same = all(np.array_equal(constants[name], given.constants[name]) for name in OPERATOR_CONSTANTS)
    reserve = constants["os_reserve_bytes"] - given.constants["os_reserve_bytes"]
    if same:
        workloads = tuple(replace(w, reserve_bytes=w.reserve_bytes + reserve) for w in given.workloads)
    else:
        side = given.pool.side if given.pool else None
        sparsity, parallel = technology.sparsity, given.deployment.parallel
        workloads = _workloads(given.requests, given.modelling, constants, parallel, sparsity, side)
    pool = given.pool
    if pool is not None:
        own, theirs = ({name: c.value for name, c in one.ranges.items()} for one in (given, pool.scenario))
        pool = replace(pool, scenario=with_constants(pool.scenario, scaled_to_pool(values, own, theirs)))
    return replace(given, technology=technology, constants=constants, workloads=workloads, pool=pool)


def with_batch(given: Scenario, batch: int) -> Scenario:
    """Return the scenario of one workload with this batch, whatever its largest would be."""
    if batch not in given._at_batch:
        (request,) = given.requests
        fixed = (replace(request, batch=batch),)
        side = given.pool.side if given.pool else None
        sparsity, parallel = given.technology.sparsity, given.deployment.parallel
        workloads = _workloads(fixed, given.modelling, given.constants, parallel, sparsity, side)
        given._at_batch[batch] = replace(given, workloads=workloads, requests=fixed, largest=None)
    return given._at_batch[batch]


def _check_pim(technology: Technology) -> None:
    """Raise ValueError where the memory that computes is of another kind than the memory there is."""
    kind = re.sub("[^a-z].*", "", technology.pim)
    there = "flash" if kind == "nand" else technology.dram_kind
    if kind == "nand" and technology.flash_kind == "none":
        raise ValueError(f"technology.pim {technology.pim} computes in flash, and technology.flash_kind is none")
    if kind not in ("none", "nand") and not there.startswith(kind):
        raise ValueError(f"technology.pim {technology.pim} needs DRAM of kind {kind}, got dram_kind {there}")


def _workloads(
    requests: Sequence[Request],
    modelling: Modelling,
    constants: Mapping[str, Number],
    parallel: Parallel,
    sparsity: str,
    prefill: PrefillSide | None = None,
) -> tuple[Workload, ...]:
    ops, accumulator = scalars(constants, OPERATOR_CONSTANTS)
    how = PassOptions(
        fusion=modelling.fused,
        dequantization_ops=ops,
        accumulator_bytes=accumulator,
        split_qkv=modelling.split_qkv,
        absorbed=modelling.mla_absorbed,
        parallel=parallel,
        runtime=modelling.stack,
        efficiency=modelling.efficiency,
        skipping=sparsity,
    )
    made: list[list[Part]] = []
    for group, request in enumerate(requests):
        try:
            made.append(parts_of(request, how, group=group, first=sum(map(len, made))))
        except ValueError as error:
            raise RequestError(group, len(requests), error) from None
    # Workloads share weights that are the same: a model in one format, and what goes with it.
    weights = {what: size for parts in made for what, size in parts[0].weights}
    result: list[Workload] = []
    for request, parts in zip(requests, made, strict=True):
        layers = parts[0].layers
        others = 0.0
        if modelling.resident == "all":
            others = sum(weights.values()) - sum(size for _, size in parts[0].weights)
        found = [
            Workload(
                share=request.share * one.token_share,
                batch=float(one.batch),
                prompt_tokens=one.prompt_tokens,
                output_tokens=one.output_tokens,
                prefill=one.prefill,
                decode=one.decode,
                footprint_bytes=one.footprint_bytes,
                reserve_bytes=constants["os_reserve_bytes"] + others,
                prefill_passes=parallel.prefill_passes(one.batch, layers),
                decode_passes=parallel.decode_passes(one.batch, layers, one.drafted) / one.tokens_per_pass,
                passes_per_chip=parallel.passes_per_chip(one.batch),
                tokens_per_pass=one.tokens_per_pass,
                turns=one.turns,
            )
            for one in parts
        ]
        if prefill is not None:
            # Chips that only decode hold activations of decode steps and caches as they are after the prompt; shared
            # prefixes are where prompts are read.
            held = {**parts[0].footprint_bytes, "activations": parts[0].decode.live_activation_bytes}
            held["kv_cache"] -= parts[0].prompt_cache_bytes + request.serving.prefix_bytes
            found = [replace(w, footprint_bytes=held, **received(request, w, parallel, prefill)) for w in found]
        result += found
    return tuple(result)
