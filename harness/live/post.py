"""Messages of nodes and for them: between nodes, to the harness's clients, to the services that nodes may ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from harness.live.runtime import line
from harness.live.seat import Seat
from harness.live.services import Service

GARBAGE_KEPT = 100


class _Envelope(msgspec.Struct, gc=False):
    src: str
    dest: str
    body: msgspec.Raw


_envelope = msgspec.json.Decoder(_Envelope).decode
_body = msgspec.json.Decoder(dict[str, Any]).decode


class Post:
    """``send(src, dest, line)`` carries a message between nodes.

    ``replied(client, body)`` gets what is for clients.
    """

    def __init__(
        self,
        seats: Mapping[str, Seat],
        services: Mapping[str, Service],
        send: Callable[[str, str, bytes], None],
        replied: Callable[[str, dict[str, Any]], object],
    ) -> None:
        self._seats = seats
        self._services = services
        self._send = send
        self._replied = replied

    def arrived(self, node: str) -> None:
        """A frame has reached the kernel of a node."""
        seat = self._seats[node]
        if seat.holds > seat.machine.short:
            seat.stalled += 1
        elif seat.holds:
            seat.machine.waited += 1

    def deliver(self, node: str, data: bytes) -> None:
        self.arrived(node)
        seat = self._seats[node]
        if seat.ready:
            seat.member.write(data)

    def on_line(self, node: str, data: bytes) -> None:
        try:
            envelope = _envelope(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self._on_garbage(node, data)
            return
        dest = envelope.dest
        if dest in self._seats:
            if dest == node:
                self.deliver(node, data + b"\n")
            else:
                self._send(node, dest, data + b"\n")
            return
        try:
            body = _body(envelope.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._on_garbage(node, data)
            return
        service = self._services.get(dest)
        if service is None:
            self._replied(dest, body)
        elif "in_reply_to" not in body:
            reply = service(node, body)
            if "msg_id" in body:
                reply["in_reply_to"] = body["msg_id"]
            self.deliver(node, line(dest, node, reply))

    def _on_garbage(self, node: str, data: bytes) -> None:
        if not data.strip():
            return
        seat = self._seats[node]
        seat.garbage += 1
        if seat.garbage <= GARBAGE_KEPT:
            with (seat.member.folder / "garbage.log").open("ab") as file:
                file.write(data[:1000] + b"\n")
        if seat.first_garbage is not None and not seat.first_garbage.done():
            seat.first_garbage.set_result(data)
