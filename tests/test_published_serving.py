"""Published results of serving techniques, each reproduced by name within a stated tolerance.

Figures were read where the test says.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from roofline.catalog import model
from roofline.kernel import Machine, pass_time
from roofline.lengths import Lengths
from roofline.memory import CLASSES, Placement
from roofline.model import kv_cache_bytes_per_token, weight_bytes
from roofline.operators import Operators
from roofline.phases import FUSION_GROUPS, Riders, decode, prefill
from roofline.precision import Precision
from roofline.serving import Serving
from sweeps.evaluate import evaluate
from sweeps.factors import factors
from sweeps.metrics import metrics
from sweeps.pool import PrefillSide
from sweeps.scenario import Deployment, Largest, Modelling, Request, Scenario, Technology, scenario
from sweeps.space import Columns

FP16 = Precision()
ANY_MEMORY = {"dram_unit_bytes_min": 1.0, "dram_unit_bytes_max": 1e15, "dram_edge_mm_per_unit": 1e-3}
"""Published devices need not be buildable from the shipped kinds of memory."""


def device(bandwidth: float, flop: float, sram: float, dram: float, flash: float = 0.0) -> dict[str, np.ndarray]:
    named = {
        "dram_bytes_per_s": bandwidth,
        "compute_flop_per_s": flop,
        "sram_bytes": sram,
        "dram_bytes": dram,
        "flash_bytes": flash,
    }
    return {name: np.array([value]) for name, value in named.items()}


def numbers(columns: Columns | dict[str, object]) -> dict[str, float]:
    return {name: float(np.asarray(value).reshape(-1)[0]) for name, value in columns.items()}


def built(on: dict[str, np.ndarray], where: Scenario) -> dict[str, float]:
    return numbers(metrics(factors(on, where), where, built=True))


# --- bytes per token


def test_a_606_mib_model_at_49_tokens_per_s_moves_30_gb_per_s() -> None:
    """TinyLlama-1.1B in Q4_0, whose output layer is Q6_K: 606.53 MiB and 4.63 bits per weight, as llama.cpp prints it.

    Every token reads all weights but the embedding table, of which it gathers one row.
    """
    llama = model("tinyllama-1.1b")
    precision = Precision("q4_0", "fp16", "fp16", (("lm_head", "q6_k"),))
    assert weight_bytes(llama, precision) / 2**20 == pytest.approx(606.53, rel=1e-3)
    where = scenario(
        [Request(llama, 16, 128, 1, precision)],
        Technology(dram_kind="ddr5", constants=ANY_MEMORY),
        Deployment(),
        Modelling(launch_overhead_s=0.0),
    )
    on = device(30e9, 10e12, 1e6, 16e9)
    assert built(on, where)["decode_tokens_per_s"] == pytest.approx(49, rel=0.03)
    assert 49 * numbers(factors(on, where))["decode_dram_bytes.0"] == pytest.approx(30e9, rel=0.03)


# --- weights beyond the memory


@pytest.mark.parametrize("in_dram, published_s", [(0.0, 2.196), (0.5, 1.090)])
def test_llm_in_a_flash_reads_what_dram_does_not_hold(in_dram: float, published_s: float) -> None:
    """OPT-6.7B in 16 bit at 6.1 GB/s of flash: I/O time of a token, naive and with half of the weights resident.

    Alizadeh et al., arXiv 2312.11514, Table 2: 13.4 GB in 2196 ms, 6.7 GB in 1090 ms (read in a public transcript).
    Its windowing and bundling are contextual sparsity, which is a technique of its own.
    """
    opt = model("opt-6.7b")
    flash = {"flash_bytes_per_s_max": 6.1e9, "flash_bytes_per_s_per_byte": 1.0, "os_reserve_bytes": 0.0}
    where = scenario(
        [Request(opt, 128, 128)],
        Technology(dram_kind="lpddr5x", flash_kind="nvme", constants={**ANY_MEMORY, **flash}),
        Deployment(),
        Modelling(),
    )
    held = where.workloads[0].footprint_bytes
    beside = held["kv_cache"] + held["activations"]
    on = device(400e9, 10e12, 1e6, beside + in_dram * weight_bytes(opt, FP16), 64e9)
    read = numbers(factors(on, where))["decode_flash_bytes.0"]
    assert read / 6.1e9 == pytest.approx(published_s, rel=0.01)
    assert numbers(factors(on, where))["decode_s.0"] == pytest.approx(read / 6.1e9, rel=0.01)


def test_flexgen_a_batch_pays_for_streamed_weights() -> None:
    """OPT-175B on a T4 with a disk of 2 GB/s: 0.69 token/s with 256 sequences, 0.01 with one (ZeRO-Inference).

    Sheng et al., FlexGen, arXiv 2303.06865; its repository's benchmark/batch_size_table.md for throughputs and batches,
    512 tokens in and 32 out; the paper's section 6 for 2 GB/s (read in a public transcript). The bound with the KV
    cache on disk too is 0.50: FlexGen keeps a part of it in 208 GB of host memory, which is no tier here. One sequence
    is printed as 0.01, so the ratio of both is between 46 and 138.
    """
    disk = {"flash_bytes_per_s_max": 2e9, "flash_bytes_per_s_per_byte": 1.0}
    technology = Technology(dram_kind="gddr6", flash_kind="nvme", constants={**ANY_MEMORY, **disk})
    how = Modelling(flash_holds=("weights", "kv_cache"))
    rates = {}
    for batch in (1, 256):
        where = scenario([Request(model("opt-175b"), 512, 32, batch)], technology, Deployment(), how)
        found = numbers(evaluate(device(300e9, 65e12, 4e6, 16 * 2.0**30, 1.7e12), where))
        assert found["margin_fit"] <= 0
        rates[batch] = found["tokens_per_s"]
    assert rates[1] == pytest.approx(0.006, rel=0.05)
    assert rates[256] == pytest.approx(0.69, rel=0.35)
    assert 0.69 / 0.015 < rates[256] / rates[1] < 0.69 / 0.005


# --- the KV cache


def test_paged_attention_wastes_little_where_reserved_room_wastes_most() -> None:
    """ShareGPT, 161 tokens in and 338 out: of room for 2,048 tokens 20.4 to 38.2 % is used, of pages all but 4 %.

    Kwon et al., arXiv 2309.06180, Figure 2, Figure 11 for the mean lengths, 161.31 and 337.99, and the authors'
    announcement (vLLM, 20 June 2023) for "under 4%"; all read in public transcripts.
    """
    lengths = Lengths.of([(161, 338, 1.0)])
    used = lengths.mean_final / Serving(reserved_tokens=2048).held_tokens(lengths)
    assert 0.204 <= used <= 0.382
    assert 1.0 - lengths.mean_final / Serving(block_tokens=16).held_tokens(lengths) < 0.04


def test_gqa_and_mla_caches_save_what_their_papers_say() -> None:
    """Llama-3's 8 of 32 KV heads keep a quarter; DeepSeek-V2 keeps 93.3 % less than DeepSeek 67B (arXiv 2405.04434)."""
    llama = model("llama-3-8b")
    mixer = llama.layers[0].mixer
    assert mixer is not None
    every_head = replace(llama, layers=(replace(llama.layers[0], mixer=replace(mixer, kv_heads=32)),))  # type: ignore[call-arg]
    assert kv_cache_bytes_per_token(every_head, FP16) == 4 * kv_cache_bytes_per_token(llama, FP16)
    # 67B: 95 layers, 8 KV heads of 128. V2 is deployed with 6 bits per element on average (section 3.2.3).
    dense = 2 * 95 * 8 * 128 * 2
    saved = 1.0 - kv_cache_bytes_per_token(model("deepseek-v2"), FP16) * (6 / 16) / dense
    assert saved == pytest.approx(0.933, abs=0.005)


def test_flash_attention_moves_an_order_of_magnitude_less() -> None:
    """Heads of 64 at 1,024 tokens, as GPT-2 medium has them: 40.3 GB without and 4.4 GB with it, 9.2 times; 10 %.

    Dao et al., arXiv 2205.14135, Figure 2 (read in public transcripts), forward and backward without a mask; here a
    causal forward pass with a fused softmax. The ratio depends on neither the heads nor the batch.
    """
    gpt = model("gpt2")
    one = replace(gpt, layers=(replace(gpt.layers[0], count=1),))

    def moved(*fusion: str) -> float:
        rows = prefill(one, FP16, batch=64.0, prompt_tokens=1024.0, fusion=fusion)
        return sum(row.compulsory_bytes for row in rows if row.name.startswith(("attention", "softmax")))

    assert moved("softmax") / moved("attention") == pytest.approx(9.2, rel=0.1)


# --- batching


def test_sarathi_decodes_ride_along_for_a_fraction_of_their_own_step() -> None:
    """Llama-2-13B on an RTX A6000, chunks of 256 of 1,024 tokens beside 6 sequences: decodes up to 10 times cheaper.

    Agrawal et al., SARATHI, arXiv 2308.16369, abstract; at least 4 times here, where the chunk alone binds compute.
    """
    llama = model("llama-2-13b")
    machine = Machine(
        flop_per_s=0.6 * 155e12,
        vector_ops_per_s=10e12,
        sram_bytes_per_s=1e14,
        dram_bytes_per_s=0.85 * 768e9,
        flash_bytes_per_s=0.0,
        tile_bytes=1e7,
    )
    place = Placement(off_chip=dict.fromkeys(CLASSES, 1.0), in_flash={}, missing_bytes=0.0)

    def seconds(operators: Operators) -> float:
        return float(np.asarray(pass_time(operators, machine, place).seconds))

    piece = {"batch": 1.0, "prompt_tokens": 1024.0, "pieces": 4.0}
    alone = seconds(prefill(llama, FP16, **piece))  # type: ignore[arg-type]
    mixed = seconds(prefill(llama, FP16, riders=Riders(6.0, 1024.0), **piece))  # type: ignore[arg-type]
    step = seconds(decode(llama, FP16, batch=6.0, context_tokens=1024.0))
    assert 4 < step / (mixed - alone) < 10


def test_distserve_disaggregation_serves_more_requests_within_both_limits() -> None:
    """A model of 13 B, 512 in, 64 out, A100s, within 400 ms and 40 ms: 2.1 times the requests per GPU, 2 GPUs per 1.

    Zhong et al., DistServe, arXiv 2401.09670, as the authors' announcement explains its Figure 1 (read in public
    transcripts): 1.6 requests/s against 10/3 of two chips for prompts and one for tokens, at the 90th percentile; here
    the means of a server that always has work, so that the gain is smaller and the direction the same: it grows as the
    limit on the time per token tightens.
    """
    a100 = device(2.039e12, 312e12, 40e6, 80e9)
    technology = Technology(dram_kind="hbm2e", constants=ANY_MEMORY)
    side = PrefillSide({name: float(value[0]) for name, value in a100.items()}, 300e9, technology)
    how = Modelling(compute_efficiency=0.6, memory_efficiency=0.8)
    request = Request(model("opt-13b"), 512, 64, serving=Serving(continuous=True))

    def gain(tpot_s: float) -> tuple[float, float]:
        largest = Largest(0.4, tpot_s)
        both = replace(scenario([request], technology, Deployment(), how), largest=largest)
        apart = replace(scenario([request], technology, Deployment(), how, prefill=side), largest=largest)
        one, pair = numbers(evaluate(a100, both)), numbers(evaluate(a100, apart))
        assert one["feasible"] == pair["feasible"] == 1.0
        return pair["tokens_per_s"] / (1.0 + pair["prefill_chips"]) / one["tokens_per_s"], pair["prefill_chips"]

    gains = [gain(tpot_s)[0] for tpot_s in (0.08, 0.04, 0.03, 0.025)]
    assert gains == sorted(gains)
    at_limit, chips = gain(0.04)
    assert 1.3 < at_limit < 2.1
    assert 1.5 < chips < 2.5


def test_splitwise_separate_pools_cost_less_at_the_same_limit() -> None:
    """Llama-2-70B, 1,024 in and 128 out at 50 ms per token: a pool for prompts beside one for tokens costs less.

    Patel et al., Splitwise, arXiv 2311.18677: 1.4 times the throughput at 20 % lower cost (abstract). Direction only:
    here all chips are alike, and the gain is that no prompt comes between tokens.
    """
    chip = device(3.35e12, 989e12, 50e6, 320e9)
    technology = Technology(constants=ANY_MEMORY)
    side = PrefillSide({name: float(value[0]) for name, value in chip.items()}, 100e9, technology)
    request = Request(
        model("llama-2-70b"), 1024, 128, precision=Precision("fp8", "fp8", "fp8"), serving=Serving(continuous=True)
    )
    costs = [
        numbers(
            evaluate(
                chip,
                replace(
                    scenario([request], technology, Deployment(), Modelling(), prefill=prompts),
                    largest=Largest(None, 0.05),
                ),
            )
        )["tco_usd_per_mtoken"]
        for prompts in (None, side)
    ]
    assert costs[1] < 0.8 * costs[0]


# --- quantization


SURVEY = {
    # (weights, activations, cache): speed-ups of a decode step at (batch, context): low and high
    ("int4", "fp16", "fp16"): {(1, 512): (3.5, 4.0), (16, 512): (1.8, 2.8), (128, 4096): (1.0, 1.1)},
    ("fp16", "fp16", "int4"): {(1, 512): (1.0, 1.1), (16, 512): (1.1, 1.5), (128, 4096): (2.8, 4.0)},
    ("int4", "fp16", "int4"): {(1, 512): (3.8, 4.0), (16, 512): (3.5, 4.0), (128, 4096): (3.2, 4.0)},
    ("int8", "int8", "int8"): {(1, 512): (1.9, 2.01), (16, 512): (1.9, 2.01), (128, 4096): (1.9, 2.01)},
}


def on_a6000(name: str, batch: int, context: int, precision: Precision) -> tuple[float, float, float]:
    """Seconds of a prefill and of a decode step after it, and bytes to hold."""
    request = Request(model(name), context, 2, batch, precision)
    technology = Technology(dram_kind="gddr6", constants=ANY_MEMORY)
    where = scenario([request], technology, Deployment(), Modelling(launch_overhead_s=0.0))
    known = numbers(factors(device(768e9, 155e12, 6e6, 2e12), where))
    return known["prefill_s.0"], known["decode_s.0"], where.workloads[0].footprint_total_bytes  # type: ignore[return-value]


@pytest.mark.parametrize("formats", SURVEY)
def test_the_surveys_quantization_moves_speed_and_memory_as_it_says(formats: tuple[str, str, str]) -> None:
    """Llama-2-7B on an RTX A6000 (LLM Inference Unveiled, arXiv 2402.16363, section 3.1.1: LLM-Viewer's rooflines).

    Weight-only helps short decodes of small batches and no prefill, a quantized cache helps long contexts and large
    batches, and 8 bit of everything halves all times. The bounds are ours: the survey draws curves. The table of a
    layer is tests/test_llm_viewer.py.
    """
    memory = []
    for (batch, context), (low, high) in SURVEY[formats].items():
        plain, quantized = (on_a6000("llama-2-7b", batch, context, one) for one in (FP16, Precision(*formats)))
        assert low <= plain[1] / quantized[1] <= high, (batch, context)
        prefill_gain = plain[0] / quantized[0]
        assert prefill_gain == pytest.approx(2.0 if formats[1] == "int8" else 1.0, rel=0.05), (batch, context)
        memory.append(plain[2] / quantized[2])
    weights, _, cache = formats
    if (weights, cache) == ("int4", "fp16"):
        assert memory == sorted(memory, reverse=True)
    if (weights, cache) == ("fp16", "int4"):
        assert memory == sorted(memory)


def test_the_surveys_fewer_bits_help_small_batches_and_short_prompts_only() -> None:
    """Llama-2-13B on an A6000, decode after 1,024 tokens and prefill at batch 1 (arXiv 2402.16363, Figures 8 and 9).

    Small batches are memory bound at any width: fewer bits are faster. At large ones 2 bits are no faster than 4, as
    both are compute bound; so are prompts of some length, and short ones not. Read in a public translation.
    """

    def times(batch: int, context: int) -> list[tuple[float, float, float]]:
        return [on_a6000("llama-2-13b", batch, context, Precision(w)) for w in ("fp16", "int8", "int4", "int2")]

    steps = {batch: [decode for _, decode, _ in times(batch, 1024)] for batch in (1, 64)}
    for wide, narrow in zip(steps[1], steps[1][1:], strict=False):
        assert 1.75 < wide / narrow <= 2.0
    assert steps[64][0] > 1.02 * steps[64][2]
    assert steps[64][2] == pytest.approx(steps[64][3], rel=1e-3)
    reads = {prompt: [prefill_s for prefill_s, _, _ in times(1, prompt)] for prompt in (16, 2048)}
    assert 3.0 < reads[16][0] / reads[16][2] <= 4.0
    assert reads[2048] == pytest.approx([reads[2048][0]] * 4, rel=0.01)


def test_the_surveys_cache_is_most_of_the_memory_beyond_50_thousand_tokens() -> None:
    """Llama-2-13B at batch 1: from 50 K tokens on the KV cache is the larger part (arXiv 2402.16363, Figure 11).

    So a cache in 4 bits saves most of a long decode's memory and hardly any of a short one's, and with weights in 4
    bits a quarter is left of all but the activations, which are little (Figure 7). Read in a public translation.
    """

    def held(context: int, *formats: str) -> float:
        return on_a6000("llama-2-13b", 1, context, Precision(*formats))[2]

    weights = weight_bytes(model("llama-2-13b"), FP16)
    assert weights == pytest.approx(26e9, rel=0.01)
    assert (held(25_000, "fp16") - weights) / held(25_000, "fp16") < 0.5
    assert (held(50_000, "fp16") - weights) / held(50_000, "fp16") > 0.5
    assert held(200_000, "fp16", "fp16", "int4") < 0.5 * held(200_000, "fp16")
    assert held(1024, "fp16", "fp16", "int4") > 0.95 * held(1024, "fp16")
    assert held(50_000, "int4", "fp16", "int4") / held(50_000, "fp16") == pytest.approx(0.25, abs=0.05)


def test_fused_groups_are_all_known() -> None:
    """The switch between compute and memory bound moves with what is fused: a fused layer never moves more."""
    llama = model("llama-2-7b")
    moved = [
        sum(
            row.compulsory_bytes * row.count
            for row in prefill(llama, FP16, batch=1.0, prompt_tokens=512.0, fusion=groups)
        )
        for groups in ((), ("attention",), FUSION_GROUPS)
    ]
    assert moved[0] > moved[1] > moved[2]
