"""How requests are served: latencies from the times of passes, and in which turn prefills and decode steps run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from roofline.lengths import Bin, Lengths
from roofline.memory import Number


def request_latency_s(ttft_s: Number, tpot_s: Number, output_tokens: float) -> Number:
    """Time from request to last token [s]: the first comes with the prefill, o - 1 decode steps follow."""
    return ttft_s + (output_tokens - 1.0) * tpot_s


def mean_decode_context(prompt_tokens: float, output_tokens: float) -> float:
    """Tokens attended by the average decode step [1]: p + o/2.

    The o - 1 steps attend p + 1 ... p + o - 1 tokens, whose mean is p + o/2; step time is affine in the context as
    long as one ceiling binds, so the mean step is the mean time (a test bounds the gap).
    """
    return prompt_tokens + output_tokens / 2.0


@dataclass(frozen=True)
class Serving:
    """How a server batches, and how it keeps the KV cache.

    Attributes
    ----------
    continuous : bool
        A sequence that ends makes room for the next at once (Yu et al., Orca, OSDI 2022): prompts are processed one
        at a time between decode steps. Else all sequences of a batch begin and end together.
    chunk_tokens : int or None
        A prompt is processed in pieces of so many tokens, each in one pass with a token of every sequence that decodes
        (Agrawal et al., SARATHI, arXiv 2308.16369).
    prefix_hit_rate : float
        Share of each prompt whose keys and values are in the cache: they are read, not computed (Zheng et al., SGLang,
        arXiv 2312.07104). The last token is always computed, as its successor is wanted.
    prefix_bytes : float
        Of one chip's memory, held for prefixes beside those of the sequences in flight [byte].
    block_tokens : int
        The cache is handed out in blocks of so many tokens; the last one of a sequence is on average half empty
        (Kwon et al., PagedAttention, arXiv 2309.06180).
    reserved_tokens : int or None
        Each sequence has room for so many tokens, whatever it uses.
    arrivals_per_s : float or None
        Requests that arrive at random [1/s]; None: there is always a next one.
    only_prompts : bool
        Prompts are read, and their caches sent to where outputs are generated: no room is kept for those.
    """

    continuous: bool = False
    chunk_tokens: int | None = None
    prefix_hit_rate: float = 0.0
    prefix_bytes: float = 0.0
    block_tokens: int = 1
    reserved_tokens: int | None = None
    arrivals_per_s: float | None = None
    only_prompts: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.prefix_hit_rate <= 1.0:
            raise ValueError(f"expected a prefix hit rate from 0 to 1, got {self.prefix_hit_rate:g}")
        if message := contradiction(
            continuous=self.continuous,
            chunks=self.chunk_tokens is not None,
            arrivals=self.arrivals_per_s is not None,
            blocks=self.block_tokens > 1,
            reserved=self.reserved_tokens is not None,
        ):
            raise ValueError(message)

    def cached_tokens(self, prompt_tokens: float) -> float:
        """Tokens of a prompt that need no prefill."""
        return min(self.prefix_hit_rate * prompt_tokens, prompt_tokens - 1.0)

    def pieces(self, prompt_tokens: float) -> int:
        """Passes that the rest of a prompt is processed in."""
        if self.chunk_tokens is None:
            return 1
        return math.ceil((prompt_tokens - self.cached_tokens(prompt_tokens)) / self.chunk_tokens)

    def held_tokens(self, lengths: Lengths) -> float:
        """Tokens that the cache has room for, of the average sequence in flight at its end.

        With blocks of B tokens ``(B - 1)/2`` more: lengths leave every remainder equally often. Where only prompts are
        read, those of the longest, as prompts of one length are read together.

        Raises
        ------
        ValueError
            If the longest request exceeds what is reserved for it.
        """
        if self.reserved_tokens is None:
            held = lengths.longest_prompt if self.only_prompts else lengths.mean_final
            return held + (self.block_tokens - 1.0) / 2.0
        if lengths.longest > self.reserved_tokens:
            raise ValueError(
                f"reserved_tokens {self.reserved_tokens} is less than the {lengths.longest:g} tokens of the longest "
                "request, prompt and output"
            )
        return float(self.reserved_tokens)


def contradiction(*, continuous: bool, chunks: bool, arrivals: bool, blocks: bool, reserved: bool) -> str | None:
    """Return what is wrong with choices of a server side by side; None if nothing is."""
    if chunks and not continuous:
        return "chunk_tokens needs batching: continuous: a piece of a prompt runs beside sequences that decode"
    if arrivals and not continuous:
        return "arrivals needs batching: continuous: requests that arrive one by one do not begin together"
    if blocks and reserved:
        return "expected block_tokens or reserved_tokens, got both: blocks are handed out as a sequence grows"
    return None


STATIC = Serving()


@dataclass(frozen=True)
class Turns:
    """How often the passes of a workload run, and which passes of others run between two of its tokens.

    Attributes
    ----------
    first_passes : float
        Prefill passes until the first token [1].
    between : tuple of (workload, passes)
        Prefill passes of each workload, by its number, between two tokens of a sequence [1].
    decode_share : float
        Decode passes between two tokens: what prefill passes in which a decode step rides along leave of one [1].
    prefills : float
        Prefill passes while every sequence of a replica is served once [1].
    weight : float
        Share of this length in the requests of its request [1].
    group : int
        Number of the request it is a length of.
    quantiles : tuple of float
        Shares of the requests that have prompts no longer than this.
    arrivals_per_s : float
        Requests that arrive at one replica at random; 0: there is always a next one [1/s].
    """

    first_passes: float = 1.0
    between: tuple[tuple[int, float], ...] = ()
    decode_share: float = 1.0
    prefills: float = 1.0
    weight: float = 1.0
    group: int = 0
    quantiles: tuple[float, ...] = ()
    arrivals_per_s: float = 0.0


IN_STEP = Turns()


def in_flight(serving: Serving, lengths: Lengths, batch: int) -> int:
    """Return the sequences of a replica that are in flight at once when `batch` may be.

    Every pass takes one piece of a prompt at most. A sequence with n pieces and o - 1 decode steps, beside b - 1 others
    of its kind, sees (b - 1)·n pieces of theirs while it decodes: no more than its o - 1 steps, so
    ``b <= 1 + (o - 1)/n``. Further sequences would wait for their prefill and hold nothing.
    """
    if serving.chunk_tokens is None:
        return batch
    pieces = math.fsum(w * serving.pieces(p) for p, _, w in lengths.rows)
    return min(batch, 1 + math.floor((lengths.mean_output - 1.0) / pieces))


def turns(
    serving: Serving, lengths: Lengths, bins: Sequence[Bin], *, batch: int, replicas: int, group: int, first: int
) -> list[Turns]:
    """Return the turns of each bin of a request.

    Parameters
    ----------
    serving : Serving
    lengths : Lengths
    bins : sequence of Bin
        Of `lengths`.
    batch : int
        Sequences in flight of a replica, see :func:`in_flight`.
    replicas : int
        Servers that requests are dealt out to.
    group, first : int
        Number of the request, and of the workload of its first bin.

    Notes
    -----
    In steady state every slot serves a prompt of n passes of P seconds and o - 1 decode steps, and b slots share the
    machine. Without pieces a sequence waits for the prefills of the b - 1 others once while it decodes: ``tpot =
    D + (b - 1)·n·P/(o - 1)``. With pieces those passes carry a token of every decoding sequence, so that fewer pure
    decode steps are left: ``tpot = (1 - x)·D + x·P`` with ``x = (b - 1)·n/(o - 1)``. Either way one slot turns over in
    ``n·P + (o - 1)·tpot``, and Little's law, b = rate x that time, gives the rate. Bins weigh by their requests.
    """
    if not serving.continuous:
        return [Turns(weight=b.weight, group=group, quantiles=b.quantiles) for b in bins]
    pieces = [float(serving.pieces(b.prompt_tokens)) for b in bins]
    steps = lengths.mean_output - 1.0
    others = [(batch - 1.0) * b.weight * n / steps for b, n in zip(bins, pieces, strict=True)]
    between = tuple((first + i, share) for i, share in enumerate(others) if share)
    riding = min(math.fsum(others), 1.0) if serving.chunk_tokens is not None else 0.0
    return [
        Turns(
            first_passes=n,
            between=between,
            decode_share=1.0 - riding,
            prefills=batch * n,
            weight=b.weight,
            group=group,
            quantiles=b.quantiles,
            arrivals_per_s=(serving.arrivals_per_s or 0.0) / replicas,
        )
        for b, n in zip(bins, pieces, strict=True)
    ]
