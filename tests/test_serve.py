"""The live page through its application: its numbers are those of ``dse evaluate``, and it gives nothing else away."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import Command
from hypothesis import given
from hypothesis import strategies as st
from serve_client import HOST, JSON, TECHNIQUES, URL, Client, client_of, ended, exported, refused, until, viewed
from small_run import DESIGN, PATIENCE_S, SMALL, bits, changed, contents_of

import dse
from dse.designs import STUDY_KEYS
from dse.errors import OutputError, StudyError
from dse.runs import Run

pytest.importorskip("starlette", reason="starlette is not installed")
import httpx

from dse.serve.app import SCRIPTS, application, page_text
from dse.serve.asked import asked_of
from dse.serve.base import Base, base_of
from dse.serve.growing import MOST_DESIGNS, Sweeps, most_points
from dse.serve.server import listening


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    path = tmp_path_factory.mktemp("serve") / "small.yaml"
    path.write_text(SMALL, encoding="utf8")
    return base_of(path)


@pytest.fixture(scope="module")
def client(base: Base) -> Client:
    return client_of(base)


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


FIELDS = (
    *("technology.node", "workloads.0.model", "workloads.0.batch", "workloads.0.prompt_tokens", "modelling.runtime"),
    *("deployment.chips", "deployment.demand", "workloads.0.lengths", "workloads.0.serving.arrivals", "disaggregate"),
    *(f"{TECHNIQUES}.pruning", f"{TECHNIQUES}.pruning.pattern", f"{TECHNIQUES}.speculative.draft", "x"),
)
malformed = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=12,
)
shaped = st.fixed_dictionaries(
    {},
    optional={
        "fields": st.dictionaries(st.sampled_from(FIELDS), malformed, max_size=3) | malformed,
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
    until(lambda: sweep.ended)
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
        answers: list[httpx.Response] = []

        def answered() -> bool:
            with suppress(httpx.TransportError):
                answers.append(httpx.post(f"{url}api/view", json={}, timeout=PATIENCE_S, trust_env=False))
            return bool(answers)

        until(answered)
        (found,) = answers
        assert found.json() == viewed(client_of(base), {})
        assert "server" not in found.headers
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    assert process.returncode == 0
    assert told == ""
