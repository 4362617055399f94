"""The directory of a run: whose it is, whether there is room, who works on it, and what stays of it after an error."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dse.errors import DseError, OutputError, RunError
from dse.runs import load
from dse.units import format_quantity
from results.journal import read_journals
from results.lock import LockedError, locked
from results.manifest import read_manifest
from results.object_lock import STALE_S
from results.places import is_remote, own_errors, remove_empty
from results.run_paths import RunPaths

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_IDENTITY = {
    "study_sha256": "another study ({}, or this one before it was changed)",
    "models": "this study with another model behind the same path",
    "hardware": "this study with other devices in the same hardware file",
    "calibrations": "this study with other numbers in the same calibration file",
    "traces": "this study with other lengths in the same trace",
    "data_sha256": "this study with other tables of costs and formats",
}
"""What makes a run that very run, by key of the manifest, and what it is where one of them differs."""

MAIN = "main"
"""The writer of a run that works alone."""


def claim(directory: Path, wanted: Mapping[str, Any], *, fresh: bool) -> dict[str, Any] | None:
    """Find out whether a directory may hold a run; nothing is changed.

    Parameters
    ----------
    directory : Path
    wanted : mapping
        The manifest of the run: its study, models and tables.
    fresh : bool
        Whether a run that is there may be replaced.

    Returns
    -------
    dict or None
        The manifest of that very run if it is finished already (and `fresh` is not asked).

    Raises
    ------
    OutputError
        If the directory belongs to another study or to something else, or cannot be made.
    """
    try:
        with own_errors():
            return _claim(directory, wanted, fresh=fresh)
    except OSError as error:
        raise refused(directory, error) from None


def _claim(directory: Path, wanted: Mapping[str, Any], *, fresh: bool) -> dict[str, Any] | None:
    paths = RunPaths(directory)
    if directory.exists() and not directory.is_dir():
        raise OutputError(f"{directory}: is a file, not a directory; choose another with --out")
    entries = [entry for entry in directory.iterdir() if entry.name not in _SCAFFOLD] if directory.exists() else []
    if not entries:
        return None
    if not paths.manifest.is_file():
        if not fresh and wanted["study_sha256"] in _noted(paths):
            return None
        raise OutputError(f"{directory}: is not empty and not a run; choose another directory with --out")
    try:
        manifest = read_manifest(directory)
    except ValueError as error:
        if not fresh and wanted["study_sha256"] in _noted(paths) | _stored(paths):
            return None  # its journal or its checkpoint knows what is done
        raise OutputError(f"{error}; remove the directory or choose another with --out") from None
    if "study_sha256" not in manifest:
        raise OutputError(f"{directory}: is not empty and not a run; choose another directory with --out")
    if fresh:
        return None
    finished = manifest.get("status") == "finished"
    for key, what in _IDENTITY.items():
        if manifest.get(key, {}) != wanted[key] and (finished or key == "study_sha256"):
            name = manifest.get("name", "unnamed")
            raise OutputError(
                f"{directory}: holds a run of {what.format(name)}; choose another directory with --out, "
                "or replace it with --fresh"
            )
    return manifest if finished else None


def _noted(paths: RunPaths) -> set[str]:
    """Digests of the studies that the journals of a run tell of."""
    return {str(record.get("study_sha256")) for record in read_journals(paths.journals()).records if "run" in record}


def _stored(paths: RunPaths) -> set[str]:
    """Digest of the study that lies in a run's directory, if one does."""
    try:
        return {load(paths.study).digest()}
    except (OSError, DseError):
        return set()


_SCAFFOLD = ("_staging", "journal", "run.lock")
"""What a run may leave that was killed before it had written anything."""


@contextmanager
def claimed(directory: Path, wanted: Mapping[str, Any], *, fresh: bool, writer: str) -> Iterator[dict[str, Any] | None]:
    """Hold the directory of a run while the block runs; parameters, result and errors as for :func:`claim`.

    What the block makes and nothing is worth keeping of is gone afterwards, with the directories made for it.

    Raises
    ------
    RunError
        If another process works on it.
    """
    claim(directory, wanted, fresh=fresh)
    made = _made(directory)
    paths = RunPaths(directory, writer)
    try:
        with own_errors(), locked(paths.lock, shared=writer != MAIN), locked(paths.writer_lock):
            yield claim(directory, wanted, fresh=fresh)
    except LockedError as error:
        late = f", or died less than {STALE_S:.0f} s ago" if is_remote(directory) else ""
        raise RunError(
            f"{directory}: {error} is working on it{late}; wait for it, or choose another with --out"
        ) from None
    except OSError as error:
        if worth_keeping(paths):
            reason = (error.strerror or str(error)).lower()
            raise RunError(
                f"{directory}: cannot write there any more: {reason}; what is done is kept, the same command goes on "
                "from there"
            ) from None
        raise refused(directory, error) from None
    finally:
        for folder in (paths.journal.parent, *made):
            remove_empty(folder)


def _made(directory: Path) -> list[Path]:
    """Make a directory; return those that were not there, the innermost first."""
    made: list[Path] = []
    if is_remote(directory):
        return made
    parent = directory.absolute()
    while not parent.exists():
        made.append(parent)
        parent = parent.parent
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refused(directory, error) from None
    return made


@contextmanager
def kept_if_worth(paths: RunPaths) -> Iterator[None]:
    """If the block fails, remove what it wrote, unless a later sitting can go on from it, or other shards may."""
    try:
        yield
    except BaseException:
        with suppress(OSError):  # the reason that stopped the run is the one worth telling
            paths.clean_staging()
            if paths.writer == MAIN and not worth_keeping(paths):
                clear(paths)
        raise


def worth_keeping(paths: RunPaths) -> bool:
    """Whether a run that was cut off left anything to go on from."""
    return paths.checkpoint.is_file() or any(file.stat().st_size for file in paths.journals())


def clear(paths: RunPaths, *, checkpoint: bool = True) -> None:
    """Remove the files of a run, and nothing that is not its own; the manifest goes last, the `checkpoint` may stay."""
    paths.clean_staging(every=True)
    for file in _own(paths):
        if checkpoint or file != paths.checkpoint:
            file.unlink(missing_ok=True)
    for folder in (paths.designs, paths.figures, paths.leaves):
        remove_empty(folder)


def _own(paths: RunPaths) -> list[Path]:
    """The files of a run, the manifest last."""
    pictures = [file for kind in ("*.png", "*.svg") for file in paths.figures.glob(kind)]
    return [
        *(*paths.parts(), *pictures, *paths.leaf_parts(), paths.certificate, paths.uncertainty, paths.front),
        *(paths.history, paths.checkpoint, *paths.journals(), paths.report, paths.study, paths.manifest),
    ]


def check_space(directory: Path, needed_bytes: int) -> None:
    """Raise OutputError if the file system has no room for so many bytes, beside the run that is there."""
    if is_remote(directory):
        return
    parent = directory.absolute()
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    try:
        there = sum(file.stat().st_size for file in _own(RunPaths(directory)) if file.is_file())
        free = shutil.disk_usage(parent).free + there
    except OSError as error:
        raise refused(directory, error) from None
    if needed_bytes > free:
        needed, room = format_quantity(needed_bytes, "byte"), format_quantity(free, "byte")
        raise OutputError(
            f"{directory}: needs up to {needed}, {room} are free; "
            "use `output: {keep: front}`, fewer points, or another disk with --out"
        )


def refused(directory: Path, error: OSError) -> OutputError:
    """Return the error of a directory that the system refuses to write to."""
    reason = error.strerror or str(error)
    return OutputError(f"{directory}: cannot write there: {reason[:1].lower() + reason[1:]}")


def sampled_points(size: int, front: NDArray[np.int64], rows: int, seed: int) -> NDArray[np.int64]:
    """Return the points of the front and a seeded uniform sample of all points, ascending."""
    import random

    import numpy as np

    chosen = random.Random(seed).sample(range(size), min(rows, size))
    return np.unique(np.concatenate([front, np.asarray(chosen, dtype=np.int64)]))
