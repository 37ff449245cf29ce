"""Redis' protocol (RESP 2), as a client speaks it."""

from __future__ import annotations

import asyncio
from typing import Any

from harness.systems.port import UnknownError
from harness.systems.streams import Connections


class RespError(Exception):
    """An error reply: its first word says which."""


class Resp:
    """Sends commands to one server. Raises RespError, RefusedError, OSError, EOFError, ValueError."""

    def __init__(self, host: str, port: int) -> None:
        self._connections = Connections(host, port)

    async def command(self, *words: str | int) -> Any:
        """One command's reply: bytes, int, None or a list of these."""
        return _sound(await self._exchange([words]))[0]

    async def atomic(self, commands: list[tuple[str | int, ...]]) -> list[Any]:
        """Commands that are executed as one, and their replies. Raises the first error among them.

        Where the transaction was not begun, its commands may have been executed one by one: UnknownError.
        """
        replies = await self._exchange([("MULTI",), *commands, ("EXEC",)])
        if isinstance(replies[0], RespError):
            raise UnknownError(f"no transaction was begun: {replies[0]}")
        found: list[Any] = _sound(replies)[-1]
        return _sound(found)

    async def _exchange(self, commands: list[tuple[str | int, ...]]) -> list[Any]:
        """Commands one after the other in one go, and their replies, errors among them."""
        async with self._connections.one() as (reader, writer):
            writer.write(b"".join(map(encode, commands)))
            return [await _reply(reader) for _ in commands]

    def close(self) -> None:
        self._connections.close()


def _sound(replies: list[Any]) -> list[Any]:
    """The replies, when there is no error among them; raises the first."""
    for reply in replies:
        if isinstance(reply, RespError):
            raise reply
    return replies


def encode(words: tuple[str | int, ...]) -> bytes:
    parts = [f"*{len(words)}\r\n".encode()]
    for word in words:
        data = str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)


async def _reply(reader: asyncio.StreamReader) -> Any:
    """One reply; an error is returned, not raised, so that those after it are read too."""
    line = await reader.readuntil(b"\r\n")
    kind, rest = line[:1], line[1:-2]
    if kind == b"+":
        return rest
    if kind == b"-":
        return RespError(rest.decode(errors="replace"))
    if kind == b":":
        return int(rest)
    size = int(rest)
    if size < 0:
        return None
    if kind == b"$":
        return (await reader.readexactly(size + 2))[:-2]
    if kind == b"*":
        return [await _reply(reader) for _ in range(size)]
    raise ValueError(f"not a reply of Redis: {line[:40]!r}")
