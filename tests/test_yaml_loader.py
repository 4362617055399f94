"""The safe part of YAML: what it reads, and that everything else is one message with a line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.errors import StudyError
from dse.yaml_loader import load_yaml, read_text


def value_of(text: str) -> object:
    return load_yaml(text, path="f.yaml")[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("true", True), ("False", False), ("null", None), ("~", None), ("", None)),
        *(("on", "on"), ("off", "off"), ("yes", "yes"), ("No", "No"), ("y", "y")),
        *(("1e9", 1e9), ("1.5e3", 1500.0), (".5", 0.5), ("-2.", -2.0), ("012", 12), ("0o14", 12), ("0x1F", 31)),
        *(("1_000", "1_000"), ("12:30:45", "12:30:45"), ("2026-01-01", "2026-01-01"), ("'12'", "12"), ("5nm", "5nm")),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    found = value_of(f"a: {text}")
    assert found == {"a": value}
    assert isinstance(found, dict)
    assert type(found["a"]) is type(value)


def test_each_value_has_its_line() -> None:
    text = "a: 1\nb:\n  - c: 5 GB\n    d:\n  - {log: [1, 2],\n     points: 24}\n"
    value, lines = load_yaml(text, path="f.yaml")
    assert value == {"a": 1, "b": [{"c": "5 GB", "d": None}, {"log": [1, 2], "points": 24}]}
    assert [lines.line(path) for path in (("a",), ("b",), ("b", 0, "d"), ("b", 1, "points"))] == [1, 2, 4, 6]
    assert lines.line(("b", 0, "missing", 3)) == 3, "the nearest known parent"
    assert lines.line(("nowhere",)) == 1


HOSTILE = {
    "python tag": ("a: 1\nb: !!python/object/apply:os.system [x]", 2, "tags are not allowed"),
    "own tag": ("!foo {}", 1, "tags are not allowed"),
    "string tag": ("a: !!str 1", 1, "tags are not allowed"),
    "alias bomb": ("a: &a [x]\nb: [*a, *a]", 1, "anchors and aliases are not allowed"),
    "alias": ("a: *x", 1, "anchors and aliases are not allowed"),
    "merge": ("a: 1\n<<: {b: 2}", 2, "merge keys"),
    "duplicate": ("a: 1\nb: 2\na: 3", 3, 'duplicate key "a", first given on line 1'),
    "whole number as key": ("a: 1\n2: 3", 2, "expected text as a key, got 2"),
    "list as key": ("? [a]\n: 1", 1, "expected text as a key"),
    "no key": ("? \n: 1", 1, "expected text as a key, got nothing"),
    "two documents": ("a: 1\n---\nb: 1", 2, "one YAML document"),
    "deep": ("[" * 3000, 1, "nested more than 32 levels deep"),
    "very deep": ("[" * 10**6, 1, "nested more than 32 levels deep"),
    "deep block": ("- " * 500_000, 1, "nested more than 32 levels deep"),
    "many": ("[" + "1," * 500_000 + "]", 1, "more than 100000 values"),
    "large": ("a" * (2**20 + 1), None, "larger than a study may be"),
    "control": ("a: 1\nb: \x07", 2, "control character U+0007"),
    "escaped control": ('a: "\\0"', 1, "control character U+0000"),
    "surrogate": ("a: \ud800", 1, "control character U+D800"),
    "digits": ("a: " + "9" * 5000, 1, "at most 64 digits"),
    "open": ("a: [", 1, "not valid YAML"),
    "tab": ("a:\n\t- b", 2, "not valid YAML"),
    "colons": ("a:" * 300_000, 1, "not valid YAML"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_one_message_with_its_line_at_once(name: str) -> None:
    text, line, message = HOSTILE[name]
    with pytest.raises(StudyError) as caught:
        load_yaml(text, path="f.yaml")
    assert message in str(caught.value)
    assert str(caught.value).startswith("f.yaml:" if line is None else f"f.yaml:{line}") or name == "open"
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@given(st.one_of(st.text(), st.text(alphabet="ab:,-?[]{}&*!|>'\"%@`#\n \t01.e\\~<", max_size=60)))
def test_any_text_is_a_value_or_a_study_error(text: str) -> None:
    message = ""
    try:
        load_yaml(text, path="f.yaml")
    except StudyError as error:
        message = str(error)
    assert "\n" not in message


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    cases: dict[Path, str] = {tmp_path / "none.yaml": "no such file", tmp_path: "a directory"}
    (latin := tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: \xe9\n")
    (large := tmp_path / "large.yaml").write_bytes(b"#" * (2**20 + 1))
    os.mkfifo(pipe := tmp_path / "pipe")
    cases |= {latin: "expected UTF-8 text", large: "larger than a study", pipe: "not a regular file"}
    cases |= {tmp_path / ("x" * 300): "cannot read this file", latin / "x": "cannot read this file"}
    for path, message in cases.items():
        with pytest.raises(StudyError) as caught:
            read_text(path)
        assert message in str(caught.value), path
        assert str(path) in str(caught.value)
    with pytest.raises(StudyError, match=r"latin.yaml:2: "):
        read_text(latin)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (path := tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert value_of(read_text(path)) == {"a": 1}
