"""dse: multi-objective design-space exploration of LLM-inference hardware.

>>> import dse
>>> run = dse.sweep("study.yaml")  # doctest: +SKIP
>>> run.front()  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from dse.analysis import Analysis
    from dse.asking import whatif
    from dse.calibrating import calibrate
    from dse.comparing import compare
    from dse.cost_validation import validate_costs
    from dse.errors import DseError, OutputError, RunError, StudyError
    from dse.explaining import explain
    from dse.picking import pick
    from dse.run_status import status
    from dse.run_verification import verify
    from dse.runs import Run, load, open_run
    from dse.sensitivities import sensitivity
    from dse.study import Study
    from dse.sweeping import merge, sweep, sweep_shard
    from dse.technologies import technology
    from dse.two_designs import versus
    from dse.validation import validate
    from roofline.accelerators import Accelerator
    from roofline.model import Model

__all__ = [
    "DseError",
    "OutputError",
    "Run",
    "RunError",
    "Study",
    "StudyError",
    "accelerator",
    "analyze",
    "calibrate",
    "compare",
    "evaluate",
    "explain",
    "load",
    "merge",
    "model",
    "open_run",
    "pick",
    "sensitivity",
    "shipped_studies",
    "status",
    "sweep",
    "sweep_shard",
    "technology",
    "validate",
    "validate_costs",
    "verify",
    "versus",
    "whatif",
]

_HOMES = {
    "DseError": "dse.errors",
    "OutputError": "dse.errors",
    "Run": "dse.runs",
    "RunError": "dse.errors",
    "Study": "dse.study",
    "StudyError": "dse.errors",
    "calibrate": "dse.calibrating",
    "compare": "dse.comparing",
    "explain": "dse.explaining",
    "load": "dse.runs",
    "merge": "dse.sweeping",
    "open_run": "dse.runs",
    "pick": "dse.picking",
    "sensitivity": "dse.sensitivities",
    "status": "dse.run_status",
    "sweep": "dse.sweeping",
    "sweep_shard": "dse.sweeping",
    "technology": "dse.technologies",
    "validate": "dse.validation",
    "validate_costs": "dse.cost_validation",
    "verify": "dse.run_verification",
    "versus": "dse.two_designs",
    "whatif": "dse.asking",
}


def __getattr__(name: str) -> Any:
    """Import on first use: the command line starts without pandas, pint and pydantic."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'dse' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(home), name)


def evaluate(
    study: str | Path | Mapping[str, object] | Study, designs: pd.DataFrame | Mapping[str, Any]
) -> pd.DataFrame:
    """Return every metric, margin and the feasibility of given designs.

    Parameters
    ----------
    study : path, YAML text, mapping or Study
    designs : DataFrame or mapping
        The five design columns by column name (``dram_bytes_per_s``; SI) or study key (``dram_bandwidth``; quantities
        such as "100 GB/s", or SI). A design axis with one value in the study may be left out.

    Returns
    -------
    DataFrame
        One row per design, in the order given; with scenario axes, every design in every scenario.

    Raises
    ------
    StudyError
        If the study or a design is wrong.
    """
    from dse.designs import evaluate_designs
    from dse.plan import problem_of
    from dse.runs import load

    loaded = load(study)
    return evaluate_designs(loaded, problem_of(loaded), designs)


def model(source: str | Path | Mapping[str, Any]) -> Model:
    """Return a model by catalog name, or from a Hugging Face config.json.

    Parameters
    ----------
    source : str, path or mapping
        A name, or a config: its path, its directory, its text or its parsed value.

    Returns
    -------
    Model

    Raises
    ------
    StudyError
        If there is none, or its architecture is not understood.
    """
    from dse.model_facts import read_model

    return read_model(source)


def analyze(
    model: str | Path | Mapping[str, Any] | Model,
    hardware: str | Accelerator,
    *,
    batch: int = 1,
    prompt_tokens: int = 1024,
    context_tokens: int | None = None,
    precision: str = "w16a16kv16",
    tensor_parallel: int = 1,
    pipeline_parallel: int = 1,
    expert_parallel: int = 1,
    data_parallel: int = 1,
    efficiency: str = "ideal",
    runtime: str | None = None,
    calibration: str | Path | None = None,
) -> Analysis:
    """Return every operator of prefill and of a decode step of a model on a published accelerator.

    Parameters
    ----------
    model : str, path, mapping or Model
        As :func:`model` takes it, or what it returned.
    hardware : str or Accelerator
        A published accelerator, such as ``a100``, the path of a file with one, or what :func:`accelerator` returned.
    batch, prompt_tokens : int
        Sequences, and tokens of each prompt.
    context_tokens : int, optional
        Tokens attended in decode, the new one included; default one more than the prompt.
    precision : str
        Bits of weights, activations and KV cache, ``w4a16kv8``, or formats, ``w=int4,a=fp16,kv=fp8``.
    tensor_parallel, pipeline_parallel, expert_parallel, data_parallel : int
        Chips that share each layer, stages of layers, ranks that share the experts, replicas that share the batch.
    efficiency : str
        ``ideal``, ``calibrated`` (as measured on devices of its class), or ``compute=0.7,memory=0.8``.
    runtime : str, optional
        Serving stack of a calibrated efficiency (``dse runtimes``); default ``other``.
    calibration : path, optional
        Fitted numbers of your own on top of the shipped ones.

    Returns
    -------
    Analysis

    Raises
    ------
    StudyError
        If the model, the precision, the hardware or the runtime is unknown, or the chips cannot divide the model.
    """
    from dse.analysis import analyze as analyzed
    from dse.efficiency_choice import with_efficiency
    from dse.errors import StudyError
    from dse.model_facts import read_model
    from dse.precision_text import precision_of
    from roofline.accelerators import Accelerator, UnknownFact
    from roofline.model import Model
    from roofline.parallel import Parallel
    from sweeps.accelerator import PLAIN

    chip = hardware if isinstance(hardware, Accelerator) else accelerator(hardware)
    read, widths = model if isinstance(model, Model) else read_model(model), precision_of(precision)
    how = with_efficiency(PLAIN, chip, efficiency=efficiency, runtime=runtime, calibration=calibration)
    try:
        return analyzed(
            read,
            chip,
            batch=batch,
            prompt_tokens=prompt_tokens,
            context_tokens=context_tokens,
            precision=widths,
            modelling=how,
            parallel=Parallel(tensor_parallel, pipeline_parallel, expert_parallel, data_parallel),
        )
    except UnknownFact as error:
        raise StudyError(f"hardware: {error}") from None
    except ValueError as error:
        raise StudyError(str(error)) from None


def accelerator(name: str | Path, *files: str | Path) -> Accelerator:
    """Return a published accelerator by name, or the one of a file.

    Parameters
    ----------
    name : str or path
        A name or an alias, or a file with one device.
    *files : str or path
        Files of your own (YAML, or CSV in SI), which are looked through first.

    Returns
    -------
    Accelerator

    Raises
    ------
    StudyError
        If there is none, or a file cannot be used.
    """
    from dse.errors import StudyError
    from dse.hardware import device

    try:
        return device(str(name), files)
    except StudyError as error:
        if error.path is not None or len(error.problems) > 1:
            raise
        raise StudyError(f"hardware: {error}") from None


def shipped_studies() -> dict[str, Path]:
    """Return the studies that come with the package.

    Returns
    -------
    dict of str to Path
        Their files by name.
    """
    from importlib.resources import files
    from pathlib import Path

    folder = Path(str(files("dse") / "studies"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
