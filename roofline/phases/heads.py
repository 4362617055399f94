"""Operators beside a model's own: heads that propose tokens, and what a drafting layer reads."""

from __future__ import annotations

from dataclasses import replace

from roofline.collectives import all_gather, between
from roofline.layers import Attention, LatentAttention
from roofline.operators import Operator, Operators, merged
from roofline.phases.feed_forward import ACTIVATION_VECTOR_OPS
from roofline.phases.passes import SAMPLING_VECTOR_OPS, Beside, Pass, fuse


def proposal_heads(step: Pass, heads: int) -> list[Operator]:
    """Return `heads` Medusa heads on every scored token: a residual block of one matrix, and an LM head each.

    Cai et al., arXiv 2401.10774, section 2.1.1. Which of the new tokens is the last accepted one is not known before
    the pass ends, so the heads see all of them; of a prompt the last. Over tensor-parallel chips the vocabulary is
    divided, as that of the LM head is, and the blocks stand on every chip.
    """
    model, tokens = step.model, step.scored
    block = step.gemm("medusa_block", tokens, model.hidden, model.hidden, group="mlp", bias=model.hidden)
    elements = tokens * model.hidden
    around = step.elementwise(
        "medusa_residual", ops=(ACTIVATION_VECTOR_OPS + 1.0) * elements, read=2 * elements, write=elements
    )
    logits = step.gemm("medusa_logits", tokens, model.vocabulary, model.hidden, group="lm_head")
    read = tokens * model.vocabulary * step.parallel.tensor
    gather = between(all_gather, "all_gather_medusa", step.parallel.tensor, read * step.act)
    chosen = step.elementwise("medusa_sampling", ops=SAMPLING_VECTOR_OPS * read, read=read, write=0.0)
    rows = [*fuse(step, block, [Beside("residual", around)]), logits, *gather, chosen]
    return [replace(row, count=heads) for row in rows]


def combination(step: Pass) -> Operator:
    """Return the projection of a hidden vector and an embedding, side by side, to the hidden size.

    What the drafting layer of EAGLE (Li et al., arXiv 2401.15077) and of multi-token prediction (DeepSeek-V3, arXiv
    2412.19437, section 2.2) reads. It stands on every chip of a tensor-parallel group.
    """
    return step.gemm("combine", step.all_tokens, step.model.hidden, 2 * step.model.hidden, group="mlp")


def cached_only(step: Pass) -> Operators:
    """Return what fills the KV caches of layers that are not run: their projections of K and V alone.

    Raises
    ------
    ValueError
        If a layer keeps something else than a KV cache.
    """
    counted = []
    for kind in step.model.layers:
        mixer = kind.mixer
        if mixer is None:
            continue
        stacked: tuple[float, ...] = ()
        if isinstance(mixer, Attention):
            width, projected = mixer.cached_width, mixer.projected_kv_width
            stacked = tuple(float(one) for one in mixer.kv_projections)
            if not width:
                continue
        elif isinstance(mixer, LatentAttention) and mixer.indexer is None:
            width = projected = mixer.cache_width
        else:
            raise ValueError(f"skipped layers of {step.model.name} keep more than K and V: their state is not known")
        row = step.gemm("propagate_kv", step.all_tokens, projected, step.model.hidden, group="attention")
        row = replace(row, act_write_bytes=0.0, kv_write_bytes=step.all_tokens * width * step.kv, stacked=stacked)
        counted += [
            (kind.count, one)
            for one in fuse(step, row, [Beside("norm", step.layer_norm("propagate_norm"), after=False)])
        ]
    return merged(counted)


def predictors(step: Pass, chosen: list[tuple[int, int]], width: int) -> list[Operator]:
    """Return the predictors of contextual sparsity: (how many, what each chooses from), `width` in between.

    Of a tensor-parallel group each chip chooses from its own heads and neurons; the first matrix stands on all.
    """
    rows = []
    for count, outputs in chosen:
        into = step.gemm("predict_in", step.all_tokens, width, step.model.hidden, group="router")
        out = step.gemm("predict_out", step.all_tokens, outputs, width, group="router")
        rows += [replace(into, count=count), replace(out, count=count)]
    return rows
