"""Predicted costs of published devices held against what is published of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from dse.errors import StudyError
from dse.told import Told
from dse.validation import ModelFiles
from roofline.accelerators import accelerators, find
from sweeps.cost_comparison import LIMITS, CostComparison, CostPart, compare_costs
from sweeps.cost_rows import CostRow
from sweeps.measurements import read_measurements

if TYPE_CHECKING:
    import pandas as pd

ROW_COLUMNS = (
    *(field.name for field in fields(CostRow) if field.name not in ("source", "reason")),
    "tested",
    "error",
    "in_sample",
    "source",
    "reason",
)
"""Columns of the rows; `tested` is what `error` is of, relative to `published` [1]."""

PART_COLUMNS = (
    *(field.name for field in fields(CostPart) if field.name not in ("within", "median_in_sample", "kendall_tau")),
    *(f"within_{100 * limit:.0f}" for limit in LIMITS),
    "median_in_sample",
    "kendall_tau",
    "without_facts",
)


@dataclass(frozen=True)
class CostValidation(Told):
    """Predicted costs of devices, held against published ones.

    Attributes
    ----------
    comparison : CostComparison
    """

    comparison: CostComparison

    def __str__(self) -> str:
        """What the command prints."""
        from dse.report.costs import costs_text

        return costs_text(self, "table")

    @property
    def rows(self) -> pd.DataFrame:
        """Every published number with its prediction; one row for each basis. See :data:`ROW_COLUMNS`."""
        import pandas as pd

        return pd.DataFrame(row_values(self), columns=list(ROW_COLUMNS))

    @property
    def summary(self) -> pd.DataFrame:
        """Figures by quantity, basis and class of device. See :data:`PART_COLUMNS`; errors and shares [1]."""
        import pandas as pd

        return pd.DataFrame(part_values(self), columns=list(PART_COLUMNS))

    @property
    def without_facts(self) -> pd.DataFrame:
        """Devices of the catalog of which a quantity was not found published: device, quantity, reason."""
        import pandas as pd

        return pd.DataFrame(
            [vars(one) for one in self.comparison.without_facts], columns=["device", "quantity", "reason"]
        )

    @property
    def energy_shares(self) -> pd.DataFrame:
        """What measured energies consist of by device and batch. See :class:`sweeps.energy_rows.EnergyShare`."""
        import pandas as pd

        return pd.DataFrame([vars(one) for one in self.comparison.shares])


def row_values(validation: CostValidation) -> list[dict[str, Any]]:
    """Return the rows as plain values by :data:`ROW_COLUMNS`."""
    return [{name: getattr(row, name) for name in ROW_COLUMNS} for row in validation.comparison.rows]


def part_values(validation: CostValidation) -> list[dict[str, Any]]:
    """Return the figures as plain values by :data:`PART_COLUMNS`."""
    found = []
    for part in validation.comparison.parts:
        values = dict(vars(part))
        for limit, share in zip(LIMITS, values.pop("within"), strict=True):
            values[f"within_{100 * limit:.0f}"] = share
        missing = [one for one in validation.comparison.without_facts if one.quantity == part.quantity]
        values["without_facts"] = len(missing) if part.device_class == "all" else None
        found.append({name: values[name] for name in PART_COLUMNS})
    return found


def validate_costs(devices: str | Sequence[str] = ()) -> CostValidation:
    """Return predicted area, power, dollars, grams and energy of published devices, held against what is published.

    Parameters
    ----------
    devices : str or sequence of str
        Names or aliases of the catalog's devices to show; default all.

    Returns
    -------
    CostValidation

    Raises
    ------
    StudyError
        If a device is unknown; the message names the nearest.
    """
    asked = [devices] if isinstance(devices, str) else list(devices)
    try:
        names = [find(name).name for name in asked]
    except ValueError as error:
        raise StudyError(f"--device: {error}") from None
    found = compare_costs(
        read_measurements().rows, accelerators(), models=ModelFiles(), accelerators=find, devices=names
    )
    return CostValidation(found)
