"""Model: a transformer's dimensions, as kinds of layers with counts, and the bytes it keeps."""

from __future__ import annotations

from dataclasses import dataclass

from roofline.layers import Experts, GatedDelta, LayerKind, StateSpace
from roofline.precision import Precision, number_format

NORM_BYTES_PER_PARAMETER = 2.0
"""Norm weights and biases stay in 16 bit whatever the format of the matrices."""


@dataclass(frozen=True)
class Model:
    """A decoder-only language model.

    Attributes
    ----------
    name : str
    hidden : int
    vocabulary : int
    layers : tuple of LayerKind
    norm_parameters : int
        Weights of one norm over the hidden size (hidden for RMSNorm, 2 x hidden for LayerNorm with bias).
    tied_embeddings : bool
        The LM head is the embedding table.
    learned_positions : int
        Rows of a learned position table (0: none).
    head_bias : bool
    extra_norms : int
        Norms beside the layers' and the final one (of the embedding, say).
    extra_parameters : int
        Small parameters beside all that.
    note : str
        What was left out of a configuration, such as a vision tower.
    active_counts : str
        What the publisher's figure of active parameters counts: ``all``, ``without input embedding`` or
        ``without embeddings`` (nor LM head).
    """

    name: str
    hidden: int
    vocabulary: int
    layers: tuple[LayerKind, ...]
    norm_parameters: int
    tied_embeddings: bool = False
    learned_positions: int = 0
    head_bias: bool = False
    extra_norms: int = 0
    extra_parameters: int = 0
    note: str = ""
    active_counts: str = "all"

    @property
    def layer_count(self) -> int:
        """Layers of all kinds."""
        return sum(kind.count for kind in self.layers)

    @property
    def embedding_parameters(self) -> int:
        """Rows that are only gathered: token and position tables (a tied token table counts as the LM head's)."""
        rows = self.learned_positions + (0 if self.tied_embeddings else self.vocabulary)
        return rows * self.hidden

    @property
    def matrix_parameters(self) -> int:
        """Weights of matrices every token is multiplied by, LM head included, routed experts not."""
        layers = sum(kind.count * kind.matrix_parameters(self.hidden) for kind in self.layers)
        return layers + self.vocabulary * self.hidden

    @property
    def vector_parameters(self) -> int:
        """Norm weights, biases and other small parameters."""
        layers = sum(kind.count * kind.vector_parameters(self.hidden, self.norm_parameters) for kind in self.layers)
        norms = (1 + self.extra_norms) * self.norm_parameters
        return layers + norms + (self.vocabulary if self.head_bias else 0) + self.extra_parameters

    @property
    def expert_parameters(self) -> int:
        """Parameters of all routed experts."""
        return sum(kind.count * kind.expert_parameters(self.hidden) for kind in self.layers)

    @property
    def total_parameters(self) -> int:
        """All parameters, tied tables counted once."""
        return self.embedding_parameters + self.matrix_parameters + self.vector_parameters + self.expert_parameters

    @property
    def active_parameters(self) -> int:
        """Parameters one token meets, all but the routed experts it is not sent to, as its publisher counts them."""
        idle = sum(kind.count * kind.idle_expert_parameters(self.hidden) for kind in self.layers)
        left_out = {"all": 0, "without input embedding": self.embedding_parameters}
        both = self.embedding_parameters + self.vocabulary * self.hidden
        return self.total_parameters - idle - left_out.get(self.active_counts, both)


def kv_cache_bytes(model: Model, precision: Precision, context: float) -> float:
    """KV cache and states of one sequence [byte] at `context` tokens; a window caps what a layer keeps."""
    width = number_format(precision.kv_cache).bytes
    return sum(
        k.count * (k.mixer.cache_elements(context) * width + k.mixer.state_bytes()) for k in model.layers if k.mixer
    )


def kv_cache_bytes_per_token(model: Model, precision: Precision) -> float:
    """KV cache [byte] one more token adds while no window is full; states do not count."""
    width = number_format(precision.kv_cache).bytes
    return sum(k.count * k.mixer.cache_elements(1.0) * width for k in model.layers if k.mixer)


def dense_weight_bytes(model: Model, precision: Precision) -> float:
    """Weights every pass reads in full [byte]: matrices in their group's format, norms and biases in 16 bit."""
    matrices = sum(n * _width(precision, group) for group, n in matrix_parameters_by_group(model).items())
    return matrices + model.vector_parameters * NORM_BYTES_PER_PARAMETER


def matrix_parameters_by_group(model: Model) -> dict[str, int]:
    """Return the matrix weights that every token meets, by the groups of :data:`roofline.precision.WEIGHT_GROUPS`."""
    result = {"lm_head": model.vocabulary * model.hidden}
    for kind in model.layers:
        parts: list[tuple[str, int]] = []
        if kind.mixer is not None:
            recurrent = isinstance(kind.mixer, StateSpace | GatedDelta)
            parts.append(("recurrent" if recurrent else "attention", kind.mixer.matrix_parameters(model.hidden)))
        for feed in kind.feed_forwards:
            if isinstance(feed, Experts):
                shared = feed.shared.matrix_parameters(model.hidden) if feed.shared else 0
                parts += [("shared_experts", shared), ("router", feed.matrix_parameters(model.hidden) - shared)]
            else:
                parts.append(("mlp", feed.matrix_parameters(model.hidden)))
        for group, parameters in parts:
            result[group] = result.get(group, 0) + kind.count * parameters
    return result


def expert_weight_bytes(model: Model, precision: Precision) -> float:
    """Weights of the routed experts [byte], biases in 16 bit; a pass reads those its tokens reach."""
    width, total = _width(precision, "experts"), 0.0
    for kind in model.layers:
        for feed in kind.feed_forwards:
            if isinstance(feed, Experts):
                biases = feed.up_width + (feed.latent or model.hidden) if feed.bias else 0
                matrices = feed.one_expert_parameters(model.hidden) - biases
                total += kind.count * feed.held * (matrices * width + biases * NORM_BYTES_PER_PARAMETER)
    return total


def lm_head_bytes(model: Model, precision: Precision) -> float:
    """Weights of the LM head [byte]; with tied embeddings, of the one table."""
    return model.vocabulary * model.hidden * _width(precision, "lm_head")


def embedding_bytes(model: Model, precision: Precision) -> float:
    """Tables of which a pass gathers single rows [byte]."""
    return model.embedding_parameters * _width(precision, "embedding")


def weight_bytes(model: Model, precision: Precision) -> float:
    """All weights [byte]."""
    dense, experts = dense_weight_bytes(model, precision), expert_weight_bytes(model, precision)
    return dense + experts + embedding_bytes(model, precision)


def _width(precision: Precision, group: str) -> float:
    return number_format(precision.weights_of(group)).bytes
