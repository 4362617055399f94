"""Layers that keep a state instead of a growing cache: Mamba, gated delta-rule and linear attention."""

from __future__ import annotations

from dataclasses import dataclass

from roofline.layers.states import CONV_BYTES_PER_ELEMENT, STATE_BYTES_PER_ELEMENT


@dataclass(frozen=True)
class StateSpace:
    """Mamba: a selective state-space layer (version 1 or 2) behind a short convolution.

    Attributes
    ----------
    inner : int
        Width of the layer inside.
    state : int
        State elements per inner channel.
    heads : int
        Mamba-2 heads; 0 for Mamba-1.
    groups : int
        Mamba-2 groups of B and C.
    conv_kernel : int
    step_rank : int
        Mamba-1 rank of the time step; 0 for Mamba-2.
    projection_bias, conv_bias : bool
    norm_parameters : int
        Weights of norms inside the layer.
    """

    inner: int
    state: int
    heads: int
    groups: int
    conv_kernel: int
    step_rank: int = 0
    projection_bias: bool = False
    conv_bias: bool = True
    norm_parameters: int = 0

    @property
    def conv_width(self) -> int:
        """Channels of the convolution."""
        return self.inner + (2 * self.groups * self.state if self.heads else 0)

    @property
    def in_width(self) -> int:
        """Outputs of the input projection: gate, convolved channels and time steps."""
        return 2 * self.inner + (2 * self.groups * self.state + self.heads if self.heads else 0)

    def cache_elements(self, context: float) -> float:
        """Elements that grow with the context: none."""
        return 0.0

    def state_bytes(self) -> float:
        """State and the convolution's last inputs of one sequence [byte]."""
        inputs = self.conv_width * (self.conv_kernel - 1)
        return self.inner * self.state * STATE_BYTES_PER_ELEMENT + inputs * CONV_BYTES_PER_ELEMENT

    def matrix_parameters(self, hidden: int) -> int:
        """Weights of the projections."""
        steps = self.inner * (self.step_rank + 2 * self.state) + self.step_rank * self.inner if self.step_rank else 0
        return hidden * self.in_width + self.inner * hidden + steps

    def vector_parameters(self, hidden: int) -> int:
        """Convolution, decay, skip, time-step bias, norms and biases."""
        conv = self.conv_width * (self.conv_kernel + (1 if self.conv_bias else 0))
        own = 3 * self.heads if self.heads else self.inner * (self.state + 2)
        biases = self.in_width + hidden if self.projection_bias else 0
        return conv + own + self.norm_parameters + biases


@dataclass(frozen=True)
class GatedDelta:
    """Linear attention with a state per head: gated delta rule (Qwen3-Next, Kimi Linear) or plain decay (MiniMax-01).

    Attributes
    ----------
    key_heads, value_heads, key_dim, value_dim : int
    conv_kernel : int
        Taps of the short convolution over Q, K and V; 0: none.
    delta_rule : bool
        The state is corrected by what it already predicts; False: it only decays, at a fixed rate per head.
    gate_rank : int
        Rank of the projections of the decay and of the output gate; 0: a full output gate and one decay per head.
    """

    key_heads: int
    value_heads: int
    key_dim: int
    value_dim: int
    conv_kernel: int
    delta_rule: bool = True
    gate_rank: int = 0

    @property
    def conv_width(self) -> int:
        """Elements of Q, K and V: the channels of the convolution."""
        return 2 * self.key_heads * self.key_dim + self.value_heads * self.value_dim

    @property
    def o_width(self) -> int:
        """Elements of one token's output."""
        return self.value_heads * self.value_dim

    @property
    def scalars(self) -> int:
        """Numbers per token and value head beside Q, K, V and gate: step size, and decay unless it has a rank."""
        return (1 if self.gate_rank else 2) if self.delta_rule else 0

    @property
    def in_width(self) -> int:
        """Outputs of the projections from the hidden size: Q, K, V, gate (or the two ranks), scalars per head."""
        gate = 2 * self.gate_rank if self.gate_rank else self.o_width
        return self.conv_width + gate + self.scalars * self.value_heads

    def cache_elements(self, context: float) -> float:
        """Elements that grow with the context: none."""
        return 0.0

    def state_bytes(self) -> float:
        """State and the convolution's last inputs of one sequence [byte]."""
        inputs = self.conv_width * max(self.conv_kernel - 1, 0)
        state = self.value_heads * self.key_dim * self.value_dim
        return state * STATE_BYTES_PER_ELEMENT + inputs * CONV_BYTES_PER_ELEMENT

    def matrix_parameters(self, hidden: int) -> int:
        """Weights of the projections."""
        from_ranks = self.gate_rank * (self.value_heads * self.key_dim + self.o_width)
        return hidden * self.in_width + self.o_width * hidden + from_ranks

    def vector_parameters(self, hidden: int) -> int:
        """Convolution, decay and time-step bias, output norm (over all heads without the delta rule)."""
        if not self.delta_rule:
            return self.conv_width * self.conv_kernel + self.o_width
        decay = self.value_heads * (1 + (self.key_dim if self.gate_rank else 1))
        return self.conv_width * self.conv_kernel + decay + self.value_dim
