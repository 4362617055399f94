"""Figures as files, and in notebooks."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from results.store import write_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure


KINDS = ("png", "svg")

DOTS = 150
"""Per inch, of a PNG and of what is pixels in an SVG."""

DRAWN: Any = {"svg.hashsalt": "dse", "svg.fonttype": "none", "hatch.linewidth": 0.5}
"""Settings that matplotlib reads when it draws; releases before 3.10 take the width of hatches then too."""


def inline(fig: Figure, dpi: float = 80) -> Figure:
    """Return the figure, which a notebook then shows as a PNG of so many dots per inch.

    A notebook shows figures of pyplot by itself; those made without it would be a line of text.
    """

    def png() -> bytes:
        import matplotlib as mpl

        buffer = io.BytesIO()
        with mpl.rc_context(DRAWN):
            fig.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
        return buffer.getvalue()

    vars(fig)["_repr_png_"] = png
    return fig


def save(
    fig: Figure, path_without_suffix: Path, *, staging: Path | None = None, kinds: Collection[str] = KINDS
) -> list[Path]:
    """Write a figure as PNG and as SVG, each whole or not at all.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        The figure.
    path_without_suffix : Path
        Where to, such as ``runs/x/figures/scatter_matrix``.
    staging : Path, optional
        Directory of unfinished files, on the same file system; that of the figure by default.
    kinds : collection of str
        Of :data:`KINDS`: which of the two to write.

    Returns
    -------
    list of Path
        The PNG (:data:`DOTS` per inch) and the SVG, whose text stays text. The same figure gives the same bytes.

    Raises
    ------
    OSError
        If the system refuses.
    """
    import matplotlib as mpl

    written = []
    with mpl.rc_context(DRAWN), _laid_out(fig):
        for suffix, about in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
            if suffix not in kinds:
                continue
            buffer = io.BytesIO()
            fig.savefig(buffer, format=suffix, dpi=DOTS, metadata=about)
            path = path_without_suffix.with_name(f"{path_without_suffix.name}.{suffix}")
            write_file(path, buffer.getvalue(), staging=staging)
            written.append(path)
    return written


@contextmanager
def _laid_out(fig: Figure) -> Iterator[None]:
    """Lay a figure out once for both of its files: matplotlib would for each, and draw it without ink to do so."""
    import matplotlib as mpl

    engine, dots = fig.get_layout_engine(), fig.dpi
    if engine is None or not fig.axes:
        yield
        return
    fig.dpi = DOTS  # widths of text depend on it
    engine.execute(fig)
    fig.dpi = dots
    with mpl.rc_context({"figure.autolayout": False, "figure.constrained_layout.use": False}):
        fig.set_layout_engine(None)
    try:
        yield
    finally:
        fig.set_layout_engine(engine)
