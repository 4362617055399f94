"""Peers' published tables and claims beside ours: LLM-Viewer's layer of Llama-2-7B, and five insights of LLM-Para.

The notebook ``02_operators_and_bottlenecks`` tells the same story. Where a peer and we agree after stating a
convention, the convention is applied to our operators and the numbers must meet; where the peer is wrong, the test
says by how much.
"""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flat_memory import design, evaluated, flat_scenario, request

from dse.analysis import analyze
from roofline.accelerators import accelerator
from roofline.catalog import model
from roofline.kernel import Machine, bound_by, operator_ceilings
from roofline.layers import Attention, LatentAttention
from roofline.memory import Placement
from roofline.model import Model, kv_cache_bytes_per_token
from roofline.operators import Operator, Operators
from roofline.phases import FUSION_GROUPS, decode, prefill
from roofline.precision import Precision
from sweeps.accelerator import PLAIN, on_accelerator
from sweeps.factors import factors, machine_of, placement_of
from sweeps.scenario import Deployment, Modelling, Request, Technology, scenario

ROOT = Path(__file__).parents[1]
FP16, INT4 = Precision(), Precision("int4", "fp16", "fp16")
CONTEXT = 2048
# Without its small cache the A6000 reads every operand once, as LLM-Viewer assumes.
A6000 = replace(accelerator("rtx-a6000"), sram_bytes=None)
SIZES = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


def published() -> list[dict[str, str]]:
    with (Path(__file__).parent / "data" / "llm_viewer_a6000.csv").open(encoding="utf8") as file:
        return list(csv.DictReader(file))


def rounds_to(value: float, text: str) -> bool:
    """Whether a number is the printed one within half of its last digit."""
    size = SIZES.get(text[-1], 1.0)
    digits = text.rstrip("KMGT")
    unit = 10.0 ** -len(digits.partition(".")[2])
    return abs(value / size - float(digits)) <= 0.5 * unit * (1 + 1e-9)


def ours() -> dict[str, dict[str, Operator]]:
    """Operators of one layer by phase and name, every one a kernel of its own."""
    llama = model("llama-2-7b")
    passes = {
        "prefill": prefill(llama, FP16, batch=1, prompt_tokens=CONTEXT, fusion=("softmax",)),
        "decode": decode(llama, FP16, batch=1, context_tokens=CONTEXT, fusion=("softmax",)),
    }
    return {phase: {row.name: replace(row, count=1) for row in rows} for phase, rows in passes.items()}


def a_part(row: Operator, parts: int) -> Operator:
    """One of several kernels a merged projection can be split into; each of them reads the input."""
    divided = ("flop", "weight_bytes", "act_write_bytes", "kv_write_bytes", "tile_traffic")
    return replace(row, **{name: getattr(row, name) / parts for name in divided})


def in_their_conventions(row: dict[str, Operator], phase: str) -> dict[str, Operator]:
    """Our operators as LLM-Viewer counts them: all s² pairs, 7 operations per element of a norm, one operand read."""
    square = 2 * CONTEXT / (CONTEXT + 1) if phase == "prefill" else 1.0
    qk, av, softmax, norm, add = (
        row[name] for name in ("attention_qk", "attention_av", "softmax", "norm_attn", "residual_attn")
    )
    return {
        **{name: a_part(row["qkv_proj"], 3) for name in ("q_proj", "k_proj", "v_proj")},
        "o_proj": row["o_proj"],
        **{name: a_part(row["up_gate"], 2) for name in ("gate_proj", "up_proj")},
        "down_proj": row["down"],
        "qk_matmul": replace(qk, flop=square * qk.flop, act_write_bytes=square * qk.act_write_bytes),
        "sv_matmul": replace(av, flop=square * av.flop, act_read_bytes=square * av.act_read_bytes),
        "softmax": replace(
            softmax,
            vector_ops=square * softmax.vector_ops,
            act_read_bytes=square * softmax.act_read_bytes,
            act_write_bytes=square * softmax.act_write_bytes,
        ),
        "norm": replace(norm, vector_ops=7 / 4 * norm.vector_ops, weight_bytes=0.0),
        "add": replace(add, act_read_bytes=add.act_read_bytes / 2),
    }


def on_a6000() -> tuple[Machine, Placement]:
    columns, of = on_accelerator(A6000, request("llama-2-7b", prompt=CONTEXT))
    machine = machine_of(columns, of)
    return machine, placement_of(columns, of, of.workloads[0], machine)


def seconds(row: Operator, machine: Machine, place: Placement) -> float:
    return max(float(np.asarray(t).reshape(-1)[0]) for t in operator_ceilings(row, machine, place))


def test_reproduces_llm_viewer_a6000_table() -> None:
    machine, place = on_a6000()
    table = published()
    assert len(table) == 24
    layers = {phase: in_their_conventions(rows, phase) for phase, rows in ours().items()}
    for line in table:
        row = layers[line["phase"]][line["operator"]]
        ops = row.flop + row.vector_ops
        where = (line["phase"], line["operator"])
        assert rounds_to(ops, line["ops"]), where
        assert rounds_to(row.compulsory_bytes, line["bytes"]), where
        assert rounds_to(ops / row.compulsory_bytes, line["intensity"]), where
        assert rounds_to(ops / seconds(row, machine, place), line["rate"]), where
        assert {"compute": "compute", "dram": "memory"}[bound_by(row, machine, place)] == line["bound"], where


def test_notebook_holds_the_same_table() -> None:
    notebook = json.loads((ROOT / "notebooks" / "02_operators_and_bottlenecks.ipynb").read_text(encoding="utf8"))
    (cell,) = [c for c in notebook["cells"] if c["cell_type"] == "code" and "PUBLISHED = " in "".join(c["source"])]
    lines = "".join(cell["source"]).split('"""')[1].split()
    assert lines == [",".join(value for name, value in row.items() if name != "source") for row in published()]


def test_llm_viewer_differs_where_it_is_wrong() -> None:
    layers = ours()
    theirs = {phase: in_their_conventions(rows, phase) for phase, rows in layers.items()}
    before, after = layers["prefill"], layers["decode"]
    # A causal prefill computes s(s+1)/2 of the s² pairs.
    half = (CONTEXT + 1) / (2 * CONTEXT)
    for name, there in (("attention_qk", "qk_matmul"), ("attention_av", "sv_matmul")):
        assert before[name].flop / theirs["prefill"][there].flop == half
        assert before[name].compulsory_bytes == pytest.approx(167.8e6, rel=1e-3)
        assert theirs["prefill"][there].compulsory_bytes == pytest.approx(302.0e6, rel=1e-3)
    assert before["softmax"].compulsory_bytes / theirs["prefill"]["softmax"].compulsory_bytes == half
    assert half == pytest.approx(0.5, abs=1e-3)
    # A residual reads both of its operands: 1/6 operation per byte, not 1/4.
    for rows in layers.values():
        add = rows["residual_attn"]
        assert add.vector_ops / add.compulsory_bytes == pytest.approx(1 / 6)
    # A norm reads its weights: of one token, half as much again.
    assert after["norm_attn"].compulsory_bytes == 1.5 * theirs["decode"]["norm"].compulsory_bytes
    # Q, K and V in one kernel read their input once.
    parts = sum(theirs["prefill"][name].compulsory_bytes for name in ("q_proj", "k_proj", "v_proj"))
    assert parts - before["qkv_proj"].compulsory_bytes == pytest.approx(2 * CONTEXT * 4096 * 2)
    # It lists no rotary embedding and no activation between the MLP's projections.
    assert {"rope", "activation"} <= set(before)


def test_llm_viewer_attention_is_seven_times_slower_than_one_fused_causal_kernel() -> None:
    machine, place = on_a6000()
    theirs = in_their_conventions(ours()["prefill"], "prefill")
    written = sum(seconds(theirs[name], machine, place) for name in ("qk_matmul", "softmax", "sv_matmul"))
    rows = prefill(model("llama-2-7b"), FP16, batch=1, prompt_tokens=CONTEXT, fusion=FUSION_GROUPS)
    (fused,) = [row for row in rows if row.name == "attention"]
    assert bound_by(fused, machine, place) == "compute"
    assert written / seconds(fused, machine, place) == pytest.approx(6.7, abs=0.05)


def test_a6000_cache_makes_a_prefill_read_again() -> None:
    """The published 1024 FLOP per byte of q_proj need an unbounded cache; 6 MB make it about half."""
    known = analyze(model("llama-2-7b"), accelerator("rtx-a6000"), phases=["prefill"], prompt_tokens=CONTEXT)
    (o_proj,) = [row for row in known.phases[0].operators if row.name == "o_proj"]
    assert accelerator("rtx-a6000").sram_bytes == 6e6
    assert o_proj.intensity_flop_per_byte == pytest.approx(68.72e9 / 129.0e6, rel=1e-3)
    assert o_proj.bound_by == "compute"


def decode_row(name: str, operator: str, *, context: float = 32768, precision: Precision = FP16) -> Operator:
    rows = decode(model(name), precision, batch=1, context_tokens=context)
    return next(row for row in rows if row.name == operator)


@pytest.mark.parametrize(
    ("name", "per_cached_byte", "intensity"),
    [
        ("llama-2-7b", 1.0, 1.00),
        ("llama-3-8b", 4.0, 4.00),
        ("llama-3.1-405b", 16.0, 15.99),
        ("falcon-7b", 71.0, 70.85),
        ("deepseek-v2", 278_528 / 1152, 240.0),
    ],
)
def test_insight_1_decode_attention_intensity_is_the_heads_that_share_a_byte(
    name: str, per_cached_byte: float, intensity: float
) -> None:
    attention = decode_row(name, "attention")
    assert attention.flop / attention.kv_read_bytes == pytest.approx(per_cached_byte, rel=1e-12)
    assert attention.flop / attention.compulsory_bytes == pytest.approx(intensity, rel=1e-3)


def test_insight_1_matrix_vector_products_do_one_flop_per_byte_at_16_bit_only() -> None:
    for name in ("llama-2-7b", "llama-3-8b", "llama-3.1-405b", "deepseek-v2"):
        for row in decode(model(name), FP16, batch=1, context_tokens=CONTEXT):
            if row.flop and row.name != "attention":
                assert 0.98 < row.flop / row.compulsory_bytes < 1, (name, row.name)
    down = decode_row("llama-3-8b", "down", precision=INT4)
    assert down.flop / down.compulsory_bytes == pytest.approx(4.0, rel=0.01)
    # One sequence of absorbed MLA lies above the ridge of an A100 and below that of an H100.
    a100, h100 = (accelerator(chip).ridge_flop_per_byte("fp16") for chip in ("a100", "h100"))
    mla = decode_row("deepseek-v2", "attention")
    assert a100 == pytest.approx(153.0, abs=0.1)
    assert h100 == pytest.approx(295.3, abs=0.1)
    assert a100 < mla.flop / mla.compulsory_bytes < h100


def weight_gb(batch: float, classes: tuple[str, ...] = ("dense", "experts")) -> float:
    rows = decode(model("mixtral-8x7b"), FP16, batch=batch, context_tokens=CONTEXT)
    return sum(row.count * row.weight_bytes for row in rows if row.weight_class in classes) / 1e9


def test_insight_2_a_batch_reaches_more_experts_than_a_token() -> None:
    assert weight_gb(1) == pytest.approx(25.5, abs=0.05)  # all LLM-Para ever charges
    assert weight_gb(8) == pytest.approx(84.1, abs=0.05)
    assert weight_gb(8) / weight_gb(1) == pytest.approx(3.30, abs=0.01)
    assert weight_gb(64, ("experts",)) == pytest.approx(45.097e9 * 2 / 1e9, rel=1e-3)  # all eight
    # So batching pays later: 8 tokens cost 3.3 times the weight bytes of one, not once.
    assert 8 * weight_gb(1) / weight_gb(8) == pytest.approx(2.43, abs=0.01)


def with_plain_attention(deepseek: Model) -> Model:
    """DeepSeek-V2 with as many ordinary heads of 128: what its cache is compared with."""
    layers = tuple(replace(kind, mixer=Attention(heads=128, kv_heads=128, head_dim=128)) for kind in deepseek.layers)
    return replace(deepseek, layers=layers)


def per_cached_token_layer(of: Model, quantity: str, **how: Any) -> float:
    """What one more token of context adds to a decode step, in one layer."""

    def total(context: float) -> float:
        rows: Operators = decode(of, FP16, batch=1, context_tokens=context, **how)
        return rows.total(quantity)

    return (total(4097) - total(4096)) / of.layer_count


def test_insight_3_mla_cache_and_work() -> None:
    latent = model("deepseek-v2")
    plain = with_plain_attention(latent)
    assert isinstance(latent.layers[0].mixer, LatentAttention)
    assert kv_cache_bytes_per_token(latent, FP16) == (512 + 64) * 60 * 2 == 69_120
    assert kv_cache_bytes_per_token(plain, FP16) / 60 == 65_536
    assert kv_cache_bytes_per_token(plain, FP16) / 69_120 == pytest.approx(56.9, abs=0.05)  # LLM-Para: 32
    # Its code keeps a cache of full multi-head attention with heads of hidden/heads.
    assert 2 * 60 * 128 * (latent.hidden // 128) * 2 == 1_228_800
    absorbed = per_cached_token_layer(latent, "flop")
    naive = per_cached_token_layer(latent, "flop", absorbed=False)
    ordinary = per_cached_token_layer(plain, "flop")
    assert absorbed == pytest.approx(278_528, rel=1e-9)
    assert ordinary == pytest.approx(65_536, rel=1e-9)
    assert absorbed / ordinary == pytest.approx(4.25, rel=1e-9)
    # The claimed 500 is that of expanding every cached token anew in each step.
    assert naive / ordinary == pytest.approx(513.25, rel=1e-6)
    assert per_cached_token_layer(latent, "kv_read_bytes") == pytest.approx(1152, rel=1e-9)


def two_tiers(precision: Precision, dram_bytes: float, *, compute: float = 1e18, **modelling: Any) -> float:
    """Tokens per second of Llama-3-8B on 512 GB/s of DRAM beside 14 GB/s of flash; nothing else binds."""
    asked = Request(model("llama-3-8b"), CONTEXT - 1, 2, 1, precision)
    constants = {"flash_bytes_per_s_per_byte": 14e9 / 256e9, "sram_bytes_per_s_per_byte": 1e12}
    how = Modelling(sram_residency=False, launch_overhead_s=0.0, **modelling)
    of = scenario([asked], Technology(flash_kind="nvme", constants=constants), Deployment(), how)
    columns = design(
        dram_bytes_per_s=512e9, compute_flop_per_s=compute, sram_bytes=1e18, dram_bytes=dram_bytes, flash_bytes=256e9
    )
    found = factors(columns, of)
    assert float(np.asarray(found["missing_bytes.0"]).reshape(-1)[0]) == 0
    return 1 / float(np.asarray(found["decode_s.0"]).reshape(-1)[0])


def test_insight_4_int4_with_flash() -> None:
    footprint = flat_scenario(request("llama-3-8b", prompt=CONTEXT - 1)).workloads[0].footprint_bytes
    spilled = sum(footprint.values()) - footprint["embedding"] - 1.40e9
    # LLM-Para prices all layers at the slowest tier: 13.96 GB (no LM head, no cache) at 14 GB/s, or at 512 GB/s.
    projections = ("qkv_proj", "o_proj", "up_gate", "down")
    rows = decode(model("llama-3-8b"), FP16, batch=1, context_tokens=CONTEXT, fusion=())
    layers = sum(row.count * row.weight_bytes for row in rows if row.name in projections)
    assert 14e9 / layers == pytest.approx(1.003, abs=1e-3)
    assert 512e9 / (layers / 4) == pytest.approx(146.7, abs=0.1)
    # Each tier prices its own bytes, one after the other; in INT4 everything fits the DRAM.
    turns: dict[str, Any] = {"overlap": "none", "flash_path": "direct"}
    wide, narrow = two_tiers(FP16, spilled, **turns), two_tiers(INT4, spilled, **turns)
    assert wide == pytest.approx(7.8, abs=0.1)
    assert narrow == pytest.approx(127.0, abs=0.5)
    assert narrow / wide == pytest.approx(16.2, abs=0.1)
    # Reading the input embedding table in full and the cache, as the claim's own sum does, makes it 119.
    assert 512e9 / (8.030e9 / 2 + footprint["kv_cache"]) == pytest.approx(119.5, abs=0.5)
    # Tiers that work at the same time, and 16 GB filled so that only embedding rows are left to flash.
    assert two_tiers(FP16, spilled) == pytest.approx(9.95, abs=0.02)
    assert footprint["embedding"] > sum(footprint.values()) - 16e9 > 0
    assert two_tiers(FP16, 16e9) == pytest.approx(33.5, abs=0.05)
    assert two_tiers(INT4, 16e9) / two_tiers(FP16, 16e9) == pytest.approx(3.8, abs=0.05)


def speed(gb_per_s: float, tflop_per_s: float, precision: Precision = FP16) -> float:
    of = flat_scenario(request("llama-3-8b", prompt=CONTEXT - 1, precision=precision))
    columns = design(dram_bytes_per_s=gb_per_s * 1e9, compute_flop_per_s=tflop_per_s * 1e12)
    return evaluated(columns, of)["decode_tokens_per_s"]


def test_insight_5_the_near_memory_sweet_spot_is_a_bandwidth() -> None:
    assert speed(305, 20) < 20 < speed(306, 20)
    for tflop_per_s in (2, 5, 500):  # compute does not matter
        assert speed(306, tflop_per_s) == pytest.approx(speed(306, 20), rel=1e-4)
    assert speed(306, 0.3) < 0.95 * speed(306, 2)  # until there is next to none
    assert speed(612, 20) == pytest.approx(2 * speed(306, 20), rel=1e-4)
    # INT4 needs about a quarter, unless unpacking weights on slow vector units takes longer than reading them.
    assert speed(80, 20, INT4) < 20 < speed(81, 20, INT4)
    assert speed(2000, 5, INT4) == pytest.approx(speed(1000, 5, INT4), rel=0.01)
    assert speed(1000, 5, INT4) < 0.1 * speed(1000, 100, INT4)
    step = decode(model("llama-3-8b"), FP16, batch=1, context_tokens=CONTEXT)
    assert 20 * step.total("compulsory_bytes") / 1e9 == pytest.approx(305.6, abs=0.1)
    assert 20 * step.total("flop") / 1e12 == pytest.approx(0.32, abs=0.005)


def test_time_on_the_a6000_sums_to_the_analysis() -> None:
    """The rows of the table are those of the product: without fusion its layers and its total are the same."""
    machine, place = on_a6000()
    how = replace(PLAIN, fusion=("softmax",))
    whole = analyze(model("llama-2-7b"), A6000, prompt_tokens=CONTEXT, context_tokens=CONTEXT, modelling=how)
    for phase in whole.phases:
        rows = ours()[phase.phase]
        assert {row.name for row in phase.operators} == set(rows)
        by_hand = sum(row.count * seconds(rows[row.name], machine, place) for row in phase.operators)
        assert phase.time_s == pytest.approx(by_hand, rel=1e-12)
