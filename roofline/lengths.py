"""Lengths of requests as a distribution: a histogram, or the rows of a trace."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

MOST_BINS = 16
"""Groups of prompts of similar length that a distribution is worked off as; each has a prefill of its own."""

QUANTILES = (0.5, 0.95)
"""Shares of the requests whose time to the first token is a column."""

Row = tuple[float, float, float]
"""Prompt tokens, output tokens, weight."""


@dataclass(frozen=True)
class Bin:
    """Requests of similar length.

    Attributes
    ----------
    prompt_tokens, output_tokens : float
        Their means.
    weight : float
        Share of the requests [1]; 0 of a length that is looked at and takes no part.
    quantiles : tuple of float
        Of :data:`QUANTILES`: this share of all requests has a prompt no longer than these.
    """

    prompt_tokens: float
    output_tokens: float
    weight: float
    quantiles: tuple[float, ...] = ()


@dataclass(frozen=True)
class Lengths:
    """How long requests are.

    Attributes
    ----------
    rows : tuple of (prompt tokens, output tokens, weight)
        By ascending prompt, then output; the weights sum to 1.
    """

    rows: tuple[Row, ...]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Lengths:
        """Return a distribution of rows in any order, with weights of any sum.

        Raises
        ------
        ValueError
            If there is none, a prompt or an output is shorter than 1 token, or a weight is not positive.
        """
        if not rows:
            raise ValueError("expected at least one length")
        for prompt, output, weight in rows:
            if not (1 <= prompt < math.inf and 1 <= output < math.inf):
                raise ValueError(f"expected at least 1 prompt token and 1 output token, got {prompt:g} and {output:g}")
            if not 0 < weight < math.inf:
                raise ValueError(f"expected a weight above 0, got {weight:g}")
        whole = math.fsum(weight for _, _, weight in rows)
        return cls(tuple(sorted((float(p), float(o), w / whole) for p, o, w in rows)))

    @cached_property
    def mean_prompt(self) -> float:
        """Prompt tokens of the average request."""
        return math.fsum(prompt * weight for prompt, _, weight in self.rows)

    @cached_property
    def mean_output(self) -> float:
        """Output tokens of the average request."""
        return math.fsum(output * weight for _, output, weight in self.rows)

    @cached_property
    def mean_context(self) -> float:
        """Tokens attended by the average decode step: each request counts for as many steps as it has outputs.

        ``sum w·o·(p + o/2) / sum w·o``; one length gives p + o/2.
        """
        return math.fsum(w * o * (p + o / 2.0) for p, o, w in self.rows) / self.mean_output

    @cached_property
    def mean_final(self) -> float:
        """Tokens that the average sequence in flight has at its end: ``sum w·o·(p + o) / sum w·o``."""
        return math.fsum(w * o * (p + o) for p, o, w in self.rows) / self.mean_output

    @cached_property
    def longest(self) -> float:
        """Tokens of the longest request, prompt and output."""
        return max(prompt + output for prompt, output, _ in self.rows)

    @property
    def longest_prompt(self) -> float:
        """Tokens of the longest prompt."""
        return self.rows[-1][0]

    def prompt_quantile(self, share: float) -> float:
        """Shortest prompt such that this share of the requests has one no longer."""
        reached = accumulate(weight for _, _, weight in self.rows)
        # Sums of weights round: a row that reaches the share but for rounding has reached it.
        found = (prompt for (prompt, _, _), so_far in zip(self.rows, reached, strict=True) if so_far >= share - 1e-12)
        return next(found, self.rows[-1][0])

    @cached_property
    def bins(self) -> tuple[Bin, ...]:
        """At most :data:`MOST_BINS` groups of neighbours with equal shares, and the lengths that are looked at beside.

        Few rows are a group each. Groups keep the mean prompt, the mean output and so all work that is linear in
        them; attention's square of a prompt comes out low by the variance within a group. Beside them stand, with
        weight 0, the prompts of :data:`QUANTILES` and the longest, where no group is exactly that.
        """
        groups = _grouped(self.rows, MOST_BINS)
        wanted: dict[float, tuple[float, ...]] = {}
        for share in QUANTILES:
            at = self.prompt_quantile(share)
            wanted[at] = (*wanted.get(at, ()), share)
        wanted.setdefault(self.rows[-1][0], ())
        found = [
            Bin(group.prompt_tokens, group.output_tokens, group.weight, wanted.pop(group.prompt_tokens, ()))
            for group in groups
        ]
        return (*found, *(Bin(prompt, self.mean_output, 0.0, shares) for prompt, shares in sorted(wanted.items())))


def _grouped(rows: Sequence[Row], most: int) -> list[Bin]:
    if len(rows) <= most:
        return [Bin(*row) for row in rows]
    groups: list[list[Row]] = [[] for _ in range(most)]
    so_far = 0.0
    for row in rows:
        # By the middle of its weight, so that no group is left out for rounding.
        groups[min(int((so_far + row[2] / 2.0) * most), most - 1)].append(row)
        so_far += row[2]
    return [_mean(group) for group in groups if group]


def _mean(rows: Sequence[Row]) -> Bin:
    weight = math.fsum(w for _, _, w in rows)
    prompt = math.fsum(p * w for p, _, w in rows) / weight
    return Bin(prompt, math.fsum(o * w for _, o, w in rows) / weight, weight)
