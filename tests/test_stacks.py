"""Serving stacks: which profile every published row means, and that the table says what it should."""

from __future__ import annotations

import pytest

from roofline.accelerators import find
from roofline.phases import FUSION_GROUPS
from roofline.runtimes import HOSTS, LAUNCHES, runtime, runtime_of, runtimes
from sweeps.measurements import read_measurements

SHIPPED = {
    ("deepspeed-mii", "2024 (version not in the csv)", "NVIDIA"): "deepspeed-mii",
    ("llama.cpp", "4426e298 (2824)", "NVIDIA"): "llama.cpp",
    ("llama.cpp", "858f6b73 (2797)", "Apple"): "llama.cpp-metal",
    ("llama.cpp", "8c570c94 (2836)", "NVIDIA"): "llama.cpp",
    ("llama.cpp", "Aug 2023", "Apple"): "llama.cpp-metal",
    ("llama.cpp", "Dec 2023 snapshot", "Apple"): "llama.cpp-metal",
    ("llama.cpp", "Dec 2023 snapshot", "NVIDIA"): "llama.cpp-2023",
    ("llama.cpp", "Nov 2023 (8e672ef class)", "Apple"): "llama.cpp-metal",
    ("llama.cpp", "Nov 2024", "Apple"): "llama.cpp-metal",
    ("llama.cpp", "PR 10238 (Nov 2024)", "Apple"): "llama.cpp-metal",
    ("llama.cpp", "PR 16634 branch (Oct 2025)", "Apple"): "llama.cpp-metal",
    ("llama.cpp", "PR 2959 (Sep 2023)", "Apple"): "llama.cpp-metal",
    ("llama.cpp", "PR 3084 (Sep 2023)", "Apple"): "llama.cpp-metal",
    ("llama.cpp", "PR 3648 (Oct 2023)", "Apple"): "llama.cpp-metal",
    ("llama.cpp", "ROCm 6.0 Mar 2024", "AMD"): "llama.cpp",
    ("llama.cpp", "ROCm PR 26284", "AMD"): "llama.cpp",
    ("llama.cpp", "Vulkan Jan 2024", "AMD"): "llama.cpp",
    ("llama.cpp", "Vulkan PR 5835", "AMD"): "llama.cpp",
    ("llama.cpp", "Vulkan RADV May 2025", "AMD"): "llama.cpp",
    ("llama.cpp", "Vulkan b7340", "NVIDIA"): "llama.cpp",
    ("llama.cpp", "b1026-class (Aug 2023)", "Apple"): "llama.cpp-metal",
    ("llama.cpp", "b2824-class (May 2024)", "NVIDIA"): "llama.cpp",
    ("llama.cpp", "b3a995b4 (2796)", "Apple"): "llama.cpp-metal",
    ("llama.cpp", "d11afd66 (2837)", "NVIDIA"): "llama.cpp",
    ("llama.cpp", "d46dbc76 (2833)", "NVIDIA"): "llama.cpp",
    ("llama.cpp", "e9fd8dc (7825)", "Apple"): "llama.cpp-metal",
    ("llama.cpp", "llama.cpp (CPU)", "NVIDIA"): "llama.cpp",
    ("llama.cpp", "llama.cpp (GPU)", "NVIDIA"): "llama.cpp",
    ("llama.cpp", "master Aug 2023", "Apple"): "llama.cpp-metal",
    ("llama.cpp", "not stated", "Apple"): "llama.cpp-metal",
    ("mlc", "Nov 2023", "AMD"): "mlc",
    ("mlc", "Nov 2023", "NVIDIA"): "mlc",
    ("mlx", "not stated", "Apple"): "mlx",
    ("neuron", "Transformers NeuronX (Neuron 2.18.0)", "AWS"): "neuron",
    ("neuron", "Transformers NeuronX (Neuron 2.18.1)", "AWS"): "neuron",
    ("qnn", "genie", "Qualcomm"): "qnn",
    ("qnn", "qnn_context_binary", "Qualcomm"): "qnn",
    ("sambaflow", "2024 (version not in the csv)", "SambaNova"): "sambaflow",
    ("sglang", "0.5.6.post2", "NVIDIA"): "sglang",
    ("t-mac", "T-MAC (CPU)", "NVIDIA"): "other",
    ("trtllm", "1.0.0rc3", "NVIDIA"): "trtllm",
    ("trtllm", "2024 (version not in the csv)", "NVIDIA"): "trtllm-2024",
    ("trtllm", "not stated", "NVIDIA"): "trtllm",
    ("trtllm", "v0.5", "NVIDIA"): "trtllm-2024",
    ("trtllm", "v0.6.1", "NVIDIA"): "trtllm-2024",
    ("trtllm", "v0.7a", "NVIDIA"): "trtllm-2024",
    ("vllm", "0.11.1 (ML.ENERGY v3)", "NVIDIA"): "vllm",
    ("vllm", "0.12.0", "NVIDIA"): "vllm",
    ("vllm", "2024 (version not in the csv)", "AMD"): "vllm-eager",
    ("vllm", "2024 (version not in the csv)", "NVIDIA"): "vllm-2024",
    ("vllm", "Nov 2023", "NVIDIA"): "vllm-eager",
    ("vllm", "Nov 2024", "AMD"): "vllm-2024",
    ("vllm", "Nov 2024", "NVIDIA"): "vllm-2024",
    ("vllm", "not stated", "NVIDIA"): "vllm",
}


def test_the_table_above_is_all_that_was_published() -> None:
    rows = read_measurements().rows
    assert {(row.stack, row.stack_version, find(row.hardware).vendor) for row in rows} == set(SHIPPED)


@pytest.mark.parametrize(("stack", "version", "vendor"), SHIPPED)
def test_every_published_stack_means_a_profile(stack: str, version: str, vendor: str) -> None:
    assert runtime_of(stack, version, vendor=vendor).name == SHIPPED[stack, version, vendor]


@pytest.mark.parametrize(
    ("stack", "version", "vendor", "name"),
    [
        ("vllm", "0.2.6", "NVIDIA", "vllm-eager"),
        ("vllm", "v0.2.7", "NVIDIA", "vllm-2024"),
        ("vllm", "0.7.3", "NVIDIA", "vllm-2024"),
        ("vllm", "0.8.0", "NVIDIA", "vllm"),
        ("vllm", "0.10.2", "NVIDIA", "vllm"),  # numbers, not letters: 0.10 is after 0.8
        ("vllm", "0.6.1", "AMD", "vllm-eager"),
        ("vllm", "0.6.2", "AMD", "vllm-2024"),
        ("vllm", "0.9.0", "AMD", "vllm"),
        ("vLLM", "", "NVIDIA", "vllm"),
        ("TensorRT-LLM", "0.9.0", "NVIDIA", "trtllm-2024"),
        ("TensorRT-LLM", "1.2.0", "NVIDIA", "trtllm"),
        ("llama.cpp", "b1500", "NVIDIA", "llama.cpp-2023"),
        ("llama.cpp", "b1999", "NVIDIA", "llama.cpp-2023"),
        ("llama.cpp", "b2000", "NVIDIA", "llama.cpp"),
        ("llama.cpp", "b1500", "Apple", "llama.cpp-metal"),
        ("SGLang", "0.4", "NVIDIA", "sglang"),
        ("a-new-stack", "7", "NVIDIA", "other"),
        ("", "", "", "other"),
    ],
)
def test_versions_around_the_changes(stack: str, version: str, vendor: str, name: str) -> None:
    assert runtime_of(stack, version, vendor=vendor).name == name


def test_a_stack_nobody_described_is_a_modern_one_without_penalties() -> None:
    other = runtime("other")
    assert (other.launch, other.host) == ("graph", "overlapped")
    assert (other.scores_written, other.kv_per_query_head, other.expands_weights) == (False, False, False)
    assert other.chunk_tokens is None


def test_profiles_are_made_of_known_words_and_have_sources() -> None:
    assert len({stack.name for stack in runtimes()}) == len(runtimes())
    for stack in runtimes():
        assert stack.name == stack.name.casefold()
        assert stack.title
        assert stack.source.strip()
        assert stack.launch in LAUNCHES
        assert stack.host in HOSTS
        assert set(stack.fusion) <= set(FUSION_GROUPS)
        assert stack.chunk_tokens is None or stack.chunk_tokens > 0
        # Scores that are written are those of an attention that is one operator here.
        assert not stack.scores_written or "attention" in stack.fusion


def test_a_name_is_found_whatever_its_case_and_a_wrong_one_is_corrected() -> None:
    assert runtime(" SGLang ").name == "sglang"
    with pytest.raises(ValueError, match=r'unknown runtime "vlm"; known: .*; did you mean vllm'):
        runtime("vlm")
