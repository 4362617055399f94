"""Low-rank factors: a matrix W of n outputs and k inputs is stored as U·V, with r columns and rows between them.

SVD-LLM (Wang et al., arXiv 2403.07378); ASVD (Yuan et al., arXiv 2312.05821). Over tensor-parallel chips both factors
are divided, and the r elements between them told, as S-LoRA does it (Sheng et al., arXiv 2311.03285).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from roofline.collectives import all_gather, between, reduce_scatter
from roofline.operators import Operator
from roofline.techniques.pruning import PRUNED_GROUPS

_FACTORED = ("mla_kv_b", "mla_absorb_q", "mla_absorb_v")
"""Up-projections of a latent: one factor of a low-rank matrix, read in two ways."""


@dataclass(frozen=True)
class Divided:
    """A matrix as it is on one of the chips that share it.

    Attributes
    ----------
    whole : Operator
        The operator of a chip that has all of it.
    chips : int
    """

    whole: Operator
    chips: int


@dataclass(frozen=True)
class LowRank:
    """Projections and feed-forwards as two factors each.

    Attributes
    ----------
    rank : float
        Rank of the factors as a share of the full rank min(n, k) [1].

    Notes
    -----
    ``r = ceil(rank·min(n, k))``; two GEMMs of r·k and n·r weights, with r elements of each token between them. Q, K, V,
    gate and up are matrices of their own, each with its rank; those that read one input are still read as one. A matrix
    whose factors are not smaller, ``r·(n + k) >= n·k``, stays whole; so do the up-projections of latent attention.

    Where each of t chips has n/t outputs of a matrix, V is divided by its rows and their results are gathered; where
    each has k/t inputs, V is divided by its columns, their sums are scattered, and U is divided by its columns. The
    all-reduce that follows is the same.
    """

    rank: float

    def __post_init__(self) -> None:
        if not 0.0 < self.rank <= 1.0:
            raise ValueError(f"expected a rank above 0 and at most 1, got {self.rank:g}")

    def apply(
        self, row: Operator, *, act_bytes: float, accumulator_bytes: float, divided: Divided | None = None
    ) -> list[Operator]:
        """Return the two operators of a factored matrix, and what chips tell each other; any other operator as it is.

        Parameters
        ----------
        row : Operator
        act_bytes, accumulator_bytes : float
            Width of an activation, and of a partial sum on chip [byte].
        divided : Divided, optional
            How the matrix is divided over chips.
        """
        if row.group not in PRUNED_GROUPS or not row.inputs or row.name in _FACTORED:
            return [row]
        full = row if divided is None else divided.whole
        pairs = list(zip(row.stacked or (row.outputs,), full.stacked or (full.outputs,), strict=True))
        ranks = [self._of(n, full.inputs) for _, n in pairs]
        if not any(ranks):
            return [row]
        own = [(n, r) for (n, _), r in zip(pairs, ranks, strict=True) if r]
        rest = [n for (n, _), r in zip(pairs, ranks, strict=True) if not r]
        by_inputs = row.inputs < full.inputs
        chips = 1 if divided is None or (row.inputs, row.outputs) == (full.inputs, full.outputs) else divided.chips
        summed = math.fsum(r for _, r in own)
        n, part = math.fsum(n for n, _ in own), math.ceil(summed / chips)
        r = summed if by_inputs else float(part)  # rows of V on a chip
        # Elements that an output of U is a sum of.
        read = float(part) if by_inputs else math.fsum(n * r for n, r in own) / n
        m = row.rows * row.matrices
        first = _part(row, f"{row.name}_v", r, row.inputs, act_bytes, accumulator_bytes)
        first = replace(first, act_write_bytes=m * r * act_bytes, kv_write_bytes=0.0)
        second = _part(row, f"{row.name}_u", n, read, act_bytes, accumulator_bytes)
        beside = row.weight_bytes - row.matrix_elements * row.weight_width  # biases, and norms that are fused
        second = replace(
            second,
            vector_ops=row.vector_ops - row.unpack_ops + second.unpack_ops,
            weight_bytes=second.weight_bytes + beside,
            act_read_bytes=m * (part if by_inputs else summed) * act_bytes,
            kv_read_bytes=0.0,
        )
        tell = reduce_scatter if by_inputs else all_gather
        told = between(tell, f"{tell.__name__}_{row.name}", chips, m * summed * act_bytes)
        told = [replace(one, count=row.count) for one in told]
        if not rest:
            return [first, *told, second]
        whole = _part(row, row.name, math.fsum(rest), row.inputs, act_bytes, accumulator_bytes)
        return [replace(whole, act_write_bytes=0.0, kv_write_bytes=0.0), first, *told, second]

    def _of(self, n: float, k: float) -> float:
        """Rank of the factors of a matrix; 0 where they would be no smaller."""
        r = float(math.ceil(self.rank * min(n, k) * (1.0 - 1e-12)))
        return 0.0 if r * (n + k) >= n * k else r


def _part(
    row: Operator, name: str, outputs: float, inputs: float, act_bytes: float, accumulator_bytes: float
) -> Operator:
    """An operator with another matrix of the same format in its place."""
    elements, flop = row.matrices * outputs * inputs, 2 * row.rows * row.matrices * outputs * inputs
    unpacked = row.unpack_ops / row.matrix_elements * elements
    return replace(
        row,
        name=name,
        flop=flop,
        vector_ops=unpacked,
        unpack_ops=unpacked,
        weight_bytes=elements * row.weight_width,
        tile_traffic=flop * math.sqrt(act_bytes * row.weight_width * accumulator_bytes),
        outputs=outputs,
        inputs=inputs,
        stacked=(),
    )
