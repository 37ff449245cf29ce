from __future__ import annotations

from typing import Any

import pytest

from checkers.replicas.convergence import Convergence
from tests.checkers.histories import History, types


def final(*reads: tuple[int, Any], key: Any = None) -> History:
    h = History()
    h.done(0, "read", None, [7])
    h.phase("final")
    for process, value in reads:
        h.invoke(process, "read", key=key)
        h.ok(process, "read", value, key=key)
    return h


@pytest.mark.parametrize(
    ("reads", "verdict"),
    [
        ([(0, [1, 2]), (1, [2, 1])], "valid"),
        ([(0, [1, 2]), (1, [1])], "invalid"),
        ([(0, [1, 1]), (1, [1])], "invalid"),
        ([(0, [1]), (1, 1)], "invalid"),
        ([(0, 5), (1, 5), (2, 5)], "valid"),
        ([(0, 5), (1, 5), (2, 6)], "invalid"),
        ([(0, [1]), (1, [1, 2]), (0, [1, 2])], "valid"),  # the last final read of a node counts
        ([(0, [1])], "unknown"),
        ([], "unknown"),
    ],
)
def test_final_reads(reads: list[tuple[int, Any]], verdict: str) -> None:
    result = final(*reads).judge(Convergence())
    assert result.verdict == verdict
    assert types(result) == (["divergence"] if verdict == "invalid" else [])


def test_order_counts_if_asked() -> None:
    h = final((0, [1, 2]), (1, [2, 1]))
    assert h.judge(Convergence(), ordered_reads=True).verdict == "invalid"
    assert h.judge(Convergence(), ordered_reads=False).verdict == "valid"


def test_reads_before_the_final_phase_do_not_count() -> None:
    h = final((0, [1]), (1, [1]))  # n0 read [7] in the main phase
    assert h.judge(Convergence()).verdict == "valid"


def test_keys_are_compared_apart() -> None:
    h = final((0, 1), (1, 1), key="x")
    for process in (0, 1):
        h.invoke(process, "read", key="y")
        h.ok(process, "read", process, key="y")
    result = h.judge(Convergence())
    assert [a.explanation.split(":")[0] for a in result.anomalies] == ['key "y"']


def test_without_a_final_phase_unknown() -> None:
    h = History()
    h.done(0, "read", None, [1])
    h.done(1, "read", None, [2])
    assert h.judge(Convergence()).verdict == "unknown"


def test_the_explanation_names_nodes_and_elements() -> None:
    (anomaly,) = final((0, [1, 2]), (1, [1, 2]), (2, [1])).judge(Convergence()).anomalies
    assert anomaly.explanation == (
        "in the final phase n0, n1 answered 2 elements (0.005000 s); "
        "n2 answered 1 elements (without 2) (0.009000 s)"
    )
    assert anomaly.data["groups"] == [["n0", "n1"], ["n2"]]


def added(*, at_ms: int = 0, fault: tuple[int, int] | None = None) -> History:
    """1 and 2 are added and acknowledged at 1 ms; a fault may come and go."""
    h = History()
    for process in (7, 8):
        h.invoke(process, "add", process - 6, at_ms=at_ms)
        h.ok(process, "add", at_ms=at_ms + 1)
    for time, phase in zip(fault or (), ("start", "stop"), strict=False):
        h.nemesis("kill", {"fault": 0, "phase": phase, "targets": []}, at_ms=time)
    return h


def read(h: History, node: str, value: Any, at_ms: int) -> None:
    process = int(node[1:])
    h.invoke(process, "read", at_ms=at_ms)
    h.ok(process, "read", value, at_ms=at_ms + 2)


def closed(h: History) -> History:
    h.phase("final", at_ms=9000)
    for node in ("n0", "n1"):
        read(h, node, [1, 2], 9010)
    return h


@pytest.mark.parametrize(("at_ms", "found"), [(1000, []), (1001, ["too-late"])])
def test_an_element_is_due_so_long_after_its_acknowledgement(at_ms: int, found: list[str]) -> None:
    h = added()
    read(h, "n1", [1], at_ms)
    assert types(closed(h).judge(Convergence(), max_convergence_s=1)) == found
    assert types(h.judge(Convergence())) == []


@pytest.mark.parametrize(("at_ms", "found"), [(3999, []), (4000, ["too-late"])])
def test_the_time_begins_anew_with_the_last_heal(at_ms: int, found: list[str]) -> None:
    h = added(fault=(500, 3000))
    read(h, "n1", [1], at_ms)
    assert types(closed(h).judge(Convergence(), max_convergence_s=1)) == found


def test_under_a_fault_nothing_is_due() -> None:
    h = added()
    h.nemesis("kill", {"fault": 0, "phase": "start", "targets": []}, at_ms=500)
    read(h, "n1", [1], 2000)
    h.nemesis("kill", {"fault": 0, "phase": "stop", "targets": []}, at_ms=2500)
    assert types(closed(h).judge(Convergence(), max_convergence_s=1)) == []


def test_what_somebody_tried_to_remove_is_not_due() -> None:
    h = added()
    h.invoke(9, "remove", 2)
    read(h, "n1", [1], 2000)
    assert types(closed(h).judge(Convergence(), max_convergence_s=1)) == []


def test_too_late_is_told_with_the_elements() -> None:
    h = added()
    read(h, "n1", [], 2000)
    (anomaly,) = closed(h).judge(Convergence(), max_convergence_s=1).anomalies
    assert anomaly.explanation == (
        "n1 did not show 1, 2 to process 1 at n1, who asked at 2.000000 s: the first was acknowledged at "
        "0.001000 s and "
        "no fault was in force since 0.000000 s; allowed: 1.000000 s"
    )
    assert anomaly.data == {"node": "n1", "missing": 2}


def test_a_value_that_changed_in_the_final_phase_came_too_late() -> None:
    h = final((0, 1), (1, 0), (1, 1), key="x")
    assert types(h.judge(Convergence(), max_convergence_s=0)) == ["too-late"]
    assert types(h.judge(Convergence(), max_convergence_s=1)) == []  # a millisecond after the start
    h.done(5, "write", 9, key="x")  # an update in the final phase: nothing had come to rest
    assert types(h.judge(Convergence(), max_convergence_s=0)) == []


def test_lag_by_node_from_acknowledgement_to_the_first_read_that_shows_it() -> None:
    h = added()  # both acknowledged at 1 ms
    read(h, "n0", [1], 9)  # 1 seen at 11 ms
    read(h, "n0", [1, 2], 29)  # 2 at 31 ms
    read(h, "n1", [1, 2], 49)  # both at 51 ms
    lag = closed(h).judge(Convergence()).coverage["lag_ms"]
    assert lag["n0"] == {"p50": 10.0, "p95": 30.0, "p99": 30.0, "max": 30.0}
    assert lag["n1"] == {"p50": 50.0, "p95": 50.0, "p99": 50.0, "max": 50.0}


def test_what_shows_before_its_acknowledgement_has_no_lag() -> None:
    h = History()
    h.invoke(7, "add", 1, at_ms=0)
    read(h, "n0", [1], 5)
    h.ok(7, "add", at_ms=20)
    read(h, "n1", [1], 30)
    lag = closed(h).judge(Convergence()).coverage["lag_ms"]
    assert (lag["n0"]["max"], lag["n1"]["max"]) == (0.0, 12.0)
