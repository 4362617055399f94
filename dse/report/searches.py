"""What a search did, in a line or two of a summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from results.labels import are, counted

if TYPE_CHECKING:
    from dse.runs import Run

_ENDS = {
    "generations": "",
    "stagnation": ", ended early: the hypervolume stood still for {}",
    "no new designs": ", ended early: they bring up no new designs",
}


def whole(run: Run) -> bool:
    """Return whether a run looked at every design of its space."""
    return int(run.manifest["designs"]) == run.study.grid_size()


def designs_of(run: Run) -> str:
    """Return how many designs a run looked at, of how many."""
    looked = int(run.manifest["designs"])
    return counted(looked, "design") if whole(run) else f"{looked:,} of {counted(run.study.grid_size(), 'design')}"


def counts(run: Run) -> list[str]:
    """Return how many designs there are, how many are feasible and on the front, and how they were found."""
    m = run.manifest
    if m["method"] == "exact":
        return _exact(run.study.name, m)
    feasible = f"{m['feasible']:,} feasible ({100 * m['feasible'] / m['designs']:.1f} %)"
    return [f"{run.study.name}: {designs_of(run)}, {feasible}, {m['front']:,} on the front", *searched(m)]


def searched(manifest: Mapping[str, Any]) -> list[str]:
    """Return how the designs of a search were found, and that better ones may exist; nothing of a grid."""
    search, method = manifest.get("search", {}), manifest["method"]
    if method == "sample":
        return [f"sample: {counted(search['drawn'], 'design')} drawn by {search['sampler']}, seed {search['seed']}"]
    if "generations_done" not in search:
        return []
    done, why = search["generations_done"], _ENDS[search["ended"]].format(search.get("stagnation"))
    return [
        f"{method}: {counted(done, 'generation')} of {counted(search['population'], 'design')}, "
        f"seed {search['seed']}{why}",
        "the front is that of all designs seen; designs that were not may be better",
    ]


def _exact(name: str, m: Mapping[str, Any]) -> list[str]:
    """What an exact search has proven, and where the designs went that nobody evaluated."""
    search = m["search"]
    if search["epsilon"] is None:
        proven = "exact: stopped by its time limit before anything was proven"
    elif search["epsilon"] == 0.0:
        proven = "exact: proven"
    else:
        proven = f"exact: proven, every design is within {100 * search['epsilon']:.3g} % of one of the front"
        proven += "" if search["finished"] else " (stopped by its time limit)"
    infeasible = sum(search["infeasible"].values())
    return [
        f"{name}: {counted(m['designs'], 'design')}, {m['front']:,} on the front; {proven}",
        f"{counted(search['evaluated'], 'design')} evaluated; pruned as dominated {search['dominated']:,}, "
        f"beyond a limit {infeasible:,}, with more of what does not help {search['flat']:,}",
    ]


def no_exact_front(m: Mapping[str, Any]) -> str:
    """Which limits leave nothing, and how many designs each was found to rule out."""
    told = [f"  {line}" for line in m["search"]["emptied_by"]]
    counts = [
        f"  {counted(count, 'design')} {are(count)} ruled out first by: {reason}"
        for reason, count in sorted(m["search"]["infeasible"].items(), key=lambda item: -item[1])
    ]
    return "\n".join(["no feasible design was found", *told, *counts])
