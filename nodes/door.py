"""The door of a node: Maelstrom's protocol in front of a host and its core.

Lines are JSON objects ``{src, dest, body}``. A body from a member is one of the system's messages, anything
else is a client's request. ``init`` recovers the log, starts the core, and is answered once what the core did
at its start is durable. ``splitbrain_clock`` reads the node's clocks and, with ``offset_ns`` and
``rate_ppm``, sets them first. The end of the input ends the node.

| exit status | when |
|---|---|
| 0 | end of input |
| 70 | the log is corrupt, the disk or the core failed; the last line on stderr says what |
"""

from __future__ import annotations

import asyncio
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from nodes.channel import Channel
from nodes.clock import Clock, real_ns
from nodes.files import RealFiles
from nodes.host import Draws, Host
from nodes.kernel import ABORT, MALFORMED_REQUEST, Core, Receive, Reply, Request, Send, Trace, error
from nodes.wal import Wal, WalCorruptError

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


class TraceLine(msgspec.Struct, gc=False):
    """``time``: CLOCK_MONOTONIC of the machine in ns; whoever merges traces subtracts the run's start."""

    time: int
    kind: str
    data: dict[str, Any]


class Init(msgspec.Struct, tag_field="type", tag="init"):
    node_id: str
    node_ids: tuple[str, ...]
    msg_id: int


class SetClock(msgspec.Struct, tag_field="type", tag="splitbrain_clock"):
    msg_id: int
    offset_ns: int | None = None
    rate_ppm: int = 0


class Settings(msgspec.Struct, frozen=True):
    """What runs behind the door. ``{node}`` in ``data`` stands for the node's name."""

    build: Callable[[str, tuple[str, ...]], Core]
    messages: Any
    """msgspec union of the peer messages"""
    records: Any
    """msgspec union of the records"""
    data: str
    seed: int
    trace: Path | None = None


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
        self.host: Host | None = None
        self._id = ""
        self._members: frozenset[str] = frozenset()
        self._envelope = msgspec.json.Decoder(Envelope)
        self._message = msgspec.json.Decoder(settings.messages)
        self._body: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])
        self._encode = msgspec.json.Encoder().encode
        self._traced: list[bytes] = []
        self._trace_fd = -1
        if settings.trace is not None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._trace_fd = os.open(settings.trace, flags, 0o644)

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
            core = self._settings.build(init.node_id, init.node_ids)
            files = RealFiles(self._settings.data.replace("{node}", init.node_id))
            wal = Wal(files, self._settings.records)
            recovered = wal.recover()
        except WalCorruptError as e:
            self._stop(f"{files.path}/{e}")
            return
        except (OSError, ValueError) as e:
            self._stop(str(e))
            return
        self.host = host = Host(
            core,
            wal,
            self.clock,
            Draws(self._settings.seed),
            send=self._send,
            reply=self._reply,
            trace=self._trace if self._trace_fd >= 0 else _discard,
            flush_trace=self.flush_trace,
            failed=self._failed,
        )
        host.start(recovered)
        host.perform(Reply(client, msg_id, {"type": "init_ok"}, after=host.issued or None))

    def _clock(self, client: str, msg_id: int, raw: msgspec.Raw) -> None:
        try:
            asked = msgspec.json.decode(raw, type=SetClock)
            if asked.offset_ns is not None:
                self.clock.set(asked.offset_ns, asked.rate_ppm)
                if self.host is not None:
                    self.host.rearm()
        except ValueError as e:  # msgspec's errors are ValueErrors
            self._answer(client, msg_id, error(MALFORMED_REQUEST, f"splitbrain_clock: {e}"))
            return
        self._answer(client, msg_id, {"type": "splitbrain_clock_ok", **self.clock.reading()})

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

    def _trace(self, effect: Trace) -> None:
        if not self._traced:
            asyncio.get_running_loop().call_soon(self.flush_trace)
        self._traced.append(self._encode(TraceLine(real_ns(), effect.kind, effect.data)) + b"\n")

    def flush_trace(self) -> None:
        """Write the trace out: before records and output that go with it, so that no SIGKILL separates them."""
        if self._traced:
            lines, self._traced = self._traced, []
            os.write(self._trace_fd, b"".join(lines))

    def _failed(self, reason: Exception) -> None:
        self._log("".join(traceback.format_exception(reason)).rstrip())
        self._stop(f"{type(reason).__name__}: {reason}")

    def _stop(self, line: str) -> None:
        self.flush_trace()
        self._log(" ".join(line.split()))
        self._exit_with(FAILED)


def _discard(effect: Trace) -> None:
    del effect
