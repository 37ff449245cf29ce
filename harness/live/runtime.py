"""The harness's coroutines in real time: ``harness.runtime.Runtime`` over asyncio."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from harness.runtime import Mailbox
from workloads.port import CallTimeoutError

_encode = msgspec.json.Encoder().encode


class Message(msgspec.Struct, gc=False):
    """Maelstrom's envelope."""

    src: str
    dest: str
    body: Any


def line(src: str, dest: str, body: Any) -> bytes:
    """One message as it travels: a line of JSON."""
    return _encode(Message(src, dest, body)) + b"\n"


class LiveMailbox:
    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._waiting: asyncio.Future[None] | None = None

    def put(self, item: Any) -> None:
        self._items.append(item)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def __len__(self) -> int:
        return len(self._items)

    async def take(self, seconds: float | None) -> Any:
        """The next item, or None when ``seconds`` have passed first."""
        if not self._items:
            loop = asyncio.get_running_loop()
            waiting = self._waiting = loop.create_future()
            timer = None if seconds is None else loop.call_later(max(seconds, 0), _wake, waiting)
            try:
                await waiting
            finally:
                self._waiting = None
                if timer is not None:
                    timer.cancel()
        return self._items.popleft() if self._items else None


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


class LiveRuntime:
    """``post(client, node, line)`` hands a client's request to a node. Time 0 is the last ``begin``."""

    def __init__(self, post: Callable[[str, str, bytes], None]) -> None:
        self._post = post
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[tuple[str, int], asyncio.Future[dict[str, Any]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.failed: asyncio.Future[None] = self._loop.create_future()
        """gets the first exception of a spawned coroutine"""
        self.origin_ns = 0
        self.begin()

    def begin(self) -> None:
        """The run starts now."""
        self.origin_ns = time.monotonic_ns()

    def now(self) -> int:
        return time.monotonic_ns() - self.origin_ns

    async def sleep_until(self, time_ns: int) -> None:
        await asyncio.sleep(max(0, time_ns - self.now()) / 1e9)

    async def call(
        self, client: str, node: str, body: dict[str, Any], msg_id: int, timeout_ns: int
    ) -> dict[str, Any]:
        """Send a request and await its reply's body, errors included; raises CallTimeoutError."""
        reply: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._waiting[client, msg_id] = reply
        timer = self._loop.call_later(timeout_ns / 1e9, reply.cancel)
        self._post(client, node, line(client, node, {**body, "msg_id": msg_id}))
        try:
            return await reply
        except asyncio.CancelledError:
            if not reply.cancelled() or _cancelling():
                raise
            raise CallTimeoutError(f"{node} did not answer within {timeout_ns / 1e9:g} s") from None
        finally:
            timer.cancel()
            if self._waiting.get((client, msg_id)) is reply:
                del self._waiting[client, msg_id]

    def replied(self, client: str, body: dict[str, Any]) -> bool:
        """A node answered ``client``; False when nobody waits for that answer any more."""
        in_reply_to = body.pop("in_reply_to", None)
        reply = self._waiting.get((client, in_reply_to)) if isinstance(in_reply_to, int) else None
        if reply is None or reply.done():
            return False
        reply.set_result(body)
        return True

    def mailbox(self) -> LiveMailbox:
        return LiveMailbox()

    async def receive(self, mailbox: Mailbox, deadline_ns: int | None) -> Any:
        assert isinstance(mailbox, LiveMailbox)
        return await mailbox.take(None if deadline_ns is None else (deadline_ns - self.now()) / 1e9)

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def cancel(self) -> None:
        """Cancel what was spawned and wait for it."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self.failed.done():
            self.failed.set_exception(error)


def _cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
