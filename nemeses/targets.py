"""Targets: which nodes a fault acts on, decided when it acts.

| target | nodes |
|---|---|
| ``one`` | a drawn node |
| ``leader`` | the leader; if none is known, or it is down or paused, a drawn node |
| ``follower`` | a drawn node that is not the leader |
| ``followers`` | all but the leader |
| ``minority`` | the largest number that leaves a majority, drawn |
| ``leader-minority`` | as many, the leader among them |
| ``half`` | half of them, rounded down, drawn |
| ``first-half`` | half of them, rounded down, in the cluster's order |
| ``majority`` | the smallest majority, drawn |
| ``all`` | all |
| ``random`` | a drawn number of drawn nodes, at least one |

Draws prefer nodes that are up and not paused: a fault of a dead node would test nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from nemeses.draws import Draws
from nemeses.fault import Target
from nemeses.port import FaultPort, NodeState


class Resolved(msgspec.Struct, frozen=True):
    """``nodes`` in the cluster's order; ``states`` as observed just before; ``detail``: how they were found."""

    nodes: tuple[str, ...]
    states: dict[str, NodeState]
    detail: dict[str, Any]


def minority(n: int) -> int:
    """The largest number of nodes that leaves a majority; one of one or two."""
    return max(1, (n - 1) // 2)


def able(states: dict[str, NodeState], node: str) -> bool:
    """Up and not paused, as last observed."""
    return node in states and states[node].up and not states[node].paused


Pick = Callable[[list[str], str], list[str]]

# what each way takes from (nodes in order of preference, leader): the order is drawn
WAYS: dict[str, Pick] = {
    "one": lambda order, _: order[:1],
    "leader": lambda _, leader: [leader],
    "follower": lambda order, leader: [n for n in order if n != leader][:1] or order[:1],
    "followers": lambda order, leader: [n for n in order if n != leader] or order,
    "minority": lambda order, _: order[: minority(len(order))],
    "leader-minority": lambda order, leader: [leader, *(n for n in order if n != leader)][
        : minority(len(order))
    ],
    "half": lambda order, _: order[: max(1, len(order) // 2)],
    "majority": lambda order, _: order[: len(order) // 2 + 1],
    "all": lambda order, _: order,
}
LEADERS = ("leader", "follower", "followers", "leader-minority")
"""ways that depend on who leads"""
NAMES = (*WAYS, "first-half", "random")


def check(target: Target, nodes: Sequence[str] | None = None) -> None:
    """ValueError, one line, when this is no target, or names nodes that are not in ``nodes``."""
    if isinstance(target, str):
        if target not in NAMES:
            raise ValueError(f"no target {target!r}, expected a list of nodes or one of {', '.join(NAMES)}")
        return
    if not target:
        raise ValueError("no node at all; expected the names of nodes")
    if len(dict.fromkeys(target)) < len(target):
        raise ValueError("a node is named twice")
    for name in target if nodes is not None else ():
        if nodes is not None and name not in nodes:
            raise ValueError(f"no node {name!r}; the nodes are {', '.join(nodes)}")


async def resolve(target: Target, port: FaultPort, stream: Draws) -> Resolved:
    """Who is meant, now. ValueError when a named node is not there."""
    check(target, port.nodes)
    states = await port.observe()
    if not isinstance(target, str):
        return Resolved(tuple(n for n in port.nodes if n in target), states, {})
    drawn = stream.shuffle(port.nodes)
    order = sorted(drawn, key=lambda n: not able(states, n))
    detail: dict[str, Any] = {"target": target}
    leader = order[0]
    if target in LEADERS:
        known = port.leader()
        detail["leader"] = known
        if known is None:
            detail["fallback"] = f"no leader known: drew {leader}"
        elif not able(states, known):
            detail["fallback"] = f"{known} is down or paused: drew {leader}"
        else:
            leader = known
    if target == "random":
        chosen = order[: stream.between(1, len(order))]
    elif target == "first-half":
        chosen = list(port.nodes[: max(1, len(port.nodes) // 2)])
    else:
        chosen = WAYS[target](order, leader)
    return Resolved(tuple(n for n in port.nodes if n in chosen), states, detail)
