"""Maelstrom's bodies as JSON lines over TCP: one request and its reply after the other on a connection."""

from __future__ import annotations

from typing import Any

import msgspec

from harness.systems.port import RefusedError, UnknownError
from harness.systems.streams import Connections

DEFINITE = frozenset({1, 10, 11, 12, 14, 20, 21, 22, 30})


class LineClient:
    """Of any program that answers such lines. Error codes mean what they mean to Maelstrom."""

    def __init__(self, host: str, port: int) -> None:
        self._connections = Connections(host, port)

    async def request(self, body: dict[str, Any]) -> dict[str, Any]:
        async with self._connections.one() as (reader, writer):
            writer.write(msgspec.json.encode(body) + b"\n")
            line = await reader.readuntil(b"\n")
        reply = msgspec.json.decode(line, type=dict[str, Any])
        if reply.get("type") != "error":
            return reply
        text, code = str(reply.get("text", "")), reply.get("code")
        if code in DEFINITE:
            raise RefusedError(code, text)
        raise UnknownError(text)

    async def close(self) -> None:
        self._connections.close()
