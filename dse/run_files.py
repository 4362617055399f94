"""What the runs of every method write: the manifest they begin with, and tables of designs."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dse.catalogs import data_digest, is_path, models_beside
from dse.efficiency_text import study_efficiency
from dse.errors import OutputError
from dse.study import Study
from dse.study_traces import trace_texts
from results.columns import Column
from results.manifest import read_manifest
from results.places import is_remote
from results.provenance import provenance
from results.run_paths import RunPaths
from results.store import Categorical, write_table
from roofline.accelerator_table import facts_of
from sweeps.engines import Engine
from sweeps.problem import Problem, Table

SAMPLE_ROWS = 20_000
"""Designs that a run which keeps only its front stores beside it, for pictures."""

SAMPLE_SEED = 1


@dataclass(frozen=True)
class PartWriter:
    """Stores the table of a chunk as a Parquet part; picklable."""

    problem: Problem
    paths: RunPaths
    metadata: dict[str, str]
    identity: str

    def __getstate__(self) -> dict[str, object]:
        """Take the directory along as an absolute path: other processes have other current directories."""
        return {**self.__dict__, "paths": RunPaths(self.paths.dir.absolute(), self.paths.writer)}

    def __call__(self, number: int, table: Table) -> dict[str, str]:
        """Write part `number`; raise OutputError where the run's directory is not to be seen, or is another run's."""
        there = self._identity_there()
        if there is None and not is_remote(self.paths.dir):
            raise OutputError(
                f"{self.paths.dir}: worker {platform.node()} does not see this directory; all workers of a cluster "
                "need it, on a shared file system, or `output: {keep: front}`, with which only this process writes"
            )
        if there not in (None, self.identity):  # a worker may outlive the process that gave it this chunk
            raise OutputError(f"{self.paths.dir}: holds another run now; this one's part {number} is not written there")
        return self.write(self.paths.part(number), table)

    def _identity_there(self) -> str | None:
        """Return which run the directory holds; None if that is not to be seen, and its own if it cannot be read."""
        try:
            return str(read_manifest(self.paths.dir)["identity"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError):
            return self.identity

    def write(self, path: Path, table: Table, columns: Mapping[str, Column] | None = None) -> dict[str, str]:
        """Write a table to any path of the run; return its digest under its path within the run."""
        info = write_table(
            path, table, columns=columns or self.problem.columns(), metadata=self.metadata, staging=self.paths.staging
        )
        return {path.relative_to(self.paths.dir).as_posix(): info.sha256}


def write_front(study: Study, writer: PartWriter, front: NDArray[np.int64], engine: Engine) -> dict[str, str]:
    """Write the designs of the front, and their chances where the study asks for them; return digests by path."""
    problem, paths = writer.problem, writer.paths
    files = writer.write(paths.front, problem.table(front) if len(front) else empty_table(problem))
    if study.uncertainty is not None:
        from dse.uncertainty import defined, uncertainty_table

        sampled = uncertainty_table(problem, front, study.uncertainty.samples, study.uncertainty.seed, engine)
        files |= writer.write(paths.uncertainty, sampled, defined(problem))
    return files


def empty_table(problem: Problem) -> Table:
    """Return the table of no designs, with every column."""
    one = problem.table(np.zeros(1, dtype=np.int64))
    return {
        name: Categorical(np.asarray(v.codes)[:0], v.categories) if isinstance(v, Categorical) else v[:0]
        for name, v in one.items()
    }


def new_manifest(study: Study, keep: str, workers: int) -> dict[str, Any]:
    """Return what is known of a run before it starts."""
    techniques = [*(workload.techniques for workload in study.workloads), *study.algorithms.values()]
    names = {workload.model for workload in study.workloads} | {name for one in techniques for name in one.models}
    names |= {
        str(value) for axis in study.scenario_axes if axis.path.endswith((".model", ".draft")) for value in axis.values
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
        "traces": trace_texts(study),
    }


def now() -> str:
    """Return the time of day, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
