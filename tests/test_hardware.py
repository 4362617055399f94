"""``dse hardware``, files of a user's own devices, and published accelerators beside the designs of a study."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Command
from small_run import changed

import dse
from dse.analysis import analyze
from dse.baselines import baseline_in, marks
from dse.errors import OutputError, StudyError
from dse.hardware import device, load_accelerators
from dse.report.hardware import devices_text
from roofline.accelerators import Accelerator, accelerator, accelerators
from roofline.catalog import model
from roofline.parallel import Parallel
from sweeps.baselines import baseline
from sweeps.scenario import Deployment, Modelling, Request, Technology, scenario

TWO = """\
devices:
  - name: my-npu
    title: My NPU
    device_class: npu
    die_family: mine
    year: 2026
    peaks: {fp16: 100 TFLOP/s, int8: 200 TFLOP/s}
    dram: 24 GB
    dram_kind: LPDDR5X
    dram_bandwidth: 1 TB/s
    dram_energy: 4 pJ/bit
    sram: 8 MiB
    link_bandwidth: 32 GB/s
    tdp: 75 W
    die_area: 150 mm**2
    price: 900 USD
    aliases: [the one]
    source: assumption
  - {name: lpu, peaks: {fp16: 1 PFLOP/s}, dram_kind: none, sram: 20 GB, sram_bandwidth: 80 TB/s}
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "my.yaml"
    path.write_text(TWO, encoding="utf8")
    return path


# --- files ----------------------------------------------------------------------------------------------------------


def test_quantities_become_facts_in_si(mine: Path) -> None:
    npu, lpu = load_accelerators(mine)
    assert npu == Accelerator(
        name="my-npu", title="My NPU", device_class="npu", die_family="mine", year=2026,
        peaks={"fp16": 100e12, "int8": 200e12}, dram_bytes=24e9, dram_kind="LPDDR5X", dram_bytes_per_s=1e12,
        dram_j_per_byte=32e-12, sram_bytes=2.0**23, link_bytes_per_s=32e9, tdp_w=75.0, die_area_mm2=150.0,
        price_usd=900.0, aliases=("the-one",), source="assumption",
    )  # fmt: skip
    assert (lpu.has_dram, lpu.memory_bytes, lpu.memory_bytes_per_s) == (False, 20e9, 80e12)
    assert device("The One", [mine]) == npu


def test_one_device_needs_no_list_and_facts_may_have_their_own_names(tmp_path: Path) -> None:
    path = tmp_path / "one.yml"
    path.write_text("name: x\npeaks: {fp16: 1 TFLOP/s}\ndram_bytes: 8e9\ndram_bandwidth: 10 GB/s\n", encoding="utf8")
    (chip,) = load_accelerators(path)
    assert (chip.dram_bytes, chip.dram_bytes_per_s) == (8e9, 10e9)
    assert device(str(path)) == chip
    assert dse.analyze("qwen2-1.5b", str(path)).accelerator == chip


def test_a_table_of_the_catalog_is_a_file_of_devices(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "all.csv"
    path.write_text(command("hardware", "--format", "csv").out, encoding="utf8")
    assert load_accelerators(path) == accelerators()
    done = command("hardware", "--file", path, "--format", "csv")
    assert done.out == path.read_text(encoding="utf8")


@pytest.mark.parametrize(
    "text, message",
    [
        ("", ": expected a device, a mapping with keys such as name and peaks, got an empty file"),
        ("- name: x\n", ": expected a device, a mapping"),
        ("peaks: {fp16: 1 TFLOP/s}\n", ':1: required key "name" is missing'),
        ("name: x\ndram: 24\n", ':2: dram: expected a quantity such as "16 GB", got 24 (no unit)'),
        ("name: x\ndram: 1 TB/s\n", ':2: dram: expected a capacity such as "16 GB", got "1 TB/s"'),
        ("name: x\ntdp: -3 W\n", ':2: tdp: expected at least 0, got "-3 W"'),
        ("name: x\ndram_bytes: 24 GB\n", ':2: dram_bytes: expected a plain number (SI), got "24 GB"'),
        ("name: x\ndram_bandwith: 1 TB/s\n", ':2: unknown key "dram_bandwith" (did you mean "dram_bandwidth"'),
        ("name: x\npeaks: {fp17: 1 TFLOP/s}\n", ':2: peaks: unknown key "fp17" (did you mean "fp16"?)'),
        ("name: x\npeaks: {fp16: 1 TFLOPS}\n", ':2: peaks.fp16: expected a quantity such as "50 TFLOP/s"'),
        ("name: x\npeaks: {fp16: 0 FLOP/s}\n", ":2: peaks.fp16: expected a dense rate above 0"),
        ("name: x\npeaks: fast\n", ":2: peaks: expected peaks such as {fp16: 100 TFLOP/s}"),
        ("name: [x]\n", ":1: name: expected text, got a list"),
        ("name: x\nyear: soon\n", ":2: year: expected a plain number"),
        ("name: x\naliases: y\n", ":2: aliases: expected a list of names"),
        ("name: x\npim_tier: sram\n", ":2: pim_tier: expected dram or flash"),
        ("name: x\ndram: 0 GB\ndram_bandwidth: 1 TB/s\n", ":1: dram_bytes_per_s: a tier has both"),
        ("devices: []\n", ":1: devices: expected a list of 1 to 1000 devices, got an empty list"),
        ("devices: [{name: x}]\nname: y\n", ':2: unknown key "name"'),
        ("devices: [x]\n", ":1: devices.0: expected a device with keys such as name and peaks"),
        ("devices: [{name: x}, {name: X}]\n", ':1: devices.1.name: a second device "X"'),
        ("name: x\nname: y\n", ':2: duplicate key "name", first given on line 1'),
        ("name: &a x\n", "anchors and aliases are not allowed"),
    ],
)
def test_wrong_files_say_line_and_key(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf8")
    with pytest.raises(StudyError) as wrong:
        load_accelerators(path)
    assert message in str(wrong.value)
    assert str(wrong.value).startswith(str(path))


def test_every_problem_is_told_at_once(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("name: x\ndram: 24\ntdp: hot\npeaks: {fp16: 1}\n", encoding="utf8")
    done = command("hardware", "--file", path)
    assert (done.code, done.out) == (2, "")
    assert [line.split(": ")[2] for line in done.err.splitlines()] == ["dram", "tdp", "peaks.fp16"]
    empty = tmp_path / "empty.csv"
    empty.write_text("name,tdp_w\n", encoding="utf8")
    assert command("hardware", "--file", empty).err == f"error: {empty}: there is no device in this table\n"
    empty.write_text("name,tdp_w\nx,hot\n", encoding="utf8")
    assert command("hardware", "--file", empty).err.startswith(f"error: {empty}:2: tdp_w: expected a number")
    assert command("hardware", "--file", tmp_path / "none.yaml").err.endswith("none.yaml: no such file\n")


# --- the command ----------------------------------------------------------------------------------------------------


def test_all_devices_are_listed_by_class_with_units(command: Command) -> None:
    done = command("hardware")
    assert (done.code, done.err) == (0, "")
    for words in ("datacenter-gpu:", "apple:", "mobile-npu:", "[TFLOP/s]", f"{len(accelerators())} devices", "sn40l"):
        assert words in done.out
    listed = [line.split()[0] for line in done.out.splitlines() if line.startswith("  ")]
    assert sorted(listed) == sorted(chip.name for chip in accelerators())
    found = json.loads(command("hardware", "--format", "json").out)
    assert {chip["name"]: chip["dram_bytes_per_s"] for chip in found} == {
        chip.name: chip.dram_bytes_per_s for chip in accelerators()
    }
    rows = list(csv.DictReader(io.StringIO(devices_text(accelerators(), "csv"))))
    assert len(rows) == len(found)


def test_one_device_is_shown_with_source_ridges_and_what_is_unknown(command: Command) -> None:
    told = command("hardware", "H100").out
    for words in ("H100 SXM5 80GB", "GH100", "295.3", "3.35 TB/s", "450 GB/s (nvlink4)", "unknown", "source", "HBM3"):
        assert words in told
    assert "price" in next(line for line in told.splitlines() if line.startswith("unknown"))
    facts = json.loads(command("hardware", "h100", "--format", "json").out)
    assert facts["ridge_flop_per_byte"]["fp16"] == pytest.approx(989.4 / 3.35)
    assert facts["price_usd"] is None
    research = json.loads(command("hardware", "cambricon-llm", "--format", "json").out)
    assert research["ridge_flop_per_byte"] == {}
    assert "peaks" in command("hardware", "cambricon-llm").out
    wrong = command("hardware", "h1000")
    assert (wrong.code, wrong.out) == (2, "")
    assert 'unknown hardware "h1000"; did you mean h100' in wrong.err


def test_analyze_takes_a_file_and_names_in_it(command: Command, mine: Path, tmp_path: Path) -> None:
    given = ("analyze", "--model", "llama-3-8b", "--phase", "decode", "--format", "json")
    found = json.loads(command(*given, "--hardware", "my-npu", "--hardware-file", mine).out)
    assert found["hardware"] == "my-npu"
    assert found["time_s"] == pytest.approx(found["dram_bytes"] / 1e12, rel=0.02)
    single = tmp_path / "single.yaml"
    single.write_text("name: x\npeaks: {fp16: 1 TFLOP/s}\ndram: 8 GB\ndram_bandwidth: 1 GB/s\n", encoding="utf8")
    assert json.loads(command(*given, "--hardware", single).out)["hardware"] == "x"
    two = command(*given, "--hardware", mine)
    assert two.code == 2
    assert "this file holds 2 devices; name one and give the file beside: my-npu, lpu" in two.err
    wrong = command(*given, "--hardware", "my-npx", "--hardware-file", mine)
    assert wrong.err.startswith('error: --hardware: unknown hardware "my-npx"; did you mean my-npu')
    refused = command(*given, "--hardware", "cambricon-llm")
    assert (
        refused.err == 'error: --hardware: unknown fp16_flop_per_s, dram_bytes, dram_bytes_per_s of "cambricon-llm"\n'
    )
    assert (refused.code, refused.out) == (2, "")


def test_sram_is_named_where_there_is_no_dram(command: Command, mine: Path) -> None:
    given = ("analyze", "--model", "llama-3-8b", "--hardware", "lpu", "--hardware-file", mine, "--phase", "decode")
    found = json.loads(command(*given, "--format", "json").out)
    assert {op["bound_by"] for op in found["operators"]} <= {"sram", "compute", "vector"}
    assert found["time_s"] == pytest.approx(found["dram_bytes"] / 80e12, rel=0.02)
    assert "20 GB SRAM at 80 TB/s" in command(*given).out


# --- baselines ------------------------------------------------------------------------------------------------------


def study(**more: Any) -> Any:
    technology, how = Technology(), Modelling(launch_overhead_s=0.0)
    asked = [Request(model("llama-3-8b"), 512, 64, 4, share=0.25), Request(model("qwen2-1.5b"), 64, 2, 1, share=0.75)]
    return asked, how, scenario(asked, technology, Deployment(**more), how)


def test_a_baseline_has_the_times_of_an_analysis() -> None:
    asked, how, of = study()
    one = Request(model("llama-3-8b"), 512, 2, 4)
    alone = scenario([one], Technology(), Deployment(), how)
    found = baseline(accelerator("a100"), [one], how, alone).columns
    told = {p.phase: p.time_s for p in analyze(one.model, accelerator("a100"), batch=4, prompt_tokens=512).phases}
    assert (found["ttft_s"], found["tpot_s"]) == (told["prefill"], told["decode"])
    assert found["decode_tokens_per_s"] == pytest.approx(4 / told["decode"])
    assert found["tokens_per_s"] == pytest.approx(4 * 2 / (told["prefill"] + told["decode"]))
    mixed = baseline(accelerator("a100"), asked, how, of).columns
    parts = [baseline(accelerator("a100"), [replace(part, share=1.0)], how, of).columns for part in asked]
    assert mixed["ttft_s"] == max(part["ttft_s"] for part in parts)
    busy = sum(request.share / part["tokens_per_s"] for request, part in zip(asked, parts, strict=True))
    assert mixed["tokens_per_s"] == pytest.approx(1 / busy)


def test_power_and_cost_follow_from_published_facts_only() -> None:
    asked, how, of = study(utilization=0.5)
    chip = accelerator("rtx-4090")
    found = baseline(chip, asked, how, of)
    columns = found.columns
    assert columns["energy_j_per_token"] == pytest.approx(450 / columns["tokens_per_s"])
    assert (columns["price_usd"], columns["die_area_mm2"], columns["peak_power_w"]) == (1599, 608.5, 450)
    # At least the price over the tokens of its life, half of it idle.
    tokens = columns["tokens_per_s"] * 0.5 * of.deployment.lifetime_s
    assert columns["tco_usd_per_mtoken"] > 1599 / tokens * 1e6
    assert found.missing_facts("carbon_g_per_mtoken") == ("carbon_g_per_mtoken",)
    h100 = baseline(accelerator("h100"), asked, how, of)
    assert h100.missing_facts("tco_usd_per_mtoken") == ("price_usd",)
    assert h100.missing_facts("energy_j_per_token") == ()
    ultra = baseline(accelerator("m3-ultra"), asked, how, of)
    assert ultra.missing_facts("tco_usd_per_mtoken") == ("price_usd", "tdp_w")
    assert "tpot_s" in ultra.columns


@pytest.mark.parametrize("parallel", [Parallel(2), Parallel(1, pipeline=2), Parallel(2, 2, 1, 2)])
def test_a_baseline_of_several_chips_is_all_of_them_and_price_and_power_are_of_one(parallel: Parallel) -> None:
    chip, one = accelerator("rtx-4090"), Request(model("llama-3-8b"), 512, 2, 8)
    _, how, of = study(parallel=parallel, utilization=0.5)
    columns = baseline(chip, [one], how, of).columns
    told = analyze(one.model, chip, batch=8, prompt_tokens=512, modelling=how, parallel=parallel)
    assert [columns["ttft_s"], columns["tpot_s"]] == [phase.time_s for phase in told.phases]
    assert (columns["chips"], columns["price_usd"], columns["peak_power_w"]) == (parallel.chips, 1599, 450)
    assert columns["energy_j_per_token"] == pytest.approx(parallel.chips * 450 / columns["tokens_per_s"])
    tokens = columns["tokens_per_s"] * 0.5 * of.deployment.lifetime_s
    assert columns["tco_usd_per_mtoken"] > parallel.chips * 1599 / tokens * 1e6
    alone = baseline(chip, [one], how, study(utilization=0.5)[2]).columns
    perhour = columns["tco_usd_per_hour"] / alone["tco_usd_per_hour"]
    assert perhour == pytest.approx(parallel.chips)


def test_a_baseline_without_a_link_is_named_where_several_chips_talk(based: Path, no_pictures: None) -> None:
    text = BASED.replace("demand: 200000 token/day}", "demand: 200000 token/day, chips: 2}")
    assert text != BASED
    based.write_text(text, encoding="utf8")
    run = dse.sweep(based, out=based.parent / "run")
    found = {mark.label: mark for mark in marks(run, run.front())}
    assert "decode_tokens_per_s" in found["My NPU"].values
    ultra = found["Apple M3 Ultra"]
    assert (ultra.values, ultra.note) == ({}, 'unknown link_bytes_per_s of "m3-ultra", which several of them need')


def test_a_baseline_that_is_too_slow_for_the_demand_has_no_cost() -> None:
    for demand, there in ((1.0, True), (1e9, False)):
        asked, how, of = study(utilization=None, demand_tokens_per_s=demand)
        assert ("tco_usd_per_mtoken" in baseline(accelerator("rtx-4090"), asked, how, of).columns) == there


BASED = changed(("output: {dir: runs/small}", "hardware: [my.yaml]\nbaselines: [my-npu, rtx-3070, m3-ultra, h100]"))


@pytest.fixture
def based(tmp_path: Path, mine: Path) -> Path:
    path = tmp_path / "based.yaml"
    path.write_text(BASED, encoding="utf8")
    return path


def test_a_run_keeps_its_devices_and_draws_them_without_the_file(based: Path, mine: Path, command: Command) -> None:
    run = dse.sweep(based, out=based.parent / "run")
    assert [chip.name for chip in run.baselines] == ["my-npu", "rtx-3070", "m3-ultra", "h100-sxm-80gb"]
    before = (run.paths.figures / "front.svg").read_text(encoding="utf8")
    for words in (
        "My NPU (unknown: carbon)",
        "H100 SXM5 80GB (unknown: TCO, carbon)",
        "Apple M3 Ultra (unknown: energy",
    ):
        assert words in before
    mine.unlink()
    assert command("plot", run.path).code == 0
    assert "My NPU" in (run.paths.figures / "front.svg").read_text(encoding="utf8")
    again = dse.sweep(run.paths.study, out=based.parent / "again")
    assert again.baselines == run.baselines
    line = BASED.splitlines().index("hardware: [my.yaml]") + 1
    wrong = command("check", based)
    assert (wrong.code, wrong.err) == (2, f"error: {based}:{line}: hardware.0: my.yaml: no such file\n")


def test_another_device_behind_the_same_file_is_another_run(based: Path, mine: Path, no_pictures: None) -> None:
    out = based.parent / "run"
    assert not dse.sweep(based, out=out).already
    assert dse.sweep(based, out=out).already
    mine.write_text(TWO.replace("24 GB", "48 GB"), encoding="utf8")
    with pytest.raises(OutputError, match="this study with other devices in the same hardware file"):
        dse.sweep(based, out=out)


def test_marks_are_the_baselines_on_the_workloads_of_the_run(based: Path, no_pictures: None) -> None:
    run = dse.sweep(based, out=based.parent / "run")
    front = run.front()
    found = {mark.label: mark for mark in marks(run, front)}
    chip = run.baselines[0]
    columns = baseline_in(run, chip, 0).columns
    assert found["My NPU"].values["decode_tokens_per_s"] == pytest.approx([columns["decode_tokens_per_s"]])
    assert set(found["My NPU"].values) == {"decode_tokens_per_s", "energy_j_per_token", "tco_usd_per_mtoken"}
    assert set(found["Apple M3 Ultra"].values) == {"decode_tokens_per_s"}
    # 450 GB/s of RTX 3070 read 4.1 GB of weights and the cache each step; the study's kernels take 5 us each.
    rate = float(np.asarray(found["GeForce RTX 3070 8GB"].values["decode_tokens_per_s"])[0])
    assert 70 < rate < 448 / 4


def test_what_does_not_fit_is_said_in_the_picture(tmp_path: Path, no_pictures: None) -> None:
    path = tmp_path / "big.yaml"
    text = changed(
        ("weights: int4", "weights: fp16"), ("[6 GB, 12 GB, 24 GB]", "[24 GB]"), ("ttft <= 4 s", "ttft <= 60 s")
    )
    path.write_text(text.replace("output: {dir: runs/small}", "baselines: [rtx-3070]"), encoding="utf8")
    run = dse.sweep(path, out=tmp_path / "run")
    (mark,) = marks(run, run.front())
    assert mark.values == {}
    assert mark.note.startswith("does not fit (8.")


def test_a_study_without_baselines_has_no_marks(small_run: dse.Run) -> None:
    assert marks(small_run, small_run.front()) == []


def test_starter_baselines_exist(tmp_path: Path, command: Command) -> None:
    assert command("new", tmp_path / "new.yaml").code == 0
    assert command("check", tmp_path / "new.yaml").code == 0
