"""The fields of a live page put into a study: switches become parts, degrees chips, a spread a histogram."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dse.serve.controls import ALIKE, DEGREES, HERE, NOTHING, OFF, ON, OWN, Control, Value, spreads
from dse.study_paths import Tree, put, targets_of

BY_ITSELF = (".techniques", ".lengths", ".prompt_tokens", ".output_tokens")
"""Ends of the fields of a workload that are not put where they stand."""


def applied(tree: Tree, controls: Mapping[str, Control], fields: Mapping[str, Value], changed: Iterable[str]) -> None:
    """Put the fields that are not as the study has them into its tree.

    Parameters
    ----------
    tree : dict
        Of a study without scenario axes; it is changed.
    controls : mapping
        By path.
    fields : mapping
        Value of each control.
    changed : iterable of str
        Paths whose value is not that of the study.
    """
    changed = list(changed)
    for number in range(len(tree["workloads"])):
        prefix = f"workloads.{number}"
        inside = {path.removeprefix(prefix) for path in changed if path.startswith(f"{prefix}.")}
        if any(path.startswith(".techniques") for path in inside):
            _set_techniques(tree["workloads"][number], f"{prefix}.techniques", controls, fields)
        if inside & set(BY_ITSELF[1:]):
            _set_lengths(tree["workloads"][number], prefix, fields)
    if any(path.startswith(("deployment.chips", "deployment.parallel.")) for path in changed):
        tree["deployment"]["chips"] = fields["deployment.chips"]
        tree["deployment"]["parallel"] = {name: fields[f"deployment.parallel.{name}"] for name in DEGREES}
    if any(path.startswith("disaggregate") for path in changed):
        _set_disaggregate(tree, controls, fields)
    for path in changed:
        if not (".techniques" in path or path.endswith(BY_ITSELF) or path.startswith(_PARTS)):
            _set(tree, path, written(controls[path], fields[path]))


_PARTS = ("deployment.chips", "deployment.parallel.", "disaggregate")


def written(control: Control, value: Value) -> Any:
    """Return a value as it stands in a study; None for nothing."""
    if value == NOTHING:
        return None
    return value == ON if control.kind == "switch" else value


def _set(tree: Tree, path: str, value: Any) -> None:
    for target in targets_of(path, tree):
        put(tree, target, value)
        if value is None:
            holder: Any = tree
            for key in target[:-1]:
                holder = holder[key]
            del holder[target[-1]]


def _values(path: str, controls: Mapping[str, Control], fields: Mapping[str, Value]) -> Tree:
    """What stands directly under a path, without what is left out."""
    below = {key.removeprefix(f"{path}."): written(controls[key], fields[key]) for key in fields if _under(key, path)}
    return {key: value for key, value in below.items() if value is not None}


def _under(key: str, path: str) -> bool:
    return key.startswith(f"{path}.") and "." not in key[len(path) + 1 :]


def _set_techniques(workload: Tree, path: str, controls: Mapping[str, Control], fields: Mapping[str, Value]) -> None:
    own = workload.pop("techniques", {})
    name = fields.get(path, HERE)
    if name != HERE:
        workload["techniques"] = name
        return
    found: Tree = {}
    for switch in fields:
        if _under(switch, path) and fields[switch] == ON:
            key = switch.removeprefix(f"{path}.")
            kept = own.get(key, {}) if isinstance(own, dict) else {}
            values = _values(switch, controls, fields)
            rest = {name: kept[name] for name in kept if f"{switch}.{name}" not in controls}
            found[key] = values if {"acceptance", "accepted"} & values.keys() else rest | values
    if found:
        workload["techniques"] = found


def _set_lengths(workload: Tree, prefix: str, fields: Mapping[str, Value]) -> None:
    kind = fields[f"{prefix}.lengths"]
    if kind == OWN:
        return
    means = {name: fields[f"{prefix}.{name}"] for name in ("prompt_tokens", "output_tokens")}
    workload.pop("lengths", None)
    workload |= means
    prompt, output = means.values()
    if kind == ALIKE or not isinstance(prompt, int) or not isinstance(output, int):
        return
    for name in means:
        del workload[name]
    workload["lengths"] = {
        "histogram": [
            {"prompt_tokens": max(1, round(p * prompt)), "output_tokens": max(2, round(o * output)), "requests": n}
            for p, o, n in spreads()[str(kind)]
        ]
    }


def _set_disaggregate(tree: Tree, controls: Mapping[str, Control], fields: Mapping[str, Value]) -> None:
    if fields["disaggregate"] == OFF:
        tree.pop("disaggregate", None)
        return
    prefill = _values("disaggregate.prefill", controls, fields)
    technology = _values("disaggregate.prefill.technology", controls, fields)
    tree["disaggregate"] = {
        "prefill": prefill | ({"technology": technology} if technology else {}),
        "link": fields["disaggregate.link"],
    }
