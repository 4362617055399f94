"""Reading Hugging Face configurations: counts of many architectures, traps by name, and bad input of every sort."""

from __future__ import annotations

import copy
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roofline.catalog import entries, model
from roofline.huggingface import ConfigError, model_from_config, supported_architectures
from roofline.layers import Attention, CompressedAttention, Experts, GatedDelta, LatentAttention, Mlp, StateSpace
from roofline.model import Model, kv_cache_bytes, kv_cache_bytes_per_token
from roofline.precision import Precision

DATA = Path(__file__).parent / "data"
FAMILIES = [json.loads(line) for line in (DATA / "family_counts.jsonl").read_text(encoding="utf8").splitlines()]
"""Small configurations and the number of parameters the public modelling code (transformers 5.23.0) builds of them."""

ON_THE_HUB = [json.loads(line) for line in (DATA / "hub_counts.jsonl").read_text(encoding="utf8").splitlines()]
"""Models outside the catalog: main fields of their config.json, and their parameters on the Hub (both recalled)."""


def config(name: str) -> dict[str, Any]:
    text = (files("roofline") / "data" / "models" / f"{name}.json").read_text(encoding="utf8")
    return dict(json.loads(text))


LLAMA = config("llama-3-8b")
MIXTRAL = config("mixtral-8x7b")
DEEPSEEK = config("deepseek-v3")


def attention_kinds(found: Model) -> dict[int | None, int]:
    """Layers by window."""
    kinds: dict[int | None, int] = {}
    for kind in found.layers:
        if isinstance(kind.mixer, Attention):
            kinds[kind.mixer.window] = kinds.get(kind.mixer.window, 0) + kind.count
    return kinds


def mixer_of(found: Model, sort: type) -> Any:
    return next(kind.mixer for kind in found.layers if isinstance(kind.mixer, sort))


def experts_of(found: Model) -> Experts:
    return next(block for kind in found.layers for block in kind.feed_forwards if isinstance(block, Experts))


@pytest.mark.parametrize(
    "case", FAMILIES, ids=[f"{case['config']['model_type']}-{i}" for i, case in enumerate(FAMILIES)]
)
def test_an_architecture_has_the_parameters_its_code_builds(case: dict[str, Any]) -> None:
    assert model_from_config(case["config"]).total_parameters == case["parameters"]


@pytest.mark.parametrize("case", ON_THE_HUB, ids=[case["model"] for case in ON_THE_HUB])
def test_models_outside_the_catalog(case: dict[str, Any]) -> None:
    assert model_from_config(case["config"]).total_parameters == case["parameters"]


def test_many_architectures_are_counted() -> None:
    counted = {case["config"]["model_type"] for case in FAMILIES}
    in_catalog = {config(name)["model_type"] for name in entries()}
    assert len(counted | (in_catalog & set(supported_architectures()))) >= 80


# --- traps in configurations -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, dim, guess",
    [("qwen3-32b", 128, 80), ("gemma-2-9b", 256, 224), ("gpt-oss-20b", 64, 45), ("glm-4.5", 128, 53)],
)
def test_head_dim_is_not_hidden_over_heads(name: str, dim: int, guess: int) -> None:
    attention = mixer_of(model(name), Attention)
    assert attention.head_dim == dim
    assert config(name).get("text_config", config(name))["hidden_size"] // attention.heads == guess


@pytest.mark.parametrize(
    "name, expert, dense",
    [
        ("mixtral-8x7b", 14336, None),
        ("olmoe-1b-7b", 1024, None),
        ("gpt-oss-20b", 2880, None),
        ("llama-4-scout-17b-16e", 8192, None),
        ("qwen3-30b-a3b", 768, None),
        ("glm-4.5", 1536, 12288),
        ("deepseek-v3", 2048, 18432),
        ("jamba-v0.1", 14336, 14336),
    ],
)
def test_intermediate_size_means_expert_or_dense(name: str, expert: int, dense: int | None) -> None:
    found = model(name)
    assert experts_of(found).intermediate == expert
    plain = {block.intermediate for kind in found.layers for block in kind.feed_forwards if isinstance(block, Mlp)}
    assert plain == ({dense} if dense else set())


@pytest.mark.parametrize(
    "name, kinds",
    [
        ("qwen2-7b", {None: 28}),
        ("mimo-7b", {None: 36}),
        ("mistral-7b-v0.1", {4096: 32}),
        ("mistral-7b-v0.3", {None: 32}),
        ("gemma-2-9b", {4096: 21, None: 21}),
        ("gemma-3-27b", {1024: 52, None: 10}),
        ("gemma-3-1b", {512: 22, None: 4}),
        ("gemma-4-26b-a4b", {1024: 25, None: 5}),
        ("olmo-3-7b", {4096: 24, None: 8}),
        ("llama-4-scout-17b-16e", {8192: 36, None: 12}),
        ("gpt-oss-20b", {128: 12, None: 12}),
        ("mimo-v2-flash", {128: 39, None: 9}),
        ("jamba-v0.1", {None: 4}),
        ("qwen3-next-80b-a3b", {None: 12}),
        ("nemotron-h-56b", {None: 10}),
    ],
)
def test_layers_by_window(name: str, kinds: dict[int | None, int]) -> None:
    assert attention_kinds(model(name)) == kinds


def test_a_window_that_is_switched_off_is_no_window_and_one_that_is_on_spares_the_first_layers() -> None:
    qwen = config("qwen2-7b")
    on = {**qwen, "use_sliding_window": True, "max_window_layers": 10}
    assert attention_kinds(model_from_config(on)) == {None: 10, qwen["sliding_window"]: 18}


def test_llama_4_is_chunked_with_rotary_and_full_without() -> None:
    for kind in model("llama-4-scout-17b-16e").layers:
        assert isinstance(kind.mixer, Attention)
        assert kind.mixer.chunked == kind.mixer.rotary == (kind.mixer.window is not None)


@pytest.mark.parametrize("name", ["gemma-2-9b", "falcon-7b", "bloom-7b1", "aya-23-8b", "starcoder2-7b"])
def test_tied_without_saying_so(name: str) -> None:
    assert "tie_word_embeddings" not in config(name)
    found = model(name)
    assert found.tied_embeddings
    assert found.embedding_parameters == found.learned_positions * found.hidden


def test_a_query_rank_is_never_guessed() -> None:
    """DeepSeek-V2-Lite has none, though the class default is 1536."""
    lite = config("deepseek-v2-lite")
    assert mixer_of(model("deepseek-v2-lite"), LatentAttention).query_rank is None
    del lite["q_lora_rank"]
    with pytest.raises(ConfigError, match="q_lora_rank"):
        model_from_config(lite)


def test_qwen3_next_has_a_gated_output_and_a_state() -> None:
    found = model("qwen3-next-80b-a3b")
    attention, delta = mixer_of(found, Attention), mixer_of(found, GatedDelta)
    assert attention.output_gate
    assert attention.qkv_width == 2 * 16 * 256 + 2 * 2 * 256
    assert delta.cache_elements(1000) == 0
    assert delta.state_bytes() == 32 * 128 * 128 * 4 + 8192 * 3 * 2
    assert kv_cache_bytes_per_token(found, Precision()) == 12 * 2 * 2 * 256 * 2


def test_mimo_v2_has_other_heads_in_its_windows_and_sinks_only_there() -> None:
    kinds = {
        kind.mixer.window: kind.mixer for kind in model("mimo-v2-flash").layers if isinstance(kind.mixer, Attention)
    }
    assert (kinds[None].kv_heads, kinds[128].kv_heads) == (4, 8)
    assert (kinds[None].sink_parameters, kinds[128].sink_parameters) == (0, 64)
    assert (kinds[128].head_dim, kinds[128].value_dim) == (192, 128)


def test_nemotron_3_super_has_experts_in_a_latent_space() -> None:
    found = model("nemotron-3-super-120b-a12b")
    block = experts_of(found)
    assert (block.latent, block.gated, block.active) == (1024, False, 22)
    assert block.one_expert_parameters(found.hidden) == 2 * 1024 * 2688
    assert mixer_of(found, StateSpace).heads == 128


def test_compressed_attention_keeps_a_window_and_pooled_entries() -> None:
    found = model("deepseek-v4-flash")
    ratios = {kind.mixer.ratio: kind.count for kind in found.layers if isinstance(kind.mixer, CompressedAttention)}
    assert ratios == {0: 2, 4: 21, 128: 20}
    for kind in found.layers:
        mixer = kind.mixer
        assert isinstance(mixer, CompressedAttention)
        entry = 512 + (128 if mixer.ratio == 4 else 0)
        pooled = 128_000 / mixer.ratio * entry if mixer.ratio else 0
        assert mixer.cache_elements(128_000) == 128 * 512 + pooled
        assert mixer.attended(128_000) == 128 + {0: 0, 4: 512, 128: 1000}[mixer.ratio]
        naive = sum(
            min(t, 128) + (min(t / mixer.ratio, 512 if mixer.ratio == 4 else t) if mixer.ratio else 0)
            for t in range(1, 3001)
        )
        assert mixer.causal_pairs(3000) == pytest.approx(naive, rel=1e-12)


def test_sparse_attention_caches_the_keys_of_its_indexer() -> None:
    indexer = mixer_of(model("glm-5"), LatentAttention).indexer
    assert (indexer.heads, indexer.head_dim, indexer.top_k, indexer.query_width) == (32, 128, 2048, 2048)
    assert kv_cache_bytes_per_token(model("glm-5"), Precision()) == 78 * (512 + 64 + 128) * 2


def test_equal_layers_merge_wherever_they_are() -> None:
    assert [kind.count for kind in model("gpt-oss-20b").layers] == [12, 12]
    assert sorted(kind.count for kind in model("jamba-v0.1").layers) == [4, 12, 16]
    assert sum(kind.count for kind in model("nemotron-h-56b").layers) == 118


def test_windows_cap_the_cache_and_chunks_too() -> None:
    gemma = model("gemma-3-27b")
    per_token = 2 * 16 * 128 * 2
    assert kv_cache_bytes(gemma, Precision(), 100_000) == per_token * (52 * 1024 + 10 * 100_000)


# --- multimodal, prediction blocks, defaults ---------------------------------------------------------------------


def test_the_text_part_is_read_and_said() -> None:
    for name in ("gemma-3-12b", "qwen3.5-27b", "llama-4-scout-17b-16e", "gemma-4-26b-a4b"):
        assert 'read from "text_config"' in model(name).note
    assert not model("llama-3-8b").note
    llava = {"model_type": "llava", "text_config": {"model_type": "llama", "vocab_size": 32064}, "vision_config": {}}
    found = model_from_config(llava)
    assert found.total_parameters == 6_738_415_616 + 2 * 64 * 4096
    assert "hidden_size = 4096" in found.note
    with pytest.raises(ConfigError, match="hidden_size"):
        model_from_config(llava["text_config"])
    flat = {**config("qwen2-7b"), "model_type": "qwen2_vl", "vision_config": {"depth": 32}}
    assert model_from_config(flat).total_parameters == model("qwen2-7b").total_parameters
    assert "other media" in model_from_config(flat).note


def test_a_tied_head_may_be_said_outside_the_text_part() -> None:
    outer = config("qwen3.5-27b")
    assert not model_from_config(outer).tied_embeddings
    assert model_from_config({**outer, "tie_word_embeddings": True}).tied_embeddings


def test_the_place_of_a_field_in_a_text_part_is_said() -> None:
    gemma = config("gemma-3-12b")
    gemma["text_config"]["hidden_size"] = "wide"
    with pytest.raises(ConfigError, match=r"text_config\.hidden_size"):
        model_from_config(gemma)


def test_prediction_blocks_are_left_out_and_said() -> None:
    assert "num_nextn_predict_layers" in model("deepseek-v3").note
    without = {**DEEPSEEK, "num_nextn_predict_layers": 0}
    assert model_from_config(without).total_parameters == model("deepseek-v3").total_parameters


# --- bad input ---------------------------------------------------------------------------------------------------

LONG = ["full_attention"] * 31
BAD: list[tuple[str, dict[str, Any], str]] = [
    ("llama-3-8b", {"model_type": "lama"}, 'did you mean "llama"'),
    ("llama-3-8b", {"model_type": None}, "model_type"),
    ("llama-3-8b", {"hidden_size": "4096"}, "hidden_size"),
    ("llama-3-8b", {"hidden_size": 10**12}, "hidden_size"),
    ("llama-3-8b", {"hidden_size": 4096.0}, "hidden_size"),
    ("llama-3-8b", {"hidden_size": float("nan")}, "hidden_size"),
    ("llama-3-8b", {"hidden_size": True}, "hidden_size"),
    ("llama-3-8b", {"hidden_size": None}, 'missing "hidden_size"'),
    ("llama-3-8b", {"num_hidden_layers": 0}, "num_hidden_layers"),
    ("llama-3-8b", {"num_hidden_layers": 10**6}, "num_hidden_layers"),
    ("llama-3-8b", {"num_attention_heads": 33}, "num_attention_heads"),
    ("llama-3-8b", {"num_key_value_heads": 5}, "num_key_value_heads"),
    ("llama-3-8b", {"num_key_value_heads": 64}, "num_key_value_heads"),
    ("llama-3-8b", {"vocab_size": [1]}, "vocab_size"),
    ("llama-3-8b", {"tie_word_embeddings": "yes"}, "tie_word_embeddings"),
    ("llama-3-8b", {"attention_bias": 1}, "attention_bias"),
    ("llama-3-8b", {"sliding_window": -4096}, "sliding_window"),
    ("llama-3-8b", {"num_experts": 8}, "num_experts"),
    ("llama-3-8b", {"kv_lora_rank": 512}, "kv_lora_rank"),
    ("llama-3-8b", {"is_encoder_decoder": True}, "is_encoder_decoder"),
    ("llama-3-8b", {"text_config": 3}, "text_config"),
    ("mistral-7b-v0.1", {"sliding_window": -1}, "sliding_window"),
    ("qwen2-7b", {"sliding_window": -1}, "sliding_window"),
    ("qwen2-7b", {"use_sliding_window": "no"}, "use_sliding_window"),
    ("olmo-3-7b", {"layer_types": LONG}, "layer_types"),
    ("olmo-3-7b", {"layer_types": [*LONG, "strange"]}, "strange"),
    ("olmo-3-7b", {"layer_types": [*LONG, "mamba"]}, "mamba"),
    ("olmo-3-7b", {"layer_types": "full_attention"}, "layer_types"),
    ("gpt-oss-20b", {"num_experts_per_tok": 5}, "contradictory"),
    ("mixtral-8x7b", {"num_experts_per_tok": 9}, "num_experts_per_tok"),
    ("mixtral-8x7b", {"num_local_experts": 0}, "num_local_experts"),
    ("mixtral-8x7b", {"num_local_experts": None}, "num_local_experts"),
    ("deepseek-v3", {"kv_lora_rank": None}, "kv_lora_rank"),
    ("deepseek-v3", {"n_routed_experts": 4}, "n_routed_experts"),
    ("deepseek-v3", {"first_k_dense_replace": -1}, "first_k_dense_replace"),
    ("deepseek-v4-flash", {"compress_ratios": [4] * 10}, "compress_ratios"),
    ("jamba-v0.1", {"attn_layer_offset": 8}, "attn_layer_offset"),
    ("mamba2-2.7b", {"num_heads": 79}, "num_heads"),
    ("nemotron-h-56b", {"hybrid_override_pattern": "M-*"}, "hybrid_override_pattern"),
    ("nemotron-h-56b", {"hybrid_override_pattern": "X" * 118}, "hybrid_override_pattern"),
    ("mimo-v2-flash", {"hybrid_layer_pattern": [2] * 48}, "hybrid_layer_pattern"),
    ("mimo-v2-flash", {"add_swa_attention_sink_bias": None}, "add_swa_attention_sink_bias"),
    ("qwen3-next-80b-a3b", {"linear_num_value_heads": 17}, "linear_num_value_heads"),
    ("opt-13b", {"do_layer_norm_before": False}, "do_layer_norm_before"),
]


@pytest.mark.parametrize("name, change, said", BAD, ids=[f"{n}-{next(iter(c))}-{i}" for i, (n, c, _) in enumerate(BAD)])
def test_bad_input_is_one_error_that_names_the_field(name: str, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        model_from_config({**config(name), **change})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [None, 3, "llama", [], True])
def test_not_an_object(value: object) -> None:
    with pytest.raises(ConfigError, match="JSON object"):
        model_from_config(value)


_JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 40),
    st.sampled_from([10**12, -1, 0, float("nan"), float("inf"), 0.5, "", "7", "full_attention", 2**70]),
    st.lists(st.one_of(st.integers(-1, 3), st.text(max_size=3), st.none()), max_size=4),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
_NAMES = sorted({config(name)["model_type"]: name for name in entries()}.values())


def check(whole: dict[str, Any]) -> None:
    """Either a sane model or one readable ConfigError."""
    found: Model | None = None
    message = ""
    try:
        found = model_from_config(whole)
    except ConfigError as error:
        message = str(error)
    if found is None:
        assert 10 < len(message) < 3000
    else:
        assert 0 < found.active_parameters <= found.total_parameters
        assert kv_cache_bytes(found, Precision(), 100) >= 0


@given(data=st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_mutated_configuration_is_a_model_or_a_config_error(data: st.DataObject) -> None:
    whole = copy.deepcopy(config(data.draw(st.sampled_from(_NAMES))))
    inner = whole.get("text_config", whole)
    for _ in range(data.draw(st.integers(1, 3))):
        target = inner if data.draw(st.booleans()) else whole
        key = data.draw(st.sampled_from(sorted(target)))
        if data.draw(st.booleans()):
            del target[key]
        else:
            target[key] = data.draw(_JUNK)
        if not target:
            break
    check(whole)


@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_mutated_small_configuration_is_a_model_or_a_config_error(data: st.DataObject) -> None:
    whole = copy.deepcopy(data.draw(st.sampled_from(FAMILIES))["config"])
    key = data.draw(st.sampled_from(sorted(whole)))
    whole[key] = data.draw(_JUNK)
    check(whole)
