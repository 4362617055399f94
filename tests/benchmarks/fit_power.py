"""Fit compute_j_per_flop (7 nm) and busy_w_per_mm2 (datacenter) to published powers, with the product's own functions.

Run ``python tests/benchmarks/fit_power.py``. The loss is the sum of |ln(predicted / published)| of ``peak_power_w`` at
the published die area; both constants stay at or above the low end of their range in the tables. All other constants
are the shipped ones. The parts, with their sources, are in ``tests/data/power_parts.csv``.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from costmodels import tables
from roofline import catalog
from sweeps.factors import factors
from sweeps.metrics import metrics
from sweeps.scenario import Deployment, Modelling, Request, Technology, scenario
from sweeps.space import DESIGN_COLUMNS

PARTS_CSV = Path(__file__).parents[1] / "data" / "power_parts.csv"
DESIGN = ("dram_bytes_per_s", "compute_flop_per_s", "sram_bytes", "dram_bytes")
PICO = 1e-12


@dataclass(frozen=True)
class Part:
    """A published part; parts of one `group` share a die and are left out together."""

    name: str
    group: str
    technology: Technology
    design: dict[str, float]
    die_area_mm2: float
    published_w: float


@dataclass(frozen=True)
class Line:
    """Peak power of a part as ``fixed_w + w_per_pj * e + area_mm2 * busy``, e in pJ/FLOP and busy in W/mm2."""

    fixed_w: float
    w_per_pj: float
    area_mm2: float

    def watts(self, constants: tuple[float, float]) -> float:
        return self.fixed_w + self.w_per_pj * constants[0] + self.area_mm2 * constants[1]


def parts() -> list[Part]:
    """Read the published parts."""
    with PARTS_CSV.open(encoding="utf-8", newline="") as file:
        return [
            Part(
                row["part"],
                row["group"],
                Technology(
                    node=row["node"],
                    dram_kind=row["dram_kind"],
                    sram_style=row["sram_style"],
                    formats=tuple(row["formats"].split(";")),
                ),
                {name: float(row[name]) for name in DESIGN},
                float(row["die_area_mm2"]),
                float(row["tdp_w"]),
            )
            for row in csv.DictReader(file)
        ]


def predicted(part: Part, constants: tuple[float, float], area_mm2: float | None = None) -> tuple[float, float]:
    """Peak power [W] and silicon [mm2] of a part with (pJ/FLOP, W/mm2), at the given area or at the model's own."""
    changed = {"compute_j_per_flop": constants[0] * PICO, "busy_w_per_mm2": constants[1]}
    # Peak power does not depend on the workload; a scenario needs one.
    request = Request(catalog.model("llama-3.2-1b"), prompt_tokens=64, output_tokens=64)
    where = scenario([request], replace(part.technology, constants=changed), Deployment(), Modelling())
    columns = {name: np.array([part.design.get(name, 0.0)]) for name in DESIGN_COLUMNS}
    known = factors(columns, where)
    if area_mm2 is not None:
        known["silicon_mm2"] = np.array([area_mm2])
    result = metrics(known, where)
    return float(np.ravel(result["peak_power_w"])[0]), float(np.ravel(result["die_area_mm2"])[0])


def line(part: Part) -> Line:
    """The peak power at the published area, which is linear in both constants."""
    fixed, per_pj, per_busy = (predicted(part, at, part.die_area_mm2)[0] for at in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)))
    return Line(fixed, per_pj - fixed, per_busy - fixed)


def low_ends() -> tuple[float, float]:
    """Low ends of the ranges in the tables [pJ/FLOP, W/mm2]."""
    e = tables.constants("common")["compute_j_per_flop"]
    return e.low / PICO, tables.constants("segments", "datacenter")["busy_w_per_mm2"].low


def loss(lines: Sequence[Line], published_w: Sequence[float], e: np.ndarray, busy: np.ndarray) -> np.ndarray:
    """Sum over the parts of |ln(predicted / published)|, for arrays of both constants."""
    total = np.zeros(np.broadcast_shapes(e.shape, busy.shape))
    for a, w in zip(lines, published_w, strict=True):
        total = total + np.abs(np.log((a.fixed_w + a.w_per_pj * e + a.area_mm2 * busy) / w))
    return total


def fit(lines: Sequence[Line], published_w: Sequence[float]) -> tuple[float, float]:
    """Constants of least loss (pJ/FLOP, W/mm2): a fine grid over the box, then finer grids around its best point."""
    low = low_ends()
    box = [(low[0], 4 * low[0]), (low[1], 4 * low[1])]
    best = low
    for _ in range(8):
        e, busy = (np.linspace(*side, 601) for side in box)
        values = loss(lines, published_w, e[:, None], busy[None, :])
        i, j = np.unravel_index(int(values.argmin()), values.shape)
        best = float(e[i]), float(busy[j])
        # Kept wide (1/6 of the last box): the valley is oblique, its best point may be several steps away.
        half = [(side[1] - side[0]) / 12 for side in box]
        box = [(max(low[k], best[k] - half[k]), best[k] + half[k]) for k in range(2)]
    return best


@dataclass(frozen=True)
class Row:
    """One part of the table; errors are ``predicted / published - 1``."""

    part: Part
    in_sample_w: float
    left_out_w: float
    left_out_constants: tuple[float, float]
    end_to_end_w: float
    end_to_end_mm2: float

    def error(self, watts: float) -> float:
        return watts / self.part.published_w - 1.0


def fitted(chosen: Sequence[Part]) -> tuple[float, float]:
    """Constants fitted on some parts (pJ/FLOP, W/mm2)."""
    return fit([line(part) for part in chosen], [part.published_w for part in chosen])


def table() -> tuple[tuple[float, float], list[Row]]:
    """Fit on all parts, and one row per part: in-sample, leave-one-die-out, and at the model's own area."""
    everything = parts()
    lines = {part.name: line(part) for part in everything}
    constants = fitted(everything)
    without = {
        group: fitted([part for part in everything if part.group != group]) for group in {p.group for p in everything}
    }
    rows = []
    for part in everything:
        end_to_end_w, area = predicted(part, constants)
        left_out = without[part.group]
        own = lines[part.name]
        rows.append(Row(part, own.watts(constants), own.watts(left_out), left_out, end_to_end_w, area))
    return constants, rows


def variants() -> dict[str, tuple[float, float]]:
    """The fit under other readings of the parts: how much the constants depend on them."""
    everything = parts()

    def changed(names: Sequence[str], **how: str) -> list[Part]:
        return [
            replace(p, technology=replace(p.technology, **how)) if p.name in names else p  # type: ignore[arg-type]
            for p in everything
        ]

    tpus, hopper = ("TPUv4i", "TPUv4"), ("H100 SXM", "H200")
    return {
        "without the TPUs": fitted([p for p in everything if p.name not in tpus]),
        "TPU memory at the bandwidth of a cache": fitted(changed(tpus, sram_style="cache")),
        "TSMC 4N of H100 and H200 taken as 4nm": fitted(changed(hopper, node="4nm")),
    }


def main() -> None:
    """Print the fit, its errors and its variants."""
    constants, rows = table()
    print(f"compute_j_per_flop {constants[0]:.4f} pJ/FLOP at 7nm, busy_w_per_mm2 {constants[1]:.4f} W/mm2 (datacenter)")
    print(
        f"{'':12}{'published':>10}{'in-sample':>16}{'left out':>16}{'own area':>16}{'area':>14}   constants without it"
    )
    for row in rows:
        cells = "".join(f"{w:8.0f} {row.error(w):+6.0%} " for w in (row.in_sample_w, row.left_out_w, row.end_to_end_w))
        area = f"{row.end_to_end_mm2:6.0f} {row.end_to_end_mm2 / row.part.die_area_mm2 - 1:+5.0%}"
        without = "{:.3f} {:.3f}".format(*row.left_out_constants)
        print(f"{row.part.name:12}{row.part.published_w:10.0f}{cells}{area:>14}   {without}")
    for name, at in variants().items():
        print(f"{name}: {at[0]:.3f} pJ/FLOP, {at[1]:.3f} W/mm2")


if __name__ == "__main__":
    main()
