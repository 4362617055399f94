"""Bad input of every kind: exit 2, one clear message, no traceback, nothing written."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import Command, Done
from small_run import SMALL, changed, contents_of, files_of

import dse
from dse.runs import Run


def assert_refused(done: Done, *messages: str, code: int = 2, lines: int | None = 1) -> None:
    """The command ended with a message for people and nothing else."""
    assert done.code == code, done
    assert done.out == ""
    told = done.err.splitlines()
    assert told
    assert all(line.startswith("error: ") for line in told), done.err
    assert lines is None or len(told) == lines, done.err
    for message in messages:
        assert message in done.err, done.err
    lowered = done.err.lower()
    for word in ("traceback", "pydantic", "http", "validationerror", "pyarrow", "errno", "nonetype"):
        assert word not in lowered, done.err


class Wrong(NamedTuple):
    """What is wrong with a study, and what must be said."""

    text: str
    messages: tuple[str, ...]


def wrong(old: str, new: str, *messages: str) -> Wrong:
    return Wrong(changed((old, new)), messages)


DRAM = "dram:           [6 GB, 12 GB, 24 GB]"
LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
STUDIES = {
    "unknown key": wrong("segment: edge", "segmnt: edge", 'unknown key "segmnt"', 'did you mean "segment"?', ":15: "),
    "unknown section": wrong("output:", "outptu:", 'unknown key "outptu"', 'did you mean "output"?'),
    "wrong unit": wrong(
        DRAM, "dram: [16 GB/s]", "design.dram.0: expected a capacity", '"16 GB/s" (a bandwidth)', ":12: "
    ),
    "no unit": wrong(DRAM, "dram: [16]", "design.dram.0: expected a quantity", "(no unit)"),
    "negative": wrong(DRAM, "dram: [-6 GB]", "design.dram.0: expected a capacity above 0"),
    "negative count": wrong("batch: 1", "batch: -1", "batch: expected a whole number from 1", "got -1"),
    "nan": wrong(DRAM, "dram: [.nan, 6 GB]", "design.dram.0: expected"),
    "nan with unit": wrong(DRAM, "dram: nan GB", "design.dram: expected a quantity"),
    "infinite": wrong("ttft <= 4 s", "ttft <= inf s", "constraints.0: expected a limit"),
    "empty axis": wrong(DRAM, "dram: []", "design.dram: expected 1 to 1000000 values, got an empty list"),
    "unknown model": wrong("llama-3-8b", "llama3-8b", 'unknown model "llama3-8b"', "did you mean llama-3-8b"),
    "missing model file": wrong(
        "llama-3-8b", "./none.json", "workloads.0.model: cannot read the model", "no such file"
    ),
    "unknown objective": wrong(
        "decode_tokens_per_s", "decode_speed", "objectives.decode_speed: expected a column", "decode_tokens_per_s"
    ),
    "unknown constraint": wrong("ttft <= 4 s", "tfft <= 4 s", 'unknown column "tfft"', "did you mean"),
    "constraint of another kind": wrong("ttft <= 4 s", "ttft <= 4 W", "constraints.0", "4 W"),
    "both": wrong(
        "demand: 200000 token/day", "demand: 1 token/s, utilization: 0.5", "exactly one of utilization and demand"
    ),
    "no 16 bit": wrong("node: 5nm,", "node: 5nm, formats: [fp8],", "fp16 or bf16"),
    "column of another study": wrong("ttft <= 4 s", "flash_lifetime_years >= 4 year", "this study has no column"),
    "aliases": Wrong(LAUGHS, ("anchors and aliases are not allowed", ":1: ")),
    "tag": wrong(
        "name: small", 'name: !!python/object/apply:os.system ["touch pwned"]', "tags are not allowed", ":1: "
    ),
    "merge key": wrong("batch: 1", "<<: {batch: 1}", "merge keys"),
    "duplicate key": wrong("batch: 1", "batch: 1\n    batch: 2", 'duplicate key "batch", first given on line 6'),
    "deep": Wrong("a: " + "[" * 5000 + "]" * 5000, ("nested more than 32 levels deep",)),
    "large": Wrong(SMALL + "#" * 2**20, ("larger than a study may be (1 MiB)",)),
    "many values": Wrong("name: [" + "1," * 200_000 + "1]", ("more than 100000 values",)),
    "two documents": Wrong(SMALL + "---\nname: other\n", ("one YAML document",)),
    "not YAML": Wrong("name: [", ("not valid YAML",)),
    "control character": Wrong("name: \x07", ("control character U+0007 is not allowed",)),
    "empty": Wrong("", ("an empty file",)),
    "a list": Wrong("- 1\n- 2\n", ("expected a study",)),
}


@pytest.mark.parametrize("verb", ["check", "sweep"])
@pytest.mark.parametrize("name", STUDIES)
def test_a_wrong_study_is_refused_at_once(
    name: str, verb: str, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(STUDIES[name].text, encoding="utf8")
    done = command(verb, "s.yaml")
    assert_refused(done, *STUDIES[name].messages)
    if name != "column of another study":
        assert done.err.startswith("error: s.yaml")
    assert [path.name for path in tmp_path.iterdir()] == ["s.yaml"]


def test_all_problems_are_told_one_a_line(tmp_path: Path, command: Command) -> None:
    study = tmp_path / "s.yaml"
    study.write_text(changed(("batch: 1", "batch: 0"), (DRAM, "dram: 4"), ("node: 5nm", "node: 5mn")), encoding="utf8")
    done = command("check", study)
    assert_refused(done, "workloads.0.batch", "design.dram", "technology.node", lines=3)
    assert [int(line.split(":")[2]) for line in done.err.splitlines()] == [6, 12, 14]


@pytest.mark.parametrize("verb", ["check", "sweep"])
def test_a_grid_of_1e15_points_is_refused_at_once_with_its_size(verb: str, tmp_path: Path) -> None:
    axes = SMALL[SMALL.index("  dram_bandwidth:") : SMALL.index("technology:")]
    ranges = {
        "dram_bandwidth": "[25 GB/s, 1 TB/s]",
        "compute": "[1 TFLOP/s, 200 TFLOP/s]",
        "sram": "[2 MiB, 256 MiB]",
        "dram": "[4 GB, 32 GB]",
        "flash": "[1 GB, 512 GB]",
    }
    huge = "".join(f"  {name}: {{linear: {ends}, points: 1001}}\n" for name, ends in ranges.items())
    (tmp_path / "huge.yaml").write_text(changed((axes, huge)), encoding="utf8")
    code = f"""
import sys, time
from dse.__main__ import main
sys.argv = ["dse", {verb!r}, "huge.yaml"]
try:
    main()
finally:
    print(time.process_time())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert float(done.stdout) < 60.0  # a walk over the grid would take years
    told = (f"{1001**5:,} designs", "narrow its largest axes", "sram 1,001")
    assert_refused(Done(done.returncode, "", done.stderr), *told)
    assert [path.name for path in tmp_path.iterdir()] == ["huge.yaml"]


def test_paths_that_cannot_be_read(tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"name: \xff\xfe\x00")
    for verb in ("check", "sweep"):
        assert_refused(command(verb, tmp_path / "no.yaml"), "no such file, nor a shipped study", "llama3-8b-edge")
        assert_refused(command(verb, tmp_path), "expected a study file, this is a directory")
        assert_refused(command(verb, binary), "expected UTF-8 text")
        assert_refused(command(verb, binary / "below"), "no such file")
    assert_refused(command("check", "llama3-8b-egde"), 'did you mean "llama3-8b-edge"?')
    secret = tmp_path / "secret.yaml"
    secret.write_text(SMALL)
    secret.chmod(0)
    if os.access(secret, os.R_OK):  # the superuser reads everything

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

        monkeypatch.setattr(Path, "open", refuse)
    assert_refused(command("check", secret), "secret.yaml: no permission to read this file")


LLAMA: dict[str, Any] = json.loads(
    (files("roofline") / "data" / "models" / "llama-3.2-1b.json").read_text(encoding="utf8")
)
CONFIGS = {
    "architecture": (json.dumps({"model_type": "t5", "d_model": 512}), 'architecture "t5" is not supported', "llama"),
    "experts": (json.dumps({**LLAMA, "num_local_experts": 8}), '"num_local_experts"', "not supported"),
    "no type": (json.dumps({"hidden_size": 64}), 'has no "model_type"'),
    "no width": (json.dumps({k: v for k, v in LLAMA.items() if k != "hidden_size"}), 'missing "hidden_size"'),
    "no MLP": (json.dumps({k: v for k, v in LLAMA.items() if k != "intermediate_size"}), 'missing "intermediate_size"'),
    "text for a number": (json.dumps({**LLAMA, "hidden_size": "2048"}), '"hidden_size": expected a whole number'),
    "negative": (json.dumps({**LLAMA, "num_hidden_layers": -1}), '"num_hidden_layers": expected a whole number'),
    "heads": (json.dumps({**LLAMA, "num_key_value_heads": 5}), "not a multiple of"),
    "not an object": ("[1, 2]", "a model configuration is a JSON object"),
    "broken": ('{"model_type": "llama",', "not valid JSON"),
    "empty": ("", "not valid JSON"),
    "nan": (json.dumps({**LLAMA, "rope_theta": float("nan")}), "not valid JSON"),
    "infinity": (json.dumps(LLAMA).replace("{", '{"x": 1e999, ', 1), "not valid JSON"),
    "half a character": (json.dumps({**LLAMA, "note": "\ud800"}), "not valid JSON"),
    "deep": ('{"x":' * 3000 + "1" + "}" * 3000, "nested too deeply"),
    "digits": (json.dumps(LLAMA).replace("{", '{"x": ' + "9" * 5000 + ", ", 1), "not valid JSON"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_model_configuration_that_cannot_be_used(name: str, tmp_path: Path, command: Command) -> None:
    text, *messages = CONFIGS[name]
    (tmp_path / "config.json").write_text(text, encoding="utf8")
    study = tmp_path / "s.yaml"
    study.write_text(changed(("llama-3-8b", "./config.json")), encoding="utf8")
    for verb in ("check", "sweep"):
        done = command(verb, study, *(("--out", tmp_path / "run") if verb == "sweep" else ()))
        assert_refused(done, "s.yaml:3: workloads.0.model: ", *messages)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "s.yaml"]


def test_a_directory_without_a_configuration_is_no_model(tmp_path: Path, command: Command) -> None:
    (tmp_path / "model").mkdir()
    study = tmp_path / "s.yaml"
    study.write_text(changed(("llama-3-8b", "./model")), encoding="utf8")
    assert_refused(command("check", study), "cannot read the model", "config.json: no such file")


@pytest.mark.parametrize("workers", [0, -3])
def test_workers_that_make_no_sense(workers: int, tmp_path: Path, command: Command, study_file: Path) -> None:
    done = command("sweep", study_file, "--out", tmp_path / "run", "--workers", workers)
    assert_refused(done, f"workers: expected at least 1, got {workers}")
    assert not (tmp_path / "run").exists()


HEADER = "dram_bandwidth,compute,sram,dram,flash\n"
GOOD = "100 GB/s,20 TFLOP/s,8 MiB,12 GB,0 GB\n"
TABLES = {
    "missing column": (
        "dram_bandwidth,compute,sram,dram\n1e11,2e13,8e6,12e9\n",
        "column flash (or flash_bytes) is missing",
    ),
    "misspelled column": (HEADER.replace("sram", "srma") + GOOD, "column sram", 'did you mean "srma"?'),
    "text": (HEADER + GOOD.replace("12 GB", "much"), "designs: dram, row 1", 'got "much"'),
    "nothing in a cell": (HEADER + GOOD.replace("12 GB", ""), "designs: dram, row 1", "expected a quantity"),
    "wrong unit": (HEADER + GOOD + GOOD.replace("12 GB", "12 GB/s"), "designs: dram, row 2", "(a bandwidth)"),
    "negative": (HEADER + GOOD.replace("12 GB", "-12e9"), "designs: dram, row 1: expected more than 0"),
    "zero": (HEADER + GOOD.replace("8 MiB", "0"), "designs: sram, row 1: expected more than 0"),
    "nan": (HEADER + GOOD.replace("12 GB", "nan"), "designs: dram, row 1: expected more than 0"),
    "infinite": (HEADER + GOOD.replace("12 GB", "inf"), "designs: dram, row 1: expected more than 0"),
    "short row": (HEADER + GOOD + "1e11,2e13\n", "d.csv:3: expected 5 cells, got 2"),
    "long row": (HEADER + GOOD.strip() + ",1\n", "d.csv:2: expected 5 cells, got 6"),
    "short row after a gap": (HEADER + "\n\n" + GOOD + "1e11,2e13\n", "d.csv:5: expected 5 cells, got 2"),
    "empty": ("", "the file is empty", "dram_bandwidth,compute,sram,dram,flash"),
    "blank": ("\n  \n,,\n", "the file is empty"),
    "twice": (HEADER.replace("flash", "dram") + GOOD, 'column "dram" stands twice'),
    "both names": (HEADER.replace("flash", "dram_bytes") + GOOD, "both dram_bytes and dram are given"),
    "quote": (HEADER + '"100 GB/s,\n', "not a CSV file"),
    "no CSV": ('{"dram": 1}\n', "is missing"),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_designs_that_makes_no_sense(name: str, tmp_path: Path, command: Command, study_file: Path) -> None:
    text, *messages = TABLES[name]
    (tmp_path / "d.csv").write_text(text, encoding="utf8")
    assert_refused(command("evaluate", study_file, "--designs", tmp_path / "d.csv"), *messages)


def test_tables_of_designs_that_cannot_be_read(tmp_path: Path, command: Command, study_file: Path) -> None:
    assert_refused(command("evaluate", study_file, "--designs", tmp_path / "no.csv"), "no.csv: no such file")
    assert_refused(command("evaluate", study_file, "--designs", tmp_path), "expected a CSV file, this is a directory")
    (tmp_path / "d.csv").write_bytes(b"PK\x03\x04\xff\xfe")
    assert_refused(command("evaluate", study_file, "--designs", tmp_path / "d.csv"), "expected UTF-8 text")


def test_a_study_in_the_place_of_the_output(tmp_path: Path, command: Command, study_file: Path) -> None:
    before = files_of(tmp_path)
    assert_refused(command("sweep", study_file, "--out", study_file), "is a file, not a directory")
    assert_refused(command("sweep", study_file, "--out", study_file / "run"), "cannot write there: not a directory")
    assert files_of(tmp_path) == before


def test_a_place_that_may_not_be_written(
    tmp_path: Path, command: Command, study_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    if os.access(locked, os.W_OK):  # the superuser writes everywhere

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

        monkeypatch.setattr(Path, "mkdir", refuse)
    assert_refused(command("sweep", study_file, "--out", locked / "run"), "run: cannot write there: permission denied")
    assert not list(locked.iterdir())


def no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fails_late(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let the disk be full from the count-th flush on."""
    done = iter(range(10**6))
    real = os.fsync

    def fsync(handle: int) -> None:
        if next(done) >= count:
            no_space()
        real(handle)

    monkeypatch.setattr("results.store.os.fsync", fsync)


FULL: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    **{f"flush {count}": (lambda patch, count=count: fails_late(patch, count)) for count in range(0, 9, 2)},  # type: ignore[misc]
    "rename": lambda patch: patch.setattr("results.store.os.replace", no_space),
    "open": lambda patch: patch.setattr("results.store.os.open", no_space),
    "pictures": lambda patch: patch.setattr("dse.pictures.draw", no_space),
}
AFTER_THE_DESIGNS = ("flush 6", "flush 8", "pictures")


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("name", [name for name in FULL if name not in AFTER_THE_DESIGNS])
@pytest.mark.parametrize("existing", [False, True], ids=["new", "empty directory"])
def test_a_full_disk_leaves_nothing(
    name: str, existing: bool, tmp_path: Path, command: Command, study_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "deep" / "run"
    if existing:
        out.mkdir(parents=True)
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    with monkeypatch.context() as patch:
        FULL[name](patch)
        assert_refused(command("sweep", study_file, "--out", out), "run: cannot write there: no space left on device")
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before
    assert not dse.sweep(study_file, out=out).already


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("name", AFTER_THE_DESIGNS)
def test_a_disk_that_becomes_full_costs_nothing_that_is_done(
    name: str, tmp_path: Path, command: Command, study_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        FULL[name](patch)
        done = command("sweep", study_file, "--out", out)
        assert_refused(done, "run: cannot write there any more: no space left on device; what is done is kept", code=1)
    assert not [path for path in out.rglob("*") if "staging" in path.name]
    with monkeypatch.context() as patch:
        patch.setattr("sweeps.chunks.sweep_chunk", lambda *_, **__: pytest.fail("a chunk was evaluated again"))
        assert not dse.sweep(study_file, out=out).already
    assert contents_of(out) == contents_of(dse.sweep(study_file, out=tmp_path / "whole").path)


def usage_of(free: int) -> Callable[[object], object]:
    return lambda path: shutil._ntuple_diskusage(10**12, 10**12 - free, free)  # type: ignore[attr-defined]


def test_too_little_room_is_said_before_anything_is_written(
    tmp_path: Path, command: Command, study_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", usage_of(30_000))
    done = command("sweep", study_file, "--out", tmp_path / "deep" / "run")
    assert_refused(done, "run: needs up to ", "30 kB are free", "keep: front")
    assert [path.name for path in tmp_path.iterdir()] == ["small.yaml"]


def test_too_little_room_for_a_fresh_run_leaves_the_earlier_one(
    tmp_path: Path, command: Command, small_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(small_run.path, tmp_path / "run")
    study = tmp_path / "s.yaml"
    study.write_text(changed(("points: 5}\n  compute", "points: 500}\n  compute")), encoding="utf8")
    before = files_of(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", usage_of(0))
    assert_refused(command("sweep", study, "--out", tmp_path / "run", "--fresh"), "needs up to")
    assert files_of(tmp_path) == before


def test_a_limit_on_file_sizes_leaves_nothing(tmp_path: Path, study_file: Path) -> None:
    """The system itself refuses to write, in a worker process too."""
    resource = pytest.importorskip("resource")
    text = study_file.read_text(encoding="utf8")
    study_file.write_text(text.replace("node: 5nm", "node: [5nm, 7nm]"), encoding="utf8")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    for workers in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-B", "-m", "dse", "sweep", str(study_file), "--out", "run", "--workers", workers],
            cwd=tmp_path,
            preexec_fn=limit,
            capture_output=True,
            text=True,
        )
        assert_refused(
            Done(done.returncode, done.stdout, done.stderr), "error: run: cannot write there: file too large"
        )
        assert [path.name for path in tmp_path.iterdir()] == ["small.yaml"]


def test_a_full_disk_leaves_no_half_starter_study(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("results.store.os.fsync", no_space)
    done = command("new", tmp_path / "mine.yaml")
    assert_refused(done, "mine.yaml: cannot write there: No space left on device")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_while_drawing_keeps_the_run(
    tmp_path: Path, command: Command, small_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(small_run.path, tmp_path / "run")
    before = files_of(tmp_path / "run")
    monkeypatch.setattr("results.store.os.fsync", no_space)
    assert_refused(command("plot", tmp_path / "run"), "figures: cannot write there")
    assert files_of(tmp_path / "run") == before


Damage = Callable[[Path], object]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[100] ^= 255
    path.write_bytes(data)


DAMAGE: dict[str, tuple[Damage, int, str]] = {
    "no manifest": (lambda run: (run / "manifest.json").unlink(), 1, "not the directory of a run"),
    "half a manifest": (lambda run: cut(run / "manifest.json"), 1, "manifest.json is damaged"),
    "a list": (lambda run: (run / "manifest.json").write_text("[]"), 1, "manifest.json is damaged"),
    "binary": (lambda run: (run / "manifest.json").write_bytes(b"\xff\xfe\x00"), 1, "manifest.json is damaged"),
    "another manifest": (lambda run: (run / "manifest.json").write_text('{"name": "page"}'), 1, "run"),
    "no front": (lambda run: (run / "front.parquet").unlink(), 1, "front.parquet"),
    "half a front": (lambda run: cut(run / "front.parquet"), 1, "front.parquet is damaged"),
    "a flipped bit": (lambda run: flip(run / "front.parquet"), 1, "front.parquet is damaged"),
    "text": (lambda run: (run / "front.parquet").write_text("text"), 1, "front.parquet is damaged"),
    "no study": (lambda run: (run / "study.yaml").unlink(), 2, "study.yaml: no such file"),
    "half a study": (lambda run: (run / "study.yaml").write_text("name: x\n"), 2, "study.yaml:1: "),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_run_is_a_message(name: str, tmp_path: Path, command: Command, small_run: Run) -> None:
    damage, code, message = DAMAGE[name]
    shutil.copytree(small_run.path, tmp_path / "run")
    damage(tmp_path / "run")
    before = files_of(tmp_path)
    done = command("front", tmp_path / "run")
    assert_refused(done, message, code=code, lines=None)
    plotted = command("plot", tmp_path / "run")
    assert_refused(plotted, message, code=code, lines=None)
    assert files_of(tmp_path) == before


@pytest.mark.usefixtures("no_pictures")
def test_a_sweep_into_a_damaged_run_mends_it(
    tmp_path: Path, command: Command, small_run: Run, study_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(small_run.path, tmp_path / "run")
    cut(tmp_path / "run" / "manifest.json")
    with monkeypatch.context() as patch:
        patch.setattr("sweeps.chunks.sweep_chunk", lambda *_, **__: pytest.fail("a chunk was evaluated again"))
        assert command("sweep", study_file, "--out", tmp_path / "run").code == 0
    flip(tmp_path / "run" / "designs" / "part-000000.parquet")
    cut(tmp_path / "run" / "front.parquet")
    done = command("sweep", study_file, "--out", tmp_path / "run")
    assert done.code == 0
    assert "made again: designs/part-000000.parquet, front.parquet" in done.out
    assert contents_of(tmp_path / "run") == contents_of(small_run.path)


def test_a_sweep_into_a_damaged_run_that_nothing_tells_of_is_refused(
    tmp_path: Path, command: Command, small_run: Run, study_file: Path
) -> None:
    shutil.copytree(small_run.path, tmp_path / "run")
    cut(tmp_path / "run" / "manifest.json")
    shutil.rmtree(tmp_path / "run" / "journal")
    (tmp_path / "run" / "study.yaml").write_text(SMALL.replace("name: small", "name: other"))
    before = files_of(tmp_path)
    for more in ((), ("--fresh",)):
        done = command("sweep", study_file, "--out", tmp_path / "run", *more)
        assert_refused(done, "manifest.json is damaged", "--out")
    assert files_of(tmp_path) == before
    (tmp_path / "run" / "study.yaml").write_text(SMALL)  # this tells whose it is
    assert command("sweep", study_file, "--out", tmp_path / "run").code == 0
    assert contents_of(tmp_path / "run") == contents_of(small_run.path)


@pytest.mark.parametrize("verb", ["front", "plot"])
def test_what_is_no_run(verb: str, tmp_path: Path, command: Command, study_file: Path) -> None:
    assert_refused(command(verb, tmp_path / "none"), "none: no such run directory", code=1)
    assert_refused(command(verb, study_file), "no such run directory", code=1)
    assert_refused(command(verb, tmp_path), "not the directory of a run (it has no manifest.json)", code=1)
