"""``dse check``: everything that is wrong with a study, or what it would do."""

from __future__ import annotations

import click

HELP = """Check STUDY without running it: its size, models and limits.

\b
Examples:
  dse check llama3-8b-edge
  dse check my.yaml
"""


@click.command(name="check", help=HELP)
@click.argument("study", metavar="STUDY")
def command(study: str) -> None:
    """Print what a study would do."""
    from dse.commands._studies import study_path
    from dse.plan import problem_of
    from dse.report.summary import study_summary
    from dse.runs import load
    from dse.sweeping import checked_size

    loaded = load(study_path(study))
    checked_size(loaded)
    click.echo(study_summary(loaded, problem_of(loaded)))
