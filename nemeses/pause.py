"""Pause: a process stands still (SIGSTOP) and then goes on as if nothing had been.

Evidence: seen paused, and messages that had to wait for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nemeses.crash import shapes
from nemeses.draws import Draws
from nemeses.family import Effect, Family, each, linger
from nemeses.fault import Fault
from nemeses.port import FaultPort
from nemeses.targets import resolve


@asynccontextmanager
async def applied(fault: Fault, port: FaultPort, stream: Draws) -> AsyncIterator[Effect]:
    chosen = await resolve(fault.target, port, stream)
    before = chosen.states
    effect = Effect(list(chosen.nodes), {"shape": fault.shape, **chosen.detail})
    since = port.now()
    held = [node for node in chosen.nodes if before[node].up]
    try:
        await each(port, held, port.pause)
        # a paused node that another fault then kills was paused all the same: so it is read at once, too
        during = await port.observe()
        yield effect
        await linger(fault, port, since)
        after = await port.observe()
        effect.evidence = {
            "nodes": {
                n: {
                    "paused": during[n].paused or after[n].paused,
                    "stalled": after[n].stalled - before[n].stalled,
                }
                for n in chosen.nodes
            }
        }
        # a later incarnation is not ours to let go: if it stands still, another pause holds it. Which one is ours
        # is known once it stands still: live nodes take a while to restart, and to be paused after that
        held = [n for n in held if after[n].incarnation == during[n].incarnation]
    finally:
        await each(port, held, port.resume)


FAMILY = Family(
    "pause",
    "processes stand still for a while",
    shapes(
        {"one": 2, "minority": 2, "majority": 1, "all": 1, "leader": 5, "followers": 1, "random": 1},
        "pause",
        (30, 70),
    ),
    applied,
)
