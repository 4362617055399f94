"""What follows the mixer of each layer: a dense MLP, or experts with their router and shared experts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from roofline.huggingface.family import Family, Moe
from roofline.huggingface.reader import ConfigError, Reader
from roofline.layers import Experts, FeedForward, Mlp

LARGEST_EXPERT_COUNT = 100_000


def feed_forwards(read: Reader, family: Family) -> list[tuple[FeedForward, ...]]:
    """Return the feed-forward blocks of each layer.

    Raises
    ------
    ConfigError
        If a field is missing or impossible.
    """
    moe = family.moe
    layers = read.layers()
    if moe is None or (moe.optional and read.optional_count(moe.experts) < 2):
        if moe is not None:
            for unneeded in (moe.active, moe.width, moe.shared_count, moe.shared_width):
                read.has(unneeded)
        return [(mlp(read, family, "intermediate_size" if moe is None else moe.dense_width),)] * layers
    routed = MOE_LAYERS[moe.layers](read)
    block = experts(read, family, moe)
    if moe.beside_dense:
        dense = mlp(read, family, moe.dense_width)
        return [(dense, block) if has else (dense,) for has in routed]
    plain: tuple[FeedForward, ...] = () if all(routed) else (mlp(read, family, moe.dense_width),)
    return [(block,) if has else plain for has in routed]


def mlp(read: Reader, family: Family, width: str) -> Mlp:
    """Return a dense MLP whose width is the field `width` (four times the hidden size where a plain MLP has none)."""
    gated = read.flag(family.gated)
    usual = None if gated else 4 * read.count("hidden_size")
    return Mlp(intermediate=read.count(width, usual), gated=gated, bias=read.flag(family.mlp_bias))


def experts(read: Reader, family: Family, moe: Moe) -> Experts:
    """Return the experts of a layer.

    Raises
    ------
    ConfigError
        If more experts are active than there are, or a field is missing or impossible.
    """
    count = read.count(moe.experts, most=LARGEST_EXPERT_COUNT)
    active = read.count(moe.active, most=LARGEST_EXPERT_COUNT)
    if active > count:
        raise ConfigError(f"{read.shown(moe.active)} ({active}) is more than {read.shown(moe.experts)} ({count})")
    gated = read.flag(family.gated)
    return Experts(
        experts=count,
        active=active,
        intermediate=read.count(moe.width),
        gated=gated,
        bias=read.flag(moe.bias),
        router_bias=read.flag(moe.router_bias) or moe.correction_bias,
        shared=_shared(read, moe, gated, read.flag(family.mlp_bias)),
        shared_gate=moe.shared_gate,
        latent=read.optional_count(moe.latent) or None,
    )


def _shared(read: Reader, moe: Moe, gated: bool, bias: bool) -> Mlp | None:
    if not moe.shared_count and not moe.shared_width:
        return None
    number = read.optional_count(moe.shared_count) if moe.shared_count else 1
    each = read.optional_count(moe.shared_width) if moe.shared_width else 0
    if moe.shared_count and not each:
        each = read.count(moe.width)
    width = number * each
    return Mlp(width, gated, bias) if width else None


def _all(read: Reader) -> list[bool]:
    return [True] * read.layers()


def _first_dense(read: Reader) -> list[bool]:
    """DeepSeek, GLM: the first layers are dense; of the others every ``moe_layer_freq``-th has experts."""
    layers = read.layers()
    declared = _declared(read)
    if declared is not None:
        return declared
    first = read.count("first_k_dense_replace", least=0)
    every = 1 if read.raw("moe_layer_freq") is None else read.count("moe_layer_freq")
    return [i >= first and i % every == 0 for i in range(layers)]


def _listed(read: Reader) -> list[bool]:
    """MiMo-V2: ``moe_layer_freq`` is a list with 1 for layers with experts."""
    declared = _declared(read)
    if declared is not None:
        return declared
    flags = read.per_layer("moe_layer_freq")
    if flags is None:
        raise ConfigError(f"missing {read.shown('moe_layer_freq')}")
    if not all(type(v) is int and v in (0, 1) for v in flags):
        raise read.error("moe_layer_freq", "a list of 0 and 1")
    return [bool(value) for value in flags]


def _step(read: Reader) -> list[bool]:
    """Qwen: every ``decoder_sparse_step``-th layer has experts, except the ``mlp_only_layers``."""
    declared = _declared(read)
    if declared is not None:
        return declared
    every, dense = read.count("decoder_sparse_step", 1), read.layer_numbers("mlp_only_layers")
    return [(i + 1) % every == 0 and i not in dense for i in range(read.layers())]


def _interleaved(read: Reader) -> list[bool]:
    """Llama-4: the layers of ``moe_layers``, or every ``interleave_moe_layer_step``-th."""
    if read.has("moe_layers"):
        routed = read.layer_numbers("moe_layers")
        return [i in routed for i in range(read.layers())]
    every = read.count("interleave_moe_layer_step")
    return [(i + 1) % every == 0 for i in range(read.layers())]


def _period(read: Reader) -> list[bool]:
    """Jamba: one layer of each ``expert_layer_period``."""
    period, offset = read.count("expert_layer_period"), read.count("expert_layer_offset", least=0)
    if offset >= period:
        raise read.error("expert_layer_offset", f"less than expert_layer_period ({period})")
    return [i % period == offset for i in range(read.layers())]


def _span(read: Reader) -> list[bool]:
    """ERNIE 4.5: every ``moe_layer_interval``-th layer from a first to a last one."""
    layers = read.layers()
    first, every = read.count("moe_layer_start_index", 1, least=0), read.count("moe_layer_interval", 1)
    last = read.raw("moe_layer_end_index")
    end = layers - 1 if last in (None, -1) else read.count("moe_layer_end_index", least=0)
    return [first <= i <= end and (i + 1) % every == 0 for i in range(layers)]


def _dense_count(read: Reader) -> list[bool]:
    """Layers from ``num_dense_layers`` on have experts."""
    first = read.count("num_dense_layers", least=0)
    return [i >= first for i in range(read.layers())]


def _declared(read: Reader) -> list[bool] | None:
    """Return what ``mlp_layer_types`` says."""
    types = read.per_layer("mlp_layer_types")
    if types is None:
        return None
    read.used.update(_RULE_FIELDS)  # a list of all layers wins over a rule
    if not all(entry in ("dense", "sparse") for entry in types if isinstance(entry, str)) or not all(
        isinstance(entry, str) for entry in types
    ):
        raise read.error("mlp_layer_types", 'a list of "dense" and "sparse"')
    return [entry == "sparse" for entry in types]


_RULE_FIELDS = ("first_k_dense_replace", "moe_layer_freq", "decoder_sparse_step", "mlp_only_layers")

MOE_LAYERS: Mapping[str, Callable[[Reader], list[bool]]] = {
    "all": _all,
    "first dense": _first_dense,
    "listed": _listed,
    "step": _step,
    "interleaved": _interleaved,
    "period": _period,
    "span": _span,
    "dense count": _dense_count,
}
