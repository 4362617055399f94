"""``dse evidence``: what formats and techniques cost in quality, as it was published, or as it is used for a model."""

from __future__ import annotations

import click

HELP = """List published perplexities of number formats and techniques, of all or of one TECHNIQUE.

With --model: the loss of every setting for that model, and whether it was measured or is fitted.

\b
Examples:
  dse evidence
  dse evidence weights
  dse evidence --model llama-3-8b
"""


@click.command(name="evidence", help=HELP)
@click.argument("technique", metavar="[TECHNIQUE]", required=False)
@click.option("--model", metavar="NAME", help="What each setting costs this model, with bounds.")
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True,
    help="Form of the result.",
)  # fmt: skip
def command(technique: str | None, model: str | None, form: str) -> None:
    """Print published losses of quality."""
    from dse.model_facts import read_model
    from dse.report.quality import evidence_text, losses_text

    if model is None:
        click.echo(evidence_text(technique, form), nl=form != "csv")
    else:
        click.echo(losses_text(technique, read_model(model), form), nl=form != "csv")
