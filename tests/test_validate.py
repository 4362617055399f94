"""``dse validate``: every row predicted or listed, figures with units, wrong files refused in words."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Command
from injected_predictor import inject
from measurement_rows import PLAIN, csv_text

import dse
from dse.report.validation import as_json, validation_text
from roofline import accelerators, catalog
from sweeps.measurements import Measurement, read_measurements

FIGURES = {
    "rows", "predicted", "mape", "median_ape", "median_ape_interval", "within_10", "within_25", "within_25_interval",
    "kendall_tau", "ranking",
}  # fmt: skip


@pytest.fixture(autouse=True)
def predictor(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """10 % too slow; what it was called with."""
    seen: dict[str, Any] = {}
    inject(monkeypatch, seen=seen)
    return seen


def written(folder: Path, *rows: Measurement) -> Path:
    path = folder / "mine.csv"
    path.write_text(csv_text([replace(row, id=f"r{i}") for i, row in enumerate(rows)]), encoding="utf8")
    return path


def parsed(command: Command, *arguments: object) -> Any:
    done = command("validate", *arguments, "--format", "json")
    assert done.code == 0, done.err

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(done.out, parse_constant=refuse)


def test_the_shipped_measurements_are_the_default(command: Command) -> None:
    found = parsed(command)
    rows = read_measurements().rows
    assert found["rows"] == len(rows) == 2469
    assert found["predicted"] + len(found["unpredicted"]) == found["rows"]
    known = {*(chip.name for chip in accelerators.accelerators()), *accelerators.aliases()}
    assert {row["id"] for row in found["unpredicted"]} == {row.id for row in rows if row.hardware not in known}
    assert [p["id"] for p in found["predictions"]] == [row.id for row in rows]


def test_json_has_the_promised_shape(command: Command) -> None:
    found = parsed(command)
    assert set(found) == {
        "data", "rows", "predicted", "units", "confidence", "totals", "groups", "unpredicted", "predictions",
        "violations", "worst", "notes",
    }  # fmt: skip
    phases = ["decode", "prefill", "prefill_serving", "end_to_end", "timing", "energy", "energy_measured_time", "power"]
    assert [total["phase"] for total in found["totals"]] == phases
    keys = {"stack", "phase", "protocol", "device_class"}
    for part, names in [(total, {"phase"}) for total in found["totals"]] + [(g, keys) for g in found["groups"]]:
        assert set(part) == names | FIGURES | {"bound_violations", "bound"}
        no_time = part["phase"] in ("energy", "energy_measured_time", "power")
        assert (part["bound"] is None) == no_time
        assert no_time or set(part["bound"]) == FIGURES
        for figures in (part, part["bound"] or part):
            assert set(figures["ranking"]) == {"workloads", "rows", "mean_kendall_tau"}
            assert figures["predicted"] <= figures["rows"]
            for name in ("within_10", "within_25"):
                assert 0 <= figures[name] <= 100
            low, high = figures["median_ape_interval"]
            assert low <= high
    assert all(set(row) == {"id", "reason"} and row["reason"] for row in found["unpredicted"])
    assert {name for name in FIGURES if name != "ranking"} <= set(found["units"])
    by_phase = Counter()
    for group in found["groups"]:
        by_phase[group["phase"]] += group["rows"]
    sums = ("timing", "energy_measured_time")
    assert by_phase == {t["phase"]: t["rows"] for t in found["totals"] if t["phase"] not in sums}
    assert "time" in found["units"]["median_ape"]


def test_figures_are_in_percent(command: Command, tmp_path: Path) -> None:
    found = parsed(command, "--data", written(tmp_path, PLAIN, replace(PLAIN, model="no-such-model")))
    (total, timing) = found["totals"]
    assert total["mape"] == pytest.approx(55.0)
    assert total["within_25"] == 50.0
    assert total["kendall_tau"] is None
    assert total["bound"]["mape"] == pytest.approx(75.0)
    assert {**timing, "phase": "decode"} == total


def test_unknown_devices_and_models_are_listed_and_counted(command: Command, tmp_path: Path) -> None:
    rows = (PLAIN, replace(PLAIN, hardware="a100-sxm-81gb"), replace(PLAIN, model="lama-3-8b", hf_id="no/where"))
    path = written(tmp_path, *rows)
    found = parsed(command, "--data", path)
    assert (found["rows"], found["predicted"]) == (3, 1)
    device, model = found["unpredicted"]
    assert device["id"] == "r1"
    assert device["reason"].startswith('unknown hardware "a100-sxm-81gb"; did you mean a100-sxm-80gb')
    assert model["id"] == "r2"
    assert model["reason"].startswith('unknown model "lama-3-8b"; did you mean llama-3-8b')
    assert "unknown" in {group["device_class"] for group in found["groups"]}
    table = command("validate", "--data", path).out
    assert "3 rows, 1 predicted, 2 not (they count as an error of 100 %)" in table
    assert 'Not predicted: 2 rows\n  1 row: unknown hardware "a100-sxm-81gb"' in table


def test_a_model_of_another_name_is_not_taken_for_the_one_with_its_id_but_hinted_at(
    command: Command, tmp_path: Path
) -> None:
    hf_id = catalog.entries()["llama-3-8b"]["hugging_face_id"]
    found = parsed(command, "--data", written(tmp_path, replace(PLAIN, model="my-name-for-it", hf_id=hf_id)))
    assert found["predicted"] == 0
    assert found["unpredicted"][0]["reason"].endswith(f"; the catalog calls {hf_id} llama-3-8b")


def test_configs_of_a_directory_are_models_by_their_names(command: Command, tmp_path: Path) -> None:
    config = (Path(catalog.__file__).parent / "data" / "models" / "llama-3-8b.json").read_text(encoding="utf8")
    folder = tmp_path / "configs"
    folder.mkdir()
    (folder / "new-8b.json").write_text(config, encoding="utf8")
    (folder / "broken-8b.json").write_text('{"model_type": "llama", "hidden_size": ', encoding="utf8")
    (folder / "alien-8b.json").write_text('{"model_type": "alien"}', encoding="utf8")
    (folder / "spare-8b.json").write_text(config, encoding="utf8")
    (folder / "notes.txt").write_text("not a config", encoding="utf8")
    names = ("new-8b", "broken-8b", "alien-8b", "../configs/new-8b")
    path = written(tmp_path, *(replace(PLAIN, model=name, hf_id="") for name in names))
    found = parsed(command, "--data", path, "--models", folder)
    assert found["predicted"] == 1
    reasons = {row["id"]: row["reason"] for row in found["unpredicted"]}
    assert set(reasons) == {"r1", "r2", "r3"}
    assert reasons["r1"].startswith("broken-8b.json: not valid JSON: ")
    assert reasons["r2"].startswith("alien-8b.json: ")
    assert "alien" in reasons["r2"].removeprefix("alien-8b.json")
    assert found["notes"] == [f"no row has the model of 1 file in {folder}: spare-8b"]


def test_a_directorys_config_wins_over_the_catalog(command: Command, tmp_path: Path) -> None:
    (tmp_path / "llama-3-8b.json").write_text("{}", encoding="utf8")
    found = parsed(command, "--data", written(tmp_path, PLAIN), "--models", tmp_path)
    assert found["unpredicted"][0]["reason"].startswith("llama-3-8b.json: ")


def test_accelerators_of_a_file_are_found_before_those_of_the_catalog(command: Command, tmp_path: Path) -> None:
    names = ("my-chip", "the one", "A100_SXM_80GB")
    data = written(tmp_path, *(replace(PLAIN, hardware=name) for name in names))
    own = tmp_path / "my.yaml"
    own.write_text("""\
devices:
  - {name: My-Chip, device_class: toaster, aliases: [the one], peaks: {fp16: 1 TFLOP/s}}
  - {name: a100-sxm-80gb, device_class: npu, peaks: {fp16: 1 TFLOP/s}}
""")
    plain, mine = parsed(command, "--data", data), parsed(command, "--data", data, "--hardware", str(own))
    assert (plain["predicted"], mine["predicted"]) == (1, 3)
    assert [group["device_class"] for group in plain["groups"]] == ["datacenter-gpu", "unknown"]
    assert {group["device_class"]: group["rows"] for group in mine["groups"]} == {"npu": 1, "toaster": 2}


def test_a_calibration_is_read_and_handed_on(command: Command, tmp_path: Path, predictor: dict[str, Any]) -> None:
    data, fitted = written(tmp_path, PLAIN), tmp_path / "fit.csv"
    parsed(command, "--data", data)
    assert "calibration" not in predictor
    fitted.write_text("right", encoding="utf8")
    parsed(command, "--data", data, "--calibration", fitted)
    assert predictor["calibration"] == "right"
    fitted.write_text("wrong", encoding="utf8")
    done = command("validate", "--data", data, "--calibration", fitted)
    assert (done.code, done.out, done.err) == (2, "", f"error: --calibration: {fitted}: no calibration\n")


def test_operators(command: Command) -> None:
    found = parsed(command, "--operators")
    assert (found["rows"], found["predicted"]) == (2918, 2918)
    assert found["totals"][-1]["op"] == "operators"
    assert found["totals"][0]["op"] == "gemm"
    assert found["totals"][0]["mape"] == pytest.approx(10.0)
    assert {"op", "stack", "hardware", "device_class"} <= set(found["groups"][0])
    assert "gemm m=" in command("validate", "--operators").out


def test_the_table_names_the_worst_rows_and_those_that_beat_the_bound(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inject(monkeypatch, lambda row: {"r0": 1.0, "r1": 4.0, "r2": 0.3}[row.id])
    path = written(tmp_path, PLAIN, replace(PLAIN, batch=7.0), replace(PLAIN, devices=4))
    table = command("validate", "--data", path, "--top", 1).out
    worst = table.partition("Furthest off: 1 row\n")[2].splitlines()[1]
    assert worst.split()[0] == "r1"
    assert "llama-3-8b decode batch 7 128+128 tokens" in worst
    assert worst.split()[-1] == "4"
    assert "No measurement beats the uncalibrated roofline." in table
    assert "Every row was predicted." in table


def test_violations_are_listed(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("injected_predictor.predicted", lambda row, f: dse_prediction(row, f))
    path = written(tmp_path, *[replace(PLAIN, batch=i + 1.0) for i in range(4)])
    found = parsed(command, "--data", path)
    assert [row["id"] for row in found["violations"]] == ["r0", "r1", "r2", "r3"]
    assert found["violations"][0]["bound"] == pytest.approx(2 * PLAIN.value)
    assert found["violations"][0]["why"].startswith("no reason known")
    assert found["groups"][0]["bound_violations"] == 4
    table = command("validate", "--data", path, "--top", 3).out
    assert "Faster than the uncalibrated roofline: 4 rows, 100.0 %\n" in table
    assert "\nand r3; --format json lists all" in table


def dse_prediction(row: Measurement, factor: float) -> Any:
    from sweeps.accuracy import Prediction

    return Prediction(row.id, row.value * factor, row.value * 2.0)


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_picture_is_drawn(command: Command, tmp_path: Path, kind: str) -> None:
    picture = tmp_path / f"accuracy.{kind}"
    done = command("validate", "--data", written(tmp_path, PLAIN), "--plot", picture)
    assert (done.code, done.err) == (0, f"wrote {picture}\n")
    assert picture.read_bytes().startswith(b"\x89PNG" if kind == "png" else b"<?xml")


@pytest.mark.filterwarnings("error")
def test_a_picture_of_nothing_predicted_says_so(command: Command, tmp_path: Path) -> None:
    picture = tmp_path / "accuracy.svg"
    path = written(tmp_path, replace(PLAIN, hardware="nothing"))
    assert command("validate", "--data", path, "--plot", picture).code == 0
    assert "no row was predicted" in picture.read_text(encoding="utf8")


# what is refused


def test_a_malformed_file_is_refused_with_every_line(command: Command, tmp_path: Path) -> None:
    lines = csv_text([replace(PLAIN, id=f"r{i}") for i in range(3)]).splitlines()
    lines[1] = lines[1].replace("0.01", "fast")
    lines[3] += ",more"
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(lines), encoding="utf8")
    done = command("validate", "--data", path)
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == [
        f'error: {path}:2: value: expected a number above 0, got "fast"',
        f"error: {path}:4: expected 25 fields as in the header, got 26",
    ]


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--data", "missing.csv"], "error: missing.csv: no such file\n"),
        (["--data", "."], "error: .: expected a measurement file, this is a directory\n"),
        (["--models", "missing"], "error: --models: expected a directory of <model>.json files: "),
        (["--calibration", "missing"], "error: missing: no such file\n"),
        (["--plot", "x.pdf"], 'error: --plot: expected a file that ends in .png or .svg, got "x.pdf"\n'),
        (["--top", "-1"], "Invalid value for '--top'"),
        (["--format", "xml"], "Invalid value for '--format'"),
    ],
)
def test_wrong_arguments_exit_with_2(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = command("validate", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err
    assert not list(tmp_path.iterdir())


def test_a_picture_that_cannot_be_written_is_an_error_of_the_output(command: Command, tmp_path: Path) -> None:
    done = command("validate", "--data", written(tmp_path, PLAIN), "--plot", tmp_path / "mine.csv" / "x.png")
    assert done.code == 2
    assert "cannot write there" in done.err


def test_names_in_a_file_do_not_move_the_cursor(command: Command, tmp_path: Path) -> None:
    evil = "\x1b[2Jgone\u202e"
    path = written(tmp_path, replace(PLAIN, stack=evil, protocol=evil), replace(PLAIN, hardware=evil, model=evil))
    done = command("validate", "--data", path)
    assert done.code == 0
    assert "\x1b" not in done.out
    assert "\u202e" not in done.out


# from Python


def test_the_same_from_python(tmp_path: Path) -> None:
    found = dse.validate(written(tmp_path, PLAIN, replace(PLAIN, hardware="nothing")))
    assert found.comparison.predicted == 1
    assert found.classes["nothing"] == "unknown"
    assert json.loads(validation_text(found, "json", 3)) == as_json(found, 3)
    with pytest.raises(dse.StudyError, match="no such file"):
        dse.validate(tmp_path / "missing.csv")
