"""``dse technology``: every constant of the cost models, or those that a study uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

HELP = """List the constants of the cost models with low, high, year and source: all, or those of one TABLE.

With a STUDY those that it uses: * marks what it overrides, and what its axes change has a line for each level.

\b
Examples:
  dse technology prices
  dse technology nodes --option 5nm
  dse technology --find "lpddr5x carbon"
  dse technology llama3-8b-edge
"""

if TYPE_CHECKING:
    from dse.study import Study


@click.command(name="technology", help=HELP)
@click.argument("table", metavar="[TABLE]", required=False)
@click.argument("study", metavar="[STUDY]", required=False)
@click.option("--option", metavar="NAME", help="Only this option of a table, such as 5nm or hbm3e.")
@click.option("--find", metavar="WORDS", help="Only constants with these words in their names or source.")
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json", "markdown"]), default="table", show_default=True,
    help="Form of the result.",
)  # fmt: skip
def command(table: str | None, study: str | None, option: str | None, find: str | None, form: str) -> None:
    """Print constants."""
    from dse.report.technology import technology_text
    from dse.technologies import chosen_rows

    named, loaded = _table_and_study(table, study)
    click.echo(technology_text(chosen_rows(named, option, find, loaded), form), nl=form != "csv")


def _table_and_study(table: str | None, study: str | None) -> tuple[str | None, Study | None]:
    """Return both: one argument alone is a study where it is no table but a file or a shipped study."""
    from costmodels.tables import TABLES

    if study is None and table is not None and table not in TABLES:
        from pathlib import Path

        import dse

        if Path(table).exists() or Path(table).suffix in (".yaml", ".yml") or table in dse.shipped_studies():
            table, study = None, table
    if study is None:
        return table, None
    from dse.commands._studies import study_path
    from dse.runs import load

    return table, load(study_path(study))
