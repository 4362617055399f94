"""Published accelerators by name, from ``data/accelerators.csv``: peaks by number format, memory tiers, power, source.

Any fact may be unknown. One that is needed and unknown is an error that names the device and the fact; it is never
taken from another device.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from roofline.precision import native_format

PEAK_FORMATS = ("fp32", "tf32", "fp16", "bf16", "fp8", "int8", "fp4", "int4")
"""Number formats with a column ``<format>_flop_per_s``."""

DEVICE_CLASSES = ("datacenter-gpu", "consumer-gpu", "apple", "npu", "mobile-npu", "cpu", "pim", "chiplet")
"""Classes of devices in the catalog, in the order in which they are listed; a user's device may have another."""

_SIBLING = {"fp16": "bf16", "bf16": "fp16"}
"""Two 16-bit floats of equal size: a chip that publishes only one is given tensors in that one."""


class UnknownFact(ValueError):  # noqa: N818 - said to people as it is named
    """A published device does not say what is asked of it."""


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """What the maker of a chip publishes; None is unknown, see :meth:`known`.

    Attributes
    ----------
    name, title, vendor : str
    device_class : str
        One of :data:`DEVICE_CLASSES`, or a user's own.
    die_family : str
        Devices whose dies are of one design: what is left out together when a prediction is tested.
    year : int or None
    process_node : str
    peaks : mapping of number format to rate
        Dense peaks [FLOP/s], never those of structured sparsity; a format that is missing is not native.
    dram_bytes, dram_bytes_per_s : float or None
        Capacity [byte] and bandwidth [byte/s] of its memory; 0 is a chip without any.
    sram_bytes, sram_bytes_per_s : float or None
        Last-level cache or scratchpad [byte], [byte/s].
    flash_bytes, flash_bytes_per_s : float or None
        Flash beside the chip [byte], [byte/s]; unknown where there is none.
    dram_j_per_byte, sram_j_per_byte, flash_j_per_byte : float or None
        Energy of a byte across each port [J/byte].
    dram_kind, sram_kind, flash_kind, link_kind, price_kind : str
    link_bytes_per_s : float or None
        To its peers, per direction [byte/s].
    pim_tier : str
        Tier whose memory computes, ``dram`` or ``flash``; empty where none does.
    pim_flop_per_s, pim_bytes_per_s : float or None
        Rate of the memory's arithmetic [FLOP/s] and its bandwidth inside the memory [byte/s].
    tdp_w : float or None
        Power limit [W].
    die_area_mm2 : float or None
        Compute die [mm²].
    price_usd : float or None
        Published price of one [USD].
    aliases : tuple of str
    source, note : str
    """

    name: str
    title: str = ""
    vendor: str = ""
    device_class: str = "other"
    die_family: str = ""
    year: int | None = None
    process_node: str = ""
    peaks: Mapping[str, float] = field(default_factory=dict)
    dram_bytes: float | None = None
    dram_kind: str = ""
    dram_bytes_per_s: float | None = None
    dram_j_per_byte: float | None = None
    sram_bytes: float | None = None
    sram_kind: str = ""
    sram_bytes_per_s: float | None = None
    sram_j_per_byte: float | None = None
    flash_bytes: float | None = None
    flash_kind: str = ""
    flash_bytes_per_s: float | None = None
    flash_j_per_byte: float | None = None
    link_bytes_per_s: float | None = None
    link_kind: str = ""
    pim_tier: str = ""
    pim_flop_per_s: float | None = None
    pim_bytes_per_s: float | None = None
    tdp_w: float | None = None
    die_area_mm2: float | None = None
    price_usd: float | None = None
    price_kind: str = ""
    aliases: tuple[str, ...] = ()
    source: str = ""
    note: str = ""

    def known(self, fact: str) -> float:
        """Return a published number, such as ``known("tdp_w")``, or a peak, ``known("fp16_flop_per_s")``.

        Raises
        ------
        UnknownFact
            If it is not published.
        """
        peak = fact.removesuffix("_flop_per_s")
        value = self.peaks.get(peak) if peak in PEAK_FORMATS else getattr(self, fact)
        if value is None:
            raise UnknownFact(f'unknown {fact} of "{self.name}"')
        return float(value)

    def require(self, *facts: str) -> None:
        """Raise UnknownFact with every one of these facts that is not published."""
        missing = []
        for fact in facts:
            try:
                self.known(fact)
            except UnknownFact:
                missing.append(fact)
        if missing:
            raise UnknownFact(f'unknown {", ".join(missing)} of "{self.name}"')

    @property
    def has_dram(self) -> bool:
        """Whether there is memory beside the chip's SRAM, as far as is known."""
        return self.dram_bytes is None or self.dram_bytes > 0

    @property
    def memory_tier(self) -> str:
        """The tier that holds everything: ``dram``, or ``sram`` on a chip without DRAM."""
        return "dram" if self.has_dram else "sram"

    @property
    def memory_bytes(self) -> float:
        """Capacity of the memory that holds everything [byte]."""
        return self.known(f"{self.memory_tier}_bytes")

    @property
    def memory_bytes_per_s(self) -> float:
        """Bandwidth of the memory that holds everything [byte/s]."""
        return self.known(f"{self.memory_tier}_bytes_per_s")

    @property
    def formats(self) -> tuple[str, ...]:
        """Number formats it runs without going to a wider one; of fp16 and bf16 the one also for the other."""
        other = [_SIBLING[name] for name in _SIBLING if name in self.peaks and _SIBLING[name] not in self.peaks]
        return (*self.peaks, *other)

    @property
    def half_flop_per_s(self) -> float:
        """Dense 16-bit peak [FLOP/s]: the faster of fp16 and bf16, else that of the next wider format."""
        half = [self.peaks[name] for name in ("fp16", "bf16") if name in self.peaks]
        if half:
            return max(half)
        wider = native_format("fp16", self.formats).name
        return self.known(f"{wider if wider in self.peaks else 'fp16'}_flop_per_s")

    @property
    def rates(self) -> dict[str, float]:
        """Rate of each of :attr:`formats` relative to the dense 16-bit peak [1]."""
        half = self.half_flop_per_s
        return {name: (self.peaks.get(name) or self.peaks[_SIBLING[name]]) / half for name in self.formats}

    def runs_in(self, number_format: str) -> str:
        """Return the published format in which `number_format` runs: itself, its 16-bit sibling, or the next wider."""
        native = native_format(number_format, self.formats).name
        sibling = _SIBLING.get(native, native)
        return sibling if native not in self.peaks and sibling in self.peaks else native

    def peak_flop_per_s(self, number_format: str) -> float:
        """Return the peak [FLOP/s] of arithmetic in `number_format`."""
        return self.known(f"{self.runs_in(number_format)}_flop_per_s")

    def ridge_flop_per_byte(self, number_format: str) -> float:
        """Return the ridge point [FLOP/byte]: the intensity above which the peak of `number_format` binds."""
        return self.peak_flop_per_s(number_format) / self.memory_bytes_per_s


@cache
def _table() -> tuple[Mapping[str, Accelerator], Mapping[str, str]]:
    """Accelerators by name, and the names of their aliases."""
    from roofline.accelerator_table import read_table

    text = (files("roofline") / "data" / "accelerators.csv").read_text(encoding="utf8")
    chips = read_table(text, "accelerators.csv")
    aliases = {alias: chip.name for chip in chips for alias in chip.aliases}
    return MappingProxyType({chip.name: chip for chip in chips}), MappingProxyType(aliases)


def accelerators() -> tuple[Accelerator, ...]:
    """Return every published accelerator, in the order of the table."""
    return tuple(_table()[0].values())


def aliases() -> Mapping[str, str]:
    """Return the short names people use, such as ``h100``, with the name each one stands for."""
    return _table()[1]


def accelerator(name: str) -> Accelerator:
    """Return the accelerator of the catalog called `name`, or with this alias; case does not matter.

    Raises
    ------
    ValueError
        If there is none; the message names the nearest.
    """
    return find(name)


def find(name: str, extra: Iterable[Accelerator] = ()) -> Accelerator:
    """Return the accelerator called `name`, or with this alias, of `extra` first and then of the catalog.

    Raises
    ------
    ValueError
        If there is none; the message names the nearest.
    """
    own = {key: chip for chip in extra for key in (slug_of(chip.name), *map(slug_of, chip.aliases))}
    known, short = _table()
    slug = slug_of(name)
    if slug in own:
        return own[slug]
    slug = short.get(slug, slug)
    if slug in known:
        return known[slug]
    near = difflib.get_close_matches(slug[:100], [*own, *known, *short], n=3, cutoff=0.5)
    guess = f"; did you mean {' or '.join(near)}?" if near else f"; known: {', '.join([*own, *known])}"
    given = name if len(name) <= 60 else name[:57] + "..."
    raise ValueError(f'unknown hardware "{given}"{guess}')


def slug_of(name: str) -> str:
    """Return a name as it is looked up: ``RTX A6000`` and ``rtx_a6000`` are ``rtx-a6000``."""
    return "-".join(name.casefold().replace("_", " ").split())
