"""Published accelerators: the table, names, and that one goes through the same path as any design."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from roofline.accelerator_table import COLUMNS, NUMBERS, PEAKS, TEXTS, facts_of, from_facts, read_table
from roofline.accelerators import DEVICE_CLASSES, Accelerator, UnknownFact, accelerator, accelerators, aliases, find
from roofline.catalog import model
from roofline.kernel import Machine
from roofline.parallel import Parallel
from roofline.precision import Precision, number_format
from sweeps.accelerator import PLAIN, on_accelerator
from sweeps.factors import factors, machine_of
from sweeps.measurements import read_measurements
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


MEASURED = (
    *("h100-sxm-80gb", "a100-sxm-40gb", "h200-sxm", "mi300x", "m2-ultra", "inferentia2", "trainium1"),
    *("h100-pcie-80gb", "rtx-a6000", "rtx-6000-ada", "rtx-4090", "rtx-5000-ada", "a100-pcie-80gb", "a100-sxm-80gb"),
    *("sn40l", "rtx-3090", "rtx-4000-ada", "m1-max-32c", "snapdragon-8-elite", "rtx-4080", "a40"),
    *("snapdragon-x-elite", "m1-max-24c", "snapdragon-8-elite-gen5", "rtx-3070", "rtx-3080-10gb", "rtx-3080-ti"),
    *("rtx-4070-ti", "m3-10c", "rx-7900-xtx", "a10g", "jetson-agx-orin-64gb", "m4-pro", "rx-6700-xt", "sa8295p"),
    *("m1-ultra-64c", "snapdragon-8-gen3", "m2-max-30c", "m5-10c", "m4-10c", "m2-pro-19c", "rx-5700-xt"),
    *("rx-6800-xt", "rtx-3090-ti", "m2-10c", "m3-ultra"),
)
"""Every device of the shipped measurements."""

RICHER = {
    "groq-lpu-v1": 4,  # 750 TOPS beside 188 TFLOP/s
    "trainium3": 4,  # MXFP8 and MXFP4 run at four times the bf16 rate
    "b300-sxm": 6.3,  # FP4 was widened and the rest was not
}
"""Devices whose narrow formats are faster than by the ratio of the bits; everywhere else that would be sparsity."""

PORTS = {  # kind of memory -> bandwidth of a device with it [byte/s]
    "HBM": (2.5e11, 9e12),
    "GDDR": (6e10, 2e12),
    "LPDDR": (5e10, 9e11),
    "DDR5": (2e11, 7e11),
}


@pytest.mark.parametrize("name", ALL)
def test_rows_are_plausible(name: str) -> None:
    chip = accelerator(name)
    assert chip.source.strip()
    assert chip.device_class in DEVICE_CLASSES
    assert chip.die_family
    assert chip.year is None or chip.year >= 2018
    assert all(number_format(form) for form in chip.formats)
    if chip.dram_bytes:
        assert 1e9 <= chip.dram_bytes <= 6e12
    if chip.dram_bytes_per_s:
        low, high = next(span for kind, span in PORTS.items() if chip.dram_kind.startswith(kind))
        assert low <= chip.dram_bytes_per_s <= high
    assert bool(chip.link_bytes_per_s) <= bool(chip.link_kind)
    assert (chip.price_usd is None) == (not chip.price_kind)


@pytest.mark.parametrize("name", [chip.name for chip in accelerators() if {"fp16", "bf16"} & set(chip.peaks)])
def test_peaks_are_dense(name: str) -> None:
    chip = accelerator(name)
    # A dense rate is at most 2 (8 bit) or 4 (4 bit) times the 16-bit one, and a sparse one twice that.
    for form, rate in chip.rates.items():
        bits = number_format(form).bits
        assert bits >= 16 or 0.99 <= rate <= RICHER.get(name, 16 / bits) * 1.03, form
        assert bits < 16 or rate <= 1
    if chip.has_dram and chip.dram_bytes_per_s:
        assert 0.5 < chip.ridge_flop_per_byte("fp16") < 1000


def test_most_devices_can_be_computed_on() -> None:
    can = [chip for chip in accelerators() if chip.dram_bytes_per_s and {"fp16", "bf16"} & set(chip.peaks)]
    assert len(can) >= 80
    assert {chip.device_class for chip in can} >= set(DEVICE_CLASSES) - {"chiplet"}


@pytest.mark.parametrize("name", MEASURED)
def test_measured_devices_are_there_and_can_be_computed_on(name: str) -> None:
    chip = accelerator(name)
    assert chip.name == name
    columns, _ = on_accelerator(chip, Request(model("llama-3-8b"), 128, 2))
    assert columns["dram_bytes_per_s"][0] == chip.dram_bytes_per_s
    assert chip.process_node or chip.device_class == "npu"


@pytest.mark.parametrize(
    "name, missing",
    [
        ("h100-80gb-unspecified", "fp16_flop_per_s, dram_bytes_per_s"),
        ("a100-80gb-unspecified", "dram_bytes_per_s"),
        ("dimensity-9300", "fp16_flop_per_s, dram_bytes"),
        ("cambricon-llm", "fp16_flop_per_s, dram_bytes, dram_bytes_per_s"),
        ("nand-pim-hilos", "fp16_flop_per_s, dram_bytes, dram_bytes_per_s"),
    ],
)
def test_an_unknown_fact_is_an_error_and_nothing_stands_for_it(name: str, missing: str) -> None:
    with pytest.raises(UnknownFact, match=f'^unknown {missing} of "{name}"$'):
        on_accelerator(accelerator(name), Request(model("llama-3-8b"), 128, 2))


def test_devices_measured_in_groups_have_a_link_and_one_that_is_assumed_says_so() -> None:
    groups = {row.hardware for row in read_measurements().rows if max(row.devices, row.tensor_parallel or 1) > 1}
    assert len(groups) > 10
    assert {name for name in groups if not accelerator(name).link_bytes_per_s} == set()
    assumed = [chip for chip in accelerators() if "assumption" in chip.link_kind]
    assert [chip.name for chip in assumed] == ["sn40l"]
    assert all("link: assumption" in chip.source for chip in assumed)


def test_several_chips_talk_over_the_published_link() -> None:
    request, two = Request(model("llama-3-8b"), 128, 2), Parallel(2)
    columns, of = on_accelerator(accelerator("h100"), request, PLAIN, two)
    assert (of.deployment.parallel, of.constants["link_bytes_per_s"]) == (two, 450e9)
    assert np.all(factors(columns, of)["decode_link_bytes.0"] > 0)
    ultra = accelerator("m2-ultra")
    for parallel in (two, Parallel(pipeline=2), Parallel(expert=2, data=2)):
        with pytest.raises(UnknownFact, match=r'^unknown link_bytes_per_s of "m2-ultra", which several of them need$'):
            on_accelerator(ultra, request, PLAIN, parallel)
    with pytest.raises(UnknownFact, match=r'^"m2-ultra" has no link'):
        on_accelerator(replace(ultra, link_bytes_per_s=0.0), request, PLAIN, two)
    alone = factors(*on_accelerator(ultra, request))["decode_s.0"]
    replicas = factors(*on_accelerator(ultra, replace(request, batch=2), PLAIN, Parallel(data=2)))["decode_s.0"]
    assert np.array_equal(alone, replicas)


def test_known_names_device_and_fact() -> None:
    chip = accelerator("sn40l")
    assert chip.known("dram_bytes") == 64e9
    for fact in ("tdp_w", "fp8_flop_per_s"):
        with pytest.raises(UnknownFact, match=f'unknown {fact} of "sn40l"'):
            chip.known(fact)


def test_half_floats_stand_for_each_other() -> None:
    tpu, volta = accelerator("tpu-v5e"), accelerator("v100")
    assert (tpu.runs_in("fp16"), tpu.peak_flop_per_s("fp16")) == ("bf16", 197e12)
    assert (volta.runs_in("bf16"), volta.peak_flop_per_s("bf16")) == ("fp16", 125e12)
    assert tpu.rates["fp16"] == volta.rates["bf16"] == 1
    # A narrower format it lacks runs in the 16-bit one it has; a wider one whose rate is unknown is refused.
    assert volta.peak_flop_per_s("int8") == 125e12
    with pytest.raises(UnknownFact, match="unknown fp32_flop_per_s"):
        tpu.peak_flop_per_s("fp32")


def test_a_chip_without_dram_holds_everything_in_its_sram() -> None:
    chip, llm = accelerator("wse-3"), model("llama-3-8b")
    columns, scenario = on_accelerator(chip, Request(llm, 128, 2))
    assert (columns["dram_bytes"][0], columns["dram_bytes_per_s"][0]) == (44e9, 21e15)
    found = factors(columns, scenario)
    assert found["missing_bytes.0"][0] == 0
    assert found["decode_s.0"][0] >= found["decode_dram_bytes.0"][0] / 21e15
    groq = factors(*on_accelerator(accelerator("groq-lpu-v1"), Request(llm, 128, 2)))
    assert groq["missing_bytes.0"][0] == pytest.approx(16e9, rel=0.03)


def test_flash_holds_the_weights_that_memory_has_no_room_for() -> None:
    small = replace(accelerator("rtx-3070"), flash_bytes=1e12, flash_bytes_per_s=7e9)
    asked = Request(model("llama-3-8b"), 128, 2)
    spilled, none = factors(*on_accelerator(small, asked)), factors(*on_accelerator(accelerator("rtx-3070"), asked))
    assert none["missing_bytes.0"][0] > 8e9
    assert spilled["missing_bytes.0"][0] == 0
    assert spilled["decode_flash_bytes.0"][0] == pytest.approx(none["missing_bytes.0"][0], rel=0.2)
    assert spilled["decode_s.0"][0] >= spilled["decode_flash_bytes.0"][0] / 7e9
    with pytest.raises(UnknownFact, match="unknown flash_bytes_per_s"):
        on_accelerator(replace(small, flash_bytes_per_s=None), asked)


def test_every_column_of_the_file_is_read() -> None:
    text = (files("roofline") / "data" / "accelerators.csv").read_text(encoding="utf8")
    rows = list(csv.DictReader(text.splitlines()))
    assert list(rows[0]) == sorted(COLUMNS, key=list(rows[0]).index)
    for row in rows:
        chip = accelerator(row["name"])
        given = {key: float(value) for key, value in row.items() if key in PEAKS and value}
        assert given == {f"{form}_flop_per_s": peak for form, peak in chip.peaks.items()}
        for column in NUMBERS:
            assert getattr(chip, column) == (float(row[column]) if row[column] else None)
        for column in TEXTS:
            assert getattr(chip, column) == row[column]
        assert (str(chip.year or ""), ";".join(chip.aliases)) == (row["year"], row["aliases"])
        assert from_facts(facts_of(chip)) == chip


def test_a_table_with_other_column_names_is_read() -> None:
    text = (
        "slug,name,class,peak_fp16_flop_per_s,peak_int8_op_per_s,dram_bytes,dram_kind,dram_bytes_per_s,notes\n"
        "my-npu,My NPU,npu,1e14,2e14,1e10,HBM3,1e12,odd\n\n"
        'lpu,"LPU, one",npu,1e14,,,none (SRAM only),,\n'
    )
    chip, lpu = read_table(text, "mine.csv")
    assert (chip.name, chip.title, chip.device_class, chip.die_family) == ("my-npu", "My NPU", "npu", "my-npu")
    assert chip.peaks == {"fp16": 1e14, "int8": 2e14}
    assert (chip.note, chip.tdp_w, lpu.title, lpu.has_dram) == ("odd", None, "LPU, one", False)
    assert find("My_NPU", extra=[chip]) is chip
    (least,) = read_table("name,fp16_flop_per_s\nx,1e12\n", "mine.csv")
    assert (least.title, least.device_class, least.year) == ("x", "other", None)


def test_a_users_device_comes_before_the_catalog() -> None:
    (mine,) = read_table("name,aliases\nh100,the-one\n", "mine.csv")
    assert find("H100", extra=[mine]) is mine
    assert find("the one", extra=[mine]) is mine
    assert find("a100", extra=[mine]).name == "a100-sxm-80gb"
    with pytest.raises(ValueError, match="did you mean the-one"):
        find("the-on", extra=[mine])


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "mine.csv:1: expected a header with a column name"),
        ("title\nx\n", "mine.csv:1: expected a header with a column name"),
        ("name,name\nx,y\n", 'mine.csv:1: the column "name" is there twice'),
        ("name,dram_byte\nx,1\n", 'mine.csv:1: unknown column "dram_byte"; did you mean dram_bytes?'),
        ("name,tdp_w\nx,1\ny\n", "mine.csv:3: expected 2 cells as in the header, got 1"),
        ("name,tdp_w\nx,a lot\n", 'mine.csv:2: tdp_w: expected a number (SI), got "a lot"'),
        ("name,tdp_w\nx,-1\n", 'mine.csv:2: tdp_w: expected a finite number of at least 0, got "-1"'),
        ("name,tdp_w\nx,nan\n", "mine.csv:2: tdp_w: expected a finite number"),
        ("name,fp16_flop_per_s\nx,0\n", "mine.csv:2: a peak is above 0"),
        ("name,tdp_w\n,1\n", "mine.csv:2: name: a device needs a name"),
        ("name,tdp_w\nx,1\nX,2\n", 'mine.csv:3: name: a second device "X"'),
        ("name,year\nx,2024.5\n", "mine.csv:2: year: expected a year"),
        ("name,pim_tier\nx,hbm\n", "mine.csv:2: pim_tier: expected dram or flash"),
        ("name,dram_bytes,dram_bytes_per_s\nx,0,1e9\n", "mine.csv:2: dram_bytes_per_s: a tier has both"),
        ('name,tdp_w\n"x,1\n', "mine.csv:2: not valid CSV"),
    ],
)
def test_wrong_tables_say_line_and_column(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        read_table(text, "mine.csv")


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
