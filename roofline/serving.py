"""Serving metrics from phase times."""

from __future__ import annotations

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
