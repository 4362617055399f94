"""Prefill and decode on different designs: one pair by hand, limits, bounds, ledgers, and studies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from drawn_scenarios import Designs, designs, models, precisions
from hypothesis import given, settings
from hypothesis import strategies as st

import dse
from roofline.catalog import model
from roofline.lengths import Lengths
from roofline.model import kv_cache_bytes
from roofline.parallel import Parallel
from roofline.precision import Precision
from roofline.serving import Serving
from roofline.techniques import (
    Accepted,
    Contextual,
    Eagle,
    KvBudget,
    Medusa,
    MultiToken,
    Pruning,
    SelfSpeculative,
    Speculative,
    Techniques,
)
from sweeps.bounds import lower_bounds
from sweeps.evaluate import evaluate
from sweeps.ledger import LEDGERS, ledgers
from sweeps.monotone import signs
from sweeps.phase_times import phase_times
from sweeps.pool import PrefillSide
from sweeps.scenario import Deployment, Modelling, Request, Scenario, Technology, scenario, with_constants

LLAMA = model("llama-3-8b")
DECODER = {
    "dram_bytes_per_s": np.array([3.35e12]),
    "compute_flop_per_s": np.array([300e12]),
    "sram_bytes": np.array([50e6]),
    "dram_bytes": np.array([80e9]),
    "flash_bytes": np.array([0.0]),
}
PROMPTS = {
    "dram_bytes_per_s": 1.0e12,
    "compute_flop_per_s": 1.0e15,
    "sram_bytes": 50e6,
    "dram_bytes": 32e9,
    "flash_bytes": 0.0,
}
SIDE = PrefillSide(PROMPTS, 50e9, Technology(dram_kind="gddr7"))
ADDED = (
    "energy_j_per_token",
    "anchored_energy_j_per_token",
    "facility_energy_j_per_token",
    "tco_usd_per_mtoken",
    "carbon_g_per_mtoken",
)


def of(request: Request, side: PrefillSide | None = SIDE, **deployment: object) -> Scenario:
    return scenario([request], Technology(), Deployment(**deployment), Modelling(), prefill=side)  # type: ignore[arg-type]


def values(columns: dict[str, object]) -> dict[str, float]:
    return {name: float(np.asarray(value).reshape(-1)[0]) for name, value in columns.items()}


def test_a_pair_is_what_a_person_would_add_up() -> None:
    """Rates of both sides, so many of one per other, and the costs of each by its own time."""
    request = Request(LLAMA, 2048, 256, 8)
    pair = values(evaluate(DECODER, of(request)))
    chip = {name: np.array([value]) for name, value in PROMPTS.items()}
    prompt = values(evaluate(chip, scenario([replace(request, batch=1)], SIDE.technology, Deployment(), Modelling())))
    alone = values(evaluate(DECODER, of(request, None)))
    cache = kv_cache_bytes(LLAMA, Precision(), 2048.0)
    link_s = 8 * cache / 50e9
    assert pair["ttft_s"] == pytest.approx(prompt["ttft_s"], rel=1e-12)
    assert pair["tpot_s"] == pytest.approx(alone["tpot_s"], rel=1e-2)  # activations leave more SRAM
    decode_s = 255 * pair["tpot_s"]
    busy_s = pair["request_latency_s"] - pair["ttft_s"]
    assert busy_s == pytest.approx(link_s + decode_s, rel=1e-2)  # the caches are written, too
    assert pair["tokens_per_s"] == pytest.approx(8 * 256 / busy_s, rel=1e-9)
    assert pair["prefill_chips"] == pytest.approx(8 * prompt["ttft_s"] / busy_s, rel=1e-9)


def test_two_sides_of_one_kind_cost_the_sum_of_both() -> None:
    """A side that takes no time adds nothing: costs fall to those of decoding as prompts vanish."""
    long, short = (values(evaluate(DECODER, of(Request(LLAMA, prompt, 256, 8)))) for prompt in (4096, 1))
    for column in ADDED:
        assert long[column] > short[column] > 0, column
    assert short["prefill_chips"] < 0.1 < long["prefill_chips"]


@pytest.mark.parametrize("continuous", [False, True])
def test_a_fast_link_hides_and_a_slow_one_binds(continuous: bool) -> None:
    request = Request(LLAMA, 2048, 64, 16, serving=Serving(continuous=continuous))
    fast, slow = (values(evaluate(DECODER, of(request, replace(SIDE, link_bytes_per_s=rate)))) for rate in (1e15, 1e9))
    assert fast["request_latency_s"] - fast["ttft_s"] == pytest.approx(63 * fast["tpot_s"], rel=1e-2)
    moved_s = 16 * kv_cache_bytes(LLAMA, Precision(), 2048.0) / 1e9
    assert slow["tokens_per_s"] <= 16 * 64 / moved_s * (1 + 1e-9)
    assert fast["tpot_s"] == slow["tpot_s"]


def test_waiting_for_caches_is_time_of_the_link() -> None:
    """It was shown as overhead; nothing is launched and the link is what could be faster."""
    received, decode = phase_times(DECODER, of(Request(LLAMA, 2048, 64, 1)))
    link_s = kv_cache_bytes(LLAMA, Precision(), 2048.0) / 50e9
    assert received.parts_s["link"] == pytest.approx(link_s, rel=1e-12)
    assert "overhead" not in received.parts_s
    assert "link" not in decode.parts_s


def test_lengths_have_quantiles_of_the_time_on_the_other_chips() -> None:
    lengths = Lengths.of([(512, 128, 3.0), (4096, 256, 1.0)])
    found = values(evaluate(DECODER, of(Request(LLAMA, 1, 2, 8, lengths=lengths))))
    assert found["ttft_p50_s"] < found["ttft_p95_s"] == found["ttft_s"]


def test_chips_that_hold_no_prompt_make_every_pair_infeasible() -> None:
    small = replace(SIDE, design={**PROMPTS, "dram_bytes": 4e9})
    found = evaluate(DECODER, of(Request(LLAMA, 2048, 256, 8), small))
    assert not np.asarray(found["feasible"]).any()
    assert np.asarray(found["margin_prefill"]) > 0
    assert np.asarray(found["margin_fit"]) <= 0
    assert np.isnan(found["tpot_s"]).all()
    assert np.isfinite(found["bom_usd"]).all()


def test_chips_that_only_decode_hold_no_activations_of_prompts() -> None:
    request = Request(LLAMA, 32768, 64, 8)
    pair, alone = of(request).workloads[0], of(request, None).workloads[0]
    assert pair.footprint_bytes["activations"] < alone.footprint_bytes["activations"] / 100
    assert pair.footprint_bytes["kv_cache"] == alone.footprint_bytes["kv_cache"]


def test_chips_that_process_prompts_hold_prompts_and_no_outputs() -> None:
    """They held the KV cache of a whole request each; with lengths it is that of the longest prompt."""
    request = Request(LLAMA, 2048, 4096, 8)
    for lengths in (None, Lengths.of([(512, 4096, 3.0), (2048, 16, 1.0)])):
        pair = of(replace(request, lengths=lengths), replace(SIDE, batch=4))
        assert pair.pool is not None
        for workload in pair.pool.scenario.workloads:
            assert workload.footprint_bytes["kv_cache"] == 4 * kv_cache_bytes(LLAMA, Precision(), 2048.0)


def test_a_drafts_cache_is_sent_too() -> None:
    """The chips that process prompts fill the caches of target and draft; only the target's crossed the link."""
    small = model("llama-3.2-1b")
    own = kv_cache_bytes(LLAMA, Precision(), 2048.0)
    layer = own / 32
    for techniques, more in (
        (Techniques(speculative=Speculative(small, 4, 0.8)), kv_cache_bytes(small, Precision(), 2048.0)),
        (Techniques(multi_token=MultiToken(3, Accepted(0.8))), 3 * layer),
        (Techniques(eagle=Eagle(3, Accepted(0.8))), layer),
        (Techniques(self_speculative=SelfSpeculative(8, 3, 0.8)), 0.0),
        (Techniques(kv_budget=KvBudget(256)), own / 8 - own),
    ):
        workload = of(Request(LLAMA, 2048, 256, 8, techniques=techniques)).workloads[0]
        assert workload.prefill.total("link_bytes") == 8 * (own + more), techniques.used


def test_techniques_of_decode_steps_weigh_nothing_where_prompts_are_processed() -> None:
    """Predictors and drafting passes are of the chips that decode; compressed weights and drafts are on both."""

    def weights(techniques: Techniques) -> tuple[float, float]:
        pair = of(Request(LLAMA, 2048, 256, 8, techniques=techniques))
        assert pair.pool is not None
        sides = (pair.workloads[0], pair.pool.scenario.workloads[0])
        mine, theirs = (sum(s.footprint_bytes[name] for name in ("dense", "experts", "embedding")) for s in sides)
        return mine, theirs

    ((plain, same),) = (weights(Techniques()),)
    assert plain == same
    mine, theirs = weights(Techniques(contextual=Contextual(0.5, 0.5)))
    assert mine > theirs == plain
    for both in (
        Techniques(pruning=Pruning(0.5)),
        Techniques(speculative=Speculative(model("llama-3.2-1b"), 4, 0.8)),
        Techniques(medusa=Medusa(3, 7, Accepted(0.7))),
    ):
        mine, theirs = weights(both)
        assert mine == theirs != plain


def test_chips_that_decode_hold_evicted_caches_and_no_prefixes() -> None:
    techniques = Techniques(kv_budget=KvBudget(256))
    serving = Serving(prefix_hit_rate=0.5, prefix_bytes=1e9)
    pair = of(Request(LLAMA, 2048, 256, 8, techniques=techniques, serving=serving))
    assert pair.pool is not None
    budget = 8 * kv_cache_bytes(LLAMA, Precision(), 256.0)
    assert pair.workloads[0].footprint_bytes["kv_cache"] == budget
    theirs = pair.pool.scenario.workloads[0].footprint_bytes["kv_cache"]
    assert theirs == pytest.approx(budget / 8 + (2048 - 256) * 2 * 8 * 128 * 2 + 1e9)


@pytest.mark.parametrize(
    "request_, deployment, message",
    [
        (Request(LLAMA, 64, 64, 4), {"parallel": Parallel(pipeline=2)}, "not modelled on the stages of a pipeline"),
        (Request(LLAMA, 64, 64, 4), {"utilization": None, "demand_tokens_per_s": 5.0}, "needs deployment.utilization"),
        (
            Request(LLAMA, 64, 64, 4, serving=Serving(continuous=True, chunk_tokens=32)),
            {},
            "chunk_tokens does not go with disaggregate",
        ),
        (
            Request(LLAMA, 64, 64, 4, serving=Serving(continuous=True, arrivals_per_s=3.0)),
            {},
            "arrivals do not go with disaggregate",
        ),
    ],
)
def test_what_two_kinds_of_chips_do_not_go_with(request_: Request, deployment: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        of(request_, **deployment)


@st.composite
def pairs(draw: st.DrawFn) -> Scenario:
    request = Request(
        draw(models()),
        draw(st.sampled_from([1, 512, 8192])),
        draw(st.sampled_from([2, 256])),
        draw(st.sampled_from([1, 16])),
        draw(precisions()),
        serving=Serving(continuous=draw(st.booleans())),
    )
    side = PrefillSide(
        {**PROMPTS, "dram_bytes": 4e12},
        draw(st.sampled_from([1e9, 1e12])),
        Technology(dram_kind="ddr5", node="7nm"),
        batch=draw(st.sampled_from([1, 4])),
    )
    return of(request, side)


@settings(max_examples=25)
@given(of=pairs(), data=st.data())
def test_bounds_and_ledgers_hold_for_pairs(of: Scenario, data: st.DataObject) -> None:
    chosen: Designs = data.draw(designs(of))
    rng = np.random.default_rng(1)
    wide = {name: column * (1 + rng.random(len(column))) for name, column in chosen.items()}
    inside = {name: column + (wide[name] - column) * rng.random(len(column)) for name, column in chosen.items()}
    with np.errstate(all="ignore"):
        found = evaluate(inside, of)
        columns = [name for name in signs(of) if name in found]
        for sense in (1.0, -1.0):
            bounds = lower_bounds(dict.fromkeys(columns, sense), dict(chosen), wide, of)
            for name in columns:
                value = np.broadcast_to(np.asarray(found[name], dtype=float), bounds[name].shape) * sense
                assert np.all((bounds[name] <= value) | np.isnan(value)), name
        for ledger in ledgers({name: column[:1] for name, column in inside.items()}, of):
            assert ledger.column in LEDGERS


def test_a_ledger_of_a_pair_names_what_both_sides_cost() -> None:
    (ledger,) = ledgers(DECODER, of(Request(LLAMA, 4096, 64, 8)), ["tco_usd_per_mtoken"])
    assert sum(entry.amount for entry in ledger.entries) == pytest.approx(ledger.total)
    assert "capital: wafers" in {entry.name for entry in ledger.entries}


def test_a_constant_moves_both_sides() -> None:
    pair = of(Request(LLAMA, 4096, 64, 8))
    assert pair.pool is not None
    dear = with_constants(pair, {"dram_usd_per_byte": 2 * pair.ranges["dram_usd_per_byte"].value})
    assert dear.pool is not None
    for one, other in ((pair, dear), (pair.pool.scenario, dear.pool.scenario)):
        assert other.constants["dram_usd_per_byte"] == pytest.approx(2 * one.constants["dram_usd_per_byte"])


STUDY = """
name: pair
workloads:
  - {model: llama-3-8b, prompt_tokens: 2048, output_tokens: 256, batch: 8}
design:
  dram_bandwidth: [1 TB/s, 2 TB/s, 3 TB/s]
  compute: [100 TFLOP/s, 400 TFLOP/s]
  sram: 64 MiB
  dram: [48 GB, 80 GB]
disaggregate:
  prefill:
    dram_bandwidth: 1 TB/s
    compute: [500 TFLOP/s, 1 PFLOP/s]
    sram: 64 MiB
    dram: 32 GB
    technology: {dram_kind: gddr7}
  link: 50 GB/s
objectives: {tco_usd_per_mtoken: min, ttft_s: min, tpot_s: min}
constraints: ["prefill_chips <= 4"]
"""


@pytest.mark.usefixtures("no_pictures")
def test_a_study_sweeps_both_designs_and_searches_them_exactly(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "pair.yaml"
    path.write_text(STUDY, encoding="utf8")
    run = dse.sweep(path, out=tmp_path / "grid")
    table = run.designs()
    assert len(table) == 24
    assert set(table["disaggregate.prefill.compute"]) == {"500 TFLOP/s", "1 PFLOP/s"}
    exact = dse.sweep(STUDY + "search: {method: exact, epsilon: 0}\n", out=tmp_path / "exact")
    assert list(exact.front()["point"]) == list(run.front()["point"])
    again = dse.load(tmp_path / "grid" / "study.yaml")
    assert dse.load(again.to_yaml()) == again
    assert command("check", path).code == 0


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("link: 50 GB/s", "link: 50 GB", 'disaggregate.link: expected a bandwidth such as "25 GB/s"'),
        ("  link: 50 GB/s\n", "", 'disaggregate: required key "link" is missing'),
        ("dram: 32 GB", "dram: none", "disaggregate.prefill.dram: expected a quantity"),
        ("dram_kind: gddr7", "dram_kind: gddr8", "disaggregate.prefill.technology.dram_kind: expected a kind of DRAM"),
        ("disaggregate:", "baselines: [h100]\ndisaggregate:", "baselines have one kind of chip"),
        ("batch: 8", "batch: 8, serving: {batching: continuous, chunk_tokens: 64}", "chunk_tokens does not go with"),
        ("name: pair", "name: pair\ntechnology: {power_cap: 300 W}", "disaggregate does not go with a power cap"),
    ],
)
def test_a_study_says_what_is_wrong_with_its_pair(
    tmp_path: Path, command: Command, old: str, new: str, message: str
) -> None:
    path = tmp_path / "pair.yaml"
    path.write_text(STUDY.replace(old, new), encoding="utf8")
    done = command("check", path)
    assert done.code == 2
    assert message in done.err
