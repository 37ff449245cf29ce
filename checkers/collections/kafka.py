"""Logs of messages ("kafka"), after Jepsen's test of that name and Maelstrom's: ``send`` appends to the log of a key
and returns an offset, ``poll`` returns messages with their offsets, in order and without gaps.

| anomaly | meaning |
|---|---|
| inconsistent-offsets | two messages at one offset |
| duplicate | one message at two offsets |
| lost-write | an acknowledged message was never polled, though one at the same or a later offset was |
| G1a | a message was polled whose send had failed |
| unwritten-message | a message was polled that nobody had sent |
| precommitted-read | a transaction polled a message that it was sending itself |
| poll-skip, nonmonotonic-poll | from one poll of a process to its next, messages are left out, or come again |
| int-poll-skip, int-nonmonotonic-poll | the same within one operation |
| nonmonotonic-send | a process' later send has a smaller offset |
| int-send-skip | within one operation, other messages got in between two sends |
| int-nonmonotonic-send | within one operation, a later send has a smaller offset |
| lost-commit | the committed offset is less than every one that could be current |
| unexpected-commit | the committed offset is greater than every one that was ever committed |
| G1c, G0 | operations each of which polled what the one before sent, or sent what follows it in a log |

``G1c-process``, ``G1c-realtime`` and so on: where it takes the order of a process, or time, to close the cycle.

Of an operation of unknown outcome the sends whose offsets it learned count once any message of it was polled.
Messages must be distinct per key. Offsets without a message are no gap (transactions leave such). Operations:
``send``, ``poll`` and ``txn`` (kafka_log.py), ``assign`` and ``subscribe`` of a list of keys, ``commit`` of
a map of key to offset, ``committed``, which returns such a map. After ``subscribe`` the keys of a process may be
rebalanced at any time, so its polls are not compared from one operation to the next. What a transaction polled counts
even if it was not ok: messages keep their offsets, and a process goes on where its last that was ok ended.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

from checkers.collections.kafka_commits import Commits
from checkers.collections.kafka_cycles import CYCLES, Precedence
from checkers.collections.kafka_log import POLL, SEND, Log, Message, Send, Sighting, messages, peeked, told
from checkers.history import Op
from checkers.result import Result
from checkers.running import Findings, Running, conclude
from checkers.words import canonical, identity, listing, plural, seconds, who

VERBS = {SEND: "sent", POLL: "polled"}
LOGGED = frozenset({"send", "poll", "txn"})


class Step(NamedTuple):
    """A message and who showed it."""

    message: Message
    by: Sighting


class Pair(NamedTuple):
    """Two messages of one key that should follow one another; judged when more offsets are known."""

    prefix: str
    first: Step
    then: Step


class Kafka(Running):
    """Options: ``allow``: a list of anomalies that are counted and no violation (default ["int-send-skip"]:
    transactions interleave). ``ww_deps``: whether the order of messages in a log is that of the operations that sent
    them (default false); only then there is G0.

    Memory grows with the messages: each may still be polled, or polled again. What a poll left out, what was lost
    and the order of sends of unknown offset show only in the verdict, because what is polled later decides.
    """

    name = "kafka"
    anomalies = (
        "inconsistent-offsets",
        "duplicate",
        "lost-write",
        "G1a",
        "unwritten-message",
        "precommitted-read",
        "poll-skip",
        "nonmonotonic-poll",
        "int-poll-skip",
        "int-nonmonotonic-poll",
        "nonmonotonic-send",
        "int-send-skip",
        "int-nonmonotonic-send",
        "lost-commit",
        "unexpected-commit",
        *CYCLES,
    )

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._allowed = frozenset(self.options.get("allow", ("int-send-skip",)))
        strange = sorted(self._allowed - set(self.anomalies))
        if strange:
            raise ValueError(
                f"kafka: no anomaly is called {strange[0]!r}; there are {', '.join(self.anomalies)}"
            )
        self._tolerated: dict[str, int] = {}
        self._logs: dict[str, Log] = {}
        self._pairs: list[Pair] = []
        self._last: dict[int | str, dict[tuple[str, str], Step]] = {}
        self._subscribed: set[int | str] = set()
        self._unsure: dict[int, tuple[Sighting, list[Message]]] = {}  # by invocation
        self._commits = Commits(self._commit_found)
        self._precedence = Precedence(ww=self.flag("ww_deps", False))
        self._counts = dict.fromkeys(("sends", "polls", "messages_polled", "polls_subscribed"), 0)

    def _log(self, key: str) -> Log:
        found = self._logs.get(key)
        if found is None:
            found = self._logs[key] = Log(key)
        return found

    # --- observing ------------------------------------------------------------------------------------------

    def began(self, op: Op, position: int) -> None:
        if op.f in LOGGED:
            self._precedence.began(op, position)
            for message in messages(op):
                if message.kind == SEND:
                    self._log(message.key).sends[identity(message.value)] = Send(message.value, op)
        else:
            self._commits.began(op)

    def ended(self, invoke: Op, begin: int, op: Op, end: int) -> None:  # noqa: ARG002
        if invoke.f in LOGGED:
            self._precedence.ended(invoke, op, end)
            self._settle(invoke, op)
            if op.type != "ok":
                self._peeked(invoke, op)
            if op.type == "ok":
                self._done(invoke, op)
            elif op.type == "info" and any(m.kind == SEND for m in messages(invoke)):
                self._follow(invoke, op, [m for m in messages(invoke) if m.kind == SEND])
                self._doubt(invoke, op)
        elif invoke.f in ("assign", "subscribe"):
            if op.type != "fail":
                kept = {str(key) for key in invoke.value} if isinstance(invoke.value, list | tuple) else set()
                last = self._last.get(op.process, {})
                self._last[op.process] = {name: step for name, step in last.items() if name[1] in kept}
                (self._subscribed.add if invoke.f == "subscribe" else self._subscribed.discard)(op.process)
        else:
            self._commits.ended(invoke, op)
        if op.type == "info":
            self._last.pop(op.process, None)

    def _settle(self, invoke: Op, op: Op) -> None:
        """The outcome of sends; what was polled of failed ones was aborted."""
        for message in messages(invoke):
            if message.kind != SEND:
                continue
            log = self._log(message.key)
            send = log.sends[identity(message.value)]
            if send.invoke is invoke:
                send.done, send.type = op, op.type
                seen = log.polls.get(identity(message.value))
                if op.type == "fail" and seen is not None:
                    self._aborted(log, send, seen)

    def _doubt(self, invoke: Op, op: Op) -> None:
        """Sends of unknown outcome at known offsets."""
        sent = told(invoke, op)
        if not sent:
            return
        self._unsure[invoke.index] = Sighting(invoke, op), sent
        names = [(m.key, identity(m.value)) for m in messages(invoke) if m.kind == SEND]
        if any(
            name in self._log(key).polls and self._log(key).sends[name].invoke is invoke
            for key, name in names
        ):
            self._sent(invoke)

    def _sent(self, invoke: Op) -> None:
        """A message of the operation was polled: so all of it was sent."""
        by, sent = self._unsure.pop(invoke.index, (None, []))
        for message in sent:
            assert by is not None
            log, name = self._log(message.key), identity(message.value)
            if log.sends[name].invoke is invoke:
                log.sends[name].sure = True
                self._see(log, message, name, by)

    def _done(self, invoke: Op, op: Op) -> None:
        by = Sighting(invoke, op)
        found = messages(op)
        sending = {(m.key, identity(m.value)) for m in found if m.kind == SEND}
        self._counts["polls"] += any(m.kind == POLL for m in found) or invoke.f == "poll"
        for message in found:
            log, name = self._log(message.key), identity(message.value)
            if message.offset is not None:
                self._see(log, message, name, by)
            if message.kind == SEND:
                self._counts["sends"] += 1
                continue
            self._counts["messages_polled"] += 1
            if (message.key, name) in sending:
                self._tell(
                    "precommitted-read",
                    [by],
                    f"{_at(by)} polled {_shown(message)}, which it was sending itself",
                )
            self._poll(log, message, name, by)
            self._precedence.polled(invoke, message.key, name)
        self._follow(invoke, op, found)

    def _peeked(self, invoke: Op, op: Op) -> None:
        """What an operation polled that was not ok."""
        found = peeked(op)
        for message in found:
            self._see(self._log(message.key), message, identity(message.value), Sighting(invoke, op))
        if found:
            before = dict(self._last.get(op.process, {}))
            self._follow(invoke, op, found)
            self._last[op.process] = before

    def _see(self, log: Log, message: Message, name: Hashable, by: Sighting) -> None:
        """A message at an offset."""
        assert message.offset is not None
        here = log.at.setdefault(message.offset, {})
        if name not in here:
            if here:
                other, first = next(iter(here.items()))
                value = log.sends[other].value if other in log.sends else other
                text = (
                    f"offset {message.offset} of key {log.key} held {_value(value)} for {_at(first)} and "
                    f"{_value(message.value)} for {_at(by)}"
                )
                self._tell("inconsistent-offsets", [first, by], text)
            here[name] = by
        places = log.offsets.setdefault(name, {})
        if message.offset not in places:
            if places:
                offset, first = next(iter(places.items()))
                text = (
                    f"message {_value(message.value)} of key {log.key} was at offset {offset} for {_at(first)} and "
                    f"at offset {message.offset} for {_at(by)}"
                )
                self._tell("duplicate", [first, by], text)
            places[message.offset] = by

    def _poll(self, log: Log, message: Message, name: Hashable, by: Sighting) -> None:
        assert message.offset is not None
        if log.polled_to is None or message.offset > log.polled_to[0]:
            log.polled_to = message.offset, by
        if name in log.polls:
            return
        log.polls[name] = by
        send = log.sends.get(name)
        if send is None:
            self._tell(
                "unwritten-message", [by], f"{_at(by)} polled {_shown(message)}, which nobody had sent"
            )
        elif send.type == "fail":
            self._aborted(log, send, by)
        else:
            self._sent(send.invoke)

    def _aborted(self, log: Log, send: Send, seen: Sighting) -> None:
        done = send.done
        assert done is not None
        text = (
            f"{_at(seen)} polled message {_value(send.value)} of key {log.key}, whose send by {who(done)} had failed "
            f"at {seconds(done.time)}"
        )
        self._tell("G1a", [seen, Sighting(send.invoke, done)], text)

    def _follow(self, invoke: Op, op: Op, found: Sequence[Message]) -> None:
        """Each message after the one before of its kind and key, in this operation and in the process' last."""
        last = self._last.setdefault(op.process, {})
        own: set[tuple[str, str]] = set()
        by = Sighting(invoke, op)
        self._counts["polls_subscribed"] += op.process in self._subscribed and invoke.f != "send"
        for message in found:
            name = message.kind, message.key
            before = last.get(name)
            step = last[name] = Step(message, by)
            inside = name in own
            own.add(name)
            if before is None or (not inside and message.kind == POLL and op.process in self._subscribed):
                continue
            pair = Pair("int-" if inside else "", before, step)
            first, then = before.message.offset, message.offset
            if first is not None and then is not None and then <= first:
                self._backward(pair, first, then, self._tell)
            elif first is None or then is None or (then > first + 1 and (inside or message.kind == POLL)):
                self._pairs.append(pair)

    # --- judging --------------------------------------------------------------------------------------------

    def _backward(self, pair: Pair, first: int, then: int, tell: Callable[..., None]) -> None:
        kind = pair.then.message.kind
        text = (
            f"{_at(pair.then.by)} {VERBS[kind]} {_shown(pair.then.message)} at offset {then}, "
            f"after {_shown(pair.first.message)} at offset {first}"
            + (" in the same operation" if pair.prefix else f" by {_at(pair.first.by)}")
        )
        tell(f"{pair.prefix}nonmonotonic-{kind}", [pair.first.by, pair.then.by], text)

    def _deferred(self, tell: Callable[..., None]) -> dict[str, int]:
        """What only all that was polled decides; how many cycles there are of each kind."""
        ordered = {key: sorted(log.at) for key, log in self._logs.items()}
        for pair in self._pairs:
            key = pair.then.message.key
            log = self._logs[key]
            first, then = (_offset(log, step.message) for step in (pair.first, pair.then))
            kind = pair.then.message.kind
            if first is None or then is None:
                continue
            if then <= first:
                self._backward(pair, first, then, tell)
                continue
            skipped = log.between(ordered[key], first, then) if pair.prefix or kind == POLL else []
            if skipped:
                values = [_value(_any(log, offset)) for offset in skipped]
                text = (
                    f"{_at(pair.then.by)} {VERBS[kind]} {_shown(pair.then.message)} at offset "
                    f"{then} next after offset {first}"
                    + ("" if pair.prefix else f", where it was at {seconds(pair.first.by.done.time)}")
                    + f", and left out {plural(len(skipped), 'message')}: {listing(values)}"
                )
                tell(f"{pair.prefix}{kind}-skip", [pair.first.by, pair.then.by], text)
        for log in self._logs.values():
            self._lost(log, tell)
        cycles, counts = self._precedence.cycles(self._logs)
        for cycle in cycles:
            tell(cycle.name, cycle.by, cycle.text)
        return counts

    def _lost(self, log: Log, tell: Callable[..., None]) -> None:
        if log.polled_to is None:
            return
        bound, by = log.polled_to
        for name, send in log.sends.items():
            if not (send.type == "ok" or send.sure) or name in log.polls or name not in log.offsets:
                continue
            offset = max(log.offsets[name])
            if offset <= bound:
                assert send.done is not None
                how = (
                    "acknowledged"
                    if send.type == "ok"
                    else "sent, as another message of its operation was polled,"
                )
                text = (
                    f"message {_value(send.value)} of key {log.key} was {how} at offset {offset} to "
                    f"{who(send.done)} at {seconds(send.done.time)} and never polled, though offset {bound} was, by "
                    f"{_at(by)}"
                )
                tell("lost-write", [Sighting(send.invoke, send.done), by], text)

    def _commit_found(self, kind: str, by: Sighting, text: str) -> None:
        self._tell(kind, [by], f"{_at(by)} {text}")

    def _tell(self, kind: str, by: list[Sighting], text: str) -> None:
        self._note(self.found, self._tolerated, kind, by, text)

    def _note(
        self, found: Findings, tolerated: dict[str, int], kind: str, by: list[Sighting], text: str
    ) -> None:
        if kind in self._allowed:
            tolerated[kind] = tolerated.get(kind, 0) + 1
        elif found.room(kind):
            found.keep(kind, [op.index for one in by for op in one], text)

    def result(self) -> Result:
        found, tolerated = self.found.copy(), dict(self._tolerated)
        cycles = self._deferred(lambda kind, by, text: self._note(found, tolerated, kind, by, text))
        unseen = {
            key: count
            for key, log in self._logs.items()
            if (count := sum(1 for n, send in log.sends.items() if send.type == "ok" and n not in log.polls))
        }
        coverage = {
            "keys": len(self._logs),
            **self._counts,
            **self._commits.counts,
            "unseen": sum(unseen.values()),
            "unseen_by_key": dict(sorted(unseen.items())[:20]),
            "tolerated": dict(sorted(tolerated.items())),
            "cycles": cycles,
        }
        unknown = ""
        if not self._counts["messages_polled"]:
            unknown = "no message was polled"
        return conclude(self.name, self.anomalies, found, coverage, unknown)


def _offset(log: Log, message: Message) -> int | None:
    return message.offset if message.offset is not None else log.offset(message.value)


def _any(log: Log, offset: int) -> Any:
    name = next(iter(log.at[offset]))
    return log.sends[name].value if name in log.sends else name


def _value(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else canonical(value).decode()


def _shown(message: Message) -> str:
    return f"message {_value(message.value)} of key {message.key}"


def _at(by: Sighting) -> str:
    return f"{who(by.done)} at {seconds(by.done.time)}"
