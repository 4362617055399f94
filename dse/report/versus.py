"""What ``dse versus`` prints: both designs in each case, and the chance that either is better."""

from __future__ import annotations

import json

from dse.report.tables import number, text_table
from dse.report.uncertainty import SPREAD, chance
from dse.two_designs import DOMINATES, Case, Versus
from results.labels import axis_label, display


def versus_text(found: Versus) -> str:
    """Return the cases as a table, one block of rows each."""
    axes = list(found.cases[0].scenario)
    one, other = found.names
    header = [*(path.rsplit(".", 1)[-1] for path in axes), "objective", one, other, f"P({one} better)", "or equal"]
    body = []
    for case in found.cases:
        for i, column in enumerate(found.objectives):
            better = case.better[column]
            at = list(case.scenario.values()) if i == 0 else [""] * len(axes)
            row = [*at, f"{axis_label(column)}, {found.objectives[column]}", *_both(case, column)]
            body.append([*row, chance(better.a), _equal(1.0 - better.a - better.b)])
        kept = [chance(float(share)) for share in case.sampled.probability_feasible]
        if kept != ["1.00", "1.00"]:
            body.append([*[""] * len(axes), "P(within all limits)", *kept, "", ""])
        dominates = case.better[DOMINATES]
        chances = f"{one} {chance(dominates.a)}, {other} {chance(dominates.b)}"
        body.append([*[""] * len(axes), "better in all", "", "", chances, ""])
    table = text_table(header, body, left=len(axes) + 1)
    return (
        f"{found.study}: {one} against {other}\n\n{table}\n\n"
        f"{SPREAD} of {found.samples:,} samples of the constants (seed {found.seed}), the same for both designs;\n"
        f"a P is sure to about +-{1.0 / found.samples**0.5:.2f}; a design that breaks a limit in a sample loses it"
    )


def _both(case: Case, column: str) -> list[str]:
    percentiles = case.sampled.percentiles[column]
    shown = {percent: display(column, values)[0] for percent, values in percentiles.items()}
    return [
        f"{number(float(shown[50][i]))} ({number(float(shown[5][i]))} to {number(float(shown[95][i]))})" for i in (0, 1)
    ]


def _equal(share: float) -> str:
    return chance(share) if share > 1e-9 else ""


def versus_json(found: Versus) -> str:
    """Return every case as JSON (SI units)."""
    cases = [
        {
            "scenario": case.scenario,
            "points": list(case.points),
            "objectives": {
                column: {
                    "direction": way,
                    "a": {f"p{p}": _plain(values[0]) for p, values in case.sampled.percentiles[column].items()},
                    "b": {f"p{p}": _plain(values[1]) for p, values in case.sampled.percentiles[column].items()},
                    "probability_a_better": case.better[column].a,
                    "probability_b_better": case.better[column].b,
                }
                for column, way in found.objectives.items()
            },
            "probability_a_dominates": case.better[DOMINATES].a,
            "probability_b_dominates": case.better[DOMINATES].b,
            "probability_feasible": {
                "a": float(case.sampled.probability_feasible[0]),
                "b": float(case.sampled.probability_feasible[1]),
            },
        }
        for case in found.cases
    ]
    whole = {"study": found.study, "a": found.names[0], "b": found.names[1], "samples": found.samples}
    return json.dumps({**whole, "seed": found.seed, "cases": cases}, indent=1, ensure_ascii=False)


def _plain(value: float) -> float | None:
    return float(value) if value == value else None
