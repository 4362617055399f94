"""Techniques that make inference cheaper: each is a few parameters, and what they do to the work of a request.

They apply in one order, whatever the order in which they are given:

1. compression, the model as it is stored: removed layers, heads and channels; caches that layers share; low rank;
   pruned weights;
2. depth: early exit;
3. attention span: windows and selected caches, in prompts too; caches evicted after them;
4. contextual sparsity: the heads and neurons that a token needs;
5. decoding: several tokens from one pass over the weights.

Distillation is no technique: the student is another model, so an axis over models compares it with its teacher.

Each acts on what the ones before it left. :func:`served` is the only place that applies them; without techniques it
returns the passes of :mod:`roofline.phases` as they are. What takes the place of the same thing contradicts, which
:func:`contradiction` says.
"""

from roofline.techniques.compose import Served, served
from roofline.techniques.contextual import Contextual
from roofline.techniques.early_exit import EarlyExit
from roofline.techniques.heads import Eagle, Medusa, MultiToken
from roofline.techniques.lookahead import Jacobi, Lookahead
from roofline.techniques.low_rank import LowRank
from roofline.techniques.models import TechniqueError, cached_models
from roofline.techniques.options import PassOptions, Piece
from roofline.techniques.pruning import SKIPPING, Pruning
from roofline.techniques.removal import Removal
from roofline.techniques.span import KvBudget, KvSharing, Selection, Window
from roofline.techniques.speculative import SelfSpeculative, Speculative, TokenTree
from roofline.techniques.together import NONE, Techniques, contradiction
from roofline.techniques.verify import Accepted

__all__ = [
    "NONE",
    "SKIPPING",
    "Accepted",
    "Contextual",
    "Eagle",
    "EarlyExit",
    "Jacobi",
    "KvBudget",
    "KvSharing",
    "Lookahead",
    "LowRank",
    "Medusa",
    "MultiToken",
    "PassOptions",
    "Piece",
    "Pruning",
    "Removal",
    "Selection",
    "SelfSpeculative",
    "Served",
    "Speculative",
    "TechniqueError",
    "Techniques",
    "TokenTree",
    "Window",
    "cached_models",
    "contradiction",
    "served",
]
