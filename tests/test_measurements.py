"""The shipped measurements, and files of measurements: read as they stand, or refused with line and column."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from measurement_rows import PLAIN, csv_text

from sweeps.measurements import (
    COLUMNS,
    METRICS,
    Measurement,
    count_by,
    parse_measurements,
    read_measurements,
    repository,
    shipped,
)
from sweeps.operator_measurements import OperatorMeasurement, parse_operators, read_operators
from sweeps.typed_csv import MeasurementError

NOTICE = shipped("NOTICE.md").read_text(encoding="utf8")


def refused(text: str) -> list[str]:
    with pytest.raises(MeasurementError) as error:
        parse_measurements(text, "my.csv")
    return str(error.value).splitlines()


def test_the_shipped_measurements_are_all_read() -> None:
    rows = read_measurements().rows
    assert len(rows) == 2469
    assert len({row.hardware for row in rows}) == 46
    assert len({row.model for row in rows}) == 36
    assert len({row.stack for row in rows}) == 11
    assert read_measurements().ignored_columns == ()
    first = rows[0]
    assert (first.id, first.hardware, first.weight_bits, first.weight_bytes) == (
        "xd3-0001",
        "rtx-3070",
        None,
        4917737554,
    )
    assert (first.devices, first.batch, first.context_tokens, first.value) == (1, 1.0, 256.0, 72.79)


def test_the_shipped_operators_are_all_read_and_fully_described() -> None:
    rows = read_operators().rows
    assert len(rows) == 2918
    assert Counter(row.op for row in rows)["gemm"] == 1185
    assert not [row.id for row in rows if row.unstated]


@pytest.mark.parametrize("rows", [read_measurements().rows, read_operators().rows], ids=["measurements", "operators"])
def test_every_row_has_a_source_and_a_licence(rows: tuple[Measurement | OperatorMeasurement, ...]) -> None:
    assert not [row.id for row in rows if not row.source or not row.licence]


def test_the_notice_counts_the_rows_of_every_source_and_licence() -> None:
    said = Counter()
    for source, licence, count in re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([\d,]+) \|$", NOTICE, re.M):
        said[source, licence] += int(count.replace(",", ""))
    rows = (*read_measurements().rows, *read_operators().rows)
    assert said == Counter((row.repository, row.licence) for row in rows)


def test_share_alike_rows_can_be_told_apart_as_the_notice_says() -> None:
    rows = read_measurements().rows
    share_alike = {row.id for row in rows if row.licence == "CC-BY-SA-4.0"}
    assert share_alike == {row.id for row in rows if row.id.startswith("nrn-")}
    assert f"{len(share_alike)} rows" in NOTICE


@pytest.mark.parametrize(
    "source, wanted",
    [
        ("owner/name@abc path/file.csv", "owner/name"),
        ("https://github.com/ggml-org/llama.cpp/pull/3084", "ggml-org/llama.cpp"),
        ("https://github.com/a/b (81ce03ae3) c/d.csv", "a/b"),
        ("https://raw.githubusercontent.com/N/T/release/0.5.0/x.md", "N/T"),
        ("https://www.example.org/page", "example.org"),
        ("a paper", "a paper"),
        ("", ""),
    ],
)
def test_repository_of_a_source(source: str, wanted: str) -> None:
    assert repository(source) == wanted


def test_count_by_lists_the_most_frequent_first() -> None:
    rows = [replace(PLAIN, stack=stack) for stack in "abbca"]
    assert list(count_by(rows, "stack").items()) == [("a", 2), ("b", 2), ("c", 1)]


# what is read


_NAMES = st.text("abcXYZ-. ,\"'\n", min_size=1).map(str.strip).filter(bool)
_SIZES = st.none() | st.floats(1e-6, 1e8)


@given(
    st.lists(
        st.builds(
            lambda measured, **fields: replace(PLAIN, phase=measured[0], metric=measured[1], **fields),
            st.sampled_from([(phase, metric) for phase, metrics in METRICS.items() for metric in metrics]),
            hardware=_NAMES, notes=st.text("ab,\"\n", max_size=9).map(str.strip), devices=st.integers(1, 99),
            weight_bytes=_SIZES, context_tokens=_SIZES, batch=st.floats(1e-3, 1e6), value=st.floats(1e-9, 1e9),
        ),
        min_size=1, max_size=5,
    ),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\ufeff"]),
    st.permutations(list(COLUMNS)),
)  # fmt: skip
def test_a_written_file_is_read_back(rows: list[Measurement], end: str, mark: str, columns: list[str]) -> None:
    given_rows = [replace(row, id=f"r{i}") for i, row in enumerate(rows)]
    assert list(parse_measurements(mark + csv_text(given_rows, columns, end), "my.csv").rows) == given_rows


def test_byte_order_mark_windows_lines_blank_lines_and_spare_columns_are_fine(tmp_path: Path) -> None:
    lines = csv_text([PLAIN], end="\r\n").split("\r\n")
    lines = [lines[0] + ",my own", "", lines[1] + ",7", " , "]
    path = tmp_path / "mine.csv"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    found = read_measurements(path)
    assert found.rows == (PLAIN,)
    assert found.ignored_columns == ("my own",)


def test_columns_of_mere_text_may_be_left_out() -> None:
    names = [name for name in COLUMNS if name not in ("hf_id", "stack_version", "source", "licence", "notes")]
    (row,) = parse_measurements(csv_text([PLAIN], names), "my.csv").rows
    assert row == replace(PLAIN, hf_id="", stack_version="", source="", licence="")


def test_what_this_version_has_never_heard_of_is_kept() -> None:
    new = replace(PLAIN, hardware="chip-9", model="model-9", stack="stack-9", protocol="protocol-9")
    assert parse_measurements(csv_text([new]), "my.csv").rows == (new,)


# what is refused


@pytest.mark.parametrize(
    "column, value, said",
    [
        ("value", "fast", 'expected a number above 0, got "fast"'),
        ("value", "", "expected a number above 0, got nothing"),
        ("value", "0", 'expected a number above 0, got "0"'),
        ("value", "-3", 'expected a number above 0, got "-3"'),
        ("value", "nan", 'expected a number above 0, got "nan"'),
        ("value", "inf", 'expected a number above 0, got "inf"'),
        ("value", "1e999", 'expected a number above 0 and at most 1e+18, got "1e999"'),
        ("value", "1_000", 'expected a number above 0, got "1_000"'),
        ("value", "٣", 'expected a number above 0, got "٣"'),
        ("devices", "0", 'expected a whole number of at least 1, got "0"'),
        ("devices", "1.5", 'expected a whole number of at least 1, got "1.5"'),
        ("tensor_parallel", "-1", 'expected a whole number of at least 1, got "-1"'),
        ("expert_parallel", "", "expected a whole number of at least 1, got nothing"),
        ("batch", "0", 'expected a number above 0, got "0"'),
        ("prompt_tokens", "-1", 'expected a number of at least 0, got "-1"'),
        ("weight_bits", "0", 'expected a number above 0, got "0"'),
        ("weight_bits", "65", 'expected a number above 0 and at most 64, got "65"'),
        ("phase", "decoding", 'expected one of decode, prefill, end_to_end; got "decoding" (did you mean "decode"?)'),
        ("metric", "tpot", '; got "tpot" (did you mean "tpot_s"?)'),
        ("metric", "ttft_s", "ttft_s is not of the phase decode; decode_tokens_per_s, tpot_s,"),
        ("hardware", " ", "expected a name, got nothing"),
        ("id", "", "expected a name, got nothing"),
    ],
)
def test_a_wrong_field_is_named_with_its_line(column: str, value: str, said: str) -> None:
    lines = csv_text([PLAIN, replace(PLAIN, id="a-2")]).splitlines()
    fields = lines[2].split(",")
    fields[list(COLUMNS).index(column)] = value
    (message,) = refused("\n".join([lines[0], lines[1], ",".join(fields)]))
    assert message.startswith(f"my.csv:3: {column}: ")
    assert said in message


def test_the_line_of_a_row_is_where_it_starts_even_after_a_field_of_several_lines() -> None:
    rows = [replace(PLAIN, notes="one\ntwo\nthree"), replace(PLAIN, id="a-2", batch=-1.0, notes="four\nfive")]
    (message,) = refused(csv_text(rows))
    assert message.startswith("my.csv:5: batch: ")


@pytest.mark.parametrize(("cut", "given"), [(-1, 24), (None, 26)])
def test_a_row_of_another_length_is_refused(cut: int | None, given: int) -> None:
    header, row = csv_text([PLAIN]).splitlines()
    row = ",".join(row.split(",")[:cut]) if cut else row + ",more"
    assert refused(f"{header}\n{row}\n") == [f"my.csv:2: expected 25 fields as in the header, got {given}"]


def test_a_missing_column_is_named_with_what_may_be_it() -> None:
    text = csv_text([PLAIN]).replace("context_tokens", "context_token", 1).replace("batch", "sequences", 1)
    assert refused(text) == [
        "my.csv:1: the column batch is missing",
        'my.csv:1: the column context_tokens is missing (is it "context_token"?)',
    ]


def test_a_column_named_twice_is_refused() -> None:
    (message,) = refused(csv_text([PLAIN]).replace("notes", "batch", 1))
    assert message == "my.csv:1: the header names the column batch twice"


def test_an_id_that_stands_twice_is_refused_with_both_lines() -> None:
    assert refused(csv_text([PLAIN, replace(PLAIN, id="b"), PLAIN])) == ['my.csv:4: id: "a-1" stands on line 2 already']


@pytest.mark.parametrize("text", ["", "\ufeff", "\n\n", " ,\n"])
def test_an_empty_file_is_refused(text: str) -> None:
    (message,) = refused(text)
    assert message.startswith("my.csv: the file is empty; expected the columns id, stack,")


def test_a_header_alone_is_refused() -> None:
    assert refused(csv_text([])) == ["my.csv: the file has a header and no rows"]


def test_other_separators_are_recognized() -> None:
    (message,) = refused(csv_text([PLAIN]).replace(",", ";"))
    assert message.startswith("my.csv:1: expected a header of column names separated by commas")
    assert message.endswith("; this line is separated by semicolons")


def test_an_open_quote_is_refused_where_it_opens() -> None:
    lines = csv_text([PLAIN, replace(PLAIN, id="b"), replace(PLAIN, id="c")]).splitlines()
    lines[2] += '"open'
    assert refused("\n".join(lines))[0].startswith("my.csv:3: not valid CSV: ")


def test_other_bytes_are_refused_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(csv_text([PLAIN]).encode() + b"\xff\xfe")
    with pytest.raises(MeasurementError, match=r"x\.csv:3: expected UTF-8 text"):
        read_measurements(path)


def test_every_problem_is_listed_up_to_a_limit() -> None:
    wrong = [replace(PLAIN, id=f"r{i}", value=-1.0, devices=0) for i in range(15)]
    lines = refused(csv_text(wrong))
    assert [line.split(":")[1] for line in lines[:4]] == ["2", "2", "3", "3"]
    assert len(lines) == 21
    assert lines[-1] == "... and 10 more problems"


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    for parse in (parse_measurements, parse_operators):
        with pytest.raises(MeasurementError, match=r"my\.csv"):
            parse(text, "my.csv")


def test_a_wrong_operator_is_named_with_its_line() -> None:
    lines = shipped("operators.csv").read_text(encoding="utf8").splitlines()[:3]
    lines[2] = lines[2].replace("gemm", "gem", 1).replace("8192", "81.5", 1)
    with pytest.raises(MeasurementError) as error:
        parse_operators("\n".join(lines), "ops.csv")
    op, m = str(error.value).splitlines()
    assert op.startswith("ops.csv:3: op: expected one of gemm, ")
    assert op.endswith('got "gem" (did you mean "gemm"?)')
    assert m == 'ops.csv:3: m: expected a whole number of at least 1, got "81.5"'
