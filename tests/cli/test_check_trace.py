"""``splitbrain check`` with a trace, and with options of checkers."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from checkers import history
from checkers.record import TraceEvent
from tests.checkers.histories import History
from tests.cli.conftest import Call, refused

TRACE = [
    TraceEvent(0, 0, "n0", "decide", {"height": 1, "value": "a"}),
    TraceEvent(1, 1, "n1", "decide", {"height": 1, "value": "b"}),
    TraceEvent(2, 2, "n2", "decide", {"height": 1, "value": "a"}),
]


@pytest.fixture
def files(call: Call) -> Call:
    h = History()
    h.done(0, "read", 1, key="x")
    history.write(Path("h.jsonl"), h.ops)
    Path("t.jsonl").write_bytes(b"".join(msgspec.json.encode(event) + b"\n" for event in TRACE))
    return call


def test_a_foreign_trace_is_judged(files: Call) -> None:
    asked = ("check", "h.jsonl", "--workload", "agreement", "--trace", "t.jsonl")
    called = files(*asked)
    assert called.code == 1
    assert "at index 1 n1 decided b" in called.out
    assert files(*asked, "--option", 'byzantine=["n1"]').code == 0


def test_a_run_has_its_own_trace(call: Call) -> None:
    assert call("test", "--time-limit", "2", "--seed", "3").code == 0
    for name in ("agreement", "state-divergence", "raft-invariants", "startup", "progress"):
        called = call("check", "store/latest", "--workload", name)
        assert (called.code, name in called.out) == (0, True)


def test_options_are_values_or_words(call: Call) -> None:
    h = History()
    h.done(0, "increment", 2)
    h.phase("final")
    h.done(0, "read", result=3)
    history.write(Path("h.jsonl"), h.ops)
    asked = ("check", "h.jsonl", "--workload", "crdt", "--option", "crdt=g-counter")
    called = call(*asked)
    assert called.code == 1
    assert "counter-overshoot" in called.out


def test_what_is_refused(files: Call) -> None:
    check = ("check", "h.jsonl", "--workload", "agreement")
    refused(files(*check), "agreement", "--trace")
    refused(files(*check, "--trace", "none.jsonl"), "none.jsonl", "no such file")
    refused(files(*check, "--trace", "t.jsonl", "--option", "byzantine"), "NAME=VALUE", "byzantine")
    refused(files(*check, "--trace", "t.jsonl", "--option", "nodes=3"), "nodes", "list of names")
    refused(files("check", "h.jsonl", "--workload", "crdt", "--option", "crdt=x"), "crdt", "g-set")
    Path("t.jsonl").write_bytes(msgspec.json.encode(TRACE[0]) + b"\n{}\n")
    refused(files(*check, "--trace", "t.jsonl"), "t.jsonl:2", "not an event of a trace")
    bad = TraceEvent(0, 0, "n0", "decide", {"height": 1})
    Path("t.jsonl").write_bytes(msgspec.json.encode(bad) + b"\n")
    refused(files(*check, "--trace", "t.jsonl"), "trace event 0", "no value")
