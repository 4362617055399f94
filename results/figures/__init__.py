"""Pictures, one function each: colour-blind safe, with units, legible in black and white.

Figures are made without pyplot, so that they neither need a screen nor disturb the user's own figures.
"""

from results.figures.accuracy import accuracy
from results.figures.bottleneck import bottleneck_map
from results.figures.breakdown import breakdown_bars
from results.figures.convergence import convergence
from results.figures.costs import costs
from results.figures.energy import energy_roofline
from results.figures.files import KINDS, inline, save
from results.figures.pair import two_objectives
from results.figures.parallel import parallel_coordinates
from results.figures.quality import fronts_and_quality
from results.figures.rates import rates
from results.figures.roofline import roofline
from results.figures.scatter import scatter_matrix
from results.figures.tornado import sensitivity

__all__ = [
    "KINDS",
    "accuracy",
    "bottleneck_map",
    "breakdown_bars",
    "convergence",
    "costs",
    "energy_roofline",
    "fronts_and_quality",
    "inline",
    "parallel_coordinates",
    "rates",
    "roofline",
    "save",
    "scatter_matrix",
    "sensitivity",
    "two_objectives",
]
