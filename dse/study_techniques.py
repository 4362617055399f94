"""The techniques of a workload: their grammar, and what they are of models. Meanings are in `roofline.techniques`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, cast

from pydantic import ValidationError, model_validator

from dse.errors import did_you_mean, listed, shown
from dse.study_part import Part
from dse.study_rules import Choice, Context, ModelName, Number, Rule, StudyName, Switch, Whole
from roofline import techniques
from roofline.model import Model
from roofline.techniques.pruning import INDEXES, pattern_of
from roofline.techniques.verify import MOST_POSITIONS

MOST_ALGORITHMS = 64
MOST_DEPTH = 64
MOST_TOKENS = 10**8
MOST_LAYERS = 10_000

Models = Callable[[str], Model]


class _Below1(Number):
    """A share of which something is left."""

    def _clean(self, value: object, context: Context) -> float:
        if type(value) in (int, float) and 0.0 <= cast(float, value) < 1.0:
            return float(cast(float, value))
        raise ValueError(f"expected a number of at least 0 and below 1, got {shown(value)}")


class _Pattern(Rule):
    """N of every M weights."""

    optional = True

    def _clean(self, value: object, context: Context) -> str:
        if not isinstance(value, str):
            raise ValueError(f'expected a pattern N:M such as "2:4", got {shown(value)}')
        pattern_of(value)
        return value


class _Chances(Rule):
    """A chance for each depth, which no axis replaces."""

    scalar = False
    optional = True

    def _clean(self, value: object, context: Context) -> tuple[float, ...]:
        if not isinstance(value, list | tuple) or len(value) > MOST_DEPTH:
            raise ValueError(f"expected a list of at most {MOST_DEPTH} chances, got {shown(value)}")
        return tuple(Number(least=0.0, most=1.0).check(one, context) for one in value)


Chance = Annotated[float, Number(least=0.0, most=1.0)]
Removed = Annotated[float, _Below1()]
Share = Annotated[float, Number(above=0.0, most=1.0)]
Count = Annotated[int, Whole(1, MOST_POSITIONS)]
Depth = Annotated[int, Whole(1, MOST_DEPTH)]
Layers = Annotated[int, Whole(1, MOST_LAYERS)]
Tokens = Annotated[int, Whole(1, MOST_TOKENS)]
SomeTokens = Annotated[int, Whole(0, MOST_TOKENS)]


class _Technique(Part):
    """A technique of `roofline.techniques`, with fields of the same names."""

    of: ClassVar[Callable[..., Any]]

    @model_validator(mode="after")
    def _goes_together(self) -> _Technique:
        self.built(_no_model)
        return self

    def built(self, models: Models) -> Any:
        """Return it with its models; ValueError where its values do not go together."""
        given = {key: getattr(self, key) for key in type(self).model_fields}
        if "draft" in given:
            given["draft"] = models(given["draft"])
        if "accepted" in given:
            one, other, each = (given.pop(key) for key in ("acceptance", "accepted", "by_depth"))
            given["yields"] = techniques.Accepted(one, other, each or ())
        return type(self).of(**{key: value for key, value in given.items() if value is not None})


class Removal(_Technique):
    """Layers, and shares of KV heads, channels and the hidden size, removed for good."""

    of = techniques.Removal
    layers: Annotated[int, Whole(0, MOST_LAYERS)] = 0
    heads: Removed = 0.0
    channels: Removed = 0.0
    hidden: Removed = 0.0


class LowRank(_Technique):
    """Two factors for each matrix, of this share of the full rank."""

    of = techniques.LowRank
    rank: Share


class Pruning(_Technique):
    """Sparse weights: a share of zeros, or a pattern."""

    of = techniques.Pruning
    sparsity: Removed = 0.0
    index: Annotated[str, Choice(INDEXES)] = "bitmap"
    pattern: Annotated[str | None, _Pattern()] = None


class EarlyExit(_Technique):
    """Mean layers of a decode step, and runs of the LM head that decide."""

    of = techniques.EarlyExit
    layers: Layers
    checks: Annotated[int, Whole(0, MOST_LAYERS)] = 0


class Window(_Technique):
    """Newest tokens attended."""

    of = techniques.Window
    tokens: Tokens


class KvBudget(_Technique):
    """Tokens that a cache keeps, and first ones that always stay."""

    of = techniques.KvBudget
    tokens: Tokens
    sinks: SomeTokens = 0


class KvSharing(_Technique):
    """Neighbouring layers that share one cache."""

    of = techniques.KvSharing
    layers: Layers


class Selection(_Technique):
    """Blocks of the cache that a query selects."""

    of = techniques.Selection
    block: Tokens
    tokens: Tokens
    local: SomeTokens = 0
    keys: Annotated[int, Whole(1, 64)] = 1
    pooled: Annotated[bool, Switch()] = False
    prompts: Annotated[str, Choice(("full", "selected", "local"))] = "full"
    layers: Annotated[int | None, Whole(1, MOST_LAYERS, optional=True)] = None


class Contextual(_Technique):
    """Shares of neurons and heads that a token needs, and the width of the predictors."""

    of = techniques.Contextual
    neurons: Share = 1.0
    heads: Share = 1.0
    predictor: Annotated[int, Whole(1, 10**6)] = 1024


class Speculative(_Technique):
    """A draft model proposes `gamma` tokens, each accepted with the chance `acceptance`."""

    of = techniques.Speculative
    draft: Annotated[str, ModelName()]
    gamma: Depth
    acceptance: Chance


class SelfSpeculative(_Technique):
    """Some of the target's own layers propose."""

    of = techniques.SelfSpeculative
    layers: Layers
    gamma: Depth
    acceptance: Chance


class _Yielding(_Technique):
    """Exactly one of a chance for every depth, the mean number of proposals accepted, and a chance for each depth."""

    acceptance: Annotated[float | None, Number(least=0.0, most=1.0, optional=True)] = None
    accepted: Annotated[float | None, Number(least=0.0, optional=True)] = None
    by_depth: Annotated[tuple[float, ...] | None, _Chances()] = None


class TokenTree(_Yielding):
    """A draft model grows a tree of proposals."""

    of = techniques.TokenTree
    draft: Annotated[str, ModelName()]
    depth: Depth
    nodes: Count


class Medusa(_Yielding):
    """Further heads propose a tree."""

    of = techniques.Medusa
    heads: Depth
    nodes: Count


class Eagle(_Yielding):
    """A layer more proposes a tree, or a chain where no nodes are given."""

    of = techniques.Eagle
    depth: Depth
    nodes: Annotated[int | None, Whole(1, MOST_POSITIONS, optional=True)] = None


class MultiToken(_Yielding):
    """Modules of multi-token prediction."""

    of = techniques.MultiToken
    depth: Depth


class Lookahead(_Yielding):
    """A window of guesses, n-grams, and guesses that are verified."""

    of = techniques.Lookahead
    window: Count
    ngram: Annotated[int, Whole(2, MOST_DEPTH)]
    guesses: Count


class Jacobi(_Yielding):
    """A block that is iterated."""

    of = techniques.Jacobi
    block: Annotated[int, Whole(2, MOST_POSITIONS)]


class Techniques(Part):
    """What makes a workload cheaper; nothing given is plain inference."""

    removal: Removal | None = None
    low_rank: LowRank | None = None
    pruning: Pruning | None = None
    early_exit: EarlyExit | None = None
    window: Window | None = None
    kv_budget: KvBudget | None = None
    kv_sharing: KvSharing | None = None
    selection: Selection | None = None
    contextual: Contextual | None = None
    speculative: Speculative | None = None
    self_speculative: SelfSpeculative | None = None
    token_tree: TokenTree | None = None
    medusa: Medusa | None = None
    eagle: Eagle | None = None
    multi_token: MultiToken | None = None
    lookahead: Lookahead | None = None
    jacobi: Jacobi | None = None

    @model_validator(mode="after")
    def _no_contradiction(self) -> Techniques:
        if message := techniques.contradiction(tuple(self._given)):
            raise ValueError(message)
        return self

    @property
    def used(self) -> tuple[str, ...]:
        """Names of those that are given."""
        return tuple(self._given)

    @property
    def _given(self) -> dict[str, _Technique]:
        parts = {key: getattr(self, key) for key in Techniques.model_fields}
        return {key: part for key, part in parts.items() if part is not None}

    def built(self, models: Models) -> techniques.Techniques:
        """Return them with their models.

        Parameters
        ----------
        models : callable
            Takes the name of a model, as it stands in the study.
        """
        return techniques.Techniques(**{key: part.built(models) for key, part in self._given.items()})

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models they need."""
        return tuple(part.draft for part in (self.speculative, self.token_tree) if part is not None)


class Algorithm(Techniques):
    """Techniques under the name that the study gives them."""

    name: str


class TechniquesOrName(Rule):
    """Techniques, or the name of an algorithm of the study."""

    def _clean(self, value: object, context: Context) -> object:
        if isinstance(value, dict | Techniques):
            return value
        names = tuple(context.algorithms)
        if not isinstance(value, str) or value not in names:
            known = f"one of {listed(names)}" if names else "a name under algorithms"
            guess = did_you_mean(value, names) if isinstance(value, str) else ""
            raise ValueError(f"expected a mapping of techniques, or {known}, got {shown(value)}{guess}")
        parts = context.algorithms[value]
        try:
            given = Techniques.model_validate({} if parts is None else parts, context=context)
        except ValidationError:
            raise ValueError(f"{value} of algorithms is wrong") from None
        return Algorithm(name=value, **{key: getattr(given, key) for key in Techniques.model_fields})


class Algorithms(Rule):
    """Techniques by name."""

    scalar = False

    def _clean(self, value: object, context: Context) -> object:
        if not isinstance(value, dict) or len(value) > MOST_ALGORITHMS:
            form = "names with their techniques, such as {plain: {}, pruned: {pruning: {sparsity: 0.5}}}"
            raise ValueError(f"expected at most {MOST_ALGORITHMS} {form}, got {shown(value)}")
        for name in value:
            StudyName().check(name, context)
        return {name: {} if parts is None else parts for name, parts in value.items()}


def _no_model(name: str) -> Model:
    """A model that says nothing: numbers are checked before models are read."""
    return Model(name=name, hidden=1, vocabulary=1, layers=(), norm_parameters=1)
