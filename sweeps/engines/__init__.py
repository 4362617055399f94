"""Engines: where the pieces of a search are worked off - in this process, in several, or on a cluster.

An engine calls a function with each of many pieces and hands back what came of them, in any order. It knows nothing of
designs. A piece that fails comes back as a failure, and so does one that takes its process with it; the others are not
harmed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

P = TypeVar("P")
P_co = TypeVar("P_co", covariant=True)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class EngineError(Exception):
    """The engine itself cannot go on: no scheduler, no workers, or workers that are not like this process."""


class MissingPackageError(EngineError):
    """The engine needs a package that is not installed."""


class WorkerDiedError(Exception):
    """The process that worked a piece off ended before it was done, twice; there is no use in a third time."""


@dataclass(frozen=True)
class Outcome(Generic[P_co, T_co]):
    """What came of a piece: a result, or the error that it ended with."""

    piece: P_co
    result: T_co | None = None
    error: Exception | None = None


class Engine(Protocol):
    """Something that works pieces off; what it needs for that is there while it is entered."""

    @property
    def workers(self) -> int:
        """Processes at work, as far as it is known beforehand; 0 if it is not."""
        ...

    def __enter__(self) -> Self:
        """Make ready; raise EngineError if it cannot be."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all that was started."""
        ...

    def outcomes(
        self, work: Callable[[P], T], pieces: Sequence[P], stop: Callable[[], bool]
    ) -> Iterator[Outcome[P, T]]:
        """Work pieces off and yield the outcome of each, as they come.

        Parameters
        ----------
        work : callable
            Called with a piece. Where the engine has several processes it is picklable and sent to each of them once,
            also when the same object is given again.
        pieces : sequence
            Picklable.
        stop : callable
            Once it says so, no other piece is begun; those under way still come.

        Raises
        ------
        EngineError
            If the engine cannot go on.
        """
        ...


def attempt(work: Callable[[P], T], piece: P) -> Outcome[P, T]:
    """Call a function with a piece and return what came of it, whatever that is."""
    try:
        return Outcome(piece, work(piece))
    except Exception as error:
        return Outcome(piece, error=error)


class Serial:
    """The process itself."""

    workers = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def outcomes(
        self, work: Callable[[P], T], pieces: Sequence[P], stop: Callable[[], bool]
    ) -> Iterator[Outcome[P, T]]:
        """Work pieces off one after the other."""
        for piece in pieces:
            if stop():
                return
            yield attempt(work, piece)


def never() -> bool:
    """Say that nobody told the work to stop."""
    return False


def results(engine: Engine, work: Callable[[P], T], pieces: Sequence[P]) -> Iterator[tuple[P, T]]:
    """Yield each piece with what a function makes of it, as they come; raise what it raises."""
    for outcome in engine.outcomes(work, pieces, never):
        if outcome.error is not None:
            raise outcome.error
        yield outcome.piece, outcome.result  # type: ignore[misc]  # there is a result where there is no error
