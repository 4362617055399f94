"""What number formats and techniques cost in quality: the rise of a model's cross-entropy, from published evidence.

Everything done to a model is a list of changes. The loss of each is what the best published method reaches, its largest
what the worst does: below four bits they are worlds apart. Losses add; see :func:`combined` for the bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median

from roofline.model import Model, matrix_parameters_by_group
from roofline.precision import Precision, number_format
from roofline.quality_evidence import (
    NAIVE,
    SAME_FORMAT,
    TRAINED_IN_IT,
    Row,
    evidence_for,
    family_of,
    settings,
    techniques,
)

EVIDENCE = ("measured", "fitted", "none")
"""How sure a loss is, surest first: published for this model, made of what was published for others, or unknown."""

LOSSLESS_BITS = 16.0
"""Formats of so many bits are what losses are measured against."""

HEAD = ("embedding", "lm_head")
"""Groups of weights that the evidence leaves in 16 bit: their format is not counted."""

CODEBOOKS = ("aqlm",)
"""Formats whose few bits are another thing than integers of as many: they say nothing about those."""

OWN, FAMILY, ANY = range(3)
"""How near evidence is: of the model, of its family, of whatever model."""

_FORMATS = ("weights", "kv_cache")
_SHARES = ("pruning", "low_rank", "hidden", "layers", "heads+channels", "contextual_sparsity", "selection")
_TOKENS = ("eviction", "window")


@dataclass(frozen=True)
class Change:
    """One thing done to a model: a technique of :mod:`roofline.quality_evidence` and its setting."""

    technique: str
    setting: str

    def __str__(self) -> str:
        return f"{self.technique} {self.setting}".strip()


@dataclass(frozen=True)
class Loss:
    """Rise of the cross-entropy [nat/token], with bounds.

    Attributes
    ----------
    value, low, high : float
        NaN where there is no evidence.
    evidence : {"measured", "fitted", "none"}
    missing : tuple of Change
        What there is no evidence for.
    sources : tuple of str
        Where the numbers are from.
    """

    value: float
    low: float
    high: float
    evidence: str
    missing: tuple[Change, ...] = ()
    sources: tuple[str, ...] = ()


NO_LOSS = Loss(0.0, 0.0, 0.0, "measured")


def no_evidence(change: Change) -> Loss:
    """Return the loss of what nobody measured."""
    return Loss(math.nan, math.nan, math.nan, "none", (change,))


def combined(losses: Iterable[Loss]) -> Loss:
    """Return the loss of several changes together.

    Notes
    -----
    Logarithms of perplexity add: the value is the sum. At best one change hides the others, so the least is the largest
    of their least losses; the largest is the sum of their largest. Of one change all three are its own. A sum of
    measurements is no measurement: it is ``fitted``.
    """
    parts = [loss for loss in losses if loss is not NO_LOSS]
    if len(parts) < 2:
        return parts[0] if parts else NO_LOSS
    weakest = max(max(EVIDENCE.index(part.evidence) for part in parts), EVIDENCE.index("fitted"))
    return Loss(
        value=sum(part.value for part in parts),
        low=max(part.low for part in parts) if weakest < EVIDENCE.index("none") else math.nan,
        high=sum(part.high for part in parts),
        evidence=EVIDENCE[weakest],
        missing=tuple(change for part in parts for change in part.missing),
        sources=tuple(dict.fromkeys(source for part in parts for source in part.sources)),
    )


def change_loss(change: Change, model: str, parameters: float) -> Loss:
    """Return the loss of one change of a model.

    Parameters
    ----------
    change : Change
    model : str
        Its name; evidence for it, or else for its family, comes before that for others.
    parameters : float
        Its size [1].

    Notes
    -----
    Measured settings come first. Between two of them, or between one and none at all, the loss is on a straight line
    (losses grow faster, so the line lies above them), and not above that of any harsher setting. Beyond the last of
    them nothing is known.
    """
    setting = SAME_FORMAT.get(change.setting, change.setting)
    known = _known(change.technique, model, parameters)
    if setting in known.settings:
        return known.loss(setting)
    severity = _severity(change.technique, setting)
    if severity is None:
        return no_evidence(change)
    milder = max(((s, name) for name, s in known.severities.items() if s <= severity), default=None)
    harsher = sorted((s, name) for name, s in known.severities.items() if s >= severity)
    if not harsher:
        return no_evidence(change)
    end, above = harsher[0][0], known.loss(harsher[0][1])
    below, start = (NO_LOSS, 0.0) if milder is None else (known.loss(milder[1]), milder[0])
    share = 1.0 if end == start else (severity - start) / (end - start)
    line = below.value + share * (above.value - below.value)
    value = min(line, *(known.loss(name).value for _, name in harsher))
    low, high = min(below.low, above.low, value), max(below.high, above.high)
    return Loss(value, low, high, "fitted", (), tuple(dict.fromkeys((*below.sources, *above.sources))))


def precision_loss(precision: Precision, model: Model) -> Loss:
    """Return the loss of number formats of a model.

    Notes
    -----
    Formats that were measured together count together. Activations in a format of their own, beside weights that were
    not measured with it, cost what weights and activations in it cost: too much rather than too little. Weights in
    several formats cost the mean over their parameters.
    """
    name, size = model.name, float(model.total_parameters)
    shares = weight_shares(precision, model)
    active, cache = _lossy(precision.activations), _lossy(precision.kv_cache)
    if len(shares) == 1 and active is not None:
        (weights,) = shares
        pair = f"{_same(weights)}/{_same(active)}"
        everything = Change("weights+activations+kv_cache", f"{pair}/{_same(cache or '')}")
        if any(row.model == name for row in evidence_for(everything.technique, everything.setting)):
            return change_loss(everything, name, size)
        together = Change("weights+activations", pair)
        if together.setting in settings(together.technique):
            return combined((change_loss(together, name, size), _cache_loss(cache, name, size)))
    beside = NO_LOSS
    if active is not None:
        beside = change_loss(Change("weights+activations", f"{_same(active)}/{_same(active)}"), name, size)
    return combined((_weights_loss(shares, name, size), beside, _cache_loss(cache, name, size)))


def weight_shares(precision: Precision, model: Model) -> dict[str, float]:
    """Return the share of the weights [1] in each format, without embedding and LM head; 16 bit counts as ``fp16``."""
    sizes = matrix_parameters_by_group(model) | {"experts": model.expert_parameters}
    body = {group: size for group, size in sizes.items() if group not in HEAD and size > 0}
    total, found = float(sum(body.values())), dict[str, float]()
    for group, size in body.items():
        form = _lossy(precision.weights_of(group)) or "fp16"
        found[form] = found.get(form, 0.0) + size / total
    return found


def closest_evidence(change: Change) -> str:
    """Return the settings with evidence that come closest to a change, for people."""
    if change.technique not in techniques():
        return f"there is evidence for {', '.join(techniques())}"
    severity = _severity(change.technique, change.setting)
    known = list(settings(change.technique))
    if severity is not None:
        known.sort(key=lambda name: abs((_severity(change.technique, name) or 0.0) - severity))
    named = [f"{name} ({_models_with(change.technique, name)})" for name in known[:3]]
    return f"the closest for {change.technique}: {', '.join(named)}"


def _models_with(technique: str, setting: str) -> str:
    found = list(dict.fromkeys(row.model for row in evidence_for(technique, setting)))
    return ", ".join(found[:2]) + (f" and {len(found) - 2} more" if len(found) > 2 else "")


def _weights_loss(shares: dict[str, float], model: str, parameters: float) -> Loss:
    losses = {form: _format_loss("weights", form, model, parameters) for form in shares}
    if len(losses) == 1:
        return next(iter(losses.values()))
    missing = tuple(change for loss in losses.values() for change in loss.missing)
    if missing:
        return Loss(math.nan, math.nan, math.nan, "none", missing)

    def mean(of: Callable[[Loss], float]) -> float:
        return sum(shares[form] * of(loss) for form, loss in losses.items())

    # Which weights are the sensitive ones is not known: at worst all the loss is in those of the narrowest format.
    return Loss(
        value=mean(lambda loss: loss.value),
        low=min(mean(lambda loss: loss.low), mean(lambda loss: loss.value)),
        high=max(loss.high for loss in losses.values()),
        evidence="fitted",
        sources=tuple(dict.fromkeys(source for loss in losses.values() for source in loss.sources)),
    )


def _cache_loss(form: str | None, model: str, parameters: float) -> Loss:
    return NO_LOSS if form is None else change_loss(Change("kv_cache", form), model, parameters)


def _format_loss(technique: str, form: str, model: str, parameters: float) -> Loss:
    return NO_LOSS if _lossy(form) is None else change_loss(Change(technique, form), model, parameters)


class _Known:
    """The settings of a technique that there is evidence for, and their losses on one model."""

    def __init__(self, technique: str, model: str, parameters: float) -> None:
        self.model, self.parameters = model, parameters
        self.settings = {name: pool for name in settings(technique) if (pool := self._pool(technique, name))[1]}
        found = {name: _severity(technique, name) for name in self.settings}
        self.severities = {name: s for name, s in found.items() if s is not None}

    def loss(self, setting: str) -> Loss:
        """Return the loss of a setting with evidence.

        Of a model without evidence in its family it is no more than the loss of a harsher one; of any it is no less
        than what the model, or its family, loses by a milder one.
        """
        level, rows = self.settings[setting]
        value, own = self._reached(rows), self.severities.get(setting)
        if own is not None and level > OWN:
            others = [(self.severities[name], *self.settings[name]) for name in self.severities]
            if level == ANY:
                value = min(value, *(self._reached(pool) for severity, _, pool in others if severity >= own))
            milder = [self._reached(pool) for severity, near, pool in others if near < level and severity <= own]
            value = max([value, *milder])
        sure = level == OWN and all(row.evidence == "measured" for row in rows)
        losses = [row.loss for row in rows]
        low, high = min(*losses, value), max(*losses, value)
        sources = tuple(dict.fromkeys(row.source for row in rows))
        return Loss(value, low, high, "measured" if sure else "fitted", (), sources)

    def _pool(self, technique: str, setting: str) -> tuple[int, tuple[Row, ...]]:
        """The rows that count: 0 of this model, else 1 of its family, else 2 of any."""
        every = evidence_for(technique, setting)
        others = tuple(row for row in every if row.method != TRAINED_IN_IT)
        family = tuple(row for row in others if row.family == family_of(self.model))
        levels = (tuple(row for row in every if row.model == self.model), family, others)
        for level, rows in enumerate(levels):
            if any(row.method not in NAIVE for row in rows):
                return level, rows
        return next(((level, rows) for level, rows in enumerate(levels) if rows), (len(levels), ()))

    def _reached(self, rows: Sequence[Row]) -> float:
        """The least loss of each model; of several models on a line over the logarithm of their size."""
        best: dict[str, float] = {}
        rows = [row for row in rows if row.method not in NAIVE] or rows
        for row in rows:
            best[row.model] = min(best.get(row.model, math.inf), row.loss)
        sizes = sorted({row.parameters for row in rows})
        of = [median({row.model: best[row.model] for row in rows if row.parameters == n}.values()) for n in sizes]
        if self.parameters <= sizes[0]:
            return of[0]
        for i in range(1, len(sizes)):
            if self.parameters <= sizes[i]:
                share = math.log(self.parameters / sizes[i - 1]) / math.log(sizes[i] / sizes[i - 1])
                return of[i - 1] + share * (of[i] - of[i - 1])
        return of[-1]


@lru_cache(maxsize=256)
def _known(technique: str, model: str, parameters: float) -> _Known:
    return _Known(technique, model, parameters)


def _severity(technique: str, setting: str) -> float | None:
    """How far a setting is from none: bits below 16, the share gone, 1 / tokens kept; None where nobody can say."""
    if technique in _FORMATS:
        return None if setting in CODEBOOKS else LOSSLESS_BITS - number_format(setting).bits
    if technique == "weights+activations":
        one, _, other = setting.partition("/")
        return LOSSLESS_BITS - number_format(one).bits if one == other else None
    if technique in _TOKENS:
        return 1.0 / float(setting)
    if technique == "kv_sharing":  # caches that are gone
        return 1.0 - 1.0 / float(setting)
    return float(setting) if technique in _SHARES else None


def _lossy(form: str) -> str | None:
    """The format, if it has fewer bits than what losses are measured against."""
    return form if number_format(form).bits < LOSSLESS_BITS else None


def _same(form: str) -> str:
    return SAME_FORMAT.get(form, form)
