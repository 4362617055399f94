"""``dse whatif --target --vary``: the value found meets the target and the next one does not; or why none does."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from conftest import Command
from hypothesis import given, settings
from hypothesis import strategies as st
from small_run import changed

import dse
from dse.asking import WhatIf
from dse.errors import StudyError
from dse.reaching import BOUND, FORBIDDEN, LARGEST, NEVER, SMALLEST

VALUES = {
    "dram_bandwidth": "100 GB/s",
    "compute": "10 TFLOP/s",
    "sram": "8 MiB",
    "dram": "16 GB",
    "flash": "0 GB",
}
DESIGN = ", ".join(f"{name}={value}" for name, value in VALUES.items())
OPEN = changed(('"ttft <= 4 s", "peak_power <= 60 W"', '"peak_power <= 600 W"'))


def row(text: str, **other: Any) -> dict[str, Any]:
    frame = dse.evaluate(text, {name: [value] for name, value in {**VALUES, **other}.items()})
    return dict(frame.iloc[0])


def ask(target: str, vary: str, text: str = OPEN, **more: Any) -> WhatIf:
    return dse.whatif(text, DESIGN, target=target, vary=vary, **more)


def test_the_smallest_bandwidth_to_the_last_bit_and_as_shown() -> None:
    found = ask("decode_tokens_per_s >= 30", "dram_bandwidth")
    answer = found.answer
    assert answer is not None
    assert (answer.end, answer.sure) == (SMALLEST, True)
    assert row(OPEN, dram_bandwidth=answer.value)["decode_tokens_per_s"] >= 30
    less = math.nextafter(answer.value, 0.0)
    assert row(OPEN, dram_bandwidth=less)["decode_tokens_per_s"] < 30
    # What people read meets it too, and one in its last digit less does not.
    digits, unit = answer.text.split()
    assert row(OPEN, dram_bandwidth=answer.text)["decode_tokens_per_s"] >= 30
    step = 10.0 ** -len(digits.partition(".")[2])
    assert row(OPEN, dram_bandwidth=f"{float(digits) - step:.10g} {unit}")["decode_tokens_per_s"] < 30
    assert found.after.values["decode_tokens_per_s"] == row(OPEN, dram_bandwidth=answer.value)["decode_tokens_per_s"]
    assert found.changes[0].after == answer.text


def test_the_largest_where_less_is_easy() -> None:
    now = row(OPEN)["price_usd"]
    found = ask(f"price_usd <= {1.2 * now:.3f}", "dram")
    answer = found.answer
    assert answer is not None
    limit = float(f"{1.2 * now:.3f}")
    assert (answer.end, answer.sure) == (LARGEST, True)
    assert (
        row(OPEN, dram=answer.value)["price_usd"]
        <= limit
        < row(OPEN, dram=math.nextafter(answer.value, 1e12))["price_usd"]
    )
    assert row(OPEN, dram=answer.text)["price_usd"] <= limit
    assert answer.spans[0].below == "does not fit: SRAM, DRAM and flash together cannot hold the workload"


COLUMNS = {
    "decode_tokens_per_s": ">=",
    "ttft_s": "<=",
    "energy_j_per_token": "<=",
    "tco_usd_per_mtoken": "<=",
    "peak_power_w": "<=",
    "die_area_mm2": "<=",
}


@settings(max_examples=40)
@given(
    column=st.sampled_from(list(COLUMNS)),
    vary=st.sampled_from(["dram_bandwidth", "compute", "sram", "dram"]),
    tighter=st.floats(0.5, 1.5),
)
def test_each_end_of_each_range_is_exact(column: str, vary: str, tighter: float) -> None:
    """Whatever is asked: inside a found range the target and all limits hold, and just outside one of them fails."""
    limit = float(f"{tighter * row(OPEN)[column]:.6g}")
    answer = ask(f"{column} {COLUMNS[column]} {limit!r}", vary).answer
    assert answer is not None

    def meets(value: float) -> bool:
        found = row(OPEN, **{vary: value})
        good = found[column] >= limit if COLUMNS[column] == ">=" else found[column] <= limit
        return bool(found["feasible"] and good)

    assert (answer.value is None) == (not answer.spans)
    for span in answer.spans:
        assert meets(span.low)
        assert meets(span.high)
        assert not span.below or not meets(math.nextafter(span.low, 0.0))
        assert not span.above or not meets(math.nextafter(span.high, math.inf))
    if answer.value is not None:
        assert meets(answer.value)
        assert answer.value in (answer.spans[0].low, answer.spans[-1].high)
        assert row(OPEN, **{vary: answer.text})["feasible"]


def test_a_whole_number_is_the_last_that_does() -> None:
    answer = ask("ttft_s <= 2", "prompt_tokens").answer
    assert answer is not None
    assert (answer.end, type(answer.value)) == (LARGEST, int)

    def ttft(tokens: int) -> float:
        return float(row(OPEN.replace("prompt_tokens: 1024", f"prompt_tokens: {tokens}"))["ttft_s"])

    assert ttft(answer.value) <= 2 < ttft(answer.value + 1)


def test_a_constant_is_looked_for_in_its_unit() -> None:
    target = float(0.9 * row(OPEN)["tco_usd_per_mtoken"])
    found = ask(f"tco_usd_per_mtoken <= {target!r}", "dram_usd_per_byte")
    answer = found.answer
    assert answer is not None
    assert answer.end == LARGEST
    assert answer.text.endswith(" USD/GB")
    text = OPEN.replace("node: 5nm", f"node: 5nm, constants: {{dram_usd_per_byte: {answer.text}}}")
    assert row(text)["tco_usd_per_mtoken"] <= target
    dearer = OPEN.replace("node: 5nm", f"node: 5nm, constants: {{dram_usd_per_byte: {answer.value * 1.0000001!r}}}")
    assert row(dearer)["tco_usd_per_mtoken"] > target


def test_words_are_all_tried() -> None:
    found = ask("decode_tokens_per_s >= 30", "weights", between="int8, int4, int3, int2")
    answer = found.answer
    assert answer is not None
    for word, meets, value, reason in answer.words:
        expected = row(OPEN.replace("weights: int4", f"weights: {word}"))
        assert value == expected["decode_tokens_per_s"]
        assert meets == (value >= 30 and expected["feasible"])
        assert reason == expected["reason"]
    assert [word for word, meets, *_ in answer.words if meets] == ["int3", "int2"]
    assert answer.value == "int2"
    every = ask("die_area_mm2 <= 40", "node").answer
    assert every is not None
    assert len(every.words) == 10
    assert every.value is not None


def test_a_ceiling_forbids_it() -> None:
    """No bandwidth is fast enough where the vector units unpack the weights: they are named, with the best there is."""
    found = ask("decode_tokens_per_s >= 500", "dram_bandwidth")
    answer = found.answer
    assert answer is not None
    assert (answer.value, answer.why) == (None, BOUND)
    assert answer.ceiling is not None
    assert (answer.ceiling.phase, answer.ceiling.bound_by) == ("decode", "vector")
    assert answer.nearest < answer.without < 500
    assert answer.nearest == found.after.values["decode_tokens_per_s"]
    assert not found.after.reason
    assert answer.limit.startswith("too little DRAM: the units needed for its bandwidth")
    more = row(OPEN, dram_bandwidth=math.nextafter(answer.at, math.inf))
    assert more["reason"] == answer.limit


def test_a_limit_forbids_it() -> None:
    answer = ask("decode_tokens_per_s >= 30", "dram_bandwidth", changed(('60 W"', '15 W"'))).answer
    assert answer is not None
    assert (answer.value, answer.why) == (None, FORBIDDEN)
    assert answer.limit == "violates peak_power <= 15 W"
    assert row(OPEN, dram_bandwidth=answer.would)["decode_tokens_per_s"] >= 30


def test_a_design_that_is_never_feasible_says_why() -> None:
    answer = ask("ttft <= 4 s", "compute", changed(('60 W"', '1 mW"'))).answer
    assert answer is not None
    assert (answer.value, answer.why) == (None, NEVER)
    assert answer.limit


def test_nothing_prefers_a_limit_that_does_not_bind() -> None:
    """Every buildable value meets it: the smallest is what fits."""
    answer = ask("ttft_s <= 100", "dram").answer
    assert answer is not None
    assert (answer.end, answer.sure) == (SMALLEST, False)
    assert answer.spans[0].below == "too little DRAM: the units needed for its bandwidth hold more" or answer.spans[
        0
    ].below.startswith("does not fit")


def test_changes_come_first_and_several_targets_all_hold() -> None:
    found = dse.whatif(
        OPEN, DESIGN, {"node": "3nm"}, target=["decode_tokens_per_s >= 20", "ttft <= 1.2 s"], vary="compute"
    )
    answer = found.answer
    assert answer is not None
    assert answer.value > 10e12
    assert found.after.values["decode_tokens_per_s"] >= 20
    assert found.after.values["ttft_s"] <= 1.2
    assert [one.name for one in found.changes][:1] == ["compute"]
    assert "technology.node" in [one.name for one in found.changes]


def test_where_to_look_is_kept() -> None:
    inside = ask("ttft <= 1.5 s", "compute", between="1 TFLOP/s..15 TFLOP/s").answer
    assert inside is not None
    assert inside.looked == ("1 TFLOP/s", "15 TFLOP/s")
    assert inside.spans[-1].above == ""
    assert inside.spans[-1].high == 15e12
    none = ask("ttft <= 0.5 s", "compute", between="1 TFLOP/s..12 TFLOP/s").answer
    assert none is not None
    assert none.value is None
    listed = ask("ttft <= 1.5 s", "compute", between="40 TFLOP/s, 20 TFLOP/s, 5 TFLOP/s").answer
    assert listed is not None
    assert listed.looked == ("5 TFLOP/s", "40 TFLOP/s")


def test_flash_is_looked_at_from_nothing() -> None:
    answer = dse.whatif(
        OPEN, DESIGN.replace("16 GB", "5 GB").replace("100 GB/s", "60 GB/s"), target="ttft <= 100 s", vary="flash"
    ).answer
    assert answer is not None
    assert answer.looked == ("0 B", "100 TB")
    assert answer.value > 0


def test_the_largest_batch_may_be_what_is_asked_of() -> None:
    text = changed(
        ("batch: 1", "batch: max\n    slo: {tpot: 200 ms}"),
        ("segment: edge, demand: 200000 token/day", "segment: edge"),
        ('"ttft <= 4 s", ', ""),
    )
    answer = ask("batch >= 12", "dram", text).answer
    assert answer is not None
    assert not answer.sure
    assert row(text, dram=answer.value)["batch"] >= 12 > row(text, dram=math.nextafter(answer.value, 0.0))["batch"]


@pytest.mark.parametrize(
    ("target", "vary", "between", "message"),
    [
        ("speed >= 5", "dram", None, "target: unknown column"),
        ("throttled <= 0.1", "dram", None, "designs of this study have no throttled"),
        ("ttft <= 1 s", "drum", None, 'no field "drum"'),
        ("ttft <= 1 s", "fusion", None, "is a list of words"),
        ("ttft <= 1 s", "model", None, "say which values to try"),
        ("ttft <= 1 s", "volume", None, "has no value to look around"),
        ("ttft <= 1 s", "dram", "8 GB..4 GB", "the smaller first"),
        ("ttft <= 1 s", "dram", "8..4", "expected a capacity"),
        ("ttft <= 1 s", "node", "3nm..5nm", "expected words"),
        ("ttft <= 1 s", "node", "3nm, 4mm", "expected a process node"),
    ],
)
def test_what_cannot_be_asked_is_an_error(target: str, vary: str, between: str | None, message: str) -> None:
    with pytest.raises(StudyError) as error:
        ask(target, vary, between=between)
    assert message in str(error.value)


def test_the_command_says_what_was_found_and_what_forbids_it(command: Command) -> None:
    asked = ("whatif", "llama3-8b-edge", "--design", 558738)
    good = command(*asked, "--target", "ttft <= 1 s", "--vary", "compute")
    assert good.code == 0
    assert "ttft <= 1 s: compute must be at least 14.62 TFLOP/s" in good.out
    assert "violates peak_power <= 30 W" in good.out
    assert "no smaller value does" in good.out
    none = command(*asked, "--target", "decode_tokens_per_s>=50", "--vary", "dram_bandwidth")
    text = " ".join(none.out.split())
    assert "bound by vector units, no dram_bandwidth from 124 MB/s to 124 TB/s meets it" in text
    whole = json.loads(command(*asked, "--target", "ttft <= 1 s", "--vary", "compute", "--json").out)
    assert whole["answer"]["text"] == "14.62 TFLOP/s"
    assert whole["answer"]["proven"] is True
    assert whole["columns"]["ttft_s"]["after"] <= 1
    constant = command(*asked, "--target", "tco <= 1 USD/Mtoken", "--vary", "dram_usd_per_byte").out
    assert "e-09 in SI units)" in " ".join(constant.split())
    words = command(*asked, "--target", "decode_tokens_per_s>=33", "--vary", "weights")
    assert words.code == 0
    assert "--format json has them all" in words.out
