"""What made a run: versions of the software that ran, and digests of what it read."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from results.store import file_sha256

_DISTRIBUTIONS = ("dse", "numpy", "scipy", "pyarrow", "moocore", "pymoo")


def provenance() -> dict[str, str]:
    """Versions of what computes and writes a run, and the kind of machine.

    Returns
    -------
    dict of str to str
        ``dse``, ``numpy``, ``scipy``, ``pyarrow``, ``moocore``, ``pymoo``, ``python`` (versions; "unknown" for one
        that is not installed) and ``platform`` (operating system and processor). Nothing that names user or host.
    """
    made_by = {name: _version(name) for name in _DISTRIBUTIONS}
    made_by["python"] = platform.python_version()
    made_by["platform"] = f"{platform.system()} {platform.machine()}".strip()
    return made_by


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def sha256_text(text: str) -> str:
    """SHA-256 of a text in UTF-8.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_tree(files: Iterable[Path], root: Path) -> str:
    """One SHA-256 of the names and contents of several files.

    Parameters
    ----------
    files : iterable of Path
        Files under `root`, in any order.
    root : Path
        Directory that names are taken relative to, so that a digest does not depend on where a copy lies.

    Returns
    -------
    str
        64 hexadecimal digits: the digest of one line ``<digest of the contents>  <relative name>`` per file, by name.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If a file is not under `root`.
    """
    named = sorted((file.relative_to(root).as_posix(), file) for file in files)
    lines = (f"{file_sha256(file)}  {name}\n" for name, file in named)
    return sha256_text("".join(lines))
