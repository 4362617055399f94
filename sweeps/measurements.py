"""Published measurements of LLM inference: what ran on what, how it was measured, the figure and its source."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeps.typed_csv import Column, MeasurementError, name, number, one_of, read_file, read_records, words

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

METRICS: Mapping[str, tuple[str, ...]] = {
    "decode": ("decode_tokens_per_s", "tpot_s", "energy_j_per_output_token", "power_w"),
    "prefill": ("prefill_tokens_per_s", "ttft_s", "power_w"),
    "end_to_end": ("latency_s", "decode_tokens_per_s", "energy_j_per_output_token", "power_w"),
}
"""What may be measured of each phase."""

PHASES = tuple(METRICS)
ALL_METRICS = tuple(dict.fromkeys(metric for metrics in METRICS.values() for metric in metrics))
ENERGIES_OF_MEASUREMENTS = ("energy_j_per_output_token", "power_w")
RATES = ("decode_tokens_per_s", "prefill_tokens_per_s")
"""Metrics of which more is better; of the others less is."""

CLOSED_LOOP = "closed_loop_serving"
"""Protocol: a server under the load of clients that send their next request when they have the last answer."""

MOST_TOKENS = 1e9
MOST_BATCH = 1e8
MOST_DEVICES = 1e6


@dataclass(frozen=True)
class Measurement:
    """One published figure; None is not stated.

    Attributes
    ----------
    id : str
        Its name, unique in a file.
    stack, stack_version : str
        The serving software.
    hardware : str
        Name of the accelerator.
    devices : int
        How many of them the deployment has.
    tensor_parallel, expert_parallel, data_parallel : int
        Degrees of parallelism.
    model, hf_id : str
        Name of the model, and its Hugging Face id.
    weight_bits, activation_bits, kv_bits : float or None
        Bits of each number.
    weight_bytes : float or None
        Size of the file of weights [byte], where it is known better than by its bits.
    phase : str
        One of :data:`PHASES`.
    batch : float
        Sequences of the whole deployment (an average where they come and go).
    prompt_tokens, output_tokens : float or None
        Tokens of each sequence.
    context_tokens : float or None
        Mean number of tokens attended during the measured decode.
    metric : str
        Which figure, one of :data:`METRICS` of the phase; its unit is the end of its name.
    value : float
        The figure, SI; tokens/s are of the whole deployment.
    protocol : str
        How it was measured.
    source, licence, notes : str
        Where it was published, on what terms, and what to know about it.
    """

    id: str
    stack: str
    stack_version: str
    hardware: str
    devices: int
    tensor_parallel: int
    expert_parallel: int
    data_parallel: int
    model: str
    hf_id: str
    weight_bits: float | None
    weight_bytes: float | None
    activation_bits: float | None
    kv_bits: float | None
    phase: str
    batch: float
    prompt_tokens: float | None
    output_tokens: float | None
    context_tokens: float | None
    metric: str
    value: float
    protocol: str
    source: str
    licence: str
    notes: str

    @property
    def repository(self) -> str:
        """The repository (or site) that published it."""
        return repository(self.source)


_DEGREE = Column(number(1, above=False, whole=True, most=MOST_DEVICES, blank=False))
_BITS = Column(number(most=64))
_TOKENS = Column(number(0, above=False, most=MOST_TOKENS))
_TEXT = Column(words, optional=True)

COLUMNS: Mapping[str, Column] = {
    "id": Column(name),
    "stack": Column(name),
    "stack_version": _TEXT,
    "hardware": Column(name),
    "devices": _DEGREE,
    "tensor_parallel": _DEGREE,
    "expert_parallel": _DEGREE,
    "data_parallel": _DEGREE,
    "model": Column(name),
    "hf_id": _TEXT,
    "weight_bits": _BITS,
    "weight_bytes": Column(number()),
    "activation_bits": _BITS,
    "kv_bits": _BITS,
    "phase": Column(one_of(PHASES)),
    "batch": Column(number(most=MOST_BATCH, blank=False)),
    "prompt_tokens": _TOKENS,
    "output_tokens": _TOKENS,
    "context_tokens": _TOKENS,
    "metric": Column(one_of(ALL_METRICS)),
    "value": Column(number(blank=False)),
    "protocol": Column(name),
    "source": _TEXT,
    "licence": _TEXT,
    "notes": _TEXT,
}
"""Columns of a file of measurements; those of mere text about a row may be left out."""


@dataclass(frozen=True)
class Measurements:
    """A file of measurements: its rows, and the columns that were ignored because no column is called so."""

    rows: tuple[Measurement, ...]
    ignored_columns: tuple[str, ...] = ()


def shipped(file_name: str = "measurements.csv") -> Traversable:
    """Return a file of published measurements that comes with this package."""
    return files("sweeps") / "data" / "measurements" / file_name


def read_measurements(path: str | Path | None = None) -> Measurements:
    """Return the measurements of a CSV file, or those that come with this package.

    Raises
    ------
    MeasurementError
        If the file is malformed, with line and column of every problem.
    OSError
        If it cannot be read.
    """
    if path is None:
        return parse_measurements(shipped().read_text(encoding="utf8"), "measurements.csv")
    return parse_measurements(read_file(path), str(path))


def parse_measurements(text: str, path: str) -> Measurements:
    """Return the measurements of a CSV text; `path` is what messages call it.

    Hardware, models, stacks and protocols may have any name: what of them can be predicted is not the reader's to say.

    Raises
    ------
    MeasurementError
        If it is malformed, with line and column of every problem.
    """
    records, ignored = read_records(text, path, COLUMNS)
    problems: list[tuple[int | None, str]] = []
    rows = []
    for record in records:
        values: dict[str, Any] = dict(record.values)
        phase, metric = values["phase"], values["metric"]
        if metric not in METRICS[phase]:
            problems.append((record.line, f"metric: {metric} is not of the phase {phase}; {', '.join(METRICS[phase])}"))
        rows.append(Measurement(**values))
    if problems:
        raise MeasurementError(path, problems)
    return Measurements(tuple(rows), ignored)


_GITHUB = re.compile(r"https?://(?:www\.|raw\.)?github(?:usercontent)?\.com/([^/\s]+/[^/\s]+)")
_SITE = re.compile(r"https?://(?:www\.)?([^/\s]+)")


def repository(source: str) -> str:
    """Return the repository of a source, as ``owner/name``, or else its site.

    A source is ``owner/name@commit path``, or an address.
    """
    if found := _GITHUB.match(source) or _SITE.match(source):
        return found[1]
    return source.split("@")[0].strip()


def count_by(rows: Sequence[Measurement], attribute: str) -> dict[str, int]:
    """Return how many rows have each value of an attribute, the most frequent first."""
    counts: dict[str, int] = {}
    for row in rows:
        key = str(getattr(row, attribute))
        counts[key] = counts.get(key, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
