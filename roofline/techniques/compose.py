"""A request with its techniques as passes: the operators of a prefill and of a decode step, and the bytes to hold."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace

from roofline.footprint import kv_footprint, weight_footprint
from roofline.model import Model
from roofline.operators import Operator, Operators
from roofline.parallel import ONE_CHIP
from roofline.phases import HEAD_ROWS, Pass, operators_of
from roofline.phases.heads import cached_only, combination, predictors, proposal_heads
from roofline.precision import Precision, number_format
from roofline.serving import mean_decode_context
from roofline.techniques.heads import drafting_layer
from roofline.techniques.low_rank import Divided
from roofline.techniques.models import TechniqueError, said_of, three_models
from roofline.techniques.options import WHOLE, PassOptions, Piece
from roofline.techniques.pruning import PRUNED_GROUPS
from roofline.techniques.together import DECODING, NONE, Techniques
from roofline.techniques.verify import Draft, Verified

PLAIN = Verified(positions=1.0, tokens=1.0)


@dataclass(frozen=True)
class Served:
    """What serving a request is.

    Attributes
    ----------
    prefill, decode : Operators
        Of one microbatch; a decode step holds all its passes.
    layers : int
        Of the model that is divided over the stages of a pipeline: the one that is stored, or a draft's.
    footprint_bytes : mapping of class to bytes
        What a chip must hold.
    tokens_per_pass : float
        Tokens of each sequence that a decode step is expected to yield [1]; no more than are wanted after the first, so
        that the shortest output takes a whole step.
    prompt_cache_bytes : float
        Part of the KV cache of the footprint that only the reading of prompts needs [byte].
    drafted : bool
        A decode step holds passes of a draft, shorter than the target's.
    weights : tuple of (what, bytes)
        The weights of the footprint in parts, of which other requests may have the same ones.
    """

    prefill: Operators
    decode: Operators
    layers: int
    footprint_bytes: Mapping[str, float]
    tokens_per_pass: float = 1.0
    prompt_cache_bytes: float = 0.0
    drafted: bool = False
    weights: tuple[tuple[Hashable, float], ...] = ()


def served(
    model: Model,
    precision: Precision,
    techniques: Techniques = NONE,
    *,
    batch: int,
    prompt_tokens: float,
    output_tokens: float,
    how: PassOptions,
    piece: Piece = WHOLE,
    decode_context: float | None = None,
    held_tokens: float | None = None,
) -> Served:
    """Return the passes of a request with its techniques, and what must be held at the final context p + o.

    Parameters
    ----------
    model : Model
    precision : Precision
    techniques : Techniques
    batch : int
        Sequences of the deployment.
    prompt_tokens, output_tokens : float
        Tokens of each sequence.
    how : PassOptions
    piece : Piece
        What of the prompts a prefill pass processes.
    decode_context : float, optional
        Tokens that the average decode step attends to, in place of those of this prompt and output.
    held_tokens : float, optional
        Tokens that the KV cache has room for, of each sequence, in place of p + o.

    Raises
    ------
    ValueError
        If a technique and the model or the deployment do not go together, or the chips cannot divide a model.
    """
    context = mean_decode_context(prompt_tokens, output_tokens) if decode_context is None else decode_context
    held = prompt_tokens + output_tokens if held_tokens is None else held_tokens
    asked = _Request(model, precision, techniques, batch, prompt_tokens, output_tokens, how, piece, context, held)
    return asked.served()


@dataclass(frozen=True)
class _Request:
    """One request on its way through the order of :mod:`roofline.techniques`."""

    model: Model
    precision: Precision
    techniques: Techniques
    batch: int
    prompt_tokens: float
    output_tokens: float
    how: PassOptions
    piece: Piece
    context: float
    held_tokens: float

    def served(self) -> Served:
        """Apply everything."""
        stored, reading, decoding = three_models(self.model, self.techniques)
        step = PLAIN
        if (how := self.techniques.decoding) is not None:
            with said_of(self._decoding):
                step = how.step(decoding)
        self._check(stored, step)
        before = self._prefill(reading, step)
        after, beside = self._decode(decoding, step)
        held = self._weights(stored)
        weights = {self._stored_as(stored): sum(held.values()), **beside}
        held["dense"] += sum(beside.values())
        passing = self._prompt_cache(reading, decoding)
        cached = self._cache(decoding, step.positions) + passing
        if step.draft is not None:
            where = self._on_one_stage if step.draft.combines else self
            with said_of(self._decoding):
                before, after, own, of_draft = where._with_draft(step.draft, reading, before, after)
            held = {name: size + own[name] for name, size in held.items()}
            weights |= {self._draft_as(step.draft): sum(own.values())} if step.draft.held is not None else {}
            cached += of_draft
        live = max(before.live_activation_bytes, after.live_activation_bytes)
        footprint = {"activations": live, "kv_cache": cached, **held}
        wanted = max(self.output_tokens - 1.0, 1.0)
        return Served(
            before,
            after,
            self._layers(stored, step.draft),
            footprint,
            min(step.tokens, wanted),
            passing,
            drafted=step.draft is not None,
            weights=tuple(weights.items()),
        )

    def _stored_as(self, stored: Model) -> Hashable:
        """Everything that decides the weights of the model itself."""
        t = self.techniques
        low_rank = None if t.low_rank is None or t.low_rank.rank == 1.0 else t.low_rank
        pruning = None if t.pruning is None or t.pruning.kept == 1.0 else t.pruning
        return stored, self.precision.weight_formats, low_rank, pruning

    def _draft_as(self, draft: Draft) -> Hashable:
        """Everything that decides the weights of a draft: a model like any other, or layers beside the target's."""
        if draft.combines:
            return self._beside(type(self.techniques.decoding).__name__, draft.copies)
        return draft.held, self.precision.weight_formats, None, None

    def _beside(self, *what: Hashable) -> Hashable:
        """Something that goes with a model, whatever its layers attend to."""
        return (*what, self.model, self.techniques.removal, self.precision.weight_formats)

    def _layers(self, stored: Model, draft: Draft | None) -> int:
        """Layers of the model, target or draft, that is divided least evenly over the stages of a pipeline."""
        counts = [stored.layer_count, *([] if draft is None else [draft.model.layer_count])]
        return max(counts, key=self.how.parallel.stage_share)

    @property
    def _on_one_stage(self) -> _Request:
        """The same for a part of the model that one stage of a pipeline has alone."""
        if self.how.parallel.pipeline == 1:
            return self
        return replace(self, how=replace(self.how, parallel=replace(self.how.parallel, pipeline=1)))

    @property
    def _decoding(self) -> str:
        """Name of the way to decode; nothing where tokens are decoded one by one."""
        return next((name for name in DECODING if name in self.techniques.used), "")

    @property
    def _sequences(self) -> float:
        return float(self.how.parallel.microbatch(self.batch))

    def _check(self, stored: Model, step: Verified) -> None:
        t, parallel = self.techniques, self.how.parallel
        if parallel.microbatches(self.batch) > 1:
            _check_stages(t, step, self._decoding)
        if t.contextual is not None:
            with said_of("contextual"):
                t.contextual.check(stored)
        states = any(kind.mixer is not None and kind.mixer.state_bytes() for kind in stored.layers)
        if states and not step.chain:
            raise TechniqueError(
                self._decoding,
                f"a state of {stored.name} follows one sequence of tokens: it cannot verify a tree",
            )

    def _prefill(self, model: Model, verified: Verified) -> Operators:
        step = self.how.prefill(model, self.precision, self._sequences, self.prompt_tokens, self.piece)
        rows = self._compressed(operators_of(step), self._divided(step, model))
        if verified.heads:  # what the first decode step verifies
            rows += proposal_heads(step, verified.heads)
        return self.how.run(Operators(tuple(rows)), step)

    def _pass(self, model: Model, tokens: float, behind: float = 0.0, *, plain: bool = False) -> Pass:
        """A decode pass with so many tokens more behind it than the first of a step."""
        how, t = self.how, self.techniques
        if t.contextual is not None and t.contextual.heads < 1.0 and not plain:
            how = replace(how, split_qkv=True)  # queries are chosen, keys and values are not
        return how.decode(
            model, self.precision, self._sequences, self.context + behind, self.output_tokens - 1.0, tokens
        )

    def _decode(self, model: Model, verified: Verified) -> tuple[Operators, dict[Hashable, float]]:
        """The pass of the target in a decode step, and the weights that it has beside the model's [byte]."""
        t = self.techniques
        run, skipped = model, None
        if t.early_exit is not None:
            with said_of("early_exit"):
                run, skipped = t.early_exit.split(model)
        # Layers that are run may stand on fewer stages than there are; what they pass on crosses all of them.
        some = self if t.early_exit is None else self._on_one_stage
        step = replace(some._pass(run, verified.positions), parallel=self.how.parallel)
        rows = self._sparse(self._compressed(operators_of(step), self._divided(step, run)), step)
        if t.early_exit is not None:
            rows += [replace(row, count=t.early_exit.checks) for row in rows if row.name in HEAD_ROWS]
            rows = [row for row in rows if row.count]
        if skipped is not None:
            with said_of("early_exit"):
                rest = some._pass(skipped, verified.positions)
                rows += self._compressed(cached_only(rest), self._divided(rest, skipped, cached_only))
        chosen, heads = self._predictors(step), proposal_heads(step, verified.heads) if verified.heads else []
        added = [*chosen, *heads]
        # Each stage of a pipeline holds the predictors of its layers, the last one all heads.
        share = self.how.parallel.stage_share(model.layer_count)
        beside: dict[Hashable, float] = {}
        if chosen:
            beside[self._beside(t.contextual)] = _all_weight_bytes(chosen) * share
        if heads:
            beside[self._beside("heads", verified.heads)] = _all_weight_bytes(heads)
        return self.how.run(Operators((*rows, *added)), step), beside

    def _compressed(self, operators: Iterable[Operator], divided: Mapping[Operator, Divided]) -> list[Operator]:
        """Operators with the compression that works on matrices: low rank, then pruning of what is stored."""
        t, rows = self.techniques, list(operators)
        if t.low_rank is not None:
            act = number_format(self.precision.activations).bytes
            factored = (
                t.low_rank.apply(
                    row,
                    act_bytes=act,
                    accumulator_bytes=self.how.accumulator_bytes,
                    divided=divided.get(replace(row, count=1)),
                )
                for row in rows
            )
            rows = [row for parts in factored for row in parts]
        if t.pruning is not None:
            rows = [t.pruning.apply(row, self.how.skipping, self.how.dequantization_ops) for row in rows]
        return rows

    def _divided(
        self, step: Pass, model: Model, rows_of: Callable[[Pass], Operators] = operators_of
    ) -> dict[Operator, Divided]:
        """How the matrices of a pass of this model are divided over chips; nothing where nobody asks."""
        parallel = self.how.parallel
        if self.techniques.low_rank is None or parallel.tensor == 1:
            return {}
        found: dict[Operator, Divided] = {}
        for own, whole in zip(step.model.layers, model.layers, strict=True):
            alone = replace(step, model=replace(step.model, layers=(own,)))
            full = replace(step, model=replace(model, layers=(whole,)), parallel=ONE_CHIP)
            for mine, all_of_it in zip(_matrices(rows_of(alone)), _matrices(rows_of(full)), strict=True):
                chips = parallel.expert_shards if mine.weight_class == "experts" else parallel.tensor
                found[replace(mine, count=1)] = Divided(all_of_it, chips)
        return found

    def _sparse(self, rows: list[Operator], step: Pass) -> list[Operator]:
        chosen = self.techniques.contextual
        if chosen is None:
            return rows
        return [chosen.apply(row, tokens=step.all_tokens, per_sequence=step.tokens) for row in rows]

    def _predictors(self, step: Pass) -> list[Operator]:
        chosen = self.techniques.contextual
        return [] if chosen is None else predictors(step, chosen.predicted(step.model), chosen.predictor)

    def _weights(self, model: Model) -> dict[str, float]:
        """Weights to hold: those of the model, less what compression takes off the matrices of a plain decode pass."""
        whole = weight_footprint(model, self.precision, self.how.parallel)
        if self.techniques.low_rank is None and self.techniques.pruning is None:
            return whole
        step = self._pass(model, 1.0, plain=True)
        rows, divided = operators_of(step), self._divided(step, model)
        for name in ("dense", "experts"):
            before = _weight_bytes(rows, name)
            # Experts of a pass are some of those held; stages of a pipeline hold some of the layers.
            share = whole[name] / before if name == "experts" and before else 1.0
            if self.how.parallel.pipeline > 1 and name == "dense":
                share = self.how.parallel.stage_share(model.layer_count)
            whole[name] -= (before - _weight_bytes(self._compressed(rows, divided), name)) * share
        return whole

    def _cache(self, model: Model, positions: float) -> float:
        final = self.held_tokens + (positions - 1.0)
        return kv_footprint(model, self.precision, self.how.parallel, batch=self.batch, context=final)

    def _prompt_cache(self, reading: Model, decoding: Model) -> float:
        """K and V of one layer's prompt, where it is read in full and evicted then [byte]."""
        if self.techniques.kv_budget is None:
            return 0.0
        at_once = self.batch if self.piece.sequences is None else int(self.piece.sequences)
        excess = 0.0
        for whole, kept in zip(reading.layers, decoding.layers, strict=True):
            one, other = (replace(reading, layers=(replace(kind, count=1),)) for kind in (whole, kept))
            sizes = [
                kv_footprint(
                    m,
                    self.precision,
                    replace(self.how.parallel, pipeline=1),
                    batch=at_once,
                    context=self.prompt_tokens,
                )
                for m in (one, other)
            ]
            excess = max(excess, sizes[0] - sizes[1])
        return excess

    def _with_draft(
        self, draft: Draft, reading: Model, before: Operators, after: Operators
    ) -> tuple[Operators, Operators, dict[str, float], float]:
        """The passes with those of a draft, and its weights and cache to hold."""
        step = self._pass(draft.model, draft.tokens, (draft.passes - 1.0) / 2.0, plain=draft.held is not None)
        rows = operators_of(step)
        own = dict.fromkeys(("dense", "experts", "embedding"), 0.0)
        if draft.held is None:  # a part of the target, as it is
            compressed = self._compressed(rows, self._divided(step, draft.model))
            rows = Operators((*self._sparse(compressed, step), *self._predictors(step)))
            return before, _joined(self.how.run(rows, step), draft.passes, after), own, 0.0
        reader = drafting_layer(reading) if draft.combines else draft.model
        prompt_step = self.how.prefill(reader, self.precision, self._sequences, self.prompt_tokens, self.piece)
        prompt = operators_of(prompt_step)
        own = {
            name: size * draft.copies
            for name, size in weight_footprint(draft.held, self.precision, self.how.parallel).items()
        }
        if draft.combines:
            rows, prompt = (Operators((combination(one), *two)) for one, two in ((step, rows), (prompt_step, prompt)))
            own["dense"] += combination(step).weight_bytes * draft.copies
        before = _joined(self.how.run(prompt, prompt_step), draft.copies, before)
        after = _joined(self.how.run(rows, step), draft.passes, after)
        cached = self._cache(draft.model, draft.passes * draft.tokens) * draft.copies
        return before, after, own, cached


def _check_stages(techniques: Techniques, step: Verified, decoding: str) -> None:
    """Raise ValueError where techniques would keep the stages of a full pipeline unequally busy."""
    message = "does not go with stages of a pipeline that other sequences fill: {}; expected pipeline 1 or a batch of 1"
    if techniques.early_exit is not None:
        raise TechniqueError("early_exit", message.format("those before the exit are as busy as ever"))
    if step.heads or (step.draft is not None and step.draft.combines):
        raise TechniqueError(decoding, message.format("what drafts stands on the last of them alone"))


def _joined(draft: Operators, passes: int, target: Operators) -> Operators:
    """Return so many passes of a draft, then the target's."""
    rows = tuple(replace(row, name=f"draft_{row.name}", count=row.count * passes) for row in draft)
    return Operators((*rows, *target.rows), draft.host_s * passes + target.host_s)


def _matrices(rows: Iterable[Operator]) -> list[Operator]:
    """Operators of the layers that low rank may factor."""
    return [row for row in rows if row.inputs and row.group in PRUNED_GROUPS]


def _all_weight_bytes(rows: Iterable[Operator]) -> float:
    return sum(row.count * row.weight_bytes for row in rows)


def _weight_bytes(rows: Iterable[Operator], weight_class: str) -> float:
    """Weight bytes of one placement class, matrices only [byte]."""
    return sum(row.count * row.weight_bytes for row in rows if row.weight_class == weight_class and row.inputs)
