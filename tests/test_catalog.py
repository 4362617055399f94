"""The shipped models and number formats: official parameter counts, sources, sane rates."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from roofline.catalog import ALIASES, LLM_PARA_NAMES, entries, model, model_names
from roofline.precision import arithmetic_format, formats, native_format

REQUIRED = ("llama-3-8b", "llama-3-70b", "llama-2-7b", "mistral-7b", "qwen2-7b")


def test_counts_that_everybody_knows() -> None:
    """From the model cards, so that table and code cannot be wrong together."""
    known = {"llama-3-8b": 8_030_261_248, "llama-3-70b": 70_553_706_496, "llama-2-7b": 6_738_415_616}
    known |= {"mistral-7b": 7_241_732_096, "qwen2-7b": 7_615_616_512, "gpt2": 124_439_808}
    assert {name: model(name).total_parameters for name in known} == known


@pytest.mark.parametrize("name", REQUIRED)
def test_the_models_of_the_issue_are_there(name: str) -> None:
    assert name in model_names()
    assert model(name).total_parameters > 6e9


@pytest.mark.parametrize("name", entries())
def test_a_row_says_where_it_comes_from_and_under_which_licence(name: str) -> None:
    row = entries()[name]
    for column in ("hugging_face_id", "licence", "source"):
        assert row[column].strip(), column
    for figure, why in (
        ("total_parameters", ("count_source", "count_exactness")),
        ("active_parameters", ("active_source", "active_counts", "active_text")),
        ("kv_bytes_per_token", ("kv_source", "kv_text")),
    ):
        for column in why:
            assert bool(row[column].strip()) == bool(row[figure]), column
    assert "/" in row["hugging_face_id"] or "not on the Hub" in row["hugging_face_id"]


def test_files_and_rows_are_the_same_models() -> None:
    folder = files("roofline") / "data" / "models"
    stems = {path.name.removesuffix(".json") for path in folder.iterdir() if path.name.endswith(".json")}
    assert stems == set(entries())
    for stem in stems:
        config = json.loads((folder / f"{stem}.json").read_text(encoding="utf8"))
        assert isinstance(config["model_type"], str)


def test_the_models_of_llm_para_are_there_by_name() -> None:
    assert len(LLM_PARA_NAMES) == 21
    for name, slug in LLM_PARA_NAMES.items():
        assert model(name) is not None
        assert model(name) == model(slug)


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_is_its_model(alias: str) -> None:
    assert alias not in entries()
    assert model(alias) == model(ALIASES[alias])


@pytest.mark.parametrize(
    "wrong, right",
    [("llama3-8b", "llama-3-8b"), ("mistral-7B", "mistral-7b"), ("qwen-2-7b", "qwen2-7b"), ("gtp2", "gpt2")],
)
def test_an_unknown_model_names_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(ValueError, match="unknown model") as caught:
        model(wrong)
    assert right in str(caught.value)
    assert wrong in str(caught.value)


def test_a_hopeless_name_lists_what_there_is() -> None:
    with pytest.raises(ValueError, match="known: ") as caught:
        model("xyzzy")
    assert all(name in str(caught.value) for name in entries())


@pytest.mark.parametrize("name", formats())
def test_a_format_is_sane(name: str) -> None:
    fmt, all_formats = formats()[name], formats()
    assert 1 <= fmt.bits <= 32
    assert fmt.bytes == fmt.bits / 8
    assert 0 < fmt.rate_relative <= 8
    assert 0 < fmt.energy_relative <= 8
    assert 0 <= fmt.area_share < 1
    assert fmt.source.strip()
    assert fmt.runs_as in all_formats
    runs = all_formats[fmt.runs_as]
    assert runs.runs_as == fmt.runs_as
    assert (runs.rate_relative, runs.energy_relative) == (fmt.rate_relative, fmt.energy_relative)
    assert set(fmt.fallbacks) <= set(all_formats)
    widths = [all_formats[other].bits for other in fmt.fallbacks]
    assert widths == sorted(widths)
    assert all(width >= runs.bits for width in widths)
    assert not fmt.fallbacks or fmt.fallbacks[-1] == "fp32"
    rates = [all_formats[other].rate_relative for other in (name, *fmt.fallbacks)]
    assert rates == sorted(rates, reverse=True)


def test_half_precision_is_the_reference_and_halving_the_width_doubles_the_rate() -> None:
    for name in ("fp16", "bf16"):
        assert (formats()[name].bits, formats()[name].rate_relative, formats()[name].energy_relative) == (16, 1, 1)
    assert [formats()[name].rate_relative for name in ("tf32", "fp8", "int8", "fp4", "int4")] == [0.5, 2, 2, 4, 4]
    assert [formats()[name].bits for name in ("q4_0", "q8_0", "mxfp4", "nvfp4")] == [4.5, 8.5, 4.25, 4.5]


def test_every_pair_of_formats_has_an_arithmetic_that_some_chip_runs() -> None:
    for one in formats():
        assert native_format(one, ()).name == "fp32"
        assert native_format(one, formats()).name == formats()[one].runs_as
        for other in formats():
            common = arithmetic_format(one, other)
            assert common == arithmetic_format(other, one)
            assert formats()[common].bits >= min(formats()[formats()[name].runs_as].bits for name in (one, other))


def test_an_unknown_format_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r'unknown number format "fp12"; known: .*fp16'):
        native_format("fp12", ())
