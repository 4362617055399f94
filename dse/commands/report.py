"""``dse report``: a run as one HTML file that needs nothing else."""

from __future__ import annotations

import click

HELP = """Write the run in directory RUN as one HTML file to look at and to send on.

It opens in any browser without a network: the front as linked parallel coordinates and scatter, a table with
CSV download, the roofline and the parts of each cost of a chosen design, every constant with its source.

\b
Examples:
  dse report runs/llama3-8b-edge
  dse report runs/llama3-8b-edge -o report.html
"""


@click.command(name="report", help=HELP)
@click.argument("run", metavar="RUN")
@click.option("-o", "--output", metavar="FILE", help="Where to write it (default: report.html in the run's directory).")
def command(run: str, output: str | None) -> None:
    """Write the report of a run."""
    from dse.report.page.html import write_page
    from dse.report.summary import shown_path
    from dse.runs import open_run

    path = write_page(open_run(run), output)
    click.echo(f"{shown_path(path)}  {path.stat().st_size / 1e6:.2f} MB")
