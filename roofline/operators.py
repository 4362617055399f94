"""Operators: a workload as a table, one row per distinct operator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Number = float | NDArray[np.float64]


@dataclass(frozen=True)
class Operator:
    """One distinct operator of a pass; every quantity is of ONE of its `count` instances.

    Attributes
    ----------
    name : str
    count : int
        Instances in a pass.
    kernels : int
        Kernels one instance launches (a fused group launches one).
    flop : float
        Matrix work, 2 x multiply-accumulate.
    compute_format : str
        Number format the matrix work needs.
    vector_ops : float
        Elementwise work, dequantisation included.
    weight_bytes : float
        Compulsory weight reads, independent of the batch for a dense matrix.
    weight_class : str
        Placement class of the weights: ``dense`` or ``embedding``.
    act_read_bytes, act_write_bytes : float
    kv_read_bytes, kv_write_bytes : float
        Compulsory KV-cache traffic.
    tile_traffic : float
        2·M·N·K·sqrt(w_A·w_B·w_acc) [byte^1.5]: divided by sqrt(tile buffer) it bounds a GEMM's traffic (0: no GEMM).
    kv_tile_bytes, kv_window_bytes : float
        Tile buffer [byte] at which causal attention reads K and V once, s·g·d·(w_q + w_acc), and the same for its
        window (0: K and V are read once whatever the buffer).
    kv_before_share : float
        Share of the read K and V that was cached before this piece of a prompt, which all its query rows attend to [1].
    link_bytes, link_steps : float
        Bytes one chip sends to others [byte], and transfers one after the other, each with the link's latency: rows of
        :mod:`roofline.collectives`.
    rows : float
        Rows of activations that meet each weight matrix (0: no matrix).
    matrices, inputs, outputs : float
        Weight matrices, and inputs and outputs of each (0: no matrix).
    stacked : tuple of float
        Outputs of the matrices of the model that are read as one (Q, K and V; gate and up); empty: it is one.
    weight_width, unpack_ops : float
        Stored bytes of a weight of them [byte], and the part of `vector_ops` that unpacks them all.
    group : str
        Group of the weights, of :data:`roofline.precision.WEIGHT_GROUPS`; empty where there is no matrix.
    queries_per_kv_head : float
        Query heads that share a KV head.
    scores : float
        Attention scores (0: none that could pass through memory).
    scratch_bytes : float
        Bytes a serving stack writes to memory and reads again beside all that [byte].
    compute_slowdown : array
        Time of the matrix work relative to the peak rate [1].
    """

    name: str
    count: int = 1
    kernels: int = 1
    flop: float = 0.0
    compute_format: str = "fp16"
    vector_ops: float = 0.0
    weight_bytes: float = 0.0
    weight_class: str = "dense"
    act_read_bytes: float = 0.0
    act_write_bytes: float = 0.0
    kv_read_bytes: float = 0.0
    kv_write_bytes: float = 0.0
    tile_traffic: float = 0.0
    kv_tile_bytes: float = 0.0
    kv_window_bytes: float = 0.0
    kv_before_share: float = 0.0
    link_bytes: float = 0.0
    link_steps: float = 0.0
    rows: float = 0.0
    matrices: float = 0.0
    inputs: float = 0.0
    outputs: float = 0.0
    stacked: tuple[float, ...] = ()
    weight_width: float = 0.0
    unpack_ops: float = 0.0
    group: str = ""
    queries_per_kv_head: float = 1.0
    scores: float = 0.0
    scratch_bytes: float = 0.0
    compute_slowdown: Number = 1.0

    @property
    def matrix_elements(self) -> float:
        """Elements of its weight matrices, biases and norms apart."""
        return self.matrices * self.inputs * self.outputs

    @property
    def compulsory_bytes(self) -> float:
        """Bytes one instance must move at least once."""
        activations = self.act_read_bytes + self.act_write_bytes
        return self.weight_bytes + activations + self.kv_read_bytes + self.kv_write_bytes


@dataclass(frozen=True)
class Operators:
    """The operators of one forward pass, in order, and what the host adds to it [s]."""

    rows: tuple[Operator, ...]
    host_s: Number = 0.0

    def __iter__(self) -> Iterator[Operator]:
        return iter(self.rows)

    def total(self, quantity: str) -> float:
        """Return the sum of a quantity over all instances, e.g. ``total("flop")``."""
        return float(sum(row.count * getattr(row, quantity) for row in self.rows))

    @property
    def kernels(self) -> int:
        """Kernels launched by the pass."""
        return sum(row.count * row.kernels for row in self.rows)

    @property
    def live_activation_bytes(self) -> float:
        """Largest pair of activations alive at once: what one instance reads and writes."""
        return max(row.act_read_bytes + row.act_write_bytes for row in self.rows)


def merged(counted: Iterable[tuple[int, Operator]]) -> Operators:
    """Return a table of operators (of count 1) and how often each occurs, equal ones in one row."""
    counts: dict[Operator, int] = {}
    for count, row in counted:
        counts[row] = counts.get(row, 0) + count
    return Operators(tuple(row if count == 1 else replace(row, count=count) for row, count in counts.items()))
