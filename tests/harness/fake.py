"""A system whose every answer is known: one primary, no replication, and an oracle that saw what it did.

``n0`` holds all registers and is the only one to execute requests; the others pass requests on to it and its
answers back. What it answers is on its disk first, so it is linearizable under any fault. Its flaws are asked for
by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from checkers.history import NEMESIS, Op
from checkers.operations import Operation, operations
from checkers.result import Verdict
from nodes import kernel
from nodes.kernel import Message, Persist, Receive, Record, Reply, Request, Send, SetTimer, Start, Timer
from nodes.systems import SYSTEMS, System

PRIMARY = "n0"
LIE = -1
"""a value that nobody ever writes"""
FLAWED_KEY = 3
PING = SetTimer("ping", 20_000_000, 20_000_000)


class Ask(Message, frozen=True, tag="ask"):
    client: str
    msg_id: int
    body: dict[str, Any]


class Answer(Message, frozen=True, tag="answer"):
    client: str
    msg_id: int
    body: dict[str, Any]


class Ping(Message, frozen=True, tag="ping"):
    """Every node sends one to every other now and then, so that no link is silent."""


class Put(Record, frozen=True, tag="put"):
    number: int
    key: Any
    value: Any


class Deed(msgspec.Struct):
    """One request as the primary executed it. ``lost``: it wrote, and a power loss took it before anybody knew."""

    number: int
    time: int
    request: dict[str, Any]
    reply: dict[str, Any]
    wrote: bool
    lost: bool = False


class Oracle:
    """Knows what happened, in the order in which it did, and so what a true history can say."""

    def __init__(self, flaw: str) -> None:
        self.flaw = flaw
        self.deeds: dict[tuple[str, int], Deed] = {}
        self.lies = 0

    def verdict(self) -> Verdict:
        return "invalid" if self.lies else "valid"

    def contradictions(self, history: Sequence[Op]) -> list[str]:
        """What the history claims and the oracle knows to be false."""
        asked: dict[Any, int] = {}
        found: list[str] = []
        for operation in operations(history):
            process = operation.invoke.process
            asked[process] = number = asked.get(process, 0) + 1
            wrong = self._wrong(operation, self.deeds.get((f"c{process}", number)))
            if wrong:
                found.append(f"op {operation.invoke.index}: {wrong}")
        return found

    def _wrong(self, operation: Operation, deed: Deed | None) -> str:
        done = operation.completion
        if done is None or done.type == "info":
            return ""
        if done.type == "fail":
            happened = deed is not None and deed.wrote and not deed.lost
            return "failed, and happened" if happened else ""
        if deed is None or deed.lost:
            return "is ok, and never happened"
        if not operation.invoke.time <= deed.time <= done.time:
            return "happened outside its time"
        if operation.invoke.f == "read" and deed.reply.get("value") != done.value:
            return f"read {deed.reply.get('value')}, not {done.value}"
        return ""


class Single:
    def __init__(self, node: str, nodes: tuple[str, ...], oracle: Oracle) -> None:
        self.node = node
        self.peers = [n for n in nodes if n != node]
        self.oracle = oracle
        self.values: dict[Any, Any] = {}
        self.token = 0
        self.writes = 0

    def handle(self, event: kernel.Event, now: kernel.Now) -> list[kernel.Effect]:
        match event:
            case Start():
                return [*self._recover(event.recovered), PING]
            case Timer():
                return [*(Send(peer, Ping()) for peer in self.peers), PING]
            case Request() | Receive(message=Ask()) if self._known(event):
                return []  # a frame that the network doubled
            case Request():
                if self.node != PRIMARY:
                    return [Send(PRIMARY, Ask(event.client, event.msg_id, event.body))]
                body, effects, after = self._execute((event.client, event.msg_id), event.body, now)
                return [*effects, Reply(event.client, event.msg_id, body, after)]
            case Receive(message=Ask() as ask):
                body, effects, after = self._execute((ask.client, ask.msg_id), ask.body, now)
                return [*effects, Send(event.src, Answer(ask.client, ask.msg_id, body), after)]
            case Receive(message=Answer() as answer):
                return [Reply(answer.client, answer.msg_id, {**answer.body})]
        return []

    def _known(self, event: Request | Receive) -> bool:
        asked = event if isinstance(event, Request) else event.message
        return (asked.client, asked.msg_id) in self.oracle.deeds

    def _recover(self, recovered: Sequence[Put]) -> list[kernel.Effect]:
        self.values = {put.key: put.value for put in recovered}
        kept = {put.number for put in recovered}
        if self.node == PRIMARY:
            for deed in self.oracle.deeds.values():
                deed.lost = deed.wrote and deed.number not in kept
        return [kernel.Trace("started", {"records": len(recovered)})]

    def _execute(
        self, identity: tuple[str, int], request: dict[str, Any], now: kernel.Now
    ) -> tuple[dict[str, Any], list[kernel.Effect], int | None]:
        """The reply, what to do before it, and the token it waits for: no answer before what it shows is safe."""
        key, kind = request["key"], request["type"]
        value = self.values.get(key)
        put: Any = None
        if kind == "read":
            body: dict[str, Any] = {"type": "read_ok", "value": value}
            if value is None:
                body = kernel.error(kernel.KEY_DOES_NOT_EXIST, "no such key")
            elif self.oracle.flaw == "lies" and key == FLAWED_KEY:
                self.oracle.lies += 1
                body["value"] = LIE
        elif kind == "cas" and value != request["from"]:
            body = kernel.error(kernel.PRECONDITION_FAILED, "another value")
        else:
            put = request["value"] if kind == "write" else request["to"]
            self.writes += 1
            body = {"type": f"{kind}_ok"}
            if self.oracle.flaw == "crashes" and self.writes % 10 == 0:
                body = kernel.error(kernel.CRASH, "who knows")
        number = len(self.oracle.deeds)
        self.oracle.deeds[identity] = Deed(number, now.monotonic_ns, request, body, put is not None)
        effects: list[kernel.Effect] = []
        if put is not None:
            self.values[key] = put
            self.token += 1
            effects.append(Persist(self.token, (Put(number, key, put),)))
        return body, effects, self.token or None


def install(monkeypatch: pytest.MonkeyPatch, flaw: str = "") -> Oracle:
    """The system ``single`` with this flaw: none, ``lies`` (about one key), ``crashes`` (code 13, done all the
    same).
    """
    oracle = Oracle(flaw)
    system = System(
        name="single",
        build=lambda node, nodes, _bug, _config: Single(node, nodes, oracle),
        messages=Ask | Answer | Ping,
        records=Put,
        requests=frozenset({"read", "write", "cas"}),
    )
    monkeypatch.setitem(SYSTEMS, "single", system)
    return oracle


def clients(history: Sequence[Op]) -> list[Op]:
    return [op for op in history if op.process != NEMESIS]
