"""A model with the techniques that change its layers: as it is stored, as it reads prompts, and as it decodes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from roofline.model import Model
from roofline.techniques.together import Techniques


def three_models(model: Model, techniques: Techniques) -> tuple[Model, Model, Model]:
    """Return the model as it is stored, as it reads prompts and as it decodes."""
    stored = _applied(model, techniques, "removal", "kv_sharing")
    reading = _applied(stored, techniques, "window", "selection")
    return stored, reading, _applied(reading, techniques, "kv_budget")


def _applied(model: Model, techniques: Techniques, *names: str) -> Model:
    for name in names:
        if (technique := getattr(techniques, name)) is not None:
            with said_of(name):
                model = technique.apply(model)
    return model


def cached_models(model: Model, techniques: Techniques) -> list[tuple[Model, int]]:
    """Return the models that keep K and V of a sequence once its prompt is read, and how often each does.

    The model as it decodes, and a draft that is no part of it.
    """
    decoding = three_models(model, techniques)[2]
    how = techniques.decoding
    draft = None if how is None else how.step(decoding).draft
    return [(decoding, 1), *([(draft.model, draft.copies)] if draft is not None and draft.held is not None else [])]


class TechniqueError(ValueError):
    """A technique that does not suit a model or a deployment; its name, and what is wrong with it."""

    def __init__(self, technique: str, message: str) -> None:
        super().__init__(f"techniques.{technique}: {message}")
        self.technique = technique
        self.message = message


@contextmanager
def said_of(technique: str) -> Iterator[None]:
    """Name the technique that a model does not suit."""
    try:
        yield
    except TechniqueError:
        raise
    except ValueError as error:
        raise TechniqueError(technique, str(error)) from None
