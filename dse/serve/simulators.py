"""A design as input for slower tools: LLMCompass simulates operators tile by tile, Vidur a serving cluster.

Neither knows a design by its rates alone. What LLMCompass asks beyond them (the shape of a core, the pins of a memory
channel) is that of its own A100 example, in ``llmcompass.csv``, with as many cores as make the design's rate. Vidur
takes a device's rate and memory, but the times of its operators from profiles that were measured on that device.
"""

from __future__ import annotations

import csv
import io
import math
from importlib.resources import files
from typing import Any

import numpy as np

from dse.errors import StudyError
from dse.serve.asked import Design
from sweeps.factors import factors

Tree = dict[str, Any]

LLMCOMPASS_NOTE = (
    "compute, SRAM (as global buffer), DRAM and links are of the design; the shape of a core, its SRAM and registers, "
    "and packets are those of LLMCompass's configs/GA100.json; memory_protocol, the name of the link and process_node "
    "(7nm, 6nm and 5nm are known there, others are the nearest of them) serve its area model only"
)
LLMCOMPASS_NODES = ("7nm", "6nm", "5nm")
"""Nodes that LLMCompass's area model knows; it looks for the digit, so that 16nm would pass for 6nm."""

VIDUR_NOTE = (
    "device: fields of vidur/config/device_sku_config.py, node: of node_sku_config.py; add both to Vidur. It also "
    "needs profiles of the operators, measured on the device, which a design does not have yet"
)


def llmcompass(design: Design) -> Tree:
    """Return a design as LLMCompass's hardware description.

    Parameters
    ----------
    design : Design

    Returns
    -------
    dict
        Rates as LLMCompass reads them multiply to those of the design: cores x sublanes x width x height x 2 FLOP x
        frequency, channels x pins x rate / 8, bytes per cycle x frequency. Its MB and GB are 2**20 and 2**30 byte.

    References
    ----------
    .. [1] Zhang, Ning, Prabhakar, Wentzlaff, "LLMCompass: Enabling Efficient Hardware Design for Large Language Model
       Inference", ISCA 2024; ``configs/GA100.json`` and ``template_to_system`` in PrincetonUniversity/LLMCompass.
    """
    tree, scenario = _template(), design.problem.scenario(0)
    node = _known_node(design.study.technology.node)
    device = tree["device"]
    core, clock_hz = device["compute_chiplet"]["core"], device["frequency_Hz"]
    array = core["systolic_array"]
    flop_per_cycle = 2 * array["array_width"] * array["array_height"] * array["mac_per_cycle"] * core["sublane_count"]
    known = {name: _one(value) for name, value in factors(design.columns, scenario).items()}
    compute = known["compute_flop_per_s"]
    cores = max(1, math.ceil(compute / (flop_per_cycle * clock_hz)))
    frequency_hz = compute / (flop_per_cycle * cores)
    units = max(1, math.ceil(known["dram_units"]))
    chips = scenario.deployment.parallel.chips
    link = _one(scenario.constants["link_bytes_per_s"])
    io_die = device["io"]
    tree["name"], tree["device_count"], tree["_note"] = design.study.name, chips, LLMCOMPASS_NOTE
    tree["interconnect"]["link"] |= {
        "bandwidth_per_direction_byte": link,
        "bandwidth_both_directions_byte": 2 * link,
        "latency_second": _one(scenario.constants["link_latency_s"]),
    }
    tree["interconnect"]["link_count_per_device"] = 1
    device |= {"frequency_Hz": frequency_hz, "compute_chiplet_count": 1}
    device["compute_chiplet"] |= {
        "physical_core_count": cores,
        "core_count": cores,
        "process_node": node,
    }
    device["memory_protocol"] = "HBM2e" if design.study.technology.dram_kind.startswith("hbm") else "DDR5"
    io_die |= {
        "process_node": node,
        "global_buffer_MB": known["sram_bytes"] / 2**20,
        "physical_global_buffer_MB": known["sram_bytes"] / 2**20,
        "global_buffer_bandwidth_per_cycle_byte": known["sram_bytes_per_s"] / frequency_hz,
        "memory_channel_physical_count": units,
        "memory_channel_active_count": units,
        "bandwidth_per_pin_bit": known["dram_bytes_per_s"] * 8 / (units * io_die["pin_count_per_channel"]),
    }
    device["memory"] = {"total_capacity_GB": known["dram_bytes"] / 2**30}
    return tree


def vidur(design: Design) -> Tree:
    """Return a design as the fields of a device of Vidur and of a node of it; its GB are 2**30 byte.

    Raises
    ------
    StudyError
        If the design has less memory than the smallest that Vidur can say, 1 GB, or is slower than 1 TFLOP/s.

    References
    ----------
    .. [1] Agrawal et al., "Vidur: A Large-Scale Simulation Framework For LLM Inference", MLSys 2024;
       ``vidur/config/device_sku_config.py`` and ``node_sku_config.py`` in microsoft/vidur; the unit of memory is that
       of its ``memory_planner.py``.
    """
    memory = int(_one(design.columns["dram_bytes"]) // 2**30)
    tflops = round(_one(design.columns["compute_flop_per_s"]) / 1e12)
    if memory < 1:
        raise StudyError("Vidur counts whole GB of memory, and this design has less than one")
    if tflops < 1:
        raise StudyError("Vidur counts whole TFLOP/s, and this design has less than one")
    return {
        "device": {"fp16_tflops": tflops, "total_memory_gb": memory},
        "node": {"num_devices_per_node": design.problem.scenario(0).deployment.parallel.chips},
        "_note": VIDUR_NOTE,
    }


def _known_node(name: str) -> str:
    """The node of LLMCompass's area model that is nearest to one of ours."""
    size_nm = float(name.removesuffix("nm"))
    return min(LLMCOMPASS_NODES, key=lambda known: abs(float(known.removesuffix("nm")) - size_nm))


def _template() -> Tree:
    """What a design does not say, from the table; and empty sections where it says all."""
    tree: Tree = {"interconnect": {"link": {}}, "device": {"compute_chiplet": {}, "io": {}}}
    text = (files("dse.serve") / "llmcompass.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(io.StringIO(text)):
        holder = tree
        *path, last = row["key"].split(".")
        for key in path:
            holder = holder.setdefault(key, {})
        holder[last] = int(row["value"]) if row["value"].isdecimal() else row["value"]
    return tree


def _one(value: object) -> float:
    return float(np.asarray(value).reshape(-1)[0])
