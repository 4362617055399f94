"""The slow naive twin, fifth part: a pass as a serving stack runs it, piece by piece.

Plain Python numbers; nothing here calls the product. Runtime and efficiency are read as plain records.
"""

from __future__ import annotations

from typing import Any

from naive_layers import SIXTEEN_BIT

SCORE = 4  # byte of a score in 32 bit
FEW = 8  # rows


def stack_of(modelling: Any) -> Any:
    """The runtime of a calibrated modelling, or nothing."""
    return getattr(modelling, "runtime", None)


def run(work: Any, runtime: Any, efficiency: Any, format_width: Any) -> None:
    """Change the kernels of a pass into those that the stack launches, and say what its host adds."""
    pieces = 1
    if work.causal and runtime.chunk_tokens:
        while pieces * runtime.chunk_tokens < work.tokens:
            pieces += 1
    for kernel in work.kernels:
        if pieces > 1:
            cut(kernel, pieces)
        burden(kernel, runtime, work.causal, pieces, format_width)
        kernel.slowdown = slowdown(kernel, efficiency)
    work.host_s = efficiency.step_s + sum(efficiency.sequence_s for _ in range(int(work.sequences)))


def cut(kernel: Any, pieces: int) -> None:
    """The mean piece of a prompt that comes in so many of equal length: each reads all weights again."""
    kernel.times = pieces
    unpacks = kernel.gemm is not None
    for name in ("flop", "reads", "writes", "kv_writes", "scores", *([] if unpacks else ["vector"])):
        setattr(kernel, name, getattr(kernel, name) / pieces)
    # The first piece reads what it has appended itself, the last one everything.
    kernel.kv_reads = sum(kernel.kv_reads * i / pieces for i in range(1, pieces + 1)) / pieces
    if kernel.gemm is not None:
        kernel.gemm["mnk"] /= pieces
        kernel.gemm["rows"] /= pieces
    if kernel.rows is not None:
        kernel.rows["tokens"] /= pieces
        kernel.rows["window"] /= pieces


def burden(kernel: Any, runtime: Any, causal: bool, pieces: int, format_width: Any) -> None:
    """What this stack moves and computes beside what it must."""
    if kernel.scores and runtime.scores_written:
        # Piece i of n meets the keys of i pieces, all of them: n(n+1)/2 squares where the triangle has n²/2.
        computed = sum(range(1, pieces + 1)) / (pieces * pieces / 2) if causal else 1.0
        kernel.flop *= computed
        kernel.scratch = kernel.scores * computed * (SCORE + SCORE + SCORE + SCORE)  # written, read, written, read
    if not causal and runtime.kv_per_query_head:
        kernel.kv_reads *= kernel.sharing
    if kernel.gemm is not None and runtime.expands_weights and kernel.gemm["rows"] > FEW:
        elements = kernel.gemm["mnk"] / kernel.gemm["rows"]
        if sum(kernel.weights.values()) < 0.95 * elements * format_width(kernel.format):
            kernel.scratch = elements * (SIXTEEN_BIT + SIXTEEN_BIT)


def slowdown(kernel: Any, efficiency: Any) -> float:
    """How much longer the matrix work takes than at the peak."""
    if kernel.kv_reads > 0 or kernel.scores > 0:
        return float(efficiency.attention_slowdown)
    if kernel.gemm is None:
        return float(efficiency.gemm_slowdown)
    kind = efficiency.expert_slowdown if kernel.home == "experts" else efficiency.gemm_slowdown
    return float(kind + efficiency.row_slowdown / kernel.gemm["rows"])
