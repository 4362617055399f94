"""Cases C1-C6, worked out from first principles outside this code, through ``sweeps.evaluate``."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from flat_memory import CHIPS, chip, evaluated, flat_scenario, precision_of, request

from roofline.operators import Operators
from sweeps.scenario import Scenario

DATA = Path(__file__).parent / "data"


def rows(name: str) -> dict[str, dict[str, str]]:
    with (DATA / name).open(encoding="utf8") as file:
        return {row["case"]: row for row in csv.DictReader(file)}


CASES = rows("reference_cases.csv")


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
    return sum(op.count * op.weight_bytes for op in operators if op.weight_class != "embedding")


def test_the_six_cases_are_there() -> None:
    assert list(CASES) == ["C1", "C2", "C3", "C4", "C5", "C6"]


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
    # The cases leave out the gather of embedding rows and the choice of the next token.
    rows = [op for op in case_operators(CASES[case]) if op.name not in ("embedding", "sampling")]
    total = sum(op.count * op.compulsory_bytes for op in rows)
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
