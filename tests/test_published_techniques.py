"""Published results of techniques, each with its tolerance.

Figures of papers that could not be looked up again are marked recalled.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from technique_cases import A100, A6000, of, seconds, speedup, tpot_s

from roofline import catalog
from roofline.parallel import Parallel
from roofline.precision import Precision, number_format
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
    Speculative,
    Techniques,
    TokenTree,
    Window,
)
from roofline.techniques.removal import of_depth

# --- published: fast decoding -------------------------------------------------------------------------------------

# Leviathan et al., arXiv 2211.17192, Table 1 (read in a public transcript; Theorems 3.8 and 3.11 give each row).
LEVIATHAN = [
    (0.6, 2, 1.53, 1.96),
    (0.7, 3, 1.58, 2.53),
    (0.8, 2, 1.23, 2.44),
    (0.8, 5, 1.63, 3.69),
    (0.9, 2, 1.11, 2.71),
    (0.9, 10, 1.60, 6.86),
]


@pytest.mark.parametrize(("alpha", "gamma", "operations", "faster"), LEVIATHAN)
def test_leviathan_table_1_of_tokens_and_operations(alpha: float, gamma: int, operations: float, faster: float) -> None:
    """With a draft that costs nothing: tokens of a step, and arithmetic per token relative to plain decoding; 1 %."""
    found = of("llama-2-7b", Techniques(multi_token=MultiToken(gamma, Accepted(alpha))))
    assert found.tokens_per_pass == pytest.approx(faster, rel=0.01)
    verify = sum(row.count * row.flop for row in found.decode if "draft_" not in row.name)
    per_token = verify / found.tokens_per_pass / of("llama-2-7b").decode.total("flop")
    assert per_token == pytest.approx(operations, rel=0.01)


T5 = [
    # gamma, alpha, c, expected, measured: translation, then summaries, with T5-small, -base and -large
    (7, 0.75, 0.02, 3.2, 3.4),
    (7, 0.8, 0.04, 3.3, 2.8),
    (7, 0.82, 0.11, 2.5, 1.7),
    (7, 0.62, 0.02, 2.3, 2.6),
    (5, 0.68, 0.04, 2.4, 2.4),
    (3, 0.71, 0.11, 2.0, 1.4),
    (5, 0.65, 0.02, 2.4, 3.1),
    (5, 0.73, 0.04, 2.6, 3.0),
    (3, 0.74, 0.11, 2.0, 2.2),
    (5, 0.53, 0.02, 1.9, 2.3),
    (3, 0.55, 0.04, 1.8, 2.2),
    (3, 0.56, 0.11, 1.6, 1.7),
]


@pytest.mark.parametrize(("gamma", "alpha", "c", "expected", "measured"), T5)
def test_leviathan_speedups_of_t5_are_those_of_its_tables_2_and_4(
    gamma: int, alpha: float, c: float, expected: float, measured: float
) -> None:
    """arXiv 2211.17192, Tables 2 and 4 (read in a public transcript): T5-XXL with drafts that take c of its time.

    The speed-up is the paper's expected one within 5 %. With the smallest draft it is below the measured one and within
    25 %; larger ones cost more than their c on the paper's hardware. The draft here is a model of the same shape.
    """
    target = catalog.model("opt-6.7b")
    draft = replace(of_depth(target, 1), vocabulary=1, name="tiny")
    cost = seconds(of(draft).decode) / seconds(of(target).decode)
    draft = replace(draft, layers=(replace(draft.layers[0], count=1),))
    found = of(target, Techniques(speculative=Speculative(draft, gamma, alpha)))
    faster = seconds(of(target).decode) / tpot_s(found)
    assert faster == pytest.approx(found.tokens_per_pass / (gamma * cost + 1), rel=0.02)
    with_c = faster * (gamma * cost + 1) / (gamma * c + 1)
    assert with_c == pytest.approx(expected, rel=0.05)
    if c == 0.02:
        assert 0.75 * measured <= with_c <= measured


def test_chen_et_al_speed_up_of_chinchilla_is_2_to_2_5() -> None:
    """Chen et al., arXiv 2302.01318: 2 to 2.5 times (abstract), 4 tokens of a draft at 1.8 of 14.1 ms.

    Table 1: 1.92, 2.01 and 2.46 times. Read in public transcripts. Accepted are 0.75 to 0.85 of the tokens
    [assumption]; verifying 5 positions takes what a plain step takes.
    """
    target = catalog.model("llama-2-70b")
    cost = 1.8 / 14.1
    for alpha in (0.75, 0.8, 0.85):
        found = of(target, Techniques(jacobi=Jacobi(5, Accepted(alpha))))
        passes = seconds(found.decode) / seconds(of(target).decode)
        assert passes == pytest.approx(1.0, abs=0.01)
        assert 2.0 <= found.tokens_per_pass / (passes + 4 * cost) <= 2.5


def test_the_best_gamma_grows_with_acceptance() -> None:
    """Leviathan et al., Figure 3: more drafted tokens pay where more of them are accepted."""
    draft = catalog.model("llama-3.2-1b")

    def best(alpha: float) -> int:
        times = {
            g: tpot_s(of("llama-3-70b", Techniques(speculative=Speculative(draft, g, alpha)))) for g in range(1, 17)
        }
        return min(times, key=times.__getitem__)

    assert best(0.3) < best(0.6) < best(0.9)


@pytest.mark.parametrize(("model", "accelerated", "faster"), [("llama-7b", 3.47, 2.83), ("llama-13b", 3.51, 2.83)])
def test_medusa_2_is_2_83_times_as_fast_at_its_acceleration_rate(model: str, accelerated: float, faster: float) -> None:
    """Cai et al., arXiv 2401.10774: Vicuna 7B and 13B on an A100 at batch 1, 5 heads and a tree of 64 positions; 15 %.

    Acceleration rates and speed-ups are of Table 1, and the overhead of a step, 1.22 and 1.23, is their ratio (read in
    public transcripts). On the roofline a step costs less, as no launches and no choosing of candidates are in it.
    """
    techniques = Techniques(medusa=Medusa(5, 63, Accepted(accepted=accelerated - 1.0)))
    found = speedup(model, techniques)
    assert found == pytest.approx(faster, rel=0.15)
    assert 1.05 < accelerated / found < 1.23


@pytest.mark.parametrize(("model", "billions"), [("llama-2-7b", 0.24), ("llama-2-13b", 0.37), ("llama-2-70b", 0.99)])
def test_eagle_heads_have_the_published_parameters(model: str, billions: float) -> None:
    """Li et al., arXiv 2401.15077: 0.24 B, 0.37 B and 0.99 B for 7 B, 13 B and 70 B (the authors' README); rounding.

    The 0.56 B of 33 B are not: a layer of its width has 0.535 B and the projection before it 0.089 B.
    """
    plain, quick = of(model), of(model, Techniques(eagle=Eagle(5, Accepted(0.7))))
    beside = sum(
        quick.footprint_bytes[name] - plain.footprint_bytes[name] for name in ("dense", "experts", "embedding")
    )
    assert beside / 2 / 1e9 == pytest.approx(billions, abs=0.0051)


def test_deepseek_v3_module_of_multi_token_prediction() -> None:
    """DeepSeek-V3, arXiv 2412.19437, section 5.4.3: 85 % to 90 % of second tokens are accepted, 1.8 times the tokens.

    The module has 11.5 B parameters beside the shared embedding and head (its weight card; 14 B with them, "671B of the
    main model and 14B of the module"); 2 %. A step yields 1.85 to 1.9 tokens, and at a batch that loads the experts
    anyway it is 1.8 times as fast within 10 %.
    """
    precision = Precision("fp8", "fp8", "fp8")
    beside = {}
    plain, quick = of("deepseek-v3"), of("deepseek-v3", Techniques(multi_token=MultiToken(1, Accepted(0.875))))
    for name in ("dense", "experts"):
        beside[name] = (quick.footprint_bytes[name] - plain.footprint_bytes[name]) / 2
    assert sum(beside.values()) == pytest.approx(11.5e9, rel=0.02)
    assert [Accepted(chance).tokens(1) for chance in (0.85, 0.9)] == [1.85, 1.9]
    wide = PassOptions(parallel=Parallel(tensor=8, expert=64, data=8))
    asked = {"batch": 512, "prompt": 1024.0, "output": 256.0, "precision": precision, "how": wide}
    machine = replace(A100, flop_per_s=989e12, dram_bytes_per_s=3.35e12, link_bytes_per_s=450e9)
    machine = replace(machine, formats=("fp16", "bf16", "fp8"))
    faster = speedup("deepseek-v3", Techniques(multi_token=MultiToken(1, Accepted(0.875))), machine, **asked)
    assert faster == pytest.approx(1.8, rel=0.1)


@pytest.mark.parametrize(("w", "n", "g", "times"), [(15, 5, 15, 120), (10, 5, 10, 80), (7, 5, 7, 56)])
def test_lookahead_passes_cost_the_published_multiples(w: int, n: int, g: int, times: int) -> None:
    """Fu et al., arXiv 2402.02057: 120, 80 and 56 times the arithmetic of a step for 7 B, 13 B and 33 B.

    As the authors' announcement says it (LMSYS, 21 November 2023).
    """
    found = of("llama-2-7b", Techniques(lookahead=Lookahead(w, n, g, Accepted(accepted=1.0))))
    plain = of("llama-2-7b").decode
    matrices = [sum(row.count * row.flop for row in rows if row.inputs) for rows in (found.decode, plain)]
    assert matrices[0] == times * matrices[1]
    assert found.decode.total("weight_bytes") == pytest.approx(plain.total("weight_bytes"), rel=1e-3)


def test_lookahead_at_1_8_times_the_tokens_is_about_1_5_times_as_fast_or_more() -> None:
    """arXiv 2402.02057: up to 1.8 times as fast on MT-Bench (abstract); at 7 B with about 2 tokens a step (recalled).

    120 positions of 7 B are past the ridge of no A100: the pass is at most 1.25 times as long as one of one token.
    """
    found = of("llama-2-7b", Techniques(lookahead=Lookahead(15, 5, 15, Accepted(accepted=1.0))))
    longer = seconds(found.decode) / seconds(of("llama-2-7b").decode)
    assert 1.0 <= longer <= 1.25
    assert 1.5 <= 2.0 / longer <= 2.0


def test_a_tree_is_a_chain_where_it_has_one_node_a_level() -> None:
    draft = catalog.model("llama-3.2-1b")
    chain = of("llama-3-8b", Techniques(speculative=Speculative(draft, 4, 0.7)))
    tree = of("llama-3-8b", Techniques(token_tree=TokenTree(draft, 4, 4, Accepted(0.7))))
    assert tree == chain
    block = of("llama-3-8b", Techniques(jacobi=Jacobi(5, Accepted(0.7))))
    assert [row for row in chain.decode if "draft_" not in row.name] == list(block.decode.rows)


# --- published: early exit and contextual sparsity ----------------------------------------------------------------


def test_an_early_exit_still_fills_the_caches_of_the_layers_it_skips() -> None:
    """Schuster et al., arXiv 2207.07061, section 3.2: K and V of skipped layers come from the state at the exit."""
    plain, quick = of("llama-3-8b"), of("llama-3-8b", Techniques(early_exit=EarlyExit(8)))
    assert quick.decode.total("kv_write_bytes") == plain.decode.total("kv_write_bytes")
    assert quick.footprint_bytes == plain.footprint_bytes
    assert quick.decode.total("kv_read_bytes") == plain.decode.total("kv_read_bytes") / 4
    model = catalog.model("llama-3-8b")
    (kind,) = model.layers
    per_layer, kv = kind.matrix_parameters(model.hidden), 2 * 8 * 128 * model.hidden
    matrices = sum(row.count * row.matrix_elements for row in quick.decode)
    assert matrices == 8 * per_layer + 24 * kv + model.vocabulary * model.hidden


def test_an_early_exit_that_asks_the_lm_head_pays_for_it() -> None:
    quick, asking = (of("llama-3-8b", Techniques(early_exit=EarlyExit(8, checks))) for checks in (0, 3))
    (head,) = (row for row in quick.decode if row.name == "lm_head")
    assert asking.decode.total("flop") == quick.decode.total("flop") + 3 * head.flop


def test_deja_vu_is_about_twice_as_fast_on_opt_175b() -> None:
    """Liu et al., arXiv 2310.17157: "over 2X" of dense OPT-175B on 8 A100 (80 GB) at 75 % sparsity without loss.

    Within 10 % on the roofline: predictors of 1,024 and K and V of all heads are paid, launches and the latency of
    links, which the paper hides behind CUDA graphs and asynchronous predictors, are not.
    """
    techniques = Techniques(contextual=Contextual(neurons=0.25, heads=0.25, predictor=1024))
    how = PassOptions(parallel=Parallel(tensor=8))
    linked = replace(A100, link_bytes_per_s=300e9)
    faster = speedup("opt-175b", techniques, linked, how=how, prompt=256.0, output=128.0)
    assert faster == pytest.approx(2.0, rel=0.1)


def test_contextual_sparsity_fades_with_the_batch() -> None:
    """Tokens of a batch need different neurons: their union is 1 - (1 - s)^b of the weights."""
    techniques = Techniques(contextual=Contextual(neurons=0.1, predictor=1))
    for batch in (1, 4, 64):
        plain, quick = of("opt-6.7b", batch=batch), of("opt-6.7b", techniques, batch=batch)
        (up, dense) = (next(row for row in found.decode if row.name == "up") for found in (quick, plain))
        assert (dense.matrix_elements - up.matrix_elements) / dense.matrix_elements == pytest.approx(0.9**batch)
        assert up.flop == pytest.approx(0.1 * dense.flop)


# --- published: compression ---------------------------------------------------------------------------------------


def test_2_of_4_sparsity_saves_44_percent_of_16_bits_and_38_of_8() -> None:
    """Mishra et al., arXiv 2104.08378, section 3: 2 bits say where each kept weight is; exact."""
    pruning = Pruning(pattern="2:4")
    assert 1 - pruning.stored_bytes(2.0, 4096.0) / 2.0 == pytest.approx(0.4375, abs=0)
    assert 1 - pruning.stored_bytes(1.0, 4096.0) / 1.0 == pytest.approx(0.375, abs=0)


def test_2_of_4_doubles_only_the_ceiling_of_hardware_that_has_it() -> None:
    plain = of("llama-3-8b", prompt=2048.0).prefill
    for hardware, factor in {"none": 1.0, "2:4": 2.0, "n:m": 2.0}.items():
        pruned = of("llama-3-8b", Techniques(pruning=Pruning(pattern="2:4")), prompt=2048.0,
                    how=PassOptions(skipping=hardware)).prefill  # fmt: skip
        (row, dense) = (next(one for one in rows if one.name == "up_gate") for rows in (pruned, plain))
        assert dense.flop / row.flop == factor
        assert row.weight_bytes - dense.weight_bytes == pytest.approx(-0.4375 * dense.matrix_elements * 2)
    # A pattern of 1:4 is not what 2:4 hardware skips, and nothing unstructured is.
    for pruning in (Pruning(pattern="1:4"), Pruning(0.75)):
        found = of("llama-3-8b", Techniques(pruning=pruning), how=PassOptions(skipping="2:4")).prefill
        assert found.total("flop") == of("llama-3-8b").prefill.total("flop")
    quick = of("llama-3-8b", Techniques(pruning=Pruning(0.75)), how=PassOptions(skipping="unstructured")).prefill
    assert next(r for r in quick if r.name == "up_gate").flop == next(
        r for r in of("llama-3-8b").prefill if r.name == "up_gate").flop / 4  # fmt: skip


def test_flash_llm_fits_a_sparse_opt_66b_where_the_dense_one_does_not() -> None:
    """Xia et al., arXiv 2309.10285: sparse models need fewer GPUs (the authors' README): at 80 % one of 80 GB.

    A kept weight takes 4 bytes, value and place (its format as SpInfer's authors count it, in a public transcript):
    0.2·4 of 2 bytes, 40 % of the dense size, plus a few bytes for each tile or row.
    """
    big = catalog.model("opt-175b")
    # OPT-66B: 64 layers of 9,216 with 72 heads (Zhang et al., arXiv 2205.01068, Table 1).
    (kind,) = big.layers
    mixer, mlp = kind.mixer, kind.feed_forwards[0]
    smaller = replace(
        big,
        hidden=9216,
        norm_parameters=2 * 9216,
        layers=(
            replace(
                kind,
                count=64,
                mixer=replace(mixer, heads=72, kv_heads=72, head_dim=128),  # type: ignore[type-var, arg-type]
                feed_forwards=(replace(mlp, intermediate=4 * 9216),),  # type: ignore[arg-type]
            ),
        ),
    )
    assert smaller.total_parameters == pytest.approx(66e9, rel=0.02)
    dense = of(smaller)
    sparse = of(smaller, Techniques(pruning=Pruning(0.8, "csr")))
    assert dense.footprint_bytes["dense"] > 80e9 > sum(sparse.footprint_bytes.values())
    assert sparse.footprint_bytes["dense"] / dense.footprint_bytes["dense"] == pytest.approx(0.4, abs=0.01)


def test_minitron_4b_is_llama_3_1_8b_with_narrower_layers() -> None:
    """Llama-3.1-Minitron-4B-Width: hidden 4096 to 3072, intermediate 14336 to 9216, 4.51 B (model card); rounding."""
    left = Removal(hidden=0.25, channels=5120 / 14336).apply(catalog.model("llama-3.1-8b"))
    assert (left.hidden, left.layer_count, left.layers[0].feed_forwards[0].intermediate) == (3072, 32, 9216)
    assert left.total_parameters / 1e9 == pytest.approx(4.51, abs=0.005)


def test_minitron_4b_depth_is_llama_3_1_8b_with_half_the_layers() -> None:
    """Llama-3.1-Minitron-4B-Depth: 16 of 32 layers left, 4.5 B (arXiv 2408.11796, Table 1, read); rounding."""
    left = Removal(layers=16).apply(catalog.model("llama-3.1-8b"))
    assert left.total_parameters / 1e9 == pytest.approx(4.5, abs=0.05)


def test_heads_are_removed_with_their_kv_group() -> None:
    left = Removal(heads=0.25).apply(catalog.model("llama-3-8b")).layers[0].mixer
    assert (left.heads, left.kv_heads) == (24, 6)  # type: ignore[union-attr]
    mixture = Removal(channels=0.5).apply(catalog.model("deepseek-v3"))
    assert mixture.expert_parameters == catalog.model("deepseek-v3").expert_parameters / 2


def test_layers_of_every_kind_are_removed_in_proportion() -> None:
    model = catalog.model("gemma-2-9b")  # windowed and full in turn
    assert [kind.count for kind in model.layers] == [21, 21]
    assert [kind.count for kind in of_depth(model, 10).layers] == [5, 5]
    assert sum(kind.count for kind in of_depth(model, 11).layers) == 11


def test_low_rank_factors_are_two_gemms_of_the_svd_size() -> None:
    """Wang et al., arXiv 2403.07378: rank r of W[n, k] keeps r·(n + k) of n·k weights; exact."""
    plain, factored = of("llama-2-7b"), of("llama-2-7b", Techniques(low_rank=LowRank(0.25)))
    dense = {row.name: row for row in plain.decode}
    rows = {row.name: row for row in factored.decode}
    r = 1024
    assert (rows["down_v"].inputs, rows["down_v"].outputs, rows["down_u"].outputs) == (11008, r, 4096)
    kept = rows["down_v"].matrix_elements + rows["down_u"].matrix_elements
    assert kept == r * (4096 + 11008)
    assert rows["down_v"].flop + rows["down_u"].flop == pytest.approx(dense["down"].flop * kept / (4096 * 11008))
    assert rows["down_v"].act_write_bytes == rows["down_u"].act_read_bytes == r * 2
    saved = plain.footprint_bytes["dense"] - factored.footprint_bytes["dense"]
    assert saved == pytest.approx(plain.decode.total("weight_bytes") - factored.decode.total("weight_bytes"))


def test_pruning_and_quantization_compose_in_bytes() -> None:
    quantized = of("llama-3-8b", precision=Precision("int8"))
    both = of("llama-3-8b", Techniques(pruning=Pruning(0.5)), precision=Precision("int8"))
    (row, dense) = (next(one for one in found.decode if one.name == "down") for found in (both, quantized))
    assert row.weight_bytes == pytest.approx(dense.matrix_elements * (0.5 + 1 / 8) * number_format("int8").bytes)
    assert row.vector_ops == pytest.approx(dense.vector_ops + 2.0 * 0.5 * dense.matrix_elements)


# --- published: long context --------------------------------------------------------------------------------------


def test_streaming_llm_has_constant_memory_and_is_about_22_times_as_fast_as_recomputing() -> None:
    """Xiao et al., arXiv 2309.17453: up to 22.2 times a sliding window that is recomputed, per token.

    Llama-2-7B on an A6000 with 4,096 tokens in the cache: recomputing is a prefill of 4,096 for each token; 25 %.
    """
    techniques = Techniques(kv_budget=KvBudget(tokens=4092, sinks=4))
    short, long = (of("llama-2-7b", techniques, prompt=4096.0, output=out) for out in (256.0, 4_000_000.0))
    assert short.footprint_bytes == long.footprint_bytes
    recomputed = seconds(of("llama-2-7b", prompt=4096.0).prefill, A6000)
    assert recomputed / tpot_s(long, A6000) == pytest.approx(22.2, rel=0.25)


def test_h2o_keeps_a_fifth_of_the_cache() -> None:
    """Zhang et al., arXiv 2306.14048: a budget of 20 % (heavy hitters and newest) reads and holds 20 % of K and V."""
    plain = of("opt-6.7b", prompt=100.0, output=900.0)
    kept = of("opt-6.7b", Techniques(kv_budget=KvBudget(200)), prompt=100.0, output=900.0)
    assert kept.footprint_bytes["kv_cache"] == pytest.approx(0.2 * plain.footprint_bytes["kv_cache"])


def test_a_budget_holds_the_prompt_of_one_layer_while_it_is_read() -> None:
    found = of("llama-2-7b", Techniques(kv_budget=KvBudget(256)), prompt=2048.0, output=16.0)
    layer = 2 * 4096 * 2
    assert found.footprint_bytes["kv_cache"] == 32 * 256 * layer + (2048 - 256) * layer


def test_cla_2_halves_the_cache_and_not_its_reads() -> None:
    """Brandon et al., arXiv 2405.12981: pairs of layers that share K and V halve the cache; exact."""
    plain, shared = of("llama-3-8b"), of("llama-3-8b", Techniques(kv_sharing=KvSharing(2)))
    assert shared.footprint_bytes["kv_cache"] == plain.footprint_bytes["kv_cache"] / 2
    assert shared.decode.total("kv_write_bytes") == plain.decode.total("kv_write_bytes") / 2
    assert shared.decode.total("kv_read_bytes") == plain.decode.total("kv_read_bytes")
    saved = plain.footprint_bytes["dense"] - shared.footprint_bytes["dense"]
    assert saved == 16 * 2 * 8 * 128 * 4096 * 2


def test_quest_reads_an_eighth_of_the_cache() -> None:
    """Tang et al., arXiv 2406.10774, section 3.4: pages of 16, 4 K of 64 K tokens: 1/16 + 4/64; 1 %.

    That a page has the least and the most of its keys, and that only the best are loaded, was read in public notes; the
    figure of one eighth is recalled.
    """
    asked = {"prompt": 65536.0 - 64, "output": 128.0}
    plain = of("llama-2-7b", **asked)  # type: ignore[arg-type]
    quest = of("llama-2-7b", Techniques(selection=Selection(16, 4096, keys=2)), **asked)  # type: ignore[arg-type]
    assert quest.decode.total("kv_read_bytes") / plain.decode.total("kv_read_bytes") == pytest.approx(1 / 8, rel=0.01)
    assert quest.footprint_bytes["kv_cache"] == pytest.approx(
        (1 + 1 / 16) * plain.footprint_bytes["kv_cache"], rel=1e-3
    )


QWEN3_4B = replace(
    catalog.model("qwen3-8b"),
    name="qwen3-4b",
    hidden=2560,
    norm_parameters=2560,
    tied_embeddings=True,
    layers=tuple(
        replace(kind, feed_forwards=(replace(kind.feed_forwards[0], intermediate=9728),))  # type: ignore[arg-type]
        for kind in catalog.model("qwen3-8b").layers
    ),
)
"""Qwen3-4B-Instruct-2507: 36 layers, 32 and 8 heads of 128, hidden 2,560, intermediate 9,728 (its config)."""


def memory_attention(local: int = 8192) -> Techniques:
    """Memory Sparse Attention: pooled blocks of 64 tokens in 18 of 36 layers, documents encoded apart."""
    return Techniques(selection=Selection(64, 16 * 8192, local, keys=1, pooled=True, prompts="local", layers=18))


def test_memory_sparse_attention_of_100_m_tokens_holds_about_169_gb() -> None:
    """Chen et al., arXiv 2603.23516: 100 M tokens on 2 A800 (160 GB) and host memory; K, V and a routing key per 64.

    The GPUs hold the routing keys, the host the pooled K and V (the authors' README, read): about 169 GB in all, of
    which a third, 56 GB, are routing keys (recalled, unverified); 5 %.
    """
    assert QWEN3_4B.total_parameters == pytest.approx(4.0e9, rel=0.02)
    found = of(QWEN3_4B, memory_attention(), prompt=1e8, output=128.0)
    assert found.footprint_bytes["kv_cache"] == pytest.approx(169e9, rel=0.05)
    plain = of(QWEN3_4B, prompt=1e8, output=128.0)
    assert plain.footprint_bytes["kv_cache"] > 14e12


def test_memory_sparse_attention_is_near_linear_up_to_100_m_tokens() -> None:
    """arXiv 2603.23516: time and memory grow as the context does, where full attention's prompts grow as its square."""
    for count in (1e6, 1e7):
        one, ten = (of(QWEN3_4B, memory_attention(), prompt=n, output=128.0) for n in (count, 10 * count))
        assert ten.prefill.total("flop") / one.prefill.total("flop") == pytest.approx(10.0, rel=0.01)
        assert seconds(ten.prefill) / seconds(one.prefill) <= 10.1
        assert ten.footprint_bytes["kv_cache"] < 10.0 * one.footprint_bytes["kv_cache"]
        assert ten.decode.total("kv_read_bytes") / one.decode.total("kv_read_bytes") < 10.0
        plain = [of(QWEN3_4B, prompt=n, output=128.0).prefill.total("flop") for n in (count, 10 * count)]
        assert plain[1] / plain[0] > 80.0


def test_a_window_overrides_only_wider_attention() -> None:
    model = catalog.model("gemma-2-9b")  # windows of 4,096 in half of the layers
    narrow = Window(8192).apply(model)
    assert sorted(kind.mixer.window for kind in narrow.layers) == [4096, 8192]  # type: ignore[union-attr]
    found = of(model, Techniques(window=Window(1024)), prompt=8192.0)
    assert found.footprint_bytes["kv_cache"] == of(model, prompt=1024.0, output=2.0).footprint_bytes["kv_cache"] * (
        1024 / 1026)  # fmt: skip
