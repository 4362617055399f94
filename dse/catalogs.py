"""What this installation knows: the vocabulary of studies, and models by name or by the path of their config.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from costmodels import tables
from dse.calibrations import calibration_text
from dse.errors import StudyError, shown
from dse.hardware import HardwareFiles
from dse.kept_files import KeptFiles
from dse.traces import trace_text
from dse.vocabulary import Vocabulary
from dse.yaml_loader import read_text
from results.columns import COLUMNS
from results.manifest import read_manifest
from results.places import place
from results.provenance import sha256_tree
from roofline import catalog
from roofline.chinchilla import chinchilla_of
from roofline.huggingface import ConfigError, model_from_config
from roofline.model import Model
from roofline.parallel import Parallel, sharded
from roofline.precision import WEIGHT_GROUPS, formats
from roofline.runtimes import runtimes
from sweeps.choices import Deployment, Technology
from sweeps.constants import chosen_constants, priced_grids

_DEEPEST_JSON = 100


@dataclass(frozen=True)
class Models:
    """Models by the name a study gives them: configs that travel with a run first, then the catalog, then files."""

    configs: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, name: str) -> Model:
        """Return the model called `name`.

        Raises
        ------
        ValueError
            With a message for people.
        """
        if name in self.configs:
            return model_from_config(self.configs[name], name=_stem(name))
        if (family := chinchilla_of(name)) is not None:
            return family.model()
        if not is_path(name):
            return catalog.model(name)
        return model_from_config(self.config(name), name=_stem(name))

    def check(self, name: str) -> None:
        """Raise ValueError if there is no such model."""
        self(name)

    def divisible(self, name: str, parallel: Parallel) -> None:
        """Raise ValueError if so many chips cannot divide a model."""
        sharded(self(name), parallel)

    def config(self, name: str) -> Any:
        """Return the parsed config.json at a path (or in the directory at that path)."""
        if name in self.configs:
            return self.configs[name]
        path = Path(name)
        try:
            path = path / "config.json" if path.is_dir() else path
            text = read_text(path, what="model configuration")
        except StudyError as error:
            raise ConfigError(f"cannot read the model: {error}") from None
        return parsed_config(text, str(path))


def parsed_config(text: str, where: str) -> Any:
    """Return the value of a config.json's text; `where` it comes from is named in errors.

    Raises
    ------
    ConfigError
        If it is no JSON, or nested like a bomb.
    """
    if text.count("[") + text.count("{") > 10_000 or _depth(text) > _DEEPEST_JSON:
        raise ConfigError(f"{where}: nested too deeply for a model configuration")
    try:
        config = json.loads(text)
        json.dumps(config, allow_nan=False, ensure_ascii=False).encode()  # NaN, 1e999, half a surrogate pair
    except ValueError as error:
        raise ConfigError(f"{where}: not valid JSON: {error}") from None
    return config


def models_beside(path: str | Path | None) -> Models:
    """Return the models that travel with a run if `path` is its ``study.yaml``; else those of the catalog and files."""
    return Models(_stored(path, "models"))


def hardware_beside(path: str | Path | None) -> HardwareFiles:
    """Return the devices of files that travel with a run if `path` is its ``study.yaml``; else those of the files."""
    return HardwareFiles(_stored(path, "hardware"))


def calibrations_beside(path: str | Path | None) -> KeptFiles:
    """Return the calibrations that travel with a run if `path` is its ``study.yaml``; else those of files."""
    return KeptFiles(calibration_text, _stored(path, "calibrations"))


def traces_beside(path: str | Path | None) -> KeptFiles:
    """Return the traces that travel with a run if `path` is its ``study.yaml``; else those of files."""
    return KeptFiles(trace_text, _stored(path, "traces"))


def _stored(path: str | Path | None, key: str) -> dict[str, Any]:
    if path is None or (str(path).rpartition("/")[2] != "study.yaml" and Path(path).name != "study.yaml"):
        return {}
    try:
        found = read_manifest(place(path).parent).get(key, {})
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _depth(text: str) -> int:
    deepest = depth = 0
    for letter in text:
        depth += (letter in "[{") - (letter in "]}")
        deepest = max(deepest, depth)
    return deepest


def _stem(name: str) -> str:
    path = Path(name)
    return path.parent.name if path.name == "config.json" and path.parent.name else path.stem or name


def is_path(name: str) -> bool:
    """Whether a study means a file by this model name."""
    return "/" in name or "\\" in name or name.endswith(".json") or Path(name).is_dir()


def vocabulary(
    models: Models | None = None,
    hardware: HardwareFiles | None = None,
    calibrations: KeptFiles | None = None,
    traces: KeptFiles | None = None,
) -> Vocabulary:
    """Return the names a study may use with this installation.

    Parameters
    ----------
    models : Models, optional
        Where models come from; default the catalog and files.
    hardware : HardwareFiles, optional
        Where the devices of a user's files come from; default the files.
    calibrations : KeptFiles, optional
        Where a user's calibrations come from; default the files.
    traces : KeptFiles, optional
        Where a user's traces come from; default the files.
    """
    constants, known = chosen_constants(Technology(), Deployment()), models or Models()
    return Vocabulary(
        formats=tuple(formats()),
        weight_groups=WEIGHT_GROUPS,
        nodes=tables.options("nodes"),
        dram_kinds=tables.options("dram"),
        flash_kinds=tables.options("flash"),
        sram_styles=tables.options("sram"),
        datapaths=tables.options("datapath"),
        prices=tables.options("prices"),
        segments=tables.options("segments"),
        grids=tables.options("grids"),
        constants=tuple(constants),
        constant_rows=constants,
        priced_grids=priced_grids(),
        columns={c.name: c.unit for c in COLUMNS.values() if c.kind in ("design", "metric", "margin")},
        known_model=known.check,
        pims=tables.options("pim"),
        hardware=hardware or HardwareFiles(),
        divisible=known.divisible,
        runtimes=tuple(stack.name for stack in runtimes()),
        calibration=calibrations or KeptFiles(calibration_text),
        trace=traces or KeptFiles(trace_text),
    )


@cache
def data_digest() -> str:
    """Return one SHA-256 of all shipped tables and model configs."""
    root = Path(catalog.__file__).parent.parent
    files = [*(root / "roofline" / "data").rglob("*.*"), *(root / "costmodels" / "data").glob("*.csv")]
    return sha256_tree([file for file in files if file.suffix in (".csv", ".json")], root)


def model_error(name: str, error: ValueError) -> StudyError:
    """Return a model's error as an error of the study."""
    return StudyError(f"model {shown(name)}: {error}")
