"""Why a measurement may be faster than the roofline: what the bound assumes and the run need not have done."""

from __future__ import annotations

from roofline.accelerators import Accelerator
from roofline.layers import Experts
from roofline.model import Model
from sweeps.measurements import CLOSED_LOOP, Measurement
from sweeps.operator_measurements import OperatorMeasurement
from sweeps.operator_tables import BALANCED

ROUNDING = 0.02
"""Published figures and bandwidths have two or three digits: by so much a bound may be beaten without meaning [1]."""

ALIKE = "prompts of a batch may route alike: uniform routing is no bound"
LOADED = "fewer sequences are decoding than there are clients"
NARROW = "kv_bits is not stated and was taken as 16: a narrower cache is read faster"
ROUNDED = "within the rounding of the published figure or of the device's bandwidth"
UNKNOWN = "no reason known: lengths, number formats or device may not be as stated"
SWITCH = "a switch that adds up sends less than a ring: its bytes are no bound"
POWER_LAW = "tokens route by a power law to fewer experts: uniform routing is no bound"
CACHED = "all of its operands cannot cross the memory's port in that time: some came from a cache or were not read"


def why(row: Measurement, measured_to_bound: float, model: Model, chip: Accelerator) -> str:
    """Return what explains that a measurement beats the roofline, most specific first.

    Parameters
    ----------
    row : Measurement
    measured_to_bound : float
        Measured time relative to that of the bound, below 1 [1].
    model : Model
    chip : Accelerator
    """
    talks = max(row.tensor_parallel, row.expert_parallel) > 1
    if talks and "assumption" in chip.link_kind:
        return f"the link of {chip.name} is an assumption ({chip.link_kind.replace(' (assumption)', '')})"
    if any(isinstance(f, Experts) and f.active < f.experts for kind in model.layers for f in kind.feed_forwards):
        return ALIKE
    if row.protocol == CLOSED_LOOP:
        return LOADED
    if row.kv_bits is None and row.weight_bits is not None and row.weight_bits <= 8:
        return NARROW
    return ROUNDED if measured_to_bound >= 1.0 - ROUNDING else UNKNOWN


def why_operator(row: OperatorMeasurement, measured_to_bound: float) -> str:
    """Return what explains that an operator's latency beats the roofline; parameters as for :func:`why`."""
    if row.op == "all_reduce":
        return SWITCH
    if row.op == "moe" and row.routing != BALANCED:
        return POWER_LAW
    return ROUNDED if measured_to_bound >= 1.0 - ROUNDING else CACHED
