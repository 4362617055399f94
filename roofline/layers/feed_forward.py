"""Feed-forward blocks: dense MLPs and mixtures of experts."""

from __future__ import annotations

import math
from dataclasses import dataclass


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

    def expert_parameters(self, hidden: int) -> int:
        """Parameters of routed experts: none."""
        return 0


@dataclass(frozen=True)
class Experts:
    """Mixture of experts: a router sends each token to `active` of `experts` small MLPs; shared experts see all tokens.

    Attributes
    ----------
    experts, active : int
    intermediate : int
        Width of one expert.
    gated : bool
    bias : bool
        Biases in the experts.
    router_bias : bool
    shared : Mlp or None
        All shared experts as one MLP.
    shared_gate : bool
        A scalar gate on the shared experts' output.
    latent : int or None
        Width of the space the routed experts read and write, behind one projection into it and one out of it
        (Nemotron 3 Super); None is the hidden size.
    """

    experts: int
    active: int
    intermediate: int
    gated: bool = True
    bias: bool = False
    router_bias: bool = False
    shared: Mlp | None = None
    shared_gate: bool = False
    latent: int | None = None

    @property
    def up_width(self) -> int:
        """Elements of one token written by one expert's up (and gate) projection."""
        return self.intermediate * (2 if self.gated else 1)

    def touched(self, tokens: float) -> float:
        """Distinct experts that `tokens` tokens are expected to reach under uniform routing: E·(1 - (1 - k/E)^T)."""
        return self.experts * (1.0 - math.pow(1.0 - self.active / self.experts, tokens))

    def one_expert_parameters(self, hidden: int) -> int:
        """Weights and biases of one expert."""
        width = self.latent or hidden
        bias = self.up_width + width if self.bias else 0
        return width * self.up_width + self.intermediate * width + bias

    def matrix_parameters(self, hidden: int) -> int:
        """Weights every token sees: router, shared experts, their gate, the projections to and from the latent."""
        shared = self.shared.matrix_parameters(hidden) if self.shared else 0
        return hidden * self.experts + shared + (hidden if self.shared_gate else 0) + 2 * hidden * (self.latent or 0)

    def vector_parameters(self, hidden: int) -> int:
        """Biases of router and shared experts."""
        shared = self.shared.vector_parameters(hidden) if self.shared else 0
        return (self.experts if self.router_bias else 0) + shared

    def expert_parameters(self, hidden: int) -> int:
        """Parameters of all routed experts."""
        return self.experts * self.one_expert_parameters(hidden)
