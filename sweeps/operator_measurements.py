"""Published latencies of single operators: matrix products, attention, experts, collectives, elementwise work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeps.measurements import MOST_DEVICES, repository, shipped
from sweeps.typed_csv import Column, name, number, one_of, read_file, read_records, words

OPERATORS: Mapping[str, tuple[str, ...]] = {
    "gemm": ("m", "n", "k"),
    "attention_prefill": ("batch", "q_len", "kv_len", "heads", "kv_heads", "head_dim"),
    "attention_decode": ("batch", "q_len", "kv_len", "heads", "kv_heads", "head_dim"),
    "moe": ("m", "experts", "topk", "hidden", "inter"),
    "all_reduce": ("devices", "message_bytes"),
    "rmsnorm": ("m", "n"),
    "layernorm": ("m", "n"),
    "softmax": ("m", "n"),
    "gelu": ("elements",),
    "transformer_layer_prefill": ("batch", "q_len", "kv_len", "heads", "kv_heads", "head_dim", "hidden", "inter"),
    "transformer_layer_decode": ("batch", "q_len", "kv_len", "heads", "kv_heads", "head_dim", "hidden", "inter"),
}
"""Kinds of operators, and the columns that say how large one is."""


@dataclass(frozen=True)
class OperatorMeasurement:
    """One published latency; None is not stated, or no property of such an operator.

    Attributes
    ----------
    id : str
        Its name, unique in a file.
    op : str
        One of :data:`OPERATORS`.
    hardware, stack : str
        Name of the accelerator, and the software.
    w_bits, a_bits, kv_bits : float or None
        Bits of weights, activations and cached keys and values.
    m, n, k : int or None
        Rows, columns and inner dimension of a matrix product (m x k by k x n); m is the tokens of a mixture of
        experts, m x n the elements of elementwise work.
    batch, q_len, kv_len : int or None
        Sequences, and tokens of each that ask and that are attended.
    heads, kv_heads, head_dim : int or None
        Of attention.
    experts, topk, hidden, inter : int or None
        Experts, how many a token goes to, and their widths.
    moe_tp, moe_ep : int or None
        Ranks that share each expert, and that share the experts.
    routing : str
        How tokens choose experts.
    devices : int or None
        Ranks of a collective.
    message_bytes : float or None
        What each rank holds [byte].
    elements : float or None
        Of elementwise work.
    latency_s : float
        The figure [s].
    source, licence, notes : str
        Where it was published, on what terms, and what to know about it.
    """

    id: str
    op: str
    hardware: str
    stack: str
    w_bits: float | None
    a_bits: float | None
    kv_bits: float | None
    m: int | None
    n: int | None
    k: int | None
    batch: int | None
    q_len: int | None
    kv_len: int | None
    heads: int | None
    kv_heads: int | None
    head_dim: int | None
    experts: int | None
    topk: int | None
    hidden: int | None
    inter: int | None
    moe_tp: int | None
    moe_ep: int | None
    routing: str
    devices: int | None
    message_bytes: float | None
    elements: float | None
    latency_s: float
    source: str
    licence: str
    notes: str

    @property
    def repository(self) -> str:
        """The repository (or site) that published it."""
        return repository(self.source)

    @property
    def unstated(self) -> tuple[str, ...]:
        """Columns that such an operator needs and that are blank."""
        return tuple(column for column in OPERATORS[self.op] if getattr(self, column) is None)


_BITS = Column(number(most=64))
_SIZE = Column(number(1, above=False, whole=True, most=1e15))
_AMOUNT = Column(number())
_RANKS = Column(number(1, above=False, whole=True, most=MOST_DEVICES))
_TEXT = Column(words, optional=True)

COLUMNS: Mapping[str, Column] = {
    "id": Column(name),
    "op": Column(one_of(tuple(OPERATORS))),
    "hardware": Column(name),
    "stack": Column(name),
    **dict.fromkeys(("w_bits", "a_bits", "kv_bits"), _BITS),
    **dict.fromkeys(("m", "n", "k", "batch", "q_len", "kv_len", "heads", "kv_heads", "head_dim"), _SIZE),
    **dict.fromkeys(("experts", "topk", "hidden", "inter"), _SIZE),
    **dict.fromkeys(("moe_tp", "moe_ep"), _RANKS),
    "routing": Column(words),
    "devices": _RANKS,
    **dict.fromkeys(("message_bytes", "elements"), _AMOUNT),
    "latency_s": Column(number(blank=False)),
    **dict.fromkeys(("source", "licence", "notes"), _TEXT),
}
"""Columns of a file of operators; those of mere text about a row may be left out."""


@dataclass(frozen=True)
class OperatorMeasurements:
    """A file of operators: its rows, and the columns that were ignored because no column is called so."""

    rows: tuple[OperatorMeasurement, ...]
    ignored_columns: tuple[str, ...] = ()


def read_operators(path: str | Path | None = None) -> OperatorMeasurements:
    """Return the operator latencies of a CSV file, or those that come with this package.

    Raises
    ------
    MeasurementError
        If the file is malformed, with line and column of every problem.
    OSError
        If it cannot be read.
    """
    if path is None:
        return parse_operators(shipped("operators.csv").read_text(encoding="utf8"), "operators.csv")
    return parse_operators(read_file(path), str(path))


def parse_operators(text: str, path: str) -> OperatorMeasurements:
    """Return the operator latencies of a CSV text; `path` is what messages call it.

    Raises
    ------
    MeasurementError
        If it is malformed, with line and column of every problem.
    """
    records, ignored = read_records(text, path, COLUMNS)
    given: list[dict[str, Any]] = [dict(record.values) for record in records]
    return OperatorMeasurements(tuple(OperatorMeasurement(**values) for values in given), ignored)
