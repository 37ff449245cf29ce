"""The harness's connection to a node's door for clients, which is made again while the node lives."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from nodes.channel import Channel

REDIAL_S = 0.02


class Doorway:
    """``alive``: whether it is worth dialling again. What was asked over a connection that broke has no answer."""

    def __init__(self, on_line: Callable[[bytes], None], alive: Callable[[], bool]) -> None:
        self._on_line = on_line
        self._alive = alive
        self._dial: Callable[[], socket.socket]
        self._socket: socket.socket | None = None
        self._channel: Channel | None = None
        self._redialling: asyncio.Task[None] | None = None

    def open(self, address: tuple[str, int]) -> None:
        """Connect; where that fails, again and again."""
        self.open_by(partial(dialled, address))

    def open_by(self, dial: Callable[[], socket.socket]) -> None:
        """``open``, by other means: ``dial`` raises OSError."""
        self._dial = dial
        try:
            self._connect()
        except OSError:
            self._hung_up()

    def write(self, line: bytes) -> None:
        if self._channel is not None:
            self._channel.write(line)

    def drain(self) -> None:
        """Read what is there to be read."""
        if self._channel is not None:
            self._channel.drain()

    def close(self) -> None:
        if self._redialling is not None:
            self._redialling.cancel()
            self._redialling = None
        self._hang_up()

    def _connect(self) -> None:
        self._socket = self._dial()
        fd = self._socket.fileno()
        self._channel = Channel(fd, fd, self._on_line, self._hung_up, lambda: None)

    def _hang_up(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _hung_up(self) -> None:
        self._hang_up()
        if self._alive():
            self._redialling = asyncio.get_running_loop().create_task(self._redial())

    async def _redial(self) -> None:
        while self._alive() and self._channel is None:
            await asyncio.sleep(REDIAL_S)
            with suppress(OSError):
                self._connect()


def dialled(address: tuple[str, int]) -> socket.socket:
    """A connection whose small messages leave at once. Raises OSError."""
    made = socket.create_connection(address, timeout=1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made
