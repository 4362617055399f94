"""A published accelerator as one design and its scenario, so that it goes through the same path as any design."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from roofline.accelerators import Accelerator
from roofline.parallel import ONE_CHIP, Parallel
from sweeps.scenario import Deployment, Modelling, Request, Scenario, Technology, scenario
from sweeps.space import Columns

PLAIN = Modelling(sram_residency=False, launch_overhead_s=0.0, flash_holds=())
"""The plain roofline: no launch overhead, full overlap, peak rates."""

UNKNOWN_SRAM_BYTES = 1e18
UNBOUNDED_SRAM = 1e12


def on_accelerator(
    accelerator: Accelerator, request: Request, modelling: Modelling = PLAIN, parallel: Parallel = ONE_CHIP
) -> tuple[Columns, Scenario]:
    """Return the design columns (1,) of a published accelerator, and the scenario of one request on it.

    Parameters
    ----------
    accelerator : Accelerator
    request : Request
    modelling : Modelling
        Overlap, launch overhead, efficiency and fusion; nothing is resident in SRAM and there is no flash.
    parallel : Parallel
        So many of them work together, over links of the published bandwidth.

    Returns
    -------
    columns : dict
        The five design columns, one element each; all of the last-level cache is tile buffer. Where the cache is not
        published no tile is too large for it.
    scenario : Scenario
        For factors and breakdowns: rates of the number formats are the published ones and the SRAM port never binds.
        Costs and margins other than of capacity are those of a default technology, not of the accelerator.

    Raises
    ------
    ValueError
        If several chips must talk and the bandwidth between them is unknown, or they cannot divide the model.
    """
    half = accelerator.half_flop_per_s
    constants = {
        "sram_tile_fraction": 1.0,
        "sram_bytes_per_s_per_byte": UNBOUNDED_SRAM,
        "os_reserve_bytes": 0.0,
    }
    if "fp32" in accelerator.rates:  # elementwise work runs at the fp32 rate; unpublished, at that of the table
        constants["vector_rate_relative"] = accelerator.rates["fp32"]
    if accelerator.link_bytes_per_s is not None:
        constants["link_bytes_per_s"] = accelerator.link_bytes_per_s
    elif max(parallel.tensor, parallel.pipeline, parallel.expert) > 1:
        raise ValueError(f"the bandwidth between several {accelerator.name} is unknown: it has no published link")
    technology = Technology(formats=accelerator.formats, constants=constants)
    plain = replace(modelling, sram_residency=False, flash_holds=())
    found = scenario([replace(request, share=1.0)], technology, Deployment(parallel=parallel), plain)
    values = {
        "dram_bytes_per_s": accelerator.dram_bytes_per_s,
        "compute_flop_per_s": half,
        "sram_bytes": UNKNOWN_SRAM_BYTES if accelerator.sram_bytes is None else accelerator.sram_bytes,
        "dram_bytes": accelerator.dram_bytes,
        "flash_bytes": 0.0,
    }
    return {name: np.array([value]) for name, value in values.items()}, replace(found, rates=accelerator.rates)
