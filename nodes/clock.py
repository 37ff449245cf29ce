"""A node's clocks: the only module of the nodes that reads time.

The harness sets how wrong they are: an offset of the wall clock and a rate error of both clocks. Setting the
rate never makes the monotonic clock jump; setting the offset makes the wall clock jump, as clocks do.
"""

from __future__ import annotations

import time

from nodes.kernel import Now

MILLION = 1_000_000


class Clock:
    """Clocks in integer ns. ``rate_ppm``: how much faster than real time they run, in parts per million."""

    __slots__ = ("_mono_at", "_rate", "_real_at", "_wall_at", "offset_ns", "rate_ppm")

    def __init__(self) -> None:
        self._mono_at = time.monotonic_ns()
        self.set(0, 0)

    def set(self, offset_ns: int, rate_ppm: int) -> None:
        """The wall clock is ``offset_ns`` ahead of real time now, and drifts on from there.

        Raises ValueError for a rate at which the clock would stand still or run back.
        """
        if rate_ppm <= -MILLION:
            raise ValueError(f"rate_ppm must be larger than -{MILLION}")
        if hasattr(self, "_rate"):
            self._mono_at = self.now().monotonic_ns
        self._real_at = time.monotonic_ns()
        self._wall_at = time.time_ns() + offset_ns
        self._rate = MILLION + rate_ppm
        self.offset_ns = offset_ns
        self.rate_ppm = rate_ppm

    def now(self) -> Now:
        return self._at(time.monotonic_ns())

    def _at(self, real_ns: int) -> Now:
        passed = real_ns - self._real_at
        if self._rate != MILLION:
            passed = passed * self._rate // MILLION
        return Now(self._mono_at + passed, self._wall_at + passed)

    def seconds(self, delay_ns: int) -> float:
        """How long, in real seconds, this clock takes to advance by ``delay_ns``."""
        return delay_ns * MILLION / self._rate / 1e9

    def reading(self) -> dict[str, int]:
        """Both clocks, and the machine's own at the same moment to compare them with."""
        real_mono, real_wall = time.monotonic_ns(), time.time_ns()
        now = self._at(real_mono)
        return {
            "monotonic_ns": now.monotonic_ns,
            "wall_ns": now.wall_ns,
            "real_monotonic_ns": real_mono,
            "real_wall_ns": real_wall,
        }


def real_ns() -> int:
    """The machine's CLOCK_MONOTONIC: one axis for the traces of all nodes of a machine."""
    return time.monotonic_ns()


def wall_ns() -> int:
    """The machine's wall clock, for the lines of a log."""
    return time.time_ns()
