"""Members of other people's systems as processes of this machine, and the cluster of them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from harness.errors import UsageError, one_line
from harness.live.cluster import CONTROL, LiveCluster
from harness.live.errors import StartError
from harness.live.keeper import Keeper
from harness.live.machines import Machines
from harness.live.member import Member, OnExit, OnLine
from harness.live.process import ProcessMember, die_with_harness
from harness.live.runtime import line
from harness.live.trace import Line
from harness.spec import RunSpec
from harness.streams import Streams
from harness.systems.port import CRASH, UNAVAILABLE, Adapter, Client, Event, Place, RefusedError, UnknownError

POLL_S = 0.02
PROBE_S = 0.2
PROBE_TIMEOUT_S = 1.0
PATIENCE_S = 15.0
"""longest time that a request may be under way: whoever sent it has given up by then"""
FORMED_S = 30.0
LARGE = 4 << 20

FAILURES = (UnknownError, OSError, EOFError, TimeoutError, ValueError)
"""what stands for a peer that failed: the request's outcome is unknown (EOFError: asyncio's IncompleteReadError)"""


class Request(msgspec.Struct):
    """Of a client, or the harness's ``init``."""

    src: str
    dest: str
    body: dict[str, Any]


_decode = msgspec.json.Decoder(Request).decode
_encode = msgspec.json.Encoder().encode


class ForeignMember(ProcessMember):
    """A member of a foreign system. Requests go to it through its adapter's client, each in a task of its own.

    A probe asks it who leads, and writes what changed to its trace. ``seen``: what it said last, by kind.
    """

    def __init__(
        self,
        adapter: Adapter,
        place: Place,
        enter: list[str],
        keeper: Keeper,
        on_line: OnLine,
        on_exit: OnExit,
        failed: Callable[[Exception], None],
    ) -> None:
        super().__init__(place.name, place.folder.parent, keeper, on_line, on_exit)
        self._adapter = adapter
        self._place = place
        self._enter = enter
        self._failed = failed
        self._client: Client | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._trace: BinaryIO | None = None
        self.seen: dict[str, dict[str, Any]] = {}

    def command(self, incarnation: int) -> list[str]:
        self._trace = (self.folder / f"trace-{incarnation}.jsonl").open("ab", buffering=0)
        return [*self._enter, *self._adapter.command(self._place)]

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
        self.seen = {}
        self._client = self._adapter.client(self._place)
        self._task(self._probe(self._client))

    def write(self, line: bytes) -> None:
        request = _decode(line)
        if self._client is not None:
            init = request.body["type"] == "init"
            self._task(self._init(request) if init else self._serve(request, self._client))

    async def discard(self) -> None:
        tasks, self._tasks = list(self._tasks), set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.close()
            self._client = None
        if self._trace is not None:
            self._trace.close()
            self._trace = None
        await super().discard()

    def _task(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _init(self, request: Request) -> None:
        """Answered when something listens at the client's port."""
        while self.up:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(PROBE_TIMEOUT_S):
                    _, writer = await asyncio.open_connection(self._place.address, self._adapter.port())
                writer.close()
                self._reply(request, {"type": "init_ok"})
                return
            await asyncio.sleep(POLL_S)

    async def _serve(self, request: Request, client: Client) -> None:
        kind = request.body["type"]
        body = {k: v for k, v in request.body.items() if k != "msg_id"}
        try:
            async with asyncio.timeout(PATIENCE_S):
                reply = {**await client.request(body), "type": f"{kind}_ok"}
        except RefusedError as e:
            reply = {"type": "error", "code": e.code, "text": str(e)}
        except FAILURES as e:
            reply = {"type": "error", "code": CRASH, "text": f"{type(e).__name__}: {e}"}
        except Exception as e:  # noqa: BLE001  somebody's adapter: it is told, and nothing is made of it
            self._broken(f"its client raised {type(e).__name__} on {kind}: {e}")
            return
        self._reply(request, reply)

    def _reply(self, request: Request, body: dict[str, Any]) -> None:
        body = {**body, "in_reply_to": request.body["msg_id"]}
        self._on_line(self.name, line(self.name, request.src, body).rstrip(b"\n"))

    async def _probe(self, client: Client) -> None:
        while self.up:
            try:
                async with asyncio.timeout(PROBE_TIMEOUT_S):
                    events = await self._adapter.probe(self._place, client)
                for event in events:
                    self._tell(event)
            except (RefusedError, *FAILURES):
                pass  # it is not up yet, stands still, or is cut off
            except Exception as e:  # noqa: BLE001  as above
                self._broken(f"its probe raised {type(e).__name__}: {e}")
                return
            await asyncio.sleep(PROBE_S)

    def _broken(self, why: str) -> None:
        """Ends the run: no verdict can follow from an adapter that errs."""
        self._failed(UsageError(one_line(f"adapter {self._adapter.name}: {why}")))

    def _tell(self, event: Event) -> None:
        """To the trace, when it is news."""
        if self.seen.get(event.kind) != event.data and self._trace is not None:
            self.seen[event.kind] = event.data
            self._trace.write(_encode(Line(time.monotonic_ns(), event.kind, event.data)) + b"\n")


class ForeignCluster(LiveCluster):
    """A cluster whose network is the machines' own: cuts are rules of their packet filters."""

    def __init__(
        self,
        spec: RunSpec,
        folder: Path,
        streams: Streams,
        able: frozenset[str],
        adapter: Adapter,
        machines: Machines,
        keeper: Keeper,
        hear: Callable[[str, Line], None],
    ) -> None:
        self._foreign: dict[str, ForeignMember] = {}

        def member(name: str, place: Path, on_line: OnLine, on_exit: OnExit) -> Member:
            data = place / "data"
            data.mkdir(parents=True, exist_ok=True)
            there = Place(name, machines.addresses, data, spec.options.get("config", {}))
            made = ForeignMember(adapter, there, machines.enter(name), keeper, on_line, on_exit, self._fail)
            self._foreign[name] = made
            return made

        super().__init__(spec, folder, streams, able, member, hear, firewall=machines.firewall)
        self.traced = True
        self._adapter = adapter

    def _fail(self, error: Exception) -> None:
        if not self.runtime.failed.done():
            self.runtime.failed.set_exception(error)

    async def start_all(self) -> None:
        """Start every node, and wait until they are a cluster. Raises StartError."""
        if self._firewall is not None:
            await self._firewall.open()
        await super().start_all()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + FORMED_S
        while not self._adapter.formed({name: member.seen for name, member in self._foreign.items()}):
            if loop.time() > deadline:
                said = {name: member.seen for name, member in self._foreign.items()}
                raise StartError(f"{self._adapter.name} did not form a cluster in {FORMED_S:g} s: {said}")
            await asyncio.sleep(POLL_S)
        self.runtime.begin()

    async def close(self) -> None:
        await super().close()
        for folder in self.folders.values():
            await asyncio.to_thread(give_back, folder / "data")

    def _post(self, client: str, node: str, data: bytes) -> None:
        """Of a dead node's machine a client learns at once that nobody listens there."""
        if client == CONTROL or self._seats[node].ready:
            super()._post(client, node, data)
            return
        body = {"type": "error", "code": UNAVAILABLE, "text": f"{node} is down"}
        self.runtime.replied(client, {**body, "in_reply_to": _decode(data).body["msg_id"]})


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
