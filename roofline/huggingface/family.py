"""What an architecture's name means where its config is silent: the columns of the family tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from roofline.huggingface.reader import Flag

FULL, SLIDING, CHUNKED, LINEAR, MAMBA, NONE = "full", "sliding", "chunked", "linear", "mamba", "none"
"""What mixes the tokens of a layer."""


@dataclass(frozen=True)
class Moe:
    """Where a family's config describes its experts; fields as alternatives (``"a|b"``).

    Attributes
    ----------
    experts, active, width : str
        Fields with the number of routed experts, of those a token is sent to, and an expert's width.
    dense_width : str
        Field with the width of the dense layers' MLP.
    shared_count, shared_width : str
        Fields with the number of shared experts and with their width (alone: of all together; both: of each;
        the count alone: each is as wide as a routed expert).
    shared_gate : bool
        A scalar gate on the shared experts.
    bias, router_bias : Flag
        Biases of experts and router.
    correction_bias : bool
        A balancing bias per expert that is a parameter of the published model (not a buffer).
    layers : str
        Which layers have experts: a rule of :mod:`roofline.huggingface.feed_forward`.
    latent : str
        Field with the width of the space the experts work in (empty: the hidden size).
    beside_dense : bool
        The dense MLP runs beside the experts in every layer.
    optional : bool
        No experts field (or at most one expert) means dense layers.
    """

    experts: str
    active: str
    width: str
    dense_width: str = "intermediate_size"
    shared_count: str = ""
    shared_width: str = ""
    shared_gate: bool = False
    bias: Flag = False
    router_bias: Flag = False
    correction_bias: bool = False
    layers: str = "all"
    latent: str = ""
    beside_dense: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Family:
    """One architecture (``model_type``).

    Attributes
    ----------
    keys : mapping
        Names of the usual fields when they differ (``{"hidden_size": "n_embd"}``), alternatives allowed.
    defaults : mapping
        The family's documented values of fields its published configs leave out.
    reader : str
        Who reads the mixers: a name in :mod:`roofline.huggingface.mixers`.
    layout : str
        Which layer has which mixer: a rule of :mod:`roofline.huggingface.layout`.
    interval : int
        Layouts that repeat: every how many layers one is full.
    rotary : tuple of str
        Mixers whose Q and K are rotated.
    gated : Flag
        The MLP has a gate.
    norm_vectors : int
        Vectors of hidden size per norm: RMSNorm 1, LayerNorm 2, LayerNorm without weights 0.
    norms, parallel_norms : int
        Norms per layer; those of a layer whose mixer and MLP share one residual.
    extra_norms : int
        Norms outside the layers, beside the final one.
    qkv_bias, output_bias, mlp_bias, head_bias, parallel, tied : Flag
    qk_norm : str
        Norms of Q and K: ``head`` (head_dim weights each), ``width`` (all heads' widths), ``head_bias``.
    qk_norm_flag : Flag
        Whether they are there.
    output_gate : Flag
        Q has a second half that gates the output.
    sinks : str
        One learned attention sink per head: ``all`` layers, or ``by kind`` (fields switch them per kind of mixer).
    recurrent : str
        Who reads the recurrent layers of a hybrid: a name in :mod:`roofline.huggingface.recurrent`.
    rope_flags : str
        Field with 1 for layers with rotary positions and 0 for those without.
    adapt : str
        Who translates what the family states in its own way: a name in :mod:`roofline.huggingface.adapt`.
    position_rows : str
        Field with the rows of a learned position table.
    position_offset : int
        Rows of that table that are kept beyond these.
    moe : Moe or None
    layer_extras : str
        Further small parameters of a layer: a name in :mod:`roofline.huggingface.extras`.
    ignored : tuple of str
        Fields that would change another family's structure and that this one's code does not look at.
    """

    keys: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    reader: str = "attention"
    layout: str = "full"
    interval: int = 0
    rotary: tuple[str, ...] = (FULL, SLIDING, CHUNKED)
    gated: Flag = True
    norm_vectors: int = 1
    norms: int = 2
    parallel_norms: int = 1
    extra_norms: int = 0
    qkv_bias: Flag = False
    output_bias: Flag = False
    mlp_bias: Flag = False
    head_bias: Flag = False
    parallel: Flag = False
    tied: bool = False
    qk_norm: str = ""
    qk_norm_flag: Flag = True
    output_gate: Flag = False
    sinks: str = ""
    recurrent: str = ""
    rope_flags: str = ""
    adapt: str = ""
    position_rows: str = ""
    position_offset: int = 0
    moe: Moe | None = None
    layer_extras: str = ""
    ignored: tuple[str, ...] = ()
