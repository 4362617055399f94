"""A study of 450 designs, variants of it, and the plainest possible front, for the tests of commands and runs."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

SMALL = """\
name: small
workloads:
  - model: llama-3-8b
    prompt_tokens: 1024
    output_tokens: 256
    batch: 1
    precision: {weights: int4, activations: fp16, kv_cache: fp16}
design:
  dram_bandwidth: {log: [25 GB/s, 400 GB/s], points: 5}
  compute:        {log: [2 TFLOP/s, 100 TFLOP/s], points: 5}
  sram:           [2 MiB, 8 MiB, 32 MiB]
  dram:           [6 GB, 12 GB, 24 GB]
  flash:          [0 GB, 128 GB]
technology: {node: 5nm, dram_kind: lpddr5x, flash_kind: ufs, sram_style: scratchpad}
deployment: {segment: edge, demand: 200000 token/day}
objectives: {decode_tokens_per_s: max, energy_j_per_token: min, tco_usd_per_mtoken: min, carbon_g_per_mtoken: min}
constraints: ["ttft <= 4 s", "peak_power <= 60 W"]
output: {dir: runs/small}
"""
SMALL_SIZE = 450
PATIENCE_S = 600.0
"""How long a test waits for what takes seconds [s]: the machine may be slow, and busy with other tests."""

DESIGN = ("dram_bytes_per_s", "compute_flop_per_s", "sram_bytes", "dram_bytes", "flash_bytes")


def changed(*changes: tuple[str, str], text: str = SMALL) -> str:
    """The small study with each old text, which stands there once, replaced by the new one."""
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def files_of(directory: Path) -> dict[str, tuple[int, str]]:
    """Every file under a directory: time of its last change [ns] and digest of its contents."""
    return {
        path.relative_to(directory).as_posix(): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def contents_of(directory: Path) -> dict[str, str]:
    """Digest of every file with results under a run's directory."""
    return {name: digest for name, (_, digest) in files_of(directory).items() if name.endswith(".parquet")}


def naive_front(rows: Sequence[Sequence[float]], signs: Sequence[float]) -> list[int]:
    """Positions of the rows that no other row dominates; sign -1 for what is to be maximized."""
    signed = [[sign * value for sign, value in zip(signs, row, strict=True)] for row in rows]

    def dominates(one: list[float], other: list[float]) -> bool:
        return one != other and all(a <= b for a, b in zip(one, other, strict=True))

    return [i for i, row in enumerate(signed) if not any(dominates(other, row) for other in signed)]


def front_of(designs: pd.DataFrame, objectives: Mapping[str, str]) -> pd.DataFrame:
    """The naive front of the feasible rows of a table of designs."""
    feasible = designs[designs["feasible"]].reset_index(drop=True)
    signs = [-1.0 if direction == "max" else 1.0 for direction in objectives.values()]
    kept = naive_front(feasible[list(objectives)].to_numpy().tolist(), signs)
    return feasible.iloc[kept].reset_index(drop=True)


def bits(value: object) -> object:
    """A number as its bits (every NaN alike), anything else as it is."""
    if isinstance(value, float | np.floating):
        return "nan" if value != value else struct.pack("<d", float(value))
    return bool(value) if isinstance(value, bool | np.bool_) else value


def assert_same_bits(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Two tables have the same columns, rows and bits."""
    assert list(one.columns) == list(other.columns)
    assert len(one) == len(other)
    for name in one.columns:
        left, right = one[name].tolist(), other[name].tolist()
        differing = [i for i, (a, b) in enumerate(zip(left, right, strict=True)) if bits(a) != bits(b)]
        assert not differing, (name, differing[:3], left[differing[0]], right[differing[0]])
