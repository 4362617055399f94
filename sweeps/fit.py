"""Fitting a calibration to measured times: least squares on log(predicted/measured), shrunk towards priors.

The time of a row is linear in the fields of :class:`roofline.efficiency.Efficiency` (`terms_of`), which are products of
few positive numbers: global ones, and factors of classes of devices and of serving stacks. Their logarithms are fitted
with a robust loss and Gaussian priors, so that a class or a stack with few rows stays near 1.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from roofline.calibration import GLOBALS, OF_CLASS, OF_HOST, OF_RUNTIME, Calibration, Fitted, efficiency
from roofline.efficiency import Efficiency
from roofline.runtimes import Runtime
from sweeps.observations import TIMING_PHASES, phase_of
from sweeps.predict import Subject, fills_matrix_units, has_matrix_units, limit_j_per_flop, passes

Floats = NDArray[np.float64]

TERMS = (
    "gemm_slowdown",
    "attention_slowdown",
    "expert_slowdown",
    "row_slowdown",
    "memory_share",
    "vector_share",
    "link_share",
    "kernel_s",
    "step_s",
    "sequence_s",
    "link_latency_s",
)
"""Fields of an efficiency; time is linear in them, in the inverse of the shares."""

ROBUST_SCALE = 0.10
PRIOR_WEIGHT = 3.0
TYPICAL_GROUP = 20.0
"""Rows of a stack on a device in a phase count as if there were (rows/20)^(3/4) of them: series are not independent."""

Key = tuple[str, str]
Kind = tuple[str, str, bool, float | None]


@dataclass(frozen=True)
class Sample:
    """A measured time and what it would consist of.

    Attributes
    ----------
    id : str
    seconds : float
        Measured [s].
    terms : array
        Seconds per unit of each of :data:`TERMS`.
    device, device_class, die_family, phase : str
    runtime : Runtime
    matrix_units : bool
    limit_j_per_flop : float or None
        Arguments of :func:`roofline.calibration.efficiency`.
    """

    id: str
    seconds: float
    terms: Floats
    device: str
    device_class: str
    die_family: str
    phase: str
    runtime: Runtime
    matrix_units: bool
    limit_j_per_flop: float | None

    @property
    def kind(self) -> Kind:
        """What its efficiency depends on."""
        return (self.device_class, self.runtime.name, self.matrix_units, self.limit_j_per_flop)


@dataclass(frozen=True)
class Prior:
    """Where a number starts, and how far its logarithm strays."""

    value: float
    sigma: float
    unit: str
    source: str


@cache
def priors() -> Mapping[str, Prior]:
    """Return the priors of ``data/priors.csv`` by name."""
    text = (files("sweeps") / "data" / "priors.csv").read_text(encoding="utf8")
    rows = csv.DictReader(text.splitlines())
    return MappingProxyType(
        {r["name"]: Prior(float(r["value"]), float(r["sigma"]), r["unit"], r["source"]) for r in rows}
    )


def terms_of(found: Subject) -> Floats:
    """Return the seconds of a row per unit of each of :data:`TERMS`: its prediction with the others switched off.

    An on-chip port is left out: it runs beside all of them, and would count once for each.
    """
    n = len(TERMS)
    if found.chip.has_dram:
        found = replace(found, chip=replace(found.chip, sram_bytes_per_s=None))

    def only(i: int, off: float) -> Floats:
        return np.where(np.arange(n) == i, 1.0, off)

    fields = {name: only(i, np.inf if name.endswith("_share") else 0.0) for i, name in enumerate(TERMS)}
    with np.errstate(divide="ignore", invalid="ignore"):
        seconds = passes(found, Efficiency(**fields)).total("s")
    return np.broadcast_to(np.asarray(seconds, dtype=np.float64), (n,)).copy()


def coefficients(reached: Efficiency) -> Floats:
    """Return what :data:`TERMS` are multiplied by."""
    values = (float(np.asarray(getattr(reached, name))) for name in TERMS)
    return np.array(
        [1.0 / value if name.endswith("_share") else value for name, value in zip(TERMS, values, strict=True)]
    )


def sample(found: Subject, seconds: float) -> Sample:
    """Return a measured time with its terms."""
    chip = found.chip
    return Sample(
        id=found.row.id,
        seconds=seconds,
        terms=terms_of(found),
        device=chip.name,
        device_class=chip.device_class,
        die_family=chip.die_family,
        phase=phase_of(found.row),
        runtime=found.runtime,
        matrix_units=has_matrix_units(chip),
        limit_j_per_flop=_limit(found),
    )


def kind_of(found: Subject) -> Kind:
    """Return what the efficiency of a measurement depends on: class of device, stack, units for matrices, power."""
    chip = found.chip
    return (chip.device_class, found.runtime.name, has_matrix_units(chip), _limit(found))


def _limit(found: Subject) -> float | None:
    return limit_j_per_flop(found.chip) if fills_matrix_units(found.row) else None


def efficiency_of(kind: Kind, runtime: Runtime, calibration: Calibration) -> Efficiency:
    """Return the efficiency of samples of a kind."""
    return efficiency(calibration, runtime, device_class=kind[0], matrix_units=kind[2], limit_j_per_flop=kind[3])


def predicted(samples: Sequence[Sample], calibration: Calibration) -> Floats:
    """Return the time of each sample [s]."""
    kinds = {s.kind: s.runtime for s in samples}
    by_kind = {kind: coefficients(efficiency_of(kind, runtime, calibration)) for kind, runtime in kinds.items()}
    return np.array([float(s.terms @ by_kind[s.kind]) for s in samples])


@dataclass(frozen=True)
class _Problem:
    """Samples in arrays, and the numbers that are fitted."""

    terms: Floats
    log_seconds: Floats
    weights: Floats
    kinds: tuple[tuple[Kind, Runtime], ...]
    kind_numbers: NDArray[np.intp]
    keys: tuple[Key, ...]
    start: Floats
    sigma: Floats

    def log_predicted(self, x: Floats) -> Floats:
        calibration = _calibration(self.keys, x)
        rows = np.array([coefficients(efficiency_of(kind, runtime, calibration)) for kind, runtime in self.kinds])
        seconds: Floats = np.einsum("ij,ij->i", self.terms, rows[self.kind_numbers])
        return np.log(seconds)

    def residuals(self, x: Floats) -> Floats:
        off = (self.log_predicted(x) - self.log_seconds) * self.weights
        # Soft L1, 2s²(√(1 + z²) − 1), as a square of a smooth function that loses no digits at z = 0.
        robust = off * np.sqrt(2.0 / (np.sqrt(1.0 + (off / ROBUST_SCALE) ** 2) + 1.0))
        shrunk = np.sqrt(PRIOR_WEIGHT) * ROBUST_SCALE * (x - self.start) / self.sigma
        return np.concatenate([robust, shrunk])


def _calibration(keys: Sequence[Key], x: Floats) -> Calibration:
    values = np.exp(x)
    return Calibration({key: Fitted(float(v), 0.0, np.inf, "", "") for key, v in zip(keys, values, strict=True)})


def fitted(
    samples: Sequence[Sample],
    *,
    start: Calibration | None = None,
    shared_by: Sequence[Sample] | None = None,
    keep_all: bool = False,
) -> Calibration:
    """Return the calibration that fits measured times best.

    Parameters
    ----------
    samples : sequence of Sample
        Times to the first token under load are left out: they contain waiting.
    start : Calibration, optional
        Numbers in place of the means of the priors, such as the shipped ones below a user's own rows; global ones stay
        within about their range in it.
    shared_by : sequence of Sample, optional
        Samples that decide which numbers several devices share; default `samples`. A fold of a cross-validation has the
        numbers of the whole, fitted on its part.
    keep_all : bool
        Whether to keep the numbers of one device, too: a user's own are for that device.

    Returns
    -------
    Calibration
        Without the factors of a class or a stack that one device only has: those were fitted lest they distort the
        others, and say nothing about another device.
    """
    from scipy.optimize import least_squares

    used = [s for s in samples if is_fitted(s.phase)]
    problem = _problem(used, start)
    x = least_squares(problem.residuals, problem.start, method="lm", xtol=1e-6, ftol=1e-6).x
    everything = used if shared_by is None else shared_by
    kept = [i for i, key in enumerate(problem.keys) if keep_all or _shared(key, everything)]
    return _calibration([problem.keys[i] for i in kept], x[kept])


def is_fitted(phase: str) -> bool:
    """Whether times of a phase are fitted: those to the first token under load contain waiting."""
    return phase in TIMING_PHASES and phase != "prefill_serving"


def _problem(samples: Sequence[Sample], start: Calibration | None) -> _Problem:
    kinds = {s.kind: s.runtime for s in samples}
    order = {kind: i for i, kind in enumerate(kinds)}
    keys = fitted_keys(samples)
    known = priors()
    values = [known[name].value if start is None else start.value(name, option) for name, option in keys]
    return _Problem(
        terms=np.array([s.terms for s in samples]),
        log_seconds=np.log([s.seconds for s in samples]),
        weights=_weights(samples),
        kinds=tuple(kinds.items()),
        kind_numbers=np.array([order[s.kind] for s in samples], dtype=np.intp),
        keys=keys,
        start=np.log(values),
        sigma=np.array([_sigma(key, start) for key in keys]),
    )


def _sigma(key: Key, start: Calibration | None) -> float:
    """How far the logarithm of a number strays.

    What is common to all devices and stacks strays no further than the range it has in `start`: a few rows of one
    stack on one device move the factors of that stack and class.
    """
    sigma = priors()[key[0]].sigma
    fit = start.numbers.get(key) if start is not None and key[0] in GLOBALS else None
    if fit is None or not 0.0 < fit.low < fit.high < np.inf:
        return sigma
    return min(sigma, 0.5 * float(np.log(fit.high / fit.low)))


def fitted_keys(samples: Sequence[Sample]) -> tuple[Key, ...]:
    """Return the numbers that samples say something about."""
    classes = dict.fromkeys(s.device_class for s in samples)
    stacks = {s.runtime.name: s.runtime for s in samples}
    keys: list[Key] = [(name, "") for name in GLOBALS]
    keys += [(name, option) for name in OF_CLASS for option in sorted(classes)]
    keys += [(name, option) for name in OF_RUNTIME for option in sorted(stacks)]
    for name in OF_HOST:
        hosts = ("serial",) if name == "runtime_step_relative" else ("serial", "overlapped")
        keys += [(name, option) for option in sorted(stacks) if stacks[option].host in hosts]
    # A stack that launches nothing has no time per kernel.
    return tuple(k for k in keys if not (k[0] == "runtime_kernel_relative" and stacks[k[1]].launch == "dataflow"))


def _shared(key: Key, samples: Sequence[Sample]) -> bool:
    """Whether more than one device has a say in a number."""
    name, option = key
    if name in GLOBALS:
        return True
    own = (s.device for s in samples if option == (s.device_class if name in OF_CLASS else s.runtime.name))
    return len(set(own)) > 1


def _weights(samples: Sequence[Sample]) -> Floats:
    groups = [(s.runtime.name, s.device, s.phase) for s in samples]
    sizes = {group: groups.count(group) for group in set(groups)}
    return np.array([(sizes[group] / TYPICAL_GROUP) ** -0.25 for group in groups])
