"""Logs of messages: counted again, plainly, from the whole history."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from checkers.collections.kafka import Kafka
from checkers.collections.kafka_log import messages
from checkers.history import MalformedHistoryError, Op
from checkers.operations import operations
from checkers.record import Record
from tests.checkers.histories import History, types
from tests.checkers.scrambles import scramble

PLAIN = (
    "inconsistent-offsets",
    "duplicate",
    "G1a",
    "lost-write",
    "poll-skip",
    "nonmonotonic-poll",
    "int-poll-skip",
    "int-nonmonotonic-poll",
    "int-send-skip",
    "int-nonmonotonic-send",
    "nonmonotonic-send",
)


def again(ops: list[Op]) -> Counter[str]:
    found: Counter[str] = Counter()
    logged = [o for o in operations(ops) if o.invoke.f in ("send", "poll", "txn")]
    done = [(o, messages(o.completion)) for o in logged if o.type == "ok" and o.completion is not None]
    at: dict[Any, set[Any]] = {}
    where: dict[Any, set[int]] = {}
    polled: dict[str, dict[Any, int]] = {}
    for _, found_messages in done:
        for m in found_messages:
            at.setdefault((m.key, m.offset), set()).add(m.value)
            where.setdefault((m.key, m.value), set()).add(m.offset)
            if m.kind == "poll":
                polled.setdefault(m.key, {})[m.value] = max(m.offset, polled.get(m.key, {}).get(m.value, -1))
    found["inconsistent-offsets"] = sum(len(v) - 1 for v in at.values())
    found["duplicate"] = sum(len(v) - 1 for v in where.values())
    for o in logged:
        for m in messages(o.invoke):
            if m.kind != "send":
                continue
            seen = m.value in polled.get(m.key, {})
            found["G1a"] += o.type == "fail" and seen
            if o.type == "ok" and not seen and m.key in polled:
                found["lost-write"] += max(where[m.key, m.value]) <= max(polled[m.key].values())

    def step(kind: str, inside: bool, key: str, one: int | None, two: int | None) -> None:
        if one is None or two is None:
            return
        prefix = "int-" if inside else ""
        if two <= one:
            found[f"{prefix}nonmonotonic-{kind}"] += 1
        elif (inside or kind == "poll") and any(k == key and one < offset < two for k, offset in at):
            found[f"{prefix}{kind}-skip"] += 1

    last: dict[Any, Any] = {}
    subscribed: set[Any] = set()
    for o in sorted(operations(ops), key=lambda o: o.begin):
        process = o.invoke.process
        if o.invoke.f in ("assign", "subscribe"):
            if o.type != "fail":
                (subscribed.add if o.invoke.f == "subscribe" else subscribed.discard)(process)
            continue
        if o.invoke.f not in ("send", "poll", "txn") or o.type == "fail":
            continue
        own: set[Any] = set()
        shown = messages(o.completion) if o.type == "ok" and o.completion is not None else messages(o.invoke)
        for m in shown:
            offset = m.offset if m.offset is not None else min(where.get((m.key, m.value), ()), default=None)
            name = process, m.kind, m.key
            if name in last and (name in own or m.kind == "send" or process not in subscribed):
                step(m.kind, name in own, m.key, last[name], offset)
            last[name] = offset
            own.add(name)
    return found


def test_every_anomaly_is_counted_as_by_hand() -> None:
    total: Counter[str] = Counter()
    verdicts = Counter()
    for seed in range(300):
        ops = scramble("kafka", seed, 80, wrong=seed % 4 * 5)
        kafka = Kafka({"allow": list(Kafka.anomalies)})
        kafka.observe_all(ops)
        counted = kafka.result().coverage["tolerated"]
        expected = again(ops)
        assert {k: counted.get(k, 0) for k in PLAIN} == {k: expected[k] for k in PLAIN}, seed
        total += expected
        verdicts[Kafka().check(Record(ops)).verdict] += 1
    assert all(total[kind] for kind in PLAIN)
    assert verdicts["valid"] > 10
    assert verdicts["invalid"] > 10


def sent(h: History, process: int, key: str, offset: int | None, value: Any) -> None:
    h.done(process, "send", [["send", key, value]], [["send", key, [offset, value]]])


def polled(h: History, process: int, **rows: Any) -> None:
    h.done(process, "poll", [["poll"]], [["poll", rows]])


def test_a_send_of_unknown_outcome_is_placed_by_who_polls_it() -> None:
    h = History()
    h.invoke(0, "send", [["send", "k", "a"]])
    h.op(0, "info", "send", [["send", "k", "a"]])
    sent(h, 1, "k", 5, "b")
    polled(h, 2, k=[[5, "b"]])
    polled(h, 3, k=[[4, "a"], [5, "b"]])
    assert h.judge(Kafka()).verdict == "valid"
    polled(h, 4, k=[[5, "b"], [4, "a"]])
    assert [a.type for a in h.judge(Kafka()).anomalies] == ["int-nonmonotonic-poll"]


def test_a_gap_without_messages_is_no_skip() -> None:
    h = History()
    sent(h, 0, "k", 0, "a")
    sent(h, 0, "k", 7, "b")
    polled(h, 1, k=[[0, "a"]])
    polled(h, 1, k=[[7, "b"]])
    assert h.judge(Kafka()).verdict == "valid"


def test_after_subscribe_polls_may_start_anywhere() -> None:
    h = History()
    for offset, value in enumerate("abc"):
        sent(h, 0, "k", offset, value)
    polled(h, 2, k=[[0, "a"], [1, "b"], [2, "c"]])
    h.done(1, "subscribe", ["k"])
    polled(h, 1, k=[[1, "b"]])
    polled(h, 1, k=[[0, "a"]])
    assert h.judge(Kafka()).verdict == "valid"
    assert h.judge(Kafka()).coverage["polls_subscribed"] == 2


def test_what_nobody_polled_is_counted() -> None:
    h = History()
    sent(h, 0, "k", 0, "a")
    sent(h, 0, "k", 1, "b")
    assert h.judge(Kafka()).why == "no message was polled"
    polled(h, 1, k=[[0, "a"]])
    assert h.judge(Kafka()).coverage["unseen_by_key"] == {"k": 1}


@pytest.mark.parametrize(
    "value", [[["push", "k", 1]], 7, [["send", "k"]], [["poll", [1]]], [["poll", {"k": [["x", 1]]}]]]
)
def test_other_operations_are_malformed(value: Any) -> None:
    h = History()
    h.invoke(0, "txn", [["poll"]])
    h.ok(0, "txn", value)
    with pytest.raises(MalformedHistoryError, match="op 1: "):
        h.judge(Kafka())


def test_an_anomaly_to_allow_must_exist() -> None:
    with pytest.raises(ValueError, match="no anomaly is called 'G2'"):
        Kafka({"allow": ["G2"]})


@pytest.mark.parametrize("early", [False, True])
def test_sends_of_unknown_outcome_at_known_offsets_count_once_one_is_polled(early: bool) -> None:
    """The second message is at offset 0 of its key, and another one was polled at offset 1."""

    def judged(*, seen: bool) -> list[str]:
        h = History()
        h.invoke(0, "send", [["send", "x", 1], ["send", "y", 2]])
        if seen and early:
            polled(h, 2, x=[[0, 1]])
        h.op(0, "info", "send", [["send", "x", 1], ["send", "y", [0, 2]]])
        if seen and not early:
            polled(h, 2, x=[[0, 1]])
        sent(h, 1, "y", 1, 3)
        polled(h, 2, y=[[1, 3]])
        return types(h.judge(Kafka()))

    assert judged(seen=False) == []
    assert judged(seen=True) == ["lost-write"]
