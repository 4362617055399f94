"""Measured energies and powers of real devices, predicted from first principles and from the power limit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from roofline.accelerators import Accelerator
from roofline.calibration import shipped
from roofline.memory import Number
from sweeps.constants import resolved_constants
from sweeps.cost_rows import CostRow, published_area_mm2
from sweeps.device_costs import of_area
from sweeps.device_technology import class_of, segment_of, technology_of
from sweeps.factors import factors
from sweeps.fit import efficiency_of, kind_of
from sweeps.measurements import ENERGIES_OF_MEASUREMENTS, Measurement
from sweeps.metrics import metrics
from sweeps.power import (
    PowerSample,
    PowerShares,
    fitted_power,
    measured_times,
    power_sample,
    run_of,
    shipped_shares,
)
from sweeps.predict import FindAccelerator, FindModel, Passes, passes, subject
from sweeps.scenario import Scenario, with_constants
from sweeps.space import DESIGN_COLUMNS

FIRST_PRINCIPLES, ANCHORED = "first principles", "share of the power limit"
WITH_MEASURED_TIME = ", measured time"

UNITS = {"energy_j_per_output_token": "J", "power_w": "W"}
"""Metrics of the rows, and their units."""

_NO_STATIC = {
    "busy_w_per_mm2": 0.0,
    "idle_w_per_mm2": 0.0,
    "dram_standby_w_per_byte": 0.0,
    "flash_standby_w_per_byte": 0.0,
}

BATCH_ENDS = (8, 32, 128, None)
"""Last of each range of sequences per run in the table of shares; None is no bound."""


@dataclass(frozen=True)
class EnergySample:
    """A measured energy or power, and what its work costs by first principles.

    Attributes
    ----------
    row : Measurement
    chip : Accelerator
    power : PowerSample
        Its times, its limit and its matrix work.
    dynamic_j : float
        Energy of the average device's arithmetic and bytes [J].
    busy_w, idle_w : float
        Static power of a device at work, and of one that waits [W].
    reason : str
        Why those three are NaN.
    """

    row: Measurement
    chip: Accelerator
    power: PowerSample
    dynamic_j: float = math.nan
    busy_w: float = math.nan
    idle_w: float = math.nan
    reason: str = ""

    def by_first_principles(self, seconds: float) -> float:
        """Return the energy per output token [J], or the power [W] of all devices, of work that takes so long."""
        return self._of((self.dynamic_j + self.busy_w * seconds) * self.row.devices, seconds)

    def by_the_limit(self, shares: PowerShares, seconds: float) -> float:
        """Return the same by shares of the power limit."""
        return self._of(self.power.joules_per_token(shares, seconds) * self.power.tokens, seconds)

    def _of(self, joules: float, seconds: float) -> float:
        return joules / seconds if self.row.metric == "power_w" else joules / self.power.tokens

    @property
    def device_j(self) -> float:
        """What was measured, per device [J]: a power over the measured time."""
        work = self.power.seconds if self.row.metric == "power_w" else self.power.tokens
        return self.row.value * work / self.row.devices


@dataclass(frozen=True)
class EnergyShare:
    """What the energy of a device's runs consists of: medians over its rows with a measured time.

    Attributes
    ----------
    device : str
    batch_low, batch_high : int or None
        Sequences of the runs; None is no bound.
    rows : int
    measured_w : float
        Energy per device over the measured time [W]. In steady-state serving that is the time between two tokens of a
        sequence, in which prompts of others have no part, while the energy holds theirs.
    idle, busy, dynamic : float
        Idle static power, all static power of a device at work, and arithmetic and bytes by first principles, as
        shares of the measured energy [1]. What `busy` and `dynamic` leave of 1 is unexplained.
    """

    device: str
    batch_low: int
    batch_high: int | None
    rows: int
    measured_w: float
    idle: float
    busy: float
    dynamic: float


def energy_samples(
    rows: Sequence[Measurement], models: FindModel, accelerators: FindAccelerator
) -> tuple[list[EnergySample], dict[str, str]]:
    """Return the measured energies and powers, and by id why the others cannot be predicted."""
    times, found, reasons = measured_times(rows), [], {}
    for row in rows:
        if row.metric not in ENERGIES_OF_MEASUREMENTS:
            continue
        try:
            found.append(_sample(row, models, accelerators, times.get(run_of(row), float("nan"))))
        except ValueError as error:
            reasons[row.id] = str(error)
    return found, reasons


def _sample(row: Measurement, models: FindModel, accelerators: FindAccelerator, seconds: float) -> EnergySample:
    run = subject(row, models, accelerators)
    reached = passes(run, efficiency_of(kind_of(run), run.runtime, shipped()))
    sample = EnergySample(row, run.chip, power_sample(run, reached, seconds))
    try:
        dynamic_j, busy_w, idle_w = _first_principles(run.chip, reached)
    except ValueError as error:
        return replace(sample, reason=str(error))
    return replace(sample, dynamic_j=dynamic_j, busy_w=busy_w, idle_w=idle_w)


def _first_principles(chip: Accelerator, reached: Passes) -> tuple[float, float, float]:
    """Dynamic energy of the passes [J], static power at work and idle [W]: of the average device at its known area."""
    area_mm2 = published_area_mm2(chip)
    if area_mm2 is None:
        area_mm2 = chip.known("die_area_mm2")
    dynamic_j = busy_w = idle_w = 0.0
    for times, phase, known, plain in reached.parts:
        design = {name: np.asarray(known[name]) for name in DESIGN_COLUMNS}
        where = of_area(design, _made_in(chip, plain), area_mm2)
        found = factors(design, where)
        # The same chip without static power: what is left is arithmetic and bytes.
        all_of_it, moving = metrics(found, where), metrics(found, with_constants(where, _NO_STATIC))
        seconds = _one(moving["ttft_s" if phase == "prefill" else "tpot_s"])
        if not np.isfinite(seconds):
            raise ValueError(f"its bytes exceed the memory of {chip.name}, by the model")
        watts = _one(moving[f"{phase}_power_w"])
        dynamic_j += times * watts * seconds
        busy_w = _one(all_of_it[f"{phase}_power_w"]) - watts
        idle_w = _one(all_of_it["idle_power_w"])
    return dynamic_j, busy_w, idle_w


def _made_in(chip: Accelerator, plain: Scenario) -> Scenario:
    """A measurement's scenario in the technology of its device; what its passes were given stays."""
    technology = technology_of(chip)
    technology = replace(technology, constants={**technology.constants, **plain.technology.constants})
    deployment = replace(plain.deployment, segment=segment_of(chip))
    return replace(
        plain,
        technology=technology,
        deployment=deployment,
        constants=resolved_constants(technology, deployment),
    )


def energy_rows(
    rows: Sequence[Measurement], samples: Sequence[EnergySample], reasons: dict[str, str], accelerators: FindAccelerator
) -> list[CostRow]:
    """Return every measured energy and power with its predictions, each by both models and with both times.

    The shares of the power limit are refitted without the device; first principles were fitted to no energy.
    """
    whole, without = shipped_shares(), _without(samples)

    def anchored(sample: EnergySample, seconds: float) -> tuple[float, float | None]:
        others = without.get(sample.chip.name)
        left_out = None if others is None else sample.by_the_limit(others, seconds)
        return sample.by_the_limit(whole, seconds), left_out

    found: list[CostRow] = []
    for time, suffix in (("predicted_s", ""), ("seconds", WITH_MEASURED_TIME)):
        for sample in samples:
            seconds = getattr(sample.power, time)
            if not np.isfinite(seconds):
                continue
            own = None if sample.reason else sample.by_first_principles(seconds)
            found += [
                _row(sample.row, sample.chip, FIRST_PRINCIPLES + suffix, own, None, sample.reason),
                _row(sample.row, sample.chip, ANCHORED + suffix, *anchored(sample, seconds)),
            ]
    for row in (row for row in rows if row.id in reasons):
        chip = _chip(row, accelerators)
        found += [_row(row, chip, basis, None, None, reasons[row.id]) for basis in (FIRST_PRINCIPLES, ANCHORED)]
    return found


def _without(samples: Sequence[EnergySample]) -> dict[str, PowerShares]:
    """Shares of the power limit by the device whose rows had no part in their fit; its name is missing if none did."""
    timed = [s.power for s in samples if s.row.metric != "power_w" and np.isfinite(s.power.seconds)]
    devices = {s.device for s in timed}
    return {d: fitted_power([s for s in timed if s.device != d]) for d in devices} if len(devices) > 1 else {}


def energy_shares(samples: Sequence[EnergySample]) -> list[EnergyShare]:
    """Return what the energy of each device consists of, by range of batch, over rows with a measured time."""
    found = []
    timed = [s for s in samples if s.row.metric != "power_w" and np.isfinite(s.power.seconds) and not s.reason]
    for device in dict.fromkeys(s.chip.name for s in timed):
        low = 1
        for high in BATCH_ENDS:
            chosen = [s for s in timed if s.chip.name == device and low <= round(s.row.batch) <= (high or 10**9)]
            if chosen:
                found.append(_share(device, low, high, chosen))
            low = (high or 0) + 1
    return found


def _share(device: str, low: int, high: int | None, chosen: Sequence[EnergySample]) -> EnergyShare:
    def median(of: Callable[[EnergySample], float]) -> float:
        return float(np.median([of(s) for s in chosen]))

    return EnergyShare(
        device=device,
        batch_low=low,
        batch_high=high,
        rows=len(chosen),
        measured_w=median(lambda s: s.device_j / s.power.seconds),
        idle=median(lambda s: s.idle_w * s.power.seconds / s.device_j),
        busy=median(lambda s: s.busy_w * s.power.seconds / s.device_j),
        dynamic=median(lambda s: s.dynamic_j / s.device_j),
    )


def _chip(row: Measurement, accelerators: FindAccelerator) -> Accelerator | None:
    try:
        return accelerators(row.hardware)
    except ValueError:
        return None


def _row(
    row: Measurement,
    chip: Accelerator | None,
    basis: str,
    predicted: float | None,
    left_out: float | None,
    reason: str = "",
) -> CostRow:
    fitted = basis.startswith(ANCHORED)
    note = ""
    if predicted is not None and fitted:
        note = "shares of the limit from the other devices" if left_out is not None else "in-sample: no other device"
    return CostRow(
        id=row.id,
        device=row.hardware if chip is None else chip.name,
        device_class="unknown" if chip is None else class_of(chip),
        die_family="" if chip is None else chip.die_family,
        quantity=row.metric,
        unit=UNITS[row.metric],
        basis=basis,
        published=row.value,
        low=row.value,
        high=row.value,
        predicted=predicted,
        left_out=left_out,
        fitted=fitted,
        note=note,
        source=row.source,
        reason=reason,
    )


def _one(value: Number) -> float:
    return float(np.ravel(np.asarray(value))[0])
