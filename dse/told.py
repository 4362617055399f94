"""How results look in a notebook that are told as text."""

from __future__ import annotations

from html import escape

MOST_INPUTS = 12
"""Inputs that a sensitivity tells of each column."""

MOST_ROWS = 10
"""Worst rows that a validation tells."""


class Told:
    """A result whose text (``str``) is what its command prints; a notebook shows the same."""

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"
