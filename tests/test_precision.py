"""Widths that have no name of their own: the average bits of a file's weights."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofline.catalog import model
from roofline.model import dense_weight_bytes, embedding_bytes
from roofline.phases import prefill
from roofline.precision import Precision, arithmetic_format, formats, native_format, number_format


@pytest.mark.parametrize(
    ("name", "runs_as"),
    [
        ("1bit", "int4"),
        ("4.89bit", "int4"),
        ("5.5bit", "int4"),
        ("5.51bit", "int8"),
        ("9.5bit", "int8"),
        ("9.51bit", "fp16"),
        ("16.5bit", "fp16"),
        ("16.6bit", "fp32"),
        ("32bit", "fp32"),
    ],
)
def test_a_width_computes_as_the_next_format_with_a_name(name: str, runs_as: str) -> None:
    found = number_format(name)
    assert (found.name, found.bits, found.runs_as) == (name, float(name[:-3]), runs_as)
    assert found.bytes == float(name[:-3]) / 8
    assert found.rate_relative == formats()[runs_as].rate_relative
    assert found.fallbacks == formats()[runs_as].fallbacks
    assert found.source


@pytest.mark.parametrize(
    "name", ["0.5bit", "33bit", "-4bit", "4,89bit", "bit", "4.89 bit", "4.89bits", "1e1bit", "4.bit"]
)
def test_what_is_no_width_is_no_format(name: str) -> None:
    with pytest.raises(ValueError, match="unknown number format"):
        number_format(name)


def test_names_of_the_table_win() -> None:
    assert number_format("q4_k_m") is formats()["q4_k_m"]


def test_weights_of_a_width_are_multiplied_in_16_bit_float() -> None:
    assert arithmetic_format("4.89bit", "fp16") == "fp16"
    assert arithmetic_format("8.5bit", "bf16") == "bf16"
    assert arithmetic_format("4.89bit", "int8") == "int8"
    assert native_format("4.89bit", ["fp16", "int8"]).name == "int8"


@given(st.floats(1.0, 15.9).map(lambda bits: round(bits, 3)))
def test_weights_take_so_many_bits_and_are_unpacked(bits: float) -> None:
    llama = model("llama-3-8b")
    precision = Precision(f"{bits}bit")
    weights = dense_weight_bytes(llama, precision) + embedding_bytes(llama, precision)
    # All but the norms, which stay in 16 bit: 65 of 4096 numbers.
    matrices = llama.total_parameters - 65 * 4096
    assert weights == pytest.approx(matrices * bits / 8 + 65 * 4096 * 2, rel=1e-12)
    down = {row.name: row for row in prefill(llama, precision, batch=1, prompt_tokens=10, fusion=())}["down"]
    assert down.vector_ops == 2 * 4096 * 14336
    assert down.weight_bytes == pytest.approx(4096 * 14336 * bits / 8)
