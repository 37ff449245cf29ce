"""Link proxies that stand inside the nodes' own networks: sockets of the harness in the containers' namespaces.

A node dials its own loopback, where the proxy listens; the proxy dials the peer from the same namespace. So a
link's packets still go from one node's address to the other's, and packet filters there still cut them.

Needs root, and the containers' processes on this machine (see ``remote.container.namespaces``).
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from harness.live.proxy import FarEnd, LinkProxies, NearEnd
from harness.live.wires import Wire
from harness.streams import Streams
from nemeses.port import Link
from nodes.tcp.outgoing import give_up_unacknowledged

CLONE_NEWNET: Final = 0x40000000
LOOPBACK = "127.0.0.1"
FIRST_PORT = 7400
"""on a node's loopback: of the link to the first of all nodes, and so on"""
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def inside(space: int) -> Iterator[None]:
    """Sockets made here are made in that network namespace (a descriptor of /proc/PID/ns/net).

    A socket stays in the namespace in which it was made. Only this thread is elsewhere, and it must not wait there.
    """
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _enter(space)
        try:
            yield
        finally:
            _enter(home)
    finally:
        os.close(home)


def _enter(space: int) -> None:
    if _libc.setns(space, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


class InsideProxies(LinkProxies):
    """``target`` of a node is its address in the nodes' network. Call ``enter`` for each incarnation's namespace."""

    def __init__(self, nodes: tuple[str, ...], streams: Streams) -> None:
        super().__init__(nodes, streams)
        self._spaces: dict[str, int] = {}

    async def open(self) -> None:
        for src in self.nodes:
            for dst in self.nodes:
                if src != dst:
                    self.near_ends[src, dst] = set()
                    self.wire((src, dst))

    def address_book(self, node: str) -> dict[str, tuple[str, int]]:
        return {dst: (LOOPBACK, FIRST_PORT + i) for i, dst in enumerate(self.nodes) if dst != node}

    async def enter(self, node: str, pid: int) -> None:
        """Listen in the network of the process ``pid``, a new incarnation of ``node``. Raises OSError."""
        self.leave(node)
        space = self._spaces[node] = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        sockets: dict[Link, socket.socket] = {}
        with inside(space):
            for dst, (host, port) in self.address_book(node).items():
                made = sockets[node, dst] = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                made.bind((host, port))
        loop = asyncio.get_running_loop()
        for link, made in sockets.items():
            self._servers[link] = await loop.create_server(partial(NearEnd, self, self.wire(link)), sock=made)

    def leave(self, node: str) -> None:
        """Its namespace is gone, or will be."""
        for dst in self.nodes:
            server = self._servers.pop((node, dst), None)
            if server is not None:
                server.close()
            for end in list(self.near_ends.get((node, dst), ())):
                end.abort()
        space = self._spaces.pop(node, None)
        if space is not None:
            os.close(space)

    def close(self) -> None:
        for node in self.nodes:
            self.leave(node)

    async def dial(self, wire: Wire, make: Callable[[], FarEnd]) -> asyncio.Transport:
        address, space = self.target(wire.dst), self._spaces.get(wire.src)
        if address is None or space is None:
            raise ConnectionRefusedError
        with inside(space):
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_connect(made, address)
            transport, _ = await loop.create_connection(make, sock=made)
        except BaseException:
            made.close()
            raise
        give_up_unacknowledged(transport)
        return transport
