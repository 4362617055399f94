"""Quality in a study: when its columns are there, what they do to the front, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Command

import dse
from dse.plan import problem_of
from results.columns import COLUMNS
from roofline.chinchilla import Chinchilla
from sweeps.model_quality import COLUMNS as QUALITY

pytestmark = pytest.mark.usefixtures("undrawn")

QUESTION = """
name: quality
workloads:
  - model: {model}
    prompt_tokens: 256
    output_tokens: 64
    precision: {{weights: {weights}, kv_cache: {kv_cache}}}
    techniques: {techniques}
design:
  dram_bandwidth: [50 GB/s, 100 GB/s]
  compute: [4 TFLOP/s, 16 TFLOP/s]
  sram: 8 MiB
  dram: [6 GB, 8 GB, 16 GB, 24 GB]
technology: {{dram_kind: lpddr5x, sram_style: scratchpad}}
deployment: {{segment: edge, demand: 20000 token/day}}
{rest}
"""
AND_QUALITY = "objectives: {decode_tokens_per_s: max, bom_usd: min, quality_loss: min}"
WITHOUT = "objectives: {decode_tokens_per_s: max, bom_usd: min}"


def text(
    rest: str = AND_QUALITY,
    model: str = "llama-3-8b",
    weights: str = "[fp16, int8-g128, q4_k_m, int3-g128, int2]",
    kv_cache: str = "fp16",
    techniques: str = "{}",
) -> str:
    return QUESTION.format(model=model, weights=weights, kv_cache=kv_cache, techniques=techniques, rest=rest)


def run_of(tmp_path: Path, *parts: str, **others: str) -> dse.Run:
    return dse.sweep(text(*parts, **others), out=tmp_path / "run", fresh=True)


def test_without_quality_the_narrowest_format_always_wins_and_with_it_every_format_has_a_place(tmp_path: Path) -> None:
    """The issue's reason for the column: 2 bits are fastest, smallest and cheapest."""
    alone = run_of(tmp_path / "a", WITHOUT).front()
    assert set(alone["workloads.0.precision.weights"]) == {"int2"}
    front = run_of(tmp_path / "b").front()
    assert set(front["workloads.0.precision.weights"]) == {"fp16", "int8-g128", "q4_k_m", "int3-g128", "int2"}
    kept = run_of(tmp_path / "c", f'{WITHOUT}\nconstraints: ["quality_loss <= 0.05"]').front()
    assert set(kept["workloads.0.precision.weights"]) == {"q4_k_m"}


def test_columns_are_there_when_asked_for_and_change_nothing_else(tmp_path: Path) -> None:
    plain = run_of(tmp_path / "a", WITHOUT).designs()
    asked = run_of(tmp_path / "b", f"{WITHOUT}\nmodelling: {{quality: on}}").designs()
    assert not {*QUALITY, "evidence"} & set(plain)
    assert {*QUALITY, "evidence"} <= set(asked)
    for name in plain:
        np.testing.assert_array_equal(plain[name].to_numpy(), asked[name].to_numpy(), err_msg=name)


def test_quality_is_the_same_for_all_designs_of_a_scenario_and_says_how_it_is_known(tmp_path: Path) -> None:
    rows = run_of(tmp_path).designs()
    by_format = rows.groupby("workloads.0.precision.weights", observed=True)
    assert (by_format[list(QUALITY)].nunique() == 1).all().all()
    known = by_format["evidence"].first().to_dict()
    measured = {"fp16": "measured", "q4_k_m": "measured", "int3-g128": "measured", "int2": "measured"}
    assert known == {**measured, "int8-g128": "fitted"}
    loss = by_format["quality_loss"].first()
    assert loss["q4_k_m"] == pytest.approx(np.log(6.382937 / 6.233160))
    whole = by_format["log_perplexity"].first()
    np.testing.assert_allclose((whole - loss).to_numpy(), np.log(6.13), rtol=1e-12)
    assert rows.attrs["units"]["quality_loss"] == "1"


def test_exact_search_finds_the_front_with_quality(tmp_path: Path) -> None:
    grid = run_of(tmp_path / "a").front()
    exact = run_of(tmp_path / "b", f"{AND_QUALITY}\nsearch: {{method: exact}}")
    assert grid["point"].tolist() == exact.front()["point"].tolist()


def test_a_model_by_its_size_may_be_an_axis(tmp_path: Path) -> None:
    """Large in few bits against small in many: neither wins everywhere."""
    family = "{family: chinchilla, parameters: [2.5e9, 7e9], tokens: 2e12}"
    run = run_of(
        tmp_path,
        "objectives: {decode_tokens_per_s: max, bom_usd: min, log_perplexity: min}",
        model=family,
        weights="[fp16, int4]",
    )
    rows = run.designs()
    sizes = {(n, f): p for n, f, p in zip(rows.iloc[:, 1], rows.iloc[:, 2], rows["log_perplexity"], strict=True)}
    assert sizes[2.5e9, "fp16"] == Chinchilla(2.5e9, 2e12).loss_nats_per_token
    assert sizes[7e9, "int4"] < sizes[2.5e9, "fp16"] < sizes[2.5e9, "int4"]
    assert set(rows["evidence"]) == {"fitted"}
    loaded = dse.load(run.study.to_yaml())
    assert loaded == run.study
    assert loaded.digest() == run.study.digest()
    assert "{family: chinchilla, parameters: 2500000000.0, tokens: 2000000000000.0}" in run.study.to_yaml()


def test_a_study_that_says_nothing_of_quality_is_written_without_it() -> None:
    study = dse.load(text(WITHOUT))
    assert "quality:" not in study.to_yaml()
    assert "quality: 'on'" in dse.load(text(f"{WITHOUT}\nmodelling: {{quality: on}}")).to_yaml().replace('"', "'")


@pytest.mark.parametrize("column", QUALITY)
def test_every_column_of_quality_may_be_an_objective_and_a_limit(column: str) -> None:
    assert COLUMNS[column].better == "min"
    problem = problem_of(dse.load(text(f'objectives: {{{column}: min}}\nconstraints: ["{column} <= 3"]')))
    assert column in problem.metric_names
    assert "evidence" in problem.columns()


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a format nobody measured": (
        {"weights": "[int4, ternary]"},
        "quality_loss: there is no published evidence for what weights ternary does to llama-3-8b, so quality_loss is "
        "not known; the closest for weights: ternary (bitnet-b1.58-3b), int2 (llama-2-7b",
    ),
    "a technique nobody measured": (
        {"techniques": "{early_exit: {layers: 24}}"},
        "there is no published evidence for what early_exit at 24 of 32 does to llama-3-8b, so quality_loss is not "
        "known; there is evidence for weights, weights+activations, pruning",
    ),
    "more of a technique than anybody measured": (
        {"techniques": "{pruning: {sparsity: [0.5, 0.8]}}"},
        "what pruning 0.8 does to llama-3-8b, so quality_loss is not known; the closest for pruning: 0.7",
    ),
    "a constraint on what is not known": (
        {"rest": f'{WITHOUT}\nconstraints: ["quality_loss_high <= 1"]', "kv_cache": "ternary"},
        "no published evidence for what kv_cache ternary does to llama-3-8b, so quality_loss_high is not known",
    ),
    "several models, each beside itself": (
        {"model": "[llama-2-7b, llama-2-13b]"},
        "objectives.quality_loss: quality_loss compares a model with itself in 16 bit, so it says nothing about which "
        "of several models is better; take log_perplexity",
    ),
    "several sets of tokens": (
        {"model": "[llama-2-7b, llama-3-8b]", "rest": "objectives: {log_perplexity: min}"},
        "log_perplexity: perplexities compare only on one text and with one set of tokens, got wikitext-2 at 2048, "
        "tokens of llama and wikitext-2 at 2048, tokens of llama-3",
    ),
    "no perplexity": (
        {"model": "gpt2", "rest": "objectives: {log_perplexity: min}"},
        "log_perplexity: no perplexity of gpt2 on one text was published",
    ),
    "a family nobody knows": (
        {"model": "{family: chinchila, parameters: 1e9, tokens: 1e12}"},
        'workloads.0.model: family: expected chinchilla, got "chinchila" (did you mean "chinchilla"?)',
    ),
    "a size no model has": (
        {"model": "{family: chinchilla, parameters: 3, tokens: 1e12}"},
        "workloads.0.model: parameters: expected a number at least 4e+07 and at most 1e+12, got 3",
    ),
    "no size of text": (
        {"model": "{family: chinchilla, parameters: 1e9, tokns: 1e12}"},
        'tokns: unknown key "tokns" (did you mean "tokens"?); allowed: family, parameters, tokens, law',
    ),
    "a size of an axis": (
        {"model": "{family: chinchilla, parameters: [1e9, -1], tokens: 1e12}"},
        "expected a number at least 4e+07 and at most 1e+12, got -1",
    ),
    "a switch that is none": (
        {"rest": f"{WITHOUT}\nmodelling: {{quality: yes please}}"},
        'modelling.quality: expected one of on, off, got "yes please"',
    ),
    "a column that is told, not asked": (
        {"rest": "objectives: {evidence: min}"},
        "objectives.evidence: expected a column",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_known_or_does_not_compare_is_refused(case: str) -> None:
    parts, message = WRONG[case]
    with pytest.raises(dse.StudyError) as caught:
        problem_of(dse.load(text(**parts)))
    assert message in str(caught.value)


@pytest.mark.parametrize("options", [(), ("--model", "llama-3-8b")])
def test_a_table_of_settings_says_that_shares_are_of_what_goes(options: tuple[str, ...], command: Command) -> None:
    told = command("evidence", "low_rank", *options).out
    assert re.findall(r"^low_rank +([0-9.]+) ", told, re.MULTILINE) == ["0.2", "0.4", "0.6"]
    assert "setting: a share is of what goes" in told
