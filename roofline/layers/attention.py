"""Softmax attention: what is cached for every token, and which tokens are attended."""

from __future__ import annotations

from dataclasses import dataclass

from roofline.layers.selector import Selector, capped_sum
from roofline.layers.states import STATE_BYTES_PER_ELEMENT


@dataclass(frozen=True)
class Indexer:
    """Sparse attention's selector: small heads score every cached token and the `top_k` best are attended.

    Attributes
    ----------
    heads, head_dim : int
        Of the scoring queries; there is one key per token.
    top_k : int
        Tokens attended at most.
    query_width : int
        Width its queries are projected from (MLA's latent query, or the hidden size).
    """

    heads: int
    head_dim: int
    top_k: int
    query_width: int

    def matrix_parameters(self, hidden: int) -> int:
        """Weights of the projections of queries, keys and head weights."""
        return self.query_width * self.heads * self.head_dim + hidden * (self.head_dim + self.heads)

    def vector_parameters(self) -> int:
        """LayerNorm of the keys."""
        return 2 * self.head_dim


@dataclass(frozen=True)
class Attention:
    """Softmax attention with a growing KV cache (MHA, GQA or MQA), full, windowed or chunked.

    Attributes
    ----------
    heads, kv_heads, head_dim : int
    v_head_dim : int or None
        Width of a value head; None is head_dim.
    window : int or None
        Tokens a token attends to at most, itself included; None is all of them.
    chunked : bool
        The window is a chunk that starts anew every `window` tokens (Llama 4).
    qkv_bias, output_bias : bool
    qk_norm_parameters : int
        Weights of the norms of Q and K (0: none).
    sink_parameters : int
        Learned attention sinks (0: none).
    rotary : bool
        Whether rotary position embedding is applied to Q and K.
    output_gate : bool
        Q has a second half that gates the output.
    shared_kv : bool
        K and V come from one projection.
    reuses_kv : bool
        It reads the K and V that an earlier layer has cached, and has none of its own.
    selector : Selector or None
        Attends selected blocks of the cache, in place of a window.
    """

    heads: int
    kv_heads: int
    head_dim: int
    v_head_dim: int | None = None
    window: int | None = None
    chunked: bool = False
    qkv_bias: bool = False
    output_bias: bool = False
    qk_norm_parameters: int = 0
    sink_parameters: int = 0
    rotary: bool = True
    output_gate: bool = False
    shared_kv: bool = False
    reuses_kv: bool = False
    selector: Selector | None = None

    @property
    def value_dim(self) -> int:
        """Width of a value head."""
        return self.head_dim if self.v_head_dim is None else self.v_head_dim

    @property
    def q_width(self) -> int:
        """Elements of one token's Q."""
        return self.heads * self.head_dim

    @property
    def o_width(self) -> int:
        """Elements of one token's attention output."""
        return self.heads * self.value_dim

    @property
    def kv_width(self) -> int:
        """Elements of one token's K and V together, as cached."""
        return self.kv_heads * (self.head_dim + self.value_dim)

    @property
    def cached_width(self) -> int:
        """Elements of one token's K and V that this layer adds to the cache."""
        return 0 if self.reuses_kv else self.kv_width

    @property
    def projected_kv_width(self) -> int:
        """Outputs of the K and V projections."""
        return self.kv_heads * self.head_dim if self.shared_kv and not self.reuses_kv else self.cached_width

    @property
    def kv_projections(self) -> tuple[int, ...]:
        """Outputs of each projection of K and V."""
        if self.reuses_kv:
            return ()
        keys = self.kv_heads * self.head_dim
        return (keys,) if self.shared_kv else (keys, self.kv_heads * self.value_dim)

    @property
    def qkv_width(self) -> int:
        """Outputs of the Q, K and V projections (and of the output gate)."""
        return self.q_width + self.projected_kv_width + (self.o_width if self.output_gate else 0)

    def attended(self, context: float) -> float:
        """Tokens of the KV cache a new token attends to, and that must be held, at `context` tokens.

        Of selected blocks see :class:`Selector`.
        """
        return context if self.window is None else min(context, float(self.window))

    def mean_attended(self, context: float, steps: float) -> float:
        """Tokens attended on average over `steps` steps whose mean context is `context`.

        The mean of min(w, t); of a chunk, the mean of its fill; of selected blocks, of what is selected.
        """
        first, last = context - (steps - 1) / 2, context + (steps - 1) / 2
        if self.selector is not None:
            return (self.selector.attended_sum(last) - self.selector.attended_sum(first - 1)) / steps
        if self.window is None or last <= self.window:
            return context
        if self.chunked:
            return (self.causal_pairs(last) - self.causal_pairs(first - 1)) / steps
        growing = max(self.window - first + 1, 0.0)
        return (growing * (first + self.window) / 2 + (steps - growing) * self.window) / steps

    def causal_pairs(self, tokens: float) -> float:
        """Return the (query, key) pairs of one sequence of `tokens`.

        ``s(s+1)/2``; ``w(w+1)/2 + (s-w)w`` with a window w; the sum over chunks with chunks of w.
        """
        if self.selector is not None and self.selector.prompts != "full":
            return self.selector.prompt_pairs(tokens)
        w = self.attended(tokens)
        if self.chunked and self.window:
            w = float(self.window)
            whole, rest = divmod(tokens, w)
            return whole * w * (w + 1) / 2 + rest * (rest + 1) / 2
        return w * (w + 1) / 2 + (tokens - w) * w

    def cache_elements(self, context: float) -> float:
        """Elements one sequence keeps at `context` tokens, in the KV-cache format."""
        if self.selector is None:
            return self.cached_width * self.attended(context)
        summaries = self.selector.summaries(context) * self.kv_heads * self.head_dim
        return self.cached_width * self.selector.kept(context) + (0.0 if self.reuses_kv else summaries)

    def state_bytes(self) -> float:
        """Bytes one sequence keeps whatever its length."""
        return 0.0

    def matrix_parameters(self, hidden: int) -> int:
        """Weights of the projections, without biases."""
        return hidden * self.qkv_width + self.o_width * hidden

    def vector_parameters(self, hidden: int) -> int:
        """Biases, norm weights and sinks."""
        biases = (self.qkv_width if self.qkv_bias else 0) + (hidden if self.output_bias else 0)
        return biases + self.qk_norm_parameters + self.sink_parameters


@dataclass(frozen=True)
class LatentAttention:
    """Multi-head latent attention (DeepSeek-V2): one compressed vector per token is cached for all heads.

    Attributes
    ----------
    heads : int
    query_rank : int or None
        Rank of the query compression; None projects queries directly.
    latent_rank : int
        Rank of the cached latent.
    nope_dim, rope_dim, value_dim : int
        Widths of a head's position-free and rotary parts of Q and K, and of V.
    indexer : Indexer or None
        Selects the tokens attended (DeepSeek sparse attention).
    bias : bool
        Biases of the projections from and to the hidden size (of compressed queries, the latent, the output).
    """

    heads: int
    query_rank: int | None
    latent_rank: int
    nope_dim: int
    rope_dim: int
    value_dim: int
    indexer: Indexer | None = None
    bias: bool = False

    @property
    def cache_width(self) -> int:
        """Elements cached per token: the latent and one rotary key."""
        return self.latent_rank + self.rope_dim

    def attended(self, context: float) -> float:
        """Tokens attended at `context` tokens."""
        return context if self.indexer is None else min(context, float(self.indexer.top_k))

    def cache_elements(self, context: float) -> float:
        """Elements one sequence keeps at `context` tokens, in the KV-cache format."""
        return (self.cache_width + (self.indexer.head_dim if self.indexer else 0)) * context

    def state_bytes(self) -> float:
        """Bytes one sequence keeps whatever its length."""
        return 0.0

    def matrix_parameters(self, hidden: int) -> int:
        """Weights of the projections."""
        q_width = self.heads * (self.nope_dim + self.rope_dim)
        query = hidden * q_width if self.query_rank is None else self.query_rank * (hidden + q_width)
        latent = hidden * self.cache_width + self.latent_rank * self.heads * (self.nope_dim + self.value_dim)
        index = self.indexer.matrix_parameters(hidden) if self.indexer else 0
        return query + latent + self.heads * self.value_dim * hidden + index

    def vector_parameters(self, hidden: int) -> int:
        """Norms of the latents and of the indexer's keys, and biases."""
        norms = (self.query_rank or 0) + self.latent_rank + (self.indexer.vector_parameters() if self.indexer else 0)
        return norms + ((self.query_rank or 0) + self.cache_width + hidden if self.bias else 0)


@dataclass(frozen=True)
class CompressedAttention:
    """Attention to a window of tokens and to compressed entries of the whole context (DeepSeek-V4).

    One vector per token is key and value of all heads. Every `ratio` tokens are pooled into one entry more; with an
    indexer only the `top_k` best entries are attended. Parameters are exact; the cache is a first-order model:
    ``min(context, window)`` tokens and ``context / ratio`` entries (with the indexer's key), rounding neglected.

    Attributes
    ----------
    heads, head_dim, rope_dim : int
    query_rank : int
        Rank of the query compression.
    output_groups, output_rank : int
        The output projection goes through `output_rank` elements for each of `output_groups` groups of heads.
    window : int
    ratio : int
        Tokens per compressed entry; 0: the window alone.
    overlap : int
        Windows of `ratio` tokens an entry is pooled from (2 where neighbours overlap).
    indexer : Indexer or None
        Its keys are pooled in the same way.
    """

    heads: int
    head_dim: int
    rope_dim: int
    query_rank: int
    output_groups: int
    output_rank: int
    window: int
    ratio: int = 0
    overlap: int = 1
    indexer: Indexer | None = None

    @property
    def q_width(self) -> int:
        """Elements of one token's Q, and of its attention output."""
        return self.heads * self.head_dim

    @property
    def pool_width(self) -> int:
        """Outputs of each of the compressor's two projections (values and weights)."""
        return self.overlap * self.head_dim if self.ratio else 0

    @property
    def index_pool_width(self) -> int:
        """Outputs of each of the indexer's two compressing projections."""
        return self.overlap * self.indexer.head_dim if self.indexer else 0

    def entries(self, context: float) -> float:
        """Compressed entries at `context` tokens."""
        return context / self.ratio if self.ratio else 0.0

    def attended(self, context: float) -> float:
        """Tokens and entries attended at `context` tokens."""
        most = float(self.indexer.top_k) if self.indexer else float("inf")
        return min(context, float(self.window)) + min(self.entries(context), most)

    def mean_attended(self, context: float, steps: float) -> float:
        """Tokens and entries attended on average over `steps` steps whose mean context is `context`."""
        first, last = context - (steps - 1) / 2, context + (steps - 1) / 2
        return (self.causal_pairs(last) - self.causal_pairs(first - 1)) / steps

    def causal_pairs(self, tokens: float) -> float:
        """Return the (query, key) pairs of one sequence of `tokens`."""
        pairs = capped_sum(tokens, float(self.window))
        if not self.ratio:
            return pairs
        most = float(self.indexer.top_k * self.ratio) if self.indexer else float("inf")
        return pairs + capped_sum(tokens, most) / self.ratio

    def cache_elements(self, context: float) -> float:
        """Elements one sequence keeps at `context` tokens, in the KV-cache format."""
        entry = self.head_dim + (self.indexer.head_dim if self.indexer else 0)
        return min(context, float(self.window)) * self.head_dim + self.entries(context) * entry

    def state_bytes(self) -> float:
        """Values and weights of the entry in the making [byte] of one sequence."""
        width = self.pool_width + self.index_pool_width
        return 2 * self.overlap * self.ratio * width * STATE_BYTES_PER_ELEMENT

    def matrix_parameters(self, hidden: int) -> int:
        """Weights of the projections."""
        query = self.query_rank * (hidden + self.q_width)
        output = self.output_rank * (self.q_width + self.output_groups * hidden)
        pools = 2 * hidden * (self.pool_width + self.index_pool_width)
        index = self.indexer.heads * (self.query_rank * self.indexer.head_dim + hidden) if self.indexer else 0
        return query + hidden * self.head_dim + output + pools + index

    def vector_parameters(self, hidden: int) -> int:
        """Sinks, norms, and the positions of tokens within an entry."""
        own = self.heads + self.query_rank + self.head_dim
        pool = self.ratio * self.pool_width + self.head_dim if self.ratio else 0
        index = self.ratio * self.index_pool_width + self.indexer.head_dim if self.indexer else 0
        return own + pool + index
