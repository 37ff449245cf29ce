"""JSON over HTTP/1.1, as little of it as a client needs."""

from __future__ import annotations

from typing import Any

import msgspec

from harness.systems.streams import Connections

HTTP_OK = 200


class HttpError(Exception):
    """A reply whose status is not 200; ``body`` is its JSON, or its text under ``error``."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"HTTP {status}: {body.get('error', '')}")
        self.status = status
        self.body = body


class Http:
    """Posts to one server. Raises HttpError, RefusedError, OSError, EOFError, ValueError."""

    def __init__(self, host: str, port: int) -> None:
        self._connections = Connections(host, port)
        self._host = f"{host}:{port}"

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        data = msgspec.json.encode(body)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n"
        )
        async with self._connections.one() as (reader, writer):
            writer.write(head.encode() + data)
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
            status = int(lines[0][len("http/1.1 ") :][:3])
            headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
            if headers.get("transfer-encoding") == "chunked":
                content = b""
                while size := int(await reader.readline(), 16):
                    content += (await reader.readexactly(size + 2))[:-2]
                while await reader.readline() != b"\r\n":
                    pass  # trailers
            else:
                content = await reader.readexactly(int(headers["content-length"]))
        try:
            reply = msgspec.json.decode(content, type=dict[str, Any])
        except msgspec.MsgspecError:
            reply = {"error": content[:200].decode(errors="replace")}
        if status != HTTP_OK:
            raise HttpError(status, reply)
        return reply

    def close(self) -> None:
        self._connections.close()
