"""``dse columns``: every column a result may hold, with unit and meaning."""

from __future__ import annotations

import click

HELP = """List every column a result may hold: name, unit, meaning.

\b
Examples:
  dse columns
  dse columns --format csv
"""


@click.command(name="columns", help=HELP)
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
def command(form: str) -> None:
    """Print every column."""
    from dse.report.tables import columns_text

    click.echo(columns_text(form), nl=form != "csv")
