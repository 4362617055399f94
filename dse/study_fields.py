"""The grammar of a study file as pydantic models: which keys there are, what each may hold, and the defaults.

The defaults describe a part for a datacenter. Values are plain numbers in the unit that each field states. The five
dimensions of ``design`` and the axes are not here: dse/study_axes.py takes them out before these models see the file.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from costmodels.yields import YIELD_MODELS
from dse.errors import did_you_mean, shown
from dse.study_constants import Constants, ConstantValue, Ranged
from dse.study_disaggregate import Disaggregate
from dse.study_execution import Execution
from dse.study_family import Family
from dse.study_lists import Baselines, Candidates, Constraints, HardwareFiles, Objectives, Workloads
from dse.study_part import Part
from dse.study_rules import (
    Batch,
    Choice,
    Context,
    Electricity,
    ModelName,
    Named,
    Number,
    OnOff,
    Quantity,
    Rule,
    StudyName,
    Subset,
    Switch,
    Text,
    Whole,
)
from dse.study_search import SEARCHES, check_length, with_defaults
from dse.study_serving import Lengths, Serving
from dse.study_techniques import Algorithms, Techniques, TechniquesOrName
from dse.units import parse_quantity
from roofline.parallel import Parallel
from roofline.techniques import SKIPPING
from sweeps.sample import MOST_SAMPLED, SAMPLERS
from sweeps.uncertainty import LEAST_SAMPLES, MOST_SAMPLES

MOST_TOKENS = 10**8
MOST_CHIPS = 65536
FUSION_GROUPS = ("attention", "softmax", "norm", "residual", "rope", "swiglu")

FormatName = Annotated[str, Named("formats", "a number format")]


class Precision(Part):
    """Number formats of one workload, by name."""

    weights: FormatName = Field("fp16", validate_default=True)
    activations: FormatName = Field("fp16", validate_default=True)
    kv_cache: FormatName = Field("fp16", validate_default=True)
    #: weights of some operator groups in a format of their own, such as {lm_head: fp16}
    groups: dict[Annotated[str, Named("weight_groups", "a group of weights")], FormatName] = Field(default_factory=dict)


class Slo(Part):
    """Longest latencies of ``batch: max``."""

    ttft: Annotated[float | None, Quantity("second", optional=True)] = None
    tpot: Annotated[float | None, Quantity("second", optional=True)] = None


class Workload(Part):
    """One entry of the mix."""

    #: of a loaded study always a name
    model: Annotated[str, ModelName(Family)]
    #: of every request; or `lengths`
    prompt_tokens: Annotated[int | None, Whole(1, MOST_TOKENS, optional=True)]
    output_tokens: Annotated[int | None, Whole(2, MOST_TOKENS, optional=True)]
    lengths: Lengths | None = None
    #: sequences at once; or of each design its own: max, the most that fit and meet `slo`, or steady, as many as the
    #: arrivals of `serving` keep in flight
    batch: Annotated[int | str, Batch(1, MOST_TOKENS)] = 1
    slo: Slo = Field(default_factory=dict, validate_default=True)
    precision: Precision = Field(default_factory=dict, validate_default=True)
    #: none given: plain inference; or the name of an algorithm
    techniques: Annotated[Techniques, TechniquesOrName()] = Field(default_factory=dict, validate_default=True)
    #: none given: one batch after the other
    serving: Serving = Field(default_factory=dict, validate_default=True)
    #: share of the generated tokens; of a loaded study always a number
    share: Annotated[float | None, Number(above=0.0, most=1.0, optional=True)] = None

    @model_validator(mode="before")
    @classmethod
    def _lengths_or_one(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("lengths") is not None:
            return {"prompt_tokens": None, "output_tokens": None, **data}
        return data

    @model_validator(mode="after")
    def _one_kind_of_length(self) -> Workload:
        given = [key for key in ("prompt_tokens", "output_tokens") if getattr(self, key) is not None]
        if self.lengths is not None and given:
            raise ValueError(f"expected lengths, or prompt_tokens and output_tokens, got lengths and {given[0]}")
        if self.lengths is None and len(given) < 2:
            raise ValueError("expected prompt_tokens and output_tokens, or lengths")
        return self


class Technology(Part):
    """What the chip is made of."""

    node: Annotated[str, Named("nodes", "a process node")] = Field("5nm", validate_default=True)
    dram_kind: Annotated[str, Named("dram_kinds", "a kind of DRAM")] = Field("hbm3e", validate_default=True)
    flash_kind: Annotated[str, Named("flash_kinds", "a kind of flash")] = Field("none", validate_default=True)
    pim: Annotated[str, Named("pims", "a kind of memory that computes")] = Field("none", validate_default=True)
    sram_style: Annotated[str, Named("sram_styles", "a style of SRAM")] = Field("cache", validate_default=True)
    datapath: Annotated[str, Named("datapaths", "a kind of datapath")] = Field("tensor", validate_default=True)
    prices: Annotated[str, Named("prices", "a year of prices")] = Field("2026", validate_default=True)
    formats: Annotated[tuple[str, ...] | None, Subset(field="formats", optional=True)] = None
    granular: Annotated[bool, Switch()] = False
    power_cap: Annotated[float | None, Quantity("watt", optional=True)] = None
    max_dies: Annotated[int | None, Whole(1, 1024, optional=True)] = None
    #: how defects are spread over a wafer
    yield_model: Annotated[str, Choice(YIELD_MODELS)] = "negative_binomial"
    #: zeros of pruned weights that its matrix units skip (default none); what skipping adds to their area and energy is
    #: not counted: no published figure of it was found for units of this kind
    sparsity: Annotated[str | None, Choice(SKIPPING, optional=True)] = None
    constants: Annotated[
        dict[Annotated[str, Named("constants", "a constant")], Annotated[float | Ranged, ConstantValue()]], Constants()
    ] = Field(default_factory=dict)


class Degrees(Part):
    """How the chips of a deployment divide its work."""

    #: what `chips` leaves where it is not given
    tensor: Annotated[int | None, Whole(1, MOST_CHIPS, optional=True)] = None
    pipeline: Annotated[int, Whole(1, MOST_CHIPS)] = 1
    expert: Annotated[int, Whole(1, MOST_CHIPS)] = 1
    data: Annotated[int, Whole(1, MOST_CHIPS)] = 1


class Deployment(Part):
    """Where the chips work, and who pays for them; exactly one of `utilization` and `demand` is a number."""

    segment: Annotated[str, Named("segments", "a segment")] = Field("datacenter", validate_default=True)
    view: Annotated[str, Choice(("buyer", "cost"))] = "buyer"
    lifetime: Annotated[float, Quantity("second")] = Field(default_factory=lambda: parse_quantity("5 years", "second"))
    utilization: Annotated[float | None, Number(above=0.0, most=1.0, optional=True)] = None
    demand: Annotated[float | None, Quantity("token/s", optional=True)] = None
    grid: Annotated[str, Named("grids", "a grid")] = Field("world", validate_default=True)
    #: a price, `grid` for that of the grid's region, or nothing for what hyperscale contracts pay (0.08 USD/kWh)
    electricity: Annotated[float | Literal["grid"] | None, Electricity("USD/joule", zero=True, optional=True)] = None
    volume: Annotated[int | None, Whole(1, 10**12, optional=True)] = None
    #: chips that work together: tensor x pipeline x data
    chips: Annotated[int | None, Whole(1, MOST_CHIPS, optional=True)] = None
    parallel: Degrees = Field(default_factory=dict, validate_default=True)

    @property
    def layout(self) -> Parallel:
        """All degrees as numbers; ValueError if they and the chips do not go together."""
        given, chips = self.parallel, self.chips
        others = given.pipeline * given.data
        tensor = given.tensor
        if tensor is None:
            tensor = 1 if chips is None else chips // others
        if chips is not None and chips != tensor * others:
            if given.tensor is not None:
                degrees = f"tensor {tensor} x pipeline {given.pipeline} x data {given.data}"
                raise ValueError(f"expected chips: {tensor * others}, the product of {degrees}, got {chips}")
            raise ValueError(
                f"expected a multiple of pipeline {given.pipeline} x data {given.data} as chips, such as "
                f"{others} or {2 * others}, got {chips}"
            )
        if tensor * others > MOST_CHIPS:
            raise ValueError(f"expected at most {MOST_CHIPS} chips, got {tensor * others}")
        return Parallel(tensor, given.pipeline, given.expert, given.data)

    @model_validator(mode="after")
    def _chips_and_degrees_go_together(self) -> Deployment:
        assert self.layout.chips
        return self

    @model_validator(mode="before")
    @classmethod
    def _one_of_utilization_and_demand(cls, data: Any) -> Any:
        if isinstance(data, dict):
            given = [key for key in ("utilization", "demand") if data.get(key) is not None]
            if len(given) == 2:
                raise ValueError("expected exactly one of utilization and demand, got both")
            if not given:
                return {**data, "utilization": 0.6}
        return data


class Efficiency(Part):
    """Shares of the peak rates that are reached; both 1 is ``ideal``."""

    compute: Annotated[float, Number(above=0.0, most=1.0)] = 1.0
    memory: Annotated[float, Number(above=0.0, most=1.0)] = 1.0

    @property
    def label(self) -> str:
        """``ideal``, or ``given`` for numbers of the user's."""
        return "ideal" if self.compute == self.memory == 1.0 else "given"


class Calibrated(Efficiency):
    """What a runtime reaches on a class of devices, as fitted to measurements."""

    @property
    def label(self) -> str:
        """``calibrated``."""
        return "calibrated"


class _EfficiencyName(Rule):
    """A word for an efficiency, or the part with its numbers."""

    def _clean(self, value: object, context: Context) -> object:
        if isinstance(value, dict | Efficiency):
            return value
        if value == "calibrated":
            return Calibrated()
        if value == "ideal":
            return Efficiency()
        guess = did_you_mean(value, ("ideal", "calibrated")) if isinstance(value, str) else ""
        raise ValueError(f"expected ideal, calibrated or {{compute: 0.7, memory: 0.8}}, got {shown(value)}{guess}")


class Modelling(Part):
    """How time is computed."""

    overlap: Annotated[str, Choice(("full", "none"))] = "full"
    sram_residency: Annotated[str, OnOff()] = "on"
    launch_overhead: Annotated[float, Quantity("second", zero=True)] = Field(
        default_factory=lambda: parse_quantity("5 us", "second")
    )
    efficiency: Annotated[Efficiency, _EfficiencyName()] = Field(default_factory=dict, validate_default=True)
    #: the serving stack: what it fuses and moves, and of a calibrated efficiency (default other) what it reaches
    runtime: Annotated[str | None, Named("runtimes", "a serving stack", optional=True)] = None
    #: of a calibrated efficiency: the class of devices that the designs are of
    #: (default that of the kind of DRAM), and a file of fitted numbers in place of the shipped ones
    device_class: Annotated[str | None, Text("a class of devices", most=80)] = None
    calibration: Annotated[str | None, Text("the path of a calibration file")] = None
    flash_holds: Annotated[tuple[str, ...], Subset(("weights", "kv_cache"))] = ("weights",)
    flash_path: Annotated[str, Choice(("through_dram", "direct"))] = "through_dram"
    #: whether one workload's model is loaded at a time or all of them stay
    resident: Annotated[str, Choice(("one", "all"))] = "one"
    #: how latent attention decodes: on the cached latents, or on keys and values expanded from them each step
    mla_decode: Annotated[str, Choice(("absorbed", "naive"))] = "absorbed"
    #: whether Q, K and V are projected by one kernel, or Q by one and K and V by another
    qkv: Annotated[str, Choice(("joint", "split"))] = "joint"
    fusion: Annotated[tuple[str, ...], Subset(FUSION_GROUPS)] = FUSION_GROUPS
    #: what energy, its cost and its carbon at the meter are counted from: each byte and FLOP, or measured shares of
    #: the power limit
    power: Annotated[str, Choice(("first_principles", "anchored"))] = "first_principles"
    #: columns of what number formats and techniques cost in quality; an objective or a constraint on one asks for them
    quality: Annotated[str | None, OnOff(optional=True, scalar=False)] = None


class Search(Part):
    """How designs are chosen; what a method does not take is None."""

    method: Annotated[str, Choice(tuple(SEARCHES), planned=("random",))] = "grid"
    #: of method exact: how much worse than a design left out one of the front may be, as a share of each objective, and
    #: after how long [s] it stops with the epsilon it can prove
    epsilon: Annotated[float | None, Number(least=0.0, most=10.0, optional=True)] = None
    time_limit: Annotated[float | None, Quantity("second", optional=True)] = None
    #: of a sample: how it is drawn, and designs drawn
    sampler: Annotated[str | None, Choice(SAMPLERS, optional=True)] = None
    n: Annotated[int | None, Whole(1, MOST_SAMPLED, optional=True)] = None
    #: of an evolutionary method: designs alive, generations, how the first one is drawn (or the run it comes from), and
    #: generations without progress after which the search ends
    population: Annotated[int | None, Whole(2, 100_000, optional=True)] = None
    generations: Annotated[int | None, Whole(1, 1_000_000, optional=True)] = None
    start: Annotated[str | None, Text("sobol, lhs or the directory of a run")] = None
    stagnation: Annotated[int | None, Whole(1, 1_000_000, optional=True)] = None
    seed: Annotated[int | None, Whole(0, 2**32 - 1, optional=True)] = None

    @model_validator(mode="before")
    @classmethod
    def _keys_of_the_method(cls, data: Any) -> Any:
        return with_defaults(data, cls.model_fields)

    @model_validator(mode="after")
    def _not_too_long(self) -> Search:
        check_length(self.population, self.generations)
        return self

    @property
    def designs(self) -> int:
        """Designs it evaluates at most; 0 for all of a grid or an exact search."""
        return self.n or (self.population or 0) * (self.generations or 0)


class Uncertainty(Part):
    """How many samples of the constants the designs of the front are held against, and which."""

    samples: Annotated[int, Whole(LEAST_SAMPLES, MOST_SAMPLES)] = 256
    seed: Annotated[int, Whole(0, 2**32 - 1)] = 1


class Output(Part):
    """Where results go; a relative `dir` is relative to the current directory."""

    dir: Annotated[str | None, Text()] = None
    keep: Annotated[str | None, Choice(("all", "front"), optional=True)] = None


def _default_objectives() -> dict[str, str]:
    return {
        "decode_tokens_per_s": "max",
        "energy_j_per_token": "min",
        "tco_usd_per_mtoken": "min",
        "carbon_g_per_mtoken": "min",
    }


class StudyFile(Part):
    """A whole study file, without its axes."""

    name: Annotated[str, StudyName()]
    workloads: Annotated[tuple[Workload, ...], Workloads()]
    #: techniques by name, which a workload or an axis of it may use
    algorithms: Annotated[dict[str, Techniques], Algorithms()] = Field(default_factory=dict)
    technology: Technology = Field(default_factory=dict, validate_default=True)
    deployment: Deployment = Field(default_factory=dict, validate_default=True)
    modelling: Modelling = Field(default_factory=dict, validate_default=True)
    #: not given: the same chips process prompts and decode
    disaggregate: Disaggregate | None = None
    hardware: Annotated[tuple[str, ...], HardwareFiles()] = ()
    baselines: Annotated[tuple[str, ...], Baselines()] = ()
    objectives: Annotated[
        dict[Annotated[str, Named("columns", "a column")], Annotated[str, Choice(("max", "min"))]], Objectives()
    ] = Field(default_factory=_default_objectives, validate_default=True)
    constraints: Annotated[tuple[Any, ...], Constraints()] = ()
    #: designs with a name, for dse explain, sensitivity and versus: name -> axis -> value
    candidates: Annotated[dict[str, dict[str, Any]], Candidates()] = Field(default_factory=dict)
    search: Search = Field(default_factory=dict, validate_default=True)
    #: not given: no samples
    uncertainty: Uncertainty | None = None
    execution: Execution = Field(default_factory=dict, validate_default=True)
    output: Output = Field(default_factory=dict, validate_default=True)


def workload_shares(workloads: tuple[Workload, ...]) -> tuple[float, ...]:
    """Share of each workload of the mix in the generated tokens.

    Parameters
    ----------
    workloads : tuple of Workload
        Workloads without a share divide what the others leave, equally.

    Returns
    -------
    tuple of float
        Positive; their sum is 1 within 1e-6.

    Raises
    ------
    ValueError
        If the shares that are given do not leave that.
    """
    given = [workload.share for workload in workloads if workload.share is not None]
    total, missing = math.fsum(given), len(workloads) - len(given)
    if missing == 0 and not abs(total - 1.0) <= 1e-6:
        raise ValueError(f"expected shares with sum 1, got {total:.9g}")
    if missing and given and not total < 1.0:
        raise ValueError(f"expected shares that leave something for the workloads without one, got {total:.9g}")
    rest = (1.0 - total) / missing if missing else 0.0
    return tuple(rest if workload.share is None else workload.share for workload in workloads)
