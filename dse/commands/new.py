"""``dse new``: a commented study to start from."""

from __future__ import annotations

import click

HELP = """Write a commented starter study to FILE (default study.yaml); an existing file is left alone.

\b
Examples:
  dse new my.yaml
"""


@click.command(name="new", help=HELP)
@click.argument("file", metavar="FILE", default="study.yaml")
def command(file: str) -> None:
    """Write the starter study."""
    from importlib.resources import files
    from pathlib import Path

    from dse.errors import OutputError
    from results.store import write_file

    text = (files("dse") / "starter.yaml").read_text(encoding="utf8")
    path = Path(file)
    if path.exists() or path.is_symlink():
        raise OutputError(f"{path}: exists already; nothing was changed")
    try:
        write_file(path, text.encode())
    except OSError as error:
        raise OutputError(f"{path}: cannot write there: {error.strerror or error}") from None
    click.echo(f"wrote {path}; try it with: dse sweep {path}")
