"""Sparse weights: unstructured or N:M, with the index that says where they are; and what the hardware can skip.

Only the projections and feed-forwards of the layers are pruned, as in SparseGPT (Frantar & Alistarh, arXiv 2301.00774)
and Wanda (Sun et al., arXiv 2306.11695): not the LM head, the embedding, routers, norms or biases.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Literal

from roofline.operators import Operator

PRUNED_GROUPS = frozenset({"attention", "recurrent", "mlp", "experts", "shared_experts"})

Index = Literal["bitmap", "csr", "none"]
INDEXES = ("bitmap", "csr", "none")
SKIPPING = ("none", "2:4", "n:m", "unstructured")
"""Zeros that matrix units skip."""

CSR_COLUMN_BYTES = 2.0  # a column of a tile, 16 bit
CSR_ROW_BYTES = 4.0  # where a row starts, 32 bit


@dataclass(frozen=True)
class Pruning:
    """Weights of which only some are kept: a share at will, or N of every M.

    Attributes
    ----------
    sparsity : float
        Share of the weights that is zero, of unstructured pruning [1].
    index : {"bitmap", "csr", "none"}
        How their places are stored: a bit per weight, 16 bits per kept weight with 32 per row, or not at all (a zero
        is stored like any weight, and nothing is saved but what the hardware skips).
    pattern : str
        ``"N:M"`` in place of a sparsity and an index: a kept weight's place takes log2(M) bits, rounded up.

    Notes
    -----
    A stored weight takes ``(1 - s)·w + index`` bytes; 2:4 of 16 bits takes 9 bits, 44 % less (Mishra et al., arXiv
    2104.08378, section 3). A matrix whose sparse form would be larger stays dense. Kept weights that the hardware
    cannot skip around are put back in place before they are multiplied (load as sparse, compute as dense: Xia et al.,
    Flash-LLM, arXiv 2309.10285), at the vector operations of a dequantization each.
    """

    sparsity: float = 0.0
    index: Index = "bitmap"
    pattern: str = ""

    def __post_init__(self) -> None:
        if not 0.0 <= self.sparsity < 1.0:
            raise ValueError(f"expected a sparsity of at least 0 and below 1, got {self.sparsity:g}")
        if self.index not in INDEXES:
            raise ValueError(f"expected an index of {', '.join(INDEXES)}, got {self.index}")
        if self.pattern:
            pattern_of(self.pattern)
            if self.sparsity:
                raise ValueError("expected either a sparsity or a pattern such as 2:4, got both")
            if self.index != "bitmap":
                raise ValueError(f"expected no index beside a pattern, which has its own, got {self.index}")

    @property
    def kept(self) -> float:
        """Share of the weights that is kept [1]."""
        if not self.pattern:
            return 1.0 - self.sparsity
        n, m = pattern_of(self.pattern)
        return n / m

    def stored_bytes(self, width: float, inputs: float) -> float:
        """Bytes per weight [byte] of a matrix with so many inputs, whose dense weights take `width`; at most that."""
        if self.pattern:
            _, m = pattern_of(self.pattern)
            stored = self.kept * (width + math.ceil(math.log2(m)) / 8)
        elif self.index == "bitmap":
            stored = self.kept * width + 1 / 8
        elif self.index == "csr":
            stored = self.kept * (width + CSR_COLUMN_BYTES) + CSR_ROW_BYTES / inputs
        else:
            stored = width
        return min(stored, width)

    def skipped(self, hardware: str) -> bool:
        """Whether matrix units that skip so much do less work."""
        if hardware == "unstructured":
            return True
        if not self.pattern or hardware == "none":
            return False
        return hardware == "n:m" or self.pattern == hardware

    def apply(self, row: Operator, hardware: str, expansion_ops: float) -> Operator:
        """Return an operator with its weights pruned.

        Parameters
        ----------
        row : Operator
        hardware : str
            Zeros that the matrix units skip, of :data:`SKIPPING`.
        expansion_ops : float
            Vector operations that put a kept weight back in its place.
        """
        if row.group not in PRUNED_GROUPS or not row.inputs or self.kept == 1.0:
            return row
        elements, width = row.matrix_elements, row.weight_width
        stored = self.stored_bytes(width, row.inputs)
        skips = self.skipped(hardware)
        expanded = expansion_ops * self.kept * elements if stored < width and not skips else 0.0
        return replace(
            row,
            flop=row.flop * self.kept if skips else row.flop,
            vector_ops=row.vector_ops + expanded,
            unpack_ops=row.unpack_ops + expanded,
            weight_bytes=row.weight_bytes - elements * (width - stored),
            weight_width=stored,
            tile_traffic=row.tile_traffic * math.sqrt(stored / width),
        )


def pattern_of(text: str) -> tuple[int, int]:
    """Return N and M of ``"N:M"``: N of every M weights are kept.

    Raises
    ------
    ValueError
        If it is no such pattern.
    """
    found = re.fullmatch(r"(\d{1,3}):(\d{1,3})", text)
    n, m = (int(part) for part in found.groups()) if found else (0, 0)
    if not 1 <= n < m:
        raise ValueError(f'expected a pattern N:M with 1 <= N < M, such as "2:4", got {text}')
    return n, m
