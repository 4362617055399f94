"""Steps of the ledgers: for each column its parts in order, and the constants that make each of them vanish."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from sweeps.per_token import ANCHORED
from sweeps.scenario import Scenario

AREA = "die_area_mm2"
POWER_CAP = "what the power cap saves"


@dataclass(frozen=True)
class Step:
    """One part of a column.

    Attributes
    ----------
    name : str
    constants : mapping of str to float
        Constants and the values at which the part is gone: 0 of a price or an energy, 1 of a factor.
    also : tuple of str
        Further constants that scale it.
    factors : tuple of str
        Factors that are 0 when it is gone.
    share_of : str
        The column it is a share of: what moves that column moves this part too.
    waiting : bool
        It is gone when the chips never wait. Only energy may be left by then: what is owned lasts fewer seconds too.
    """

    name: str
    constants: Mapping[str, float] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    share_of: str = ""
    waiting: bool = False


_FLOP = ("compute_energy_relative", "segment_energy_relative", "datapath_energy_relative")
_SRAM_J = ("sram_j_per_byte_base", "sram_wire_j_per_byte_per_mm", "sram_wire_mm2_per_byte", "sram_energy_relative")
_YIELD = ("defects_per_mm2", "yield_clustering", "harvest_share", "bond_wafers", "edge_exclusion_mm", "scribe_mm")
_LOGIC = ("noc_area_relative", "logic_density_relative", "node_clock_relative", "datapath_clock_relative")

_WORK = (
    Step("elementwise arithmetic", {"vector_energy_relative": 0.0}, ("compute_j_per_flop", *_FLOP[:2])),
    Step("matrix arithmetic", {"compute_j_per_flop": 0.0}, _FLOP),
    Step("bytes of SRAM", also=_SRAM_J, factors=("sram_j_per_byte",)),
    Step("bytes of DRAM", {"dram_j_per_byte": 0.0}),
    Step("bytes of flash", {"flash_j_per_byte": 0.0}),
    Step("bytes inside memory that computes", {"pim_j_per_byte": 0.0}),
    Step("bytes to other chips", {"link_j_per_byte": 0.0}),
)
_STANDBY = (
    Step("DRAM refresh and standby", {"dram_standby_w_per_byte": 0.0}),
    Step("flash standby", {"flash_standby_w_per_byte": 0.0}),
)
_BUSY = (Step("silicon, busy: leakage and clocks", {"busy_w_per_mm2": 0.0}), *_STANDBY)
_SITE = Step("facility", {"facility_usd_per_w": 0.0}, share_of="peak_power_w")
_BOM = (
    Step("assembly, test, yield of the package, board", {"assembly_relative": 1.0}, share_of="bom_usd"),
    Step("DRAM", {"dram_usd_per_byte": 0.0}, ("pim_dram_die_relative",)),
    Step("flash", {"flash_usd_per_byte": 0.0}, ("pim_flash_die_relative",)),
    Step("wafers", {"wafer_usd": 0.0}, _YIELD),
    Step("interposer", {"interposer_usd_per_mm2": 0.0}, ("dram_in_package",)),
    Step("package", {"package_usd": 0.0}),
    Step("substrate", {"substrate_usd": 0.0}),
)
_MADE = (
    Step("board, cooling, power delivery", {"board_kg_per_w": 0.0}, share_of="peak_power_w"),
    Step("share of the server", {"host_kg": 0.0}),
    Step("package", {"package_kg": 0.0}),
    Step("drive", {"flash_drive_kg": 0.0}),
    Step("DRAM", {"dram_kg_per_byte": 0.0}, ("pim_dram_die_relative",)),
    Step("flash", {"flash_kg_per_byte": 0.0}, ("pim_flash_die_relative",)),
    Step("wafers: energy of the fab", {"fab_j_per_mm2": 0.0}, ("fab_kg_per_j", "wafer_diameter_mm", *_YIELD)),
    Step("wafers: gases", {"fab_gas_kg_per_mm2": 0.0}, ("wafer_diameter_mm", *_YIELD)),
    Step("wafers: materials", {"fab_material_kg_per_mm2": 0.0}, ("wafer_diameter_mm", *_YIELD)),
)


def _area(_: Scenario) -> tuple[Step, ...]:
    return (
        Step("die-to-die interfaces", {"die_to_die_mm2": 0.0}, ("reticle_mm2",)),
        Step("matrix units", {"compute_mm2_per_flop_per_s": 0.0}, _LOGIC),
        Step("vector units", {"vector_mm2_per_flop_per_s": 0.0}, ("vector_rate_relative", *_LOGIC)),
        Step("SRAM", {"sram_mm2_per_byte": 0.0}, ("sram_density_relative",)),
        Step("DRAM PHYs and controllers", {"dram_phy_mm2_per_byte_per_s": 0.0}),
        Step("links beyond the fixed area", {"link_phy_mm2_per_byte_per_s": 0.0}, ("link_bytes_per_s",)),
        Step("host link, control, power management", {"fixed_area_mm2": 0.0}),
        Step("display and video", {"datapath_fixed_mm2": 0.0}),
        Step("processor beside it", {"host_area_mm2": 0.0}, ("logic_density_relative",)),
    )


def _idle(_: Scenario) -> tuple[Step, ...]:
    return (Step("silicon, idle", {"idle_w_per_mm2": 0.0}), *_STANDBY)


def _peak(_: Scenario) -> tuple[Step, ...]:
    elementwise = replace(_WORK[0], also=(*_WORK[0].also, "vector_rate_relative"))
    return (elementwise, *_WORK[1:], *_BUSY)


def _package(_: Scenario) -> tuple[Step, ...]:
    return (*_WORK, *_BUSY)


def _facility(scenario: Scenario) -> tuple[Step, ...]:
    site = (
        Step("cooling and losses of the site (PUE)", {"pue": 1.0}, share_of="facility_energy_j_per_token"),
        Step("host", {"host_energy_relative": 1.0}, share_of="facility_energy_j_per_token"),
        Step("silicon, waiting", {"idle_w_per_mm2": 0.0}),
    )
    if scenario.modelling.power == ANCHORED:
        limit = (
            Step("measured share of the limit: matrix units", {"compute_power_share": 0.0}, share_of="peak_power_w"),
            Step("measured share of the limit: at work", {"busy_power_share": 0.0}, share_of="peak_power_w"),
        )
        return (*site, *limit, *_STANDBY)
    return (*site, *_WORK, *_BUSY)


def _bom(_: Scenario) -> tuple[Step, ...]:
    return _BOM


def _price(_: Scenario) -> tuple[Step, ...]:
    return (
        Step("design (NRE) over the volume", {"nre_usd": 0.0}),
        Step("markup of the maker", {"markup_relative": 1.0}, share_of="bom_usd"),
        *_BOM,
    )


def _electricity(name: str, per_j: str) -> tuple[Step, ...]:
    """Electricity of the seconds in which the chips are owned and not used, and of those in which they work."""
    of = "facility_energy_j_per_token"
    return (
        Step(f"{name} while waiting", {}, (per_j, "idle_w_per_mm2"), share_of=of, waiting=True),
        Step(f"{name} at work", {per_j: 0.0}, share_of=of),
    )


def _ownership(scenario: Scenario) -> tuple[Step, ...]:
    return (*_owned(scenario), *_electricity("electricity", "electricity_usd_per_j"))


def _hourly(scenario: Scenario) -> tuple[Step, ...]:
    return (
        *_owned(scenario),
        Step("electricity", {"electricity_usd_per_j": 0.0}, share_of="facility_energy_j_per_token"),
    )


def _owned(scenario: Scenario) -> tuple[Step, ...]:
    rate = "discount_rate_per_year"
    capital = (replace(s, name=f"capital: {s.name}", also=(*s.also, rate)) for s in _price(scenario))
    return (
        replace(_SITE, also=("host_energy_relative", "facility_years", rate)),
        Step("upkeep", {"opex_share_per_year": 0.0}, ("host_cost_share",), share_of="price_usd"),
        Step("host, network, rack", {"host_cost_share": 0.0}, (rate,), share_of="price_usd"),
        *capital,
    )


def _embodied(_: Scenario) -> tuple[Step, ...]:
    return _MADE


def _carbon(_: Scenario) -> tuple[Step, ...]:
    embodied = (replace(step, name=f"embodied: {step.name}") for step in _MADE)
    return (*embodied, *_electricity("operation: electricity", "grid_kg_per_j"))


LEDGERS: Mapping[str, Callable[[Scenario], tuple[Step, ...]]] = {
    AREA: _area,
    "idle_power_w": _idle,
    "peak_power_w": _peak,
    "energy_j_per_token": _package,
    "facility_energy_j_per_token": _facility,
    "bom_usd": _bom,
    "price_usd": _price,
    "tco_usd_per_mtoken": _ownership,
    "tco_usd_per_hour": _hourly,
    "embodied_kg": _embodied,
    "carbon_g_per_mtoken": _carbon,
}
"""Columns with a ledger; steps whose constants a scenario does not have are left out."""
