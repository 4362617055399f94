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
    ranks : int
        Equal parts the experts are spread over, of which this is the fullest (expert parallelism).
    replicas : int
        Groups of tokens as large as this one that meet at the same experts.

    Notes
    -----
    A pass is as slow as its fullest rank. With T tokens of all replicas and k of E experts for each, a rank's rows have
    the mean ``mu = T·k/R`` and the binomial variance ``mu·(1 - 1/R)``, its touched experts the mean ``n·p`` and the
    variance ``n·p·(1 - p)``, with ``n = E/R, p = 1 - (1 - k/E)^T``. Of R normal variables the largest is expected at
    most ``sqrt(2·ln R)`` standard deviations above the mean, which is taken for it (Boucheron, Lugosi, Massart:
    Concentration Inequalities, 2013, section 2.5). A rank has at most ``T·min(k, n)`` rows, an expert at most T.
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
    ranks: int = 1
    replicas: int = 1

    @property
    def held(self) -> int:
        """Experts of one rank."""
        return self.experts // self.ranks

    @property
    def up_width(self) -> int:
        """Elements of one token written by one expert's up (and gate) projection."""
        return self.intermediate * (2 if self.gated else 1)

    def touched(self, tokens: float) -> float:
        """Distinct experts that `tokens` tokens are expected to reach under uniform routing: E·(1 - (1 - k/E)^T).

        Of several ranks, those of the fullest.
        """
        everyone = tokens * self.replicas
        share = 1.0 - math.pow(1.0 - self.active / self.experts, everyone)
        mean = self.held * share
        if self.ranks == 1:
            return mean
        fullest = mean + self._above_mean(mean * (1.0 - share))
        return min(max(fullest, self.rows(tokens) / everyone), float(self.held))

    def rows(self, tokens: float) -> float:
        """Rows the experts compute for `tokens` tokens, T·k; of several ranks, those of the fullest."""
        everyone = tokens * self.replicas
        if self.ranks == 1:
            return everyone * self.active
        mean = everyone * self.active / self.ranks
        return min(mean + self._above_mean(mean * (1.0 - 1.0 / self.ranks)), everyone * min(self.active, self.held))

    def _above_mean(self, variance: float) -> float:
        """How far the largest of the ranks is above their mean, in the normal approximation."""
        return math.sqrt(2.0 * math.log(self.ranks) * variance)

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
        """Parameters of all routed experts (of one rank)."""
        return self.held * self.one_expert_parameters(hidden)
