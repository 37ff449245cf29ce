"""The network of a live cluster: the harness carries every message between nodes.

A frame is judged where it arrives: a link that is cut then refuses it, so frames in flight are lost too, as
behind a firewall rule. Rules may lose, delay, hold back and double frames, as in simulation.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from harness.streams import Stream, Streams
from nemeses.port import Link, LinkCount, LinkRule


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


class _Wire:
    """One directed link."""

    __slots__ = ("count", "cuts", "dst", "rules", "stream")

    def __init__(self, dst: str, stream: Stream) -> None:
        self.dst = dst
        self.stream = stream
        self.count = LinkCount()
        self.cuts = 0
        self.rules: tuple[LinkRule, ...] = ()


class Network:
    """Carries lines from node to node. ``deliver(node, line)`` is the far end."""

    def __init__(self, latency: Latency, streams: Streams, deliver: Callable[[str, bytes], None]) -> None:
        self._latency = latency
        self._streams = streams
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._wires: dict[Link, _Wire] = {}
        self._handles: dict[int, tuple[list[_Wire], LinkRule | None]] = {}
        self._last_handle = 0
        self.in_flight = 0
        """frames that are delayed and have not arrived yet"""

    def send(self, src: str, dst: str, line: bytes) -> None:
        wire = self._wire((src, dst))
        delay = self._latency.draw(wire.stream) if self._latency.mean_us else 0
        copies = 1
        if wire.rules:
            delay, copies = _bend(wire, delay)
        for copy in range(copies):
            # a double comes some time after its original
            after = delay + wire.stream.below(delay + 1) if copy else delay
            if after:
                self.in_flight += 1
                self._loop.call_later(after / 1e6, self._land, wire, line)
            else:
                self._arrive(wire, line)

    def cut(self, links: Iterable[Link]) -> int:
        wires = [self._wire(link) for link in links]
        for wire in wires:
            wire.cuts += 1
        return self._handle(wires, None)

    def shape(self, links: Iterable[Link], rule: LinkRule) -> int:
        wires = [self._wire(link) for link in links]
        for wire in wires:
            wire.rules = (*wire.rules, rule)
        return self._handle(wires, rule)

    def release(self, handle: int) -> None:
        wires, rule = self._handles.pop(handle)
        for wire in wires:
            if rule is None:
                wire.cuts -= 1
            else:
                rules = list(wire.rules)
                rules.remove(rule)
                wire.rules = tuple(rules)

    def counts(self) -> dict[Link, LinkCount]:
        """A copy: counters of every link that has carried a frame."""
        return {
            link: LinkCount(w.count.delivered, w.count.refused, w.count.altered)
            for link, w in sorted(self._wires.items())
        }

    def _wire(self, link: Link) -> _Wire:
        found = self._wires.get(link)
        if found is None:
            found = self._wires[link] = _Wire(link[1], self._streams.stream("link", ">".join(link)))
        return found

    def _handle(self, wires: list[_Wire], rule: LinkRule | None) -> int:
        self._last_handle += 1
        self._handles[self._last_handle] = (wires, rule)
        return self._last_handle

    def _land(self, wire: _Wire, line: bytes) -> None:
        self.in_flight -= 1
        self._arrive(wire, line)

    def _arrive(self, wire: _Wire, line: bytes) -> None:
        if wire.cuts:
            wire.count.refused += 1
        else:
            wire.count.delivered += 1
            self._deliver(wire.dst, line)


def _bend(wire: _Wire, delay_us: int) -> tuple[int, int]:
    """What the wire's rules make of a frame: its delay in microseconds, and how many copies arrive."""
    draw = wire.stream
    copies, altered = 1, False
    for rule in wire.rules:
        if rule.loss_ppm and draw.chance(rule.loss_ppm):
            wire.count.altered += 1
            return 0, 0
        extra = rule.delay_us + (draw.below(rule.jitter_us + 1) if rule.jitter_us else 0)
        if rule.reorder_ppm and draw.chance(rule.reorder_ppm):
            extra += 1 + draw.below(max(rule.reorder_us_max, 1))
        if rule.duplicate_ppm and draw.chance(rule.duplicate_ppm):
            copies += 1
            altered = True
        altered = altered or extra > 0
        delay_us += extra
    wire.count.altered += altered
    return delay_us, copies
