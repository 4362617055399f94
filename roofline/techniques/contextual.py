"""Contextual sparsity: each token needs only some neurons and heads, which small predictors name (Deja Vu).

Liu et al., arXiv 2310.17157.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from roofline.layers import Attention, Mlp
from roofline.model import Model
from roofline.operators import Operator

_UP, _DOWN, _BETWEEN = ("up", "up_gate"), ("down",), ("activation",)
_QUERY, _OUT, _SCORES = ("q_proj",), ("o_proj",), ("attention", "attention_qk", "attention_av")
_SOFTMAX = ("softmax", "softmax_max", "softmax_exp", "softmax_scale")


@dataclass(frozen=True)
class Contextual:
    """Decode steps compute a share of the neurons of dense feed-forwards, and of the heads of softmax attention.

    Attributes
    ----------
    neurons, heads : float
        Shares that one token needs [1].
    predictor : int
        Width between the two matrices of a predictor.

    Notes
    -----
    T tokens of a pass need ``1 - (1 - share)^T`` of the weights, as if each chose on its own (tokens choose alike, so
    it is an upper bound); a KV head is read where one of the g heads that share it is needed by one of the new tokens
    of a sequence. K and V of all heads are computed: later tokens may need them. A predictor of n neurons or heads is
    two matrices, hidden x predictor and predictor x n (section 4.1), read by every step before the layer; that Deja Vu
    hides it behind other layers is left out. Prompts are read in full, and all weights are held.
    """

    neurons: float = 1.0
    heads: float = 1.0
    predictor: int = 1024

    def __post_init__(self) -> None:
        for name in ("neurons", "heads"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ValueError(f"expected {name} above 0 and at most 1, got {getattr(self, name):g}")
        if self.predictor < 1:
            raise ValueError(f"expected a predictor of at least 1, got {self.predictor}")

    def check(self, model: Model) -> None:
        """Raise ValueError where a model has nothing to choose from, or predictors are wider than the model."""
        if self.neurons < 1.0 and not any(isinstance(f, Mlp) for kind in model.layers for f in kind.feed_forwards):
            raise ValueError(f"contextual sparsity chooses neurons of dense feed-forwards, which {model.name} has not")
        if self.heads < 1.0 and not any(isinstance(kind.mixer, Attention) for kind in model.layers):
            raise ValueError(f"contextual sparsity chooses heads of softmax attention, which {model.name} has not")
        feeds = [feed.intermediate for kind in model.layers for feed in kind.feed_forwards if isinstance(feed, Mlp)]
        most = max([model.hidden, *feeds])
        if self.predictor > most and self.predicted(model):
            raise ValueError(f"expected a predictor from 1 to {most}, the widest of {model.name}, got {self.predictor}")

    def predicted(self, model: Model) -> list[tuple[int, int]]:
        """Return the predictors as (how many, what each chooses from)."""
        found = []
        for kind in model.layers:
            if self.heads < 1.0 and isinstance(kind.mixer, Attention):
                found.append((kind.count, kind.mixer.heads))
            if self.neurons < 1.0:
                found += [(kind.count, feed.intermediate) for feed in kind.feed_forwards if isinstance(feed, Mlp)]
        return found

    def apply(self, row: Operator, *, tokens: float, per_sequence: float) -> Operator:
        """Return an operator of a step of so many new tokens, and so many of each sequence."""
        if self.neurons < 1.0:
            if row.name in _UP or row.name in _DOWN:
                return _matrix(row, self.neurons, tokens, read=row.name in _DOWN)
            if row.name in _BETWEEN:
                return _less(row, self.neurons)
        return self._heads(row, tokens, per_sequence) if self.heads < 1.0 else row

    def _heads(self, row: Operator, tokens: float, per_sequence: float) -> Operator:
        if row.name in _QUERY or row.name in _OUT:
            return _matrix(row, self.heads, tokens, read=row.name in _OUT)
        if row.name in _SOFTMAX:
            return _less(row, self.heads)
        if row.name in _SCORES:
            read = _needed(self.heads, row.queries_per_kv_head * per_sequence)
            return replace(_less(row, self.heads), kv_read_bytes=row.kv_read_bytes * read)
        return row


def _needed(share: float, tokens: float) -> float:
    """Share that at least one of so many tokens needs: 1 - (1 - share)^T."""
    return 1.0 - math.pow(1.0 - share, tokens)


def _matrix(row: Operator, share: float, tokens: float, *, read: bool) -> Operator:
    """A matrix of which each token needs a share of the inputs (`read`) or outputs."""
    needed = _needed(share, tokens)
    return replace(
        row,
        flop=row.flop * share,
        vector_ops=row.vector_ops - row.unpack_ops * (1.0 - needed),
        unpack_ops=row.unpack_ops * needed,
        weight_bytes=row.weight_bytes - row.matrix_elements * row.weight_width * (1.0 - needed),
        act_read_bytes=row.act_read_bytes * (share if read else 1.0),
        act_write_bytes=row.act_write_bytes * (1.0 if read else share),
        tile_traffic=row.tile_traffic * share,
        inputs=row.inputs * (needed if read else 1.0),
        outputs=row.outputs * (1.0 if read else needed),
    )


def _less(row: Operator, share: float) -> Operator:
    """An operator over a share of its elements."""
    return replace(
        row,
        flop=row.flop * share,
        vector_ops=row.vector_ops * share,
        act_read_bytes=row.act_read_bytes * share,
        act_write_bytes=row.act_write_bytes * share,
        scores=row.scores * share,
    )
