"""Precisions as people write them: ``w4a16kv8``, or by format, ``w=int4,a=fp16,kv=fp8,lm_head=fp16``."""

from __future__ import annotations

import re

from dse.errors import StudyError, did_you_mean, listed, shown
from roofline.precision import WEIGHT_GROUPS, Precision, formats

EXAMPLES = '"w4a16kv8" (bits) or "w=int4,a=fp16,kv=fp8" (formats)'
_WIDTH = r"(\d{1,2}(?:\.\d{1,2})?)"
_BITS = re.compile(rf"w{_WIDTH}a{_WIDTH}(?:kv{_WIDTH})?")
_NAMES = {"w": "weights", "a": "activations", "kv": "kv_cache"}
_BY_BITS = {"32": "fp32", "16": "fp16", "1.58": "ternary"}


def bits_formats() -> dict[str, str]:
    """Return the format that a width in bits means: floats at 32 and 16 bits, integers below."""
    known = formats()
    integers = {name[3:]: name for name in known if re.fullmatch(r"int\d+", name)}
    return {**integers, **{bits: name for bits, name in _BY_BITS.items() if name in known}}


def precision_of(text: str) -> Precision:
    """Return the precision a text means.

    Parameters
    ----------
    text : str
        Bits of weights, activations and KV cache, ``w4a16kv8`` (without kv: as the activations); or formats by name,
        ``w=int4,a=fp16,kv=fp8`` (fp16 where one is left out). Either may be followed by weights of a group in a format
        of their own, ``w4a16kv8,lm_head=fp16``.

    Raises
    ------
    StudyError
        If it means none.
    """
    parts = "".join(text.split()).casefold().split(",")
    chosen: dict[str, str] = {}
    if match := _BITS.fullmatch(parts[0]):
        weights, activations, kv = match.groups()
        widths = (weights, activations, kv or activations)
        chosen = {field: _of_bits(bits) for field, bits in zip(_NAMES.values(), widths, strict=True)}
        parts = parts[1:]
    groups: dict[str, str] = {}
    for part in parts:
        key, equals, name = part.partition("=")
        field = _NAMES.get(key, key)
        known = chosen if field in _NAMES.values() else groups
        if not equals or field not in (*_NAMES.values(), *WEIGHT_GROUPS) or field in known:
            raise StudyError(f"--precision: expected {EXAMPLES}, got {shown(text)}")
        if name not in formats():
            guess = did_you_mean(name, formats()) or f"; known: {listed(list(formats()), 40)}"
            raise StudyError(f"--precision: there is no number format {shown(name)}{guess}")
        known[field] = name
    weights, activations, kv = (chosen.get(field, "fp16") for field in _NAMES.values())
    return Precision(weights, activations, kv, tuple(groups.items()))


def _of_bits(bits: str) -> str:
    known = bits_formats()
    if bits not in known:
        widths = ", ".join(sorted(known, key=float))
        raise StudyError(
            f"--precision: there is no format of {bits} bits; bits: {widths}; or name one, as w=q4_0,a=fp16"
        )
    return known[bits]


def precision_text(precision: Precision) -> str:
    """Return a precision as `precision_of` reads it."""
    groups = "".join(f",{group}={name}" for group, name in precision.groups)
    return f"w={precision.weights},a={precision.activations},kv={precision.kv_cache}{groups}"
