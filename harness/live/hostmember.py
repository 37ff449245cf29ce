"""One node on a host: a process of its own there, which a lost connection does not end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import paramiko

from harness.live.doorway import Doorway
from harness.live.errors import OutOfReachError, StartError
from harness.live.faults import disk, power, resources
from harness.live.host import Machine, Process
from harness.live.member import OnExit, OnLine
from harness.live.news import End, News
from harness.live.remote.port import RemoteError
from harness.live.tcp import last_reason
from harness.live.tunnel import tunnel
from harness.streams import Stream
from nemeses.port import Damage

T = TypeVar("T")

LOOPBACK = "127.0.0.1"
LISTEN_S = 30.0
POLL_S = 0.01


class Place(Protocol):
    """What a member needs of its environment."""

    def arguments(self, name: str, incarnation: int) -> list[str]:
        """The command of a node."""
        ...

    async def reached(self, name: str) -> None:
        """Its host has just done what it was told. Raises RemoteError."""
        ...

    def troubled(self, name: str, why: str) -> None:
        """Something could not be done on its host."""
        ...

    def lost(self, name: str, why: str) -> None:
        """Its host is out of reach."""
        ...


class HostMember:
    """A node's place (harness/live/member.py). ``exit_status`` is None when nobody knows it: its host is lost."""

    def __init__(
        self, name: str, folder: Path, machine: Machine, place: Place, on_line: OnLine, on_exit: OnExit
    ) -> None:
        self.name = name
        self.folder = folder
        self.up = False
        self.exit_status: int | None = None
        self.machine = machine
        self.ports: dict[str, int] = {}
        """of the current incarnation, on its host: peer, client, metrics"""
        self.process: Process | None = None
        self._place = place
        self._on_exit = on_exit
        self._door = Doorway(lambda line: on_line(name, line), lambda: self.up)
        self._news: News | None = None
        self._ended = asyncio.Event()
        self._was_paused = False

    async def spawn(self, incarnation: int) -> None:
        await self.discard()
        self._ended = asyncio.Event()
        self._was_paused = False
        self.ports = {}
        try:
            self.process = await asyncio.to_thread(
                self.machine.start,
                self.name,
                incarnation,
                self._place.arguments(self.name, incarnation),
                self.process,
            )
            await self._place.reached(self.name)
        except RemoteError as e:
            if incarnation > 1:  # the first one's error ends the run
                self._place.troubled(self.name, str(e))
            raise OutOfReachError(f"node {self.name}: {e}") from e
        self.up = True
        loop = asyncio.get_running_loop()
        self._news = News(
            partial(self._follow, incarnation),
            self.folder / f"trace-{incarnation}.jsonl",
            lambda ports: _tell(loop, partial(self.ports.update, ports)),
            lambda end: _tell(loop, partial(self._ends, end)),
            lambda why: _tell(loop, partial(self._lost, why)),
        )
        deadline = loop.time() + LISTEN_S
        while self.up and not self.ports and loop.time() < deadline:  # noqa: ASYNC110  or it ends, or time is up
            await asyncio.sleep(POLL_S)
        if self.up and self.ports:
            if incarnation == 1 and not self.machine.host.direct:
                await self._try_tunnel()
            self._open_door()

    def _follow(self, incarnation: int, offset: int) -> paramiko.Channel:
        machine = self.machine
        place = f"{machine.run}/{self.name}"
        return machine.ssh.session(
            f"exec python3 {machine.packages}/warden.py follow {place} {incarnation} {offset}"
        )

    async def _try_tunnel(self) -> None:
        """Raises StartError, in one line, where the host forwards nothing."""
        try:
            channel = await asyncio.to_thread(self.machine.ssh.dial, (LOOPBACK, self.ports["client"]))
        except RemoteError as e:
            await self.kill()
            raise StartError(f"node {self.name}: {e}") from e
        channel.close()

    def _open_door(self) -> None:
        host = self.machine.host
        if host.direct:
            self._door.open((host.at, self.ports["client"]))
        else:
            dial = partial(self.machine.ssh.dial, (LOOPBACK, self.ports["client"]))
            self._door.open_by(partial(tunnel, dial))

    def write(self, line: bytes) -> None:
        self._door.write(line)

    async def kill(self) -> None:
        while self.up:
            await self._signal("KILL", "false")
            with suppress(TimeoutError):  # its host was out of reach, and is back before it counts as lost
                await asyncio.wait_for(self._ended.wait(), LISTEN_S)

    async def pause(self) -> None:
        if self.up:
            self._was_paused = True
            await self._signal("STOP", '[ "$state" = T ]')

    async def resume(self) -> None:
        if self.up:
            await self._signal("CONT", "true")

    async def _signal(self, name: str, until: str) -> None:
        """Where its host cannot be reached nothing is done, and what there is to see will say so."""
        assert self.process is not None
        with suppress(RemoteError):
            await asyncio.to_thread(self.machine.signal, self.process, name, until)

    async def paused(self) -> bool:
        """As its host's kernel sees it, which is not asked about one that nobody paused."""
        if not self.up or not self._was_paused or self.process is None:
            return False
        try:
            return await asyncio.to_thread(self.machine.stopped, self.process)
        except RemoteError:
            return False

    # --- its data and memory (``member.Breakable``) -----------------------------------------------------------

    async def lose_power(self, draws: Stream) -> int:
        seed = draws.bits()
        return await self._there(power.lose_power, self._data, self.machine.packages, seed) or 0

    async def damage(self, damage: Damage) -> int:
        return await self._there(disk.damage, self._data, damage) or 0

    async def mend(self) -> None:
        await self._there(disk.mend, self._data)

    async def keep(self) -> None:
        await self._there(disk.forget, self._data)

    async def limit_memory(self, headroom_kb: int | None) -> None:
        if self.up and self.process is not None:
            await self._there(resources.limit_memory, self.process.pid, headroom_kb)

    @property
    def _data(self) -> str:
        return f"{self.machine.run}/{self.name}/data"

    async def _there(self, act: Callable[..., T], *arguments: Any) -> T | None:
        """None where it could not be done, which is said; what there is to see will say so, too."""
        try:
            return await asyncio.to_thread(act, self.machine.remote, *arguments)
        except RemoteError as e:
            self._place.troubled(self.name, str(e))
            return None

    def last_words(self) -> str:
        return last_reason(self.folder / "stderr.log")

    async def discard(self) -> None:
        self._door.close()
        news, self._news = self._news, None
        if news is not None:
            await asyncio.to_thread(news.close)

    def _ends(self, end: End) -> None:
        self._door.drain()
        # until the whole log is collected
        (self.folder / "stderr.log").write_text(end.words)
        self._over(end.status)

    def _lost(self, why: str) -> None:
        self._place.lost(self.name, why)
        self._over(None)

    def _over(self, status: int | None) -> None:
        if self.up:
            self.exit_status = status
            self.up = False
            self._door.close()
            self._ended.set()
            self._on_exit(self.name)


def _tell(loop: asyncio.AbstractEventLoop, act: partial[None]) -> None:
    with suppress(RuntimeError):  # the loop has been closed meanwhile
        loop.call_soon_threadsafe(act)
