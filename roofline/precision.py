"""Number formats: bits in memory, and the rate, energy and area of arithmetic in them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from types import MappingProxyType


@dataclass(frozen=True)
class Format:
    """One number format.

    Attributes
    ----------
    name : str
    bits : float
        Stored bits per element, scales included.
    runs_as : str
        Format its arithmetic runs in when the chip has it.
    fallbacks : tuple of str
        Wider formats that hold its values exactly, nearest first; the first one the chip has is used.
    rate_relative, energy_relative : float
        Operations per second, and energy per operation, relative to dense 16 bit.
    area_group, area_share
        Formats of one group share one datapath of this share of a tensor unit's area.
    source : str
    """

    name: str
    bits: float
    runs_as: str
    fallbacks: tuple[str, ...]
    rate_relative: float
    energy_relative: float
    area_group: str
    area_share: float
    source: str

    @property
    def bytes(self) -> float:
        """Stored bytes per element."""
        return self.bits / 8


WEIGHT_GROUPS = ("attention", "recurrent", "mlp", "experts", "shared_experts", "router", "embedding", "lm_head")
"""Groups of weights that may have a format of their own."""


@dataclass(frozen=True)
class Precision:
    """Formats of weights, activations and KV cache (names of :func:`formats`).

    `groups` holds (group, format) for groups of :data:`WEIGHT_GROUPS` whose weights differ from `weights`.
    """

    weights: str = "fp16"
    activations: str = "fp16"
    kv_cache: str = "fp16"
    groups: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for group, _ in self.groups:
            if group not in WEIGHT_GROUPS:
                raise ValueError(f'unknown group of weights "{group}"; known: {", ".join(WEIGHT_GROUPS)}')
        for name in (self.weights, self.activations, self.kv_cache, *(name for _, name in self.groups)):
            number_format(name)

    def weights_of(self, group: str) -> str:
        """Return the format of a group's weights."""
        return dict(self.groups).get(group, self.weights)

    @property
    def weight_formats(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Everything that decides the bytes of a model's weights."""
        return self.weights, self.groups


@cache
def formats() -> Mapping[str, Format]:
    """All known number formats by name, from ``data/formats.csv``."""
    text = (files("roofline") / "data" / "formats.csv").read_text(encoding="utf8")
    rows = csv.DictReader(text.splitlines())
    return MappingProxyType({row["format"]: _from_row(row) for row in rows})


def _from_row(row: dict[str, str]) -> Format:
    return Format(
        name=row["format"],
        bits=float(row["bits"]),
        runs_as=row["runs_as"],
        fallbacks=tuple(name for name in row["fallbacks"].split(";") if name),
        rate_relative=float(row["rate_relative"]),
        energy_relative=float(row["energy_relative"]),
        area_group=row["area_group"],
        area_share=float(row["area_share"]),
        source=row["source"],
    )


def number_format(name: str) -> Format:
    """Return the format called `name`, or of so many bits, such as ``4.89bit``: the average of a file's weights.

    Raises
    ------
    ValueError
        If there is no such format.
    """
    try:
        return formats()[name]
    except KeyError:
        if _OF_BITS.fullmatch(name) and 1.0 <= float(name[:-3]) <= 32.0:
            return _of_bits(name)
        raise ValueError(f'unknown number format "{name}"; known: {", ".join(formats())}') from None


_OF_BITS = re.compile(r"\d+(\.\d+)?bit")


@cache
def _of_bits(name: str) -> Format:
    """Return a stored width between the formats that have names; it computes as the next of them."""
    bits = float(name[:-3])
    like = formats()["int4" if bits <= 5.5 else "int8" if bits <= 9.5 else "fp16" if bits <= 16.5 else "fp32"]
    return replace(like, name=name, bits=bits, runs_as=like.name, source="the average width of stored weights")


def arithmetic_format(one: str, other: str) -> str:
    """Return the format in which operands stored as `one` and `other` are multiplied.

    The wider of the two; an integer beside a float of at most its width runs in 16-bit float, which holds both.
    """
    a, b = number_format(number_format(one).runs_as), number_format(number_format(other).runs_as)
    if a.name == b.name:
        return a.name
    narrow, wide = (a, b) if a.bits < b.bits else (b, a)
    if a.bits != b.bits and (wide.name in narrow.fallbacks):
        return wide.name
    return next(name for name in ("fp16", "tf32", "fp32") if {name} <= _holders(a) & _holders(b))


def _holders(fmt: Format) -> set[str]:
    return {fmt.name, *fmt.fallbacks}


def native_format(name: str, available: Iterable[str]) -> Format:
    """Return the format a chip with the `available` native formats runs `name` in: itself or the next wider one.

    32-bit float always runs, on the vector units.
    """
    have = {*available, "fp32"}
    fmt = number_format(number_format(name).runs_as)
    return number_format(next(candidate for candidate in (fmt.name, *fmt.fallbacks) if candidate in have))


def formats_area_relative(available: Iterable[str]) -> float:
    """Area of a datapath with the `available` native formats, relative to tf32 + 16 bit + fp8 + int8."""
    shares: dict[str, float] = {}
    for name in available:
        fmt = number_format(name)
        shares[fmt.area_group] = max(shares.get(fmt.area_group, 0.0), fmt.area_share)
    return sum(shares.values())


def peak_energy_relative(available: Iterable[str]) -> float:
    """Largest (rate x energy per operation) over the `available` formats, relative to dense 16 bit."""
    return max(number_format(name).rate_relative * number_format(name).energy_relative for name in (*available, "fp32"))
