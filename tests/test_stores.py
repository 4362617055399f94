"""Runs in a store: a real S3 server on loopback, with its kills, its bad answers and its locks."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from conftest import Command
from small_run import PATIENCE_S, changed

import dse
from results.object_lock import LockedError
from results.places import place
from results.run_paths import RunPaths

KILLED = """
import sys, time
import dse, dse.chunk_journal, dse.pictures, sweeps.chunks
from sweeps.chunks import Work
dse.pictures.draw = lambda run: []
sweeps.chunks.CHUNK_POINTS = 40
dse.chunk_journal.FLUSH_REMOTE_S = 0.0
at_once = Work.__call__
Work.__call__ = lambda self, number: time.sleep(10**6) if number == 5 else at_once(self, number)
dse.sweep(sys.argv[1], out=sys.argv[2])
"""


@dataclass
class Server:
    """An S3 server that answers 500 to what it is told to."""

    fs: Any = None
    refused: str = ""
    failures: int = 0
    seen: list[str] = field(default_factory=list)

    def fail(self, part: str, times: int) -> None:
        """Answer 500 to so many requests that write to a path with this part."""
        self.refused, self.failures = part, times

    def wrapped(self, app: Any) -> Any:
        def answer(environ: dict[str, Any], start_response: Any) -> Any:
            if environ["REQUEST_METHOD"] == "PUT" and self.failures > 0 and self.refused in environ["PATH_INFO"]:
                self.failures -= 1
                self.seen.append(environ["PATH_INFO"])
                environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                start_response("500 Internal Server Error", [("Content-Type", "text/plain"), ("Content-Length", "0")])
                return [b""]
            return app(environ, start_response)

        return answer


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    shop = Server()
    http = make_server("127.0.0.1", 0, shop.wrapped(DomainDispatcherApplication(create_backend_app)), threaded=True)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    patch = pytest.MonkeyPatch()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{http.server_port}",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "s3cr3t-of-nobody",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "4",
    }.items():
        patch.setenv(name, value)
    import s3fs

    shop.fs = s3fs.S3FileSystem(use_listings_cache=False)
    shop.fs.mkdir("runs")
    try:
        yield shop
    finally:
        patch.undo()
        http.shutdown()


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study of 12 chunks."""
    monkeypatch.setattr("sweeps.chunks.CHUNK_POINTS", 40)
    monkeypatch.setattr("dse.pictures.draw", lambda run: [])
    path = tmp_path / "study.yaml"
    changes = ("node: 5nm", "node: [7nm, 5nm, 3nm]"), ("batch: 1", "batch: [1, 2, 4, 8]")
    path.write_text(changed(*changes), encoding="utf8")
    return path


def parquet_in(server: Server, folder: str) -> dict[str, bytes]:
    files = server.fs.find(folder)
    return {name.removeprefix(f"{folder}/"): server.fs.cat_file(name) for name in files if name.endswith(".parquet")}


def parquet_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.parquet")}


def assert_whole(server: Server, url: str, study: Path, tmp_path: Path) -> None:
    folder = url.removeprefix("s3://")
    assert parquet_in(server, folder) == parquet_of(dse.sweep(study, out=tmp_path / "undisturbed").path)
    left = [name for name in server.fs.find(folder) if ".lock" in name or "_staging" in name]
    assert not left


@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_bytes_as_on_a_disk(
    workers: int, server: Server, study: Path, tmp_path: Path, command: Command
) -> None:
    url = f"s3://runs/with a space/{workers}"
    assert command("sweep", study, "--out", url, "--workers", workers).code == 0
    assert_whole(server, url, study, tmp_path)
    assert "finished already" in command("sweep", study, "--out", url).out
    local = dse.open_run(tmp_path / "undisturbed")
    assert dse.open_run(url).front().equals(local.front())
    assert command("front", url).out == command("front", local.path).out
    assert f"{url}: 13 files are what was written" in command("verify", url).out
    assert "finished" in command("status", url).out


def test_other_searches_and_shards(server: Server, study: Path, tmp_path: Path, command: Command) -> None:
    searching = study.with_name("exact.yaml")
    searching.write_text(study.read_text().replace("objectives:", "search: {method: exact}\nobjectives:"))
    assert command("sweep", searching, "--out", "s3://runs/exact").code == 0
    assert_whole(server, "s3://runs/exact", searching, tmp_path / "exact")
    assert command("certify", "s3://runs/exact").code == 0
    for shard in ("2/2", "1/2"):
        assert command("sweep", study, "--out", "s3://runs/shards", "--shard", shard).code == 0
    assert command("merge", "s3://runs/shards").code == 0
    assert_whole(server, "s3://runs/shards", study, tmp_path)


def test_a_killed_run_goes_on(
    server: Server, study: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "s3://runs/killed"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(study), url], env=dict(os.environ))
    end = time.monotonic() + PATIENCE_S
    while len(server.fs.glob("runs/killed/journal/*.jsonl")) < 3 and time.monotonic() < end:
        time.sleep(0.05)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    second = command("sweep", study, "--out", url)
    assert second.code == 1  # its lock looks alive for a while: no system takes it back
    assert f"{url}: process {process.pid} on this machine is working on it, or died less than 90 s ago" in second.err
    monkeypatch.setattr("results.object_lock.STALE_S", -1.0)
    assert command("sweep", study, "--out", url).code == 0
    assert_whole(server, url, study, tmp_path)


def test_a_server_that_answers_500_now_and_then_is_asked_again(
    server: Server, study: Path, tmp_path: Path, command: Command
) -> None:
    server.fail("part-000004", 2)
    assert command("sweep", study, "--out", "s3://runs/flaky").code == 0
    assert server.failures == 0
    assert_whole(server, "s3://runs/flaky", study, tmp_path)


def test_a_server_that_answers_500_for_good_is_a_message_and_costs_nothing(
    server: Server, study: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dse.chunk_journal.FLUSH_REMOTE_S", 0.0)
    server.fail("part-000004", 10**9)
    done = command("sweep", study, "--out", "s3://runs/broken")
    assert done.code == 1
    assert "s3://runs/broken: cannot write there any more: " in done.err
    assert "what is done is kept, the same command goes on from there" in done.err
    assert "s3cr3t" not in done.err
    server.fail("", 0)
    assert "cut off" in command("status", "s3://runs/broken").out
    assert command("sweep", study, "--out", "s3://runs/broken").code == 0
    assert_whole(server, "s3://runs/broken", study, tmp_path)


def test_a_lock_in_a_store_keeps_others_out_and_goes_when_its_block_ends(server: Server) -> None:
    from results.lock import is_locked, locked

    paths = RunPaths(place("s3://runs/locked"))
    with locked(paths.lock):
        assert is_locked(paths.lock)
        for shared in (False, True):
            with (
                pytest.raises(LockedError, match=f"process {os.getpid()} on this machine"),
                locked(paths.lock, shared=shared),
            ):
                pass
    assert not is_locked(paths.lock)
    with locked(paths.lock, shared=True), locked(paths.lock, shared=True):
        pass


def test_a_lock_in_a_store_is_kept_young(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    from results.lock import locked

    monkeypatch.setattr("results.object_lock.BEAT_S", 0.05)
    lock = RunPaths(place("s3://runs/young")).lock
    with locked(lock):
        began, end = server.fs.modified("runs/young/run.lock"), time.monotonic() + PATIENCE_S
        while server.fs.modified("runs/young/run.lock") == began and time.monotonic() < end:
            time.sleep(0.05)
        assert server.fs.modified("runs/young/run.lock") > began


def test_credentials_are_in_no_file(server: Server, study: Path, command: Command) -> None:
    assert command("sweep", study, "--out", "s3://runs/secret").code == 0
    for name in server.fs.find("runs/secret"):
        assert b"s3cr3t" not in server.fs.cat_file(name)


@pytest.mark.parametrize(
    "url, message",
    [
        ("s3://no-such-bucket-at-all/x", "s3://no-such-bucket-at-all/x: cannot write there: "),
        ("nosuch://bucket/x", "nosuch://bucket/x: "),
        ("ftp://me:s3cr3t@127.0.0.1:1/x", "a URL with a user or a password in it would be shown and kept"),
        ("s3://me:s3cr3t@runs/x", "a URL with a user or a password in it would be shown and kept"),
    ],
)
def test_stores_that_there_are_not(url: str, message: str, server: Server, study: Path, command: Command) -> None:
    done = command("sweep", study, "--out", url)
    assert done.code == 2
    assert message in done.err
    opened = command("front", url)
    assert opened.code in (1, 2)
    for told in (done.err, opened.err):
        assert "Traceback" not in told
        assert "s3cr3t" not in told
