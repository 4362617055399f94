"""The time of one published operator latency: its row as a table of operators, through the same kernel as any design.

What a row times is an operator in a loop: nothing of the host's work between passes is in it. Its operands are taken
to come from memory, although a loop may leave them in the cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from roofline.accelerators import Accelerator
from roofline.calibration import Calibration, efficiency, shipped
from roofline.efficiency import as_run
from roofline.kernel import Machine, pass_time
from roofline.operators import Operators
from roofline.parallel import Parallel
from roofline.precision import Precision
from roofline.runtimes import Runtime, runtime_of
from sweeps.accelerator import PLAIN, on_accelerator
from sweeps.accuracy import Prediction
from sweeps.constants import OPERATOR_CONSTANTS, scalars
from sweeps.factors import machine_of, placement_of
from sweeps.operator_measurements import OperatorMeasurement
from sweeps.operator_tables import Build, parallel_of, single, table_of
from sweeps.predict import FindAccelerator, has_matrix_units, stored_as
from sweeps.scenario import Modelling, Request, Scenario
from sweeps.space import Columns

PROFILERS = {"vllm-derived (vidur profiler)": ("vllm", "2024")}
"""Stacks of operators that are named after the tool, with the name and the year of what it ran (Vidur, MLSys 2024)."""

ROTATING = ("trtllm", "trtllm-2024")
"""Stacks whose attention operator takes Q, K and V as projected: its first kernel rotates them and writes the cache.

ai-dynamo/aiconfigurator times it so (collector/trtllm/collect_attn.py: one tensor of Q, K and V, rotary positions);
that decode has such a kernel too is an assumption. In a whole pass this work belongs to the projection.
"""


@dataclass(frozen=True)
class Bench:
    """What operators run on: a device, or several that share the work, as they are or under a serving stack."""

    design: Columns
    scenario: Scenario
    machine: Machine

    def seconds(self, row: OperatorMeasurement, chip: Accelerator) -> float:
        """Return the time of a row's operators [s]."""
        operators = self.operators(row, chip)
        workload = replace(self.scenario.workloads[0], prefill=operators, footprint_bytes=_sizes(operators))
        place = placement_of(self.design, self.scenario, workload, self.machine)
        return float(np.asarray(pass_time(operators, self.machine, place).seconds).reshape(-1)[0])

    def operators(self, row: OperatorMeasurement, chip: Accelerator) -> Operators:
        """Return a row's operators as they run here.

        Raises
        ------
        ValueError
            If the row does not say how large they are, or the device not how fast it is in their formats.
        """
        how = self.scenario.modelling
        dequantization_ops, accumulator_bytes = scalars(self.scenario.constants, OPERATOR_CONSTANTS)
        build = Build(
            precision=_precision(row, chip),
            fusion=how.fused,
            parallel=self.scenario.deployment.parallel,
            dequantization_ops=dequantization_ops,
            accumulator_bytes=accumulator_bytes,
            rotates=how.runtime is not None and how.runtime.name in ROTATING,
        )
        table = table_of(row, build)
        for operator in table:
            if operator.flop:
                chip.peak_flop_per_s(operator.compute_format)
        if how.runtime is None:
            return table
        # The operator as it was timed, whole: a stack's pieces of a prompt are no matter of one kernel.
        whole, prompt = replace(how.runtime, chunk_tokens=None), row.op.endswith("prefill")
        run = as_run(
            table, whole, how.efficiency, sequences=0.0, prompt_tokens=float(row.q_len or 1) if prompt else None
        )
        return Operators(run.rows)


@dataclass
class Benches:
    """Benches of a calibration, each made once."""

    calibration: Calibration
    _made: dict[tuple[str, Parallel, str], Bench] = field(default_factory=dict)

    def bench(self, chip: Accelerator, parallel: Parallel, stack: Runtime | None) -> Bench:
        """Return what operators run on; without a stack, the ideal roofline."""
        key = (chip.name, parallel, "" if stack is None else stack.name)
        if key not in self._made:
            self._made[key] = _bench(chip, parallel, self._modelling(chip, stack))
        return self._made[key]

    def _modelling(self, chip: Accelerator, stack: Runtime | None) -> Modelling:
        if stack is None:
            return PLAIN
        reached = efficiency(
            self.calibration,
            stack,
            device_class=chip.device_class,
            matrix_units=has_matrix_units(chip),
        )
        return replace(PLAIN, runtime=stack, efficiency=reached)


def predict_operators(
    rows: Sequence[OperatorMeasurement], *, accelerators: FindAccelerator, calibration: Calibration | None = None
) -> list[Prediction]:
    """Return a prediction of every operator's latency [s], calibrated and as a bound, or why there is none.

    Parameters
    ----------
    rows : sequence of OperatorMeasurement
    accelerators : callable
        From a device's name to the accelerator.
    calibration : Calibration, optional
        Default the shipped one.
    """
    benches = Benches(calibration or shipped())
    return [_prediction(row, accelerators, benches) for row in rows]


def _prediction(row: OperatorMeasurement, accelerators: FindAccelerator, benches: Benches) -> Prediction:
    try:
        chip = accelerators(row.hardware)
        stack, parallel = operator_runtime(row.stack, vendor=chip.vendor), parallel_of(row)
        reached, best = benches.bench(chip, parallel, stack), benches.bench(chip, parallel, None)
        return Prediction(row.id, reached.seconds(row, chip), best.seconds(row, chip))
    except ValueError as error:
        return Prediction(row.id, None, None, str(error))


def operator_runtime(stack: str, *, vendor: str) -> Runtime:
    """Return the serving stack that an operator's software means: ``trtllm 1.0.0`` is a name and a version."""
    name, _, version = stack.partition(" ")
    name, version = PROFILERS.get(stack.casefold(), (name, version))
    return runtime_of(name, version, vendor=vendor)


def _bench(chip: Accelerator, parallel: Parallel, how: Modelling) -> Bench:
    design, scenario = on_accelerator(chip, Request(single(1), 1, 2), how, parallel)
    return Bench(design, scenario, machine_of(design, scenario))


def _precision(row: OperatorMeasurement, chip: Accelerator) -> Precision:
    return stored_as(chip, row.w_bits or 16.0, row.a_bits, row.kv_bits)


def _sizes(operators: Operators) -> dict[str, float]:
    """Bytes of each class that must be somewhere."""
    weights = {"dense": 0.0, "experts": 0.0}
    for row in operators:
        weights[row.weight_class] += row.count * row.weight_bytes
    cache = sum(row.count * row.kv_read_bytes for row in operators)
    return {**weights, "kv_cache": cache, "activations": operators.live_activation_bytes}
