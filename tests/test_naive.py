"""The fast path against the slow twin and against itself, and operators worked out by hand."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, Literal

import naive
import naive_workload
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from strategies import Case, cases, precisions

from roofline.catalog import model
from roofline.operators import Operator, Operators
from roofline.phases import FUSION_GROUPS, decode, prefill
from roofline.precision import Precision, arithmetic_format, formats, native_format
from sweeps.constants import resolved_constants
from sweeps.evaluate import evaluate
from sweeps.factors import factors
from sweeps.scenario import (
    Deployment,
    Limit,
    Modelling,
    Request,
    Scenario,
    Technology,
    scenario,
)
from sweeps.space import DESIGN_COLUMNS, Axis, Space

EXAMPLES = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def agree(name: str, fast: float, slow: float) -> bool:
    """To 1e-12 relative; what subtracts from 1 to 1e-12 absolute as well."""
    subtracts = name.startswith("margin_") or name == "throttled"
    return bool(np.isclose(fast, slow, rtol=1e-12, atol=1e-12 if subtracts else 0.0, equal_nan=True))


def columns_of(case: Case) -> dict[str, np.ndarray]:
    """The case's designs through the fast path, every column (n,)."""
    chosen = scenario(case.requests, case.technology, case.deployment, case.modelling, case.limits)
    designs = {name: np.array([point[name] for point in case.designs]) for name in DESIGN_COLUMNS}
    return {name: np.broadcast_to(column, (len(case.designs),)) for name, column in evaluate(designs, chosen).items()}


def twin_of(case: Case, point: Mapping[str, float]) -> dict[str, float]:
    constants = dict(resolved_constants(case.technology, case.deployment))
    return naive.evaluate_one(
        case.requests, case.technology, case.deployment, case.modelling, constants, point, case.limits
    )


def differences(case: Case) -> list[str]:
    fast = columns_of(case)
    found = []
    for i, point in enumerate(case.designs):
        slow = twin_of(case, point)
        if set(slow) != set(fast):
            found.append(f"columns {set(slow) ^ set(fast)}")
            continue
        found += [
            f"design {i}, {name}: fast {fast[name][i]!r}, slow {slow[name]!r}"
            for name in fast
            if not agree(name, float(fast[name][i]), float(slow[name]))
        ]
    return found


@settings(EXAMPLES, max_examples=300)
@given(cases(designs=4))
def test_every_column_agrees_with_the_slow_twin(case: Case) -> None:
    assert differences(case) == []


class AllReached(Exception):  # noqa: N818 - it ends a search, nothing went wrong
    """Nothing is left to look for."""


def test_the_drawn_cases_reach_every_tier_and_every_reason() -> None:
    """The comparison above would say little if it saw only designs that hold everything, or only infeasible ones."""
    seen: Counter[str] = Counter()
    reached = ["built", "spills into flash", "lives in SRAM in part", "throttled", "more than one die"]
    reached += ["margin_fit", "margin_dram_bandwidth", "margin_dram_capacity", "margin_dram_edge", "margin_dies"]
    reached += ["margin_power_cap", "margin_demand"]
    reached += ["Attention", "LatentAttention", "CompressedAttention", "StateSpace", "GatedDelta"]
    reached += ["NoneType", "Mlp", "Experts"]
    reached += ["runs in DRAM", "runs in flash"]
    reached += ["calibrated", "in pieces", "scores written", "weights expanded", "K and V per query head"]

    # Rare ones are looked for until they turn up: how soon depends on the versions of Python and hypothesis.
    @settings(EXAMPLES, max_examples=3000, database=None, derandomize=True, phases=(Phase.generate,))
    @given(cases(designs=4))
    def look(case: Case) -> None:
        if all(seen[name] for name in reached):
            raise AllReached
        constants = resolved_constants(case.technology, case.deployment)
        for kind in (kind for request in case.requests for kind in request.model.layers):
            seen.update({type(part).__name__ for part in (kind.mixer, *kind.feed_forwards)})
        if case.modelling.runtime is not None:
            seen["calibrated"] += 1
            chosen = scenario(case.requests, case.technology, case.deployment, case.modelling, case.limits)
            rows = [row for workload in chosen.workloads for row in workload.prefill]
            seen["scores written"] += any(row.scratch_bytes and row.scores for row in rows)
            seen["weights expanded"] += any(row.scratch_bytes and row.rows for row in rows)
            tokens = case.modelling.runtime.chunk_tokens
            seen["in pieces"] += any(request.prompt_tokens > (tokens or 10**9) for request in case.requests)
            shares = [row.queries_per_kv_head for workload in chosen.workloads for row in workload.decode]
            seen["K and V per query head"] += case.modelling.runtime.kv_per_query_head and max(shares) > 1
        columns = columns_of(case)
        chosen = scenario(case.requests, case.technology, case.deployment, case.modelling, case.limits)
        if (tier := chosen.pim_tier) is not None:
            designs = {name: np.array([point[name] for point in case.designs]) for name in DESIGN_COLUMNS}
            seen["runs in DRAM" if tier == "dram" else "runs in flash"] += bool(
                np.any(np.asarray(factors(designs, chosen)["decode_pim_bytes.0"]) > 0)
            )
        seen.update({name for name in columns if name.startswith("margin_") and np.any(columns[name] > 0)})
        built = ~np.isnan(columns["ttft_s"])
        seen["built"] += bool(np.any(built))
        seen["lives in SRAM in part"] += bool(np.any(built) and case.modelling.sram_residency)
        seen["throttled"] += bool(np.any(built & (columns.get("throttled", np.zeros(4)) > 0)))
        seen["more than one die"] += bool(np.any(built & (columns["dies"] > 1)))
        for i in np.flatnonzero(built):
            if not seen["spills into flash"]:
                point = case.designs[i]
                chip = naive.build(case.technology, constants, point)
                home = naive.home_of(case.requests, 0, case.modelling, constants, point, chip)["home"]
                seen["spills into flash"] += sum(home["flash"].values()) > 0

    with suppress(AllReached):
        look()
    assert {name: seen[name] for name in reached if not seen[name]} == {}


# --- the same designs, the same bits --------------------------------------------------------------------------------


def same_bits(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> list[str]:
    assert one.keys() == other.keys()
    return [name for name in one if not np.array_equal(one[name], other[name], equal_nan=True)]


def flat(columns: Mapping[str, object], shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    return {name: np.broadcast_to(np.asarray(column), shape).reshape(-1) for name, column in columns.items()}


@st.composite
def grids(draw: st.DrawFn) -> tuple[Space, Scenario, int]:
    """A grid over a drawn scenario, and a seed."""
    case = draw(cases(designs=3))
    axes = tuple(Axis(name, tuple(sorted({point[name] for point in case.designs}))) for name in DESIGN_COLUMNS)
    chosen = scenario(case.requests, case.technology, case.deployment, case.modelling, case.limits)
    return Space(axes), chosen, draw(st.integers(0, 2**32 - 1))


@settings(EXAMPLES, max_examples=10)
@given(grids())
def test_blocks_of_any_size_give_the_bits_of_a_flat_list(drawn: tuple[Space, Scenario, int]) -> None:
    space, chosen, seed = drawn
    _, designs = space.designs(np.arange(space.size))
    whole = flat(evaluate(designs, chosen), (space.size,))
    for target in (1, 7, 40, 10**6):
        parts = [flat(evaluate(block.columns, chosen), block.shape) for block in space.blocks(target=target)]
        joined = {name: np.concatenate([part[name] for part in parts]) for name in whole}
        assert same_bits(joined, whole) == [], f"blocks of {target}"
    order = np.random.default_rng(seed).permutation(space.size)
    for points in (order, order[: space.size // 3 + 1], order[:1]):
        _, designs = space.designs(points)
        chosen_rows = flat(evaluate(designs, chosen), (len(points),))
        assert same_bits(chosen_rows, {name: column[points] for name, column in whole.items()}) == []


@settings(EXAMPLES, max_examples=30)
@given(cases(designs=2))
def test_a_single_design_without_a_dimension_gives_the_same_bits(case: Case) -> None:
    whole = columns_of(case)
    chosen = scenario(case.requests, case.technology, case.deployment, case.modelling, case.limits)
    for i, point in enumerate(case.designs):
        arrays: dict[str, Any] = {name: np.asarray(value) for name, value in point.items()}
        scalars: dict[str, Any] = {name: np.float64(value) for name, value in point.items()}
        for one in (arrays, scalars):
            single = flat(evaluate(one, chosen), ())
            assert same_bits(single, {name: column[i : i + 1] for name, column in whole.items()}) == []


def test_a_design_without_a_dimension_waits_for_its_flash() -> None:
    """NumPy's scalars are Python floats, too: bytes from flash were once taken for the constant 0."""
    design = dict(zip(DESIGN_COLUMNS, (1e11, 1e14, 5e7, 10e9, 1e12), strict=True))
    chosen = scenario([one_request()], Technology(flash_kind="nvme"), Deployment(), Modelling())
    expected = np.asarray(evaluate({name: np.array([value]) for name, value in design.items()}, chosen)["tpot_s"])[0]
    arrays: dict[str, Any] = {name: np.asarray(value) for name, value in design.items()}
    assert float(evaluate(arrays, chosen)["tpot_s"]) == expected > 6e9 / 14e9


# --- worked by hand -------------------------------------------------------------------------------------------------

LLAMA = model("llama-3-8b")  # 32 layers, hidden 4096, 32 heads of 128 with 8 KV heads, MLP 14336, vocabulary 128256
NOTHING: tuple[str, ...] = ()


def named(operators: Operators, name: str) -> Operator:
    (row,) = [row for row in operators if row.name == name]
    return row


def kernel(
    name: str, precision: Precision, batch: int, tokens: int, context: float, fusion: tuple[str, ...]
) -> naive_workload.Kernel:
    """The twin's first kernel of that name."""
    work = naive_workload.Pass(
        SimpleNamespace(model=LLAMA, precision=precision, batch=batch),
        SimpleNamespace(fusion=fusion),
        2.0,
        4.0,
        tokens,
        [int(context)],
        causal=tokens == context,
    )
    return next(kernel for kernel in work.kernels if kernel.name == name)


def test_llama_3_8b_has_its_official_parameter_count() -> None:
    # 8,030,261,248 in the model card's safetensors index; two bytes each.
    assert LLAMA.total_parameters == 8_030_261_248
    assert sum(naive_workload.weight_bytes(LLAMA, Precision()).values()) == 2 * 8_030_261_248


@pytest.mark.parametrize("batch", [1, 16])
def test_qkv_projection_of_a_decode_step(batch: int) -> None:
    # N = (32 + 2·8)·128 = 6144, K = 4096: FLOP = 2·b·6144·4096; weights 6144·4096·2 byte, once whatever the batch;
    # Q is written as activations (32·128·2 byte per token), K and V (2·8·128·2 byte) to the cache.
    row = named(decode(LLAMA, Precision(), batch=float(batch), context_tokens=1024.0, fusion=NOTHING), "qkv_proj")
    twin = kernel("qkv_proj", Precision(), batch, 1, 1024, NOTHING)
    assert row.count == 32
    assert row.flop == twin.flop == 50_331_648 * batch
    assert row.weight_bytes == twin.weights["dense"] == 50_331_648
    assert row.act_read_bytes == twin.reads == 8192 * batch
    assert row.act_write_bytes == twin.writes == 8192 * batch
    assert row.kv_write_bytes == twin.kv_writes == 4096 * batch


def test_attention_of_a_prefill_is_causal_and_reads_k_and_v_once() -> None:
    # s = 1024: 1024·1025/2 = 524,800 pairs; QK and AV cost 2·32·128 FLOP each per pair: 4·4096·524800.
    # K and V: 1024 tokens x 2·8·128 elements x 2 byte; softmax 5 operations on 32 scores per pair.
    row = named(prefill(LLAMA, Precision(), batch=1.0, prompt_tokens=1024.0), "attention")
    twin = kernel("attention", Precision(), 1, 1024, 1024, FUSION_GROUPS)
    assert row.flop == twin.flop == 8_598_323_200
    assert row.vector_ops == twin.vector == 83_968_000
    assert row.kv_read_bytes == twin.kv_reads == 4_194_304
    assert row.act_read_bytes == row.act_write_bytes == twin.reads == twin.writes == 1024 * 4096 * 2


def test_attention_of_a_decode_step_reads_kv_heads_and_not_query_heads() -> None:
    # 8 sequences x 2000 tokens x 2·8·128 elements x 1 byte; fp8 beside fp16 activations: two operations to unpack each.
    precision = Precision("fp16", "fp16", "fp8")
    row = named(decode(LLAMA, precision, batch=8.0, context_tokens=2000.0), "attention")
    twin = kernel("attention", precision, 8, 1, 2000, FUSION_GROUPS)
    assert row.kv_read_bytes == twin.kv_reads == 8 * 2000 * 2048
    assert row.vector_ops == twin.vector == 5 * 32 * 8 * 2000 + 2 * 8 * 2000 * 2048
    assert row.flop == twin.flop == 4 * 4096 * 8 * 2000


def test_fused_gated_mlp_with_int4_weights() -> None:
    # 4096 x 2·14336 weights of half a byte, and the norm's 4096 in 16 bit; unpacking 2 operations per weight,
    # the norm 4 per element, the gated activation 5; only 14336 elements leave the kernel.
    precision = Precision("int4", "fp16", "fp16")
    row = named(decode(LLAMA, precision, batch=1.0, context_tokens=1000.0), "up_gate")
    twin = kernel("up", precision, 1, 1, 1000, FUSION_GROUPS)
    assert row.compute_format == twin.format == "fp16"
    assert row.weight_bytes == twin.weights["dense"] == 58_720_256 + 8192
    assert row.vector_ops == twin.vector == 2 * 4096 * 28672 + 4 * 4096 + 5 * 14336
    assert row.act_write_bytes == twin.writes == 14336 * 2


def test_lm_head_runs_on_the_last_token_of_each_prompt() -> None:
    row = named(prefill(LLAMA, Precision(), batch=4.0, prompt_tokens=512.0, fusion=NOTHING), "lm_head")
    twin = kernel("lm_head", Precision(), 4, 512, 512, NOTHING)
    assert row.flop == twin.flop == 2 * 4 * 128_256 * 4096
    assert row.act_write_bytes == twin.writes == 4 * 128_256 * 2


# --- what the twin found: each stays a test ---------------------------------------------------------------------------


@given(precisions())
def test_formats_are_multiplied_and_widened_as_the_twin_says(precision: Precision) -> None:
    product = arithmetic_format(precision.weights, precision.activations)
    assert product == naive_workload.product_format(precision.weights, precision.activations)
    for chip in (("fp16",), ("bf16", "fp8"), ("tf32", "fp16", "fp8", "int8", "fp4"), ("fp32",)):
        fast, slow = native_format(product, chip), formats()[naive_workload.chip_format(product, chip)]
        assert (fast.rate_relative, fast.energy_relative) == (slow.rate_relative, slow.energy_relative)


def test_int4_weights_beside_fp8_activations_run_in_fp8() -> None:
    """Arithmetic of weight-only quantization runs at the activation format; fp8 holds every int4."""
    assert arithmetic_format("int4", "fp8") == "fp8"
    assert arithmetic_format("int8", "fp8") == "fp16"


def one_request(**changes: object) -> Request:
    return Request(**({"model": LLAMA, "prompt_tokens": 1024, "output_tokens": 256} | changes))  # type: ignore[arg-type]


def single(requests: list[Request], technology: Technology, modelling: Modelling, **design: float) -> dict[str, float]:
    """Columns of one design through the fast path."""
    base = {
        "dram_bytes_per_s": 1e12,
        "compute_flop_per_s": 1e14,
        "sram_bytes": 5e7,
        "dram_bytes": 48e9,
        "flash_bytes": 0.0,
    }
    chosen = scenario(requests, technology, Deployment(), modelling)
    columns = evaluate({name: np.array([value]) for name, value in (base | design).items()}, chosen)
    return {name: float(np.broadcast_to(column, (1,))[0]) for name, column in columns.items()}


@pytest.mark.parametrize("kind", ["hbm3e", "hbm4", "lpddr5x", "gddr6", "ddr5"])
def test_the_bandwidth_of_n_whole_units_buys_n_units(kind: str) -> None:
    technology = Technology(dram_kind=kind, granular=True)
    unit = resolved_constants(technology, Deployment())["dram_unit_bytes_per_s"]
    for n in range(1, 65):
        assert single([one_request()], technology, Modelling(), dram_bytes_per_s=n * unit)["dram_units"] == n


def test_two_workloads_of_one_model_keep_one_copy_of_it() -> None:
    """16.06 GB of weights and a few GB of cache fit 24 GB, whether one workload runs on them or two."""
    technology = Technology(dram_kind="hbm3e")
    mix = [one_request(share=0.5), one_request(share=0.5, prompt_tokens=2048)]
    columns = single(mix, technology, Modelling(resident="all"), dram_bytes=24e9)
    assert columns["margin_fit"] == 0
    other = one_request(share=0.5, model=model("mistral-7b-v0.1"))
    assert single([mix[0], other], technology, Modelling(resident="all"), dram_bytes=24e9)["margin_fit"] > 0


def test_cache_that_stays_in_dram_does_not_wear_out_flash() -> None:
    technology, how = Technology(flash_kind="nvme"), Modelling(flash_holds=("weights", "kv_cache"))
    roomy = single([one_request()], technology, how, dram_bytes=48e9, flash_bytes=1e12)
    assert roomy["flash_lifetime_years"] == math.inf
    # 512 sequences of 1280 tokens keep 86 GB of cache: beyond 24 GB of DRAM it lives in flash.
    tight = single([one_request(batch=512)], technology, how, dram_bytes=24e9, flash_bytes=1e12)
    assert 0 < tight["flash_lifetime_years"] < math.inf


@pytest.mark.parametrize("overlap", ["full", "none"])
def test_flash_on_its_own_port_never_reads_more_weights_than_it_holds(overlap: Literal["full", "none"]) -> None:
    """Balance wants 5.6 GB of dense weights in flash, beside 1.05 GB of tables; it has room for 3 GB in all."""
    technology = Technology(flash_kind="hbf", constants={"flash_bytes_per_s_per_byte": 100.0})
    how = Modelling(flash_path="direct", sram_residency=False, overlap=overlap)
    point = dict(zip(DESIGN_COLUMNS, (5e11, 1e15, 5e7, 14e9, 3e9), strict=True))
    case = Case((one_request(output_tokens=2),), technology, Deployment(), how, (), (point,))
    chosen = scenario(case.requests, technology, Deployment(), how)
    designs = {name: np.array([value]) for name, value in point.items()}
    assert 1e9 < np.max(factors(designs, chosen)["decode_flash_bytes.0"]) <= 3e9
    assert differences(case) == []


def test_limits_on_columns_without_a_number_do_not_hold() -> None:
    limit = Limit("ttft_s <= 1 s", "ttft_s", "<=", 1.0)
    case = Case(
        (one_request(),), Technology(), Deployment(), Modelling(), (limit,),
        (dict(zip(DESIGN_COLUMNS, (1e12, 1e14, 5e7, 1e9, 0.0), strict=True)),),
    )  # fmt: skip
    assert math.isnan(columns_of(case)["margin_constraint_0"][0])
    assert not columns_of(case)["feasible"][0]
    assert differences(case) == []
