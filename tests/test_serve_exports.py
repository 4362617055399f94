"""What the live page hands out: the formats of slower tools key by key, and the numbers that it shows."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest
from serve_client import Client, client_of, exported, viewed
from small_run import SMALL, bits

pytest.importorskip("starlette", reason="starlette is not installed")

from dse.serve.base import Base, base_of


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    path = tmp_path_factory.mktemp("serve") / "small.yaml"
    path.write_text(SMALL, encoding="utf8")
    return base_of(path)


@pytest.fixture(scope="module")
def client(base: Base) -> Client:
    return client_of(base)


def test_llmcompass_gets_the_rates_of_the_design(client: Client) -> None:
    asked = {"design": {"compute": 51.3e12, "dram_bandwidth": 390.5e9, "sram": 22.6 * 2**20, "dram": 24e9}}
    tree = json.loads(exported(client, asked, "llmcompass"))
    device = tree["device"]
    core, io_die = device["compute_chiplet"]["core"], device["io"]
    array = core["systolic_array"]
    macs = array["array_width"] * array["array_height"] * array["mac_per_cycle"] * core["sublane_count"]
    rate = 2 * macs * device["compute_chiplet"]["core_count"] * device["frequency_Hz"]
    assert rate == pytest.approx(51.3e12, rel=1e-14)
    assert device["frequency_Hz"] <= 1.41e9
    pins = io_die["memory_channel_active_count"] * io_die["pin_count_per_channel"]
    assert pins * io_die["bandwidth_per_pin_bit"] / 8 == pytest.approx(390.5e9, rel=1e-14)
    assert io_die["global_buffer_MB"] == pytest.approx(22.6, rel=1e-14)
    assert device["memory"]["total_capacity_GB"] == 24e9 / 2**30


def keys_of(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Every value of a tree by its dotted key; what begins with an underscore is a remark."""
    if not isinstance(tree, dict):
        return {prefix.rstrip("."): tree}
    parts = [keys_of(value, f"{prefix}{key}.") for key, value in tree.items() if not key.startswith("_")]
    return {key: value for part in parts for key, value in part.items()}


LLMCOMPASS_KEYS: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "device_count": (int,),
    "interconnect.link.name": (str,),
    "interconnect.link.bandwidth_per_direction_byte": (int, float),
    "interconnect.link.bandwidth_both_directions_byte": (int, float),
    "interconnect.link.latency_second": (int, float),
    "interconnect.link.flit_size_byte": (int,),
    "interconnect.link.header_size_byte": (int,),
    "interconnect.link.max_payload_size_byte": (int,),
    "interconnect.link_count_per_device": (int,),
    "interconnect.topology": (str,),
    "device.frequency_Hz": (int, float),
    "device.compute_chiplet_count": (int,),
    "device.compute_chiplet.physical_core_count": (int,),
    "device.compute_chiplet.core_count": (int,),
    "device.compute_chiplet.process_node": (str,),
    "device.compute_chiplet.core.sublane_count": (int,),
    "device.compute_chiplet.core.systolic_array.array_width": (int,),
    "device.compute_chiplet.core.systolic_array.array_height": (int,),
    "device.compute_chiplet.core.systolic_array.data_type": (str,),
    "device.compute_chiplet.core.systolic_array.mac_per_cycle": (int, float),
    "device.compute_chiplet.core.vector_unit.vector_width": (int,),
    "device.compute_chiplet.core.vector_unit.flop_per_cycle": (int,),
    "device.compute_chiplet.core.vector_unit.data_type": (str,),
    "device.compute_chiplet.core.vector_unit.int32_count": (int,),
    "device.compute_chiplet.core.vector_unit.fp16_count": (int,),
    "device.compute_chiplet.core.vector_unit.fp32_count": (int,),
    "device.compute_chiplet.core.vector_unit.fp64_count": (int,),
    "device.compute_chiplet.core.register_file.num_reg_files": (int,),
    "device.compute_chiplet.core.register_file.num_registers": (int,),
    "device.compute_chiplet.core.register_file.register_bitwidth": (int,),
    "device.compute_chiplet.core.register_file.num_rdwr_ports": (int,),
    "device.compute_chiplet.core.SRAM_KB": (int,),
    "device.memory_protocol": (str,),
    "device.io.process_node": (str,),
    "device.io.global_buffer_MB": (int, float),
    "device.io.physical_global_buffer_MB": (int, float),
    "device.io.global_buffer_bandwidth_per_cycle_byte": (int, float),
    "device.io.memory_channel_physical_count": (int,),
    "device.io.memory_channel_active_count": (int,),
    "device.io.pin_count_per_channel": (int,),
    "device.io.bandwidth_per_pin_bit": (int, float),
    "device.memory.total_capacity_GB": (int, float),
}
"""Every key of PrincetonUniversity/LLMCompass configs/GA100.json at b95c6c95, and what its readers there take:
template_to_system in design_space_exploration/dse.py, and the area model cost_model/cost_model.py at 2e015fd2."""


@pytest.mark.parametrize("node", ["7nm", "5nm", "3nm", "12nm"])
def test_llmcompass_export_has_the_keys_of_its_public_example_and_no_others(client: Client, node: str) -> None:
    tree = json.loads(exported(client, {"fields": {"technology.node": node}}, "llmcompass"))
    found = keys_of(tree)
    assert found.keys() == LLMCOMPASS_KEYS.keys()
    for key, kinds in LLMCOMPASS_KEYS.items():
        assert isinstance(found[key], kinds), key
    assert found["interconnect.topology"] in ("FC", "RING")
    assert found["interconnect.link.name"] in ("NVLink3", "NVLink4", "InfinityFabric", "PCIe4", "PCIe5")
    assert found["device.memory_protocol"] in ("HBM2e", "DDR4", "DDR5", "PCIe4", "PCIe5")
    for part in ("device.io", "device.compute_chiplet"):  # any other node ends its area model with an error
        assert found[f"{part}.process_node"] in ("7nm", "6nm", "5nm")
    assert found["device.io.process_node"] == {"3nm": "5nm", "12nm": "7nm"}.get(node, node)
    assert all(re.search(r"\d+", value) for key, value in found.items() if key.endswith("data_type"))


VIDUR_KEYS = {
    "device.fp16_tflops": "vidur/config/device_sku_config.py, BaseDeviceSKUConfig",
    "device.total_memory_gb": "vidur/config/device_sku_config.py, BaseDeviceSKUConfig",
    "node.num_devices_per_node": "vidur/config/node_sku_config.py, BaseNodeSKUConfig",
}
"""Fields of microsoft/vidur at 86e0a99a and e4a7099f, all whole numbers; a node names its device by a type besides."""


def test_vidur_export_has_the_fields_of_its_devices_and_nodes_and_no_others(client: Client) -> None:
    asked = {"fields": {"deployment.chips": 4}, "design": {"compute": 312e12, "dram": 80 * 2**30}}
    found = keys_of(json.loads(exported(client, asked, "vidur")))
    assert found.keys() == VIDUR_KEYS.keys()
    assert all(type(value) is int for value in found.values())
    assert list(found.values()) == [312, 80, 4]
    for design in ({"dram": 2**29}, {"compute": 4e11}):
        answer = client.post("/api/export", json={"kind": "vidur", "design": design})
        assert "less than one" in answer.json()["problems"][0]["message"]


def test_the_other_exports_hold_what_the_page_shows(client: Client) -> None:
    asked = {"others": [{"fields": {}, "design": {"dram": 12e9}}], "devices": ["h100"]}
    found = viewed(client, asked)
    assert json.loads(exported(client, asked, "json")) == found
    rows = list(csv.DictReader(io.StringIO(exported(client, asked, "designs"))))
    assert [row["name"] for row in rows] == ["design", "design 1", "h100-sxm-80gb"]
    for row, columns in zip(rows, [found["columns"], *found["others"], found["devices"][0]["columns"]], strict=True):
        assert bits(float(row["decode_tokens_per_s"])) == bits(columns["decode_tokens_per_s"])
    operators = list(csv.DictReader(io.StringIO(exported(client, asked, "operators"))))
    taken = [row for phase in found["designs"]["0"]["phases"] for row in phase["operators"]]
    assert [bits(float(row["seconds"])) for row in operators] == [bits(row[3]) for row in taken]
