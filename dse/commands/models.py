"""``dse models``: the models of the catalog, or everything about one."""

from __future__ import annotations

import click


@click.command(name="models")
@click.argument("name", metavar="[NAME|PATH]", required=False)
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True,
    help="Form of the result.",
)  # fmt: skip
def command(name: str | None, form: str) -> None:
    """List the models of the catalog; or show the one called NAME, or of the config.json at PATH."""
    from dse.model_facts import catalog_facts, model_facts, read_model
    from dse.report.models import catalog_text, model_text

    if name is None:
        text = catalog_text(catalog_facts(), form)
    else:
        text = model_text(model_facts(name, read_model(name)), form)
    click.echo(text, nl=form != "csv")
