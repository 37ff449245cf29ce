"""What ``kill`` and ``power-loss`` have in common: nodes go down, and come back when the fault is left.

Evidence: each node's incarnation and exit status just before the fault and just before the heal. A node that
was down already is left alone, and its evidence says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

from nemeses.draws import Draws
from nemeses.family import BRIEF, Effect, Shape, Slot, each, linger, on_new_leader
from nemeses.fault import Fault
from nemeses.port import FaultPort, NodeState
from nemeses.targets import resolve

Strike = Callable[[FaultPort, str], Awaitable[None]]


def crashing(strike: Strike) -> Callable[[Fault, FaultPort, Draws], AbstractAsyncContextManager[Effect]]:
    """``applied`` of a family whose primitive is ``strike``."""

    @asynccontextmanager
    async def applied(fault: Fault, port: FaultPort, stream: Draws) -> AsyncIterator[Effect]:
        chosen = await resolve(fault.target, port, stream)
        before = chosen.states
        effect = Effect(list(chosen.nodes), {"shape": fault.shape, **chosen.detail})
        since = port.now()
        try:
            await each(port, [n for n in chosen.nodes if before[n].up], partial(strike, port))
            yield effect
            await linger(fault, port, since)
            after = await port.observe()
            effect.evidence = {"nodes": {n: evidence(before[n], after[n]) for n in chosen.nodes}}
        finally:
            await each(port, chosen.nodes, port.start)

    return applied


def evidence(before: NodeState, after: NodeState) -> dict[str, Any]:
    """One node's entry (docs/formats.md)."""
    return {
        "was_up": before.up,
        "incarnation_before": before.incarnation,
        "incarnation_after": after.incarnation,
        "exit_status": after.exit_status,
        "up": after.up,
        "lost_bytes": after.lost_bytes - before.lost_bytes,
    }


def rolling(family: str, shape: Shape, slot: Slot) -> list[Fault]:
    """One node after the other, in a drawn order: a series of faults, each over before the next."""
    pulse = max(50, slot.length_ms // len(slot.nodes))
    gap = pulse // 5
    return [
        Fault(
            start_ms=slot.start_ms + i * (pulse + gap),
            stop_ms=slot.start_ms + i * (pulse + gap) + pulse,
            family=family,
            shape=shape.name,
            target=(node,),
        )
        for i, node in enumerate(slot.stream.shuffle(slot.nodes))
    ]


def _kill_leader(family: str) -> Callable[[Slot], Fault]:
    # shorter than any election: the next leader is still to come when the wait for it begins
    def prelude(slot: Slot) -> Fault:
        return Fault(
            start_ms=slot.start_ms,
            stop_ms=slot.start_ms + 60,
            family=family,
            shape="leader",
            target="leader",
        )

    return prelude


# name -> (what it says, does it leave a majority)
_TEXTS: dict[str, tuple[str, bool]] = {
    "one": ("one drawn node", True),
    "minority": ("a minority", True),
    "majority": ("a majority", False),
    "all": ("all at once", False),
    "leader": ("the leader", True),
    "followers": ("all but the leader", False),
    "random": ("a drawn number of nodes", False),
}


def shapes(
    weights: dict[str, int], family: str, percent: tuple[int, int], blackout: str = ""
) -> tuple[Shape, ...]:
    """The shapes that kill, power-loss and pause share: one for each target, with these weights.

    ``percent``: lengths, of the interval, of faults that leave a majority. ``blackout``: the shape that is
    one.
    """
    made = [
        Shape(
            name,
            text,
            weights[name],
            ((name, 1),),
            percent=percent if leaves else BRIEF,
            blackout=name == blackout,
        )
        for name, (text, leaves) in _TEXTS.items()
    ]
    if "rolling" in weights:
        made.append(Shape("rolling", "one after the other", weights["rolling"], bout=rolling))
    if "new-leader" in weights:
        bout = on_new_leader(_kill_leader(family), 600)
        text = "a leader just after its election"
        made.append(Shape("new-leader", text, weights["new-leader"], (("leader", 1),), bout=bout))
    made.append(Shape("explicit", "the named nodes", 0))
    return tuple(made)
