"""How the requests of a study are served, beside its other parts: batches that designs choose, arrivals, two chips."""

from __future__ import annotations

from dse.errors import StudyError
from dse.study import Study
from dse.study_places import wrong

MAX, STEADY = "max", "steady"


def check_batches(study: Study) -> None:
    """Raise StudyError where batches that designs choose, arrivals or chips for prompts go with nothing else there."""
    words = (MAX, STEADY)
    varied = [axis for axis in study.scenario_axes if axis.path.endswith(".batch") and set(words) & set(axis.values)]
    chosen = [workload.batch for workload in study.workloads if workload.batch in words]
    asked = [n for n, workload in enumerate(study.workloads) if workload.slo.ttft or workload.slo.tpot]
    if asked and MAX not in chosen:
        where = ("workloads", asked[0], "slo")
        raise wrong(study, where, "slo needs batch: max; other limits are constraints", ("workloads",))
    if varied:
        word = next(word for word in words if word in varied[0].values)
        raise StudyError(f"batch: {word} is for all of a study", path=study.source_path, key=varied[0].path)
    if chosen and len(study.workloads) > 1:
        raise wrong(study, ("workloads",), f"batch: {chosen[0]} is for a study of one workload")
    _check_arrivals(study)
    if study.disaggregate is not None and study.deployment.demand is not None:
        raise wrong(
            study,
            ("deployment", "demand"),
            "disaggregate sizes two kinds of chips to be busy alike, whatever is demanded; expected utilization: 0.6 "
            "in its place, or another share of the time that they work",
        )
    if study.baselines and (study.disaggregate is not None or STEADY in chosen):
        what = "batch: steady" if STEADY in chosen else "disaggregate"
        told = "a batch that is a number, or max" if STEADY in chosen else "one kind of chip: leave disaggregate out"
        raise wrong(study, ("baselines",), f"baselines have {told}, got {what}")


def _check_arrivals(study: Study) -> None:
    """Arrivals and ``batch: steady`` need each other, and are the demand."""
    arriving = any(axis.path.endswith(".serving.arrivals") for axis in study.scenario_axes)
    for number, workload in enumerate(study.workloads):
        given = arriving or workload.serving.arrivals is not None
        if given != (workload.batch == STEADY):
            missing = "batch: steady" if given else "serving: {batching: continuous, arrivals: 4 request/s}"
            what = "serving.arrivals" if given else "batch: steady"
            where = ("workloads", number, *(("serving", "arrivals") if given else ("batch",)))
            raise wrong(study, where, f"{what} needs {missing}", ("workloads", number))
        if given and study.deployment.demand is not None:
            message = "expected one of demand and the arrivals of a workload, got both"
            raise wrong(study, ("deployment", "demand"), message)
