"""Partitions: messages on chosen links are refused, both ways or one way.

Every shape has a *side*, the nodes its target names, and cuts links between it and others. Evidence: frames
refused on each cut link, counted where they would have been received.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from nemeses.draws import Draws
from nemeses.family import (
    NEW_LEADER,
    Effect,
    Family,
    Parameter,
    Shape,
    Slot,
    linger,
    on_new_leader,
    on_trigger,
)
from nemeses.fault import Fault, Trigger
from nemeses.port import FaultPort, Link
from nemeses.targets import resolve

Cut: TypeAlias = tuple[list[Link], dict[str, Any]]
"""the links to cut, and what to say of them"""
DIRECTIONS = ("in", "out")


def between(a: Iterable[str], b: Sequence[str]) -> list[Link]:
    """All links between two groups, both ways."""
    return [link for x in a for y in b for link in ((x, y), (y, x))]


def others(nodes: Sequence[str], side: Sequence[str]) -> list[str]:
    return [n for n in nodes if n not in side]


def _split(nodes: Sequence[str], side: Sequence[str], _fault: Fault, _stream: Draws) -> Cut:
    rest = others(nodes, side)
    return between(side, rest), {"groups": [list(side), rest]}


def _one_way(nodes: Sequence[str], side: Sequence[str], fault: Fault, _stream: Draws) -> Cut:
    """``in``: the side is deaf. ``out``: the side is mute."""
    rest = others(nodes, side)
    direction = fault.parameters["direction"]
    links = [(b, a) if direction == "in" else (a, b) for a in side for b in rest]
    return links, {"groups": [list(side), rest], "direction": direction}


def _bridge(nodes: Sequence[str], side: Sequence[str], _fault: Fault, stream: Draws) -> Cut:
    """Two halves that both reach the side (one node), and not each other."""
    rest = stream.shuffle(others(nodes, side))
    half = len(rest) // 2
    a, b = sorted(rest[:half]), sorted(rest[half:])
    return between(a, b), {"groups": [a, list(side), b]}


def _partial(nodes: Sequence[str], side: Sequence[str], _fault: Fault, stream: Draws) -> Cut:
    """The side and a second group cannot reach each other; a third group, not empty, reaches both."""
    rest = stream.shuffle(others(nodes, side))
    size = stream.between(1, max(1, len(rest) - 1))
    cut_off, reached = sorted(rest[:size]), sorted(rest[size:])
    return between(side, cut_off), {"groups": [list(side), cut_off, reached]}


def _ring(nodes: Sequence[str], _side: Sequence[str], _fault: Fault, stream: Draws) -> Cut:
    """Each node reaches its neighbours on a drawn ring, as many as make a majority; no two see the same one."""
    ring = stream.shuffle(nodes)
    n = len(ring)
    reach = (n // 2 + 1) // 2
    links = [(ring[i], ring[j]) for i in range(n) for j in range(n) if min((i - j) % n, (j - i) % n) > reach]
    return links, {"ring": ring, "reach": reach}


CUTS: dict[str, Callable[[Sequence[str], Sequence[str], Fault, Draws], Cut]] = {
    "one-way": _one_way,
    "bridge": _bridge,
    "partial": _partial,
    "majorities-ring": _ring,
}
"""shapes that do not simply part the side from the rest"""


@asynccontextmanager
async def applied(fault: Fault, port: FaultPort, stream: Draws) -> AsyncIterator[Effect]:
    side = await resolve(fault.target, port, stream)
    links, detail = CUTS.get(fault.shape, _split)(port.nodes, side.nodes, fault, stream)
    effect = Effect(list(side.nodes), {"shape": fault.shape, **side.detail, **detail})
    before = _refused(port, links)
    since = port.now()
    handle = await port.cut(links)
    try:
        yield effect
        await linger(fault, port, since)
        await port.refresh()
        after = _refused(port, links)
        effect.evidence = {"refused": {name: after[name] - before[name] for name in after}}
    finally:
        await port.release(handle)


def _refused(port: FaultPort, links: Iterable[Link]) -> dict[str, int]:
    counts = port.links()
    return {f"{src}>{dst}": counts[src, dst].refused if (src, dst) in counts else 0 for src, dst in links}


def _prelude(slot: Slot) -> Fault:
    """A follower cut off long enough to stand for election in vain: its term deposes the leader on its
    return.
    """
    return Fault(
        start_ms=slot.start_ms,
        stop_ms=slot.start_ms + slot.stream.between(400, 700),
        family="partition",
        shape="isolated-node",
        target="follower",
    )


def _successive_leaders(family: str, shape: Shape, slot: Slot) -> list[Fault]:
    """The situation of the paper's Figure 8, step by step.

    A leader is cut off with a minority, which goes on appending to two logs or so. The majority's new leader is cut
    off at once, or after it committed a little. The minority comes back; whoever leads then spreads entries, and is
    cut off in the middle of that. Last, the second leader comes back with a newer term in its log.
    """
    length_ms = max(2_000, slot.length_ms)
    minority_ms, second_ms, stop_ms = (slot.start_ms + length_ms * share // 100 for share in (35, 60, 100))
    first = Fault(
        start_ms=slot.start_ms, stop_ms=minority_ms, family=family, shape="majority", target="leader-minority"
    )
    second_leads_ms = slot.stream.choice((0, slot.stream.between(20, 80)))
    # which leader after the prelude, how long it leads, when it comes back
    successors = ((1, second_leads_ms, second_ms), (2, slot.stream.between(20, 120), stop_ms))
    return [first] + [
        on_trigger(
            family,
            shape,
            slot,
            Trigger(kind="role", where=dict(NEW_LEADER), nth=nth, delay_ms=leads_ms),
            slot.start_ms,
            until_ms,
        )
        for nth, leads_ms, until_ms in successors
    ]


_DIRECTION = Parameter("direction", 0, 0, lambda s: s.choice(DIRECTIONS), DIRECTIONS)
# where a leader does all the talking, links without it carry nothing that could be refused: bridge and partial
# are planned so that a cut link is one of the leader's
_SIDES = (("one", 1), ("leader", 2), ("minority", 1))

FAMILY = Family(
    "partition",
    "messages on chosen links are refused",
    (
        Shape("halves", "the nodes in two halves, by name", 1, (("first-half", 1),), nodes_min=2),
        Shape("random-halves", "the nodes in two drawn halves", 1, (("half", 1),), nodes_min=2),
        Shape(
            "majority",
            "a minority cut off from a majority",
            3,
            (("minority", 1), ("leader-minority", 2)),
            nodes_min=2,
        ),
        Shape("majorities-ring", "every node sees another majority", 1, (("all", 1),), nodes_min=4),
        Shape("bridge", "two halves joined by one node only", 1, (("follower", 1),), nodes_min=3),
        Shape("isolated-node", "one node cut off", 1, (("one", 1), ("follower", 1)), nodes_min=2),
        Shape("isolated-leader", "the leader cut off", 4, (("leader", 1),), nodes_min=2),
        Shape("one-way", "a side that hears and is not heard, or the reverse", 2, _SIDES, (_DIRECTION,), 2),
        Shape(
            "partial",
            "two groups cut off from each other, a third reaches both",
            1,
            (("leader", 2), ("leader-minority", 1)),
            nodes_min=3,
        ),
        Shape(
            "new-leader",
            "a leader cut off just after its election",
            2,
            (("leader", 1),),
            nodes_min=2,
            bout=on_new_leader(_prelude, 800),
        ),
        Shape(
            "successive-leaders",
            "a leader cut off with a minority, and the next two as they come (Figure 8)",
            2,
            (("leader", 1),),
            nodes_min=5,
            bout=_successive_leaders,
        ),
        Shape("explicit", "the named nodes cut off from the rest", 0, nodes_min=2),
    ),
    applied,
)
