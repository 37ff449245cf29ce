from __future__ import annotations

import pytest

from checkers.availability import ASKED_MAX, Availability
from tests.checkers.histories import History, types


def run(ok_at: list[int], start: int | None = 1000, stop: int | None = 2000, end: int = 4000) -> History:
    """Operations that take a millisecond, ok at these times; one fault; an operation without an answer
    last.
    """
    events: list[tuple[int, str]] = [(t, "ok") for t in ok_at]
    if start is not None:
        events.append((start, "start"))
    if stop is not None:
        events.append((stop, "stop"))
    h = History()
    h.phase("main", at_ms=0)
    for at, what in sorted(events):
        if what == "ok":
            h.invoke(0, "write", 1, at_ms=at - 1)
            h.ok(0, "write", 1, at_ms=at)
        else:
            h.nemesis("kill", {"fault": 0, "phase": what, "targets": ["n0"], "evidence": {}}, at_ms=at)
    h.invoke(1, "write", 2, at_ms=end - 1)
    h.op(1, "info", "write", 2, at_ms=end)
    return h


STEADY = list(range(10, 1000, 10))


def test_rates_and_recovery() -> None:
    result = run([*STEADY, *range(2300, 4000, 10)]).judge(Availability())
    (row,) = result.coverage["faults"]
    assert result.verdict == "valid"
    assert row["rate_during_milli"] == 0
    assert row["rate_before_milli"] == 99_000
    assert row["rate_after_milli"] == 70_000
    assert row["first_ok_ms"] == 300.0
    assert row["half_rate_ms"] == 300.0
    assert result.coverage["longest_gap_ns"] == [990_000_000, 2_300_000_000]


def test_half_of_the_rate_comes_later_than_the_first_ok() -> None:
    result = run([*STEADY, 2300, *range(3000, 4000, 10)]).judge(Availability())
    (row,) = result.coverage["faults"]
    assert row["first_ok_ms"] == 300.0
    assert row["half_rate_ms"] > 300.0


@pytest.mark.parametrize(("first", "verdict"), [(2500, "valid"), (2501, "invalid")])
def test_the_gate(first: int, verdict: str) -> None:
    h = run([*STEADY, first])
    assert h.judge(Availability()).verdict == "valid"
    result = h.judge(Availability(), max_recovery_s=0.5)
    assert result.verdict == verdict
    assert types(result) == (["slow-recovery"] if verdict == "invalid" else [])


def test_a_fault_in_force_excuses_the_wait() -> None:
    h = run([*STEADY, 3900])
    assert types(h.judge(Availability(), max_recovery_s=1)) == ["slow-recovery"]
    for at, what in ((2100, "start"), (3890, "stop")):
        h.nemesis("pause", {"fault": 1, "phase": what, "targets": ["n1"]}, at_ms=at)
    h.ops.sort(key=lambda op: op.time)
    assert types(h.judge(Availability(), max_recovery_s=1)) == []


def test_progress_after_the_last_heal() -> None:
    assert types(run(STEADY).judge(Availability())) == ["no-progress-after-heal"]
    assert types(run([*STEADY, 2001]).judge(Availability())) == []


def test_a_few_of_many_unanswered_operations_are_listed() -> None:
    h = run(STEADY)
    heal = next(op.index for op in h.ops if op.process == "nemesis" and op.value.get("phase") == "stop")
    for n in range(30):
        h.invoke(9, "write", n)
        h.op(9, "fail", "write", n)
    (anomaly,) = h.judge(Availability()).anomalies
    after = [op.index for op in h.ops if op.type == "invoke" and op.index > heal]
    assert len(after) == 31
    assert anomaly.op_indexes == [heal, *after[:ASKED_MAX]]
    assert f"of {len(after)} operations" in anomaly.explanation


def test_nothing_asked_after_the_heal_is_unknown() -> None:
    h = History()
    h.done(0, "write", 1)
    for what in ("start", "stop"):
        h.nemesis("kill", {"fault": 0, "phase": what, "targets": ["n0"]})
    assert h.judge(Availability()).verdict == "unknown"
    h.done(0, "write", 2)
    assert h.judge(Availability()).verdict == "valid"


def test_no_faults_and_nothing_invoked() -> None:
    result = run(STEADY, None, None).judge(Availability())
    assert (result.verdict, result.why) == ("valid", "no fault was applied")
    assert History().judge(Availability()).verdict == "unknown"
