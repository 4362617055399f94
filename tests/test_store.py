"""Files of a run survive what happens to files: full disks, killed processes, flipped bits."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from results import store
from results.columns import COLUMNS, constraint_column
from results.manifest import read_manifest, write_manifest
from results.places import place
from results.provenance import provenance, sha256_text, sha256_tree
from results.run_paths import RunPaths
from results.store import Categorical, file_sha256, read_frame, read_table, write_table

DEFINED = {**COLUMNS, "margin_constraint_0": constraint_column(0, "ttft <= 2 s")}


def a_table(rows: int = 1000) -> dict[str, np.ndarray | Categorical]:
    rng = np.random.default_rng(7)
    return {
        "point": np.arange(rows, dtype=np.int64) * 3,
        "dram_bytes": np.repeat([4e9, 8e9], rows)[:rows],
        "ttft_s": np.where(rng.random(rows) < 0.1, np.nan, rng.random(rows)),
        "margin_constraint_0": rng.standard_normal(rows),
        "feasible": rng.random(rows) < 0.5,
        "reason": Categorical(rng.integers(0, 2, rows), ("", "does not fit")),
    }


def write(paths: RunPaths, number: int = 0, rows: int = 1000) -> store.PartInfo:
    return write_table(
        paths.part(number), a_table(rows), columns=DEFINED, metadata={"study": "name: x"}, staging=paths.staging
    )


def files_under(directory: Path) -> list[str]:
    return sorted(str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file())


def test_layout() -> None:
    paths = RunPaths(Path("r"))
    named = [paths.study, paths.manifest, paths.part(123), paths.front, paths.figures, paths.staging]
    assert [p.as_posix() for p in named] == [
        "r/study.yaml",
        "r/manifest.json",
        "r/designs/part-000123.parquet",
        "r/front.parquet",
        "r/figures",
        "r/_staging/main",
    ]


def test_table_round_trip_keeps_bits_text_units_and_metadata(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    info = write(paths)
    given = a_table()
    frame = read_frame(paths.part(0))
    for name, values in given.items():
        if isinstance(values, Categorical):
            assert frame[name].tolist() == [values.categories[c] for c in values.codes]
        else:
            assert frame[name].to_numpy().dtype == values.dtype
            assert frame[name].to_numpy().tobytes() == values.tobytes()
    assert frame.attrs["units"]["dram_bytes"] == "byte"
    assert "ttft <= 2 s" in frame.attrs["meanings"]["margin_constraint_0"]
    schema = read_table(paths.part(0)).schema
    assert schema.field("ttft_s").metadata == {b"unit": b"second", b"meaning": COLUMNS["ttft_s"].meaning.encode()}
    assert schema.metadata[b"study"] == b"name: x"
    assert json.loads(schema.metadata[b"columns"])["ttft_s"]["unit"] == "second"
    data = paths.part(0).read_bytes()
    assert info == store.PartInfo(1000, len(data), hashlib.sha256(data).hexdigest())
    assert file_sha256(paths.part(0)) == info.sha256


def test_same_input_same_bytes(tmp_path: Path) -> None:
    first, second = write(RunPaths(tmp_path / "a")), write(RunPaths(tmp_path / "b"), number=5)
    assert first == second


def test_encodings_are_the_measured_ones(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    write(paths)
    group = pq.ParquetFile(paths.part(0)).metadata.row_group(0)
    found = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert {c.compression for c in found.values()} == {"ZSTD"}
    assert "BYTE_STREAM_SPLIT" in found["ttft_s"].encodings
    assert "DELTA_BINARY_PACKED" in found["point"].encodings
    assert [name for name, c in found.items() if c.has_dictionary_page] == ["reason"]


def test_columns_may_be_chosen_and_parts_read_together(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    write(paths, 0, rows=10)
    write_table(
        paths.part(1),
        {"reason": np.array(["too hot", ""], dtype=object), "point": np.array([7, 8])},
        columns=COLUMNS,
        metadata={},
        staging=paths.staging,
    )
    frame = read_frame(paths.parts(), ["reason", "point"])
    assert list(frame.columns) == ["reason", "point"]
    assert frame["reason"].tolist()[-2:] == ["too hot", ""]
    assert frame["point"].tolist() == [*range(0, 30, 3), 7, 8]
    with pytest.raises(ValueError, match=r"part-000000.parquet has no column nope"):
        read_frame(paths.parts(), ["nope"])
    with pytest.raises(ValueError, match="no files"):
        read_table([])


def test_an_empty_front_is_a_typed_table(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    assert write(paths, rows=0).rows == 0
    frame = read_frame(paths.part(0))
    assert len(frame) == 0
    assert frame["ttft_s"].dtype == np.float64
    assert frame.attrs["units"]["ttft_s"] == "second"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"nope": np.zeros(2)}, "nope"),
        ({"ttft_s": np.zeros(2), "tpot_s": np.zeros(3)}, "length"),
        ({"ttft_s": np.zeros((2, 2))}, "one dimension"),
        ({"reason": np.array(["a", None], dtype=object)}, "text in every row"),
        ({"ttft_s": np.zeros(2, dtype=complex)}, "complex"),
    ],
)
def test_tables_that_make_no_sense_are_refused_and_leave_nothing(
    tmp_path: Path, table: dict[str, np.ndarray], message: str
) -> None:
    paths = RunPaths(tmp_path)
    with pytest.raises(ValueError, match=message):
        write_table(paths.front, table, columns=COLUMNS, metadata={}, staging=paths.staging)
    assert files_under(tmp_path) == []


def test_codes_without_a_category_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit 2 categories"):
        Categorical(np.array([0, 2]), ("a", "b"))


def full_disk(*_: object, **__: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def writers(paths: RunPaths) -> dict[str, Callable[[], object]]:
    return {
        "table": lambda: write(paths),
        "file": lambda: store.write_file(paths.study, b"name: x", staging=paths.staging),
        "manifest": lambda: write_manifest(paths.dir, {"designs": 2}),
        "beside": lambda: store.write_file(paths.figures / "a.png", b"x" * 100),
    }


@pytest.mark.parametrize("what", ["table", "file", "manifest", "beside"])
@pytest.mark.parametrize("where", ["write", "fsync", "replace"])
def test_a_full_disk_is_reported_and_leaves_the_old_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, where: str
) -> None:
    paths = RunPaths(tmp_path)
    for _ in range(2):  # with nothing there, then with an older file there
        before = {name: (tmp_path / name).read_bytes() for name in files_under(tmp_path)}
        with monkeypatch.context() as patch:
            if where == "write":
                patch.setattr(store._Hashing, "write", full_disk)
            else:
                patch.setattr(os, where, full_disk)
            with pytest.raises(OSError) as caught:
                writers(paths)[what]()
        assert caught.value.errno == errno.ENOSPC
        assert {name: (tmp_path / name).read_bytes() for name in files_under(tmp_path)} == before
        writers(paths)[what]()  # and when there is space again, it works
        assert len(files_under(tmp_path)) == 1


@pytest.mark.skipif(os.name != "posix", reason="directories are flushed on POSIX systems")
@pytest.mark.parametrize("what", ["table", "file", "manifest"])
def test_a_file_is_flushed_then_renamed_from_elsewhere_and_then_its_directory_is_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Otherwise a power cut leaves half a file, or none; and readers of `designs` must never see an unfinished one."""
    done: list[str] = []
    flush, rename = os.fsync, os.replace

    def flushed(handle: int) -> None:
        done.append("directory" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        flush(handle)

    def renamed(old: Path, new: Path) -> None:
        assert Path(old).parent.name == "main"
        assert Path(old).parent.parent.name == "_staging"
        done.append("rename")
        rename(old, new)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "replace", renamed)
    writers(RunPaths(tmp_path))[what]()
    assert done == ["file", "rename", "directory"]


def test_an_object_of_which_a_part_is_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    monkeypatch.setattr(MemoryFileSystem, "put_file", lambda self, local, path, **_: self.pipe_file(path, b"hal"))
    with pytest.raises(OSError, match="the store holds 3 of the 5 bytes of memory://somewhere/file"):
        store.write_file(place("memory://somewhere/file"), b"whole")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs RLIMIT_FSIZE")
def test_a_file_that_may_not_grow_leaves_nothing(tmp_path: Path) -> None:
    import resource
    import signal

    paths = RunPaths(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(OSError) as caught:
            write(paths)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.errno == errno.EFBIG
    assert files_under(tmp_path) == []


def test_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(RunPaths(tmp_path))
    assert files_under(tmp_path) == []


def test_leftovers_of_a_killed_process_are_swept(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    write(paths)
    (paths.staging / ".part-000001.parquet.dead").write_bytes(b"half")
    paths.clean_staging()
    assert files_under(tmp_path) == ["designs/part-000000.parquet"]
    assert not paths.staging.exists()
    paths.clean_staging()  # nothing to do is no error


def test_writers_do_not_disturb_each_other(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for i in range(5):
                write(paths, number * 5 + i, rows=20)
        except (OSError, ValueError) as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failures == []
    assert paths.parts() == [paths.part(i) for i in range(20)]


def test_files_get_the_permissions_the_user_asked_for(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        store.write_file(tmp_path / "f", b"x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o640


def a_frame_as_bytes(path: Path) -> dict[object, bytes | list[str]]:
    frame = read_frame(path)
    return {n: frame[n].tolist() if n == "reason" else frame[n].to_numpy().tobytes() for n in frame}


def test_damage_is_found_wherever_it_is(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    write(paths)
    good = paths.part(0).read_bytes()
    whole = a_frame_as_bytes(paths.part(0))
    harmless = 0
    for at in range(0, len(good), max(1, len(good) // 100)):
        bad = bytearray(good)
        bad[at] ^= 0x10
        paths.part(1).write_bytes(bad)
        try:
            found = a_frame_as_bytes(paths.part(1))
        except ValueError:
            found = None
        if found is not None:  # names lie in the footer, which only the digest of the file covers
            found = dict(zip(whole, found.values(), strict=True))
        assert found in (None, whole), f"byte {at} of {len(good)} flipped: other data, and no error"
        harmless += found is not None
        paths.part(1).write_bytes(good[:at])
        with pytest.raises(ValueError, match="damaged"):
            read_table(paths.part(1))
    assert harmless < 60  # bytes that only speak about the data, such as metadata


def test_a_missing_file_is_not_called_damaged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "no.parquet")


def test_manifest_round_trip_is_sorted_and_readable(tmp_path: Path) -> None:
    manifest = {"front": 3, "designs": 10**15, "name": "größer", "versions": {"numpy": "2", "dse": "1"}}
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest
    text = RunPaths(tmp_path).manifest.read_text(encoding="utf-8")
    assert text.index('"designs"') < text.index('"front"') < text.index('"name": "größer"')
    with pytest.raises(ValueError):
        write_manifest(tmp_path, {"rate": float("nan")})
    assert read_manifest(tmp_path) == manifest


@pytest.mark.parametrize("damage", [b"", b'{"a": ', b"[1]", b"\xff\xfe{}", b"[" * 100_000])
def test_a_damaged_manifest_says_so(tmp_path: Path, damage: bytes) -> None:
    RunPaths(tmp_path).manifest.write_bytes(damage)
    with pytest.raises(ValueError, match=r"manifest\.json is damaged"):
        read_manifest(tmp_path)


def test_provenance_names_versions_and_nobody() -> None:
    made_by = provenance()
    assert set(made_by) == {"dse", "numpy", "scipy", "pyarrow", "moocore", "pymoo", "python", "platform"}
    assert made_by["numpy"] == np.__version__
    assert os.uname().nodename not in json.dumps(made_by)


def test_digest_of_files_follows_names_and_contents_only(tmp_path: Path) -> None:
    def tree(root: Path, **contents: str) -> str:
        root.mkdir()
        for name, text in contents.items():
            (root / name).write_text(text)
        return sha256_tree(sorted(root.iterdir(), reverse=bool(len(root.name) % 2)), root)

    one = tree(tmp_path / "a", x="1", y="2")
    assert tree(tmp_path / "bb", x="1", y="2") == one
    assert tree(tmp_path / "c", x="2", y="1") != one
    assert tree(tmp_path / "d", x="1", z="2") != one
    assert sha256_text("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
