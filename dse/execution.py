"""How a study is worked off: the engine that its ``execution`` section and the command line ask for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dse.errors import RunError, StudyError, did_you_mean, shown
from dse.study_execution import DEFAULT_WALLTIME_S, ENGINES, MOST_WORKERS, TlsFiles, address, check_together
from dse.study_hardware import beside
from sweeps.engines import Engine, EngineError, MissingPackageError, Serial, WorkerDiedError

if TYPE_CHECKING:
    from dse.study import Study
    from sweeps.engines.clusters import Jobs, Tls

TLS_FILES = ("ca.pem", "cert.pem", "key.pem")
"""What a directory given as ``--tls`` holds."""


def with_choices(
    study: Study,
    *,
    engine: str | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    tls: str | Path | None = None,
) -> Study:
    """Return a study with what the caller says about its execution in place of what the study says.

    Parameters
    ----------
    study : Study
    engine : {"local", "dask"}, optional
        ``local`` also puts a scheduler or a cluster of the study aside.
    workers : int, optional
        Processes of this machine.
    scheduler : str, optional
        Address of a Dask scheduler; puts a cluster of the study aside.
    tls : path, optional
        Directory with ``ca.pem``, ``cert.pem`` and ``key.pem``.

    Raises
    ------
    StudyError
        If they are not allowed, or do not go together.
    """
    told: dict[str, object] = {}
    if engine is not None:
        if engine not in ENGINES:
            raise StudyError(f"engine: expected local or dask, got {shown(engine)}{did_you_mean(engine, ENGINES)}")
        told |= {"engine": engine}
        if engine == "local":
            told |= {"scheduler": None, "cluster": None, "tls": None}
    if workers is not None:
        if not 1 <= workers <= MOST_WORKERS:
            bound = "at least 1" if workers < 1 else f"at most {MOST_WORKERS}"
            raise StudyError(f"workers: expected {bound}, got {workers}")
        told |= {"workers": workers}
    if scheduler is not None:
        try:
            told |= {"scheduler": address(scheduler), "cluster": None}
        except ValueError as error:
            raise StudyError(f"scheduler: {error}") from None
    if tls is not None:
        files = (str(Path(tls).absolute() / name) for name in TLS_FILES)
        told |= {"tls": TlsFiles.model_construct(None, **dict(zip(("ca", "cert", "key"), files, strict=True)))}
    execution = study.execution.model_copy(update=told)
    try:
        check_together(execution)
    except ValueError as error:
        raise StudyError(f"execution: {error}") from None
    return replace(study, execution=execution)


def engine_of(study: Study) -> Engine:
    """Return the engine of a study; nothing is started before it is entered."""
    wanted = study.execution
    if wanted.scheduler is None and wanted.cluster is None and wanted.engine != "dask":
        if wanted.workers == 1:
            return Serial()
        from sweeps.engines.processes import Processes

        return Processes(wanted.workers)
    from sweeps.engines import clusters

    if wanted.scheduler is not None:
        return clusters.scheduler_engine(wanted.scheduler, _tls(study), wanted.patience)
    if wanted.cluster is None or wanted.cluster.kind == "local":
        return clusters.local_engine(wanted.workers, wanted.patience)
    return clusters.jobs_engine(_jobs(study), _tls(study), wanted.patience)


@contextmanager
def entered(engine: Engine) -> Iterator[None]:
    """Keep an engine ready while the block runs.

    Raises
    ------
    StudyError
        If it needs a package that is not installed.
    RunError
        If the engine cannot begin, or cannot go on.
    """
    begun = False
    try:
        with engine:
            begun = True
            yield
    except MissingPackageError as error:
        raise StudyError(str(error)) from None
    except (EngineError, WorkerDiedError) as error:
        kept = "; what is done is kept, the same command goes on from there" if begun else ""
        raise RunError(f"{error}{kept}") from None


def job_script(study: Study) -> str:
    """Return the script of each job that running a study would submit.

    Raises
    ------
    StudyError
        If it has no cluster of jobs, or without the packages that this needs.
    RunError
        Without the files of its TLS.
    """
    from sweeps.engines.clusters import QUEUES, job_script

    cluster = study.execution.cluster
    if cluster is None or cluster.kind == "local":
        raise StudyError(
            "--print-job needs a cluster of jobs in the study, such as execution: {cluster: {kind: slurm, jobs: 10, "
            f"cores: 32, memory: 64 GB, walltime: 4 hours}}}}; kinds: {', '.join(QUEUES)}",
            path=study.source_path,
            key="execution.cluster",
        )
    try:
        return job_script(_jobs(study), _tls(study))
    except MissingPackageError as error:
        raise StudyError(str(error)) from None
    except EngineError as error:
        raise RunError(str(error)) from None


def _jobs(study: Study) -> Jobs:
    from sweeps.engines.clusters import Jobs

    given = study.execution.cluster
    assert given is not None
    assert given.cores is not None  # both are checked on reading
    assert given.memory is not None
    return Jobs(
        kind=given.kind,
        jobs=given.jobs or 1,
        cores=given.cores,
        memory_bytes=given.memory,
        walltime_s=given.walltime or DEFAULT_WALLTIME_S,
        queue=given.queue,
        account=given.account,
        interface=given.interface,
        logs=given.logs,
        python=given.python,
        directives=given.directives,
        prologue=given.prologue,
    )


def _tls(study: Study) -> Tls | None:
    from sweeps.engines.clusters import Tls

    given = study.execution.tls
    return None if given is None else Tls(*(beside(file, study.base_dir) for file in (given.ca, given.cert, given.key)))
