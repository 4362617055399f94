"""Run a study into a directory, and open the directory of a run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dse.calibrations import calibration_text
from dse.catalogs import (
    Models,
    calibrations_beside,
    hardware_beside,
    models_beside,
    traces_beside,
    vocabulary,
)
from dse.errors import OutputError, RunError, StudyError
from dse.hardware import HardwareFiles
from dse.kept_files import KeptFiles
from dse.plan import problem_of
from dse.study import Study, load_study
from dse.traces import trace_text
from results.manifest import read_manifest
from results.places import is_remote, own_errors, place
from results.run_paths import RunPaths
from results.store import file_sha256, read_bytes, read_frame
from roofline.accelerator_table import from_facts
from roofline.accelerators import Accelerator
from sweeps.problem import Problem

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from dse.asking import WhatIf
    from dse.one_design import Given
    from sweeps.uncertainty import Better


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
    manifest: dict[str, Any] = field(repr=False)
    already: bool = False

    def _repr_html_(self) -> str:
        from dse.report.notebook import run_html

        return run_html(self)

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
        """Return the non-dominated designs, by point index; units are in ``attrs["units"]``.

        Raises
        ------
        RunError
            If their file is missing, damaged, or not the one that the run wrote.
        """
        self._check_digest(self.paths.front)
        return self.read(self.paths.front)

    def _check_digest(self, file: Path) -> None:
        wanted = self.manifest.get("files_sha256", {}).get(file.relative_to(self.path).as_posix())
        try:
            same = wanted is None or file_sha256(file) == wanted
        except OSError:
            return  # the reader says why
        if not same:
            raise RunError(f"{file} is damaged: it is not what the run wrote; `dse sweep` on its study makes it again")

    def designs(self, columns: list[str] | None = None) -> pd.DataFrame:
        """Return the stored designs: all of them, or with ``keep: front`` the front and a uniform sample."""
        return self.read(self.paths.parts(), columns)

    def read(self, path: Path | list[Path], columns: list[str] | None = None) -> pd.DataFrame:
        """Return Parquet files of the run as one table.

        Parameters
        ----------
        path : Path or list of Path
            A file, or the parts of the designs.
        columns : list of str, optional
            Default all.

        Raises
        ------
        RunError
            If they are missing or damaged.
        """
        what = self.paths.designs if isinstance(path, list) else path
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

    def uncertainty(self, samples: int | None = None, seed: int | None = None) -> pd.DataFrame:
        """Return percentiles of the objectives of the front's designs, and their chances, by point.

        Parameters
        ----------
        samples, seed : int, optional
            Default those of the study, whose result the run's directory holds; else 256 and 1.

        Returns
        -------
        DataFrame
            ``point``, ``<objective>_p5``, ``_p50`` and ``_p95`` over the samples in which it is a number,
            ``probability_non_dominated`` among the designs of the front, ``probability_feasible``.
        """
        from dse.uncertainty import of_run

        return of_run(self, samples, seed)

    def probability_better(
        self, a: int, b: int, samples: int | None = None, seed: int | None = None
    ) -> dict[str, Better]:
        """Return how likely each of two points is better than the other, by objective and ``dominates``.

        Parameters
        ----------
        a, b : int
            Points of the run's space.
        samples, seed : int, optional
            Default those of the study, else 256 and 1.
        """
        from dse.uncertainty import better

        return better(self, a, b, samples, seed)

    def whatif(
        self,
        design: Given = None,
        changes: Mapping[str, Any] | None = None,
        *,
        target: str | Sequence[str] | None = None,
        vary: str | None = None,
        between: str | None = None,
    ) -> WhatIf:
        """Return a design before and after a change, or the value that meets a target; see :func:`dse.whatif`."""
        from dse.asking import whatif

        return whatif(self, design, changes, target=target, vary=vary, between=between)

    def pick(
        self, *, weights: Mapping[str, float] | None = None, knee: bool = False, within: Sequence[str] = ()
    ) -> pd.DataFrame:
        """Return a handful of designs of the front, each with why; see :func:`dse.pick`."""
        from dse.picking import pick

        return pick(self, weights=weights, knee=knee, within=within)

    def report(self, path: str | Path | None = None) -> Path:
        """Write the run as one HTML file, by default ``report.html`` in its directory, and return its path."""
        from dse.report.page.html import write_page

        return write_page(self, path)

    def plot(
        self,
        kind: str = "front",
        design: str | int | Mapping[str, Any] | Sequence[str | int | Mapping[str, Any]] | None = None,
        *,
        axes: Sequence[str] = (),
        theme: Literal["light", "dark"] = "light",
    ) -> Figure:
        """Return a picture; a notebook shows it, ``results.figures.save`` writes it.

        Parameters
        ----------
        kind : str
            Of :data:`dse.picture_kinds.KINDS`, as for ``dse plot --kind``.
        design : str, int, mapping or a sequence of them, optional
            A design as for :func:`dse.explain`, several for ``breakdown``; default the knee of the front.
        axes : sequence of str
            Two objectives of a ``pair``, or two design axes of a ``bottleneck`` map.
        theme : {"light", "dark"}

        Raises
        ------
        StudyError
            If there is no such picture, or the run has not what it needs.
        """
        from dse.picture_kinds import Asked, figure

        if design is None:
            design = ()
        if isinstance(design, Sequence) and not isinstance(design, str):
            return figure(self, kind, Asked(tuple(design), tuple(axes), theme))
        return figure(self, kind, Asked((design,), tuple(axes), theme))

    @property
    def objectives(self) -> dict[str, Literal["max", "min"]]:
        """Objective columns and their directions."""
        return {column: "max" if way == "max" else "min" for column, way in self.study.objectives.items()}


def open_run(path: str | Path) -> Run:
    """Open the directory of a finished run.

    Parameters
    ----------
    path : path

    Returns
    -------
    Run

    Raises
    ------
    RunError
        If it is no run, or not finished.
    """
    directory = located(path)
    manifest = manifest_of(directory)
    if manifest.get("status") not in ("finished", "incomplete"):
        raise RunError(f"{path}: the run is not finished; `dse sweep` on its study goes on with it")
    return Run(directory, manifest)


def located(path: str | Path) -> Path:
    """Return the place of a path or URL; raise OutputError if nobody here knows the URL's kind."""
    try:
        return place(path)
    except OSError as error:
        raise OutputError(str(error)) from None


def manifest_of(directory: Path) -> dict[str, Any]:
    """Return the manifest of a run, finished or not; raise RunError if there is none."""
    try:
        with own_errors():
            if not directory.is_dir():
                raise RunError(f"{directory}: no such run directory")
            if not RunPaths(directory).manifest.is_file():
                raise RunError(f"{directory}: not the directory of a run (it has no manifest.json)")
        return read_manifest(directory)
    except ValueError as error:
        raise RunError(f"{error}; `dse sweep` on its study mends it, and keeps what else is whole") from None
    except OSError as error:
        raise RunError(str(error)) from None


def load(study: str | Path | Mapping[str, object] | Study) -> Study:
    """Return a study from a path, a YAML text, a mapping, or as it is.

    The ``study.yaml`` of a run brings the models, devices, calibrations and traces that the run had, whatever has
    become of their files.

    Parameters
    ----------
    study : path, YAML text, mapping or Study

    Returns
    -------
    Study
        Checked.

    Raises
    ------
    StudyError
        If it is wrong; the message names file, line and key.
    """
    if isinstance(study, Study):
        return study
    if not isinstance(study, str | Mapping) and is_remote(study):
        return _load_remote(study)
    is_path = isinstance(study, Path) or (isinstance(study, str) and "\n" not in study)
    models = models_beside(str(study)) if is_path else Models()
    hardware = hardware_beside(str(study)) if is_path else HardwareFiles()
    calibrations = calibrations_beside(str(study)) if is_path else KeptFiles(calibration_text)
    traces = traces_beside(str(study)) if is_path else KeptFiles(trace_text)
    loaded = load_study(study, vocabulary=vocabulary(models, hardware, calibrations, traces))
    stored = models.configs or hardware.stored or calibrations.stored or traces.stored
    return replace(loaded, base_dir=None) if stored else loaded


def _load_remote(file: Path) -> Study:
    """Return the study of a run in a store, with all that travels with it."""
    try:
        text = read_bytes(file).decode()
    except (OSError, ValueError) as error:
        raise RunError(f"{file}: cannot be read: {error}") from None
    known = vocabulary(models_beside(file), hardware_beside(file), calibrations_beside(file), traces_beside(file))
    return replace(load_study(text, vocabulary=known, path=str(file)), base_dir=None)


__all__ = ["OutputError", "Run", "RunError", "StudyError", "load", "open_run"]
