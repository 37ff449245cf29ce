"""A share of a processor without anybody's leave: a process stands still for the rest of each period.

What a kernel does with a quota, done from outside by stopping the process and letting it go on; unlike there it also
stands still when it has nothing to do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

PERIOD_S = 0.1
FULL_PERCENT = 100


class Duty:
    """``hold`` makes the process stand still, and says whether it does; ``let_go`` takes that back."""

    def __init__(self, hold: Callable[[], Awaitable[bool]], let_go: Callable[[], Awaitable[None]]) -> None:
        self._hold = hold
        self._let_go = let_go
        self._percent = FULL_PERCENT
        self._task: asyncio.Task[None] | None = None
        self._lifted = asyncio.Event()
        self._setting = asyncio.Lock()
        """faults may overlap, and one process has one task"""
        self._since_ns = 0
        self._stood_ns = 0

    @property
    def limited(self) -> bool:
        return self._percent < FULL_PERCENT

    @property
    def holding(self) -> bool:
        """It stands still just now, and by this."""
        return self._since_ns > 0

    @property
    def stood_ns(self) -> int:
        """For how long it was seen standing still so far."""
        return self._stood_ns + (time.monotonic_ns() - self._since_ns if self._since_ns else 0)

    async def set(self, percent: int) -> None:
        """Returns when the process goes on, if that is what it may."""
        async with self._setting:
            self._percent = percent
            if self._task is None and self.limited:
                self._lifted.clear()
                self._task = asyncio.get_running_loop().create_task(self._run())
            elif self._task is not None and not self.limited:
                self._lifted.set()
                await self._task
                self._task = None

    async def _run(self) -> None:
        while not await self._wait(PERIOD_S * self._percent / FULL_PERCENT):
            if not await self._hold():
                continue
            self._since_ns = time.monotonic_ns()
            try:
                await self._wait(PERIOD_S * (FULL_PERCENT - self._percent) / FULL_PERCENT)
            finally:
                self._stood_ns, self._since_ns = self.stood_ns, 0
                await self._let_go()

    async def _wait(self, seconds: float) -> bool:
        """Whether the limit was lifted meanwhile."""
        try:
            await asyncio.wait_for(self._lifted.wait(), seconds)
        except TimeoutError:
            return False
        return True
