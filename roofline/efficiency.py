"""What real machines reach of the roofline: a pass's operators as a serving stack runs them, at measured efficiency.

With all terms in turn (``overlap: serial``) the time of a pass is a sum of products of the fields of
:class:`Efficiency` and quantities of the operators, so that the fields can be fitted by least squares.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from roofline.operators import Number, Operator, Operators
from roofline.precision import number_format
from roofline.runtimes import Runtime

FEW_ROWS = 8.0
"""Rows up to which stacks multiply narrow weights as they are (llama.cpp, its mul_mat_vec kernels)."""

SCORE_SCRATCH_BYTES = 16.0
"""A 32-bit score is written by the product, read and written by the softmax, read by the second product [byte]."""

EXPANDED_BYTES = 4.0
"""A 16-bit weight written once and read once [byte]."""


@dataclass(frozen=True)
class Efficiency:
    """How much slower than the peaks, and which fixed times; every field may be an array.

    Attributes
    ----------
    gemm_slowdown, attention_slowdown, expert_slowdown : array
        Time of matrix work relative to the dense peak [1].
    row_slowdown : array
        Added to the slowdown of a GEMM of M rows: this over M, as tiles are not full [1].
    memory_share, vector_share, link_share : array
        Share of a bandwidth or rate that is reached [1].
    kernel_s : array
        Per launched kernel [s].
    step_s, sequence_s : array
        Work of the host per pass, and per pass and sequence [s].
    link_latency_s : array
        Of one transfer to another chip [s].
    """

    gemm_slowdown: Number = 1.0
    attention_slowdown: Number = 1.0
    expert_slowdown: Number = 1.0
    row_slowdown: Number = 0.0
    memory_share: Number = 1.0
    vector_share: Number = 1.0
    link_share: Number = 1.0
    kernel_s: Number = 0.0
    step_s: Number = 0.0
    sequence_s: Number = 0.0
    link_latency_s: Number = 0.0


def as_run(
    operators: Operators,
    runtime: Runtime,
    efficiency: Efficiency,
    *,
    sequences: float,
    prompt_tokens: float | None = None,
) -> Operators:
    """Return a pass as a serving stack runs it.

    Parameters
    ----------
    operators : Operators
        Built with the stack's fusion groups.
    runtime : Runtime
    efficiency : Efficiency
    sequences : float
        Sequences of the pass.
    prompt_tokens : float, optional
        Tokens of each prompt in a prefill; None is a decode step.

    Returns
    -------
    Operators
        With what the stack adds to the traffic, its slowdowns, and the host's time.
    """
    chunks = math.ceil(prompt_tokens / runtime.chunk_tokens) if prompt_tokens and runtime.chunk_tokens else 1
    decode = prompt_tokens is None
    # The triangle of causal scores and the squares above it: (1 + 1/n) as many in n pieces.
    masked = 1.0 if decode else 1.0 + 1.0 / chunks
    rows = [_with_traffic(_chunked(row, chunks), runtime, decode, masked) for row in operators]
    host = efficiency.step_s + efficiency.sequence_s * sequences
    return Operators(tuple(_slowed(row, efficiency) for row in rows), host)


def _chunked(row: Operator, chunks: int) -> Operator:
    """One average piece of a prompt processed in `chunks` pieces: each reads the weights, and the cache so far."""
    if chunks <= 1:
        return row
    share = 1.0 / chunks
    return replace(
        row,
        count=row.count * chunks,
        flop=row.flop * share,
        # The unpacking of weights is done again for every piece.
        vector_ops=row.vector_ops if row.rows and row.vector_ops else row.vector_ops * share,
        act_read_bytes=row.act_read_bytes * share,
        act_write_bytes=row.act_write_bytes * share,
        kv_read_bytes=row.kv_read_bytes * (1.0 + share) * 0.5,
        kv_write_bytes=row.kv_write_bytes * share,
        tile_traffic=row.tile_traffic * share,
        kv_tile_bytes=row.kv_tile_bytes * share,
        kv_window_bytes=row.kv_window_bytes * share,
        link_bytes=row.link_bytes * share,
        rows=row.rows * share,
        scores=row.scores * share,
    )


def _with_traffic(row: Operator, runtime: Runtime, decode: bool, masked: float) -> Operator:
    """Add the bytes that a stack moves and a better one would not."""
    scratch, flop, cache = 0.0, row.flop, row.kv_read_bytes
    if row.scores and runtime.scores_written:
        # Without a fused kernel masked scores are computed like the others.
        scratch, flop = SCORE_SCRATCH_BYTES * row.scores * masked, row.flop * masked
    if decode and runtime.kv_per_query_head:
        cache = cache * row.queries_per_kv_head
    if runtime.expands_weights and row.rows > FEW_ROWS and _is_packed(row):
        scratch = EXPANDED_BYTES * row.flop / (2.0 * row.rows)
    return replace(row, scratch_bytes=scratch, flop=flop, kv_read_bytes=cache)


def _is_packed(row: Operator) -> bool:
    """Whether the weights are stored narrower than they are computed in."""
    elements = row.flop / (2.0 * row.rows)
    return row.weight_bytes < 0.95 * elements * number_format(row.compute_format).bytes


def _slowed(row: Operator, efficiency: Efficiency) -> Operator:
    if not row.flop:
        return row
    if row.kv_read_bytes or row.scores:
        slowdown = efficiency.attention_slowdown
    elif row.rows:
        slowdown = efficiency.expert_slowdown if row.weight_class == "experts" else efficiency.gemm_slowdown
        slowdown = slowdown + efficiency.row_slowdown / row.rows
    else:
        slowdown = efficiency.gemm_slowdown
    return replace(row, compute_slowdown=slowdown)
