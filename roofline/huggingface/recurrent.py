"""Recurrent mixers of a configuration: Mamba 1 and 2, gated delta rule, lightning attention."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from roofline.huggingface.reader import ConfigError, Reader
from roofline.layers import GatedDelta, Mixer, StateSpace


def mamba_1(read: Reader) -> StateSpace:
    """Return a Mamba-1 layer (fields ``ssm_*``, named by the family)."""
    rank, state = _step_rank(read), read.count("ssm_state")
    return StateSpace(
        inner=_inner(read),
        state=state,
        heads=0,
        groups=0,
        conv_kernel=read.count("ssm_conv"),
        step_rank=rank,
        projection_bias=read.switch("ssm_proj_bias", False),
        conv_bias=read.switch("ssm_conv_bias", True),
    )


def mamba_1_with_norms(read: Reader) -> StateSpace:
    """Return a Mamba-1 layer with norms of time step, B and C (Jamba)."""
    plain = mamba_1(read)
    return StateSpace(**{**plain.__dict__, "norm_parameters": plain.step_rank + 2 * plain.state})


def mamba_2(read: Reader) -> StateSpace:
    """Return a Mamba-2 layer.

    Raises
    ------
    ConfigError
        If heads times head dimension contradict the expansion, or the groups do not divide the heads.
    """
    heads, groups = read.count("ssm_heads"), read.count("ssm_groups", 1)
    inner = heads * read.count("ssm_head_dim")
    if heads % groups:
        raise ConfigError(
            f"{read.shown('ssm_heads')} ({heads}) is not a multiple of {read.shown('ssm_groups')} ({groups})"
        )
    if "ssm_expand" in read.keys and read.has("ssm_expand") and _inner(read) != inner:
        raise ConfigError(
            f"{read.shown('ssm_heads')} times {read.shown('ssm_head_dim')} is {inner}, "
            f"but {read.shown('ssm_expand')} times {read.shown('hidden_size')} is {_inner(read)}"
        )
    return StateSpace(
        inner=inner,
        state=read.count("ssm_state"),
        heads=heads,
        groups=groups,
        conv_kernel=read.count("ssm_conv"),
        projection_bias=read.switch("ssm_proj_bias", False),
        conv_bias=read.switch("ssm_conv_bias", True),
        norm_parameters=inner,
    )


def _inner(read: Reader) -> int:
    inner = int(read.number("ssm_expand", 2) * read.count("hidden_size"))
    if "ssm_inner" in read.keys and read.count("ssm_inner", inner) != inner:
        raise read.error("ssm_inner", f"{inner} (the expansion times the hidden size)")
    return inner


def _step_rank(read: Reader) -> int:
    if read.raw("ssm_step_rank") in (None, "auto"):
        return -(-read.count("hidden_size") // 16)
    return read.count("ssm_step_rank")


def gated_delta(read: Reader) -> GatedDelta:
    """Return a gated delta-rule layer (Qwen3-Next).

    Raises
    ------
    ConfigError
        If value heads are no multiple of key heads.
    """
    keys, values = read.count("linear_num_key_heads"), read.count("linear_num_value_heads")
    if values % keys:
        raise ConfigError(
            f"{read.shown('linear_num_value_heads')} ({values}) is not a multiple of "
            f"{read.shown('linear_num_key_heads')} ({keys})"
        )
    return GatedDelta(
        key_heads=keys,
        value_heads=values,
        key_dim=read.count("linear_key_head_dim"),
        value_dim=read.count("linear_value_head_dim"),
        conv_kernel=read.count("linear_conv_kernel_dim"),
    )


def lightning(read: Reader) -> GatedDelta:
    """Return a lightning-attention layer (MiniMax-01): a fixed decay per head, no convolution."""
    heads = read.count("num_attention_heads")
    dim = read.count("head_dim", read.count("hidden_size") // heads or None)
    return GatedDelta(heads, heads, dim, dim, conv_kernel=0, delta_rule=False)


def channel_delta(read: Reader) -> GatedDelta:
    """Return Kimi Delta Attention: the delta rule with a decay per channel from a projection of low rank."""
    if read.has("linear_num_heads"):
        heads, dim = read.count("linear_num_heads"), read.count("linear_head_dim")
        kernel = read.count("linear_conv_kernel_dim")
    else:
        nested = read.nested("linear_attn_config")
        heads, dim = nested.count("num_heads"), nested.count("head_dim")
        kernel = nested.count("short_conv_kernel_size")
    return GatedDelta(heads, heads, dim, dim, conv_kernel=kernel, gate_rank=dim)


RECURRENT: Mapping[str, Callable[[Reader], Mixer]] = {
    "mamba 1": mamba_1,
    "mamba 1 with norms": mamba_1_with_norms,
    "mamba 2": mamba_2,
    "gated delta": gated_delta,
    "lightning": lightning,
    "channel delta": channel_delta,
}
