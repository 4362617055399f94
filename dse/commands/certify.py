"""``dse certify``: check the proof of an exact run, box by box, without searching again."""

from __future__ import annotations

import click

from results.labels import are, counted

HELP = """Check every box of the certificate of the exact run in directory RUN.

The search is not repeated and not trusted. It cuts the space into boxes and says of each that all of its designs were
tried, or why none of them can be on the front. Here the boxes must cover the whole space, and each reason must hold
with bounds that are computed again from the study. Exit status 1 if anything is not as it was claimed.

\b
Examples:
  dse certify runs/edge-exact
"""


@click.command(name="certify", help=HELP)
@click.argument("run", metavar="RUN")
def command(run: str) -> None:
    """Check the certificate of a run, and print what was checked."""
    from dse.errors import RunError
    from dse.exact_runs import certify_run
    from dse.runs import open_run

    opened = open_run(run)
    certificate, checked = certify_run(opened)
    if checked.failures:
        raise RunError("\n".join([f"{opened.path}: the front is not proven", *checked.failures]))
    within = f"within {100 * certificate['epsilon']:.3g} %" if certificate["epsilon"] else "exactly"
    boxes = "1 box covers" if checked.leaves == 1 else f"{checked.leaves:,} boxes cover"
    front = certificate["front"]
    click.echo(
        f"{opened.study.name}: proven {within}: {boxes} all {counted(certificate['designs'], 'design')}; "
        f"{front:,} {are(front)} on the front"
    )
    told = ", ".join(f"{count:,} {name}" for name, count in sorted(checked.designs.items()))
    click.echo(f"{told}; {checked.evaluated:,} evaluated again")
