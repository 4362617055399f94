"""Picks of a front as a table of pandas that a notebook shows for people."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd


class Picks(pd.DataFrame):
    """``pick`` and ``why`` of a few designs, then every column of the front; any part of it is a plain table.

    Attributes
    ----------
    objectives : tuple of str
        Columns that a notebook shows.
    """

    _metadata = ["objectives"]  # noqa: RUF012 what pandas expects
    objectives: tuple[str, ...]

    @classmethod
    def of(cls, table: pd.DataFrame, objectives: Iterable[str]) -> Picks:
        """Return a table of picks."""
        picks = cls(table)
        picks.attrs = table.attrs
        picks.objectives = tuple(objectives)
        return picks

    def _repr_html_(self) -> str:
        from dse.report.notebook import picks_html

        return picks_html(self, self.objectives)
