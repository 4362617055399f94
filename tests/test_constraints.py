"""Constraints: which column and which limit a text means, and what it is told where it means none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.constraints import Constraint, resolve_constraint

COLUMNS = {
    "ttft_s": "second",
    "tpot_s": "second",
    "decode_tokens_per_s": "token/second",
    "energy_j_per_token": "joule/token",
    "tco_usd_per_mtoken": "USD/Mtoken",
    "carbon_g_per_mtoken": "g/Mtoken",
    "peak_power_w": "watt",
    "die_area_mm2": "mm**2",
    "embodied_kg": "kg",
    "utilization": "1",
    "link_s": "second",
    "link_bytes": "byte",
    "wait_s": "second",
    "wait_ms": "ms",
}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ttft == 2 s", 'expected one of <=, >=, <, > between column and limit, got "=="'),
        ("tttf <= 2 s", 'unknown column "tttf" (did you mean ttft_s?)'),
        ("ttft <= 2", 'expected a limit with a unit such as "2 s", or the full name ttft_s, got 2'),
        ("ttft <= 2 GB", 'expected a time such as "2 s", got "2 GB" (a capacity)'),
        ("ttft_s <= 2 GB", 'ttft_s: expected a time such as "2 s", got "2 GB" (a capacity)'),
        ("ttft_s <= fast", 'expected a limit such as "2 s", got "fast"'),
        ("wait <= 2 s", '"wait" may mean wait_s or wait_ms; write one of them'),
        ("utilization <= 2 W", "utilization: expected a plain number"),
        ("ttft", 'expected a constraint such as "ttft <= 2 s", got "ttft"'),
        (5, 'expected a constraint such as "ttft <= 2 s", got 5'),
    ],
)
def test_constraints_that_mean_nothing(text: object, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        resolve_constraint(text, COLUMNS)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "column", "op", "limit"),
    [
        ("ttft <= 500 ms", "ttft_s", "<=", 0.5),
        ("ttft_s<2", "ttft_s", "<", 2.0),
        ("tco_usd_per_mtoken<=0.2", "tco_usd_per_mtoken", "<=", 0.2),
        ("tco <= 2e-7 USD/token", "tco_usd_per_mtoken", "<=", 0.2),
        ("decode >= 1200 token/minute", "decode_tokens_per_s", ">=", 20.0),
        ("energy > 1 mJ/token", "energy_j_per_token", ">", 0.001),
        ("link <= 1 s", "link_s", "<=", 1.0),
        ("link <= 1 kB", "link_bytes", "<=", 1000.0),
        ("embodied <= 2000 g", "embodied_kg", "<=", 2.0),
        ("utilization <= 0.9", "utilization", "<=", 0.9),
    ],
)
def test_a_constraint_names_a_column_and_a_limit_in_its_unit(text: str, column: str, op: str, limit: float) -> None:
    term = resolve_constraint(text, COLUMNS)
    assert (term.text, term.column, term.op, term.limit) == (text, column, op, limit)


@given(st.text(alphabet="ttft_speakdi <>=~2.5eGBWms/*\x00\n", max_size=40))
def test_any_text_is_a_constraint_or_a_value_error(text: str) -> None:
    term: Constraint | None = None
    message = ""
    try:
        term = resolve_constraint(text, COLUMNS)
    except ValueError as error:
        message = str(error)
    assert (term is None) == bool(message)
    assert "\n" not in message
