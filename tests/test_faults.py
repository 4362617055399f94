"""Faults: kills, full and read-only disks, damage, two runs at once, bad clocks. Nothing is lost, and people are told.

Each test ends with the bytes of an undisturbed run.
"""

from __future__ import annotations

import io
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from small_run import PATIENCE_S, SMALL, changed, contents_of

import dse
from results.journal import read_journals
from results.run_paths import RunPaths

SAMPLE = "objectives:", "search: {method: sample, sampler: lhs, n: 300}\nobjectives:"
RUN = """
import os, sys
import dse, sweeps.chunks
import dse.pictures
dse.pictures.draw = lambda run: []
sweeps.chunks.CHUNK_POINTS = 40
{more}
from dse.__main__ import main
sys.argv = ["dse", "sweep", *sys.argv[1:]]
main()
"""
NOTED = """
import signal, time
import dse.chunk_journal
from dse.chunk_journal import ChunkJournal
dse.chunk_journal.FLUSH_S = 0.0
of_journal, noted = ChunkJournal.record, []
def record(self, done, front):
    of_journal(self, done, front)
    noted.append(done.number)
    if len(noted) == {after}:
        {then}
ChunkJournal.record = record
"""
"""Has each chunk on the disk as it is done, and does something after so many of a sitting."""

STANDS_STILL = "time.sleep(10**6)"


def stuck(after: int) -> str:
    """Let a run stand still after so many chunks, for a kill to find it there however late it comes."""
    return NOTED.format(after=after, then=STANDS_STILL)


pytestmark = pytest.mark.usefixtures("no_pictures", "small_chunks")


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of one scenario each: 12 of a grid, eight of a sample."""
    monkeypatch.setattr("sweeps.chunks.CHUNK_POINTS", 40)


def study_of(folder: Path, *changes: tuple[str, str]) -> Path:
    path = folder / "study.yaml"
    text = changed(("node: 5nm", "node: [7nm, 5nm, 3nm]"), ("batch: 1", "batch: [1, 2, 4, 8]"), *changes)
    path.write_text(text, encoding="utf8")
    return path


def started(study: Path, out: Path, *arguments: str, more: str = "") -> subprocess.Popen[str]:
    """Begin a sweep in a process of its own."""
    command = [sys.executable, "-c", RUN.format(more=more), str(study), "--out", str(out), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def chunks_done(out: Path) -> int:
    return sum("chunk" in record for record in read_journals(RunPaths(out).journals()).records)


def wait_for(happens: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not happens() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    assert happens(), process.communicate()


def more_done(out: Path, before: int) -> bool:
    return chunks_done(out) > before


def assert_whole(out: Path, undisturbed: Path) -> None:
    assert contents_of(out) == contents_of(undisturbed)
    assert not [path for path in out.rglob("*") if "_staging" in path.parts or path.suffix == ".lock"]


@pytest.mark.parametrize("workers, change", [(1, (SAMPLE,)), (2, ())], ids=["sample", "grid in two processes"])
def test_a_run_that_is_killed_again_and_again_ends_as_if_it_never_was(
    change: tuple[tuple[str, str], ...], workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, out = study_of(tmp_path, *change), tmp_path / "run"
    undisturbed = dse.sweep(study, out=tmp_path / "undisturbed").path
    moments = random.Random(workers)
    for _ in range(3):
        process = started(study, out, "--workers", str(workers), more=stuck(after=2))
        wait_for(partial(more_done, out, chunks_done(out)), process)
        time.sleep(moments.random() * 0.1)  # two of twelve chunks are done now, or one
        process.kill()
        assert process.wait() == -signal.SIGKILL, process.communicate()
        process.communicate()
    evaluated: list[int] = []
    monkeypatch.setattr("dse.chunk_journal.ChunkJournal.record", _spied(evaluated))
    there = chunks_done(out)
    dse.sweep(study, out=out)
    assert_whole(out, undisturbed)
    assert 3 <= there < len(list(out.glob("designs/*.parquet")))
    assert len(evaluated) + there == len(list(out.glob("designs/*.parquet")))


def _spied(seen: list[int]) -> Callable[..., None]:
    from dse.chunk_journal import ChunkJournal

    record = ChunkJournal.record

    def spied(self: ChunkJournal, done: object, front: object) -> None:
        seen.append(done.number)  # type: ignore[attr-defined]
        record(self, done, front)  # type: ignore[arg-type]

    return spied


@pytest.mark.parametrize("number, told", [(signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "Ctrl-C")])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_told_to_stop_it_ends_its_chunk_and_says_how_to_go_on(
    number: signal.Signals, told: str, workers: str, tmp_path: Path
) -> None:
    study, out = study_of(tmp_path), tmp_path / "run"
    then = f"os.kill(os.getpid(), {int(number)})"
    process = started(study, out, "--workers", workers, more=NOTED.format(after=2, then=then))
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + number
    done = chunks_done(out)
    assert 2 <= done < 12
    assert f"error: stopped by {told}: {done} of 12 chunks are done in {out}; the same command goes on" in err
    assert "Traceback" not in err
    assert not (out / "_staging").exists()
    dse.sweep(study, out=out)
    assert_whole(out, dse.sweep(study, out=tmp_path / "undisturbed").path)


@pytest.mark.parametrize("method", ["nsga2", "exact"])
def test_other_searches_stop_in_good_order_too(method: str, tmp_path: Path, command: Command) -> None:
    search = f"search: {_SEARCHES[method]}\nobjectives:"
    study, out = study_of(tmp_path, ("objectives:", search)), tmp_path / "run"
    process = started(study, out, more="import os, signal\nfrom dse.jobs import Job\n" + _STOPPED[method])
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + signal.SIGTERM, err
    assert "stopped by SIGTERM: " in err
    assert RunPaths(out).checkpoint.is_file()
    assert command("sweep", study, "--out", out).code == 0
    assert_whole(out, dse.sweep(study, out=tmp_path / "undisturbed").path)


_SEARCHES = {"nsga2": "{method: nsga2, population: 20, generations: 8}", "exact": "{method: exact}"}
_STOPPED = {
    "nsga2": """
import sweeps.evolve
once = sweeps.evolve._generation
def generation(*arguments):
    once(*arguments)
    os.kill(os.getpid(), signal.SIGTERM)
sweeps.evolve._generation = generation
""",
    "exact": """
import sweeps.exact
once = sweeps.exact.Search.step
def step(self):
    once(self)
    os.kill(os.getpid(), signal.SIGTERM)
sweeps.exact.Search.step = step
""",
}


@pytest.mark.parametrize("method", ["nsga2", "exact"])
def test_other_searches_survive_the_loss_of_their_manifest(
    method: str, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have no journal: people were told to remove the directory, and hours of work with it."""
    search = f"search: {_SEARCHES[method]}\nobjectives:"
    study, out = study_of(tmp_path, ("objectives:", search)), tmp_path / "run"
    process = started(study, out, more="import os, signal\nfrom dse.jobs import Job\n" + _STOPPED[method])
    process.communicate(timeout=PATIENCE_S)
    cut(out / "manifest.json")
    told = command("status", out)
    assert told.code == 1
    assert "manifest.json is damaged: not JSON" in told.err
    assert "`dse sweep` on its study mends it, and keeps what else is whole" in told.err
    other = tmp_path / "other.yaml"
    other.write_text(study.read_text().replace("ttft <= 4 s", "ttft <= 3 s"))
    refused = command("sweep", other, "--out", out)
    assert (refused.code, "remove the directory or choose another with --out" in refused.err) == (2, True)
    with monkeypatch.context() as patch:
        patch.setattr("sweeps.exact.Search.seed", lambda *_: pytest.fail("it started from the beginning"))
        assert command("sweep", study, "--out", out).code == 0
    if method == "nsga2":
        assert json.loads((out / "manifest.json").read_text())["search"]["resumed"]
    assert_whole(out, dse.sweep(study, out=tmp_path / "undisturbed").path)


class Bomb:
    """Makes a directory when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("method", ["nsga2", "exact"])
def test_a_checkpoint_never_runs_a_program(method: str, tmp_path: Path, command: Command) -> None:
    """NumPy's files may hold pickles, and those may do anything: a run of a stranger must not be trusted so far."""
    search = f"search: {_SEARCHES[method]}\nobjectives:"
    study, out = study_of(tmp_path, ("objectives:", search)), tmp_path / "run"
    undisturbed = dse.sweep(study, out=tmp_path / "undisturbed").path
    process = started(study, out, more="import os, signal\nfrom dse.jobs import Job\n" + _STOPPED[method])
    process.communicate(timeout=PATIENCE_S)
    checkpoint = RunPaths(out).checkpoint
    data, gone_off = checkpoint.read_bytes(), tmp_path / "gone off"
    mark = b"" if data.startswith(b"PK") else data[:32]
    with np.load(io.BytesIO(data[len(mark) :])) as stored:
        arrays = {name: stored[name] for name in stored.files}
    for name in arrays:
        buffer = io.BytesIO()
        np.savez(buffer, **{**arrays, name: np.array(Bomb(gone_off), dtype=object)})
        checkpoint.write_bytes(mark + buffer.getvalue())
        shutil.copytree(out, tmp_path / f"run {name}")
        assert command("sweep", study, "--out", tmp_path / f"run {name}").code == 0, name
        assert not gone_off.exists(), name
        assert_whole(tmp_path / f"run {name}", undisturbed)


def test_two_runs_at_once_do_not_mix(tmp_path: Path, command: Command) -> None:
    study, out = study_of(tmp_path), tmp_path / "run"
    process = started(study, out, more=stuck(after=1))
    wait_for(lambda: (out / "manifest.json").is_file() and chunks_done(out) == 1, process)
    for more in ((), ("--fresh",), ("--shard", "1/2")):
        second = command("sweep", study, "--out", out, *more)
        assert second.code == 1
        assert f"error: {out}: process {process.pid} on this machine is working on it" in second.err
    told = command("status", out)
    assert (told.code, f"running, process {process.pid} on this machine is at work" in told.out) == (0, True)
    process.kill()
    process.communicate()
    assert "cut off; `dse sweep` on its study goes on with it" in command("status", out).out
    assert command("sweep", study, "--out", out).code == 0  # a lock that a kill left behind holds nobody up
    assert_whole(out, dse.sweep(study, out=tmp_path / "undisturbed").path)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_a_disk_that_takes_no_more_is_a_message_and_costs_nothing(tmp_path: Path, command: Command) -> None:
    study, out = study_of(tmp_path), tmp_path / "run"
    undisturbed = dse.sweep(study, out=tmp_path / "undisturbed").path
    sizes = sorted(path.stat().st_size for path in (undisturbed / "designs").iterdir())
    with largest_file(sizes[-1] - 1):
        done = command("sweep", study, "--out", out)
    assert done.code == 1
    assert "cannot write there any more: file too large; what is done is kept, the same command goes on" in done.err
    assert chunks_done(out) >= 1
    assert command("sweep", study, "--out", out).code == 0
    assert_whole(out, undisturbed)


needs_mounts = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs the right to mount")


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """A file system of its own in a folder; yields what mounts it anew with other options."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield lambda options: subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True) and None
    finally:
        subprocess.run(["umount", folder], check=True)


@needs_mounts
def test_a_small_disk_that_fills_up(tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    study, out = study_of(tmp_path), tmp_path / "disk" / "run"
    with small_disk(tmp_path / "disk", "600k") as remounted:
        refused = command("sweep", study, "--out", out)
        assert (refused.code, "are free" in refused.err) == (2, True)  # seen beforehand
        monkeypatch.setattr("dse.directories.check_space", lambda *_: None)  # others fill it meanwhile
        monkeypatch.setattr("dse.chunk_journal.FLUSH_S", 0.0)
        done = command("sweep", study, "--out", out)
        assert done.code == 1, done.err
        assert "cannot write there any more: no space left on device; what is done is kept" in done.err
        assert chunks_done(out) >= 1
        assert not list(out.glob("_staging/*"))
        remounted("size=50m")
        assert command("sweep", study, "--out", out).code == 0
        assert_whole(out, dse.sweep(study, out=tmp_path / "undisturbed").path)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-7])


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 4
    file.write_bytes(data)


@pytest.mark.parametrize("harm", [cut, flip, Path.unlink], ids=["cut", "a flipped bit", "gone"])
@pytest.mark.parametrize(
    "name", ["designs/part-000002.parquet", "front.parquet", "manifest.json", "journal/main.jsonl"]
)
def test_damage_is_found_told_and_mended(
    harm: Callable[[Path], None], name: str, tmp_path: Path, command: Command
) -> None:
    study, out = study_of(tmp_path), tmp_path / "run"
    undisturbed = dse.sweep(study, out=tmp_path / "undisturbed").path
    dse.sweep(study, out=out)
    assert command("verify", out).code == 0
    harm(out / name)
    found = command("verify", out)
    if name == "journal/main.jsonl":  # of no use to a finished run
        assert found.code == 0
    else:
        assert found.code == 1
        assert Path(name).name in found.err
    mended = command("sweep", study, "--out", out)
    assert mended.code == 0, mended.err
    assert_whole(out, undisturbed)
    assert command("verify", out).code == 0


def test_a_part_that_was_damaged_while_the_run_was_cut_off_is_made_again(tmp_path: Path, command: Command) -> None:
    study, out = study_of(tmp_path), tmp_path / "run"
    process = started(study, out, more=stuck(after=3))
    wait_for(lambda: chunks_done(out) == 3, process)
    process.kill()
    process.communicate()
    flip(out / "designs" / "part-000001.parquet")
    done = command("sweep", study, "--out", out)
    assert done.code == 0
    assert "made again: designs/part-000001.parquet" in done.out
    assert_whole(out, dse.sweep(study, out=tmp_path / "undisturbed").path)


def test_a_clock_that_goes_backwards_changes_nothing(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, out = study_of(tmp_path), tmp_path / "run"
    undisturbed = dse.sweep(study, out=tmp_path / "undisturbed").path
    hours = iter(range(10**6))
    monkeypatch.setattr("time.time", lambda: 1.7e9 - 3600.0 * next(hours))
    assert command("sweep", study, "--out", out).code == 0
    assert json.loads((out / "manifest.json").read_text())["seconds"] >= 0
    assert command("status", out).code == 0
    assert_whole(out, undisturbed)


FAILS = """
import os
from sweeps.chunks import GridChunks
work_off = GridChunks.work_off
def fails(self, number, *, rows):
    if number in (2, 5):
        raise ArithmeticError("no such number")
    return work_off(self, number, rows=rows)
GridChunks.work_off = fails
"""


@pytest.mark.parametrize("keep", ["all", "front"])
def test_a_chunk_that_keeps_failing_is_named_and_the_rest_is_done(keep: str, tmp_path: Path, command: Command) -> None:
    study = study_of(tmp_path, ("output: {dir: runs/small}", f"output: {{keep: {keep}}}"))
    out = tmp_path / "run"
    process = started(study, out, more=FAILS)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert "error: chunk 2 failed twice (points 900 to 1,349): ArithmeticError: no such number" in err
    assert "error: chunk 5 failed twice (points 2,250 to 2,699)" in err
    assert f"error: the rest is in {out}" in err
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["status"], manifest["designs"]) == ("incomplete", 10 * 450)
    assert sorted(manifest["failed_chunks"]) == ["2", "5"]
    points = dse.open_run(out).designs()["point"]
    assert not points.between(900, 1349).any()
    assert not points.between(2250, 2699).any()
    assert "incomplete; chunks failed" in command("status", out).out
    assert command("front", out).code == 0
    mended = command("sweep", study, "--out", out)
    assert mended.code == 0
    assert "failed" not in mended.out
    assert_whole(out, dse.sweep(study, out=tmp_path / "undisturbed").path)


def test_a_chunk_that_fails_once_is_tried_again(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sweeps.chunks import GridChunks

    study, out = study_of(tmp_path), tmp_path / "run"
    undisturbed = dse.sweep(study, out=tmp_path / "undisturbed").path
    work_off, tried = GridChunks.work_off, []

    def fails_once(self: GridChunks, number: int, *, rows: bool) -> object:
        tried.append(number)
        if number == 2 and tried.count(2) == 1:
            raise MemoryError
        return work_off(self, number, rows=rows)

    monkeypatch.setattr(GridChunks, "work_off", fails_once)
    done = command("sweep", study, "--out", out)
    assert (done.code, "failed" in done.out + done.err) == (0, False)
    assert sorted(tried) == sorted([*range(12), 2])
    assert_whole(out, undisturbed)


def test_shards_in_any_order_and_cut_off_make_the_same_run(tmp_path: Path, command: Command) -> None:
    study, out = study_of(tmp_path), tmp_path / "run"
    assert command("sweep", study, "--out", out, "--shard", "3/5").code == 0
    early = command("merge", out)
    assert early.code == 1
    assert "10 of 12 chunks are missing" in early.err
    for shard in ("5/5", "1/5", "2/5", "4/5"):
        assert f"shard {shard.replace('/', ' of ')}: its" in command("sweep", study, "--out", out, "--shard", shard).out
    assert "`dse merge`" in command("status", out).out
    assert command("merge", out).code == 0
    assert_whole(out, dse.sweep(study, out=tmp_path / "undisturbed").path)
    assert "finished already" in command("merge", out).out
    assert "finished already" in command("sweep", study, "--out", out, "--shard", "1/5").out


def test_shards_of_another_count_are_refused(tmp_path: Path, command: Command) -> None:
    """1/3 and 2/7 of one run were both worked off: most chunks were nobody's, and only `dse merge` said so."""
    study, out = study_of(tmp_path), tmp_path / "run"
    assert command("sweep", study, "--out", out, "--shard", "1/3").code == 0
    before = contents_of(out), (out / "manifest.json").read_bytes()
    mixed = command("sweep", study, "--out", out, "--shard", "2/7")
    assert (mixed.code, mixed.out) == (2, "")
    assert f"error: shard: {out} was begun in 3 shards, got 7; go on with --shard N/3, or without --shard" in mixed.err
    assert (contents_of(out), (out / "manifest.json").read_bytes()) == before
    assert not (out / "_staging").exists()
    for shard in ("2/3", "1/3", "3/3"):
        assert command("sweep", study, "--out", out, "--shard", shard).code == 0
    assert ": all shards are done; `dse merge` makes a run of them\n" in command("status", out).out
    assert command("merge", out).code == 0
    assert_whole(out, dse.sweep(study, out=tmp_path / "undisturbed").path)


def test_a_sweep_makes_up_for_shards_that_are_missing(tmp_path: Path, command: Command) -> None:
    study, out = study_of(tmp_path, SAMPLE), tmp_path / "run"
    assert command("sweep", study, "--out", out, "--shard", "1/2").code == 0
    assert command("sweep", study, "--out", out).code == 0
    assert_whole(out, dse.sweep(study, out=tmp_path / "undisturbed").path)


def test_a_shard_without_chunks_has_nothing_to_do(tmp_path: Path, command: Command) -> None:
    (study := tmp_path / "small.yaml").write_text(SMALL, "utf8")
    done = command("sweep", study, "--out", tmp_path / "run", "--shard", "3/3")
    assert (done.code, done.out) == (0, "shard 3 of 3: nothing to do, there is 1 chunk\n")


@pytest.mark.parametrize("shard", ["0/3", "4/3", "3", "a/b", "1/0", "-1/3", "1/1000000000"])
def test_shards_that_there_are_not(shard: str, tmp_path: Path, command: Command) -> None:
    done = command("sweep", study_of(tmp_path), "--shard", shard)
    assert done.code == 2
    assert f'shard: expected NUMBER/COUNT such as 3/100, from 1 to COUNT of at most 100,000, got "{shard}"' in done.err


def test_a_search_that_has_no_shards(tmp_path: Path, command: Command) -> None:
    study = study_of(tmp_path, ("objectives:", "search: {method: nsga2}\nobjectives:"))
    done = command("sweep", study, "--out", tmp_path / "run", "--shard", "1/2")
    assert done.code == 2
    assert "method nsga2 does not come in shards; grid and sample do" in done.err


def test_progress_for_machines(tmp_path: Path, command: Command) -> None:
    done = command("sweep", study_of(tmp_path), "--out", tmp_path / "run", "--log-json")
    events = [json.loads(line) for line in done.err.splitlines()]
    assert [event["event"] for event in events][-1] == "finished"
    progress = [event for event in events if event["event"] == "progress"]
    assert progress[-1]["designs"] == progress[-1]["of"] == 12 * 450
    bad = command("sweep", study_of(tmp_path, ("node: [7nm, 5nm, 3nm]", "node: 9nm")), "--log-json")
    assert bad.code == 2


@pytest.mark.parametrize("name", ["with spaces and ünïcödé 中文", "a'b\"c 100% {x}"])
def test_directories_with_odd_names(name: str, tmp_path: Path, command: Command) -> None:
    folder = tmp_path / name
    folder.mkdir()
    study = study_of(folder)
    assert command("sweep", study, "--out", folder / "run", "--workers", "2").code == 0
    assert command("verify", folder / "run").code == 0
    assert_whole(folder / "run", dse.sweep(study, out=tmp_path / "undisturbed").path)


@pytest.mark.parametrize(
    "directory", ["/tmp/anywhere", "../up", "runs/../../up", "~/home", "C:\\\\x", "a\\\\..\\\\..\\\\b"]
)
def test_a_study_may_not_write_just_anywhere(directory: str, tmp_path: Path, command: Command) -> None:
    study = study_of(tmp_path, ("output: {dir: runs/small}", f'output: {{dir: "{directory}"}}'))
    done = command("sweep", study)
    assert done.code == 2
    assert "output.dir: expected a directory under the current one, or a URL, got " in done.err
    assert command("sweep", study, "--out", tmp_path / "run").code == 0  # whoever types it may


@pytest.mark.parametrize("name", ["CON", "nul", "com1.x", "x.", "lpt9"])
def test_names_that_some_systems_keep_for_themselves(name: str, tmp_path: Path, command: Command) -> None:
    done = command("check", study_of(tmp_path, ("name: small", f"name: {name}")))
    assert done.code == 2
    assert "name: expected a name that every system takes for a directory" in done.err


@needs_mounts
def test_a_finished_run_that_nobody_may_write_to_is_finished(tmp_path: Path, command: Command) -> None:
    """It said that it cannot write there any more, and that the same command goes on from there."""
    study, out = study_of(tmp_path), tmp_path / "disk" / "run"
    with small_disk(tmp_path / "disk", "50m") as remounted:
        dse.sweep(study, out=out)
        remounted("ro")
        for arguments in (("sweep", study, "--out", out), ("merge", out)):
            again = command(*arguments)
            assert (again.code, again.err) == (0, "")
            assert f"{out} is finished already; nothing was changed" in again.out
        assert "finished already" in command("sweep", study, "--out", out, "--shard", "1/3").out
        assert command("verify", out).code == 0
        new = command("sweep", study, "--out", out.with_name("new"))
        assert (new.code, new.err) == (2, f"error: {out.with_name('new')}: cannot write there: read-only file system\n")
