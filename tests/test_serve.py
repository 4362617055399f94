"""The live page through its application: its numbers are those of ``dse evaluate``, and it gives nothing else away."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import Command
from hypothesis import given
from hypothesis import strategies as st
from small_run import DESIGN, SMALL, bits, changed, contents_of

import dse
from dse.designs import STUDY_KEYS
from dse.errors import OutputError, StudyError
from dse.runs import Run

pytest.importorskip("starlette", reason="starlette is not installed")
import httpx

from dse.serve.app import SCRIPTS, application, page_text
from dse.serve.asked import asked_of
from dse.serve.base import Base, base_of
from dse.serve.controls import spreads, starts
from dse.serve.growing import MOST_DESIGNS, Sweeps, most_points
from dse.serve.server import listening

HOST = "127.0.0.1"
JSON = {"content-type": "application/json"}
URL = f"http://{HOST}:8765"
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
TECHNIQUES = "workloads.0.techniques"
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


class Client:
    """Asks an application as a browser would ask a server."""

    def __init__(self, app: Any, url: str = URL) -> None:
        self.app, self.url = app, url

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=self.url) as client:
                return await client.request(method, path, **options)

        return asyncio.run(asked())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)


def client_of(base: Base, **options: Any) -> Client:
    return Client(application(base, HOST, **{"per_second": 1e9, "at_once": 1e9, **options}))


@pytest.fixture(scope="module")
def client(base: Base) -> Client:
    return client_of(base)


def viewed(client: Client, asked: Any) -> dict[str, Any]:
    answer = client.post("/api/view", json=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def exported(client: Client, asked: Any, kind: str, **more: Any) -> str:
    answer = client.post("/api/export", json={**asked, "kind": kind, **more})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["text"])


def refused(client: Client, asked: Any) -> str:
    answer = client.post("/api/view", json=asked)
    assert answer.status_code == 200  # a browser notes any other as an error of the page
    problems = answer.json()["problems"]
    return "; ".join(": ".join(filter(None, (one["key"], one["message"]))) for one in problems)


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


def test_the_exported_study_is_its_own_only_design(client: Client) -> None:
    asked = {"fields": {"technology.node": "3nm"}, "design": {"sram": 22.6 * 2**20, "dram_bandwidth": 123456789012.3}}
    study = dse.load(exported(client, asked, "study"))
    assert study.grid_size() == 1
    frame = dse.evaluate(study, {"dram_bytes_per_s": [123456789012.3]})
    columns = viewed(client, asked)["columns"]
    assert all(bits(float(frame[name].item())) == bits(columns[name]) for name in (*DESIGN, *study.objectives))


def test_a_run_of_the_exported_sweep_has_the_front_of_the_page(
    client: Client, no_pictures: None, tmp_path: Path
) -> None:
    asked = {"fields": {"technology.node": "3nm"}}
    assert client.post("/api/sweep", json={**asked, "points": 5}).status_code == 200
    front = ended(client)
    run = dse.sweep(exported(client, asked, "sweep", points=5), out=tmp_path / "run")
    assert front["size"] == run.manifest["designs"] == 450
    assert front["rows"]["point"] == run.front()["point"].tolist()
    for name in (*DESIGN, *run.objectives):
        assert [bits(value) for value in front["rows"][name]] == [bits(value) for value in run.front()[name]]


def ended(client: Client) -> dict[str, Any]:
    for _ in range(600):
        found: dict[str, Any] = client.get("/api/sweep").json()
        if found["ended"]:
            return found
        time.sleep(0.05)
    raise AssertionError("the sweep did not end")


def test_a_sweep_is_bounded_and_a_second_one_takes_the_place_of_the_first(base: Base) -> None:
    sweeps = Sweeps(base)
    design = asked_of(base, {}).design
    large = base_of(dse.shipped_studies()["edge-exact"])
    with pytest.raises(StudyError, match=r"too many for the page, at most 5,000,000.*dse sweep"):
        Sweeps(large).begin(asked_of(large, {}).design, 200)
    for points in (1, 201, 5.0, True, "5", None):
        with pytest.raises(StudyError, match="points: expected a whole number"):
            sweeps.begin(design, points)
    first = sweeps.begin(design, 100)
    second = sweeps.begin(design, 3)
    assert sweeps.now is second
    assert first.stopped
    assert first.ended
    assert second.number == first.number + 1
    assert second.problem.space.size < first.problem.space.size < MOST_DESIGNS


def test_a_sweep_that_is_stopped_says_so(client: Client) -> None:
    assert client.post("/api/sweep", json={"points": 150}).status_code == 200
    assert client.post("/api/stop", json={}).status_code == 200
    found = ended(client)
    assert found["stopped"]
    assert found["done"] < found["size"]


def test_other_designs_and_devices_stand_beside_it_on_the_same_work(client: Client) -> None:
    asked = {
        "fields": {"workloads.0.batch": 2},
        "design": {"dram": 24e9},
        "others": [{"fields": {"technology.dram_kind": "ddr5"}, "design": {"dram": 12e9}}],
        "devices": ["h100", "groq-lpu-v1", "dimensity-9300"],
    }
    found = viewed(client, asked)
    alone = viewed(
        client, {"fields": {"workloads.0.batch": 2, "technology.dram_kind": "ddr5"}, "design": {"dram": 12e9}}
    )
    assert found["others"] == [alone["columns"]]
    run = dse.load(exported(client, asked, "study"))
    assert run.workloads[0].batch == 2
    known, small, unknown = found["devices"]
    assert known["name"] == "h100-sxm-80gb"
    assert known["columns"]["decode_tokens_per_s"] > found["columns"]["decode_tokens_per_s"]
    assert small["columns"] == unknown["columns"] == {}
    assert small["note"].startswith("does not fit (")
    assert unknown["note"].startswith("unknown fp16_flop_per_s")


def test_with_the_largest_batch_devices_are_not_compared(client: Client) -> None:
    found = viewed(client, {"fields": {"workloads.0.batch": "max"}, "devices": ["h100"]})
    assert found["columns"]["batch"] > 1
    assert found["devices"][0]["columns"] == {}
    assert "a batch that is a number" in found["devices"][0]["note"]


def test_devices_of_the_study_are_there_to_compare(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "name: my-npu\npeaks: {fp16: 100 TFLOP/s, int8: 200 TFLOP/s}\ndram: 24 GB\ndram_bandwidth: 1 TB/s\n", "utf8"
    )
    study = tmp_path / "small.yaml"
    study.write_text(changed(("objectives:", "hardware: [mine.yaml]\nobjectives:")), "utf8")
    base = base_of(study)
    (device,) = viewed(client_of(base), {"devices": ["my-npu"]})["devices"]
    assert device["columns"]["dram_bytes_per_s"] == 1e12
    assert device["columns"]["decode_tokens_per_s"] > 0


def test_parts_of_a_view_sum_to_its_columns(client: Client) -> None:
    import math

    found = viewed(client, {})
    taken = found["designs"]["0"]
    for name, ledger in zip(found["ledger_columns"], taken["ledgers"], strict=True):
        assert bits(math.fsum(amount for _, amount in ledger["parts"])) == bits(found["columns"][name]), name
    seconds = {found["words"][phase["name"]]: phase["seconds"] for phase in taken["phases"]}
    assert seconds == {"prefill": found["columns"]["ttft_s"], "decode": found["columns"]["tpot_s"]}


@pytest.mark.parametrize("design", [{"compute": 1e24}, {"dram": 5e8, "flash": 0}])
def test_a_design_that_cannot_be_is_told_without_numbers(client: Client, design: dict[str, float]) -> None:
    found = viewed(client, {"design": design})
    assert not found["columns"]["feasible"]
    assert found["columns"]["reason"].startswith(("too much silicon", "does not fit"))
    assert found["columns"]["ttft_s"] is found["columns"]["tco_usd_per_mtoken"] is None
    assert [ledger["total"] for ledger in found["designs"]["0"]["ledgers"][:3]] == [None] * 3
    assert [phase["seconds"] for phase in found["designs"]["0"]["phases"]] == [None, None]


def test_what_is_not_possible_is_said(client: Client, tmp_path: Path) -> None:
    assert 'did you mean "5nm"' in refused(client, {"fields": {"technology.node": "5n"}})
    assert "there is no field" in refused(client, {"fields": {"output.dir": "/tmp/x"}})
    assert "there is no dimension" in refused(client, {"design": {"drum": 1}})
    assert "dram: expected more than 0" in refused(client, {"design": {"dram": 0}})
    assert "expected a number" in refused(client, {"design": {"dram": "8 GB"}})
    assert "at most 4, got 5" in refused(client, {"devices": ["h100"] * 5})
    assert "did you mean" in refused(client, {"devices": ["h10"]})
    assert "the same for all" in refused(client, {"others": [{"fields": {"workloads.0.batch": 2}, "design": {}}]})
    assert "batch" in refused(client, {"fields": {"workloads.0.batch": 0}})
    assert "there is no export" in client.post("/api/export", json={"kind": "etc"}).json()["problems"][0]["message"]


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


def test_no_file_is_read_by_the_name_that_a_page_sends(client: Client, tmp_path: Path) -> None:
    secret = tmp_path / "config.json"
    secret.write_text(json.dumps({"architectures": ["LlamaForCausalLM"], "secret": "4711"}), "utf8")
    for name in (str(secret), str(tmp_path), "../../config.json", "/etc/passwd", f"file://{secret}"):
        assert "workloads.0.model: expected one of" in refused(client, {"fields": {"workloads.0.model": name}})
        assert "devices: " in refused(client, {"devices": [name]})
    for path in ("/page.py", "/../app.py", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/static/x", "/api/view/../x"):
        assert client.get(path).status_code in (404, 405)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "evil.example:8765"}, 421),
        ({"host": "127.0.0.1.evil.example:8765"}, 421),
        ({"host": "192.168.1.7:8765"}, 421),
        ({"host": ""}, 421),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "https://127.0.0.1:8765"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-length": "9" * 11}, 413),
        ({"content-length": "-1"}, 413),
        ({"origin": URL, "sec-fetch-site": "same-origin"}, 200),
        ({"host": "localhost:8765"}, 200),
        ({"host": "[::1]:8765"}, 200),
    ],
)
def test_who_is_answered(client: Client, headers: dict[str, str], status: int) -> None:
    sent = {"content-type": "application/json", **headers}
    assert client.post("/api/view", content=b"{}", headers=sent).status_code == status


def test_a_link_from_elsewhere_opens_the_page_but_asks_for_nothing(client: Client) -> None:
    assert client.get("/", headers={"sec-fetch-site": "cross-site"}).status_code == 200
    assert client.get("/api/sweep", headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_a_server_for_everybody_answers_to_addresses_only(base: Base) -> None:
    everybody = Client(application(base, "0.0.0.0"), "http://192.168.1.7:8765")
    assert everybody.get("/").status_code == 200
    for name in ("rebound.example", "rebound.example:8765"):
        assert everybody.get("/", headers={"host": name}).status_code == 421
    own = Client(application(base, "192.168.1.7"), "http://192.168.1.7:8765")
    assert own.get("/").status_code == 200
    assert own.get("/", headers={"host": "127.0.0.1"}).status_code == 421


def test_large_bodies_are_refused_however_they_come(client: Client) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(80):
            yield b" " * 1024

    headers = {"content-type": "application/json"}
    assert client.post("/api/view", content=b" " * 70_000, headers=headers).status_code == 413
    assert client.post("/api/view", content=pieces(), headers=headers).status_code == 413


def test_too_many_requests_wait_and_are_answered_again(base: Base) -> None:
    now = [0.0]
    few = Client(application(base, HOST, per_second=5.0, at_once=10.0, clock=lambda: now[0]))
    assert [few.get("/page.css").status_code for _ in range(12)] == [200] * 10 + [429] * 2
    now[0] += 0.45
    assert [few.get("/page.css").status_code for _ in range(3)] == [200] * 2 + [429]


def test_every_answer_forbids_what_the_page_does_not_need(client: Client) -> None:
    for answer in (client.get("/"), client.get("/page.js"), client.get("/nowhere"), client.post("/api/view")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"


def test_a_websocket_is_closed(client: Client) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(client.app({"type": "websocket", "path": "/", "headers": []}, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_the_script_writes_text_never_html() -> None:
    folder = Path(str(dse.__file__)).parent / "serve" / "page"
    assert {path.stem for path in folder.glob("*.js")} == set(SCRIPTS)
    script = "".join(path.read_text("utf8") for path in folder.glob("*.js"))
    for harm in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        'on="',
        "http:",
    ):
        assert harm not in script, harm


def test_text_of_a_study_cannot_end_the_data_of_the_page(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(changed(("constraints: [", 'constraints: ["die_area  <=  900 mm**2", ')), "utf8")
    text = page_text(base_of(path))
    assert text.count("<script") == text.count("</script>") == 2
    assert "die_area  \\u003c=  900" in text


@pytest.mark.parametrize(
    "text",
    [
        '{"devices": ["\\ud800"]}',
        '{"fields": {"\\udfff": 1}}',
        '{"kind": "\\ud800"}',
        '{"design": {"dram": 1e999}}',
        '{"design": {"dram": NaN}}',
        '{"design": {"dram": ' + "9" * 5000 + "}}",
        '{"design": {"dram": ' + "9" * 400 + "}}",
        "[" * 30_000,
        "[]",
        "",
        "\x00",
    ],
)
def test_what_is_no_json_is_refused(client: Client, text: str) -> None:
    for path in ("/api/view", "/api/export", "/api/stop"):
        answer = client.post(path, content=text.encode(), headers=JSON)
        assert answer.status_code == 422 or "problems" in answer.json() or path == "/api/stop"


@pytest.mark.parametrize(
    "fields",
    [
        {"workloads.0.prompt_tokens": 10**8, "workloads.0.output_tokens": 10**8, "workloads.0.batch": 10**8},
        {"deployment.chips": 32, "workloads.0.model": "llama-3-8b"},
        {"deployment.chips": 65536},
        {"workloads.0.model": "deepseek-v3", "modelling.efficiency": "calibrated", "modelling.runtime": "vllm"},
        {"workloads.0.batch": "max"},
    ],
)
def test_the_ends_of_what_may_be_asked(client: Client, fields: dict[str, Any]) -> None:
    answer = client.post("/api/view", json={"fields": fields})
    assert answer.status_code in (200, 422)
    assert answer.status_code == 200 or answer.json()["error"]


malformed = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=12,
)
shaped = st.fixed_dictionaries(
    {},
    optional={
        "fields": st.dictionaries(st.sampled_from([*CHOICES, "deployment.chips", "x"]), malformed, max_size=3)
        | malformed,
        "design": st.dictionaries(st.sampled_from([*STUDY_KEYS, "x"]), malformed, max_size=3) | malformed,
        "others": malformed,
        "devices": st.lists(st.text(max_size=8), max_size=6) | malformed,
    },
)


@given(data=shaped)
def test_whatever_is_asked_is_a_view_or_an_error_for_people(base: Base, data: dict[str, Any]) -> None:
    with suppress(StudyError):
        assert set(asked_of(base, data).design.columns) == set(DESIGN)


def test_an_error_nobody_foresaw_is_told_without_its_insides(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr("dse.serve.app.view", fail)
    app = client_of(base).app

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
            return await client.post("/api/view", json={})

    answer = asyncio.run(asked())
    assert answer.status_code == 500
    assert "secret" not in answer.text


def test_a_sweep_whose_pieces_fail_says_so(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("on purpose")

    sweeps = Sweeps(base)
    monkeypatch.setattr("sweeps.chunks.sweep_chunk", fail)
    sweep = sweeps.begin(asked_of(base, {}).design, 4)
    for _ in range(400):
        if sweep.ended:
            break
        time.sleep(0.02)
    assert sweep.told()["error"] == "a piece failed: on purpose"


def test_malformed_requests_do_no_harm(client: Client) -> None:
    """A short form of ``tests/benchmarks/serve.py``, which sends 10,000 to a real server."""
    random_ = random.Random(4)
    before = viewed(client, {})
    good = json.dumps({"fields": {"technology.node": "3nm"}, "design": {"dram": 8e9}, "devices": ["h100"]}).encode()
    paths = ("/api/view", "/api/export", "/api/sweep", "/api/stop", "/", "/api", "/api/view/")
    kinds = [
        "[" * 30_000,
        "{" * 30_000,
        '{"design":{"dram":1e999}}',
        '{"design":{"dram":NaN}}',
        '"\\ud800"',
        "9" * 5000,
    ]
    for turn in range(300):
        spoilt = bytearray(good)
        for _ in range(random_.randrange(1, 8)):
            spoilt[random_.randrange(len(spoilt))] = random_.randrange(256)
        content = random_.choice([bytes(spoilt), random_.randbytes(200), random_.choice(kinds).encode()])
        path = random_.choice([path for path in paths if path != "/api/sweep"] if turn % 3 else list(paths))
        answer = client.request(random_.choice(["POST", "PUT", "GET"]), path, content=content, headers=JSON)
        assert answer.status_code < 500, (content, answer.text)
    assert viewed(client, {}) == before


def test_the_page_of_a_run_has_its_front_and_its_axes(tmp_path: Path, no_pictures: None) -> None:
    study = tmp_path / "two.yaml"
    study.write_text(changed(("  flash:", "  technology.node: [5nm, 3nm]\n  flash:")), "utf8")
    run = dse.sweep(study, out=tmp_path / "run")
    before = contents_of(run.path)
    base = base_of(run.path)
    client = client_of(base)
    data = json.loads(client.get("/").text.split('id="data">')[1].split("</script>")[0])
    rows = data["front"]["rows"]
    assert rows["point"] == run.front()["point"].tolist()
    assert set(rows["technology.node"]) <= {"5nm", "3nm"}
    for row in range(0, len(rows["point"]), 7):
        design = {key: rows[column][row] for key, column in STUDY_KEYS.items()}
        columns = viewed(client, {"fields": {"technology.node": rows["technology.node"][row]}, "design": design})
        for name in run.objectives:
            assert bits(columns["columns"][name]) == bits(rows[name][row])
    assert contents_of(run.path) == before


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


def test_llmcompass_gets_the_rates_of_the_design(client: Client) -> None:
    asked = {"design": {"compute": 51.3e12, "dram_bandwidth": 390.5e9, "sram": 22.6 * 2**20, "dram": 24e9}}
    tree = json.loads(exported(client, asked, "llmcompass"))
    device = tree["device"]
    core, io_die = device["compute_chiplet"]["core"], device["io"]
    array = core["systolic_array"]
    macs = array["array_width"] * array["array_height"] * array["mac_per_cycle"] * core["sublane_count"]
    rate = 2 * macs * device["compute_chiplet"]["core_count"] * device["frequency_Hz"]
    assert rate == pytest.approx(51.3e12, rel=1e-14)
    assert device["frequency_Hz"] <= 1.41e9
    pins = io_die["memory_channel_active_count"] * io_die["pin_count_per_channel"]
    assert pins * io_die["bandwidth_per_pin_bit"] / 8 == pytest.approx(390.5e9, rel=1e-14)
    assert io_die["global_buffer_MB"] == pytest.approx(22.6, rel=1e-14)
    assert device["memory"]["total_capacity_GB"] == 24e9 / 2**30


def keys_of(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Every value of a tree by its dotted key; what begins with an underscore is a remark."""
    if not isinstance(tree, dict):
        return {prefix.rstrip("."): tree}
    parts = [keys_of(value, f"{prefix}{key}.") for key, value in tree.items() if not key.startswith("_")]
    return {key: value for part in parts for key, value in part.items()}


LLMCOMPASS_KEYS: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "device_count": (int,),
    "interconnect.link.name": (str,),
    "interconnect.link.bandwidth_per_direction_byte": (int, float),
    "interconnect.link.bandwidth_both_directions_byte": (int, float),
    "interconnect.link.latency_second": (int, float),
    "interconnect.link.flit_size_byte": (int,),
    "interconnect.link.header_size_byte": (int,),
    "interconnect.link.max_payload_size_byte": (int,),
    "interconnect.link_count_per_device": (int,),
    "interconnect.topology": (str,),
    "device.frequency_Hz": (int, float),
    "device.compute_chiplet_count": (int,),
    "device.compute_chiplet.physical_core_count": (int,),
    "device.compute_chiplet.core_count": (int,),
    "device.compute_chiplet.process_node": (str,),
    "device.compute_chiplet.core.sublane_count": (int,),
    "device.compute_chiplet.core.systolic_array.array_width": (int,),
    "device.compute_chiplet.core.systolic_array.array_height": (int,),
    "device.compute_chiplet.core.systolic_array.data_type": (str,),
    "device.compute_chiplet.core.systolic_array.mac_per_cycle": (int, float),
    "device.compute_chiplet.core.vector_unit.vector_width": (int,),
    "device.compute_chiplet.core.vector_unit.flop_per_cycle": (int,),
    "device.compute_chiplet.core.vector_unit.data_type": (str,),
    "device.compute_chiplet.core.vector_unit.int32_count": (int,),
    "device.compute_chiplet.core.vector_unit.fp16_count": (int,),
    "device.compute_chiplet.core.vector_unit.fp32_count": (int,),
    "device.compute_chiplet.core.vector_unit.fp64_count": (int,),
    "device.compute_chiplet.core.register_file.num_reg_files": (int,),
    "device.compute_chiplet.core.register_file.num_registers": (int,),
    "device.compute_chiplet.core.register_file.register_bitwidth": (int,),
    "device.compute_chiplet.core.register_file.num_rdwr_ports": (int,),
    "device.compute_chiplet.core.SRAM_KB": (int,),
    "device.memory_protocol": (str,),
    "device.io.process_node": (str,),
    "device.io.global_buffer_MB": (int, float),
    "device.io.physical_global_buffer_MB": (int, float),
    "device.io.global_buffer_bandwidth_per_cycle_byte": (int, float),
    "device.io.memory_channel_physical_count": (int,),
    "device.io.memory_channel_active_count": (int,),
    "device.io.pin_count_per_channel": (int,),
    "device.io.bandwidth_per_pin_bit": (int, float),
    "device.memory.total_capacity_GB": (int, float),
}
"""Every key of PrincetonUniversity/LLMCompass configs/GA100.json at b95c6c95, and what its readers there take:
template_to_system in design_space_exploration/dse.py, and the area model cost_model/cost_model.py at 2e015fd2."""


@pytest.mark.parametrize("node", ["7nm", "5nm", "3nm", "12nm"])
def test_llmcompass_export_has_the_keys_of_its_public_example_and_no_others(client: Client, node: str) -> None:
    tree = json.loads(exported(client, {"fields": {"technology.node": node}}, "llmcompass"))
    found = keys_of(tree)
    assert found.keys() == LLMCOMPASS_KEYS.keys()
    for key, kinds in LLMCOMPASS_KEYS.items():
        assert isinstance(found[key], kinds), key
    assert found["interconnect.topology"] in ("FC", "RING")
    assert found["interconnect.link.name"] in ("NVLink3", "NVLink4", "InfinityFabric", "PCIe4", "PCIe5")
    assert found["device.memory_protocol"] in ("HBM2e", "DDR4", "DDR5", "PCIe4", "PCIe5")
    for part in ("device.io", "device.compute_chiplet"):  # any other node ends its area model with an error
        assert found[f"{part}.process_node"] in ("7nm", "6nm", "5nm")
    assert found["device.io.process_node"] == {"3nm": "5nm", "12nm": "7nm"}.get(node, node)
    assert all(re.search(r"\d+", value) for key, value in found.items() if key.endswith("data_type"))


VIDUR_KEYS = {
    "device.fp16_tflops": "vidur/config/device_sku_config.py, BaseDeviceSKUConfig",
    "device.total_memory_gb": "vidur/config/device_sku_config.py, BaseDeviceSKUConfig",
    "node.num_devices_per_node": "vidur/config/node_sku_config.py, BaseNodeSKUConfig",
}
"""Fields of microsoft/vidur at 86e0a99a and e4a7099f, all whole numbers; a node names its device by a type besides."""


def test_vidur_export_has_the_fields_of_its_devices_and_nodes_and_no_others(client: Client) -> None:
    asked = {"fields": {"deployment.chips": 4}, "design": {"compute": 312e12, "dram": 80 * 2**30}}
    found = keys_of(json.loads(exported(client, asked, "vidur")))
    assert found.keys() == VIDUR_KEYS.keys()
    assert all(type(value) is int for value in found.values())
    assert list(found.values()) == [312, 80, 4]
    for design in ({"dram": 2**29}, {"compute": 4e11}):
        answer = client.post("/api/export", json={"kind": "vidur", "design": design})
        assert "less than one" in answer.json()["problems"][0]["message"]


def test_the_other_exports_hold_what_the_page_shows(client: Client) -> None:
    asked = {"others": [{"fields": {}, "design": {"dram": 12e9}}], "devices": ["h100"]}
    found = viewed(client, asked)
    assert json.loads(exported(client, asked, "json")) == found
    rows = list(csv.DictReader(io.StringIO(exported(client, asked, "designs"))))
    assert [row["name"] for row in rows] == ["design", "design 1", "h100-sxm-80gb"]
    for row, columns in zip(rows, [found["columns"], *found["others"], found["devices"][0]["columns"]], strict=True):
        assert bits(float(row["decode_tokens_per_s"])) == bits(columns["decode_tokens_per_s"])
    operators = list(csv.DictReader(io.StringIO(exported(client, asked, "operators"))))
    taken = [row for phase in found["designs"]["0"]["phases"] for row in phase["operators"]]
    assert [bits(float(row["seconds"])) for row in operators] == [bits(row[3]) for row in taken]


def test_without_the_extra_the_command_names_it(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    told = command("serve")
    assert told.code == 2
    assert "dse serve needs uvicorn" in told.err
    assert "dse[serve]" in told.err


def test_a_port_that_is_taken_and_a_study_that_is_not_there(command: Command) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        told = command("serve", "--port", taken.getsockname()[1])
    assert told.code == 2
    assert "take another --port" in told.err
    assert command("serve", "llama3-8b-edgy").code == 2


def test_the_page_begins_with_a_feasible_design(small_run: Run) -> None:
    for target in (small_run.path, *dse.shipped_studies().values()):
        base = base_of(target)
        found = viewed(client_of(base), {"fields": base.fields})["columns"]
        assert found["feasible"], target
        assert dse.load(exported(client_of(base), {"fields": base.fields}, "study")).grid_size() == 1


@pytest.mark.parametrize(("more", "levels"), [("points: 9", 4), ("step: 40 GB/s", 10), ("continuous: true", 4)])
def test_ranges_are_swept_with_the_points_that_are_asked_for_and_steps_as_they_are(
    tmp_path: Path, more: str, levels: int
) -> None:
    path = tmp_path / "small.yaml"
    kind = "linear" if "step" in more else "log"
    path.write_text(
        changed(("{log: [25 GB/s, 400 GB/s], points: 5}", f"{{{kind}: [25 GB/s, 400 GB/s], {more}}}")), "utf8"
    )
    base = base_of(path)
    assert 2 <= most_points(base) <= 200
    study = dse.load(exported(client_of(base), {}, "sweep", points=4))
    assert [len(axis.values) for axis in study.column_axes] == [levels, 4, 3, 3, 2]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_command_serves_until_ctrl_c(host: str, base: Base) -> None:
    try:
        listening(host, 0).close()
    except OutputError:
        pytest.skip(f"this machine has no {host}")
    command = [sys.executable, "-m", "dse", "serve", str(base.study.source_path), "--port", "0", "--host", host]
    process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    try:
        url = process.stdout.readline().split()[1]
        found = None
        for _ in range(100):
            with suppress(httpx.TransportError):
                found = httpx.post(f"{url}api/view", json={}, timeout=20, trust_env=False)
                break
            time.sleep(0.1)
        assert found is not None
        assert found.json() == viewed(client_of(base), {})
        assert "server" not in found.headers
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0
    assert told == ""
