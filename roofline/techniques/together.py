"""The techniques of a request, and which of them contradict each other."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields, replace

from roofline.techniques.contextual import Contextual
from roofline.techniques.early_exit import EarlyExit
from roofline.techniques.heads import Eagle, Medusa, MultiToken
from roofline.techniques.lookahead import Jacobi, Lookahead
from roofline.techniques.low_rank import LowRank
from roofline.techniques.pruning import Pruning
from roofline.techniques.removal import Removal
from roofline.techniques.span import KvBudget, KvSharing, Selection, Window
from roofline.techniques.speculative import SelfSpeculative, Speculative, TokenTree

Decoding = Speculative | SelfSpeculative | TokenTree | Medusa | Eagle | MultiToken | Lookahead | Jacobi
DECODING = ("speculative", "self_speculative", "token_tree", "medusa", "eagle", "multi_token", "lookahead", "jacobi")
"""Ways to decode, of which a request has one."""

DECODE_ONLY = ("early_exit", "contextual", "self_speculative", "lookahead", "jacobi")
"""What neither does nor holds anything while prompts are read."""

RIVALS: tuple[tuple[tuple[str, ...], str], ...] = (
    (DECODING, "each is a whole decode step"),
    (("window", "kv_budget", "selection"), "each says which cached tokens are attended"),
    (("low_rank", "contextual"), "a factored matrix has no neurons of its own to choose from"),
    (("early_exit", "self_speculative"), "both say how many layers decide about a token"),
    (("early_exit", "contextual"), "K and V of skipped layers and of skipped heads are not known together"),
)
"""Techniques that take the place of one another, and why."""


@dataclass(frozen=True)
class Techniques:
    """Everything that makes a request cheaper than plain inference; None is not used. In the order they apply."""

    removal: Removal | None = None
    low_rank: LowRank | None = None
    pruning: Pruning | None = None
    early_exit: EarlyExit | None = None
    window: Window | None = None
    kv_budget: KvBudget | None = None
    kv_sharing: KvSharing | None = None
    selection: Selection | None = None
    contextual: Contextual | None = None
    speculative: Speculative | None = None
    self_speculative: SelfSpeculative | None = None
    token_tree: TokenTree | None = None
    medusa: Medusa | None = None
    eagle: Eagle | None = None
    multi_token: MultiToken | None = None
    lookahead: Lookahead | None = None
    jacobi: Jacobi | None = None

    def __post_init__(self) -> None:
        if message := contradiction(self.used):
            raise ValueError(message)

    @property
    def used(self) -> tuple[str, ...]:
        """Names of the techniques that are used."""
        return tuple(one.name for one in fields(self) if getattr(self, one.name) is not None)

    @property
    def of_prompts(self) -> Techniques:
        """Those that matter where prompts are read and nothing is decoded."""
        return replace(self, **dict.fromkeys(DECODE_ONLY))

    @property
    def decoding(self) -> Decoding | None:
        """How tokens are decoded; None: one by one."""
        return next((getattr(self, name) for name in DECODING if getattr(self, name) is not None), None)


def contradiction(used: Collection[str]) -> str | None:
    """Return what is wrong with techniques side by side; None if nothing is."""
    for rivals, why in RIVALS:
        both = [name for name in rivals if name in used]
        if len(both) > 1:
            return f"{' and '.join(both)} contradict each other: {why}"
    return None


NONE = Techniques()
