"""Models by name, from ``data/models``: Hugging Face configs with their sources and official parameter counts."""

from __future__ import annotations

import csv
import difflib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from roofline.huggingface import model_from_config
from roofline.model import Model

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "mistral-7b": "mistral-7b-v0.1",
        "gpt2-small": "gpt2",
        "gpt-3": "gpt3-175b",
        "gpt-j": "gpt-j-6b",
        "llama-3-405b": "llama-3.1-405b",
        "llama-4-scout": "llama-4-scout-17b-16e",
        "qwen2-moe-57b-a14b": "qwen2-57b-a14b",
        "deepseek-r1-671b": "deepseek-r1",
        "phi-3-mini": "phi-3-mini-4k",
        "bitnet-3b": "bitnet-b1.58-3b",
        "command-r": "command-r-v01",
        "jamba": "jamba-v0.1",
    }
)
"""Names people use for a catalog entry."""

LLM_PARA_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "GPT-2 Small": "gpt2",
        "GPT-2 XL": "gpt2-xl",
        "LLaMA-2 7B": "llama-2-7b",
        "LLaMA-2 13B": "llama-2-13b",
        "LLaMA-2 70B": "llama-2-70b",
        "LLaMA-3 8B": "llama-3-8b",
        "LLaMA-3 70B": "llama-3-70b",
        "LLaMA-3 405B": "llama-3.1-405b",
        "Mixtral 8x7B": "mixtral-8x7b",
        "Mixtral 8x22B": "mixtral-8x22b",
        "Qwen2 7B": "qwen2-7b",
        "Qwen2 72B": "qwen2-72b",
        "Qwen2-MoE 57B-A14B": "qwen2-57b-a14b",
        "DeepSeek-V2": "deepseek-v2",
        "DeepSeek-R1 671B": "deepseek-r1",
        "Gemma-2 9B": "gemma-2-9b",
        "Gemma-2 27B": "gemma-2-27b",
        "Phi-3 Mini": "phi-3-mini-4k",
        "BitNet b1.58 3B": "bitnet-b1.58-3b",
        "Qwen2.5-1.5B": "qwen2.5-1.5b",
        "Llama-3.2-1B": "llama-3.2-1b",
    }
)
"""The 21 models of LLM-Para by the names it gives them: accepted like aliases, not listed."""


@cache
def entries() -> Mapping[str, Mapping[str, str]]:
    """Return the rows of ``catalog.csv`` by model name.

    Columns: where the model and its configuration come from, licence; official count of parameters (empty: none known)
    with its exactness and source; active parameters as published, and which parameters that figure counts; KV cache
    as published [byte per token, 16 bit].
    """
    text = (files("roofline") / "data" / "models" / "catalog.csv").read_text(encoding="utf8")
    return MappingProxyType({row["model"]: MappingProxyType(row) for row in csv.DictReader(text.splitlines())})


def model_names() -> tuple[str, ...]:
    """Return the names of the catalog, aliases last."""
    return (*entries(), *ALIASES)


def canonical_name(name: str) -> str:
    """Return the catalog's name of a model that may have been given another one."""
    return ALIASES.get(name) or LLM_PARA_NAMES.get(name, name)


@cache
def model(name: str) -> Model:
    """Return the catalog model called `name`.

    Raises
    ------
    ValueError
        If there is none; the message names the nearest.
    """
    slug = canonical_name(name)
    if slug not in entries():
        near = difflib.get_close_matches(name, model_names(), n=3, cutoff=0.5)
        guess = f"; did you mean {' or '.join(near)}?" if near else f"; known: {', '.join(entries())}"
        raise ValueError(f'unknown model "{name}"{guess}')
    text = (files("roofline") / "data" / "models" / f"{slug}.json").read_text(encoding="utf8")
    found = model_from_config(json.loads(text), name=slug)
    return replace(found, active_counts=entries()[slug].get("active_counts") or "all")
