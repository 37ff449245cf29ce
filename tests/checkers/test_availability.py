from __future__ import annotations

from checkers.liveness.availability import Availability
from tests.checkers.histories import History


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


def test_no_faults_and_nothing_invoked() -> None:
    result = run(STEADY, None, None).judge(Availability())
    assert (result.verdict, result.why) == ("valid", "no fault was applied")
    assert History().judge(Availability()).verdict == "unknown"
