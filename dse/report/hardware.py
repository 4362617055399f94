"""What ``dse hardware`` prints: the devices by class, or one."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from dse.report.tables import number, text_table
from dse.units import format_quantity
from results.labels import counted
from roofline.accelerator_table import COLUMNS, NUMBERS, PEAKS, facts_of
from roofline.accelerators import DEVICE_CLASSES, Accelerator, UnknownFact

_HEAD = ("device", "year", "16 bit [TFLOP/s]", "8 bit [TOP/s]", "memory [GB]", "[GB/s]", "link [GB/s]", "TDP [W]")
_LABELS = {
    "tdp_w": "power limit (TDP)",
    "die_area_mm2": "die area",
    "price_usd": "price",
    "link_bytes_per_s": "link, per direction",
    "pim_flop_per_s": "arithmetic in memory",
    "pim_bytes_per_s": "bandwidth inside memory",
    **{f"{tier}_bytes": tier.upper() for tier in ("dram", "sram")},
    **{f"{tier}_bytes_per_s": f"{tier.upper()} bandwidth" for tier in ("dram", "sram")},
    **{f"{tier}_j_per_byte": f"{tier.upper()} energy" for tier in ("dram", "sram")},
    "flash_bytes": "flash",
    "flash_bytes_per_s": "flash bandwidth",
    "flash_j_per_byte": "flash energy",
}
_UNITS = {
    "bytes": "byte",
    "bytes_per_s": "byte/s",
    "flop_per_s": "flop/s",
    "tdp_w": "watt",
    "price_usd": "USD",
    "die_area_mm2": "mm**2",
}


def devices_text(chips: Sequence[Accelerator], form: str) -> str:
    """Return devices as ``table`` (grouped by class), ``csv`` (the columns of the catalog) or ``json``."""
    if form == "json":
        return json.dumps([device_facts(chip) for chip in chips], indent=1, ensure_ascii=False)
    if form == "csv":
        return _csv(chips)
    classes = [*DEVICE_CLASSES, *sorted({chip.device_class for chip in chips} - set(DEVICE_CLASSES))]
    body: list[list[str]] = []
    for name in classes:
        rows = [_row(chip) for chip in chips if chip.device_class == name]
        body += [[f"{name}:", *[""] * (len(_HEAD) - 1)], *rows] if rows else []
    return (
        f"{text_table(_HEAD, body, left=1)}\n\n{counted(len(chips), 'device')}; dense peaks; - is unknown; the memory "
        "of a chip without DRAM is its SRAM\ndse hardware NAME shows one with its source, --format csv has every column"
    )


def _row(chip: Accelerator) -> list[str]:
    eight = [chip.peaks[name] for name in ("fp8", "int8") if name in chip.peaks]
    half = [chip.peaks[name] for name in ("fp16", "bf16") if name in chip.peaks]
    tier = chip.memory_tier
    return [
        f"  {chip.name}",
        str(chip.year or "-"),
        _scaled(max(half, default=None), 1e12),
        _scaled(max(eight, default=None), 1e12),
        _scaled(getattr(chip, f"{tier}_bytes"), 1e9),
        _scaled(getattr(chip, f"{tier}_bytes_per_s"), 1e9),
        _scaled(chip.link_bytes_per_s, 1e9),
        _scaled(chip.tdp_w, 1.0),
    ]


def _scaled(value: float | None, unit: float) -> str:
    return "-" if value is None else number(value / unit)


def device_facts(chip: Accelerator) -> dict[str, Any]:
    """Return every fact of a device by column name (null is unknown), and its ridge points by published format."""
    known = facts_of(chip)
    facts: dict[str, Any] = {name: known.get(name) for name in COLUMNS}
    return facts | {"ridge_flop_per_byte": _ridges(chip)}


def _ridges(chip: Accelerator) -> dict[str, float]:
    try:
        return {name: chip.ridge_flop_per_byte(name) for name in chip.peaks}
    except UnknownFact:
        return {}


def device_text(chip: Accelerator, form: str) -> str:
    """Return one device as ``table``, ``csv`` or ``json``."""
    if form == "json":
        return json.dumps(device_facts(chip), indent=1, ensure_ascii=False)
    if form == "csv":
        return _csv([chip])
    ridges = _ridges(chip)
    words = {
        "name": chip.name,
        "also called": ", ".join(chip.aliases),
        "vendor": f"{chip.vendor}, {chip.year}" if chip.vendor and chip.year else chip.vendor,
        "class": chip.device_class,
        "die family": chip.die_family,
        "process": chip.process_node,
    }
    lines = [chip.title, "", *_pairs(words.items())]
    peaks = [[name, format_quantity(peak, "flop/s"), _ridge(ridges.get(name))] for name, peak in chip.peaks.items()]
    lines += ["", text_table(["dense peak", "rate", "ridge [FLOP/byte]"], peaks, left=1)] if peaks else []
    lines += ["", *_pairs((_LABELS[name], _fact(chip, name)) for name in NUMBERS if getattr(chip, name))]
    unknown = [name for name in NUMBERS if not _published(chip, name) and not name.startswith(("pim", "flash"))]
    if not chip.peaks:
        unknown.insert(0, "peaks")
    lines += ["", *_pairs({"unknown": ", ".join(unknown), "source": chip.source, "note": chip.note}.items())]
    return "\n".join(lines)


def _published(chip: Accelerator, name: str) -> bool:
    return getattr(chip, name) is not None


def _fact(chip: Accelerator, name: str) -> str:
    """A number with its unit, and the kind of memory, link or price it is of."""
    value = getattr(chip, name)
    unit = next((unit for end, unit in _UNITS.items() if name.endswith(end)), "")
    text = format_quantity(value, unit) if unit else f"{value * 1e12 / 8:.4g} pJ/bit"
    kind = getattr(chip, f"{name.partition('_')[0]}_kind", "")
    shows_kind = name.endswith("_bytes") or name in ("link_bytes_per_s", "price_usd")
    return f"{text} ({kind})" if kind and shows_kind else text


def _ridge(value: float | None) -> str:
    return "-" if value is None else number(value)


def _pairs(told: Iterable[tuple[str, str]]) -> list[str]:
    given = [(name, text) for name, text in told if text]
    width = max((len(name) for name, _ in given), default=0)
    return [f"{name.ljust(width)}  {text}" for name, text in given]


def _csv(chips: Sequence[Accelerator]) -> str:
    columns = [*(name for name in COLUMNS if name not in (*PEAKS, *NUMBERS)), *PEAKS, *NUMBERS]
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    for chip in chips:
        facts = facts_of(chip)
        writer.writerow(facts | {"aliases": ";".join(chip.aliases)})
    return out.getvalue()
