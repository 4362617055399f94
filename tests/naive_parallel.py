"""The slow naive twin, fourth part: several chips, by counting.

Heads, columns, experts and microbatches are handed out one by one, a ring passes its pieces around, and a pipeline runs
through its timetable. Plain Python numbers; nothing here calls the product.
"""

from __future__ import annotations

import math
from typing import Any


def dealt(things: int, chips: int) -> list[list[int]]:
    """Consecutive things for each chip, as many for each as for the first."""
    each = 0
    while each * chips < things:
        each += 1
    return [list(range(i * each, min((i + 1) * each, things))) for i in range(chips)]


def fullest_attention(att: Any, hidden: int, chips: int) -> dict[str, int]:
    """Matrix weights and cached elements per token of the chip with most: query heads dealt out, KV heads they need."""
    value = att.head_dim if att.v_head_dim is None else att.v_head_dim
    sharing = att.heads // att.kv_heads
    weights, cached = [], []
    for queries in dealt(att.heads, chips):
        kv = {head // sharing for head in queries}
        columns = len(queries) * att.head_dim + len(kv) * att.head_dim
        columns += 0 if att.shared_kv else len(kv) * value
        columns += len(queries) * value if att.output_gate else 0
        weights.append(hidden * columns + len(queries) * value * hidden)
        cached.append(len(kv) * (att.head_dim + value))
    return {"weights": max(weights), "cached": max(cached)}


def fullest_mlp(mlp: Any, hidden: int, chips: int) -> int:
    """Matrix weights of the chip with most columns."""
    return max(len(columns) * hidden * (3 if mlp.gated else 2) for columns in dealt(mlp.intermediate, chips))


def fullest_experts(moe: Any, hidden: int, parallel: Any) -> int:
    """Weights of routed experts on the chip with most, each expert on as many chips as there are to a rank."""
    width = moe.latent or hidden
    chips_of_a_stage = parallel.tensor * parallel.data
    share_of_one = 1
    while parallel.expert * share_of_one < parallel.tensor:
        share_of_one += 1
    assert chips_of_a_stage >= parallel.expert
    held = []
    for experts in dealt(moe.experts, parallel.expert):
        for columns in dealt(moe.intermediate, share_of_one):
            biases = len(columns) * (2 if moe.gated else 1) + width if moe.bias else 0
            one = len(columns) * width * (3 if moe.gated else 2) + biases
            held.append(len(experts) * one)
    return max(held)


def ring_bytes(kind: str, chips: int, message: float) -> float:
    """Bytes the busiest chip sends, piece by piece."""
    sent = [0.0] * chips
    piece = message / chips
    rounds = {"all_reduce": 2, "all_gather": 1, "reduce_scatter": 1, "all_to_all": 1}[kind]
    for _ in range(rounds):
        for _ in range(chips - 1):  # everyone passes a piece on to the next, or to one more of the others
            for chip in range(chips):
                sent[chip] += piece
    return max(sent)


def steps(chips: int) -> int:
    """Transfers one after the other until one chip's word has reached all, those who know telling others."""
    knowing, count = 1, 0
    while knowing < chips:
        knowing *= 2
        count += 1
    return count


def timetable(layers: int, stages: int, microbatches: int, rounds: int) -> list[float]:
    """Times at which each round's last microbatch leaves the last stage, a layer taking 1.

    Stages are as full as the first until the layers run out. A microbatch starts its next round when it has left the
    last stage; a stage serves one at a time, in order.
    """
    lengths = [len(own) for own in dealt(layers, stages)]
    free = [0.0] * stages
    ready = [0.0] * microbatches
    ends = []
    for _ in range(rounds):
        for m in range(microbatches):
            now = ready[m]
            for stage in range(stages):
                now = max(now, free[stage]) + lengths[stage]
                free[stage] = now
            ready[m] = now
        ends.append(max(ready))
    return ends


def layer_visits(batch: int, layers: int, parallel: Any) -> int:
    """Times a chip works through a layer in one step of the deployment, over all chips."""
    visits = 0
    for sequences in dealt(batch, parallel.data):
        if sequences:  # a replica without any rests; one with fewer takes as many turns as the fullest
            fullest = dealt(batch, parallel.data)[0]
            turns = min(parallel.pipeline, len(fullest))
            for stage_layers in dealt(layers, parallel.pipeline):
                visits += turns * len(stage_layers) * parallel.tensor
    return visits


def fullest_rank_rows(moe: Any, tokens: float, ranks: int) -> float:
    """Mean rows of a rank and as many standard deviations as the largest of so many is away at most."""
    total = tokens * moe.active
    mean = total / ranks
    deviation = math.sqrt(total * (1 / ranks) * (1 - 1 / ranks))
    return float(min(mean + math.sqrt(2 * math.log(ranks)) * deviation, tokens * min(moe.active, moe.experts // ranks)))
