"""How a Dask cluster is reached: one that runs already, one on this machine, or one of jobs of a queueing system."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from sweeps.engines import EngineError, MissingPackageError
from sweeps.engines.dask import Dask

QUEUES = {"slurm": "SLURM", "lsf": "LSF", "pbs": "PBS", "sge": "SGE"}
"""Queueing systems, and what dask-jobqueue calls them."""

AWAY_S = 60.0
"""How long a cluster may have no workers where nobody says [s]."""

JOB_S = 24 * 3600.0
"""The same where jobs wait in a queue [s]."""

_CONNECT_S = 10
_IGNORE_SIGNALS = "import signal; [signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)]"


@dataclass(frozen=True)
class Tls:
    """Files in PEM: the authority that signed, and a certificate with its key for client, scheduler and workers."""

    ca: str
    cert: str
    key: str

    def security(self) -> Any:
        """Return it as Dask takes it."""
        from distributed import Security

        for file in (self.ca, self.cert, self.key):
            if not os.access(file, os.R_OK):
                raise EngineError(f"tls: cannot read {file}")
        roles = {
            f"tls_{role}_{what}": getattr(self, what)
            for role in ("client", "scheduler", "worker")
            for what in ("cert", "key")
        }
        return Security(tls_ca_file=self.ca, require_encryption=True, **roles)


@dataclass(frozen=True)
class Jobs:
    """Jobs of a queueing system, each with one worker process per core.

    Attributes
    ----------
    kind : str
        Of :data:`QUEUES`.
    jobs, cores : int
        Jobs, and cores of each.
    memory_bytes : float
        Of each job [byte].
    walltime_s : float
        Of each job [s].
    queue, account, interface, logs, python : str or None
        Queue or partition, whom to bill, network interface, directory of the jobs' output, interpreter of the workers.
    directives, prologue : tuple of str
        More directives of the job's header, and lines of shell before the workers start.
    """

    kind: str
    jobs: int
    cores: int
    memory_bytes: float
    walltime_s: float
    queue: str | None = None
    account: str | None = None
    interface: str | None = None
    logs: str | None = None
    python: str | None = None
    directives: tuple[str, ...] = ()
    prologue: tuple[str, ...] = ()

    def script(self, tls: Tls | None) -> str:
        """Return the script of one job; nothing is submitted."""
        import dask_jobqueue

        job = getattr(dask_jobqueue, f"{QUEUES[self.kind]}Cluster").job_cls
        security = None if tls is None else tls.security()
        address = ("tcp" if tls is None else "tls") + "://SCHEDULER:PORT"
        script: str = job(scheduler=address, name="dse", security=security, **self._options(tls)).job_script()
        return script

    def started(self, tls: Tls | None) -> Any:
        """Return the cluster; its jobs are submitted."""
        import dask_jobqueue

        make = getattr(dask_jobqueue, f"{QUEUES[self.kind]}Cluster")
        submit = make.job_cls.submit_command.split()[0]
        if shutil.which(submit) is None:  # dask-jobqueue would try again until the patience ends
            raise OSError(
                f"there is no {submit} on this machine; run it where jobs are submitted, such as a login node"
            )
        security = None if tls is None else tls.security()
        cluster = make(
            security=security, scheduler_options={"dashboard": False, "dashboard_address": None}, **self._options(tls)
        )
        cluster.adapt(minimum_jobs=self.jobs, maximum_jobs=self.jobs)  # a job that ends is submitted again
        return cluster

    def _options(self, tls: Tls | None) -> dict[str, Any]:
        minutes = max(1, int(self.walltime_s // 60))
        time = f"{minutes // 60:02d}:{minutes % 60:02d}"
        billed = "account" if self.kind in ("slurm", "pbs") else "project"
        return {
            "job_name": "dse",
            "cores": self.cores,
            "processes": self.cores,
            "memory": f"{int(self.memory_bytes)} B",
            "walltime": time if self.kind == "lsf" else f"{time}:00",
            "queue": self.queue,
            billed: self.account,
            "interface": self.interface,
            "log_directory": self.logs,
            "python": self.python,
            "job_extra_directives": list(self.directives),
            "job_script_prologue": list(self.prologue),
            "protocol": None if tls is None else "tls://",
        }


def scheduler_engine(address: str, tls: Tls | None, patience_s: float | None) -> Dask:
    """Return the engine of a cluster that runs already, with a scheduler at such as ``tcp://host:8786``."""

    @contextmanager
    def connect() -> Iterator[Any]:
        with _client(address, tls, address) as client:
            yield client

    return Dask(connect, 0, address, AWAY_S if patience_s is None else patience_s)


def local_engine(workers: int, patience_s: float | None) -> Dask:
    """Return the engine of a cluster of so many processes on this machine, which nobody else can reach."""

    @contextmanager
    def connect() -> Iterator[Any]:
        with ExitStack() as stack:
            with _with_extra():
                from distributed import LocalCluster

            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    host="127.0.0.1",
                    dashboard_address=None,
                    scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
                    silence_logs="CRITICAL",
                    preload=[_IGNORE_SIGNALS],
                )
            )
            yield stack.enter_context(_client(cluster, None, "the local cluster"))

    return Dask(connect, workers, "the local cluster", AWAY_S if patience_s is None else patience_s)


def jobs_engine(jobs: Jobs, tls: Tls | None, patience_s: float | None) -> Dask:
    """Return the engine of jobs of a queueing system, which are submitted when it is entered and end with it."""
    where = f"the {jobs.kind} jobs"

    @contextmanager
    def connect() -> Iterator[Any]:
        with ExitStack() as stack:
            with _with_extra():
                import dask_jobqueue  # noqa: F401
            try:
                cluster = stack.enter_context(jobs.started(tls))
            except (OSError, RuntimeError, ValueError) as error:
                raise EngineError(f"{where}: cannot submit them: {error}") from None
            yield stack.enter_context(_client(cluster, tls, where))

    return Dask(connect, jobs.jobs * jobs.cores, where, JOB_S if patience_s is None else patience_s)


def job_script(jobs: Jobs, tls: Tls | None) -> str:
    """Return the script of each job that would be submitted; MissingPackageError without dask-jobqueue."""
    with _with_extra():
        return jobs.script(tls)


@contextmanager
def _with_extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"a Dask cluster needs {error.name}, which is not installed; pip install 'dse[cluster]' brings it"
        ) from None


@contextmanager
def _client(to: Any, tls: Tls | None, where: str) -> Iterator[Any]:
    with _with_extra():
        from distributed import Client
    security = None if tls is None else tls.security()
    with _quiet():
        try:
            client = Client(to, security=security, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise EngineError(f"{where}: cannot connect to a scheduler there: {error}") from None
        try:
            yield client
        finally:
            client.close(timeout=_CONNECT_S)


@contextmanager
def _quiet() -> Iterator[None]:
    """Let Dask log nothing: what goes wrong is told once, by the engine; its client has a level of its own."""
    logs = [logging.getLogger(name) for name in ("distributed", "distributed.client")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)
