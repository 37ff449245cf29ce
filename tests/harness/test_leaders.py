"""Who led, in the words of an anomaly."""

from __future__ import annotations

from checkers.history import Op
from checkers.record import TraceEvent
from checkers.result import Anomaly, Result
from harness.leaders import reigns, told

S = 1_000_000_000


def role(index: int, time: int, node: str, name: str, term: int) -> TraceEvent:
    return TraceEvent(index, time, node, "role", {"role": name, "term": term})


TRACE = [
    role(0, 0, "n0", "leader", 1),
    TraceEvent(1, 0, "n2", "believes", {"master": "n0"}),
    role(2, 8 * S, "n1", "leader", 2),
    role(3, 12 * S, "n0", "follower", 2),
    TraceEvent(4, 20 * S, "n1", "killed", {"exit_status": -9}),
]
HISTORY = [
    Op(0, 5 * S, 0, "invoke", "add", None, 7),
    Op(1, 6 * S, 0, "ok", "add", None, 7, "n2"),
    Op(2, 30 * S, 0, "invoke", "read", None, None),
    Op(3, 31 * S, 0, "ok", "read", None, [], "n1"),
]


def test_a_reign_ends_with_another_role_or_with_the_node() -> None:
    assert [(r.node, r.start, r.stop) for r in reigns(TRACE)] == [("n0", 0, 12 * S), ("n1", 8 * S, 20 * S)]


def test_both_leaders_and_the_failover_are_named() -> None:
    lost = Result("invalid", "set-full", [Anomaly("lost", [0, 1, 3], explanation="element 7 is missing")])
    (result,) = told([lost], HISTORY, TRACE)
    (anomaly,) = result.anomalies
    assert anomaly.explanation == (
        "element 7 is missing. When process 0's add was acknowledged, at 6.000000 s, n0 (term 1, since 0.000000 s) "
        "led; n2 took n0 for the master; the lead went to n1 at 8.000000 s (term 2) while n0 still led; n0 went on "
        "as leader until 12.000000 s."
    )
    assert anomaly.trace_indexes == [0, 1, 2, 3, 4]
    assert anomaly.data == {"leaders": ["n0", "n1"]}


def test_what_is_not_invalid_or_has_no_write_keeps_its_words() -> None:
    valid = Result("valid", "set-full", [Anomaly("stale", [1])])
    of_a_read = Result("invalid", "set-full", [Anomaly("unexpected", [3])])
    assert told([valid, of_a_read], HISTORY, TRACE) == [valid, of_a_read]


def test_the_end_of_the_run_is_not_the_end_of_a_reign() -> None:
    lost = Result("invalid", "set-full", [Anomaly("lost", [0, 1, 3], explanation="element 7 is missing")])
    taken_down = [*TRACE[:4], TraceEvent(4, 32 * S, "n1", "killed", {"exit_status": -9})]
    (result,) = told([lost], HISTORY, taken_down)
    assert result.anomalies[0].trace_indexes == [0, 1, 2, 3]
