"""Scenario: everything `evaluate` needs besides the designs - operators by phase, constants, deployment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from costmodels import area, tables
from costmodels.carbon import wafer_kg
from roofline.efficiency import Efficiency, as_run
from roofline.model import (
    Model,
    dense_weight_bytes,
    embedding_bytes,
    expert_weight_bytes,
    kv_cache_bytes,
    lm_head_bytes,
)
from roofline.operators import Number, Operators
from roofline.parallel import ONE_CHIP, Parallel, sharded
from roofline.phases import FUSION_GROUPS, decode, prefill
from roofline.precision import (
    Precision,
    formats_area_relative,
    peak_energy_relative,
)
from roofline.runtimes import Runtime
from roofline.serving import mean_decode_context

DEFAULT_FORMATS = ("tf32", "bf16", "fp16", "fp8", "int8")


@dataclass(frozen=True)
class Request:
    """One workload of a mix: what is asked of a model, and its share of the generated tokens."""

    model: Model
    prompt_tokens: int
    output_tokens: int
    batch: int = 1
    precision: Precision = field(default_factory=Precision)
    share: float = 1.0


@dataclass(frozen=True)
class Technology:
    """Choices of technology, as the names of the tables of :mod:`costmodels.tables`."""

    node: str = "5nm"
    dram_kind: str = "hbm3e"
    flash_kind: str = "none"
    pim: str = "none"
    sram_style: str = "cache"
    datapath: str = "tensor"
    prices: str = "2026"
    formats: tuple[str, ...] = DEFAULT_FORMATS
    granular: bool = False
    power_cap_w: float | None = None
    max_dies: int | None = None
    constants: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Deployment:
    """How the chip is deployed; exactly one of `utilization` and `demand_tokens_per_s`.

    `parallel` is how many chips work together, and on what; all workloads of a mix share them.
    """

    segment: str = "datacenter"
    view: Literal["buyer", "cost"] = "buyer"
    lifetime_s: float = 5 * 365.25 * 86400.0
    utilization: float | None = 0.6
    demand_tokens_per_s: float | None = None
    grid: str = "world"
    electricity_usd_per_j: float | None = None
    volume: int | None = None
    parallel: Parallel = ONE_CHIP

    def __post_init__(self) -> None:
        if (self.utilization is None) == (self.demand_tokens_per_s is None):
            raise ValueError("a deployment has exactly one of utilization and demand")


@dataclass(frozen=True)
class Modelling:
    """Modelling choices (PHYSICS of the kernel): what overlaps, what is resident, what is fused.

    With a `runtime` passes are as that serving stack runs them, at the `efficiency` measured for it: transfers and
    arithmetic in turn, its own fusion groups and fixed times, in place of the fields of the ideal roofline;
    `device_class` is a name for people of what it was measured on.
    """

    overlap: Literal["full", "none"] = "full"
    sram_residency: bool = True
    launch_overhead_s: float = 5e-6
    compute_efficiency: float = 1.0
    memory_efficiency: float = 1.0
    flash_holds: tuple[str, ...] = ("weights",)
    flash_path: Literal["through_dram", "direct"] = "through_dram"
    resident: Literal["one", "all"] = "one"
    mla_absorbed: bool = True
    split_qkv: bool = False
    fusion: tuple[str, ...] = FUSION_GROUPS
    runtime: Runtime | None = None
    efficiency: Efficiency = field(default_factory=Efficiency)
    device_class: str = ""

    @property
    def calibrated(self) -> bool:
        """Whether real efficiencies are in it, or it is the ideal roofline."""
        return self.runtime is not None

    @property
    def compute_share(self) -> float:
        """Share of the peak rate all matrix work reaches [1]; of a calibrated pass each operator has its own."""
        return 1.0 if self.calibrated else self.compute_efficiency

    @property
    def memory_share(self) -> Number:
        """Share of the DRAM bandwidth that is reached [1]."""
        return self.efficiency.memory_share if self.calibrated else self.memory_efficiency

    @property
    def fused(self) -> tuple[str, ...]:
        """Fusion groups in force."""
        return self.fusion if self.runtime is None else self.runtime.fusion

    @property
    def flash_classes(self) -> tuple[str, ...]:
        """Placement classes that may live in flash."""
        classes = ("dense", "experts", "embedding") if "weights" in self.flash_holds else ()
        return (*classes, "kv_cache") if "kv_cache" in self.flash_holds else classes


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
    """

    share: float
    batch: float
    prompt_tokens: float
    output_tokens: float
    prefill: Operators
    decode: Operators
    footprint_bytes: Mapping[str, float]
    reserve_bytes: float = 0.0
    prefill_passes: float = 1.0
    decode_passes: float = 1.0
    passes_per_chip: float = 1.0

    @property
    def footprint_total_bytes(self) -> float:
        """Bytes the workload needs in all [byte]."""
        return sum(self.footprint_bytes.values()) + self.reserve_bytes


@dataclass(frozen=True)
class Limit:
    """A constraint on a column: ``value op limit`` in the column's unit."""

    text: str
    column: str
    op: Literal["<=", ">=", "<", ">"]
    limit: float


@dataclass(frozen=True)
class Scenario:
    """What :func:`sweeps.evaluate.evaluate` needs besides the designs.

    `rates` are those of the number formats relative to dense 16 bit [1], where ``formats.csv`` does not hold.
    """

    workloads: tuple[Workload, ...]
    constants: Mapping[str, float]
    formats: tuple[str, ...]
    modelling: Modelling
    deployment: Deployment
    rates: Mapping[str, float] = field(default_factory=dict)
    granular: bool = False
    power_cap_w: float | None = None
    limits: tuple[Limit, ...] = ()

    @property
    def pim_tier(self) -> Literal["dram", "flash"] | None:
        """The memory tier that computes, if any."""
        if self.constants["pim_dram_bandwidth_relative"] > 0:
            return "dram"
        return "flash" if self.constants["pim_flash_bytes_per_s_per_byte"] > 0 else None


def scenario(
    requests: Sequence[Request],
    technology: Technology,
    deployment: Deployment,
    modelling: Modelling,
    limits: Sequence[Limit] = (),
) -> Scenario:
    """Return the scenario of a mix of requests on a technology.

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
    return Scenario(
        workloads=_workloads(requests, modelling, constants, deployment.parallel),
        constants=constants,
        formats=technology.formats,
        modelling=modelling,
        deployment=deployment,
        granular=technology.granular,
        power_cap_w=technology.power_cap_w,
        limits=tuple(limits),
    )


def _check_pim(technology: Technology) -> None:
    """Raise ValueError where the memory that computes is of another kind than the memory there is."""
    kind = re.sub("[^a-z].*", "", technology.pim)
    there = "flash" if kind == "nand" else technology.dram_kind
    if kind == "nand" and technology.flash_kind == "none":
        raise ValueError(f"technology.pim {technology.pim} computes in flash, and technology.flash_kind is none")
    if kind not in ("none", "nand") and not there.startswith(kind):
        raise ValueError(f"technology.pim {technology.pim} needs DRAM of kind {kind}, got dram_kind {there}")


def resolved_constants(technology: Technology, deployment: Deployment) -> dict[str, float]:
    """Return every constant of the cost models by name [SI], for these choices, with the overrides applied."""
    chosen = {
        "common": "",
        "nodes": technology.node,
        "dram": technology.dram_kind,
        "flash": technology.flash_kind,
        "pim": technology.pim,
        "sram": technology.sram_style,
        "datapath": technology.datapath,
        "segments": deployment.segment,
        "grids": deployment.grid,
    }
    values = {
        name: constant.value
        for table, option in chosen.items()
        for name, constant in tables.constants(table, option).items()
    }
    prices = tables.constants("prices", technology.prices)
    values["dram_usd_per_byte"] = prices[f"{technology.dram_kind}_usd_per_byte"].value
    flash_price = prices.get(f"{technology.flash_kind}_usd_per_byte")
    values["flash_usd_per_byte"] = flash_price.value if flash_price else 0.0
    if deployment.electricity_usd_per_j is not None:
        values["electricity_usd_per_j"] = deployment.electricity_usd_per_j
    if technology.max_dies is not None:
        values["max_dies"] = float(technology.max_dies)
    unknown = set(technology.constants) - set(values)
    if unknown:
        raise ValueError(f'there is no constant "{min(unknown)}"')
    values.update(technology.constants)
    return _derived(values, technology, deployment)


def _derived(values: dict[str, float], technology: Technology, deployment: Deployment) -> dict[str, float]:
    """Add the products of constants that no design changes."""
    k = values
    chip_energy = k["compute_j_per_flop"] * k["compute_energy_relative"] * k["segment_energy_relative"]
    k["chip_j_per_flop"] = chip_energy * k["datapath_energy_relative"]
    k["chip_vector_relative"] = k["vector_energy_relative"] / k["datapath_energy_relative"]
    k["formats_area_relative"] = formats_area_relative(technology.formats)
    k["format_peak_relative"] = peak_energy_relative(technology.formats)
    # Logic in a memory die leaves less room for cells: a byte takes more of the die, of its price and its carbon.
    for tier in ("dram", "flash"):
        for what in ("usd", "kg"):
            k[f"{tier}_{what}_per_byte"] *= k[f"pim_{tier}_die_relative"]
    k["wafer_kg"] = wafer_kg(
        wafer_diameter_mm=k["wafer_diameter_mm"],
        fab_kg_per_j=k["fab_kg_per_j"],
        fab_j_per_mm2=k["fab_j_per_mm2"],
        fab_gas_kg_per_mm2=k["fab_gas_kg_per_mm2"],
        fab_material_kg_per_mm2=k["fab_material_kg_per_mm2"],
    )
    k["link_extra_mm2"] = area.link_extra_mm2(
        k["link_bytes_per_s"],
        link_phy_mm2_per_byte_per_s=k["link_phy_mm2_per_byte_per_s"],
        fixed_link_mm2=k["fixed_link_mm2"],
    )
    k["view_markup_relative"] = k["markup_relative"] if deployment.view == "buyer" else 1.0
    return k


def _workloads(
    requests: Sequence[Request], modelling: Modelling, constants: Mapping[str, float], parallel: Parallel
) -> tuple[Workload, ...]:
    # Workloads of one model in one weight format share its weights.
    weights = {
        (r.model, r.precision.weight_formats): sum(_weights(r.model, r.precision, parallel).values()) for r in requests
    }
    ops, accumulator = constants["dequantization_ops"], constants["accumulator_bytes"]
    result = []
    for request in requests:
        own = weights[request.model, request.precision.weight_formats]
        sequences, layers = float(parallel.microbatch(request.batch)), request.model.layer_count
        before = prefill(
            request.model,
            request.precision,
            batch=sequences,
            prompt_tokens=float(request.prompt_tokens),
            fusion=modelling.fused,
            dequantization_ops=ops,
            accumulator_bytes=accumulator,
            split_qkv=modelling.split_qkv,
            parallel=parallel,
        )
        after = decode(
            request.model,
            request.precision,
            batch=sequences,
            context_tokens=mean_decode_context(request.prompt_tokens, request.output_tokens),
            steps=request.output_tokens - 1.0,
            fusion=modelling.fused,
            dequantization_ops=ops,
            accumulator_bytes=accumulator,
            split_qkv=modelling.split_qkv,
            absorbed=modelling.mla_absorbed,
            parallel=parallel,
        )
        if modelling.runtime is not None:
            stack, reached = modelling.runtime, modelling.efficiency
            before = as_run(before, stack, reached, sequences=sequences, prompt_tokens=float(request.prompt_tokens))
            after = as_run(after, stack, reached, sequences=sequences)
        others = sum(weights.values()) - own if modelling.resident == "all" else 0.0
        result.append(
            Workload(
                share=request.share,
                batch=float(request.batch),
                prompt_tokens=float(request.prompt_tokens),
                output_tokens=float(request.output_tokens),
                prefill=before,
                decode=after,
                footprint_bytes=_footprint(request, before, after, parallel),
                reserve_bytes=constants["os_reserve_bytes"] + others,
                prefill_passes=parallel.prefill_passes(request.batch, layers),
                decode_passes=parallel.decode_passes(request.batch, layers),
                passes_per_chip=parallel.passes_per_chip(request.batch),
            )
        )
    return tuple(result)


def _footprint(request: Request, before: Operators, after: Operators, parallel: Parallel) -> dict[str, float]:
    """Bytes of each placement class on a chip of the fullest pipeline stage, at the final context p + o."""
    final = float(request.prompt_tokens + request.output_tokens)
    kv_cache = kv_cache_bytes(sharded(request.model, parallel), request.precision, final)
    share = parallel.stage_share(request.model.layer_count) if parallel.pipeline > 1 else 1.0
    return {
        "activations": max(before.live_activation_bytes, after.live_activation_bytes),
        "kv_cache": parallel.replica_batch(request.batch) * kv_cache * share,
        **_weights(request.model, request.precision, parallel),
    }


def _weights(model: Model, precision: Precision, parallel: Parallel) -> dict[str, float]:
    """Weights of each placement class on a chip of the fullest pipeline stage [byte].

    That stage has ceil(layers / stages) average layers, and both the LM head and the embedding: an upper bound, as the
    tables stand at different ends of the pipeline.
    """
    shard = sharded(model, parallel)
    dense, experts = dense_weight_bytes(shard, precision), expert_weight_bytes(shard, precision)
    if parallel.pipeline > 1:
        share, head = parallel.stage_share(model.layer_count), lm_head_bytes(shard, precision)
        dense, experts = (dense - head) * share + head, experts * share
    return {"dense": dense, "experts": experts, "embedding": embedding_bytes(shard, precision)}
