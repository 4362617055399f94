"""Pictures of single designs of a run, one function each: a run in, a figure out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dse.ceiling_maps import ceiling_maps, free_axes
from dse.designs import STUDY_KEYS
from dse.energy_points import energy_picture, group_of
from dse.errors import StudyError
from dse.explaining import EMPTY_FRONT, knee_of
from dse.one_design import OneDesign, design_text, one_design
from dse.picture_kinds import Asked, chosen
from results import figures
from results.columns import COLUMNS
from results.figures.breakdown import Bars
from results.figures.ceilings import CEILING_LOOKS
from results.figures.roofline import Ceiling, Point
from results.labels import are, axis_label, counted, display
from results.store import Categorical
from sweeps.breakdown import breakdown as operator_shares
from sweeps.energy_roofline import ceilings
from sweeps.ledger import ledgers
from sweeps.scenario import Scenario
from sweeps.space import DESIGN_COLUMNS
from sweeps.time_by_ceiling import PHASES, TIME_PARTS, seconds_per_token

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dse.runs import Run

MAP_LEVELS = 192
"""Levels of each axis of a bottleneck map."""

LEDGERS = ("energy_j_per_token", "tco_usd_per_mtoken", "carbon_g_per_mtoken")
PORTS = {"sram": "SRAM", "dram": "DRAM", "flash": "flash", "pim bytes": "inside memory"}


def roofline(run: Run, asked: Asked) -> Figure:
    """Operators of a design under the ceilings of its ports and of each number format."""
    design, name = _design(run, asked)
    scenario = run.problem.scenario(design.scenario)
    shares = operator_shares(design.columns, scenario)
    rates = ceilings(design.columns, scenario)
    several = len(scenario.workloads) > 1
    total = {(s.workload, s.phase): 0.0 for s in shares}
    for share in shares:
        total[share.workload, share.phase] += share.seconds
    points = []
    for share in shares:
        if not (share.flop and share.seconds and share.dram_bytes):
            continue
        moved = {"sram": share.sram_bytes, "flash": share.flash_bytes, "pim bytes": share.pim_bytes}
        points.append(
            Point(
                name=share.name,
                group=group_of(share.phase, share.workload, several),
                intensity_flop_per_byte=share.flop / share.dram_bytes,
                flop_per_s=share.flop / share.seconds,
                share=share.seconds / total[share.workload, share.phase],
                bound_by=share.bound_by,
                at_ports={p: share.flop / b for p, b in moved.items() if b and p in rates.bytes_per_s},
            )
        )
    hidden = len(shares) - len(points)
    return figures.roofline(
        points,
        _ceilings(rates.flop_per_s, rates.bytes_per_s, points),
        title=f"{run.study.name}: {name}",
        below=_below(run, design),
        remark=f"{counted(hidden, 'operator')} without matrix work or bytes of DRAM {are(hidden)} not shown"
        if hidden
        else "",
        theme=asked.theme,
    )


def _ceilings(flop_per_s: dict[str, float], bytes_per_s: dict[str, float], points: list[Point]) -> list[Ceiling]:
    """Ports that some operator uses, and rates, formats of one rate together."""
    used = {"dram", *(port for point in points for port in point.at_ports)}
    memories = [Ceiling.memory(PORTS[port], rate, port) for port, rate in bytes_per_s.items() if port in used]
    return memories + [Ceiling.compute(names, rate) for rate, names in _alike(flop_per_s).items()]


def _alike(flop_per_s: dict[str, float]) -> dict[float, str]:
    rates: dict[float, list[str]] = {}
    for name, rate in flop_per_s.items():
        rates.setdefault(rate, []).append(name)
    return {rate: "/".join(names) for rate, names in rates.items()}


def energy(run: Run, asked: Asked) -> Figure:
    """Work per energy of the operators of a design, under the most its number formats allow."""
    design, name = _design(run, asked)
    scenario = run.problem.scenario(design.scenario)
    found = energy_picture(design.columns, scenario)
    below = _below(run, design)
    if found.hidden:
        below += (
            f"; {counted(found.hidden, 'operator')} without matrix work or bytes of DRAM {are(found.hidden)} not shown"
        )
    return figures.energy_roofline(
        found.points,
        found.curves,
        found.balances,
        title=f"{run.study.name}: {name}",
        below=below,
        theme=asked.theme,
    )


def bottleneck(run: Run, asked: Asked) -> Figure:
    """Which ceiling takes most of the time over two design axes; the others stay those of a design."""
    design, name = _design(run, asked)
    keys = dict(zip(DESIGN_COLUMNS, STUDY_KEYS, strict=True))
    free = [keys[name] for name in free_axes(run.problem)]
    given = [keys.get(axis, axis) for axis in asked.axes]
    across, up = (STUDY_KEYS[key] for key in chosen(given or _widest(run, free), free, "free design axis"))
    maps = ceiling_maps(run.problem, design.columns, design.scenario, across, up, MAP_LEVELS)
    following = [axis.name for axis in run.problem.space.axes if axis.derived is not None]
    others = {name: value for name, value in design.columns.items() if name not in (across, up, *following)}
    told = "".join(f"; {COLUMNS[name].label or name} follows from others" for name in following)
    return figures.bottleneck_map(
        maps,
        (float(design.columns[across][0]), float(design.columns[up][0])),
        title=f"{run.study.name}: what takes most of the time",
        below=f"{design_text(others)}{told}{_deployed(run.problem.scenario(design.scenario))}",
        design_name=name,
        theme=asked.theme,
    )


def _widest(run: Run, free: list[str]) -> list[str]:
    """Bandwidth and compute where they have levels, else the first axes that have."""
    if len(free) < 2:
        raise StudyError("a bottleneck map needs two design axes that do not follow from others")
    several = [STUDY_KEYS[key] for key in free]
    levels = {axis.name: len(axis.values) for axis in run.problem.space.axes}
    order = sorted(several, key=lambda name: levels[name] == 1)
    keys = dict(zip(DESIGN_COLUMNS, STUDY_KEYS, strict=True))
    return [keys[name] for name in order[:2]]


def breakdown(run: Run, asked: Asked) -> Figure:
    """Time, energy, cost and carbon of designs by part: those given, or the best of each objective and the knee."""
    designs = _designs(run, asked)
    panels = [Bars("time per token [ms]", [_times(run, design) for design in designs.values()])]
    for column in LEDGERS:
        parts = []
        for design in designs.values():
            (ledger,) = ledgers(design.columns, run.problem.scenario(design.scenario), [column])
            amounts = display(column, [entry.amount for entry in ledger.entries])[0]
            parts.append({entry.name: float(n) for entry, n in zip(ledger.entries, amounts, strict=True)})
        panels.append(Bars(axis_label(column), parts))
    return figures.breakdown_bars(
        panels,
        list(designs),
        title=f"{run.study.name}: what designs consist of",
        below="time: by the ceiling that each operator waits for; the others: by ledger, as dse explain prints them",
        theme=asked.theme,
    )


def _times(run: Run, design: OneDesign) -> dict[str, float]:
    """Milliseconds per token by phase and ceiling; nothing where the design cannot run."""
    with np.errstate(all="ignore"):
        seconds = seconds_per_token(design.columns, run.problem.scenario(design.scenario))
    return {
        f"{phase}: {CEILING_LOOKS[part].name}": float(row[0]) * 1e3
        for phase in PHASES
        for part, row in zip(TIME_PARTS, seconds[phase], strict=True)
        if row[0] > 0
    }


def tornado(run: Run, asked: Asked) -> Figure:
    """Which constants and axes move the objectives of a design, the knee by default."""
    from dse.report.sensitivity import sensitivity_figure
    from dse.sensitivities import sensitivity

    given = asked.designs[0] if asked.designs else None
    if given is None:
        _knee(run)  # which there is, or an error that says what to do
    return sensitivity_figure(sensitivity(run, given, method="tornado"), 12, theme=asked.theme)


def _design(run: Run, asked: Asked) -> tuple[OneDesign, str]:
    """The design that is asked for, or the knee of the front, and what to call it."""
    (name, design), *_ = _designs(run, asked, most=1).items()
    return design, name


def _designs(run: Run, asked: Asked, most: int = 8) -> dict[str, OneDesign]:
    """Designs by what to call them: those asked for, or the knee and the best of each objective."""
    if asked.designs:
        found = [one_design(run.study, run.problem, given) for given in asked.designs]
        several = len(found) > 1
        return {
            _name(given, one, number if several else 0): one
            for number, (given, one) in enumerate(zip(asked.designs, found, strict=True), start=1)
        }
    knee_point = _knee(run)
    if most == 1:
        return {f"design {knee_point:,}, the knee": one_design(run.study, run.problem, knee_point)}
    said = {knee_point: ["knee"]}
    front = run.front()
    for column, way in list(run.objectives.items())[: most - 1]:
        row = int(front[column].argmax() if way == "max" else front[column].argmin())
        said.setdefault(int(front["point"].iloc[row]), []).append(f"best {COLUMNS[column].label or column}")
    return {
        ",\n".join(names) + f"\n{point:,}": one_design(run.study, run.problem, point) for point, names in said.items()
    }


def _name(given: object, design: OneDesign, number: int) -> str:
    """A candidate's name, or the point; else its number among those given, 0 where it is the only one."""
    if isinstance(given, str) and "=" not in given and not given.strip().isdigit():
        return given.strip()
    if design.point is None:
        return f"design {number} as given" if number else "design as given"
    return f"design {design.point:,}"


def _knee(run: Run) -> int:
    point = knee_of(run)
    if point is None:
        raise StudyError(EMPTY_FRONT)
    return point


def _below(run: Run, design: OneDesign) -> str:
    """Values of a design, how many chips there are, and why it is infeasible if it is."""
    reason = run.problem.given(design.columns, design.scenario)["reason"]
    assert isinstance(reason, Categorical)
    why = reason.categories[int(np.asarray(reason.codes)[0])]
    deployed = _deployed(run.problem.scenario(design.scenario))
    return f"{design_text(design.columns)}{deployed}" + (f"; infeasible: {why}" if why else "")


def _deployed(scenario: Scenario) -> str:
    """What is deployed, where it is more than a chip."""
    chips = scenario.deployment.parallel.chips
    return f"; one of {chips} chips" if chips > 1 else ""
