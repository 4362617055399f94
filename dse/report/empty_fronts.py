"""Why no design of a run is feasible: which limit each one breaks first, and which of them leave nothing."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dse.report.searches import whole
from sweeps.feasible import DEMAND, DEMAND_REASON, PHYSICAL, satisfied

if TYPE_CHECKING:
    import pandas as pd

    from dse.runs import Run

Mask = NDArray[np.bool_]


def no_front(run: Run) -> str:
    """How often each reason applies, and which limits empty the space, alone or two together."""
    designs = run.designs()
    counts = designs["reason"].value_counts()
    shown = [f"  {100 * count / len(designs):5.1f} %  {reason}" for reason, count in counts.items() if reason and count]
    return "\n".join(["no design is feasible; the first limit each one breaks:", *shown, "", *_emptied(run, designs)])


def _emptied(run: Run, designs: pd.DataFrame) -> list[str]:
    """Sentences about the designs that could be built, with counts."""
    physical = np.column_stack([designs[name].to_numpy() <= 0 for name in PHYSICAL if name in designs])
    built = designs.iloc[np.flatnonzero(physical.all(axis=1))]
    all_there = whole(run) and run.manifest["keep"] == "all"
    looked = f"{'all' if all_there else 'a sample of'} {len(designs):,} designs"
    if not len(built):
        return [f"{looked}: none can be built and hold the workloads, whatever the constraints"]
    broken = _broken(run, built)
    lines = [f"{looked}: {len(built):,} can be built and hold the workloads; of these break"]
    for text, mask in sorted(broken.items(), key=lambda item: -int(item[1].sum())):
        lines.append(f"  {int(mask.sum()):,}  {text}{': it alone leaves nothing' if mask.all() else ''}")
    if not any(mask.all() for mask in broken.values()):
        pairs = [f'"{a}" and "{b}"' for a, b in itertools.combinations(broken, 2) if (broken[a] | broken[b]).all()]
        told = [f"{pair} contradict each other: together they leave nothing" for pair in pairs]
        lines += told or ["only three or more limits together leave nothing"]
    return lines


def _broken(run: Run, built: pd.DataFrame) -> dict[str, Mask]:
    """Which of the designs break each limit that any breaks."""
    found = {}
    if DEMAND in built:
        found[DEMAND_REASON] = ~(built[DEMAND].to_numpy() <= 0)
    for number, limit in enumerate(run.problem.limits):
        found[limit.text] = ~np.asarray(satisfied(built[f"margin_constraint_{number}"].to_numpy(), limit))
    return {text: mask for text, mask in found.items() if mask.any()}
