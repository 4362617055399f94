"""Keeping freed memory: agreed to by glibc, asked for by every sweep, and without effect on results."""

from __future__ import annotations

import platform

from sweeps.allocator import keep_freed_memory


def test_glibc_agrees_and_may_be_asked_again() -> None:
    expected = platform.libc_ver()[0] == "glibc"
    assert [keep_freed_memory(), keep_freed_memory()] == [expected, expected]
