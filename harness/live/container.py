"""One node in a container, which is started again for each incarnation: the same address, the same data.

The node waits behind a gate, a named pipe in its folder, until its network is what the faults in force ask for: no
packet of it passes before. It is spoken to through a port that the engine publishes.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import docker.errors

from harness.live.data import LocalData
from harness.live.doorway import Doorway
from harness.live.engine import TROUBLE, one_line
from harness.live.errors import StartError
from harness.live.faults.resources import limit_own_memory
from harness.live.member import OnExit, OnLine
from harness.live.remote.container import is_here
from harness.live.remote.port import RemoteError
from harness.live.tcp import last_reason

PEER, CLIENT, METRICS = 7100, 7200, 7300
"""ports inside a container: for links, for clients, for those who watch"""
GATE = "gate"
_WAIT = 'read -r number seed </node/gate && exec "$0" "$@" --trace "/node/trace-$number.jsonl" --seed "$seed"'
WAITING = ["sh", "-c", _WAIT, "python3", "-m", "nodes"]
"""the entry point of a container whose node waits for its gate, and is told there which incarnation it is"""
NO_LIMIT = 1 << 50
LEAST = 6 << 20
"""bytes: the engine takes no limit below"""
STEP, ATTEMPTS = 256 << 10, 8
"""how much more is tried, and how often, where a limit is refused"""
LISTEN_S = 30.0
POLL_S = 0.01
SIGNALLED = 128
"""a shell's way, and the engine's, to say that a signal ended it: 128 and its number"""


class Place(Protocol):
    """What a member needs of its environment."""

    address: str
    """where published ports are"""

    def create(self, name: str, folder: Path) -> Any:
        """A container that is not started; blocking."""
        ...

    def seed(self, name: str, incarnation: int) -> int:
        """Of that incarnation's time-outs."""
        ...

    def watch(self, container: Any, ended: Callable[[int], None]) -> None:
        """Call ``ended`` in the loop, with the exit status, when it ends."""
        ...

    async def connect(self, name: str, container: Any) -> None:
        """Make the network of a started container what the faults ask for. Raises OSError, RemoteError."""
        ...

    def disconnect(self, name: str) -> None:
        """The container has ended."""
        ...


class ContainerMember(LocalData):
    """A node's place (harness/live/member.py)."""

    def __init__(self, name: str, folder: Path, place: Place, on_line: OnLine, on_exit: OnExit) -> None:
        self.name = name
        self.folder = folder
        self.up = False
        self.exit_status: int | None = None
        self.container: Any = None
        self.ports: dict[int, int] = {}
        """of the current incarnation: port in the container -> published port"""
        self._place = place
        self._on_exit = on_exit
        self._door = Doorway(lambda line: on_line(name, line), lambda: self.up)
        self._ended = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        self._was_paused = False
        self._limited = False
        self._logged = ("", 0)
        """how much of which container's log is in the node's folder"""

    async def spawn(self, incarnation: int) -> None:
        if self._ending is not None:
            await self._ending
        self._door.close()
        self._ended = asyncio.Event()
        self._ending = None
        self._was_paused = False
        loop = asyncio.get_running_loop()
        gate = self.folder / GATE
        gate.unlink(missing_ok=True)
        os.mkfifo(gate)
        (self.folder / "data").mkdir(exist_ok=True)
        try:
            if self.container is None:
                self.container = await asyncio.to_thread(self._place.create, self.name, self.folder)
            self._place.watch(self.container, lambda status: self._died(loop, status))
            self.up = True
            await asyncio.to_thread(self._start)
            await self._place.connect(self.name, self.container)
        except (*TROUBLE, OSError, RemoteError) as e:
            if self._ending is None:
                self.up = False
                raise StartError(f"node {self.name}: {one_line(e)}") from e
            await self._ended.wait()  # it ended before its time: on_exit has said so
            return
        await self._go(gate, f"{incarnation} {self._place.seed(self.name, incarnation)}\n")
        await self._listening()
        if self.up:
            self._door.open((self._place.address, self.ports[CLIENT]))

    def _start(self) -> None:
        if self._limited:  # of its last incarnation
            limit_memory(self.container, None)
            self._limited = False
        self.container.start()
        self.container.reload()
        published = self.container.attrs["NetworkSettings"]["Ports"]
        self.ports = {
            int(inner.partition("/")[0]): int(outer[0]["HostPort"])
            for inner, outer in published.items()
            if outer
        }

    async def _go(self, gate: Path, word: str) -> None:
        """Open the gate, once the container has come to it."""
        while self.up:
            try:
                fd = os.open(gate, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # nobody reads yet
                await asyncio.sleep(POLL_S)
                continue
            os.write(fd, word.encode())
            os.close(fd)
            return

    async def _listening(self) -> None:
        """Until its health page answers, it ends, or it has had time enough: then it will not answer init either."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LISTEN_S
        while self.up and loop.time() < deadline:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    if await healthy(self._place.address, self.ports[METRICS]):
                        return
            await asyncio.sleep(POLL_S)

    def write(self, line: bytes) -> None:
        self._door.write(line)

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

    def last_words(self) -> str:
        return last_reason(self.folder / "stderr.log")

    async def discard(self) -> None:
        if self._ending is not None:
            await self._ending
        self._door.close()
        container, self.container = self.container, None
        if container is not None:
            self._place.disconnect(self.name)
            with suppress(*TROUBLE):
                await asyncio.to_thread(container.remove, force=True, v=True)
        (self.folder / GATE).unlink(missing_ok=True)

    def _died(self, loop: asyncio.AbstractEventLoop, status: int) -> None:
        if self._ending is None:
            self._ending = loop.create_task(self._end(status))

    async def _end(self, status: int) -> None:
        """Its log goes to the node's folder before anybody is told."""
        self._place.disconnect(self.name)
        self._door.drain()
        with suppress(*TROUBLE, OSError):
            await asyncio.to_thread(self._collect)
        self.exit_status = SIGNALLED - status if status > SIGNALLED else status
        self.up = False
        self._door.close()
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


async def healthy(host: str, port: int) -> bool:
    """Whether a node's /healthz answers. Raises OSError."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
        return (await reader.readline()).split()[1:2] == [b"200"]
    finally:
        writer.close()
