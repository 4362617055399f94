"""The controls of the live page: techniques, lengths, serving, chips; its numbers are those of ``dse evaluate``."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
from conftest import Command
from serve_client import TECHNIQUES, Client, client_of, ended, exported, viewed
from small_run import DESIGN, SMALL, bits, changed

import dse
from dse.designs import STUDY_KEYS

pytest.importorskip("starlette", reason="starlette is not installed")

from dse.serve.base import Base, base_of
from dse.serve.controls import spreads, starts

CHOICES: dict[str, list[Any]] = {
    "technology.node": ["7nm", "5nm", "3nm"],
    "technology.dram_kind": ["lpddr5x", "ddr5", "gddr7"],
    "technology.sram_style": ["cache", "scratchpad"],
    "workloads.0.model": ["llama-3-8b", "llama-2-7b", "deepseek-v2-lite"],
    "workloads.0.batch": [1, 3, 8],
    "workloads.0.precision.weights": ["int4", "fp8", "fp16"],
    "workloads.0.prompt_tokens": [100, 1024],
    "modelling.efficiency": ["ideal", "calibrated"],
    "modelling.runtime": ["", "vllm", "llama.cpp"],
    "technology.sparsity": ["", "2:4"],
    "deployment.chips": [1, 2, 4],
    "deployment.parallel.pipeline": [1, 2],
}
APART = {"deployment.demand": "", "disaggregate": "on", "disaggregate.prefill.dram": "24 GB"}
MORE: list[dict[str, Any]] = [
    {f"{TECHNIQUES}.pruning": "on", f"{TECHNIQUES}.pruning.sparsity": 0.37, f"{TECHNIQUES}.removal": "on"},
    {f"{TECHNIQUES}.speculative": "on", f"{TECHNIQUES}.speculative.gamma": "3", "workloads.0.lengths": "some spread"},
    {f"{TECHNIQUES}.eagle": "on", f"{TECHNIQUES}.eagle.nodes": "20", f"{TECHNIQUES}.window": "on"},
    {f"{TECHNIQUES}.low_rank": "on", f"{TECHNIQUES}.kv_budget": "on", f"{TECHNIQUES}.medusa": "on"},
    {f"{TECHNIQUES}.kv_sharing": "on", f"{TECHNIQUES}.selection": "on", f"{TECHNIQUES}.selection.keys": 2},
    {f"{TECHNIQUES}.contextual": "on", f"{TECHNIQUES}.contextual.neurons": "0.61", f"{TECHNIQUES}.jacobi": "on"},
    {"workloads.0.serving.batching": "continuous", "workloads.0.serving.chunk_tokens": 96, "workloads.0.batch": 5},
    {"workloads.0.serving.prefix_hit_rate": 0.4, "workloads.0.serving.block_tokens": "16", **APART},
    {"workloads.0.lengths": "long tail", "disaggregate.link": "12.5 GB/s", **APART},
    {"workloads.0.batch": "max", "workloads.0.slo.tpot": "90 ms"},
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    path = tmp_path_factory.mktemp("serve") / "small.yaml"
    path.write_text(SMALL, encoding="utf8")
    return base_of(path)


@pytest.fixture(scope="module")
def client(base: Base) -> Client:
    return client_of(base)


def drawn(random_: random.Random) -> dict[str, float]:
    ends = {"dram_bandwidth": (2e10, 2e12), "compute": (1e12, 4e14), "sram": (1e6, 3e8), "dram": (4e9, 2e11)}
    design = {key: low * (high / low) ** random_.random() for key, (low, high) in ends.items()}
    return design | {"flash": random_.choice([0.0, 64e9, 3e11])}


def possible_fields(client: Client, random_: random.Random, more: dict[str, Any]) -> dict[str, Any]:
    """Fields that go together, drawn until they do."""
    for _ in range(60):
        fields = {path: random_.choice(values) for path, values in CHOICES.items()} | more
        if "problems" not in client.post("/api/view", json={"fields": fields}).json():
            return fields
    raise AssertionError(f"nothing goes together with {more}")


@pytest.mark.parametrize("turn", range(len(MORE)))
def test_page_and_cli_agree_to_the_last_digit_for_50_random_designs(
    turn: int, client: Client, command: Command, tmp_path: Path
) -> None:
    """Five designs in each of ten settings of model, technology, chips, techniques, serving, lengths and prefill."""
    random_ = random.Random(90 + turn)
    fields = possible_fields(client, random_, MORE[turn])
    designs = [drawn(random_) for _ in range(5)]
    designs[0] |= {
        "dram": random_.choice([16e9, 24e9]),
        "flash": 0.0,
        "compute": 2e13,
        "sram": 2.0**23,
        "dram_bandwidth": 2e11,
    }
    (tmp_path / "view.yaml").write_text(exported(client, {"fields": fields, "design": designs[0]}, "study"), "utf8")
    with (tmp_path / "designs.csv").open("w", newline="", encoding="utf8") as file:
        writer = csv.DictWriter(file, list(designs[0]))
        writer.writeheader()
        writer.writerows(designs)
    told = command("evaluate", tmp_path / "view.yaml", "--designs", tmp_path / "designs.csv")
    assert told.code == 0, told.err
    built = 0
    for design, row in zip(designs, csv.DictReader(io.StringIO(told.out)), strict=True):
        columns = viewed(client, {"fields": fields, "design": design})["columns"]
        assert set(columns) == set(row)
        built += columns["ttft_s"] is not None
        for name, value in columns.items():
            if isinstance(value, float) or value is None:
                assert bits(float("nan") if value is None else value) == bits(float(row[name] or "nan")), name
            else:
                assert str(value) == row[name], name
    assert built >= 1


@pytest.mark.usefixtures("no_pictures")
def test_a_sweep_of_every_kind_of_setting_has_the_front_of_the_page(client: Client, tmp_path: Path) -> None:
    fields = {
        **APART,
        f"{TECHNIQUES}.eagle": "on",
        f"{TECHNIQUES}.pruning": "on",
        "workloads.0.serving.batching": "continuous",
        "workloads.0.lengths": "some spread",
        "deployment.chips": 2,
        "modelling.efficiency": "calibrated",
        "modelling.runtime": "vllm",
    }
    assert client.post("/api/sweep", json={"fields": fields, "points": 4}).json().get("problems") is None
    front = ended(client)
    run = dse.sweep(exported(client, {"fields": fields}, "sweep", points=4), out=tmp_path / "run")
    assert front["rows"].get("point", []) == run.front()["point"].tolist()
    for name in (*DESIGN, *run.objectives):
        assert [bits(value) for value in front["rows"][name]] == [bits(value) for value in run.front()[name]]


def test_techniques_that_contradict_each_other_are_refused_at_their_place(client: Client) -> None:
    fields = {f"{TECHNIQUES}.eagle": "on", f"{TECHNIQUES}.medusa": "on"}
    (problem,) = client.post("/api/view", json={"fields": fields}).json()["problems"]
    assert problem["key"] == TECHNIQUES
    assert "medusa and eagle contradict each other" in problem["message"]
    fields = {f"{TECHNIQUES}.pruning": "on", f"{TECHNIQUES}.pruning.sparsity": "7", "technology.node": "3nm"}
    (problem,) = client.post("/api/view", json={"fields": fields}).json()["problems"]
    assert problem == {
        "key": f"{TECHNIQUES}.pruning.sparsity",
        "message": "expected a number of at least 0 and below 1, got 7",
    }


def test_every_technique_can_be_switched_on_with_what_it_begins_with(client: Client, base: Base) -> None:
    plain = viewed(client, {})["columns"]
    switches = [path for path, control in base.controls.items() if control.kind == "switch" and not control.of]
    techniques = [path for path in switches if path.startswith(TECHNIQUES)]
    assert len(techniques) == 17
    for path in techniques:
        found = viewed(client, {"fields": {path: "on", "workloads.0.prompt_tokens": 4096}})["columns"]
        assert found["tpot_s"] != plain["tpot_s"], path
        study = dse.load(exported(client, {"fields": {path: "on"}}, "study"))
        assert study.workloads[0].techniques.used == (path.rsplit(".", 1)[-1],)


def test_a_spread_of_lengths_keeps_the_means_and_a_study_its_own(client: Client, tmp_path: Path) -> None:
    for name in spreads():
        study = dse.load(exported(client, {"fields": {"workloads.0.lengths": name}}, "study"))
        lengths = study.lengths_of(study.workloads[0])
        assert lengths is not None
        assert (lengths.mean_prompt, lengths.mean_output) == pytest.approx((1024, 256), rel=1e-12)
    path = tmp_path / "apart.yaml"
    path.write_text(dse.shipped_studies()["prefill-apart"].read_text("utf8").replace("ttft_p95_s", "ttft_s"), "utf8")
    apart = base_of(path)
    assert apart.fields["workloads.0.lengths"] == "those of the study"
    assert apart.fields["disaggregate"] == "on"
    asked: dict[str, Any] = {"fields": {"workloads.0.lengths": "all alike", "workloads.0.prompt_tokens": 700}}
    study = dse.load(exported(client_of(apart), asked, "study"))
    assert (study.workloads[0].lengths, study.workloads[0].prompt_tokens) == (None, 700)
    together = dse.load(exported(client_of(apart), {"fields": {"disaggregate": "off"}}, "study"))
    assert together.disaggregate is None
    assert together.workloads[0].lengths == apart.study.workloads[0].lengths


def test_an_algorithm_is_chosen_by_name_or_put_together(tmp_path: Path) -> None:
    base = base_of(dse.shipped_studies()["which-chip"])
    client = client_of(base)
    assert base.fields[TECHNIQUES] == "tree"
    assert base.choices["algorithm"] == ["set below", "plain", "tree"]
    tree, plain = (viewed(client, {"fields": {TECHNIQUES: name}})["columns"]["tpot_s"] for name in ("tree", "plain"))
    below = {TECHNIQUES: "set below", f"{TECHNIQUES}.eagle": "on"}
    same = {f"{TECHNIQUES}.eagle.{name}": value for name, value in
            {"depth": 5, "nodes": 24, "accepted": 2.6, "acceptance": ""}.items()}  # fmt: skip
    assert viewed(client, {"fields": below | same})["columns"]["tpot_s"] == tree < plain


def test_what_a_study_alone_can_say_of_a_technique_stays_until_the_page_says_it(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    own = "    techniques: {medusa: {heads: 3, nodes: 9, by_depth: [0.8, 0.6, 0.5]}}\ndesign:"
    path.write_text(changed(("design:", own)), "utf8")
    client = client_of(base_of(path))
    kept = dse.load(exported(client, {"fields": {f"{TECHNIQUES}.medusa.nodes": 12}}, "study"))
    assert kept.workloads[0].techniques.medusa.by_depth == (0.8, 0.6, 0.5)
    given = dse.load(exported(client, {"fields": {f"{TECHNIQUES}.medusa.acceptance": 0.6}}, "study"))
    assert given.workloads[0].techniques.medusa.by_depth is None


def test_every_value_to_begin_with_is_that_of_a_control(base: Base) -> None:
    generic = {path.removeprefix("workloads.0.") for path in base.controls}
    assert set(starts()) <= generic


def test_rows_of_a_front_over_techniques_and_serving_have_the_numbers_of_the_page(
    tmp_path: Path, no_pictures: None
) -> None:
    study = tmp_path / "small.yaml"
    study.write_text(
        changed(
            ("    batch: 1\n", "    batch: 2\n    techniques: [plain, half]\n    serving: {batching: continuous}\n"),
            ("design:", "algorithms: {plain: {}, half: {pruning: {sparsity: 0.5}}}\ndesign:"),
            ("  flash:", "  workloads.*.serving.chunk_tokens: [64, 512]\n  flash:"),
        ),
        "utf8",
    )
    base = base_of(dse.sweep(study, out=tmp_path / "run").path)
    client = client_of(base)
    rows = json.loads(client.get("/").text.split('id="data">')[1].split("</script>")[0])["front"]["rows"]
    axes = [name for name in rows if "." in name]
    assert axes == ["workloads.0.techniques", "workloads.*.serving.chunk_tokens"]
    for row in range(0, len(rows["point"]), 5):
        fields = {axis.replace("*", "0"): str(rows[axis][row]) for axis in axes}
        design = {key: rows[column][row] for key, column in STUDY_KEYS.items()}
        columns = viewed(client, {"fields": fields, "design": design})["columns"]
        assert [bits(columns[name]) for name in base.study.objectives] == [
            bits(rows[name][row]) for name in base.study.objectives
        ]
