"""Places a run may be in: a local directory, or any store that fsspec knows, such as ``s3://bucket/run``.

A place is a path with the methods of `pathlib.Path`, whatever is behind it. What local file systems have and stores
have not (renames, directories, appending, locks of the system) is told apart here and in the few who ask `is_remote`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast


def is_url(where: object) -> bool:
    """Whether a text or a place names a store, ``protocol://...``."""
    return "://" in str(where)


def place(where: str | Path) -> Path:
    """Return the place of a path or URL.

    Raises
    ------
    OSError
        If nobody here knows the protocol of a URL, what it needs is not installed, or it holds credentials.
    """
    if not isinstance(where, str) or not is_url(where):
        return Path(where) if isinstance(where, str) else where
    if "@" in where.split("://", 1)[1].split("/", 1)[0]:
        raise OSError("a URL with a user or a password in it would be shown and kept; give them by the environment")
    from upath import UPath

    try:
        with own_errors():
            return cast(Path, UPath(where, use_listings_cache=False))
    except (ValueError, ImportError) as error:
        raise OSError(f"{where}: {error}") from None


def is_remote(path: Path) -> bool:
    """Whether a place is in a store, which writes whole objects and nothing else."""
    return not isinstance(path, Path)


def remove_empty(folder: Path) -> None:
    """Remove a directory if it is empty; stores have none."""
    if not is_remote(folder):
        with suppress(OSError):
            folder.rmdir()


@contextmanager
def own_errors() -> Iterator[None]:
    """Turn what the libraries of stores raise into the OSError that it is."""
    try:
        yield
    except (OSError, ValueError, ImportError, AssertionError):
        raise
    except Exception as error:
        if type(error).__module__.split(".")[0] in _LIBRARIES:
            raise OSError(f"the store does not answer as it should: {str(error).rstrip('.')}") from error
        raise


_LIBRARIES = ("botocore", "aiobotocore", "aiohttp", "s3fs", "gcsfs", "google", "adlfs", "azure", "requests", "urllib3")


@contextmanager
def uploaded(path: Path) -> Iterator[Path]:
    """A local file to write to, which becomes the object `path`, whole, when the block ends, or not at all."""
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / path.name
        yield local
        store: Any = path
        with own_errors():
            store.fs.put_file(str(local), store.path)
            there = store.fs.info(store.path)["size"]
        if there != local.stat().st_size:
            raise OSError(f"the store holds {there:,} of the {local.stat().st_size:,} bytes of {path}")
