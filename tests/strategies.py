"""Hypothesis strategies: models, precisions, mixes, technologies, deployments and designs, buildable or not.

Models are small, and capacities are drawn in multiples of what the workload needs, so that every tier is hit: designs
that hold everything in SRAM, that spill into DRAM or flash, that miss a byte.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

import naive_workload
from hypothesis import strategies as st

from roofline.efficiency import Efficiency
from roofline.layers import (
    Attention,
    CompressedAttention,
    Experts,
    GatedDelta,
    Indexer,
    LatentAttention,
    LayerKind,
    Mlp,
    StateSpace,
)
from roofline.model import Model
from roofline.phases import FUSION_GROUPS
from roofline.precision import WEIGHT_GROUPS, Precision, formats
from roofline.runtimes import runtimes
from sweeps.scenario import Deployment, Limit, Modelling, Request, Technology

CHIP_FORMATS = ("fp32", "tf32", "bf16", "fp16", "fp8", "int8", "fp6", "fp4", "int4")
DRAM_KINDS = ("hbm2e", "hbm3", "hbm3e", "hbm4", "lpddr5x", "gddr6", "gddr6x", "gddr7", "ddr5")
NODES = ("7nm", "6nm", "5nm", "4nm", "3nm", "2nm")
DAY_S = 86400.0


def log_uniform(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers spread evenly over the orders of magnitude, none of them round: no two sides of a comparison tie."""

    def value(seed: int) -> float:  # scrambled: hypothesis likes small seeds, we want no number more than another
        return float(low * (high / low) ** random.Random(seed).random())

    return st.integers(0, 2**32 - 1).map(value)


@st.composite
def attentions(draw: st.DrawFn) -> Attention:
    """MHA, GQA or MQA with an explicit head size; windows or chunks, biases, norms of Q and K, gates, sinks."""
    kv_heads = draw(st.sampled_from((1, 2, 4, 8)))
    heads = kv_heads * draw(st.sampled_from((1, 2, 3, 7)))
    head_dim = draw(st.sampled_from((16, 40, 64, 128)))
    shared_kv = draw(st.sampled_from((False, False, True)))
    return Attention(
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        v_head_dim=None if shared_kv else draw(st.sampled_from((None, None, 24, 192))),
        window=draw(st.none() | st.integers(1, 3000)),
        chunked=draw(st.booleans()),
        qkv_bias=draw(st.booleans()),
        output_bias=draw(st.booleans()),
        qk_norm_parameters=draw(st.sampled_from((0, 2 * head_dim))),
        sink_parameters=draw(st.sampled_from((0, heads))),
        rotary=draw(st.booleans()),
        output_gate=draw(st.booleans()),
        shared_kv=shared_kv,
    )


@st.composite
def latent_attentions(draw: st.DrawFn) -> LatentAttention:
    """MLA with or without compressed queries and with or without an indexer."""
    indexer = st.builds(
        Indexer,
        heads=st.integers(1, 16),
        head_dim=st.sampled_from((16, 32, 128)),
        top_k=st.integers(1, 4000),
        query_width=st.sampled_from((48, 256, 1536)),
    )
    return LatentAttention(
        heads=draw(st.integers(1, 24)),
        query_rank=draw(st.none() | st.integers(16, 1536)),
        latent_rank=draw(st.sampled_from((64, 256, 512))),
        nope_dim=draw(st.sampled_from((32, 64, 128))),
        rope_dim=draw(st.sampled_from((16, 64))),
        value_dim=draw(st.sampled_from((32, 128, 192))),
        indexer=draw(st.none() | indexer),
    )


@st.composite
def compressed_attentions(draw: st.DrawFn) -> CompressedAttention:
    """A window alone, or with entries of the whole context, all of them or a selection."""
    query_rank, ratio = draw(st.sampled_from((48, 512))), draw(st.sampled_from((0, 4, 128)))
    indexer = st.builds(
        Indexer,
        heads=st.integers(1, 16),
        head_dim=st.sampled_from((16, 128)),
        top_k=st.integers(1, 1000),
        query_width=st.just(query_rank),
    )
    return CompressedAttention(
        heads=draw(st.sampled_from((4, 8, 24))),
        head_dim=draw(st.sampled_from((64, 256))),
        rope_dim=draw(st.sampled_from((16, 64))),
        query_rank=query_rank,
        output_groups=draw(st.sampled_from((1, 4))),
        output_rank=draw(st.sampled_from((32, 256))),
        window=draw(st.integers(1, 3000)),
        ratio=ratio,
        overlap=draw(st.sampled_from((1, 2))) if ratio else 1,
        indexer=draw(st.none() | indexer) if ratio else None,
    )


@st.composite
def state_spaces(draw: st.DrawFn) -> StateSpace:
    """Mamba of both versions."""
    inner, second = draw(st.integers(4, 64)) * 64, draw(st.booleans())
    return StateSpace(
        inner=inner,
        state=draw(st.sampled_from((16, 64, 128))),
        heads=inner // 64 if second else 0,
        groups=draw(st.sampled_from((1, 8))) if second else 0,
        conv_kernel=draw(st.integers(2, 5)),
        step_rank=0 if second else draw(st.integers(1, 256)),
        projection_bias=draw(st.booleans()),
        conv_bias=draw(st.booleans()),
        norm_parameters=draw(st.sampled_from((0, inner))),
    )


@st.composite
def gated_deltas(draw: st.DrawFn) -> GatedDelta:
    """The delta rule with a decay per head or per channel, or fixed decays only."""
    key_heads, delta_rule = draw(st.sampled_from((1, 4, 16))), draw(st.sampled_from((True, True, False)))
    return GatedDelta(
        key_heads=key_heads,
        value_heads=key_heads * draw(st.sampled_from((1, 2))),
        key_dim=draw(st.sampled_from((32, 128))),
        value_dim=draw(st.sampled_from((32, 128))),
        conv_kernel=draw(st.sampled_from((0, 2, 4))),
        delta_rule=delta_rule,
        gate_rank=draw(st.sampled_from((0, 0, 16, 128))) if delta_rule else 0,
    )


def mlps() -> st.SearchStrategy[Mlp]:
    """Plain or gated, with or without biases."""
    return st.builds(Mlp, intermediate=st.integers(32, 12000), gated=st.booleans(), bias=st.booleans())


@st.composite
def mixtures(draw: st.DrawFn) -> Experts:
    """Experts of which some or all are active, with or without shared ones."""
    experts = draw(st.sampled_from((1, 4, 8, 60)))
    shared = draw(st.none() | mlps())
    return Experts(
        experts=experts,
        active=min(draw(st.sampled_from((1, 2, 8, 60))), experts),
        intermediate=draw(st.integers(16, 3000)),
        gated=draw(st.booleans()),
        bias=draw(st.booleans()),
        router_bias=draw(st.booleans()),
        shared=shared,
        shared_gate=shared is not None and draw(st.booleans()),
        latent=draw(st.sampled_from((None, None, 96))),
    )


@st.composite
def layer_kinds(draw: st.DrawFn) -> LayerKind:
    """A few layers of one kind: a mixer, none to two feed-forwards, at least one of them."""
    mixer = draw(
        st.one_of(
            attentions(), attentions(), latent_attentions(), latent_attentions(), compressed_attentions(),
            state_spaces(), gated_deltas(), st.none(),
        )
    )  # fmt: skip
    feeds = tuple(draw(st.lists(mlps() | mixtures(), min_size=1 if mixer is None else 0, max_size=2)))
    return LayerKind(
        draw(st.integers(1, 3)),
        mixer,
        feeds,
        parallel=mixer is not None and bool(feeds) and draw(st.booleans()),
        norms=draw(st.integers(0, 4 if feeds else 2)),
        extra_parameters=draw(st.sampled_from((0, 0, 7))),
    )


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Decoder-only models with one to three kinds of layers."""
    hidden = draw(st.integers(16, 4096))
    return Model(
        name="drawn",
        hidden=hidden,
        vocabulary=draw(st.integers(100, 150_000)),
        layers=tuple(draw(st.lists(layer_kinds(), min_size=1, max_size=3))),
        norm_parameters=hidden * draw(st.sampled_from((1, 2))),
        tied_embeddings=draw(st.booleans()),
        learned_positions=draw(st.sampled_from((0, 0, 1024, 2050))),
        head_bias=draw(st.booleans()),
        extra_norms=draw(st.sampled_from((0, 0, 1))),
        extra_parameters=draw(st.sampled_from((0, 0, 11))),
    )


@st.composite
def precisions(draw: st.DrawFn) -> Precision:
    """Every format everywhere; some groups of weights in one of their own."""
    names = st.sampled_from(tuple(formats()))
    groups = draw(st.dictionaries(st.sampled_from(WEIGHT_GROUPS), names, max_size=3))
    return Precision(draw(names), draw(names), draw(names), tuple(groups.items()))


@st.composite
def mixes(draw: st.DrawFn) -> tuple[Request, ...]:
    """One to three workloads whose shares sum to 1; two of them may be of one model."""
    weights = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))
    model, precision = draw(models()), draw(precisions())
    requests: list[Request] = []
    for weight in weights:
        if draw(st.booleans()) and requests:
            model, precision = draw(models()), draw(precisions())
        requests.append(
            Request(
                model=model,
                prompt_tokens=draw(st.integers(1, 5000)),
                output_tokens=draw(st.integers(2, 3000)),
                batch=draw(st.integers(1, 64)),
                precision=precision,
                share=weight / sum(weights),
            )
        )
    return tuple(requests)


@st.composite
def overrides(draw: st.DrawFn, needed_bytes: float) -> dict[str, float]:
    """A few constants away from their tables, the operating system's memory in proportion to the workload."""
    choices = {
        "os_reserve_bytes": log_uniform(0.001 * needed_bytes, 0.1 * needed_bytes) | st.just(0.0),
        "yield_clustering": st.sampled_from((1.0, 2.0, 4.0)),
        "sram_tile_fraction": st.floats(0.2, 0.8),
        "accumulator_bytes": st.sampled_from((2.0, 4.0)),
        "dequantization_ops": st.sampled_from((0.0, 1.0, 4.0)),
        "discount_rate_per_year": st.sampled_from((0.0, 0.05, 0.12)),
        "harvest_share": st.floats(0.4, 0.8),
        "defects_per_mm2": log_uniform(0.0007, 0.003),
        "fixed_area_mm2": log_uniform(5.0, 120.0),
        "flash_bytes_per_s_per_byte": log_uniform(0.001, 5.0),
        "reticle_mm2": log_uniform(60.0, 400.0),
    }
    picked = draw(st.sets(st.sampled_from(sorted(choices)), max_size=4)) | {"os_reserve_bytes"}
    return {name: draw(choices[name]) for name in sorted(picked)}


def pims(dram_kind: str, flash_kind: str) -> list[str]:
    """Kinds of computing memory that these memories come in."""
    kinds = {"hbm-pim": dram_kind.startswith("hbm"), "gddr6-aim": dram_kind.startswith("gddr")}
    return [name for name, fits in {**kinds, "nand-pim": flash_kind != "none"}.items() if fits]


@st.composite
def technologies(draw: st.DrawFn, needed_bytes: float) -> Technology:
    """Every node, memory kind, style, datapath, price list and set of formats."""
    flash_kind = draw(st.sampled_from(("none", "nvme", "ufs", "hbf", "hbf")))
    constants = draw(overrides(needed_bytes))
    if flash_kind == "none":
        constants.pop("flash_bytes_per_s_per_byte", None)
    dram_kind = draw(st.sampled_from(DRAM_KINDS))
    return Technology(
        node=draw(st.sampled_from(NODES)),
        dram_kind=dram_kind,
        flash_kind=flash_kind,
        pim=draw(st.sampled_from(("none", *pims(dram_kind, flash_kind)))),
        sram_style=draw(st.sampled_from(("scratchpad", "cache"))),
        datapath=draw(st.sampled_from(("tensor", "tensor", "vector"))),
        prices=draw(st.sampled_from(("2024", "2026"))),
        formats=tuple(draw(st.lists(st.sampled_from(CHIP_FORMATS), min_size=1, unique=True))),
        granular=draw(st.sampled_from((False, False, False, True))),
        power_cap_w=draw(st.none() | log_uniform(5.0, 100.0)),
        max_dies=draw(st.none() | st.none() | st.integers(2, 8)),
        yield_model=draw(st.sampled_from(("negative_binomial", "negative_binomial", "poisson", "murphy", "seeds"))),
        constants=constants,
    )


@st.composite
def deployments(draw: st.DrawFn) -> Deployment:
    """Edge or datacenter, with a demand or a utilization."""
    busy = draw(st.booleans())
    return Deployment(
        segment=draw(st.sampled_from(("edge", "datacenter"))),
        view=draw(st.sampled_from(("buyer", "cost"))),
        lifetime_s=draw(st.sampled_from((1.0, 4.0, 7.5))) * 365.25 * DAY_S,
        utilization=draw(st.floats(0.01, 1.0)) if busy else None,
        demand_tokens_per_s=None if busy else draw(log_uniform(1e-2, 1e6)),
        grid=draw(st.sampled_from(("world", "france", "usa"))),
        electricity_usd_per_j=draw(st.none() | log_uniform(1e-9, 1e-7)),
        volume=draw(st.none() | st.integers(1, 10**7)),
    )


@st.composite
def modellings(draw: st.DrawFn) -> Modelling:
    """Every modelling choice, every subset of the fusion groups."""
    holds = draw(st.sampled_from((("weights",), ("weights", "kv_cache"), ("kv_cache",), ())))
    return Modelling(
        overlap=draw(st.sampled_from(("full", "none"))),
        sram_residency=draw(st.booleans()),
        launch_overhead_s=draw(st.just(0.0) | log_uniform(1e-7, 1e-4)),
        compute_efficiency=draw(st.just(1.0) | st.floats(0.2, 1.0)),
        memory_efficiency=draw(st.just(1.0) | st.floats(0.2, 1.0)),
        flash_holds=holds,
        flash_path=draw(st.sampled_from(("through_dram", "direct"))),
        resident=draw(st.sampled_from(("one", "all"))),
        mla_absorbed=draw(st.booleans()),
        split_qkv=draw(st.booleans()),
        fusion=tuple(name for name in FUSION_GROUPS if draw(st.booleans())),
        power=draw(st.sampled_from(("first_principles", "anchored"))),
        **draw(st.just({}) | stacks()),
    )


@st.composite
def stacks(draw: st.DrawFn) -> dict[str, Any]:
    """Fields of a modelling with a serving stack, real or put together, at any efficiency."""
    stack = draw(st.sampled_from(runtimes()))
    if draw(st.booleans()):
        stack = replace(
            stack,
            scores_written=draw(st.booleans()),
            kv_per_query_head=draw(st.booleans()),
            expands_weights=draw(st.booleans()),
            chunk_tokens=draw(st.none() | st.integers(1, 3000)),
        )
    slowdown, share = st.floats(1.0, 20.0), st.floats(0.2, 1.0)
    reached = Efficiency(
        gemm_slowdown=draw(slowdown),
        attention_slowdown=draw(slowdown),
        expert_slowdown=draw(slowdown),
        row_slowdown=draw(st.just(0.0) | log_uniform(1e-2, 1e2)),
        memory_share=draw(share),
        vector_share=draw(share),
        kernel_s=draw(st.just(0.0) | log_uniform(1e-7, 1e-4)),
        step_s=draw(st.just(0.0) | log_uniform(1e-6, 1e-2)),
        sequence_s=draw(st.just(0.0) | log_uniform(1e-6, 1e-3)),
    )
    return {"runtime": stack, "efficiency": reached, "device_class": "drawn"}


@st.composite
def design_points(draw: st.DrawFn, needed_bytes: float, unit_bytes_per_s: float, unit_bytes: float) -> dict[str, float]:
    """Capacities in multiples of the need, bandwidth in multiples of what so much DRAM offers."""
    dram = needed_bytes * draw(log_uniform(0.3, 1.0) | log_uniform(0.3, 20.0))  # often short, so that flash is used
    bandwidth = unit_bytes_per_s * (dram / unit_bytes) * draw(log_uniform(0.02, 1.1))
    return {
        "dram_bytes_per_s": bandwidth,
        "compute_flop_per_s": bandwidth * draw(log_uniform(1.0, 30_000.0)),
        "sram_bytes": min(needed_bytes * draw(log_uniform(1e-5, 3.0)), 2.7e8),
        "dram_bytes": dram,
        "flash_bytes": needed_bytes * draw(st.just(0.0) | log_uniform(0.2, 8.0) | log_uniform(1.0, 8.0)),
    }


@st.composite
def limits(draw: st.DrawFn) -> tuple[Limit, ...]:
    """Constraints on columns that every scenario has."""
    names = ("ttft_s", "tokens_per_s", "peak_power_w", "die_area_mm2", "tco_usd_per_mtoken", "utilization")
    one = st.builds(
        lambda column, op, limit: Limit(f"{column} {op} {limit:g}", column, op, limit),
        st.sampled_from(names),
        st.sampled_from(("<=", ">=", "<", ">")),
        log_uniform(1e-3, 1e4) | st.just(0.0),
    )
    return tuple(draw(st.lists(one, max_size=2)))


@dataclass(frozen=True)
class Case:
    """Everything one evaluation needs."""

    requests: tuple[Request, ...]
    technology: Technology
    deployment: Deployment
    modelling: Modelling
    limits: tuple[Limit, ...]
    designs: tuple[dict[str, float], ...]


@st.composite
def cases(draw: st.DrawFn, designs: int = 6) -> Case:
    """A scenario with a few designs around what its workloads need."""
    requests, modelling = draw(mixes()), draw(modellings())
    sizes = [sum(naive_workload.footprint(request, modelling).values()) for request in requests]
    needed = sum(sizes) if modelling.resident == "all" else max(sizes)
    technology = draw(technologies(needed))
    unit_bytes_per_s, unit_bytes = {
        "hbm2e": (460e9, 8e9), "hbm3": (819e9, 16e9), "hbm3e": (1180e9, 24e9), "hbm4": (2048e9, 24e9),
        "lpddr5x": (17.07e9, 1e9), "gddr6": (64e9, 1e9), "gddr6x": (84e9, 1e9), "gddr7": (128e9, 2e9),
        "ddr5": (44.8e9, 8e9),
    }[technology.dram_kind]  # fmt: skip
    if technology.granular:  # a whole unit at least: designs large enough for several
        needed = max(needed, 3 * unit_bytes)
    points = tuple(draw(design_points(needed, unit_bytes_per_s, unit_bytes)) for _ in range(designs))
    return Case(requests, technology, draw(deployments()), modelling, draw(limits()), points)
