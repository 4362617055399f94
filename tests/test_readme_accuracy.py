"""What the README and the guide say of accuracy is what the shipped table of held-out tests says."""

from __future__ import annotations

import csv
from importlib.resources import files

import pytest
from pages import GUIDE, README

TABLE = (files("sweeps") / "data" / "held_out.csv").read_text(encoding="utf8")
ROWS = {(row["left_out"], row["phase"]): row for row in csv.DictReader(TABLE.splitlines())}


@pytest.mark.parametrize(
    ("phase", "name"), [("decode", "decode"), ("prefill", "prefill"), ("end_to_end", "end to end")]
)
def test_the_tables_of_the_pages_are_that_of_the_held_out_tests(phase: str, name: str) -> None:
    cells = [
        f"{float(ROWS[left, phase]['median_ape']):.0f} % / {float(ROWS[left, phase]['within_25']):.0f} %"
        for left in ("nothing", "device", "die family")
    ]
    for page in (README, GUIDE / "accuracy.md"):
        row = f"| {name} | {ROWS['nothing', phase]['rows']} | {' | '.join(cells)} |"
        assert row in page.read_text(encoding="utf8").splitlines()


def test_holding_more_back_is_never_more_accurate_in_decode() -> None:
    within = [float(ROWS[left, "decode"]["within_25"]) for left in ("nothing", "device", "die family")]
    assert within == sorted(within, reverse=True)


def test_calibration_ranks_no_worse_than_the_plain_roofline() -> None:
    for (_, phase), row in ROWS.items():
        if phase in ("decode", "prefill", "end_to_end"):
            assert float(row["rank_tau"]) >= float(row["bound_rank_tau"])
