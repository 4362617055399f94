"""``dse analyze``: every operator of a model on an accelerator, and the roofline picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from results.labels import are, counted

if TYPE_CHECKING:
    from dse.analysis import Analysis
    from roofline.accelerators import Accelerator
    from roofline.parallel import Parallel
    from sweeps.scenario import Modelling

HELP = """Show every operator of a model on an accelerator: work, bytes, what binds it, time.

\b
Examples:
  dse analyze --model llama-3-8b --hardware a100
  dse analyze --model llama-3-8b --hardware my-chip.yaml
  dse analyze --model llama-3-8b --hardware h100 --efficiency calibrated --runtime vllm
  dse analyze --model path/to/config.json --hardware h100 --phase decode --batch 16
              --context 8192 --precision w4a16kv8 --plot roofline.png
"""
MOST_BATCH = 10**8
MOST_TOKENS = 10**9
MOST_CHIPS = 65536


@click.command(name="analyze", help=HELP)
@click.option(
    "--model", metavar="MODEL", required=True, help="A catalog name (dse models), or a Hugging Face config.json."
)
@click.option(
    "--hardware", metavar="NAME", required=True,
    help="A published accelerator, such as a100, h100, m2-ultra (dse hardware), or a file with one.",
)  # fmt: skip
@click.option(
    "--hardware-file", metavar="FILE", multiple=True, help="Devices of your own (YAML, or CSV in SI) for --hardware."
)
@click.option("--phase", metavar="PHASE", default="both", show_default=True, help="prefill, decode or both.")
@click.option("--batch", metavar="N", default="1", show_default=True, help="Sequences.")
@click.option("--prompt", metavar="TOKENS", default="1024", show_default=True, help="Tokens of each prompt (prefill).")
@click.option(
    "--context", metavar="TOKENS", help="Tokens attended in decode, the new one included; default: prompt + 1."
)
@click.option(
    "--precision", metavar="TEXT", default="w16a16kv16", show_default=True,
    help="Weights, activations and KV cache in bits, or as w=int4,a=fp16,kv=fp8.",
)  # fmt: skip
@click.option("--launch-overhead", metavar="TIME", default="0 s", show_default=True, help='Of each kernel, as "5 us".')
@click.option(
    "--fusion", metavar="GROUPS", default="all", show_default=True, help="all, none, or groups: attention,norm."
)
@click.option(
    "--efficiency", metavar="TEXT", default="ideal", show_default=True,
    help="ideal, calibrated (as measured), or compute=0.7,memory=0.8.",
)  # fmt: skip
@click.option("--runtime", metavar="NAME", help="Serving stack of a calibrated efficiency (dse runtimes).")
@click.option("--calibration", metavar="FILE", help="Fitted numbers of your own (dse calibrate).")
@click.option(
    "--mla-decode", metavar="TEXT", default="absorbed", show_default=True, help="Latent attention: absorbed or naive."
)
@click.option("--qkv", metavar="TEXT", default="joint", show_default=True, help="Q, K, V: one kernel (joint) or split.")
@click.option("--tensor-parallel", metavar="N", default="1", show_default=True, help="Chips that share each layer.")
@click.option("--pipeline-parallel", metavar="N", default="1", show_default=True, help="Stages of layers.")
@click.option("--expert-parallel", metavar="N", default="1", show_default=True, help="Ranks that share the experts.")
@click.option("--data-parallel", metavar="N", default="1", show_default=True, help="Replicas that share the batch.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option("--plot", metavar="FILE", help="Also draw the operators under the ceilings: a .png or .svg file.")
@click.option(
    "--theme", type=click.Choice(["light", "dark"]), default="light", show_default=True, help="Page the picture is for."
)
def command(
    model: str,
    hardware: str,
    hardware_file: tuple[str, ...],
    phase: str,
    batch: str,
    prompt: str,
    context: str | None,
    precision: str,
    launch_overhead: str,
    fusion: str,
    efficiency: str,
    runtime: str | None,
    calibration: str | None,
    mla_decode: str,
    qkv: str,
    tensor_parallel: str,
    pipeline_parallel: str,
    expert_parallel: str,
    data_parallel: str,
    form: str,
    plot: str | None,
    theme: Literal["light", "dark"],
) -> None:
    """Analyze and print; a file that cannot be drawn is refused before anything is computed."""
    from dse.analysis import PHASES, analyze
    from dse.efficiency_choice import with_efficiency
    from dse.errors import StudyError, did_you_mean, shown
    from dse.model_facts import read_model
    from dse.precision_text import precision_of
    from dse.report.analysis import analysis_text, does_not_fit
    from roofline.accelerators import UnknownFact

    if phase not in (*PHASES, "both"):
        raise StudyError(
            f"--phase: expected prefill, decode or both, got {shown(phase)}{did_you_mean(phase, (*PHASES, 'both'))}"
        )
    if plot is not None and not plot.lower().endswith((".png", ".svg")):
        raise StudyError(f"--plot: expected a file that ends in .png or .svg, got {shown(plot)}")
    given = {
        "batch": _whole("--batch", batch, 1, MOST_BATCH),
        "prompt_tokens": _whole("--prompt", prompt, 1, MOST_TOKENS),
        "context_tokens": None if context is None else _whole("--context", context, 2, MOST_TOKENS),
    }
    chip, widths = _hardware(hardware, hardware_file), precision_of(precision)
    if efficiency.strip() == "calibrated":
        _refuse_ideal_options()
    how = with_efficiency(
        _modelling(launch_overhead, fusion, mla_decode, qkv),
        chip,
        efficiency=efficiency,
        runtime=runtime,
        calibration=calibration,
        called=lambda name: f"--{name}",
    )
    chips = _parallel(tensor_parallel, pipeline_parallel, expert_parallel, data_parallel)
    read = read_model(model)
    phases = PHASES if phase == "both" else (phase,)
    try:
        analysis = analyze(
            read,
            chip,
            phases=phases,
            precision=widths,
            modelling=how,
            parallel=chips,
            **given,  # type: ignore[arg-type]
        )
    except UnknownFact as error:
        raise StudyError(f"--hardware: {error}") from None
    except ValueError as error:
        raise StudyError(str(error)) from None
    drawn = _draw(analysis, plot, theme) if plot is not None else ""
    click.echo(analysis_text(analysis, form), nl=form != "csv")
    for line in (does_not_fit(analysis) if form != "table" else "", drawn):
        if line:
            click.echo(line, err=True)


def _whole(option: str, text: str, least: int, most: int) -> int:
    from dse.errors import StudyError, shown

    digits = text.strip().replace(",", "").replace("_", "")
    value = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 18 else None
    if value is None or not least <= value <= most:
        raise StudyError(f"{option}: expected a whole number from {least} to {most}, got {shown(text)}")
    return value


def _parallel(*degrees: str) -> Parallel:
    """Degrees of parallelism, in the order of `DEGREES`."""
    from dse.errors import StudyError
    from roofline.parallel import DEGREES, Parallel

    numbers = [_whole(f"--{name}-parallel", text, 1, MOST_CHIPS) for name, text in zip(DEGREES, degrees, strict=True)]
    tensor, pipeline, expert, data = numbers
    try:
        return Parallel(tensor, pipeline, expert, data)
    except ValueError as error:
        raise StudyError(f"--expert-parallel: {error}") from None


def _hardware(name: str, files: tuple[str, ...]) -> Accelerator:
    from dse.errors import StudyError
    from dse.hardware import device

    try:
        return device(name, files)
    except StudyError as error:
        if error.path is not None or len(error.problems) > 1:
            raise
        raise StudyError(f"--hardware: {error}") from None


def _refuse_ideal_options() -> None:
    """Options that say what a calibrated runtime brings of its own."""
    from click.core import ParameterSource

    from dse.errors import StudyError

    context = click.get_current_context()
    for name in ("launch_overhead", "fusion"):
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            option = f"--{name.replace('_', '-')}"
            raise StudyError(f"{option}: has no effect beside --efficiency calibrated, whose runtime brings its own")


def _modelling(launch_overhead: str, fusion: str, mla_decode: str, qkv: str) -> Modelling:
    from dataclasses import replace

    from dse.errors import StudyError, did_you_mean, shown
    from dse.units import UnitError, parse_quantity
    from roofline.phases import FUSION_GROUPS
    from sweeps.accelerator import PLAIN

    try:
        seconds = parse_quantity(launch_overhead, "second")
    except UnitError as error:
        raise StudyError(f"--launch-overhead: {error}") from None
    if seconds < 0:
        raise StudyError(f"--launch-overhead: expected a time of at least 0 s, got {shown(launch_overhead)}")
    groups = [group.strip() for group in fusion.split(",")]
    if groups == ["all"]:
        groups = list(FUSION_GROUPS)
    elif groups == ["none"]:
        groups = []
    for group in groups:
        if group not in FUSION_GROUPS:
            raise StudyError(
                f"--fusion: there is no group {shown(group)}{did_you_mean(group, FUSION_GROUPS)}; "
                f"all, none, or of {', '.join(FUSION_GROUPS)}"
            )
    if mla_decode not in ("absorbed", "naive"):
        raise StudyError(f"--mla-decode: expected absorbed or naive, got {shown(mla_decode)}")
    if qkv not in ("joint", "split"):
        raise StudyError(f"--qkv: expected joint or split, got {shown(qkv)}")
    return replace(
        PLAIN,
        launch_overhead_s=seconds,
        fusion=tuple(group for group in FUSION_GROUPS if group in groups),
        mla_absorbed=mla_decode == "absorbed",
        split_qkv=qkv == "split",
    )


def _draw(analysis: Analysis, plot: str, theme: Literal["light", "dark"]) -> str:
    """Draw the picture and say where it is."""
    from pathlib import Path

    from dse.analysis import picture_data
    from dse.errors import OutputError
    from dse.precision_text import precision_text
    from results import figures

    path = Path(plot)
    points, ceilings = picture_data(analysis)
    passes = " and ".join(f"{p.phase} ({counted(p.tokens, 'token')})" for p in analysis.phases)
    hidden = sum(len(phase.operators) for phase in analysis.phases) - len(points)
    figure = figures.roofline(
        points,
        ceilings,
        title=f"{analysis.model.name} on {analysis.accelerator.title}",
        below=f"{passes}, batch {analysis.phases[0].batch:,}, {precision_text(analysis.precision)}",
        remark=f"efficiency: {analysis.efficiency}"
        + (f"; {counted(hidden, 'operator')} without matrix work {are(hidden)} not shown" if hidden else ""),
        theme=theme,
    )
    try:
        kind = path.suffix.lower().lstrip(".")
        written = figures.save(figure, path.with_suffix(""), kinds=[kind])
    except OSError as error:
        raise OutputError(f"{path}: cannot write there: {error.strerror or error}") from None
    return f"wrote {written[0]}"
