"""``dse front``: the front of a run as a table, CSV or JSON."""

from __future__ import annotations

import click

HELP = """Print the front of the run in directory RUN.

\b
Examples:
  dse front runs/my-study
  dse front runs/my-study --rows 0 --uncertainty
  dse front runs/my-study --format csv
"""


@click.command(name="front", help=HELP)
@click.argument("run", metavar="RUN")
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True,
    help="table: designs and objectives for reading; csv, json: every column, SI units.",
)  # fmt: skip
@click.option(
    "--rows", metavar="N", type=click.IntRange(0), default=40, show_default=True, help="Rows of the table; 0: all."
)
@click.option(
    "--uncertainty",
    is_flag=True,
    help="Add percentiles of the objectives and the chance to be on the front and to be feasible.",
)
@click.option("--samples", metavar="N", type=int, help="Of the constants; default those of the study, else 256.")
@click.option("--seed", metavar="N", type=int, help="Of the samples; default that of the study, else 1.")
def command(run: str, form: str, rows: int, uncertainty: bool, samples: int | None, seed: int | None) -> None:
    """Print the front of a run."""
    from dse.report.tables import frame_csv, frame_json, front_table
    from dse.report.uncertainty import joined, uncertain_front_table
    from dse.runs import open_run

    opened = open_run(run)
    front = opened.front()
    if uncertainty or samples is not None or seed is not None:
        sampled = opened.uncertainty(samples, seed)
        if form == "table":
            click.echo(uncertain_front_table(opened, front, sampled, rows, samples, seed))
            return
        front = joined(front, sampled)
    if form == "csv":
        click.echo(frame_csv(front), nl=False)
    elif form == "json":
        click.echo(frame_json(front))
    else:
        click.echo(front_table(front, opened.objectives, rows))
