"""A sweep that the page starts: bounded, one at a time, in memory; its front can be looked at while it grows."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dse.designs import STUDY_KEYS
from dse.errors import StudyError, shown
from dse.plan import problem_of
from dse.serve.asked import Design
from dse.serve.base import Base, Slider
from dse.serve.views import jsonable
from dse.study import Study, load_study
from dse.study_axes import DIMENSIONS
from dse.study_paths import Tree
from dse.units import exact_quantity
from results.front import FrontArchive
from results.store import Categorical
from sweeps.chunks import GridChunks
from sweeps.engines import Serial
from sweeps.grid import Tally
from sweeps.problem import Problem
from sweeps.run import run_chunks

MOST_DESIGNS = 5_000_000
"""Of a sweep from the page: some seconds. `dse sweep` takes the study that the page exports."""

MOST_POINTS = 200
MOST_SENT = 1500
"""Designs of a front that are sent to the page; of more, an even choice by the first objective."""

MOST_STOPPING_S = 10.0
"""How long a sweep waits for the last piece of the one before it."""

_LEAST_CHUNK = 4096
_PIECES = 64


def with_design(design: Design, ranges: Tree | None = None) -> Tree:
    """Return a design's study as a tree whose only design it is; or with `ranges` in place of some dimensions."""
    tree = design.study.tree()
    tree["design"] = {
        key: exact_quantity(float(design.columns[column][0]), DIMENSIONS[key][1].unit)
        for key, column in STUDY_KEYS.items()
    } | (ranges or {})
    tree["search"] = {"method": "grid"}
    return tree


def study_of(base: Base, tree: Tree) -> Study:
    """Return the study of a tree that was made from the base's; models are looked up where its own are."""
    return load_study(tree, vocabulary=base.study.vocabulary, path=base.study.source_path)


def sweep_tree(base: Base, design: Design, points: int) -> Tree:
    """Return the study that a sweep around a design runs: the axes of the base's study, ranges with so many points.

    A study without axes is swept over the ranges of the sliders.
    """
    own = base.study.tree()["design"]
    moving: Tree = {}
    for key, value in own.items():
        if isinstance(value, dict):
            moving[key] = {kind: value[kind] for kind in ("log", "linear") if kind in value} | {"points": points}
        elif isinstance(value, list) or (isinstance(value, str) and _follows(base, key)):
            moving[key] = value
    if not moving:
        moving = {slider.key: _range(slider, points) for slider in base.sliders if slider.start > 0}
    return with_design(design, moving)


def _follows(base: Base, key: str) -> bool:
    return any(axis.name == STUDY_KEYS[key] and axis.derived is not None for axis in base.study.column_axes)


def _range(slider: Slider, points: int) -> Tree:
    unit = DIMENSIONS[slider.key][1].unit
    return {"log": [exact_quantity(slider.low, unit), exact_quantity(slider.high, unit)], "points": points}


@dataclass
class Sweep:
    """A sweep under way or done.

    Attributes
    ----------
    number : int
        Of the sweeps of this page, from 1.
    study : Study
    problem : Problem
    done : int
        Designs evaluated.
    points : array of int
        The front so far.
    stopped : bool
        Whether somebody asked it to end.
    error : str
        Why it failed; empty if it did not.
    """

    number: int
    study: Study
    problem: Problem
    done: int = 0
    points: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    stopped: bool = False
    error: str = ""
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self._ended.is_set()

    def stop(self, wait_s: float = 0.0) -> bool:
        """Let it end after the piece that is under way; say whether it has, within some time."""
        self.stopped = True
        return self._ended.wait(wait_s)

    def work(self) -> None:
        """Evaluate all designs, or those until it is told to stop."""
        tally = Tally(FrontArchive(len(self.problem.objectives)))
        size = self.problem.space.size

        def told(done: int, _: int) -> None:
            self.done, self.points = done, tally.front.finish()[0]

        try:
            worked = run_chunks(
                GridChunks(self.problem, max(_LEAST_CHUNK, -(-size // _PIECES))),
                Serial(),
                tally=tally,
                stop=lambda: self.stopped,
                progress=told,
            )
            self.error = "; ".join(sorted({f"a piece failed: {error}" for error in worked.failed.values()}))
        finally:
            self._ended.set()

    def told(self) -> dict[str, Any]:
        """Return how far it is, and the designs of its front so far."""
        ended, done, points = self.ended, self.done, self.points
        found = {
            "number": self.number,
            "size": self.problem.space.size,
            "done": done,
            "ended": ended,
            "stopped": self.stopped,
            "error": self.error,
            "front": len(points),
        }
        plain: dict[str, Any] = jsonable(found | {"rows": self.rows(points)})
        return plain

    def rows(self, points: NDArray[np.int64]) -> dict[str, list[Any]]:
        """Return the columns of designs by point, as many as are sent to a page."""
        if len(points) == 0:
            return {}
        table = self.problem.table(self._some(points))
        return {
            name: np.asarray(column.categories, dtype=object)[np.asarray(column.codes)].tolist()
            if isinstance(column, Categorical)
            else column.tolist()
            for name, column in table.items()
            if not (name.startswith("margin_") or name in ("feasible", "reason"))
        }

    def _some(self, points: NDArray[np.int64]) -> NDArray[np.int64]:
        if len(points) <= MOST_SENT:
            return points
        first = self.problem.table(points)[self.problem.objectives[0].column]
        order = np.argsort(np.asarray(first), kind="stable")
        return np.sort(points[order[np.linspace(0, len(points) - 1, MOST_SENT).round().astype(np.int64)]])


class Sweeps:
    """The sweep of a page; there is one at a time."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._now: Sweep | None = None

    def begin(self, design: Design, points: object) -> Sweep:
        """Start a sweep around a design, so many points on each range; one that is under way is stopped first.

        Raises
        ------
        StudyError
            If it is too large, or the study cannot be swept, or the one before does not end.
        """
        if not isinstance(points, int) or isinstance(points, bool) or not 2 <= points <= MOST_POINTS:
            raise StudyError(f"points: expected a whole number from 2 to {MOST_POINTS}, got {shown(points)}")
        study = study_of(self._base, sweep_tree(self._base, design, points))
        size = study.grid_size()
        if size > MOST_DESIGNS:
            raise StudyError(
                f"{size:,} designs are too many for the page, at most {MOST_DESIGNS:,}; take fewer points, or export "
                "the study and use `dse sweep`"
            )
        problem = problem_of(study, self._base.models)
        with self._lock:
            if self._now is not None and not self._now.stop(MOST_STOPPING_S):
                raise StudyError("the sweep before this one has not stopped yet; try again in a moment")
            self._now = Sweep(next(self._numbers), study, problem)
            threading.Thread(target=self._now.work, name="sweep", daemon=True).start()
            return self._now

    @property
    def now(self) -> Sweep | None:
        """The last one that was started."""
        return self._now

    def stop(self) -> None:
        """Stop it after the piece that is under way."""
        if self._now is not None:
            self._now.stop()


def most_points(base: Base) -> int:
    """Return the points on each range with which a sweep is as fine as the study's own, or as large as it may be."""
    own: Mapping[str, Any] = base.study.tree()["design"]
    levels = {key: len(axis.values) for key, axis in zip(STUDY_KEYS, base.study.column_axes, strict=True)}
    ranges = [levels[key] for key, value in own.items() if isinstance(value, dict)]
    lists = [len(value) for value in own.values() if isinstance(value, list)]
    moving = len(ranges) if ranges or lists else sum(slider.start > 0 for slider in base.sliders)
    room = MOST_DESIGNS
    for length in lists:
        room //= length
    points = min(max(ranges, default=12), MOST_POINTS)
    while points > 2 and points**moving > room:
        points -= 1
    return points
