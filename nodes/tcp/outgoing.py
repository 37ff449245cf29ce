"""One directed link to a peer: dial, prove who we are, send; dial again when it breaks.

Messages wait in a bounded queue while the link is being made or its peer does not read; what does not fit is lost,
as on a network, and counted. What is sent leaves at the end of the turn of the loop, all frames in one write.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from typing import cast

from nodes.log import Log
from nodes.tcp.frames import Cutter, FrameError, frame
from nodes.tcp.metrics import LinkCounters
from nodes.tcp.seal import HANDSHAKE_MAX, NONCE_BYTES, Dialler, RefusedError, Sealer
from nodes.tcp.settings import Address

QUEUE_BYTES_MAX = 8 << 20
WRITE_HIGH = 1 << 20
"""bytes in the transport from which on the queue fills"""
DIAL_S = 1.0
"""for connecting, and again for the handshake"""
BACKOFF_S_MIN = 0.02
BACKOFF_S_MAX = 0.5
UNACKNOWLEDGED_MS = 2_000
"""a connection whose peer's kernel has been silent so long is given up: after a partition a new one is there sooner
than the old one's retransmissions"""


class Outgoing:
    """``make_dialler(nonce)`` knows the key and the names. ``flush_first`` is called before output leaves."""

    def __init__(
        self,
        peer: str,
        address: Address,
        make_dialler: Callable[[bytes], Dialler],
        tls: ssl.SSLContext | None,
        counters: LinkCounters,
        log: Log,
    ) -> None:
        self.peer = peer
        self._address = address
        self._make_dialler = make_dialler
        self._tls = tls
        self._counters = counters
        self._log = log
        self._queue: list[bytes] = []
        self._queue_bytes = 0
        self._down = False
        """the last dial failed: nobody is there, and what is sent is lost"""
        self._last_trouble = ""
        self._wire: _Wire | None = None
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to dial."""
        self._task = asyncio.get_running_loop().create_task(self._keep())

    def send(self, payload: bytes) -> None:
        """Queue a message; ``flush`` sends it."""
        if self._down or self._queue_bytes + len(payload) > QUEUE_BYTES_MAX:
            self._counters.lost_frames += 1
            return
        self._queue.append(payload)
        self._queue_bytes += len(payload)

    def flush(self) -> None:
        wire = self._wire
        if wire is not None and self._queue and not wire.paused:
            seal = wire.sealer.seal
            data = b"".join([seal(payload) for payload in self._queue])
            self._counters.sent_frames += len(self._queue)
            self._counters.sent_bytes += len(data)
            self._queue = []
            self._queue_bytes = 0
            wire.transport.write(data)
        self._counters.queue_frames = len(self._queue)
        self._counters.queue_bytes = self._queue_bytes

    @property
    def idle(self) -> bool:
        """Nothing waits that could leave."""
        wire = self._wire
        return wire is None or (not self._queue and not wire.transport.get_write_buffer_size())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._wire is not None:
            self._wire.transport.close()

    async def _keep(self) -> None:
        backoff = BACKOFF_S_MIN
        while True:
            try:
                wire = await self._dial()
            except (OSError, TimeoutError, RefusedError, FrameError) as e:
                self._lose_queue()
                self._down = True
                self._trouble(e)
                await asyncio.sleep(backoff)
                backoff = min(2 * backoff, BACKOFF_S_MAX)
                continue
            backoff = BACKOFF_S_MIN
            self._down = False
            self._last_trouble = ""
            self._counters.connections += 1
            self._log.info("link_up", peer=self.peer)
            if not wire.ended.done():
                self._wire = wire
            self.flush()
            await wire.ended
            self._log.info("link_down", peer=self.peer)

    async def _dial(self) -> _Wire:
        self._counters.dials += 1
        loop = asyncio.get_running_loop()
        host, port = self._address
        async with asyncio.timeout(DIAL_S):
            _, wire = await loop.create_connection(
                lambda: _Wire(self, self._make_dialler(os.urandom(NONCE_BYTES))),
                host,
                port,
                ssl=self._tls,
                server_hostname=self.peer if self._tls is not None else None,
            )
        try:
            async with asyncio.timeout(DIAL_S):
                await wire.ready
        except BaseException:
            wire.transport.abort()
            raise
        return wire

    def _trouble(self, error: Exception) -> None:
        """Log it, once while it stays the same."""
        reason = str(error) or "no answer in time"
        refused = isinstance(error, RefusedError | ssl.SSLError)
        self._counters.refusals += refused
        if reason != self._last_trouble:
            self._last_trouble = reason
            say = self._log.error if refused else self._log.warning
            say("peer_refused" if refused else "peer_unreachable", peer=self.peer, reason=reason)

    def _lose_queue(self) -> None:
        self._counters.lost_frames += len(self._queue)
        self._queue = []
        self._queue_bytes = 0

    def resumed(self) -> None:
        """The peer reads again."""
        self.flush()

    def lost(self, wire: _Wire) -> None:
        """At once, not when the task wakes: nothing is written to a connection that is gone."""
        if self._wire is wire:
            self._wire = None


class _Wire(asyncio.Protocol):
    """One connection of the link. ``ready`` is done when we may send; ``ended`` when it is gone."""

    def __init__(self, link: Outgoing, dialler: Dialler) -> None:
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.transport: asyncio.Transport
        self.sealer: Sealer
        self.paused = False
        self._link = link
        self._dialler = dialler
        self._cutter = Cutter(HANDSHAKE_MAX)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = wire = cast("asyncio.Transport", transport)
        wire.set_write_buffer_limits(WRITE_HIGH)
        give_up_unacknowledged(wire)
        wire.write(frame(self._dialler.hello()))

    def data_received(self, data: bytes) -> None:
        if self.ready.done():
            return  # nothing is expected here any more
        try:
            for body in self._cutter.feed(data):
                proof, self.sealer = self._dialler.prove(body)
                self.transport.write(frame(proof))
                self.ready.set_result(None)
                return
        except (RefusedError, FrameError) as e:
            self.ready.set_exception(e)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionResetError("it hung up in the handshake"))
        self._link.lost(self)
        if not self.ended.done():
            self.ended.set_result(None)

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if self.ready.done():
            self._link.resumed()


def give_up_unacknowledged(transport: asyncio.Transport) -> None:
    connection = transport.get_extra_info("socket")
    if connection is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
