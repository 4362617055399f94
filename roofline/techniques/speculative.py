"""Speculative decoding: a draft proposes, the target verifies all proposals in one pass."""

from __future__ import annotations

from dataclasses import dataclass

from roofline.model import Model
from roofline.techniques.removal import of_depth
from roofline.techniques.verify import Accepted, Draft, Verified, check_chance, check_count, expected_tokens


@dataclass(frozen=True)
class Speculative:
    """A small model drafts gamma tokens one by one, the target verifies gamma + 1 positions in one pass.

    Leviathan et al., arXiv 2211.17192; Chen et al., arXiv 2302.01318.

    Attributes
    ----------
    draft : Model
    gamma : int
        Tokens drafted in a step.
    acceptance : float
        Chance that a drafted token is accepted where all before it were, alpha [1].

    Notes
    -----
    A step is gamma passes of the draft and one of the target, and yields ``(1 - alpha^(gamma+1))/(1 - alpha)`` tokens.
    The draft holds its weights and a KV cache of its own, and reads the prompt too.
    """

    draft: Model
    gamma: int
    acceptance: float

    def __post_init__(self) -> None:
        check_count(self.gamma, "gamma")
        check_chance(self.acceptance, "acceptance")

    def step(self, target: Model) -> Verified:
        """Return what a decode step of `target` is."""
        draft = Draft(self.draft, self.gamma, held=self.draft)
        return Verified(self.gamma + 1.0, expected_tokens(self.acceptance, self.gamma), draft)


@dataclass(frozen=True)
class SelfSpeculative:
    """The target drafts with some of its own layers (Zhang et al., arXiv 2309.08168; LayerSkip, arXiv 2404.16710).

    Attributes
    ----------
    layers : int
        Layers that draft.
    gamma : int
        Tokens drafted in a step.
    acceptance : float
        Chance that a drafted token is accepted where all before it were [1].

    Notes
    -----
    Nothing more is held: the draft reads the target's weights and LM head, and its layers' part of the KV cache. All
    layers verify; LayerSkip, which drafts with the first ones, saves what they have computed already.
    """

    layers: int
    gamma: int
    acceptance: float

    def __post_init__(self) -> None:
        check_count(self.layers, "layers")
        check_count(self.gamma, "gamma")
        check_chance(self.acceptance, "acceptance")

    def step(self, target: Model) -> Verified:
        """Return what a decode step of `target` is."""
        draft = Draft(of_depth(target, self.layers), self.gamma)
        return Verified(self.gamma + 1.0, expected_tokens(self.acceptance, self.gamma), draft)


@dataclass(frozen=True)
class TokenTree:
    """A draft grows a tree of proposals, the target verifies all of its nodes at once (SpecInfer, arXiv 2305.09781).

    Attributes
    ----------
    draft : Model
    depth : int
        Levels of the tree: passes of the draft.
    nodes : int
        Proposals; with the token before them nodes + 1 positions are verified.
    yields : Accepted
        Of a level: that one of its nodes continues the accepted path.

    Notes
    -----
    A pass of the draft has nodes/depth positions on average.
    """

    draft: Model
    depth: int
    nodes: int
    yields: Accepted

    def __post_init__(self) -> None:
        check_tree(self.depth, self.nodes)
        self.yields.tokens(self.depth)

    def step(self, target: Model) -> Verified:
        """Return what a decode step of `target` is."""
        draft = Draft(self.draft, self.depth, self.nodes / self.depth, held=self.draft)
        return Verified(self.nodes + 1.0, self.yields.tokens(self.depth), draft, chain=self.nodes == self.depth)


def check_tree(depth: int, nodes: int) -> None:
    """Raise ValueError where a tree cannot be."""
    check_count(depth, "depth")
    check_count(nodes, "nodes")
    if nodes < depth:
        raise ValueError(f"expected at least as many nodes as the depth {depth}, got {nodes}")
