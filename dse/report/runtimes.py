"""What ``dse runtimes`` prints: the serving stacks in a table, or one."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from dse.report.tables import text_table
from results.labels import counted
from roofline.runtimes import Runtime

_LAUNCHES = {
    "graph": "captured or compiled ahead",
    "native": "one call per kernel from compiled code",
    "eager": "one call per kernel from an interpreter",
    "dataflow": "a layer is one spatial pipeline",
}
_LISTS = ("fusion", "weights", "activations", "kv_cache")
_HOSTS = {"serial": "adds to every step", "overlapped": "runs beside the device", "none": "none"}


def runtimes_text(stacks: Sequence[Runtime], form: str) -> str:
    """Return serving stacks as ``table``, ``csv`` or ``json``."""
    if form == "json":
        return json.dumps([_facts(stack) for stack in stacks], indent=1, ensure_ascii=False)
    if form == "csv":
        return _csv(stacks)
    head = ("runtime", "title", "launch", "host", "moves beside the model's bytes")
    body = [[s.name, s.title, s.launch, s.host, "; ".join(moved(s)) or "-"] for s in stacks]
    return (
        f"{text_table(head, body, left=5)}\n\n{counted(len(stacks), 'stack')}; in a study "
        "`modelling: {efficiency: calibrated, runtime: NAME}`, or runtime alone: what it fuses and moves;\n"
        "or dse analyze --efficiency calibrated --runtime NAME\n"
        "dse runtimes NAME shows one with its source, --format csv has every column"
    )


def runtime_text(stack: Runtime, form: str) -> str:
    """Return one serving stack as ``table``, ``csv`` or ``json``."""
    if form == "json":
        return json.dumps(_facts(stack), indent=1, ensure_ascii=False)
    if form == "csv":
        return _csv([stack])
    words = {
        "name": stack.name,
        "launch": f"{stack.launch}: {_LAUNCHES[stack.launch]}",
        "host": f"{stack.host}: {_HOSTS[stack.host]}",
        "fused": ", ".join(stack.fusion),
        "moves": "; ".join(moved(stack)) or "nothing beside the model's bytes",
        "source": stack.source,
        **({"runs": "; ".join(runs)} if (runs := supported(stack)) else {}),
    }
    return "\n".join([stack.title, "", *(f"{key.ljust(6)}  {text}" for key, text in words.items())])


def supported(stack: Runtime) -> list[str]:
    """Return what a stack is known to run: number formats and batching, with the source."""
    told = [
        f"{name.replace('_', ' ')} {', '.join(getattr(stack, name))}"
        for name in ("weights", "activations", "kv_cache")
        if getattr(stack, name)
    ]
    told += [f"{stack.batching} batching"] if stack.batching else []
    return [*told, f"({stack.supports_source})"] if told else []


def moved(stack: Runtime) -> list[str]:
    """Return what a stack moves or leaves unused that a better one would not."""
    told = []
    if stack.scores_written:
        told.append("attention scores in 32 bit")
    if stack.kv_per_query_head:
        told.append("K and V once per query head")
    if stack.expands_weights:
        told.append("narrow weights expanded to 16 bit")
    if stack.chunk_tokens:
        told.append(f"weights again every {stack.chunk_tokens} tokens of a prompt")
    return told


def _facts(stack: Runtime) -> dict[str, Any]:
    return asdict(stack) | {name: list(getattr(stack, name)) for name in _LISTS}


def _csv(stacks: Sequence[Runtime]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, [field.name for field in fields(Runtime)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(_facts(stack) | {name: ";".join(getattr(stack, name)) for name in _LISTS} for stack in stacks)
    return out.getvalue()
