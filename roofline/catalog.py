"""Models by name, from ``data/models``: Hugging Face configs with their sources and official parameter counts."""

from __future__ import annotations

import csv
import difflib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from roofline.huggingface import model_from_config
from roofline.model import Model

ALIASES: Mapping[str, str] = MappingProxyType({"mistral-7b": "mistral-7b-v0.1"})
"""Names people use for a catalog entry."""


@cache
def entries() -> Mapping[str, Mapping[str, str]]:
    """Return the rows of ``catalog.csv`` by model name: source, licence and official parameter count."""
    text = (files("roofline") / "data" / "models" / "catalog.csv").read_text(encoding="utf8")
    return MappingProxyType({row["model"]: MappingProxyType(row) for row in csv.DictReader(text.splitlines())})


def model_names() -> tuple[str, ...]:
    """Return the names of the catalog, aliases last."""
    return (*entries(), *ALIASES)


@cache
def model(name: str) -> Model:
    """Return the catalog model called `name`.

    Raises
    ------
    ValueError
        If there is none; the message names the nearest.
    """
    slug = ALIASES.get(name, name)
    if slug not in entries():
        near = difflib.get_close_matches(name, model_names(), n=3, cutoff=0.5)
        guess = f"; did you mean {' or '.join(near)}?" if near else f"; known: {', '.join(entries())}"
        raise ValueError(f'unknown model "{name}"{guess}')
    text = (files("roofline") / "data" / "models" / f"{slug}.json").read_text(encoding="utf8")
    return model_from_config(json.loads(text), name=slug)
