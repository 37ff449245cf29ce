"""One of our nodes in a container, which is started again for each incarnation: the same address, the same data.

The node waits behind a gate, a named pipe in its folder, until its network is what the faults in force ask for: no
packet of it passes before. It is spoken to through a port that the engine publishes.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from harness.live.container import ContainerMember, Watch, limit_memory
from harness.live.doorway import Doorway
from harness.live.member import OnExit, OnLine
from harness.live.tcp import last_reason

PEER, CLIENT, METRICS = 7100, 7200, 7300
"""ports inside a container: for links, for clients, for those who watch"""
GATE = "gate"
_WAIT = 'read -r number seed </node/gate && exec "$0" "$@" --trace "/node/trace-$number.jsonl" --seed "$seed"'
WAITING = ["sh", "-c", _WAIT, "python3", "-m", "nodes"]
"""the entry point of a container whose node waits for its gate, and is told there which incarnation it is"""
LISTEN_S = 30.0
POLL_S = 0.01


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

    async def connect(self, name: str, container: Any) -> None:
        """Make the network of a started container what the faults ask for. Raises OSError, RemoteError."""
        ...

    def disconnect(self, name: str) -> None:
        """The container has ended."""
        ...


class GatedMember(ContainerMember):
    """A node's place (harness/live/member.py)."""

    def __init__(
        self, name: str, folder: Path, place: Place, watch: Watch, on_line: OnLine, on_exit: OnExit
    ) -> None:
        super().__init__(name, folder, watch, on_exit)
        self.ports: dict[int, int] = {}
        """of the current incarnation: port in the container -> published port"""
        self._place = place
        self._door = Doorway(lambda line: on_line(name, line), lambda: self.up)

    async def spawn(self, incarnation: int) -> None:
        await self._settled()
        self._door.close()
        gate = self.folder / GATE
        gate.unlink(missing_ok=True)
        os.mkfifo(gate)
        (self.folder / "data").mkdir(exist_ok=True)
        if await self._begun(self._begin):
            await self._go(gate, f"{incarnation} {self._place.seed(self.name, incarnation)}\n")
            await self._listening()
            if self.up:
                self._door.open((self._place.address, self.ports[CLIENT]))

    async def _begin(self) -> None:
        if self.container is None:
            self.container = await asyncio.to_thread(self._place.create, self.name, self.folder)
        self._attend()
        await asyncio.to_thread(self._start)
        await self._place.connect(self.name, self.container)

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

    def last_words(self) -> str:
        return last_reason(self.folder / "stderr.log")

    async def discard(self) -> None:
        await self._settled()
        self._door.close()
        if self.container is not None:
            self._place.disconnect(self.name)
        await super().discard()
        (self.folder / GATE).unlink(missing_ok=True)

    async def _end(self, status: int) -> None:
        self._place.disconnect(self.name)
        self._door.drain()
        await super()._end(status)
        self._door.close()


async def healthy(host: str, port: int) -> bool:
    """Whether a node's /healthz answers. Raises OSError."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
        return (await reader.readline()).split()[1:2] == [b"200"]
    finally:
        writer.close()
