"""Elections settle while nothing disturbs them."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.history import Op
from checkers.liveness.elections import Elections
from tests.checkers.histories import History, types
from tests.checkers.traces import Event, judge


def role(node: str, what: str, term: int, at_ms: int) -> Event:
    return (node, "role", {"role": what, "term": term}, at_ms)


def lead(node: str, term: int, at_ms: int) -> Event:
    return role(node, "leader", term, at_ms)


def ops(*faults: tuple[int, int | None], end: int = 10_000) -> list[Op]:
    """Faults from and to (None: never healed), and an operation at the end."""
    h = History()
    for number, (start, stop) in enumerate(faults):
        h.nemesis("partition", {"fault": number, "phase": "start", "targets": []}, at_ms=start)
        if stop is not None:
            h.nemesis("partition", {"fault": number, "phase": "stop", "targets": []}, at_ms=stop)
    h.invoke(0, "read", at_ms=end)
    return h.ops


RESTLESS = [lead(f"n{i % 2}", i + 1, 3000 + 500 * i) for i in range(5)]


def test_leaders_may_change_under_faults_and_a_while_after() -> None:
    assert types(judge(Elections(), *RESTLESS, ops=ops())) == ["unsettled"]
    assert types(judge(Elections(), *RESTLESS, ops=ops((2900, 5500)))) == []
    assert types(judge(Elections(), *RESTLESS, ops=ops((0, 2500)))) == []  # two seconds: up to 4.5 s
    assert types(judge(Elections(), *RESTLESS, ops=ops((0, 2500)), settle_s=0.5)) == ["unsettled"]


@pytest.mark.parametrize(("allowed", "found"), [(3, ["unsettled"]), (4, [])])
def test_how_often_is_an_option(allowed: int, found: list[str]) -> None:
    assert types(judge(Elections(), *RESTLESS, ops=ops(), leader_changes_max=allowed)) == found


def test_changes_of_two_calm_times_are_not_added_up() -> None:
    far = [lead(f"n{i % 2}", i + 1, at) for i, at in enumerate((100, 3000, 3500, 9500, 9600))]
    assert types(judge(Elections(), *far, ops=ops((4000, 5000), end=12_000))) == []


def test_terms_without_leaders() -> None:
    many = [role("n1", "candidate", 2 + i, 3000 + 100 * i) for i in range(30)]
    result = judge(Elections(), lead("n0", 1, 10), *many, ops=ops())
    assert types(result) == ["leaderless-terms"]
    assert "terms 2 to 22 began between 3.000000 s and 5.000000 s" in result.anomalies[0].explanation
    one_leads = [*many[:15], lead("n1", 16, 4450), *many[15:]]
    assert types(judge(Elections(), lead("n0", 1, 10), *one_leads, ops=ops())) == []


@pytest.mark.parametrize("kind", ["killed", "power_lost", "panic", "started", "role"])
def test_no_leader_at_the_end(kind: str) -> None:
    data: dict[str, Any] = {"role": "follower", "term": 2} if kind == "role" else {}
    events: list[Event] = [lead("n0", 1, 10), ("n0", kind, data, 7000)]
    (anomaly,) = judge(Elections(), *events, ops=ops()).anomalies
    assert anomaly.type == "no-leader"
    assert "the last leader was lost at 7.000000 s" in anomaly.explanation
    assert types(judge(Elections(), *events, ops=ops(end=8500))) == []  # not for long enough
    assert types(judge(Elections(), *events, lead("n1", 3, 7500), ops=ops())) == []
    assert types(judge(Elections(), *events, ops=ops((6900, None)))) == []  # a fault is in force


def test_another_leader_that_leads_on_is_enough() -> None:
    events: list[Event] = [lead("n0", 1, 10), lead("n1", 2, 20), ("n0", "killed", {}, 30)]
    result = judge(Elections(), *events, ops=ops())
    assert (result.verdict, result.coverage["leading"]) == ("valid", ["n1"])


def test_nothing_to_judge_is_unknown() -> None:
    assert judge(Elections(), ("n0", "started", {}), ops=ops()).verdict == "unknown"
    result = judge(Elections(), lead("n0", 1, 10), ops=ops((0, 9000)))
    assert (result.verdict, result.why) == ("unknown", "no time without faults was longer than 2.000000 s")
    assert judge(Elections(), lead("n0", 1, 10), ops=ops(), byzantine=["n0"]).verdict == "unknown"
