"""``dse validate`` with the product's own predictor: how close it comes on the shipped rows, and rows of the user's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Command
from measurement_rows import PLAIN, csv_text

import dse
from dse.report.validation import as_json, validation_text
from dse.validation import Validation
from roofline import catalog
from roofline.accelerators import find
from sweeps.comparison import Part
from sweeps.measurements import Measurement
from sweeps.violations import ALIKE, LOADED, NARROW, ROUNDED, UNKNOWN, why

SHIPPED_CONFIGS = Path(catalog.__file__).parent / "data" / "models"


@pytest.fixture(scope="module")
def shipped() -> Validation:
    """Predictions of the shipped measurements, made once."""
    return dse.validate()


@pytest.fixture(scope="module")
def operators() -> Validation:
    """Predictions of the shipped operators, made once."""
    return dse.validate(operators=True)


def total(validation: Validation, name: str) -> Part:
    return next(part for part in validation.comparison.totals if name in part.keys.values())


def written(folder: Path, *rows: Measurement) -> Path:
    path = folder / "mine.csv"
    path.write_text(csv_text([replace(row, id=f"r{i}") for i, row in enumerate(rows)]), encoding="utf8")
    return path


# the shipped measurements


def test_nearly_every_row_is_predicted_and_the_others_say_why(shipped: Validation) -> None:
    assert len(shipped.rows) == 2469
    assert shipped.comparison.predicted >= 2450
    assert all(len(p.reason) > 20 for p in shipped.comparison.unpredicted)
    assert {p.reason for p in shipped.comparison.unpredicted} == {
        "neither context_tokens nor the lengths it would follow from are stated"
    }


@pytest.mark.parametrize(
    "phase, most_median, least_within_25", [("decode", 0.09, 0.80), ("prefill", 0.16, 0.70), ("end_to_end", 0.11, 0.80)]
)
def test_predictions_come_close(shipped: Validation, phase: str, most_median: float, least_within_25: float) -> None:
    part = total(shipped, phase)
    assert part.calibrated.median_ape <= most_median
    assert part.calibrated.within_25 >= least_within_25
    assert part.bound is not None
    assert part.calibrated.median_ape < part.bound.median_ape / 3
    assert part.bound.mape < 1.0  # as times a best case is never off by more than 100 %


def test_ranks_within_workloads_are_no_worse_than_those_of_the_roofline(shipped: Validation) -> None:
    for phase in ("decode", "prefill", "end_to_end"):
        part = total(shipped, phase)
        assert part.ranking.mean_kendall_tau is not None
        assert part.bound_ranking.mean_kendall_tau is not None
        assert part.ranking.mean_kendall_tau > part.bound_ranking.mean_kendall_tau


def test_measured_times_take_error_out_of_energies(shipped: Validation) -> None:
    from_time, whole = total(shipped, "energy_measured_time"), total(shipped, "energy")
    assert 100 <= from_time.calibrated.rows < whole.calibrated.rows
    assert from_time.calibrated.median_ape <= 0.12
    assert whole.calibrated.median_ape <= 0.25
    assert from_time.calibrated.median_ape < whole.calibrated.median_ape
    assert from_time.bound is None


def test_few_measurements_beat_the_roofline_and_each_has_a_reason(shipped: Validation) -> None:
    found = shipped.comparison.violations
    assert len(found) < 0.01 * total(shipped, "timing").calibrated.rows
    reasons = {shipped.rows[i].id: shipped.why[shipped.rows[i].id] for i in found}
    assert set(shipped.why) == set(reasons)
    assert UNKNOWN not in reasons.values()
    assert reasons["arg-0199"] == ALIKE
    assert reasons["sil-0285"] == LOADED
    assert reasons["trt-0031"] == NARROW
    assert reasons["arg-0607"] == "the link of sn40l is an assumption (pcie4-x16)"


def test_the_table_says_why_and_what_is_not_defined(shipped: Validation) -> None:
    table = validation_text(shipped, "table", 10)
    lines = table.splitlines()
    assert any(line.startswith("arg-0199 ") and line.endswith(ALIKE) for line in lines)
    roofline = table.partition("Uncalibrated roofline")[2].partition("\n\n")[0]
    energy = next(line for line in roofline.splitlines() if line.startswith("energy "))
    assert set(energy.split()) == {"energy", "-"}
    assert "a rate counts as the time its" in table
    assert "energy_measured_time: energies whose run's time was published" in table
    assert all(not line.endswith(" ") for line in lines)
    assert [row["why"] for row in as_json(shipped, 1)["violations"]] == list(shipped.why.values())


# why a bound is beaten


@pytest.mark.parametrize(
    "changes, ratio, said",
    [
        ({}, 0.9, UNKNOWN),
        ({}, 0.985, ROUNDED),
        ({"model": "mixtral-8x7b"}, 0.9, ALIKE),
        ({"protocol": "closed_loop_serving"}, 0.9, LOADED),
        ({"weight_bits": 8.0}, 0.9, NARROW),
        ({"weight_bits": 8.0, "kv_bits": 8.0}, 0.9, UNKNOWN),
        (
            {"hardware": "sn40l", "tensor_parallel": 8, "model": "mixtral-8x7b"},
            0.9,
            "the link of sn40l is an assumption",
        ),
        ({"hardware": "sn40l"}, 0.9, UNKNOWN),
    ],
)
def test_the_most_specific_reason_is_given(changes: dict[str, object], ratio: float, said: str) -> None:
    row = replace(PLAIN, **changes)
    assert why(row, ratio, catalog.model(row.model), find(row.hardware)).startswith(said)


# a user's own file


def test_devices_and_models_of_files_make_new_rows_predictable(command: Command, tmp_path: Path) -> None:
    row = replace(PLAIN, hardware="my-chip", model="my-model", hf_id="", stack_version="0.9.1")
    data = written(tmp_path, row, replace(row, model="other-model"), replace(row, hardware="other-chip"))
    configs = tmp_path / "configs"
    configs.mkdir()
    (configs / "my-model.json").write_text((SHIPPED_CONFIGS / "llama-3-8b.json").read_text("utf8"), encoding="utf8")
    chips = tmp_path / "chips.yaml"
    chips.write_text("""\
devices:
  - name: my-chip
    device_class: datacenter-gpu
    peaks: {fp16: 100 TFLOP/s, fp32: 10 TFLOP/s}
    dram: 80 GB
    dram_bandwidth: 1 TB/s
""")
    bare = command("validate", "--data", data, "--format", "json")
    assert json.loads(bare.out)["predicted"] == 0
    both = command("validate", "--data", data, "--models", configs, "--hardware", chips, "--format", "json")
    assert (both.code, json.loads(both.out)["predicted"]) == (0, 1)
    found = json.loads(both.out)
    (mine,) = [p for p in found["predictions"] if p["predicted"]]
    assert mine["id"] == "r0"
    # 16 GB of weights over 1 TB/s, and what the calibration adds
    assert 0.0150 < mine["bound"] < mine["predicted"] < 0.030
    reasons = {p["id"]: p["reason"] for p in found["unpredicted"]}
    assert reasons["r1"].startswith('unknown model "other-model"')
    assert reasons["r2"].startswith('unknown hardware "other-chip"')


def test_heads_that_do_not_divide_are_padded(tmp_path: Path) -> None:
    rows = [replace(PLAIN, tensor_parallel=n, devices=n) for n in (4, 5, 7, 8)]
    found = dse.validate(written(tmp_path, *rows)).comparison
    bounds = [p.bound for p in found.predictions]
    assert None not in bounds
    # 32 heads on 5 chips are 7 each, on 7 chips 5 each: no faster than the fullest chip
    assert bounds[0] > bounds[1] > bounds[2] > bounds[3]
    assert bounds[1] > bounds[0] * 4 / 5


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"devices": 3, "tensor_parallel": 2}, "3 devices are no whole number of groups of 2"),
        ({"prompt_tokens": None, "output_tokens": None, "context_tokens": None}, "neither context_tokens nor"),
        ({"phase": "prefill", "metric": "ttft_s", "prompt_tokens": None}, "prompt_tokens are not stated"),
        ({"weight_bytes": 1e12}, "the file is of another model"),
        ({"hardware": "h100-80gb-unspecified"}, "unknown fp16_flop_per_s"),
        ({"expert_parallel": 3}, "expert 3 does not go with tensor 1"),
    ],
)
def test_what_a_row_lacks_is_said(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    found = dse.validate(written(tmp_path, replace(PLAIN, **changes)))
    (missing,) = found.comparison.unpredicted
    assert said in missing.reason


def test_a_calibration_of_a_file_moves_predictions(command: Command, tmp_path: Path) -> None:
    data, fitted = written(tmp_path, PLAIN), tmp_path / "mine.csv.fit"
    fitted.write_text("name,option,value,low,high,unit,source\nmemory_share,,0.5,0.5,0.5,1,mine\n", encoding="utf8")

    def seen(*more: object) -> float:
        done = command("validate", "--data", data, "--format", "json", *more)
        return float(json.loads(done.out)["predictions"][0]["predicted"])

    assert seen("--calibration", fitted) > 1.3 * seen()
    fitted.write_text("name,option,value,low,high,unit,source\nmemory_shard,,0.5,0.5,0.5,1,mine\n", encoding="utf8")
    done = command("validate", "--data", data, "--calibration", fitted)
    assert (done.code, done.out) == (2, "")
    assert f'error: --calibration: {fitted}: line 2: unknown number "memory_shard"' in done.err


# the shipped operators


def test_operators_of_known_devices_are_predicted(operators: Validation) -> None:
    assert (len(operators.rows), operators.comparison.predicted) == (2918, 2298)
    names = {row.id: row.hardware for row in operators.rows}
    missing = operators.comparison.unpredicted
    assert {names[p.id] for p in missing} == {"a100-80gb-unspecified", "h100-80gb-unspecified"}
    assert {p.reason for p in missing} == {
        'unknown dram_bytes_per_s of "a100-80gb-unspecified"',
        'unknown fp16_flop_per_s, dram_bytes_per_s of "h100-80gb-unspecified"',
    }


@pytest.mark.parametrize(
    "op, most", [("gemm", 0.18), ("attention_prefill", 0.20), ("attention_decode", 0.28), ("moe", 0.32)]
)
def test_the_operators_that_fill_a_pass_come_near_without_being_fitted(
    operators: Validation, op: str, most: float
) -> None:
    found = operators.comparison
    errors = sorted(
        float(found.errors[i])
        for i, row in enumerate(operators.rows)
        if row.op == op and found.predictions[i].value is not None
    )
    assert errors[len(errors) // 2] <= most


def test_operators_that_beat_the_roofline_have_reasons(operators: Validation) -> None:
    found = operators.comparison.violations
    assert len(found) < 0.02 * operators.comparison.predicted
    assert set(operators.why) == {operators.rows[i].id for i in found}
    table = validation_text(operators, "table", 40)
    assert all(said in table for said in operators.why.values())
    assert "the fullest is timed" in table
