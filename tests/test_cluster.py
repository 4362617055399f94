"""A run on a real Dask cluster: the same bytes as in one process, whatever dies while it is under way."""

from __future__ import annotations

import json
import logging
import os
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cluster_work import STEPPED, STEPS, PoisonChunks, Square, Started, environment, started
from conftest import Command
from small_run import PATIENCE_S, changed, contents_of

import dse
from dse.errors import OutputError, RunError
from dse.run_files import PartWriter
from dse.runs import Run
from results.journal import read_journals
from results.run_paths import RunPaths
from sweeps.box_questions import Asked
from sweeps.engines import EngineError, WorkerDiedError, never
from sweeps.engines.clusters import local_engine, scheduler_engine
from sweeps.engines.processes import Processes

pytestmark = pytest.mark.usefixtures("no_pictures", "chunk_by_chunk")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """A scheduler and two worker processes."""
    with started(tmp_path_factory.mktemp("cluster"), 2) as cluster:
        cluster.wait_for(2)
        yield cluster


@pytest.fixture
def chunk_by_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every scenario be a chunk, and every chunk a task."""
    monkeypatch.setattr("sweeps.chunks.CHUNK_POINTS", 1)
    monkeypatch.setattr("sweeps.engines.dask._TASK_S", 0.0)
    monkeypatch.setattr("sweeps.engines.clusters._CONNECT_S", 60)  # the machine may be busy
    monkeypatch.setattr("sweeps.run._LEAST_PROGRESS_S", 0.0)
    monkeypatch.setattr("sweeps.run._PROGRESS_SHARE", 0)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The stepped study, run in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sweeps.chunks.CHUNK_POINTS", 1)
        patch.setattr("dse.pictures.draw", lambda run: [])
        return dse.sweep(STEPPED, out=tmp_path_factory.mktemp("alone") / "run")


def no_leftovers(run: Path) -> None:
    assert not [path for path in run.rglob("*") if path.name.startswith((".", "_")) or path.name.endswith(".lock")]


def test_the_cluster_writes_the_bytes_of_one_process(cluster: Started, alone: Run, tmp_path: Path) -> None:
    run = dse.sweep(STEPPED, out=tmp_path / "run", scheduler=cluster.address)
    assert len(run.paths.parts()) == STEPS
    assert contents_of(run.path) == contents_of(alone.path)
    no_leftovers(run.path)


def test_a_worker_killed_mid_run_costs_nothing(cluster: Started, alone: Run, tmp_path: Path) -> None:
    victims = list(cluster.pids().values())[:1]

    def kill(*counts: int) -> None:
        while victims:
            os.kill(victims.pop(), signal.SIGKILL)

    run = dse.sweep(STEPPED, out=tmp_path / "run", scheduler=cluster.address, progress=kill)
    assert not victims
    assert contents_of(run.path) == contents_of(alone.path)
    no_leftovers(run.path)
    cluster.wait_for(2)


CLIENT = """
import os, signal, sys
import dse, dse.pictures, sweeps.chunks, sweeps.engines.dask, sweeps.run
dse.pictures.draw = lambda run: []
sweeps.chunks.CHUNK_POINTS = 1
sweeps.engines.dask._TASK_S = sweeps.run._LEAST_PROGRESS_S = sweeps.run._PROGRESS_SHARE = 0
if __name__ == "__main__":
    study, out, address, number = sys.argv[1:]
    calls = []
    def progress(*counts):
        calls.append(counts)
        if len(calls) == 3:
            os.kill(os.getpid(), int(number))
    try:
        dse.sweep(study, out=out, scheduler=address, progress=progress)
    except dse.DseError as error:
        print(error)
        sys.exit(error.exit_code)
"""


def client(cluster: Started, folder: Path, number: int) -> subprocess.CompletedProcess[str]:
    """A process that runs the study on a cluster until it sends itself a signal."""
    (folder / "study.yaml").write_text(STEPPED, encoding="utf8")
    command = [sys.executable, "-c", CLIENT, str(folder / "study.yaml"), "run", cluster.address, str(number)]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=PATIENCE_S)


def test_a_client_killed_mid_run_is_gone_on_with(cluster: Started, alone: Run, tmp_path: Path) -> None:
    done = client(cluster, tmp_path, signal.SIGKILL)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (tmp_path / "run" / "front.parquet").exists()
    run = dse.sweep(tmp_path / "study.yaml", out=tmp_path / "run", scheduler=cluster.address)
    assert contents_of(run.path) == contents_of(alone.path)
    no_leftovers(run.path)


def test_sigterm_lets_the_chunks_under_way_end(cluster: Started, alone: Run, tmp_path: Path) -> None:
    done = client(cluster, tmp_path, signal.SIGTERM)
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert "stopped by SIGTERM" in done.stdout
    noted = [record for record in read_journals(RunPaths(tmp_path / "run").journals()).records if "chunk" in record]
    assert 3 <= len(noted) < STEPS
    run = dse.sweep(tmp_path / "study.yaml", out=tmp_path / "run", workers=1)  # and in this process
    assert contents_of(run.path) == contents_of(alone.path)


def test_a_chunk_that_kills_workers_is_given_up_after_two(
    cluster: Started, alone: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    monkeypatch.setattr("dse.chunked_runs._chunks_of", lambda job: PoisonChunks(job.problem, 1, notes=str(notes)))
    with pytest.raises(RunError, match=r"chunk 5 failed twice .points 2,250 to 2,699.: both workers"):
        dse.sweep(STEPPED, out=tmp_path / "run", scheduler=cluster.address)
    assert len(list(notes.iterdir())) == 2
    parts = {name: digest for name, digest in contents_of(alone.path).items() if name.startswith("designs/")}
    del parts["designs/part-000005.parquet"]
    there = {name: digest for name, digest in contents_of(tmp_path / "run").items() if name.startswith("designs/")}
    assert there == parts
    monkeypatch.undo()
    cluster.wait_for(2)


def test_failures_stay_with_their_piece_and_deaths_too() -> None:
    work = Square(fails=frozenset({3}), kills=frozenset({7}))
    with local_engine(2, None) as engine:
        found = {outcome.piece: outcome for outcome in engine.outcomes(work, range(40), never)}
        again = [outcome.result for outcome in engine.outcomes(work, [4], never)]
    assert {n: outcome.result for n, outcome in found.items() if outcome.error is None} == {
        n: n * n for n in range(40) if n not in (3, 7)
    }
    assert isinstance(found[3].error, ValueError)
    assert isinstance(found[7].error, WorkerDiedError)
    assert again == [16]


def test_dask_logs_nothing_beside_the_messages_of_the_engine() -> None:
    """Its client has a level of its own, and wrote of a scheduler it lost into the lines of ``--log-json``."""
    log = logging.getLogger("distributed.client")
    with local_engine(1, None):
        assert not log.isEnabledFor(logging.ERROR)
    assert log.isEnabledFor(logging.ERROR)


def test_no_workers_is_an_error_after_some_patience(tmp_path: Path) -> None:
    with (
        started(tmp_path / "empty", 0) as empty,
        scheduler_engine(empty.address, None, 0.5) as engine,
        pytest.raises(EngineError, match=r"^tcp://127\.0\.0\.1:\d+: no worker for 0\.5 s"),
    ):
        list(engine.outcomes(Square(), range(4), never))


def test_a_scheduler_that_dies_ends_the_run_and_what_is_done_is_kept(
    alone: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeps.engines.clusters._CONNECT_S", 10)  # so long it tries to find the scheduler again
    with started(tmp_path / "mortal", 1) as mortal:
        mortal.wait_for(1)

        def kill(done: int, *counts: int) -> None:
            if done >= 3 * 450 and mortal.scheduler.poll() is None:
                mortal.scheduler.kill()

        with pytest.raises(RunError, match=r"the scheduler is gone.*what is done is kept"):
            dse.sweep(STEPPED, out=tmp_path / "run", scheduler=mortal.address, progress=kill)
    assert len(RunPaths(tmp_path / "run").parts()) >= 3
    run = dse.sweep(STEPPED, out=tmp_path / "run")
    assert contents_of(run.path) == contents_of(alone.path)


def test_workers_with_another_installation_are_refused(
    cluster: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sweeps.engines.installed import installed

    monkeypatch.setattr("sweeps.engines.dask.installed", lambda: {**installed(), "pyarrow": "1.0"})
    with pytest.raises(RunError, match=r"worker tcp://\S+ has another installation: pyarrow \d\S+, here 1\.0"):
        dse.sweep(STEPPED, out=tmp_path / "run", scheduler=cluster.address)


def test_nobody_at_the_address_is_an_error(
    command: Command, study_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeps.engines.clusters._CONNECT_S", 1)
    done = command("sweep", study_file, "--out", tmp_path / "run", "--scheduler", "tcp://127.0.0.1:1")
    assert done.code == 1
    assert "tcp://127.0.0.1:1: cannot connect to a scheduler there" in done.err
    assert "what is done is kept" not in done.err  # nothing is
    assert not (tmp_path / "run").exists()


def test_a_directory_that_workers_do_not_see_is_an_error(alone: Run, tmp_path: Path) -> None:
    writer = PartWriter(alone.problem, RunPaths(tmp_path / "elsewhere"), {}, "this run")
    with pytest.raises(OutputError, match="does not see this directory"):
        pickle.loads(pickle.dumps(writer))(0, {})


def test_a_worker_that_outlives_its_run_leaves_the_next_one_alone(alone: Run, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(alone.path, run)
    before = contents_of(run)
    left = PartWriter(alone.problem, RunPaths(run), {}, "an earlier run")
    with pytest.raises(OutputError, match="holds another run now; this one's part 0 is not written"):
        left(0, alone.problem.table(np.arange(4)))
    assert contents_of(run) == before


EXACT = changed(
    ("{log: [25 GB/s, 400 GB/s], points: 5}", "{log: [25 GB/s, 400 GB/s], points: 24}"),
    ("{log: [2 TFLOP/s, 100 TFLOP/s], points: 5}", "{log: [2 TFLOP/s, 100 TFLOP/s], points: 24}"),
    ("[2 MiB, 8 MiB, 32 MiB]", "{log: [2 MiB, 128 MiB], points: 16}"),
    ("output: {dir: runs/small}", "search: {method: exact}"),
)


def files(run: Path) -> dict[str, str]:
    """Digests of what a run writes, but for what tells of its time."""
    return contents_of(run) | {"certificate": json.dumps(json.loads((run / "certificate.json").read_text()))}


def test_an_exact_search_proves_the_same_with_processes_that_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = dse.sweep(EXACT, out=tmp_path / "alone")
    monkeypatch.setattr("sweeps.box_questions._WARM_S", 0.0)
    monkeypatch.setattr("sweeps.box_questions._WORTH_S", 1e-6)
    asked: list[Asked] = []
    monkeypatch.setattr("sweeps.exact.Asked", lambda *given: asked.append(Asked(*given)) or asked[-1])
    spread = dse.sweep(EXACT, out=tmp_path / "spread", workers=2)
    assert sum(one.sent for one in asked) > 50
    assert files(spread.path) == files(alone.path)


UNCERTAIN = changed(("output: {dir: runs/small}", "uncertainty: {samples: 64, seed: 3}"))


def test_samples_of_constants_come_to_the_same_with_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = dse.sweep(UNCERTAIN, out=tmp_path / "alone")
    assert "uncertainty.parquet" in contents_of(alone.path)
    monkeypatch.setattr("sweeps.uncertainty.WORTH_SENDING", 1)
    monkeypatch.setattr("sweeps.uncertainty.BLOCK_BYTES", 64 * 2**10)
    sent: list[object] = []
    outcomes = Processes.outcomes
    monkeypatch.setattr(
        Processes,
        "outcomes",
        lambda self, work, pieces, stop: sent.extend(pieces) or outcomes(self, work, pieces, stop),
    )
    spread = dse.sweep(UNCERTAIN, out=tmp_path / "spread", workers=2)
    assert {piece[0] for piece in sent if isinstance(piece, tuple)} == {"samples", "designs"}
    assert len(sent) > 8
    assert contents_of(spread.path) == contents_of(alone.path)


SAMPLED = STEPPED + "search: {method: sample, n: 3000}\n"


def test_a_sample_has_the_bytes_of_one_process(
    cluster: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeps.chunks.CHUNK_POINTS", 200)
    alone = dse.sweep(SAMPLED, out=tmp_path / "alone")
    assert len(alone.paths.parts()) > 10
    run = dse.sweep(SAMPLED, out=tmp_path / "run", scheduler=cluster.address)
    assert contents_of(run.path) == contents_of(alone.path)


def test_an_older_processor_writes_the_same_bytes(alone: Run, tmp_path: Path) -> None:
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    off = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
    if not off:
        pytest.skip("NumPy uses no features of this processor that it could do without")
    code = (
        "import sys, dse, dse.pictures, sweeps.chunks; dse.pictures.draw = lambda run: []; "
        "from numpy._core._multiarray_umath import __cpu_features__ as on; sweeps.chunks.CHUNK_POINTS = 1; "
        "assert not any(on[name] for name in sys.argv[2].split()); dse.sweep(sys.argv[1], out='run')"
    )
    environ = {**environment(), "NPY_DISABLE_CPU_FEATURES": " ".join(off)}
    (tmp_path / "study.yaml").write_text(STEPPED, encoding="utf8")
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "study.yaml"), " ".join(off)],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert contents_of(tmp_path / "run") == contents_of(alone.path)
