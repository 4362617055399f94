"""What a search that looks at some designs did, in a line or two of a summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

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
    count = f"{run.manifest['designs']:,}"
    return f"{count} designs" if whole(run) else f"{count} of {run.study.grid_size():,} designs"


def searched(manifest: Mapping[str, Any]) -> list[str]:
    """Return how the designs of a search were found, and that better ones may exist; nothing of a grid."""
    search, method = manifest.get("search", {}), manifest["method"]
    if method == "sample":
        return [f"sample: {search['drawn']:,} designs drawn by {search['sampler']}, seed {search['seed']}"]
    if "generations_done" not in search:
        return []
    done, why = search["generations_done"], _ENDS[search["ended"]].format(search.get("stagnation"))
    return [
        f"{method}: {done:,} generations of {search['population']:,} designs, seed {search['seed']}{why}",
        "the front is that of all designs seen; designs that were not may be better",
    ]
