"""Quality as a question of a study: when it is asked, and what has to be known for it."""

from __future__ import annotations

import itertools
import math

from dse.errors import StudyError
from dse.study import Study
from dse.study_places import wrong
from roofline.quality import closest_evidence
from sweeps.model_quality import COLUMNS, LOG_PERPLEXITY, LOSS, Quality
from sweeps.problem import Problem


def asks_for_quality(study: Study) -> bool:
    """Return whether results of a study have columns of quality."""
    return study.modelling.quality == "on" or bool(_asked(study))


def check_quality(study: Study, problem: Problem) -> None:
    """Raise StudyError if an objective or a constraint is on a quality that is not known, or does not compare."""
    asked = _asked(study)
    if not asked:
        return
    texts: set[str] = set()
    for number in _scenarios(study):
        scenario = problem.scenario(number)
        assert scenario.quality is not None
        quality, models = scenario.quality, [request.model.name for request in scenario.requests]
        _check_evidence(study, asked[0], quality, models)
        if LOG_PERPLEXITY in asked and math.isnan(quality.log_perplexity):
            raise _wrong(
                study,
                LOG_PERPLEXITY,
                f"no perplexity of {' and '.join(models)} on one text was published, so {LOG_PERPLEXITY} is not known; "
                f"{LOSS} compares a model with itself in 16 bit",
            )
        texts.add(quality.text)
    if LOG_PERPLEXITY in asked and len(texts) > 1:
        raise _wrong(
            study,
            LOG_PERPLEXITY,
            f"perplexities compare only on one text and with one set of tokens, got {' and '.join(sorted(texts))}",
        )
    if any(axis.path.endswith(MODEL_PATHS) for axis in study.scenario_axes) and LOSS in study.objectives:
        raise _wrong(
            study,
            LOSS,
            f"{LOSS} compares a model with itself in 16 bit, so it says nothing about which of several models is "
            f"better; take {LOG_PERPLEXITY} as the objective",
        )


MODEL_PATHS = (".model", ".model.parameters", ".model.tokens", ".model.law")


def _check_evidence(study: Study, column: str, quality: Quality, models: list[str]) -> None:
    if quality.loss.evidence != "none":
        return
    missing = quality.loss.missing[0]
    raise _wrong(
        study,
        column,
        f"there is no published evidence for what {missing} does to {' and '.join(models)}, so {column} is not known; "
        f"{closest_evidence(missing)}. Without {column} among objectives and constraints, modelling.quality: on shows "
        "it where it is known",
    )


def _wrong(study: Study, column: str, message: str) -> StudyError:
    """What is wrong with asking for a column, where it is asked for."""
    limited = next((i for i, term in enumerate(study.constraint_terms) if term.column == column), None)
    if column in study.objectives or limited is None:
        return wrong(study, ("objectives", column), message)
    return wrong(study, ("constraints", limited), message)


def _asked(study: Study) -> list[str]:
    limited = [term.column for term in study.constraint_terms]
    return [name for name in COLUMNS if name in study.objectives or name in limited]


def _scenarios(study: Study) -> list[int]:
    """Indices of scenarios with every combination of what decides quality; other axes stay at their first values."""
    sizes = [len(axis.values) for axis in study.scenario_axes]
    strides = [math.prod(sizes[i + 1 :]) for i in range(len(sizes))]
    levels = [
        range(size) if _decides(axis.path) else range(1) for axis, size in zip(study.scenario_axes, sizes, strict=True)
    ]
    return [sum(a * b for a, b in zip(one, strides, strict=True)) for one in itertools.product(*levels)]


def _decides(path: str) -> bool:
    return path.startswith("workloads.") and not path.endswith((".batch", ".share", ".ttft", ".tpot"))
