"""Leave-one-out folds: every row is held back exactly once, with all that belongs to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measurement_rows import PLAIN

from sweeps.folds import by_device, by_die_family, by_model_family, by_source, folds, model_family
from sweeps.measurements import read_measurements


@given(st.lists(st.sampled_from(["a", "b", "ab", ""]), max_size=20))
def test_every_row_is_in_the_one_fold_of_its_key(keys: list[str]) -> None:
    found = folds(keys)
    assert set(found) == set(keys)
    for i, key in enumerate(keys):
        assert [name for name, mask in found.items() if mask[i]] == [key]
    assert all(mask.dtype == np.bool_ and mask.shape == (len(keys),) for mask in found.values())


@pytest.mark.parametrize(
    "model, family",
    [
        ("llama-3.1-8b", "llama"),
        ("llama-7b", "llama"),
        ("codellama-34b", "llama"),
        ("tinyllama-1.1b", "llama"),
        ("qwen1.5-7b", "qwen"),
        ("qwen2.5-1.5b", "qwen"),
        ("qwen3-coder-30b-a3b", "qwen"),
        ("Qwen3_8B", "qwen"),
        ("mistral-7b-v0.1", "mistral"),
        ("mixtral-8x7b", "mixtral"),
        ("gpt-j-6b", "gpt-j"),
        ("gpt-oss-20b", "gpt-oss"),
        ("gpt2-xl", "gpt"),
        ("gpt", "gpt"),
        ("falcon3-7b", "falcon"),
        ("bloom-7b1", "bloom"),
        ("7b", "7b"),
        ("", ""),
    ],
)
def test_model_family(model: str, family: str) -> None:
    assert model_family(model) == family


def test_folds_of_the_shipped_measurements() -> None:
    rows = read_measurements().rows
    assert len(by_device(rows)) == 46
    assert {"llama", "qwen", "mistral", "mixtral"} <= set(by_model_family(rows))
    assert by_source(rows)["ggml-org/llama.cpp"].sum() == 37
    for found in (by_device(rows), by_model_family(rows), by_source(rows)):
        assert np.array_equal(np.sum(list(found.values()), axis=0), np.ones(len(rows)))


def test_dies_of_one_family_are_held_back_together() -> None:
    rows = [replace(PLAIN, hardware=name) for name in ("a100-a", "h100", "a100-b")]
    found = by_die_family(rows, lambda name: name[:4])
    assert {family: mask.tolist() for family, mask in found.items()} == {
        "a100": [True, False, True],
        "h100": [False, True, False],
    }
