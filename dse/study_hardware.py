"""Published accelerators in a study: the user's files it names, and the baselines it draws on its fronts."""

from __future__ import annotations

from pathlib import Path

from dse.errors import StudyError, shown
from dse.study_problems import Problem
from dse.study_rules import Context
from roofline.accelerators import Accelerator, UnknownFact, find


def baseline_devices(
    files: tuple[str, ...], names: tuple[str, ...], context: Context, problems: list[Problem]
) -> tuple[tuple[Accelerator, ...], dict[str, tuple[Accelerator, ...]]]:
    """Return the devices of the baselines, and those of every file; what is wrong goes to `problems`.

    Parameters
    ----------
    files, names : tuple of str
        As the study gives them.
    context : Context
        Reads the files, beside the study first.
    problems : list of Problem
        Gets what is wrong.
    """
    given: dict[str, tuple[Accelerator, ...]] = {}
    for position, file in enumerate(files):
        try:
            given[file] = context.vocabulary.hardware(beside(file, context.base_dir))
        except StudyError as error:
            problems += [Problem(("hardware", position), str(part)) for part in error.problems]
    extra = [chip for chips in given.values() for chip in chips]
    found: dict[str, Accelerator] = {}
    for position, name in enumerate(names):
        try:
            chip = find(name, extra)
            _check(chip)
        except ValueError as error:
            if len(given) == len(files) or isinstance(error, UnknownFact):  # else the device may be in a broken file
                problems.append(Problem(("baselines", position), str(error)))
            continue
        if chip.name in found:
            problems.append(Problem(("baselines", position), f"the device {shown(chip.name)} is given twice"))
        found[chip.name] = chip
    return tuple(found.values()), given


def _check(chip: Accelerator) -> None:
    """Raise UnknownFact if no time can be computed on it."""
    chip.require(f"{chip.memory_tier}_bytes", f"{chip.memory_tier}_bytes_per_s")
    _ = chip.half_flop_per_s


def beside(file: str, base_dir: Path | None) -> str:
    """Return a file's path: beside the study where it is there, else from the current directory."""
    if base_dir is not None:
        try:
            if (base_dir / file).exists():
                return str(base_dir / file)
        except OSError:
            pass
    return file
