"""Techniques: their limits, mistake 19, their order, and what does not go together."""

from __future__ import annotations

from dataclasses import replace

import pytest
from technique_cases import of, seconds

from roofline import catalog
from roofline.operators import Operators
from roofline.parallel import Parallel
from roofline.techniques import (
    Accepted,
    Contextual,
    Eagle,
    EarlyExit,
    Jacobi,
    KvBudget,
    KvSharing,
    Lookahead,
    LowRank,
    Medusa,
    MultiToken,
    PassOptions,
    Pruning,
    Removal,
    Selection,
    SelfSpeculative,
    Served,
    Speculative,
    Techniques,
    TokenTree,
    Window,
    contradiction,
)
from roofline.techniques.heads import drafting_layer
from roofline.techniques.verify import expected_path, expected_tokens

# --- limits: nothing is asked, nothing changes --------------------------------------------------------------------

NOTHING = {
    "no technique": Techniques(),
    "sparsity 0": Techniques(pruning=Pruning(0.0)),
    "sparsity 0 in CSR": Techniques(pruning=Pruning(0.0, "csr")),
    "full rank": Techniques(low_rank=LowRank(1.0)),
    "exit at the last layer": Techniques(early_exit=EarlyExit(32)),
    "nothing removed": Techniques(removal=Removal()),
    "a window beyond the context": Techniques(window=Window(10_000)),
    "a budget beyond the context": Techniques(kv_budget=KvBudget(10_000, 4)),
    "caches of single layers": Techniques(kv_sharing=KvSharing(1)),
    "all heads and neurons": Techniques(contextual=Contextual(1.0, 1.0)),
}


@pytest.mark.parametrize("techniques", NOTHING.values(), ids=NOTHING)
@pytest.mark.parametrize("batch", [1, 7])
def test_nothing_asked_changes_nothing_bit_for_bit(techniques: Techniques, batch: int) -> None:
    assert of("llama-3-8b", techniques, batch=batch) == replace(of("llama-3-8b", batch=batch))


def test_a_technique_that_would_store_more_leaves_the_matrix_as_it_is() -> None:
    plain = of("llama-3-8b")
    for techniques in (
        Techniques(pruning=Pruning(0.05)),  # a bitmap costs a 16th of 16 bits
        Techniques(pruning=Pruning(0.45, "csr")),
        Techniques(pruning=Pruning(0.9, "none")),
        Techniques(low_rank=LowRank(0.99)),
    ):
        assert of("llama-3-8b", techniques).decode == plain.decode
        assert of("llama-3-8b", techniques).footprint_bytes == plain.footprint_bytes


def test_acceptance_0_is_plain_decoding_with_the_cost_of_the_draft() -> None:
    """Issue 8: a step yields one token, and costs the draft's passes beside a pass over gamma + 1 positions."""
    draft = catalog.model("llama-3.2-1b")
    found = of("llama-3-8b", Techniques(speculative=Speculative(draft, 3, 0.0)))
    assert found.tokens_per_pass == 1.0
    target = [row for row in found.decode if not row.name.startswith("draft_")]
    drafted = [row for row in found.decode if row.name.startswith("draft_")]
    plain = of("llama-3-8b").decode
    matrices = sum(row.count * row.weight_bytes for row in target if row.name != "embedding")
    assert matrices == sum(row.count * row.weight_bytes for row in plain if row.name != "embedding")
    assert seconds(Operators(tuple(target))) >= seconds(plain)
    alone = of(draft).decode
    assert {row.count for row in drafted} == {3 * row.count for row in alone}
    assert seconds(found.decode) == pytest.approx(
        seconds(Operators(tuple(target))) + seconds(Operators(tuple(drafted)))
    )


def test_acceptance_1_yields_every_position() -> None:
    assert [expected_tokens(1.0, gamma) for gamma in (1, 4, 64)] == [2.0, 5.0, 65.0]
    assert expected_path([1.0, 1.0, 0.0, 1.0]) == 3.0
    for alpha in (0.0, 0.3, 0.999):
        assert expected_tokens(alpha, 5) == pytest.approx(expected_path([alpha] * 5), rel=1e-15)
        assert Accepted(by_depth=(alpha,) * 5).tokens(5) == expected_path([alpha] * 5)
        assert expected_tokens(alpha, 5) == pytest.approx((1 - alpha**6) / (1 - alpha), rel=1e-12)


def test_a_draft_of_all_layers_is_the_target_itself() -> None:
    found = of("llama-3-8b", Techniques(self_speculative=SelfSpeculative(32, 1, 1.0)))
    plain = of("llama-3-8b")
    drafted = [replace(row, name=row.name.removeprefix("draft_")) for row in found.decode if "draft_" in row.name]
    assert drafted == list(plain.decode.rows)
    assert found.footprint_bytes["dense"] == plain.footprint_bytes["dense"]


# --- every kind of model ------------------------------------------------------------------------------------------

KINDS = ["llama-3-8b", "gemma-2-9b", "mixtral-8x7b", "deepseek-v3", "glm-5", "deepseek-v4-flash", "qwen3-next-80b-a3b",
         "jamba-v0.1", "mamba2-2.7b", "falcon-7b", "llama-4-scout-17b-16e"]  # fmt: skip
ONE_OF_EACH = [
    {"removal": Removal(layers=1, heads=0.3, channels=0.3)},
    {"low_rank": LowRank(0.2)},
    {"pruning": Pruning(0.6)},
    {"early_exit": EarlyExit(3)},
    {"window": Window(100)},
    {"kv_budget": KvBudget(100, 4)},
    {"kv_sharing": KvSharing(2)},
    {"selection": Selection(16, 64, 16, 2)},
    {"contextual": Contextual(0.3, 0.3, 64)},
    {"speculative": Speculative(catalog.model("qwen3-0.6b"), 3, 0.6)},
    {"self_speculative": SelfSpeculative(2, 3, 0.6)},
    {"token_tree": TokenTree(catalog.model("qwen3-0.6b"), 3, 9, Accepted(0.7))},
    {"medusa": Medusa(3, 9, Accepted(0.7))},
    {"eagle": Eagle(3, Accepted(0.7))},
    {"multi_token": MultiToken(1, Accepted(0.7))},
    {"lookahead": Lookahead(5, 3, 5, Accepted(0.7))},
]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("one", ONE_OF_EACH, ids=[next(iter(one)) for one in ONE_OF_EACH])
def test_a_technique_suits_a_model_or_says_why_not(name: str, one: dict[str, object]) -> None:
    """Nothing is negative; what a step reads is held; compression holds less, what attends to less reads less."""
    plain, key, why = of(name, batch=3), next(iter(one)), name
    found = plain
    try:
        found = of(name, Techniques(**one), batch=3)  # type: ignore[arg-type]
    except ValueError as error:
        why = str(error)
    assert name in why
    assert min(found.footprint_bytes.values()) >= 0
    for row in (*found.decode, *found.prefill):
        assert min(row.flop, row.vector_ops, row.weight_bytes, row.act_read_bytes, row.kv_read_bytes) >= 0
    own = [row for row in found.decode if row.weight_class == "dense" and row.name != "embedding"]
    read = sum(row.count * row.weight_bytes for row in own if not row.name.startswith("draft_"))
    assert read <= found.footprint_bytes["dense"] * (1 + 1e-9)
    held, whole = (sum(f.footprint_bytes[c] for c in ("dense", "experts", "embedding")) for f in (found, plain))
    if key in ("removal", "low_rank", "pruning"):
        assert held <= whole
    if key in ("window", "kv_budget", "selection", "early_exit"):
        assert found.decode.total("kv_read_bytes") <= plain.decode.total("kv_read_bytes")


# --- PHYSICS, mistake 19 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", [1, 4, 8])
def test_mistake_19_speculative_decoding_verifies_gamma_plus_1_positions(gamma: int) -> None:
    """Gamma drafted tokens and the one before them: gamma + 1 rows meet the weights, the LM head scores them all."""
    draft = catalog.model("llama-3.2-1b")
    for name, techniques in {
        "draft": Techniques(speculative=Speculative(draft, gamma, 0.8)),
        "own layers": Techniques(self_speculative=SelfSpeculative(8, gamma, 0.8)),
        "modules": Techniques(multi_token=MultiToken(gamma, Accepted(0.8))),
        "chain": Techniques(eagle=Eagle(gamma, Accepted(0.8))),
        "heads": Techniques(medusa=Medusa(gamma, gamma, Accepted(0.8))),
    }.items():
        found = of("llama-3-8b", techniques, batch=3)
        rows = {row.name: row for row in found.decode}
        plain = {row.name: row for row in of("llama-3-8b", batch=3).decode}
        for matrix in ("qkv_proj", "up_gate", "lm_head"):
            assert rows[matrix].rows == 3 * (gamma + 1), name
            assert rows[matrix].flop == (gamma + 1) * plain[matrix].flop, name
            assert rows[matrix].weight_bytes == plain[matrix].weight_bytes, name
        context = 512 + 64
        attended = sum(context + i for i in range(gamma + 1))
        assert rows["attention"].flop == pytest.approx(3 * 4 * 32 * 128 * attended, rel=1e-12)
        assert rows["attention"].kv_read_bytes == pytest.approx(3 * (context + gamma) * 2 * 8 * 128 * 2, rel=1e-12)
        assert found.tokens_per_pass == pytest.approx(sum(0.8**i for i in range(gamma + 1)), rel=1e-12)


@pytest.mark.parametrize("tokens", [2, 5])
def test_mistake_19_on_latents_and_selected_tokens(tokens: int) -> None:
    """Every position attends to one latent more; the cache is read once for all, of selected tokens at most that."""
    yields = Techniques(jacobi=Jacobi(tokens, Accepted(0.5)))
    context = 4096 + 64
    seen = sum(context + i for i in range(tokens))
    for name, top in (("deepseek-v2", None), ("glm-5", 2048)):
        model = catalog.model(name)
        (mixer, *_) = {kind.mixer for kind in model.layers}
        rows = {row.name: row for row in of(name, yields, prompt=4096.0).decode}
        width, heads = mixer.latent_rank + mixer.rope_dim, mixer.heads  # type: ignore[union-attr]
        pairs = seen if top is None else tokens * top
        assert rows["attention"].flop == pytest.approx(2 * heads * (width + mixer.latent_rank) * pairs)  # type: ignore[union-attr]
        read = context + tokens - 1 if top is None else min(tokens * top, context + tokens - 1)
        assert rows["attention"].kv_read_bytes == pytest.approx(read * width * 2)
        if top is not None:  # a key of every cached token is scored
            index = mixer.indexer  # type: ignore[union-attr]
            assert rows["indexer_score"].flop == pytest.approx(2 * index.heads * index.head_dim * seen)
            assert rows["indexer_score"].kv_read_bytes == pytest.approx((context + tokens - 1) * index.head_dim * 2)


@pytest.mark.parametrize(("gamma", "batch"), [(1, 1), (3, 2), (7, 16)])
def test_mistake_19_verified_positions_reach_more_experts(gamma: int, batch: int) -> None:
    """Each position is routed on its own: E(1 - (1 - k/E)^(b(gamma + 1))) experts are read, not k per sequence."""
    found = of("mixtral-8x7b", Techniques(jacobi=Jacobi(gamma + 1, Accepted(0.5))), batch=batch)
    (row,) = (one for one in found.decode if one.name == "moe_down")
    assert row.matrices == pytest.approx(8 * (1 - 0.75 ** (batch * (gamma + 1))))
    assert row.rows * row.matrices == pytest.approx(2 * batch * (gamma + 1))


def test_mistake_19_in_windows_and_states() -> None:
    """A window is read once with a token more for each position; a state once, and written once."""
    window, tokens = 4096, 5
    yields = Techniques(jacobi=Jacobi(tokens, Accepted(0.5)))
    found = of("mistral-7b-v0.1", yields, prompt=20_000.0)
    (row,) = (one for one in found.decode if one.name == "attention")
    assert row.flop == 4 * 32 * 128 * tokens * window
    assert row.kv_read_bytes == (window + tokens - 1) * 2 * 8 * 128 * 2
    once, more = (of("mamba2-2.7b", one) for one in (Techniques(), yields))
    assert more.decode.total("kv_read_bytes") == once.decode.total("kv_read_bytes")
    assert more.decode.total("kv_write_bytes") == once.decode.total("kv_write_bytes")


def test_a_draft_grows_a_level_of_its_tree_in_each_pass() -> None:
    """Of 12 nodes on 3 levels every pass has 4: arithmetic of 12 tokens, weights of 3 passes."""
    draft = catalog.model("llama-3.2-1b")
    for name, tree, chain in (
        (
            "draft model",
            {"token_tree": TokenTree(draft, 3, 12, Accepted(0.7))},
            {"speculative": Speculative(draft, 3, 0.7)},
        ),
        ("layer", {"eagle": Eagle(3, Accepted(0.7), nodes=12)}, {"eagle": Eagle(3, Accepted(0.7))}),
    ):
        rows, single = (
            [row for row in of("llama-3-8b", Techniques(**one)).decode if "draft_" in row.name and row.inputs]  # type: ignore[arg-type]
            for one in (tree, chain)
        )
        assert sum(r.count * r.flop for r in rows) == 4 * sum(r.count * r.flop for r in single), name
        assert sum(r.count * r.weight_bytes for r in rows) == sum(r.count * r.weight_bytes for r in single), name
        assert {r.count for r in rows} == {r.count for r in single}, name


def test_both_caches_and_both_models_are_held() -> None:
    draft = catalog.model("llama-3.2-1b")
    found = of("llama-3-8b", Techniques(speculative=Speculative(draft, 4, 0.8)), batch=2)
    target, alone = of("llama-3-8b", batch=2), of(draft, batch=2)
    assert found.footprint_bytes["dense"] == target.footprint_bytes["dense"] + alone.footprint_bytes["dense"]
    both = target.footprint_bytes["kv_cache"] + alone.footprint_bytes["kv_cache"]
    assert found.footprint_bytes["kv_cache"] == pytest.approx(both, rel=1e-2)  # and the positions of a step
    assert found.footprint_bytes["kv_cache"] > both
    assert found.prefill.total("flop") == target.prefill.total("flop") + alone.prefill.total("flop")


# --- what goes together -------------------------------------------------------------------------------------------


def test_the_order_in_which_techniques_are_given_does_not_matter() -> None:
    """They apply in one order: compression, depth, span, contextual sparsity, decoding."""
    given = {
        "removal": Removal(layers=4),
        "low_rank": LowRank(0.3),
        "pruning": Pruning(0.5),
        "kv_budget": KvBudget(256),
        "medusa": Medusa(3, 8, Accepted(0.7)),
    }
    forward, backward = (
        of("llama-2-7b", Techniques(**dict(items))) for items in (given.items(), [*given.items()][::-1])
    )  # type: ignore[arg-type]
    assert forward == backward
    factors = [row for row in forward.decode if row.name.endswith(("_u", "_v"))]
    assert all(row.weight_width == 0.5 * 2 + 1 / 8 for row in factors)  # factors are pruned, not the other way round
    medusa = next(row for row in forward.decode if row.name == "medusa_block")
    assert medusa.weight_width == 2.0  # what decoding adds is not compressed
    assert Techniques(**given).used == tuple(given)  # type: ignore[arg-type]


def test_layers_are_removed_before_their_caches_are_shared_and_evicted() -> None:
    """Of 31 layers that are left 16 have a cache, each of what the budget keeps; 16 of 32 less one would be 15."""
    given = {"removal": Removal(layers=1), "kv_sharing": KvSharing(2), "kv_budget": KvBudget(96, 4)}
    found = of("llama-3-8b", Techniques(**given), prompt=100.0)  # type: ignore[arg-type]
    token = 2 * 8 * 128 * 2
    assert found.footprint_bytes["kv_cache"] == 16 * 100 * token
    assert found.decode.total("kv_read_bytes") == 31 * 100 * token
    assert found.decode.total("kv_write_bytes") == 16 * token


def test_an_early_exit_takes_its_layers_from_what_is_left() -> None:
    found = of("llama-3-8b", Techniques(removal=Removal(layers=16), early_exit=EarlyExit(4)))
    counts = {row.name: row.count for row in found.decode}
    assert (counts["qkv_proj"], counts["propagate_kv"]) == (4, 12)
    with pytest.raises(ValueError, match="expected 1 to 16 layers of llama-3-8b, got 20"):
        of("llama-3-8b", Techniques(removal=Removal(layers=16), early_exit=EarlyExit(20)))


def test_a_draft_made_of_the_target_is_compressed_with_it() -> None:
    found = of("llama-2-7b", Techniques(pruning=Pruning(0.5), self_speculative=SelfSpeculative(8, 2, 0.5)))
    assert {row.weight_width for row in found.decode if row.name in ("draft_down", "down")} == {0.5 * 2 + 1 / 8}


def test_a_draft_that_chooses_pays_for_its_predictors() -> None:
    chosen = Contextual(neurons=0.5, predictor=64)
    found = of("llama-2-7b", Techniques(contextual=chosen, self_speculative=SelfSpeculative(8, 2, 0.5)))
    counts = {row.name: row.count for row in found.decode if "predict_in" in row.name}
    assert counts == {"draft_predict_in": 16, "predict_in": 32}
    alone = of("llama-2-7b", Techniques(contextual=chosen))
    assert found.footprint_bytes["dense"] == alone.footprint_bytes["dense"]


def test_heads_are_chosen_where_there_are_no_dense_feed_forwards() -> None:
    assert [
        row.count
        for row in of("mixtral-8x7b", Techniques(contextual=Contextual(heads=0.5))).decode
        if row.name == "predict_in"
    ] == [32]


CONTRADICTIONS = [
    (("speculative", "medusa"), "each is a whole decode step"),
    (("window", "selection"), "which cached tokens"),
    (("low_rank", "contextual"), "no neurons of its own"),
    (("early_exit", "self_speculative"), "how many layers"),
]


@pytest.mark.parametrize(("names", "why"), CONTRADICTIONS)
def test_contradictions_name_both_and_say_why(names: tuple[str, ...], why: str) -> None:
    message = contradiction(names)
    assert message is not None
    assert why in message
    assert all(name in message for name in names)


def test_contradicting_techniques_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="window and kv_budget contradict"):
        Techniques(window=Window(4), kv_budget=KvBudget(4))


def exits(model: str, layers: int) -> Served:
    return of(model, Techniques(early_exit=EarlyExit(layers)))


def tree_on(model: str) -> Served:
    return of(model, Techniques(medusa=Medusa(3, 9, Accepted(0.5))))


def on_chips(techniques: Techniques, **degrees: int) -> Served:
    return of("llama-3-8b", techniques, how=PassOptions(parallel=Parallel(**degrees)), batch=2)


TARGET, BOTH, NO_CACHE = catalog.model("llama-3-8b"), Accepted(0.5), "which mamba2-2.7b has not"
WRONG = {
    "acceptance above 1": (lambda: Speculative(TARGET, 2, 1.5), "acceptance from 0 to 1, got 1.5"),
    "gamma 0": (lambda: Speculative(TARGET, 0, 0.5), "gamma from 1"),
    "3:2": (lambda: Pruning(pattern="3:2"), "N:M with 1 <= N < M"),
    "4:4": (lambda: Pruning(pattern="4:4"), "N:M with 1 <= N < M"),
    "sparsity 1": (lambda: Pruning(1.0), "below 1, got 1"),
    "two sparsities": (lambda: Pruning(0.5, pattern="2:4"), "got both"),
    "rank 0": (lambda: LowRank(0.0), "above 0"),
    "no acceptance": (lambda: Eagle(4, Accepted()), "one of acceptance, accepted and by_depth, got none"),
    "acceptance twice": (lambda: Eagle(4, Accepted(0.5, accepted=2.0)), "by_depth, got acceptance and accepted"),
    "more than proposed": (lambda: Eagle(4, Accepted(accepted=5.0)), "accepted from 0 to 4"),
    "a small tree": (lambda: Medusa(5, 3, BOTH), "at least as many nodes as the depth 5"),
    "too deep": (lambda: exits("llama-3-8b", 33), "1 to 32 layers of llama-3-8b, got 33"),
    "nothing left": (
        lambda: of(TARGET, Techniques(removal=Removal(layers=32))),
        "expected to remove fewer than the 32 layers of llama-3-8b, got 32",
    ),
    "no softmax attention": (lambda: of("mamba2-2.7b", Techniques(window=Window(64))), NO_CACHE),
    "no drafting layer": (lambda: drafting_layer(catalog.model("mamba2-2.7b")), NO_CACHE),
    "a tree on a state": (lambda: tree_on("jamba-v0.1"), "techniques.medusa: a state of .* cannot verify a tree"),
    "more layers share than there are": (
        lambda: of(TARGET, Techniques(kv_sharing=KvSharing(33))),
        "techniques.kv_sharing: expected 1 to 32 layers of one kind in llama-3-8b, got 33",
    ),
    "more layers share than are left": (
        lambda: of(TARGET, Techniques(removal=Removal(layers=2), kv_sharing=KvSharing(31))),
        "expected 1 to 30 layers of one kind",
    ),
    "more layers select than attend to all": (
        lambda: of("gemma-2-9b", Techniques(selection=Selection(16, 64, 16, layers=22))),
        "expected 1 to 21 layers of gemma-2-9b, those without a window of their own, got 22",
    ),
    "no layer selects": (
        lambda: of("mistral-7b-v0.1", Techniques(selection=Selection(16, 64, 16, layers=1))),
        "all layers of mistral-7b-v0.1 have a window of their own",
    ),
    "a predictor wider than the model": (
        lambda: of(TARGET, Techniques(contextual=Contextual(0.5, predictor=14337))),
        "techniques.contextual: expected a predictor from 1 to 14336, the widest of llama-3-8b, got 14337",
    ),
    "a predictor wider than a model without dense feed-forwards": (
        lambda: of("mixtral-8x7b", Techniques(contextual=Contextual(heads=0.5, predictor=4097))),
        "techniques.contextual: expected a predictor from 1 to 4096, the widest of mixtral-8x7b, got 4097",
    ),
    "less than a channel": (
        lambda: of(TARGET, Techniques(removal=Removal(hidden=1e-5))),
        "techniques.removal: expected hidden of at least 1/4096, as llama-3-8b has 4096 channels, got 1e-05",
    ),
    "less than a head": (
        lambda: of(TARGET, Techniques(removal=Removal(heads=0.1, channels=0.5))),
        "techniques.removal: expected heads of at least 1/8, as layers of llama-3-8b have 8, got 0.1",
    ),
    "one head": (lambda: of("falcon-7b", Techniques(removal=Removal(heads=0.5))), "no heads to remove in falcon-7b"),
    "more checks than layers": (lambda: EarlyExit(8, 8), "checks from 0 to 7, one after each layer before the exit"),
    "an index of a pattern": (lambda: Pruning(index="csr", pattern="2:4"), "no index beside a pattern"),
    "skipped states": (lambda: exits("jamba-v0.1", 4), "their state is not known"),
    "no neurons": (
        lambda: of("mixtral-8x7b", Techniques(contextual=Contextual(0.5))),
        "neurons of dense feed-forwards",
    ),
    "a layer that drafts on full stages": (
        lambda: on_chips(Techniques(eagle=Eagle(2, BOTH)), pipeline=2),
        "techniques.eagle: does not go with stages of a pipeline that other sequences fill: what drafts stands on the",
    ),
    "heads on full stages": (
        lambda: on_chips(Techniques(medusa=Medusa(2, 4, BOTH)), pipeline=2),
        "techniques.medusa: does not go with stages",
    ),
    "an early exit on full stages": (
        lambda: on_chips(Techniques(early_exit=EarlyExit(8)), pipeline=2),
        "those before the exit are as busy as ever; expected pipeline 1 or a batch of 1",
    ),
    "a draft with fewer layers than stages": (
        lambda: on_chips(Techniques(self_speculative=SelfSpeculative(2, 2, 0.5)), pipeline=4),
        "techniques.self_speculative: pipeline_parallel 4 exceeds the 2 layers",
    ),
}


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_is_said(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]
