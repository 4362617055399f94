"""What each method of ``search`` takes, and the values it has where the study gives none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dse.errors import did_you_mean
from sweeps.algorithms import METHODS
from sweeps.evolve import MOST_EVALUATIONS

Option = float | str | None

_EVOLUTION: dict[str, Option] = {
    "population": 100,
    "generations": 200,
    "start": "sobol",
    "stagnation": None,
    "seed": 1,
}
SEARCHES: dict[str, dict[str, Option]] = {
    "grid": {},
    "exact": {"epsilon": 0.0, "time_limit": None},
    "sample": {"sampler": "sobol", "n": 100_000, "seed": 1},
    **dict.fromkeys(METHODS, _EVOLUTION),
}
"""Keys of each method with their defaults; None where there is nothing unless it is given."""


def with_defaults(data: Any, known: Iterable[str]) -> Any:
    """Return a section ``search`` with the defaults of its method.

    Parameters
    ----------
    data : object
        As YAML gives it; what is no section, or names no method, is returned as it is.
    known : iterable of str
        Keys that some method takes; what is not among them is left to the reader of the section.

    Raises
    ------
    ValueError
        If a key belongs to other methods.
    """
    method = data.get("method", "grid") if isinstance(data, dict) else None
    if not isinstance(method, str) or method not in SEARCHES:
        return data
    options = SEARCHES[method]
    given = {key: value for key, value in data.items() if value is not None or key == "method"}
    for key in given:
        if key in known and key not in ("method", *options):
            takes = f"takes {', '.join(options)}" if options else "takes nothing else"
            guess = did_you_mean(key, options)
            raise ValueError(f"method {method} {takes}; got {key}{guess}")
    return {**{key: value for key, value in options.items() if value is not None}, **given}


def check_length(population: int | None, generations: int | None) -> None:
    """Raise ValueError if so many generations evaluate more designs than one search may."""
    designs = (population or 0) * (generations or 0)
    if designs > MOST_EVALUATIONS:
        raise ValueError(f"expected at most {MOST_EVALUATIONS:,} designs, population x generations, got {designs:,}")
