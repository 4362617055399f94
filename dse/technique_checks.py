"""Techniques beside models: axes whose values do not suit a model, and drafts that cannot help."""

from __future__ import annotations

import itertools

import numpy as np

from dse.catalogs import Models
from dse.study import Study
from sweeps.problem import Problem

MOST_TOLD = 8
MOST_COMBINATIONS = 256
CONCERNED = (".techniques", ".model", ".draft", ".batch")
LAYOUT_PATHS = ("deployment.chips", "deployment.parallel.")
SAME_TOKENS = 0.01  # a family pads one vocabulary to several sizes


def check_techniques(study: Study, problem: Problem) -> None:
    """Raise StudyError where a technique does not suit a model or the chips at some combination of axes.

    Of more than :data:`MOST_COMBINATIONS` those are tried that differ from the first in one axis.
    """
    used = study.algorithms or any(workload.techniques.used for workload in study.workloads)
    paths = [axis.path for axis in study.scenario_axes]
    if not used and not any(".techniques" in path for path in paths):
        return
    shape = problem.space.scenario_shape
    levels = [range(size) if _concerns(path) else range(1) for path, size in zip(paths, shape, strict=True)]
    combinations = list(itertools.islice(itertools.product(*levels), MOST_COMBINATIONS + 1))
    if len(combinations) > MOST_COMBINATIONS:
        first = (0,) * len(shape)
        combinations = [(*first[:i], level, *first[i + 1 :]) for i, one in enumerate(levels) for level in one]
    for index in combinations:
        problem.scenario(int(np.ravel_multi_index(index, shape)) if index else 0)


def _concerns(path: str) -> bool:
    """Whether an axis decides what techniques go together with."""
    return path.endswith(CONCERNED) or ".techniques." in path or path.startswith(LAYOUT_PATHS)


def draft_warnings(study: Study, models: Models) -> list[str]:
    """What is allowed and odd: drafts that are no smaller than their target, or have another vocabulary."""
    targets = {workload.model for workload in study.workloads} | _values(study, ".model")
    techniques = [*(workload.techniques for workload in study.workloads), *study.algorithms.values()]
    drafts = {name for one in techniques for name in one.models} | _values(study, ".draft")
    found = []
    for names in itertools.product(sorted(drafts), sorted(targets)):
        draft, target = (models(study.resolved_model(name)) for name in names)
        who, sizes = f"warning: the draft {names[0]}", (draft.total_parameters, target.total_parameters)
        if sizes[0] >= sizes[1]:
            billions = " and ".join(f"{size / 1e9:.3g}" for size in sizes)
            found.append(f"{who} is no smaller than its target {names[1]} ({billions} B parameters)")
        if abs(draft.vocabulary - target.vocabulary) > SAME_TOKENS * target.vocabulary:
            tokens = f"{draft.vocabulary:,} and {target.vocabulary:,} tokens"
            found.append(f"{who} has another vocabulary than its target {names[1]} ({tokens}): it cannot propose to it")
    more = len(found) - MOST_TOLD
    return [*found[:MOST_TOLD], *([f"warning: and {more} more drafts like that"] if more > 0 else [])]


def _values(study: Study, end: str) -> set[str]:
    return {str(value) for axis in study.scenario_axes if axis.path.endswith(end) for value in axis.values}
