"""Techniques on the stages of a pipeline: a draft is divided as its target is, what stands on one stage is not."""

from __future__ import annotations

import heapq
from pathlib import Path

import pytest
from conftest import Command
from technique_cases import of

from roofline import catalog
from roofline.parallel import Parallel
from roofline.techniques import (
    Accepted,
    Eagle,
    EarlyExit,
    Medusa,
    MultiToken,
    PassOptions,
    SelfSpeculative,
    Served,
    Speculative,
    Techniques,
    TokenTree,
)
from roofline.techniques.heads import drafting_layer

DRAFT = catalog.model("llama-3.2-1b")  # 16 layers
DRAFTED = {
    "speculative": Techniques(speculative=Speculative(DRAFT, 3, 0.7)),
    "token_tree": Techniques(token_tree=TokenTree(DRAFT, 3, 9, Accepted(0.7))),
    "self_speculative": Techniques(self_speculative=SelfSpeculative(8, 3, 0.7)),
}
ON_ONE = {
    "medusa": Techniques(medusa=Medusa(3, 9, Accepted(0.7))),
    "eagle": Techniques(eagle=Eagle(3, Accepted(0.7))),
    "multi_token": Techniques(multi_token=MultiToken(2, Accepted(0.7))),
    "early_exit": Techniques(early_exit=EarlyExit(3)),
}


def on(stages: int, techniques: Techniques, batch: int = 1) -> Served:
    how = PassOptions(parallel=Parallel(pipeline=stages))
    return of("llama-3-8b", techniques, batch=batch, how=how)


@pytest.mark.parametrize("name", [*DRAFTED, *ON_ONE])
def test_stages_add_their_transfers_to_the_latency_of_one_sequence_and_nothing_else(name: str) -> None:
    """One sequence crosses the stages one after the other, with whatever technique: the work is that of one chip."""
    techniques = {**DRAFTED, **ON_ONE}[name]
    one, four = on(1, techniques), on(4, techniques)
    for phase in ("prefill", "decode"):
        alone, staged = getattr(one, phase), getattr(four, phase)
        assert [row for row in staged if not row.link_bytes] == list(alone.rows), phase
        drafted = name in DRAFTED and not (phase == "prefill" and name == "self_speculative")
        sent = sum(row.count for row in staged if row.link_bytes)
        passes = {"prefill": 1, "decode": 3}[phase] + 1 if drafted else 1
        assert sent == 3 * passes, phase
    assert four.tokens_per_pass == one.tokens_per_pass
    assert Parallel(pipeline=4).decode_passes(1, four.layers, four.drafted) == 1.0


@pytest.mark.parametrize("name", DRAFTED)
def test_a_stage_holds_its_share_of_target_and_draft(name: str) -> None:
    one, four = on(1, DRAFTED[name], batch=8), on(4, DRAFTED[name], batch=8)
    assert four.footprint_bytes["kv_cache"] == pytest.approx(one.footprint_bytes["kv_cache"] / 4)
    tables = 2 * sum(m.vocabulary * m.hidden for m in (catalog.model("llama-3-8b"), DRAFT) if not m.tied_embeddings)
    tables += 2 * DRAFT.vocabulary * DRAFT.hidden if name != "self_speculative" else 0
    weights = one.footprint_bytes["dense"] - tables
    assert four.footprint_bytes["dense"] - tables == pytest.approx(weights / 4, rel=0.01)


@pytest.mark.parametrize("name", ["medusa", "eagle", "multi_token"])
def test_the_last_stage_holds_all_that_drafts(name: str) -> None:
    plain, quick = ({n: on(n, t) for n in (1, 4)} for t in (Techniques(), ON_ONE[name]))
    more = {n: quick[n].footprint_bytes["dense"] - plain[n].footprint_bytes["dense"] for n in (1, 4)}
    assert more[4] == pytest.approx(more[1])
    assert more[1] > 0
    if name != "medusa":
        layer = drafting_layer(catalog.model("llama-3-8b"))
        assert more[1] > 2 * layer.layers[0].matrix_parameters(layer.hidden)


def greedy_round(stages: int, microbatches: int, passes: list[float], rounds: int = 40) -> float:
    """Time of a round once all are on their way: each stage takes the first that is ready, and finishes it."""
    steps = [(stage, length / stages) for length in passes for stage in range(stages)]
    free, ends = [0.0] * stages, []
    ready = [(0.0, one, 0) for one in range(microbatches)]
    heapq.heapify(ready)
    while len(ends) < rounds:
        now, one, done = heapq.heappop(ready)
        stage, length = steps[done % len(steps)]
        if free[stage] > now:
            heapq.heappush(ready, (free[stage], one, done))
            continue
        free[stage] = now + length
        if one == 0 and (done + 1) % len(steps) == 0:
            ends.append(now + length)
        heapq.heappush(ready, (now + length, one, done + 1))
    return (ends[-1] - ends[rounds // 2]) / (rounds - 1 - rounds // 2)


@pytest.mark.parametrize("stages", [2, 4, 8])
@pytest.mark.parametrize(("gamma", "cost"), [(1, 0.05), (3, 0.1), (5, 0.3)])
def test_rounds_of_a_draft_and_its_target_take_no_longer_than_is_said(stages: int, gamma: int, cost: float) -> None:
    """Stages that always take what is ready are quicker by at most a third or so, and never as quick as full ones."""
    parallel, step = Parallel(pipeline=stages), gamma * cost + 1.0
    played = greedy_round(stages, stages, [*[cost] * gamma, 1.0])
    said = parallel.decode_passes(stages, 32 * stages, drafted=True) * step
    full = parallel.decode_passes(stages, 32 * stages) * step
    assert full < played <= said < 1.6 * played
    alone = greedy_round(stages, 1, [*[cost] * gamma, 1.0])
    assert parallel.decode_passes(1, 32 * stages, drafted=True) * step == pytest.approx(alone)


def test_a_draft_that_divides_less_evenly_decides() -> None:
    """18 layers on 4 stages are 5 on the fullest; 32 are 8 on each."""
    found = on(4, Techniques(self_speculative=SelfSpeculative(18, 2, 0.7)), batch=4)
    assert (found.layers, found.drafted) == (18, True)
    assert on(4, DRAFTED["speculative"], batch=4).layers == 32


def test_a_largest_batch_that_no_pipeline_could_fill_is_said_before_anything_runs(
    command: Command, tmp_path: Path
) -> None:
    """One sequence may draft on the last of two stages; the bisection of the batch would ask about more."""
    text = """
name: largest
workloads:
  - model: llama-3-8b
    prompt_tokens: 512
    output_tokens: 128
    batch: max
    slo: {tpot: 50 ms}
    techniques: {eagle: {depth: 3, acceptance: 0.7}}
design: {dram_bandwidth: 1 TB/s, compute: [100 TFLOP/s, 200 TFLOP/s], sram: 32 MiB, dram: 40 GB, flash: 0 GB}
deployment: {parallel: {pipeline: 2}}
objectives: {tpot_s: min}
"""
    (tmp_path / "largest.yaml").write_text(text, encoding="utf8")
    done = command("check", tmp_path / "largest.yaml")
    assert done.code == 2
    assert "largest.yaml:9: workloads.0.techniques.eagle: does not go with stages of a pipeline" in done.err
