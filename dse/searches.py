"""Evolutionary searches: what they may start from, and running one into a directory, generation by generation."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dse.errors import StudyError
from dse.jobs import Job, finish
from dse.run_files import SAMPLE_ROWS, SAMPLE_SEED
from results.columns import Column
from results.labels import are, counted
from results.run_paths import RunPaths
from results.store import read_bytes, write_file, write_table
from sweeps.algorithms import METHODS, unusable
from sweeps.chunks import stored
from sweeps.evolve import HISTORY, Evolution, Settings, run_evolution
from sweeps.sample import SAMPLERS

if TYPE_CHECKING:
    from dse.runs import Run
    from dse.study import Study

_MEANINGS = {
    "generation": "generations done",
    "evaluations": "designs evaluated so far",
    "feasible": "of them within all limits",
    "failed": "of them within all limits, with an objective that is no number",
    "front": "non-dominated designs among all seen",
    "hypervolume": "hypervolume of these, objectives scaled by the first generation with a feasible design",
}


def check(study: Study) -> None:
    """Raise StudyError if a study's algorithm cannot take its objectives and population."""
    search = study.search
    if search.method in METHODS:
        problem = unusable(search.method, len(study.objectives), search.population or 0)
        if problem:
            raise _refused(study, "method", problem)


def start_points(study: Study) -> NDArray[np.int64] | None:
    """Return the points a search begins with: the front of the run that ``search.start`` names; None for a sample.

    Raises
    ------
    StudyError
        If there is no such run, or its designs are not designs of this study.
    """
    start = study.search.start
    if start is None or start in SAMPLERS:
        return None
    from dse.errors import RunError, did_you_mean
    from dse.runs import open_run

    try:
        run = open_run(start)
    except RunError as error:
        guess = did_you_mean(start, SAMPLERS)
        raise _refused(study, "start", f"expected sobol, lhs or the directory of a run: {error}{guess}") from None
    differing = differences(study, run.study)
    if differing:
        raise _refused(study, "start", f"{start} is a run of another study: {', '.join(differing)} differ")
    return run.front()["point"].to_numpy(dtype=np.int64)


def differences(one: Study, other: Study, *, goals: bool = False) -> list[str]:
    """Return the parts in which two studies differ, such that a point of one is not that of the other.

    Parameters
    ----------
    one, other : Study
    goals : bool
        Whether objectives and constraints must be the same too.
    """
    parts = {
        "workloads": (one.workloads, other.workloads),
        "design": (_axes(one), _axes(other)),
        "technology": (one.technology, other.technology),
        "deployment": (one.deployment, other.deployment),
        "modelling": (one.modelling, other.modelling),
    }
    if goals:
        parts["objectives"] = (one.objectives, other.objectives)
        parts["constraints"] = (one.constraints, other.constraints)
    return [name for name, (first, second) in parts.items() if first != second]


def _axes(study: Study) -> list[tuple[str, Any]]:
    columns = [(axis.name, axis.derived or axis.values) for axis in study.column_axes]
    return columns + [(axis.path, axis.values) for axis in study.scenario_axes]


def _refused(study: Study, key: str, message: str) -> StudyError:
    return StudyError(message, path=study.source_path, key=f"search.{key}")


def sweep_evolved(job: Job) -> Run:
    """Run the evolutionary search of a study and write its run directory.

    All of it stays in this process, whatever the engine: a generation of 100 to 5,000 designs takes 1 to 20 ms to
    evaluate and 13 to 270 ms to breed and sort (measured; eight models in the mix for the larger ones), and to send it
    somewhere costs some milliseconds for each worker.

    A checkpoint that lies there is gone on from if it is this run's.

    Raises
    ------
    StoppedError
        If the run is told to stop; the next one goes on from there.
    """
    evolution, resumed = _evolved(job)
    if not evolution.ended:
        done = f"{counted(evolution.generation, 'generation')} {are(evolution.generation)} done in {job.paths.dir}"
        job.stop.raise_stopped(done)
    tally = evolution.tally
    points = np.concatenate(evolution.points) if evolution.points else np.empty(0, dtype=np.int64)
    front, _ = tally.front.finish()
    files = stored(job.problem, points, job.writer()) if job.keeps_all else {}
    drawn = np.random.default_rng(SAMPLE_SEED).choice(points, min(SAMPLE_ROWS, len(points)), replace=False)
    return finish(
        job,
        front,
        None if job.keeps_all else np.unique(np.concatenate([front, drawn])),
        files | _write_history(evolution, job.paths),
        designs=tally.designs,
        feasible=tally.feasible,
        infeasible=tally.designs - tally.feasible - tally.failed,
        failed=tally.failed,
        seconds=round(evolution.seconds, 3),
        designs_per_s=round(tally.designs / max(evolution.seconds, 1e-3), 1),
        search={
            **job.study.search.model_dump(exclude_none=True),
            "generations_done": evolution.generation,
            "ended": evolution.ended,
            "resumed": resumed,
        },
    )


def _evolved(job: Job) -> tuple[Evolution, bool]:
    """Return the search at its end, or where it was told to stop, and whether it began with a checkpoint."""
    search, paths = job.study.search, job.paths
    assert search.population is not None
    assert search.generations is not None
    assert search.seed is not None
    settings = Settings(
        search.method,
        search.population,
        search.generations,
        search.seed,
        search.start if search.start in SAMPLERS else "sobol",
        search.stagnation,
    )
    mark = hashlib.sha256(job.identity.encode()).digest()
    start = np.asarray(job.manifest["start"], dtype=np.int64) if "start" in job.manifest else None

    def run(checkpoint: bytes | None) -> Evolution:
        return run_evolution(
            job.problem,
            settings,
            start=start,
            checkpoint=checkpoint,
            store=lambda data: write_file(paths.checkpoint, mark + data, staging=paths.staging),
            stop=job.stop,
            progress=job.progress,
        )

    checkpoint = _checkpoint(paths, mark)
    if checkpoint is None:
        return run(None), False
    try:
        return run(checkpoint), True
    except ValueError:
        return run(None), False  # cut off by something that writes no whole files; the search is repeatable


def _checkpoint(paths: RunPaths, mark: bytes) -> bytes | None:
    """What a checkpoint holds, if there is one of a run with this mark."""
    if not paths.checkpoint.is_file():
        return None
    data = read_bytes(paths.checkpoint)
    return data[len(mark) :] if data.startswith(mark) else None


def _write_history(evolution: Evolution, paths: RunPaths) -> dict[str, str]:
    rows = np.asarray(evolution.history, dtype=np.float64).reshape(-1, len(HISTORY))
    table: dict[str, Any] = {
        name: rows[:, k] if name == "hypervolume" else rows[:, k].astype(np.int64) for k, name in enumerate(HISTORY)
    }
    columns = {name: Column(name, "1", meaning, None, "status") for name, meaning in _MEANINGS.items()}
    info = write_table(paths.history, table, columns=columns, metadata={}, staging=paths.staging)
    return {paths.history.relative_to(paths.dir).as_posix(): info.sha256}
