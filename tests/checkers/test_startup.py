"""What is started comes to work."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.history import Op
from checkers.liveness.startup import Startup
from checkers.record import TraceEvent
from tests.checkers.histories import History, types
from tests.checkers.traces import Event, judge

NODES = ["n0", "n1"]


def started(node: str, at_ms: int) -> Event:
    return (node, "started", {}, at_ms)


def panic(node: str, at_ms: int) -> Event:
    return (node, "panic", {"why": "the log is torn"}, at_ms)


def role(node: str, at_ms: int) -> Event:
    return (node, "role", {"role": "follower", "term": 1}, at_ms)


def ops(
    *faults: tuple[int, int | None], end: int = 20_000, answer: tuple[str, int] | None = None
) -> list[Op]:
    h = History()
    for number, (start, stop) in enumerate(faults):
        h.nemesis("pause", {"fault": number, "phase": "start", "targets": []}, at_ms=start)
        if stop is not None:
            h.nemesis("pause", {"fault": number, "phase": "stop", "targets": []}, at_ms=stop)
    h.invoke(1, "read", at_ms=end if answer is None else answer[1])
    if answer is not None:
        h.ok(1, "read", 1, node=answer[0], at_ms=answer[1])
        h.invoke(1, "read", at_ms=end)
    return h.ops


STUCK = [started("n0", 0), role("n0", 5), started("n1", 10)]


@pytest.mark.parametrize(
    ("shown", "found"),
    [
        ([], ["stuck-startup"]),
        ([("n1", "clock", {}, 50)], ["stuck-startup"]),
        ([("n1", "decide", {"index": 1, "value": 1}, 50)], []),
        ([("n1", "killed", {}, 50)], []),
    ],
)
def test_any_event_of_its_own_shows_that_a_node_works(shown: list[Event], found: list[str]) -> None:
    assert types(judge(Startup(), *STUCK, *shown, ops=ops())) == found


def test_an_answer_shows_it_as_well_if_it_came_in_this_life() -> None:
    assert types(judge(Startup(), *STUCK, ops=ops(answer=("n1", 50)))) == []
    assert types(judge(Startup(), *STUCK, ops=ops(answer=("n0", 50)))) == ["stuck-startup"]
    assert types(judge(Startup(), *STUCK, started("n1", 60), ops=ops(answer=("n1", 50)))) == ["stuck-startup"]


def test_time_under_faults_does_not_count() -> None:
    assert types(judge(Startup(), *STUCK, ops=ops((0, 11_000)))) == []
    assert types(judge(Startup(), *STUCK, ops=ops((0, 9_000)))) == ["stuck-startup"]
    assert types(judge(Startup(), *STUCK, ops=ops((0, None)))) == []
    assert types(judge(Startup(), *STUCK, ops=ops(end=5000))) == []
    assert types(judge(Startup(), *STUCK, ops=ops(end=5000), startup_s=3)) == ["stuck-startup"]


def test_panics() -> None:
    alone = [started("n0", 0), panic("n0", 5)]
    assert types(judge(Startup(), *alone)) == ["panic"]
    assert types(judge(Startup(), *alone, started("n0", 9), role("n0", 10))) == []
    assert types(judge(Startup(), *alone, ops=ops((1, None)))) == []  # what is not healed may start it again
    loop = [event for i in range(3) for event in (started("n0", 10 * i), panic("n0", 10 * i + 5))]
    assert types(judge(Startup(), *loop, started("n0", 90), role("n0", 91))) == ["panic-loop"]
    assert types(judge(Startup(), *loop, panics_max=4)) == ["panic"]
    never_up = [panic("n0", 10 * i) for i in range(3)]  # a log that cannot even be read
    (anomaly,) = judge(Startup(), *never_up).anomalies
    assert (anomaly.type, anomaly.trace_indexes) == ("panic-loop", [0, 1, 2])
    assert anomaly.explanation.endswith("and did nothing between: the log is torn")


@pytest.mark.parametrize(("since", "found"), [(15, []), (26, ["panic-loop"]), (None, ["panic-loop"])])
def test_a_panic_while_a_disk_is_being_put_at_fault_is_excused(since: int | None, found: list[str]) -> None:
    """The fault is told at its end: online as well as all at once the row is judged by when it began."""
    loop = [event for i in range(3) for event in (started("n0", 10 * i), panic("n0", 10 * i + 5))]
    value: dict[str, Any] = {"fault": 0, "phase": "start", "targets": ["n0"]}
    told = value if since is None else value | {"since": since * 1_000_000}
    h = History()
    h.nemesis("disk", told, at_ms=27)
    h.nemesis("disk", {"fault": 0, "phase": "stop", "targets": ["n0"]}, at_ms=40)
    events = [*loop, started("n0", 50), role("n0", 51)]
    assert types(judge(Startup(), *events, ops=h.ops)) == found
    online = Startup()
    for index, (node, kind, data, at_ms) in enumerate(loop):
        online.observe_trace(TraceEvent(index, at_ms * 1_000_000, node, kind, data))
        assert not online.violated()
    online.observe_all(h.ops)
    for index, (node, kind, data, at_ms) in enumerate(
        [started("n0", 50), role("n0", 51), role("n0", 30_000)]
    ):
        online.observe_trace(TraceEvent(6 + index, at_ms * 1_000_000, node, kind, data))
    assert online.violated() == bool(found)
    assert types(online.result()) == found


def test_who_never_started() -> None:
    events = [started("n0", 0), role("n0", 5)]
    result = judge(Startup(), *events, ops=ops(), nodes=NODES)
    assert [a.data for a in result.anomalies] == [{"node": "n1"}]
    assert types(judge(Startup(), *events, ops=ops(answer=("n1", 50)), nodes=NODES)) == []
    assert types(judge(Startup(), *events, ops=ops(), nodes=NODES, byzantine=["n1"])) == []
    assert types(judge(Startup(), *events, ops=ops(end=900), nodes=NODES)) == []


def test_without_a_start_unknown() -> None:
    assert judge(Startup(), role("n0", 5)).verdict == "unknown"
