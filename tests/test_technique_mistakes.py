"""Mistakes once made in techniques, each a test by name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from technique_cases import of, seconds

from roofline import catalog
from roofline.layers import Attention
from roofline.operators import Operators
from roofline.parallel import Parallel
from roofline.phases.passes import SAMPLING_VECTOR_OPS
from roofline.precision import Precision
from roofline.quality_techniques import technique_changes
from roofline.techniques import (
    Accepted,
    Contextual,
    Eagle,
    EarlyExit,
    KvBudget,
    LowRank,
    Medusa,
    MultiToken,
    PassOptions,
    Piece,
    Selection,
    Speculative,
    Techniques,
    served,
)

TWO = PassOptions(parallel=Parallel(tensor=2))


def rows_of(operators: Operators, name: str) -> list[tuple[int, float]]:
    return [(row.count, row.link_bytes) for row in operators if row.name == name]


def test_a_step_yields_no_more_tokens_than_are_wanted() -> None:
    """An output of two tokens takes a whole pass after the prompt, whatever is proposed; it took a sixth of one."""
    techniques = Techniques(speculative=Speculative(catalog.model("llama-3.2-1b"), 5, 1.0))
    wanted = {2.0: 1.0, 4.0: 3.0, 7.0: 6.0, 128.0: 6.0}
    assert {output: of("llama-3-8b", techniques, output=output).tokens_per_pass for output in wanted} == wanted
    assert of("llama-3-8b", techniques, output=1.0).tokens_per_pass == 1.0


def test_medusa_heads_on_several_chips_gather_their_logits_as_the_lm_head_does() -> None:
    """Each chip has a part of the vocabulary: which token is best is known to all only once its logits are."""
    found = of("llama-3-8b", Techniques(medusa=Medusa(3, 7, Accepted(0.7))), how=TWO)
    ((_, own),) = rows_of(found.decode, "all_gather_logits")
    assert rows_of(found.decode, "all_gather_medusa") == [(3, own)]
    (chosen,) = (row for row in found.decode if row.name == "medusa_sampling")
    assert chosen.vector_ops == SAMPLING_VECTOR_OPS * 8 * catalog.model("llama-3-8b").vocabulary


def test_medusa_heads_propose_at_the_end_of_a_prompt() -> None:
    """The first decode step verifies what the heads saw on the prompt's last token: they run once for each prompt."""
    plain, quick = of("llama-3-8b", batch=3), of("llama-3-8b", Techniques(medusa=Medusa(2, 4, Accepted(0.7))), batch=3)
    model = catalog.model("llama-3-8b")
    more = quick.prefill.total("flop") - plain.prefill.total("flop")
    assert more == pytest.approx(2 * 3 * 2 * model.hidden * (model.hidden + model.vocabulary))


def test_checks_of_an_early_exit_gather_their_logits() -> None:
    found = of("llama-3-8b", Techniques(early_exit=EarlyExit(8, checks=3)), how=TWO)
    plain = of("llama-3-8b", how=TWO)
    ((_, own),) = rows_of(plain.decode, "all_gather_logits")
    assert sum(count * size for count, size in rows_of(found.decode, "all_gather_logits")) == 4 * own
    unfused = of("llama-3-8b", Techniques(early_exit=EarlyExit(8, checks=3)), how=PassOptions(fusion=()))
    assert sum(row.count for row in unfused.decode if row.name == "norm_final") == 4


def test_skipped_layers_project_shared_keys_and_values_once() -> None:
    """Where K and V are one projection, a skipped layer reads it once and writes both."""
    model = catalog.model("llama-3-8b")
    (kind,) = model.layers
    assert isinstance(kind.mixer, Attention)
    shared = replace(model, layers=(replace(kind, mixer=replace(kind.mixer, shared_kv=True)),))
    (row,) = (one for one in of(shared, Techniques(early_exit=EarlyExit(8))).decode if one.name == "propagate_kv")
    width = kind.mixer.kv_heads * kind.mixer.head_dim
    assert (row.outputs, row.kv_write_bytes) == (width, 2 * width * 2)


def test_selection_leaves_windows_alone() -> None:
    """A layer that attends to the newest 4,096 tokens does not select among all of them; it held them all."""
    selection = Techniques(selection=Selection(16, 1024, 64))
    plain, found = of("gemma-2-9b", prompt=65536.0), of("gemma-2-9b", selection, prompt=65536.0)
    summaries = 65664 / 16 / 2 * 21 * 2 * 8 * 256 * 2  # one K for 16 tokens in 21 of 42 layers
    assert found.footprint_bytes["kv_cache"] <= plain.footprint_bytes["kv_cache"] + summaries
    assert of("mistral-7b-v0.1", selection, prompt=65536.0) == of("mistral-7b-v0.1", prompt=65536.0)


def test_layers_that_select_are_none_of_those_with_a_window() -> None:
    """Of gemma-2's 42 layers 21 have a window: 10 that select were all taken from these, and none of them selected."""
    ten = Techniques(selection=Selection(16, 1024, 64, layers=10))
    plain, found = of("gemma-2-9b", prompt=65536.0), of("gemma-2-9b", ten, prompt=65536.0)
    read = [{row.kv_read_bytes: row.count for row in one.decode if row.name == "attention"} for one in (plain, found)]
    token = 2 * 8 * 256 * 2
    assert read[0] == {4096 * token: 21, (65536 + 64) * token: 21}
    assert read[1] == {4096 * token: 21, 1088 * token: 10, 64 * token: 11}


def test_selected_tokens_are_whole_blocks_in_time_and_in_quality() -> None:
    """100 tokens in blocks of 16 are 7 blocks: what is read, and what is left out, is of 112."""
    some, whole = (Techniques(selection=Selection(16, tokens, 8)) for tokens in (100, 112))
    assert of("llama-3-8b", some) == of("llama-3-8b", whole)
    (row,) = (one for one in of("llama-3-8b", some).decode if one.name == "attention")
    assert row.kv_read_bytes == (112 + 8) * 2 * 8 * 128 * 2
    model = catalog.model("llama-3-8b")
    assert technique_changes(some, model, 1200.0) == technique_changes(whole, model, 1200.0)


@pytest.mark.parametrize(
    "drafting", [{"eagle": Eagle(3, Accepted(0.7))}, {"multi_token": MultiToken(2, Accepted(0.7))}], ids=str
)
def test_a_drafting_layer_reads_prompts_in_full_where_the_target_does(drafting: dict[str, Eagle | MultiToken]) -> None:
    """A budget evicts after the prompt is read, in the layer that drafts too."""
    found = of("llama-3-8b", Techniques(kv_budget=KvBudget(64), **drafting))  # type: ignore[arg-type]
    rows = {row.name: row for row in found.prefill}
    assert rows["draft_attention"].flop == rows["attention"].flop
    after = {row.name: row for row in found.decode}
    assert after["draft_attention"].kv_read_bytes < 80 * 2 * 8 * 128 * 2


def test_a_budget_holds_only_the_prompts_that_are_read_at_once() -> None:
    """With continuous batching one prompt is read at a time: of 64 sequences one has a whole prompt in one layer."""
    whole, one = (
        served(
            catalog.model("llama-2-7b"),
            Precision(),
            Techniques(kv_budget=KvBudget(256)),
            batch=64,
            prompt_tokens=2048.0,
            output_tokens=16.0,
            how=PassOptions(),
            piece=Piece(sequences),
        )
        for sequences in (None, 1.0)
    )
    layer = 2 * 4096 * 2
    assert one.footprint_bytes["kv_cache"] == 64 * 32 * 256 * layer + (2048 - 256) * layer
    assert whole.footprint_bytes["kv_cache"] == 64 * 32 * 256 * layer + 64 * (2048 - 256) * layer


def test_of_layers_of_several_kinds_one_at_a_time_holds_its_prompt() -> None:
    """gemma-2 reads 8,192 tokens in full layers and 4,096 in windows: what passes is one full layer's, not both."""
    found = of("gemma-2-9b", Techniques(kv_budget=KvBudget(256)), prompt=8192.0, output=16.0)
    layer = 2 * 8 * 256 * 2
    assert found.footprint_bytes["kv_cache"] == 42 * 256 * layer + (8192 - 256) * layer


def test_a_stage_of_a_pipeline_holds_the_predictors_of_its_layers() -> None:
    chosen = Techniques(contextual=Contextual(neurons=0.5, predictor=64))
    more = {}
    for stages in (1, 4):
        how = PassOptions(parallel=Parallel(pipeline=stages))
        plain, found = (of("llama-3-8b", one, how=how, batch=4) for one in (Techniques(), chosen))
        more[stages] = found.footprint_bytes["dense"] - plain.footprint_bytes["dense"]
    assert more[4] == pytest.approx(more[1] / 4)
    assert seconds(of("llama-3-8b", chosen).decode) > 0


def test_each_of_q_k_v_gate_and_up_has_a_rank_of_its_own() -> None:
    """SVD-LLM factors them one by one: at a rank of 0.25 half of Q remains; stacked with K and V it was a third."""
    asked = Techniques(low_rank=LowRank(0.25))
    found = {row.name: row for row in of("llama-2-7b", asked).decode}
    for name, matrices, n in (("qkv_proj", 3, 4096), ("up_gate", 2, 11008)):
        kept = found[f"{name}_v"].matrix_elements + found[f"{name}_u"].matrix_elements
        assert kept == matrices * 1024 * (n + 4096)
    # Of llama-3-8b Q is 4096 x 4096, K and V 1024 x 4096: a rank of 0.6 factors these and leaves Q whole.
    rows = {row.name: row for row in of("llama-3-8b", Techniques(low_rank=LowRank(0.6))).decode}
    assert rows["qkv_proj"].matrix_elements == 4096 * 4096
    assert rows["qkv_proj_v"].matrix_elements + rows["qkv_proj_u"].matrix_elements == 2 * 615 * (1024 + 4096)
    plain = {row.name: row for row in of("llama-3-8b").decode}["qkv_proj"]
    written = [rows[name].kv_write_bytes for name in ("qkv_proj", "qkv_proj_v", "qkv_proj_u")]
    assert written == [0.0, 0.0, plain.kv_write_bytes]


@pytest.mark.parametrize("name", ["llama-3-8b", "deepseek-v3", "mixtral-8x7b", "qwen3-next-80b-a3b", "jamba-v0.1"])
def test_factors_over_several_chips_are_the_same_factors_divided(name: str) -> None:
    """Each chip has its share of the factors' work and weights, and the elements between them cross the link.

    Where nothing is divided (latents, routers) every chip has all of it, factored or not.
    """
    asked = Techniques(low_rank=LowRank(0.2))
    alone, shared = of(name, asked, batch=4), of(name, asked, batch=4, how=PassOptions(parallel=Parallel(tensor=4)))
    whole = {row.name: row for row in alone.decode if row.inputs}
    saved = 0
    for row in shared.decode:
        if row.inputs and row.name.endswith(("_u", "_v")) and row.group != "experts":
            ratio = row.matrix_elements / whole[row.name].matrix_elements
            assert ratio == pytest.approx(0.25, rel=0.05) or ratio == 1.0 or name == "qwen3-next-80b-a3b", row.name
            saved += ratio < 1.0
    assert saved
    plain = of(name, batch=4, how=PassOptions(parallel=Parallel(tensor=4)))
    more = shared.decode.total("link_bytes") - plain.decode.total("link_bytes")
    assert more > 0
    reads = sum(row.count * row.weight_bytes for row in shared.decode if row.weight_class == "dense")
    assert reads <= shared.footprint_bytes["dense"] * (1 + 1e-9) + 1e6


def test_what_crosses_the_link_between_factors_is_the_rank() -> None:
    """Column-parallel: r elements are gathered; row-parallel: their sums are scattered (S-LoRA, arXiv 2311.03285)."""
    found = of("llama-2-7b", Techniques(low_rank=LowRank(0.25)), how=TWO)
    told = {row.name: row.link_bytes for row in found.decode if row.link_bytes}
    r, half = 1024, 0.5 * 2
    assert told["all_gather_qkv_proj"] == 3 * r * half
    assert told["all_gather_up_gate"] == 2 * r * half
    assert told["reduce_scatter_o_proj"] == told["reduce_scatter_down"] == r * half
    assert told["all_reduce_mlp"] == 2 * 4096 * half
    assert {
        row.count for row in found.decode if row.name in told and row.name.endswith(("_proj", "_gate", "_down"))
    } == {32}
    rows = {row.name: row for row in found.decode}
    assert (rows["down_v"].outputs, rows["down_v"].inputs) == (r, 11008 / 2)
    assert (rows["down_u"].outputs, rows["down_u"].inputs) == (4096, r / 2)
    assert (rows["qkv_proj_v"].outputs, rows["qkv_proj_u"].outputs) == (3 * r / 2, 3 * 4096 / 2)
