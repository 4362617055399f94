"""A published accelerator in the words of the cost tables: its node, memory, cache, datapath and segment.

``data/dies.csv`` says it of known dies; for the others names in the catalog are translated.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from costmodels import tables
from roofline.accelerators import Accelerator, UnknownFact
from sweeps.choices import Technology
from sweeps.dies import Die, dies, products
from sweeps.predict import has_matrix_units

_TABLE_OF = {"node": "nodes", "dram": "dram", "sram": "sram", "segment": "segments"}


@cache
def choices() -> Mapping[tuple[str, str], str]:
    """Return the option of a cost table by (fact, published name), from ``data/device_technology.csv``.

    Raises
    ------
    ValueError
        If a name stands there twice.
    """
    text = (files("sweeps") / "data" / "device_technology.csv").read_text(encoding="utf8")
    found: dict[tuple[str, str], str] = {}
    for row in csv.DictReader(text.splitlines()):
        key = (row["fact"], row["published"])
        if key in found:
            raise ValueError(f"device_technology.csv: {key[0]} {key[1]!r} is given twice")
        found[key] = row["option"]
    return MappingProxyType(found)


def option_of(chip: Accelerator, fact: str, published: str) -> str:
    """Return the option of a cost table that a published name means.

    Raises
    ------
    UnknownFact
        If the device does not publish it, or the tables have no such option.
    """
    option = choices().get((fact, published))
    if option is None:
        said = f'no {fact} for "{published}"' if published else f"unknown {fact}"
        raise UnknownFact(f'{said} of "{chip.name}"')
    if option not in tables.options(_TABLE_OF[fact]):
        raise UnknownFact(f'the table {_TABLE_OF[fact]}.csv has no {option}, the {fact} of "{chip.name}"')
    return option


def technology_of(chip: Accelerator) -> Technology:
    """Return the technology a published accelerator is made in, at its own rates: that of its die where it is known.

    Raises
    ------
    UnknownFact
        If its node or the kind of its memory is unknown, or no table has it.
    """
    own: dict[str, float] = {"sram_tile_fraction": 1.0}
    if "fp32" in chip.rates:
        own["vector_rate_relative"] = chip.rates["fp32"]
    energies = {"dram_j_per_byte": chip.dram_j_per_byte, "flash_j_per_byte": chip.flash_j_per_byte}
    own |= {name: value for name, value in energies.items() if value is not None}
    if (die := die_of(chip)) is not None:
        kind = products()[chip.name].dram_kind
        return Technology(
            node=die.node,
            dram_kind=kind,
            sram_style=die.sram_style,
            datapath=die.datapath,
            formats=chip.formats,
            constants=own,
        )
    return Technology(
        node=option_of(chip, "node", chip.process_node),
        dram_kind=option_of(chip, "dram", chip.dram_kind),
        sram_style=option_of(chip, "sram", chip.sram_kind),
        datapath="tensor" if has_matrix_units(chip) else "vector",
        formats=chip.formats,
        constants=own,
    )


def die_of(chip: Accelerator) -> Die | None:
    """Return the die of a published accelerator, if the table of dies has it."""
    product = products().get(chip.name)
    return None if product is None else dies()[product.die]


def class_of(chip: Accelerator) -> str:
    """Return the class of a published accelerator's die, such as ``graphics``; that of the catalog if it is unknown."""
    die = die_of(chip)
    return chip.device_class if die is None else die.die_class


def segment_of(chip: Accelerator) -> str:
    """Return the segment of a published accelerator: of its die, else by its class or its memory."""
    if (die := die_of(chip)) is not None:
        return die.segment
    known = choices()
    by_class = known.get(("segment", chip.device_class))
    by_memory = known.get(("segment", "LPDDR")) if chip.dram_kind.startswith("LPDDR") else None
    return by_class or by_memory or known["segment", ""]
