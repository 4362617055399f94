"""Prefill and decode: a model, its precision and a batch as tables of operators (hardware-independent).

Conventions: 1 multiply-accumulate = 2 FLOP; causal attention has s(s+1)/2 pairs; the LM head runs once per sequence;
the input embedding gathers rows; fused attention reads K and V once each, with KV heads; norms and biases are 16 bit.
A fused elementwise operator moves no activation bytes of its own: its vector work (and its norm weights) join the
kernel it is fused into.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from roofline.collectives import all_gather, all_reduce, between, point_to_point
from roofline.layers import (
    Attention,
    CompressedAttention,
    Experts,
    FeedForward,
    GatedDelta,
    LatentAttention,
    LayerKind,
    Mixer,
)
from roofline.model import Model
from roofline.operators import Operator, Operators, merged
from roofline.parallel import ONE_CHIP, Parallel, sharded
from roofline.phases.attention import attention_rows
from roofline.phases.compressed import compressed_rows
from roofline.phases.feed_forward import expert_rows, mlp_rows
from roofline.phases.latent import latent_rows
from roofline.phases.passes import FUSION_GROUPS, SAMPLING_VECTOR_OPS, Beside, Pass, fuse
from roofline.phases.recurrent import delta_rows, state_space_rows
from roofline.precision import Precision, number_format

__all__ = ["FUSION_GROUPS", "HEAD_ROWS", "Pass", "Riders", "decode", "operators_of", "prefill"]

HEAD_ROWS = ("norm_final", "lm_head", "all_gather_logits", "sampling")
"""Operators that turn hidden vectors into tokens."""


@dataclass(frozen=True)
class Riders:
    """Sequences that decode one token each in the same pass as a piece of a prompt.

    Attributes
    ----------
    batch : float
        Sequences.
    context_tokens, steps, absorbed
        As for :func:`decode`.
    """

    batch: float
    context_tokens: float
    steps: float = 1.0
    absorbed: bool = True

    def beside(self, step: Pass) -> Pass:
        """Return the decode step that rides along with a pass."""
        return replace(
            step,
            sequences=self.batch,
            tokens=1.0,
            context=self.context_tokens,
            causal=False,
            steps=self.steps,
            absorbed=self.absorbed,
        )


def prefill(
    model: Model,
    precision: Precision,
    *,
    batch: float,
    prompt_tokens: float,
    fusion: Collection[str] = FUSION_GROUPS,
    dequantization_ops: float = 2.0,
    accumulator_bytes: float = 4.0,
    split_qkv: bool = False,
    parallel: Parallel = ONE_CHIP,
    cached_tokens: float = 0.0,
    pieces: float = 1.0,
    riders: Riders | None = None,
) -> Operators:
    """Return the operators of one pass over `batch` prompts, or over the average piece of each.

    Parameters
    ----------
    model : Model
    precision : Precision
    batch : float
        Sequences.
    prompt_tokens : float
        Tokens of each prompt.
    fusion : collection of str
        Fused groups, of :data:`FUSION_GROUPS`.
    dequantization_ops : float
        Vector operations per weight or cached element stored narrower than it is computed in.
    accumulator_bytes : float
        Width of partial sums on chip, for the tiling bounds [byte].
    split_qkv : bool
        Whether Q is projected apart from K and V, by kernels that both read the input.
    parallel : Parallel
        Chips that share the work. `batch` is then of one replica's pass, and the operators are those of one chip, the
        fullest one, over all layers; between them stand the collectives.
    cached_tokens : float
        Tokens of each prompt whose keys and values are in the cache already: they are read, not computed.
    pieces : float
        Passes in which the other tokens of a prompt are processed, as many in each; the LM head runs in every one.
    riders : Riders, optional
        Sequences that decode in the same pass (chunked prefill: Agrawal et al., SARATHI, arXiv 2308.16369): every
        matrix is read once for the tokens of both, attention is each one's own kernel.

    Returns
    -------
    Operators

    Raises
    ------
    ValueError
        If a fusion group is unknown, the chips cannot divide the model, or no token of a prompt is left to process.
    """
    if not 0 <= cached_tokens < prompt_tokens:
        raise ValueError(f"a prompt of {prompt_tokens:g} tokens cannot have {cached_tokens:g} of them cached")
    step = Pass(
        model=sharded(model, parallel),
        precision=precision,
        sequences=batch,
        tokens=(prompt_tokens - cached_tokens) / pieces,
        context=prompt_tokens,
        causal=True,
        fusion=frozenset(fusion),
        dequantization_ops=dequantization_ops,
        accumulator_bytes=accumulator_bytes,
        steps=pieces,
        split_qkv=split_qkv,
        parallel=parallel,
    )
    return operators_of(step if riders is None else replace(step, riders=riders.beside(step)))


def decode(
    model: Model,
    precision: Precision,
    *,
    batch: float,
    context_tokens: float,
    tokens: float = 1.0,
    steps: float = 1.0,
    fusion: Collection[str] = FUSION_GROUPS,
    dequantization_ops: float = 2.0,
    accumulator_bytes: float = 4.0,
    absorbed: bool = True,
    split_qkv: bool = False,
    parallel: Parallel = ONE_CHIP,
) -> Operators:
    """Return the operators of one decode step: new tokens of each sequence, the first attending `context_tokens`.

    Parameters as for :func:`prefill`; `context_tokens` includes the new token and may be the mean, even fractional, of
    that many consecutive `steps`, whose average step is then returned. `tokens` is 1, or the positions of a sequence
    that one pass verifies: each attends to one token more than the one before it, all are scored by the LM head, and K
    and V are read once for all of them. Of a tree of positions that is an upper bound: a node attends to its ancestors
    only. A state is read and written once. `absorbed` is how latent attention decodes: on the latents, or on keys and
    values expanded from them at every step.
    """
    return operators_of(
        Pass(
            model=sharded(model, parallel),
            precision=precision,
            sequences=batch,
            tokens=tokens,
            context=context_tokens,
            causal=False,
            fusion=frozenset(fusion),
            dequantization_ops=dequantization_ops,
            accumulator_bytes=accumulator_bytes,
            steps=steps,
            absorbed=absorbed,
            split_qkv=split_qkv,
            parallel=parallel,
        )
    )


def operators_of(step: Pass) -> Operators:
    """Return the operators of a pass; ValueError if a fusion group is unknown."""
    unknown = step.fusion - set(FUSION_GROUPS)
    if unknown:
        raise ValueError(f'unknown fusion group "{min(unknown)}"; known: {", ".join(FUSION_GROUPS)}')
    counted: list[tuple[int, Operator]] = [(1, row) for row in (_embedding(step), *_all_reduce(step, "embedding"))]
    for kind in step.model.layers:
        counted += [(kind.count, row) for row in _layer_rows(step, kind)]
    if step.parallel.pipeline > 1:
        counted.append((step.parallel.pipeline - 1, point_to_point("send_stage", step.hidden_bytes)))
    counted += [(1, row) for row in _head_rows(step)]
    return merged(counted)


def _embedding(step: Pass) -> Operator:
    model, tokens = step.model, step.all_tokens
    # A tied token table is stored as the LM head.
    widths = [number_format(step.precision.weights_of("lm_head" if model.tied_embeddings else "embedding")).bytes]
    if model.learned_positions:
        widths.append(number_format(step.precision.weights_of("embedding")).bytes)
    return Operator(
        name="embedding",
        vector_ops=tokens * model.hidden if model.learned_positions else 0.0,
        weight_bytes=tokens * model.hidden * sum(widths),
        weight_class="dense" if model.tied_embeddings else "embedding",
        act_write_bytes=tokens * model.hidden * step.act,
    )


def _layer_rows(step: Pass, kind: LayerKind) -> list[Operator]:
    """Return the operators of one layer, its norms and residuals beside the kernels they may join."""
    norms = kind.norms
    rows: list[Operator] = []
    if kind.mixer is not None:
        before = [Beside("norm", step.layer_norm("norm_attn"), after=False)] if norms else []
        norms -= len(before)
        after = [] if kind.parallel else [Beside("residual", step.residual("residual_attn"))]
        if norms > len(kind.feed_forwards[:1]) and not kind.parallel:
            after.insert(0, Beside("norm", step.layer_norm("norm_attn_post")))
            norms -= 1
        rows += _mixer_rows(step, kind.mixer, before, after)
        if not (kind.parallel and kind.feed_forwards):
            rows += _all_reduce(step, "attention")
    for i, feed in enumerate(kind.feed_forwards):
        before, after = [], []
        if norms and not (kind.parallel and kind.mixer is not None):
            before.append(Beside("norm", step.layer_norm("norm_mlp"), after=False))
            norms -= 1
        last = i == len(kind.feed_forwards) - 1
        while last and norms:
            after.append(Beside("norm", step.layer_norm("norm_mlp_post")))
            norms -= 1
        if last:
            after.append(Beside("residual", step.residual("residual_mlp")))
        rows += _feed_forward_rows(step, feed, before, after)
    return rows + (_all_reduce(step, "mlp") if kind.feed_forwards else [])


def _all_reduce(step: Pass, block: str) -> list[Operator]:
    """Each chip of a tensor-parallel group has a part of the sums of every token's hidden vector."""
    return between(all_reduce, f"all_reduce_{block}", step.parallel.tensor, step.hidden_bytes)


def _mixer_rows(step: Pass, mixer: Mixer, before: list[Beside], after: list[Beside]) -> list[Operator]:
    if isinstance(mixer, Attention):
        return attention_rows(step, mixer, before, after)
    if isinstance(mixer, LatentAttention):
        return latent_rows(step, mixer, before, after)
    if isinstance(mixer, CompressedAttention):
        return compressed_rows(step, mixer, before, after)
    if isinstance(mixer, GatedDelta):
        return delta_rows(step, mixer, before, after)
    return state_space_rows(step, mixer, before, after)


def _feed_forward_rows(step: Pass, feed: FeedForward, before: list[Beside], after: list[Beside]) -> list[Operator]:
    if isinstance(feed, Experts):
        return expert_rows(step, feed, before, after)
    return mlp_rows(step, feed, before, after)


def _head_rows(step: Pass) -> list[Operator]:
    """Final norm and LM head on the tokens whose successor is predicted, and the choice of it."""
    model, sequences = step.model, step.scored
    head = step.gemm(
        "lm_head",
        sequences,
        model.vocabulary,
        model.hidden,
        group="lm_head",
        bias=model.vocabulary if model.head_bias else 0.0,
    )
    norm = step.norm("norm_final", sequences, model.hidden, model.norm_parameters)
    logits = sequences * model.vocabulary * step.parallel.tensor
    gather = between(all_gather, "all_gather_logits", step.parallel.tensor, logits * step.act)
    sampling = step.elementwise("sampling", ops=SAMPLING_VECTOR_OPS * logits, read=logits, write=0.0)
    return [*fuse(step, head, [Beside("norm", norm, after=False)]), *gather, sampling]
