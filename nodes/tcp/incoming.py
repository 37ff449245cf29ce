"""Links from peers: whoever dials proves that it is a member; from then on its frames are events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

import msgspec

from nodes.log import Log
from nodes.tcp.frames import FRAME_MAX, Cutter, FrameError, frame
from nodes.tcp.metrics import Metrics
from nodes.tcp.seal import HANDSHAKE_MAX, Acceptor, Opener, RefusedError

HANDSHAKE_S = 2.0
FORGED_MAX = 8
"""forged frames in a row after which the stream is held to be out of step"""
STRANGERS_MAX = 64
"""connections that have not proved who they are"""


class Receiver(Protocol):
    """What a link delivers to."""

    metrics: Metrics
    log: Log
    replays: bool

    def acceptor(self) -> Acceptor: ...
    def received(self, src: str, payload: bytes) -> None:
        """A message; raises msgspec.MsgspecError for what is none."""
        ...


class Lobby:
    """All links from peers: one for each, the newest; and who has yet to prove itself."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.strangers: set[Incoming] = set()
        self.links: dict[str, Incoming] = {}

    def __call__(self) -> Incoming:
        return Incoming(self)

    def close(self) -> None:
        for link in [*self.strangers, *self.links.values()]:
            link.abort()


class Incoming(asyncio.Protocol):
    """One connection that a peer dialled."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self._receiver = lobby.receiver
        self._acceptor = lobby.receiver.acceptor()
        self._cutter = Cutter(HANDSHAKE_MAX)
        self._transport: asyncio.Transport
        self._deadline: asyncio.TimerHandle
        self._step: Callable[[bytes], None] = self._hello
        self._opener: Opener
        self._src = ""
        self._forged_in_a_row = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._deadline = asyncio.get_running_loop().call_later(HANDSHAKE_S, self._refuse, "no proof in time")
        if len(self._lobby.strangers) >= STRANGERS_MAX:
            self._transport.abort()
        else:
            self._lobby.strangers.add(self)

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._cutter.feed(data):
                self._step(body)
        except RefusedError as e:
            self._refuse(str(e))
        except FrameError as e:
            self._refuse(str(e)) if not self._src else self._hang_up(str(e))
        except msgspec.MsgspecError as e:
            self._hang_up(f"not a message: {e}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.cancel()
        self._lobby.strangers.discard(self)
        if self._lobby.links.get(self._src) is self:
            del self._lobby.links[self._src]
        if self._step == self._proof and not self._src:
            self._step = self._nothing
            self._tell_refusal(str(exc) if exc else "it hung up in the handshake: its key may be another")

    def abort(self) -> None:
        self._step = self._nothing
        self._transport.abort()

    def _hello(self, body: bytes) -> None:
        self._transport.write(frame(self._acceptor.challenge(body)))
        self._step = self._proof

    def _proof(self, body: bytes) -> None:
        src, self._opener = self._acceptor.admit(body, replays=self._receiver.replays)
        certificate = self._transport.get_extra_info("peercert")
        if self._transport.get_extra_info("sslcontext") is not None and src not in names(certificate):
            raise RefusedError(
                f"its certificate is not one of {src}: it names {', '.join(names(certificate))}"
            )
        self._src = src
        self._deadline.cancel()
        self._lobby.strangers.discard(self)
        older = self._lobby.links.get(src)
        self._lobby.links[src] = self
        if older is not None:
            older.abort()
        self._receiver.metrics.accepted += 1
        self._cutter.limit = FRAME_MAX
        self._counters = self._receiver.metrics.links[src]
        self._step = self._frame

    def _frame(self, body: bytes) -> None:
        opener, counters = self._opener, self._counters
        replayed = opener.replayed
        payload = opener.open(body)
        counters.replayed_frames += opener.replayed - replayed
        if payload is not None:
            counters.received_frames += 1
            counters.received_bytes += len(body) + 4
            self._forged_in_a_row = 0
            self._receiver.received(self._src, payload)
        elif opener.replayed == replayed:
            counters.forged_frames += 1
            self._forged_in_a_row += 1
            if self._forged_in_a_row == 1:
                self._receiver.log.warning("frame_forged", peer=self._src, forged=counters.forged_frames)
            if self._forged_in_a_row >= FORGED_MAX:
                self._hang_up(f"{FORGED_MAX} forged frames in a row")

    def _nothing(self, body: bytes) -> None:
        """Nothing is expected from an end that has been refused."""

    def _refuse(self, reason: str) -> None:
        self._step = self._nothing
        self._tell_refusal(reason)
        self._transport.abort()

    def _tell_refusal(self, reason: str) -> None:
        self._receiver.metrics.refused += 1
        where = self._transport.get_extra_info("peername")
        self._receiver.log.error(
            "handshake_refused", reason=reason, address=f"{where[0]}:{where[1]}" if where else ""
        )

    def _hang_up(self, reason: str) -> None:
        self._receiver.log.error("link_refused", peer=self._src, reason=reason)
        self.abort()


def names(certificate: dict[str, Any] | None) -> list[str]:
    """The DNS names of a certificate that the TLS layer has verified."""
    return [value for kind, value in (certificate or {}).get("subjectAltName", ()) if kind == "DNS"]
