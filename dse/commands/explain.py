"""``dse explain``: where each watt, joule, dollar and gram of one design comes from."""

from __future__ import annotations

import click

HELP = """Show where each watt, joule, dollar and gram of one design of STUDY comes from.

\b
Examples:
  dse explain llama3-8b-edge --design 558738
  dse explain llama3-8b-edge --design 558738 --column tco_usd_per_mtoken --sources
"""


@click.command(name="explain", help=HELP)
@click.argument("study", metavar="STUDY|RUN")
@click.option(
    "--design", metavar="DESIGN",
    help='A point of the space (as in a front), or a value for each axis: "dram_bandwidth=100 GB/s, compute=..."; '
    "default: the knee of a run's front.",
)  # fmt: skip
@click.option("--column", "columns", metavar="COLUMN", multiple=True, help="Only this column; may be repeated.")
@click.option("--sources", is_flag=True, help="Add the source of every constant to the table.")
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True,
    help="Form of the result; csv and json hold every digit and source, SI units.",
)  # fmt: skip
def command(study: str, design: str | None, columns: tuple[str, ...], sources: bool, form: str) -> None:
    """Print the parts of each cost of a design."""
    from pathlib import Path

    from dse.commands._studies import study_path
    from dse.explaining import explain
    from dse.report.explaining import explanation_json, explanation_text
    from dse.report.tables import frame_csv

    path = Path(study) if Path(study).is_dir() else study_path(study)
    found = explain(path, design, columns or None)
    if form == "csv":
        click.echo(frame_csv(found.frame()), nl=False)
    else:
        click.echo(explanation_json(found) if form == "json" else explanation_text(found, sources=sources))
