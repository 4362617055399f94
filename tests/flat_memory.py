"""The plain flat-memory machine of the reference cases: peak compute and one DRAM port, nothing else ever binds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roofline.catalog import model
from roofline.precision import Precision
from sweeps.evaluate import evaluate
from sweeps.scenario import Deployment, Modelling, Request, Scenario, Technology, scenario

# SRAM without area, an unbounded SRAM port and DRAM units of any size: only compute and the DRAM port are left.
UNBOUNDED = {
    "sram_mm2_per_byte": 0.0,
    "sram_bytes_per_s_per_byte": 1e9,
    "dram_unit_bytes_min": 1.0,
    "dram_unit_bytes_max": 1e18,
    "dram_edge_mm_per_unit": 1e-9,
}
FLAT = Modelling(overlap="full", sram_residency=False, launch_overhead_s=0.0)

CHIPS: Mapping[str, tuple[float, float]] = {"A100-80G": (312e12, 2.039e12), "H100-SXM": (989e12, 3.35e12)}
"""Dense 16-bit peak [FLOP/s] and DRAM bandwidth [byte/s]; 8-bit integers run at twice the rate."""


def flat_scenario(request: Request, modelling: Modelling = FLAT, **technology: Any) -> Scenario:
    """Return the scenario of one request on the flat machine."""
    constants = {**UNBOUNDED, **technology.pop("constants", {})}
    return scenario(
        [request], Technology(**{"dram_kind": "hbm3", **technology}, constants=constants), Deployment(), modelling
    )


def design(
    *,
    dram_bytes_per_s: float,
    compute_flop_per_s: float,
    sram_bytes: float = 1e18,
    dram_bytes: float = 1e15,
    flash_bytes: float = 0.0,
) -> dict[str, NDArray[np.float64]]:
    """Return the columns (1,) of one design: huge SRAM and DRAM unless told otherwise."""
    values = {
        "dram_bytes_per_s": dram_bytes_per_s,
        "compute_flop_per_s": compute_flop_per_s,
        "sram_bytes": sram_bytes,
        "dram_bytes": dram_bytes,
        "flash_bytes": flash_bytes,
    }
    return {name: np.array([value]) for name, value in values.items()}


def chip(name: str) -> dict[str, NDArray[np.float64]]:
    """Return the design of a chip of :data:`CHIPS`."""
    compute, bandwidth = CHIPS[name]
    return design(dram_bytes_per_s=bandwidth, compute_flop_per_s=compute)


def precision_of(weights: int, activations: int, kv_cache: int) -> Precision:
    """Return the precision of widths in bits: 16 is fp16, less is an integer."""
    return Precision(*(("fp16" if bits == 16 else f"int{bits}") for bits in (weights, activations, kv_cache)))


def request(name: str, *, prompt: int, output: int = 2, batch: int = 1, precision: Precision | None = None) -> Request:
    """Return a request to a catalog model."""
    return Request(model(name.lower()), prompt, output, batch, precision or Precision())


def one(columns: Mapping[str, Any], name: str) -> float:
    """Return a column of a single design as a float."""
    return float(np.asarray(columns[name]).reshape(-1)[0])


def evaluated(columns: dict[str, NDArray[np.float64]], of: Scenario) -> dict[str, float]:
    """Return every column of a single design as floats."""
    result = evaluate(columns, of)
    return {name: one(result, name) for name in result}
