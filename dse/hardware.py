"""Accelerators of a user: a YAML file with quantities or a CSV table in SI, named like those of the catalog.

    name: my-npu
    device_class: npu
    peaks: {fp16: 100 TFLOP/s, int8: 200 TFLOP/s}
    dram: 24 GB
    dram_bandwidth: 1 TB/s
    source: data sheet 2026

or several of them as a list under ``devices``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dse.errors import StudyError, did_you_mean, listed, shown
from dse.study_problems import Problem, missing_key, raise_problems, unknown_key
from dse.units import UnitError, parse_quantity
from dse.yaml_loader import Keys, load_yaml, read_text
from roofline.accelerator_table import NUMBERS, PIM_TIERS, TEXTS, from_facts, read_table
from roofline.accelerators import PEAK_FORMATS, Accelerator, find, slug_of

QUANTITIES: Mapping[str, tuple[str, str]] = {
    "dram": ("dram_bytes", "byte"),
    "dram_bandwidth": ("dram_bytes_per_s", "byte/s"),
    "dram_energy": ("dram_j_per_byte", "joule/byte"),
    "sram": ("sram_bytes", "byte"),
    "sram_bandwidth": ("sram_bytes_per_s", "byte/s"),
    "sram_energy": ("sram_j_per_byte", "joule/byte"),
    "flash": ("flash_bytes", "byte"),
    "flash_bandwidth": ("flash_bytes_per_s", "byte/s"),
    "flash_energy": ("flash_j_per_byte", "joule/byte"),
    "link_bandwidth": ("link_bytes_per_s", "byte/s"),
    "pim_compute": ("pim_flop_per_s", "flop/s"),
    "pim_bandwidth": ("pim_bytes_per_s", "byte/s"),
    "tdp": ("tdp_w", "watt"),
    "die_area": ("die_area_mm2", "mm**2"),
    "price": ("price_usd", "USD"),
}
"""Key of a device in YAML -> the fact it is, and its unit; the fact's own name takes a plain number in SI."""

KEYS = (*TEXTS, "aliases", "year", "peaks", *QUANTITIES, *NUMBERS)
_SHOWN_KEYS = ("name", "title", "vendor", "device_class", "die_family", "peaks", *QUANTITIES, "source", "note")
MOST_DEVICES = 1000


def load_accelerators(path: str | Path) -> tuple[Accelerator, ...]:
    """Return the accelerators of a file: ``.csv`` is a table in SI, anything else YAML with quantities.

    Parameters
    ----------
    path : str or Path
        A CSV table has the columns of the catalog, or those of other tables (``slug``, ``class``,
        ``peak_fp16_flop_per_s``).

    Raises
    ------
    StudyError
        With every problem found, each with its file, line and key.
    """
    text = read_text(path, what="hardware")
    if str(path).lower().endswith(".csv"):
        try:
            chips = read_table(text, str(path))
        except ValueError as error:
            raise StudyError(str(error)) from None
        if not chips:
            raise StudyError("there is no device in this table", path=str(path))
        return chips
    return _from_yaml(text, str(path))


def is_hardware_file(name: str) -> bool:
    """Whether somebody means a file by this name of a device."""
    return name.lower().endswith((".yaml", ".yml", ".csv"))


def device(name: str, files: Sequence[str | Path] = ()) -> Accelerator:
    """Return the accelerator called `name`, of these files first and then of the catalog; or the one of a file.

    Parameters
    ----------
    name : str
        A name or an alias, or the path of a file that holds one device.
    files : sequence of path

    Raises
    ------
    StudyError
        If there is none; the message names the nearest.
    """
    extra = [chip for file in files for chip in load_accelerators(file)]
    if is_hardware_file(name):
        own = load_accelerators(name)
        if len(own) > 1:
            names = listed([chip.name for chip in own], 12)
            raise StudyError(
                f"this file holds {len(own)} devices; name one and give the file beside: {names}", path=name
            )
        return own[0]
    try:
        return find(name, extra)
    except ValueError as error:
        raise StudyError(str(error)) from None


@dataclass(frozen=True)
class HardwareFiles:
    """Devices by the file a study names: those that travel with a run first, then the files themselves."""

    stored: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)

    def __call__(self, path: str) -> tuple[Accelerator, ...]:
        """Return the devices of a file.

        Raises
        ------
        StudyError
            If it cannot be used.
        """
        if path in self.stored:
            return tuple(from_facts(facts) for facts in self.stored[path])
        return load_accelerators(path)


def _from_yaml(text: str, path: str) -> tuple[Accelerator, ...]:
    tree, lines = load_yaml(text, path=path)
    if not isinstance(tree, dict):
        what = "an empty file" if tree is None else shown(tree)
        raise StudyError(f"expected a device, a mapping with keys such as name and peaks, got {what}", path=path)
    found: list[tuple[Keys, object]] = [((), tree)]
    problems: list[Problem] = []
    if "devices" in tree:
        given = tree["devices"]
        problems += [unknown_key((key,), ("devices",)) for key in tree if key != "devices"]
        if not isinstance(given, list) or not 1 <= len(given) <= MOST_DEVICES:
            problems.append(
                Problem(("devices",), f"expected a list of 1 to {MOST_DEVICES} devices, got {shown(given)}")
            )
            given = []
        found = [(("devices", position), one) for position, one in enumerate(given)]
    chips: dict[str, Accelerator] = {}
    for where, one in found:
        before = len(problems)
        facts = _facts(one, where, problems)
        if len(problems) > before:
            continue
        try:
            chip = from_facts(facts)
        except ValueError as error:
            problems.append(Problem(where, str(error)))
            continue
        if slug_of(chip.name) in chips:
            problems.append(Problem((*where, "name"), f"a second device {shown(chip.name)}"))
        chips[slug_of(chip.name)] = chip
    raise_problems(problems, path, lines)
    return tuple(chips.values())


def _facts(device: object, where: Keys, problems: list[Problem]) -> dict[str, Any]:
    """Facts of one device by the catalog's column names; what is wrong goes to `problems`."""
    if not isinstance(device, dict):
        problems.append(Problem(where, f"expected a device with keys such as name and peaks, got {shown(device)}"))
        return {}
    if "name" not in device:
        problems.append(missing_key(where, "name"))
    facts: dict[str, Any] = {}
    for key, value in device.items():
        at = (*where, key)
        if key not in KEYS:
            wrong = unknown_key(at, _SHOWN_KEYS)
            near = did_you_mean(key, KEYS)
            message = f"unknown key {shown(key)}{near}; allowed: {listed(_SHOWN_KEYS, 40)}"
            problems.append(Problem(wrong.where, message, wrong.about))
            continue
        try:
            facts |= _peaks(value, at, problems) if key == "peaks" else _fact(key, value)
        except ValueError as error:
            problems.append(Problem(at, str(error)))
    return facts


def _fact(key: str, value: object) -> dict[str, Any]:
    """One fact by its column's name."""
    if value is None:
        return {}
    if key in TEXTS:
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            raise ValueError(f"expected text, got {shown(value)}")
        if key == "pim_tier" and value not in PIM_TIERS:
            raise ValueError(f"expected dram or flash, got {shown(value)}")
        return {key: value.strip()}
    if key == "aliases":
        if not isinstance(value, list) or not all(isinstance(name, str) and name.strip() for name in value):
            raise ValueError(f"expected a list of names, got {shown(value)}")
        return {key: [slug_of(name) for name in value]}
    if key in QUANTITIES:
        fact, unit = QUANTITIES[key]
        return {fact: _quantity(value, unit)}
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a plain number (SI), got {shown(value)}")
    return {key: value}


def _quantity(value: object, unit: str) -> float:
    number = parse_quantity(value, unit)
    if number < 0:
        raise ValueError(f"expected at least 0, got {shown(value)}")
    return number


def _peaks(value: object, where: Keys, problems: list[Problem]) -> dict[str, float]:
    if not isinstance(value, dict) or not value:
        raise ValueError(f"expected peaks such as {{fp16: 100 TFLOP/s}}, got {shown(value)}")
    peaks: dict[str, float] = {}
    for name, given in value.items():
        at = (*where, name)
        if name not in PEAK_FORMATS:
            problems.append(unknown_key(at, PEAK_FORMATS))
            continue
        try:
            peak = parse_quantity(given, "flop/s")
        except UnitError as error:
            problems.append(Problem(at, str(error)))
            continue
        if not peak > 0:
            problems.append(Problem(at, f"expected a dense rate above 0, got {shown(given)}"))
        peaks[f"{name}_flop_per_s"] = peak
    return peaks
