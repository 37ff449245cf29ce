"""Progress after heals: gates, the end of the run, and nodes and keys that stay dead."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.liveness.progress import ASKED_MIN, SHOWN_MAX, Progress
from checkers.record import Record
from tests.checkers.histories import History, types
from tests.checkers.test_availability import STEADY, run


@pytest.mark.parametrize(("first", "verdict"), [(2500, "valid"), (2501, "invalid")])
def test_the_gate(first: int, verdict: str) -> None:
    h = run([*STEADY, first])
    assert h.judge(Progress()).verdict == "valid"
    result = h.judge(Progress(), max_recovery_s=0.5)
    assert result.verdict == verdict
    assert types(result) == (["slow-recovery"] if verdict == "invalid" else [])


def test_a_fault_in_force_excuses_the_wait() -> None:
    h = run([*STEADY, 3900])
    assert types(h.judge(Progress(), max_recovery_s=1)) == ["slow-recovery"]
    for at, what in ((2100, "start"), (3890, "stop")):
        h.nemesis("pause", {"fault": 1, "phase": what, "targets": ["n1"]}, at_ms=at)
    h.ops.sort(key=lambda op: op.time)
    assert types(h.judge(Progress(), max_recovery_s=1)) == []


def test_progress_after_the_last_heal() -> None:
    assert types(run(STEADY).judge(Progress())) == ["no-progress-after-heal"]
    assert types(run([*STEADY, 2001]).judge(Progress())) == []


def test_a_few_of_many_unanswered_operations_are_listed() -> None:
    h = run(STEADY)
    heal = next(op.index for op in h.ops if op.process == "nemesis" and op.value.get("phase") == "stop")
    for n in range(30):
        h.invoke(9, "write", n)
        h.op(9, "fail", "write", n)
    (anomaly,) = h.judge(Progress()).anomalies
    after = [op.index for op in h.ops if op.type == "invoke" and op.index > heal]
    assert len(after) == 31
    assert anomaly.op_indexes == [heal, *after[:SHOWN_MAX]]
    assert f"of {len(after)} operations" in anomaly.explanation


def test_nothing_asked_after_the_heal_is_unknown() -> None:
    h = History()
    h.done(0, "write", 1)
    for what in ("start", "stop"):
        h.nemesis("kill", {"fault": 0, "phase": what, "targets": ["n0"]})
    assert h.judge(Progress()).verdict == "unknown"
    h.done(0, "write", 2)
    assert h.judge(Progress()).verdict == "valid"


def asked(times: int, *, since_ms: int = 3100, **where: Any) -> History:
    """A heal at 1 s; n0 and key x answer; something else is asked so many times and refuses."""
    h = History()
    for at, what in ((500, "start"), (1000, "stop")):
        h.nemesis("kill", {"fault": 0, "phase": what, "targets": ["n1"]}, at_ms=at)
    h.done(0, "read", 1, key="x", at_ms=since_ms)
    for _ in range(times):
        h.invoke(1, "read", **{"key": "x", "node": "n1", **where})
        h.op(1, "fail", "read", error=11)
    return h


@pytest.mark.parametrize(
    ("where", "kind"), [({}, "dead-node"), ({"node": "n0", "key": "y"}, "dead-key"), ({"key": "y"}, "both")]
)
def test_who_stays_dead(where: dict[str, Any], kind: str) -> None:
    expected = ["dead-key", "dead-node"] if kind == "both" else [kind]
    assert types(asked(ASKED_MIN, **where).judge(Progress())) == expected
    assert types(asked(ASKED_MIN - 1, **where).judge(Progress())) == []


def test_what_was_asked_too_soon_after_the_heal_is_no_sign_of_death() -> None:
    assert types(asked(9, since_ms=1090).judge(Progress())) == []
    assert types(asked(9, since_ms=1090).judge(Progress(), max_recovery_s=0.1)) == ["dead-node"]


def test_an_answer_from_a_node_that_was_not_asked_is_a_sign_of_life() -> None:
    h = asked(ASKED_MIN)
    h.invoke(2, "read", key="x", node="n0")
    h.ok(2, "read", 1, node="n1")
    assert types(h.judge(Progress())) == []


def test_a_heal_begins_the_count_anew() -> None:
    h = asked(ASKED_MIN)
    for what in ("start", "stop"):
        h.nemesis("pause", {"fault": 1, "phase": what, "targets": ["n1"]})
    h.done(0, "read", 1, key="x")
    assert types(h.judge(Progress())) == []


def test_the_dead_are_told_with_their_operations() -> None:
    h = asked(7)
    (anomaly,) = h.judge(Progress()).anomalies
    assert anomaly.op_indexes == [1, *range(4, 4 + 2 * SHOWN_MAX, 2)]
    assert anomaly.explanation == (
        "the last fault was healed at 1.000000 s; of 7 operations on node n1 invoked more than 2.000000 s later none "
        "succeeded up to 3.115000 s, though others did"
    )
    assert anomaly.data == {"node": "n1"}


def test_an_end_before_the_bound_is_unknown() -> None:
    result = run(STEADY, end=2500).judge(Progress(), max_recovery_s=1)
    assert result.verdict == "unknown"
    assert "before the bound" in result.why


@pytest.mark.parametrize("value", [-1, "2", True])
def test_an_option_that_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="option max_recovery_s: expected a number"):
        Progress().check(Record([], options={"max_recovery_s": value}))
