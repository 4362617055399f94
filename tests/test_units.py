"""Quantities: exact, safe, and with messages for people."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.units import (
    UnitError,
    convertible,
    exact_quantity,
    format_quantity,
    is_unit,
    kind_of,
    level_text,
    parse_quantity,
)

PRODUCT_UNITS = ("byte", "byte/s", "flop/s", "second", "watt", "joule", "USD", "USD/joule", "token/s", "mm**2")


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("25 GB/s", "byte/s", 25000000000.0),
        ("25GB/s", "byte/s", 25e9),
        ("2 MiB", "byte", 2097152.0),
        ("1 GiB", "byte", 2.0**30),
        ("16 GB", "byte", 16e9),
        ("8 Gbit/s", "byte/s", 1e9),
        ("5 us", "second", 5e-06),
        ("5 µs", "second", 5e-06),
        ("7 ms", "second", 0.007),
        ("1 TFLOP/s", "flop/s", 1e12),
        ("1.5 Pflop/s", "flop/s", 1.5e15),
        ("4 years", "second", 4 * 365.25 * 86400),
        ("1 year", "second", 31557600.0),
        ("200000 token/day", "token/s", 200000 / 86400),
        ("0.15 USD/kWh", "USD/joule", float(Fraction("0.15") / 3600000)),
        ("400 mm**2", "mm**2", 400.0),
        ("4 cm^2", "mm**2", 400.0),
        ("400 mm²", "mm**2", 400.0),
        ("0.2 USD/Mtoken", "USD/Mtoken", 0.2),
        ("2 pJ/bit", "joule/byte", 1.6e-11),
        ("0.6", "1", 0.6),
        ("-3 W", "watt", -3.0),
        ("1 J/s", "watt", 1.0),
    ],
)
def test_a_quantity_is_read_to_the_last_bit(text: str, unit: str, value: float) -> None:
    assert parse_quantity(text, unit) == value


@pytest.mark.parametrize(
    ("given_", "unit", "message"),
    [
        ("fast", "byte", 'expected a quantity such as "16 GB", got "fast"'),
        ("16 GB/s", "byte", 'expected a capacity such as "16 GB", got "16 GB/s" (a bandwidth)'),
        ("16", "byte", 'expected a capacity such as "16 GB", got "16" (no unit)'),
        (16, "byte", 'expected a quantity such as "16 GB", got 16 (no unit)'),
        (math.nan, "byte", 'expected a quantity such as "16 GB", got nan (not a finite number)'),
        ("16 gB", "byte", 'expected a quantity such as "16 GB", got "16 gB": unknown unit "gB" (did you mean "GB"?)'),
        ("1 Gb/s", "byte/s", 'unknown unit "Gb" (did you mean "GB"?)'),
        ("10 TFLOPS", "flop/s", 'write a rate as "FLOP/s"'),
        ("10 TFLOPs", "flop/s", '(a number of operations); write a rate as "FLOP/s"'),
        ("5 token/s", "flop/s", 'expected a compute rate such as "50 TFLOP/s", got "5 token/s" (a token rate)'),
        ("3 W", "1", 'expected a plain number such as "0.6", got "3 W" (a power)'),
        ("1" * 65 + " GB", "byte", "(too long)"),
        ("1e999 EB", "byte", "(too large)"),
        (None, "byte", "got nothing"),
        (True, "byte", "got true"),
        (["1 GB"], "byte", "got a list"),
    ],
)
def test_a_refusal_says_what_is_expected_and_what_was_given(given_: object, unit: str, message: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_quantity(given_, unit)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        *("nan GB", "inf GB", "1 m**99", "1e9999 GB", "1_000 GB", "__import__('os')", "1 + 1 GB", "GB", "1 (GB)"),
        *("1 GB**2**8", "1 GB/", "1,5 GB", "1 GB GB GB GB GB GB GB", "", " ", "1\x00GB", "0x10 GB", "١ GB"),
    ],
)
def test_only_a_number_and_a_unit_are_read(text: str) -> None:
    with pytest.raises(UnitError):
        parse_quantity(text, "byte")


@given(st.one_of(st.text(max_size=80), st.from_regex(r"[0-9.eE+-]{1,9} ?[kMGTPEμumnp]?[A-Za-z*/^ 0-9-]{0,20}")))
def test_any_text_is_a_finite_number_or_a_unit_error(text: str) -> None:
    for unit in ("byte", "USD/joule", "1"):
        value, message = 0.0, ""
        try:
            value = parse_quantity(text, unit)
        except UnitError as error:
            message = str(error)
        assert math.isfinite(value)
        assert "\n" not in message


@given(st.decimals(min_value="1e-9", max_value="1e9", allow_nan=False, places=6))
def test_a_quantity_is_the_float_nearest_to_the_exact_value(number: object) -> None:
    assert parse_quantity(f"{number} GB", "byte") == float(Fraction(str(number)) * 10**9)
    assert parse_quantity(f"{number} us", "second") == float(Fraction(str(number)) / 10**6)


def test_an_unknown_target_unit_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(LookupError, match="furlong"):
        parse_quantity("1 GB", "furlong")


def test_flop_token_and_usd_are_dimensions_of_their_own() -> None:
    assert is_unit("USD/Mtoken")
    assert not is_unit("furlong")
    assert not is_unit("nan")
    assert convertible("GB/s", "byte/s")
    assert convertible("kWh", "joule")
    for one, other in (
        ("flop", "token"),
        ("flop", "1"),
        ("token", "1"),
        ("USD", "1"),
        ("byte", "1"),
        ("watt", "flop/s"),
    ):
        assert not convertible(one, other)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (25e9, "byte/s", "25 GB/s"),
        (2097152, "byte", "2 MiB"),
        (2.1e6, "byte", "2.1 MB"),
        (1.5 * 2**30, "byte", "1.5 GiB"),
        (2048e9, "byte", "2.05 TB"),  # a multiple of 2^20, but no short one
        (16e9, "byte", "16 GB"),
        (0.0, "byte", "0 B"),
        (999.96e9, "byte/s", "1 TB/s"),
        (123456.0, "flop/s", "123 kFLOP/s"),
        (5e-06, "second", "5 us"),
        (0.1234, "second", "123 ms"),
        (4 * 31557600.0, "second", "4 years"),
        (31557600.0, "second", "1 year"),
        (0.15 / 3.6e6, "USD/joule", "0.15 USD/kWh"),
        (1234.5, "watt", "1.23 kW"),
        (0.123456, "1", "0.123"),
        (400.0, "mm**2", "400 mm**2"),
        (math.nan, "watt", "nan watt"),
    ],
)
def test_a_number_is_shown_with_three_digits_and_a_fitting_prefix(value: float, unit: str, text: str) -> None:
    assert format_quantity(value, unit) == text


@given(st.floats(min_value=1e-24, max_value=1e24), st.sampled_from(PRODUCT_UNITS))
def test_what_is_shown_is_within_half_a_percent(value: float, unit: str) -> None:
    assert parse_quantity(format_quantity(value, unit), unit) == pytest.approx(value, rel=0.0051)


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(PRODUCT_UNITS))
def test_an_exact_quantity_comes_back_bit_for_bit(value: float, unit: str) -> None:
    assert parse_quantity(exact_quantity(value, unit), unit) == value


@pytest.mark.parametrize("unit", PRODUCT_UNITS)
def test_the_example_of_a_kind_is_of_that_kind(unit: str) -> None:
    kind, example = kind_of(unit)
    assert parse_quantity(example, unit) > 0
    assert kind


@pytest.mark.parametrize(
    ("level", "text"),
    [
        ("2.7777777777777777e-08 USD/joule", "0.1 USD/kWh"),
        ("5.0000000000000004e-08 USD/joule", "0.18 USD/kWh"),
        ("1 PFLOP/s", "1 PFLOP/s"),
        ("5nm", "5nm"),
        ("eagle-two-of-four", "eagle-two-of-four"),
        (0.13333333333333333, "0.133333"),
        (1.1, "1.1"),
        (2024, "2024"),
    ],
)
def test_a_level_of_an_axis_is_read_by_people(level: object, text: str) -> None:
    assert level_text(level) == text
