"""Fixtures of all tests, and hypothesis profiles.

"ci" (the default) draws the same examples on every run, "search" looks for new ones.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings
from small_run import SMALL

import dse
from dse.__main__ import main
from dse.runs import Run

settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


class Done(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run ``dse`` with arguments in this process, through `main` and so with its exit status."""

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["dse", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return Done(end.value.code, out, err)

    return run


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the pictures out of sweeps: they take most of the time of a small one."""
    monkeypatch.setattr("dse.pictures.draw", lambda run: [])


@pytest.fixture(scope="module")
def undrawn() -> Iterator[None]:
    """Leave them out of every sweep of a module, those of its fixtures too: ``pytestmark = usefixtures("undrawn")``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dse.pictures.draw", lambda run: [])
        yield


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of the small study, pictures and all; not to be changed."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "small.yaml").write_text(SMALL, encoding="utf8")
    return dse.sweep(folder / "small.yaml", out=folder / "run")


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    """The small study as a file."""
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf8")
    return path
