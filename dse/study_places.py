"""Where in a study file something stands that only its scenarios show to be wrong."""

from __future__ import annotations

from dse.errors import StudyError
from dse.study import Study
from dse.study_problems import Problem
from dse.study_techniques import Algorithm
from dse.yaml_loader import Keys, Lines, load_yaml
from sweeps.scenario import RequestError


def wrong(study: Study, where: Keys, message: str, about: Keys | None = None) -> StudyError:
    """Return a problem of a study as an error that names file, line and key; parameters as those of `Problem`."""
    return Problem(where, message, about).error(study.source_path, _lines(study))


def scenario_error(study: Study, at: Study, error: ValueError) -> StudyError:
    """Return what is wrong with the scenario of `at`, which is `study` with its axes fixed, as an error of the study.

    A technique of an algorithm stands under `algorithms`, one that is an axis of its own may stand under `design`.
    """
    if not isinstance(error, RequestError):
        return StudyError(str(error), path=study.source_path)
    about: Keys = ("workloads", error.number, *error.key)
    techniques = at.workloads[error.number].techniques
    if error.key[:1] == ("techniques",) and isinstance(techniques, Algorithm):
        about = ("algorithms", techniques.name, *error.key[1:])
    return wrong(study, _axis_in_design(study, about) or about, error.message, about)


def _axis_in_design(study: Study, place: Keys) -> Keys | None:
    """Place of an axis under `design` that varies what stands at a place; None if there is none."""
    lines = _lines(study)
    for axis in study.scenario_axes:
        section, number, *rest = axis.path.split(".")
        mine = (section, place[1] if number == "*" else int(number), *rest) if section == "workloads" else ()
        if mine[: len(place)] == place and lines.line(("design", axis.path)) != lines.line(("design",)):
            return ("design", axis.path)
    return None


def _lines(study: Study) -> Lines:
    """Lines of the study's file; none of a study that is no file."""
    if study.source_path is None:
        return Lines()
    return load_yaml(study.text, path=study.source_path)[1]
