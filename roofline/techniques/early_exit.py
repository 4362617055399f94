"""Early exit: a decode step runs the layers up to an expected depth (Schuster et al., CALM, arXiv 2207.07061)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from roofline.model import Model
from roofline.techniques.removal import of_depth


@dataclass(frozen=True)
class EarlyExit:
    """Decode steps run `layers` layers on average; prompts run all of them.

    Attributes
    ----------
    layers : int
        Expected depth of a step: of a batch, that of the sequence that exits last.
    checks : int
        Times a step runs the LM head to decide, beside the one that predicts: at most once after each layer before
        the exit (0: a cheaper test, neglected).

    Notes
    -----
    Later tokens attend to the skipped layers too, so their K and V are computed from the hidden state at the exit
    (CALM, section 3.2): the projections of K and V of every skipped layer are read, their caches written, at each step.
    """

    layers: int
    checks: int = 0

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise ValueError(f"expected layers of at least 1, got {self.layers}")
        if not 0 <= self.checks < self.layers:
            raise ValueError(
                f"expected checks from 0 to {self.layers - 1}, one after each layer before the exit, got {self.checks}"
            )

    def split(self, model: Model) -> tuple[Model, Model | None]:
        """Return the model of a step, and what it skips; None where it skips nothing."""
        run = of_depth(model, self.layers)
        if run is model:
            return model, None
        return run, _without(model, run)


def _without(model: Model, run: Model) -> Model:
    """Return the layers of a model that a shallower one of the same kinds does not run."""
    left = {replace(kind, count=1): kind.count for kind in run.layers}
    kinds = [replace(kind, count=kind.count - left.get(replace(kind, count=1), 0)) for kind in model.layers]
    return replace(model, layers=tuple(kind for kind in kinds if kind.count))
