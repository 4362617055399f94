"""Samples of constants within their ranges: a quantile function per distribution, one quantile per family and sample.

Constants of one family are drawn at the same quantile, so they are high together or low together, and a family has the
same quantiles in every scenario, whatever other families there are.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from costmodels.tables import Constant

Array = NDArray[np.float64]

AT_MOST: tuple[tuple[str, str], ...] = (("idle_w_per_mm2", "busy_w_per_mm2"),)
"""Pairs of constants of which the first is never drawn above the second, although their ranges may overlap."""


def families(constants: Iterable[Constant]) -> tuple[str, ...]:
    """Return the families that have a range, sorted by name."""
    return tuple(sorted({constant.family for constant in constants if varies(constant)}))


def varies(constant: Constant) -> bool:
    """Return whether a constant has a range."""
    return constant.low < constant.high


def latin_hypercube(names: Iterable[str], samples: int, seed: int) -> dict[str, Array]:
    """Return quantiles of each family: one in each of `samples` equal strata of [0, 1), in random order.

    Parameters
    ----------
    names : iterable of str
        Families.
    samples : int
        At least 1.
    seed : int
        At least 0.

    Returns
    -------
    dict of str to ndarray, shape (samples,)
        What a family gets depends on its name, `samples` and `seed` alone: not on the other families, nor on the
        machine.

    Raises
    ------
    ValueError
        If `samples` or `seed` is out of range.

    References
    ----------
    .. [1] M. D. McKay, R. J. Beckman, W. J. Conover, "A comparison of three methods for selecting values of input
       variables in the analysis of output from a computer code", Technometrics 21 (1979), doi:10.2307/1268522.
    """
    if samples < 1 or seed < 0:
        raise ValueError(f"expected at least 1 sample and a seed of at least 0, got {samples} and {seed}")
    return {name: _stratified(name, samples, seed) for name in names}


def _stratified(name: str, samples: int, seed: int) -> Array:
    own = int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "big")
    uniform = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, own]))).random((2, samples))
    order = np.argsort(uniform[0], kind="stable")
    return np.asarray((order + uniform[1]) / samples, dtype=np.float64)


def quantile(constant: Constant, u: ArrayLike) -> Array:
    """Return the value of a constant at quantiles of its distribution.

    Parameters
    ----------
    constant : Constant
    u : array_like
        Quantiles from 0 (its low end) to 1 (its high end).

    Returns
    -------
    ndarray, shape of u
        [unit of the constant], low to high, rising with `u`.

    Raises
    ------
    ValueError
        If a quantile is outside [0, 1].

    Notes
    -----
    triangular: with a, c, b the low end, the value and the high end and F = (c - a) / (b - a), the inverse of the
    cumulative distribution is ``a + sqrt(u (b - a) (c - a))`` up to u = F and ``b - sqrt((1 - u) (b - a) (b - c))``
    above [1]_. log: the same of the logarithms. whole: the same from a - 1/2 to b + 1/2, rounded to whole numbers.

    References
    ----------
    .. [1] S. Kotz, J. R. van Dorp, "Beyond Beta: other continuous families of distributions with bounded support and
       applications", World Scientific (2004), chapter 1, doi:10.1142/5720.
    """
    at = np.asarray(u, dtype=np.float64)
    if not ((at >= 0.0) & (at <= 1.0)).all():
        raise ValueError("quantiles are numbers from 0 to 1")
    low, peak, high = constant.low, constant.value, constant.high
    if not varies(constant):
        return np.full(at.shape, peak)
    kind = constant.distribution
    if kind == "uniform":
        drawn = low + (high - low) * at
    elif kind == "log":
        # Python's exp, element by element: NumPy's differs between processors.
        powers = _triangular(at, math.log(low), math.log(peak), math.log(high))
        drawn = np.array([math.exp(power) for power in powers.ravel().tolist()]).reshape(at.shape)
    elif kind == "whole":
        drawn = np.floor(_triangular(at, low - 0.5, peak, high + 0.5) + 0.5)
    elif kind == "triangular":
        drawn = _triangular(at, low, peak, high)
    else:
        raise ValueError(f"{constant.name}: a constant with a range is not {kind}")
    return np.asarray(np.minimum(np.maximum(drawn, low), high), dtype=np.float64)


def _triangular(u: Array, low: float, peak: float, high: float) -> Array:
    rising = low + np.sqrt(u * ((high - low) * (peak - low)))
    falling = high - np.sqrt((1.0 - u) * ((high - low) * (high - peak)))
    return np.asarray(np.where(u * (high - low) <= peak - low, rising, falling), dtype=np.float64)


def draw(constants: Mapping[str, Constant], quantiles: Mapping[str, NDArray[Any]]) -> dict[str, Array]:
    """Return samples of the constants that have a range.

    Parameters
    ----------
    constants : mapping of name to Constant
    quantiles : mapping of family to ndarray, shape (samples,)
        As of :func:`latin_hypercube`. Constants of families that are not in it keep their value.

    Returns
    -------
    dict of str to ndarray, shape (samples,)
        Of every constant that varies. The first of each pair of :data:`AT_MOST` is cut off at the second.
    """
    drawn = {
        name: quantile(constant, quantiles[constant.family])
        for name, constant in constants.items()
        if varies(constant) and constant.family in quantiles
    }
    for lesser, greater in AT_MOST:
        if {lesser, greater} <= set(constants) and {lesser, greater} & set(drawn):
            ends = [drawn.get(name, np.asarray(constants[name].value)) for name in (lesser, greater)]
            drawn[lesser] = np.minimum(*ends)
    return drawn
