"""A job: a study, its problem, the directory it is run into, and how; what every method begins and ends with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dse import directories
from dse.directories import MAIN
from dse.errors import StudyError
from dse.interrupts import Stop
from dse.run_files import PartWriter, now, write_front
from dse.study import Study
from results.journal import read_journals
from results.manifest import read_manifest, write_manifest
from results.run_paths import RunPaths
from results.store import file_sha256, write_file
from sweeps.engines import Engine
from sweeps.problem import Problem
from sweeps.run import Progress

if TYPE_CHECKING:
    from dse.runs import Run

IDENTITY = ("study_sha256", "data_sha256", "models", "hardware", "calibrations", "traces", "keep", "start")
"""Keys of the manifest that decide what a run writes, beside the versions of what computes and writes it."""

_OF_THE_MACHINE = ("platform", "python")


@dataclass(frozen=True)
class Job:
    """What a search needs to become a run.

    Attributes
    ----------
    study : Study
    problem : Problem
    paths : RunPaths
        Of this writer.
    manifest : dict
        What is known of the run before it starts.
    engine : Engine
    stop : Stop
    progress : callable or None
        Called with (designs done, size of the front).
    """

    study: Study
    problem: Problem
    paths: RunPaths
    manifest: dict[str, Any]
    engine: Engine
    stop: Stop
    progress: Progress | None = None

    @property
    def identity(self) -> str:
        """Digest of all that decides what the run writes."""
        return str(self.manifest["identity"])

    @property
    def keeps_all(self) -> bool:
        """Whether every design is stored."""
        return bool(self.manifest["keep"] == "all")

    def writer(self) -> PartWriter:
        """Return what stores tables of designs; nothing in its files depends on where and how the run was made."""
        made_by = {k: v for k, v in self.manifest["versions"].items() if k not in _OF_THE_MACHINE}
        metadata = {
            "study": self.study.results_yaml(),
            "study_sha256": self.manifest["study_sha256"],
            "data_sha256": self.manifest["data_sha256"],
            "provenance": json.dumps(made_by, sort_keys=True),
        }
        return PartWriter(self.problem, self.paths, metadata, self.identity)


def identity_of(manifest: Mapping[str, Any]) -> str:
    """Return the digest of all that decides what a run writes."""
    told = {key: manifest[key] for key in IDENTITY if key in manifest}
    told["versions"] = {k: v for k, v in manifest["versions"].items() if k not in _OF_THE_MACHINE}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def begin(paths: RunPaths, manifest: Mapping[str, Any], study: Study, *, fresh: bool) -> None:
    """Make a directory ready: what another run left there goes, and what this one begins with is written.

    Raises
    ------
    StudyError
        If a shard finds another run's directory.
    """
    there = _identity_there(paths)
    if fresh or there != manifest["identity"]:
        if paths.writer != MAIN and directories.worth_keeping(paths):
            raise StudyError(f"{paths.dir}: holds shards of another study or version; choose another with --out")
        if paths.writer == MAIN:
            directories.clear(paths, checkpoint=fresh or there is not None)  # it says itself whose it is
    paths.clean_staging(every=paths.writer == MAIN)
    write_manifest(paths.dir, {**manifest, "status": "running"}, staging=paths.staging)
    write_file(paths.study, study.text.encode(), staging=paths.staging)


def _identity_there(paths: RunPaths) -> str | None:
    try:
        return str(read_manifest(paths.dir).get("identity"))
    except (OSError, ValueError):
        noted = [record["run"] for record in read_journals(paths.journals()).records if "run" in record]
        return str(noted[-1]) if noted else None


def damaged_files(directory: RunPaths, manifest: Mapping[str, Any]) -> list[str]:
    """Return the files of a finished run that are missing or not what it wrote."""
    wrong = []
    for name, digest in manifest.get("files_sha256", {}).items():
        try:
            same = file_sha256(directory.dir / name) == digest
        except OSError:
            same = False
        if not same:
            wrong.append(name)
    return wrong


def finish(
    job: Job, front: NDArray[np.int64], sampled: NDArray[np.int64] | None, files: Mapping[str, str], **told: Any
) -> Run:
    """Write the front, a sample beside it where it is all that is stored, the pictures and the manifest.

    Parameters
    ----------
    job : Job
    front : ndarray of int, shape (k,)
        Its points, ascending.
    sampled : ndarray of int, shape (n,), or None
        Points to store beside the front; None: the designs are stored already.
    files : mapping
        Digests of what is written already, by path within the run.
    **told
        What else the manifest says: counts, seconds, search, and perhaps status.
    """
    from dse.pictures import draw
    from dse.runs import Run

    writer = job.writer()
    written = {**files, **write_front(job.study, writer, front, job.engine)}
    if sampled is not None:
        written |= writer(0, job.problem.table(sampled))
    manifest = {
        **job.manifest,
        "status": "finished",
        "finished": now(),
        "front": len(front),
        "files_sha256": written,
        **told,
    }
    run = Run(job.paths.dir, manifest)
    draw(run)
    write_manifest(job.paths.dir, manifest, staging=job.paths.staging)
    job.paths.checkpoint.unlink(missing_ok=True)
    job.paths.clean_staging(every=True)
    return run
