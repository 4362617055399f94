"""``dse models``: the models of the catalog, or everything about one."""

from __future__ import annotations

import click

HELP = """List the models of the catalog; or show the one called NAME, or of the config.json at PATH.

\b
Examples:
  dse models
  dse models deepseek-v3
  dse models path/to/config.json
"""


@click.command(name="models", help=HELP)
@click.argument("name", metavar="[NAME|PATH]", required=False)
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True,
    help="Form of the result.",
)  # fmt: skip
def command(name: str | None, form: str) -> None:
    """Print models."""
    from dse.model_facts import catalog_facts, model_facts, read_model
    from dse.report.models import catalog_text, model_text

    if name is None:
        text = catalog_text(catalog_facts(), form)
    else:
        text = model_text(model_facts(name, read_model(name)), form)
    click.echo(text, nl=form != "csv")
