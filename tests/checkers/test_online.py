"""After any number of ops an online checker says what the batch says about them."""

from __future__ import annotations

from typing import Any

import pytest

from checkers import registry
from checkers.columns import History
from checkers.history import Op
from checkers.record import Record
from tests.checkers.scrambles import scramble

CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("adya-g2", "insert", {}),
    ("bank", "bank", {}),
    ("bank", "bank", {"accounts": ["a", "b"], "total": 10, "negative_balances": True}),
    ("causal-register", "causal-register", {}),
    ("causal-reverse", "writes", {}),
    ("counter", "counter", {}),
    ("kafka", "kafka", {}),
    ("kafka", "kafka", {"allow": []}),
    ("lock", "lock", {}),
    ("lock", "lock", {"leases": True}),
    ("long-fork", "fork", {}),
    ("monotonic", "counter", {"realtime": True}),
    ("pn-counter", "counter", {}),
    ("pn-counter", "counter", {"linearizable": True}),
    ("queue", "queue", {}),
    ("sessions", "register", {}),
    ("sessions", "list", {}),
    ("sessions", "register", {"version_order": "value", "guarantees": ["monotonic-reads"]}),
    ("set", "g-set", {}),
    ("set-full", "g-set", {}),
    ("set-full", "g-set", {"linearizable": True}),
    ("set-full", "set", {}),
    ("set-full", "set", {"linearizable": True}),
    ("total-queue", "queue", {}),
    ("total-queue", "queue", {"drained": True, "at_least_once": True}),
    ("unique-ids", "ids", {}),
]


def batch(name: str, ops: Any, options: dict[str, Any]) -> Any:
    return registry.create(name).check(Record(ops, options=options))


def said(result: Any) -> Any:
    return result.verdict, result.why, result.coverage, result.anomalies


@pytest.mark.parametrize(("name", "kind", "options"), CASES, ids=lambda x: x if isinstance(x, str) else "")
def test_online_says_what_the_batch_says_on_every_prefix(
    name: str, kind: str, options: dict[str, Any]
) -> None:
    verdicts: set[str] = set()
    for seed in range(40):
        ops = scramble(kind, seed, 36, wrong=seed % 4 * 4)
        online = registry.online(name, options)
        assert online is not None
        for n, op in enumerate(ops, 1):
            online.observe(op)
            expected = batch(name, ops[:n], options)
            assert said(online.result()) == said(expected)
            assert online.verdict() == expected.verdict
            if online.violated():
                assert expected.verdict == "invalid"
            verdicts.add(expected.verdict)
    assert verdicts >= {"valid", "invalid"}


def test_every_checker_that_judges_online_is_among_the_cases() -> None:
    ours = {name for name, place in registry.ONLINE.items()}
    assert {name for name, _, _ in CASES} <= ours


@pytest.mark.parametrize(("name", "kind", "options"), CASES, ids=lambda x: x if isinstance(x, str) else "")
def test_columnar_histories_are_judged_alike(name: str, kind: str, options: dict[str, Any]) -> None:
    for seed in range(10):
        ops = scramble(kind, seed, 60)
        columns = History.from_ops(ops)
        assert said(batch(name, columns, options)) == said(batch(name, ops, options))
        online = registry.online(name, options)
        assert online is not None
        online.observe_all(columns)
        assert said(online.result()) == said(batch(name, ops, options))
        parts, single = registry.online(name, options), registry.online(name, options)
        assert parts is not None
        assert single is not None
        single.observe_all(ops)
        parts.observe_all(History.from_ops(ops[:30]))
        assert said(parts.result()) == said(batch(name, ops[:30], options))
        parts.observe_all(ops[30:40])
        parts.observe_all(History.from_ops(ops[40:]))
        assert said(parts.result()) == said(single.result())
        assert online.violated() == parts.violated() == single.violated()


@pytest.mark.parametrize(("name", "kind", "options"), CASES, ids=lambda x: x if isinstance(x, str) else "")
def test_names_do_not_matter(name: str, kind: str, options: dict[str, Any]) -> None:
    for seed in range(10):
        ops = scramble(kind, seed, 60)
        renamed = [
            Op(
                op.index + 1000,
                op.time,
                op.process if isinstance(op.process, str) else op.process * 7 + 3,
                op.type,
                op.f,
                op.key,
                op.value,
                op.node,
            )
            for op in ops
        ]
        one, two = batch(name, ops, options), batch(name, renamed, options)
        assert (one.verdict, one.coverage) == (two.verdict, two.coverage)
        assert [[i + 1000 for i in a.op_indexes] for a in one.anomalies] == [
            a.op_indexes for a in two.anomalies
        ]


def stream(f: str, length: int) -> list[Op]:
    """Operations one after the other, ids and elements by number, counters and registers that go up."""
    ops: list[Op] = []
    asked: Any
    for n in range(length // 2):
        process, key, asked, answered = n % 5, None, None, None
        if f == "generate":
            answered = n
        elif f == "add":
            key, asked = n // 100, n
        elif f == "write":
            key, asked = n % 10, n
        elif f == "enqueue":
            asked = n
        kind = f
        if f == "add" and n % 100 == 99:
            kind, asked, answered = "read", None, list(range(n - 99, n))
        elif f == "write" and n % 20 >= 10:
            kind, asked, answered = "read", None, n - 10
        elif f == "enqueue" and n % 2:
            kind, asked, answered = "dequeue", None, n - 1
        ops.append(Op(2 * n, 2 * n, process, "invoke", kind, key, asked))
        ops.append(Op(2 * n + 1, 2 * n + 1, process, "ok", kind, key, answered))
    return ops


LATE: list[tuple[str, str, dict[str, Any], str, Any]] = [
    ("unique-ids", "generate", {}, "generate", 7),
    ("set-full", "add", {"linearizable": True}, "read", []),
    ("set-full", "add", {}, "read", [-1]),
    ("sessions", "write", {}, "read", 3),
    ("linearizability", "write", {"model": "register"}, "read", 3),
    ("total-queue", "enqueue", {}, "dequeue", 4),
    ("queue", "enqueue", {}, "dequeue", 4),
]


@pytest.mark.parametrize(
    ("name", "kind", "options", "f", "wrong"), LATE, ids=lambda x: x if isinstance(x, str) else ""
)
def test_what_came_at_op_10000_is_reported_by_op_10100(
    name: str, kind: str, options: dict[str, Any], f: str, wrong: Any
) -> None:
    ops = stream(kind, 11_000)
    right = registry.online(name, options)
    assert right is not None
    for op in ops:
        right.observe(op)
    assert not right.violated()
    assert right.verdict() == "valid"
    at = next(n for n in range(10_000, len(ops)) if ops[n].type == "ok" and ops[n].f == f)
    if name == "sessions":  # its own session has read the key
        at = next(n for n in range(at, len(ops)) if ops[n].f == f and ops[n].type == "ok" and ops[n].key == 3)
    ops[at].value = wrong
    assert batch(name, ops[:at], options).verdict != "invalid"
    online = registry.online(name, options)
    assert online is not None
    for told, op in enumerate(ops):  # noqa: B007
        online.observe(op)
        if online.violated():
            break
    assert at <= told <= at + 100
    assert online.verdict() == batch(name, ops[: told + 1], options).verdict == "invalid"
