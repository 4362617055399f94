"""Whether a run is what it says: every file's checksum, every count, and designs evaluated again, to the bit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dse.catalogs import data_digest
from dse.errors import RunError
from dse.jobs import damaged_files
from results.front import non_dominated
from results.journal import read_journals
from results.labels import are, counted
from results.store import Categorical, read_table, row_count

if TYPE_CHECKING:
    import pyarrow as pa

    from dse.runs import Run

SAMPLE = 10_000
"""Designs evaluated again, beside those of the front."""

_SHOWN = 5


@dataclass
class Verified:
    """What a verification found.

    Attributes
    ----------
    files, rows, again : int
        Files whose checksums were compared, designs stored, and designs evaluated again.
    failures : list of str
        What is not as it should be; empty if all is well.
    notes : list of str
        What could not be checked, and why.
    """

    files: int = 0
    rows: int = 0
    again: int = 0
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def verify(run: Run, sample: int = SAMPLE, seed: int = 1) -> Verified:
    """Check a run: files against their digests, counts, the front, and designs against the model.

    Parameters
    ----------
    run : Run
    sample : int
        Designs to evaluate again, beside the front; all, if there are fewer.
    seed : int
        Of the choice of them.

    Returns
    -------
    Verified
        With `failures` if it is not what was written.
    """
    found = Verified(files=len(run.manifest["files_sha256"]))
    found.failures += [f"{run.path / name}: is missing or not what was written" for name in _damaged(run)]
    _check_study(run, found)
    journal = read_journals(run.paths.journals())
    if journal.damaged:
        found.notes.append(
            f"{counted(journal.damaged, 'line')} of the journal {are(journal.damaged)} damaged; it is needed no more"
        )
    if not found.failures:
        _check_designs(run, found, sample, seed)
    return found


def _damaged(run: Run) -> list[str]:
    return damaged_files(run.paths, run.manifest)


def _check_study(run: Run, found: Verified) -> None:
    if run.study.digest() != run.manifest["study_sha256"]:
        found.failures.append(f"{run.paths.study}: is not the study that was run")
    expected = {file.relative_to(run.path).as_posix() for file in (*run.paths.parts(), *run.paths.leaf_parts())}
    strange = sorted(expected - set(run.manifest["files_sha256"]))
    found.failures += [f"{run.path / name}: is not of this run" for name in strange[:_SHOWN]]


def _check_designs(run: Run, found: Verified, sample: int, seed: int) -> None:
    """Check the front and the stored designs, part by part: all of them may be more than fits into memory."""
    front, parts = read_table(run.paths.front), run.paths.parts()
    rows = [row_count(part) for part in parts]
    found.rows = sum(rows)
    again = run.manifest["data_sha256"] == data_digest()
    if not again:
        found.notes.append("no design was evaluated again: the run was made with other tables of costs and formats")
    elif front.num_rows:
        _compare(run, front, found)
    chosen = np.sort(np.random.default_rng(seed).choice(found.rows, min(sample, found.rows), replace=False))
    told = _Told(run)
    first = 0
    for part, count in zip(parts, rows, strict=True):
        designs = read_table(part)
        told.add(designs)
        inside = chosen[(chosen >= first) & (chosen < first + count)] - first
        if again and len(inside):
            _compare(run, designs.take(inside), found)
        first += count
    _check_counts(run, front, told, found)


class _Told:
    """What the stored designs of a run tell of all of them: how many are feasible, and which are of the front."""

    def __init__(self, run: Run) -> None:
        self.feasible = 0
        self.points = np.empty(0, dtype=np.int64)
        self._signs = {name: -1.0 if way == "max" else 1.0 for name, way in run.objectives.items()}
        self._values = np.empty((0, len(self._signs)))

    def add(self, designs: pa.Table) -> None:
        """Take designs in, of which those that no other dominates stay."""
        feasible = _column(designs, "feasible")
        self.feasible += int(feasible.sum())
        values = np.column_stack([sign * _column(designs, name)[feasible] for name, sign in self._signs.items()])
        points = np.concatenate([self.points, _column(designs, "point")[feasible]])
        values = np.concatenate([self._values, values])
        kept = non_dominated(values) if len(values) else np.empty(0, dtype=np.int64)
        self.points, self._values = points[kept], values[kept]


def _check_counts(run: Run, front: pa.Table, told: _Told, found: Verified) -> None:
    m = run.manifest
    if front.num_rows != m["front"]:
        found.failures.append(f"the front holds {counted(front.num_rows, 'design')}, the manifest says {m['front']:,}")
    if m["keep"] != "all":
        return
    for name, count in (("designs", found.rows), ("feasible", told.feasible)):
        if count != m[name]:
            found.failures.append(
                f"{counted(count, 'stored design')} {are(count)} {name}, the manifest says {m[name]:,}"
            )
    if not np.array_equal(np.sort(told.points), _column(front, "point")):
        found.failures.append("the front is not the non-dominated part of the stored designs")


def _compare(run: Run, stored: pa.Table, found: Verified) -> None:
    points = _column(stored, "point").astype(np.int64)
    try:
        again = run.problem.table(points)
    except IndexError as error:
        found.failures.append(str(error))
        return
    found.again += len(points)
    for name, values in again.items():
        if name not in stored.column_names:
            found.failures.append(f"column {name} is missing")
            continue
        differing = np.flatnonzero(_differs(_column(stored, name), values))
        if len(differing):
            at = ", ".join(f"{point}" for point in points[differing[:_SHOWN]])
            found.failures.append(
                f"{name} of {counted(len(differing), 'design')} is not what they evaluate to (points {at})"
            )


def _differs(stored: NDArray[Any], again: NDArray[Any] | Categorical) -> NDArray[np.bool_]:
    if isinstance(again, Categorical):
        return np.asarray(stored != np.asarray(again.categories, dtype=object)[np.asarray(again.codes)])
    both_nan = (stored != stored) & (again != again)
    return np.asarray((stored != again) & ~both_nan)


def _column(table: pa.Table, name: str) -> NDArray[Any]:
    return np.asarray(table.column(name).to_numpy())


def raise_failures(run: Run, found: Verified) -> None:
    """Raise RunError if a run is not what it says."""
    if found.failures:
        more = len(found.failures) - 20
        told = found.failures[:20] + ([f"and {more:,} more"] if more > 0 else [])
        told.append("`dse sweep` on its study makes damaged files again; --fresh makes all of them again")
        raise RunError("\n".join([f"{run.path}: is not what was written", *told]))
