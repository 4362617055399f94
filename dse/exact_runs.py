"""Run an exact search into a directory, resume it after a kill, and check the proof it leaves."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from dse import directories
from dse.catalogs import data_digest
from dse.errors import RunError, StudyError
from dse.jobs import Job, finish
from dse.run_files import SAMPLE_ROWS, SAMPLE_SEED, write_front
from dse.study import Study
from results.labels import counted
from results.store import file_sha256, read_bytes, read_table, write_file
from sweeps.archive import Archive
from sweeps.audit import audit
from sweeps.boxes import OpenBoxes, Segment, Tree
from sweeps.certificate import Leaves, leaf_columns, leaf_tables, leaves_from, leaves_of
from sweeps.certify import Checked, certify
from sweeps.exact import Counts, NotPositiveError, Options, Search, run_search
from sweeps.exact_outcomes import check_positive, close_open_boxes, emptied_by
from sweeps.feasible import DEMAND, DEMAND_REASON, PHYSICAL
from sweeps.problem import Problem

if TYPE_CHECKING:
    from dse.runs import Run

CHECKPOINT_S = 5.0
"""Between two checkpoints [s]."""
SEED_SHARE = 0.2
"""Share of a time limit after which a search stops looking for designs to start from [1]."""

CHECKED_WITH = ("study_sha256", "data_sha256")


def check_exact(study: Study) -> None:
    """Raise StudyError if a study cannot be searched exactly, however small it is."""
    if any(workload.batch == "steady" for workload in study.workloads):
        raise StudyError(
            "method exact has no bounds for batch: steady, where each design has as many in flight as arrive: "
            "use method grid, sample or nsga2, or batch: max",
            path=study.source_path,
            key="search.method",
        )
    if study.output.keep == "all":
        raise StudyError(
            "method exact evaluates few of its designs and keeps the front: expected keep: front, got all",
            path=study.source_path,
            key="output.keep",
        )


def sweep_exact(job: Job) -> Run:
    """Search a study's space exactly and write its run directory.

    Raises
    ------
    StudyError
        If an objective may be 0 or negative and an epsilon is asked for.
    RunError
        If the audit finds that bounds do not hold: then nothing would be exact.
    StoppedError
        If the run is told to stop; the next one goes on from there.
    """
    search = job.study.search
    options = Options(epsilon=search.epsilon or 0.0, time_limit_s=search.time_limit)
    try:
        if options.epsilon > 0:
            check_positive(job.problem)
        return _write_run(job, options)
    except NotPositiveError as error:
        raise StudyError(str(error), path=job.study.source_path, key="search.epsilon") from None


def _write_run(job: Job, options: Options) -> Run:
    started = time.monotonic()
    found = audit(job.problem)
    if found.violations:
        lines = "\n".join(found.violations)
        raise RunError(f"this run would not be exact: the audit of {found.boxes:,} random boxes failed\n{lines}")
    search, before = _started(job, options, started)
    finished = _search(job, search, started - before)
    epsilon: float | None = search.options.epsilon if finished else close_open_boxes(search)
    seconds = time.monotonic() - started
    return _store(job, search, epsilon, finished, seconds + before, {"boxes": found.boxes, "checks": found.checks})


def _started(job: Job, options: Options, started: float) -> tuple[Search, float]:
    """Return a search, fresh or as a checkpoint has it, and the seconds already spent on it before `started`."""
    search = Search(job.problem, options, job.engine)
    state = _checkpoint(job)
    if state is None:
        limit = options.time_limit_s
        search.seed(lambda: limit is not None and time.monotonic() - started > SEED_SHARE * limit)
        return search, 0.0
    told = json.loads(str(state["told"]))
    search.archive = Archive.restored({k[8:]: v for k, v in state.items() if k.startswith("archive_")}, options.epsilon)
    search.tree = Tree.restored(
        {k[5:]: v for k, v in state.items() if k.startswith("tree_")}, job.problem.space.scenarios
    )
    search.counts = Counts(**told["counts"])
    ends = np.cumsum(told["rows"])
    search.open = OpenBoxes(
        [
            Segment(s, state["open_number"][a:b], state["open_low"][a:b], state["open_high"][a:b])
            for s, a, b in zip(told["scenarios"], [0, *ends[:-1]], ends, strict=True)
        ]
    )
    return search, float(told["seconds"])


def _search(job: Job, search: Search, started: float) -> bool:
    """Search until it is finished or its time is over, counted from `started`."""
    last = [time.monotonic()] * 2

    def after_step(search: Search) -> None:
        now = time.monotonic()
        stopped = job.stop() and not search.done
        if (now - last[0] >= CHECKPOINT_S or stopped) and not search.done:
            _write_checkpoint(job, search, now - started)
            last[0] = time.monotonic()
        if stopped:
            job.stop.raise_stopped(f"boxes done: {search.counts.boxes:,}, in {job.paths.dir}")
        if job.progress is not None and now - last[1] >= 0.1:
            last[1] = now
            k = search.counts
            done = k.dominated + k.flat + k.enumerated + sum(k.broken.values())
            job.progress(done, len(search.archive.points))

    return run_search(search, after_step=after_step, spent=time.monotonic() - started)


def _write_checkpoint(job: Job, search: Search, seconds: float) -> None:
    segments = search.open.segments
    told = {
        "identity": job.identity,
        "counts": asdict(search.counts),
        "rows": [len(s.number) for s in segments],
        "scenarios": [s.scenario for s in segments],
        "seconds": seconds,
    }
    arrays: dict[str, Any] = {"told": np.array(json.dumps(told))}
    arrays |= {f"archive_{name}": value for name, value in search.archive.state().items()}
    arrays |= {f"tree_{name}": value for name, value in search.tree.state().items()}
    for name in ("number", "low", "high"):
        arrays[f"open_{name}"] = np.concatenate([getattr(s, name) for s in segments])
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_file(job.paths.checkpoint, buffer.getvalue(), staging=job.paths.staging)


def _checkpoint(job: Job) -> dict[str, Any] | None:
    """Return the checkpoint of this very run; None if there is none, or none that can be used."""
    try:
        with np.load(io.BytesIO(read_bytes(job.paths.checkpoint)), allow_pickle=False) as stored:
            state = {name: stored[name] for name in stored.files}
        same = json.loads(str(state["told"]))["identity"] == job.identity
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return state if same else None


def _store(
    job: Job, search: Search, epsilon: float | None, finished: bool, seconds: float, audited: dict[str, int]
) -> Run:
    """Write the certificate and the run."""
    paths, problem, writer = job.paths, job.problem, job.writer()
    front = np.sort(search.archive.points)
    leaves = leaves_of(search)
    limits = search.rules(0).margin_names
    parts: dict[str, str] = {}
    for number, table in enumerate(leaf_tables(leaves, problem, limits)):
        parts |= writer.write(paths.leaf_part(number), table, columns=leaf_columns(problem))
    k = search.counts
    told = {
        "epsilon": epsilon,
        "finished": finished,
        "evaluated": k.evaluated,
        "boxes": k.boxes,
        "dominated": k.dominated,
        "flat": k.flat,
        "enumerated": k.enumerated,
        "infeasible": {_told(name, problem): count for name, count in sorted(k.broken.items())},
        "emptied_by": emptied_by(problem) if finished and not len(front) else [],
    }
    files = write_front(job.study, writer, front, job.engine)
    certificate = {
        **{name: job.manifest[name] for name in CHECKED_WITH},
        **{name: value for name, value in told.items() if name != "emptied_by"},
        "designs": problem.space.size,
        "leaves": len(leaves.kind),
        "front": len(front),
        "limits": list(limits),
        "audit": audited,
        "files_sha256": {paths.front.name: files[paths.front.name], **parts},
    }
    text = json.dumps(certificate, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    write_file(paths.certificate, text.encode(), staging=paths.staging)
    return finish(
        job,
        front,
        directories.sampled_points(problem.space.size, front, SAMPLE_ROWS, SAMPLE_SEED),
        {**files, **parts, paths.certificate.name: file_sha256(paths.certificate)},
        designs=problem.space.size,
        feasible=None,
        infeasible=None,
        failed=k.failed,
        seconds=round(seconds, 3),
        search={**job.study.search.model_dump(exclude_none=True), **told},
    )


def _told(margin: str, problem: Problem) -> str:
    """Return a limit in words."""
    if margin in PHYSICAL or margin == DEMAND:
        return PHYSICAL.get(margin, DEMAND_REASON)
    return f"violates {problem.limits[int(margin.rsplit('_', 1)[1])].text}"


def certify_run(run: Run) -> tuple[dict[str, Any], Checked]:
    """Check the proof of an exact run against its files, and every box of it against the model.

    Parameters
    ----------
    run : Run

    Returns
    -------
    certificate : dict
        What was claimed.
    checked : Checked
        What was found; it has no failures if the front is proven.

    Raises
    ------
    RunError
        If the run has no certificate, or a file of it is missing or not what was written.
    """
    paths = run.paths
    if not paths.certificate.is_file():
        raise RunError(f"{run.path}: has no certificate.json: only method exact proves its front")
    _check_files(run)
    try:
        certificate = json.loads(read_bytes(paths.certificate))
        epsilon, limits = certificate["epsilon"], tuple(certificate["limits"])
        claimed = certificate["files_sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{paths.certificate}: is damaged: {error}") from None
    for name in CHECKED_WITH:
        if certificate.get(name) != run.manifest[name]:
            raise RunError(f"{paths.certificate}: belongs to another run ({name} differs)")
    if certificate["data_sha256"] != data_digest():
        raise RunError(f"{run.path}: was made with other tables of costs and formats than the ones installed")
    if run.study.digest() != certificate["study_sha256"]:
        raise RunError(f"{paths.study}: is not the study that was run")
    wrong = [name for name, digest in claimed.items() if run.manifest["files_sha256"].get(name) != digest]
    if wrong:
        raise RunError(f"{paths.certificate}: {wrong[0]} is not the file that was proven")
    if epsilon is None:
        raise RunError(f"{run.path}: the time limit stopped the search before anything was proven")
    front = run.front()
    checked = certify(run.problem, epsilon, front["point"].to_numpy(dtype=np.int64), _stored_leaves(run, limits))
    _compare(run, certificate, checked)
    return certificate, checked


def _check_files(run: Run) -> None:
    for name, digest in run.manifest["files_sha256"].items():
        try:
            same = file_sha256(run.path / name) == digest
        except OSError as error:
            raise RunError(f"{run.path / name}: cannot be read: {error.strerror}") from None
        if not same:
            raise RunError(f"{run.path / name}: is not the file that the run wrote")


def _compare(run: Run, certificate: Mapping[str, Any], checked: Checked) -> None:
    """Note where what was claimed is not what was found: counts, and objectives of the front."""
    found = {**dict.fromkeys(("dominated", "flat", "enumerated", "infeasible"), 0), **checked.designs}
    claimed = {name: certificate[name] for name in ("dominated", "flat", "enumerated")}
    claimed["infeasible"] = sum(certificate["infeasible"].values())
    for name, count in claimed.items():
        if found[name] != count:
            checked.failures.append(f"{counted(count, 'design')} claimed to be {name}, {found[name]:,} in such boxes")
    front = run.front()
    if len(front):
        again = run.problem.table(front["point"].to_numpy(dtype=np.int64))
        for name in run.objectives:
            if not np.array_equal(np.asarray(again[name]), front[name].to_numpy()):
                checked.failures.append(f"{name} of the front is not what its designs evaluate to")


def _stored_leaves(run: Run, limits: tuple[str, ...]) -> Iterator[Leaves]:
    wanted = list(leaf_columns(run.problem))
    for file in run.paths.leaf_parts():
        try:
            table = read_table(file, wanted)
            columns = {name: table.column(name).to_numpy(zero_copy_only=False) for name in wanted}
            yield leaves_from(columns, run.problem, limits)
        except ValueError as error:
            raise RunError(str(error)) from None
