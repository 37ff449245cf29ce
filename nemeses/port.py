"""The port through which faults act on a cluster. Environments implement it; families use it.

These are the primitives. Families (one file each) compose them. A primitive returns when the fault is in
force. Links are directed pairs ``(src, dst)`` of node names.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

import msgspec

Link = tuple[str, str]


class LinkRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happens to messages on a link, on top of the link's ordinary delay. Probabilities in ppm."""

    delay_us: int = 0
    jitter_us: int = 0
    loss_ppm: int = 0
    duplicate_ppm: int = 0
    reorder_ppm: int = 0
    """share of messages held back by a further ``reorder_us_max`` drawn uniformly"""
    reorder_us_max: int = 0
    corrupt_ppm: int = 0
    """share of messages damaged on the way: whoever checks them throws them away"""
    rate_bytes_s: int = 0
    """so many bytes a second pass, and what comes faster waits; 0: no limit"""


class DiskTrouble(msgspec.Struct, frozen=True):
    """What is wrong with a disk; by default nothing."""

    refuses: str = ""
    """``full``: writes get ENOSPC after half of the first; ``read-only``: EROFS; ``failed-sync``: syncs get EIO"""
    delay_us: int = 0
    """each sync takes so much longer"""


class Damage(msgspec.Struct, frozen=True):
    """How data changes behind a node's back, at ``position_ppm`` of its largest file."""

    how: str
    """``bit-flip``: one bit; ``lost-sector``: 512 bytes are zero; ``truncated``: the file ends there"""
    position_ppm: int


class LinkCount(msgspec.Struct):
    """Frames of one directed link, counted where they would have been received."""

    delivered: int = 0
    refused: int = 0
    """dropped because the link was cut"""
    altered: int = 0
    """lost, delayed, duplicated, held back or damaged by a LinkRule"""


class NodeState(msgspec.Struct):
    """A node as seen from its own side."""

    incarnation: int
    """starts so far: 1 after the first start"""
    up: bool
    exit_status: int | None = None
    """of the last incarnation that ended; negative: the signal's number (subprocess' convention)"""
    paused: bool = False
    stalled: int = 0
    """messages that waited for, or were lost to, a paused node so far"""
    clock_offset_ns: int = 0
    """the node's wall clock minus the harness's, as read on the node"""
    clock_rate_ppm: int = 0
    """how much faster than the harness's the node's monotonic clock ran, as read on the node"""
    lost_bytes: int = 0
    """un-fsynced bytes that power losses took from it so far"""
    disk: str = ""
    """what its disk refuses, as seen on the node (``DiskTrouble.refuses``), or ``slow``; empty: it is well"""
    refused: int = 0
    """writes and syncs that its disk refused so far"""
    syncs: int = 0
    """syncs of this incarnation, one that is under way included"""
    sync_ns: int = 0
    """how long they took together"""
    damaged: int = 0
    """bytes of its data that were changed behind its back, and that ``mend`` has not dealt with"""
    throttled_ns: int = 0
    """how long it stood still for want of a processor so far"""
    waited: int = 0
    """messages that waited for a processor so far"""
    limits: str = ""
    """which of its resources are limited: ``cpu``, ``memory``, ``cpu, memory``"""


class FaultPort(Protocol):
    """``capabilities`` names the families (``partition``, ``kill``, ...) this environment can do."""

    capabilities: frozenset[str]
    nodes: tuple[str, ...]

    def now(self) -> int:
        """Ns since the start of the run"""
        ...

    async def sleep_until(self, time_ns: int) -> None: ...

    async def at_once(self, acts: Sequence[Callable[[], Awaitable[None]]]) -> None:
        """Do all of these, side by side where that saves time. Each is done whatever becomes of the others; then the
        first error that there was is raised.
        """
        ...

    def leader(self) -> str | None:
        """The node that last said it became leader and has not stepped down or died, if known"""
        ...

    async def cut(self, links: Iterable[Link]) -> int:
        """Refuse all messages on these links; returns a handle. Overlapping cuts add up."""
        ...

    async def shape(self, links: Iterable[Link], rule: LinkRule) -> int:
        """Apply ``rule`` on these links; returns a handle. Overlapping rules add up."""
        ...

    async def release(self, handle: int) -> None:
        """Undo one ``cut`` or ``shape``."""
        ...

    async def kill(self, node: str) -> None: ...
    async def power_loss(self, node: str) -> None: ...
    async def start(self, node: str) -> None:
        """Start a dead node; does nothing if it is up."""
        ...

    async def pause(self, node: str) -> None:
        """Nothing for a dead node. Overlapping pauses add up; the node's death ends them all."""
        ...

    async def resume(self, node: str) -> None:
        """Undo one ``pause``; the node goes on when none is left."""
        ...

    async def set_clock(self, node: str, offset_ns: int, rate_ppm: int) -> None:
        """Set the node's clock: wall offset in ns, and rate error of both clocks in parts per million."""
        ...

    async def set_disk(self, node: str, trouble: DiskTrouble) -> None:
        """Make the node's disk bad in this way, and in no other; it stays so when the node is started again."""
        ...

    async def damage(self, node: str, damage: Damage) -> int:
        """Kill a node that is up and change its data, in one go: nobody starts it between. How many bytes differ,
        read back; 0 for a node that is down, which is left alone.
        """
        ...

    async def mend(self, node: str) -> None:
        """Undo ``damage`` where the node is down and the data still as the damage left it; else it stays."""
        ...

    async def limit_cpu(self, node: str, percent: int) -> None:
        """Give the node so much of one processor, this incarnation and later ones; 100: no limit."""
        ...

    async def limit_memory(self, node: str, headroom_kb: int | None) -> None:
        """Let the node have so much more than it has, now or at its next start, and no more; None: no limit."""
        ...

    async def observe(self) -> dict[str, NodeState]: ...
    async def refresh(self) -> None:
        """Make what ``links`` says as new as can be: some environments have to ask their nodes' machines."""
        ...

    def links(self) -> dict[Link, LinkCount]:
        """Counters since the start of the run; links that never carried a frame may be absent."""
        ...
