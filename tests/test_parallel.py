"""Several chips: what each of them does, what they tell each other, and what the deployment costs."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal

import naive_parallel as twin
import numpy as np
import pytest
from flat_memory import evaluated
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import attentions, mixtures, mlps, models

from roofline import collectives
from roofline.catalog import model
from roofline.kernel import CEILINGS, Machine, operator_ceilings, pass_time
from roofline.layers import Experts, GatedDelta, LatentAttention, LayerKind, StateSpace
from roofline.memory import Placement
from roofline.model import Model, kv_cache_bytes, weight_bytes
from roofline.operators import Operator, Operators
from roofline.parallel import ONE_CHIP, Parallel, sharded
from roofline.phases import decode, prefill
from roofline.precision import Precision
from sweeps.breakdown import breakdown
from sweeps.factors import factors
from sweeps.scenario import Deployment, Modelling, Request, Scenario, Technology, scenario

FP16 = Precision()
DENSE = ("llama-3-8b", "llama-3-70b", "qwen2.5-72b", "mistral-7b-v0.1", "gpt3-175b", "phi-3-mini-4k")
DEGREES = (1, 2, 4, 8)
ON_CHIP = Placement(dict.fromkeys(("activations", "kv_cache", "dense", "experts", "embedding"), 1.0), {}, 0.0)
FREE_LINK = {"link_bytes_per_s": 1e18, "link_latency_s": 0.0, "link_phy_mm2_per_byte_per_s": 0.0}
DESIGN = {
    "dram_bytes_per_s": 3.35e12,
    "compute_flop_per_s": 989e12,
    "sram_bytes": 5e7,
    "dram_bytes": 141e9,
    "flash_bytes": 0.0,
}


def of(
    parallel: Parallel = ONE_CHIP,
    name: str = "llama-3-8b",
    *,
    batch: int = 8,
    prompt: int = 512,
    output: int = 64,
    modelling: Modelling | None = None,
    utilization: float = 0.6,
    **constants: float,
) -> Scenario:
    request = Request(model(name), prompt, output, batch)
    deployment = Deployment(parallel=parallel, utilization=utilization)
    return scenario([request], Technology(constants=constants), deployment, modelling or Modelling())


def columns(parallel: Parallel = ONE_CHIP, name: str = "llama-3-8b", **changes: Any) -> dict[str, float]:
    return evaluated({k: np.array([v]) for k, v in DESIGN.items()}, of(parallel, name, **changes))


def parallels() -> st.SearchStrategy[Parallel]:
    """Degrees that go together."""

    def build(tensor: int, pipeline: int, data: int, expert: int) -> Parallel | None:
        try:
            return Parallel(tensor, pipeline, expert, data)
        except ValueError:
            return None

    degree = st.sampled_from(DEGREES)
    return st.builds(build, degree, st.integers(1, 5), degree, degree).filter(lambda p: p is not None)  # type: ignore[return-value]


# --- the degrees themselves ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("degrees", "message"),
    [
        ((0, 1, 1, 1), "tensor must be at least 1, got 0"),
        ((1, -2, 1, 1), "pipeline must be at least 1, got -2"),
        ((8, 1, 3, 1), "expert 3 does not go with tensor 8 and data 1; possible: 1, 2"),
        ((1, 1, 2, 1), "expert 2 does not go with tensor 1 and data 1; possible: 1"),
        ((4, 1, 12, 4), "expert 12 does not go with tensor 4 and data 4; possible: 1, 2, 4, 8"),
    ],
)
def test_degrees_that_do_not_go_together(degrees: tuple[int, int, int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Parallel(*degrees)


@pytest.mark.parametrize(
    ("name", "parallel", "message"),
    [
        ("llama-3-8b", Parallel(3), "tensor_parallel 3 does not divide the 32 query heads of llama-3-8b"),
        ("llama-3-8b", Parallel(pipeline=33), "pipeline_parallel 33 exceeds the 32 layers of llama-3-8b"),
        ("mixtral-8x7b", Parallel(16, 1, 16), "expert_parallel 16 does not divide the 8 experts of mixtral-8x7b"),
        ("qwen3-next-80b-a3b", Parallel(32), "tensor_parallel 32 does not divide the 16 query heads of qwen3-next"),
        ("qwen2.5-7b", Parallel(7), "tensor_parallel 7 and the 4 KV heads of qwen2.5-7b do not divide each other"),
    ],
)
def test_chips_that_cannot_divide_a_model(name: str, parallel: Parallel, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sharded(model(name), parallel)


# --- what one chip holds and does ------------------------------------------------------------------------------------


@given(attentions(), st.integers(16, 4096), st.sampled_from((1, 2, 3, 4, 6, 8, 16)))
def test_attention_of_one_chip(att: Any, hidden: int, chips: int) -> None:
    whole = Model("drawn", hidden, 1000, (LayerKind(1, att, ()),), hidden)
    dividing = att.kv_heads % chips == 0 or chips % att.kv_heads == 0
    if att.heads % chips or not dividing:
        with pytest.raises(ValueError, match="tensor_parallel"):
            sharded(whole, Parallel(chips))
        return
    part = sharded(whole, Parallel(chips)).layers[0].mixer
    slow = twin.fullest_attention(att, hidden, chips)
    assert part is not None
    assert part.matrix_parameters(hidden) == slow["weights"]
    assert part.cache_elements(1.0) == slow["cached"]


@given(mlps(), mixtures(), st.integers(16, 4096), parallels())
def test_feed_forwards_of_one_chip(mlp: Any, moe: Experts, hidden: int, parallel: Parallel) -> None:
    assume(moe.experts % parallel.expert == 0)
    whole = Model("drawn", hidden, 1000, (LayerKind(8, None, (mlp, moe)),), hidden)
    dense, sparse = sharded(whole, parallel).layers[0].feed_forwards
    assert dense.matrix_parameters(hidden) == twin.fullest_mlp(mlp, hidden, parallel.tensor)
    assert sparse.expert_parameters(hidden) == twin.fullest_experts(moe, hidden, parallel)
    assert isinstance(sparse, Experts)
    router = sparse.matrix_parameters(hidden) - (sparse.shared.matrix_parameters(hidden) if sparse.shared else 0)
    assert router == moe.matrix_parameters(hidden) - (moe.shared.matrix_parameters(hidden) if moe.shared else 0)


@given(models())
def test_one_chip_runs_the_model_itself(whole: Model) -> None:
    assert sharded(whole, ONE_CHIP) is whole
    assert sharded(whole, Parallel(data=3)) is whole
    alone = decode(whole, FP16, batch=3.0, context_tokens=100.0)
    assert alone == decode(whole, FP16, batch=3.0, context_tokens=100.0, parallel=Parallel(data=5))
    assert not any(row.link_steps or row.link_bytes for row in alone)


@pytest.mark.parametrize("name", DENSE)
@pytest.mark.parametrize("chips", DEGREES)
@pytest.mark.parametrize("phase", ["prefill", "decode"])
def test_flop_and_weights_of_all_chips_are_those_of_the_model(name: str, chips: int, phase: str) -> None:
    whole, parallel = model(name), Parallel(chips)

    def operators(parallel: Parallel) -> Operators:
        if phase == "prefill":
            return prefill(whole, FP16, batch=4.0, prompt_tokens=777.0, parallel=parallel)
        return decode(whole, FP16, batch=4.0, context_tokens=777.0, parallel=parallel)

    one, all_ = operators(ONE_CHIP), operators(parallel)
    padding = whole.vocabulary % chips != 0
    assert chips * all_.total("flop") == pytest.approx(one.total("flop"), rel=1e-4 if padding else 1e-12)
    part = sharded(whole, parallel)
    assert chips * part.matrix_parameters == pytest.approx(whole.matrix_parameters, rel=1e-4 if padding else 1e-12)
    # Norms and learned positions are on every chip, nothing else is.
    repeated = (chips - 1) * (part.vector_parameters + part.learned_positions * part.hidden) * 2.0
    assert (
        weight_bytes(whole, FP16) <= chips * weight_bytes(part, FP16) <= weight_bytes(whole, FP16) * 1.0001 + repeated
    )


@pytest.mark.parametrize("name", ["llama-3-70b", "deepseek-v3", "jamba-v0.1", "qwen3-next-80b-a3b", "gpt-oss-20b"])
def test_more_tensor_parallelism_never_needs_more_memory_per_chip(name: str) -> None:
    whole = model(name)
    for one, two in ((1, 2), (2, 4), (4, 8), (8, 16)):
        less, more = sharded(whole, Parallel(one)), sharded(whole, Parallel(two))
        assert weight_bytes(more, FP16) < weight_bytes(less, FP16)
        assert kv_cache_bytes(more, FP16, 5000.0) <= kv_cache_bytes(less, FP16, 5000.0)
        footprints = [of(Parallel(n), name).workloads[0].footprint_total_bytes for n in (one, two)]
        assert footprints[1] < footprints[0]


def test_heads_are_padded_only_where_that_is_asked_for() -> None:
    """Llama-3-8B on 12 chips: 3 of 32 query heads and 1 of 8 KV heads on each, 4 places left empty."""
    (kind,) = sharded(model("llama-3-8b"), Parallel(12, padded_heads=True)).layers
    assert kind.mixer == dataclasses.replace(model("llama-3-8b").layers[0].mixer, heads=3, kv_heads=1)  # type: ignore[type-var]
    assert sharded(model("llama-3-8b"), Parallel(8, padded_heads=True)) == sharded(model("llama-3-8b"), Parallel(8))
    with pytest.raises(ValueError, match="tensor_parallel 12 does not divide"):
        sharded(model("llama-3-8b"), Parallel(12))


def test_recurrent_layers_divide_their_heads_and_states() -> None:
    """Qwen3-Next: 16 key and 32 value heads; Jamba: Mamba-1 without heads, whose steps are summed over the chips."""
    qwen, jamba = model("qwen3-next-80b-a3b"), model("jamba-v0.1")
    for whole, chips in ((qwen, 8), (jamba, 8)):
        parts = sharded(whole, Parallel(chips)).layers
        for one, part in zip(whole.layers, parts, strict=True):
            if isinstance(one.mixer, GatedDelta | StateSpace):
                assert isinstance(part.mixer, GatedDelta | StateSpace)
                assert part.mixer.state_bytes() * chips == one.mixer.state_bytes()
                assert part.mixer.matrix_parameters(whole.hidden) * chips == one.mixer.matrix_parameters(whole.hidden)
    rows = decode(jamba, FP16, batch=1.0, context_tokens=9.0, parallel=Parallel(8))
    (steps,) = [row for row in rows if row.name == "all_reduce_ssm"]
    assert steps.link_bytes == 2 * 7 / 8 * (256 + 2 * 16) * 2


def test_selectors_of_sparse_attention_are_on_every_chip() -> None:
    """Scores are sums over the selector's heads: divided, those of all tokens would be summed over the links."""
    whole = model("glm-5")
    mixers = [kind.mixer for part in (whole, sharded(whole, Parallel(8))) for kind in part.layers]
    indexers = {mixer.indexer for mixer in mixers if isinstance(mixer, LatentAttention)}
    assert len(indexers) == 1
    assert indexers != {None}


def test_kv_heads_are_repeated_and_latents_are_on_every_chip() -> None:
    llama, deepseek = model("llama-3-8b"), model("deepseek-v3")
    per_token = [kv_cache_bytes(sharded(llama, Parallel(n)), FP16, 1.0) for n in (1, 2, 8, 16)]
    assert per_token == [131072.0, 65536.0, 16384.0, 16384.0]
    assert kv_cache_bytes(sharded(deepseek, Parallel(8)), FP16, 1.0) == kv_cache_bytes(deepseek, FP16, 1.0)


# --- mixtures of experts ---------------------------------------------------------------------------------------------


@given(mixtures(), st.integers(1, 5000), parallels())
def test_rows_of_the_fullest_rank(moe: Experts, tokens: int, parallel: Parallel) -> None:
    assume(moe.experts % parallel.expert == 0)
    whole = Model("drawn", 512, 1000, (LayerKind(8, None, (moe,)),), 512)
    (part,) = sharded(whole, parallel).layers[0].feed_forwards
    assert isinstance(part, Experts)
    everyone = tokens * max(parallel.expert // parallel.tensor, 1)
    rows, touched = part.rows(float(tokens)), part.touched(float(tokens))
    assert rows == pytest.approx(twin.fullest_rank_rows(moe, everyone, parallel.expert), rel=1e-12)
    assert rows * parallel.expert >= everyone * moe.active * (1 - 1e-12)  # the fullest is at least the mean
    mean = moe.touched(float(everyone)) / parallel.expert
    assert mean * (1 - 1e-12) <= touched <= moe.experts / parallel.expert
    assert touched * everyone >= rows * (1 - 1e-12)  # an expert sees a token once at most


def test_a_large_batch_fills_all_ranks_alike() -> None:
    """10^6 tokens, 8 of 256 experts, 32 ranks: 250,000 rows each; sqrt(2 ln 32 · 31/32 / 250000) = 0.52 % more."""
    moe = dataclasses.replace(model("deepseek-v3").layers[-1].feed_forwards[0], ranks=32, replicas=1)
    assert isinstance(moe, Experts)
    assert moe.rows(1e6) / 250_000 == pytest.approx(1 + math.sqrt(2 * math.log(32) * (31 / 32) / 250_000), rel=1e-12)
    assert moe.touched(1e6) == pytest.approx(8.0)
    # One token: the rank that gets most of its 8 rows gets fewer than all, and as many experts as rows.
    assert 1 < moe.rows(1.0) < 8
    assert moe.touched(1.0) == pytest.approx(moe.rows(1.0))


def test_tokens_travel_only_to_experts_beyond_their_own_chips() -> None:
    whole, tokens = model("deepseek-v3"), 16.0

    def sent(parallel: Parallel) -> dict[str, Operator]:
        rows = decode(whole, FP16, batch=tokens, context_tokens=100.0, parallel=parallel)
        return {row.name: row for row in rows if row.link_steps}

    assert "all_to_all_dispatch" not in sent(Parallel(8, expert=8))
    assert "all_reduce_mlp" in sent(Parallel(8, expert=8))
    apart = sent(Parallel(1, expert=32, data=32))
    assert set(apart) == {"all_to_all_dispatch", "all_to_all_combine"}
    # 16 tokens x 8 experts x 7168 elements x 2 byte, all but 1/32 of them to others; on 58 layers.
    assert apart["all_to_all_dispatch"].link_bytes == pytest.approx(31 / 32 * 16 * 8 * 7168 * 2)
    assert apart["all_to_all_dispatch"].count == 58
    both = sent(Parallel(4, expert=32, data=8))
    assert {"all_to_all_dispatch", "all_reduce_mlp", "all_reduce_attention"} <= set(both)
    assert both["all_to_all_dispatch"].link_bytes == pytest.approx(apart["all_to_all_dispatch"].link_bytes / 4)


# --- collectives -----------------------------------------------------------------------------------------------------


@given(
    st.sampled_from(("all_reduce", "all_gather", "reduce_scatter", "all_to_all")),
    st.integers(2, 72),
    st.floats(1.0, 1e10),
)
def test_collectives_send_what_a_ring_sends(kind: str, chips: int, message: float) -> None:
    row = getattr(collectives, kind)("x", chips, message)
    assert row.link_bytes == pytest.approx(twin.ring_bytes(kind, chips, message), rel=1e-12)
    assert row.link_steps == twin.steps(chips)
    assert row.kernels == 1
    assert row.compulsory_bytes == row.flop == row.vector_ops == 0


@given(st.integers(2, 72), st.floats(1.0, 1e10), st.floats(1e6, 1e13), st.floats(0.0, 1e-3))
def test_time_of_a_collective(chips: int, message: float, bandwidth: float, latency: float) -> None:
    for overlap in ("full", "none"):
        machine = _machine(overlap, link_bytes_per_s=bandwidth, link_latency_s=latency)  # type: ignore[arg-type]
        row = collectives.all_reduce("x", chips, message)
        slow = twin.steps(chips) * latency + twin.ring_bytes("all_reduce", chips, message) / bandwidth
        assert pass_time(Operators((row,)), machine, ON_CHIP).seconds == pytest.approx(slow, rel=1e-12)
        assert slow >= latency
    assert operator_ceilings(row, machine, ON_CHIP)[CEILINGS.index("link")] == pytest.approx(slow, rel=1e-12)


def _machine(overlap: Literal["full", "none"] = "full", **link: float) -> Machine:
    return Machine(989e12, 60e12, 1e15, 3.35e12, 0.0, 1e7, overlap=overlap, **link)  # type: ignore[arg-type]


def test_collectives_of_a_decode_step_by_hand() -> None:
    """Llama-3-8B on 8 chips, 8 sequences: hidden vectors of 4096 x 2 byte, 2·7/8 of them in each of 2·32 + 1 sums."""
    rows = decode(model("llama-3-8b"), FP16, batch=8.0, context_tokens=1000.0, parallel=Parallel(8, 4))
    links = {row.name: (row.count, row.link_bytes, row.link_steps) for row in rows if row.link_steps}
    hidden = 8 * 4096 * 2.0
    assert links == {
        "all_reduce_embedding": (1, 2 * 7 / 8 * hidden, 3.0),
        "all_reduce_attention": (32, 2 * 7 / 8 * hidden, 3.0),
        "all_reduce_mlp": (32, 2 * 7 / 8 * hidden, 3.0),
        "send_stage": (3, hidden, 1.0),
        "all_gather_logits": (1, 7 / 8 * 8 * 128256 * 2.0, 3.0),
    }
    falcon = decode(model("falcon-7b"), FP16, batch=1.0, context_tokens=9.0, parallel=ONE_CHIP)
    assert not any(row.link_steps for row in falcon)


def test_a_parallel_block_sums_once() -> None:
    gpt_j = model("gpt-j-6b")
    assert gpt_j.layers[0].parallel
    rows = decode(gpt_j, FP16, batch=1.0, context_tokens=9.0, parallel=Parallel(2))
    assert [row.name for row in rows if row.link_steps and row.count > 1] == ["all_reduce_mlp"]


def test_no_link_is_a_very_slow_one() -> None:
    row = collectives.point_to_point("x", 1e9)
    assert pass_time(Operators((row,)), _machine(), ON_CHIP).seconds == 1e9


def test_bytes_sent_are_a_factor_that_no_design_changes() -> None:
    designs = {name: np.array([value, 2 * value]) for name, value in DESIGN.items()}
    found = factors(designs, of(Parallel(4)))
    sent = of(Parallel(4)).workloads[0].decode.total("link_bytes")
    assert found["decode_link_bytes.0"] == sent > 0


@pytest.mark.parametrize("parallel", [Parallel(4), Parallel(2, 2, 1, 2), Parallel(2, 3, 8, 4)])
@pytest.mark.parametrize("overlap", ["full", "none"])
def test_breakdown_sums_to_the_factors(parallel: Parallel, overlap: Literal["full", "none"]) -> None:
    chosen = of(parallel, "mixtral-8x7b", modelling=Modelling(overlap=overlap))
    design = {name: np.array([value]) for name, value in DESIGN.items()}
    found, shares = factors(design, chosen), breakdown(design, chosen)
    for phase in ("prefill", "decode"):
        operators = getattr(chosen.workloads[0], phase)
        seconds = operators.kernels * chosen.modelling.launch_overhead_s
        sent = 0.0
        for row in (row for row in shares if row.phase == phase):
            seconds, sent = seconds + row.seconds, sent + row.link_bytes
        assert seconds == np.asarray(found[f"{phase}_s.0"]).reshape(-1)[0]
        assert sent == found[f"{phase}_link_bytes.0"]
    assert {row.bound_by for row in shares if row.name.startswith("all_")} == {"link"}


# --- pipelines and replicas ------------------------------------------------------------------------------------------


@given(st.integers(1, 100), st.integers(1, 200), parallels())
def test_passes_of_a_pipeline_are_those_of_its_timetable(layers: int, batch: int, parallel: Parallel) -> None:
    assume(parallel.pipeline <= layers and len(twin.dealt(layers, parallel.pipeline)[-1]) > 0)
    turns = parallel.microbatches(batch)
    ends = twin.timetable(layers, parallel.pipeline, turns, 12)
    assert parallel.prefill_passes(batch, layers) * layers == pytest.approx(ends[0], rel=1e-12)
    assert parallel.decode_passes(batch, layers) * layers == pytest.approx(ends[-1] - ends[-2], rel=1e-12)
    visits = twin.layer_visits(batch, layers, parallel)
    assert parallel.passes_per_chip(batch) * layers * parallel.chips == pytest.approx(visits, rel=1e-12)
    assert parallel.replica_batch(batch) == len(twin.dealt(batch, parallel.data)[0])
    assert parallel.microbatch(batch) == len(twin.dealt(parallel.replica_batch(batch), turns)[0])


@pytest.mark.parametrize("stages", [2, 4, 5])
def test_stages_never_shorten_the_latency_of_one_sequence(stages: int) -> None:
    one, several = columns(batch=1), columns(Parallel(pipeline=stages), batch=1)
    assert several["tpot_s"] > one["tpot_s"]
    assert several["ttft_s"] > one["ttft_s"]


def test_a_pipeline_prefills_faster_and_decodes_many_sequences_faster() -> None:
    """Compute-bound prefill of 4 microbatches on 4 stages: (4 + 3)/(4·4) of the time, and the transfers."""
    how = Modelling(launch_overhead_s=0.0)
    one = columns(batch=64, prompt=4096, modelling=how)
    four = columns(Parallel(pipeline=4), batch=64, prompt=4096, modelling=how, **FREE_LINK)
    assert four["ttft_s"] / one["ttft_s"] == pytest.approx(7 / 16, rel=0.02)
    assert four["tpot_s"] < one["tpot_s"]


def test_replicas_are_so_many_chips_side_by_side() -> None:
    """Twice the chips for twice the sequences: the same latency, energy and cost of a token, twice the tokens."""
    # What the links could draw counts for the facility and the board, even of chips that have nothing to tell.
    one, two = columns(batch=8), columns(Parallel(data=2), batch=16, link_j_per_byte=0.0)
    assert two["chips"] == 2
    for name in ("ttft_s", "tpot_s", "decode_power_w", "sustained_power_w"):
        assert two[name] == one[name], name
    for name in ("price_usd", "bom_usd", "dies", "embodied_kg", "die_area_mm2"):
        assert two[name] == pytest.approx(one[name], rel=1e-12), name
    for name in ("energy_j_per_token", "facility_energy_j_per_token", "carbon_g_per_mtoken", "tco_usd_per_mtoken"):
        assert two[name] == pytest.approx(one[name], rel=1e-12), name
    for name in ("decode_tokens_per_s", "tokens_per_s"):
        assert two[name] == pytest.approx(2 * one[name], rel=1e-12), name
    assert two["tco_usd_per_hour"] == pytest.approx(2 * one["tco_usd_per_hour"], rel=1e-12)


def test_a_full_pipeline_does_the_work_of_its_microbatches() -> None:
    """8 sequences on 4 stages: 4 passes of 2, each as long as on one chip and three transfers more, spread over 4."""
    how = Modelling(sram_residency=False)
    cold = {"busy_w_per_mm2": 0.0, "idle_w_per_mm2": 0.0, "dram_standby_w_per_byte": 0.0, "link_j_per_byte": 0.0}
    small, staged = (columns(p, batch=b, modelling=how, **cold) for p, b in ((ONE_CHIP, 2), (Parallel(pipeline=4), 8)))
    send_s = 3 * (5e-6 + 1e-6 + 2 * 4096 * 2 / 450e9)
    assert staged["tpot_s"] == pytest.approx(small["tpot_s"] + send_s, rel=1e-9)
    assert staged["decode_tokens_per_s"] == pytest.approx(8 / staged["tpot_s"])
    assert staged["energy_j_per_token"] == pytest.approx(small["energy_j_per_token"], rel=1e-9)
    # Four chips, each busy with a pass's worth of layers all the time: the power of one.
    slower = small["tpot_s"] / staged["tpot_s"]
    assert staged["decode_power_w"] == pytest.approx(small["decode_power_w"] * slower, rel=1e-9)


def test_energy_of_tensor_parallel_chips_is_that_of_the_work_and_the_links() -> None:
    how = Modelling(launch_overhead_s=0.0)
    cold = {"busy_w_per_mm2": 0.0, "idle_w_per_mm2": 0.0, "dram_standby_w_per_byte": 0.0, "vector_energy_relative": 0.0}
    one = columns(modelling=how, **cold)
    four = columns(Parallel(4), modelling=how, **cold, link_j_per_byte=0.0)
    assert four["energy_j_per_token"] == pytest.approx(one["energy_j_per_token"], rel=0.02)
    linked = columns(Parallel(4), modelling=how, **cold)
    chosen = of(Parallel(4))
    work = chosen.workloads[0]
    sent = 4 * (work.prefill.total("link_bytes") + 63 * work.decode.total("link_bytes")) / (8 * 64)
    joules = linked["energy_j_per_token"] - four["energy_j_per_token"]
    assert joules == pytest.approx(sent * chosen.constants["link_j_per_byte"], rel=1e-6)
    assert chosen.constants["link_j_per_byte"] == pytest.approx(8 * 5.5e-12)


def test_power_of_a_phase_stays_below_the_peak() -> None:
    for parallel in (ONE_CHIP, Parallel(2), Parallel(8), Parallel(2, 4), Parallel(pipeline=8), Parallel(2, 1, 1, 8)):
        for batch in (1, 5, 256):
            found = columns(parallel, batch=batch)
            assert found["idle_power_w"] < found["sustained_power_w"] <= found["peak_power_w"]


def test_links_take_area_only_where_there_are_several_chips() -> None:
    wide = {"link_bytes_per_s": 900e9, "fixed_link_mm2": 21.0}
    one, two = columns(**wide), columns(Parallel(2), **wide)
    assert one == columns()
    # 900 GB/s at 0.0386 mm2 per GB/s, of which the fixed area holds 21 mm2 already.
    assert two["die_area_mm2"] - one["die_area_mm2"] == pytest.approx(900 * 0.0386 - 21, rel=1e-6)


def test_one_chip_does_not_care_for_links() -> None:
    other = {"link_bytes_per_s": 1.0, "link_latency_s": 9.0, "link_j_per_byte": 1.0, "link_phy_mm2_per_byte_per_s": 1.0}
    assert columns(**other) == columns()
    slow, fast = (columns(Parallel(2), link_bytes_per_s=rate)["tpot_s"] for rate in (1e9, 1e12))
    assert slow > fast > columns(Parallel(2), **FREE_LINK)["tpot_s"]


def test_weights_are_divided_over_stages_and_cache_over_replicas() -> None:
    whole = of().workloads[0].footprint_bytes
    staged = of(Parallel(pipeline=4)).workloads[0].footprint_bytes
    tables = 128256 * 4096 * 2.0  # the LM head, on every stage at worst, as is the embedding
    assert staged["dense"] == pytest.approx((whole["dense"] - tables) / 4 + tables)
    assert staged["embedding"] == whole["embedding"] == tables
    assert staged["kv_cache"] == whole["kv_cache"] / 4
    assert of(Parallel(data=4)).workloads[0].footprint_bytes["kv_cache"] == whole["kv_cache"] / 4
    # 32 layers on 5 stages: 7 on the fullest.
    assert of(Parallel(pipeline=5)).workloads[0].footprint_bytes["kv_cache"] == whole["kv_cache"] * (7 / 32)
