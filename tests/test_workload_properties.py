"""Properties of a workload with any kind of layer: FLOP that add up, sizes that only add, bits that scale."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import mixtures, models, precisions

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
from roofline.model import (
    Model,
    dense_weight_bytes,
    embedding_bytes,
    expert_weight_bytes,
    kv_cache_bytes,
    matrix_parameters_by_group,
    weight_bytes,
)
from roofline.operators import Operator, Operators, merged
from roofline.phases import FUSION_GROUPS, decode, prefill
from roofline.precision import Precision, formats, number_format
from sweeps.scenario import Deployment, Modelling, Request, Technology, scenario

FP16 = Precision()
QUANTITIES = (
    *("flop", "vector_ops", "weight_bytes", "act_read_bytes", "act_write_bytes", "kv_read_bytes", "kv_write_bytes"),
    "compulsory_bytes",
)
SLACK = 1e-12


def fusions() -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(FUSION_GROUPS), unique=True).map(tuple)


def plain(model: Model) -> Model:
    """The model without parameters that belong to no operator (scalars beside the layers, norms of the embedding)."""
    kinds = tuple(dataclasses.replace(kind, extra_parameters=0) for kind in model.layers)
    return dataclasses.replace(model, layers=kinds, extra_norms=0, extra_parameters=0)


# --- one token more -------------------------------------------------------------------------------------------------


def repeated_flop(model: Model, tokens: int, *, absorbed: bool) -> float:
    """FLOP per sequence by which latent attention's decode at this context differs from its share of a prefill.

    Absorbed, a score and its value cost 2·n·(2·rank + rope) instead of 2·n·(nope + rope + value); the projections of
    query and output cost what expanding one token does. Expanded, all tokens but the new one are expanded again.
    """
    total = 0.0
    for kind in model.layers:
        mla = kind.mixer
        if isinstance(mla, LatentAttention):
            seen, heads_dim = mla.attended(tokens), mla.heads * (mla.nope_dim + mla.value_dim)
            if absorbed:
                total += kind.count * 2 * seen * (2 * mla.heads * mla.latent_rank - heads_dim)
            else:
                total += kind.count * 2 * (seen - 1) * mla.latent_rank * heads_dim
    return total


@given(models(), precisions(), st.integers(1, 20), st.integers(1, 5000), fusions(), st.booleans())
def test_flop_of_a_prefill_and_a_step_are_those_of_a_longer_prefill(
    model: Model, precision: Precision, batch: int, tokens: int, fusion: tuple[str, ...], absorbed: bool
) -> None:
    """Attention of every kind, experts, recurrences; the one LM-head row more is that of the first prefill."""
    before = prefill(model, precision, batch=batch, prompt_tokens=tokens, fusion=fusion).total("flop")
    step = decode(model, precision, batch=batch, context_tokens=tokens + 1, fusion=fusion, absorbed=absorbed)
    after = prefill(model, precision, batch=batch, prompt_tokens=tokens + 1, fusion=fusion).total("flop")
    head = 2 * batch * model.hidden * model.vocabulary
    difference = batch * repeated_flop(model, tokens + 1, absorbed=absorbed)
    assert before + step.total("flop") == pytest.approx(after + head + difference, rel=SLACK)


@settings(max_examples=60)
@given(models(), st.integers(1, 3000), st.integers(1, 200))
def test_the_mean_step_is_the_mean_of_the_steps(model: Model, first: int, steps: int) -> None:
    """Also where a window fills, a chunk starts anew or an indexer begins to select on the way."""
    mean = decode(model, FP16, batch=3, context_tokens=first + (steps - 1) / 2, steps=steps)
    every = [decode(model, FP16, batch=3, context_tokens=float(t)) for t in range(first, first + steps, 1)]
    for quantity in ("flop", "kv_read_bytes", "kv_write_bytes", "weight_bytes", "vector_ops"):
        assert mean.total(quantity) == pytest.approx(sum(x.total(quantity) for x in every) / steps, rel=1e-10), quantity


# --- more of any size -----------------------------------------------------------------------------------------------

GROWS: dict[type, tuple[str, ...]] = {
    Attention: ("heads", "kv_heads", "head_dim", "v_head_dim", "window"),
    CompressedAttention: ("heads", "head_dim", "rope_dim", "query_rank", "output_groups", "output_rank", "window"),
    LatentAttention: ("heads", "query_rank", "latent_rank", "nope_dim", "rope_dim", "value_dim"),
    Indexer: ("heads", "head_dim", "top_k", "query_width"),
    StateSpace: ("inner", "state", "conv_kernel", "step_rank", "norm_parameters"),
    GatedDelta: ("value_heads", "key_heads", "key_dim", "value_dim", "conv_kernel"),
    Mlp: ("intermediate",),
    Experts: ("experts", "active", "intermediate", "latent"),
}


def grown(part: Any, name: str) -> Any:
    """The part with one size larger, by as little as its other sizes allow."""
    changes: dict[str, Any] = {name: getattr(part, name) + 1}
    if isinstance(part, Attention) and name in ("heads", "kv_heads"):
        factor = 2  # heads stay a multiple of KV heads
        changes = {"heads": factor * part.heads}
        if name == "kv_heads":
            changes["kv_heads"] = factor * part.kv_heads
    if isinstance(part, StateSpace) and name == "inner" and part.heads:
        changes = {"inner": part.inner + 64, "heads": part.heads + 1}
    if isinstance(part, GatedDelta) and name == "key_heads":
        changes = {"key_heads": 2 * part.key_heads, "value_heads": 2 * part.value_heads}
    return dataclasses.replace(part, **changes)


def sizes_of(part: Any) -> list[str]:
    """Sizes that can be larger by themselves."""
    names = [name for name in GROWS[type(part)] if getattr(part, name)]
    if isinstance(part, Attention):
        # Where a chunk starts, a token sees less: more tokens per chunk may mean fewer seen.
        names = [name for name in names if not (name == "window" and part.chunked)]
    if isinstance(part, Experts) and part.active == part.experts:
        names.remove("active")
    return names


@st.composite
def larger(draw: st.DrawFn) -> tuple[str, Model, Model]:
    """A model, and the same with one size larger."""
    model = draw(models())
    name = draw(st.sampled_from(("hidden", "vocabulary", "count", "part", "part", "part", "part")))
    if name == "vocabulary":
        return name, model, dataclasses.replace(model, vocabulary=model.vocabulary + 1)
    if name == "hidden":
        norm = model.norm_parameters // model.hidden * (model.hidden + 1)
        return name, model, dataclasses.replace(model, hidden=model.hidden + 1, norm_parameters=norm)
    i = draw(st.integers(0, len(model.layers) - 1))
    kind = model.layers[i]
    if name == "count":
        other = dataclasses.replace(kind, count=kind.count + 1)
    else:
        parts = [part for part in (kind.mixer, *kind.feed_forwards) if part is not None]
        part = draw(st.sampled_from(parts))
        name = draw(st.sampled_from(sizes_of(part)))
        new: Any = grown(part, name)
        if isinstance(part, LatentAttention | CompressedAttention) and part.indexer is not None and draw(st.booleans()):
            name = draw(st.sampled_from(sizes_of(part.indexer)))
            new = dataclasses.replace(part, indexer=grown(part.indexer, name))
        feeds = tuple(new if feed is part else feed for feed in kind.feed_forwards)
        other = dataclasses.replace(kind, mixer=new if kind.mixer is part else kind.mixer, feed_forwards=feeds)
    return name, model, dataclasses.replace(model, layers=(*model.layers[:i], other, *model.layers[i + 1 :]))


def less_than(one: Operators, other: Operators) -> list[str]:
    """Quantities that are larger in the first table than in the second."""
    return [name for name in QUANTITIES if one.total(name) > other.total(name) * (1 + SLACK)]


@given(larger(), precisions(), st.integers(1, 64), st.integers(1, 4000), fusions(), st.booleans())
def test_a_larger_model_never_means_less(
    drawn: tuple[str, Model, Model],
    precision: Precision,
    batch: int,
    tokens: int,
    fusion: tuple[str, ...],
    absorbed: bool,
) -> None:
    name, small, large = drawn
    for phase, run in (
        ("prefill", lambda m: prefill(m, precision, batch=batch, prompt_tokens=tokens, fusion=fusion)),
        (
            "decode",
            lambda m: decode(m, precision, batch=batch, context_tokens=tokens, fusion=fusion, absorbed=absorbed),
        ),
    ):
        one, other = run(small), run(large)
        assert less_than(one, other) == [], f"{phase} with larger {name}"
        # A wider window or a larger selection means nothing until there are more tokens than that.
        if name not in ("window", "top_k"):
            assert other.total("compulsory_bytes") > one.total("compulsory_bytes"), f"{phase} with larger {name}"
    assert large.total_parameters >= small.total_parameters
    assert large.active_parameters >= small.active_parameters
    assert weight_bytes(large, precision) >= weight_bytes(small, precision)
    assert kv_cache_bytes(large, precision, tokens) >= kv_cache_bytes(small, precision, tokens)


@given(models(), precisions(), st.integers(1, 64), st.integers(1, 4000), fusions(), st.booleans())
def test_more_sequences_or_tokens_never_mean_less(
    model: Model, precision: Precision, batch: int, tokens: int, fusion: tuple[str, ...], absorbed: bool
) -> None:
    before = prefill(model, precision, batch=batch, prompt_tokens=tokens, fusion=fusion)
    for more in ((batch + 1, tokens), (batch, tokens + 1)):
        after = prefill(model, precision, batch=more[0], prompt_tokens=more[1], fusion=fusion)
        assert less_than(before, after) == []
        assert after.total("flop") > before.total("flop")

    def step(sequences: int, context: int) -> Operators:
        return decode(model, precision, batch=sequences, context_tokens=context, fusion=fusion, absorbed=absorbed)

    assert less_than(step(batch, tokens), step(batch + 1, tokens)) == []
    chunked = any(isinstance(kind.mixer, Attention) and kind.mixer.chunked for kind in model.layers)
    if not chunked:  # the first token of a chunk sees less than the last one before it
        assert less_than(step(batch, tokens), step(batch, tokens + 1)) == []
        assert kv_cache_bytes(model, precision, tokens + 1) >= kv_cache_bytes(model, precision, tokens)


# --- bits -----------------------------------------------------------------------------------------------------------


def affine(at: dict[float, float]) -> float:
    """The slope of values that must lie on one line, per bit."""
    (low, at_low), (high, at_high) = min(at.items()), max(at.items())
    slope = (at_high - at_low) / (high - low)
    for bits, value in at.items():
        assert value == pytest.approx(at_low + (bits - low) * slope, rel=1e-11)
    return slope


@settings(max_examples=30)
@given(models(), st.integers(1, 64), st.integers(1, 4000), fusions())
def test_bits_scale_bytes_exactly(model: Model, batch: int, tokens: int, fusion: tuple[str, ...]) -> None:
    """Over all formats: weights but norms and biases, activations but positions, the cache but states."""
    model = plain(model)
    weights, stored, activations, cache, kept = {}, {}, {}, {}, {}
    for name in formats():
        bits = number_format(name).bits
        rows = prefill(model, Precision(name), batch=batch, prompt_tokens=tokens, fusion=fusion)
        weights[bits] = sum(row.count * row.weight_bytes for row in rows if row.weight_class == "dense")
        stored[bits] = weight_bytes(model, Precision(name))
        rows = prefill(model, Precision("fp16", name), batch=batch, prompt_tokens=tokens, fusion=fusion)
        activations[bits] = rows.total("act_read_bytes") + rows.total("act_write_bytes")
        rows = decode(model, Precision("fp16", "fp16", name), batch=batch, context_tokens=tokens, fusion=fusion)
        cache[bits] = rows.total("kv_read_bytes")
        kept[bits] = kv_cache_bytes(model, Precision("fp16", "fp16", name), tokens)
    gathered = (batch * tokens * model.hidden) if model.tied_embeddings else 0
    if model.tied_embeddings and model.learned_positions:
        gathered *= 2
    matrices = sum(matrix_parameters_by_group(model).values())
    assert 8 * affine(weights) == pytest.approx(matrices + gathered, rel=1e-9)
    biases = sum(
        kind.count * feed.experts * (feed.up_width + (feed.latent or model.hidden))
        for kind in model.layers
        for feed in kind.feed_forwards
        if isinstance(feed, Experts) and feed.bias
    )
    all_matrices = matrices + model.expert_parameters - biases + model.embedding_parameters
    assert 8 * affine(stored) == pytest.approx(all_matrices, rel=1e-9)
    affine(activations)
    affine(cache)
    states = sum(kind.count * kind.mixer.state_bytes() for kind in model.layers if kind.mixer)
    elements = sum(kind.count * kind.mixer.cache_elements(tokens) for kind in model.layers if kind.mixer)
    assert kept[16.0] == pytest.approx(2 * elements + states, rel=SLACK)
    assert 8 * affine(kept) == pytest.approx(elements, rel=1e-9)
    if not any(
        isinstance(kind.mixer, LatentAttention | CompressedAttention) and kind.mixer.indexer for kind in model.layers
    ):
        assert activations[32.0] == 2 * activations[16.0] == 4 * activations[8.0]
    if not states:
        assert cache[32.0] == pytest.approx(2 * cache[16.0], rel=SLACK)
        assert cache[16.0] == pytest.approx(2 * cache[8.0], rel=SLACK)


@given(models(), precisions())
def test_a_format_of_a_group_changes_that_group_alone(model: Model, precision: Precision) -> None:
    uniform = dataclasses.replace(precision, groups=())
    changed = 0.0
    for group, parameters in matrix_parameters_by_group(model).items():
        bits = number_format(precision.weights_of(group)).bits - number_format(precision.weights).bits
        changed += parameters * bits / 8
    expected = dense_weight_bytes(model, uniform) + changed
    assert dense_weight_bytes(model, precision) == pytest.approx(expected, rel=1e-11)


# --- experts --------------------------------------------------------------------------------------------------------


@given(mixtures(), st.integers(1, 10_000))
def test_experts_reached_go_from_k_to_all(experts: Experts, tokens: int) -> None:
    k, all_of_them = experts.active, experts.experts
    assert experts.touched(1) == pytest.approx(k, rel=SLACK)
    assert experts.touched(10**6) == pytest.approx(all_of_them, rel=1e-9)
    few, more = experts.touched(tokens), experts.touched(tokens + 1)
    assert k * (1 - SLACK) <= few <= min(all_of_them, k * tokens) * (1 + SLACK)
    assert few <= more <= few + k
    # One token more reaches of each expert not reached yet its share.
    assert more - few == pytest.approx((all_of_them - few) * k / all_of_them, rel=1e-9, abs=1e-9 * all_of_them)


@given(models())
def test_active_parameters_are_at_most_all(model: Model) -> None:
    mixtures_of = [feed for kind in model.layers for feed in kind.feed_forwards if isinstance(feed, Experts)]
    idle = any(feed.active < feed.experts for feed in mixtures_of)
    assert 0 < model.active_parameters <= model.total_parameters
    assert (model.active_parameters < model.total_parameters) == idle


# --- where weights live ---------------------------------------------------------------------------------------------


def read(rows: Operators, weight_class: str) -> float:
    """Weights of a class read by a pass, but for the gathered rows of tables."""
    kept = [row for row in rows if row.weight_class == weight_class and row.name != "embedding"]
    return sum(row.count * row.weight_bytes for row in kept)


@given(models(), precisions(), st.integers(1, 300), fusions(), st.booleans())
def test_every_pass_reads_every_dense_weight_once_and_a_huge_batch_every_expert(
    model: Model, precision: Precision, tokens: int, fusion: tuple[str, ...], absorbed: bool
) -> None:
    model = plain(model)
    dense, experts = dense_weight_bytes(model, precision), expert_weight_bytes(model, precision)
    whole = prefill(model, precision, batch=7, prompt_tokens=tokens, fusion=fusion)
    step = decode(model, precision, batch=1, context_tokens=tokens, fusion=fusion, absorbed=absorbed)
    huge = decode(model, precision, batch=10**6, context_tokens=tokens, fusion=fusion, absorbed=absorbed)
    for rows in (whole, step, huge):
        assert read(rows, "dense") == pytest.approx(dense, rel=1e-11)
    assert read(step, "experts") <= read(whole, "experts") * (1 + SLACK)
    assert read(huge, "experts") == pytest.approx(experts, rel=1e-9)


@given(models(), precisions())
def test_classes_of_weights_sum_to_the_footprint(model: Model, precision: Precision) -> None:
    assume(model.layer_count < 10)
    classes = scenario([Request(model, 5, 3, 2, precision)], Technology(), Deployment(), Modelling())
    footprint = classes.workloads[0].footprint_bytes
    parts = [dense_weight_bytes(model, precision), expert_weight_bytes(model, precision)]
    parts.append(embedding_bytes(model, precision))
    assert [footprint[name] for name in ("dense", "experts", "embedding")] == parts
    assert weight_bytes(model, precision) == pytest.approx(sum(parts), rel=SLACK)
    assert weight_bytes(model, FP16) == 2 * model.total_parameters
    assert footprint["kv_cache"] == 2 * kv_cache_bytes(model, precision, 8)


# --- merging --------------------------------------------------------------------------------------------------------


def apart(kind: LayerKind) -> tuple[LayerKind, ...]:
    return tuple(dataclasses.replace(kind, count=1) for _ in range(kind.count))


@given(models(), precisions(), fusions())
def test_merged_rows_keep_totals(model: Model, precision: Precision, fusion: tuple[str, ...]) -> None:
    one_by_one = dataclasses.replace(model, layers=sum((apart(kind) for kind in model.layers), ()))
    for rows, others in (
        (
            decode(model, precision, batch=2, context_tokens=77, fusion=fusion),
            decode(one_by_one, precision, batch=2, context_tokens=77, fusion=fusion),
        ),
        (
            prefill(model, precision, batch=2, prompt_tokens=77, fusion=fusion),
            prefill(one_by_one, precision, batch=2, prompt_tokens=77, fusion=fusion),
        ),
    ):
        assert rows == others
        again = merged([(row.count, dataclasses.replace(row, count=1)) for row in (*rows, *rows)])
        assert len(again.rows) == len(rows.rows)
        assert again.kernels == 2 * rows.kernels
        for quantity in QUANTITIES:
            assert again.total(quantity) == pytest.approx(2 * rows.total(quantity), rel=SLACK)


def test_rows_that_differ_in_anything_stay_apart() -> None:
    row = Operator("a", flop=1.0, weight_bytes=3.0)
    others = [dataclasses.replace(row, **{name: 5.0}) for name in ("flop", "weight_bytes", "kv_read_bytes")]
    others += [dataclasses.replace(row, name="b"), dataclasses.replace(row, compute_format="fp8")]
    assert len(merged([(1, row), *((3, other) for other in others)]).rows) == 6
    assert merged([(2, row), (7, row)]).rows == (dataclasses.replace(row, count=9),)
