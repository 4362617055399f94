"""Yield: the share of dies without a defect, by four published models [1].

All fall with the die area, from 1 at no area, and agree where defects are few; for large dies they differ by 10 %.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Number = float | Array

YIELD_MODELS: tuple[str, ...] = ("negative_binomial", "poisson", "murphy", "seeds")

# exp(-x) from the series at x/2^HALVINGS, squared as often; beyond MOST_DEFECTS yields are those of so many.
_HALVINGS = 6
_TERMS = 18
MOST_DEFECTS = 64.0


def die_yield(
    die_mm2: Number, *, defects_per_mm2: Number, yield_clustering: Number, model: str = "negative_binomial"
) -> Number:
    """Share of dies without a defect [1], with x = A·D0 defects on an average die.

    Parameters
    ----------
    die_mm2 : array [mm2]
    defects_per_mm2 : array
        Defect density D0 [1/mm2].
    yield_clustering : array
        Clustering alpha of the negative binomial; whole numbers, so that the power is a product.
    model : str
        ``negative_binomial``: (1 + x/alpha)^-alpha, defects in clusters; ``poisson``: exp(-x), defects anywhere alike
        (alpha without bound); ``murphy``: ((1 - exp(-x))/x)^2, densities spread as a triangle; ``seeds``:
        1/(1 + x), densities spread as an exponential (alpha 1).

    Raises
    ------
    ValueError
        If there is no such model, or alpha is not whole numbers of at least 1.

    References
    ----------
    Stapper, "Defect density distribution for LSI yield calculations", IEEE Trans. Electron Devices 20(7), 1973.
    Murphy, "Cost-size optima of monolithic integrated circuits", Proc. IEEE 52(12), 1964.
    Seeds, "Yield and cost analysis of bipolar LSI", IEDM 1967.
    """
    if model == "negative_binomial":
        return _negative_binomial(die_mm2, defects_per_mm2, yield_clustering)
    defects = die_mm2 * defects_per_mm2
    if model == "poisson":
        return exp_minus(defects)[0]
    if model == "murphy":
        mean = exp_minus(defects)[1]
        return mean * mean
    if model == "seeds":
        return 1.0 / (1.0 + defects)
    raise ValueError(f"no model of yield {model!r}; allowed: {', '.join(YIELD_MODELS)}")


def _negative_binomial(die_mm2: Number, defects_per_mm2: Number, yield_clustering: Number) -> Number:
    alpha = np.asarray(yield_clustering)
    if np.any(alpha != np.floor(alpha)) or np.any(alpha < 1):
        raise ValueError(f"yield_clustering must be a whole number of at least 1, got {yield_clustering}")
    base: Number = 1.0 + die_mm2 * (defects_per_mm2 / yield_clustering)
    power: Number = base
    for factors in range(1, int(np.max(alpha))):
        power = power * base if alpha.ndim == 0 else np.where(alpha > factors, power * base, power)
    return 1.0 / power


def exp_minus(x: Number) -> tuple[Number, Number]:
    """Return exp(-x) and (1 - exp(-x))/x for x of at least 0, by + - * / alone: the same bits on every machine.

    Parameters
    ----------
    x : array [1]
        At least 0; above `MOST_DEFECTS` taken as that.

    Returns
    -------
    exp, mean : array
        Both within 1e-13 of their values, relative.

    Notes
    -----
    With y = x/2^h: exp(y) and (exp(y) - 1)/y by their series, whose terms are all positive; then h times
    ``(1 - exp(-2y))/2y = (1 - exp(-y))/y·(1 + exp(-y))/2`` and ``exp(-2y) = exp(-y)^2``. Every step of exp rises or
    falls with x in floating point too.
    """
    y = np.minimum(x, MOST_DEFECTS) * 0.5**_HALVINGS
    ratio: Number = 1.0 + 0.0 * y  # (exp(y) - 1)/y
    for term in range(_TERMS, 1, -1):
        ratio = 1.0 + (y / term) * ratio
    exp: Number = 1.0 / (1.0 + y * ratio)
    mean: Number = ratio * exp
    for _ in range(_HALVINGS):
        mean = mean * ((1.0 + exp) * 0.5)
        exp = exp * exp
    return exp, mean
