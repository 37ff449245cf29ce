"""The network of a live cluster: the harness carries every message between nodes.

A frame is judged where it arrives: a link that is cut then refuses it, so frames in flight are lost too, as
behind a firewall rule. Rules may lose, delay, hold back and double frames, as in simulation.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Literal

import msgspec

from harness.live.wires import US, Wire, Wires, bend
from harness.streams import Stream, Streams


class Latency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ordinary one-way delay of every link between nodes, in microseconds, beside what pipes take.

    ``dist``: ``constant`` (mean), ``uniform`` (from min to 2 * mean - min), ``exponential`` (min plus an
    exponential of mean - min).
    """

    dist: Literal["constant", "uniform", "exponential"] = "constant"
    mean_us: int = 0
    min_us: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.min_us <= self.mean_us:
            raise ValueError("expected 0 <= min_us <= mean_us")

    def draw(self, stream: Stream) -> int:
        """One delay in microseconds."""
        spread = self.mean_us - self.min_us
        if self.dist == "constant" or not spread:
            return self.mean_us
        if self.dist == "uniform":
            return self.min_us + stream.below(2 * spread + 1)
        return self.min_us + int(-math.log((stream.bits() + 1) / 2**64) * spread)


class Network(Wires):
    """Carries lines from node to node. ``deliver(node, line)`` is the far end.

    Lines have no checksum by which a node could tell a damaged one: a rule that damages them loses them.
    """

    def __init__(self, latency: Latency, streams: Streams, deliver: Callable[[str, bytes], None]) -> None:
        super().__init__(streams)
        self._latency = latency
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self.in_flight = 0
        """frames that are delayed and have not arrived yet"""

    def send(self, src: str, dst: str, line: bytes) -> None:
        wire = self.wire((src, dst))
        delay = self._latency.draw(wire.stream) if self._latency.mean_us else 0
        copies = 1
        if wire.rules:
            delay, copies, corrupt = bend(wire, delay, len(line), int(self._loop.time() * US))
            if corrupt:
                return
        for copy in range(copies):
            # a double comes some time after its original
            after = delay + wire.stream.below(delay + 1) if copy else delay
            if after:
                self.in_flight += 1
                self._loop.call_later(after / US, self._land, wire, line)
            else:
                self._arrive(wire, line)

    def _land(self, wire: Wire, line: bytes) -> None:
        self.in_flight -= 1
        self._arrive(wire, line)

    def _arrive(self, wire: Wire, line: bytes) -> None:
        if wire.cuts:
            wire.count.refused += 1
        else:
            wire.count.delivered += 1
            self._deliver(wire.dst, line)
