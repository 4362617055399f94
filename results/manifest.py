"""A run's manifest: what made it, its counts and the digests of its files, as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from results.run_paths import RunPaths
from results.store import read_bytes, write_file

_CHECK = "manifest_sha256"
"""Key of the digest of all the rest."""


def write_manifest(run_dir: Path, manifest: Mapping[str, Any], *, staging: Path | None = None) -> None:
    """Write a run's manifest, whole or not at all.

    Parameters
    ----------
    run_dir : Path
        Directory of the run.
    manifest : mapping
        What JSON can hold; keys are written sorted. NaN and infinities are refused: JSON has none.
    staging : Path, optional
        Directory of the unfinished file; default that of the run itself.

    Raises
    ------
    ValueError, TypeError
        If JSON cannot hold the manifest.
    OSError
        If the system refuses; the manifest is then what it was.
    """
    paths = RunPaths(run_dir)
    checked = {**manifest, _CHECK: _digest(manifest)}
    text = json.dumps(checked, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_file(paths.manifest, f"{text}\n".encode(), staging=staging or paths.staging)


def read_manifest(run_dir: Path) -> dict[str, Any]:
    """Read a run's manifest.

    Parameters
    ----------
    run_dir : Path
        Directory of the run.

    Returns
    -------
    dict
        Its contents.

    Raises
    ------
    FileNotFoundError
        If there is none: `run_dir` is no run, or one that was cut off before its first file.
    ValueError
        If the file is damaged.
    """
    path = RunPaths(run_dir).manifest
    try:
        manifest = json.loads(read_bytes(path))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: not JSON ({error})") from error
    if not isinstance(manifest, dict):
        raise ValueError(f"{path} is damaged: expected an object, got {type(manifest).__name__}")
    if _of_a_run(manifest) and manifest.pop(_CHECK, None) != _digest(manifest):
        raise ValueError(f"{path} is damaged, or was edited, or is of an older version: its checksum is wrong")
    return manifest


def _of_a_run(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest is of a run, and not of something else that keeps a file of this name."""
    return _CHECK in manifest or "study_sha256" in manifest


def _digest(manifest: Mapping[str, Any]) -> str:
    text = json.dumps({k: v for k, v in manifest.items() if k != _CHECK}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
