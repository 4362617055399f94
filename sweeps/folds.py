"""Leave one out: which measured rows to hold back, to test what is fitted on the rest where it has seen nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from sweeps.measurements import Measurement

Folds = dict[str, NDArray[np.bool_]]
"""By name of what is left out: where the rows are that are held back, (n,). Every row is in exactly one fold."""

DERIVED_FAMILIES: Mapping[str, str] = MappingProxyType({"codellama": "llama", "tinyllama": "llama"})
"""Models with the architecture of another family, by the first word of their name."""

_SHARED_NAMES = ("gpt",)
_FIRST_WORD = re.compile(r"[a-z]+")


def folds(keys: Sequence[str]) -> Folds:
    """Return one fold per distinct key, sorted by key.

    Parameters
    ----------
    keys : sequence of str (n,)
        What each row belongs to.
    """
    given = np.array(keys, dtype=object)
    return {key: np.asarray(given == key, dtype=np.bool_) for key in sorted(set(keys))}


def by_device(rows: Sequence[Measurement]) -> Folds:
    """Return folds of the rows of one accelerator each."""
    return folds([row.hardware for row in rows])


def by_die_family(rows: Sequence[Measurement], die_family: Callable[[str], str]) -> Folds:
    """Return folds of the rows of one family of dies each.

    Parameters
    ----------
    rows : sequence of Measurement
    die_family : callable
        From the name of an accelerator to the family of its die, such as ``GA100`` of every A100.
    """
    return folds([die_family(row.hardware) for row in rows])


def by_model_family(rows: Sequence[Measurement]) -> Folds:
    """Return folds of the rows of one family of models each."""
    return folds([model_family(row.model) for row in rows])


def by_source(rows: Sequence[Measurement]) -> Folds:
    """Return folds of the rows that one repository (or site) published each."""
    return folds([row.repository for row in rows])


def model_family(model: str) -> str:
    """Return the family of a model: the first word of its name, without the version that may stick to it.

    ``qwen2.5-7b`` and ``qwen3-coder-30b-a3b`` are of the family qwen, ``codellama-34b`` of llama. Names that unrelated
    families begin with keep their second word: ``gpt-oss-20b`` is of gpt-oss, ``gpt-j-6b`` of gpt-j.
    """
    words = model.casefold().replace("_", "-").split("-")
    first = found[0] if (found := _FIRST_WORD.match(words[0])) else words[0]
    if first in _SHARED_NAMES and len(words) > 1 and words[0] == first:
        return f"{first}-{words[1]}"
    return DERIVED_FAMILIES.get(first, first)
