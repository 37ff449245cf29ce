"""Links over loopback: delivery, refusal, back-pressure, and what happens when they break."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from nodes.tcp import outgoing
from nodes.tcp.incoming import FORGED_MAX, Lobby
from nodes.tcp.metrics import LinkCounters, Metrics
from nodes.tcp.outgoing import Outgoing
from nodes.tcp.seal import Acceptor, Dialler, derive

KEY = derive(b"secret")
PATIENCE_S = 20


class Notes:
    """A log that is read back: (event, fields)."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, **fields: Any) -> None:
        self.lines.append((event, fields))

    warning = error = info

    def of(self, event: str) -> list[dict[str, Any]]:
        return [fields for found, fields in self.lines if found == event]


class Hub:
    """The receiving end, n1."""

    def __init__(self, key: bytes = KEY) -> None:
        self.metrics = Metrics(["n0", "n2"])
        self.log: Any = Notes()
        self.replays = False
        self.heard: list[tuple[str, bytes]] = []
        self.key = key
        self.lobby = Lobby(self)
        self.nonces = 0

    def acceptor(self) -> Acceptor:
        self.nonces += 1
        return Acceptor(self.key, "c", "n1", frozenset({"n0", "n2"}), self.nonces.to_bytes(16))

    def received(self, src: str, payload: bytes) -> None:
        if payload == b"nonsense":
            raise msgspec.ValidationError("no such message")
        self.heard.append((src, payload))

    async def open(self, port: int = 0) -> int:
        self.server = await asyncio.get_running_loop().create_server(self.lobby, "127.0.0.1", port)
        return self.server.sockets[0].getsockname()[1]

    def close(self) -> None:
        self.server.close()
        self.lobby.close()


def link(port: int, key: bytes = KEY, src: str = "n0") -> Outgoing:
    made = Outgoing(
        "n1",
        ("127.0.0.1", port),
        lambda nonce: Dialler(key, "c", src, "n1", nonce),
        None,
        LinkCounters(),
        Notes(),  # type: ignore[arg-type]
    )
    made.open()
    return made


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(PATIENCE_S * 200):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never happened")


def run(main: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), 60))  # type: ignore[arg-type]


def say(over: Outgoing, *payloads: bytes) -> None:
    for payload in payloads:
        over.send(payload)
    over.flush()


def test_messages_arrive_in_order_even_those_sent_while_it_dials() -> None:
    async def main() -> None:
        hub = Hub()
        a = link(await hub.open())
        say(a, b"1", b"2")
        await until(lambda: len(hub.heard) == 2)
        say(a, b"3", b"x" * 1_000_000, b"5")
        await until(lambda: len(hub.heard) == 5)
        assert [p for _, p in hub.heard] == [b"1", b"2", b"3", b"x" * 1_000_000, b"5"]
        assert (a._counters.sent_frames, a._counters.lost_frames) == (5, 0)
        assert hub.metrics.links["n0"].received_frames == 5
        assert hub.metrics.links["n0"].received_bytes == a._counters.sent_bytes
        await a.close()
        hub.close()

    run(main)


def test_what_is_sent_in_one_turn_leaves_in_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        hub = Hub()
        a = link(await hub.open())
        await until(lambda: a._wire is not None)
        assert a._wire is not None
        writes: list[bytes] = []
        monkeypatch.setattr(a._wire, "transport", Recorder(a._wire.transport, writes))
        for n in range(100):
            a.send(bytes([n]))
        a.flush()
        await until(lambda: len(hub.heard) == 100)
        assert len(writes) == 1
        await a.close()
        hub.close()

    run(main)


class Recorder:
    def __init__(self, transport: Any, writes: list[bytes]) -> None:
        self._transport = transport
        self._writes = writes

    def write(self, data: bytes) -> None:
        self._writes.append(data)
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def test_a_wrong_key_is_refused_with_one_clear_line_at_each_end() -> None:
    async def main() -> None:
        hub = Hub(derive(b"another"))
        a = link(await hub.open())
        say(a, b"secret plans")
        await until(lambda: a._counters.dials > 3)
        refusals = a._log.of("peer_refused")  # type: ignore[attr-defined]
        assert refusals == [{"peer": "n1", "reason": "wrong key: n1 does not hold the key of this cluster"}]
        assert "its key may be another" in hub.log.of("handshake_refused")[0]["reason"]
        assert hub.heard == []
        assert (a._counters.connections, hub.metrics.accepted) == (0, 0)
        assert a._counters.lost_frames == 1
        await a.close()
        hub.close()

    run(main)


def test_a_peer_that_does_not_read_costs_messages_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "QUEUE_BYTES_MAX", 1 << 20)

    async def main() -> None:
        hub = Hub()
        a = link(await hub.open())
        say(a, b"first")
        await until(lambda: len(hub.heard) == 1)
        (stuck,) = hub.lobby.links.values()
        stuck._transport.pause_reading()
        for _ in range(400):
            say(a, b"x" * 100_000)
            await asyncio.sleep(0)
        counters = a._counters
        assert counters.lost_frames > 100
        assert 0 < counters.queue_bytes <= 1 << 20
        held = 401 - counters.lost_frames
        stuck._transport.resume_reading()
        await until(lambda: len(hub.heard) == held)
        await until(lambda: a.idle)
        say(a, b"last")
        await until(lambda: hub.heard[-1] == ("n0", b"last"))
        await a.close()
        hub.close()

    run(main)


def test_a_link_comes_back_when_its_peer_does_and_what_was_said_meanwhile_is_lost() -> None:
    async def main() -> None:
        hub = Hub()
        port = await hub.open()
        a = link(port)
        say(a, b"before")
        await until(lambda: len(hub.heard) == 1)
        hub.close()
        await until(lambda: a._down)
        say(a, b"meanwhile")
        assert a._counters.lost_frames == 1
        again = Hub()
        await again.open(port)
        await until(lambda: a._counters.connections == 2)
        say(a, b"after")
        await until(lambda: bool(again.heard))
        assert again.heard == [("n0", b"after")]
        await a.close()
        again.close()

    run(main)


def test_dials_become_rarer_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    true_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await true_sleep(0)

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        monkeypatch.setattr(asyncio, "sleep", sleep)
        a = link(port)
        while len([s for s in slept if s]) < 9:
            await true_sleep(0.001)
        monkeypatch.undo()
        await a.close()
        found = [s for s in slept if s][:9]
        assert found == [0.02, 0.04, 0.08, 0.16, 0.32, 0.5, 0.5, 0.5, 0.5]
        assert len(a._log.of("peer_unreachable")) == 1  # type: ignore[attr-defined]

    run(main)


def test_the_newest_link_of_a_peer_replaces_the_one_before() -> None:
    async def main() -> None:
        hub = Hub()
        port = await hub.open()
        old = link(port)
        await until(lambda: old._wire is not None and len(hub.lobby.links) == 1)
        first = hub.lobby.links["n0"]
        assert old._task is not None
        assert old._wire is not None
        old._task.cancel()  # it does not dial again
        transport = old._wire.transport
        new = link(port)
        await until(transport.is_closing)
        assert hub.lobby.links["n0"] is not first
        say(new, b"here")
        await until(lambda: hub.heard == [("n0", b"here")])
        await new.close()
        hub.close()

    run(main)


def test_forged_frames_are_dropped_and_a_stream_out_of_step_is_ended() -> None:
    async def main() -> None:
        hub = Hub()
        a = link(await hub.open())
        await until(lambda: a._wire is not None and len(hub.lobby.links) == 1)
        assert a._wire is not None
        seal, transport = a._wire.sealer.seal, a._wire.transport
        transport.write(b"".join([seal(b"good"), seal(b"bad")[:-1] + b"?", seal(b"good")]))
        await until(lambda: len(hub.heard) == 2)
        assert hub.metrics.links["n0"].forged_frames == 1
        transport.write(b"".join(seal(b"bad")[:-1] + b"?" for _ in range(FORGED_MAX)))
        await until(lambda: a._counters.connections == 2)
        assert hub.log.of("link_refused")[0]["reason"] == f"{FORGED_MAX} forged frames in a row"
        await a.close()
        hub.close()

    run(main)


def test_a_member_that_sends_what_is_no_message_is_hung_up_on() -> None:
    async def main() -> None:
        hub = Hub()
        a = link(await hub.open())
        say(a, b"nonsense")
        await until(lambda: bool(hub.log.of("link_refused")))
        assert "not a message" in hub.log.of("link_refused")[0]["reason"]
        await a.close()
        hub.close()

    run(main)


def test_strangers_that_say_nothing_do_not_pile_up() -> None:
    async def main() -> None:
        hub = Hub()
        port = await hub.open()
        pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(80)]
        await until(lambda: len(hub.lobby.strangers) == 64)
        for _, writer in pairs[:40]:
            writer.close()
        await until(lambda: len(hub.lobby.strangers) < 64)
        a = link(port)
        say(a, b"me")
        await until(lambda: len(hub.heard) == 1)
        for _, writer in pairs[40:]:
            writer.close()
        await a.close()
        hub.close()

    run(main)
