from __future__ import annotations

from typing import Any

import pytest

from checkers.collections.sets import SetFull
from checkers.history import MalformedHistoryError
from tests.checkers.histories import History, types


def added(*values: Any) -> History:
    h = History()
    for value in values:
        h.done(0, "add", value)
    return h


def read(h: History, process: int, value: list[Any], **fields: Any) -> History:
    h.invoke(process, "read", **fields)
    h.ok(process, "read", value, **fields)
    return h


def final(h: History, *reads: tuple[int, list[Any]]) -> History:
    h.phase("final")
    for process, value in reads:
        read(h, process, value)
    return h


@pytest.mark.parametrize(
    ("reads", "verdict", "found"),
    [
        ([(0, [1, 2]), (1, [1, 2])], "valid", []),
        ([(0, [1, 2]), (1, [1])], "invalid", ["lost"]),
        ([(0, [1, 2]), (1, [1]), (1, [1, 2])], "valid", []),
        ([(0, [1, 2, 3])], "invalid", ["unexpected"]),
        ([(0, [1, 2, 2])], "invalid", ["duplicated"]),
        ([(0, [1, True])], "invalid", ["lost", "unexpected"]),
        ([], "unknown", []),
    ],
)
def test_final_reads_of_an_eventual_set(reads: Any, verdict: str, found: list[str]) -> None:
    result = final(added(1, 2), *reads).judge(SetFull())
    assert (result.verdict, types(result)) == (verdict, found)


def test_main_reads_of_an_eventual_set_may_lag() -> None:
    h = final(read(added(1, 2), 1, [1]), (0, [1, 2]), (1, [1, 2]))
    assert h.judge(SetFull()).verdict == "valid"
    assert h.judge(SetFull()).coverage["stale"] == 1
    assert types(h.judge(SetFull(), linearizable=True)) == ["stale"]


def test_a_linearizable_set_shows_what_was_acknowledged() -> None:
    fresh = read(added(1, 2), 1, [1, 2])
    assert fresh.judge(SetFull(), linearizable=True).verdict == "valid"
    assert types(read(added(1, 2), 1, [1]).judge(SetFull(), linearizable=True)) == ["lost"]


def test_a_read_that_began_before_may_miss() -> None:
    h = added(1)
    h.invoke(1, "read")
    h.done(0, "add", 2)
    h.ok(1, "read", [1])
    read(h, 1, [1, 2])
    assert h.judge(SetFull(), linearizable=True).verdict == "valid"


def test_known_by_a_read_though_never_acknowledged() -> None:
    h = added(1)
    h.invoke(2, "add", 9)  # never answered
    assert read(read(h, 0, [1, 9]), 1, [1, 9]).judge(SetFull(), linearizable=True).verdict == "valid"
    assert types(read(h, 1, [1]).judge(SetFull(), linearizable=True)) == ["lost"]


@pytest.mark.parametrize(("outcome", "found"), [("info", []), ("fail", ["unexpected"])])
def test_an_add_that_failed_is_not_there(outcome: Any, found: list[str]) -> None:
    h = added(1)
    h.invoke(2, "add", 9)
    h.op(2, outcome, "add", 9)
    assert types(final(h, (0, [1, 9])).judge(SetFull())) == found


def test_an_unacknowledged_add_may_be_missing() -> None:
    h = added(1)
    h.invoke(2, "add", 9)
    result = final(h, (0, [1]), (1, [1])).judge(SetFull())
    assert result.verdict == "valid"
    assert result.coverage["never-read"] == 1


def test_read_before_it_was_added() -> None:
    h = read(added(1), 1, [1, 2])
    h.done(0, "add", 2)
    assert types(read(h, 1, [1, 2]).judge(SetFull())) == ["unexpected"]


def test_nothing_read_is_unknown() -> None:
    assert added(1).judge(SetFull()).verdict == "unknown"
    assert History().judge(SetFull()).verdict == "unknown"
    assert read(History(), 0, []).judge(SetFull()).verdict == "unknown"


def test_keys_are_sets_of_their_own() -> None:
    h = History()
    h.done(0, "add", 1, key="x")
    assert read(h, 1, [1], key="x").judge(SetFull()).verdict == "valid"
    assert types(read(h, 1, [1], key="y").judge(SetFull())) == ["unexpected"]


def test_broadcast_is_an_add() -> None:
    h = History()
    h.done(0, "broadcast", 5)
    assert types(final(h, (0, [5]), (1, [])).judge(SetFull())) == ["lost"]


def test_the_explanation_of_a_loss() -> None:
    (anomaly,) = final(added(1, 2), (0, [1, 2]), (1, [1])).judge(SetFull()).anomalies
    assert anomaly.explanation == (
        "element 2 was acknowledged to process 0 at n0 at 0.004000 s, and is missing from the final reads "
        "of n1; "
        "n0 had it"
    )


def test_visible_after_is_measured_from_known() -> None:
    h = read(added(1), 1, [])  # the add was ok at 2 ms, this read was invoked at 3 ms
    result = final(h, (0, [1]), (1, [1])).judge(SetFull())
    assert result.coverage["visible_after_ms"]["max"] == 1.000001


def test_a_read_must_be_a_list() -> None:
    h = added(1)
    h.invoke(1, "read")
    h.ok(1, "read", "1")
    with pytest.raises(MalformedHistoryError, match="op 3: a read of a set"):
        h.judge(SetFull())
