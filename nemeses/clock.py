"""Clocks: the wall clock jumps, or both clocks run at a wrong rate. Evidence: readings taken on the node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from nemeses.draws import Draws, magnitude
from nemeses.family import Effect, Family, Parameter, Shape, Slot, each, linger
from nemeses.fault import Fault
from nemeses.port import FaultPort, NodeState
from nemeses.targets import resolve

MS = 1_000_000
OFFSET_MS_MAX = 300_000
RATE_PPM_MAX = 900_000


@asynccontextmanager
async def applied(fault: Fault, port: FaultPort, stream: Draws) -> AsyncIterator[Effect]:
    chosen = await resolve(fault.target, port, stream)
    before = chosen.states
    offset_ns = int(fault.parameters.get("offset_ms", 0)) * MS
    rate_ppm = int(fault.parameters.get("rate_ppm", 0))
    effect = Effect(
        list(chosen.nodes),
        {"shape": fault.shape, **chosen.detail, "offset_ns": offset_ns, "rate_ppm": rate_ppm},
    )
    since = port.now()
    # a dead process has no clock that could be set
    set_on = [node for node in chosen.nodes if before[node].up]
    try:
        await each(port, set_on, lambda node: port.set_clock(node, offset_ns, rate_ppm))
        yield effect
        await linger(fault, port, since)
        after = await port.observe()
        effect.evidence = {"nodes": {n: evidence(before[n], after[n]) for n in chosen.nodes}}
    finally:
        await each(port, set_on, lambda node: port.set_clock(node, 0, 0))


def evidence(before: NodeState, after: NodeState) -> dict[str, Any]:
    """One node's entry (docs/formats.md)."""
    return {
        "offset_ns": after.clock_offset_ns,
        "rate_ppm": after.clock_rate_ppm,
        "offset_ns_before": before.clock_offset_ns,
        "rate_ppm_before": before.clock_rate_ppm,
    }


def _strobe(family: str, shape: Shape, slot: Slot) -> list[Fault]:
    """The same jump on the same nodes again and again, on for a period and off for one: a series of faults."""
    stream = slot.stream
    period = stream.between(25, max(25, min(150, slot.length_ms // 4)))
    nodes = tuple(stream.shuffle(slot.nodes)[: stream.between(1, len(slot.nodes))])
    parameters = shape.draw(stream)
    return [
        Fault(
            start_ms=at,
            stop_ms=at + period,
            family=family,
            shape=shape.name,
            target=nodes,
            parameters=dict(parameters),
        )
        for at in range(slot.start_ms, slot.start_ms + slot.length_ms - period + 1, 2 * period)
    ]


# the spans are Jepsen's: bumps of 4 ms to 262 s
_OFFSET = Parameter("offset_ms", -OFFSET_MS_MAX, OFFSET_MS_MAX, lambda s: magnitude(s, 4, 262_000))
_RATE = Parameter("rate_ppm", -RATE_PPM_MAX, RATE_PPM_MAX, lambda s: magnitude(s, 1_000, RATE_PPM_MAX))
_TARGETS = (("one", 2), ("leader", 3), ("minority", 2), ("majority", 1), ("random", 2), ("all", 1))

FAMILY = Family(
    "clock",
    "clocks jump, or run at a wrong rate",
    (
        Shape("jump", "the wall clock is off by an offset", 3, _TARGETS, (_OFFSET,)),
        Shape("drift", "both clocks run too fast or too slow", 3, _TARGETS, (_RATE,)),
        Shape("strobe", "the wall clock jumps to and fro", 1, parameters=(_OFFSET,), bout=_strobe),
    ),
    applied,
)
