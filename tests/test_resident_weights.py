"""What stays in memory when all workloads of a mix do: weights that are the same are held once."""

from __future__ import annotations

from typing import Any

import pytest

from roofline.catalog import model
from roofline.model import weight_bytes
from roofline.precision import Precision
from roofline.techniques import (
    Accepted,
    Contextual,
    Eagle,
    EarlyExit,
    Jacobi,
    KvBudget,
    KvSharing,
    LowRank,
    Medusa,
    Pruning,
    Selection,
    SelfSpeculative,
    Speculative,
    Techniques,
    Window,
)
from sweeps.scenario import Deployment, Modelling, Request, Technology, scenario

LLAMA, SMALL = model("llama-3-8b"), model("llama-3.2-1b")
SIXTEEN_GB = weight_bytes(LLAMA, Precision())


@pytest.mark.parametrize(
    ("one", "other", "more"),
    [
        ({}, {"window": Window(256)}, 0.0),
        ({"kv_budget": KvBudget(256, 4)}, {"selection": Selection(16, 256, 16)}, 0.0),
        ({"early_exit": EarlyExit(8)}, {"jacobi": Jacobi(4, Accepted(0.5))}, 0.0),
        ({"self_speculative": SelfSpeculative(8, 2, 0.5)}, {"pruning": Pruning(0.0), "low_rank": LowRank(1.0)}, 0.0),
        ({}, {"kv_sharing": KvSharing(2)}, 1.0 - 16 * 2 * 8 * 128 * 4096 * 2 / SIXTEEN_GB),
        ({}, {"pruning": Pruning(pattern="2:4")}, None),
        ({}, {"speculative": Speculative(SMALL, 2, 0.5)}, weight_bytes(SMALL, Precision()) / SIXTEEN_GB),
        (
            {"speculative": Speculative(SMALL, 2, 0.5)},
            {"speculative": Speculative(SMALL, 4, 0.8), "window": Window(99)},
            0.0,
        ),
        ({"eagle": Eagle(2, Accepted(0.5))}, {"eagle": Eagle(5, Accepted(0.7)), "window": Window(99)}, 0.0),
        ({"medusa": Medusa(3, 9, Accepted(0.5))}, {"medusa": Medusa(3, 20, Accepted(0.7)), "window": Window(99)}, 0.0),
        ({"contextual": Contextual(0.5)}, {"contextual": Contextual(0.5), "window": Window(99)}, 0.0),
    ],
    ids=str,
)
def test_workloads_share_the_weights_that_are_the_same(
    one: dict[str, Any], other: dict[str, Any], more: float | None
) -> None:
    """What attends to the cache, and how often a draft is accepted, is no other model: it was held twice."""
    mix = [Request(LLAMA, 512, 64, share=0.5, techniques=Techniques(**t)) for t in (one, other)]
    where = scenario(mix, Technology(), Deployment(), Modelling(resident="all"))
    reserved = [float(w.reserve_bytes) for w in where.workloads]
    own = [sum(w.footprint_bytes[name] for name in ("dense", "experts", "embedding")) for w in where.workloads]
    if more is None:
        assert reserved == pytest.approx(own[::-1])
        return
    assert reserved[0] == pytest.approx(more * SIXTEEN_GB, abs=1.0)
    assert own[0] + reserved[0] == pytest.approx(own[1] + reserved[1])


def test_a_draft_that_another_workload_runs_is_held_once() -> None:
    mix = [
        Request(LLAMA, 512, 64, share=0.5, techniques=Techniques(speculative=Speculative(SMALL, 2, 0.5))),
        Request(SMALL, 512, 64, share=0.5),
    ]
    where = scenario(mix, Technology(), Deployment(), Modelling(resident="all"))
    assert [float(w.reserve_bytes) for w in where.workloads] == pytest.approx([0.0, SIXTEEN_GB], abs=1.0)
