"""``dse hardware``: the accelerators of the catalog or of a file, or everything published about one."""

from __future__ import annotations

import click

HELP = """List the published accelerators, or show the one called NAME with its source and ridge points.

\b
Examples:
  dse hardware
  dse hardware h100
  dse hardware --file my-chips.yaml
"""


@click.command(name="hardware", help=HELP)
@click.argument("name", metavar="[NAME]", required=False)
@click.option(
    "--file", "files", metavar="FILE", multiple=True,
    help="Devices of this file (YAML, or CSV in SI) instead of the catalog's; checks it.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True,
    help="Form of the result.",
)  # fmt: skip
def command(name: str | None, files: tuple[str, ...], form: str) -> None:
    """Print accelerators."""
    from dse.hardware import device, load_accelerators
    from dse.report.hardware import device_text, devices_text
    from roofline.accelerators import accelerators

    if name is not None:
        text = device_text(device(name, files), form)
    else:
        own = [chip for file in files for chip in load_accelerators(file)]
        text = devices_text(own or accelerators(), form)
    click.echo(text, nl=form != "csv")
