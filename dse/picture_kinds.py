"""Pictures of a run by name: what each is, and the figure of one (``dse plot --kind``, :meth:`dse.runs.Run.plot`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dse.errors import StudyError, did_you_mean, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dse.runs import Run
    from results.figures.look import Page

Given = str | int | Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """What somebody wants drawn.

    Attributes
    ----------
    designs : tuple
        Designs as :func:`dse.one_design.one_design` takes them; none: those a picture shows by itself.
    axes : tuple of str
        What goes across and up; none: the picture's own choice.
    theme : {"light", "dark"}
    """

    designs: tuple[Given, ...] = ()
    axes: tuple[str, ...] = ()
    theme: Page = "light"


@dataclass(frozen=True)
class Kind:
    """A picture.

    Attributes
    ----------
    about : str
        What it shows, in a line.
    designs, axes : int
        How many of each may be given, at most.
    home : str
        Function that draws it.
    """

    about: str
    home: str
    designs: int = 0
    axes: int = 0


KINDS = {
    "front": Kind("every pair of objectives, the front before the designs it dominates", "dse.pictures.front"),
    "parallel": Kind("the front as lines over design variables and objectives", "dse.pictures.parallel"),
    "rates": Kind("tokens/s of a chip against those of each user, by batch", "dse.pictures.rates"),
    "pair": Kind("two objectives: front, dominated designs, baselines", "dse.front_pictures.pair", axes=2),
    "uncertainty": Kind("the same with ellipses of the uncertain constants", "dse.front_pictures.uncertain", axes=2),
    "convergence": Kind("hypervolume of an evolutionary search by designs evaluated", "dse.front_pictures.growth"),
    "roofline": Kind(
        "operators of a design under its ceilings: SRAM, DRAM, flash, compute by precision",
        "dse.design_pictures.roofline",
        designs=1,
    ),
    "energy": Kind("work per joule of its operators over intensity", "dse.design_pictures.energy", designs=1),
    "bottleneck": Kind(
        "which ceiling binds over two design axes around a design", "dse.design_pictures.bottleneck", designs=1, axes=2
    ),
    "breakdown": Kind("time, energy, cost and carbon of designs by part", "dse.design_pictures.breakdown", designs=8),
    "tornado": Kind(
        "which constants and axes move the objectives of a design", "dse.design_pictures.tornado", designs=1
    ),
}
"""Pictures by name."""


def figure(run: Run, kind: str, asked: Asked = Asked()) -> Figure:
    """Return a picture of a run.

    Raises
    ------
    StudyError
        If there is no such picture, the run has not what it needs, or something that was given is wrong.
    """
    from importlib import import_module

    from results.figures import inline

    found = kind_of(kind)
    if len(asked.designs) > found.designs:
        raise StudyError(f"--design: {_takes('design', found.designs, kind)}, got {len(asked.designs)}")
    if asked.axes and not found.axes:
        raise StudyError(f"--axes: picture {kind} takes no axes; {_with_axes()} do")
    if asked.axes and (len(asked.axes) != found.axes or len(set(asked.axes)) != found.axes):
        raise StudyError(f"--axes: expected {found.axes} different ones, as X,Y, got {shown(','.join(asked.axes))}")
    module, name = found.home.rsplit(".", 1)
    draw: Callable[[Run, Asked], Figure] = getattr(import_module(module), name)
    return inline(draw(run, asked))


def kind_of(name: str) -> Kind:
    """Return a picture by its name; raise StudyError if there is none."""
    if name not in KINDS:
        raise StudyError(
            f"there is no picture {shown(name)}{did_you_mean(name, [*KINDS, 'all'])}; pictures: {', '.join(KINDS)}, all"
        )
    return KINDS[name]


def _takes(what: str, most: int, kind: str) -> str:
    if not most:
        return f"picture {kind} takes no {what}; {', '.join(k for k, v in KINDS.items() if v.designs)} do"
    return f"picture {kind} takes {'one' if most == 1 else f'at most {most}'}"


def _with_axes() -> str:
    return ", ".join(name for name, kind in KINDS.items() if kind.axes)


def chosen(names: Sequence[str], allowed: Sequence[str], what: str) -> list[str]:
    """Return names for axes that are all allowed; raise StudyError otherwise."""
    for name in names:
        if name not in allowed:
            guess = did_you_mean(name, allowed)
            raise StudyError(f"--axes: there is no {what} {shown(name)}{guess}; there are {', '.join(allowed)}")
    return list(names)
