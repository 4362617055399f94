"""Published accelerators by name, from ``data/accelerators.csv``: peaks by number format, memory, power, source."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from roofline.precision import native_format

PEAK_FORMATS = ("fp32", "tf32", "fp16", "bf16", "fp8", "int8", "fp4", "int4")
"""Number formats with a column ``<format>_flop_per_s``."""


@dataclass(frozen=True)
class Accelerator:
    """What the maker of a chip publishes; None is unknown.

    Attributes
    ----------
    name, title, vendor : str
    year : int
    peaks : mapping of number format to rate
        Dense peaks [FLOP/s], never those of structured sparsity; a format that is missing is not native.
    dram_bytes, dram_bytes_per_s : float
        Capacity [byte] and bandwidth [byte/s] of its memory.
    dram_kind : str
    sram_bytes : float or None
        Last-level cache [byte].
    link_bytes_per_s : float or None
        To its peers, per direction [byte/s].
    tdp_w : float or None
        Power limit [W].
    die_area_mm2 : float or None
        Compute die [mm²].
    source, note : str
    """

    name: str
    title: str
    vendor: str
    year: int
    peaks: Mapping[str, float]
    dram_bytes: float
    dram_bytes_per_s: float
    dram_kind: str
    sram_bytes: float | None
    link_bytes_per_s: float | None
    tdp_w: float | None
    die_area_mm2: float | None
    source: str
    note: str = ""

    @property
    def formats(self) -> tuple[str, ...]:
        """Number formats computed natively."""
        return tuple(self.peaks)

    @property
    def half_flop_per_s(self) -> float:
        """Dense 16-bit peak [FLOP/s]: the faster of fp16 and bf16, else that of the next wider format."""
        half = [self.peaks[name] for name in ("fp16", "bf16") if name in self.peaks]
        return max(half) if half else self.peaks[native_format("fp16", self.formats).name]

    @property
    def rates(self) -> dict[str, float]:
        """Rate of each native format relative to the dense 16-bit peak [1]."""
        return {name: peak / self.half_flop_per_s for name, peak in self.peaks.items()}

    def runs_in(self, number_format: str) -> str:
        """Return the native format in which arithmetic of `number_format` runs: itself, or the next wider one."""
        return native_format(number_format, self.formats).name

    def peak_flop_per_s(self, number_format: str) -> float:
        """Return the peak [FLOP/s] of arithmetic in `number_format`."""
        return self.peaks[self.runs_in(number_format)]

    def ridge_flop_per_byte(self, number_format: str) -> float:
        """Return the ridge point [FLOP/byte]: the intensity above which the peak of `number_format` binds."""
        return self.peak_flop_per_s(number_format) / self.dram_bytes_per_s


@cache
def _table() -> tuple[Mapping[str, Accelerator], Mapping[str, str]]:
    """Accelerators by name, and the names of their aliases."""
    text = (files("roofline") / "data" / "accelerators.csv").read_text(encoding="utf8")
    rows = list(csv.DictReader(text.splitlines()))
    aliases = {alias: row["name"] for row in rows for alias in row["aliases"].split(";") if alias}
    return MappingProxyType({row["name"]: _from_row(row) for row in rows}), MappingProxyType(aliases)


def _from_row(row: dict[str, str]) -> Accelerator:
    def known(column: str) -> float | None:
        return float(row[column]) if row[column] else None

    peaks = {name: peak for name in PEAK_FORMATS if (peak := known(f"{name}_flop_per_s")) is not None}
    return Accelerator(
        name=row["name"],
        title=row["title"],
        vendor=row["vendor"],
        year=int(row["year"]),
        peaks=MappingProxyType(peaks),
        dram_bytes=float(row["dram_bytes"]),
        dram_bytes_per_s=float(row["dram_bytes_per_s"]),
        dram_kind=row["dram_kind"],
        sram_bytes=known("sram_bytes"),
        link_bytes_per_s=known("link_bytes_per_s"),
        tdp_w=known("tdp_w"),
        die_area_mm2=known("die_area_mm2"),
        source=row["source"],
        note=row["note"],
    )


def accelerators() -> tuple[Accelerator, ...]:
    """Return every published accelerator, in the order of the table."""
    return tuple(_table()[0].values())


def aliases() -> Mapping[str, str]:
    """Return the short names people use, such as ``h100``, with the name each one stands for."""
    return _table()[1]


def accelerator(name: str) -> Accelerator:
    """Return the accelerator called `name`, or with this alias; case does not matter.

    Raises
    ------
    ValueError
        If there is none; the message names the nearest.
    """
    known, short = _table()
    slug = "-".join(name.casefold().replace("_", " ").split())
    slug = short.get(slug, slug)
    if slug in known:
        return known[slug]
    near = difflib.get_close_matches(slug[:100], [*known, *short], n=3, cutoff=0.5)
    guess = f"; did you mean {' or '.join(near)}?" if near else f"; known: {', '.join(known)}"
    given = name if len(name) <= 60 else name[:57] + "..."
    raise ValueError(f'unknown hardware "{given}"{guess}')
