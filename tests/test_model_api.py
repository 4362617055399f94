"""Models and analyses from Python: a name, a path, a directory, the text of a config.json, or its value."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest

import dse

TEXT = (files("roofline") / "data" / "models" / "mixtral-8x7b.json").read_text(encoding="utf8")
MIXTRAL = 46_702_792_704


def test_every_way_to_give_a_model_is_the_same_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(TEXT)
    ways = ["mixtral-8x7b", TEXT, json.loads(TEXT), tmp_path, tmp_path / "config.json", str(tmp_path / "config.json")]
    found = [dse.model(way) for way in ways]
    assert {model.total_parameters for model in found} == {MIXTRAL}
    assert len({(model.hidden, model.layers) for model in found}) == 1


@pytest.mark.parametrize(
    "broken, told",
    [
        (TEXT[:-20], "not valid JSON"),
        (TEXT.replace('"hidden_size": 4096', '"hidden_size": "4096"'), "hidden_size"),
        (TEXT.replace('"hidden_size": 4096', '"hidden_size": 1000000000000'), "hidden_size"),
        (TEXT.replace('"num_attention_heads": 32', '"num_attention_heads": 30'), "num_attention_heads"),
        (TEXT.replace('"num_experts_per_tok": 2', '"num_experts_per_tok": 9'), "num_experts_per_tok"),
        (TEXT.replace('"num_hidden_layers": 32', '"num_hidden_layers": 0'), "num_hidden_layers"),
        (TEXT.replace('"vocab_size": 32000', '"vocab_size": NaN'), "not valid JSON"),
        (TEXT.replace('"model_type": "mixtral"', '"model_type": "mixtrall"'), "mixtral"),
        ("{" * 5000, "nested"),
    ],
)
def test_a_broken_configuration_is_one_error_that_names_the_field(broken: str, told: str) -> None:
    with pytest.raises(dse.StudyError) as error:
        dse.model(broken)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_analysis_of_a_model_on_an_accelerator() -> None:
    one = dse.analyze("mixtral-8x7b", "h100", batch=8, context_tokens=4096)
    assert one.model.total_parameters == MIXTRAL
    assert [phase.phase for phase in one.phases] == ["prefill", "decode"]
    decode = one.phases[1]
    assert sum(row.weight_bytes for row in decode.operators) == pytest.approx(84.1e9, rel=2e-3)  # 7.2 of 8 experts
    assert dse.analyze(dse.model(TEXT), "h100", batch=8, context_tokens=4096).phases[1].time_s == decode.time_s
    with pytest.raises(dse.StudyError, match="h100"):
        dse.analyze("mixtral-8x7b", "h1000")
