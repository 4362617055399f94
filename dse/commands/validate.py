"""``dse validate``: predictions held against published measurements, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from dse.told import MOST_ROWS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HELP = """Predict every row of a file of measurements, and say how close the predictions come.

Figures are in total by phase and by stack, phase, protocol and class of device, for the calibrated predictions and for
the uncalibrated roofline. Errors are of times: a rate counts as the time its tokens take. Rows that cannot be predicted
are listed with the reason and count as an error of 100 %; measurements that beat the roofline are listed with why.
Heads that tensor_parallel does not divide are padded, as some compilers do.

With --costs: area, power, dollars, carbon and energy of the catalog's devices beside what is published of them. Numbers
that a constant was fitted to are marked, and predicted with it refitted to the others where there are any.

\b
Examples:
  dse validate
  dse validate --data my.csv --models configs/ --hardware my-chips.yaml --plot accuracy.png
  dse validate --operators --format json
  dse validate --costs --plot costs.png
  dse validate --costs --device h100 --format csv
"""


@click.command(name="validate", help=HELP)
@click.option("--data", metavar="CSV", help="Measurements with the columns of the shipped ones, which are the default.")
@click.option("--models", metavar="DIR", help="More models: Hugging Face configs, DIR/<model>.json.")
@click.option("--hardware", metavar="FILE", help="More accelerators: a YAML or CSV file.")
@click.option("--operators", is_flag=True, help="Latencies of single operators instead of whole models.")
@click.option("--calibration", metavar="FILE", help="Fitted values that replace the shipped ones.")
@click.option("--costs", is_flag=True, help="Area, power, dollars and carbon of published devices instead of times.")
@click.option("--device", metavar="NAME", multiple=True, help="With --costs: this device only; may be repeated.")
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "csv", "markdown"]), default="table", show_default=True,
    help="csv and markdown: with --costs only.",
)  # fmt: skip
@click.option(
    "--top", metavar="N", type=click.IntRange(0, 10**6), default=MOST_ROWS, show_default=True,
    help="How many of the worst rows, and of those that beat the bound, to name.",
)  # fmt: skip
@click.option("--plot", metavar="FILE", help="Also draw predicted against measured: a .png or .svg file.")
@click.option(
    "--theme", type=click.Choice(["light", "dark"]), default="light", show_default=True, help="With --costs: of --plot."
)
def command(
    data: str | None,
    models: str | None,
    hardware: str | None,
    operators: bool,
    calibration: str | None,
    costs: bool,
    device: tuple[str, ...],
    form: str,
    top: int,
    plot: str | None,
    theme: Literal["light", "dark"],
) -> None:
    """Validate and print; a file that cannot be drawn is refused before anything is computed."""
    from dse.errors import StudyError, shown
    from dse.report.validation import validation_text
    from dse.report.validation_picture import picture
    from dse.validation import validate

    if plot is not None and not plot.lower().endswith((".png", ".svg")):
        raise StudyError(f"--plot: expected a file that ends in .png or .svg, got {shown(plot)}")
    if costs:
        given = {"--data": data, "--models": models, "--hardware": hardware, "--calibration": calibration}
        _costs(
            [name for name, value in given.items() if value] + ["--operators"] * operators, device, form, plot, theme
        )
        return
    if device or form in ("csv", "markdown") or theme != "light":
        wrong = "--device" if device else f"--format {form}" if form in ("csv", "markdown") else f"--theme {theme}"
        raise StudyError(f"{wrong} goes with --costs")
    found = validate(data, models=models, hardware=hardware, operators=operators, calibration=calibration)
    drawn = _draw(picture(found), plot) if plot is not None else ""
    click.echo(validation_text(found, form, top))
    for line in (*(found.notes if form == "json" else ()), drawn):
        if line:
            click.echo(line, err=True)


def _costs(
    refused: list[str], devices: tuple[str, ...], form: str, plot: str | None, theme: Literal["light", "dark"]
) -> None:
    """Validate costs and print."""
    from dse.cost_validation import validate_costs
    from dse.errors import StudyError
    from dse.report.cost_picture import picture
    from dse.report.costs import costs_text

    if refused:
        raise StudyError(f"--costs: expected no {', '.join(refused)}: it is about the catalog's devices")
    found = validate_costs(devices)
    drawn = _draw(picture(found, theme), plot) if plot is not None else ""
    click.echo(costs_text(found, form))
    if drawn:
        click.echo(drawn, err=True)


def _draw(figure: Figure, plot: str) -> str:
    """Write the picture and say where it is."""
    from pathlib import Path

    from dse.errors import OutputError
    from results import figures

    path = Path(plot)
    try:
        kind = path.suffix.lower().lstrip(".")
        written = figures.save(figure, path.with_suffix(""), kinds=[kind])
    except OSError as error:
        raise OutputError(f"{path}: cannot write there: {error.strerror or error}") from None
    return f"wrote {written[0]}"
