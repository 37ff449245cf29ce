"""The rules of histories: for each a history that breaks it, and the nearest one that does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from checkers.runs.well_formed import WellFormed
from tests.checkers.histories import History, types


def one(h: History) -> None:
    h.done(0, "write", 1, key="x")


def index(h: History, broken: bool) -> None:
    one(h)
    h.ops[1].index += broken


def time(h: History, broken: bool) -> None:
    one(h)
    h.ops[1].time = h.ops[0].time - broken


def busy(h: History, broken: bool) -> None:
    h.invoke(0, "read")
    h.invoke(0 if broken else 1, "read")
    h.ok(0, "read", 1)
    if not broken:
        h.ok(1, "read", 1)


def answer(h: History, broken: bool) -> None:
    h.invoke(0, "read", key="x")
    h.ok(0, "read", 1, key="y" if broken else "x")


def unasked(h: History, broken: bool) -> None:
    one(h)
    if broken:
        h.ok(0, "write", 1, key="x")


def retired(h: History, broken: bool) -> None:
    h.invoke(0, "write", 1)
    h.op(0, "info", "write", 1)
    h.done(0 if broken else 5, "read", 1)


def left_open(h: History, broken: bool) -> None:
    h.invoke(0, "read")
    if not broken:
        h.ok(0, "read", 1)


def unhealed(h: History, broken: bool) -> None:
    h.nemesis("kill", {"fault": 0, "phase": "start"})
    if not broken:
        h.nemesis("kill", {"fault": 0, "phase": "stop"})


def stopped_twice(h: History, broken: bool) -> None:
    for phase in ("start", "stop", *(["stop"] if broken else [])):
        h.nemesis("kill", {"fault": 0, "phase": phase})


def never_started(h: History, broken: bool) -> None:
    h.nemesis("kill", {"fault": 0, "phase": "stop" if broken else "unfired"})


RULES: dict[str, tuple[Callable[[History, bool], None], str]] = {
    "index": (index, "ill-formed-index"),
    "time": (time, "ill-formed-time"),
    "busy": (busy, "ill-formed-busy"),
    "answer": (answer, "ill-formed-answer"),
    "unasked": (unasked, "ill-formed-answer"),
    "retired": (retired, "ill-formed-retired"),
    "left open": (left_open, "ill-formed-open"),
    "unhealed": (unhealed, "ill-formed-open"),
    "stopped twice": (stopped_twice, "ill-formed-fault"),
    "never started": (never_started, "ill-formed-fault"),
}


@pytest.mark.parametrize("name", RULES)
def test_a_rule(name: str) -> None:
    make, kind = RULES[name]
    for broken in (False, True):
        h = History()
        make(h, broken)
        result = h.judge(WellFormed(), whole=True)
        assert result.verdict == ("unknown" if broken else "valid")
        if broken:
            assert kind in types(result)
            assert result.why.startswith("not a well-formed history: op ")


def test_a_prefix_may_end_anywhere() -> None:
    h = History()
    h.nemesis("kill", {"fault": 0, "phase": "start"})
    h.invoke(0, "read")
    assert h.judge(WellFormed()).verdict == "valid"
    assert h.judge(WellFormed(), whole=True).verdict == "unknown"


def test_nothing_is_no_history() -> None:
    assert History().judge(WellFormed()).why == "the history is empty"
