"""The front of the run that a page was opened for, in the form of a sweep of the page."""

from __future__ import annotations

from typing import Any

import numpy as np

from dse.serve.base import Base
from dse.serve.growing import MOST_SENT
from dse.serve.views import jsonable


def front_of_run(base: Base) -> dict[str, Any] | None:
    """Return the front of the page's run; None where it has none.

    Of scenario axes that the page cannot set, it holds the designs at the first value, which is the page's.
    """
    if base.run is None:
        return None
    run = base.run
    front = run.front()
    own = {path.replace("workloads.0.", "workloads.*.") for path in base.fields} | set(base.fields)
    for axis in run.study.scenario_axes:
        if axis.path not in own:
            front = front[front[axis.path] == axis.values[0]]
    kept = [n for n in front.columns if not str(n).startswith("margin_") and n not in ("feasible", "reason")]
    rows = front[kept]
    if len(rows) > MOST_SENT:
        order = np.argsort(rows[next(iter(run.objectives))].to_numpy(), kind="stable")
        chosen = order[np.linspace(0, len(rows) - 1, MOST_SENT).round().astype(np.int64)]
        rows = rows.iloc[np.sort(chosen)]
    return {
        "number": 0,
        "size": run.manifest["designs"],
        "done": run.manifest["designs"],
        "ended": True,
        "stopped": False,
        "error": "",
        "front": int(run.manifest["front"]),
        "rows": {str(name): jsonable(rows[name].tolist()) for name in rows.columns},
    }
