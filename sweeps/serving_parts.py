"""A request as a server works it off: one part for each length of its distribution, with its passes and their turns."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from roofline.lengths import Bin, Lengths
from roofline.operators import Operators
from roofline.phases import Riders
from roofline.serving import Turns, in_flight, turns
from roofline.techniques import PassOptions, Piece, Served, served
from roofline.techniques.together import DECODING
from sweeps.choices import Request

DECODED_OTHERWISE = ("early_exit", "kv_budget", "contextual")
"""Techniques of decode steps that prompts do not share: a pass of both is neither."""


@dataclass(frozen=True)
class Part:
    """Requests of one length.

    Attributes
    ----------
    token_share : float
        Share of the request's generated tokens [1].
    batch : int
        Sequences of the deployment that are in flight at once.
    prompt_tokens, output_tokens : float
        Tokens of each sequence.
    prefill, decode : Operators
        Of one prefill pass and of the average decode step, which all parts share.
    footprint_bytes : mapping of class to bytes
        What a chip must hold; all parts share it.
    tokens_per_pass : float
        Tokens of each sequence that a decode step yields [1].
    layers : int
        Of the model that is divided over the stages of a pipeline.
    turns : Turns
    prompt_cache_bytes : float
        Part of the KV cache of the footprint that only the reading of prompts needs [byte].
    drafted : bool
        A decode step holds passes of a draft.
    weights : tuple of (what, bytes)
        The weights of the footprint in parts, of which other requests may have the same ones.
    """

    token_share: float
    batch: int
    prompt_tokens: float
    output_tokens: float
    prefill: Operators
    decode: Operators
    footprint_bytes: Mapping[str, float]
    tokens_per_pass: float
    layers: int
    turns: Turns
    prompt_cache_bytes: float = 0.0
    drafted: bool = False
    weights: tuple[tuple[Hashable, float], ...] = ()


def parts_of(request: Request, how: PassOptions, *, group: int, first: int) -> list[Part]:
    """Return the parts of a request.

    Parameters
    ----------
    request : Request
    how : PassOptions
    group, first : int
        Number of the request in its mix, and of the workload of its first part.

    Raises
    ------
    ValueError
        If its way of serving and its techniques, runtime or chips do not go together.
    """
    serving, lengths = request.serving, lengths_of(request)
    bins = lengths.bins
    _check(request, how)
    each = how.parallel.replica_batch(request.batch)
    replicas = -(-request.batch // each)
    sequences = in_flight(serving, lengths, each)
    batch = request.batch if sequences == each else sequences * replicas
    context = lengths.mean_context
    steps = lengths.mean_output - 1.0
    riders = None
    if serving.chunk_tokens is not None and sequences > 1:
        riders = Riders(sequences - 1.0, context, steps, how.absorbed)
    made = [_served(request, how, lengths, one, batch, riders) for one in bins]
    footprint = dict(made[0].footprint_bytes)
    footprint["activations"] = max(one.footprint_bytes["activations"] for one in made)
    passing = max(one.prompt_cache_bytes for one in made)
    footprint["kv_cache"] += passing - made[0].prompt_cache_bytes + serving.prefix_bytes
    in_turn = turns(serving, lengths, bins, batch=sequences, replicas=replicas, group=group, first=first)
    return [
        Part(
            token_share=one.weight * one.output_tokens / lengths.mean_output,
            batch=batch,
            prompt_tokens=one.prompt_tokens,
            output_tokens=one.output_tokens,
            prefill=found.prefill,
            decode=made[0].decode,
            footprint_bytes=footprint,
            tokens_per_pass=found.tokens_per_pass,
            layers=found.layers,
            turns=turn,
            prompt_cache_bytes=passing,
            drafted=found.drafted,
            weights=found.weights,
        )
        for one, found, turn in zip(bins, made, in_turn, strict=True)
    ]


def lengths_of(request: Request) -> Lengths:
    """Return the lengths of a request, of one length too."""
    return request.lengths or Lengths.of([(request.prompt_tokens, request.output_tokens, 1.0)])


def _served(
    request: Request, how: PassOptions, lengths: Lengths, one: Bin, batch: int, riders: Riders | None
) -> Served:
    """A prefill of one length, beside decode steps at the mean context of all."""
    serving = request.serving
    cached = serving.cached_tokens(one.prompt_tokens)
    piece = Piece(1.0 if serving.continuous else None, cached, float(serving.pieces(one.prompt_tokens)), riders)
    return served(
        request.model,
        request.precision,
        request.techniques,
        batch=batch,
        prompt_tokens=one.prompt_tokens,
        output_tokens=lengths.mean_output,
        how=how,
        piece=piece,
        decode_context=lengths.mean_context,
        held_tokens=serving.held_tokens(lengths),
    )


def _check(request: Request, how: PassOptions) -> None:
    """Raise ValueError where a way of serving and the rest of a request do not go together."""
    serving = request.serving
    if serving.continuous and how.parallel.pipeline > 1:
        raise ValueError(
            "batching: continuous is not modelled on the stages of a pipeline: expected pipeline 1, "
            f"got {how.parallel.pipeline}"
        )
    if serving.chunk_tokens is None:
        return
    if others := [name for name in (*DECODING, *DECODED_OTHERWISE) if name in request.techniques.used]:
        raise ValueError(f"chunk_tokens does not go with {', '.join(others)}: leave one of them out")
    if how.runtime is not None and how.runtime.chunk_tokens is not None:
        raise ValueError(
            f"chunk_tokens does not go with the runtime {how.runtime.name}, which processes prompts in pieces of "
            f"{how.runtime.chunk_tokens} tokens of its own"
        )
