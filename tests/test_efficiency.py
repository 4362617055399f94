"""A pass as a stack runs it, against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofline.catalog import model
from roofline.efficiency import Efficiency, as_run
from roofline.kernel import combined_s
from roofline.operators import Operator, Operators
from roofline.phases import decode, prefill
from roofline.precision import Precision
from roofline.runtimes import Runtime, runtime, runtimes

IDEAL = Efficiency()
MODERN = runtime("other")


def stack(**changes: object) -> Runtime:
    return replace(MODERN, **changes)  # type: ignore[arg-type]


# 4096 x 4096 weights in 4 bit (8 MiB) times 1000 rows: 2 * 1000 * 4096^2 FLOP, unpacked with two operations per weight.
WEIGHTS = 4096.0 * 4096.0
GEMM = Operator(
    name="o_proj",
    flop=2 * 1000 * WEIGHTS,
    vector_ops=2 * WEIGHTS,
    weight_bytes=WEIGHTS / 2,
    act_read_bytes=1000 * 4096 * 2.0,
    act_write_bytes=1000 * 4096 * 2.0,
    rows=1000.0,
    count=32,
)
# Causal attention of 1000 tokens, 32 heads of 128 over 8 KV heads.
PAIRS = 1000 * 1001 / 2
ATTENTION = Operator(
    name="attention",
    flop=4 * 32 * 128 * PAIRS,
    vector_ops=5 * 32 * PAIRS,
    act_read_bytes=1000 * 4096 * 2.0,
    act_write_bytes=1000 * 4096 * 2.0,
    kv_read_bytes=1000 * 2 * 8 * 128 * 2.0,
    queries_per_kv_head=4.0,
    scores=32 * PAIRS,
    count=32,
)


def run(row: Operator, how: Runtime, prompt: float | None = 1000.0, reached: Efficiency = IDEAL) -> Operator:
    return as_run(Operators((row,)), how, reached, sequences=1.0, prompt_tokens=prompt).rows[0]


def sum_of(row: Operator, quantity: str) -> float:
    return row.count * float(getattr(row, quantity))


def test_pieces_of_a_prompt_add_up_but_read_the_weights_again() -> None:
    whole, pieces = run(GEMM, MODERN), run(GEMM, stack(chunk_tokens=256))  # 1000 tokens are 4 pieces
    assert pieces.count == 4 * 32
    assert pieces.rows == 250.0
    for quantity in ("flop", "act_read_bytes", "act_write_bytes"):
        assert sum_of(pieces, quantity) == sum_of(whole, quantity)
    for quantity in ("weight_bytes", "vector_ops"):  # read and unpacked once per piece
        assert sum_of(pieces, quantity) == 4 * sum_of(whole, quantity)


def test_pieces_read_the_cache_written_so_far() -> None:
    # Pieces of 250 attend to 250, 500, 750 and 1000 cached tokens: 2.5 times the whole cache.
    pieces = run(ATTENTION, stack(chunk_tokens=250))
    read_tokens = sum_of(pieces, "kv_read_bytes") / 32 / (2 * 8 * 128 * 2)
    assert read_tokens == pytest.approx(250 + 500 + 750 + 1000)
    assert sum_of(pieces, "flop") == pytest.approx(32 * ATTENTION.flop)
    assert sum_of(pieces, "vector_ops") == pytest.approx(32 * ATTENTION.vector_ops)
    assert sum_of(pieces, "scores") == pytest.approx(32 * ATTENTION.scores)


@pytest.mark.parametrize(("prompt", "chunks"), [(512.0, 1), (513.0, 2), (1024.0, 2), (1025.0, 3), (1.0, 1)])
def test_how_many_pieces(prompt: float, chunks: int) -> None:
    assert run(GEMM, stack(chunk_tokens=512), prompt).count == 32 * chunks


def test_a_decode_step_is_no_prompt() -> None:
    assert run(GEMM, stack(chunk_tokens=1), None).count == 32


@pytest.mark.parametrize("chunks", [1, 2, 4, 10])
def test_masked_scores_are_computed_too(chunks: int) -> None:
    """Piece i of n covers i squares of which the last is half masked: with s²/n² pairs each, (1 + 1/n) s²/2 in all."""
    how = stack(scores_written=True, chunk_tokens=1000 // chunks)
    row = run(ATTENTION, how)
    squares = sum(i * (1000 / chunks) ** 2 for i in range(1, chunks + 1))
    # The triangle is counted with its diagonal, s(s + 1)/2 pairs: half a pair per token more than s²/2.
    assert sum_of(row, "flop") / 32 == pytest.approx(4 * 32 * 128 * squares, rel=1e-3 * 1.001)
    assert sum_of(row, "scratch_bytes") / 32 == pytest.approx(16 * 32 * squares, rel=1e-3 * 1.001)
    assert sum_of(row, "vector_ops") == pytest.approx(32 * ATTENTION.vector_ops)


def test_scores_of_a_step_have_no_mask() -> None:
    step = replace(ATTENTION, scores=32 * 500.0, flop=4 * 32 * 128 * 500.0)
    row = run(step, stack(scores_written=True), None)
    assert row.flop == step.flop
    assert row.scratch_bytes == 16 * 32 * 500


def test_scores_that_stay_on_chip_cost_nothing() -> None:
    row = run(ATTENTION, MODERN)
    assert (row.flop, row.scratch_bytes) == (ATTENTION.flop, 0.0)


def test_the_cache_is_read_by_every_query_head_in_decode_only() -> None:
    how = stack(kv_per_query_head=True)
    assert run(ATTENTION, how, None).kv_read_bytes == 4 * ATTENTION.kv_read_bytes
    assert run(ATTENTION, how).kv_read_bytes == ATTENTION.kv_read_bytes
    assert run(ATTENTION, MODERN, None).kv_read_bytes == ATTENTION.kv_read_bytes


def test_narrow_weights_are_expanded_where_more_than_a_few_rows_meet_them() -> None:
    how = stack(expands_weights=True)
    assert run(GEMM, how).scratch_bytes == 4 * WEIGHTS  # 16 bit written, 16 bit read
    assert run(replace(GEMM, rows=8.0, flop=2 * 8 * WEIGHTS), how, None).scratch_bytes == 0.0
    assert run(replace(GEMM, rows=9.0, flop=2 * 9 * WEIGHTS), how, None).scratch_bytes == 4 * WEIGHTS
    assert run(replace(GEMM, weight_bytes=2 * WEIGHTS), how).scratch_bytes == 0.0  # 16 bit as it is
    assert run(replace(GEMM, weight_bytes=WEIGHTS, compute_format="int8"), how).scratch_bytes == 0.0
    assert run(GEMM, MODERN).scratch_bytes == 0.0


def test_weights_are_expanded_for_every_piece() -> None:
    row = run(GEMM, stack(expands_weights=True, chunk_tokens=250))
    assert sum_of(row, "scratch_bytes") == 4 * 32 * 4 * WEIGHTS


def test_a_last_piece_of_few_rows_is_not_expanded() -> None:
    """1000 tokens in pieces of 5 rows, which kernels for few rows multiply as they are."""
    assert run(GEMM, stack(expands_weights=True, chunk_tokens=5)).scratch_bytes == 0.0


SLOW = Efficiency(gemm_slowdown=2.0, attention_slowdown=3.0, expert_slowdown=5.0, row_slowdown=7.0)


@pytest.mark.parametrize(
    ("row", "slowdown"),
    [
        (GEMM, 2.0 + 7.0 / 1000),
        (replace(GEMM, rows=1.0), 9.0),
        (replace(GEMM, weight_class="experts", rows=10.0), 5.7),
        (ATTENTION, 3.0),
        (replace(ATTENTION, scores=0.0), 3.0),  # attention of separate products still reads a cache
        (replace(GEMM, flop=0.0), 1.0),
    ],
)
def test_slowdowns_by_kind_of_work(row: Operator, slowdown: float) -> None:
    assert run(row, MODERN, reached=SLOW).compute_slowdown == pytest.approx(slowdown)


def test_slowdowns_of_pieces_are_of_their_rows() -> None:
    assert run(GEMM, stack(chunk_tokens=100), reached=SLOW).compute_slowdown == pytest.approx(2.0 + 7.0 / 100)


def test_slowdowns_may_be_arrays() -> None:
    reached = Efficiency(gemm_slowdown=np.array([1.0, 2.0]), row_slowdown=np.array([0.0, 10.0]))
    assert run(GEMM, MODERN, reached=reached).compute_slowdown == pytest.approx([1.0, 2.01])


def test_the_host_works_for_a_pass_and_for_each_sequence() -> None:
    reached = Efficiency(step_s=1e-3, sequence_s=2e-5)
    assert as_run(Operators((GEMM,)), MODERN, reached, sequences=50.0).host_s == pytest.approx(1e-3 + 50 * 2e-5)


def test_the_ideal_efficiency_of_a_modern_stack_changes_nothing() -> None:
    rows = Operators((GEMM, ATTENTION))
    assert as_run(rows, MODERN, IDEAL, sequences=3.0, prompt_tokens=1000.0) == rows
    assert as_run(rows, MODERN, IDEAL, sequences=3.0) == rows


@pytest.mark.parametrize(
    ("ceilings", "seconds"),
    [
        ((1.0, 2.0, 0.5, 4.0, 0.0, 0.0), 7.0),  # arithmetic and transfers in turn
        ((1.0, 2.0, 0.5, 4.0, 6.0, 0.0), 9.0),  # flash and DRAM run beside each other
        ((1.0, 2.0, 8.0, 4.0, 0.0, 0.0), 8.0),  # the on-chip port only where it outlasts them all
        ((1.0, 2.0, 0.5, 4.0, 0.0, 3.0), 10.0),  # nothing hides a collective
    ],
)
def test_terms_in_turn(ceilings: tuple[float, ...], seconds: float) -> None:
    assert combined_s(ceilings, "serial") == seconds


def test_rows_are_those_that_meet_each_matrix() -> None:
    dense = {row.name: row.rows for row in prefill(model("llama-3-8b"), Precision(), batch=3.0, prompt_tokens=100.0)}
    assert dense["qkv_proj"] == dense["down"] == 300.0
    assert dense["lm_head"] == 3.0
    assert dense["attention"] == 0.0
    moe = {row.name: row.rows for row in decode(model("mixtral-8x7b"), Precision(), batch=4.0, context_tokens=10.0)}
    touched = 8 * (1 - (1 - 2 / 8) ** 4)
    assert moe["moe_up_gate"] == moe["moe_down"] == pytest.approx(4 * 2 / touched)
    assert moe["moe_router"] == 4.0


@given(
    st.sampled_from(runtimes()),
    st.sampled_from(["llama-3-8b", "mixtral-8x7b", "gemma-2-9b"]),
    st.sampled_from(["fp16", "4.5bit", "q8_0"]),
    st.integers(1, 5000),
    st.integers(1, 300),
)
def test_no_stack_does_less_than_the_operators_ask_for(
    how: Runtime, name: str, weights: str, prompt: int, batch: int
) -> None:
    table = prefill(model(name), Precision(weights), batch=batch, prompt_tokens=prompt, fusion=how.fusion)
    after = decode(model(name), Precision(weights), batch=batch, context_tokens=prompt, fusion=how.fusion)
    for asked, done in (
        (table, as_run(table, how, IDEAL, sequences=batch, prompt_tokens=prompt)),
        (after, as_run(after, how, IDEAL, sequences=batch)),
    ):
        for row, ours in zip(asked, done, strict=True):
            for quantity in ("flop", "weight_bytes", "vector_ops", "kv_read_bytes", "kv_write_bytes", "link_bytes"):
                assert sum_of(ours, quantity) >= sum_of(row, quantity) * (1 - 1e-12), (row.name, quantity)
            for quantity in ("act_read_bytes", "act_write_bytes", "kv_write_bytes", "link_bytes"):
                assert sum_of(ours, quantity) == pytest.approx(sum_of(row, quantity)), (row.name, quantity)
            assert ours.kernels == row.kernels
