"""A container as the place of a node: it is killed, paused, limited, and ends, whoever made it and however often.

What it wrote goes to the node's folder when it has ended, before anybody is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker.errors

from harness.live.data import LocalData
from harness.live.engine import TROUBLE, one_line
from harness.live.errors import StartError
from harness.live.faults.resources import limit_own_memory
from harness.live.member import OnExit
from harness.live.remote.container import is_here
from harness.live.remote.port import RemoteError

NO_LIMIT = 1 << 50
LEAST = 6 << 20
"""bytes: the engine takes no limit below"""
STEP, ATTEMPTS = 256 << 10, 8
"""how much more is tried, and how often, where a limit is refused"""
SIGNALLED = 128
"""a shell's way, and the engine's, to say that a signal ended it: 128 and its number"""

Watch = Callable[[str, Callable[[int], None]], None]
"""to call the second in the loop, with the exit status, when the container of that id ends"""


class ContainerMember(LocalData):
    """What places in containers share (harness/live/member.py); how one is started is its own."""

    def __init__(self, name: str, folder: Path, watch: Watch, on_exit: OnExit) -> None:
        self.name = name
        self.folder = folder
        self.up = False
        self.exit_status: int | None = None
        self.container: Any = None
        self._watch = watch
        self._on_exit = on_exit
        self._ended = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        self._was_paused = False
        self._limited = False
        self._logged = ("", 0)
        """how much of which container's log is in the node's folder"""

    async def _begun(self, begin: Callable[[], Awaitable[None]]) -> bool:
        """Whether an incarnation that ``begin`` starts is up; false: it ended before its time, which on_exit said.

        ``begin`` raises the engine's errors, OSError, RemoteError; raises StartError.
        """
        self._ended = asyncio.Event()
        self._ending = None
        self._was_paused = False
        try:
            await begin()
        except (*TROUBLE, OSError, RemoteError) as e:
            if self._ending is None:
                self.up = False
                raise StartError(f"node {self.name}: {one_line(e)}") from e
            await self._ended.wait()
            return False
        return True

    def _attend(self) -> None:
        """From now on it is up, until it ends; before it is started."""
        loop = asyncio.get_running_loop()
        self._watch(self.container.id, lambda status: self._died(loop, status))
        self.up = True

    async def kill(self) -> None:
        if self.up:
            with suppress(*TROUBLE):  # it may have ended by itself
                await asyncio.to_thread(self.container.kill)
            await self._ended.wait()

    async def pause(self) -> None:
        if self.up:
            self._was_paused = True
            with suppress(*TROUBLE):
                await asyncio.to_thread(self.container.pause)

    async def resume(self) -> None:
        if self.up:
            with suppress(*TROUBLE):
                await asyncio.to_thread(self.container.unpause)

    async def paused(self) -> bool:
        """As the engine sees it; it is not asked about one that nobody paused."""
        if not self.up or not self._was_paused or self.container is None:
            return False
        try:
            await asyncio.to_thread(self.container.reload)
        except TROUBLE:  # it is ending
            return False
        return self.container is not None and bool(self.container.attrs["State"]["Paused"])

    async def limit_memory(self, headroom_kb: int | None) -> None:
        if self.up and self.container is not None:
            self._limited = headroom_kb is not None
            try:
                await asyncio.to_thread(limit_memory, self.container, headroom_kb)
            except TROUBLE as e:
                if self.up:  # it may be dying of a limit already
                    raise RemoteError(f"{self.name}: {one_line(e)}") from e

    async def _settled(self) -> None:
        """Where it is ending, that is over."""
        if self._ending is not None:
            await self._ending

    async def discard(self) -> None:
        await self._settled()
        container, self.container = self.container, None
        if container is not None:
            with suppress(*TROUBLE):
                await asyncio.to_thread(container.remove, force=True, v=True)

    def _died(self, loop: asyncio.AbstractEventLoop, status: int) -> None:
        if self._ending is None:
            self._ending = loop.create_task(self._end(status))

    async def _end(self, status: int) -> None:
        with suppress(*TROUBLE, OSError):
            await asyncio.to_thread(self._collect)
        self.exit_status = SIGNALLED - status if status > SIGNALLED else status
        self.up = False
        self._ended.set()
        self._on_exit(self.name)

    def _collect(self) -> None:
        """Append what it wrote since its log was last taken: the engine keeps one for all of a container's starts."""
        container = self.container
        if container is None:  # it may have been removed before its end was told
            return
        written = container.logs()
        known, length = self._logged
        with (self.folder / "stderr.log").open("ab") as log:
            log.write(written[length:] if known == container.id else written)
        self._logged = (container.id, len(written))


def limit_memory(container: Any, headroom_kb: int | None) -> None:
    """By the container's control group: so much more than it holds now, and no swap; None: no limit. Blocking.

    What it holds is without its files in the page cache, which the kernel can take back. A group is charged for
    more than is asked of it, 64 pages or so ahead for each processor, so where the process is on this machine its
    address space is limited as well. Raises the engine's errors.
    """
    limit = NO_LIMIT
    if headroom_kb is not None:
        told = container.client.api.stats(container.id, stream=False, one_shot=True)["memory_stats"]
        counted = told.get("stats", {})
        cached = counted.get("total_cache", counted.get("file", 0))
        limit = max(told.get("usage", 0) - cached + (headroom_kb << 10), LEAST)
    for attempt in range(ATTEMPTS):
        try:
            container.update(mem_limit=limit, memswap_limit=limit)
            break
        except docker.errors.APIError:
            # there is no limit below what is in use, and that has grown since it was asked for
            if headroom_kb is None or attempt == ATTEMPTS - 1:
                raise
            limit += STEP
    if is_here(container):
        limit_own_memory(int(container.attrs["State"]["Pid"]), headroom_kb)
