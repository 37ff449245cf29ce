"""``/metrics`` and ``/healthz`` over HTTP/1.0: one request a connection, GET only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import msgspec

REQUEST_MAX = 8 << 10
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

Page = tuple[int, str, bytes]
"""status, content type, body"""

REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    503: "Service Unavailable",
}


class Status(asyncio.Protocol):
    """``pages`` by path."""

    def __init__(self, pages: dict[str, Callable[[], Page]]) -> None:
        self._pages = pages
        self._data = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        if b"\r\n\r\n" in self._data or b"\n\n" in self._data or len(self._data) > REQUEST_MAX:
            status, kind, body = self._answer()
            head = (
                f"HTTP/1.0 {status} {REASONS[status]}\r\n"
                f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            self._transport.write(head.encode() + body)
            self._transport.close()

    def _answer(self) -> Page:
        words = self._data.partition(b"\n")[0].decode("latin-1").split()
        if len(words) != 3:
            return plain(400, "not a request of HTTP")
        method, target, _ = words
        page = self._pages.get(target.partition("?")[0])
        if page is None:
            return plain(404, f"expected one of {', '.join(self._pages)}")
        return page() if method == "GET" else plain(405, "expected GET")


def plain(status: int, text: str) -> Page:
    return status, "text/plain; charset=utf-8", text.encode() + b"\n"


def document(status: int, fields: dict[str, object]) -> Page:
    return status, "application/json", msgspec.json.encode(fields) + b"\n"
