"""Energy and power of published measurements: a share of the power limit that grows with the matrix units' work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from costmodels.power import anchored_j
from costmodels.tables import constants
from roofline.calibration import Calibration
from roofline.memory import Number
from roofline.precision import native_format
from sweeps.accuracy import Prediction
from sweeps.fit import efficiency_of, kind_of
from sweeps.measurements import Measurement
from sweeps.predict import FindAccelerator, FindModel, Passes, Subject, passes, subject


@dataclass(frozen=True)
class PowerShares:
    """Shares of its power limit that a device draws [1]: at work on anything, and its matrix units at full rate on top.

    Bandwidth has no term of its own: in the shipped rows it did not help.
    """

    busy: float
    compute: float

    def joules(self, limit_w: float, seconds: float, compute_s: float) -> float:
        """Return the energy [J] of work of so many seconds, with so many seconds of matrix work at the peaks."""
        drawn = anchored_j(limit_w, seconds, compute_s, busy_power_share=self.busy, compute_power_share=self.compute)
        return float(drawn)


def shipped_shares() -> PowerShares:
    """Return the shares in ``costmodels/data/common.csv``."""
    common = constants("common")
    return PowerShares(common["busy_power_share"].value, common["compute_power_share"].value)


def compute_seconds(found: Subject, passes: Passes) -> float:
    """Return the time one chip's matrix work would take at the dense peaks [s]."""
    chip, total = found.chip, 0.0
    for times, phase, _, scenario in passes.parts:
        workload = scenario.workloads[0]
        rows = workload.prefill if phase == "prefill" else workload.decode
        for row in rows:
            if row.flop:
                peak = chip.peak_flop_per_s(native_format(row.compute_format, chip.formats).name)
                total += times * row.count * row.flop / peak
    return total


def tokens_of(row: Measurement) -> float:
    """Return the output tokens of what a row's time measures: of a step, or of whole requests."""
    if row.phase == "end_to_end":
        return row.batch * (row.output_tokens or 1.0)
    return row.batch


def energy_of(
    found: Subject, reached: Passes, best: Passes, shares: PowerShares, *, seconds: float | None = None
) -> tuple[float, float | None]:
    """Return the predicted energy per output token [J], or power [W] of all devices, and its bound.

    Parameters
    ----------
    found : Subject
        Of a row whose metric is an energy or a power.
    reached, best : Passes
        Calibrated and ideal.
    shares : PowerShares
    seconds : float, optional
        Measured time [s] in place of the predicted one.

    Raises
    ------
    ValueError
        If the device's power limit is not known.
    """
    limit_w = found.chip.known("tdp_w")
    spent = _one(reached.total("s")) if seconds is None else seconds
    joules = shares.joules(limit_w, spent, compute_seconds(found, best)) * found.row.devices
    if found.row.metric == "power_w":
        return joules / spent, None
    return joules / tokens_of(found.row), None


def _one(value: Number) -> float:
    return float(np.asarray(value).reshape(-1)[0])


@dataclass(frozen=True)
class PowerSample:
    """A measured energy per token, with what it would consist of.

    Attributes
    ----------
    id, device : str
    measured : float
        Energy per output token [J].
    tokens : float
        Output tokens of the time.
    limit_w : float
        Power limit of all devices [W].
    compute_s : float
        Time of the matrix work at the peaks [s].
    seconds, predicted_s : float
        Measured time of the same run, NaN where nobody published it, and predicted time [s].
    """

    id: str
    device: str
    measured: float
    tokens: float
    limit_w: float
    compute_s: float
    seconds: float
    predicted_s: float

    def joules_per_token(self, shares: PowerShares, seconds: float) -> float:
        """Return the energy per output token [J] with these shares of the power limit."""
        return shares.joules(self.limit_w, seconds, self.compute_s) / self.tokens


def power_samples(
    rows: Sequence[Measurement], models: FindModel, accelerators: FindAccelerator, calibration: Calibration
) -> list[PowerSample]:
    """Return the measured energies of devices with a published power limit."""
    times = measured_times(rows)
    result = []
    for row in rows:
        if row.metric != "energy_j_per_output_token":
            continue
        try:
            found = subject(row, models, accelerators)
            reached = passes(found, efficiency_of(kind_of(found), found.runtime, calibration))
            result.append(power_sample(found, reached, times.get(run_of(row), float("nan"))))
        except ValueError:
            continue
    return result


def power_sample(found: Subject, reached: Passes, seconds: float) -> PowerSample:
    """Return a measured energy or power with its calibrated passes and its measured time [s], NaN where there is none.

    Raises
    ------
    ValueError
        If the device's power limit is not known.
    """
    row = found.row
    limit_w = found.chip.known("tdp_w") * row.devices
    work = (tokens_of(row), limit_w, compute_seconds(found, passes(found, None)), seconds, _one(reached.total("s")))
    return PowerSample(row.id, found.chip.name, row.value, *work)


def with_measured_times(
    rows: Sequence[Measurement], models: FindModel, accelerators: FindAccelerator
) -> list[Prediction]:
    """Return predictions of the measured energies [J] of runs whose time was published too, from that time.

    What is left of the error is that of the power; rows without a published time are left out.
    """
    times = measured_times(rows)
    timed = [row for row in rows if row.metric == "energy_j_per_output_token" and run_of(row) in times]
    found = []
    for row in timed:
        try:
            run = subject(row, models, accelerators)
            best = passes(run, None)
            joules, bound = energy_of(run, best, best, shipped_shares(), seconds=times[run_of(row)])
            found.append(Prediction(row.id, joules, bound))
        except ValueError as error:
            found.append(Prediction(row.id, None, None, str(error)))
    return found


def measured_times(rows: Sequence[Measurement]) -> dict[tuple[object, ...], float]:
    """Times of runs [s], by what identifies a run; those published twice are of no one run."""
    found: dict[tuple[object, ...], list[float]] = {}
    for row in rows:
        if row.metric in ("tpot_s", "latency_s"):
            found.setdefault(run_of(row), []).append(row.value)
    return {run: values[0] for run, values in found.items() if len(values) == 1}


def run_of(row: Measurement) -> tuple[object, ...]:
    """Return what identifies the run a row was measured in."""
    lengths = (row.batch, row.prompt_tokens, row.output_tokens, row.context_tokens)
    degrees = (row.devices, row.tensor_parallel, row.expert_parallel, row.data_parallel)
    return (row.stack, row.hardware, row.model, row.phase, row.protocol, row.weight_bits, *lengths, *degrees)


MOST_COMPUTE = 4.0
"""Bound of the fit: matrix units at full rate would draw so many times the limit, if nothing lowered their clock."""


def fitted_power(samples: Sequence[PowerSample]) -> PowerShares:
    """Return the shares of the power limit that fit energies best where times were measured too.

    Raises
    ------
    ValueError
        If no time was measured.
    """
    from scipy.optimize import least_squares

    used = [s for s in samples if np.isfinite(s.seconds)]
    if not used:
        raise ValueError("no energy has a published time to fit shares of the power limit to")

    def residuals(x: NDArray[np.float64]) -> NDArray[np.float64]:
        shares = PowerShares(float(x[0]), float(x[1]))
        return np.array([np.log(s.joules_per_token(shares, s.seconds) / s.measured) for s in used])

    found = least_squares(residuals, [0.5, 1.0], loss="soft_l1", f_scale=0.1, bounds=([0.05, 0.0], [1.0, MOST_COMPUTE]))
    return PowerShares(float(found.x[0]), float(found.x[1]))
