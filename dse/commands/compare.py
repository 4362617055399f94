"""``dse compare``: how good the fronts of several runs of one study are."""

from __future__ import annotations

from typing import Literal

import click

HELP = """Compare the fronts of runs of one study: hypervolume, IGD+, epsilon, and the share of the best front found.

\b
Examples:
  dse compare runs/nsga2 runs/sobol --reference runs/edge-exact
  dse compare runs/nsga2 runs/nsga3 --plot fronts.png
"""


@click.command(name="compare", help=HELP)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option(
    "--reference", metavar="RUN", help="The run whose front is the measure; default: the best of all together."
)
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option("--plot", metavar="FILE", help="Also draw the fronts and their quality: a .png or .svg file.")
@click.option(
    "--theme", type=click.Choice(["light", "dark"]), default="light", show_default=True, help="Page the picture is for."
)
def command(
    runs: tuple[str, ...], reference: str | None, form: str, plot: str | None, theme: Literal["light", "dark"]
) -> None:
    """Print how good the fronts of runs are; a picture that cannot be drawn is refused before anything is read."""
    from dse.comparing import compared
    from dse.report.comparing import comparison_json, comparison_table
    from dse.report.comparing_picture import check_plot, draw
    from dse.report.tables import frame_csv

    if plot is not None:
        check_plot(len(runs), plot)
    comparison = compared(*runs, reference=reference)
    drawn = "" if plot is None else f"wrote {draw(comparison, plot, theme)}"
    if form == "csv":
        click.echo(frame_csv(comparison.table()), nl=False)
    elif form == "json":
        click.echo(comparison_json(comparison))
    else:
        click.echo(comparison_table(comparison))
    if drawn:
        click.echo(drawn, err=True)
