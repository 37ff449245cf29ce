"""What the harness remembers of a node across its incarnations."""

from __future__ import annotations

import asyncio

from harness.live.clocks import Reading
from harness.live.machine import Machine
from harness.live.member import Member


class Seat:
    def __init__(self, member: Member) -> None:
        self.member = member
        self.incarnation = 0
        self.ready = False
        """messages are for it, from its init on"""
        self.initialised = False
        """it has answered init"""
        self.changing = asyncio.Lock()
        """one of kill, start, pause and resume at a time: faults may overlap"""
        self.killing = False
        """its end is the harness's doing"""
        self.losing_power = False
        """its end is to take what it has not synced"""
        self.lost_bytes = 0
        self.holds = 0
        """pauses in force: it goes on when the last of them is left, or with its next incarnation"""
        self.stalled = 0
        self.garbage = 0
        self.first_garbage: asyncio.Future[bytes] | None = None
        self.exited: asyncio.Event = asyncio.Event()
        self.clock = (0, 0)
        self.set_reading: Reading | None = None
        self.last_state = (0, 0)
        self.machine: Machine
