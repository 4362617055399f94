"""Rows of measurements for tests, as values and as the text of a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict

from sweeps.measurements import COLUMNS, Measurement

PLAIN = Measurement(
    id="a-1",
    stack="vllm",
    stack_version="0.1",
    hardware="a100-sxm-80gb",
    devices=1,
    tensor_parallel=1,
    expert_parallel=1,
    data_parallel=1,
    model="llama-3-8b",
    hf_id="meta-llama/Meta-Llama-3-8B",
    weight_bits=16.0,
    weight_bytes=None,
    activation_bits=16.0,
    kv_bits=None,
    phase="decode",
    batch=1.0,
    prompt_tokens=128.0,
    output_tokens=128.0,
    context_tokens=192.0,
    metric="tpot_s",
    value=0.01,
    protocol="single_stream",
    source="someone/somewhere@abc file.csv",
    licence="MIT",
    notes="",
)


def csv_text(rows: Sequence[Measurement], columns: Sequence[str] = tuple(COLUMNS), end: str = "\n") -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator=end)
    writer.writeheader()
    writer.writerows({key: "" if value is None else value for key, value in asdict(row).items()} for row in rows)
    return out.getvalue()
