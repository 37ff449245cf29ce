"""What is done to the directed links of a live cluster, whoever carries their frames: cuts, rules, counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from harness.streams import Stream, Streams
from nemeses.port import Link, LinkCount, LinkRule

US = 1_000_000


class Links(Protocol):
    """The network between the nodes, as their cluster sees it."""

    in_flight: int
    """frames that are delayed and have not arrived yet"""

    def cut(self, links: Iterable[Link]) -> int: ...
    def shape(self, links: Iterable[Link], rule: LinkRule) -> int: ...
    def release(self, handle: int) -> None: ...
    def counts(self) -> dict[Link, LinkCount]: ...
    async def settled(self) -> None:
        """Return when what was asked for is in force."""
        ...

    async def refresh(self) -> None:
        """Make ``counts`` as new as can be."""
        ...


class Wire:
    """One directed link."""

    __slots__ = ("busy_until_us", "count", "cuts", "dst", "rules", "src", "stream")

    def __init__(self, src: str, dst: str, stream: Stream) -> None:
        self.src = src
        self.dst = dst
        self.stream = stream
        self.count = LinkCount()
        self.cuts = 0
        self.rules: tuple[LinkRule, ...] = ()
        self.busy_until_us = 0
        """until when it carries what a rule throttles"""


class Bent(NamedTuple):
    """What rules make of a frame: how much later, and how many copies, whole or damaged."""

    delay_us: int
    copies: int
    corrupt: bool


class Wires:
    """Every link by its ends, made when it is first named. A context for handles: each is released once."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._wires: dict[Link, Wire] = {}
        self._handles: dict[int, tuple[list[Wire], LinkRule | None]] = {}
        self._last_handle = 0

    def wire(self, link: Link) -> Wire:
        found = self._wires.get(link)
        if found is None:
            found = self._wires[link] = Wire(*link, self._streams.stream("link", ">".join(link)))
        return found

    def cut(self, links: Iterable[Link]) -> int:
        wires = [self.wire(link) for link in links]
        for wire in wires:
            wire.cuts += 1
        return self._handle(wires, None)

    def shape(self, links: Iterable[Link], rule: LinkRule) -> int:
        wires = [self.wire(link) for link in links]
        for wire in wires:
            wire.rules = (*wire.rules, rule)
        return self._handle(wires, rule)

    def release(self, handle: int) -> None:
        wires, rule = self._handles.pop(handle)
        for wire in wires:
            if rule is None:
                wire.cuts -= 1
                if not wire.cuts:
                    self.mended(wire)
            else:
                rules = list(wire.rules)
                rules.remove(rule)
                wire.rules = tuple(rules)

    def mended(self, wire: Wire) -> None:
        """The last cut of a wire has been released."""

    async def settled(self) -> None:
        """At once: frames are judged in this process."""

    async def refresh(self) -> None:
        """They are counted in this process."""

    def counts(self) -> dict[Link, LinkCount]:
        """A copy: counters of every link that was used or named."""
        return {
            link: LinkCount(w.count.delivered, w.count.refused, w.count.altered)
            for link, w in sorted(self._wires.items())
        }

    def _handle(self, wires: list[Wire], rule: LinkRule | None) -> int:
        self._last_handle += 1
        self._handles[self._last_handle] = (wires, rule)
        return self._last_handle


def bend(wire: Wire, delay_us: int, size: int, now_us: int) -> Bent:
    """A frame of ``size`` bytes under the wire's rules, which are counted as altering it; no copies: it is lost."""
    draw = wire.stream
    copies, corrupt, altered = 1, False, False
    for rule in wire.rules:
        if rule.loss_ppm and draw.chance(rule.loss_ppm):
            wire.count.altered += 1
            return Bent(0, 0, corrupt=False)
        extra = rule.delay_us + (draw.below(rule.jitter_us + 1) if rule.jitter_us else 0)
        if rule.reorder_ppm and draw.chance(rule.reorder_ppm):
            extra += 1 + draw.below(max(rule.reorder_us_max, 1))
        if rule.rate_bytes_s:
            wire.busy_until_us = max(wire.busy_until_us, now_us) + size * US // rule.rate_bytes_s
            extra += wire.busy_until_us - now_us
        if rule.duplicate_ppm and draw.chance(rule.duplicate_ppm):
            copies += 1
            altered = True
        if rule.corrupt_ppm and draw.chance(rule.corrupt_ppm):
            corrupt = altered = True
        altered = altered or extra > 0
        delay_us += extra
    wire.count.altered += altered
    return Bent(delay_us, copies, corrupt)
