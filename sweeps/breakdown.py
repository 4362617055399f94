"""One design taken apart: each operator's ceilings and bytes, and what its time and dynamic energy consist of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from roofline.kernel import CEILINGS, bound_by, combined_s, operator_ceilings
from roofline.memory import operator_traffic
from roofline.pim import PIM_CEILINGS, in_memory, pim_ceilings
from sweeps.evaluate import evaluate
from sweeps.factors import machine_of, placement_of
from sweeps.largest import at_its_batch
from sweeps.scenario import Scenario
from sweeps.space import Columns


@dataclass(frozen=True)
class OperatorShare:
    """One operator of a phase on one design.

    Attributes
    ----------
    workload : int
    phase : str
        ``prefill`` or ``decode``.
    name : str
    count : int
    seconds : float
        Of all instances, launch overhead apart [s].
    ceilings_s : dict
        Time each ceiling alone would need, all instances [s]; of an operator that runs in memory, those there.
    bound_by : str
        The slowest of the ceilings.
    flop, vector_ops : float
        Matrix and elementwise work of all instances.
    compute_format : str
        Number format the matrix work needs.
    weight_bytes, activation_bytes, kv_bytes : float
        Compulsory bytes of all instances: what they move at least.
    sram_bytes, dram_bytes, flash_bytes : float
        Bytes of all instances across each port, re-reading included.
    link_bytes : float
        Bytes all instances send to other chips.
    pim_bytes : float
        Bytes of all instances read inside a memory that computes.
    """

    workload: int
    phase: str
    name: str
    count: int
    seconds: float
    ceilings_s: dict[str, float]
    bound_by: str
    flop: float
    vector_ops: float
    compute_format: str
    weight_bytes: float
    activation_bytes: float
    kv_bytes: float
    sram_bytes: float
    dram_bytes: float
    flash_bytes: float
    link_bytes: float
    pim_bytes: float = 0.0

    @property
    def intensity_flop_per_byte(self) -> float:
        """Operational intensity at the DRAM port, or inside the memory where the operator runs there [FLOP/byte]."""
        moved = self.pim_bytes or self.dram_bytes
        return self.flop / moved if moved else float("inf")


def breakdown(design: Columns, scenario: Scenario) -> tuple[OperatorShare, ...]:
    """Return the operators of every workload and phase on one design.

    Parameters
    ----------
    design : dict
        The five design columns, each with one element.
    scenario : Scenario

    Returns
    -------
    tuple of OperatorShare
        Their seconds, summed in order after the phase's launch overhead, are the factors ``prefill_s``, ``decode_s`` of
        :func:`sweeps.factors.factors` bit for bit.
    """
    scenario = at_its_batch(design, scenario, evaluate)
    machine = machine_of(design, scenario)
    shares = []
    for i, workload in enumerate(scenario.workloads):
        place = placement_of(design, scenario, workload, machine)
        for phase, operators in (("prefill", workload.prefill), ("decode", workload.decode)):
            for row in operators:
                times = tuple(_one(t) for t in operator_ceilings(row, machine, place))
                ceilings, seconds = dict(zip(CEILINGS, times, strict=True)), _one(combined_s(times, machine.overlap))
                inside = 0.0
                traffic, bound = operator_traffic(row, place, machine.tile_bytes), bound_by(row, machine, place)
                if machine.pim is not None:
                    choice = in_memory(row, machine, place, machine.pim, seconds, traffic)
                    if choice is not None and bool(_one(choice.chosen)):
                        there = (_one(t) for t in pim_ceilings(row, machine, machine.pim))
                        ceilings = dict(zip(PIM_CEILINGS, there, strict=True))
                        seconds, traffic = _one(choice.seconds), choice.traffic
                        inside = _one(choice.pim_bytes)
                        bound = max(ceilings, key=ceilings.__getitem__)
                shares.append(
                    OperatorShare(
                        workload=i,
                        phase=phase,
                        name=row.name,
                        count=row.count,
                        seconds=row.count * seconds,
                        ceilings_s={name: row.count * t for name, t in ceilings.items()},
                        bound_by=bound,
                        flop=row.count * row.flop,
                        vector_ops=row.count * row.vector_ops,
                        compute_format=row.compute_format,
                        weight_bytes=row.count * row.weight_bytes,
                        activation_bytes=row.count * (row.act_read_bytes + row.act_write_bytes),
                        kv_bytes=row.count * (row.kv_read_bytes + row.kv_write_bytes),
                        sram_bytes=row.count * _one(traffic.sram),
                        dram_bytes=row.count * _one(traffic.dram),
                        flash_bytes=row.count * _one(traffic.flash),
                        link_bytes=row.count * row.link_bytes,
                        pim_bytes=row.count * inside,
                    )
                )
    return tuple(shares)


def _one(value: object) -> float:
    return float(np.asarray(value).reshape(-1)[0])
