"""What there is to say about a model: its layers, parameters, bytes, and where the numbers come from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

from dse.catalogs import Models, is_path, model_error, parsed_config
from roofline import catalog
from roofline.huggingface import model_from_config
from roofline.model import Model, kv_cache_bytes, kv_cache_bytes_per_token, weight_bytes
from roofline.precision import Precision, formats

COMMON_WEIGHTS = ("fp32", "fp16", "fp8", "int8", "q8_0", "q4_k_m", "q4_0", "int4", "nvfp4", "mxfp4")
COMMON_CACHES = ("fp16", "fp8", "int4")


def read_model(source: str | Path | Mapping[str, Any]) -> Model:
    """Return a model: by catalog name, or from a config.json - its path, its directory, its text or its parsed value.

    Raises
    ------
    StudyError
        If there is none, or it is not understood.
    """
    try:
        if isinstance(source, Mapping):
            return model_from_config(source)
        if isinstance(source, str) and source.lstrip().startswith("{"):
            return model_from_config(parsed_config(source, "the configuration"))
        return Models()(str(source))
    except ValueError as error:
        raise model_error("config" if isinstance(source, Mapping) else str(source), error) from None


def catalog_facts() -> list[dict[str, Any]]:
    """Return one row per model of the catalog: name, sizes, kinds of layers, source."""
    rows = []
    for name, entry in catalog.entries().items():
        model = catalog.model(name)
        rows.append(
            {
                "name": name,
                "total_parameters": model.total_parameters,
                "active_parameters": model.active_parameters,
                "kv_bytes_per_token": kv_cache_bytes_per_token(model, Precision()),
                "layers": layers_text(model),
                "source": entry.get("source", ""),
            }
        )
    return rows


def model_facts(name: str, model: Model) -> dict[str, Any]:
    """Return everything about one model: dimensions by kind of layer, parameters by class, bytes by format, source.

    Parameters
    ----------
    name : str
        As the user gave it: a catalog name, an alias, or a path.
    model : Model
    """
    entry = {} if is_path(name) else catalog.entries().get(catalog.canonical_name(name), {})
    published = entry.get("total_parameters", "")
    return {
        "name": model.name,
        "hugging_face_id": entry.get("hugging_face_id", ""),
        "licence": entry.get("licence", ""),
        "source": entry.get("source", "") or ("" if entry else name),
        "note": "; ".join(text for text in (entry.get("note", ""), model.note) if text),
        "total_parameters": model.total_parameters,
        "active_parameters": model.active_parameters,
        "active_counts": model.active_counts,
        "published_parameters": int(published) if published.isdecimal() else None,
        "published_source": entry.get("count_source", ""),
        "parameters": {
            "matrices": model.matrix_parameters,
            "experts": model.expert_parameters,
            "embedding": model.embedding_parameters,
            "norms_and_biases": model.vector_parameters,
        },
        "dimensions": _dimensions(model, leave_out=("name", "layers", "note")),
        "layers": [_layer(kind) for kind in model.layers],
        "weight_bytes_by_format": {
            form: weight_bytes(model, Precision(weights=form)) for form in COMMON_WEIGHTS if form in formats()
        },
        "kv_bytes_per_token": kv_cache_bytes_per_token(model, Precision()),
        "kv_bytes_per_token_by_format": {
            form: kv_cache_bytes_per_token(model, Precision(kv_cache=form)) for form in COMMON_CACHES
        },
        "state_bytes": kv_cache_bytes(model, Precision(), 0.0),
    }


def layers_text(model: Model) -> str:
    """Kinds of layers with their counts, such as ``3 latent attention + MLP, 58 latent attention + experts``."""
    counts: dict[str, int] = {}
    for kind in model.layers:
        parts = [mixer_name(kind.mixer)] if kind.mixer else []
        parts += [_word(part) for part in kind.feed_forwards]
        text = " + ".join(parts) or "nothing"
        counts[text] = counts.get(text, 0) + kind.count
    return ", ".join(f"{count} {text}" for text, count in counts.items())


def mixer_name(mixer: object) -> str:
    """What a mixer is called: ``attention``, ``window attention``, ``chunked attention``, ``latent attention``, ..."""
    if getattr(mixer, "indexer", None) is not None:
        return f"sparse {_word(mixer)}"
    if getattr(mixer, "window", None):
        return f"{'chunked' if getattr(mixer, 'chunked', False) else 'window'} {_word(mixer)}"
    return _word(mixer)


def _word(part: object) -> str:
    kind = type(part).__name__
    return "MLP" if kind == "Mlp" else re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).lower()


def _layer(kind: Any) -> dict[str, Any]:
    """One kind of layer as plain data, every dimension of it."""
    mixer = {"kind": mixer_name(kind.mixer), **_dimensions(kind.mixer)} if kind.mixer else None
    feeds = [{"kind": _word(part), **_dimensions(part)} for part in kind.feed_forwards]
    return {**_dimensions(kind, leave_out=("mixer", "feed_forwards")), "mixer": mixer, "feed_forwards": feeds}


def _dimensions(part: Any, leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """The fields of a dataclass as plain data, nested ones too."""
    named = {field.name: getattr(part, field.name) for field in fields(part) if field.name not in leave_out}
    return {name: _plain(value) for name, value in named.items()}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value
