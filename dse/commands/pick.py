"""``dse pick``: a handful of designs of a front to talk about, each with why."""

from __future__ import annotations

import click

HELP = """Pick a handful of designs of the front of RUN to talk about, and say why each.

Without options: the best design of each objective, and the knee, which is nearest to the best of all at once.

\b
Examples:
  dse pick runs/my-study
  dse pick runs/my-study --within "tco_usd_per_mtoken <= 2" --within "peak_power <= 20 W"
  dse pick runs/my-study --weights "decode rate=2, carbon=1" --knee
"""


@click.command(name="pick", help=HELP)
@click.argument("run", metavar="RUN")
@click.option("--weights", metavar="OBJECTIVE=N,...", help="What counts how much: the least weighted distance.")
@click.option("--knee", is_flag=True, help="The design nearest to the best of all objectives at once.")
@click.option("--within", metavar="LIMIT", multiple=True, help="Only designs within a limit; may be given again.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
def command(run: str, weights: str | None, knee: bool, within: tuple[str, ...], form: str) -> None:
    """Print picks of a run."""
    from dse.picking import pick
    from dse.report.picks import picks_table
    from dse.report.tables import frame_csv, frame_json
    from dse.runs import open_run

    opened = open_run(run)
    found = pick(opened, weights=None if weights is None else _weights(weights), knee=knee, within=within)
    if form == "csv":
        click.echo(frame_csv(found), nl=False)
    elif form == "json":
        click.echo(frame_json(found))
    else:
        click.echo(picks_table(found, opened))


def _weights(text: str) -> dict[str, float]:
    from dse.errors import StudyError

    found = {}
    for part in text.split(","):
        name, equals, number = part.partition("=")
        if name.strip() in found:
            raise StudyError(f"weights: {name.strip()} is given twice")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            raise StudyError(f'weights: expected OBJECTIVE=NUMBER, got "{part.strip()}"')
    return found
