"""The constants of a scenario: those its choices name, with their ranges and overrides, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from costmodels import area, tables
from costmodels.carbon import wafer_kg
from costmodels.tables import Constant, check_distribution
from roofline.operators import Number
from roofline.precision import formats_area_relative, peak_energy_relative
from sweeps.choices import Deployment, Technology

OPERATOR_CONSTANTS = ("dequantization_ops", "accumulator_bytes")
"""Constants that the tables of operators are made with: one number each, never an array."""


GRID_PRICE = "grid_electricity_usd_per_j"
"""Price of electricity in the table of grids, of those where one was found."""


def priced_grids() -> tuple[str, ...]:
    """Return the grids whose price of electricity is known."""
    return tuple(grid for grid in tables.options("grids") if GRID_PRICE in tables.constants("grids", grid))


def no_grid_price(grid: str) -> str:
    """Return the message that a grid has no price of electricity, with those that have one."""
    return (
        f"expected a price of electricity, got grid, and no price is known for the grid {grid}; "
        f"grids with a price: {', '.join(priced_grids())}"
    )


def chosen_constants(technology: Technology, deployment: Deployment) -> dict[str, Constant]:
    """Return the constants these choices name, by name, each with its range and source.

    Parameters
    ----------
    technology : Technology
        Overrides in `constants` take the place of the tables' values; without a range of their own in `ranges` they
        have none. An override that is an array stands with its first element.
    deployment : Deployment

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    tables_of = {
        "common": "",
        "nodes": technology.node,
        "dram": technology.dram_kind,
        "flash": technology.flash_kind,
        "pim": technology.pim,
        "sram": technology.sram_style,
        "datapath": technology.datapath,
        "segments": deployment.segment,
        "grids": deployment.grid,
    }
    found = {name: c for table, option in tables_of.items() for name, c in tables.constants(table, option).items()}
    prices = tables.constants("prices", technology.prices)
    found["dram_usd_per_byte"] = replace(prices[f"{technology.dram_kind}_usd_per_byte"], name="dram_usd_per_byte")
    flash = prices.get(f"{technology.flash_kind}_usd_per_byte")
    if flash is None:
        flash = replace(
            found["dram_usd_per_byte"],
            value=0.0,
            low=0.0,
            high=0.0,
            distribution="fixed",
            source="assumption: no flash fitted",
        )
    found["flash_usd_per_byte"] = replace(flash, name="flash_usd_per_byte")
    price, of_grid = deployment.electricity_usd_per_j, found.pop(GRID_PRICE, None)
    if price == "grid":
        if of_grid is None:
            raise ValueError(no_grid_price(deployment.grid))
        found["electricity_usd_per_j"] = replace(of_grid, name="electricity_usd_per_j")
    elif price is not None:
        found["electricity_usd_per_j"] = _given(found["electricity_usd_per_j"], price, (price, price))
    if technology.max_dies is not None:
        most = float(technology.max_dies)
        found["max_dies"] = _given(found["max_dies"], most, (most, most))
    for name, value in technology.constants.items():
        if name not in found:
            raise ValueError(f'there is no constant "{name}"')
        number = float(np.ravel(value)[0])
        found[name] = _given(found[name], number, technology.ranges.get(name, (number, number)))
    return found


def _given(constant: Constant, value: float, ends: tuple[float, float]) -> Constant:
    """Return a constant with what the study says in place of the table's numbers."""
    low, high = ends
    shape = "triangular" if constant.distribution == "fixed" else constant.distribution
    try:
        check_distribution(shape, value, low, high, constant.name)
    except ValueError:
        shape = "fixed" if low == high else "triangular"
    return replace(constant, value=value, low=low, high=high, source="given by the study", distribution=shape)


def resolved_constants(technology: Technology, deployment: Deployment) -> dict[str, Number]:
    """Return the value of every constant by name [SI], with the products of them that no design changes.

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    k: dict[str, Number] = {name: c.value for name, c in chosen_constants(technology, deployment).items()}
    k.update(technology.constants)
    chip_energy = k["compute_j_per_flop"] * k["compute_energy_relative"] * k["segment_energy_relative"]
    k["chip_j_per_flop"] = chip_energy * k["datapath_energy_relative"]
    k["chip_vector_relative"] = k["vector_energy_relative"] / k["datapath_energy_relative"]
    k["formats_area_relative"] = formats_area_relative(technology.formats)
    k["format_peak_relative"] = peak_energy_relative(technology.formats)
    # Logic in a memory die leaves less room for cells: a byte takes more of the die, of its price and its carbon.
    for tier in ("dram", "flash"):
        for what in ("usd", "kg"):
            k[f"{tier}_{what}_per_byte"] = k[f"{tier}_{what}_per_byte"] * k[f"pim_{tier}_die_relative"]
    k["wafer_kg"] = wafer_kg(
        wafer_diameter_mm=k["wafer_diameter_mm"],
        fab_kg_per_j=k["fab_kg_per_j"],
        fab_j_per_mm2=k["fab_j_per_mm2"],
        fab_gas_kg_per_mm2=k["fab_gas_kg_per_mm2"],
        fab_material_kg_per_mm2=k["fab_material_kg_per_mm2"],
    )
    k["link_extra_mm2"] = area.link_extra_mm2(
        k["link_bytes_per_s"],
        link_phy_mm2_per_byte_per_s=k["link_phy_mm2_per_byte_per_s"],
        fixed_link_mm2=k["fixed_link_mm2"],
    )
    k["view_markup_relative"] = k["markup_relative"] if deployment.view == "buyer" else 1.0
    return k


def any_positive(value: Number) -> bool:
    """Return whether a constant, or any of its samples, is above 0."""
    return bool(np.any(np.asarray(value) > 0))


def scalars(constants: Mapping[str, Number], names: tuple[str, ...]) -> tuple[float, ...]:
    """Return constants that must be one number each.

    Raises
    ------
    ValueError
        If one is an array of different numbers.
    """
    found = []
    for name in names:
        values = np.unique(np.asarray(constants[name], dtype=np.float64))
        if len(values) != 1:
            raise ValueError(f"{name} is one number for all samples, got {len(values)}")
        found.append(float(values[0]))
    return tuple(found)
