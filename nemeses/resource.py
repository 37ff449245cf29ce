"""Too little of a machine: a share of the processor, or hardly more memory than is in use.

A node with ``percent`` of a processor stands still for the rest of each tenth of a second. Evidence: for how long it
stood still, and messages that had to wait for it meanwhile.

A node may take ``headroom_kb`` more memory than it has when the fault begins, or when it is started. It dies of the
next, by its own hand or the system's, and is started again on leaving. Evidence: its death.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from nemeses.crash import evidence as death
from nemeses.draws import Draws
from nemeses.family import Effect, Family, Parameter, Shape, each, linger
from nemeses.fault import Fault
from nemeses.port import FaultPort, NodeState
from nemeses.targets import resolve

HEADROOM_KB_MAX = 1 << 30
NO_LIMIT = 100
"""percent of a processor"""


@asynccontextmanager
async def applied(fault: Fault, port: FaultPort, stream: Draws) -> AsyncIterator[Effect]:
    chosen = await resolve(fault.target, port, stream)
    before = chosen.states
    effect = Effect(list(chosen.nodes), {"shape": fault.shape, **chosen.detail, **fault.parameters})
    since = port.now()
    slow = fault.shape == "slow-cpu"

    async def begin(node: str) -> None:
        if slow:
            await port.limit_cpu(node, int(fault.parameters["percent"]))
        else:
            await port.limit_memory(node, int(fault.parameters["headroom_kb"]))

    try:
        await each(port, chosen.nodes, begin)
        yield effect
        await linger(fault, port, since)
        after = await port.observe()
        tell = _stood if slow else death
        effect.evidence = {"nodes": {n: tell(before[n], after[n]) for n in chosen.nodes}}
    finally:
        await each(port, chosen.nodes, lambda node: _heal(port, node, slow=slow))


async def _heal(port: FaultPort, node: str, *, slow: bool) -> None:
    if slow:
        await port.limit_cpu(node, NO_LIMIT)
    else:
        await port.limit_memory(node, None)
        await port.start(node)


def _stood(before: NodeState, after: NodeState) -> dict[str, Any]:
    """One node's entry (docs/formats.md)."""
    return {
        "throttled_ns": after.throttled_ns - before.throttled_ns,
        "waited": after.waited - before.waited,
    }


_TARGETS = (("one", 2), ("leader", 3), ("minority", 1), ("majority", 1), ("all", 1))

FAMILY = Family(
    "resource",
    "too little processor or memory",
    (
        Shape(
            "slow-cpu",
            "a share of a processor",
            3,
            _TARGETS,
            (Parameter("percent", 1, NO_LIMIT - 1, lambda s: s.between(5, 60)),),
        ),
        Shape(
            "memory",
            "hardly more memory than is in use",
            1,
            (("one", 2), ("leader", 3), ("minority", 2)),
            (Parameter("headroom_kb", 0, HEADROOM_KB_MAX, lambda s: s.between(0, 4)),),
            by_name=True,
        ),
    ),
    applied,
)
