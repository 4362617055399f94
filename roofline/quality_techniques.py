"""Which changes of a model a technique is, in the words of the evidence."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from roofline.model import Model
from roofline.phases import decode
from roofline.precision import Precision
from roofline.quality import Change, Loss, change_loss, combined, precision_loss
from roofline.techniques import (
    Contextual,
    EarlyExit,
    KvBudget,
    LowRank,
    Pruning,
    Removal,
    Selection,
    Techniques,
    Window,
)
from roofline.techniques.pruning import PRUNED_GROUPS
from roofline.techniques.together import DECODING

Changes = list[Change]


def technique_changes(techniques: Techniques, model: Model, context: float = math.inf) -> tuple[Change, ...]:
    """Return what techniques change in what a model says.

    Parameters
    ----------
    techniques : Techniques
    model : Model
        As it is without them.
    context : float
        Most tokens of a sequence: a cache that holds them all loses nothing.

    Notes
    -----
    Ways to decode change nothing: what they propose, the model itself verifies (Medusa by sampling, not by its typical
    acceptance). Nor does attention to no less than a model's own windows. What nobody measured has a change of its own
    name.
    """
    found: Changes = []
    for name in techniques.used:
        if name not in DECODING:
            found += _CHANGES[name](getattr(techniques, name), model, context)
    return tuple(found)


def request_loss(model: Model, precision: Precision, techniques: Techniques, context: float = math.inf) -> Loss:
    """Return the loss of a model in its number formats and with its techniques; parameters as for the changes."""
    size = float(model.total_parameters)
    changed = [change_loss(one, model.name, size) for one in technique_changes(techniques, model, context)]
    return combined((precision_loss(precision, model), *changed))


def _removal(part: Removal, model: Model, context: float) -> Changes:
    shares = {"heads": part.heads, "channels": part.channels, "hidden": part.hidden}
    if part.heads == part.channels:
        shares = {"heads+channels": part.heads, "hidden": part.hidden}
    found = [Change(name, f"{share:g}") for name, share in shares.items() if share]
    return [*found, *([Change("layers", f"{part.layers / model.layer_count:.3g}")] if part.layers else [])]


def _low_rank(part: LowRank, model: Model, context: float) -> Changes:
    removed = share_removed(part, model)
    return [Change("low_rank", f"{removed:.6g}")] if removed else []


def _pruning(part: Pruning, model: Model, context: float) -> Changes:
    if part.pattern:
        kept, _, every = part.pattern.partition(":")
        return [] if kept == every else [Change("n_m", part.pattern)]
    return [Change("pruning", f"{part.sparsity:g}")] if part.sparsity else []


def _early_exit(part: EarlyExit, model: Model, context: float) -> Changes:
    return (
        [] if part.layers >= model.layer_count else [Change("early_exit", f"at {part.layers} of {model.layer_count}")]
    )


def _window(part: Window, model: Model, context: float) -> Changes:
    return [] if part.tokens >= context or part.apply(model) == model else [Change("window", f"{part.tokens}")]


def _kv_budget(part: KvBudget, model: Model, context: float) -> Changes:
    if part.tokens + part.sinks >= context or part.apply(model) == model:
        return []
    # Without sinks it is not said which tokens stay: heavy hitters do, and nobody published what they cost here.
    return [Change("eviction" if part.sinks else "heavy_hitters", f"{part.tokens}")]


def _selection(part: Selection, model: Model, context: float) -> Changes:
    attended = part.blocks * part.block + part.local
    if attended >= context or part.apply(model) == model:
        return []
    if part.pooled or part.layers is not None:  # a model of its own, which nobody compared with the one it was made of
        return [Change("memory_attention", f"{attended}")]
    return [Change("selection", f"{1.0 - attended / context:.6g}")]


def _kv_sharing(part: Any, model: Model, context: float) -> Changes:
    return [] if part.layers == 1 else [Change("kv_sharing", f"{part.layers}")]


def _contextual(part: Contextual, model: Model, context: float) -> Changes:
    left_out = 1.0 - min(part.neurons, part.heads)
    return [Change("contextual_sparsity", f"{left_out:.6g}")] if left_out else []


_CHANGES: dict[str, Callable[[Any, Model, float], Changes]] = {
    "removal": _removal,
    "low_rank": _low_rank,
    "pruning": _pruning,
    "early_exit": _early_exit,
    "window": _window,
    "kv_budget": _kv_budget,
    "kv_sharing": _kv_sharing,
    "selection": _selection,
    "contextual": _contextual,
}


@lru_cache(maxsize=256)
def share_removed(part: LowRank, model: Model) -> float:
    """Return the share of the weights of projections and feed-forwards that factors of lower rank leave out [1]."""
    rows = [row for row in decode(model, Precision(), batch=1.0, context_tokens=1.0) if row.group in PRUNED_GROUPS]
    before = sum(row.count * row.matrix_elements * row.weight_width for row in rows)
    factored = [(row, one) for row in rows for one in part.apply(row, act_bytes=2.0, accumulator_bytes=4.0)]
    after = sum(
        row.count * (row.matrix_elements * row.weight_width if one is row else one.weight_bytes)
        for row, one in factored
    )
    return 1.0 - after / before if before and after < before else 0.0
