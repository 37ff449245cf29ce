"""The links of nodes on hosts, as their cluster sees them: a relay beside each node (harness/live/relay.py).

What is in force is sent whole, so it may be sent again: over a connection that was made anew, to a relay that was
begun anew. A thread for each host asks every now and then, so that a relay that ended with its connection is soon
back, at the same ports.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import msgspec
import paramiko

from harness.live.network import Latency
from harness.live.news import LOST_S
from harness.live.proxy import Address
from harness.live.relay import Seen, Setup, Wanted
from harness.live.remote.port import RemoteError
from harness.live.wires import Wires
from harness.streams import Streams
from nemeses.port import LinkCount, LinkRule

PAUSE_S = 0.2
ASK_AGAIN_S = 0.5
ANSWER_S = 5.0
BEGIN_S = 20.0
"""for Python to start on a slow machine, and the login shell before it"""
CHUNK = 1 << 16

Open = Callable[[], paramiko.Channel]
"""begins a relay on a host; raises RemoteError"""


class Relay:
    """One host's. Blocking, for threads; raises RemoteError."""

    def __init__(self, name: str, open_one: Open, setup: Setup) -> None:
        self.name = name
        self._open_one = open_one
        self._setup = setup
        self._wanted = Wanted(0, [], {})
        self._channel: paramiko.Channel | None = None
        self._rest = b""
        self._turn = threading.Lock()
        self._earlier: dict[str, LinkCount] = {}
        """counted by relays that have ended"""
        self._now: dict[str, LinkCount] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True, name="splitbrain-relay")

    def open(self) -> None:
        with self._turn:
            self._begin()
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        if self._turn.acquire(timeout=ANSWER_S):  # else its host is being called in vain
            try:
                self._drop()
            finally:
                self._turn.release()
        if self._thread.is_alive():
            self._thread.join(ANSWER_S)

    @property
    def ports(self) -> dict[str, int]:
        """On the host's loopback: where the node dials each peer."""
        return self._setup.ports

    def want(self, cuts: list[str], rules: dict[str, list[LinkRule]]) -> None:
        """From now on; returns when it is in force."""
        with self._turn:
            self._wanted = Wanted(0, cuts, rules)
            self._ask()

    def counts(self) -> dict[str, LinkCount]:
        """So far, by peer; as it was last known where the host does not answer."""
        with self._turn, suppress(RemoteError):
            self._ask(patience_s=0.0)
        found = {}
        for peer in self._setup.peers:
            one, other = (counts.get(peer, LinkCount()) for counts in (self._earlier, self._now))
            found[peer] = LinkCount(
                one.delivered + other.delivered, one.refused + other.refused, one.altered + other.altered
            )
        return found

    def _keep(self) -> None:
        while not self._closed.wait(ASK_AGAIN_S):
            with self._turn, suppress(RemoteError):
                if not self._closed.is_set():
                    self._ask(patience_s=0.0)

    def _ask(self, patience_s: float = LOST_S) -> None:
        deadline = time.monotonic() + patience_s
        while True:
            try:
                if self._channel is None:
                    self._begin()
                self._wanted.number += 1
                seen = msgspec.json.decode(self._exchange(self._wanted, ANSWER_S), type=Seen)
            except (OSError, EOFError, paramiko.SSHException, msgspec.MsgspecError) as e:
                self._drop()
                trouble = RemoteError(f"{self.name}: its relay does not answer: {e or 'it hung up'}")
                cause: Exception = e
            except RemoteError as e:
                trouble, cause = e, e
            else:
                self._now = seen.counts
                return
            if time.monotonic() > deadline:
                raise trouble from cause
            time.sleep(PAUSE_S)

    def _begin(self) -> None:
        self._channel = self._open_one()
        try:
            said = self._exchange(self._setup, BEGIN_S)
            self._setup.ports = msgspec.json.decode(said, type=dict[str, int])
        except (OSError, EOFError, paramiko.SSHException, msgspec.MsgspecError) as e:
            self._drop()
            raise RemoteError(f"{self.name}: a relay does not start there: {e or 'it hung up'}") from e

    def _exchange(self, message: Setup | Wanted, patience_s: float) -> bytes:
        channel = self._channel
        assert channel is not None
        channel.settimeout(patience_s)
        channel.sendall(msgspec.json.encode(message) + b"\n")
        while b"\n" not in self._rest:
            data = channel.recv(CHUNK)
            if not data:
                raise EOFError
            self._rest += data
        answer, _, self._rest = self._rest.partition(b"\n")
        return answer

    def _drop(self) -> None:
        channel, self._channel = self._channel, None
        self._rest = b""
        for peer, count in self._now.items():
            kept = self._earlier.setdefault(peer, LinkCount())
            kept.delivered += count.delivered
            kept.refused += count.refused
            kept.altered += count.altered
        self._now = {}
        if channel is not None:
            channel.close()


class Relays(Wires):
    """All of them. ``opens``: how each node's host begins one; ``book``: where each node takes links.

    ``trouble`` hears of a node whose host cannot be told what is wanted, and why, in one line.
    """

    def __init__(
        self,
        opens: Mapping[str, Open],
        book: Mapping[str, Address],
        streams: Streams,
        latency: Latency,
        trouble: Callable[[str, str], None],
    ) -> None:
        super().__init__(streams)
        self.in_flight = 0
        self.latency = latency
        self._trouble = trouble
        self._relays = {
            node: Relay(
                node,
                open_one,
                Setup(
                    node,
                    streams.stream("relay", node).bits() >> 1,
                    {peer: address for peer, address in book.items() if peer != node},
                    {},
                    latency,
                ),
            )
            for node, open_one in opens.items()
        }
        self._told: dict[str, object] = {}
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Begin them. Raises RemoteError."""
        await asyncio.gather(*(asyncio.to_thread(relay.open) for relay in self._relays.values()))
        for node, relay in self._relays.items():
            for peer in relay.ports:
                self.wire((node, peer))

    def close(self) -> None:
        for relay in self._relays.values():
            relay.close()

    def ports(self, node: str) -> dict[str, int]:
        """On the loopback of its host: where it dials each peer."""
        return self._relays[node].ports

    async def settled(self) -> None:
        async with self._turn:
            await asyncio.gather(*(self._settle(node) for node in self._relays))

    async def refresh(self) -> None:
        await asyncio.gather(*(self._count(node) for node in self._relays))

    async def _settle(self, node: str) -> None:
        wires = {peer: self.wire((node, peer)) for peer in self._relays if peer != node}
        cuts = [peer for peer, wire in wires.items() if wire.cuts]
        rules = {peer: list(wire.rules) for peer, wire in wires.items() if wire.rules}
        if self._told.get(node, ([], {})) == (cuts, rules):
            return
        self._told[node] = (cuts, rules)
        try:
            await asyncio.to_thread(self._relays[node].want, cuts, rules)
        except RemoteError as e:
            self._trouble(node, str(e))

    async def _count(self, node: str) -> None:
        for peer, count in (await asyncio.to_thread(self._relays[node].counts)).items():
            self.wire((node, peer)).count = count
