"""Designs of a run taken apart for a page: what bounds each operator, and the parts of each cost."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dse.energy_points import energy_picture
from roofline.precision import native_format
from sweeps.evaluate import evaluate
from sweeps.factors import machine_of
from sweeps.largest import at_its_batch
from sweeps.ledger import Ledger, ledgers
from sweeps.ledger_steps import LEDGERS
from sweeps.phase_times import PhaseTime, phase_times
from sweeps.scenario import Scenario
from sweeps.space import Columns

if TYPE_CHECKING:
    from dse.study import Study
    from sweeps.problem import Problem

ALWAYS = ("energy_j_per_token", "tco_usd_per_mtoken", "carbon_g_per_mtoken", "price_usd")
"""Columns whose ledger every page shows, beside those of the objectives."""

CURVE_STEPS, CURVE_DIGITS = 32, 6
"""Of the curves of an energy roofline: they are pictures, no numbers to take along."""


class Taken:
    """Designs taken apart; words that many share (operators, parts) are held once.

    Parameters
    ----------
    study : Study
        Whose workloads name the phases.
    columns : iterable of str
        Columns whose ledgers are wanted, where they have one; those of :data:`ALWAYS` come too.
    energy : bool
        Whether their energy rooflines are wanted.

    Attributes
    ----------
    bytes : int
        Room that the designs so far take in the page.
    """

    def __init__(self, study: Study, columns: Iterable[str], *, energy: bool = False) -> None:
        self.study, self.energy = study, energy
        self.ledger_columns = [name for name in dict.fromkeys((*columns, *ALWAYS)) if name in LEDGERS]
        self._words: dict[str, int] = {}
        self._constants: dict[str, list[str]] = {}
        self._designs: dict[str, Any] = {}
        self.bytes = 0

    def data(self) -> dict[str, Any]:
        """Return the designs by row of the page, the words they name by number, and the constants of each part."""
        return {
            "words": list(self._words),
            "constants_of": self._constants,
            "ledger_columns": self.ledger_columns,
            "designs": self._designs,
        }

    def add_point(self, row: int, problem: Problem, point: int) -> None:
        """Take the design at a point of a problem's space apart, under its row in the page."""
        scenarios, columns = problem.space.designs(np.array([point], dtype=np.int64))
        self.add(row, columns, problem.scenario(int(scenarios[0])))

    def add(self, row: int, columns: Columns, given: Scenario) -> None:
        """Take a design (1,) in a scenario apart, under its row in the page."""
        with np.errstate(all="ignore"):
            scenario = at_its_batch(columns, given, evaluate)
        names = [workload.model for workload in self.study.workloads]
        phases: dict[str, PhaseTime] = {}
        for phase in phase_times(columns, scenario):
            mixed = f"{phase.name}, {names[phase.request]} ({phase.request + 1})"
            phases.setdefault(phase.name if len(names) == 1 else mixed, phase)
        found = {
            "ceilings": _ceilings(columns, scenario),
            "phases": [self._phase(name, phase) for name, phase in phases.items()],
            "ledgers": [self._ledger(one) for one in ledgers(columns, scenario, self.ledger_columns)],
        }
        if self.energy:
            found["energy"] = self._energy(columns, scenario)
        self._designs[str(row)] = found
        self.bytes += len(json.dumps(found, separators=(",", ":")))

    def _word(self, text: str) -> int:
        return self._words.setdefault(text, len(self._words))

    def _phase(self, name: str, phase: PhaseTime) -> dict[str, Any]:
        return {
            "name": self._word(name),
            "seconds": phase.seconds,
            "parts": [[self._word(part), seconds] for part, seconds in phase.parts_s.items()],
            "operators": [
                [self._word(row.name), row.count, row.flop, row.seconds, row.dram_bytes, self._word(row.bound_by)]
                for row in phase.operators
            ],
        }

    def _energy(self, columns: Columns, scenario: Scenario) -> dict[str, Any]:
        with np.errstate(all="ignore"):
            found = energy_picture(columns, scenario, CURVE_STEPS)
        points = [
            [self._word(p.name), self._word(p.group), p.intensity_flop_per_byte, p.flop_per_j, p.share, p.mostly]
            for p in found.points
        ]
        curves = [[c.name, _drawn(c.intensity_flop_per_byte), _drawn(c.flop_per_j)] for c in found.curves]
        return {"points": points, "curves": curves, "balances": [list(one) for one in found.balances]}

    def _ledger(self, ledger: Ledger) -> dict[str, Any]:
        for entry in ledger.entries:
            known = self._constants.setdefault(entry.name, [])
            known += [constant.name for constant in entry.constants if constant.name not in known]
        return {
            "total": ledger.total if ledger.total == ledger.total else None,
            "parts": [
                [self._word(entry.name), entry.amount]
                for entry in sorted(ledger.entries, key=lambda entry: -abs(entry.amount))
            ],
        }


def _ceilings(columns: Columns, scenario: Scenario) -> dict[str, Any]:
    """Rates a design reaches at most: bandwidths [byte/s], and the compute rates of the formats it is asked for."""
    machine = machine_of(columns, scenario)
    rates: dict[str, float] = {}
    for workload in scenario.workloads:
        for row in (*workload.prefill, *workload.decode):
            if row.flop:
                native = native_format(row.compute_format, machine.formats)
                rates[native.name] = _one(machine.flop_per_s) * machine.rates.get(native.name, native.rate_relative)
    memory = {"DRAM": machine.dram_bytes_per_s, "SRAM": machine.sram_bytes_per_s, "flash": machine.flash_bytes_per_s}
    return {"memory": {name: _one(rate) for name, rate in memory.items() if _one(rate) > 0}, "compute": rates}


def _drawn(values: NDArray[np.float64]) -> list[float]:
    return [float(f"{value:.{CURVE_DIGITS}g}") for value in values]


def _one(value: object) -> float:
    return float(np.asarray(value).reshape(-1)[0])
