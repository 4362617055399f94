"""``dse verify``: what was edited with all digests that tell of it is found by evaluating again, part by part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Command
from small_run import changed

import dse
from dse.runs import Run
from results.manifest import read_manifest, write_manifest
from results.run_paths import RunPaths
from results.store import file_sha256

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of 12 parts."""
    monkeypatch.setattr("sweeps.chunks.CHUNK_POINTS", 40)
    changes = ("node: 5nm", "node: [7nm, 5nm, 3nm]"), ("batch: 1", "batch: [1, 2, 4, 8]")
    return dse.sweep(changed(*changes), out=tmp_path / "run")


def edited(table: pa.Table, name: str, row: int, value: object) -> pa.Table:
    """A table with another value in one place."""
    at = table.schema.get_field_index(name)
    values = table.column(name).to_numpy(zero_copy_only=False).copy()
    values[row] = value
    return table.set_column(at, table.schema.field(at), pa.array(values))


def test_a_value_that_was_edited_is_found_in_whatever_part(run: Run, command: Command) -> None:
    part = RunPaths(run.path).part(7)
    table = pq.read_table(part)
    feasible = table.column("feasible").to_numpy(zero_copy_only=False)
    cheap, kept = (int(row) for row in np.flatnonzero(feasible)[:2])
    table = edited(table, "tco_usd_per_mtoken", cheap, 1e-3)
    table = edited(table, "feasible", kept, False)
    pq.write_table(table, part)
    manifest = read_manifest(run.path)
    manifest["files_sha256"][part.relative_to(run.path).as_posix()] = file_sha256(part)
    write_manifest(run.path, manifest)
    found = command("verify", run.path)
    assert found.code == 1
    points = table.column("point").to_pylist()
    assert f"tco_usd_per_mtoken of 1 design is not what they evaluate to (points {points[cheap]})" in found.err
    assert f"feasible of 1 design is not what they evaluate to (points {points[kept]})" in found.err
    counted = manifest["feasible"]
    assert f"{counted - 1:,} stored designs are feasible, the manifest says {counted:,}" in found.err
    assert "the front is not the non-dominated part of the stored designs" in found.err


def test_designs_are_read_a_part_at_a_time(run: Run, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them were read at once: of five million designs some gigabytes."""
    from dse import run_verification

    read: list[object] = []
    once = run_verification.read_table
    monkeypatch.setattr(run_verification, "read_table", lambda path: (read.append(path), once(path))[1])
    done = command("verify", run.path)
    assert "13 files are what was written, 5,400 designs stored; " in done.out
    again = 5_400 + run.manifest["front"]
    assert f"{again:,} designs evaluated again, the same to the bit" in done.out
    assert read == [run.paths.front, *run.paths.parts()]
