"""A closed load: so many requests outstanding, each followed by the next, for so many seconds."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple


class Measured(NamedTuple):
    count: int
    seconds: float
    latencies: list[float]
    """seconds, sorted"""

    @property
    def rate(self) -> float:
        return self.count / self.seconds


def percentile(sorted_values: list[float], percent: int) -> float:
    return sorted_values[len(sorted_values) * percent // 100] if sorted_values else float("nan")


class Load:
    """Counts from the first request on. ``first``: the number of the first request."""

    def __init__(self, seconds: float, first: int = 0) -> None:
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._begun = time.perf_counter()
        self._until = self._begun + seconds
        self._number = first
        self._open: dict[int, float] = {}
        self._latencies: list[float] = []
        self._ended = self._until

    def begin(self, slot: int) -> int:
        """A request of ``slot`` leaves; its number."""
        self._number += 1
        self._open[slot] = time.perf_counter()
        return self._number

    def done(self, slot: int) -> bool:
        """Its reply is there; whether it goes on."""
        now = time.perf_counter()
        self._latencies.append(now - self._open.pop(slot))
        if now < self._until:
            return True
        self._ended = now
        if not self._open and not self.finished.done():
            self.finished.set_result(None)
        return False

    def measured(self) -> Measured:
        return Measured(len(self._latencies), self._ended - self._begun, sorted(self._latencies))
