"""The talk with one member of a foreign system: requests through its adapter's client, and what it is asked.

Requests run in a task each. A probe asks the member what it is (who leads), and what changed goes to its trace.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from harness.errors import UsageError, one_line
from harness.live.member import OnLine
from harness.live.runtime import line
from harness.live.trace import Line
from harness.systems.port import CRASH, Adapter, Client, Event, Place, RefusedError, UnknownError

POLL_S = 0.02
PROBE_S = 0.2
PROBE_TIMEOUT_S = 1.0
HUNG_UP_S = 0.2
"""how soon a port that is published, but behind which nobody listens, hangs up again"""
PATIENCE_S = 15.0
"""longest time that a request may be under way: whoever sent it has given up by then"""

FAILURES = (UnknownError, OSError, EOFError, TimeoutError, ValueError)
"""what stands for a peer that failed: the request's outcome is unknown (EOFError: asyncio's IncompleteReadError)"""


class Request(msgspec.Struct):
    """Of a client, or the harness's ``init``."""

    src: str
    dest: str
    body: dict[str, Any]


decode = msgspec.json.Decoder(Request).decode
_encode = msgspec.json.Encoder().encode


class Conversation:
    """With one member, across its incarnations. ``up``: whether it runs; ``failed``: told of an adapter that errs.

    ``seen``: what the member said last, by kind.
    """

    def __init__(
        self,
        adapter: Adapter,
        place: Place,
        on_line: OnLine,
        up: Callable[[], bool],
        failed: Callable[[Exception], None],
    ) -> None:
        self.seen: dict[str, dict[str, Any]] = {}
        self._adapter = adapter
        self._place = place
        self._on_line = on_line
        self._up = up
        self._failed = failed
        self._client: Client | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._trace: BinaryIO | None = None

    def write_to(self, trace: Path) -> None:
        """The trace of the incarnation that is about to start."""
        self._trace = trace.open("ab", buffering=0)

    def open(self) -> None:
        """The member runs."""
        self.seen = {}
        self._client = self._adapter.client(self._place)
        self._task(self._probe(self._client))

    def write(self, line: bytes) -> None:
        request = decode(line)
        if self._client is not None:
            init = request.body["type"] == "init"
            self._task(self._init(request) if init else self._serve(request, self._client))

    def note(self, event: Event) -> None:
        """To the trace of the present incarnation, or of the one that has just ended."""
        if self._trace is not None:
            self._trace.write(_encode(Line(time.monotonic_ns(), event.kind, event.data)) + b"\n")

    async def close(self) -> None:
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

    def _task(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _init(self, request: Request) -> None:
        """Answered when something listens at the client's port."""
        while self._up():
            with suppress(OSError):
                if await listens(*self._place.door(self._adapter.port()), published=self._place.contained):
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
        name = self._place.name
        self._on_line(name, line(name, request.src, body).rstrip(b"\n"))

    async def _probe(self, client: Client) -> None:
        while self._up():
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

    async def wall(self) -> tuple[int, int, int] | None:
        """The member's wall clock, ns, as it tells it, after the monotonic clock before and after the question."""
        if self._client is None:
            return None
        asked = time.monotonic_ns()
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                told = await self._adapter.clock(self._client)
        except (RefusedError, *FAILURES):
            return None
        return None if told is None else (asked, time.monotonic_ns(), told)


async def listens(host: str, port: int, *, published: bool) -> bool:
    """Whether somebody listens there. An engine's published port accepts for nobody, too, and then hangs up."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    try:
        if not published:
            return True
        async with asyncio.timeout(HUNG_UP_S):
            return bool(await reader.read(1))
    except TimeoutError:
        return True
    except OSError:
        return False
    finally:
        writer.close()
