"""Section ``execution`` and its flags: what is refused, what a job would look like, jobs that run, and TLS."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path

import pytest
from cluster_work import STEPPED, environment, started
from conftest import Command
from small_run import PATIENCE_S, SMALL, changed, contents_of

import dse
from dse.execution import TLS_FILES, engine_of, with_choices
from dse.runs import Run
from dse.sizes import most_designs
from sweeps.engines import Serial
from sweeps.engines.clusters import Tls
from sweeps.engines.dask import Dask
from sweeps.engines.processes import Processes

JOBS = "{kind: slurm, jobs: 10, cores: 32, memory: 64 GB, walltime: 4 hours, queue: long, account: chips}"


def with_execution(execution: str) -> str:
    return changed(("output: {dir", f"execution: {execution}\noutput: {{dir"))


@pytest.mark.parametrize(
    ("execution", "kind", "workers"),
    [
        ("{}", Serial, 1),
        ("{workers: 3}", Processes, 3),
        ("{engine: dask, workers: 3}", Dask, 3),
        ("{workers: 3, cluster: {kind: local}}", Dask, 3),
        ("{scheduler: tcp://head:8786}", Dask, 0),
        ("{scheduler: 'tcp://[fe80::1]:8786'}", Dask, 0),
        (f"{{cluster: {JOBS}}}", Dask, 320),
    ],
)
def test_a_study_says_who_works_it_off(execution: str, kind: type, workers: int) -> None:
    study = dse.load(with_execution(execution))
    engine = engine_of(study)
    assert isinstance(engine, kind)
    assert engine.workers == workers
    assert dse.load(study.to_yaml()).execution == study.execution
    assert study.digest() == dse.load(SMALL).digest()


@pytest.mark.parametrize(
    ("execution", "told"),
    [
        ("{engine: dusk}", 'execution.engine: expected one of local, dask, got "dusk" (did you mean "dask"?)'),
        ("{engine: local, scheduler: tcp://head:8786}", "engine local has no scheduler"),
        (f"{{scheduler: tcp://head:8786, cluster: {JOBS}}}", "expected a scheduler, or a cluster to start, got both"),
        ("{workers: 2, scheduler: tcp://head:8786}", "a scheduler has its own: leave workers out"),
        ("{scheduler: head}", 'expected the address of a Dask scheduler, such as tcp://host:8786, got "head"'),
        ("{scheduler: 'tcp://'}", 'such as tcp://host:8786, got "tcp://"'),
        ("{scheduler: 'tcp://head:port'}", 'such as tcp://host:8786, got "tcp://head:port"'),
        ("{scheduler: 'tcp://me:s3cr3t@head:8786'}", "got one with a user or a password in it"),
        ("{scheduler: tls://head:8786}", "needs tls: ca, cert and key, or --tls DIR"),
        ("{tls: {ca: a, cert: b, key: c}}", "tls is for a scheduler or a cluster of jobs"),
        ("{scheduler: tls://head:8786, tls: {ca: a, cert: b}}", 'required key "key" is missing'),
        ("{cluster: {kind: slurm, cores: 4}}", "a cluster of kind slurm needs memory of each job"),
        ("{cluster: {kind: local, jobs: 4}}", "takes execution.workers and nothing else; got jobs"),
        ("{cluster: {kind: slurp}}", '(did you mean "slurm"?)'),
        ("{cluster: {kind: kubernetes}}", "start a Dask cluster, and give its address as execution.scheduler"),
        ("{cluster: {kind: slurm, cores: 4, memory: 4}}", "execution.cluster.memory: expected"),
        ("{cluster: {kind: slurm, cores: 4, memory: 4 GB, prologue: [1]}}", "expected a list of lines"),
    ],
)
def test_what_does_not_go_together_is_refused(execution: str, told: str) -> None:
    with pytest.raises(dse.StudyError, match=re.escape(told)) as refused:
        dse.load(with_execution(execution))
    assert "execution" in str(refused.value)


def test_flags_replace_what_the_study_says() -> None:
    study = dse.load(with_execution(f"{{cluster: {JOBS}}}"))
    assert isinstance(engine_of(with_choices(study, engine="local", workers=2)), Processes)
    there = with_choices(study, scheduler="tcp://head:8786").execution
    assert (there.scheduler, there.cluster) == ("tcp://head:8786", None)
    for choices, told in (
        ({"workers": 2}, "a cluster has its own"),
        ({"workers": 0}, "workers: expected at least 1, got 0"),
        ({"engine": "dusk"}, 'did you mean "dask"'),
        ({"scheduler": "head"}, "scheduler: expected the address"),
        ({"scheduler": "tcp://head:8786", "tls": "certificates"}, "begins with tls://"),
    ):
        with pytest.raises(dse.StudyError, match=re.escape(told)):
            with_choices(study, **choices)  # type: ignore[arg-type]


def test_a_grid_may_be_larger_with_more_workers() -> None:
    for execution, shards, most in (
        ("{}", 1, 10**10),
        ("{workers: 4}", 1, 4 * 10**10),
        ("{}", 100, 10**12),
        ("{scheduler: tcp://head:8786}", 1, 10**13),
    ):
        for points, fits in ((most // 10**8, True), (most // 10**8 + 1, False)):
            study = dse.load(
                changed(
                    ("{log: [25 GB/s, 400 GB/s], points: 5}", f"{{log: [25 GB/s, 400 GB/s], points: {points}}}"),
                    ("[2 TFLOP/s, 100 TFLOP/s], points: 5", "[2 TFLOP/s, 100 TFLOP/s], points: 1000"),
                    ("[2 MiB, 8 MiB, 32 MiB]", "{log: [2 MiB, 32 MiB], points: 1000}"),
                    ("[6 GB, 12 GB, 24 GB]", "{log: [6 GB, 24 GB], points: 100}"),
                    ("[0 GB, 128 GB]", "0 GB"),
                    text=with_execution(execution),
                )
            )
            assert (study.grid_size() <= most) == fits
            if fits:
                assert most_designs(study, shards) == most
                continue
            with pytest.raises(dse.StudyError, match=f"method grid evaluates at most {most:,}"):
                most_designs(study, shards)


SCRIPTS = {
    "slurm": """\
#!/usr/bin/env bash

#SBATCH -J dse
#SBATCH -p long
#SBATCH -A chips
#SBATCH -n 1
#SBATCH --cpus-per-task=32
#SBATCH --mem=60G
#SBATCH -t 04:00:00
#SBATCH --exclusive
module load python
python3 -m distributed.cli.dask_worker tcp://SCHEDULER:PORT --name dse --nthreads 1 --memory-limit 1.86GiB \
--nworkers 32 --nanny --death-timeout 60
""",
    "lsf": """\
#!/usr/bin/env bash

#BSUB -J dse
#BSUB -q long
#BSUB -P "chips"
#BSUB -n 32
#BSUB -R "span[hosts=1]"
#BSUB -M 64000000
#BSUB -W 04:00
#BSUB --exclusive
module load python
python3 -m distributed.cli.dask_worker tcp://SCHEDULER:PORT --name dse --nthreads 1 --memory-limit 1.86GiB \
--nworkers 32 --nanny --death-timeout 60
""",
    "pbs": """\
#!/usr/bin/env bash

#PBS -N dse
#PBS -q long
#PBS -A chips
#PBS -l select=1:ncpus=32:mem=60GB
#PBS -l walltime=04:00:00
#PBS --exclusive
module load python
python3 -m distributed.cli.dask_worker tcp://SCHEDULER:PORT --name dse --nthreads 1 --memory-limit 1.86GiB \
--nworkers 32 --nanny --death-timeout 60
""",
    "sge": """\
#!/usr/bin/env bash

#$ -N dse
#$ -q long
#$ -P chips
#$ -l h_rt=04:00:00
#$ -cwd
#$ -j y
#$ --exclusive
module load python
python3 -m distributed.cli.dask_worker tcp://SCHEDULER:PORT --name dse --nthreads 1 --memory-limit 1.86GiB \
--nworkers 32 --nanny --death-timeout 60
""",
}


@pytest.mark.parametrize("kind", list(SCRIPTS))
def test_the_script_of_a_job_is_shown_and_not_submitted(
    kind: str, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")  # there is nothing to submit with
    more = "python: python3, directives: [--exclusive], prologue: [module load python]"
    jobs = JOBS.replace("slurm", kind).replace("}", f", {more}}}")
    (tmp_path / "study.yaml").write_text(with_execution(f"{{cluster: {jobs}}}"), encoding="utf8")
    done = command("sweep", tmp_path / "study.yaml", "--out", tmp_path / "run", "--print-job")
    assert (done.code, done.err) == (0, "")
    assert done.out.strip() == SCRIPTS[kind].strip()
    assert not (tmp_path / "run").exists()


def test_there_is_no_job_to_show_without_a_cluster_of_jobs(study_file: Path, command: Command) -> None:
    done = command("sweep", study_file, "--print-job")
    assert done.code == 2
    assert "--print-job needs a cluster of jobs in the study, such as execution: {cluster: {kind: slurm" in done.err


@pytest.mark.parametrize(
    ("package", "options"),
    [
        ("distributed", ("--engine", "dask")),
        ("distributed", ("--scheduler", "tcp://127.0.0.1:1")),
        ("dask_jobqueue", ()),
        ("dask_jobqueue", ("--print-job",)),
    ],
)
def test_a_missing_package_is_an_error_that_says_how_to_install_it(
    package: str,
    options: tuple[str, ...],
    tmp_path: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It ended with "what is done is kept", though nothing was."""
    (tmp_path / "study.yaml").write_text(with_execution(f"{{cluster: {JOBS}}}") if package != "distributed" else SMALL)
    monkeypatch.setitem(sys.modules, package, None)
    done = command("sweep", tmp_path / "study.yaml", "--out", tmp_path / "run", *options)
    said = f"a Dask cluster needs {package}, which is not installed; pip install 'dse[cluster]' brings it"
    assert (done.code, done.out, done.err) == (2, "", f"error: {said}\n")
    assert not (tmp_path / "run").exists()


SBATCH = """#!/bin/bash
# A queue of one machine: the job starts at once, and says so as SLURM does.
cp "$1" "$(dirname "$0")/script"  # whoever submits it removes it then
setsid bash "$(dirname "$0")/script" > /dev/null 2>&1 &
echo $! >> "$(dirname "$0")/jobs"
echo "Submitted batch job $!"
"""
SCANCEL = '#!/bin/bash\nkill -- "-$1" 2> /dev/null; echo "$1" >> "$(dirname "$0")/cancelled"\n'


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of SLURM's programs, which are ours here and do what they promise; all else is real."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    monkeypatch.chdir(tmp_path)
    return tools


@pytest.mark.usefixtures("no_pictures")
def test_a_job_that_ends_is_submitted_again(queue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only job ends early, as at its wall time: the run would wait for workers until its patience ends."""
    monkeypatch.setattr("sweeps.chunks.CHUNK_POINTS", 1)
    monkeypatch.setattr("sweeps.engines.dask._TASK_S", 0.0)
    monkeypatch.setattr("sweeps.run._LEAST_PROGRESS_S", 0.0)
    jobs = "{kind: slurm, jobs: 1, cores: 1, memory: 2 GB, interface: lo}"
    study = STEPPED + f"execution: {{patience: {PATIENCE_S} s, cluster: {jobs}}}\n"
    ended: list[int] = []

    def end_the_job(*counts: int) -> None:
        if not ended:
            ended.append(int((queue / "jobs").read_text().split()[0]))
            os.killpg(ended[0], signal.SIGKILL)

    run = dse.sweep(study, out="run", progress=end_the_job)
    submitted = (queue / "jobs").read_text().split()
    assert len(submitted) >= 2
    assert int(submitted[0]) == ended[0]
    assert contents_of(run.path) == contents_of(dse.sweep(STEPPED, out="alone").path)


@pytest.mark.usefixtures("no_pictures")
def test_a_run_submits_jobs_and_ends_them(queue: Path, small_run: Run) -> None:
    jobs = "{kind: slurm, jobs: 1, cores: 2, memory: 2 GB, interface: lo}"
    run = dse.sweep(with_execution(f"{{patience: {PATIENCE_S} s, cluster: {jobs}}}"), out="run")
    assert contents_of(run.path) == contents_of(small_run.path)
    assert run.manifest["workers"] == 2
    assert (queue / "jobs").read_text() == (queue / "cancelled").read_text()


def test_jobs_without_a_queueing_system_are_refused_at_once(
    command: Command, study_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It printed tracebacks and waited a day for jobs that nobody had submitted."""
    monkeypatch.setattr("shutil.which", lambda name: None)
    jobs = "{kind: slurm, jobs: 1, cores: 2, memory: 2 GB, interface: lo}"
    study_file.write_text(with_execution(f"{{cluster: {jobs}}}"))
    done = command("sweep", study_file)
    assert done.code == 1
    assert "the slurm jobs: cannot submit them: there is no sbatch on this machine" in done.err


def certificates(folder: Path, name: str) -> Path:
    """A directory with an authority's certificate, and one with its key that it signed: itself."""
    from distributed import Security

    made = Security.temporary()
    folder = folder / name
    folder.mkdir()
    for file, text in (
        ("ca.pem", made.tls_ca_file),
        ("cert.pem", made.tls_client_cert),
        ("key.pem", made.tls_client_key),
    ):
        (folder / file).write_text(text)
    return folder


@pytest.mark.usefixtures("no_pictures")
def test_traffic_is_encrypted_and_strangers_are_refused(
    tmp_path: Path, small_run: Run, study_file: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeps.engines.clusters._CONNECT_S", 60)  # the machine may be busy
    mine, others = certificates(tmp_path, "mine"), certificates(tmp_path, "others")
    options = [f"--tls-{what}={mine / file}" for what, file in (("ca-file", "ca.pem"), ("cert", "cert.pem"))]
    with started(tmp_path / "cluster", 1, [*options, f"--tls-key={mine / 'key.pem'}"], scheme="tls") as cluster:
        assert cluster.address.startswith("tls://127.0.0.1:")
        files = (str(mine / name) for name in TLS_FILES)
        assert Tls(*files).security().require_encryption  # no scheduler may talk it into less
        run = dse.sweep(study_file, out=tmp_path / "run", scheduler=cluster.address, tls=mine)
        assert contents_of(run.path) == contents_of(small_run.path)
        monkeypatch.setattr("sweeps.engines.clusters._CONNECT_S", 2)  # those who will not get in
        secret = (mine / "key.pem").read_text().splitlines()[1]
        assert not [path for path in run.path.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
        for address, tls, told in (
            (cluster.address, others, "cannot connect to a scheduler there"),
            (cluster.address.replace("tls", "tcp"), None, "cannot connect to a scheduler there"),
            (cluster.address, tmp_path / "none", "tls: cannot read"),
        ):
            given = () if tls is None else ("--tls", tls)
            done = command("sweep", study_file, "--out", tmp_path / "no", "--scheduler", address, *given)
            assert done.code == 1
            assert told in done.err
            assert secret not in done.err
