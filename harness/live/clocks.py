"""Clocks of nodes as the nodes themselves read them."""

from __future__ import annotations

import msgspec


class Reading(msgspec.Struct):
    """The body of splitbrain_clock_ok."""

    monotonic_ns: int
    wall_ns: int
    real_monotonic_ns: int
    real_wall_ns: int


def error_of_clock(before: Reading | None, now: Reading) -> tuple[int, int]:
    """Offset in ns and rate error in ppm, from two readings since the clock was set."""
    offset = now.wall_ns - now.real_wall_ns
    if before is None or now.real_monotonic_ns <= before.real_monotonic_ns:
        return offset, 0
    real = now.real_monotonic_ns - before.real_monotonic_ns
    ahead = (now.monotonic_ns - before.monotonic_ns) - real
    return offset, (2 * ahead * 1_000_000 + real) // (2 * real)
