"""What a run that works in chunks notes of each, and how it goes on from there after it was cut off."""

from __future__ import annotations

import base64
import os
import platform
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from results.front import FrontArchive
from results.journal import Journal, Record, read_journals
from results.run_paths import RunPaths
from results.store import file_sha256
from sweeps.chunks import Chunks, Done
from sweeps.grid import Tally
from sweeps.points import evaluated
from sweeps.space import CHUNK_POINTS

FLUSH_S = 0.5
"""Between two writes of the journal [s]: a kill costs no more work than this, and the chunks under way."""

FLUSH_REMOTE_S = 5.0
"""The same, where each write is an object in a store [s]."""

_POINTS = "<i8"


@dataclass
class Before:
    """What earlier sittings, and other shards, have done.

    Attributes
    ----------
    tally : Tally
        Of the chunks done.
    done : set of int
        Their numbers.
    seconds : float
        Spent so far, in the longest line of sittings.
    again : list of str
        Files that are missing or not what was written; their chunks count as not done.
    damaged : int
        Lines of journals that are not what was written.
    """

    tally: Tally
    done: set[int] = field(default_factory=set)
    seconds: float = 0.0
    again: list[str] = field(default_factory=list)
    damaged: int = 0


class ChunkJournal:
    """Notes chunks as they are done, a few at a time.

    Parameters
    ----------
    paths : RunPaths
        Of the writer.
    identity : str
        What makes the run that very run: notes of another one under the same name are not gone on from.
    study_sha256 : str
        Of its study.
    chunks : int
        How many there are: numbers mean the same chunks only among as many.
    seconds : float
        Spent in earlier sittings [s].
    """

    def __init__(self, paths: RunPaths, identity: str, study_sha256: str, chunks: int, seconds: float = 0.0) -> None:
        self._journal = Journal(paths.journal)
        self._header: Record = {
            "run": identity,
            "study_sha256": study_sha256,
            "chunks": chunks,
            "host": platform.node(),
            "pid": os.getpid(),
            "time": time.time(),
        }
        self._flush_s = FLUSH_S if self._journal.appends else FLUSH_REMOTE_S
        self._waiting: list[Record] = [self._header]
        self._began = time.perf_counter() - seconds
        self._flushed = time.monotonic()

    @property
    def seconds(self) -> float:
        """Spent so far, in all sittings [s]."""
        return time.perf_counter() - self._began

    def record(self, done: Done, front: NDArray[np.int64]) -> None:
        """Note a chunk, and those of its points that may be of the front."""
        tally = done.tally
        self._waiting.append(
            {
                "chunk": done.number,
                "designs": tally.designs,
                "feasible": tally.feasible,
                "failed": tally.failed,
                "front": base64.b64encode(front.astype(_POINTS).tobytes()).decode(),
                "files": tally.parts,
                "took_s": round(done.seconds, 6),
                "at_s": round(self.seconds, 3),
            }
        )
        if time.monotonic() - self._flushed >= self._flush_s:
            self.flush()

    def give_up(self, failed: Mapping[int, Exception]) -> None:
        """Note chunks that were tried and failed."""
        self._waiting += [{"gave_up": number, "reason": reason_of(error)} for number, error in failed.items()]

    def flush(self) -> None:
        """Write what is noted."""
        waiting, self._waiting = self._waiting, [] if self._journal.appends else [self._header]
        if waiting and waiting != [self._header]:
            self._journal.append(waiting)
        self._flushed = time.monotonic()

    @contextmanager
    def open(self) -> Iterator[ChunkJournal]:
        """Write what is left at the end, however it ends - unless nothing was done at all."""
        try:
            yield self
        finally:
            if any("run" not in record for record in self._waiting):
                self.flush()


def reason_of(error: Exception) -> str:
    """Return what an error says, with its kind where it says little."""
    text = str(error).strip()
    kind = type(error).__name__
    return text if text and kind in ("StudyError", "WorkerDiedError") else f"{kind}: {text}" if text else kind


def records_of(files: Iterable[Path], identity: str, chunks: int | None = None) -> tuple[list[Record], int]:
    """Return the records of one run's chunks, cut into that many if that is given, and how many lines are damaged."""
    mine: list[Record] = []
    damaged = 0
    for file in files:
        read = read_journals([file])
        damaged += read.damaged
        mine_now = False
        for record in read.records:
            if "run" in record:
                mine_now = record["run"] == identity and chunks in (None, record.get("chunks"))
            elif mine_now:
                mine.append(record)
    return mine, damaged


def done_before(paths: RunPaths, identity: str, chunks: Chunks, *, rows: bool, verify: bool = True) -> Before:
    """Return what the journals of a run say is done, as far as its files bear it out.

    Parameters
    ----------
    paths : RunPaths
    identity : str
    chunks : Chunks
    rows : bool
        Whether every chunk has a part of its own.
    verify : bool
        Whether to check the digest of every part, and not only that it is there.
    """
    records, damaged = records_of(paths.journals(), identity, chunks.count)
    before = Before(Tally(FrontArchive(len(chunks.problem.objectives))), damaged=damaged)
    latest = {int(record["chunk"]): record for record in records if "chunk" in record}
    front = []
    for number, record in sorted(latest.items()):
        wrong = [name for name, digest in record["files"].items() if not _stands(paths.dir / name, digest, verify)]
        if wrong or number >= chunks.count or (rows and not record["files"]):
            before.again += wrong
            continue
        before.done.add(number)
        before.seconds = max(before.seconds, float(record["at_s"]))
        for name in ("designs", "feasible", "failed"):
            setattr(before.tally, name, getattr(before.tally, name) + int(record[name]))
        before.tally.parts |= record["files"]
        front.append(np.frombuffer(base64.b64decode(record["front"]), dtype=_POINTS).astype(np.int64))
    _refill(before.tally.front, chunks, front)
    return before


def _stands(file: Path, digest: str, verify: bool) -> bool:
    try:
        return file_sha256(file) == digest if verify else file.is_file()
    except OSError:
        return False


def _refill(archive: FrontArchive, chunks: Chunks, front: Collection[NDArray[np.int64]]) -> None:
    """Give a front its points back; their values are evaluated again, to the same bits."""
    points = np.concatenate([*front, np.empty(0, dtype=np.int64)])
    for start in range(0, len(points), CHUNK_POINTS):
        part = points[start : start + CHUNK_POINTS]
        archive.add(part, evaluated(chunks.problem, part).objectives)
