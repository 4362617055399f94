"""One forward pass: what is computed for whom, and the building blocks of its operators."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from roofline.model import NORM_BYTES_PER_PARAMETER, Model
from roofline.operators import Operator
from roofline.parallel import ONE_CHIP, Parallel
from roofline.precision import Precision, arithmetic_format, number_format

FUSION_GROUPS = ("attention", "softmax", "norm", "residual", "rope", "swiglu")
"""Groups of operators that may join the kernel beside them."""

NORM_VECTOR_OPS = 4.0  # per element: square, accumulate, scale, multiply
SAMPLING_VECTOR_OPS = 5.0  # per logit: a softmax, and the running choice
ROPE_VECTOR_OPS = 3.0  # per element: two multiplications and an addition


@dataclass(frozen=True)
class Pass:
    """One forward pass: `sequences` sequences of `tokens` new tokens each.

    Attributes
    ----------
    model : Model
        What one of the chips runs.
    precision : Precision
    sequences : float
        Of a pass of one replica.
    tokens : float
        New tokens of each sequence: of a decode step 1, or the positions that are verified together.
    context : float
        Tokens the last token of a prefill attends to, and the first new token of a decode step, itself included.
    causal : bool
        A prefill, in which new tokens attend to each other; else a decode step.
    fusion : frozenset of str
        Groups of :data:`FUSION_GROUPS` that join the kernel beside them.
    dequantization_ops : float
        Vector operations that unpack one weight [1].
    accumulator_bytes : float
        Of a partial sum [byte].
    steps : float
        Consecutive decode steps, or pieces of a prompt, this is the average of.
    absorbed : bool
        Latent attention decodes on the latents themselves, its up-projections absorbed into query and output.
    split_qkv : bool
        Q is projected apart from K and V.
    parallel : Parallel
        The chips that share the work.
    riders : Pass or None
        A decode step that rides along: every matrix meets the tokens of both, attention is each one's own.
    """

    model: Model
    precision: Precision
    sequences: float
    tokens: float
    context: float
    causal: bool
    fusion: frozenset[str]
    dequantization_ops: float
    accumulator_bytes: float
    steps: float = 1.0
    absorbed: bool = True
    split_qkv: bool = False
    parallel: Parallel = ONE_CHIP
    riders: Pass | None = None

    @property
    def own_tokens(self) -> float:
        """Tokens of all sequences, without those that ride along."""
        return self.sequences * self.tokens

    @property
    def all_tokens(self) -> float:
        """Tokens that every matrix meets."""
        return self.own_tokens if self.riders is None else self.own_tokens + self.riders.own_tokens

    @property
    def all_sequences(self) -> float:
        """Sequences, those that ride along too."""
        return self.sequences if self.riders is None else self.sequences + self.riders.sequences

    @property
    def cached(self) -> float:
        """Tokens of a sequence that are in the cache before the first piece of its prompt."""
        return max(self.context - self.steps * self.tokens, 0.0) if self.causal else 0.0

    def mean_pairs(self, causal_pairs: Callable[[float], float]) -> float:
        """(query, key) pairs of one sequence in the average piece of its prompt, by those of a whole prompt."""
        return (causal_pairs(self.context) - causal_pairs(self.cached)) / self.steps

    def mean_before(self, most: float = math.inf) -> float:
        """Tokens before the average piece that it attends to, of each piece at most `most`.

        Pieces of c tokens begin at C, C + c, ..., C + (n-1)c: the mean of min(C + ic, most).
        """
        first, c, n = self.cached, self.tokens, self.steps
        rising = n if most == math.inf else min(max(math.floor((most - first) / c) + 1.0, 0.0), n)
        total = rising * first + c * rising * (rising - 1.0) / 2.0
        return (total + (n - rising) * most if rising < n else total) / n

    @property
    def mean_context(self) -> float:
        """Tokens that the average new token of a decode step attends to, itself included."""
        return self.context + (self.tokens - 1.0) / 2.0

    @property
    def whole_context(self) -> float:
        """Tokens that the last new token of a decode step attends to, itself included."""
        return self.context + (self.tokens - 1.0)

    @property
    def scored(self) -> float:
        """Tokens whose successor is predicted: the last one of each prompt, every new one of a decode step."""
        own = self.sequences if self.causal else self.own_tokens
        return own if self.riders is None else own + self.riders.scored

    @property
    def hidden_bytes(self) -> float:
        """Bytes of the hidden vectors of all tokens."""
        return self.all_tokens * self.model.hidden * self.act

    @cached_property
    def act(self) -> float:
        """Bytes of an activation."""
        return number_format(self.precision.activations).bytes

    @cached_property
    def kv(self) -> float:
        """Bytes of a cached element."""
        return number_format(self.precision.kv_cache).bytes

    @cached_property
    def cache_format(self) -> str:
        """Number format in which activations meet the cache."""
        return arithmetic_format(self.precision.activations, self.precision.kv_cache)

    def cache_unpacking(self, elements: float) -> float:
        """Vector operations to widen cached elements to the format they are computed in."""
        narrow = number_format(self.precision.kv_cache).bits < number_format(self.cache_format).bits
        return self.dequantization_ops * elements if narrow else 0.0

    def gemm(
        self,
        name: str,
        m: float,
        n: float,
        k: float,
        *,
        group: str,
        bias: float = 0.0,
        matrices: float = 1.0,
        weight_class: str = "dense",
    ) -> Operator:
        """Return A[m, k] · B[k, n] with weights B: FLOP, bytes, tiling bound, unpacking work.

        Parameters
        ----------
        name : str
        m, n, k : float
            Rows (of all matrices), outputs, inputs.
        group : str
            Group whose weight format it has, of :data:`roofline.precision.WEIGHT_GROUPS`.
        bias : float
            Bias elements, in 16 bit.
        matrices : float
            Distinct weight matrices the rows are divided over (experts).
        weight_class : str
            Placement class of the weights.
        """
        weights = self.precision.weights_of(group)
        w = number_format(weights).bytes
        fmt = arithmetic_format(weights, self.precision.activations)
        packed = number_format(weights).bits < number_format(fmt).bits
        unpacking = self.dequantization_ops * matrices * n * k if packed else 0.0
        return Operator(
            name=name,
            flop=2 * m * n * k,
            compute_format=fmt,
            vector_ops=unpacking,
            weight_bytes=matrices * (n * k * w + bias * NORM_BYTES_PER_PARAMETER),
            weight_class=weight_class,
            act_read_bytes=m * k * self.act,
            act_write_bytes=m * n * self.act,
            tile_traffic=2 * m * n * k * math.sqrt(self.act * w * self.accumulator_bytes),
            rows=m / matrices,
            matrices=matrices,
            inputs=k,
            outputs=n,
            weight_width=w,
            unpack_ops=unpacking,
            group=group,
        )

    def elementwise(self, name: str, *, ops: float, read: float, write: float, parameters: float = 0.0) -> Operator:
        """Return an operator without matrix work over `read` and `write` elements."""
        return Operator(
            name=name,
            vector_ops=ops,
            weight_bytes=parameters * NORM_BYTES_PER_PARAMETER,
            act_read_bytes=read * self.act,
            act_write_bytes=write * self.act,
        )

    def norm(self, name: str, tokens: float, width: float, parameters: float) -> Operator:
        """Return a norm of `tokens` rows of `width` elements."""
        elements = tokens * width
        return self.elementwise(
            name, ops=NORM_VECTOR_OPS * elements, read=elements, write=elements, parameters=parameters
        )

    def layer_norm(self, name: str) -> Operator:
        """Return a norm over the hidden size of every token."""
        return self.norm(name, self.all_tokens, self.model.hidden, self.model.norm_parameters)

    def residual(self, name: str) -> Operator:
        """Return the addition of a block's output to its input."""
        elements = self.all_tokens * self.model.hidden
        return self.elementwise(name, ops=elements, read=2 * elements, write=elements)

    def rope(self, elements: float) -> Operator:
        """Return the rotary position embedding of `elements` of Q and K."""
        return self.elementwise("rope", ops=ROPE_VECTOR_OPS * elements, read=elements, write=elements)


@dataclass(frozen=True)
class Beside:
    """An elementwise operator next to a kernel, and the group that fuses it."""

    group: str
    row: Operator
    after: bool = True


def fuse(step: Pass, host: Operator, around: Sequence[Beside]) -> list[Operator]:
    """Return the host kernel with every operator of a fused group folded in; the others stay kernels of their own.

    A fused operator moves no activation bytes of its own: its vector work and its weights join the host.
    """
    before: list[Operator] = []
    after: list[Operator] = []
    vector_ops, weight_bytes = host.vector_ops, host.weight_bytes
    for beside in around:
        row = beside.row
        if beside.group in step.fusion:
            vector_ops, weight_bytes = vector_ops + row.vector_ops, weight_bytes + row.weight_bytes
        else:
            (after if beside.after else before).append(row)
    if (vector_ops, weight_bytes) != (host.vector_ops, host.weight_bytes):
        host = replace(host, vector_ops=vector_ops, weight_bytes=weight_bytes)
    return [*before, host, *after]


def with_riders(step: Pass, rows_of: Callable[[Pass], list[Operator]]) -> list[Operator]:
    """Return the rows that a pass and the decode step riding along have each of their own."""
    if step.riders is None:
        return rows_of(step)
    return [*rows_of(step), *(replace(row, name=f"{row.name}_decode") for row in rows_of(step.riders))]
