"""Techniques in a study: grammar, axes, algorithms, errors; and what they do to metrics, runs, bounds and ledgers."""

from __future__ import annotations

from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from conftest import Command
from flat_memory import FLAT, chip, evaluated, flat_scenario, request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_run import SMALL, changed

from dse import study_techniques
from dse.catalogs import vocabulary
from dse.errors import StudyError
from dse.plan import problem_of
from dse.study import Study, load_study
from roofline.catalog import model
from roofline.techniques import Accepted, Eagle, Jacobi, KvBudget, Pruning, SelfSpeculative, Speculative, Techniques
from sweeps.breakdown import breakdown
from sweeps.factors import factors
from sweeps.ledger import ledgers
from sweeps.per_token import flop_per_token
from sweeps.scenario import Scenario

BATCH = "    batch: 1\n"


def studied(techniques: str, *more: tuple[str, str]) -> Study:
    text = changed((BATCH, f"{BATCH}    techniques: {techniques}\n"), *more)
    return load_study(text, vocabulary=vocabulary())


def with_techniques(techniques: Techniques, batch: int = 1, name: str = "llama-2-7b") -> Scenario:
    asked = replace(request(name, prompt=512, output=128, batch=batch), techniques=techniques)
    return flat_scenario(asked)


# --- the study ----------------------------------------------------------------------------------------------------


def test_a_study_without_techniques_has_the_digest_and_text_it_had() -> None:
    plain = load_study(SMALL, vocabulary=vocabulary())
    assert plain.digest().startswith("7295b40d0ce5c378")
    assert "techniques" not in plain.to_yaml()
    assert "sparsity" not in plain.to_yaml()
    assert studied("{}").digest() == plain.digest()


EVERY = {
    "removal": "{layers: 4, heads: 0.25, channels: 0.1, hidden: 0.05}",
    "low_rank": "{rank: 0.3}",
    "pruning": "{sparsity: 0.9, index: csr}",
    "pattern": '{pattern: "2:4"}',
    "early_exit": "{layers: 20, checks: 1}",
    "window": "{tokens: 512}",
    "kv_budget": "{tokens: 508, sinks: 4}",
    "kv_sharing": "{layers: 2}",
    "selection": "{block: 16, tokens: 256, local: 64, keys: 2, prompts: selected, layers: 8}",
    "contextual": "{neurons: 0.3, heads: 0.5, predictor: 256}",
    "speculative": "{draft: llama-3.2-1b, gamma: 4, acceptance: 0.8}",
    "self_speculative": "{layers: 8, gamma: 4, acceptance: 0.8}",
    "token_tree": "{draft: llama-3.2-1b, depth: 4, nodes: 16, acceptance: 0.8}",
    "medusa": "{heads: 4, nodes: 32, accepted: 1.5}",
    "eagle": "{depth: 4, nodes: 24, acceptance: 0.7}",
    "multi_token": "{depth: 1, acceptance: 0.85}",
    "lookahead": "{window: 15, ngram: 5, guesses: 15, accepted: 1.2}",
    "jacobi": "{block: 8, accepted: 0.6}",
    "by depth": "{heads: 3, nodes: 20, by_depth: [0.8, 0.6, 0.5]}",
}


@pytest.mark.parametrize("name", EVERY)
def test_every_technique_round_trips_and_is_evaluated(name: str) -> None:
    key = {"pattern": "pruning", "by depth": "medusa"}.get(name, name)
    study = studied(f"{{{key}: {EVERY[name]}}}")
    again = load_study(study.to_yaml(), vocabulary=vocabulary())
    assert again == study
    assert again.digest() == study.digest() != load_study(SMALL, vocabulary=vocabulary()).digest()
    plain = problem_of(load_study(SMALL, vocabulary=vocabulary())).scenario(0).workloads[0]
    made = problem_of(study).scenario(0).workloads[0]
    assert made.prefill != plain.prefill or made.decode != plain.decode
    assert made.tokens_per_pass >= 1.0


def test_the_grammar_and_the_techniques_have_the_same_names_defaults_and_order() -> None:
    """A section of a study and what it is built into: neither has a technique or a number that the other has not."""
    assert tuple(study_techniques.Techniques.model_fields) == tuple(field.name for field in fields(Techniques))
    for name, part in study_techniques.Techniques.model_fields.items():
        grammar = next(one for one in get_args(part.annotation) if one is not type(None))
        built = {field.name: field for field in fields(grammar.of)}
        written = {key: info.default for key, info in grammar.model_fields.items()}
        if "yields" in built:
            del built["yields"]
            assert all(written.pop(key) is None for key in ("acceptance", "accepted", "by_depth")), name
        assert set(written) == set(built), name
        for key, field in built.items():
            if field.default is not MISSING:
                assert (written[key] or field.default) == field.default, (name, key)


def test_numbers_and_names_of_techniques_are_axes() -> None:
    study = studied(
        '{pruning: {pattern: ["2:4", "1:4"]}, eagle: {depth: 4, acceptance: {linear: [0, 1], points: 3}}}',
        ("  flash:          [0 GB, 128 GB]\n", "  flash: 0 GB\n  workloads.*.techniques.eagle.depth: [2, 4]\n"),
        ("node: 5nm,", 'node: 5nm, sparsity: [none, "2:4"],'),
    )
    paths = [axis.path.removeprefix("workloads.0.").removeprefix("workloads.*.") for axis in study.scenario_axes]
    assert sorted(paths) == [
        "techniques.eagle.acceptance",
        "techniques.eagle.depth",
        "techniques.pruning.pattern",
        "technology.sparsity",
    ]
    problem = problem_of(study)
    tokens = {problem.scenario(n).workloads[0].tokens_per_pass for n in range(24)}
    assert tokens == {1.0, 1.75, 1.9375, 3.0, 5.0}
    assert load_study(study.to_yaml(), vocabulary=vocabulary()) == study


ALGORITHMS = (
    "algorithms: {plain: {}, pruned: {pruning: {sparsity: 0.5}}, quick: {jacobi: {block: 4, acceptance: 0.5}}}\n"
)


def test_algorithms_are_techniques_with_a_name_and_an_axis_may_take_them() -> None:
    study = studied("[plain, pruned, quick]", ("objectives:", ALGORITHMS + "objectives:"))
    (axis,) = study.scenario_axes
    assert (axis.path, axis.values) == ("workloads.0.techniques", ("plain", "pruned", "quick"))
    assert load_study(study.to_yaml(), vocabulary=vocabulary()) == study
    problem = problem_of(study)
    plain = problem_of(load_study(SMALL, vocabulary=vocabulary())).scenario(0)
    assert problem.scenario(0).workloads == plain.workloads
    assert problem.scenario(1).requests[0].techniques == Techniques(pruning=Pruning(0.5))
    assert problem.scenario(2).requests[0].techniques == Techniques(jacobi=Jacobi(4, Accepted(0.5)))
    assert "techniques: quick" in study.at(("quick",)).to_yaml()


@pytest.mark.usefixtures("no_pictures")
def test_a_run_keeps_the_model_of_a_draft(command: Command, tmp_path: Path) -> None:
    """A draft that is a file travels with the run, as its target does."""
    root = Path(__file__).parent.parent / "roofline" / "data" / "models"
    (tmp_path / "draft.json").write_text((root / "llama-3.2-1b.json").read_text(encoding="utf8"), encoding="utf8")
    algorithms = "algorithms: {plain: {}, quick: {speculative: {draft: draft.json, gamma: 2, acceptance: 0.5}}}\n"
    text = changed((BATCH, f"{BATCH}    techniques: [plain, quick]\n"), ("objectives:", algorithms + "objectives:"))
    (tmp_path / "spec.yaml").write_text(text, encoding="utf8")
    assert command("sweep", tmp_path / "spec.yaml", "--out", tmp_path / "run").code == 0
    (tmp_path / "draft.json").unlink()
    done = command("front", tmp_path / "run")
    assert done.code == 0, done.err
    assert "quick" in done.out


def test_a_draft_that_is_no_smaller_is_told(command: Command, tmp_path: Path) -> None:
    for draft, told in (("llama-3.1-8b", True), ("llama-3-70b", True), ("llama-3.2-1b", False), ("gpt2", False)):
        path = tmp_path / "spec.yaml"
        line = f"    techniques: {{speculative: {{draft: {draft}, gamma: 2, acceptance: 0.5}}}}\n"
        path.write_text(changed((BATCH, BATCH + line)), encoding="utf8")
        done = command("check", path)
        assert done.code == 0
        assert (f"warning: the draft {draft} is no smaller than its target llama-3-8b" in done.out) == told
        other = f"the draft {draft} has another vocabulary than its target llama-3-8b (50,257 and 128,256 tokens)"
        assert (other in done.out) == (draft == "gpt2")


WRONG = {
    "acceptance above 1": (
        "{speculative: {draft: llama-3.2-1b, gamma: 2, acceptance: 1.5}}",
        "techniques.speculative.acceptance: expected a number at least 0 and at most 1, got 1.5",
    ),
    "gamma 0": (
        "{speculative: {draft: llama-3.2-1b, gamma: 0, acceptance: 0.5}}",
        "techniques.speculative.gamma: expected a whole number from 1 to 64, got 0",
    ),
    "unknown draft": (
        "{speculative: {draft: llama-3.2-1bb, gamma: 1, acceptance: 0.5}}",
        'techniques.speculative.draft: unknown model "llama-3.2-1bb"; did you mean llama-3.2-1b',
    ),
    "3:2": ('{pruning: {pattern: "3:2"}}', "techniques.pruning.pattern: expected a pattern N:M with 1 <= N < M"),
    "two sparsities": (
        '{pruning: {pattern: "2:4", sparsity: 0.5}}',
        "techniques.pruning: expected either a sparsity or a pattern such as 2:4, got both",
    ),
    "contradiction": (
        "{window: {tokens: 4}, kv_budget: {tokens: 4}}",
        "techniques: window and kv_budget contradict each other: each says which cached tokens are attended",
    ),
    "two decodings": (
        "{medusa: {heads: 2, nodes: 4, accepted: 1}, jacobi: {block: 4, accepted: 1}}",
        "techniques: medusa and jacobi contradict each other: each is a whole decode step",
    ),
    "unknown technique": ("{prunning: {sparsity: 0.5}}", 'unknown key "prunning" (did you mean "pruning"?)'),
    "unknown key": ("{pruning: {sparcity: 0.5}}", 'pruning: unknown key "sparcity" (did you mean "sparsity"?)'),
    "missing key": ("{window: {}}", 'techniques.window: required key "tokens" is missing'),
    "no algorithm": ("eagel", 'expected a mapping of techniques, or a name under algorithms, got "eagel"'),
    "a value of an axis": (
        "{pruning: {sparsity: [0, 0.5, 1]}}",
        "techniques.pruning.sparsity.2: expected a number of at least 0 and below 1, got 1",
    ),
    "mappings as an axis": (
        "[{pruning: {sparsity: 0.5}}]",
        "techniques.0: expected one value, got a mapping; give it a name under algorithms",
    ),
    "a chance too few": (
        "{medusa: {heads: 3, nodes: 4, by_depth: [0.5, 0.5]}}",
        "techniques.medusa: expected 3 chances by_depth, one for each depth, got 2",
    ),
    "no chance": (
        "{medusa: {heads: 2, nodes: 4, by_depth: [0.5, 1.5]}}",
        "techniques.medusa.by_depth: expected a number at least 0 and at most 1, got 1.5",
    ),
    "too many accepted": (
        "{medusa: {heads: 2, nodes: 4, accepted: 2.5}}",
        "techniques.medusa: expected accepted from 0 to 2, the depth of the proposals, got 2.5",
    ),
    "a model it does not suit": ("{early_exit: {layers: 33}}", "techniques.early_exit: expected 1 to 32 layers of"),
    "a later value that does not suit": (
        "{early_exit: {layers: [8, 33]}}",
        "techniques.early_exit: expected 1 to 32 layers of llama-3-8b, got 33",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("techniques", "message"), WRONG.values(), ids=WRONG)
def test_bad_techniques_are_said_with_their_key(techniques: str, message: str) -> None:
    with pytest.raises(StudyError) as error:
        problem_of(studied(techniques))
    assert message in str(error.value)


def test_an_algorithm_that_is_wrong_is_said_where_it_stands() -> None:
    with pytest.raises(StudyError) as error:
        studied("plain", ("objectives:", "algorithms: {plain: {pruning: {sparsity: 2}}}\nobjectives:"))
    assert "algorithms.plain.pruning.sparsity: expected a number of at least 0 and below 1, got 2" in str(error.value)
    assert "pydantic" not in str(error.value)
    assert "workloads.0.techniques: plain of algorithms is wrong" in str(error.value)
    with pytest.raises(StudyError, match='one of plain, got "plane" \\(did you mean "plain"\\?\\)'):
        studied("plane", ("objectives:", "algorithms: {plain: {}}\nobjectives:"))


WHERE = {
    "in a workload": (
        [(BATCH, f"{BATCH}    techniques:\n      kv_sharing: {{layers: 33}}\n")],
        "8: workloads.0.techniques.kv_sharing: expected 1 to 32 layers of one kind in llama-3-8b, got 33",
    ),
    "a later value": (
        [(BATCH, f"{BATCH}    techniques:\n      removal:\n        heads: [0.25, 0.1]\n")],
        "8: workloads.0.techniques.removal: expected heads of at least 1/8, as layers of llama-3-8b have 8, got 0.1",
    ),
    "an algorithm": (
        [
            (BATCH, f"{BATCH}    techniques: [plain, deep]\n"),
            ("objectives:", "algorithms:\n  plain: {}\n  deep:\n    early_exit: {layers: 33}\nobjectives:"),
        ],
        "20: algorithms.deep.early_exit: expected 1 to 32 layers of llama-3-8b, got 33",
    ),
    "an axis of the design": (
        [
            (BATCH, f"{BATCH}    techniques: {{early_exit: {{layers: 8}}}}\n"),
            ("[0 GB, 128 GB]\n", "0 GB\n  workloads.*.techniques.early_exit.layers: [8, 33]\n"),
        ],
        "15: workloads.0.techniques.early_exit: expected 1 to 32 layers of llama-3-8b, got 33",
    ),
    "two axes together": (
        [
            (BATCH, f"{BATCH}    techniques: {{early_exit: {{layers: [8, 16]}}}}\n"),
            ("model: llama-3-8b", "model: [llama-3-8b, gpt2]"),
        ],
        "7: workloads.0.techniques.early_exit: expected 1 to 12 layers of gpt2, got 16",
    ),
    "stages of a pipeline": (
        [
            (BATCH, "    batch: [1, 4]\n    techniques: {medusa: {heads: 2, nodes: 4, accepted: 1}}\n"),
            ("token/day}", "token/day, chips: 2, parallel: {pipeline: 2}}"),
        ],
        "7: workloads.0.techniques.medusa: does not go with stages of a pipeline that other sequences fill",
    ),
    "a quality that is not known": (
        [
            (BATCH, f"{BATCH}    techniques: {{early_exit: {{layers: 8}}}}\n"),
            ('"peak_power <= 60 W"', '"peak_power <= 60 W",\n              "quality_loss <= 0.1"'),
        ],
        "19: constraints.2: there is no published evidence for what early_exit at 8 of 32 does to llama-3-8b",
    ),
    "a demand of two kinds of chips": (
        [
            (
                "objectives:",
                "disaggregate:\n  prefill: {dram_bandwidth: 1 TB/s, compute: 500 TFLOP/s, sram: 64 MiB, dram: 32 GB}\n"
                "  link: 50 GB/s\nobjectives:",
            )
        ],
        "15: deployment.demand: disaggregate sizes two kinds of chips to be busy alike, whatever is demanded; expected "
        "utilization: 0.6 in its place",
    ),
}


@pytest.mark.parametrize(("changes", "message"), WHERE.values(), ids=WHERE)
def test_what_only_a_scenario_shows_is_said_with_its_line(
    changes: list[tuple[str, str]], message: str, command: Command, tmp_path: Path
) -> None:
    """File, line, key, what was given and what is allowed, before anything is swept."""
    path = tmp_path / "spec.yaml"
    path.write_text(changed(*changes), encoding="utf8")
    done = command("check", path)
    assert done.code == 2
    assert f"spec.yaml:{message}" in done.err


def test_what_a_message_says_to_write_instead_of_a_demand_is_a_study() -> None:
    side = "disaggregate:\n  prefill: {dram_bandwidth: 1 TB/s, compute: 500 TFLOP/s, sram: 64 MiB, dram: 32 GB}\n"
    found = studied(
        "{}",
        ("demand: 200000 token/day", "utilization: 0.6"),
        ("objectives:", f"{side}  link: 50 GB/s\nobjectives:"),
    )
    assert problem_of(found).scenario(0).pool is not None


# --- metrics ------------------------------------------------------------------------------------------------------


def test_time_energy_and_work_of_a_token_are_those_of_a_step_over_its_tokens() -> None:
    """One path: whatever a step yields divides all that a decoded token costs."""
    jacobi = [with_techniques(Techniques(jacobi=Jacobi(4, Accepted(accepted=n)))) for n in (0.0, 1.0, 3.0)]
    steps = [of.workloads[0].decode for of in jacobi]
    assert steps[0] == steps[1] == steps[2]
    columns = [evaluated(chip("A100-80G"), of) for of in jacobi]
    one, two, four = columns
    assert two["tpot_s"] == one["tpot_s"] / 2
    assert four["tpot_s"] == one["tpot_s"] / 4
    assert four["decode_tokens_per_s"] == 4 * one["decode_tokens_per_s"]
    assert one["decode_power_w"] == pytest.approx(four["decode_power_w"], rel=1e-12)
    assert four["ttft_s"] == one["ttft_s"]
    assert four["request_latency_s"] == pytest.approx(one["ttft_s"] + 127 * one["tpot_s"] / 4, rel=1e-12)
    work = [flop_per_token(of) for of in jacobi]
    prefill, step = jacobi[0].workloads[0].prefill.total("flop"), steps[0].total("flop")
    assert work == pytest.approx([(prefill + 127 * step / n) / 128 for n in (1, 2, 4)], rel=1e-12)


def test_memory_bound_speculation_is_as_fast_as_its_formula() -> None:
    """Where weights are all that is read: tokens/(1 + gamma·c), c the draft's bytes over the target's."""
    draft = model("tinyllama-1.1b")
    plain = with_techniques(Techniques())
    quick = with_techniques(Techniques(speculative=Speculative(draft, 4, 0.8)))
    got = evaluated(chip("A100-80G"), plain)["tpot_s"] / evaluated(chip("A100-80G"), quick)["tpot_s"]
    target, whole = (of.workloads[0].decode.total("compulsory_bytes") for of in (plain, quick))
    assert got == pytest.approx(3.3616 * target / whole, rel=0.02)


@pytest.mark.parametrize("batch", [1, 8])
def test_parts_of_a_step_sum_to_it_bit_for_bit(batch: int) -> None:
    draft = model("tinyllama-1.1b")
    of = with_techniques(Techniques(pruning=Pruning(0.5), speculative=Speculative(draft, 3, 0.7)), batch)
    design = chip("A100-80G")
    shares = breakdown(design, of)
    workload = of.workloads[0]
    launches = workload.decode.kernels * of.modelling.launch_overhead_s
    total = launches + 0.0
    for share in shares:
        if share.phase == "decode":
            total = total + share.seconds
    assert total == float(np.ravel(factors(design, of)["decode_s.0"])[0])
    assert {share.name.split("_")[0] for share in shares if share.phase == "decode"} >= {"draft", "lm", "qkv"}
    for ledger in ledgers(design, of):
        assert sum(entry.amount for entry in ledger.entries) == pytest.approx(ledger.total, rel=1e-12)


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(alpha=st.floats(0.0, 1.0), gamma=st.integers(1, 8), batch=st.sampled_from([1, 4, 64]))
def test_a_step_is_never_faster_than_its_target_alone(alpha: float, gamma: int, batch: int) -> None:
    """Speculation divides by at most gamma + 1, and its verify pass is no faster than a plain step."""
    plain = evaluated(chip("A100-80G"), with_techniques(Techniques(), batch))
    for techniques in (
        Techniques(self_speculative=SelfSpeculative(4, gamma, alpha)),
        Techniques(eagle=Eagle(gamma, Accepted(alpha))),
    ):
        of = with_techniques(techniques, batch)
        found = evaluated(chip("A100-80G"), of)
        tokens = of.workloads[0].tokens_per_pass
        assert 1.0 <= tokens <= gamma + 1.0
        assert found["tpot_s"] * tokens >= plain["tpot_s"] * (1 - 1e-12)
        if alpha == 0.0:
            assert found["tpot_s"] > plain["tpot_s"]


def test_a_cache_in_flash_is_a_choice_of_the_modelling_and_composes_with_a_budget() -> None:
    """KV offload is `flash_holds: [kv_cache]`: what a budget keeps is what is read from flash."""
    how = replace(FLAT, flash_holds=("weights", "kv_cache"))
    design = {name: np.asarray(value) for name, value in chip("A100-80G").items()}
    design["dram_bytes"], design["flash_bytes"] = np.array([15e9]), np.array([1e12])
    read = []
    for techniques in (Techniques(), Techniques(kv_budget=KvBudget(1024))):
        asked = replace(request("llama-2-7b", prompt=8192, output=512, batch=32), techniques=techniques)
        of = flat_scenario(asked, how, flash_kind="nvme")
        read.append(float(np.ravel(factors(design, of)["decode_flash_bytes.0"])[0]))
    assert 0 < read[1] < read[0] / 4
