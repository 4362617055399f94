"""Operators of feed-forward blocks: dense MLPs and mixtures of experts."""

from __future__ import annotations

from dataclasses import replace

from roofline.collectives import all_to_all, between
from roofline.layers import Experts, Mlp
from roofline.operators import Operator
from roofline.phases.passes import Beside, Pass, fuse

ACTIVATION_VECTOR_OPS = 4.0  # per element of a SiLU or GELU; a gate adds one multiplication
GATED_VECTOR_OPS = 5.0


def mlp_rows(step: Pass, mlp: Mlp, before: list[Beside], after: list[Beside], suffix: str = "") -> list[Operator]:
    """Return the operators of a dense MLP."""
    hidden, tokens = step.model.hidden, step.all_tokens
    group = "shared_experts" if suffix else "mlp"
    name = ("up_gate" if mlp.gated else "up") + suffix
    up = step.gemm(name, tokens, mlp.up_width, hidden, group=group, bias=mlp.up_width if mlp.bias else 0.0)
    activation = _activation(step, "activation" + suffix, tokens, mlp.intermediate, mlp.gated)
    down = step.gemm("down" + suffix, tokens, hidden, mlp.intermediate, group=group, bias=hidden if mlp.bias else 0.0)
    up = _shortened(step, up, activation, mlp.gated)
    return [*fuse(step, up, [*before, Beside("swiglu", activation)]), *fuse(step, down, after)]


def expert_rows(step: Pass, moe: Experts, before: list[Beside], after: list[Beside]) -> list[Operator]:
    """Return the operators of a mixture of experts: router, grouped expert GEMMs, combination, shared experts.

    T tokens are expected to reach E(1 - (1 - k/E)^T) distinct experts under uniform routing; each is read once.
    Where the experts are spread beyond a tensor-parallel group, tokens travel to them and back; each chip of the group
    sends its share of the group's tokens.
    """
    hidden, tokens = step.model.hidden, step.all_tokens
    width = moe.latent or hidden  # of what the routed experts read and write
    sent, touched = moe.rows(tokens), moe.touched(tokens)
    router = step.gemm(
        "moe_router", tokens, moe.experts, hidden, group="router", bias=moe.experts if moe.router_bias else 0.0
    )
    into = [step.gemm("moe_latent_in", tokens, width, hidden, group="router")] if moe.latent else []
    up = step.gemm(
        "moe_up_gate" if moe.gated else "moe_up",
        sent,
        moe.up_width,
        width,
        group="experts",
        bias=moe.up_width if moe.bias else 0.0,
        matrices=touched,
        weight_class="experts",
    )
    activation = _activation(step, "moe_activation", sent, moe.intermediate, moe.gated)
    down = step.gemm(
        "moe_down",
        sent,
        width,
        moe.intermediate,
        group="experts",
        bias=width if moe.bias else 0.0,
        matrices=touched,
        weight_class="experts",
    )
    combine = step.elementwise("moe_combine", ops=2 * sent * width, read=sent * width, write=tokens * width)
    shared: list[Operator] = []
    if moe.shared is not None:
        shared = mlp_rows(step, moe.shared, [], [], "_shared")
        if moe.shared_gate:
            shared.append(step.gemm("shared_gate", tokens, 1, hidden, group="router"))
    up = _shortened(step, up, activation, moe.gated)
    own = tokens / step.parallel.tensor * moe.active * width * step.act
    ranks = moe.ranks if moe.replicas > 1 else 1
    routed = [
        *between(all_to_all, "all_to_all_dispatch", ranks, own),
        *fuse(step, up, [Beside("swiglu", activation)]),
        down,
        *between(all_to_all, "all_to_all_combine", ranks, own),
    ]
    last = [combine, step.gemm("moe_latent_out", tokens, hidden, width, group="router")] if moe.latent else [combine]
    return [*fuse(step, router, before), *into, *routed, *shared, *last[:-1], *fuse(step, last[-1], after)]


def _activation(step: Pass, name: str, tokens: float, intermediate: float, gated: bool) -> Operator:
    elements = tokens * intermediate
    return step.elementwise(
        name,
        ops=(GATED_VECTOR_OPS if gated else ACTIVATION_VECTOR_OPS) * elements,
        read=elements * (2 if gated else 1),
        write=elements,
    )


def _shortened(step: Pass, up: Operator, activation: Operator, gated: bool) -> Operator:
    """With the activation fused, the projection writes what the activation would have written."""
    stacked = (up.outputs / 2.0, up.outputs / 2.0) if gated else ()
    written = activation.act_write_bytes if "swiglu" in step.fusion else up.act_write_bytes
    return replace(up, act_write_bytes=written, stacked=stacked)
