"""``dse compare``: how good the fronts of several runs of one study are."""

from __future__ import annotations

import click

HELP = """Compare the fronts of runs of one study: hypervolume, IGD+, epsilon, and the share of the best front found.

\b
Examples:
  dse compare runs/grid runs/nsga2 runs/sobol --reference runs/grid
  dse compare runs/nsga2 runs/nsga3 --plot pictures
"""


@click.command(name="compare", help=HELP)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option(
    "--reference", metavar="RUN", help="The run whose front is the measure; default: the best of all together."
)
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option("--plot", metavar="DIR", help="Draw the fronts and their quality into DIR, PNG and SVG, light and dark.")
def command(runs: tuple[str, ...], reference: str | None, form: str, plot: str | None) -> None:
    """Print how good the fronts of runs are."""
    from dse.comparing import compared
    from dse.report.comparing import comparison_json, comparison_table
    from dse.report.tables import frame_csv

    comparison = compared(*runs, reference=reference)
    files = []
    if plot is not None:
        from dse.report.comparing_picture import draw

        files = draw(comparison, plot)
    if form == "csv":
        click.echo(frame_csv(comparison.table()), nl=False)
    elif form == "json":
        click.echo(comparison_json(comparison))
    else:
        click.echo("\n".join([comparison_table(comparison), *(["", *map(str, files)] if files else [])]))
