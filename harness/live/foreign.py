"""Members of other people's systems as processes of this machine, and the cluster of members wherever they live."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from harness.live.cluster import CONTROL, LiveCluster
from harness.live.conversation import POLL_S, Conversation, decode
from harness.live.errors import StartError
from harness.live.faults.faketime import FakeClock
from harness.live.faults.firewall import Firewall
from harness.live.faults.lazyfs import Lossy, settle, sweep
from harness.live.keeper import Keeper
from harness.live.linkfaults import LinkFaults
from harness.live.machines import Machines
from harness.live.member import Member, OnExit, OnLine
from harness.live.packets import Packets
from harness.live.process import ProcessMember, die_with_harness
from harness.live.trace import Line
from harness.spec import RunSpec
from harness.streams import Stream, Streams
from harness.systems.port import UNAVAILABLE, Adapter, Event, Place
from nemeses.port import Link, LinkRule

FORMED_S = 30.0
LARGE = 4 << 20
SEED_MAX = (1 << 62) - 1

Failed = Callable[[Exception], None]


class Talking(Member, Protocol):
    """A member's place with a conversation."""

    talk: Conversation


class Quarters(Protocol):
    """Where members live: machines of processes (``ProcessQuarters``), or pods of containers (``pods.Pods``)."""

    firewall: Firewall | None
    packets: Packets | None
    """carries what link faults bend, None where that cannot be"""

    def place(self, name: str, folder: Path, config: Mapping[str, Any]) -> Place: ...
    def member(
        self, adapter: Adapter, place: Place, on_line: OnLine, on_exit: OnExit, failed: Failed
    ) -> Talking: ...


def environment(place: Place) -> dict[str, str]:
    """What a member finds in its environment, whatever starts it."""
    return {
        "SPLITBRAIN_DATA": str(place.folder),
        "SPLITBRAIN_NODE": place.name,
        "SPLITBRAIN_ADDRESS": place.address,
        "SPLITBRAIN_MEMBERS": ",".join(f"{name}={at}" for name, at in place.addresses.items()),
    }


class ForeignMember(ProcessMember):
    """A member as a process in a network of its own."""

    def __init__(
        self,
        adapter: Adapter,
        place: Place,
        enter: list[str],
        keeper: Keeper,
        on_line: OnLine,
        on_exit: OnExit,
        failed: Failed,
        *,
        clock: bool,
        lossy: bool,
    ) -> None:
        super().__init__(place.name, place.folder.parent, keeper, on_line, on_exit)
        self._adapter = adapter
        self._place = place
        self._enter = enter
        self.talk = Conversation(adapter, place, on_line, lambda: self.up, failed)
        self.fake_clock = FakeClock(self.folder / "clock", self.talk.wall) if clock else None
        self.disk = Lossy(self.name, place.folder) if lossy else None

    async def spawn(self, incarnation: int) -> None:
        if self.disk is not None:
            await self.disk.open()
        await super().spawn(incarnation)

    def command(self, incarnation: int) -> list[str]:
        self.talk.write_to(self.folder / f"trace-{incarnation}.jsonl")
        command = self._adapter.command(self._place)
        if self.disk is not None and incarnation == 1:
            settle(self._place.folder)
        return [*self._enter, *command]

    async def lose_power(self, draws: Stream) -> int:
        assert self.disk is not None  # or power losses are not among its capabilities
        lost = await self.disk.lose(draws.between(0, SEED_MAX))
        self.talk.note(Event("unsynced", lost))
        return lost["lost_bytes"]

    def environment(self) -> dict[str, str]:
        clock = {} if self.fake_clock is None else self.fake_clock.environment()
        return {**super().environment(), **environment(self._place), **self._adapter.environment(), **clock}

    def start(
        self, command: list[str], environment: dict[str, str], stderr: BinaryIO
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stderr,
            stderr=stderr,
            env=environment,
            start_new_session=True,
            # between fork and exec nothing but one system call runs
            preexec_fn=die_with_harness,  # noqa: PLW1509
        )

    async def open(self, process: subprocess.Popen[bytes]) -> None:
        del process
        self.talk.open()

    def write(self, line: bytes) -> None:
        self.talk.write(line)

    async def discard(self) -> None:
        await self.talk.close()
        await super().discard()


class ProcessQuarters:
    """Processes on ``machines``. ``clock``: their wall clocks are the harness's to set; ``lossy``: they may lose
    power, and their folders are mounted over FUSE.
    """

    def __init__(
        self, machines: Machines, keeper: Keeper, packets: Packets | None, *, clock: bool, lossy: bool
    ) -> None:
        if lossy:
            sweep()
        self.firewall = machines.firewall
        self.packets = packets
        self._machines = machines
        self._keeper = keeper
        self._clock = clock
        self._lossy = lossy

    def place(self, name: str, folder: Path, config: Mapping[str, Any]) -> Place:
        return Place(name, self._machines.addresses, folder, config)

    def member(
        self, adapter: Adapter, place: Place, on_line: OnLine, on_exit: OnExit, failed: Failed
    ) -> Talking:
        enter = self._machines.enter(place.name)
        faults = {"clock": self._clock, "lossy": self._lossy}
        return ForeignMember(adapter, place, enter, self._keeper, on_line, on_exit, failed, **faults)


class ForeignCluster(LiveCluster):
    """A cluster whose network is the machines' own: cuts are rules of their packet filters."""

    def __init__(
        self,
        spec: RunSpec,
        folder: Path,
        streams: Streams,
        able: frozenset[str],
        adapter: Adapter,
        quarters: Quarters,
        hear: Callable[[str, Line], None],
    ) -> None:
        self._foreign: dict[str, Talking] = {}

        def member(name: str, home: Path, on_line: OnLine, on_exit: OnExit) -> Member:
            data = home / "data"
            data.mkdir(parents=True, exist_ok=True)
            place = quarters.place(name, data, spec.options.get("config", {}))
            made = quarters.member(adapter, place, on_line, on_exit, self._fail)
            self._foreign[name] = made
            return made

        super().__init__(spec, folder, streams, able, member, hear, firewall=quarters.firewall)
        self.traced = True
        self._adapter = adapter
        self._packets = quarters.packets
        if self._packets is not None:
            self.network = self._packets
            self._link_faults = LinkFaults(self._packets, quarters.firewall, None)

    def _fail(self, error: Exception) -> None:
        if not self.runtime.failed.done():
            self.runtime.failed.set_exception(error)

    async def shape(self, links: Iterable[Link], rule: LinkRule) -> int:
        handle = await super().shape(links, rule)
        await self._led_aside()
        return handle

    async def release(self, handle: int) -> None:
        await super().release(handle)
        await self._led_aside()

    async def _led_aside(self) -> None:
        if self._packets is not None:
            await self._packets.settle()

    async def start_all(self) -> None:
        """Start every node, and wait until they are a cluster. Raises StartError."""
        if self._firewall is not None:
            await self._firewall.open()
        await self._led_aside()
        await super().start_all()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + FORMED_S
        while not self._adapter.formed({name: member.talk.seen for name, member in self._foreign.items()}):
            if loop.time() > deadline:
                said = {name: member.talk.seen for name, member in self._foreign.items()}
                raise StartError(f"{self._adapter.name} did not form a cluster in {FORMED_S:g} s: {said}")
            await asyncio.sleep(POLL_S)
        self.runtime.begin()

    def _trouble(
        self, seat: Any, answer: asyncio.Future[dict[str, Any]], garbage: asyncio.Future[bytes]
    ) -> str | None:
        trouble = super()._trouble(seat, answer, garbage)
        if trouble is None or seat.exited.is_set():
            return trouble
        words = seat.member.last_words()
        last = f"; its log ends: {words}" if words else ""
        return f"runs, and nobody listens at its port {self._adapter.port()} after {self._init_timeout_s:g} s{last}"

    async def close(self) -> None:
        await super().close()
        disks = [
            m.disk for m in self._foreign.values() if isinstance(m, ForeignMember) and m.disk is not None
        ]
        await asyncio.gather(*(disk.close() for disk in disks))
        for folder in self.folders.values():
            await asyncio.to_thread(give_back, folder / "data")

    def _post(self, client: str, node: str, data: bytes) -> None:
        """Of a dead node's machine a client learns at once that nobody listens there."""
        if client == CONTROL or self._seats[node].ready:
            super()._post(client, node, data)
            return
        body = {"type": "error", "code": UNAVAILABLE, "text": f"{node} is down"}
        self.runtime.replied(client, {**body, "in_reply_to": decode(data).body["msg_id"]})


def give_back(folder: Path) -> None:
    """Free what files of a dead node have reserved at their ends and never written: etcd reserves 64 MB a log.

    They read as before.
    """
    for path in folder.rglob("*"):
        if not path.is_file() or path.stat().st_size <= LARGE:
            continue
        with path.open("r+b") as file:
            written, size = 0, path.stat().st_size
            with suppress(OSError):  # there is no more data
                while written < size:
                    written = os.lseek(
                        file.fileno(), os.lseek(file.fileno(), written, os.SEEK_DATA), os.SEEK_HOLE
                    )
            file.truncate(written)
            file.truncate(size)
