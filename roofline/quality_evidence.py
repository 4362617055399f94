"""Published evidence of what a number format or a technique does to a language model, as rows of ``data/quality.csv``.

A row is one measurement: the perplexity of a model before (`baseline`) and after (`value`) one change, on one text and
context. Its `technique` and `setting` say which change:

- ``weights``: the number format of the weights, of all but embedding and LM head, which almost all sources leave in 16
  bit; ``kv_cache``: that of the cache; ``weights+activations`` and ``weights+activations+kv_cache``: several formats
  together, as ``int8/int8``;
- ``pruning``: the share of weights that are zero; ``n_m``: zeros in a pattern, as ``2:4``;
- ``low_rank``: the share of weights removed by factors of lower rank; ``hidden``: that of the hidden size;
  ``layers``: that of whole layers, without training afterwards;
- ``heads+channels``: the share of heads and of feed-forward channels removed, of both alike;
- ``contextual_sparsity``: the share of each input that a token leaves out;
- ``eviction``: the newest tokens that the KV cache keeps beside a few first ones; ``window``: without those;
- ``selection``: the share of the cached tokens that a query does not attend to, as it selects the best blocks;
- ``kv_sharing``: the layers that share a cache, of models that were trained so: what a trained model loses when its
  layers are made to share is not known.

No published perplexity that could be read was found of early exit (LayerSkip, arXiv 2404.16710, tells accuracies of
tasks), of heavy hitters (H2O; others tell differences to a perplexity they do not tell), and of heads or channels that
are removed alone: they have no rows.

Perplexity says little about finding a token far back: a cache that forgot it may cost nothing here.

`evidence` is ``measured``, or ``recalled`` where a number was not read but remembered: such a row never makes a result
``measured``.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

KINDS = ("measured", "recalled")

SAME_FORMAT: Mapping[str, str] = MappingProxyType({"gptq": "int4-g128", "awq": "int4-g128", "fp8_e4m3": "fp8"})
"""Names of a number format that other evidence is about the same bits as."""

SAME_FAMILY: Mapping[str, str] = MappingProxyType(
    {"llama-3.1": "llama-3", "llama-3.2": "llama-3", "llama-3.3": "llama-3", "mistral-7b-v0.3": "mistral"}
)
"""Families trained on the text of another one."""

TOKENIZERS: Mapping[str, str] = MappingProxyType({"llama-2": "llama"})
"""Families that share the tokenizer of another one, so that their perplexities compare."""

NAIVE = ("RTN", "magnitude", "per token")
"""Methods that papers compare with: they say how bad it can get, and count as evidence where there is no other."""

TRAINED_IN_IT = "trained in it"
"""Method of rows that say nothing about other models: their format was there from the start."""

REFERENCE_TEXT = "wikitext-2 at 2048"
"""Text and context that most baselines are published for."""


@dataclass(frozen=True)
class Row:
    """One published measurement.

    Attributes
    ----------
    model : str
        A name of the catalog where it is in it.
    parameters : float
        Its size [1].
    technique, setting : str
        What was done to it.
    method : str
        How; methods differ more than formats do at few bits.
    text : str
        What the perplexity is of, and at which context.
    baseline, value : float
        Perplexity before and after [1].
    evidence : {"measured", "recalled"}
    source : str
    """

    model: str
    parameters: float
    technique: str
    setting: str
    method: str
    text: str
    baseline: float
    value: float
    evidence: str
    source: str

    @property
    def loss(self) -> float:
        """Rise of the cross-entropy [nat/token], ln(value / baseline); what fell is noise and counts as 0."""
        return max(math.log(self.value / self.baseline), 0.0)

    @property
    def family(self) -> str:
        """Family of the model."""
        return family_of(self.model)


@cache
def rows() -> tuple[Row, ...]:
    """Return all rows, in the order of the file."""
    text = (files("roofline") / "data" / "quality.csv").read_text(encoding="utf8")
    found = []
    for row in csv.DictReader(text.splitlines()):
        numbers = {name: float(row.pop(name)) for name in ("parameters", "baseline", "value")}
        found.append(Row(**row, **numbers))  # type: ignore[arg-type]
    return tuple(found)


@cache
def settings(technique: str) -> tuple[str, ...]:
    """Return the settings of a technique that some row is about, in the order of the file; none: no evidence at all."""
    return tuple(dict.fromkeys(row.setting for row in rows() if row.technique == technique))


@cache
def techniques() -> tuple[str, ...]:
    """Return the techniques that some row is about."""
    return tuple(dict.fromkeys(row.technique for row in rows()))


@cache
def evidence_for(technique: str, setting: str) -> tuple[Row, ...]:
    """Return the rows about one setting of a technique."""
    return tuple(row for row in rows() if (row.technique, row.setting) == (technique, setting))


def family_of(model: str) -> str:
    """Return the family of a model by its name: what stands before its size, as ``llama-2`` of ``llama-2-7b``."""
    before = re.split(r"-?(?:\d+x)?\d+(?:\.\d+)?[bm](?:-|$)", model, maxsplit=1)[0]
    return SAME_FAMILY.get(model, SAME_FAMILY.get(before, before))


def tokenizer_of(model: str) -> str:
    """Return which models' perplexities compare with this one's."""
    family = family_of(model)
    return TOKENIZERS.get(family, family)


def baseline_perplexity(model: str) -> float | None:
    """Return the published perplexity of a model in 16 bit on :data:`REFERENCE_TEXT`; None if there is none.

    Sources differ in the second decimal; it is the middle one of them.
    """
    found = sorted(row.baseline for row in rows() if row.model == model and row.text == REFERENCE_TEXT)
    return found[len(found) // 2] if found else None
