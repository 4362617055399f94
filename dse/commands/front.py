"""``dse front``: the front of a run as a table, CSV or JSON."""

from __future__ import annotations

import click


@click.command(name="front")
@click.argument("run", metavar="RUN")
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True,
    help="table: designs and objectives for reading; csv, json: every column, SI units.",
)  # fmt: skip
@click.option(
    "--rows", metavar="N", type=click.IntRange(0), default=40, show_default=True, help="Rows of the table; 0: all."
)
def command(run: str, form: str, rows: int) -> None:
    """Print the front of the run in directory RUN."""
    from dse.report.tables import frame_csv, frame_json, front_table
    from dse.runs import open_run

    opened = open_run(run)
    front = opened.front()
    if form == "csv":
        click.echo(frame_csv(front), nl=False)
    elif form == "json":
        click.echo(frame_json(front))
    else:
        click.echo(front_table(front, opened.objectives, rows))
