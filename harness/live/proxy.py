"""The network of nodes that have links of their own: a proxy on each directed link, in user space, without root.

Nodes are told to dial proxies instead of each other. A proxy cuts what passes into frames (nodes/tcp/frames.py) and
does to whole frames what a network does to packets: drops them while the link is cut (the connection stays, as behind
a firewall rule that drops), delays, loses, doubles, holds back, damages or throttles them under rules. It holds no
key: what it damages the far end must notice.

The first two frames of a connection are its handshake. What TCP would repeat until it arrives is cut and late like
all else, and neither lost, doubled nor overtaken. What comes back on a connection is the other half of the handshake,
and passes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import cast

from harness.live.network import Latency
from harness.live.wires import US, Wire, Wires, bend
from harness.streams import Streams
from nemeses.port import Link
from nodes.tcp.frames import Cutter, FrameError, frame

HANDSHAKE_FRAMES = 2
TICK_S = 1e-5
HIGH_WATER = 1 << 20
"""bytes waiting for the far end from which on the near end is not read"""
HOST = "127.0.0.1"

Address = tuple[str, int]


class LinkProxies(Wires):
    """A listener for each directed pair of ``nodes``. ``arrived(node)``: a frame has been passed on to it.

    ``listen_on``: an address of this machine; ``dialled_at``: what nodes call it.
    """

    def __init__(
        self,
        nodes: tuple[str, ...],
        streams: Streams,
        listen_on: str = HOST,
        dialled_at: str = HOST,
    ) -> None:
        super().__init__(streams)
        self.nodes = nodes
        self._listen_on = listen_on
        self._dialled_at = dialled_at
        self.latency = Latency()
        self.arrived: Callable[[str], None] = lambda _: None
        self.in_flight = 0
        """frames that are delayed and have not arrived yet"""
        self._servers: dict[Link, asyncio.Server] = {}
        self._targets: dict[str, Address] = {}
        self.near_ends: dict[Link, set[NearEnd]] = {}

    async def open(self) -> None:
        """Listen, before any node starts."""
        loop = asyncio.get_running_loop()
        for link in [(src, dst) for src in self.nodes for dst in self.nodes if src != dst]:
            self.near_ends[link] = set()
            wire = self.wire(link)
            self._servers[link] = await loop.create_server(partial(NearEnd, self, wire), self._listen_on, 0)

    def close(self) -> None:
        for link, server in self._servers.items():
            server.close()
            for end in list(self.near_ends[link]):
                end.abort()

    def address_book(self, node: str) -> dict[str, Address]:
        """Where ``node`` dials each of the others."""
        return {
            dst: (self._dialled_at, server.sockets[0].getsockname()[1])
            for (src, dst), server in self._servers.items()
            if src == node
        }

    def listens(self, node: str, address: Address) -> None:
        """An incarnation of ``node`` takes links there."""
        self._targets[node] = address

    def gone(self, node: str) -> None:
        self._targets.pop(node, None)

    def target(self, node: str) -> Address | None:
        return self._targets.get(node)

    async def dial(self, wire: Wire, make: Callable[[], FarEnd]) -> asyncio.Transport:
        """A connection to the far end of a link. Raises OSError."""
        address = self.target(wire.dst)
        if address is None:
            raise ConnectionRefusedError
        transport, _ = await asyncio.get_running_loop().create_connection(make, *address)
        return transport

    def mended(self, wire: Wire) -> None:
        """Connections whose handshake the cut swallowed are of no use: ended, so that they are dialled anew."""
        for end in list(self.near_ends[wire.src, wire.dst]):
            if end.swallowed:
                end.abort()


class NearEnd(asyncio.Protocol):
    """The connection from the node that dialled."""

    def __init__(self, proxies: LinkProxies, wire: Wire) -> None:
        self._proxies = proxies
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._cutter = Cutter()
        self._transport: asyncio.Transport
        self._far: asyncio.Transport | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._seen = 0
        self._early: list[bytes] = []
        """frames that arrived while the far end was being dialled"""
        self._not_before = 0.0
        """when the handshake's last frame arrives: nothing overtakes it"""
        self.swallowed = False
        """a cut has refused a frame of its handshake"""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._proxies.near_ends[self._wire.src, self._wire.dst].add(self)
        self._dialling = self._loop.create_task(self._dial())

    def data_received(self, data: bytes) -> None:
        wire = self._wire
        try:
            bodies = list(self._cutter.feed(data))
        except FrameError:
            self.abort()
            return
        latency = self._proxies.latency
        if wire.cuts or wire.rules or latency.mean_us or self._seen < HANDSHAKE_FRAMES or self._early:
            for body in bodies:
                self._judge(frame(body))
        elif bodies:
            if self._loop.time() < self._not_before:
                for body in bodies:
                    self._plan(frame(body), 0)
            else:
                self._arrive(b"".join(map(frame, bodies)), len(bodies))

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._proxies.near_ends[self._wire.src, self._wire.dst].discard(self)
        if self._dialling is not None:
            self._dialling.cancel()
        if self._far is not None:
            self._far.close()

    def pause(self) -> None:
        self._transport.pause_reading()

    def resume(self) -> None:
        self._transport.resume_reading()

    def returned(self, data: bytes) -> None:
        """From the far end."""
        self._transport.write(data)

    def abort(self) -> None:
        self._transport.abort()

    async def _dial(self) -> None:
        try:
            transport = await self._proxies.dial(self._wire, lambda: FarEnd(self))
        except OSError:
            if self._wire.cuts:
                # behind a cut, nobody can tell that nobody is there
                self.swallowed = True
            else:
                self.abort()
            return
        self._far = transport
        early, self._early = self._early, []
        if early:
            self._arrive(b"".join(early), len(early))

    def _judge(self, data: bytes) -> None:
        """Apply the wire's latency and rules to one frame."""
        wire, proxies = self._wire, self._proxies
        handshake = self._seen < HANDSHAKE_FRAMES
        self._seen += 1
        delay = proxies.latency.draw(wire.stream) if proxies.latency.mean_us else 0
        if handshake:
            delay += sum(rule.delay_us for rule in wire.rules)
            self._not_before = self._loop.time() + delay / US
            self._plan(data, delay, handshake=True)
            return
        copies, corrupt = 1, False
        if wire.rules:
            delay, copies, corrupt = bend(wire, delay, len(data), int(self._loop.time() * US))
        if corrupt:
            data = self._damaged(data)
        for copy in range(copies):
            # a double comes some time after its original
            self._plan(data, delay + wire.stream.below(delay + 1) if copy else delay)

    def _damaged(self, data: bytes) -> bytes:
        """One bit of the body is another: the length stands, so the frames after it can be told apart."""
        bit = self._wire.stream.below(8 * (len(data) - 4))
        damaged = bytearray(data)
        damaged[4 + bit // 8] ^= 1 << bit % 8
        return bytes(damaged)

    def _plan(self, data: bytes, delay_us: int, *, handshake: bool = False) -> None:
        after = delay_us / US
        if not handshake:
            after = max(after, self._not_before - self._loop.time() + TICK_S if self._not_before else 0)
        if after > 0:
            self._proxies.in_flight += 1
            self._loop.call_later(after, self._land, data, handshake)
        else:
            self._arrive(data, 1, handshake=handshake)

    def _land(self, data: bytes, handshake: bool) -> None:
        self._proxies.in_flight -= 1
        self._arrive(data, 1, handshake=handshake)

    def _arrive(self, data: bytes, frames: int, *, handshake: bool = False) -> None:
        wire = self._wire
        if wire.cuts:
            wire.count.refused += frames
            self.swallowed = self.swallowed or handshake
        elif self._transport.is_closing():
            pass  # it came too late for its connection, and is lost with it
        elif self._far is None:
            self._early.append(data)
        else:
            wire.count.delivered += frames
            self._far.write(data)
            for _ in range(frames):
                self._proxies.arrived(wire.dst)


class FarEnd(asyncio.Protocol):
    """The connection to the node that was dialled."""

    def __init__(self, near: NearEnd) -> None:
        self._near = near

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).set_write_buffer_limits(HIGH_WATER)

    def data_received(self, data: bytes) -> None:
        self._near.returned(data)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._near.abort()

    def pause_writing(self) -> None:
        self._near.pause()

    def resume_writing(self) -> None:
        self._near.resume()
