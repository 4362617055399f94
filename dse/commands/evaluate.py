"""``dse evaluate``: given designs through the same path as a sweep."""

from __future__ import annotations

import click

HELP = """Evaluate the designs of a CSV file under STUDY and print every column.

\b
Examples:
  dse evaluate llama3-8b-edge --designs designs.csv
  dse evaluate my.yaml --designs designs.csv --format json
"""


@click.command(name="evaluate", help=HELP)
@click.argument("study", metavar="STUDY")
@click.option(
    "--designs", metavar="FILE.csv", required=True,
    help="One design a line; columns dram_bandwidth, compute, sram, dram, flash (quantities or SI numbers).",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True, help="Form of the result."
)
def command(study: str, designs: str, form: str) -> None:
    """Print every column of the designs of a file."""
    import dse
    from dse.commands._studies import study_path
    from dse.designs import MOST_BYTES, read_designs
    from dse.report.tables import frame_csv, frame_json
    from dse.yaml_loader import read_text

    text = read_text(designs, what="CSV", most_bytes=MOST_BYTES)
    frame = dse.evaluate(study_path(study), read_designs(text, designs))
    click.echo(frame_csv(frame), nl=False) if form == "csv" else click.echo(frame_json(frame))
