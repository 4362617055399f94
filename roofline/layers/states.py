"""Widths of what layers keep besides a KV cache."""

from __future__ import annotations

STATE_BYTES_PER_ELEMENT = 4.0
"""Recurrent states are kept in FP32 by every published implementation."""

CONV_BYTES_PER_ELEMENT = 2.0
"""The last inputs of a convolution are kept in 16 bit."""
