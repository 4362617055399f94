"""``dse whatif``: a design before and after a change, or the value of one field that meets a target."""

from __future__ import annotations

import click

HELP = """Show what a change does to one design of STUDY, or of the study of a RUN, and why.

A field is one of dram_bandwidth, compute, sram, dram, flash; any scalar of a study by its path or its last word
(technology.node, node, batch, weights, efficiency); or a constant of the cost models (dse technology). A value is as in
a study ("800 GB/s", 3nm, 4), or relative: 2x, +50%, -20%.

With --target and --vary the question is turned round: the smallest value of a field that meets the target within all
limits of the study (the largest, where less is easy to reach), or which ceiling or limit forbids it.

\b
Examples:
  dse whatif llama3-8b-edge --design 558738 --set dram_bandwidth=2x --set dram=16GB
  dse whatif llama3-8b-edge --design 558738 --set node=3nm --set dram_usd_per_byte=-30%
  dse whatif runs/llama3-8b-edge --design 558738 --target "ttft <= 1 s" --vary compute
  dse whatif llama3-8b-edge --design 558738 --target "decode_tokens_per_s >= 40" --vary weights
"""


@click.command(name="whatif", help=HELP)
@click.argument("study", metavar="STUDY|RUN")
@click.option(
    "--design", metavar="DESIGN",
    help='A point of the space (as in a front), a candidate, or values: "dram_bandwidth=100 GB/s, compute=..."; '
    "default: the knee of a run's front.",
)  # fmt: skip
@click.option("--set", "changes", metavar="FIELD=VALUE", multiple=True, help="What to change; may be repeated.")
@click.option(
    "--target", "targets", metavar="LIMIT", multiple=True,
    help='What to reach, as "decode_tokens_per_s >= 50"; may be repeated.',
)  # fmt: skip
@click.option("--vary", metavar="FIELD", help="The field whose value is looked for.")
@click.option(
    "--range", "between", metavar="RANGE",
    help='Where to look: "17 GB/s..1 TB/s" or values "5nm, 3nm" (default: from a thousandth to a thousand times it).',
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True,
    help="Form of the result; csv and json hold every column and digit, SI units.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def command(
    study: str,
    design: str | None,
    changes: tuple[str, ...],
    targets: tuple[str, ...],
    vary: str | None,
    between: str | None,
    form: str,
    as_json: bool,
) -> None:
    """Ask, and print the answer."""
    from pathlib import Path

    from dse.asking import whatif
    from dse.commands._studies import study_path
    from dse.errors import StudyError, shown
    from dse.report.asking import whatif_json, whatif_text
    from dse.report.tables import frame_csv

    given: dict[str, str] = {}
    for text in changes:
        key, equals, value = text.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise StudyError(f"--set: expected FIELD=VALUE such as dram_bandwidth=2x, got {shown(text)}")
        if key.strip() in given:
            raise StudyError(f"--set: {key.strip()} is given twice")
        given[key.strip()] = value.strip()
    path = Path(study) if Path(study).is_dir() else study_path(study)
    found = whatif(path, design, given, target=targets, vary=vary, between=between)
    if as_json or form == "json":
        click.echo(whatif_json(found))
    else:
        click.echo(frame_csv(found.frame()), nl=False) if form == "csv" else click.echo(whatif_text(found))
