"""Every model of the catalog against what its publisher says: parameters, active parameters, KV cache per token.

The expected numbers are in tests/data, with their sources, and not those the catalog carries. Run with -s for a table.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from roofline.catalog import entries, model
from roofline.model import kv_cache_bytes_per_token
from roofline.precision import Precision

DATA = Path(__file__).parent / "data"
ROUNDED = ("paper_rounded", "formula_only")


def rows(name: str) -> dict[str, dict[str, str]]:
    with (DATA / name).open(encoding="utf8") as file:
        return {row["slug"]: row for row in csv.DictReader(file)}


PARAMETERS = rows("published_parameters.csv")
KV_CACHE = rows("published_kv_cache.csv")
ACTIVE = {name: row for name, row in PARAMETERS.items() if row["active_parameters"]}


def counted(name: str) -> int:
    """Our active parameters, which count what the publisher's figure counts."""
    return model(name).active_parameters


def rounding(text: str) -> float:
    """Half a unit of the last digit that was published, as a number of parameters."""
    found = re.match(r"\d+(?:\.(\d+))?B", text)
    assert found, text
    return 0.5e9 / 10 ** len(found[1] or "")


def test_the_table_covers_the_catalog() -> None:
    assert set(PARAMETERS) <= set(entries())
    assert len(entries()) == 103
    assert len(PARAMETERS) == 93
    print(f"\n{'model':28} {'ours':>18} {'official':>18} {'difference':>12} {'active':>16} {'KV bytes/token':>15}")
    for name in entries():
        ours, row = model(name), PARAMETERS.get(name)
        official = int(row["total_parameters"]) if row else None
        difference = f"{ours.total_parameters - official:,}" if official else ""
        print(
            f"{name:28} {ours.total_parameters:18,} {official or 0:18,} {difference:>12} "
            f"{ours.active_parameters:16,} {kv_cache_bytes_per_token(ours, Precision()):15,.0f}"
        )


@pytest.mark.parametrize("name", PARAMETERS)
def test_total_parameters(name: str) -> None:
    row, ours = PARAMETERS[name], model(name).total_parameters
    if row["exactness"] in ROUNDED:
        assert ours == pytest.approx(int(row["total_parameters"]), rel=1e-3)
    else:
        assert ours == int(row["total_parameters"])


def test_models_without_an_official_count_have_that_of_their_twin() -> None:
    """Same shape, other weights: the publisher's count of one is that of the other."""
    twins = {
        "llama-13b": "llama-2-13b",
        "llama-3.3-70b": "llama-3.1-70b",
        "qwen2.5-coder-7b": "qwen2.5-7b",
        "qwen3-coder-30b-a3b": "qwen3-30b-a3b",
    }
    for name, twin in twins.items():
        assert model(name).total_parameters == int(PARAMETERS[twin]["total_parameters"]), name


@pytest.mark.parametrize("name", ACTIVE)
def test_active_parameters(name: str) -> None:
    row = ACTIVE[name]
    published = int(row["active_parameters"])
    tolerance = max(0.05 * published, rounding(row["published_active_text"]))
    assert abs(counted(name) - published) <= tolerance
    assert model(name).active_parameters < model(name).total_parameters


def test_only_one_published_figure_needs_more_than_five_percent() -> None:
    """Qwen3-Next says 3B for 3.25 billion parameters without embeddings."""
    off = [name for name, row in ACTIVE.items() if abs(counted(name) / int(row["active_parameters"]) - 1) > 0.05]
    assert off == ["qwen3-next-80b-a3b"]


@pytest.mark.parametrize("name", [name for name in PARAMETERS if name not in ACTIVE])
def test_without_experts_every_parameter_is_active(name: str) -> None:
    ours = model(name)
    assert ours.active_parameters == ours.total_parameters


@pytest.mark.parametrize("name", KV_CACHE)
def test_kv_cache_per_token(name: str) -> None:
    row = KV_CACHE[name]
    assert row["bits"] == "16"
    ours = kv_cache_bytes_per_token(model(name), Precision(kv_cache="fp16"))
    assert ours == int(row["bytes_per_token"])


def test_the_catalog_carries_the_published_figures() -> None:
    for name, row in entries().items():
        published = PARAMETERS.get(name, {})
        assert row["total_parameters"] == published.get("total_parameters", "")
        assert row["active_parameters"] == published.get("active_parameters", "")
        assert row["kv_bytes_per_token"] == KV_CACHE.get(name, {}).get("bytes_per_token", "")
