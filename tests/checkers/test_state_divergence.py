"""Equal logs, equal states: against a brute-force comparison of all that was told."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.history import Op
from checkers.replicas.replica_logs import FORGET_EVERY
from checkers.replicas.state_divergence import StateDivergence
from tests.checkers.histories import types
from tests.checkers.traces import Event, judge, trace

NODES = ["n0", "n1", "n2"]


def apply(node: str, index: int, state: Any) -> Event:
    return (node, "apply", {"index": index, "state": state})


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from([0, 0, 0, 1])), max_size=8))
def test_against_brute_force(told: list[tuple[int, int, int]]) -> None:
    result = judge(StateDivergence(), *(apply(f"n{n}", i, s) for n, i, s in told), nodes=NODES)
    differ = any(i == j and s != t for _, i, s in told for _, j, t in told)
    compared = any(told[a][1] == told[b][1] for a in range(len(told)) for b in range(a))
    assert result.verdict == ("invalid" if differ else "valid" if compared else "unknown")


def test_the_first_index_the_nodes_and_the_entries_are_named() -> None:
    logs: list[Event] = [
        (n, "append", {"index": 1, "entries": [[1, "c1:1"], [1, "c1:2"], [1, "c2:1"]]}) for n in NODES[:2]
    ]
    ops = [
        Op(0, 0, 2, "invoke", "write", "x", 5, node="n1"),
        Op(1, 1, 2, "info", "write", "x", 5, node="n1"),
    ]
    told = [apply("n0", 2, 7), apply("n1", 2, 7), apply("n0", 3, 8), apply("n1", 3, 9), apply("n1", 4, 9)]
    (anomaly,) = judge(StateDivergence(), *logs, *told, apply("n0", 4, 10), ops=ops).anomalies[:1]
    assert anomaly.explanation.startswith(
        "after index 3 the state of n1 is 9 (told at 0.005000 s), and that of n0 was 8 (told at 0.004000 s); they "
        "agreed last after index 2; both applied entry 3 (c2:1: process 2's 1st operation). Entry c2:1 is the write "
        "of 5 to key"
    )
    assert (anomaly.trace_indexes, anomaly.op_indexes) == ([4, 5], [0, 1])
    assert (anomaly.data["index"], anomaly.data["nodes"]) == (3, ["n0", "n1"])


def test_where_the_logs_differ_that_is_said() -> None:
    logs: list[Event] = [
        (n, "append", {"index": 1, "entries": [[1, "c1:1"], [1, f"c{k}:2"]]}) for k, n in enumerate(NODES[:2])
    ]
    (anomaly,) = judge(StateDivergence(), *logs, apply("n0", 2, 1), apply("n1", 2, 2)).anomalies
    assert "at index 2 n1 has c1:2: process 1's 2nd operation and n0 has c0:2" in anomaly.explanation


def test_a_node_that_replays_its_log_must_come_to_its_own_state() -> None:
    again: Event = ("n0", "started", {"last_index": 2, "last_term": 1})
    assert types(judge(StateDivergence(), apply("n0", 2, 1), again, apply("n0", 2, 1))) == []
    (anomaly,) = judge(StateDivergence(), apply("n0", 2, 1), again, apply("n0", 2, 3)).anomalies
    assert "its own in an earlier life was 1" in anomaly.explanation


def test_a_node_is_accused_once_a_life() -> None:
    events = [apply("n0", i, 0) for i in range(1, 6)] + [apply("n1", i, 1) for i in range(1, 6)]
    assert judge(StateDivergence(), *events).coverage["anomalies"] == {"state-divergence": 1}
    events += [("n1", "started", {"last_index": 5, "last_term": 1}), apply("n1", 5, 2)]
    assert judge(StateDivergence(), *events).coverage["anomalies"] == {"state-divergence": 2}


def test_two_camps_are_told_of_once() -> None:
    """Who tells first is no better than the others: four nodes against one are no four anomalies."""
    first = [apply("n0", 1, 0), *(apply(f"n{i}", 1, 1) for i in range(1, 5))]
    later = [apply("n0", 2, 0), *(apply(f"n{i}", 2, 1) for i in range(1, 5))]
    assert judge(StateDivergence(), *first, *later).coverage["anomalies"] == {"state-divergence": 1}
    assert judge(StateDivergence(), *first, apply("n5", 1, 2)).coverage["anomalies"] == {
        "state-divergence": 2
    }


def test_a_traitor_is_not_listened_to() -> None:
    events = [apply("n0", 1, 0), apply("n1", 1, 0), apply("n2", 1, 1)]
    assert judge(StateDivergence(), *events).verdict == "invalid"
    assert judge(StateDivergence(), *events, byzantine=["n2"]).verdict == "valid"


def test_memory_follows_how_far_replicas_are_apart() -> None:
    online = StateDivergence({"nodes": NODES})
    widest = 0
    logs: list[Event] = []
    for i in range(1, 2001):
        logs += [(n, "append", {"index": i, "entries": [[1, f"c1:{i}"]]}) for n in NODES]
        logs += [apply(n, i, i) for n in NODES]
    for event in trace(*logs):
        online.observe_trace(event)
        widest = max(widest, len(online._states), *(len(log.entries) for log in online._logs.values()))
    assert online.result().coverage["compared"] == 4000
    assert widest <= FORGET_EVERY


def test_a_trace_without_states_is_unknown() -> None:
    assert judge(StateDivergence(), ("n0", "apply", {"index": 1})).verdict == "unknown"
    assert judge(StateDivergence(), apply("n0", 1, 1), apply("n1", 2, 1)).verdict == "unknown"
