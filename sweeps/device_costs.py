"""Area, watts, dollars and grams of a published accelerator, by the same path as those of any design."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np

from costmodels import tables
from roofline import catalog
from roofline.accelerators import Accelerator
from roofline.memory import Number
from sweeps.device_technology import die_of, segment_of, technology_of
from sweeps.dies import product_design, products
from sweeps.factors import factors
from sweeps.metrics import metrics
from sweeps.scenario import Deployment, Modelling, Request, Scenario, scenario, with_constants
from sweeps.space import DESIGN_COLUMNS, Columns

COSTS = ("die_area_mm2", "peak_power_w", "idle_power_w", "bom_usd", "price_usd", "embodied_kg")
"""Columns of :mod:`results.columns` that follow from what is built alone."""


def device_costs(
    chip: Accelerator,
    *,
    area_mm2: float | None = None,
    limit_w: float | None = None,
    with_host: bool = False,
    constants: Mapping[str, float] = {},
) -> dict[str, float]:
    """Return the columns :data:`COSTS` of a published accelerator.

    Parameters
    ----------
    chip : Accelerator
    area_mm2 : float, optional
        Published silicon [mm²], in place of the modelled one: wafers, power, carbon and price follow from it.
    limit_w : float, optional
        Published power limit [W]: peak power is no more than it.
    with_host : bool
        Whether embodied carbon holds the chip's share of its server; published footprints are of boards.
    constants : mapping of name to value
        In place of the tables' values [SI].

    Raises
    ------
    UnknownFact
        If a fact that is needed is not published, or the tables do not have its technology.
    """
    design, where = design_of(chip, sized=area_mm2 is None), _scenario(chip, with_host, limit_w)
    if constants:
        where = with_constants(where, constants)
    with np.errstate(divide="ignore", invalid="ignore"):  # a chip without SRAM or DRAM is slow, and costs what it costs
        if area_mm2 is not None:
            where = of_area(design, where, area_mm2)
        found = metrics(factors(design, where), where)
    return {name: _one(found[name]) for name in COSTS}


def design_of(chip: Accelerator, *, sized: bool = True) -> Columns:
    """Return the five columns of a published accelerator, one element each.

    Parameters
    ----------
    chip : Accelerator
    sized : bool
        Whether its SRAM must be known, as for its area; otherwise SRAM that is not published is none.

    Raises
    ------
    UnknownFact
        If a fact that is needed is not published.
    """
    memory = ("dram_bytes", "dram_bytes_per_s") if chip.has_dram else ()
    half = [] if {"fp16", "bf16"} & set(chip.peaks) else ["fp16_flop_per_s"]
    chip.require(*half, *memory)
    values: dict[str, float | None]
    if (die := die_of(chip)) is not None:
        values = {**product_design(chip, products()[chip.name], die)}
    else:
        chip.require(*(("sram_bytes",) if sized else ()))
        values = {
            "dram_bytes_per_s": chip.dram_bytes_per_s if chip.has_dram else 0.0,
            "compute_flop_per_s": chip.half_flop_per_s,
            "sram_bytes": chip.sram_bytes,
            "dram_bytes": chip.dram_bytes if chip.has_dram else 0.0,
        }
    return {name: np.array([values.get(name) or 0.0]) for name in DESIGN_COLUMNS}


def _scenario(chip: Accelerator, with_host: bool, limit_w: float | None) -> Scenario:
    # An edge design is one die by default; a published part has as many as it has.
    dies = int(tables.constants("segments", "datacenter")["max_dies"].value)
    technology = replace(technology_of(chip), max_dies=dies, power_cap_w=limit_w)
    if not with_host:
        technology = replace(technology, constants={**technology.constants, "host_kg": 0.0})
    # Nothing of COSTS depends on the workload; a scenario needs one.
    return scenario([_request()], technology, Deployment(segment=segment_of(chip)), Modelling())


@cache
def _request() -> Request:
    return Request(catalog.model("llama-3.2-1b"), prompt_tokens=64, output_tokens=64)


def of_area(design: Columns, where: Scenario, area_mm2: float) -> Scenario:
    """Return a scenario in which the silicon of a design is the given one [mm²], by its fixed area.

    A published area holds the interfaces between dies, so that a split adds none.
    """
    where = with_constants(where, {"die_to_die_mm2": 0.0})
    fixed_mm2 = _one(where.constants["fixed_area_mm2"])
    return with_constants(where, {"fixed_area_mm2": fixed_mm2 + area_mm2 - _one(factors(design, where)["silicon_mm2"])})


def _one(value: Number) -> float:
    return float(np.ravel(np.asarray(value))[0])
