"""Operators against cases R1-R12, worked out row by row from first principles outside this code.

Their conventions: attention is one kernel, every other operator a kernel of its own; neither RoPE, nor the output
gate's multiplication, nor the choice of the next token is counted.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from pathlib import Path

import pytest

from roofline.catalog import model
from roofline.layers import Attention, LatentAttention
from roofline.operators import Operators
from roofline.phases import decode, prefill
from roofline.phases.attention import GATE_VECTOR_OPS
from roofline.phases.passes import ROPE_VECTOR_OPS
from roofline.precision import Precision

REFERENCE = Path(__file__).parent / "data" / "operators_reference.csv"
WIDTHS = {"16": "fp16", "8": "int8", "4": "int4"}
BYTES = ("flop", "weight_bytes", "kv_read_bytes", "kv_write_bytes", "act_read_bytes", "act_write_bytes")
QUANTITIES = (*BYTES, "vector_ops")
Table = dict[str, dict[str, float]]


def read() -> dict[str, list[dict[str, str]]]:
    cases: dict[str, list[dict[str, str]]] = defaultdict(list)
    with REFERENCE.open(encoding="utf8") as file:
        for row in csv.DictReader(file):
            cases[row["case"]].append(row)
    return cases


CASES = read()


def ours_of(name: str) -> str:
    """Name under which we have a row of the reference; layer kinds of one model are one row here."""
    name = re.sub(r"_(window|full|dense_layers|pre|absorbed)$", "", name.replace("_fused", ""))
    name = name.replace("ffn_up_gate", "up_gate").replace("ffn_down", "down").replace("ffn_act", "activation")
    name = name.replace("moe_experts_act", "moe_activation").replace("moe_experts_", "moe_")
    return name.replace("norm_ffn", "norm_mlp")


def expected(case: str) -> Table:
    """The reference by our names, summed over a pass."""
    table: Table = defaultdict(lambda: dict.fromkeys(QUANTITIES, 0.0))
    for row in CASES[case]:
        for quantity in QUANTITIES:
            table[ours_of(row["operator"])][quantity] += float(row["flops" if quantity == "flop" else quantity])
    return table


def operators(case: str) -> Operators:
    row = CASES[case][0]
    precision = Precision(WIDTHS[row["w_bits"]], WIDTHS[row["a_bits"]], WIDTHS[row["kv_bits"]])
    batch, fusion = float(row["batch"]), ("attention", "rope")
    if row["phase"] == "prefill":
        tokens = float(row["prompt"])
        return prefill(
            model(row["model"]), precision, batch=batch, prompt_tokens=tokens, fusion=fusion, dequantization_ops=0.0
        )
    context = float(row["context"])
    return decode(
        model(row["model"]), precision, batch=batch, context_tokens=context, fusion=fusion, dequantization_ops=0.0
    )


def uncounted(case: str) -> dict[str, float]:
    """Vector operations the reference leaves out, by the operator of ours they are part of."""
    row = CASES[case][0]
    tokens = float(row["batch"]) * float(row["prompt"] or 1)
    found: dict[str, float] = defaultdict(float)
    for kind in model(row["model"]).layers:
        mixer = kind.mixer
        if isinstance(mixer, Attention):
            rotated = (mixer.heads + mixer.kv_heads) * mixer.head_dim
            found["qkv_proj"] += kind.count * ROPE_VECTOR_OPS * tokens * rotated
            if mixer.output_gate:
                found["o_proj"] += kind.count * GATE_VECTOR_OPS * tokens * mixer.heads * mixer.head_dim
        elif isinstance(mixer, LatentAttention):
            host = "mla_q" if mixer.query_rank is None else "mla_q_b"
            found[host] += kind.count * ROPE_VECTOR_OPS * tokens * (mixer.heads + 1) * mixer.rope_dim
    return found


def found(case: str) -> Table:
    """Our operators by name, summed over a pass, without what the reference leaves out."""
    table: Table = defaultdict(lambda: dict.fromkeys(QUANTITIES, 0.0))
    for row in operators(case):
        if row.name == "sampling":
            continue
        name = "residual_add" if row.name.startswith("residual_") else row.name
        for quantity in QUANTITIES:
            table[name][quantity] += row.count * getattr(row, quantity)
    for name, ops in uncounted(case).items():
        table[name]["vector_ops"] -= ops
    return table


def test_the_twelve_cases_are_there() -> None:
    assert list(CASES) == [f"R{i}" for i in range(1, 13)]


@pytest.mark.parametrize("case", CASES)
def test_every_operator_of_the_reference(case: str) -> None:
    ours, theirs = found(case), expected(case)
    total = theirs.pop("TOTAL")
    assert ours.keys() == theirs.keys()
    for name, row in theirs.items():
        for quantity in BYTES:
            # The reference prints expected experts' bytes to a thousandth.
            assert ours[name][quantity] == pytest.approx(row[quantity], rel=1e-12, abs=1e-2), (name, quantity)
        slack = 1e-12 * total["vector_ops"]  # what is left after taking RoPE out of a projection
        assert ours[name]["vector_ops"] == pytest.approx(row["vector_ops"], abs=slack), name


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("case", CASES)
def test_totals_of_the_reference(case: str, quantity: str) -> None:
    total = sum(row[quantity] for row in found(case).values())
    assert total == pytest.approx(expected(case)["TOTAL"][quantity], rel=1e-11)


def test_kernels_launched_by_a_dense_step_with_and_without_fusion() -> None:
    # Llama-3-8B, 32 layers. Unfused: embedding; 2 norms, qkv, rope, QK, 3 softmax parts, AV, o, 2 residuals, up+gate,
    # activation, down; final norm, LM head, sampling. Fused: qkv, attention, o, up+gate, down of each layer.
    llama = model("llama-3-8b")
    assert decode(llama, Precision(), batch=1.0, context_tokens=100.0, fusion=()).kernels == 1 + 32 * 15 + 3
    assert decode(llama, Precision(), batch=1.0, context_tokens=100.0).kernels == 1 + 32 * 5 + 2


def test_each_fusion_group_launches_less_and_moves_less() -> None:
    llama, groups = model("llama-3-8b"), ("attention", "softmax", "norm", "residual", "rope", "swiglu")
    alone = prefill(llama, Precision(), batch=1.0, prompt_tokens=512.0, fusion=())
    for group in groups:
        fused = prefill(llama, Precision(), batch=1.0, prompt_tokens=512.0, fusion=(group,))
        assert fused.kernels < alone.kernels
        for quantity in ("act_read_bytes", "act_write_bytes"):
            assert fused.total(quantity) < alone.total(quantity), group
        for quantity in ("flop", "vector_ops", "weight_bytes", "kv_read_bytes", "kv_write_bytes"):
            assert fused.total(quantity) == pytest.approx(alone.total(quantity), rel=1e-12), group


def test_q_apart_from_k_and_v_is_the_same_work_and_reads_the_input_twice() -> None:
    llama = model("llama-3-8b")
    joint, split = (
        prefill(llama, Precision(), batch=1.0, prompt_tokens=512.0, split_qkv=apart) for apart in (False, True)
    )
    assert {row.name for row in split} - {row.name for row in joint} == {"q_proj", "kv_proj"}
    for quantity in ("flop", "vector_ops", "weight_bytes", "act_write_bytes", "kv_write_bytes"):
        assert split.total(quantity) == pytest.approx(joint.total(quantity), rel=1e-12)
    assert split.total("act_read_bytes") - joint.total("act_read_bytes") == 32 * 512 * 4096 * 2
    assert split.kernels - joint.kernels == 32
    rows = {row.name: row for row in split}
    assert (rows["q_proj"].flop, rows["kv_proj"].flop) == (2 * 512 * 4096 * 4096, 2 * 512 * 4096 * 2048)
