"""Accelerators as rows: the columns of ``data/accelerators.csv``, read and written, and files of other people."""

from __future__ import annotations

import csv
import difflib
import io
import math
from collections.abc import Mapping
from typing import Any

from roofline.accelerators import PEAK_FORMATS, Accelerator, slug_of

TEXTS = (
    *("name", "title", "vendor", "device_class", "die_family", "process_node"),
    *("dram_kind", "sram_kind", "flash_kind", "link_kind", "pim_tier", "price_kind", "source", "note"),
)
"""Facts that are words."""

NUMBERS = (
    *("dram_bytes", "dram_bytes_per_s", "dram_j_per_byte", "sram_bytes", "sram_bytes_per_s", "sram_j_per_byte"),
    *("flash_bytes", "flash_bytes_per_s", "flash_j_per_byte", "link_bytes_per_s", "pim_flop_per_s", "pim_bytes_per_s"),
    *("tdp_w", "die_area_mm2", "price_usd"),
)
"""Facts that are numbers, SI; None is unknown, and 0 says that there is none of it."""

PEAKS = tuple(f"{name}_flop_per_s" for name in PEAK_FORMATS)
COLUMNS = (*TEXTS, "aliases", "year", *PEAKS, *NUMBERS)
"""Every column a table of accelerators may have."""

PIM_TIERS = ("", "dram", "flash")

_OTHER_NAMES = {
    "slug": "name",
    "class": "device_class",
    "notes": "note",
    **{f"peak_{name}_{work}_per_s": f"{name}_flop_per_s" for name in PEAK_FORMATS for work in ("flop", "op")},
}
"""Columns as other tables name them; a table with ``slug`` calls the title ``name``."""


def read_table(text: str, where: str) -> tuple[Accelerator, ...]:
    """Return the accelerators of a CSV text, numbers in SI.

    Parameters
    ----------
    text : str
        With a header of :data:`COLUMNS`, or of the names of another table (``slug``, ``class``,
        ``peak_fp16_flop_per_s``); only the name is required, and an empty cell is unknown.
    where : str
        Name of the file, for messages.

    Raises
    ------
    ValueError
        With file and line, if the header or a row cannot be used.
    """
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    found: dict[str, Accelerator] = {}
    try:
        columns = _columns(next(reader, []), where)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            line = f"{where}:{reader.line_num}"
            if len(cells) != len(columns):
                raise ValueError(f"{line}: expected {len(columns)} cells as in the header, got {len(cells)}")
            try:
                chip = from_facts(dict(zip(columns, (cell.strip() for cell in cells), strict=True)))
            except ValueError as error:
                raise ValueError(f"{line}: {error}") from None
            if slug_of(chip.name) in found:
                raise ValueError(f'{line}: name: a second device "{chip.name}"')
            found[slug_of(chip.name)] = chip
    except csv.Error as error:
        raise ValueError(f"{where}:{reader.line_num}: not valid CSV: {error}") from None
    return tuple(found.values())


def _columns(header: list[str], where: str) -> list[str]:
    """Our name of each column, or the given one where we do not use it."""
    given = [cell.strip() for cell in header]
    other = {**_OTHER_NAMES, "name": "title"} if "slug" in given else _OTHER_NAMES
    columns = [other.get(name, name) for name in given]
    if "name" not in columns:
        raise ValueError(f"{where}:1: expected a header with a column name (or slug), got {','.join(given)[:80]!r}")
    for name, column in zip(given, columns, strict=True):
        if column and columns.count(column) > 1:
            raise ValueError(f'{where}:1: the column "{name}" is there twice')
        if column not in COLUMNS and (near := difflib.get_close_matches(column, COLUMNS, n=1, cutoff=0.85)):
            raise ValueError(f'{where}:1: unknown column "{name}"; did you mean {near[0]}?')
    return columns


def from_facts(facts: Mapping[str, Any]) -> Accelerator:
    """Return the accelerator with these facts by column name: text or numbers, nothing or an empty text is unknown.

    Raises
    ------
    ValueError
        If there is no name, or a number is none, naming the fact.
    """
    words: dict[str, str] = {name: str(facts.get(name) or "") for name in TEXTS}
    numbers = {name: _number(name, facts.get(name)) for name in (*NUMBERS, *PEAKS)}
    if not words["name"]:
        raise ValueError("name: a device needs a name")
    if words["pim_tier"] not in PIM_TIERS:
        raise ValueError(f'pim_tier: expected dram or flash, got "{words["pim_tier"]}"')
    if words["dram_kind"].casefold().startswith("none"):  # SRAM only
        numbers |= {name: numbers[name] or 0.0 for name in ("dram_bytes", "dram_bytes_per_s")}
    for name in ("dram", "flash"):
        size, rate = numbers[f"{name}_bytes"], numbers[f"{name}_bytes_per_s"]
        if None not in (size, rate) and (size == 0) != (rate == 0):
            raise ValueError(f"{name}_bytes_per_s: a tier has both capacity and bandwidth, or neither")
    peaks = {name: peak for name in PEAK_FORMATS if (peak := numbers.pop(f"{name}_flop_per_s")) is not None}
    if not all(peaks.values()):
        raise ValueError("a peak is above 0; leave a format the chip does not have empty")
    words["title"] = words["title"] or words["name"]
    words["device_class"] = words["device_class"] or "other"
    words["die_family"] = words["die_family"] or slug_of(words["name"])
    names = facts.get("aliases") or ()
    given: dict[str, Any] = {**words, **numbers}
    return Accelerator(
        **given,
        year=_year(facts.get("year")),
        peaks=peaks,
        aliases=tuple(alias for alias in (names.split(";") if isinstance(names, str) else names) if alias),
    )


def _number(name: str, value: object) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError(f'{name}: expected a number (SI), got "{str(value)[:60]}"') from None
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f'{name}: expected a finite number of at least 0, got "{str(value)[:60]}"')
    return number


def _year(value: object) -> int | None:
    number = _number("year", value)
    if number is None:
        return None
    if number != int(number):
        raise ValueError(f'year: expected a year such as 2024, got "{value}"')
    return int(number)


def facts_of(chip: Accelerator) -> dict[str, Any]:
    """Return the known facts of an accelerator by column name; :func:`from_facts` makes an equal one of them."""
    facts: dict[str, Any] = {name: getattr(chip, name) for name in (*TEXTS, "year", *NUMBERS)}
    facts |= {f"{name}_flop_per_s": peak for name, peak in chip.peaks.items()} | {"aliases": list(chip.aliases)}
    return {name: facts[name] for name in COLUMNS if facts.get(name) not in (None, "", [])}
