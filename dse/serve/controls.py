"""The controls of a live page: every field that it can set, by its path in a study, and what it may be set to.

A technique, and the chips that process prompts apart, are switches with fields of their own; what those may be is read
off the grammar of a study. What a study does not give begins with the value of ``controls.csv``.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel

from dse.designs import STUDY_KEYS
from dse.study import Study
from dse.study_axes import DIMENSIONS
from dse.study_disaggregate import Prefill, PrefillTechnology
from dse.study_fields import Deployment, Precision, Slo, Technology
from dse.study_paths import Tree, field_at
from dse.study_rules import Choice, ModelName, Named, Number, Quantity, Rule, Switch, Whole
from dse.study_serving import Serving
from dse.study_techniques import Techniques
from dse.units import format_quantity, kind_of

Value = str | int | float

ON, OFF = "on", "off"
NOTHING = ""
"""Value of a field that is left out of the study."""

HERE = "set below"
"""In place of the name of an algorithm: techniques one by one."""

ALIKE, OWN = "all alike", "those of the study"
"""Lengths of the requests, beside the spreads of ``lengths.csv``."""

TECHNOLOGY_FIELDS = ("node", "dram_kind", "flash_kind", "pim", "sram_style", "datapath", "prices", "sparsity")
DEPLOYMENT_FIELDS = ("segment", "grid", "utilization", "demand")
DEGREES = ("pipeline", "expert", "data")
MOST_WORKLOADS = 4
"""Workloads of a mix that the page can set; those beyond stay as the study has them."""


@dataclass(frozen=True)
class Control:
    """A field that the page can set.

    Attributes
    ----------
    path : str
        In a study; of a switch, the part that it puts there.
    group : str
        Heading it stands under.
    kind : {"word", "switch", "number", "text"}
        One of some words; on or off; a number; a quantity or a pattern.
    start : str, int or float
        In the study of the page; :data:`NOTHING` where it is left out.
    words : str
        Key of its words in the choices of the page.
    of : str
        The switch that it belongs to; empty for none.
    about : str
        What it is, or an example.
    """

    path: str
    group: str
    kind: str
    start: Value
    words: str = ""
    of: str = ""
    about: str = ""


@cache
def starts() -> Mapping[str, str]:
    """Values to begin with, by path without the number of a workload."""
    return {row["path"]: row["start"] for row in _rows("controls.csv")}


@cache
def spreads() -> Mapping[str, tuple[tuple[float, float, float], ...]]:
    """Spreads of lengths by name: rows of prompt and output relative to their means, and requests."""
    found: dict[str, tuple[tuple[float, float, float], ...]] = {}
    for row in _rows("lengths.csv"):
        numbers = (float(row["prompt_ratio"]), float(row["output_ratio"]), float(row["requests"]))
        found[row["spread"]] = (*found.get(row["spread"], ()), numbers)
    return found


def controls_of(study: Study) -> tuple[Control, ...]:
    """Return the controls of a page about a study without scenario axes, in the order in which they stand."""
    tree = study.tree(design=False)
    several = len(study.workloads) > 1
    found: list[Control] = []
    for number in range(min(len(study.workloads), MOST_WORKLOADS)):
        called = f" {number + 1}" if several else ""
        found += _workload(study, tree["workloads"][number], number, called)
        found += _serving(tree["workloads"][number], number, called)
        found += _techniques(study, tree["workloads"][number], number, called)
    found += _part(Technology, "technology", "Technology", tree["technology"], only=TECHNOLOGY_FIELDS)
    found += _deployment(study, tree["deployment"])
    found += _modelling(study)
    found += _prefill_apart(study, tree)
    return tuple(found)


def choices_of(study: Study, controls: tuple[Control, ...], models: list[str]) -> dict[str, list[str]]:
    """Return what each control of words may be, by their key."""
    own = study.modelling.efficiency.label
    known = {
        "model": models,
        "switch": [OFF, ON],
        "spread": [ALIKE, *spreads()],
        "own spread": [OWN, ALIKE, *spreads()],
        "algorithm": [HERE, *study.algorithms],
        "efficiency": list(dict.fromkeys([own, "ideal", "calibrated"])),
        "runtime": [NOTHING, *study.vocabulary.runtimes],
    }
    for key in {control.words for control in controls} - known.keys() - {""}:
        kind, _, words = key.partition(":")
        known[key] = list(getattr(study.vocabulary, words)) if kind in ("named", "maybe") else words.split("|")
        if kind.startswith("maybe"):
            known[key] = [NOTHING, *known[key]]
    return known


def _workload(study: Study, tree: Tree, number: int, called: str) -> Iterator[Control]:
    group, path = f"Workload{called}", f"workloads.{number}"
    mean = study.lengths_of(study.workloads[number])
    yield Control(f"{path}.model", group, "word", tree["model"], "model")
    yield Control(f"{path}.batch", group, "number", tree["batch"], about="a number, max or steady")
    lengths = (tree["prompt_tokens"], tree["output_tokens"]) if mean is None else (mean.mean_prompt, mean.mean_output)
    for name, tokens in zip(("prompt_tokens", "output_tokens"), lengths, strict=True):
        yield Control(f"{path}.{name}", group, "number", max(1, round(tokens)), about="mean of the requests")
    own = mean is not None
    yield Control(f"{path}.lengths", group, "word", OWN if own else ALIKE, "own spread" if own else "spread")
    yield from _part(Precision, f"{path}.precision", group, tree["precision"])


def _serving(tree: Tree, number: int, called: str) -> Iterator[Control]:
    group, path = f"Serving{called}", f"workloads.{number}"
    yield from _part(Serving, f"{path}.serving", group, tree.get("serving", {}))
    yield from _part(Slo, f"{path}.slo", group, tree.get("slo", {}))


def _techniques(study: Study, tree: Tree, number: int, called: str) -> Iterator[Control]:
    group, path = f"Techniques{called}", f"workloads.{number}.techniques"
    given = tree.get("techniques", {})
    own: Tree = given if isinstance(given, dict) else {}
    if study.algorithms:
        yield Control(path, group, "word", given if isinstance(given, str) else HERE, "algorithm")
    for name, info in Techniques.model_fields.items():
        part = next(kind for kind in info.annotation.__args__ if isinstance(kind, type))  # type: ignore[union-attr]
        switch = f"{path}.{name}"
        yield Control(switch, group, "switch", ON if name in own else OFF, "switch", about=_said(part))
        yield from _part(part, switch, group, own.get(name, {}), of=switch, begun=name not in own)


def _deployment(study: Study, tree: Tree) -> Iterator[Control]:
    group, layout = "Deployment", study.deployment.layout
    yield from _part(Deployment, "deployment", group, tree, only=DEPLOYMENT_FIELDS)
    yield Control("deployment.chips", group, "number", layout.chips, about="tensor x pipeline x data")
    for name in DEGREES:
        yield Control(f"deployment.parallel.{name}", group, "number", getattr(layout, name), about="chips")


def _modelling(study: Study) -> Iterator[Control]:
    group, given = "Efficiency", study.modelling
    yield Control("modelling.efficiency", group, "word", given.efficiency.label, "efficiency")
    yield Control("modelling.runtime", group, "word", given.runtime or NOTHING, "runtime")


def _prefill_apart(study: Study, tree: Tree) -> Iterator[Control]:
    """The chips that process prompts: those of the study, else ones like the middle of its ranges."""
    group, switch = "Prefill on other chips", "disaggregate"
    given = tree.get(switch, {})
    own = given.get("prefill", {})
    yield Control(
        switch, group, "switch", ON if given else OFF, "switch", about="prompts and tokens on different chips"
    )
    middle = {
        key: format_quantity(_middle(axis.values), DIMENSIONS[key][1].unit)
        for key, axis in zip(STUDY_KEYS, study.column_axes, strict=True)
    }
    yield from _part(Prefill, f"{switch}.prefill", group, own or middle, of=switch)
    yield from _part(PrefillTechnology, f"{switch}.prefill.technology", group, own.get("technology", {}), of=switch)
    link = given.get("link", starts()["disaggregate.link"])
    yield Control("disaggregate.link", group, "text", link, of=switch, about="bandwidth, such as 50 GB/s")


def _middle(values: tuple[float, ...]) -> float:
    known = [value for value in values if value == value]
    return known[len(known) // 2] if known else 0.0


def _part(
    part: type[BaseModel],
    path: str,
    group: str,
    given: Mapping[str, Any],
    *,
    of: str = "",
    only: tuple[str, ...] = (),
    begun: bool = False,
) -> Iterator[Control]:
    """Controls of the scalars of a part; with `begun`, of one that the study does not have."""
    for key in only or part.model_fields:
        rule, _ = field_at(part, key)
        if rule is None:
            continue
        kind, words, about = _kind(rule)
        name = f"{path}.{key}"
        generic = name.split(".", 2)[2] if name.startswith("workloads.") else name
        start = given.get(key)
        if start is None and begun:
            start = starts().get(generic)
        if start is None:
            start = _default(part, key)
        yield Control(name, group, kind, as_value(kind, start), words, of, about)


def _default(part: type[BaseModel], key: str) -> Any:
    info = part.model_fields[key]
    return None if info.is_required() or info.default_factory is not None else info.default


def as_value(kind: str, given: Any) -> Value:
    """Return a value as a control has it: numbers as such where a text is one."""
    if given is None:
        return NOTHING
    if isinstance(given, bool):
        return ON if given else OFF
    if kind != "number":
        return str(given)
    for number in _NUMBERS:
        try:
            return number(given) if isinstance(given, str) else given
        except ValueError:
            continue
    return str(given)


_NUMBERS: tuple[Callable[[str], Value], ...] = (int, float)


def _kind(rule: Rule) -> tuple[str, str, str]:
    """Kind of a control, key of its words, and what to say of it."""
    maybe = "maybe" if rule.optional else ""
    if isinstance(rule, Switch):
        return "switch", "switch", ""
    if isinstance(rule, ModelName):
        return "word", "model", ""
    if isinstance(rule, Named):
        return "word", f"{maybe or 'named'}:{rule.field}", rule.what
    if isinstance(rule, Choice):
        return "word", f"{maybe}of:{'|'.join(rule.words)}", ""
    if isinstance(rule, Quantity):
        kind, example = kind_of(rule.unit)
        return "text", "", f"{kind}, such as {example}"
    if isinstance(rule, Whole | Number):
        return "number", "", ""
    return "text", "", ""


def _said(part: type[BaseModel]) -> str:
    return (part.__doc__ or "").strip().rstrip(".").replace("`", "")


def _rows(name: str) -> list[dict[str, str]]:
    text = (files("dse.serve") / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
