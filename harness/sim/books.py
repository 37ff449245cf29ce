"""The network's books: no frame appears, vanishes or passes a cut link without an entry.

| law | by |
|---|---|
| what a node sent, and rules doubled, was delivered, refused, lost by a rule, or is in flight | `balance` |
| what a node received is what links delivered to it | `balance` |
| a cut link delivers nothing from its cut to its release | `leaked` |

Counts come from both ends: nodes count what they give and get, links what they do with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.sim.network import SimLink
from harness.sim.node import SimNode
from harness.sim.world import World


def balance(world: World, nodes: Mapping[str, SimNode]) -> str:
    """The first account that does not add up: one line, or nothing."""
    flying = in_flight(world)
    inbound = dict.fromkeys(nodes, 0)
    for name, node in nodes.items():
        went = 0
        for dst, link in node.links.items():
            inbound[dst] += link.delivered
            went += link.delivered + link.refused + link.lost - link.doubled + flying.get((name, dst), 0)
        if went != node.sent:
            return f"{name} sent {node.sent} frames, and its links account for {went}"
    for name, node in nodes.items():
        if node.received != inbound[name]:
            return f"{name} received {node.received} frames, and links delivered {inbound[name]} to it"
    return ""


def in_flight(world: World) -> dict[tuple[str, str], int]:
    """Frames on their way by link."""
    flying: dict[tuple[str, str], int] = {}
    for call in world.planned():
        link = getattr(call, "__self__", None)
        if isinstance(link, SimLink):
            flying[link.src, link.dst] = flying.get((link.src, link.dst), 0) + 1
    return flying


def leaked(links: Iterable[SimLink], delivered: Sequence[int]) -> str:
    """A link that has delivered more than ``delivered``, what it had when it was cut: one line, or nothing."""
    for link, before in zip(links, delivered, strict=True):
        if link.delivered != before:
            return f"{link.src}>{link.dst} delivered {link.delivered - before} frames while it was cut"
    return ""
