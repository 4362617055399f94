"""How far a run is, told from its files alone: by anybody, at any time, while others work on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dse.chunk_journal import records_of
from dse.chunked_runs import METHODS, chunks_of_study
from dse.plan import problem_of
from dse.runs import load, located, manifest_of
from results.journal import Record
from results.lock import holder, is_locked
from results.run_paths import RunPaths

_RECENT = 50
"""Chunks by which the present speed is judged."""


@dataclass(frozen=True)
class Writer:
    """One who writes to a run: the run itself, or a shard of it.

    Attributes
    ----------
    name : str
    chunks, designs : int
        Done so far.
    at_work : str or None
        The process that is at work as this writer.
    designs_per_s : float or None
        Of late; None without two chunks to judge by.
    """

    name: str
    chunks: int
    designs: int
    at_work: str | None
    designs_per_s: float | None


@dataclass(frozen=True)
class Status:
    """How far a run is.

    Attributes
    ----------
    name, method : str
        Of the study.
    state : str
        ``finished``, ``incomplete`` (chunks failed), ``running``, or ``cut off``: not finished, and nobody is at work.
    designs, of : int or None
        Done and in all; None where the method does not tell.
    chunks, of_chunks : int or None
    writers : list of Writer
    gave_up : dict
        Chunks that failed and were not done since, with the reason.
    damaged : int
        Lines of journals that are not what was written; their chunks are made again.
    """

    name: str
    method: str
    state: str
    designs: int | None = None
    of: int | None = None
    chunks: int | None = None
    of_chunks: int | None = None
    writers: list[Writer] = field(default_factory=list)
    gave_up: dict[int, str] = field(default_factory=dict)
    damaged: int = 0

    @property
    def designs_per_s(self) -> float | None:
        """Speed of all that are at work; None if nobody is, or none can tell."""
        speeds = [one.designs_per_s for one in self.writers if one.at_work and one.designs_per_s]
        return sum(speeds) if speeds else None

    @property
    def left_s(self) -> float | None:
        """Time left at this speed [s]."""
        speed = self.designs_per_s
        if speed is None or self.of is None or self.designs is None:
            return None
        return (self.of - self.designs) / speed


def status(path: str | Path) -> Status:
    """Return how far a run is.

    Parameters
    ----------
    path : path
        Its directory.

    Returns
    -------
    Status

    Raises
    ------
    RunError
        If there is no run.
    StudyError
        If its study cannot be read.
    """
    paths = RunPaths(located(path))
    manifest = manifest_of(paths.dir)
    name, method = str(manifest.get("name")), str(manifest.get("method"))
    state = str(manifest.get("status"))
    if state in ("finished", "incomplete"):
        done = manifest["designs"]
        return Status(name, method, state, designs=done, of=done, gave_up=_told_failures(manifest))
    at_work = is_locked(paths.lock)
    state = "running" if at_work else "cut off"
    if method not in METHODS:
        who = [Writer("main", 0, 0, holder(paths.lock) if at_work else None, None)]
        return Status(name, method, state, of=int(load(paths.study).grid_size()), writers=who)
    return _of_chunks(paths, manifest, Status(name, method, state))


def _told_failures(manifest: dict[str, Any]) -> dict[int, str]:
    return {int(number): ": ".join(why) for number, why in manifest.get("failed_chunks", {}).items()}


def _of_chunks(paths: RunPaths, manifest: dict[str, Any], begun: Status) -> Status:
    study = load(paths.study)
    chunks = chunks_of_study(study, problem_of(study), rows=manifest["keep"] == "all")
    writers: list[Writer] = []
    done: dict[int, Record] = {}
    gave_up: dict[int, str] = {}
    damaged = 0
    by_writer: dict[str, list[Path]] = {}
    for file in paths.journals():
        by_writer.setdefault(file.name.split(".")[0], []).append(file)
    for name, files in by_writer.items():
        records, wrong = records_of(files, str(manifest.get("identity")))
        damaged += wrong
        mine = {int(record["chunk"]): record for record in records if "chunk" in record}
        done |= mine
        gave_up |= {int(record["gave_up"]): str(record["reason"]) for record in records if "gave_up" in record}
        lock = RunPaths(paths.dir, name).writer_lock
        writers.append(
            Writer(
                name,
                len(mine),
                sum(int(record["designs"]) for record in mine.values()),
                holder(lock) if is_locked(lock) else None,
                _speed([record for record in records if "chunk" in record]),
            )
        )
    if not writers and begun.state == "running":  # nothing is noted yet
        writers.append(Writer("main", 0, 0, holder(paths.lock), None))
    return Status(
        begun.name,
        begun.method,
        begun.state,
        sum(int(record["designs"]) for record in done.values()),
        chunks.designs,
        len(done),
        chunks.count,
        writers,
        {number: reason for number, reason in gave_up.items() if number not in done},
        damaged,
    )


def _speed(records: list[Record]) -> float | None:
    """Designs per second of the last chunks, by the clock of the process that made them."""
    recent = records[-_RECENT:]
    if len(recent) < 2:
        return None
    seconds = float(recent[-1]["at_s"]) - float(recent[0]["at_s"])
    return sum(int(record["designs"]) for record in recent[1:]) / seconds if seconds > 0 else None
