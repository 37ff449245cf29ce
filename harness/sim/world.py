"""The heap of virtual time. Everything that happens in a simulation is an entry ``(time, sequence, call)``.

No real time, no threads, no sockets. The order is total: equal times are ordered by sequence, which counts
pushes. The rolling hash takes in every step's time and sequence: two executions of one seed agree on it up to
their first divergence, and each trace line carries it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from typing import Any, BinaryIO, Protocol

import msgspec

from checkers.record import TraceEvent
from harness.streams import MASK, Streams

HASH_FACTOR = 1_000_003
FLUSH_LINES = 4096

Observer = Callable[[int, int, str, str, dict[str, Any]], None]


class Finite(Protocol):
    """Something that will be done."""

    @property
    def done(self) -> bool: ...


class World:
    """Virtual time, in integer ns from 0. ``observe`` sees each trace event: (index, time, node, kind, data)."""

    def __init__(self, streams: Streams, trace: BinaryIO | None, observers: list[Observer]) -> None:
        self.streams = streams
        self.time = 0
        self.steps = 0
        self.hash = 0
        self.delivered = 0
        """messages handed to a node or a client"""
        self._sequence = 0
        self._heap: list[tuple[int, int, Callable[[Any, Any], None], Any, Any]] = []
        self._trace = trace
        self._lines: list[bytes] = []
        self._traced = 0
        self._encode = msgspec.json.Encoder().encode
        self._observers = observers

    def at(self, time: int, call: Callable[[Any, Any], None], a: Any = None, b: Any = None) -> None:
        """Have ``call(a, b)`` happen at ``time``, after everything already planned for that time."""
        self._sequence = sequence = self._sequence + 1
        heappush(self._heap, (time, sequence, call, a, b))

    def planned(self) -> Iterator[Callable[[Any, Any], None]]:
        """The calls still to come, in no order that means anything."""
        return (entry[2] for entry in self._heap)

    def run(self, main: Finite) -> None:
        """Take steps until ``main`` is done. An empty heap before that is a deadlock: RuntimeError."""
        heap = self._heap
        while not main.done:
            if not heap:
                raise RuntimeError(f"deadlock at {self.time} ns: nothing is left to happen")
            self.time, sequence, call, a, b = heappop(heap)
            self.steps += 1
            self.hash = (self.hash * HASH_FACTOR ^ self.time ^ sequence) & MASK
            call(a, b)

    def trace(self, node: str, kind: str, data: dict[str, Any]) -> None:
        """One line of trace.jsonl."""
        index = self._traced
        self._traced = index + 1
        for observe in self._observers:
            observe(index, self.time, node, kind, data)
        if self._trace is not None:
            event = TraceEvent(index, self.time, node, kind, data, self.steps, self.hash)
            self._lines.append(self._encode(event))
            if len(self._lines) >= FLUSH_LINES:
                self.flush()

    def flush(self) -> None:
        if self._trace is not None and self._lines:
            self._lines.append(b"")
            self._trace.write(b"\n".join(self._lines))
            self._lines = []
