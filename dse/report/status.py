"""How far a run is, and whether it is what it says, for a tired reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dse.report.tables import text_table
from results.labels import are, counted

if TYPE_CHECKING:
    from dse.run_status import Status
    from dse.run_verification import Verified
    from dse.runs import Run

MOST_WRITERS = 20


def status_text(status: Status) -> str:
    """Return a line of state, one of progress, and the writers if they are several."""
    lines = [f"{status.name}: {_told(status)}"]
    if status.designs is not None and status.of:
        chunks = "" if status.of_chunks is None else f", {status.chunks:,} of {counted(status.of_chunks, 'chunk')}"
        lines.append(
            f"{status.designs:,} of {counted(status.of, 'design')} ({100 * status.designs / status.of:.1f} %){chunks}"
        )
    if status.designs_per_s is not None and status.left_s is not None:
        lines.append(f"{status.designs_per_s / 1e6:.2f} M designs/s, {duration(status.left_s)} left")
    lines += [f"chunk {number} failed: {reason}" for number, reason in sorted(status.gave_up.items())[:MOST_WRITERS]]
    if status.damaged:
        damaged = f"{counted(status.damaged, 'line')} of journals {are(status.damaged)} damaged"
        lines.append(f"{damaged}; what they told of will be made again")
    if len(status.writers) > 1:
        rows = [[one.name, f"{one.chunks:,}", f"{one.designs:,}", one.at_work or "-"] for one in status.writers]
        lines += ["", text_table(["writer", "chunks", "designs", "at work"], rows[:MOST_WRITERS], left=1)]
        if len(rows) > MOST_WRITERS:
            lines.append(f"and {len(rows) - MOST_WRITERS:,} more")
    return "\n".join(lines)


def _told(status: Status) -> str:
    who = [one.at_work for one in status.writers if one.at_work]
    if status.state == "running" and len(who) == 1:
        return f"running, {who[0]} is at work"
    if status.state == "cut off" and any(one.name.startswith("shard-") for one in status.writers):
        if status.chunks == status.of_chunks:
            return "all shards are done; `dse merge` makes a run of them"
        return "not finished; run the shards that are not done, then `dse merge`"
    if status.state == "cut off":
        return "cut off; `dse sweep` on its study goes on with it"
    failed = "; chunks failed, `dse sweep` on its study tries them again"
    return f"{status.state}{failed if status.state == 'incomplete' else ''}"


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    for size, unit in ((86400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def verified_text(run: Run, found: Verified) -> str:
    """Return what was checked and found right."""
    again = (
        f"{counted(found.again, 'design')} evaluated again, the same to the bit"
        if found.again
        else "none evaluated again"
    )
    files = f"{counted(found.files, 'file')} {are(found.files)} what was written"
    lines = [f"{run.path}: {files}, {counted(found.rows, 'design')} stored; {again}"]
    return "\n".join([*lines, *found.notes])
