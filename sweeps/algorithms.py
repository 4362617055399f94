"""Evolutionary algorithms by name: pymoo's choice of parents and of survivors, and nothing else of it.

Variation, evaluation, duplicates, the archive and the end of a search are ours (:mod:`sweeps.evolve`), so a search can
be stored between two generations as plain arrays and goes on to the same bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Method:
    """An algorithm of pymoo.

    Attributes
    ----------
    module, name : str
        Where it is, under ``pymoo.algorithms.moo``.
    directions : bool
        Whether it takes reference directions.
    state : tuple of str
        What its survival remembers from one generation to the next.
    needs : str or None
        A package that has to be installed beside pymoo.
    least_objectives : int
    """

    module: str
    name: str
    directions: bool = False
    state: tuple[str, ...] = ()
    needs: str | None = None
    least_objectives: int = 2


METHODS = {
    "nsga2": Method("nsga2", "NSGA2", least_objectives=1),
    "nsga3": Method(
        "nsga3",
        "NSGA3",
        directions=True,
        state=("norm.ideal_point", "norm.worst_point", "norm.nadir_point", "norm.extreme_points"),
    ),
    "age-moea2": Method("age2", "AGEMOEA2", needs="numba"),
    "sms-emoa": Method("sms", "SMSEMOA"),
    "rvea": Method("rvea", "RVEA", directions=True, state=("V", "gamma", "ideal", "nadir")),
}
"""By the name that a study gives them: NSGA-II, NSGA-III, AGE-MOEA2, SMS-EMOA, RVEA."""

_OF_DESIGNS = ("rank", "crowding")
"""What pymoo writes on a design and reads again when it chooses parents."""


def unusable(method: str, objectives: int, population: int) -> str | None:
    """Return why an algorithm cannot take so many objectives and designs, or None."""
    about = METHODS[method]
    if objectives < about.least_objectives:
        return f"{method} compares designs by several objectives; nsga2 takes one"
    if about.directions and population < objectives:
        return f"{method} has a direction for each objective at least: expected a population from {objectives}"
    if about.needs and find_spec(about.needs) is None:
        return f"{method} needs the package {about.needs}: pip install {about.needs}"
    return None


def reference_directions(objectives: int, most: int) -> Floats:
    """Return at most so many directions spread evenly (n, m): Das & Dennis's simplex lattice [1]_, as fine as it fits.

    References
    ----------
    .. [1] I. Das, J. E. Dennis, "Normal-boundary intersection", SIAM J. Optim. 8 (1998),
       doi:10.1137/S1052623496307510.
    """
    from pymoo.util.ref_dirs import get_reference_directions

    steps = 1
    while objectives > 1 and math.comb(steps + objectives, objectives - 1) <= most:
        steps += 1
    directions: Floats = get_reference_directions("das-dennis", objectives, n_partitions=steps)
    return directions


class Selector:
    """Which designs are parents, and which of parents and children live on.

    Parameters
    ----------
    method : str
        Of :data:`METHODS`.
    objectives, margins : int
        Columns of each.
    population, generations : int
    seed : int
    """

    def __init__(
        self, method: str, objectives: int, margins: int, *, population: int, generations: int, seed: int
    ) -> None:
        from pymoo.core.problem import Problem
        from pymoo.termination.max_gen import MaximumGenerationTermination

        self.method = METHODS[method]
        kind = getattr(import_module(f"pymoo.algorithms.moo.{self.method.module}"), self.method.name)
        first = (reference_directions(objectives, population),) if self.method.directions else ()
        self._algorithm: Any = kind(*first, pop_size=population, eliminate_duplicates=False)
        self._algorithm.setup(
            Problem(n_var=1, n_obj=objectives, n_ieq_constr=margins, xl=0.0, xu=1.0),
            seed=seed,
            termination=MaximumGenerationTermination(generations + 1),
        )
        self._algorithm.start_time = 0.0

    @property
    def random(self) -> np.random.Generator:
        """The one source of chance of the search."""
        generator: np.random.Generator = self._algorithm.random_state
        return generator

    @property
    def points(self) -> NDArray[np.int64]:
        """Indices of the designs that are alive (n,)."""
        return np.asarray([int(point) for point in self._algorithm.pop.get("point")], dtype=np.int64)

    def parents(self, pairs: int) -> NDArray[np.int64]:
        """Return indices of the points of so many pairs of parents (pairs, 2)."""
        algorithm = self._algorithm
        chosen = algorithm.mating.selection.do(
            algorithm.problem,
            algorithm.pop,
            pairs,
            2,
            to_pop=False,
            algorithm=algorithm,
            random_state=algorithm.random_state,
        )
        return self.points[np.asarray(chosen, dtype=np.int64)]

    def advance(self, points: NDArray[np.int64], objectives: Floats, margins: Floats) -> None:
        """Let children (n,) compete with those alive; objectives (n, m) and margins (n, k) are finite."""
        with np.errstate(all="ignore"):
            self._algorithm.advance(infills=_population(points, objectives, margins))

    def state(self) -> Arrays:
        """Return everything that decides what comes next."""
        alive = self._algorithm.pop
        arrays: Arrays = {"points": self.points, "objectives": alive.get("F"), "margins": alive.get("G")}
        for name in _OF_DESIGNS:
            values = [np.nan if value is None else float(value) for value in alive.get(name)]
            arrays[name] = np.asarray(values)
        for path in self.method.state:
            value = _held(self._algorithm.survival, path)
            if value is not None:
                arrays[path] = np.asarray(value)
        arrays["iteration"] = np.asarray(self._algorithm.n_iter)
        words = _words(self.random.bit_generator.state)
        return {**arrays, "random": np.asarray(words, dtype=np.uint64)}

    def restore(self, state: Arrays) -> None:
        """Go on from what :meth:`state` returned."""
        algorithm = self._algorithm
        algorithm.pop = _population(state["points"], state["objectives"], state["margins"])
        for name in _OF_DESIGNS:
            for one, value in zip(algorithm.pop, state[name], strict=True):
                if not np.isnan(value):
                    one.set(name, int(value) if name == "rank" else float(value))
        for path in self.method.state:
            if path in state:
                *owners, last = path.split(".")
                setattr(_held(algorithm.survival, ".".join(owners)), last, state[path])
        algorithm.n_iter = int(state["iteration"])
        algorithm.is_initialized = True
        self.random.bit_generator.state = _random_state([int(word) for word in state["random"]])


def _population(points: NDArray[np.int64], objectives: Floats, margins: Floats) -> Any:
    from pymoo.core.population import Population

    made = Population.new("X", np.zeros((len(points), 1)), "F", objectives, "G", margins)
    made.set("point", points)
    return made


def _held(owner: Any, path: str) -> Any:
    for name in path.split(".") if path else ():
        owner = getattr(owner, name)
    return owner


def _words(state: Any) -> list[int]:
    """The state of NumPy's PCG64 as words of 64 bits."""
    inner, low = state["state"], 2**64 - 1
    numbers = [half for name in ("state", "inc") for half in (inner[name] >> 64, inner[name] & low)]
    return [*numbers, state["has_uint32"], state["uinteger"]]


def _random_state(words: list[int]) -> dict[str, Any]:
    return {
        "bit_generator": "PCG64",
        "state": {"state": words[0] << 64 | words[1], "inc": words[2] << 64 | words[3]},
        "has_uint32": words[4],
        "uinteger": words[5],
    }
