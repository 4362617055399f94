"""``dse models``: the catalog and single models say what the workload floor computes."""

from __future__ import annotations

import csv
import io
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from conftest import Command

from roofline import catalog
from roofline.model import kv_cache_bytes_per_token, weight_bytes
from roofline.precision import Precision


def parsed(command: Command, *arguments: str) -> Any:
    done = command("models", *arguments, "--format", "json")
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def config_of(name: str) -> Path:
    return Path(str(files("roofline") / "data" / "models" / f"{name}.json"))


def test_the_list_is_the_catalog_with_its_sizes(command: Command) -> None:
    rows = parsed(command)
    assert [row["name"] for row in rows] == list(catalog.entries())
    for row in rows:
        model = catalog.model(row["name"])
        assert row["total_parameters"] == model.total_parameters
        assert row["active_parameters"] == model.active_parameters
        assert row["kv_bytes_per_token"] == kv_cache_bytes_per_token(model, Precision())
        assert row["source"]
        counts = [part.split()[0] for part in row["layers"].split(", ")]
        assert sum(map(int, counts)) == model.layer_count


def test_every_format_of_the_list_says_the_same(command: Command) -> None:
    rows = parsed(command)
    table = command("models").out.splitlines()
    assert len(table) == len(rows) + 3
    assert [line.split()[0] for line in table[1 : len(rows) + 1]] == [row["name"] for row in rows]
    in_csv = list(csv.DictReader(io.StringIO(command("models", "--format", "csv").out)))
    assert [{key: str(value) for key, value in row.items()} for row in rows] == in_csv


@pytest.mark.parametrize(
    "name, parameters, kv", [("llama-3-8b", 8030261248, 131072), ("qwen2.5-72b", 72706203648, 327680)]
)
def test_one_model(command: Command, name: str, parameters: int, kv: int) -> None:
    facts = parsed(command, name)
    assert facts["total_parameters"] == facts["published_parameters"] == parameters
    assert facts["kv_bytes_per_token"] == kv
    assert sum(facts["parameters"].values()) == parameters
    model = catalog.model(name)
    for form, size in facts["weight_bytes_by_format"].items():
        assert size == weight_bytes(model, Precision(weights=form))
    assert {"fp16", "int8", "int4"} <= set(facts["weight_bytes_by_format"])
    assert facts["hugging_face_id"] == catalog.entries()[name]["hugging_face_id"]
    table = command("models", name).out
    for said in (f"{parameters:,}", f"{kv:,} bytes in fp16", catalog.entries()[name]["licence"]):
        assert said in table


def test_dimensions_by_kind_of_layer(command: Command) -> None:
    (kind,) = parsed(command, "llama-3-8b")["layers"]
    assert kind["count"] == 32
    assert (kind["mixer"]["kind"], kind["mixer"]["heads"], kind["mixer"]["kv_heads"]) == ("attention", 32, 8)
    assert kind["feed_forwards"][0]["intermediate"] == 14336
    assert "32 layers of attention + MLP" in command("models", "llama-3-8b").out


def test_csv_of_one_model_has_every_number(command: Command) -> None:
    rows = dict(csv.reader(io.StringIO(command("models", "llama-3-8b", "--format", "csv").out)))
    assert rows["layers.0.mixer.kv_heads"] == "8"
    assert rows["parameters.embedding"] == str(128256 * 4096)


def test_alias_path_and_directory_are_the_same_model(command: Command, tmp_path: Path) -> None:
    assert parsed(command, "mistral-7b")["hugging_face_id"] == "mistralai/Mistral-7B-v0.1"
    named = parsed(command, "llama-3-8b")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_bytes(config_of("llama-3-8b").read_bytes())
    for path in (tmp_path / "mine", tmp_path / "mine" / "config.json"):
        facts = parsed(command, str(path))
        assert facts["source"] == str(path)
        assert facts["layers"] == named["layers"]
        assert facts["total_parameters"] == named["total_parameters"]
        assert facts["published_parameters"] is None


def test_wrong_names_exit_with_2_in_one_line(command: Command, tmp_path: Path) -> None:
    done = command("models", "llama-3-9b")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith('error: model "llama-3-9b": unknown model "llama-3-9b"; did you mean llama-3-8b')
    assert done.err.count("\n") == 1
    (tmp_path / "cut.json").write_text('{"model_type": "llama", "hidden_size": 40')
    for name in (str(tmp_path / "cut.json"), str(tmp_path / "missing.json"), str(tmp_path)):
        done = command("models", name)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
        assert name in done.err
