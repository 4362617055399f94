"""Files of a run: Parquet tables with units, and writing that leaves a whole file or none.

Every file is written aside, flushed to the disk, and renamed to its place. Errors of the operating system are left to
the caller, after the unfinished file is removed.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from results.columns import Column
from results.places import is_remote, own_errors, uploaded

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_COLUMNS_KEY = "columns"


@dataclass(frozen=True)
class Categorical:
    """A column of few distinct texts.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        Position of each row's text in `categories`.
    categories : tuple of str
        The texts.

    Raises
    ------
    ValueError
        If a code has no category.
    """

    codes: NDArray[Any]
    categories: tuple[str, ...]

    def __post_init__(self) -> None:
        codes = np.asarray(self.codes)
        if codes.size and not (codes.min() >= 0 and codes.max() < len(self.categories)):
            raise ValueError(f"codes from {codes.min()} to {codes.max()} do not fit {len(self.categories)} categories")


@dataclass(frozen=True)
class PartInfo:
    """A file that was written: its rows, its size [byte] and the SHA-256 of its bytes in hexadecimal."""

    rows: int
    bytes: int
    sha256: str


class _Hashing(io.RawIOBase):
    """A file that digests what passes through it on its way to the disk."""

    def __init__(self, raw: io.FileIO) -> None:
        super().__init__()
        self.raw = raw
        self.digest = hashlib.sha256()
        self.count = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view, done = memoryview(data).cast("B"), 0
        while done < len(view):  # a raw file may take less than it is given
            done += self.raw.write(view[done:]) or 0
        self.digest.update(view)
        self.count += len(view)
        return len(view)

    def tell(self) -> int:
        return self.count


@contextmanager
def _written_aside(path: Path, staging: Path | None) -> Iterator[_Hashing]:
    """A file to write to, which is at `path`, whole and on the disk, when the block ends, and nowhere if it fails."""
    if is_remote(path):
        with uploaded(path) as local, local.open("wb", buffering=0) as raw:
            yield _Hashing(raw)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    aside_dir = staging or path.parent
    aside_dir.mkdir(parents=True, exist_ok=True)
    aside = aside_dir / f".{path.name}.{uuid.uuid4().hex}"
    try:
        # os.open and not tempfile: the file must get the permissions that the user's umask gives
        with io.FileIO(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "w") as raw:
            yield _Hashing(raw)
            os.fsync(raw.fileno())
        os.replace(aside, path)
    except BaseException:
        with suppress(OSError):
            aside.unlink()
        raise
    _flush_directory(path.parent)


def _flush_directory(directory: Path) -> None:
    """Make a rename in a directory survive a power cut, where the system has a way to say so."""
    if os.name != "posix":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot, and need not
            raise
    finally:
        os.close(handle)


def write_file(path: Path, data: bytes, *, staging: Path | None = None) -> None:
    """Write a file, whole or not at all.

    Parameters
    ----------
    path : Path
        Where to; an existing file is replaced, missing directories are made.
    data : bytes
        What.
    staging : Path, optional
        Directory of the unfinished file, on the same file system; that of `path` by default.

    Raises
    ------
    OSError
        If the system refuses; the file at `path` is then what it was, and the unfinished file is gone.
    """
    with _written_aside(path, staging) as file:
        file.write(data)


def read_bytes(path: Path) -> bytes:
    """Return what is in a file; raise OSError if it cannot be read."""
    with own_errors():
        return path.read_bytes()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal; raise OSError if it cannot be read."""
    with own_errors(), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_table(
    path: Path,
    table: Mapping[str, NDArray[Any] | Categorical],
    *,
    columns: Mapping[str, Column],
    metadata: Mapping[str, str],
    staging: Path,
) -> PartInfo:
    """Write columns as a Parquet file, whole or not at all.

    Parameters
    ----------
    path : Path
        Where to; an existing file is replaced, missing directories are made.
    table : mapping of str to ndarray or Categorical, shape (n,)
        Columns, in this order. Numbers, truth values, or text (`Categorical`, or an array of str).
    columns : mapping of str to Column
        Definition of every column of the table, at least.
    metadata : mapping of str to str
        What to say about the file as a whole, such as the study and its provenance.
    staging : Path
        Directory of the unfinished file, on the same file system.

    Returns
    -------
    PartInfo
        Rows, size and digest of the file.

    Raises
    ------
    ValueError
        If a column has no definition, is not one-dimensional or as long as the others, or holds something else.
    OSError
        If the system refuses; the file at `path` is then what it was, and the unfinished file is gone.

    Notes
    -----
    The same input gives the same bytes (with the same version of pyarrow). Each field carries ``unit`` and ``meaning``,
    and the file every column's definition as JSON, because pandas and Polars drop the fields' metadata. Pages carry
    checksums. zstd level 1 on byte-stream-split floats and delta-packed integers was the smallest of the encodings
    measured and writes as fast as any (37 columns of a sweep: 87 byte/row; plain 105, dictionaries everywhere 109).
    """
    import pyarrow.parquet as pq

    arrow = _arrow_table(table, columns, metadata)
    text = [name for name, values in table.items() if isinstance(values, Categorical) or values.dtype.kind in "UO"]
    encoding = {f.name: _encoding(str(f.type)) for f in arrow.schema}
    with _written_aside(path, staging) as file:
        pq.write_table(
            arrow,
            file,
            version="2.6",
            data_page_version="1.0",
            compression="zstd",
            compression_level=1,
            write_page_checksum=True,
            use_dictionary=text,
            column_encoding={name: kind for name, kind in encoding.items() if kind},
            row_group_size=1 << 20,
        )
    return PartInfo(rows=arrow.num_rows, bytes=file.count, sha256=file.digest.hexdigest())


def _encoding(arrow_type: str) -> str | None:
    if arrow_type in ("double", "float"):
        return "BYTE_STREAM_SPLIT"
    return "DELTA_BINARY_PACKED" if arrow_type in ("int32", "int64") else None


def _arrow_table(
    table: Mapping[str, NDArray[Any] | Categorical], columns: Mapping[str, Column], metadata: Mapping[str, str]
) -> pa.Table:
    import pyarrow as pa

    unknown = [name for name in table if name not in columns]
    if unknown:
        raise ValueError(f"no definition (unit, meaning) is given for {', '.join(unknown)}")
    arrays = {name: _arrow_array(name, values) for name, values in table.items()}
    if len({len(a) for a in arrays.values()}) > 1:
        raise ValueError(f"columns differ in length: { {name: len(a) for name, a in arrays.items()} }")
    fields = [
        pa.field(
            name, array.type, nullable=False, metadata={"unit": columns[name].unit, "meaning": columns[name].meaning}
        )
        for name, array in arrays.items()
    ]
    defined = {
        name: {"unit": c.unit, "meaning": c.meaning, "better": c.better, "kind": c.kind}
        for name, c in ((name, columns[name]) for name in table)
    }
    whole = {**metadata, _COLUMNS_KEY: json.dumps(defined, sort_keys=False, ensure_ascii=False)}
    return pa.Table.from_arrays(list(arrays.values()), schema=pa.schema(fields, metadata=dict(sorted(whole.items()))))


def _arrow_array(name: str, values: NDArray[Any] | Categorical) -> pa.Array:
    import pyarrow as pa

    if isinstance(values, Categorical):
        small = np.int8 if len(values.categories) <= 128 else np.int32
        codes = pa.array(np.asarray(values.codes).astype(small))
        return pa.DictionaryArray.from_arrays(codes, pa.array(values.categories, type=pa.string()))
    if values.ndim != 1:
        raise ValueError(f"column {name}: expected one dimension, got shape {values.shape}")
    if values.dtype.kind in "UO":
        if not all(isinstance(v, str) for v in values.tolist()):
            raise ValueError(f"column {name}: expected text in every row")
        texts, codes = np.unique(values.astype(str), return_inverse=True)
        return _arrow_array(name, Categorical(codes, tuple(texts.tolist())))
    if values.dtype.kind not in "biuf":
        raise ValueError(f"column {name}: expected numbers, truth values or text, got {values.dtype}")
    return pa.array(np.ascontiguousarray(values))


def read_table(path: Path | Sequence[Path], columns: Sequence[str] | None = None) -> pa.Table:
    """Read Parquet files, verifying the checksums of their pages.

    Parameters
    ----------
    path : Path or sequence of Path
        One file, or parts of the same columns to be read one after the other.
    columns : sequence of str, optional
        Which columns, in which order; all by default.

    Returns
    -------
    pyarrow.Table
        The rows, with the metadata of the (first) file.

    Raises
    ------
    FileNotFoundError
        If a file does not exist.
    ValueError
        If a file is damaged, or has no such column.

    Notes
    -----
    Checksums cover the pages, not the file's footer (names, units): compare the file's digest with that in `PartInfo`
    where a flipped letter in a name matters.
    """
    import pyarrow as pa

    paths = list(path) if isinstance(path, Sequence) else [path]
    if not paths:
        raise ValueError("no files to read")
    tables = [_read_one(p, columns) for p in paths]
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables).unify_dictionaries()


def row_count(path: Path) -> int:
    """Return how many rows a Parquet file has, by its footer; raise OSError or ValueError as :func:`read_table`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with own_errors(), path.open("rb") as file:
            return int(pq.ParquetFile(file).metadata.num_rows)
    except pa.ArrowException as error:
        raise ValueError(f"{path} is damaged and cannot be read: {error}") from error


def _read_one(path: Path, columns: Sequence[str] | None) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        source = io.BytesIO(read_bytes(path)) if is_remote(path) else path
        with pq.ParquetFile(source, page_checksum_verification=True) as file:
            missing = [name for name in columns or () if name not in file.schema_arrow.names]
            table = None if missing else file.read(columns=None if columns is None else list(columns))
        if table is not None:
            table.validate(full=True)  # texts that their codes point beyond; numbers cost nothing
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the system's refusal, not the file's contents
        raise ValueError(f"{path} is damaged and cannot be read: {error}") from error
    if table is None:
        raise ValueError(f"{path} has no column {', '.join(missing)}")
    return table if columns is None else table.select(list(columns))


def read_frame(path: Path | Sequence[Path], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read Parquet files as a pandas frame that knows its units.

    Parameters
    ----------
    path : Path or sequence of Path
        One file, or parts of the same columns to be read one after the other.
    columns : sequence of str, optional
        Which columns, in which order; all by default.

    Returns
    -------
    pandas.DataFrame
        The rows; ``frame.attrs["units"]`` and ``frame.attrs["meanings"]`` map a column's name to its unit and meaning.

    Raises
    ------
    FileNotFoundError
        If a file does not exist.
    ValueError
        If a file is damaged, or has no such column.
    """
    table = read_table(path, columns)
    frame: pd.DataFrame = table.to_pandas()
    about = {field.name: field.metadata or {} for field in table.schema}
    frame.attrs["units"] = {name: m.get(b"unit", b"1").decode(errors="replace") for name, m in about.items()}
    frame.attrs["meanings"] = {name: m.get(b"meaning", b"").decode(errors="replace") for name, m in about.items()}
    return frame
