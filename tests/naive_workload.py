"""The slow naive twin, first half: number formats, the model's bytes, and a pass as kernels launched one by one.

Plain Python numbers; nothing here calls the product. Where the fast path merges equal operators into a table, this
walks through every layer and launches kernel after kernel.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

SIXTEEN_BIT = 2  # norms and biases

# --- number formats -------------------------------------------------------------------------------------------------

FORMATS: dict[str, dict[str, str]] = {
    row["format"]: row
    for row in csv.DictReader((files("roofline") / "data" / "formats.csv").read_text(encoding="utf8").splitlines())
}

ELEMENT = {"int3": "int4", "int2": "int4", "q4_0": "int4", "q8_0": "int8"} | {
    "mxfp8": "fp8", "mxfp4": "fp4", "nvfp4": "fp4",
}  # fmt: skip
"""What a stored format is unpacked to, where that is not itself."""

WIDER = {
    "fp4": ("fp6", "fp8", "fp16", "bf16", "tf32", "fp32"),
    "fp6": ("fp8", "fp16", "bf16", "tf32", "fp32"),
    "fp8": ("fp16", "bf16", "tf32", "fp32"),
    "fp16": ("tf32", "fp32"),
    "bf16": ("tf32", "fp32"),
    "tf32": ("fp32",),
    "fp32": (),
    "int4": ("int8", "fp8", "fp16", "bf16", "tf32", "fp32"),  # fp8 holds -8 ... 7 exactly
    "int8": ("fp16", "bf16", "tf32", "fp32"),
}
"""Formats that hold every value of a format, narrowest first."""


def width(name: str) -> float:
    """Bytes of a stored element, scales included."""
    return float(FORMATS[name]["bits"]) / 8


def product_format(one: str, other: str) -> str:
    """The format in which stored operands are multiplied: the activations' for weight-only quantization."""
    a, b = ELEMENT.get(one, one), ELEMENT.get(other, other)
    if a == b:
        return a
    if {a, b} == {"bf16", "fp16"}:
        return "tf32"  # the mantissa of the one and the exponent of the other
    if {a, b} == {"tf32", "fp32"}:
        return "fp32"
    narrow, wide = sorted((a, b), key=width)
    if narrow.startswith("int") == wide.startswith("int"):
        return wide
    if narrow.startswith("int") and width(wide) >= 2 * width(narrow):
        return wide  # a float of twice the bits holds the integer
    return "fp16"


def chip_format(name: str, available: Sequence[str]) -> str:
    """The format a chip computes in: the wanted one or the next wider one that it has; fp32 always runs."""
    for candidate in (name, *WIDER[name]):
        if candidate in available or candidate == "fp32":
            return candidate
    raise AssertionError(name)


# --- the model ------------------------------------------------------------------------------------------------------


def weight_bytes(model: Any, precision: Any) -> dict[str, float]:
    """Bytes of the matrices, norms and biases read in full, and of the tables of which rows are gathered."""
    w = width(precision.weights)
    dense = 0.0
    for kind in model.layers:
        a, m = kind.attention, kind.mlp
        for _ in range(kind.count):
            for heads in (a.heads, a.kv_heads, a.kv_heads):  # Q, K, V
                dense += model.hidden * heads * a.head_dim * w
                dense += heads * a.head_dim * SIXTEEN_BIT if a.qkv_bias else 0
            dense += a.heads * a.head_dim * model.hidden * w  # output
            dense += model.hidden * SIXTEEN_BIT if a.output_bias else 0
            dense += a.qk_norm_parameters * SIXTEEN_BIT
            for _projection in range(2 if m.gated else 1):  # up, gate
                dense += model.hidden * m.intermediate * w
                dense += m.intermediate * SIXTEEN_BIT if m.bias else 0
            dense += m.intermediate * model.hidden * w  # down
            dense += model.hidden * SIXTEEN_BIT if m.bias else 0
            dense += model.norm_parameters * SIXTEEN_BIT  # before attention
            dense += 0 if kind.parallel else model.norm_parameters * SIXTEEN_BIT  # before the MLP
    dense += model.norm_parameters * SIXTEEN_BIT
    dense += model.vocabulary * model.hidden * w  # LM head; a tied one is the token table too
    dense += model.vocabulary * SIXTEEN_BIT if model.head_bias else 0
    tables = model.learned_positions * model.hidden * w
    tables += 0 if model.tied_embeddings else model.vocabulary * model.hidden * w
    return {"dense": dense, "embedding": tables}


def seen_tokens(attention: Any, context: float) -> float:
    """Cached tokens that a new token attends to."""
    return context if attention.window is None else min(context, attention.window)


def kv_bytes(model: Any, precision: Any, context: float) -> float:
    """KV cache of one sequence."""
    total = 0.0
    for kind in model.layers:
        for _ in range(kind.count):
            per_token = 2 * kind.attention.kv_heads * kind.attention.head_dim * width(precision.kv_cache)
            total += per_token * seen_tokens(kind.attention, context)
    return total


# --- one forward pass, kernel by kernel -----------------------------------------------------------------------------


class Kernel:
    """What one launch does: matrix FLOP, elementwise work, and bytes by class before any re-reading."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.flop = 0.0
        self.format = "fp16"
        self.vector = 0.0
        self.weights = {"dense": 0.0, "embedding": 0.0}
        self.reads = 0.0
        self.writes = 0.0
        self.kv_reads = 0.0
        self.kv_writes = 0.0
        self.gemm: dict[str, float] | None = None
        self.rows: dict[str, float] | None = None


class Pass:
    """The kernels of a prefill (`causal`) or of one decode step, in the order they are launched."""

    def __init__(
        self,
        request: Any,
        modelling: Any,
        unpack_ops: float,
        accumulator: float,
        tokens: float,
        contexts: Sequence[float],
        causal: bool,
    ) -> None:
        self.model, self.precision, self.fusion = request.model, request.precision, modelling.fusion
        self.unpack_ops, self.accumulator = unpack_ops, accumulator
        self.sequences, self.tokens, self.contexts, self.causal = request.batch, tokens, contexts, causal
        self.a = width(self.precision.activations)
        self.kernels: list[Kernel] = []
        self.embed()
        for kind in self.model.layers:
            for _ in range(kind.count):
                self.layer(kind)
        head = self.matmul("lm_head", self.sequences, self.model.vocabulary, self.model.hidden, self.model.head_bias)
        self.norm(head, "norm_final", self.sequences)
        self.kernels.append(head)

    def embed(self) -> None:
        kernel = Kernel("embedding")
        elements = self.sequences * self.tokens * self.model.hidden
        where = "dense" if self.model.tied_embeddings else "embedding"
        kernel.weights[where] += elements * width(self.precision.weights)
        if self.model.learned_positions:
            kernel.weights[where] += elements * width(self.precision.weights)
            kernel.vector += elements
        kernel.writes = elements * self.a
        self.kernels.append(kernel)

    def matmul(self, name: str, m: float, n: float, k: float, bias: bool) -> Kernel:
        kernel = Kernel(name)
        w = width(self.precision.weights)
        kernel.format = product_format(self.precision.weights, self.precision.activations)
        kernel.flop = 2 * m * n * k
        kernel.weights["dense"] = n * k * w + (n * SIXTEEN_BIT if bias else 0)
        kernel.reads, kernel.writes = m * k * self.a, m * n * self.a
        kernel.gemm = {"mnk": m * n * k, "widths": self.a * w * self.accumulator}
        if w < width(kernel.format):
            kernel.vector = self.unpack_ops * n * k
        return kernel

    def beside(self, group: str, host: Kernel, name: str, ops: float, reads: float, writes: float, params: int) -> None:
        """An elementwise step: part of `host` when its group is fused (moving no activations), else its own kernel."""
        if group in self.fusion:
            target = host
        else:
            target = Kernel(name)
            target.reads, target.writes = reads * self.a, writes * self.a
            self.kernels.append(target)
        target.vector += ops
        target.weights["dense"] += params * SIXTEEN_BIT

    def norm(self, host: Kernel, name: str, tokens: float) -> None:
        elements = tokens * self.model.hidden
        self.beside("norm", host, name, 4 * elements, elements, elements, self.model.norm_parameters)

    def residual(self, host: Kernel, name: str) -> None:
        elements = self.sequences * self.tokens * self.model.hidden
        self.beside("residual", host, name, elements, 2 * elements, elements, 0)

    def layer(self, kind: Any) -> None:
        attention, mlp, hidden, tokens = kind.attention, kind.mlp, self.model.hidden, self.sequences * self.tokens
        q, kv = attention.heads * attention.head_dim, 2 * attention.kv_heads * attention.head_dim
        qkv = self.matmul("qkv_proj", tokens, q + kv, hidden, attention.qkv_bias)
        qkv.writes = tokens * q * self.a
        qkv.kv_writes = tokens * kv * width(self.precision.kv_cache)
        self.norm(qkv, "norm_attn", tokens)
        self.kernels.append(qkv)
        q_and_k = tokens * (attention.heads + attention.kv_heads) * attention.head_dim
        if attention.qk_norm_parameters:
            self.beside("norm", qkv, "qk_norm", 4 * q_and_k, q_and_k, q_and_k, attention.qk_norm_parameters)
        if attention.rotary:
            self.beside("rope", qkv, "rope", 3 * q_and_k, q_and_k, q_and_k, 0)
        self.attend(attention)
        out = self.matmul("o_proj", tokens, hidden, q, attention.output_bias)
        self.kernels.append(out)
        if not kind.parallel:
            self.residual(out, "residual_attn")
        self.feed_forward(kind, mlp, hidden, tokens)

    def attend(self, attention: Any) -> None:
        """QK, softmax, AV: fused into one kernel that reads K and V once each, or with the scores in memory."""
        seen = sum(seen_tokens(attention, context) for context in self.contexts) / len(self.contexts)
        tokens = self.sequences * self.tokens
        if self.causal:
            full = self.tokens - seen  # queries that see a whole window
            pairs = self.sequences * (seen * (seen + 1) / 2 + full * seen)
            cached = tokens
        else:
            pairs = cached = self.sequences * seen
        one_cache = cached * attention.kv_heads * attention.head_dim  # elements of K, and of V
        q_bytes = tokens * attention.heads * attention.head_dim * self.a
        format_ = product_format(self.precision.activations, self.precision.kv_cache)
        unpack = self.unpack_ops * one_cache if width(self.precision.kv_cache) < width(format_) else 0.0
        group = attention.heads / attention.kv_heads
        halves = []
        for name in ("attention_qk", "attention_av"):
            half = Kernel(name)
            half.format = format_
            half.flop = 2 * attention.heads * attention.head_dim * pairs
            half.kv_reads = one_cache * width(self.precision.kv_cache)
            half.vector = unpack
            if self.causal:
                half.rows = {
                    "tokens": self.tokens,
                    "row_bytes": group * attention.head_dim * (self.a + self.accumulator),
                    "window": seen if attention.window is not None else self.tokens,
                }
            halves.append(half)
        scores = attention.heads * pairs
        softmax = Kernel("softmax")
        softmax.vector = 5 * scores
        softmax.reads = softmax.writes = scores * self.a
        qk, av = halves
        qk.reads, av.writes = q_bytes, q_bytes
        qk.writes = av.reads = scores * self.a
        if "attention" not in self.fusion:
            self.kernels += [qk, softmax, av]
            return
        fused = Kernel("attention")
        fused.format, fused.rows = format_, qk.rows
        fused.flop = qk.flop + av.flop
        fused.vector = qk.vector + softmax.vector + av.vector
        fused.kv_reads = qk.kv_reads + av.kv_reads
        fused.reads, fused.writes = qk.reads, av.writes
        self.kernels.append(fused)

    def feed_forward(self, kind: Any, mlp: Any, hidden: int, tokens: float) -> None:
        projections = 2 if mlp.gated else 1
        up = self.matmul("up", tokens, projections * mlp.intermediate, hidden, mlp.bias)
        if not kind.parallel:
            self.norm(up, "norm_mlp", tokens)
        self.kernels.append(up)
        elements = tokens * mlp.intermediate
        ops = (5 if mlp.gated else 4) * elements
        self.beside("swiglu", up, "activation", ops, projections * elements, elements, 0)
        if "swiglu" in self.fusion:
            up.writes = elements * self.a
        down = self.matmul("down", tokens, hidden, mlp.intermediate, mlp.bias)
        self.kernels.append(down)
        self.residual(down, "residual_mlp")


def both_passes(request: Any, modelling: Any, unpack_ops: float, accumulator: float) -> tuple[Pass, Pass]:
    """The prefill of a request's prompts, and its mean decode step: the second to the last token of the output."""
    prompt, output = request.prompt_tokens, request.output_tokens
    return (
        Pass(request, modelling, unpack_ops, accumulator, prompt, [prompt], causal=True),
        Pass(request, modelling, unpack_ops, accumulator, 1, range(prompt + 1, prompt + output), causal=False),
    )


def footprint(request: Any, modelling: Any) -> dict[str, float]:
    """Bytes of each class that have to live somewhere, when the last token comes."""
    prefill, decode = both_passes(request, modelling, 0.0, 4.0)
    live = max(kernel.reads + kernel.writes for kernel in prefill.kernels + decode.kernels)
    cache = request.batch * kv_bytes(request.model, request.precision, request.prompt_tokens + request.output_tokens)
    return {"activations": live, "kv_cache": cache, **weight_bytes(request.model, request.precision)}
