"""``dse runtimes``: the serving stacks that a calibrated efficiency knows, or everything about one."""

from __future__ import annotations

import click

HELP = """List the serving stacks, or show the one called NAME with what it fuses and moves, and its source.

\b
Examples:
  dse runtimes
  dse runtimes vllm
"""


@click.command(name="runtimes", help=HELP)
@click.argument("name", metavar="[NAME]", required=False)
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True,
    help="Form of the result.",
)  # fmt: skip
def command(name: str | None, form: str) -> None:
    """Print serving stacks."""
    from dse.errors import StudyError
    from dse.report.runtimes import runtime_text, runtimes_text
    from roofline.runtimes import runtime, runtimes

    if name is None:
        text = runtimes_text(runtimes(), form)
    else:
        try:
            text = runtime_text(runtime(name), form)
        except ValueError as error:
            raise StudyError(str(error)) from None
    click.echo(text, nl=form != "csv")
