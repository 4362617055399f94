"""The lock on a run's directory: one holder or several that share it, and those who only look."""

from __future__ import annotations

import os
from pathlib import Path

import portalocker
import pytest

from results.lock import LockedError, is_locked, locked


def test_one_holds_it_or_several_share_it(tmp_path: Path) -> None:
    file = tmp_path / "run.lock"
    with locked(file):
        assert is_locked(file)
        for shared in (False, True):
            by = f"process {os.getpid()} on this machine"
            with pytest.raises(LockedError, match=by), locked(file, shared=shared):
                pass
    assert not file.exists()
    with locked(file, shared=True), locked(file, shared=True):
        assert is_locked(file)
        with pytest.raises(LockedError), locked(file):
            pass
    assert not is_locked(file)


@pytest.mark.parametrize("shared", [False, True])
def test_whoever_only_looks_keeps_nobody_out(shared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To see whether a run is held, `dse status` holds it for a moment: a sweep that began then was refused."""
    file = tmp_path / "run.lock"
    looking = file.open("wb")
    portalocker.lock(looking, portalocker.LOCK_NB | portalocker.LOCK_EX)
    monkeypatch.setattr("time.sleep", lambda _: portalocker.unlock(looking))
    with locked(file, shared=shared):
        pass
    looking.close()
