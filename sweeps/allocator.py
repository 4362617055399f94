"""Memory that a sweep gives back thousands of times a second is kept by the process instead of the system."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_KEPT_BYTES = 256 << 20
_LARGEST_KEPT_BLOCK = 32 << 20  # the most glibc allows


def keep_freed_memory() -> bool:
    """Let glibc keep up to 256 MiB of freed memory; return whether it agreed.

    Every block of a grid allocates and frees a few hundred arrays of 256 KiB. By default glibc hands the top of its
    heap back to the system each time and takes the page faults again: measured, two thirds of the time of `evaluate`.
    Other allocators (musl, macOS, Windows) are left as they are.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES) and mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT_BLOCK))
