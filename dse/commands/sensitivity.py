"""``dse sensitivity``: what moves the numbers of a study, as tables and a picture."""

from __future__ import annotations

from typing import Literal

import click

from dse.told import MOST_INPUTS

HELP = """Show what each constant and each axis does to the objectives of STUDY, or of the study of a RUN.

A tornado changes one input at a time around one design; Sobol' indices change all of them at once and say where the
variance comes from. Without --design, Sobol' indices are over the axes too, and the tornado is around the knee of a
run's front, or the feasible design nearest to the middle of a study's space.

\b
Examples:
  dse sensitivity llama3-8b-edge
  dse sensitivity runs/llama3-8b-edge --objective tco_usd_per_mtoken --plot tornado.png
  dse sensitivity my.yaml --design 424242 --method sobol --samples 4096
"""


@click.command(name="sensitivity", help=HELP)
@click.argument("study", metavar="STUDY|RUN")
@click.option(
    "--design",
    metavar="DESIGN",
    help='A point of the space (as in a front), or a value for each axis: "dram_bandwidth=100 GB/s, compute=...".',
)
@click.option(
    "--objective",
    "columns",
    metavar="COLUMN",
    multiple=True,
    help="Any metric (dse columns); may be repeated. Default: the study's objectives.",
)
@click.option("--method", metavar="METHOD", default="both", show_default=True, help="tornado, sobol or both.")
@click.option(
    "--top", metavar="N", type=click.IntRange(1), default=MOST_INPUTS, show_default=True, help="Inputs shown of each."
)
@click.option(
    "--samples",
    metavar="N",
    type=int,
    default=1024,
    show_default=True,
    help="Rows of the Sobol' scheme, a power of two; each takes (inputs + 2) evaluations.",
)
@click.option("--seed", metavar="N", type=int, default=1, show_default=True, help="Of the samples.")
@click.option("--plot", metavar="FILE", help="Also draw it: a .png or .svg file.")
@click.option(
    "--theme", type=click.Choice(["light", "dark"]), default="light", show_default=True, help="Page the picture is for."
)
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True,
    help="Form of the result; csv and json hold every input, SI units.",
)  # fmt: skip
def command(
    study: str,
    design: str | None,
    columns: tuple[str, ...],
    method: str,
    top: int,
    samples: int,
    seed: int,
    plot: str | None,
    theme: Literal["light", "dark"],
    form: str,
) -> None:
    """Compute, draw if asked, and print; a picture that cannot be drawn is refused before anything is computed."""
    from pathlib import Path

    from dse.commands._studies import study_path
    from dse.errors import OutputError, StudyError, shown
    from dse.report.sensitivity import sensitivity_figure, sensitivity_json, sensitivity_text
    from dse.report.tables import frame_csv
    from dse.sensitivities import sensitivity

    if plot is not None and not plot.lower().endswith((".png", ".svg")):
        raise StudyError(f"--plot: expected a file that ends in .png or .svg, got {shown(plot)}")
    path = Path(study) if Path(study).is_dir() else study_path(study)
    found = sensitivity(path, design, columns or None, method=method, samples=samples, seed=seed)
    if plot is not None:
        from results import figures

        try:
            file = Path(plot)
            figures.save(
                sensitivity_figure(found, top, theme=theme), file.with_suffix(""), kinds=[file.suffix[1:].lower()]
            )
        except OSError as error:
            raise OutputError(f"{plot}: cannot write there: {error.strerror or error}") from None
    if form == "csv":
        click.echo(frame_csv(found.frame()), nl=False)
    else:
        click.echo(sensitivity_json(found) if form == "json" else sensitivity_text(found, top))
