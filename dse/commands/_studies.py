"""STUDY on the command line: a path, or the name of a shipped study."""

from __future__ import annotations

from pathlib import Path


def study_path(study: str) -> Path:
    """Return the file a STUDY argument means; an existing file wins over a shipped name.

    Raises
    ------
    StudyError
        If there is neither.
    """
    import dse
    from dse.errors import StudyError, did_you_mean

    path = Path(study)
    if path.exists():
        return path
    shipped = dse.shipped_studies()
    if study in shipped:
        return shipped[study]
    raise StudyError(
        f"{study}: no such file, nor a shipped study{did_you_mean(study, shipped)}; shipped: {', '.join(shipped)}"
    )
