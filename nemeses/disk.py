"""Bad disks: syncs that take long, writes that are refused, and data that is not what was written.

| shape | the disk | evidence on each node |
|---|---|---|
| slow | takes ``delay_us`` longer for each sync | how long the node's own syncs took, against before |
| full, read-only, failed-sync | refuses writes (ENOSPC, EROFS), or syncs (EIO) | what was refused |
| bit-flip, lost-sector, truncated | has changed, while its node was down | bytes that differ, and a start on them |

A refused write is the end of a node that keeps its promises: what it cannot store it must not acknowledge. It is
started again on leaving, when the disk is well.

Damage is done to a node that was up, which is killed for it, and at once started on what is left: at
``position_ppm`` of its largest file one bit is flipped, a sector of 512 bytes is zero, or the file ends. What was
synced cannot be made up for by one node alone, so it may refuse to start. On leaving the damage is undone, if the
node has refused it, and the node started again. No more than a minority is hit when planned: the last good copy is
nobody's to destroy.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from nemeses.draws import Draws
from nemeses.family import Effect, Family, Parameter, Shape, each, linger
from nemeses.fault import Fault
from nemeses.port import Damage, DiskTrouble, FaultPort, NodeState
from nemeses.targets import resolve

DELAY_US_MAX = 10_000_000
PPM = 1_000_000
DAMAGES = ("bit-flip", "lost-sector", "truncated")


@asynccontextmanager
async def applied(fault: Fault, port: FaultPort, stream: Draws) -> AsyncIterator[Effect]:
    chosen = await resolve(fault.target, port, stream)
    before = chosen.states
    effect = Effect(list(chosen.nodes), {"shape": fault.shape, **chosen.detail, **fault.parameters})
    since = port.now()
    damaged: dict[str, int] = {}

    async def begin(node: str) -> None:
        if fault.shape in DAMAGES:
            damage = Damage(fault.shape, int(fault.parameters["position_ppm"]))
            damaged[node] = await port.damage(node, damage)
            await port.start(node)
        else:
            await port.set_disk(node, _trouble(fault))

    try:
        await each(port, chosen.nodes, begin)
        yield effect
        await linger(fault, port, since)
        after = await port.observe()
        effect.evidence = {"nodes": {n: evidence(before[n], after[n], damaged.get(n)) for n in chosen.nodes}}
    finally:
        await each(port, chosen.nodes, lambda node: _heal(fault, port, node))


async def _heal(fault: Fault, port: FaultPort, node: str) -> None:
    if fault.shape in DAMAGES:
        await port.mend(node)
    else:
        await port.set_disk(node, DiskTrouble())
    await port.start(node)


def _trouble(fault: Fault) -> DiskTrouble:
    if fault.shape == "slow":
        return DiskTrouble(delay_us=int(fault.parameters["delay_us"]))
    return DiskTrouble(refuses=fault.shape)


def evidence(before: NodeState, after: NodeState, damaged: int | None = None) -> dict[str, Any]:
    """One node's entry (docs/formats.md). ``damaged``: bytes that were changed, where that is what was done."""
    entry = {
        "was_up": before.up,
        "incarnation_before": before.incarnation,
        "incarnation_after": after.incarnation,
        "exit_status": after.exit_status,
        "up": after.up,
    }
    if damaged is not None:
        return {**entry, "damaged": damaged}
    syncs, took_ns = after.syncs, after.sync_ns
    if after.incarnation == before.incarnation:  # a later incarnation has counted from nothing
        syncs, took_ns = syncs - before.syncs, took_ns - before.sync_ns
    return {
        **entry,
        "refused": after.refused - before.refused,
        "syncs": syncs,
        "sync_us": _mean_us(took_ns, syncs),
        "sync_us_before": _mean_us(before.sync_ns, before.syncs),
    }


def _mean_us(took_ns: int, syncs: int) -> int:
    return took_ns // (1_000 * syncs) if syncs > 0 else 0


_FEW = (("one", 2), ("leader", 3), ("minority", 2))
_POSITION = Parameter("position_ppm", 0, PPM - 1, lambda s: s.below(PPM))
_DELAY = Parameter("delay_us", 1, DELAY_US_MAX, lambda s: s.between(20_000, 250_000))


def _refusing(name: str, doc: str, weight: int) -> Shape:
    return Shape(name, doc, weight, _FEW, percent=(20, 70))


def _damaging(name: str, doc: str, weight: int) -> Shape:
    return Shape(name, doc, weight, (*_FEW, ("follower", 1)), (_POSITION,), nodes_min=3, percent=(20, 70))


FAMILY = Family(
    "disk",
    "disks are slow, refuse writes, or change what was written",
    (
        Shape("slow", "syncs take longer", 4, (*_FEW, ("majority", 1), ("all", 1)), (_DELAY,)),
        _refusing("full", "writes are refused: no space left", 3),
        _refusing("read-only", "writes are refused: a read-only file system", 1),
        _refusing("failed-sync", "syncs fail: an input/output error", 2),
        _damaging("bit-flip", "one bit of the data is flipped", 2),
        _damaging("lost-sector", "a sector of the data is zero", 1),
        _damaging("truncated", "the data ends early", 1),
    ),
    applied,
)
