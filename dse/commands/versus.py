"""``dse versus``: which of two designs is better, and how sure that is."""

from __future__ import annotations

import click

HELP = """Say which of two designs of STUDY is better in each objective, with ranges and probabilities.

\b
Examples:
  dse versus two-chips
  dse versus llama3-8b-edge --a 558738 --b 500413
"""


@click.command(name="versus", help=HELP)
@click.argument("study", metavar="STUDY|RUN")
@click.option(
    "--a", "a", metavar="DESIGN",
    help="A candidate of the study, a point of its space, or a value for each axis; axes neither names are the cases.",
)  # fmt: skip
@click.option("--b", "b", metavar="DESIGN", help="The other design; default: both candidates of the study.")
@click.option("--samples", type=int, metavar="N", help="Samples of the constants (default: the study's, else 256).")
@click.option("--seed", type=int, metavar="N", help="Seed of the samples (default: the study's, else 1).")
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True,
    help="Form of the result.",
)  # fmt: skip
def command(study: str, a: str | None, b: str | None, samples: int | None, seed: int | None, form: str) -> None:
    """Print which of two designs is better."""
    from pathlib import Path

    from dse.commands._studies import study_path
    from dse.report.tables import frame_csv
    from dse.report.versus import versus_json, versus_text
    from dse.two_designs import versus

    found = versus(Path(study) if Path(study).is_dir() else study_path(study), a, b, samples=samples, seed=seed)
    if form == "csv":
        click.echo(frame_csv(found.frame()), nl=False)
    else:
        click.echo(versus_json(found) if form == "json" else versus_text(found))
