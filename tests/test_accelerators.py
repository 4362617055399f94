"""Published accelerators: the table, names, and that one goes through the same path as any design."""

from __future__ import annotations

import csv
from importlib.resources import files

import numpy as np
import pytest

from roofline.accelerators import Accelerator, accelerator, accelerators, aliases
from roofline.catalog import model
from roofline.kernel import Machine
from roofline.precision import Precision, number_format
from sweeps.accelerator import PLAIN, on_accelerator
from sweeps.factors import factors, machine_of
from sweeps.scenario import Request

ALL = [chip.name for chip in accelerators()]


def prefill_s(chip: Accelerator, precision: Precision) -> float:
    found = factors(*on_accelerator(chip, Request(model("llama-3-8b"), 2048, 2, 1, precision)))
    return float(np.asarray(found["prefill_s.0"]).reshape(-1)[0])


def test_the_promised_chips_are_there() -> None:
    wanted = {
        *("a100-sxm-80gb", "a100-pcie-80gb", "a100-sxm-40gb", "h100-sxm-80gb", "h100-pcie-80gb", "h200-sxm"),
        *("b200-sxm", "l40s", "rtx-a6000", "rtx-4090", "mi300x", "m2-ultra", "jetson-agx-orin-64gb"),
    }
    assert wanted <= set(ALL)
    assert len(set(ALL)) == len(ALL)


def test_data_sheet_values() -> None:
    a100, h100, ultra = accelerator("a100"), accelerator("h100"), accelerator("m2-ultra")
    assert (a100.half_flop_per_s, a100.dram_bytes_per_s, a100.dram_bytes) == (312e12, 2.039e12, 80e9)
    assert a100.peaks["int8"] == 624e12  # dense; the sparse figure is 1,248
    assert (h100.half_flop_per_s, h100.dram_bytes_per_s, h100.tdp_w) == (989.4e12, 3.35e12, 700)
    assert a100.ridge_flop_per_byte("fp16") == pytest.approx(153.0, abs=0.05)
    assert (ultra.sram_bytes, ultra.tdp_w) == (None, None)


@pytest.mark.parametrize("name", ALL)
def test_rows_are_plausible(name: str) -> None:
    chip = accelerator(name)
    assert chip.source.strip()
    assert {"fp32", "fp16"} <= set(chip.peaks)
    assert 1e10 <= chip.dram_bytes <= 1e12
    assert 1e11 <= chip.dram_bytes_per_s <= 1e13
    assert 5 < chip.ridge_flop_per_byte("fp16") < 1000
    assert all(number_format(form) for form in chip.formats)
    # Narrower numbers are never slower; a dense rate is at most 2 (8 bit) or 4 (4 bit) times the 16-bit one.
    for form, rate in chip.rates.items():
        bits = number_format(form).bits
        assert bits >= 16 or 1 <= rate <= 16 / bits * 1.03, form
    assert chip.year >= 2020


def test_every_column_of_the_file_is_read() -> None:
    text = (files("roofline") / "data" / "accelerators.csv").read_text(encoding="utf8")
    for row in csv.DictReader(text.splitlines()):
        chip = accelerator(row["name"])
        given = {key: float(value) for key, value in row.items() if key.endswith("_flop_per_s") and value}
        assert given == {f"{form}_flop_per_s": peak for form, peak in chip.peaks.items()}
        for column in ("dram_bytes", "dram_bytes_per_s", "sram_bytes", "link_bytes_per_s", "tdp_w", "die_area_mm2"):
            assert getattr(chip, column) == (float(row[column]) if row[column] else None)


def test_aliases_and_spelling() -> None:
    assert accelerator("A100") is accelerator("a100-sxm-80gb")
    assert accelerator("RTX A6000") is accelerator("a6000")
    assert accelerator("h100_pcie").name == "h100-pcie-80gb"
    assert not set(aliases()) & set(ALL)
    assert set(aliases().values()) <= set(ALL)


@pytest.mark.parametrize("name, near", [("h1000", "h100"), ("a60000", "a6000"), ("mi300", "mi300x")])
def test_unknown_chip_names_the_nearest(name: str, near: str) -> None:
    with pytest.raises(ValueError, match=f'unknown hardware "{name}"; did you mean .*{near}'):
        accelerator(name)


def test_unknown_chip_without_a_near_one_lists_all() -> None:
    with pytest.raises(ValueError, match=r"known: a100-sxm-80gb, .*m2-ultra"):
        accelerator("qqqqqqqqqq")


def test_a_format_without_a_peak_runs_in_the_next_wider_one() -> None:
    ultra, a100 = accelerator("m2-ultra"), accelerator("a100")
    assert ultra.runs_in("int8") == "fp16"
    assert a100.runs_in("fp8") == "fp16"
    assert a100.runs_in("mxfp4") == "fp16"
    assert accelerator("h100").runs_in("int4") == "int8"
    assert a100.peak_flop_per_s("int8") == 624e12


def test_published_rates_decide_the_time() -> None:
    # RTX 4090: bf16 at half the fp16 rate, where the general table has them equal.
    chip = accelerator("rtx-4090")
    slow, fast = (prefill_s(chip, Precision(form, form, form)) for form in ("bf16", "fp16"))
    assert slow / fast == pytest.approx(2, rel=0.05)
    # L40S: 4-bit integers at the 8-bit rate.
    chip = accelerator("l40s")
    assert chip.rates["int4"] == chip.rates["int8"]
    compute = [prefill_s(chip, Precision(form, form, "int8")) for form in ("int8", "int4")]
    assert compute[1] == pytest.approx(compute[0], rel=0.1)


def test_machine_of_an_accelerator() -> None:
    chip = accelerator("a100")
    designs, scenario = on_accelerator(chip, Request(model("llama-3-8b"), 128, 2))
    machine = machine_of(designs, scenario)
    assert float(np.asarray(machine.tile_bytes)[0]) == chip.sram_bytes
    assert float(np.asarray(machine.vector_ops_per_s)[0]) == pytest.approx(chip.peaks["fp32"])
    assert machine.rates["int8"] == 2
    assert scenario.workloads[0].reserve_bytes == 0
    assert scenario.modelling == PLAIN


def test_no_rates_are_those_of_the_formats_table() -> None:
    assert Machine(1.0, 1.0, 1.0, 1.0, 0.0, 1.0).rates == {}
