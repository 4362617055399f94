"""The shipped studies on algorithms: what their fronts say, and what their comments claim."""

from __future__ import annotations

import pandas as pd
import pytest

import dse

pytestmark = pytest.mark.usefixtures("undrawn")

STUDIES = dse.shipped_studies()
FORMAT, ALGORITHM = "workloads.0.precision.weights", "workloads.0.techniques"


@pytest.fixture(scope="module")
def algorithms(tmp_path_factory: pytest.TempPathFactory) -> dse.Run:
    return dse.sweep(STUDIES["which-algorithm"], out=tmp_path_factory.mktemp("algorithm") / "run")


@pytest.fixture(scope="module")
def chips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    text = STUDIES["which-chip"].read_text(encoding="utf8")
    found = {}
    for name in ("tree", "plain"):
        swept = text.replace("techniques: tree", f"techniques: {name}")
        found[name] = dse.sweep(swept, out=tmp_path_factory.mktemp(name) / "run").designs().set_index("point")
    return found


def test_on_one_chip_narrow_weights_and_drafts_come_first_and_sparse_weights_last(algorithms: dse.Run) -> None:
    front = algorithms.front()
    assert len(front) >= 12
    assert front[ALGORITHM].astype(str).str.startswith("eagle").all()  # exact, and faster: nothing is given for it
    fair = front[front["quality_loss"] < 0.05]
    assert set(fair[ALGORITHM]) == {"eagle"}
    assert set(fair[FORMAT]) == {"fp16", "q8_0", "q4_k_m"}
    assert {"eagle-sliced", "eagle-two-of-four"} <= set(front[front["quality_loss"] > 0.15][ALGORITHM])
    assert "eagle-half" not in set(front[ALGORITHM])  # zeros that nothing skips cost as much as the pattern


def test_without_quality_two_bits_and_every_technique_at_once_would_win(algorithms: dse.Run) -> None:
    fastest = algorithms.designs().nsmallest(1, "request_latency_s").iloc[0]
    assert (fastest[FORMAT], fastest[ALGORITHM]) == ("int2", "eagle-two-of-four")
    assert fastest["quality_loss"] > 1.5


def test_the_best_chip_for_plain_decoding_is_the_wrong_one_for_a_tree_of_drafts(
    chips: dict[str, pd.DataFrame],
) -> None:
    """The study's comment: under 200 USD it runs the tree at a third of the speed of the best chip for it."""
    best = {}
    for name, designs in chips.items():
        affordable = designs[designs["feasible"] & (designs["bom_usd"] < 200)]
        best[name] = affordable["decode_tokens_per_s"].idxmax()
    tree = chips["tree"]["decode_tokens_per_s"]
    assert 0.25 < tree[best["plain"]] / tree[best["tree"]] < 0.4
    compute, bandwidth = chips["tree"]["compute_flop_per_s"], chips["tree"]["dram_bytes_per_s"]
    assert compute[best["tree"]] / compute[best["plain"]] > 4
    assert bandwidth[best["tree"]] <= bandwidth[best["plain"]]
