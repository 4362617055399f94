"""Children of designs: recombination and mutation of genes, each kind of axis by its own rule.

Ordered axes: simulated binary crossover [1]_ and polynomial mutation [2]_ between levels, so that a range with
logarithmic levels is searched in its logarithm. Names: uniform crossover and a fresh draw, because no name lies between
two others.

References
----------
.. [1] K. Deb, R. B. Agrawal, "Simulated binary crossover for continuous search space", Complex Systems 9 (1995).
.. [2] K. Deb, M. Goyal, "A combined genetic adaptive search (GeneAS) for engineering design", Computer Science and
   Informatics 26 (1996).
"""

from __future__ import annotations

import numpy as np

from sweeps.genes import Floats, Genes, Ints

CROSSOVER_SHARE = 0.9
CROSSOVER_ETA = 15.0
MUTATION_ETA = 20.0


def children(first: Ints, second: Ints, genes: Genes, random: np.random.Generator) -> Ints:
    """Return two mutated children of each pair of parents.

    Parameters
    ----------
    first, second : ndarray of int, shape (n, g)
        Genes of the parents.
    genes : Genes
    random : numpy.random.Generator

    Returns
    -------
    ndarray of int, shape (2n, g)
    """
    one, other = recombined(first, second, genes, random)
    return mutated(np.concatenate([one, other]), genes, random)


def recombined(first: Ints, second: Ints, genes: Genes, random: np.random.Generator) -> tuple[Ints, Ints]:
    """Return the two children of each pair of parents; parameters as for :func:`children`."""
    shape = first.shape
    paired = random.random((shape[0], 1)) < CROSSOVER_SHARE
    crossed = paired & (random.random(shape) < 0.5)
    swapped = random.random(shape) < 0.5
    spread = random.random(shape)
    near, far = np.minimum(first, second), np.maximum(first, second)
    low, high = genes.unit(near), genes.unit(far)
    below = genes.of_unit(_sbx(low, high, low, spread, -1.0))
    above = genes.of_unit(_sbx(low, high, 1.0 - high, spread, 1.0))
    moved = crossed & (first != second) & ~genes.unordered
    one, other = np.where(moved, below, first), np.where(moved, above, second)
    swap = swapped & np.where(genes.unordered, paired, moved)
    return np.where(swap, other, one), np.where(swap, one, other)


def _sbx(low: Floats, high: Floats, room: Floats, spread: Floats, sign: float) -> Floats:
    """Child on one side of two parents low <= high in [0, 1], with so much room beyond the nearer one [1]."""
    gap = np.maximum(high - low, 1e-14)
    alpha = 2.0 - (1.0 + 2.0 * room / gap) ** -(CROSSOVER_ETA + 1.0)
    inner = (spread * alpha) ** (1.0 / (CROSSOVER_ETA + 1.0))
    outer = (1.0 / np.maximum(2.0 - spread * alpha, 1e-14)) ** (1.0 / (CROSSOVER_ETA + 1.0))
    beta = np.where(spread * alpha <= 1.0, inner, outer)
    return np.asarray((0.5 * ((low + high) + sign * beta * gap)).clip(0.0, 1.0), dtype=np.float64)


def mutated(levels: Ints, genes: Genes, random: np.random.Generator, share: float | None = None) -> Ints:
    """Return designs with some genes changed, one in each on average; a gene that is changed takes another level.

    Parameters
    ----------
    levels : ndarray of int, shape (n, g)
    genes : Genes
    random : numpy.random.Generator
    share : float, optional
        Of the genes to change; default 1 / g.
    """
    shape = levels.shape
    changed = random.random(shape) < (1.0 / genes.count if share is None else share)
    draw = random.random(shape)
    unit = genes.unit(levels)
    power = 1.0 / (MUTATION_ETA + 1.0)
    down = (2.0 * draw + (1.0 - 2.0 * draw) * (1.0 - unit) ** (MUTATION_ETA + 1.0)).clip(0.0) ** power - 1.0
    up = 1.0 - (2.0 * (1.0 - draw) + (2.0 * draw - 1.0) * unit ** (MUTATION_ETA + 1.0)).clip(0.0) ** power
    moved = genes.of_unit((unit + np.where(draw < 0.5, down, up)).clip(0.0, 1.0))
    step = np.where(draw < 0.5, -1, 1)
    step = np.where(levels + step < 0, 1, np.where(levels + step >= genes.sizes, -1, step))
    near = np.where(moved == levels, levels + step, moved)
    fresh = (levels + 1 + np.floor(draw * (genes.sizes - 1)).astype(np.int64)) % genes.sizes
    return np.where(changed, np.where(genes.unordered, fresh, near), levels)
