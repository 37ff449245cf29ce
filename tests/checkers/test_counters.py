"""Counters in histories that do not say when they end."""

from __future__ import annotations

from checkers.collections.counters import PnCounter
from tests.checkers.histories import History, types


def added(*reads: tuple[int, int]) -> History:
    """3 is acknowledged, 2 may have been added; then (process, value read)."""
    h = History()
    h.done(0, "add", 3)
    h.invoke(1, "add", 2)
    h.op(1, "info", "add", 2)
    for process, value in reads:
        h.done(process, "read", result=value)
    return h


def test_reads_after_the_last_addition_show_that_a_counter_converged() -> None:
    for values in ((3, 3), (5, 3), (5, 5)):
        assert added((2, values[0]), (3, values[1])).judge(PnCounter()).verdict == "valid"
    assert added((2, 0), (2, 5)).judge(PnCounter()).verdict == "valid"  # the last one of each


def test_they_accuse_only_where_they_are_said_to_be_final() -> None:
    behind = added((2, 3), (3, 2))
    result = behind.judge(PnCounter())
    assert result.verdict == "unknown"
    assert "quiet" in result.why
    assert types(behind.judge(PnCounter(), quiet=True)) == ["impossible-value"]
    assert added().judge(PnCounter(), quiet=True).verdict == "unknown"


def test_an_addition_after_them_makes_reads_say_nothing() -> None:
    h = added((2, 3))
    h.done(0, "add", 1)
    assert h.judge(PnCounter()).verdict == "unknown"
    h.done(2, "read", result=4)
    assert h.judge(PnCounter()).verdict == "valid"


def test_of_a_history_with_phases_only_the_final_reads_count() -> None:
    h = added((2, 3))
    h.phase("final")
    assert h.judge(PnCounter()).verdict == "unknown"
    h.done(2, "read", result=2)
    assert types(h.judge(PnCounter())) == ["impossible-value"]
