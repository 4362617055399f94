"""Exact runs from the command line: the proof, tampering with it, kill and resume, studies that make no sense."""

from __future__ import annotations

import hashlib
import io
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import Command
from small_run import assert_same_bits, changed, contents_of

import dse
import sweeps.factors
from dse.runs import Run
from results.manifest import read_manifest, write_manifest
from results.run_paths import RunPaths
from sweeps.exact import Search
from sweeps.factors import RISING

EDGE = dse.shipped_studies()["edge-exact"].read_text(encoding="utf8")

pytestmark = pytest.mark.usefixtures("no_pictures")


def edge(tmp_path: Path, *changes: tuple[str, str], points: int = 12) -> Path:
    file = tmp_path / "study.yaml"
    file.write_text(changed(*changes, text=EDGE.replace("points: 64", f"points: {points}")), encoding="utf8")
    return file


@pytest.fixture
def run(tmp_path: Path, command: Command) -> Run:
    assert command("sweep", edge(tmp_path), "--out", tmp_path / "run").code == 0
    return dse.open_run(tmp_path / "run")


def test_an_exact_run_says_what_it_proved_and_certifies(tmp_path: Path, command: Command) -> None:
    done = command("sweep", edge(tmp_path), "--out", tmp_path / "run")
    assert done.code == 0
    front = dse.open_run(tmp_path / "run").front()
    first, second = done.out.splitlines()[:2]
    assert first == f"edge-exact: 248,832 designs, {len(front):,} on the front; exact: proven"
    assert " designs evaluated; pruned as dominated " in second
    assert "certificate.json" in done.out
    certified = command("certify", tmp_path / "run")
    assert certified.code == 0, certified.err
    assert certified.out.startswith("edge-exact: proven exactly: ")
    assert "boxes cover all 248,832 designs" in certified.out
    again = command("sweep", tmp_path / "study.yaml", "--out", tmp_path / "run")
    assert "is finished already" in again.out
    grid = dse.sweep(edge(tmp_path, ("{method: exact, epsilon: 0}", "{method: grid}")), out=tmp_path / "grid")
    assert_same_bits(front, grid.front())


def test_a_run_with_scenario_axes_is_exact(tmp_path: Path, command: Command) -> None:
    text = changed(("batch: 1", "batch: [1, 4]"), ("node: 5nm", "node: [7nm, 5nm]"))
    (tmp_path / "exact.yaml").write_text(text + "search: {method: exact}\n")
    (tmp_path / "grid.yaml").write_text(text)
    assert command("sweep", tmp_path / "exact.yaml", "--out", tmp_path / "exact").code == 0
    assert command("sweep", tmp_path / "grid.yaml", "--out", tmp_path / "grid").code == 0
    assert_same_bits(dse.open_run(tmp_path / "exact").front(), dse.open_run(tmp_path / "grid").front())
    assert command("certify", tmp_path / "exact").code == 0


def test_within_an_epsilon_or_a_time(tmp_path: Path, command: Command) -> None:
    near = edge(tmp_path, ("epsilon: 0}", "epsilon: 0.05}"))
    assert "exact: proven, every design is within 5 % of one" in command("sweep", near, "--out", tmp_path / "near").out
    assert "proven within 5 %" in command("certify", tmp_path / "near").out
    short = edge(tmp_path, ("epsilon: 0}", "epsilon: 0, time_limit: 1 us}"))
    assert "(stopped by its time limit)" in command("sweep", short, "--out", tmp_path / "short").out
    certificate = json.loads((tmp_path / "short" / "certificate.json").read_text())
    assert not certificate["finished"]
    assert certificate["epsilon"] > 0
    assert command("certify", tmp_path / "short").code == 0


def rewritten(paths: RunPaths, file: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change a table of a run, and every digest that tells."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(file)
    changed = pa.Table.from_pandas(change(table.to_pandas()), schema=table.schema, preserve_index=False)
    pq.write_table(changed, file)
    name = file.relative_to(paths.dir).as_posix()
    for told in (paths.certificate, paths.manifest):
        content = json.loads(told.read_text())
        content["files_sha256"][name] = hashlib.sha256(file.read_bytes()).hexdigest()
        if told == paths.manifest:
            content["files_sha256"]["certificate.json"] = hashlib.sha256(paths.certificate.read_bytes()).hexdigest()
            write_manifest(paths.dir, content)
        else:
            told.write_text(json.dumps(content))


def test_a_byte_that_changed_is_found(run: Run, command: Command) -> None:
    for file in (run.paths.front, run.paths.leaf_part(0), run.paths.certificate):
        content = file.read_bytes()
        file.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
        done = command("certify", run.path)
        assert done.code == 1
        assert f"{file.name}: is not the file that the run wrote" in done.err
        file.write_bytes(content)
    assert command("certify", run.path).code == 0


def test_a_front_without_one_of_its_designs_is_found(run: Run, command: Command) -> None:
    rewritten(run.paths, run.paths.front, lambda front: front.iloc[1:])
    done = command("certify", run.path)
    assert done.code == 1
    assert "the front is not proven" in done.err


def test_an_objective_that_was_edited_is_found(run: Run, command: Command) -> None:
    rewritten(run.paths, run.paths.front, lambda front: front.assign(bom_usd=front["bom_usd"] * 0.99))
    done = command("certify", run.path)
    assert done.code == 1
    assert "bom_usd of the front is not what its designs evaluate to" in done.err


def test_a_box_that_is_missing_is_found(run: Run, command: Command) -> None:
    rewritten(run.paths, run.paths.leaf_part(0), lambda leaves: leaves.drop(index=[5]))
    done = command("certify", run.path)
    assert done.code == 1
    assert "the boxes are not the whole space, each design once" in done.err


def test_only_exact_runs_certify(small_run: Run, command: Command) -> None:
    done = command("certify", small_run.path)
    assert done.code == 1
    assert "only method exact proves its front" in done.err


KILLED = """\
import sys, time
import dse, dse.exact_runs, dse.pictures
dse.exact_runs.CHECKPOINT_S = 0.0
write, written = dse.exact_runs._write_checkpoint, []
def stuck(*given):
    write(*given)
    written.append(given)
    if len(written) == 8:  # a kill finds it here, however late it comes
        time.sleep(10**6)
dse.exact_runs._write_checkpoint = stuck
dse.pictures.draw = lambda run: []
dse.sweep(sys.argv[1], out=sys.argv[2])
"""


def kill_at_random(study: Path, out: Path) -> None:
    """Start a sweep and kill it some time after its first checkpoint, and before its ninth."""
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(study), str(out)])
    checkpoint = RunPaths(out).checkpoint
    try:
        while not checkpoint.exists() and process.poll() is None:
            time.sleep(0.002)
        time.sleep(random.random() * 0.4)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL


def test_a_killed_search_resumes_to_the_same_front_and_proof(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = edge(tmp_path, points=80)
    assert command("sweep", study, "--out", tmp_path / "whole").code == 0
    out = tmp_path / "killed"
    kill_at_random(study, out)
    not_finished = command("front", out)
    assert (not_finished.code, "not finished" in not_finished.err) == (1, True)
    monkeypatch.setattr(Search, "seed", lambda self: pytest.fail("it started from the beginning"))
    assert command("sweep", study, "--out", out).code == 0
    assert contents_of(out) == contents_of(tmp_path / "whole")
    assert (out / "certificate.json").read_bytes() == (tmp_path / "whole" / "certificate.json").read_bytes()
    assert not RunPaths(out).checkpoint.exists()
    assert command("certify", out).code == 0


def test_a_checkpoint_of_another_version_or_a_damaged_one_is_not_used(tmp_path: Path, command: Command) -> None:
    study, out = edge(tmp_path), tmp_path / "run"
    assert command("sweep", study, "--out", out).code == 0
    whole = contents_of(out)
    manifest = read_manifest(out)
    other = io.BytesIO()
    np.savez(other, told=np.array(json.dumps({"identity": "another version"})))
    for content in (b"PK\x03\x04 not a checkpoint", b"", other.getvalue()):
        write_manifest(out, {**manifest, "status": "running"})
        RunPaths(out).checkpoint.write_bytes(content)
        assert command("sweep", study, "--out", out).code == 0
        assert contents_of(out) == whole


def test_bounds_that_do_not_hold_stop_the_run(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    rising = (RISING, RISING, RISING, RISING, RISING)
    monkeypatch.setitem(sweeps.factors.DIRECTIONS, "decode_s", rising)  # type: ignore[arg-type]
    done = command("sweep", edge(tmp_path), "--out", tmp_path / "run")
    assert done.code == 1
    assert "this run would not be exact: the audit of 131,072 random boxes failed" in done.err
    assert "the bound of request_latency_s is above a design" in done.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "search, message",
    [
        ("{method: exact, epsilon: -0.1}", "search.epsilon: expected a number at least 0 and at most 10, got -0.1"),
        ("{method: exact, time_limit: 0 s}", 'search.time_limit: expected a time above 0, got "0 s"'),
        ("{method: exact, time_limit: 60}", "search.time_limit: expected"),
        ("{method: grid, epsilon: 0.1}", "search: method grid takes nothing else; got epsilon"),
        ("{method: exakt}", 'did you mean "exact"?'),
    ],
)
def test_searches_that_make_no_sense_are_refused(tmp_path: Path, command: Command, search: str, message: str) -> None:
    done = command("sweep", edge(tmp_path, ("{method: exact, epsilon: 0}", search)), "--out", tmp_path / "run")
    assert done.code == 2
    assert message in done.err
    assert not (tmp_path / "run").exists()


def test_an_exact_search_keeps_the_front_only(tmp_path: Path, command: Command) -> None:
    done = command(
        "sweep", edge(tmp_path, ("runs/edge-exact}", "runs/edge-exact, keep: all}")), "--out", tmp_path / "r"
    )
    assert done.code == 2
    assert "output.keep: method exact evaluates few of its designs" in done.err


def test_an_epsilon_of_an_objective_that_may_be_0_is_refused(tmp_path: Path, command: Command) -> None:
    text = changed(
        ("sram_style: scratchpad", "sram_style: scratchpad, power_cap: 9 W"),
        ("{decode_tokens_per_s: max,", "{decode_tokens_per_s: max, throttled: min,"),
    )
    (tmp_path / "x.yaml").write_text(text + "search: {method: exact, epsilon: 0.01}\n")
    done = command("sweep", tmp_path / "x.yaml", "--out", tmp_path / "run")
    assert done.code == 2
    assert "search.epsilon: throttled may be as little as 0 in this space" in done.err


def test_constraints_that_contradict_each_other_are_named(tmp_path: Path, command: Command) -> None:
    (tmp_path / "x.yaml").write_text(
        changed(('["ttft <= 4 s", "peak_power <= 60 W"]', '["ttft <= 4 s", "peak_power <= 1 mW"]'))
        + "search: {method: exact}\n"
    )
    done = command("sweep", tmp_path / "x.yaml", "--out", tmp_path / "run")
    assert done.code == 0
    assert "no feasible design was found\n" in done.out
    assert '"peak_power <= 1 mW" alone rules out all 450 designs' in done.out
    assert "designs are ruled out first by: violates peak_power <= 1 mW" in done.out
    assert command("certify", tmp_path / "run").code == 0


def test_the_million_designs_of_the_shipped_study(tmp_path: Path) -> None:
    text = dse.shipped_studies()["llama3-8b-edge"].read_text(encoding="utf8")
    text = text.replace("{method: grid}", "{method: exact}").replace(", keep: all", "")
    run = dse.sweep(text, out=tmp_path / "exact")
    points = run.front()["point"].to_numpy()
    grid = dse.sweep(text.replace("{method: exact}", "{method: grid}"), out=tmp_path / "grid")
    assert np.array_equal(points, grid.front()["point"].to_numpy())
