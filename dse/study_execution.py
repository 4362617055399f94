"""Section ``execution`` of a study: who works it off. Nothing in it decides what comes out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import model_validator

from dse.errors import shown
from dse.study_part import Part
from dse.study_rules import Choice, Context, Quantity, Rule, Text, Whole
from dse.units import parse_quantity

ENGINES = ("local", "dask")
KINDS = ("local", "slurm", "lsf", "pbs", "sge")
MOST_WORKERS = 4096
MOST_JOBS = 4096
_ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9A-Fa-f:.]+\]|[^\s/:@\[\]]+)(:[0-9]{1,5})?/?")
MOST_LINES = 100


@dataclass(frozen=True)
class ShellLines(Rule):
    """Lines for a job's script."""

    scalar = False

    def _clean(self, value: object, context: Context) -> tuple[str, ...]:
        good = isinstance(value, list | tuple) and len(value) <= MOST_LINES
        lines = tuple(value) if isinstance(value, list | tuple) and good else ()
        if not good or not all(isinstance(line, str) and line.strip() and line.isprintable() for line in lines):
            raise ValueError(f"expected a list of lines, such as [module load python], got {shown(value)}")
        return lines


@dataclass(frozen=True)
class Kind(Choice):
    """A kind of cluster."""

    def _clean(self, value: object, context: Context) -> str:
        if value == "kubernetes":
            raise ValueError(
                f"expected one of {', '.join(self.words)}, got {shown(value)}; on Kubernetes start a Dask cluster, and "
                "give its address as execution.scheduler"
            )
        return super()._clean(value, context)


@dataclass(frozen=True)
class Address(Rule):
    """Where a Dask scheduler listens."""

    optional: bool = True

    def _clean(self, value: object, context: Context) -> str:
        return address(value)


def address(value: object) -> str:
    """Return the address of a scheduler; ValueError if it is none."""
    if not isinstance(value, str) or len(value) > 4096 or not (value.isprintable() and _ADDRESS.fullmatch(value)):
        got = "one with a user or a password in it" if isinstance(value, str) and "@" in value else shown(value)
        raise ValueError(f"expected the address of a Dask scheduler, such as tcp://host:8786, got {got}")
    return value


class Cluster(Part):
    """Jobs of a queueing system, one worker process per core; or processes of this machine."""

    kind: Annotated[str, Kind(KINDS)]
    jobs: Annotated[int | None, Whole(1, MOST_JOBS, optional=True)] = None
    cores: Annotated[int | None, Whole(1, MOST_WORKERS, optional=True)] = None
    memory: Annotated[float | None, Quantity("byte", optional=True)] = None
    walltime: Annotated[float | None, Quantity("second", optional=True)] = None
    queue: Annotated[str | None, Text("the name of a queue", most=200)] = None
    account: Annotated[str | None, Text("whom to bill", most=200)] = None
    #: network interface that the nodes see each other through
    interface: Annotated[str | None, Text("a network interface, such as ib0", most=80)] = None
    #: directory for what the jobs print
    logs: Annotated[str | None, Text()] = None
    #: interpreter of the workers; default that of this process
    python: Annotated[str | None, Text("the path of a Python interpreter")] = None
    directives: Annotated[tuple[str, ...], ShellLines()] = ()
    prologue: Annotated[tuple[str, ...], ShellLines()] = ()

    @model_validator(mode="after")
    def _keys_of_the_kind(self) -> Cluster:
        given = [key for key in type(self).model_fields if key != "kind" and getattr(self, key) not in (None, ())]
        if self.kind == "local" and given:
            raise ValueError(f"a cluster of kind local takes execution.workers and nothing else; got {given[0]}")
        missing = [key for key in ("cores", "memory") if key not in given]
        if self.kind != "local" and missing:
            raise ValueError(f"a cluster of kind {self.kind} needs {' and '.join(missing)} of each job")
        return self


class TlsFiles(Part):
    """Files in PEM that encrypt the traffic of a cluster and say who may join it; beside the study, or absolute."""

    ca: Annotated[str, Text("the path of a PEM file", optional=False)]
    cert: Annotated[str, Text("the path of a PEM file", optional=False)]
    key: Annotated[str, Text("the path of a PEM file", optional=False)]


class Execution(Part):
    """Who works the study off; it decides nothing of what comes out."""

    #: local: processes of this machine; dask: a cluster (what is meant where scheduler or cluster is given)
    engine: Annotated[str | None, Choice(ENGINES, optional=True)] = None
    #: processes on this machine; 1 is the one that reads the study
    workers: Annotated[int, Whole(1, MOST_WORKERS)] = 1
    #: a cluster that runs already
    scheduler: Annotated[str | None, Address()] = None
    #: a cluster to start
    cluster: Cluster | None = None
    tls: TlsFiles | None = None
    #: how long a cluster may have no workers before it is given up; default a minute, a day for jobs in a queue
    patience: Annotated[float | None, Quantity("second", optional=True)] = None

    @model_validator(mode="after")
    def _keys_go_together(self) -> Execution:
        check_together(self)
        return self


def check_together(given: Execution) -> None:
    """Raise ValueError if the keys of an execution do not go together."""
    places = [key for key in ("scheduler", "cluster") if getattr(given, key) is not None]
    if len(places) == 2:
        raise ValueError("expected a scheduler, or a cluster to start, got both")
    if given.engine == "local" and places:
        raise ValueError(f"engine local has no {places[0]}; use engine dask, or leave {places[0]} out")
    of_machine = given.scheduler is None and (given.cluster is None or given.cluster.kind == "local")
    if given.workers > 1 and not of_machine:
        raise ValueError(f"workers are processes of this machine; a {places[0]} has its own: leave workers out")
    if given.tls is not None and of_machine:
        raise ValueError("tls is for a scheduler or a cluster of jobs; nothing leaves this machine without one")
    if given.tls is not None and given.scheduler is not None and not given.scheduler.startswith("tls://"):
        raise ValueError(f"with tls the scheduler's address begins with tls://, got {shown(given.scheduler)}")
    if given.tls is None and given.scheduler is not None and given.scheduler.startswith("tls://"):
        raise ValueError(
            "a scheduler at tls:// needs tls: ca, cert and key, or --tls DIR with ca.pem, cert.pem, key.pem"
        )


DEFAULT_WALLTIME_S = parse_quantity("1 hour", "second")
