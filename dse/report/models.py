"""What ``dse models`` prints: the catalog, or one model."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from dse.report.tables import number, text_table
from results.labels import counted

_LONGEST = 60


def catalog_text(rows: Sequence[Mapping[str, Any]], form: str) -> str:
    """Return the models of the catalog as ``table``, ``csv`` or ``json``."""
    if form == "json":
        return json.dumps(list(rows), indent=1, ensure_ascii=False)
    if form == "csv":
        return _csv(rows)
    head = ["model", "parameters [B]", "active [B]", "KV [B/token]", "layers", "source"]
    body = [
        [
            row["name"],
            number(row["total_parameters"] / 1e9),
            number(row["active_parameters"] / 1e9),
            f"{row['kv_bytes_per_token']:,.0f}",
            row["layers"],
            _short(row["source"]),
        ]
        for row in rows
    ]
    lines = text_table(head, _padded(head, body, (4, 5)), left=1)
    return (
        f"{lines}\n\n{counted(len(rows), 'model')}; KV cache at 16 bit; dse models NAME shows one, "
        "--format csv has whole sources"
    )


def _padded(head: list[str], body: list[list[str]], columns: Sequence[int]) -> list[list[str]]:
    """Fill text columns on the right, so that a table that aligns right leaves them aligned left."""
    for at in columns:
        width = max(len(line[at]) for line in [head, *body])
        for line in [head, *body]:
            line[at] = line[at].ljust(width)
    return body


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def model_text(facts: Mapping[str, Any], form: str) -> str:
    """Return one model as ``table``, ``csv`` (name and value) or ``json``."""
    if form == "json":
        return json.dumps(dict(facts), indent=1, ensure_ascii=False)
    if form == "csv":
        return _csv([{"name": name, "value": value} for name, value in _flat("", facts)])
    whole = facts["total_parameters"]
    lines = [facts["name"], ""]
    told = {
        "Hugging Face": facts["hugging_face_id"],
        "licence": facts["licence"],
        "source": facts["source"],
        "note": facts["note"],
        "parameters": f"{whole:,}",
        "published": _published(facts),
        "active": f"{facts['active_parameters']:,}",
        "KV cache per token": _caches(facts),
        "state per sequence": f"{facts['state_bytes']:,.10g} bytes" if facts["state_bytes"] else "",
    }
    lines += _pairs(told)
    lines += ["", *_pairs({name: f"{value:,}" if _whole(value) else str(value) for name, value in _said(facts)})]
    split = [
        [name.replace("_", " "), f"{count:,}", f"{100 * count / whole:.2f}"]
        for name, count in facts["parameters"].items()
        if count
    ]
    lines += ["", text_table(["parameters of", "count", "share [%]"], split, left=1)]
    for kind in facts["layers"]:
        lines += ["", *_layer_lines(kind)]
    stored = [[form, number(size / 1e9)] for form, size in facts["weight_bytes_by_format"].items()]
    lines += ["", text_table(["weights in", "size [GB]"], stored, left=1)]
    return "\n".join(lines)


def _published(facts: Mapping[str, Any]) -> str:
    count = facts["published_parameters"]
    if count is None:
        return ""
    same = (
        "the same" if count == facts["total_parameters"] else f"{100 * (facts['total_parameters'] / count - 1):+.3f} %"
    )
    return f"{count:,} ({same}), {facts['published_source']}"


def _caches(facts: Mapping[str, Any]) -> str:
    sizes = facts["kv_bytes_per_token_by_format"].items()
    return ", ".join(f"{size:,.10g} bytes in {form}" for form, size in sizes)


def _said(facts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name.replace("_", " "), value) for name, value in facts["dimensions"].items() if _matters(value)]


def _matters(value: object) -> bool:
    return value not in (None, False, 0, "")


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _layer_lines(kind: Mapping[str, Any]) -> list[str]:
    """One kind of layer: its parts, each with the dimensions that are set."""
    parts = [part for part in (kind["mixer"], *kind["feed_forwards"]) if part]
    own = {name: value for name, value in kind.items() if name not in ("count", "mixer", "feed_forwards")}
    names = " + ".join(part["kind"] for part in parts) or "nothing"
    lines = [f"{kind['count']} layers of {names}" + (f" ({_listed(own)})" if _listed(own) else "")]
    return lines + [f"  {part['kind']}: {_listed({k: v for k, v in part.items() if k != 'kind'})}" for part in parts]


def _listed(values: Mapping[str, Any]) -> str:
    said = []
    for name, value in values.items():
        word = name.replace("_", " ")
        if isinstance(value, Mapping):
            said.append(f"{word} ({_listed(value)})")
        elif value is True:
            said.append(word)
        elif _matters(value):
            said.append(f"{word} {value:,}" if _whole(value) else f"{word} {value}")
    return ", ".join(said)


def _pairs(told: Mapping[str, str]) -> list[str]:
    shown = {name: text for name, text in told.items() if text}
    width = max(map(len, shown), default=0)
    return [f"{name.ljust(width)}  {text}" for name, text in shown.items()]


def _flat(prefix: str, value: Any) -> list[tuple[str, Any]]:
    """Nested data as paths and values, ``layers.0.mixer.heads``."""
    if isinstance(value, Mapping):
        return [
            pair for key, inner in value.items() for pair in _flat(f"{prefix}.{key}" if prefix else str(key), inner)
        ]
    if isinstance(value, list):
        return [pair for i, inner in enumerate(value) for pair in _flat(f"{prefix}.{i}", inner)]
    return [(prefix, value)]


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
