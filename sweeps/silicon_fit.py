"""Area and power of published devices against the cost models, each die family left out of the fit in turn.

Every prediction is that of ``metrics(factors(designs, scenario))``. Areas are linear in the fitted constants, peak
power is bilinear in them; so a few evaluations per device give its terms, and the fit works on the terms.

The form was chosen with all dies in view, so errors with a family left out flatter it somewhat. Compared were seven
forms of logic area (matrix and vector units; with clocks; with a factor or a fixed area for graphics; with a host on
parts that have none beside them), in about sixty settings of clocks, weights and loss, with the density of 5 nm at 1.5
and at 1.8; and one form of power in about a dozen settings of its bounds, its SRAM term and the area it is given.
Without clocks no form met the target of datacenter parts. Low-power products of a die, such as L4 beside RTX 4070 Ti,
are a choice of voltage and clock that no design here makes: peak power is far above their limits, and they stay in.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from costmodels import tables
from roofline import catalog
from roofline.accelerators import Accelerator, UnknownFact, accelerators
from sweeps import dies as published
from sweeps.factors import factors
from sweeps.metrics import metrics
from sweeps.scenario import Deployment, Modelling, Request, Scenario, Technology, scenario
from sweeps.space import DESIGN_COLUMNS

Array = NDArray[np.float64]

SCALE = 0.05
"""Error, as a logarithm, above which soft_l1 counts it by its size and no more by its square."""


@dataclass(frozen=True)
class Fitted:
    """One constant that is fitted: where it stands in the tables, and the bounds of the search in its unit's SI."""

    parameter: str
    quantity: str
    table: str
    options: tuple[str, ...]
    low: float
    high: float
    unit: str
    source: str

    @property
    def shipped(self) -> float:
        """The value in the tables."""
        return tables.constants(self.table, self.options[0])[self.parameter].value


@dataclass(frozen=True)
class Row:
    """A device's published and predicted area [mm2] or power [W]; None and a note where there is none.

    Attributes
    ----------
    device, title, die, die_family : str
    device_class : str
        ``datacenter``, ``graphics``, ``soc`` or ``cpu``; the catalog's class where no die is known.
    quantity : str
        ``area`` of the full dies, or ``power``: peak power against TDP.
    published, in_sample, left_out : float or None
        `in_sample` with the constants fitted on all dies, `left_out` with those fitted without its family.
    note : str
    """

    device: str
    title: str
    die: str
    die_family: str
    device_class: str
    quantity: str
    published: float | None
    in_sample: float | None
    left_out: float | None
    note: str

    @property
    def error(self) -> float | None:
        """Relative error of the prediction that has not seen the die's family [1]."""
        return None if self.left_out is None or self.published is None else self.left_out / self.published - 1.0


@dataclass(frozen=True)
class Sample:
    """A device with the terms of its predictions.

    ``area = die_fixed + die_terms·x`` per die and, as sold, ``sold_fixed + sold_terms·x``, x the area constants;
    ``power = power_fixed + busy·area + e·(matrix_w + r·vector_w)``, (e, r, busy) the power constants.
    """

    chip: Accelerator
    die: published.Die
    dies: int
    area_mm2: float | None
    tdp_w: float | None
    die_fixed: float
    die_terms: Array
    sold_fixed: float
    sold_terms: Array
    power_fixed: float
    matrix_w: float
    vector_w: float
    busy: float
    note: str

    def area(self, x: Array) -> float:
        """Area of all full dies [mm2]."""
        return float(self.dies * (self.die_fixed + self.die_terms @ x))

    def power(self, x: Array, y: Array) -> float:
        """Peak power as sold [W], at the area predicted with `x`."""
        sold = self.sold_fixed + self.sold_terms @ x
        return float(self.power_fixed + self.busy * y[2] * sold + y[0] * (self.matrix_w + y[1] * self.vector_w))


@cache
def fitted_constants() -> tuple[Fitted, ...]:
    """Return every constant that is fitted to published areas and powers, or held to an earlier fit."""
    text = (files("sweeps") / "data" / "silicon_fit.csv").read_text(encoding="utf8")
    found = []
    for row in csv.DictReader(io.StringIO(text)):
        scale = tables.UNIT_SCALE[row["unit"]]
        options = tuple(row["options"].split(";"))
        low, high = float(row["low"]) * scale, float(row["high"]) * scale
        found.append(
            Fitted(row["parameter"], row["quantity"], row["table"], options, low, high, row["unit"], row["source"])
        )
    return tuple(found)


def _searched(quantity: str) -> list[Fitted]:
    return [one for one in fitted_constants() if one.quantity == quantity and one.low < one.high]


def evaluated(
    design: Mapping[str, float], where: Scenario, area_mm2: float | None = None, **constants: float
) -> tuple[float, float]:
    """Return (area [mm2], peak power [W]) of a design with changed constants, and at a given area if there is one."""
    changed = replace(where, constants={**where.constants, **constants})
    known = factors({name: np.array([design[name]]) for name in DESIGN_COLUMNS}, changed)
    if area_mm2 is not None:
        known["silicon_mm2"] = np.array([area_mm2])
    result = metrics(known, changed)
    return float(np.ravel(result["die_area_mm2"])[0]), float(np.ravel(result["peak_power_w"])[0])


def scenario_of(
    chip: Accelerator, die: published.Die, product: published.Product, *, vector: float | None, **constants: float
) -> Scenario:
    """Return the scenario of a published device: its technology, and the vector rate where it is published."""
    # Area and peak power do not depend on the workload; a scenario needs one.
    request = Request(catalog.model("llama-3.2-1b"), prompt_tokens=64, output_tokens=64)
    known = dict(constants)
    if vector is not None:
        known["vector_rate_relative"] = vector
    # Published areas hold their links between dies; a wafer is no package of many.
    known["die_to_die_mm2"] = 0.0
    technology = Technology(
        node=die.node,
        dram_kind=product.dram_kind,
        sram_style=die.sram_style,
        datapath=die.datapath,
        formats=chip.formats,
        constants=known,
    )
    return scenario([request], technology, Deployment(segment=die.segment), Modelling())


def _area_terms(
    design: Mapping[str, float], chip: Accelerator, die: published.Die, product: published.Product, vector: float | None
) -> tuple[float, Array]:
    """Area without the fitted constants, and per unit of each of them that this die's options name."""
    chosen = {"datapath": die.datapath, "common": "", "segments": die.segment, "sram": die.sram_style}
    own = [one if chosen[one.table] in one.options else None for one in _searched("area")]
    none = {one.parameter: 0.0 for one in own if one}
    fixed = evaluated(design, scenario_of(chip, die, product, vector=vector, **none))[0]
    terms = []
    for one in own:
        area = fixed
        if one:
            changed = none | {one.parameter: one.shipped}
            area = evaluated(design, scenario_of(chip, die, product, vector=vector, **changed))[0]
        terms.append((area - fixed) / (one.shipped if one else 1.0))
    return fixed, np.array(terms)


def _sample(chip: Accelerator, product: published.Product, die: published.Die) -> Sample:
    full, sold = published.die_design(chip, product, die), published.product_design(chip, product, die)
    of_die, of_product = (published.vector_rate_relative(chip, who) for who in (product, None))
    die_fixed, die_terms = _area_terms(full, chip, die, product, of_die)
    sold_fixed, sold_terms = _area_terms(sold, chip, die, product, of_product)

    def watts(area_mm2: float, j_per_flop: float, vector: float, busy: float) -> float:
        named = {"compute_j_per_flop": j_per_flop, "vector_energy_relative": vector, "busy_w_per_mm2": busy}
        where = scenario_of(chip, die, product, vector=of_product, **named)
        return evaluated(sold, where, area_mm2)[1]

    unit = tables.constants("common")["compute_j_per_flop"].value
    # An edge part's busy density is the datacenter's times its factor of energy: one fit for both.
    share = tables.constants("segments", die.segment)["segment_energy_relative"].value
    fixed = watts(1.0, 0.0, 0.0, 0.0)
    matrix = watts(1.0, unit, 0.0, 0.0) - fixed
    vector = watts(1.0, unit, 1.0, 0.0) - fixed - matrix
    notes = [die.note, "" if of_product else "vector rate not published, that of the datapath"]
    return Sample(
        chip,
        die,
        product.dies,
        published.published_area_mm2(chip, product, die),
        chip.tdp_w,
        die_fixed,
        die_terms,
        sold_fixed,
        sold_terms,
        fixed,
        matrix / unit,
        vector / unit,
        (watts(1.0, 0.0, 0.0, 1.0) - fixed) * share,
        "; ".join(note for note in notes if note),
    )


@cache
def samples() -> tuple[Sample, ...]:
    """Return every device of the catalog whose die is known, with the terms of its predictions."""
    found = []
    for chip in accelerators():
        product = published.products().get(chip.name)
        if product is not None and not _missing(chip):
            found.append(_sample(chip, product, published.dies()[product.die]))
    return tuple(found)


def _missing(chip: Accelerator) -> str:
    """What keeps a device from being predicted; empty where nothing does."""
    try:
        chip.require("dram_bytes_per_s", "dram_bytes")
        chip.known("fp16_flop_per_s") if not chip.peaks else chip.half_flop_per_s
    except UnknownFact as error:
        return str(error)
    return "" if chip.name in published.products() else "its die is not in the table of dies"


def _robust(residual: Array, weight: Array) -> Array:
    """Roots whose squares sum to the weighted soft_l1 loss of the residuals."""
    scaled = residual / SCALE
    return np.sqrt(weight * (2.0 * (np.sqrt(1.0 + scaled * scaled) - 1.0)))


def _least(fun: object, bounds: Sequence[Fitted]) -> Array:
    """Constants of least loss within their bounds, searched in logarithms from their values in the tables."""
    from scipy.optimize import least_squares

    low, high = np.log([b.low for b in bounds]), np.log([b.high for b in bounds])
    best = None
    for share in (0.2, 0.5, 0.8):
        found = least_squares(fun, low + share * (high - low), bounds=(low, high), xtol=1e-12, ftol=1e-12, gtol=1e-12)
        best = found if best is None or found.cost < best.cost else best
    assert best is not None
    return np.asarray(np.exp(best.x), dtype=np.float64)


def fit_area(chosen: Iterable[Sample]) -> Array:
    """Return the area constants, in the order of the table, of least loss; every die counts once.

    The loss is the sum of soft_l1 of ln(predicted / published). CPUs are not fitted: their cores are not modelled.
    """
    rows = [s for s in chosen if s.area_mm2 is not None and s.die.die_class != "cpu"]
    names = [s.die.name for s in rows]
    weight = np.array([1.0 / names.count(name) for name in names])
    wanted = np.log([s.area_mm2 or math.nan for s in rows])
    count, fixed = np.array([float(s.dies) for s in rows]), np.array([s.die_fixed for s in rows])
    terms = np.array([s.die_terms for s in rows])

    def loss(x: Array) -> Array:
        return _robust(np.log(count * (fixed + terms @ np.exp(x))) - wanted, weight)

    return _least(loss, _searched("area"))


def fit_power(chosen: Iterable[Sample], x: Array) -> Array:
    """Return the power constants (J/FLOP, 1, W/mm2) of least loss at the areas predicted with `x`; no CPUs either."""
    rows = [s for s in chosen if s.tdp_w is not None and s.die.die_class != "cpu"]
    wanted = np.log([s.tdp_w or math.nan for s in rows])
    area = np.array([s.busy * (s.sold_fixed + s.sold_terms @ x) for s in rows])
    fixed, matrix, vector = (np.array([getattr(s, n) for s in rows]) for n in ("power_fixed", "matrix_w", "vector_w"))

    def loss(logs: Array) -> Array:
        y = np.exp(logs)
        return _robust(np.log(fixed + area * y[2] + y[0] * (matrix + y[1] * vector)) - wanted, np.ones(len(rows)))

    return _least(loss, _searched("power"))


def fit(without_family: str = "") -> tuple[Array, Array]:
    """Return the constants of area and of power fitted without a die family, in the order of `fitted_constants`."""
    kept = [s for s in samples() if s.die.family != without_family]
    x = fit_area(kept)
    return x, fit_power(kept, x)


@cache
def fits() -> Mapping[str, tuple[Array, Array]]:
    """Return the fit by family left out; "" is the fit on everything."""
    return {family: fit(family) for family in ("", *sorted({s.die.family for s in samples()}))}


def validation() -> tuple[Row, ...]:
    """Return one row per device of the catalog and quantity, those without a prediction with the reason."""
    rows = []
    by_name = {s.chip.name: s for s in samples()}
    for chip in accelerators():
        for quantity in ("area", "power"):
            sample = by_name.get(chip.name)
            rows.append(_row(sample, quantity) if sample else _unpredicted(chip, quantity))
    return tuple(rows)


def _unpredicted(chip: Accelerator, quantity: str) -> Row:
    value = chip.die_area_mm2 if quantity == "area" else chip.tdp_w
    note = _missing(chip) if value is not None else f"{'die_area_mm2' if quantity == 'area' else 'tdp_w'} not published"
    return Row(chip.name, chip.title, "", chip.die_family, chip.device_class, quantity, value, None, None, note)


def _row(sample: Sample, quantity: str) -> Row:
    chip, die = sample.chip, sample.die
    value = sample.area_mm2 if quantity == "area" else sample.tdp_w
    if value is None:
        note = "; ".join(part for part in (f"no {quantity} to compare with", sample.note) if part)
        return Row(chip.name, chip.title, die.name, die.family, die.die_class, quantity, None, None, None, note)
    seen, unseen = (
        sample.area(x) if quantity == "area" else sample.power(x, y) for x, y in (fits()[""], fits()[die.family])
    )
    return Row(chip.name, chip.title, die.name, die.family, die.die_class, quantity, value, seen, unseen, sample.note)


def median_error(rows: Iterable[Row], quantity: str, classes: Sequence[str], *, by_die: bool = False) -> float:
    """Return the median |error| with the family left out [1], over devices or over dies (the median of each)."""
    errors: dict[str, list[float]] = {}
    for row in rows:
        if row.quantity == quantity and row.device_class in classes and row.error is not None:
            errors.setdefault(row.die if by_die else row.device, []).append(abs(row.error))
    return float(np.median([float(np.median(some)) for some in errors.values()]))
