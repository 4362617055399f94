"""The slow naive twin of the techniques: one decode step of a llama-like model in 16 bit, layer by layer, step by step.

Plain Python numbers; nothing here calls the product. `asked` holds the techniques as plain mappings of numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SIXTEEN_BIT = 2.0

Asked = Mapping[str, Mapping[str, Any]]


@dataclass
class Llama:
    """Dimensions of a model with grouped queries and a gated feed-forward."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocabulary: int


@dataclass
class Step:
    """What one decode step does, and what must be held for it."""

    flop: float = 0.0
    weight_bytes: float = 0.0
    kv_read_bytes: float = 0.0
    kv_write_bytes: float = 0.0
    held_weight_bytes: float = 0.0
    held_kv_bytes: float = 0.0
    tokens: float = 1.0


def decode_step(model: Llama, asked: Asked, *, batch: int, prompt: int, output: int) -> Step:
    """The mean of the steps from the second to the last token of the output."""
    model = removed(model, asked.get("removal", {}))
    positions, tokens = verified(asked)
    result = Step(tokens=min(tokens, max(output - 1, 1)))  # no more than are wanted
    rows = batch * positions
    shared = asked.get("kv_sharing", {}).get("layers", 1)
    depth = asked.get("early_exit", {}).get("layers", model.layers)
    for layer in range(model.layers):
        owner = layer < -(-model.layers // shared)
        for matrix in stored_matrices(model, asked, owner):
            result.held_weight_bytes += matrix_bytes(matrix, asked, 1.0)
        result.held_weight_bytes += 2 * model.hidden * SIXTEEN_BIT
        result.held_kv_bytes += batch * held(asked, prompt + output + positions - 1) * kv_bytes(model) if owner else 0.0
    result.held_weight_bytes += (model.vocabulary + 1) * model.hidden * SIXTEEN_BIT
    # Which layers run does not matter where all are alike; where some share a cache the caller does not ask for both.
    for layer in range(depth):
        owner = layer < -(-model.layers // shared)
        run_layer(result, model, asked, rows, owner)
        attend(result, model, asked, batch, positions, prompt, output)
        result.kv_write_bytes += rows * kv_bytes(model) if owner else 0.0
    for _ in range(model.layers - depth):  # their K and V, from the hidden state at the exit
        for matrix in kv_matrices(model, True):
            multiply(result, matrix, asked, rows, 1.0)
        result.weight_bytes += model.hidden * SIXTEEN_BIT
        result.kv_write_bytes += rows * kv_bytes(model)
    result.flop += 2 * rows * model.hidden * model.vocabulary
    result.weight_bytes += (model.vocabulary + 1) * model.hidden * SIXTEEN_BIT
    result.weight_bytes += rows * model.hidden * SIXTEEN_BIT  # rows of the embedding
    return result


def removed(model: Llama, asked: Mapping[str, Any]) -> Llama:
    """The smaller model."""

    def left(count: int, share: float) -> int:
        kept = 0
        while kept < count * (1 - share) - 1e-9 * count:
            kept += 1
        return kept

    kv_heads = left(model.kv_heads, asked.get("heads", 0.0))
    return Llama(
        left(model.hidden, asked.get("hidden", 0.0)),
        model.layers - asked.get("layers", 0),
        kv_heads * (model.heads // model.kv_heads),
        kv_heads,
        model.head_dim,
        left(model.intermediate, asked.get("channels", 0.0)),
        model.vocabulary,
    )


def verified(asked: Asked) -> tuple[int, float]:
    """Positions of a pass, and tokens it is expected to yield: the sum over lengths of the chance to get that far."""
    if "jacobi" not in asked:
        return 1, 1.0
    block, chance = asked["jacobi"]["block"], asked["jacobi"]["acceptance"]
    return block, sum(chance**accepted for accepted in range(block))


def kv_bytes(model: Llama) -> float:
    """K and V of a token in one layer."""
    return 2 * model.kv_heads * model.head_dim * SIXTEEN_BIT


def held(asked: Asked, context: int) -> int:
    """Tokens a cache holds."""
    return min(context, span(asked))


def span(asked: Asked) -> int:
    """Tokens attended at most."""
    if "window" in asked:
        return int(asked["window"]["tokens"])
    budget = asked.get("kv_budget")
    return 10**12 if budget is None else int(budget["tokens"] + budget["sinks"])


Matrix = tuple[str, int, int]


def stored_matrices(model: Llama, asked: Asked, owner: bool) -> list[Matrix]:
    """Name, outputs and inputs of the matrices of a layer, those of low rank as two."""
    q = model.heads * model.head_dim
    plain = [("q", q, model.hidden), *kv_matrices(model, owner), ("o", model.hidden, q)]
    plain += [("gate", model.intermediate, model.hidden), ("up", model.intermediate, model.hidden)]
    return [part for one in [*plain, ("down", model.hidden, model.intermediate)] for part in factored(one, asked)]


def kv_matrices(model: Llama, owner: bool) -> list[Matrix]:
    """K and V, where a layer has its own."""
    return [(name, model.kv_heads * model.head_dim, model.hidden) for name in ("k", "v") if owner]


def factored(matrix: Matrix, asked: Asked) -> list[Matrix]:
    name, n, k = matrix
    if "low_rank" not in asked:
        return [matrix]
    rank = 1
    while rank < asked["low_rank"]["rank"] * min(n, k) - 1e-9:
        rank += 1
    return [matrix] if rank * n + rank * k >= n * k else [(name, rank, k), (name, n, rank)]


def matrix_bytes(matrix: Matrix, asked: Asked, read: float) -> float:
    """Bytes of the share of a matrix that is read: kept weights, and where they are."""
    _, n, k = matrix
    if "pruning" not in asked:
        return n * k * read * SIXTEEN_BIT
    kept = 1.0 - asked["pruning"]["sparsity"]
    sparse = (kept * 16 + 1) / 8  # a bit for each weight, 16 for those that are left
    return n * k * read * (min(sparse, SIXTEEN_BIT) if kept < 1.0 else SIXTEEN_BIT)


def multiply(result: Step, matrix: Matrix, asked: Asked, rows: int, share: float) -> None:
    """One matrix of which each row needs a share."""
    nobody = 1.0
    for _ in range(rows):
        nobody *= 1.0 - share
    for part in factored(matrix, asked):
        result.flop += 2 * rows * part[1] * part[2] * share
        result.weight_bytes += matrix_bytes(part, asked, 1.0 - nobody)


def run_layer(result: Step, model: Llama, asked: Asked, rows: int, owner: bool) -> None:
    """Projections and feed-forward, with predictors of what is needed of them, and two norms."""
    chosen = asked.get("contextual", {})
    neurons, heads = chosen.get("neurons", 1.0), chosen.get("heads", 1.0)
    q = model.heads * model.head_dim
    multiply(result, ("q", q, model.hidden), asked, rows, heads)
    for matrix in kv_matrices(model, owner):
        multiply(result, matrix, asked, rows, 1.0)
    multiply(result, ("o", model.hidden, q), asked, rows, heads)
    for name in ("gate", "up"):
        multiply(result, (name, model.intermediate, model.hidden), asked, rows, neurons)
    multiply(result, ("down", model.hidden, model.intermediate), asked, rows, neurons)
    for share, outputs in ((heads, model.heads), (neurons, model.intermediate)):
        if share < 1.0:
            for n, k in ((chosen["predictor"], model.hidden), (outputs, chosen["predictor"])):
                result.flop += 2 * rows * n * k
                result.weight_bytes += n * k * SIXTEEN_BIT
                result.held_weight_bytes += n * k * SIXTEEN_BIT
    result.weight_bytes += 2 * model.hidden * SIXTEEN_BIT


def attend(result: Step, model: Llama, asked: Asked, batch: int, positions: int, prompt: int, output: int) -> None:
    """QK and AV of every position of every step, over the cache as it is then."""
    heads = asked.get("contextual", {}).get("heads", 1.0)
    group = model.heads // model.kv_heads
    needed = 1.0 - (1.0 - heads) ** (group * positions)
    steps = range(prompt + 1, prompt + output)  # tokens the first position attends to
    for first in steps:
        seen = [min(first + i, span(asked)) for i in range(positions)]
        result.flop += 4 * batch * model.heads * model.head_dim * sum(seen) * heads / len(steps)
        read = seen[0] + positions - 1
        result.kv_read_bytes += batch * read * kv_bytes(model) * needed / len(steps)


def speculated(target: Llama, draft: Llama, gamma: int, *, batch: int, prompt: int, output: int) -> Step:
    """A draft's passes one by one, each with a token more behind it, and the pass that verifies what they proposed."""
    verify = {"jacobi": {"block": gamma + 1, "acceptance": 0.0}}
    result = decode_step(target, verify, batch=batch, prompt=prompt, output=output)
    for drafted in range(gamma):
        step = decode_step(draft, {}, batch=batch, prompt=prompt + drafted, output=output)
        result.flop += step.flop
        result.weight_bytes += step.weight_bytes
        result.kv_read_bytes += step.kv_read_bytes
        result.kv_write_bytes += step.kv_write_bytes
    alone = decode_step(draft, {}, batch=batch, prompt=prompt, output=output + gamma - 1)
    result.held_weight_bytes += alone.held_weight_bytes
    result.held_kv_bytes += alone.held_kv_bytes
    return result


def with_medusa(target: Llama, heads: int, nodes: int, *, batch: int, prompt: int, output: int) -> Step:
    """A pass over a tree, and on each of its positions every head: a square matrix, then one for the vocabulary."""
    verify = {"jacobi": {"block": nodes + 1, "acceptance": 0.0}}
    result = decode_step(target, verify, batch=batch, prompt=prompt, output=output)
    for _ in range(heads):
        for outputs in (target.hidden, target.vocabulary):
            result.flop += 2 * batch * (nodes + 1) * outputs * target.hidden
            result.weight_bytes += outputs * target.hidden * SIXTEEN_BIT
            result.held_weight_bytes += outputs * target.hidden * SIXTEEN_BIT
        result.weight_bytes += target.hidden * SIXTEEN_BIT  # the bias of the square one
        result.held_weight_bytes += target.hidden * SIXTEEN_BIT
    return result


def selecting(target: Llama, asked: Mapping[str, int], *, batch: int, prompt: int, output: int) -> Step:
    """Steps that score a summary of every older block, and attend to the best blocks and to the newest tokens."""
    result = decode_step(target, {}, batch=batch, prompt=prompt, output=output)
    result.kv_read_bytes = 0.0
    steps = range(prompt + 1, prompt + output)
    vector = target.kv_heads * target.head_dim * SIXTEEN_BIT
    for _ in range(target.layers):
        for context in steps:
            older = context - asked["local"]
            seen = asked["local"] + min(older, asked["tokens"])
            summaries = older / asked["block"] * asked["keys"]
            result.flop += 4 * batch * target.heads * target.head_dim * (seen - context) / len(steps)
            result.flop += 2 * batch * target.heads * target.head_dim * summaries / len(steps)
            result.kv_read_bytes += batch * (seen * 2 * vector + summaries * vector) / len(steps)
        result.kv_write_bytes += batch * vector * asked["keys"] / asked["block"]
        final = prompt + output - asked["local"]
        result.held_kv_bytes += batch * final / asked["block"] * asked["keys"] * vector
    return result
