"""A lock on a run's directory, so that two runs cannot mix.

The operating system holds the lock (``flock``, or its like elsewhere) and lets go of it when the process ends, however
it ends: a lock can be left behind only as an empty claim in a file, never as a lock. Shards of one run share it; a run
that works alone, and the merge of shards, hold it alone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from results.object_lock import LockedError, holder, is_fresh, object_locked, signature
from results.places import is_remote

_LOOKS, _LOOK_S = 10, 0.1
"""Times one looks before a lock counts as held, and the time between [s]: to look, :func:`is_locked` holds it too."""


@contextmanager
def locked(file: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock while the block runs.

    Parameters
    ----------
    file : Path
        Made if it is missing, with its directory; whoever held it alone removes it.
    shared : bool
        Whether others may hold it at the same time, if they share it too.

    Raises
    ------
    LockedError
        If somebody holds it.
    OSError
        If the file cannot be made, or the file system has no locks.
    """
    if is_remote(file):
        with object_locked(file, shared=shared):
            yield
        return
    import portalocker

    handle = _acquired(file, shared=shared)
    try:
        _sign(handle)
        yield
    finally:
        if not shared:
            with suppress(OSError):
                file.unlink()
        portalocker.unlock(handle)
        handle.close()


def _acquired(file: Path, *, shared: bool) -> IO[bytes]:
    import portalocker

    flags = portalocker.LOCK_NB | (portalocker.LOCK_SH if shared else portalocker.LOCK_EX)
    looks = _LOOKS
    while True:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = file.open("a+b")
        try:
            portalocker.lock(handle, flags)
        except portalocker.AlreadyLocked:
            handle.close()
            looks -= 1
            if not looks:
                raise LockedError(holder(file)) from None
            time.sleep(_LOOK_S)
            continue
        except portalocker.LockException as error:
            handle.close()
            raise OSError(f"the file system has no locks ({error})") from error
        with suppress(OSError):
            if os.path.samestat(os.fstat(handle.fileno()), file.stat()):
                return handle
        handle.close()  # its last holder removed the file between our opening and locking it


def _sign(handle: IO[bytes]) -> None:
    """Say in the file who holds the lock; a reader that sees half of it is told less, no more."""
    with suppress(OSError):
        handle.seek(0)
        handle.truncate()
        handle.write(signature())
        handle.flush()


def is_locked(file: Path) -> bool:
    """Whether somebody holds a lock right now; False where there is none, or where one cannot look."""
    if is_remote(file):
        return is_fresh(file)
    import portalocker

    try:
        with file.open("rb") as handle:
            portalocker.lock(handle, portalocker.LOCK_NB | portalocker.LOCK_EX)
            portalocker.unlock(handle)
    except portalocker.AlreadyLocked:
        return True
    except (OSError, portalocker.LockException):
        return False
    return False


__all__ = ["LockedError", "holder", "is_locked", "locked"]
