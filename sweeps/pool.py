"""Chips of another kind that process the prompts: prefill and decode on different designs.

Zhong et al., DistServe, arXiv 2401.09670; Patel et al., Splitwise, arXiv 2311.18677. The chips of the study's designs
decode; so many chips of one given design process prompts as keep them busy, and send them the KV cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from roofline.model import kv_cache_bytes
from roofline.operators import Number, Operator, Operators
from roofline.parallel import Parallel, sharded
from roofline.techniques import cached_models
from sweeps.choices import Request, Technology
from sweeps.space import Columns

if TYPE_CHECKING:
    from sweeps.scenario import Scenario, Workload

PREFIX = "pool."
"""Before the names of the factors of the pool."""


@dataclass(frozen=True)
class PrefillSide:
    """What a study says of the chips that process prompts.

    Attributes
    ----------
    design : mapping of column to float
        The five design columns of such a chip, SI units.
    link_bytes_per_s : float
        At which a decoding chip receives its part of a KV cache [byte/s].
    technology : Technology
        What they are made of.
    batch : int
        Prompts in one pass.
    tensor : int
        Chips that share a pass.
    """

    design: Mapping[str, float]
    link_bytes_per_s: float
    technology: Technology = field(default_factory=Technology)
    batch: int = 1
    tensor: int = 1


@dataclass(frozen=True)
class Pool:
    """The chips that process prompts, as a scenario of their own.

    Attributes
    ----------
    side : PrefillSide
    scenario : Scenario
        Its workloads are those of the study, prefill alone.
    """

    side: PrefillSide
    scenario: Scenario

    @property
    def designs(self) -> Columns:
        """The five design columns, (1,) each."""
        return {name: np.asarray([float(value)]) for name, value in self.side.design.items()}


def check_requests(requests: Sequence[Request], parallel: Parallel) -> None:
    """Raise ValueError where a request cannot be served by two kinds of chips."""
    if parallel.pipeline > 1:
        raise ValueError(
            f"disaggregate is not modelled on the stages of a pipeline: expected pipeline 1, got {parallel.pipeline}"
        )
    for request in requests:
        if request.serving.chunk_tokens is not None:
            raise ValueError("chunk_tokens does not go with disaggregate, whose decode steps meet no prompts")
        if request.serving.arrivals_per_s is not None:
            raise ValueError("arrivals do not go with disaggregate: its queue of prompts is not modelled")


def received(request: Request, workload: Workload, parallel: Parallel, side: PrefillSide) -> dict[str, Any]:
    """Return the fields of a workload whose prompts other chips process: it receives their KV caches.

    The bytes, those of a draft's cache too, cross the link at its own rate, which nothing hides, and are written like
    those of a prefill. A batch that begins together waits for all of its caches, otherwise each sequence for its own.
    """
    sequences = 1 if request.serving.continuous else parallel.microbatch(int(workload.batch))
    cache = sum(
        copies * kv_cache_bytes(sharded(model, parallel), request.precision, workload.prompt_tokens)
        for model, copies in cached_models(request.model, request.techniques)
    )
    moved = cache * sequences
    row = Operator(name="kv_receive", kernels=0, link_bytes=moved, kv_write_bytes=moved)
    passes = Operators((row,), host_s=moved / side.link_bytes_per_s)
    return {"prefill": passes, "turns": replace(workload.turns, between=(), first_passes=1.0)}


def pool_factors(known: Mapping[str, Number]) -> dict[str, Number]:
    """Return the factors of the pool among those of a scenario, by their own names."""
    return {name.removeprefix(PREFIX): value for name, value in known.items() if name.startswith(PREFIX)}


def scaled_to_pool(
    values: Mapping[str, Number], own: Mapping[str, Number], pool: Mapping[str, Number]
) -> dict[str, Number]:
    """Return constants that replace the study's, as they replace those of the pool.

    A constant that differs between the two kinds of chips keeps its ratio, so that a sample moves both alike and a
    constant that becomes 0 does so on both.
    """
    found: dict[str, Number] = {}
    for name, value in values.items():
        if name not in pool:
            continue
        mine, theirs = own[name], pool[name]
        if np.array_equal(mine, theirs):
            found[name] = value
        elif np.all(np.asarray(mine) != 0):
            found[name] = value * (theirs / mine)
    return found
