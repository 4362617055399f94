"""Why no design of a run is feasible: which limit each one breaks first, and which of them leave nothing."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dse.report.searches import whole
from results.labels import counted
from sweeps.feasible import DEMAND, DEMAND_REASON, PHYSICAL, satisfied

if TYPE_CHECKING:
    import pandas as pd

    from dse.runs import Run

Mask = NDArray[np.bool_]


def no_front(run: Run) -> str:
    """How often each reason applies, and which limits empty the space, alone or two together."""
    found = _counted(run)
    reasons = sorted(found.reasons.items(), key=lambda item: -item[1])
    shown = [f"  {100 * count / found.designs:5.1f} %  {reason}" for reason, count in reasons if reason]
    lines = ["no design is feasible; the first limit each one breaks:", *shown, "", *_emptied(run, found)]
    return "\n".join(lines)


@dataclass
class _Counted:
    """Counts over stored designs.

    Attributes
    ----------
    designs, built : int
        All, and those that can be built and hold the workloads.
    reasons : Counter of str
        The first limit that each one breaks.
    broken : Counter of str
        Of the built ones, those that break each limit.
    either : Counter of (str, str)
        Of the built ones, those that break one of two limits, or both.
    """

    designs: int = 0
    built: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    either: Counter[tuple[str, str]] = field(default_factory=Counter)


def _counted(run: Run) -> _Counted:
    """Count the designs of a run, part by part: all of them together may be more than fits into memory."""
    limits = [f"margin_constraint_{number}" for number in range(len(run.problem.limits))]
    wanted = ["reason", *(name for name in (*PHYSICAL, DEMAND) if name in run.problem.columns()), *limits]
    found = _Counted()
    for part in run.paths.parts() or [run.paths.part(0)]:
        designs = run.read(part, wanted)
        found.designs += len(designs)
        found.reasons.update({str(k): int(n) for k, n in designs["reason"].value_counts().items() if n})
        physical = np.column_stack([designs[name].to_numpy() <= 0 for name in PHYSICAL if name in designs])
        built = designs.iloc[np.flatnonzero(physical.all(axis=1))]
        found.built += len(built)
        broken = _broken(run, built)
        found.broken.update({text: int(mask.sum()) for text, mask in broken.items()})
        for (a, one), (b, other) in itertools.combinations(broken.items(), 2):
            found.either[a, b] += int((one | other).sum())
    return found


def _emptied(run: Run, found: _Counted) -> list[str]:
    """Sentences about the designs that could be built, with counts."""
    all_there = whole(run) and run.manifest["keep"] == "all"
    looked = f"{'all' if all_there else 'a sample of'} {counted(found.designs, 'design')}"
    if not found.built:
        return [f"{looked}: none can be built and hold the workloads, whatever the constraints"]
    lines = [f"{looked}: {found.built:,} can be built and hold the workloads; of these break"]
    for text, count in sorted(found.broken.items(), key=lambda item: -item[1]):
        if count:
            lines.append(f"  {count:,}  {text}{': it alone leaves nothing' if count == found.built else ''}")
    if found.built not in found.broken.values():
        pairs = [f'"{a}" and "{b}"' for (a, b), count in found.either.items() if count == found.built]
        told = [f"{pair} contradict each other: together they leave nothing" for pair in pairs]
        lines += told or ["only three or more limits together leave nothing"]
    return lines


def _broken(run: Run, built: pd.DataFrame) -> dict[str, Mask]:
    """Which of the designs break each limit."""
    found = {}
    if DEMAND in built:
        found[DEMAND_REASON] = ~(built[DEMAND].to_numpy() <= 0)
    for number, limit in enumerate(run.problem.limits):
        found[limit.text] = ~np.asarray(satisfied(built[f"margin_constraint_{number}"].to_numpy(), limit))
    return found
