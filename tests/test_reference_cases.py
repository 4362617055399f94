"""Cases C1-C5 and operator totals R1-R5 that were worked out from first principles, outside this code."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from flat_memory import CHIPS, chip, evaluated, flat_scenario, precision_of, request

from roofline.catalog import model
from roofline.operators import Operators
from roofline.phases import ROPE_VECTOR_OPS, decode, prefill
from sweeps.scenario import Scenario

DATA = Path(__file__).parent / "data"


def rows(name: str) -> dict[str, dict[str, str]]:
    with (DATA / name).open(encoding="utf8") as file:
        return {row["case"]: row for row in csv.DictReader(file)}


CASES = rows("reference_cases.csv")
TOTALS = rows("reference_operator_totals.csv")


def case_scenario(row: dict[str, str]) -> Scenario:
    # The mean decode context p + o/2 of two output tokens after ctx - 1 prompt tokens is ctx.
    context = int(row["ctx"])
    prompt = context if row["phase"] == "prefill" else context - 1
    precision = precision_of(int(row["w_bits"]), int(row["a_bits"]), int(row["kv_bits"]))
    return flat_scenario(request(row["model"], prompt=prompt, output=2, batch=int(row["batch"]), precision=precision))


def case_operators(row: dict[str, str]) -> Operators:
    workload = case_scenario(row).workloads[0]
    return workload.prefill if row["phase"] == "prefill" else workload.decode


def weight_bytes(operators: Operators) -> float:
    return sum(op.count * op.weight_bytes for op in operators if op.weight_class == "dense")


def test_the_five_cases_are_there() -> None:
    assert list(CASES) == ["C1", "C2", "C3", "C4", "C5"]
    assert list(TOTALS) == ["R1", "R2", "R3", "R4", "R5"]


@pytest.mark.parametrize("case", CASES)
def test_flop(case: str) -> None:
    # The prefill row is printed with six digits.
    assert case_operators(CASES[case]).total("flop") == pytest.approx(float(CASES[case]["flops"]), rel=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_weight_bytes(case: str) -> None:
    # The cases leave out norm weights, less than 0.005 % of these models.
    assert weight_bytes(case_operators(CASES[case])) == pytest.approx(float(CASES[case]["weight_bytes"]), rel=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_kv_bytes(case: str) -> None:
    # A prefill reads each cached K and V once: the same bytes as it writes.
    assert case_operators(CASES[case]).total("kv_read_bytes") == pytest.approx(float(CASES[case]["kv_bytes"]), rel=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_total_bytes(case: str) -> None:
    # The cases leave out the gather of embedding rows.
    total = sum(op.count * op.compulsory_bytes for op in case_operators(CASES[case]) if op.weight_class != "embedding")
    assert total == pytest.approx(float(CASES[case]["total_bytes"]), rel=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_time_through_evaluate(case: str) -> None:
    row = CASES[case]
    columns = evaluated(chip(row["hw"]), case_scenario(row))
    column, tolerance = ("ttft_s", 1e-2) if row["phase"] == "prefill" else ("tpot_s", 1e-3)
    assert columns["feasible"] == 1.0
    assert columns[column] == pytest.approx(float(row["time_s"]), rel=tolerance)


def test_flat_machine_leaves_only_compute_and_dram() -> None:
    # Nothing but the two textbook ceilings may shape the times above: bytes over bandwidth is a floor that C1 touches.
    columns = evaluated(chip("A100-80G"), case_scenario(CASES["C1"]))
    floor = case_operators(CASES["C1"]).total("compulsory_bytes") / CHIPS["A100-80G"][1]
    assert columns["tpot_s"] == pytest.approx(floor, rel=1e-12)


def totals_operators(row: dict[str, str]) -> Operators:
    precision = precision_of(int(row["w_bits"]), int(row["a_bits"]), int(row["kv_bits"]))
    common: dict[str, Any] = {"batch": float(row["batch"]), "fusion": ("attention", "rope"), "dequantization_ops": 0.0}
    if row["phase"] == "prefill":
        return prefill(model(row["model"]), precision, prompt_tokens=float(row["prompt"]), **common)
    return decode(model(row["model"]), precision, context_tokens=float(row["context"]), **common)


@pytest.mark.parametrize(
    "quantity",
    ["flop", "weight_bytes", "kv_read_bytes", "kv_write_bytes", "act_read_bytes", "act_write_bytes"],
)
@pytest.mark.parametrize("case", TOTALS)
def test_operator_totals(case: str, quantity: str) -> None:
    expected = float(TOTALS[case]["flops" if quantity == "flop" else quantity])
    assert totals_operators(TOTALS[case]).total(quantity) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("case", TOTALS)
def test_operator_totals_vector_work(case: str) -> None:
    # The reference counts no work for RoPE; ours is a known term: three operations per element of Q and K.
    row = TOTALS[case]
    tokens = float(row["batch"]) * float(row["prompt"] or 1)
    rope = sum(
        kind.count * ROPE_VECTOR_OPS * tokens * (kind.attention.q_width + kind.attention.kv_width / 2)
        for kind in model(row["model"]).layers
    )
    assert totals_operators(row).total("vector_ops") - rope == pytest.approx(float(row["vector_ops"]), rel=1e-12)
