"""Run a study into a directory, and open the directory of a run."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dse import directories
from dse.calibrations import CalibrationFiles
from dse.catalogs import (
    Models,
    calibrations_beside,
    data_digest,
    hardware_beside,
    is_path,
    models_beside,
    vocabulary,
)
from dse.efficiency_text import study_efficiency
from dse.errors import OutputError, RunError, StudyError
from dse.hardware import HardwareFiles
from dse.plan import problem_of
from dse.study import Study, load_study
from results.columns import Column
from results.manifest import read_manifest, write_manifest
from results.provenance import provenance
from results.store import RunPaths, read_frame, write_file, write_table
from roofline.accelerator_table import facts_of, from_facts
from roofline.accelerators import Accelerator
from sweeps.problem import Problem, Table
from sweeps.run import run_grid

if TYPE_CHECKING:
    import pandas as pd

MOST_KEPT = 5_000_000
"""Designs up to which all are kept when the study does not say."""

MOST_GRID_POINTS = 10**10
"""Designs a grid may have: about an hour on one core."""

SAMPLE_ROWS = 20_000
SAMPLE_SEED = 1
BYTES_PER_ROW = 200
"""Generous size of one design on disk; measured 90 to 160 byte/row on the shipped studies."""

Progress = Callable[[int, int, int], None]
"""Called with (designs done, designs in all, size of the front)."""


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes
    ----------
    path : Path
        Its directory.
    manifest : dict
        Counts, versions, digests and times.
    already : bool
        Whether `sweep` found it finished and changed nothing.
    """

    path: Path
    manifest: dict[str, Any]
    already: bool = False

    @property
    def paths(self) -> RunPaths:
        """Where its files are."""
        return RunPaths(self.path)

    @cached_property
    def models(self) -> Models:
        """Models of the study, those given as files from the copy in the manifest."""
        return Models(self.manifest.get("models", {}))

    @cached_property
    def study(self) -> Study:
        """The study it ran."""
        return load(self.paths.study)

    @cached_property
    def problem(self) -> Problem:
        """The search problem of the study."""
        return problem_of(self.study, self.models)

    @property
    def baselines(self) -> tuple[Accelerator, ...]:
        """The published accelerators drawn on its front, as they were when it ran."""
        return tuple(from_facts(facts) for facts in self.manifest.get("baselines", ()))

    def front(self) -> pd.DataFrame:
        """Return the non-dominated designs, by point index; units are in ``attrs["units"]``."""
        return self.read(self.paths.front)

    def designs(self, columns: list[str] | None = None) -> pd.DataFrame:
        """Return the stored designs: all of them, or with ``keep: front`` the front and a uniform sample."""
        return self.read(self.paths.parts(), columns)

    def read(self, path: Path | list[Path], columns: list[str] | None = None) -> pd.DataFrame:
        """Return Parquet files of the run as one table; raise RunError if they are missing or damaged."""
        what = path if isinstance(path, Path) else self.paths.designs
        try:
            return read_frame(path, columns)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise RunError(f"{what}: cannot be read: {reason[:1].lower()}{reason[1:]}") from None
        except ValueError as error:
            raise RunError(f"{what}: {error}" if isinstance(path, list) and not path else str(error)) from None

    def evaluate(self, designs: pd.DataFrame | Mapping[str, Any]) -> pd.DataFrame:
        """Return given designs through the same path as the run; see :func:`dse.evaluate`."""
        from dse.designs import evaluate_designs

        return evaluate_designs(self.study, self.problem, designs)

    @property
    def objectives(self) -> dict[str, Literal["max", "min"]]:
        """Objective columns and their directions."""
        return {column: "max" if way == "max" else "min" for column, way in self.study.objectives.items()}


@dataclass(frozen=True)
class PartWriter:
    """Stores the table of a chunk as a Parquet part; picklable."""

    problem: Problem
    paths: RunPaths
    metadata: dict[str, str]

    def __call__(self, number: int, table: Table) -> dict[str, str]:
        """Write part `number`."""
        return self.write(self.paths.part(number), table)

    def write(self, path: Path, table: Table, *, columns: Mapping[str, Column] | None = None) -> dict[str, str]:
        """Write a table to any path of the run; return its digest under its path within the run."""
        defined = self.problem.columns() if columns is None else columns
        info = write_table(path, table, columns=defined, metadata=self.metadata, staging=self.paths.staging)
        return {path.relative_to(self.paths.dir).as_posix(): info.sha256}


def open_run(path: str | Path) -> Run:
    """Open the directory of a finished run.

    Raises
    ------
    RunError
        If it is no run, or not finished.
    """
    directory = Path(path)
    if not directory.is_dir():
        raise RunError(f"{directory}: no such run directory")
    if not RunPaths(directory).manifest.is_file():
        raise RunError(f"{directory}: not the directory of a run (it has no manifest.json)")
    try:
        manifest = read_manifest(directory)
    except (OSError, ValueError) as error:
        raise RunError(str(error)) from None
    if manifest.get("status") != "finished":
        raise RunError(f"{directory}: the run is not finished; `dse sweep` on its study starts it again")
    return Run(directory, manifest)


def load(study: str | Path | Mapping[str, object] | Study) -> Study:
    """Return a study from a path, a YAML text, a mapping, or as it is.

    The ``study.yaml`` of a run brings the models, devices and calibrations that the run had, whatever has become of
    their files.
    """
    if isinstance(study, Study):
        return study
    is_path = isinstance(study, Path) or (isinstance(study, str) and "\n" not in study)
    models = models_beside(str(study)) if is_path else Models()
    hardware = hardware_beside(str(study)) if is_path else HardwareFiles()
    calibrations = calibrations_beside(str(study)) if is_path else CalibrationFiles()
    loaded = load_study(study, vocabulary=vocabulary(models, hardware, calibrations))
    return replace(loaded, base_dir=None) if models.configs or hardware.stored or calibrations.stored else loaded


def sweep(
    study: str | Path | Mapping[str, object] | Study,
    *,
    out: str | Path | None = None,
    workers: int = 1,
    fresh: bool = False,
    progress: Progress | None = None,
) -> Run:
    """Evaluate every design of a study and write its run directory.

    Parameters
    ----------
    study : path, YAML text, mapping or Study
    out : path, optional
        Directory to write; default the study's ``output.dir``.
    workers : int
        Processes.
    fresh : bool
        Whether to replace a finished run in that directory.
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
        If the run failed.
    """
    study = load(study)
    if workers < 1:
        raise StudyError(f"workers: expected at least 1, got {workers}")
    size = study.grid_size()
    exact = study.search.method == "exact"
    check_size(study, size)
    problem = problem_of(study)
    keep = study.output.keep or ("all" if size <= MOST_KEPT and not exact else "front")
    directory = Path(out if out is not None else str(study.output.dir))
    manifest = _manifest(study, problem, keep, workers)
    finished = directories.claim(directory, manifest, fresh=fresh)
    if finished is not None:
        return Run(directory, finished, already=True)
    directories.check_space(directory, (size if keep == "all" else SAMPLE_ROWS) * BYTES_PER_ROW)
    if exact:
        from dse.exact_runs import sweep_exact

        return sweep_exact(study, problem, directory, manifest, progress, fresh=fresh)
    with directories.undone_on_error(directory):
        try:
            return _write_run(study, problem, directory, manifest, workers, progress)
        except BrokenExecutor:
            raise RunError(
                "a worker process was killed, perhaps for want of memory; use fewer --workers. Nothing was kept"
            ) from None


def check_size(study: Study, size: int) -> None:
    """Raise StudyError if a grid is too large for its method."""
    if study.search.method == "exact":
        from dse.exact_runs import check_exact

        check_exact(study, size)
        return
    if size <= MOST_GRID_POINTS:
        return
    axes = sorted(((len(a.values), a.name) for a in study.column_axes), reverse=True)
    largest = ", ".join(f"{name} {count:,}" for count, name in axes if count > 1)
    raise StudyError(
        f"the grid has {size:,} designs; method grid evaluates at most {MOST_GRID_POINTS:,} "
        f"(about an hour on one core). Use method exact, fewer points per axis ({largest}) or narrower ranges",
        path=study.source_path,
        key="search.method",
    )


def _write_run(
    study: Study,
    problem: Problem,
    directory: Path,
    manifest: dict[str, Any],
    workers: int,
    progress: Progress | None,
) -> Run:
    paths = RunPaths(directory)
    keep = manifest["keep"]
    write_manifest(directory, {**manifest, "status": "running"})
    write_file(paths.study, study.text.encode(), staging=paths.staging)
    metadata = {"study": study.to_yaml(), "provenance": json.dumps(manifest["versions"], sort_keys=True)}
    writer = PartWriter(problem, paths, metadata)
    size = problem.space.size
    started = time.perf_counter()
    tally = run_grid(
        problem,
        sink=writer if keep == "all" else None,
        workers=workers,
        progress=None if progress is None else lambda done, front: progress(done, size, front),
    )
    seconds = time.perf_counter() - started
    front, _ = tally.front.finish()
    files = tally.parts | writer.write(paths.front, problem.table(front) if len(front) else empty_table(problem))
    if keep == "front":
        files |= writer(0, problem.table(directories.sampled_points(size, front, SAMPLE_ROWS, SAMPLE_SEED)))
    run = Run(
        directory,
        {
            **manifest,
            "status": "finished",
            "finished": now(),
            "designs": tally.designs,
            "feasible": tally.feasible,
            "infeasible": tally.designs - tally.feasible - tally.failed,
            "failed": tally.failed,
            "front": len(front),
            "files_sha256": files,
            "seconds": round(seconds, 3),
            "designs_per_s": round(tally.designs / seconds, 1),
        },
    )
    from dse.pictures import draw

    draw(run)
    write_manifest(directory, run.manifest)
    paths.clean_staging()
    return run


def empty_table(problem: Problem) -> Table:
    """Return the table of no designs, with every column."""
    import numpy as np

    from results.store import Categorical

    one = problem.table(np.zeros(1, dtype=np.int64))
    return {
        name: Categorical(np.asarray(v.codes)[:0], v.categories) if isinstance(v, Categorical) else v[:0]
        for name, v in one.items()
    }


def _manifest(study: Study, problem: Problem, keep: str, workers: int) -> dict[str, Any]:
    names = {workload.model for workload in study.workloads} | {
        str(value) for axis in study.scenario_axes if axis.path.endswith(".model") for value in axis.values
    }
    models = models_beside(study.source_path)
    return {
        "name": study.name,
        "study_sha256": study.digest(),
        "data_sha256": data_digest(),
        "versions": provenance(),
        "started": now(),
        "method": study.search.method,
        "efficiency": study_efficiency(study),
        "objectives": dict(study.objectives),
        "keep": keep,
        "workers": workers,
        "seed": SAMPLE_SEED,
        "space": {
            **{axis.path: len(axis.values) for axis in study.scenario_axes},
            **{axis.name: len(axis.values) for axis in study.column_axes},
        },
        "models": {
            name: models.config(study.resolved_model(name))
            for name in sorted(names)
            if is_path(study.resolved_model(name))
        },
        "hardware": {file: [facts_of(chip) for chip in chips] for file, chips in study.hardware_devices.items()},
        "baselines": [facts_of(chip) for chip in study.baseline_devices],
        "calibrations": study.calibration_texts(),
    }


def now() -> str:
    """Return the time of day, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


__all__ = ["OutputError", "Run", "RunError", "StudyError", "load", "open_run", "sweep"]
