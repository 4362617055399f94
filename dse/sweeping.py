"""Run a study into a directory: whole, a shard of it, or what the shards have done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dse import chunked_runs, directories, searches
from dse.errors import RunError, StudyError
from dse.execution import engine_of, entered, with_choices
from dse.interrupts import stoppable
from dse.jobs import Job, begin, damaged_files, identity_of
from dse.plan import problem_of
from dse.run_files import SAMPLE_ROWS, new_manifest
from dse.runs import Run, load, located, manifest_of
from dse.sizes import most_designs
from dse.study import Study
from results.places import is_url
from results.run_paths import RunPaths
from sweeps.engines import Serial

MOST_KEPT = 5_000_000
"""Designs up to which all are kept when the study does not say."""

MOST_SHARDS = 100_000

BYTES_PER_ROW = 200
"""Generous size of one design on disk; measured 90 to 160 byte/row on the shipped studies."""

Progress = Callable[[int, int, int], None]
"""Called with (designs done, designs in all, size of the front)."""


def sweep(
    study: str | Path | Mapping[str, object] | Study,
    *,
    out: str | Path | None = None,
    engine: str | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    tls: str | Path | None = None,
    fresh: bool = False,
    progress: Progress | None = None,
) -> Run:
    """Evaluate the designs of a study, all or those its search looks at, and write its run directory.

    A run that was cut off, at whatever moment, goes on from where it was, to the same bytes. Of a finished one, files
    that are damaged are made again.

    Parameters
    ----------
    study : path, YAML text, mapping or Study
    out : path, optional
        Directory to write; default the study's ``output.dir``.
    engine, workers, scheduler, tls : optional
        Who works it off, instead of what the study's ``execution`` says; see :func:`dse.execution.with_choices`.
    fresh : bool
        Whether to replace a run in that directory, finished or cut off.
    progress : callable, optional
        Called with (designs done, designs in all, size of the front).

    Returns
    -------
    Run

    Raises
    ------
    StudyError
        If the study is wrong or too large for a grid.
    OutputError
        If the directory cannot be written or holds something else.
    RunError
        If the run failed, or another process is at work on it.
    StoppedError
        If it was told to stop.
    """
    study = with_choices(load(study), engine=engine, workers=workers, scheduler=scheduler, tls=tls)
    used = engine_of(study)
    size = checked_size(study)
    problem = problem_of(study)
    manifest = new_manifest(study, _kept(study, size), used.workers)
    directory = located(out if out is not None else _own_directory(study))
    if not fresh and (already := _already(directory, manifest)) is not None:
        return already
    with directories.claimed(directory, manifest, fresh=fresh, writer=directories.MAIN) as finished:
        paths = RunPaths(directory)
        damaged = damaged_files(paths, finished) if finished is not None else []
        if finished is not None and not damaged:
            return Run(directory, finished, already=True)
        manifest |= identified(study, manifest)
        _check_space(directory, manifest, size)
        told = None if progress is None else lambda done, front: progress(done, size, front)
        with directories.kept_if_worth(paths), stoppable() as stop:
            begin(paths, manifest, study, fresh=fresh)
            with entered(used):
                return _run(Job(study, problem, paths, manifest, used, stop, told), damaged)


def sweep_shard(
    study: str | Path | Mapping[str, object] | Study,
    shard: str,
    *,
    out: str | Path | None = None,
    engine: str | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    tls: str | Path | None = None,
    progress: Progress | None = None,
) -> str:
    """Work off one shard of a study, such as "3/100", for :func:`merge` to make a run of; say what is done.

    Shards need no scheduler between them, only a directory that all of them see. Each may be cut off and run again.

    Parameters
    ----------
    study : path, YAML text, mapping or Study
    shard : str
        Its number, from 1, and how many there are.
    out, engine, workers, scheduler, tls, progress
        As for :func:`sweep`.

    Returns
    -------
    str
        What is done, for people.

    Raises
    ------
    StudyError
        If there is no such shard, the run was begun in another number of them, or the study's search is not of the
        kind that comes in chunks.
    OutputError, RunError, StoppedError
        As :func:`sweep`.
    """
    number, shards = shard_of(shard)
    study = with_choices(load(study), engine=engine, workers=workers, scheduler=scheduler, tls=tls)
    if study.search.method not in chunked_runs.METHODS:
        raise StudyError(
            f"method {study.search.method} does not come in shards; {' and '.join(chunked_runs.METHODS)} do",
            path=study.source_path,
            key="search.method",
        )
    used = engine_of(study)
    size = checked_size(study, shards)
    manifest = new_manifest(study, _kept(study, size), used.workers)
    manifest |= identified(study, manifest)
    directory = located(out if out is not None else _own_directory(study))
    if _already(directory, manifest) is not None:
        return f"{directory}: the run is finished already"
    writer = f"shard-{number:0{len(str(shards))}}-of-{shards}"
    with directories.claimed(directory, manifest, fresh=False, writer=writer) as finished:
        if finished is not None:
            return f"{directory}: the run is finished already"
        paths = RunPaths(directory, writer)
        _check_shards(paths, manifest["identity"], shards)
        manifest["shards"] = shards
        told = None if progress is None else lambda done, front: progress(done, -(-size // shards), front)
        with directories.kept_if_worth(paths), stoppable() as stop:
            begin(paths, manifest, study, fresh=False)
            job = Job(study, problem_of(study), paths, manifest, used, stop, told)
            with entered(used):
                return chunked_runs.sweep_shard(job, number, shards)


def _check_shards(paths: RunPaths, identity: str, shards: int) -> None:
    """Raise StudyError if a run was begun in another number of shards: some chunks would be nobody's, others twice."""
    try:
        there = manifest_of(paths.dir)
    except RunError:
        return
    begun = there.get("shards", shards)
    if there.get("identity") == identity and begun != shards:
        raise StudyError(
            f"shard: {paths.dir} was begun in {begun:,} shards, got {shards:,}; go on with --shard N/{begun}, or "
            "without --shard, which makes up for all that is missing, or choose another directory with --out"
        )


def shard_of(text: str) -> tuple[int, int]:
    """Return number and count of a shard given as "3/100"; raise StudyError if it is not one."""
    number, slash, shards = text.partition("/")
    if slash and number.isdecimal() and shards.isdecimal() and 1 <= int(number) <= int(shards) <= MOST_SHARDS:
        return int(number), int(shards)
    raise StudyError(
        f'shard: expected NUMBER/COUNT such as 3/100, from 1 to COUNT of at most {MOST_SHARDS:,}, got "{text}"'
    )


def merge(path: str | Path) -> Run:
    """Make a run of the shards that were worked off into a directory.

    Parameters
    ----------
    path : path
        The directory.

    Returns
    -------
    Run

    Raises
    ------
    RunError
        If chunks are missing, or they were made by another version.
    OutputError
        If the directory cannot be written.
    """
    directory = located(path)
    there = manifest_of(directory)
    study = load(RunPaths(directory).study)
    manifest = new_manifest(study, str(there.get("keep")), 1)
    manifest |= identified(study, manifest)
    if manifest["identity"] != there.get("identity"):
        raise RunError(f"{directory}: was begun with another version of dse, its tables or its libraries than this one")
    if (already := _already(directory, manifest)) is not None:
        return already
    with directories.claimed(directory, manifest, fresh=False, writer=directories.MAIN) as finished:
        if finished is not None:
            return Run(directory, finished, already=True)
        with stoppable() as stop:
            return chunked_runs.merge(Job(study, problem_of(study), RunPaths(directory), manifest, Serial(), stop))


def _already(directory: Path, manifest: Mapping[str, Any]) -> Run | None:
    """Return the run that a directory holds finished and whole: nothing is to be done there, so nothing is locked."""
    finished = directories.claim(directory, manifest, fresh=False)
    if finished is None or damaged_files(RunPaths(directory), finished):
        return None
    return Run(directory, finished, already=True)


def _own_directory(study: Study) -> str:
    """Return the directory that a study asks for; a study of a stranger may not write just anywhere.

    Raises
    ------
    StudyError
        If it is not under the current directory, nor in a store.
    """
    wanted = str(study.output.dir)
    parts = wanted.replace("\\", "/").split("/")
    if not is_url(wanted) and (".." in parts or parts[0] == "" or parts[0].startswith("~") or ":" in parts[0]):
        raise StudyError(
            f"expected a directory under the current one, or a URL, got {wanted}; give others with --out",
            path=study.source_path,
            key="output.dir",
        )
    return wanted


def _kept(study: Study, size: int) -> str:
    """Return which designs a run stores: all, or those of the front and a sample."""
    exact = study.search.method == "exact"
    return study.output.keep or ("all" if size <= MOST_KEPT and not exact else "front")


def identified(study: Study, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what else a run's manifest begins with: where its search starts, and what makes it that very run."""
    start = searches.start_points(study)
    told = {} if start is None else {"start": start.tolist()}
    return {**told, "identity": identity_of({**manifest, **told})}


def _check_space(directory: Path, manifest: Mapping[str, Any], size: int) -> None:
    rows = size if manifest["keep"] == "all" else SAMPLE_ROWS
    directories.check_space(directory, rows * BYTES_PER_ROW)


def _run(job: Job, damaged: Sequence[str]) -> Run:
    """Run a job by the method of its study."""
    method = job.study.search.method
    if method in chunked_runs.METHODS:
        return chunked_runs.sweep_chunks(job, damaged)
    if method == "exact":
        from dse.exact_runs import sweep_exact

        return sweep_exact(job)
    return searches.sweep_evolved(job)


def checked_size(study: Study, shards: int = 1) -> int:
    """Return how many designs the search of a study evaluates at most; `shards` share them.

    Raises
    ------
    StudyError
        If it cannot be run: a space that is too large for it, or an algorithm that does not fit.
    """
    size = most_designs(study, shards)
    if study.search.method == "exact":
        from dse.exact_runs import check_exact

        check_exact(study)
    searches.check(study)
    return size
