"""The efficiency that somebody asks of one device: ideal, shares of the peaks, or calibrated under a runtime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from dse.calibrations import calibration_of
from dse.errors import StudyError, did_you_mean, listed, shown
from roofline.accelerators import Accelerator
from roofline.calibration import shipped
from roofline.runtimes import runtimes
from sweeps.reached import on_device
from sweeps.scenario import Modelling

WORDS = ("ideal", "calibrated")


def with_efficiency(
    how: Modelling,
    chip: Accelerator,
    *,
    efficiency: str,
    runtime: str | None,
    calibration: str | Path | None,
    called: Callable[[str], str] = str,
) -> Modelling:
    """Return the modelling of a device at an efficiency.

    Parameters
    ----------
    how : Modelling
        Choices that are no matter of efficiency.
    chip : Accelerator
    efficiency : str
        ``ideal``, ``calibrated`` or ``compute=0.7,memory=0.8``.
    runtime : str, optional
        Serving stack of a calibrated efficiency; default ``other``.
    calibration : path, optional
        Fitted numbers on top of the shipped ones.
    called : callable
        From a parameter's name to what the user knows it as.

    Raises
    ------
    StudyError
        If a value is not possible, or has no effect.
    """
    if efficiency.strip() != "calibrated":
        for name, value in (("runtime", runtime), ("calibration", calibration)):
            if value is not None:
                raise StudyError(f"{called(name)}: needs {called('efficiency')} calibrated beside it")
        compute, memory = _shares(efficiency, called)
        return replace(how, compute_efficiency=compute, memory_efficiency=memory)
    stacks = {stack.name: stack for stack in runtimes()}
    wanted = "other" if runtime is None else runtime
    if wanted not in stacks:
        names = f"{shown(wanted)}{did_you_mean(wanted, stacks)}; one of {listed(list(stacks), 24)}"
        raise StudyError(f"{called('runtime')}: there is no serving stack {names}")
    numbers = shipped() if calibration is None else calibration_of(calibration, f"{called('calibration')}: ")
    return on_device(how, chip, stacks[wanted], numbers)


def _shares(text: str, called: Callable[[str], str]) -> tuple[float, float]:
    """Shares of the compute and the memory peak that are reached."""
    wrong = StudyError(
        f"{called('efficiency')}: expected ideal, calibrated, or compute=0.7,memory=0.8 (above 0, at most 1), "
        f"got {shown(text)}{did_you_mean(text.strip(), WORDS)}"
    )
    found = {"compute": 1.0, "memory": 1.0}
    if text.strip() == "ideal":
        return 1.0, 1.0
    for part in text.split(","):
        name, _, value = part.strip().partition("=")
        try:
            share = float(value)
        except ValueError:
            raise wrong from None
        if name not in found or not 0 < share <= 1:
            raise wrong
        found[name] = share
    return found["compute"], found["memory"]
