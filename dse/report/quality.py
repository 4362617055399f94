"""What is known of the quality of a scenario, and where from; the evidence behind it."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from dse.errors import StudyError, did_you_mean, listed, shown
from dse.report.tables import text_table
from roofline.model import Model
from roofline.quality import Change, change_loss
from roofline.quality_evidence import evidence_for, rows, settings, techniques
from sweeps.model_quality import Quality

MOST_SOURCES = 6

SETTINGS = (
    "setting: a share is of what goes (weights, layers, hidden size, inputs of a token, cached tokens); of window and "
    "eviction\nthe tokens that stay; of kv_sharing the layers of one cache, in models trained so"
)
"""Said below a table of settings: a study says of some techniques what stays."""


def quality_lines(quality: Quality) -> list[str]:
    """Loss with its bounds, what is left of the model, and the sources; of the first combination of the axes."""
    loss = quality.loss
    if loss.evidence == "none":
        return [f"quality: unknown, without evidence for {', '.join(str(change) for change in loss.missing)}"]
    text = f"quality: loss {loss.value:.4f} nat/token ({loss.low:.4f} to {loss.high:.4f}), {loss.evidence}"
    if not math.isnan(quality.log_perplexity):
        text += f"; perplexity {math.exp(quality.log_perplexity):.4g} ({quality.text})"
    more = len(loss.sources) - MOST_SOURCES
    told = [*loss.sources[:MOST_SOURCES], *([f"and {more} more sources"] if more > 0 else [])]
    return [text, *(f"         {source}" for source in told)]


def evidence_text(technique: str | None, form: str) -> str:
    """Return published measurements as ``table``, ``csv`` or ``json``, of all techniques or of one."""
    wanted = _wanted(technique)
    found = [asdict(row) | {"loss": row.loss} for row in rows() if row.technique in wanted]
    if form != "table":
        return _as(found, form)
    head = ("technique", "setting", "models", "rows", "least loss", "largest loss", "methods")
    body = []
    for name in wanted:
        for setting in settings(name):
            here = evidence_for(name, setting)
            losses = [row.loss for row in here]
            methods = list(dict.fromkeys(row.method for row in here))
            ends = [f"{min(losses):.4f}", f"{max(losses):.4f}"]
            body.append([name, setting, str(len({r.model for r in here})), str(len(here)), *ends, listed(methods, 5)])
    return (
        f"{text_table(head, body, left=2)}\n\nloss: ln(perplexity / perplexity in 16 bit) [nat/token]; {len(found)} "
        f"measurements, --format csv has each with its source\n{SETTINGS}\n"
        "In a study: objectives: {quality_loss: min}, constraints "
        'such as "quality_loss <= 0.05", or modelling: {quality: on}'
    )


def losses_text(technique: str | None, model: Model, form: str) -> str:
    """Return what each setting costs a model as ``table``, ``csv`` or ``json``."""
    found: list[dict[str, Any]] = []
    for name in _wanted(technique):
        for setting in settings(name):
            loss = change_loss(Change(name, setting), model.name, float(model.total_parameters))
            if loss.evidence != "none":
                numbers = {"loss": loss.value, "low": loss.low, "high": loss.high}
                found.append({"technique": name, "setting": setting, **numbers, "evidence": loss.evidence})
    if form != "table":
        return _as(found, form)
    body = [[str(v) if isinstance(v, str) else f"{v:.4f}" for v in one.values()] for one in found]
    table = text_table(list(found[0]), body, left=2)
    return f"{model.name}: rise of the cross-entropy [nat/token]\n\n{table}\n\n{SETTINGS}"


def _wanted(technique: str | None) -> tuple[str, ...]:
    if technique is None:
        return techniques()
    if technique not in techniques():
        guess = did_you_mean(technique, techniques())
        raise StudyError(f"there is no evidence for {shown(technique)}{guess}; there is for {', '.join(techniques())}")
    return (technique,)


def _as(found: Sequence[Mapping[str, Any]], form: str) -> str:
    if form == "json":
        return json.dumps(list(found), indent=1, ensure_ascii=False)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(found[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return out.getvalue()
