"""Roles, terms and outages of each node over time, from the trace (docs/formats.md)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from checkers.record import TraceEvent

KINDS = frozenset({"started", "role", "killed", "power_lost", "paused", "resumed", "clock"})
ROLES = ("leader", "candidate", "follower", "down", "paused", "unknown")

# beyond this many spans a page would hold more of roles than of operations: the shortest are merged away
SPANS_MAX = 20_000


class Span(msgspec.Struct, array_like=True):
    """A node's role in [start, stop) ns; ``role`` is a number in ROLES; term 0: not known."""

    start: int
    stop: int
    role: int
    term: int


class _Lane:
    """What is known of one node while its events go by."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.role = "unknown"
        self.term = 0
        self.paused = False
        self.since = 0

    def turn(self, time: int, role: str, term: int) -> None:
        self.close(time)
        self.role, self.term, self.since = role, term, time

    def close(self, time: int) -> None:
        shown = "paused" if self.paused and self.role != "down" else self.role
        number = ROLES.index(shown)
        if time <= self.since:
            return
        last = self.spans[-1] if self.spans else None
        if last is not None and (last.role, last.term, last.stop) == (number, self.term, self.since):
            last.stop = time
        else:
            self.spans.append(Span(self.since, time, number, self.term))
        self.since = time

    def event(self, event: TraceEvent) -> None:
        time, data = event.time, event.data
        term = data.get("term")
        term = term if isinstance(term, int) else self.term
        if event.kind == "started":
            self.close(time)
            self.paused = False
            self.turn(time, "follower", term)
        elif event.kind == "role":
            role = data.get("role")
            self.turn(time, role if role in ROLES else "unknown", term)
        elif event.kind in ("killed", "power_lost"):
            self.close(time)
            self.paused = False
            self.turn(time, "down", self.term)
        elif event.kind in ("paused", "resumed"):
            self.close(time)
            self.paused = event.kind == "paused"


class Roles(msgspec.Struct):
    """``lanes``: spans by node, in the order given. ``leaders``: (time, node, term) of each one elected."""

    lanes: dict[str, list[Span]]
    leaders: list[tuple[int, str, int]]
    end: int

    def leader(self, time: int) -> tuple[str, int] | None:
        """The node that leads at ``time``, the one of the highest term if there are several, with its term."""
        held = [
            (span.term, node)
            for node in sorted(self.lanes)
            for span in self.lanes[node]
            if span.role == 0 and span.start <= time < span.stop
        ]
        if not held:
            return None
        term, node = max(held)
        return node, term


def roles(events: Iterable[TraceEvent], nodes: list[str], end: int) -> Roles:
    """Follow each node's events; ``end`` in ns closes the last spans."""
    lanes: dict[str, _Lane] = {node: _Lane() for node in nodes}
    leaders: list[tuple[int, str, int]] = []
    for event in events:
        if event.kind not in KINDS:
            continue
        end = max(end, event.time)
        lanes.setdefault(event.node, _Lane()).event(event)
        if event.kind == "role" and event.data.get("role") == "leader":
            term = event.data.get("term")
            leaders.append((event.time, event.node, term if isinstance(term, int) else 0))
    for lane in lanes.values():
        lane.close(end)
    known = {node: lane.spans for node, lane in lanes.items() if any(span.role != 5 for span in lane.spans)}
    return Roles(_bounded(known), leaders, end)


def _bounded(lanes: dict[str, list[Span]]) -> dict[str, list[Span]]:
    """At most SPANS_MAX spans in all; of each lane the longest ones stay."""
    total = sum(len(spans) for spans in lanes.values())
    if total <= SPANS_MAX:
        return lanes
    share = max(SPANS_MAX // len(lanes), 1)
    bounded = {}
    for node, spans in lanes.items():
        longest = sorted(spans, key=lambda span: (span.start - span.stop, span.start))[:share]
        bounded[node] = sorted(longest, key=lambda span: span.start)
    return bounded
