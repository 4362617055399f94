"""``dse plot``: draw the pictures of a run again."""

from __future__ import annotations

import click


@click.command(name="plot")
@click.argument("run", metavar="RUN")
def command(run: str) -> None:
    """Draw the front of the run in directory RUN: scatter matrix and parallel coordinates, PNG and SVG."""
    from dse.errors import OutputError
    from dse.pictures import draw
    from dse.runs import open_run

    opened = open_run(run)
    try:
        files = draw(opened)
    except OSError as error:
        raise OutputError(f"{opened.paths.figures}: cannot write there: {error.strerror or error}") from None
    for file in files:
        click.echo(file)
    if not files:
        click.echo("the front is empty: nothing to draw")
