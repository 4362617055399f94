"""The time of one published row: which passes it is, linear in what the fit fits, and a reason where there is none."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measurement_rows import PLAIN

from roofline import catalog
from roofline.accelerators import Accelerator, find
from roofline.calibration import efficiency, shipped
from roofline.efficiency import Efficiency
from roofline.model import Model
from roofline.runtimes import runtimes
from sweeps.fit import TERMS, coefficients, efficiency_of, kind_of, terms_of
from sweeps.measurements import CLOSED_LOOP, ENERGIES_OF_MEASUREMENTS, Measurement, read_measurements
from sweeps.predict import (
    STATIC_CACHE,
    Subject,
    fills_matrix_units,
    has_matrix_units,
    in_unit,
    limit_j_per_flop,
    passes,
    subject,
)
from sweeps.validate import predict_all

ROWS = tuple(row for row in read_measurements().rows if row.metric not in ENERGIES_OF_MEASUREMENTS)
CHIP = "a100-sxm-80gb"


@cache
def model(name: str, hf_id: str = "") -> Model:
    return catalog.model(catalog.canonical_name(name))


def found(row: Measurement) -> Subject:
    return subject(row, model, find)


def seconds(row: Measurement, reached: Efficiency | None = None) -> float:
    return float(np.asarray(passes(found(row), reached).total("s")).reshape(-1)[0])


def reached(row: Measurement) -> Efficiency:
    this = found(row)
    return efficiency_of(kind_of(this), this.runtime, shipped())


STEP = replace(PLAIN, stack_version="0.9", context_tokens=1000.0, prompt_tokens=None, output_tokens=None)
PROMPT = replace(
    PLAIN, stack_version="0.9", phase="prefill", metric="ttft_s", prompt_tokens=1000.0, output_tokens=None,
    context_tokens=None,
)  # fmt: skip
REQUEST = replace(PROMPT, phase="end_to_end", metric="latency_s", output_tokens=100.0)
LOAD = replace(STEP, protocol=CLOSED_LOOP, batch=16.0, prompt_tokens=800.0, output_tokens=400.0)

# ---- the bound, worked out by hand


def test_a_step_reads_weights_and_cache() -> None:
    """Llama 3 8B at a context of 1000 tokens: all but the embedding's rows, and 128 KiB per token."""
    weights = 2 * (model("llama-3-8b").total_parameters - 128256 * 4096)
    cache_bytes = 2 * 32 * 8 * 128 * 2 * 1000
    assert seconds(STEP) == pytest.approx((weights + cache_bytes) / 2.039e12, rel=2e-3)


def test_a_prompt_computes_two_operations_per_weight_and_token() -> None:
    blocks = model("llama-3-8b").total_parameters - 2 * 128256 * 4096
    flop = 2 * 1000 * blocks + 32 * 4 * 4096 * 1000 * 1001 / 2 + 2 * 128256 * 4096
    assert flop / 312e12 < seconds(PROMPT) < 1.03 * flop / 312e12


def test_four_bit_weights_take_a_quarter() -> None:
    four = replace(STEP, weight_bits=4.0)
    weights = 2 * (model("llama-3-8b").total_parameters - 128256 * 4096)
    assert seconds(STEP) - seconds(four) == pytest.approx(0.75 * weights / 2.039e12, rel=2e-3)


def test_the_size_of_a_file_counts_before_the_bits_in_its_name() -> None:
    total = model("llama-3-8b").total_parameters
    sized = replace(STEP, weight_bits=4.0, weight_bytes=total * 4.9 / 8)
    assert found(sized).precision.weights == "4.9000bit"


@pytest.mark.parametrize(
    ("device", "weight_bits", "activation_bits", "kv_bits", "formats"),
    [
        (CHIP, 16.0, 16.0, None, ("fp16", "fp16", "fp16")),
        (CHIP, None, None, None, ("fp16", "fp16", "fp16")),
        (CHIP, 8.0, 16.0, 8.0, ("int8", "fp16", "int8")),
        (CHIP, 8.0, 8.0, 8.0, ("int8", "int8", "int8")),  # no FP8 on an A100
        ("h100-sxm-80gb", 8.0, 8.0, 8.0, ("fp8", "fp8", "fp8")),
        ("h100-sxm-80gb", 8.0, 16.0, None, ("int8", "fp16", "fp16")),
        ("h100-sxm-80gb", 4.0, 16.0, None, ("4.0000bit", "fp16", "fp16")),
        ("m2-ultra", 8.0, 8.0, None, ("fp8", "fp8", "fp16")),  # has neither: runs in 16 bit
    ],
)
def test_published_bits_as_formats(
    device: str,
    weight_bits: float | None,
    activation_bits: float | None,
    kv_bits: float | None,
    formats: tuple[str, str, str],
) -> None:
    row = replace(
        STEP, hardware=device, weight_bits=weight_bits, activation_bits=activation_bits, kv_bits=kv_bits
    )  # fmt: skip
    precision = found(row).precision
    assert (precision.weights, precision.activations, precision.kv_cache) == formats


@pytest.mark.parametrize(
    ("device", "units"),
    [(CHIP, True), ("rtx-4090", True), ("m2-ultra", False), ("m5-10c", True), ("rx-6800-xt", False)],
)
def test_which_chips_have_units_for_matrices(device: str, units: bool) -> None:
    assert has_matrix_units(find(device)) is units


def test_an_unknown_vector_rate_counts_as_having_them() -> None:
    assert has_matrix_units(Accelerator(name="x", peaks={"fp16": 1e12}))


@pytest.mark.parametrize(
    ("row", "binds"),
    [(STEP, False), (PROMPT, True), (REQUEST, True), (LOAD, False), (replace(PROMPT, protocol=CLOSED_LOOP), False)],
)
def test_the_power_limit_binds_where_matrix_units_are_filled_at_one_stretch(row: Measurement, binds: bool) -> None:
    assert fills_matrix_units(row) is binds
    assert kind_of(found(row))[3] == (pytest.approx(400 / 312e12) if binds else None)


def test_a_chip_without_a_published_limit_has_none() -> None:
    assert limit_j_per_flop(find("m2-ultra")) is None


# ---- which passes a row is


def test_a_request_is_its_prompt_and_the_steps_after_the_first_token() -> None:
    for how in (None, reached(REQUEST)):
        prompt = seconds(replace(PROMPT, batch=4.0), how)
        # The mean step of 99 attends to 1000 + 100/2 tokens.
        step = seconds(replace(STEP, batch=4.0, context_tokens=1050.0), how)
        assert seconds(replace(REQUEST, batch=4.0), how) == pytest.approx(prompt + 99 * step, rel=2e-3)


def test_the_passes_of_a_request_are_counted_exactly() -> None:
    parts = passes(found(REQUEST), None).parts
    assert [(times, phase) for times, phase, _, _ in parts] == [(1.0, "prefill"), (99.0, "decode")]
    once = replace(REQUEST, output_tokens=1.0)
    assert seconds(once) == pytest.approx(seconds(PROMPT), rel=1e-12)


def test_the_context_of_a_step_is_the_stated_one_or_the_middle_of_the_output() -> None:
    stated = replace(STEP, context_tokens=1000.0)
    derived = replace(STEP, context_tokens=None, prompt_tokens=900.0, output_tokens=200.0)
    assert seconds(stated) == seconds(derived)
    assert seconds(replace(STEP, context_tokens=2000.0)) > seconds(stated)


def test_a_closed_loop_waits_for_prompts_that_start_meanwhile() -> None:
    how = reached(LOAD)
    alone = replace(LOAD, protocol="single_stream")
    prompt = seconds(replace(PROMPT, prompt_tokens=800.0), how)
    # 15 other clients send a prompt every 400 steps each.
    assert seconds(LOAD, how) == pytest.approx(seconds(alone, how) + 15 / 400 * prompt, rel=1e-12)
    assert seconds(LOAD) == seconds(alone)  # the bound lets them overlap


def test_a_closed_loop_of_one_client_never_waits_for_another() -> None:
    one = replace(LOAD, batch=1.0)
    assert seconds(one, reached(one)) == seconds(replace(one, protocol="single_stream"), reached(one))


def test_clients_of_other_replicas_do_not_wait_for_each_other() -> None:
    two = replace(LOAD, devices=2, batch=32.0)
    assert seconds(two, reached(two)) == pytest.approx(seconds(LOAD, reached(LOAD)), rel=1e-12)


def test_a_first_token_under_load_waits_for_half_of_the_others() -> None:
    row = replace(PROMPT, protocol=CLOSED_LOOP, batch=9.0, output_tokens=100.0)
    how = reached(row)
    assert seconds(row, how) == pytest.approx(seconds(replace(PROMPT, batch=5.0), how), rel=1e-12)
    assert seconds(row) == pytest.approx(seconds(PROMPT), rel=1e-12)  # at best it is alone


def test_a_prompt_on_a_static_cache_attends_to_all_of_it() -> None:
    row = replace(PROMPT, hardware="snapdragon-8-elite", stack="qnn", prompt_tokens=128.0, batch=1.0)
    static = replace(row, protocol=STATIC_CACHE, context_tokens=4096.0)
    attention = {}
    for name, this in (("plain", row), ("static", static)):
        scenario = passes(found(this), None).parts[0][3]
        attention[name] = next(r for r in scenario.workloads[0].prefill if r.scores)
    plain, whole = attention["plain"], attention["static"]
    assert whole.flop * whole.count == pytest.approx(4 * 4096 * 128 * 4096 * 32)  # 128 x 4096 scores
    assert plain.flop * plain.count == pytest.approx(4 * 4096 * 128 * 129 / 2 * 32)
    assert whole.kv_read_bytes == pytest.approx(32 * plain.kv_read_bytes)
    assert seconds(static) > seconds(row)


@pytest.mark.parametrize("context", [None, 128.0, 64.0])
def test_a_static_cache_is_no_shorter_than_the_prompt(context: float | None) -> None:
    row = replace(PROMPT, hardware="snapdragon-8-elite", stack="qnn", prompt_tokens=128.0, protocol=STATIC_CACHE)
    scenario = passes(found(replace(row, context_tokens=context)), None).parts[0][3]
    core = next(r for r in scenario.workloads[0].prefill if r.scores)
    pairs = 128 * 129 / 2 if context is None else 128 * 128
    assert core.flop == pytest.approx(4 * 4096 * pairs)


def test_all_reduces_of_tensor_parallel_chips() -> None:
    """Two per layer and one of the embedding, each over ceil(log2 n) steps, and the logits gathered."""
    row = replace(STEP, model="llama-3-70b", devices=8, tensor_parallel=8, batch=4.0)
    scenario = passes(found(row), None).parts[0][3]
    rows = {r.name: r for r in scenario.workloads[0].decode if r.link_steps}
    assert sum(r.count for name, r in rows.items() if name.startswith("all_reduce")) == 2 * 80 + 1
    assert rows["all_gather_logits"].count == 1
    for name, r in rows.items():
        assert r.link_steps == 3.0
        if name.startswith("all_reduce"):
            assert r.link_bytes == pytest.approx(2 * 7 / 8 * 4 * 8192 * 2)


def test_rates_and_times_are_of_the_row() -> None:
    assert in_unit(STEP, 0.25) == 0.25
    assert in_unit(replace(STEP, metric="decode_tokens_per_s", batch=8.0), 0.25) == 32.0
    assert in_unit(replace(PROMPT, metric="prefill_tokens_per_s", batch=8.0), 0.25) == 32000.0
    assert in_unit(replace(REQUEST, metric="decode_tokens_per_s", batch=8.0), 0.25) == 3200.0
    with pytest.raises(ValueError, match="power_w is no time"):
        in_unit(replace(STEP, metric="power_w"), 0.25)


def test_fractional_batches_are_whole_sequences() -> None:
    assert seconds(replace(STEP, batch=3.2)) == seconds(replace(STEP, batch=4.0))


# ---- what cannot be predicted says why


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hardware": "h10"}, 'unknown hardware "h10"'),
        ({"model": "no-such-model"}, "no-such-model"),
        ({"context_tokens": None, "prompt_tokens": None, "output_tokens": None}, "neither context_tokens nor the"),
        ({"phase": "prefill", "prompt_tokens": None}, "prompt_tokens are not stated"),
        ({"phase": "prefill", "prompt_tokens": 0.0}, "prompt_tokens are not stated"),
        ({"phase": "end_to_end", "output_tokens": None, "prompt_tokens": 9.0}, "output_tokens are not stated"),
        ({"protocol": CLOSED_LOOP, "prompt_tokens": None, "output_tokens": 9.0}, "prompt_tokens are not stated"),
        ({"protocol": CLOSED_LOOP, "prompt_tokens": 9.0, "output_tokens": None}, "output_tokens are not stated"),
        ({"devices": 3, "tensor_parallel": 2}, "3 devices are no whole number of groups of 2"),
        ({"devices": 2, "tensor_parallel": 4}, "2 devices are no whole number of groups of 4"),
        ({"expert_parallel": 3, "devices": 2, "tensor_parallel": 2}, "expert 3 does not go with tensor 2"),
        ({"weight_bytes": 1e9}, "its weights would have 0.996 bits each: the file is of another model"),
        ({"weight_bytes": 1e12}, "bits each: the file is of another model"),
        ({"hardware": "gaudi3", "devices": 2, "tensor_parallel": 2}, "unknown link_bytes_per_s"),
    ],
)
def test_what_cannot_be_predicted_says_why(changes: dict[str, object], said: str) -> None:
    chip = replace(find(CHIP), name="gaudi3", link_bytes_per_s=None)
    row = replace(STEP, **changes)  # type: ignore[arg-type]
    (prediction,) = predict_all([row], models=model, accelerators=lambda name: find(name, [chip]))
    assert (prediction.value, prediction.bound) == (None, None)
    assert said in prediction.reason


@pytest.mark.parametrize("fact", ["dram_bytes_per_s", "dram_bytes"])
def test_a_device_that_does_not_say_how_fast_it_is(fact: str) -> None:
    chip = replace(find(CHIP), name="vague", **{fact: None})  # type: ignore[arg-type]
    (prediction,) = predict_all(
        [replace(STEP, hardware="vague")], models=model, accelerators=lambda name: find(name, [chip])
    )
    assert prediction.reason == f'unknown {fact} of "vague"'


# ---- linear in what the fit fits

SHARES = st.floats(0.05, 1.0)
SLOWDOWNS = st.floats(1.0, 20.0)
TIMES = st.floats(0.0, 1e-2)
EFFICIENCIES = st.builds(
    Efficiency,
    gemm_slowdown=SLOWDOWNS,
    attention_slowdown=SLOWDOWNS,
    expert_slowdown=SLOWDOWNS,
    row_slowdown=st.floats(0.0, 50.0),
    memory_share=SHARES,
    vector_share=SHARES,
    link_share=SHARES,
    kernel_s=st.floats(0.0, 1e-4),
    step_s=TIMES,
    sequence_s=TIMES,
    link_latency_s=st.floats(0.0, 1e-4),
)
# Rows of every stack, phase and protocol, and of several chips.
KINDS = list({(row.stack, row.phase, row.protocol, row.devices > 1): row for row in ROWS if row.prompt_tokens}.values())


def test_every_field_of_an_efficiency_is_a_term() -> None:
    assert {field.name for field in fields(Efficiency)} == set(TERMS)


@given(st.sampled_from(KINDS), EFFICIENCIES)
def test_the_time_of_a_row_is_the_sum_of_its_terms(row: Measurement, how: Efficiency) -> None:
    this = found(row)
    together = float(terms_of(this) @ coefficients(how))
    assert together == pytest.approx(seconds(row, how), rel=1e-12)


def test_a_published_cache_bandwidth_is_no_term() -> None:
    """It runs beside all terms; counted with each of them it would count eleven times."""
    fast = replace(find(CHIP), name="fast-cache", sram_bytes_per_s=2e13)
    known, plain = (
        subject(replace(PROMPT, hardware=chip.name), model, lambda name, chip=chip: find(name, [chip]))
        for chip in (fast, find(CHIP))
    )
    assert terms_of(known) == pytest.approx(terms_of(plain), rel=1e-12)
    how = reached(PROMPT)
    assert float(np.asarray(passes(known, how).total("s"))[0]) == pytest.approx(seconds(PROMPT, how), rel=1e-12)


@pytest.mark.parametrize("row", KINDS, ids=lambda row: row.id)
def test_terms_are_times(row: Measurement) -> None:
    terms = terms_of(found(row))
    assert np.isfinite(terms).all()
    assert (terms >= 0).all()
    assert terms.any()


@pytest.mark.parametrize("row", KINDS, ids=lambda row: row.id)
def test_no_prediction_beats_the_bound(row: Measurement) -> None:
    """Whatever the class and the stack: a share of the peaks, in turn, is slower than the peaks side by side."""
    known, bound = shipped(), seconds(row)
    for stack in runtimes():
        this = replace(found(row), runtime=stack)
        how = efficiency(known, stack, device_class=this.chip.device_class)
        assert float(np.asarray(passes(this, how).total("s")).reshape(-1)[0]) >= bound * (1 - 1e-9), stack.name
