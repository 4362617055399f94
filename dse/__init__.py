"""dse: multi-objective design-space exploration of LLM-inference hardware.

>>> import dse
>>> run = dse.sweep("study.yaml")  # doctest: +SKIP
>>> run.front()  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from dse.errors import DseError, OutputError, RunError, StudyError
    from dse.runs import Run, load, open_run, sweep
    from dse.study import Study

__all__ = [
    "DseError",
    "OutputError",
    "Run",
    "RunError",
    "Study",
    "StudyError",
    "evaluate",
    "load",
    "open_run",
    "shipped_studies",
    "sweep",
]

_HOMES = {
    "DseError": "dse.errors",
    "OutputError": "dse.errors",
    "RunError": "dse.errors",
    "StudyError": "dse.errors",
    "Run": "dse.runs",
    "Study": "dse.study",
    "load": "dse.runs",
    "open_run": "dse.runs",
    "sweep": "dse.runs",
}


def __getattr__(name: str) -> Any:
    """Import on first use: the command line starts without pandas, pint and pydantic."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'dse' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(home), name)


def evaluate(
    study: str | Path | Mapping[str, object] | Study, designs: pd.DataFrame | Mapping[str, Any]
) -> pd.DataFrame:
    """Return every metric, margin and the feasibility of given designs.

    Parameters
    ----------
    study : path, YAML text, mapping or Study
    designs : DataFrame or mapping
        The five design columns by column name (``dram_bytes_per_s``; SI) or study key (``dram_bandwidth``; quantities
        such as "100 GB/s", or SI). A design axis with one value in the study may be left out.

    Returns
    -------
    DataFrame
        One row per design, in the order given; with scenario axes, every design in every scenario.

    Raises
    ------
    StudyError
        If the study or a design is wrong.
    """
    from dse.designs import evaluate_designs
    from dse.plan import problem_of
    from dse.runs import load

    loaded = load(study)
    return evaluate_designs(loaded, problem_of(loaded), designs)


def shipped_studies() -> dict[str, Path]:
    """Return the studies that come with the package, by name."""
    from importlib.resources import files
    from pathlib import Path

    folder = Path(str(files("dse") / "studies"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
