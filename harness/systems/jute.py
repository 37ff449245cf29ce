"""ZooKeeper's protocol (Jute records in frames), as little of it as a client needs.

Frames are a length of four bytes and so much; strings and buffers likewise. A request is its number, its type and its
record; a reply is that number, the zxid, an error and its record (ZooKeeper's zookeeper.jute).
"""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress
from enum import IntEnum

from harness.systems.port import UNAVAILABLE, RefusedError

CONNECT_S = 2.0
CREATE, GET, SET, SYNC = 1, 4, 5, 9
CLOSE = -11
PERMISSIONS_ALL = 31
VERSION_AT = 32
"""in a node's Stat: czxid, mzxid, ctime, mtime come before its version"""


class Code(IntEnum):
    """Errors that come of what is there, and not of a connection."""

    NO_NODE = -101
    BAD_VERSION = -103
    NODE_EXISTS = -110


class ZooError(Exception):
    """An error reply."""

    def __init__(self, code: int) -> None:
        super().__init__(f"ZooKeeper's error {code}")
        self.code = code


def text(value: str) -> bytes:
    return buffer(value.encode())


def buffer(value: bytes) -> bytes:
    return struct.pack(">i", len(value)) + value


class Session:
    """One connection with a session of its own; one request at a time. Errors: ZooError, OSError, EOFError."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._number = 0

    @classmethod
    async def open(cls, host: str, port: int, timeout_ms: int) -> Session:
        """Raises RefusedError: nothing was asked yet."""
        try:
            async with asyncio.timeout(CONNECT_S):
                made = cls(*await asyncio.open_connection(host, port))
                try:
                    made._send(struct.pack(">iqiq", 0, 0, timeout_ms, 0) + buffer(bytes(16)) + b"\0")
                    _, granted = struct.unpack_from(">ii", await made._receive())
                except BaseException:
                    made.abort()
                    raise
        except (OSError, EOFError, TimeoutError) as e:
            raise RefusedError(UNAVAILABLE, f"no session at {host}:{port}: {e}") from e
        if granted <= 0:
            made.abort()
            raise RefusedError(UNAVAILABLE, f"{host}:{port} grants no session")
        return made

    async def get(self, path: str) -> tuple[bytes, int]:
        """Data and version of a node."""
        reply = await self._call(GET, text(path) + b"\0")
        (size,) = struct.unpack_from(">i", reply)
        data = reply[4 : 4 + max(size, 0)]
        (version,) = struct.unpack_from(">i", reply, 4 + len(data) + VERSION_AT)
        return data, version

    async def set(self, path: str, data: bytes, version: int) -> None:
        """``version``: the node must have it; -1: any will do."""
        await self._call(SET, text(path) + buffer(data) + struct.pack(">i", version))

    async def create(self, path: str, data: bytes) -> None:
        everybody = struct.pack(">ii", 1, PERMISSIONS_ALL) + text("world") + text("anyone")
        await self._call(CREATE, text(path) + buffer(data) + everybody + struct.pack(">i", 0))

    async def sync(self, path: str) -> None:
        await self._call(SYNC, text(path))

    @property
    def over(self) -> bool:
        """The server has hung up."""
        return self._reader.at_eof() or self._writer.is_closing()

    def abort(self) -> None:
        self._writer.close()

    def close(self) -> None:
        with suppress(OSError):
            self._send(struct.pack(">ii", 0, CLOSE))
        self._writer.close()

    async def _call(self, kind: int, record: bytes) -> bytes:
        self._number += 1
        self._send(struct.pack(">ii", self._number, kind) + record)
        while True:
            reply = await self._receive()
            number, _, error = struct.unpack_from(">iqi", reply)
            if number == self._number:
                break
        if error:
            raise ZooError(error)
        return reply[16:]

    def _send(self, frame: bytes) -> None:
        self._writer.write(buffer(frame))

    async def _receive(self) -> bytes:
        (size,) = struct.unpack(">i", await self._reader.readexactly(4))
        return await self._reader.readexactly(size)


async def ask_word(host: str, port: int, word: str) -> str:
    """What a server answers to one of its four-letter words. Raises OSError."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(word.encode())
        return (await reader.read()).decode(errors="replace")
    finally:
        writer.close()
