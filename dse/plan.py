"""A study as a problem: its space, and the scenario at each combination of its scenario axes."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field, replace

import numpy as np

from dse.catalogs import Models, models_beside
from dse.errors import StudyError
from dse.one_design import check_candidates
from dse.quality_checks import asks_for_quality, check_quality
from dse.serving_checks import MAX, STEADY, check_batches
from dse.study import Study
from dse.study_axes import DIMENSIONS
from dse.study_constants import Ranged
from dse.study_places import scenario_error
from dse.technique_checks import check_techniques
from dse.units import format_quantity
from roofline.precision import Precision
from roofline.runtimes import Runtime, runtime
from sweeps.mix import MIX_COLUMNS
from sweeps.model_quality import quality_of
from sweeps.pool import PrefillSide
from sweeps.problem import KnownScenarios, Objective, Problem, ScenarioColumn
from sweeps.reached import class_of, on_designs, with_profile
from sweeps.scenario import (
    DEFAULT_FORMATS,
    Deployment,
    Largest,
    Limit,
    Modelling,
    Request,
    Scenario,
    Technology,
    scenario,
    with_batch,
)
from sweeps.space import Axis, Space

MOST_DIES = 1024
MOST_CACHED_SCENARIOS = 1024
MOST_SENT_SCENARIOS = 8
LAYOUT_PATHS = ("deployment.chips", "deployment.parallel.")
CALIBRATION_PATHS = ("modelling.calibration", "modelling.device_class")
PRICE_PATHS = ("deployment.electricity", "deployment.grid")
HALF_FORMATS = ("fp16", "bf16")


@dataclass
class StudyScenarios:
    """Scenario index -> Scenario of a study; remembers the last few.

    Where all of them are known, and are few, they are what is sent to a worker: it starts in half the time without the
    study, whose fields and units it would have to import.
    """

    study: Study
    models: Models
    levels: tuple[int, ...]
    limits: tuple[Limit, ...]
    _cache: dict[int, Scenario] = field(default_factory=dict, repr=False)

    def __call__(self, number: int) -> Scenario:
        """Return the scenario with this index."""
        if number not in self._cache:
            if len(self._cache) >= MOST_CACHED_SCENARIOS:
                self._cache.pop(next(iter(self._cache)))
            self._cache[number] = self._scenario(number)
        return self._cache[number]

    def __reduce__(self) -> tuple[object, ...]:
        """Send the scenarios if they are known and few; otherwise the study, without those remembered."""
        count = math.prod(self.levels)
        if len(self._cache) == count <= MOST_SENT_SCENARIOS:
            return KnownScenarios, (tuple(self._cache[number] for number in range(count)),)
        return StudyScenarios, (self.study, self.models, self.levels, self.limits)

    def study_at(self, number: int) -> Study:
        """Return the study with its scenario axes at this index."""
        chosen = []
        for axis in reversed(self.study.scenario_axes):
            number, level = divmod(number, len(axis.values))
            chosen.append(axis.values[level])
        return self.study.at(chosen[::-1]) if chosen else self.study

    def _scenario(self, number: int) -> Scenario:
        at = self.study_at(number)
        limits = (*self.limits[: len(at.constraint_terms)], *_slo_limits(at))
        try:
            asked = requests(at, self.models)
            found = scenario(asked, technology_of(at), deployment_of(at), modelling_of(at), limits, prefill_side_of(at))
            _check_constants(found)
            quality = quality_of(asked) if asks_for_quality(self.study) else None
            found = replace(found, largest=_largest(at), aggregates=_asks_for_mix(at), quality=quality)
            if found.largest is not None:  # some of what one sequence may do many may not
                with_batch(found, found.largest.most)
            return found
        except ValueError as error:
            raise scenario_error(self.study, at, error) from None


def problem_of(study: Study, models: Models | None = None) -> Problem:
    """Return the search problem a study poses.

    Parameters
    ----------
    study : Study
    models : Models, optional
        Where its models come from; default the run it was read from, the catalog, and files.

    Raises
    ------
    StudyError
        If its parts do not go together.
    """
    limits = (*(Limit(c.text, c.column, c.op, c.limit) for c in study.constraint_terms), *_slo_limits(study))
    space = Space(
        tuple(Axis(axis.name, axis.values, axis.derived) for axis in study.column_axes),
        tuple(len(axis.values) for axis in study.scenario_axes),
    )
    problem = Problem(
        space=space,
        scenario=StudyScenarios(study, models or models_beside(study.source_path), space.scenario_shape, limits),
        objectives=tuple(Objective.of(column, direction) for column, direction in study.objectives.items()),
        limits=limits,
        scenario_columns=tuple(ScenarioColumn(axis.path, axis.values, axis.numbers) for axis in study.scenario_axes),
    )
    _check(study, problem)
    check_quality(study, problem)
    check_techniques(study, problem)
    check_candidates(study, problem)
    return problem


def _check(study: Study, problem: Problem) -> None:
    """Things the parts of a study cannot see of each other."""
    formats = study.technology.formats
    if formats is not None and not set(formats) & set(HALF_FORMATS):
        raise StudyError(
            "compute is the dense 16-bit rate, so the chip needs fp16 or bf16",
            path=study.source_path,
            key="technology.formats",
        )
    check_batches(study)
    powers = [axis for axis in study.scenario_axes if axis.path in ("technology.power_cap", "modelling.power")]
    capped = study.technology.power_cap is not None or any("cap" in axis.path for axis in powers)
    anchored = study.modelling.power == "anchored" or any("anchored" in axis.values for axis in powers)
    if capped and anchored:
        raise StudyError(
            "measured shares are of a device at its own limit: power: anchored does not go with a power cap",
            path=study.source_path,
            key="modelling.power",
        )
    _check_layouts(study)
    for paths in (CALIBRATION_PATHS, PRICE_PATHS):
        _check_together(study, paths)
    there = {*problem.metric_names, *(axis.name for axis in problem.space.axes)}
    for column in (*study.objectives, *(limit.column for limit in problem.limits)):
        if column not in there:
            raise StudyError(
                f"this study has no column {column}: it needs {_needs(column)}", path=study.source_path, key=column
            )


def _check_layouts(study: Study) -> None:
    """Chips that cannot divide a model in some combination of axes; one axis at a time is checked on reading."""
    axes = study.scenario_axes
    concerned = [axis.path.startswith(LAYOUT_PATHS) or axis.path.endswith(".model") for axis in axes]
    if sum(concerned) > 1 and any(axis.path.startswith(LAYOUT_PATHS) for axis in axes):
        levels = [axis.values if yes else axis.values[:1] for axis, yes in zip(axes, concerned, strict=True)]
        for values in itertools.product(*levels):
            study.at(values)


def _check_together(study: Study, paths: tuple[str, ...]) -> None:
    """Values of several axes that do not go together; one axis at a time is checked on reading."""
    axes = study.scenario_axes
    concerned = [axis.path in paths for axis in axes]
    if sum(concerned) > 1:
        levels = [axis.values if yes else axis.values[:1] for axis, yes in zip(axes, concerned, strict=True)]
        for values in itertools.product(*levels):
            study.at(values)


def _needs(column: str) -> str:
    if column.startswith("flash"):
        return "modelling.flash_holds with kv_cache"
    if column == "prefill_chips":
        return "disaggregate"
    if column.startswith("ttft_p"):
        return "a workload with lengths"
    if column in MIX_COLUMNS:
        return "a mix of several workloads"
    return "deployment.demand" if column == "margin_demand" else "technology.power_cap"


def requests(study: Study, models: Models) -> list[Request]:
    """Return the workloads of a study without scenario axes, with their models."""
    return [
        Request(
            model=models(study.resolved_model(workload.model)),
            prompt_tokens=workload.prompt_tokens or 1,
            output_tokens=workload.output_tokens or 2,
            lengths=study.lengths_of(workload),
            serving=workload.serving.built,
            batch=workload.batch if isinstance(workload.batch, int) else 1,
            precision=Precision(
                workload.precision.weights,
                workload.precision.activations,
                workload.precision.kv_cache,
                tuple(workload.precision.groups.items()),
            ),
            share=workload.share if workload.share is not None else 1.0,
            techniques=workload.techniques.built(lambda name: models(study.resolved_model(name))),
        )
        for workload in study.workloads
    ]


def _check_constants(found: Scenario) -> None:
    """Raise ValueError where constants that a study overrides do not go together."""
    k = {name: float(np.max(value)) for name, value in found.constants.items()}
    for good, message in (
        (k["reticle_mm2"] > k["die_to_die_mm2"], "reticle_mm2 must exceed die_to_die_mm2"),
        (k["wafer_diameter_mm"] > 2 * k["edge_exclusion_mm"], "wafer_diameter_mm must exceed twice edge_exclusion_mm"),
        (k["pue"] >= 1, "pue is at least 1: the site draws what it passes on"),
        (k["host_energy_relative"] >= 1, "host_energy_relative is at least 1: the chip's own energy is in it"),
        (k["idle_w_per_mm2"] <= k["busy_w_per_mm2"], "idle_w_per_mm2 must not exceed busy_w_per_mm2"),
        (k["max_dies"] <= MOST_DIES, f"max_dies is at most {MOST_DIES}"),
    ):
        if not good:
            raise ValueError(f"technology.constants: {message}")


def _largest(study: Study) -> Largest | None:
    """Return what the batch of each design must meet, of a study without scenario axes that leaves it to them."""
    workload = study.workloads[0]
    if workload.batch == STEADY:
        return Largest(tokens_per_s=_arriving_tokens_per_s(study))
    return Largest(workload.slo.ttft, workload.slo.tpot) if workload.batch == MAX else None


def _arriving_tokens_per_s(study: Study) -> float:
    """Output tokens of the requests that arrive [token/s]."""
    workload = study.workloads[0]
    lengths = study.lengths_of(workload)
    output = float(workload.output_tokens or 2) if lengths is None else lengths.mean_output
    return (workload.serving.arrivals or 0.0) * output


def _asks_for_mix(study: Study) -> bool:
    """Whether an objective or a constraint is a column of a mix."""
    asked = (*study.objectives, *(term.column for term in study.constraint_terms))
    return any(column in MIX_COLUMNS for column in asked)


def _slo_limits(study: Study) -> list[Limit]:
    """Return the latencies of ``batch: max`` as limits, for designs that miss them even with a single sequence."""
    if all(workload.batch != MAX for workload in study.workloads):
        return []
    slo = study.workloads[0].slo
    varied = {axis.path.rsplit(".", 1)[1] for axis in study.scenario_axes if ".slo." in axis.path}
    limits = []
    for key, value in (("ttft", slo.ttft), ("tpot", slo.tpot)):
        if value is not None:
            most = "that of its scenario" if key in varied else format_quantity(value, "second")
            limits.append(Limit(f"slo: {key} <= {most}", f"{key}_s", "<=", value))
    return limits


def technology_of(study: Study) -> Technology:
    """Return the technology of a study without scenario axes, overrides in it."""
    given = study.technology
    return Technology(
        node=given.node,
        dram_kind=given.dram_kind,
        flash_kind=given.flash_kind,
        pim=given.pim,
        sram_style=given.sram_style,
        datapath=given.datapath,
        prices=given.prices,
        formats=DEFAULT_FORMATS if given.formats is None else given.formats,
        granular=given.granular,
        power_cap_w=given.power_cap,
        max_dies=given.max_dies,
        yield_model=given.yield_model,
        sparsity=given.sparsity or "none",
        constants={name: one.value if isinstance(one, Ranged) else one for name, one in given.constants.items()},
        ranges={name: (one.low, one.high) for name, one in given.constants.items() if isinstance(one, Ranged)},
    )


def prefill_side_of(study: Study) -> PrefillSide | None:
    """Return the chips that process the prompts of a study without scenario axes; None: those that decode."""
    if study.disaggregate is None:
        return None
    given = study.disaggregate.prefill
    other = {} if given.technology is None else given.technology.model_dump(exclude_none=True)
    return PrefillSide(
        design={name: getattr(given, key) for key, (name, _) in DIMENSIONS.items()},
        link_bytes_per_s=study.disaggregate.link,
        technology=replace(technology_of(study), **other),
        batch=given.batch,
        tensor=given.tensor,
    )


def deployment_of(study: Study) -> Deployment:
    """Return the deployment of a study without scenario axes."""
    given = study.deployment
    return Deployment(
        segment=given.segment,
        view="cost" if given.view == "cost" else "buyer",
        lifetime_s=given.lifetime,
        utilization=given.utilization,
        demand_tokens_per_s=given.demand,
        grid=given.grid,
        electricity_usd_per_j="grid" if isinstance(given.electricity, str) else given.electricity,
        volume=given.volume,
        parallel=given.layout,
    )


def runtime_of(study: Study) -> Runtime | None:
    """Return the serving stack of a study without scenario axes; None where its efficiency is not calibrated."""
    given = study.modelling
    return runtime(given.runtime or "other") if given.efficiency.label == "calibrated" else None


def modelling_of(study: Study) -> Modelling:
    """Return the modelling choices of a study without scenario axes."""
    given = study.modelling
    how = _choices(study)
    stack = runtime_of(study)
    if stack is None:
        name = study.modelling.runtime
        return how if name is None else with_profile(how, runtime(name))
    device_class = given.device_class or class_of(study.technology.dram_kind)
    return on_designs(how, stack, device_class, technology_of(study), study.calibration())


def _choices(study: Study) -> Modelling:
    given = study.modelling
    return Modelling(
        overlap="none" if given.overlap == "none" else "full",
        sram_residency=given.sram_residency == "on",
        launch_overhead_s=given.launch_overhead,
        compute_efficiency=given.efficiency.compute,
        memory_efficiency=given.efficiency.memory,
        flash_holds=given.flash_holds,
        flash_path="direct" if given.flash_path == "direct" else "through_dram",
        resident="all" if given.resident == "all" else "one",
        mla_absorbed=given.mla_decode == "absorbed",
        split_qkv=given.qkv == "split",
        fusion=given.fusion,
        power="anchored" if given.power == "anchored" else "first_principles",
    )
