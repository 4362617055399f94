"""What formats and techniques cost in quality: the evidence, how it is combined, and the scaling law."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofline import catalog, quality, quality_evidence
from roofline.chinchilla import Chinchilla, chinchilla_of, loss_nats_per_token, scaling_laws
from roofline.precision import Precision, formats, number_format
from roofline.quality import (
    NO_LOSS,
    Change,
    Loss,
    change_loss,
    closest_evidence,
    combined,
    precision_loss,
    weight_shares,
)
from roofline.quality_evidence import KINDS, baseline_perplexity, evidence_for, family_of, rows, settings, techniques
from roofline.quality_techniques import _CHANGES, request_loss, share_removed, technique_changes
from roofline.techniques import (
    NONE,
    Contextual,
    EarlyExit,
    KvBudget,
    KvSharing,
    LowRank,
    Pruning,
    Removal,
    Selection,
    Speculative,
    Techniques,
    Window,
)
from roofline.techniques.together import DECODING
from sweeps.choices import Request
from sweeps.model_quality import quality_of
from tests.naive_quality import weights_loss

SIZES = {name: float(catalog.model(name).total_parameters) for name in catalog.entries()}
MODELS = st.sampled_from(sorted(SIZES))
INTEGERS = ("int8", "int6", "int5", "int4", "int3", "int2")


def loss(weights: str, activations: str = "fp16", kv_cache: str = "fp16", model: str = "llama-2-7b") -> Loss:
    return precision_loss(Precision(weights, activations, kv_cache), catalog.model(model))


# The data


def test_every_row_of_evidence_is_sane_and_says_where_it_is_from() -> None:
    for row in rows():
        assert 1.0 < row.baseline < 100.0, row
        assert row.value > 0.98 * row.baseline, row
        assert row.evidence in KINDS, row
        assert row.source.startswith(("read: ", "recalled, unverified", "value read: ")), row
        assert ("recalled" in row.source) == (row.evidence == "recalled"), row
        assert row.method, row
        assert row.model not in SIZES or row.parameters == pytest.approx(SIZES[row.model], rel=0.05), row


def test_formats_of_the_evidence_are_formats() -> None:
    for technique in ("weights", "kv_cache", "weights+activations", "weights+activations+kv_cache"):
        for setting in settings(technique):
            assert all(number_format(form).bits < 16 for form in setting.split("/"))


def test_one_method_is_told_once_for_a_model_and_a_setting() -> None:
    seen = [(row.model, row.technique, row.setting, row.method, row.text, row.baseline) for row in rows()]
    assert len(seen) == len(set(seen))


# Known answers


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (loss("q4_k_m"), math.log(1.014242)),  # llama.cpp's own ratio, q4_K_M of Llama-2-7B
        (loss("q6_k"), math.log(1.002406)),
        (loss("q2_k"), math.log(1.107955)),
        (loss("q4_0", model="llama-2-70b"), math.log(1.0361)),  # "3.61 %"
        (loss("int8", "int8"), math.log(5.515 / 5.474)),  # SmoothQuant
        (loss("int8", "int8", model="llama-2-13b"), 0.0),  # 4.929 after 4.950: noise
        (loss("int3-g128"), math.log(5.81 / 5.47)),  # EfficientQAT, the best of two
        (loss("fp16", kv_cache="int4", model="mistral-7b-v0.1"), math.log(5.34 / 5.32)),  # KIVI
    ],
)
def test_published_losses_come_out_as_published(what: Loss, expected: float) -> None:
    assert what.value == pytest.approx(expected, abs=1e-4)
    assert what.evidence == "measured"


def test_two_bits_are_no_free_lunch() -> None:
    """The issue's own reason: speed and memory alone always choose the narrowest format."""
    for model in ("llama-2-7b", "llama-3-8b", "qwen2.5-7b"):
        by_bits = [loss(form, model=model).value for form in ("int8", "int4", "int2")]
        assert by_bits == sorted(by_bits)
        assert math.exp(by_bits[-1]) > 1.7 > 1.12 > math.exp(by_bits[1])


@pytest.mark.parametrize("model", ["llama-2-7b", "llama-2-13b", "llama-2-70b", "llama-3-8b"])
def test_4_bit_weights_activations_and_cache_of_spinquant_cost_about_the_sum(model: str) -> None:
    """Adding is an assumption; its authors measured all three together, to one decimal (0.03 nat at 3.3)."""

    def spinquant(technique: str, setting: str) -> float:
        (row,) = [row for row in evidence_for(technique, setting) if (row.model, row.method) == (model, "SpinQuant")]
        return row.loss

    cache = change_loss(Change("kv_cache", "int4"), model, SIZES[model])
    together = spinquant("weights+activations+kv_cache", "int4/int4/int4")
    assert together == pytest.approx(spinquant("weights+activations", "int4/int4") + cache.value, abs=0.06)
    pair = change_loss(Change("weights+activations", "int4/int4"), model, SIZES[model])
    total = combined((pair, cache))
    assert total.low <= together <= total.high


def test_the_scaling_law_at_chinchilla_and_gopher() -> None:
    """Hoffmann et al.: on one budget of training, 70 billion parameters and 1.4e12 tokens beat 280 and 3e11."""
    law = scaling_laws()["hoffmann"]
    chinchilla = loss_nats_per_token(7e10, 1.4e12, "hoffmann")
    by_hand = 1.69 + 406.4 / 7e10**0.34 + 410.7 / 1.4e12**0.28
    assert chinchilla == pytest.approx(by_hand, rel=1e-14)
    assert chinchilla == pytest.approx(1.9366, abs=5e-5)
    assert chinchilla < loss_nats_per_token(2.8e11, 3e11, "hoffmann")
    assert loss_nats_per_token(math.inf, math.inf, "hoffmann") == law["irreducible_nats_per_token"]


def test_the_refit_gives_about_20_tokens_per_parameter() -> None:
    """Besiroglu et al.: at Gopher's budget, 5.76e23 FLOP = 6ND, the refit agrees with the rule of 20."""
    budget, best = 5.76e23, math.inf
    ratio = 0.0
    for step in range(4000):
        size = 1e9 * 1.0018**step
        tokens = budget / (6 * size)
        if (found := loss_nats_per_token(size, tokens, "epoch")) < best:
            best, ratio = found, tokens / size
    assert 15 < ratio < 30


@given(size=st.floats(4e7, 1e12), more=st.floats(1.01, 100))
def test_more_parameters_and_more_tokens_never_hurt(size: float, more: float) -> None:
    for law in scaling_laws():
        base = loss_nats_per_token(size, 20 * size, law)
        assert loss_nats_per_token(size * more, 20 * size, law) < base
        assert loss_nats_per_token(size, 20 * size * more, law) < base


@given(size=st.floats(4e7, 1e12), law=st.sampled_from(("hoffmann", "epoch")))
def test_a_model_of_the_family_has_its_size_a_usual_shape_and_a_name_that_brings_it_back(size: float, law: str) -> None:
    one = Chinchilla(size, 1e12, law)
    model = one.model()
    (layers,) = model.layers
    assert model.total_parameters == pytest.approx(size, rel=2e-3)
    assert chinchilla_of(model.name) == one
    assert layers.count * 128 == model.hidden
    assert 1.5 < layers.feed_forwards[0].matrix_parameters(model.hidden) / (3 * model.hidden**2) < 4.0


# How evidence is used


@pytest.mark.parametrize("name", ["llama-2-7b", "llama-3-8b", "llama-3.1-70b", "qwen2.5-7b", "gemma-2-9b", "gpt2"])
def test_losses_of_weights_equal_the_naive_twin(name: str) -> None:
    for form in settings("weights"):
        found = change_loss(Change("weights", form), name, SIZES[name])
        expected = weights_loss(form, name, SIZES[name])
        assert expected is None if math.isnan(found.value) else found.value == pytest.approx(expected, rel=1e-12)


def test_sixteen_bits_cost_nothing_at_all() -> None:
    for form in ("fp32", "tf32", "bf16", "fp16"):
        assert loss(form, form, form) is NO_LOSS
    request = Request(catalog.model("llama-2-7b"), 16, 16)
    assert quality_of([request]).loss == NO_LOSS
    assert quality_of([request]).log_perplexity == math.log(5.47)


@given(model=MODELS)
def test_fewer_bits_never_cost_less(model: str) -> None:
    for technique in ("weights", "kv_cache"):
        found = [change_loss(Change(technique, form), model, SIZES[model]).value for form in INTEGERS]
        assert found == sorted(found)


def test_no_format_costs_an_unmeasured_model_more_than_a_narrower_one() -> None:
    """Formats were measured on different models: pooled as they are, 4 bits could beat 4.16."""
    of_bits = [form for form in settings("weights") if form != "aqlm"]
    of_bits.sort(key=lambda form: -number_format(form).bits)
    for name, size in (("unknown", 1e8), ("unknown", 3e9), ("unknown", 1e12), ("gemma-2-9b", SIZES["gemma-2-9b"])):
        found = [change_loss(Change("weights", form), name, size).value for form in of_bits]
        found = [value for value in found if not math.isnan(value)]
        assert found == sorted(found)
        assert len(found) > 20


@given(
    model=MODELS,
    technique=st.sampled_from(("pruning", "hidden", "low_rank", "layers", "contextual_sparsity")),
    one=st.floats(0, 1),
    other=st.floats(0, 1),
)
def test_more_of_a_technique_never_costs_less_and_none_costs_nothing(
    model: str, technique: str, one: float, other: float
) -> None:
    less, more = (change_loss(Change(technique, str(s)), model, SIZES[model]) for s in sorted((one, other)))
    assert change_loss(Change(technique, "0"), model, SIZES[model]).value == 0.0
    most = max(float(setting) for setting in settings(technique))
    assert math.isnan(more.value) == (max(one, other) > most)
    assert math.isnan(more.value) or less.value <= more.value + 1e-15


@given(model=MODELS, form=st.sampled_from(sorted(formats())), cache=st.sampled_from(["fp16", "fp8", "int4", "int2"]))
def test_bounds_hold_the_value(model: str, form: str, cache: str) -> None:
    for active in ("fp16", "int8", "fp8"):
        found = loss(form, active, cache, model)
        if found.evidence == "none":
            assert all(math.isnan(number) for number in (found.value, found.low, found.high))
            assert found.missing
        else:
            assert 0.0 <= found.low <= found.value <= found.high
            assert found is NO_LOSS or found.sources


@given(
    st.lists(st.tuples(st.floats(0, 3), st.floats(0, 3), st.floats(0, 3)).map(sorted), min_size=2, max_size=5),
)
def test_losses_together_are_at_least_the_largest_and_at_most_the_sum(numbers: list[list[float]]) -> None:
    parts = [Loss(value, low, high, "measured") for low, value, high in numbers]
    total = combined(parts)
    assert total.low == max(part.low for part in parts)
    assert total.low <= total.value + 1e-12
    assert total.value <= total.high + 1e-12
    assert total.evidence == "fitted"
    assert combined([*parts, Loss(math.nan, math.nan, math.nan, "none", (Change("x", ""),))]).evidence == "none"


def test_what_is_known_of_a_family_comes_before_what_is_known_of_others() -> None:
    assert family_of("llama-3.1-70b") == family_of("llama-3-8b") == "llama-3"
    own, kin = loss("int4-g128", model="llama-3-70b"), loss("int4-g128", model="llama-3.1-70b")
    assert (own.evidence, kin.evidence) == ("measured", "fitted")
    assert kin.value == pytest.approx(own.value, rel=1e-3)
    assert {row.model for row in evidence_for("weights", "int4-g128") if row.source in kin.sources} >= {"llama-3-70b"}


def test_what_a_model_was_trained_in_says_nothing_about_others() -> None:
    assert loss("ternary", model="bitnet-b1.58-3b").value == 0.0
    assert loss("ternary", model="bitnet-b1.58-3b").evidence == "measured"
    assert loss("ternary").evidence == "none"


def test_a_row_that_was_not_read_makes_nothing_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    recalled = tuple(replace(row, evidence="recalled") if row.method == "TEAL" else row for row in rows())
    sparse = Change("contextual_sparsity", "0.5")
    read = change_loss(sparse, "llama-3-8b", 8.03e9)
    monkeypatch.setattr(quality_evidence, "rows", lambda: recalled)
    cached = (quality_evidence.evidence_for, quality._known)
    try:
        for one in cached:
            one.cache_clear()
        found = change_loss(sparse, "llama-3-8b", 8.03e9)
    finally:
        for one in cached:
            one.cache_clear()
    assert (read.evidence, found.evidence) == ("measured", "fitted")
    assert (read.value, found.value) == (math.log(6.67 / 5.87),) * 2


def test_activations_in_another_format_than_weights_cost_too_much_rather_than_too_little() -> None:
    both = loss("int4", "int8")
    assert both.value == pytest.approx(loss("int4").value + loss("int8", "int8").value, rel=1e-12)
    assert both.evidence == "fitted"
    assert loss("fp16", "int8").value == loss("int8", "int8").value


def test_groups_of_weights_count_by_their_parameters_and_the_head_not_at_all() -> None:
    model = catalog.model("llama-2-7b")
    mixed = Precision("int4", groups=(("attention", "fp16"), ("lm_head", "int2"), ("embedding", "int2")))
    shares = weight_shares(mixed, model)
    assert shares == pytest.approx({"fp16": 2.147e9 / 6.476e9, "int4": 4.329e9 / 6.476e9}, rel=1e-3)
    found = precision_loss(mixed, model)
    assert found.value == pytest.approx(shares["int4"] * loss("int4").value, rel=1e-12)
    assert found.high == loss("int4").high
    assert found.evidence == "fitted"


def test_a_format_between_two_measured_ones_lies_between_them_and_is_fitted() -> None:
    low, middle, high = loss("q8_0"), loss("int8"), loss("q6_k")
    assert low.value < middle.value < high.value
    assert middle.evidence == "fitted"


# Techniques


def test_speculative_decoding_changes_nothing_that_a_model_says() -> None:
    target, draft = catalog.model("llama-2-70b"), catalog.model("llama-2-7b")
    guess = Techniques(speculative=Speculative(draft, gamma=4, acceptance=0.8))
    assert technique_changes(guess, target) == ()
    assert request_loss(target, Precision("int4"), guess) == request_loss(target, Precision("int4"), NONE)


def test_every_technique_says_what_it_changes() -> None:
    assert {field.name for field in fields(Techniques)} == {*DECODING, *_CHANGES}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Techniques(pruning=Pruning(0.5)), ("pruning 0.5",)),
        (Techniques(pruning=Pruning(pattern="2:4")), ("n_m 2:4",)),
        (Techniques(removal=Removal(layers=8, hidden=0.25)), ("hidden 0.25", "layers 0.25")),
        (Techniques(kv_budget=KvBudget(1024, sinks=4)), ("eviction 1024",)),
        (Techniques(kv_budget=KvBudget(1024)), ("heavy_hitters 1024",)),
        (Techniques(window=Window(1024)), ("window 1024",)),
        (Techniques(selection=Selection(64, 512, 512)), ("selection 0.875",)),
        (Techniques(selection=Selection(64, 512, 512, pooled=True)), ("memory_attention 1024",)),
        (Techniques(selection=Selection(64, 512, 512, layers=8)), ("memory_attention 1024",)),
        (Techniques(removal=Removal(heads=0.2, channels=0.2)), ("heads+channels 0.2",)),
        (Techniques(removal=Removal(heads=0.2)), ("heads 0.2",)),
        (Techniques(kv_sharing=KvSharing(2)), ("kv_sharing 2",)),
        (Techniques(contextual=Contextual(neurons=0.5, heads=0.75)), ("contextual_sparsity 0.5",)),
        (Techniques(early_exit=EarlyExit(24)), ("early_exit at 24 of 32",)),
        (Techniques(pruning=Pruning(0.5), kv_budget=KvBudget(1024, sinks=4)), ("pruning 0.5", "eviction 1024")),
    ],
)
def test_techniques_in_the_words_of_the_evidence(given: Techniques, expected: tuple[str, ...]) -> None:
    assert tuple(str(change) for change in technique_changes(given, catalog.model("llama-2-7b"), 8192.0)) == expected


@pytest.mark.parametrize(
    "given",
    [
        NONE,
        Techniques(pruning=Pruning(0.0)),
        Techniques(removal=Removal()),
        Techniques(low_rank=LowRank(1.0)),
        Techniques(early_exit=EarlyExit(32)),
        Techniques(kv_sharing=KvSharing(1)),
        Techniques(contextual=Contextual()),
        Techniques(window=Window(4096)),
        Techniques(kv_budget=KvBudget(4096)),
        Techniques(selection=Selection(64, 4096)),
    ],
)
def test_a_technique_that_leaves_everything_as_it_is_costs_nothing(given: Techniques) -> None:
    assert request_loss(catalog.model("llama-2-7b"), Precision(), given, context=4096.0) is NO_LOSS


@pytest.mark.parametrize(
    ("model", "given", "expected"),
    [
        ("llama-2-7b", Techniques(removal=Removal(hidden=0.25)), math.log(7.24 / 5.47)),  # SliceGPT
        ("opt-6.7b", Techniques(removal=Removal(hidden=0.1)), math.log(10.92 / 10.85)),
        ("llama-2-70b", Techniques(pruning=Pruning(0.5)), math.log(3.98 / 3.12)),  # Wanda
        ("llama-2-13b", Techniques(pruning=Pruning(pattern="4:8")), math.log(6.55 / 4.57)),
        ("qwen2.5-0.5b", Techniques(pruning=Pruning(0.25)), math.log(13.72 / 13.21)),  # LiteForge
        ("llama-2-7b", Techniques(removal=Removal(layers=7)), math.log(18.45 / 5.47)),  # ShortGPT, by BlockPruner
        ("llama-2-13b", Techniques(removal=Removal(layers=10)), math.log(10.08 / 4.89)),  # the best of three
        ("llama-7b", Techniques(removal=Removal(heads=0.2, channels=0.2)), math.log(19.1 / 12.6)),  # LLM-Pruner
        ("llama-2-70b", Techniques(contextual=Contextual(0.5, 0.5)), math.log(3.5 / 3.12)),  # TEAL
        ("llama-2-13b", Techniques(kv_budget=KvBudget(1024, sinks=4)), 0.0),  # StreamingLLM
    ],
)
def test_published_losses_of_techniques_come_out_as_published(model: str, given: Techniques, expected: float) -> None:
    found = request_loss(catalog.model(model), Precision(), given)
    assert found.value == pytest.approx(expected, abs=1e-12)
    assert found.evidence == "measured"


def test_layers_that_share_caches_cost_models_trained_so_little() -> None:
    """CLA, Tables 1, 3, 5 and 7: below 1 % of perplexity for pairs of layers, more for three and four."""
    model = catalog.model("llama-3-8b")
    pairs, threes, fours, fives = (
        request_loss(model, Precision(), Techniques(kv_sharing=KvSharing(n))) for n in (2, 3, 4, 5)
    )
    assert pairs.evidence == "fitted"
    assert 0.0 <= pairs.low <= pairs.value <= pairs.high <= math.log(1.01)
    assert pairs.value < threes.value == math.log(13.77 / 13.54) < fours.value == math.log(13.95 / 13.54)
    assert fives.evidence == "none"


def test_low_rank_is_counted_by_the_weights_it_removes() -> None:
    """SVD-LLM removes 20 % of the weights of LLaMA-7B; square matrices and those of the feed-forward differ."""
    model = catalog.model("llama-7b")
    square, wide = 4 * 4096**2, 3 * 4096 * 11008
    for rank in (0.3, 0.4, 0.55, 0.7):
        kept = square * min(2 * rank, 1.0) + wide * min(rank * (4096 + 11008) / 11008, 1.0)
        assert share_removed(LowRank(rank), model) == pytest.approx(1 - kept / (square + wide), abs=3e-4)
    found = request_loss(model, Precision(), Techniques(low_rank=LowRank(0.45)))
    assert 0.2 < share_removed(LowRank(0.45), model) < 0.4
    assert math.log(7.73 / 5.68) < found.value < math.log(9.27 / 5.68)


@pytest.mark.parametrize(
    "given",
    [
        Techniques(window=Window(4096)),
        Techniques(kv_budget=KvBudget(4092, sinks=4)),
        Techniques(selection=Selection(64, 1024, 512)),
    ],
)
def test_attention_to_no_less_than_a_model_s_own_windows_costs_nothing(given: Techniques) -> None:
    """mistral-7b-v0.1 attends to the newest 4,096 tokens anyway; a budget of as many evicts nothing that it reads."""
    assert technique_changes(given, catalog.model("mistral-7b-v0.1"), 32768.0) == ()
    assert technique_changes(given, catalog.model("llama-3-8b"), 32768.0) != ()


def test_selected_blocks_lose_little_down_to_a_tenth_of_the_cache() -> None:
    """SeerAttention on PG-19: a tenth of 8 K to 128 K tokens costs 1.2 to 8.5 % of perplexity; half next to none."""
    model = catalog.model("llama-3.1-8b")
    half, tenth, less = (
        request_loss(model, Precision(), Techniques(selection=Selection(64, tokens)), context=40960.0)
        for tokens in (20480, 4096, 2048)
    )
    assert (half.evidence, tenth.evidence, less.evidence) == ("measured", "measured", "none")
    assert half.value == 0.0
    assert tenth.value == math.log(10.09 / 9.97)
    assert tenth.high == math.log(10.88 / 10.03)
    family = request_loss(
        catalog.model("llama-3-8b"), Precision(), Techniques(selection=Selection(64, 6144)), context=40960.0
    )
    assert family.evidence == "fitted"
    assert half.value < family.value < tenth.value


def test_heads_that_are_removed_alone_have_no_evidence_and_what_is_closest_is_told() -> None:
    alone = request_loss(catalog.model("llama-7b"), Precision(), Techniques(removal=Removal(heads=0.2)))
    assert alone.evidence == "none"
    assert "heads+channels" in closest_evidence(alone.missing[0])
    more = request_loss(catalog.model("llama-7b"), Precision(), Techniques(removal=Removal(heads=0.3, channels=0.3)))
    assert more.evidence == "none"


def test_a_window_without_sinks_is_another_thing_than_one_with_them() -> None:
    """StreamingLLM, Table 1: 1,024 newest tokens lose everything, 4 first and 1,020 newest ones nothing."""
    model = catalog.model("llama-2-13b")
    assert request_loss(model, Precision(), Techniques(kv_budget=KvBudget(1024, sinks=4))).value == 0.0
    assert request_loss(model, Precision(), Techniques(window=Window(1024))).value > 6.0
    assert request_loss(model, Precision(), Techniques(window=Window(512))).evidence == "none"


def test_the_worst_workload_of_a_mix_counts_and_one_unknown_makes_it_unknown() -> None:
    small, large = catalog.model("llama-2-7b"), catalog.model("llama-2-13b")
    mix = [Request(small, 16, 16, precision=Precision("int4"), share=0.5), Request(large, 16, 16, share=0.5)]
    found = quality_of(mix)
    assert found.loss.value == loss("int4").value
    assert found.log_perplexity == pytest.approx(max(math.log(5.47) + found.loss.value, math.log(4.88)))
    mix.append(Request(large, 16, 16, precision=Precision("ternary")))
    assert quality_of(mix).loss.evidence == "none"
    assert math.isnan(quality_of(mix).log_perplexity)


def test_perplexities_of_different_tokens_do_not_compare() -> None:
    mix = [Request(catalog.model(name), 16, 16) for name in ("llama-2-7b", "llama-3-8b")]
    assert quality_of(mix).text == ""
    assert math.isnan(quality_of(mix).log_perplexity)
    assert quality_of(mix[:1]).text == quality_of([Request(catalog.model("llama-7b"), 16, 16)]).text
    assert baseline_perplexity("gpt2") is None


def test_what_a_law_says_is_fitted() -> None:
    found = quality_of([Request(Chinchilla(7e9, 1.4e11).model(), 16, 16)])
    assert found.loss.evidence == "fitted"
    assert found.loss.value == 0.0
    assert found.log_perplexity == loss_nats_per_token(7e9, 1.4e11, "hoffmann")
    assert "arXiv 2203.15556" in found.loss.sources[-1]


def test_closest_evidence_is_named() -> None:
    assert closest_evidence(Change("early_exit", "24")).startswith("there is evidence for weights")
    near = closest_evidence(Change("pruning", "0.9"))
    assert near.startswith("the closest for pruning: 0.7 (llama-3.1-8b)")
    assert set(techniques()) >= {"weights", "kv_cache", "pruning", "n_m", "low_rank"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Chinchilla(1e3, 1e12), "expected 4e\\+07 to 1e\\+12 parameters, got 1000"),
        (lambda: Chinchilla(1e9, 1.0), "expected 1e\\+08 to 1e\\+15 tokens, got 1"),
        (lambda: Chinchilla(1e9, 1e12, "kaplan"), "expected a law of hoffmann, epoch, got kaplan"),
    ],
)
def test_sizes_no_model_could_have_are_refused(wrong: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wrong()  # type: ignore[operator]
