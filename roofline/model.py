"""Model: a transformer's dimensions, as kinds of layers with counts."""

from __future__ import annotations

from dataclasses import dataclass

from roofline.precision import Precision, number_format

NORM_BYTES_PER_PARAMETER = 2.0
"""Norm weights and biases stay in 16 bit whatever the format of the matrices."""


@dataclass(frozen=True)
class Attention:
    """Softmax attention with a growing KV cache (MHA, GQA or MQA).

    Attributes
    ----------
    heads, kv_heads, head_dim : int
    window : int or None
        Tokens a token attends to at most, itself included; None is all of them.
    qkv_bias, output_bias : bool
    qk_norm_parameters : int
        Weights of the norms of Q and K (0: none).
    rotary : bool
        Whether rotary position embedding is applied to Q and K.
    """

    heads: int
    kv_heads: int
    head_dim: int
    window: int | None = None
    qkv_bias: bool = False
    output_bias: bool = False
    qk_norm_parameters: int = 0
    rotary: bool = True

    @property
    def q_width(self) -> int:
        """Elements of one token's Q."""
        return self.heads * self.head_dim

    @property
    def kv_width(self) -> int:
        """Elements of one token's K and V together."""
        return 2 * self.kv_heads * self.head_dim

    def attended(self, context: float) -> float:
        """Tokens of the KV cache a new token attends to, and that must be held, at `context` tokens."""
        return context if self.window is None else min(context, float(self.window))

    def mean_attended(self, context: float, steps: float) -> float:
        """Tokens attended on average over `steps` steps whose mean context is `context`: the mean of min(w, t)."""
        first, last = context - (steps - 1) / 2, context + (steps - 1) / 2
        if self.window is None or last <= self.window:
            return context
        growing = max(self.window - first + 1, 0.0)
        return (growing * (first + self.window) / 2 + (steps - growing) * self.window) / steps

    def causal_pairs(self, tokens: float) -> float:
        """Return the (query, key) pairs of one sequence of `tokens`: s(s+1)/2, or w(w+1)/2 + (s-w)w with a window w."""
        w = self.attended(tokens)
        return w * (w + 1) / 2 + (tokens - w) * w

    def matrix_parameters(self, hidden: int) -> int:
        """Weights of the projections, without biases."""
        return hidden * (self.q_width + self.kv_width) + self.q_width * hidden

    def vector_parameters(self, hidden: int) -> int:
        """Biases and norm weights."""
        qkv = self.q_width + self.kv_width if self.qkv_bias else 0
        return qkv + (hidden if self.output_bias else 0) + self.qk_norm_parameters


@dataclass(frozen=True)
class Mlp:
    """Feed-forward block: down(act(gate) * up), or down(act(up)) when not gated."""

    intermediate: int
    gated: bool = True
    bias: bool = False

    @property
    def up_width(self) -> int:
        """Elements of one token written by the up (and gate) projection."""
        return self.intermediate * (2 if self.gated else 1)

    def matrix_parameters(self, hidden: int) -> int:
        """Weights of the projections, without biases."""
        return hidden * self.up_width + self.intermediate * hidden

    def vector_parameters(self, hidden: int) -> int:
        """Biases."""
        return self.up_width + hidden if self.bias else 0


@dataclass(frozen=True)
class LayerKind:
    """One kind of layer and how many of it there are; `parallel`: attention and MLP share one norm and one residual."""

    count: int
    attention: Attention
    mlp: Mlp
    parallel: bool = False

    @property
    def norms(self) -> int:
        """Norms in front of attention and MLP."""
        return 1 if self.parallel else 2


@dataclass(frozen=True)
class Model:
    """A decoder-only transformer.

    Attributes
    ----------
    name : str
    hidden : int
    vocabulary : int
    layers : tuple of LayerKind
    norm_parameters : int
        Weights of one norm over the hidden size (hidden for RMSNorm, 2 x hidden for LayerNorm with bias).
    tied_embeddings : bool
        The LM head is the embedding table.
    learned_positions : int
        Rows of a learned position table (0: none).
    head_bias : bool
    """

    name: str
    hidden: int
    vocabulary: int
    layers: tuple[LayerKind, ...]
    norm_parameters: int
    tied_embeddings: bool = False
    learned_positions: int = 0
    head_bias: bool = False

    @property
    def layer_count(self) -> int:
        """Layers of all kinds."""
        return sum(kind.count for kind in self.layers)

    @property
    def embedding_parameters(self) -> int:
        """Rows that are only gathered: token and position tables (a tied token table counts as the LM head's)."""
        rows = self.learned_positions + (0 if self.tied_embeddings else self.vocabulary)
        return rows * self.hidden

    @property
    def matrix_parameters(self) -> int:
        """Weights of matrices read in full by every pass, LM head included."""
        layers = sum(
            k.count * (k.attention.matrix_parameters(self.hidden) + k.mlp.matrix_parameters(self.hidden))
            for k in self.layers
        )
        return layers + self.vocabulary * self.hidden

    @property
    def vector_parameters(self) -> int:
        """Norm weights and biases."""
        layers = sum(
            k.count
            * (
                k.attention.vector_parameters(self.hidden)
                + k.mlp.vector_parameters(self.hidden)
                + k.norms * self.norm_parameters
            )
            for k in self.layers
        )
        return layers + self.norm_parameters + (self.vocabulary if self.head_bias else 0)

    @property
    def total_parameters(self) -> int:
        """All parameters, tied tables counted once."""
        return self.embedding_parameters + self.matrix_parameters + self.vector_parameters


def kv_cache_bytes(model: Model, precision: Precision, context: float) -> float:
    """KV cache of one sequence [byte] at `context` tokens; a window caps what a layer keeps."""
    width = number_format(precision.kv_cache).bytes
    return sum(k.count * k.attention.kv_width * k.attention.attended(context) * width for k in model.layers)


def kv_cache_bytes_per_token(model: Model, precision: Precision) -> float:
    """KV cache [byte] one more token adds while no window is full: 2 x layers x kv_heads x head_dim x width."""
    return kv_cache_bytes(model, precision, 1.0)


def dense_weight_bytes(model: Model, precision: Precision) -> float:
    """Weights every pass reads in full [byte]: matrices in the weight format, norms and biases in 16 bit."""
    matrices = model.matrix_parameters * number_format(precision.weights).bytes
    return matrices + model.vector_parameters * NORM_BYTES_PER_PARAMETER


def embedding_bytes(model: Model, precision: Precision) -> float:
    """Tables of which a pass gathers single rows [byte]."""
    return model.embedding_parameters * number_format(precision.weights).bytes
