"""A published accelerator as one design and its scenario, so that it goes through the same path as any design."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from roofline.accelerators import Accelerator, UnknownFact
from roofline.parallel import ONE_CHIP, Parallel
from sweeps.scenario import Deployment, Modelling, Request, Scenario, Technology, scenario
from sweeps.space import Columns

PLAIN = Modelling(sram_residency=False, launch_overhead_s=0.0, flash_holds=())
"""The plain roofline: no launch overhead, full overlap, peak rates."""

UNKNOWN_SRAM_BYTES = 1e18
UNBOUNDED_SRAM = 1e24


def on_accelerator(
    accelerator: Accelerator,
    requests: Request | Sequence[Request],
    modelling: Modelling = PLAIN,
    parallel: Parallel = ONE_CHIP,
) -> tuple[Columns, Scenario]:
    """Return the design columns (1,) of a published accelerator, and the scenario of requests on it.

    Parameters
    ----------
    accelerator : Accelerator
    requests : Request or sequence of Request
        One, or a mix whose shares sum to 1.
    modelling : Modelling
        Overlap, launch overhead, efficiency and fusion; nothing is resident in SRAM.
    parallel : Parallel
        So many of them work together, over links of the published bandwidth.

    Returns
    -------
    columns : dict
        The five design columns, one element each; all of the last-level cache is tile buffer. Where the cache is not
        published no tile is too large for it. On a chip without DRAM its SRAM is the memory: ``dram_bytes_per_s`` and
        ``dram_bytes`` are those of the SRAM. Weights that memory has no room for live in flash where there is some.
    scenario : Scenario
        For factors and breakdowns: rates of the number formats are the published ones; the SRAM port of a chip with
        DRAM binds where its bandwidth is published. Costs and margins other than of capacity are those of a default
        technology, not of the accelerator.

    Raises
    ------
    UnknownFact
        If a fact that is needed is not published; between several chips that talk that is the link's bandwidth.
    ValueError
        If the chips cannot divide the model.
    """
    tier = accelerator.memory_tier
    half = [] if set(accelerator.peaks) - {"int8", "int4"} else ["fp16_flop_per_s"]
    accelerator.require(*half, f"{tier}_bytes", f"{tier}_bytes_per_s")
    _check_link(accelerator, parallel)
    technology = Technology(formats=accelerator.formats, constants=_constants(accelerator))
    flash = accelerator.flash_bytes or 0.0
    plain = replace(modelling, sram_residency=False, flash_holds=("weights",) if flash else ())
    asked = [replace(requests, share=1.0)] if isinstance(requests, Request) else requests
    found = scenario(asked, technology, Deployment(parallel=parallel), plain)
    _check_formats(accelerator, found)
    tile = accelerator.sram_bytes if accelerator.has_dram else None
    values = {
        "dram_bytes_per_s": accelerator.memory_bytes_per_s,
        "compute_flop_per_s": accelerator.half_flop_per_s,
        "sram_bytes": tile if tile else UNKNOWN_SRAM_BYTES,
        "dram_bytes": accelerator.memory_bytes,
        "flash_bytes": flash,
    }
    return {name: np.array([value]) for name, value in values.items()}, replace(found, rates=accelerator.rates)


def _check_link(chip: Accelerator, parallel: Parallel) -> None:
    """Raise UnknownFact where chips must talk and nobody says how fast; replicas alone tell each other nothing."""
    if max(parallel.tensor, parallel.pipeline, parallel.expert) == 1 or chip.link_bytes_per_s:
        return
    if chip.link_bytes_per_s is None:
        raise UnknownFact(f'unknown link_bytes_per_s of "{chip.name}", which several of them need')
    raise UnknownFact(f'"{chip.name}" has no link (link_bytes_per_s is 0), which several of them need')


def _constants(chip: Accelerator) -> dict[str, float]:
    """Constants of the tiers; what is not published and cannot bind is left as it is."""
    constants = {"sram_tile_fraction": 1.0, "sram_bytes_per_s_per_byte": UNBOUNDED_SRAM, "os_reserve_bytes": 0.0}
    if chip.has_dram and chip.sram_bytes and chip.sram_bytes_per_s:
        constants["sram_bytes_per_s_per_byte"] = chip.sram_bytes_per_s / chip.sram_bytes
    if "fp32" in chip.rates:  # elementwise work runs at the fp32 rate; unpublished, at that of the table
        constants["vector_rate_relative"] = chip.rates["fp32"]
    if chip.link_bytes_per_s is not None:
        constants["link_bytes_per_s"] = chip.link_bytes_per_s
    if chip.flash_bytes:
        rate = chip.known("flash_bytes_per_s")
        constants |= {"flash_bytes_per_s_per_byte": rate / chip.flash_bytes, "flash_bytes_per_s_max": rate}
    if chip.pim_tier:
        rate = chip.known("pim_bytes_per_s")
        constants["pim_flop_per_byte"] = chip.known("pim_flop_per_s") / rate
        if chip.pim_tier == "dram":
            constants["pim_dram_bandwidth_relative"] = rate / chip.known("dram_bytes_per_s")
        else:
            constants["pim_flash_bytes_per_s_per_byte"] = rate / chip.known("flash_bytes")
    energies = {"dram_j_per_byte": chip.dram_j_per_byte if chip.has_dram else chip.sram_j_per_byte}
    energies["flash_j_per_byte"] = chip.flash_j_per_byte
    constants |= {name: value for name, value in energies.items() if value is not None}
    return constants


def _check_formats(chip: Accelerator, scenario: Scenario) -> None:
    """Raise UnknownFact where an operator would run in a format whose rate is not published."""
    for workload in scenario.workloads:
        for row in (*workload.prefill, *workload.decode):
            if row.flop:
                chip.peak_flop_per_s(row.compute_format)
