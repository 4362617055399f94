"""Published dies and the products made of them, from ``data/dies.csv`` and ``data/die_products.csv``.

The catalog holds products, with units switched off. A die's rates are those of a product times the units of the full
die over the units switched on; likewise for the width of its memory.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from roofline.accelerators import Accelerator


@dataclass(frozen=True)
class Die:
    """A die, or a stack or group of dies that is sold as one.

    Attributes
    ----------
    name, family : str
        `family` as in the catalog: dies of one design, left out together.
    die_class : str
        ``datacenter`` (matrix units and HBM, or a wafer), ``graphics``, ``soc`` or ``cpu``.
    node, datapath, segment, sram_style : str
        The options of the cost tables that describe it.
    unit : str
        What `units` counts, such as ``SM``.
    units : float
        On the full die [1].
    dram_bits : float
        Width of the full memory interface [bit].
    sram_bytes : float
        Cache or scratchpad of the full die [byte].
    die_area_mm2 : float or None
        Published, estimated where `source` says so, or unknown [mm2].
    source, note : str
    """

    name: str
    family: str
    die_class: str
    node: str
    datapath: str
    segment: str
    sram_style: str
    unit: str
    units: float
    dram_bits: float
    sram_bytes: float
    die_area_mm2: float | None
    source: str
    note: str


@dataclass(frozen=True)
class Product:
    """A device of the catalog and the die in it.

    Attributes
    ----------
    device, die : str
    dies : int
        Of this die in the package [1].
    units, dram_bits : float
        Switched on in the package [1], [bit].
    dram_kind : str
        Option of the table of DRAM.
    rate_share : float
        Matrix rate sold over the rate of the units switched on; below 1 where the maker holds it down [1].
    source : str
    """

    device: str
    die: str
    dies: int
    units: float
    dram_bits: float
    dram_kind: str
    rate_share: float
    source: str


def _rows(name: str) -> list[dict[str, str]]:
    text = (files("sweeps") / "data" / name).read_text(encoding="utf8")
    return list(csv.DictReader(io.StringIO(text)))


@cache
def dies() -> Mapping[str, Die]:
    """Return the published dies by name."""
    return MappingProxyType(
        {
            row["die"]: Die(
                row["die"],
                row["family"],
                row["class"],
                row["node"],
                row["datapath"],
                row["segment"],
                row["sram_style"],
                row["unit"],
                float(row["units"]),
                float(row["dram_bits"]),
                float(row["sram_bytes"]),
                float(row["die_area_mm2"]) if row["die_area_mm2"] else None,
                row["source"],
                row["note"],
            )
            for row in _rows("dies.csv")
        }
    )


@cache
def products() -> Mapping[str, Product]:
    """Return what is known of the dies in devices of the catalog, by the device's name."""
    return MappingProxyType(
        {
            row["device"]: Product(
                row["device"],
                row["die"],
                int(row["dies"]),
                float(row["units"]),
                float(row["dram_bits"]),
                row["dram_kind"],
                float(row["rate_share"]),
                row["source"],
            )
            for row in _rows("die_products.csv")
        }
    )


def product_design(chip: Accelerator, product: Product, die: Die) -> dict[str, float]:
    """Return the five design columns of a product as it is sold."""
    sram = chip.sram_bytes if chip.sram_bytes else die.sram_bytes * product.dies
    # No DRAM is one byte of it at one byte/s: nothing is divided by zero, and no number here feels it.
    return {
        "dram_bytes_per_s": max(chip.known("dram_bytes_per_s"), 1.0),
        "compute_flop_per_s": chip.half_flop_per_s,
        "sram_bytes": sram,
        "dram_bytes": max(chip.known("dram_bytes"), 1.0),
        "flash_bytes": 0.0,
    }


def die_design(chip: Accelerator, product: Product, die: Die) -> dict[str, float]:
    """Return the design columns of one full die, from the rates of a product made of it."""
    sold = product_design(chip, product, die)
    units, bits = die.units / product.units, die.dram_bits / product.dram_bits
    return sold | {
        "dram_bytes_per_s": sold["dram_bytes_per_s"] * bits,
        "compute_flop_per_s": sold["compute_flop_per_s"] * units / product.rate_share,
        "sram_bytes": die.sram_bytes,
    }


def vector_rate_relative(chip: Accelerator, product: Product | None = None) -> float | None:
    """Return the FP32 vector rate over the dense 16-bit one [1]; with a product, over that of its full die.

    None where the vector rate is not published.
    """
    if "fp32" not in chip.peaks:
        return None
    return chip.peaks["fp32"] / chip.half_flop_per_s * (product.rate_share if product else 1.0)


def published_area_mm2(chip: Accelerator, product: Product, die: Die) -> float | None:
    """Return the area of all dies of `product`, of the catalog or else of the table of dies [mm2]."""
    if die.die_area_mm2 is None:  # What the catalog says, if anything, is of another sum of dies; see the die's note.
        return None
    return chip.die_area_mm2 if chip.die_area_mm2 is not None else die.die_area_mm2 * product.dies
