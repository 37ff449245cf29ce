"""A node's clocks in simulation: a wall offset, and a rate error of both clocks. Integers only."""

from __future__ import annotations

from nodes.kernel import Now

MILLION = 1_000_000
WALL_EPOCH_NS = 1_700_000_000 * 1_000_000_000
"""the wall time at the start of every simulated run"""


class SimClock:
    __slots__ = ("_local", "_since", "offset_ns", "rate_ppm")

    def __init__(self) -> None:
        self._since = 0
        self._local = 0
        self.offset_ns = 0
        self.rate_ppm = 0

    def monotonic(self, time: int) -> int:
        """The node's monotonic clock when the world's time is ``time``."""
        elapsed = time - self._since
        return self._local + elapsed + elapsed * self.rate_ppm // MILLION

    def read(self, time: int) -> Now:
        elapsed = time - self._since
        monotonic = self._local + elapsed
        if self.rate_ppm:
            monotonic += elapsed * self.rate_ppm // MILLION
        return Now(monotonic, WALL_EPOCH_NS + monotonic + self.offset_ns)

    def set(self, time: int, offset_ns: int, rate_ppm: int) -> None:
        """The monotonic clock never jumps; it changes its rate from now on."""
        assert rate_ppm > -MILLION, "a monotonic clock does not stand still"
        self._local, self._since = self.monotonic(time), time
        self.offset_ns, self.rate_ppm = offset_ns, rate_ppm

    def to_world(self, duration_ns: int) -> int:
        """How long a duration on this clock lasts in the world."""
        if not self.rate_ppm:
            return duration_ns
        return duration_ns * MILLION // (MILLION + self.rate_ppm)
