"""The pass that verifies several positions of a sequence at once, and the tokens it is expected to yield.

Whoever proposes tokens, one pass of the target over the proposals and the token before them accepts some and yields one
of its own: of n proposed tokens n + 1 positions are verified.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from roofline.model import Model

MOST_POSITIONS = 4096


@dataclass(frozen=True)
class Draft:
    """What proposes tokens before the target verifies them.

    Attributes
    ----------
    model : Model
        What one of its passes runs.
    passes : int
        Its passes in a step, one after the other.
    tokens : float
        Positions of a sequence in one of them.
    held : Model or None
        Weights that are held for it beside the target's; None: it is a part of the target, and shares its cache.
    copies : int
        How often these weights, and the cache of `model`, are held.
    combines : bool
        Each pass starts with a projection of the target's hidden vector beside the embedding.
    """

    model: Model
    passes: int
    tokens: float = 1.0
    held: Model | None = None
    copies: int = 1
    combines: bool = False


@dataclass(frozen=True)
class Verified:
    """A decode step: what proposes, the positions one pass verifies, and the tokens expected of it.

    Attributes
    ----------
    positions : float
        Of each sequence.
    tokens : float
        Expected tokens of each sequence, from 1 to `positions`.
    draft : Draft or None
        None where the pass itself proposes.
    heads : int
        Heads on every position that propose the next ones.
    chain : bool
        The positions follow one another; else they branch, which the state of a recurrent layer cannot.
    """

    positions: float
    tokens: float
    draft: Draft | None = None
    heads: int = 0
    chain: bool = True


@dataclass(frozen=True)
class Accepted:
    """How many proposals a step accepts; exactly one of the three.

    Attributes
    ----------
    acceptance : float or None
        Chance that one of the proposals of a depth is accepted where those before it were [1].
    accepted : float or None
        Mean number of accepted proposals of a step.
    by_depth : tuple of float
        The chance of each depth [1].
    """

    acceptance: float | None = None
    accepted: float | None = None
    by_depth: tuple[float, ...] = ()

    def tokens(self, depth: int) -> float:
        """Return the tokens that a step yields [1] with proposals to a depth: the accepted ones, and one more."""
        given = [name for name in ("acceptance", "accepted", "by_depth") if getattr(self, name) not in (None, ())]
        if len(given) != 1:
            got = " and ".join(given) or "none"
            raise ValueError(f"expected exactly one of acceptance, accepted and by_depth, got {got}")
        if self.acceptance is not None:
            check_chance(self.acceptance, "acceptance")
            return expected_tokens(self.acceptance, depth)
        if self.by_depth:
            if len(self.by_depth) != depth:
                raise ValueError(f"expected {depth} chances by_depth, one for each depth, got {len(self.by_depth)}")
            for chance in self.by_depth:
                check_chance(chance, "a chance by_depth")
            return expected_path(self.by_depth)
        assert self.accepted is not None
        if not 0.0 <= self.accepted <= depth:
            raise ValueError(f"expected accepted from 0 to {depth}, the depth of the proposals, got {self.accepted:g}")
        return 1.0 + self.accepted


def expected_tokens(acceptance: float, gamma: int) -> float:
    """Return the tokens a step yields [1] with gamma drafted tokens, each accepted with the same chance.

    ``(1 - a^(gamma+1))/(1 - a)``, Leviathan et al., arXiv 2211.17192, Eq. (1); summed, so that a = 1 gives gamma + 1.
    """
    total = 1.0
    for _ in range(gamma):
        total = 1.0 + acceptance * total
    return total


def expected_path(acceptances: Sequence[float]) -> float:
    """Return the tokens a step yields [1] where depth i is accepted with chance a_i if the one before it was.

    ``1 + sum over depths of the product of the chances down to it``; one chance at every depth is
    :func:`expected_tokens`.
    """
    total = 1.0
    for chance in reversed(acceptances):
        total = 1.0 + chance * total
    return total


def check_chance(value: float, what: str) -> None:
    """Raise ValueError where something is no probability."""
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"expected {what} from 0 to 1, got {value:g}")


def check_count(value: int, what: str) -> None:
    """Raise ValueError where something is not at least 1."""
    if not 1 <= value <= MOST_POSITIONS:
        raise ValueError(f"expected {what} from 1 to {MOST_POSITIONS}, got {value:g}")
