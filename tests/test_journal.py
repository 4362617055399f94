"""The journal of a run: whatever happens to its bytes, what it tells was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.chunk_journal import ChunkJournal, records_of
from results.front import FrontArchive
from results.journal import Journal, line_of, parsed, read_journals
from results.run_paths import RunPaths
from sweeps.chunks import Done
from sweeps.grid import Tally

values = st.one_of(st.integers(-(2**63), 2**63), st.text(max_size=20), st.floats(allow_nan=False, allow_infinity=False))
records = st.lists(st.dictionaries(st.text(max_size=8), values, max_size=4), max_size=8)


@given(records)
def test_what_is_written_is_read(written: list[dict[str, object]]) -> None:
    found = parsed(b"".join(line_of(record) for record in written))
    assert found.records == written
    assert found.damaged == 0


@given(records, st.data())
def test_a_journal_that_is_cut_off_tells_of_its_whole_lines(
    written: list[dict[str, object]], data: st.DataObject
) -> None:
    lines = [line_of(record) for record in written]
    content = b"".join(lines)
    end = data.draw(st.integers(0, len(content)))
    whole = sum(1 for k in range(len(lines)) if sum(map(len, lines[: k + 1])) <= end)
    found = parsed(content[:end])
    assert found.records == written[:whole]
    assert found.damaged == 0


@given(records.filter(bool), st.data())
def test_a_flipped_bit_costs_no_more_than_its_line(written: list[dict[str, object]], data: st.DataObject) -> None:
    content = bytearray(b"".join(line_of(record) for record in written))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    found = parsed(bytes(content))
    # a line feed that turns into something else joins two lines, and both are lost
    assert len(found.records) >= len(written) - 2
    assert all(record in written for record in found.records)
    assert len(found.records) < len(written)


@given(st.binary(max_size=300))
def test_anything_may_be_in_the_file(content: bytes) -> None:
    assert parsed(content).records == []


def test_appending_closes_off_what_a_kill_left(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal" / "main.jsonl")
    journal.append([{"a": 1}, {"b": 2}])
    with journal.file.open("ab") as file:
        file.write(line_of({"c": 3})[:-5])
    journal.append([{"d": 4}])
    found = read_journals([journal.file])
    assert found.records == [{"a": 1}, {"b": 2}, {"d": 4}]
    assert found.damaged == 1


def test_a_record_is_on_the_disk_when_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, seen = Journal(tmp_path / "main.jsonl"), []
    monkeypatch.setattr("os.fsync", lambda handle: seen.append(journal.file.read_bytes()))
    journal.append([{"a": 1}])
    assert seen == [line_of({"a": 1})]


def test_numbers_of_chunks_count_only_among_as_many(tmp_path: Path) -> None:
    """Another version may cut the same study otherwise: what is chunk 0 of 4 is not chunk 0 of 16."""
    paths = RunPaths(tmp_path)
    for chunks in (4, 16):
        with ChunkJournal(paths, "this run", "its study", chunks).open() as notes:
            notes.record(Done(0, Tally(FrontArchive(2), designs=100 // chunks), 1.0), np.arange(3))
    found = {chunks: records_of(paths.journals(), "this run", chunks)[0] for chunks in (4, 16, 8, None)}
    assert {chunks: [record["designs"] for record in records] for chunks, records in found.items()} == {
        4: [25],
        16: [6],
        8: [],
        None: [25, 6],
    }
