"""Connections to one address that are kept and used again, one request at a time each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from harness.systems.port import UNAVAILABLE, RefusedError

CONNECT_S = 1.0
IDLE_MAX = 32

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Connections:
    """What fails before a request is on its way is refused; whatever fails after that is unknown."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._idle: list[Streams] = []

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Streams]:
        """A connection for one request and its reply; it is given up when anything goes wrong."""
        streams = await self._get()
        try:
            yield streams
        except BaseException:
            streams[1].close()
            raise
        if len(self._idle) < IDLE_MAX:
            self._idle.append(streams)
        else:
            streams[1].close()

    async def _get(self) -> Streams:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        try:
            async with asyncio.timeout(CONNECT_S):
                return await asyncio.open_connection(self._host, self._port)
        except (OSError, TimeoutError) as e:
            raise RefusedError(UNAVAILABLE, f"cannot connect to {self._host}:{self._port}: {e}") from e

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()
