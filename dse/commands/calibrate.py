"""``dse calibrate``: the calibration fitted to measurements of one's own."""

from __future__ import annotations

from pathlib import Path

import click

HELP = """Fit the calibration to your own measurements in CSV, on top of the shipped numbers.

The file has the columns of the shipped measurements (dse validate). A handful of rows of one device under one serving
stack moves the numbers they say something about; all others stay. What is written is read by dse validate
--calibration, dse analyze --calibration, and by `modelling: {calibration: FILE}` in a study.

\b
Examples:
  dse calibrate my.csv
  dse calibrate my.csv --models configs/ --hardware my-chips.yaml -o mine.csv
"""


@click.command(name="calibrate", help=HELP)
@click.argument("data", metavar="CSV")
@click.option("--models", metavar="DIR", help="More models: Hugging Face configs, DIR/<model>.json.")
@click.option("--hardware", metavar="FILE", help="More accelerators: a YAML or CSV file.")
@click.option(
    "-o", "--output", metavar="FILE", default="calibration.csv", show_default=True, help="Where the numbers go."
)
@click.option("--force", is_flag=True, help="Replace that file.")
def command(data: str, models: str | None, hardware: str | None, output: str, force: bool) -> None:
    """Fit, print what changed, and write; a file that is there is refused before anything is computed."""
    from dse.calibrating import calibrate
    from dse.errors import OutputError
    from dse.report.calibrating import calibration_text
    from results.store import write_file

    path = Path(output)
    _refuse(path, Path(data), force)
    found = calibrate(data, models=models, hardware=hardware)
    click.echo(calibration_text(found))
    if not found.numbers:
        return
    try:
        write_file(path, found.text.encode())
    except OSError as error:
        raise OutputError(f"{path}: cannot write there: {error.strerror or error}") from None
    click.echo(f"\nwrote {path}; try it with: dse validate --data {data} --calibration {path}")


def _refuse(path: Path, data: Path, force: bool) -> None:
    """Raise OutputError where something is in the way."""
    from dse.errors import OutputError

    try:
        if path.is_dir():
            raise OutputError(f"{path}: is a directory; name a file with --output")
        if path.exists() and data.exists() and path.samefile(data):
            raise OutputError(f"{path}: is the file of the measurements; choose another with --output")
        if (path.exists() or path.is_symlink()) and not force:
            raise OutputError(f"{path}: exists already; choose another with --output, or replace it with --force")
    except OSError as error:
        raise OutputError(f"{path}: cannot write there: {error.strerror or error}") from None
