"""Runs of a grid or a sample: chunk by chunk, on any engine, in any number of sittings or shards, to the same bytes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dse.chunk_journal import Before, ChunkJournal, done_before, reason_of
from dse.directories import sampled_points
from dse.errors import DseError, RunError
from dse.jobs import Job, finish
from dse.run_files import SAMPLE_ROWS, SAMPLE_SEED
from results.labels import are, counted
from sweeps.chunks import Chunks, GridChunks, SampleChunks
from sweeps.run import Worked, run_chunks

if TYPE_CHECKING:
    from dse.runs import Run
    from dse.study import Study
    from sweeps.problem import Problem

METHODS = ("grid", "sample")
MOST_TOLD = 5
"""Chunks that failed, of which an error says the designs."""


class IncompleteError(RunError):
    """A run whose chunks did not all come to an end; the rest is written."""


def chunks_of_study(study: Study, problem: Problem, *, rows: bool) -> Chunks:
    """Return the chunks of a study's search; `rows` says whether every design is stored."""
    search = study.search
    if search.method == "grid":
        return GridChunks.of(problem, rows=rows)
    assert search.sampler is not None
    assert search.n is not None
    assert search.seed is not None
    return SampleChunks.of(problem, search.sampler, search.n, search.seed)


def _chunks_of(job: Job) -> Chunks:
    return chunks_of_study(job.study, job.problem, rows=job.keeps_all)


def sweep_chunks(job: Job, repaired: Sequence[str] = ()) -> Run:
    """Work off the chunks that are not done yet and write the run.

    Raises
    ------
    StoppedError
        If the run is told to stop; the next one goes on from there.
    IncompleteError
        If chunks keep failing; the others are all done and written.
    RunError
        If the system refuses to take more; what is done stays.
    """
    chunks = _chunks_of(job)
    before = done_before(job.paths, job.identity, chunks, rows=job.keeps_all)
    worked, seconds = _work_off(job, chunks, before, range(chunks.count))
    return _finished(job, chunks, worked, seconds, [*repaired, *before.again])


def sweep_shard(job: Job, number: int, shards: int) -> str:
    """Work off every so-manieth chunk, for :func:`merge` to make a run of; return what is done in a line.

    Raises
    ------
    StoppedError, IncompleteError, RunError
        As :func:`sweep_chunks`.
    """
    chunks = _chunks_of(job)
    mine = range(number - 1, chunks.count, shards)
    before = done_before(job.paths, job.identity, chunks, rows=job.keeps_all, verify=False)
    worked, _ = _work_off(job, chunks, before, mine)
    job.paths.clean_staging()
    if worked.failed:
        raise IncompleteError(_failures(chunks, worked))
    if not mine:
        return f"shard {number} of {shards}: nothing to do, there {are(chunks.count)} {counted(chunks.count, 'chunk')}"
    return f"shard {number} of {shards}: its {len(mine):,} of {counted(chunks.count, 'chunk')} {are(len(mine))} done"


def merge(job: Job) -> Run:
    """Make a run of what its shards have done.

    Raises
    ------
    RunError
        If chunks are missing, with how many.
    """
    chunks = _chunks_of(job)
    before = done_before(job.paths, job.identity, chunks, rows=job.keeps_all)
    missing = chunks.count - len(before.done)
    if missing:
        damaged = f", {len(before.again):,} of them damaged" if before.again else ""
        told = f"{missing:,} of {counted(chunks.count, 'chunk')} {are(missing)} missing{damaged}"
        raise RunError(
            f"{job.paths.dir}: {told}; run the shards that did not end well again, or `dse sweep` on the study, which "
            "makes up for all of them"
        )
    return _finished(job, chunks, Worked(before.tally), before.seconds, [])


def _work_off(job: Job, chunks: Chunks, before: Before, mine: Sequence[int]) -> tuple[Worked, float]:
    todo = [number for number in mine if number not in before.done]
    if not todo:
        return Worked(before.tally), before.seconds
    notes = ChunkJournal(job.paths, job.identity, job.manifest["study_sha256"], chunks.count, before.seconds)
    with notes.open():
        worked = run_chunks(
            chunks,
            job.engine,
            sink=job.writer() if job.keeps_all else None,
            numbers=todo,
            tally=before.tally,
            fatal=(OSError, DseError),
            record=notes.record,
            stop=job.stop,
            progress=job.progress,
        )
        notes.give_up(worked.failed)
    if worked.stopped:
        done = len(mine) - len(todo) + worked.chunks
        job.stop.raise_stopped(f"{done:,} of {counted(len(mine), 'chunk')} {are(done)} done in {job.paths.dir}")
    return worked, notes.seconds


def _finished(job: Job, chunks: Chunks, worked: Worked, seconds: float, again: Sequence[str]) -> Run:
    """Write the run; the designs of chunks that failed are missing from it, and it says so."""
    tally = worked.tally
    front, _ = tally.front.finish()
    about: dict[str, Any] = {"drawn": job.study.search.n} if job.study.search.method == "sample" else {}
    failed = {str(number): [_designs(chunks, number), reason_of(error)] for number, error in worked.failed.items()}
    run = finish(
        job,
        front,
        None if job.keeps_all else _without(_sample(chunks, front), chunks, worked.failed),
        tally.parts,
        designs=tally.designs,
        feasible=tally.feasible,
        infeasible=tally.designs - tally.feasible - tally.failed,
        failed=tally.failed,
        seconds=round(seconds, 3),
        designs_per_s=round(tally.designs / max(seconds, 1e-3), 1),
        search={**job.study.search.model_dump(exclude_none=True), **about},
        status="incomplete" if failed else "finished",
        **({"failed_chunks": failed} if failed else {}),
        **({"repaired": sorted(set(again))} if again else {}),
    )
    if failed:
        raise IncompleteError(_failures(chunks, worked) + f"\nthe rest is in {job.paths.dir}")
    return run


def _sample(chunks: Chunks, front: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the points of the front and a seeded uniform sample of all that the search looks at, ascending."""
    if isinstance(chunks, SampleChunks):
        points = chunks.points
        drawn = np.random.default_rng(SAMPLE_SEED).choice(points, min(SAMPLE_ROWS, len(points)), replace=False)
        return np.unique(np.concatenate([front, drawn]))
    return sampled_points(chunks.problem.space.size, front, SAMPLE_ROWS, SAMPLE_SEED)


def _without(points: NDArray[np.int64], chunks: Chunks, failed: Collection[int]) -> NDArray[np.int64]:
    """Return the points that are in none of the chunks that failed."""
    for number in failed:
        first, last = chunks.ends(number)
        points = points[(points < first) | (points > last)]
    return points


def _designs(chunks: Chunks, number: int) -> str:
    first, last = chunks.ends(number)
    return f"points {first:,} to {last:,}"


def _failures(chunks: Chunks, worked: Worked) -> str:
    """Say which chunks failed, with their designs and why."""
    lines = [
        f"chunk {number} failed twice ({_designs(chunks, number)}): {reason_of(error)}"
        for number, error in sorted(worked.failed.items())
    ]
    more = len(lines) - MOST_TOLD
    lines = lines[:MOST_TOLD] + ([f"and {counted(more, 'other chunk')}"] if more > 0 else [])
    return "\n".join([*lines, "the same command tries them again"])
