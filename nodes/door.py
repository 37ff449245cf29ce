"""The door of a node: Maelstrom's protocol in front of a host and its core.

Lines are JSON objects ``{src, dest, body}``. A body from a member is one of the system's messages, anything
else is a client's request. ``init`` recovers the log, starts the core, and is answered once what the core did
at its start is durable. ``splitbrain_clock`` reads the node's clocks and, with ``offset_ns`` and
``rate_ppm``, sets them first; ``splitbrain_disk`` does the same for a bad disk (nodes/trouble.py). The end of the
input ends the node.

| exit status | when |
|---|---|
| 0 | end of input |
| 70 | the log is corrupt, the disk or the core failed; the last line on stderr says what |
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from typing import Any

import msgspec

from nodes.channel import Channel
from nodes.clock import Clock
from nodes.control import Init, set_clock, set_disk
from nodes.host import Host
from nodes.kernel import ABORT, MALFORMED_REQUEST, Receive, Reply, Request, Send, error
from nodes.opening import CannotOpenError, Settings, open_host
from nodes.tracing import Tracer

FAILED = 70
"""exit status of a node that cannot go on (EX_SOFTWARE)"""


class Envelope(msgspec.Struct, gc=False):
    src: str
    dest: str
    body: msgspec.Raw


class Outgoing(msgspec.Struct, gc=False):
    src: str
    dest: str
    body: Any


class Door:
    """One node. Output goes to the last of ``channels``; ``exit_with`` is called when it cannot go on."""

    def __init__(
        self,
        settings: Settings,
        channels: list[Channel],
        log: Callable[[str], None],
        exit_with: Callable[[int], None],
    ) -> None:
        self._settings = settings
        self._channels = channels
        self._log = log
        self._exit_with = exit_with
        self.clock = Clock()
        self.trouble = settings.trouble()
        self.host: Host | None = None
        self._id = ""
        self._members: frozenset[str] = frozenset()
        self._envelope = msgspec.json.Decoder(Envelope)
        self._message = msgspec.json.Decoder(settings.messages)
        self._body: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])
        self._encode = msgspec.json.Encoder().encode
        self.tracer = Tracer(settings.trace, self._flush_soon)

    def line(self, line: bytes) -> None:
        """One line of input."""
        try:
            envelope = self._envelope.decode(line)
            if envelope.src in self._members:
                host = self.host
                message = self._message.decode(envelope.body)
                if host is not None:
                    host.handle(Receive(envelope.src, message))
                return
            body = self._body.decode(envelope.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as e:
            self._malformed(line, e)
            return
        self._client(envelope.src, body, envelope.body)

    def _client(self, client: str, body: dict[str, Any], raw: msgspec.Raw) -> None:
        kind, msg_id = body.get("type"), body.pop("msg_id", None)
        if "in_reply_to" in body:
            return
        if type(msg_id) is not int or not isinstance(kind, str):
            self._log(f"ignored a request of {client} without type or msg_id")
        elif kind == "init":
            self._init(client, msg_id, raw)
        elif kind == "splitbrain_clock":
            self._clock(client, msg_id, raw)
        elif kind == "splitbrain_disk":
            self._answer(client, msg_id, set_disk(self.trouble, raw, self.host))
        elif self.host is None:
            self._answer(client, msg_id, error(ABORT, "the node has not been initialised"))
        else:
            self.host.handle(Request(client, msg_id, body))

    def _init(self, client: str, msg_id: int, raw: msgspec.Raw) -> None:
        if self.host is not None:
            self._answer(client, msg_id, error(MALFORMED_REQUEST, f"already initialised as {self._id}"))
            return
        try:
            init = msgspec.json.decode(raw, type=Init)
        except msgspec.ValidationError as e:
            self._answer(client, msg_id, error(MALFORMED_REQUEST, f"init: {e}"))
            return
        if init.node_id not in init.node_ids:
            text = f"init: node_id {init.node_id!r} is not among node_ids"
            self._answer(client, msg_id, error(MALFORMED_REQUEST, text))
            return
        self._id = init.node_id
        self._members = frozenset(init.node_ids)
        try:
            self.host, recovered = open_host(
                self._settings,
                init.node_id,
                init.node_ids,
                self.clock,
                self.trouble,
                send=self._send,
                reply=self._reply,
                trace=self.tracer.note,
                flush_trace=self.tracer.flush,
                failed=self._failed,
            )
        except CannotOpenError as e:
            self._stop(str(e))
            return
        host = self.host
        host.start(recovered)
        host.perform(Reply(client, msg_id, {"type": "init_ok"}, after=host.issued or None))

    def _clock(self, client: str, msg_id: int, raw: msgspec.Raw) -> None:
        answer = set_clock(self.clock, raw, None if self.host is None else self.host.rearm)
        self._answer(client, msg_id, answer)

    def _malformed(self, line: bytes, reason: Exception) -> None:
        """Say so to a client that can be named; members and noise are only logged."""
        self._log(f"ignored a malformed line: {reason}: {line[:80]!r}")
        try:
            match msgspec.json.decode(line):
                case {"src": str(src), "body": {"msg_id": int(msg_id)}} if src not in self._members:
                    self._answer(src, msg_id, error(MALFORMED_REQUEST, f"malformed request: {reason}"))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass

    def _answer(self, client: str, msg_id: int, body: dict[str, Any]) -> None:
        body["in_reply_to"] = msg_id
        self._write(self._encode(Outgoing(self._id, client, body)) + b"\n")

    def _send(self, effect: Send) -> None:
        self._write(self._encode(Outgoing(self._id, effect.to, effect.message)) + b"\n")

    def _reply(self, effect: Reply) -> None:
        # the core may keep the body (sessions do): a copy gets the id
        self._answer(effect.client, effect.msg_id, {**effect.body})

    def _write(self, line: bytes) -> None:
        self._channels[-1].write(line)

    def _flush_soon(self) -> None:
        asyncio.get_running_loop().call_soon(self.tracer.flush)

    def _failed(self, reason: Exception) -> None:
        self._log("".join(traceback.format_exception(reason)).rstrip())
        self._stop(f"{type(reason).__name__}: {reason}")

    def _stop(self, line: str) -> None:
        self.tracer.flush()
        self._log(" ".join(line.split()))
        self._exit_with(FAILED)
