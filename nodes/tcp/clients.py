"""The clients' door: bodies of Maelstrom's protocol, one JSON object a line, any number of them under way.

A line is an envelope ``{"src": ..., "dest": ..., "body": {...}}``, or a body alone. The client of a body alone is the
connection. Replies take the form of their requests and come as they are ready; ``in_reply_to`` says to what. A client
that does not read is not read from.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol, cast

import msgspec

from nodes.kernel import MALFORMED_REQUEST, error
from nodes.tcp.metrics import Metrics

LINE_MAX = 8 << 20
OUTPUT_MAX = 64 << 20
"""bytes that wait for a client; one that leaves more unread is hung up on"""

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


class _Envelope(msgspec.Struct, gc=False):
    src: str
    dest: str
    body: dict[str, Any]


class Desk(Protocol):
    """Where requests go."""

    metrics: Metrics

    def request(self, client: str, msg_id: int, body: dict[str, Any], connection: Connection) -> None: ...
    def touch(self, connection: Connection) -> None:
        """It has output: flush it at the end of the turn."""
        ...

    def connected(self, connection: Connection) -> str:
        """The name of a client that gives none."""
        ...

    def hung_up(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    """One connection. ``name`` is the node's, and the clients' it has spoken for are in ``clients``."""

    def __init__(self, desk: Desk, node: str) -> None:
        self._desk = desk
        self._node = node
        self._transport: asyncio.Transport
        self._partial = b""
        self._out: list[bytes] = []
        self.name = ""
        self.clients: set[str] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.name = self._desk.connected(self)

    def data_received(self, data: bytes) -> None:
        self._desk.metrics.client_bytes_in += len(data)
        *lines, self._partial = (self._partial + data if self._partial else data).split(b"\n")
        for line in lines:
            self._line(line)
        if len(self._partial) > LINE_MAX:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._out.clear()
        self._desk.hung_up(self)

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def answer(self, client: str, msg_id: int | None, body: dict[str, Any]) -> None:
        """Queue a reply; ``flush`` sends it. The body is not kept, and not changed."""
        reply = {**body, "in_reply_to": msg_id}
        self._out.append(_encode(reply if client == self.name else _Envelope(self._node, client, reply)))
        self._desk.touch(self)

    def flush(self) -> None:
        if self._out:
            self._out.append(b"")
            data = b"\n".join(self._out)
            self._out = []
            if self._transport.is_closing():
                return
            self._desk.metrics.client_bytes_out += len(data)
            self._transport.write(data)
            if self._transport.get_write_buffer_size() > OUTPUT_MAX:
                self._transport.abort()

    @property
    def idle(self) -> bool:
        return self._transport.is_closing() or not (self._out or self._transport.get_write_buffer_size())

    def close(self) -> None:
        """Flush, and close when that is done."""
        self.flush()
        self._transport.close()

    def _line(self, line: bytes) -> None:
        client, msg_id = self.name, None
        try:
            body: Any = _decode(line)
            if "body" in body and "type" not in body:
                src, body = body.get("src"), body["body"]
                if not isinstance(src, str) or not isinstance(body, dict):
                    raise TypeError("expected src: a string, and body: an object")  # noqa: TRY301
                client = src
            msg_id = body.pop("msg_id", None)
            if "in_reply_to" in body:
                return
            if type(msg_id) is not int or not isinstance(body.get("type"), str):
                raise TypeError("expected type: a string, and msg_id: an integer")  # noqa: TRY301
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError) as e:
            if line.strip():
                known = msg_id if type(msg_id) is int else None
                self.answer(client, known, error(MALFORMED_REQUEST, f"malformed request: {e}"))
            return
        self.clients.add(client)
        self._desk.request(client, msg_id, body, self)
