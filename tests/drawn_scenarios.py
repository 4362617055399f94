"""Hypothesis strategies: random models, precisions, technologies, deployments, and blocks of designs around them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import pims

from costmodels import tables
from roofline.calibration import efficiency, shipped
from roofline.layers import (
    Attention,
    Experts,
    FeedForward,
    GatedDelta,
    Indexer,
    LatentAttention,
    LayerKind,
    Mixer,
    Mlp,
    StateSpace,
)
from roofline.model import Model
from roofline.parallel import ONE_CHIP, Parallel
from roofline.phases import FUSION_GROUPS
from roofline.precision import Precision, formats
from roofline.runtimes import runtimes
from roofline.techniques import (
    Accepted,
    Contextual,
    Eagle,
    Jacobi,
    KvBudget,
    KvSharing,
    LowRank,
    Pruning,
    Removal,
    Selection,
    SelfSpeculative,
    Speculative,
    Techniques,
    Window,
    contradiction,
)
from sweeps.scenario import Deployment, Modelling, Request, Scenario, Technology
from sweeps.space import DESIGN_COLUMNS

Array = NDArray[np.float64]
Designs = dict[str, Array]

DESIGNS = 128
"""Designs evaluated at once in an example, so that a few examples cover thousands."""

FLASH_PATHS = ("through_dram", "direct")

# Bought in any amount, on any number of dies: what is left to forbid a design is the fit alone.
UNLIMITED = {
    "dram_unit_bytes_min": 1.0,
    "dram_unit_bytes_max": 1e18,
    "dram_edge_mm_per_unit": 1e-9,
    "reticle_mm2": 20000.0,
    "sram_mm2_per_byte": 0.0,
    "dram_phy_mm2_per_byte_per_s": 0.0,
    "compute_mm2_per_flop_per_s": 0.0,
}


@st.composite
def models(draw: st.DrawFn, *, windows: bool = True) -> Model:
    kv_heads = draw(st.sampled_from([1, 2, 4, 8]))
    attention = Attention(
        heads=kv_heads * draw(st.sampled_from([1, 2, 4, 8])),
        kv_heads=kv_heads,
        head_dim=draw(st.sampled_from([64, 80, 128, 256])),
        window=draw(st.sampled_from([None, None, 512, 4096])) if windows else None,
        qkv_bias=draw(st.booleans()),
    )
    hidden = draw(st.sampled_from([512, 1024, 2048, 4096, 8192]))
    mlp = Mlp(int(hidden * draw(st.sampled_from([1.5, 2.75, 4.0]))), gated=draw(st.booleans()))
    parallel = draw(st.booleans())
    kinds = [LayerKind(draw(st.integers(1, 80)), attention, (mlp,), parallel=parallel, norms=1 if parallel else 2)]
    mixers = draw(st.lists(other_mixers(hidden, windows=windows), max_size=2))
    kinds += [LayerKind(draw(st.integers(1, 40)), mixer, (draw(mixtures() | st.just(mlp)),)) for mixer in mixers]
    return Model(
        name="drawn",
        hidden=hidden,
        vocabulary=draw(st.sampled_from([8000, 32000, 128256])),
        layers=tuple(kinds),
        norm_parameters=hidden,
        tied_embeddings=draw(st.booleans()),
    )


def mixtures() -> st.SearchStrategy[FeedForward]:
    """Few large experts, and many small ones beside a shared one."""
    return st.sampled_from([Experts(8, 2, 7168), Experts(64, 6, 1408, shared=Mlp(2816)), Experts(256, 8, 512)])


def other_mixers(hidden: int, *, windows: bool) -> st.SearchStrategy[Mixer]:
    """All that is not attention over a cache of heads; with windows also what selects tokens."""
    latent = LatentAttention(16, None, 512, 128, 64, 128)
    mixers: list[Mixer] = [latent, GatedDelta(16, 32, 128, 128, 4)]
    mixers += [StateSpace(2 * hidden, 128, 2 * hidden // 64, 1, 4), StateSpace(2 * hidden, 16, 0, 0, 4, 160)]
    if windows:
        mixers += [dataclasses.replace(latent, query_rank=1536, indexer=Indexer(64, 128, 2048, 1536))]
        mixers += [Attention(32, 8, 128, window=1024, chunked=True)]
    return st.sampled_from(mixers)


@st.composite
def precisions(draw: st.DrawFn) -> Precision:
    name = st.sampled_from(sorted(formats()))
    return Precision(draw(name), draw(st.sampled_from(["fp32", "bf16", "fp16", "fp8", "int8"])), draw(name))


@st.composite
def composed(draw: st.DrawFn, model: Model) -> Techniques:
    """No techniques in half of all cases, else a few that go together on any of these models."""
    draft = dataclasses.replace(model, layers=(dataclasses.replace(model.layers[0], count=1),))
    accepted = Accepted(draw(st.sampled_from([0.0, 0.7, 1.0])))
    attention = model.layers[0].mixer
    assert isinstance(attention, Attention)
    known: dict[str, Any] = {
        "removal": Removal(heads=0.5 if attention.kv_heads > 1 else 0.0, channels=0.3),
        "low_rank": LowRank(0.3),
        "pruning": draw(st.sampled_from([Pruning(0.5), Pruning(0.8, "csr"), Pruning(pattern="2:4")])),
        "window": Window(200),
        "kv_budget": KvBudget(100, 4),
        "kv_sharing": KvSharing(min(model.layers[0].count, 2)),
        "selection": Selection(16, 128, keys=2),
        "contextual": Contextual(0.3, 0.5, 64),
        "speculative": Speculative(draft, 3, 0.6),
        "self_speculative": SelfSpeculative(1, 2, 0.5),
        "eagle": Eagle(2, accepted),
        "jacobi": Jacobi(4, accepted),
    }
    names = draw(st.just([]) | st.lists(st.sampled_from(sorted(known)), unique=True, max_size=4))
    while contradiction(names):
        names.pop()
    return Techniques(**{name: known[name] for name in names})


@st.composite
def requests(draw: st.DrawFn, *, share: float = 1.0) -> Request:
    model = draw(models())
    return Request(
        model,
        draw(st.sampled_from([1, 37, 512, 2048, 8192])),
        draw(st.sampled_from([2, 64, 1024])),
        draw(st.sampled_from([1, 3, 32, 256])),
        draw(precisions()),
        share,
        draw(composed(model)),
    )


@st.composite
def mixes(draw: st.DrawFn) -> list[Request]:
    if draw(st.booleans()):
        return [draw(requests())]
    return [draw(requests(share=0.25)), draw(requests(share=0.75))]


@st.composite
def technologies(draw: st.DrawFn, /, **fixed: object) -> Technology:
    chosen: dict[str, object] = {
        "node": draw(st.sampled_from(tables.options("nodes"))),
        "dram_kind": draw(st.sampled_from(tables.options("dram"))),
        "flash_kind": draw(st.sampled_from(tables.options("flash"))),
        "sram_style": draw(st.sampled_from(tables.options("sram"))),
        "datapath": draw(st.sampled_from(tables.options("datapath"))),
        "formats": draw(
            st.sampled_from(
                [("fp16",), ("tf32", "bf16", "fp16", "fp8", "int8"), ("bf16", "fp16", "fp8", "int8", "fp4", "int4")]
            )
        ),
        "granular": draw(st.booleans()),
        "max_dies": draw(st.sampled_from([None, 1, 2, 4, 8])),
        "sparsity": draw(st.sampled_from(["none", "2:4", "unstructured"])),
    }
    chosen |= fixed
    computing = pims(str(chosen["dram_kind"]), str(chosen["flash_kind"]))
    return Technology(**{"pim": draw(st.sampled_from(["none", *computing])), **chosen})  # type: ignore[arg-type]


@st.composite
def modellings(draw: st.DrawFn, flash_path: str | None = None) -> Modelling:
    return Modelling(
        overlap=draw(st.sampled_from(["full", "full", "none"])),
        sram_residency=draw(st.booleans()),
        launch_overhead_s=draw(st.sampled_from([0.0, 5e-6])),
        compute_efficiency=draw(st.sampled_from([1.0, 0.6])),
        memory_efficiency=draw(st.sampled_from([1.0, 0.8])),
        flash_holds=draw(st.sampled_from([("weights",), ("weights", "kv_cache"), ()])),
        flash_path=flash_path or draw(st.sampled_from(FLASH_PATHS)),  # type: ignore[arg-type]
        resident=draw(st.sampled_from(["one", "all"])),
        mla_absorbed=draw(st.booleans()),
        split_qkv=draw(st.booleans()),
        fusion=draw(st.sampled_from([FUSION_GROUPS, ("attention",), ()])),
        power=draw(st.sampled_from(["first_principles", "anchored"])),
        **draw(st.just({}) | stacks()),
    )


@st.composite
def stacks(draw: st.DrawFn) -> dict[str, Any]:
    """Fields of a modelling with a serving stack, at what it reaches on a class of devices."""
    stack = draw(st.sampled_from(runtimes()))
    device_class = draw(st.sampled_from([*shipped().classes(), "none"]))
    matrix_units, limit = draw(st.booleans()), draw(st.sampled_from([None, 0.5e-12, 3e-12]))
    reached = efficiency(shipped(), stack, device_class=device_class, matrix_units=matrix_units, limit_j_per_flop=limit)
    return {"runtime": stack, "efficiency": reached, "device_class": device_class}


@st.composite
def deployments(draw: st.DrawFn) -> Deployment:
    use = draw(st.sampled_from([0.6, 1.0, None]))
    return Deployment(
        segment=draw(st.sampled_from(["edge", "datacenter", "soc"])),
        view=draw(st.sampled_from(["buyer", "cost"])),
        utilization=use,
        demand_tokens_per_s=None if use else draw(st.sampled_from([0.1, 30.0])),
        parallel=draw(st.sampled_from([ONE_CHIP, ONE_CHIP, Parallel(data=3), Parallel(expert=4, data=4)])),
    )


class Drawn(dict[str, Array]):
    """Design columns that print as where they came from."""

    def __repr__(self) -> str:
        return f"<{DESIGNS} designs>"


@st.composite
def designs(draw: st.DrawFn, of: Scenario) -> Designs:
    """Return designs from a phone to beyond a wafer, memories around what the workload needs, some without flash."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    needed = max(workload.footprint_total_bytes for workload in of.workloads)
    spans = {
        "dram_bytes_per_s": (10e9, 1e13),
        "compute_flop_per_s": (1e12, 3e15),
        "sram_bytes": (2.0**19, max(2.0**33, 2 * needed)),
        "dram_bytes": (0.02 * needed, 5 * needed),
        "flash_bytes": (0.02 * needed, 50 * needed),
    }
    columns = Drawn({name: low * (high / low) ** rng.random(DESIGNS) for name, (low, high) in spans.items()})
    columns["flash_bytes"] = np.where(rng.random(DESIGNS) < 0.25, 0.0, columns["flash_bytes"])
    return columns


@dataclass(frozen=True)
class Pairs:
    """Designs, and the same with more of one resource."""

    axis: str
    less: Designs
    more: Designs


@st.composite
def pairs(draw: st.DrawFn, of: Scenario) -> Pairs:
    less = draw(designs(of))
    axis = draw(st.sampled_from(DESIGN_COLUMNS))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    factor = 10.0 ** (rng.random(DESIGNS) * rng.choice([1e-3, 0.05, 0.5, 2.0], DESIGNS))
    extra = np.where(less[axis] == 0, 64e9 * factor, 0.0) if axis == "flash_bytes" else 0.0
    return Pairs(axis, less, Drawn({**less, axis: less[axis] * factor + extra}))
