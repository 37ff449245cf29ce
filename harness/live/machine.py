"""What a node's machine does to it: a bad disk, damaged data, too little processor or memory."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from harness.errors import UsageError
from harness.live.duty import FULL_PERCENT, Duty
from harness.live.faults.faketime import FakeClock
from harness.live.member import Breakable, Member
from nemeses.port import Damage, DiskTrouble, NodeState
from workloads.port import CallTimeoutError

ERRNOS = {"full": errno.ENOSPC, "read-only": errno.EROFS, "failed-sync": errno.EIO}
"""what a disk refuses -> the error that a node dies of"""


class DiskReading(msgspec.Struct):
    """The body of splitbrain_disk_ok: since the start of this incarnation."""

    refuses: str = ""
    delay_us: int = 0
    refused: int = 0
    syncs: int = 0
    sync_ns: int = 0


class Seat(Protocol):
    """What is known of the node on the machine."""

    member: Member
    incarnation: int
    initialised: bool
    changing: asyncio.Lock
    killing: bool
    holds: int


Ask = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
"""asks the node; raises CallTimeoutError"""


class Machine:
    """One node's. What was set stays for later incarnations."""

    def __init__(self, seat: Seat, ask: Ask) -> None:
        self._seat = seat
        self._ask = ask
        self._trouble = DiskTrouble()
        self._reading = DiskReading()
        self._refused = 0
        """operations that the disk refused to earlier incarnations, by their last words"""
        self._shown = ""
        """what this incarnation was last told that its disk refuses: a machine's own full disk is not ours"""
        self.outlived = False
        """the last incarnation ended of a refusal and the disk was well again: who stood still hears of it late"""
        self._damaged = 0
        self._headroom_kb: int | None = None
        self._held = 0
        """the incarnation that stands still for want of a processor"""
        self._duty = Duty(self._hold, self._let_go)
        self.waited = 0
        """messages that came while the node stood still for want of a processor"""

    @property
    def short(self) -> int:
        """Of the pauses in force, how many are for want of a processor."""
        return int(self._seat.holds > 0 and self._held == self._seat.incarnation)

    @property
    def fake_clock(self) -> FakeClock | None:
        """The wall clock of somebody else's node, if the harness has one for it."""
        found = getattr(self._seat.member, "fake_clock", None)
        return found if isinstance(found, FakeClock) else None

    # --- life -----------------------------------------------------------------------------------------------

    def starting(self) -> None:
        self._reading = DiskReading()
        self._shown = ""

    async def started(self) -> None:
        """The node has answered init: it is on this machine now."""
        if self._trouble != DiskTrouble():
            await self._tell()
        if self._headroom_kb is not None:
            await self._breakable().limit_memory(self._headroom_kb)

    def exited(self) -> None:
        """A node that a disk refused something ends by itself, and says why."""
        words = self._seat.member.last_words()
        number = ERRNOS.get(self._shown)
        refused = number is not None and not self._seat.killing and f"[Errno {number}]" in words
        self._refused += refused
        self.outlived = refused and not self._trouble.refuses
        self._reading.refuses, self._reading.delay_us = self._trouble.refuses, self._trouble.delay_us

    async def close(self) -> None:
        await self._duty.set(FULL_PERCENT)
        if self.fake_clock is not None:
            self.fake_clock.close()

    # --- disk -----------------------------------------------------------------------------------------------

    async def set_disk(self, trouble: DiskTrouble) -> None:
        """Tell the node, or remember it for the next incarnation of one that cannot answer."""
        self._trouble = trouble
        if self._seat.initialised:
            await self._tell()

    async def _tell(self) -> None:
        self._shown = self._trouble.refuses or self._shown
        await self.read({"refuses": self._trouble.refuses, "delay_us": self._trouble.delay_us})

    async def read(self, change: dict[str, Any] | None = None) -> None:
        """What the node sees of its disk, after a change."""
        try:
            reply = await self._ask({"type": "splitbrain_disk", **(change or {})})
            self._reading = msgspec.convert(reply, DiskReading)
        except (CallTimeoutError, msgspec.ValidationError):
            return  # it is dead, stands still, or is too busy

    async def damage(self, damage: Damage) -> int:
        seat, member = self._seat, self._breakable()
        async with seat.changing:
            if not seat.member.up:
                return 0
            seat.killing = True
            await seat.member.kill()
            self._damaged = await member.damage(damage)
            return self._damaged

    async def mend(self) -> None:
        member = self._breakable()
        async with self._seat.changing:
            await (member.keep() if self._seat.member.up else member.mend())
            self._damaged = 0

    def _breakable(self) -> Breakable:
        member = self._seat.member
        if not isinstance(member, Breakable):
            raise UsageError(f"{member.name}: its data and memory are out of reach in this environment")
        return member

    # --- processor and memory -------------------------------------------------------------------------------

    async def limit_cpu(self, percent: int) -> None:
        await self._duty.set(percent)

    async def _hold(self) -> bool:
        """A pause of which nobody is told."""
        seat = self._seat
        async with seat.changing:
            if not seat.member.up or not seat.initialised:
                return False
            seat.holds += 1
            self._held = seat.incarnation
            if seat.holds == 1:
                await seat.member.pause()
            return True

    async def _let_go(self) -> None:
        seat = self._seat
        async with seat.changing:
            if seat.member.up and self.short:
                seat.holds -= 1
                if not seat.holds:
                    await seat.member.resume()
            self._held = 0

    async def limit_memory(self, headroom_kb: int | None) -> None:
        self._headroom_kb = headroom_kb
        await self._breakable().limit_memory(headroom_kb)

    # --- what was seen --------------------------------------------------------------------------------------

    def fill(self, state: NodeState) -> None:
        """Add what is known of the machine."""
        reading = self._reading
        state.disk = reading.refuses or ("slow" if reading.delay_us else "")
        state.refused = self._refused + reading.refused
        state.syncs, state.sync_ns = reading.syncs, reading.sync_ns
        state.damaged = self._damaged
        state.throttled_ns = self._duty.stood_ns
        state.waited = self.waited
        limited = (("cpu", self._duty.limited), ("memory", self._headroom_kb is not None))
        state.limits = ", ".join(name for name, so in limited if so)
