"""What a watch promises, one guarantee after the other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.coordination.watch import Watch
from checkers.history import MalformedHistoryError
from checkers.record import Record
from tests.checkers.histories import History, types


def put(h: History, key: str, value: Any, revision: int | None, kind: Any = "ok") -> None:
    """A write by a process of its own, so that it may stay open (revision None)."""
    process = len(h.ops) + 100
    h.invoke(process, "put", value, key=key)
    if revision is not None or kind != "ok":
        h.op(process, kind, "put", {"revision": revision}, key=key)


def event(revision: int, key: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"revision": revision, "key": key, "value": value, **more}


def watch(h: History, *events: Any, key: str | None = None, name: str = "w", **fields: Any) -> None:
    bookmark = fields.pop("bookmark", None)
    fields = {("from" if k == "start" else k): v for k, v in fields.items()}
    h.invoke(0, "watch", {"watch": name, **fields}, key=key)
    value = {"events": list(events)} if bookmark is None else {"events": list(events), "bookmark": bookmark}
    h.ok(0, "watch", value, key=key)


def three() -> History:
    h = History()
    for n in (1, 2, 3):
        put(h, "x", n, n)
    return h


ONE, TWO, THREE = (event(n, "x", n) for n in (1, 2, 3))


def found(h: History) -> list[str]:
    return types(h.judge(Watch()))


def test_a_write_acknowledged_after_the_watch_passed_it_is_missed_too() -> None:
    for passed in (True, False):
        h = History()
        put(h, "x", 1, 1)
        h.invoke(7, "put", 2, key="x")
        put(h, "x", 3, 3)
        watch(h, ONE, *([] if passed else [TWO]), THREE, start=1)
        assert found(h) == []
        h.ok(7, "put", {"revision": 2}, key="x")
        assert found(h) == (["missed-event"] if passed else [])


def test_without_a_start_a_watch_owes_what_comes_after_its_first_event() -> None:
    h = three()
    watch(h, TWO)
    watch(h, THREE)
    assert found(h) == []
    h = three()
    watch(h, ONE)
    watch(h, THREE)
    assert found(h) == ["missed-event"]


def test_a_bookmark_promises_that_all_before_it_came() -> None:
    h = three()
    watch(h, ONE, start=1, bookmark=1)
    assert found(h) == []
    watch(h, bookmark=3)
    (first, second) = h.judge(Watch()).anomalies
    assert (first.type, second.type) == ("missed-event", "missed-event")
    assert 'the write of 2 to key "x" was acknowledged at revision 2' in first.explanation


def test_keys_and_prefixes_are_what_it_asked_for() -> None:
    h = three()
    put(h, "y/1", 9, 4)
    watch(h, ONE, TWO, THREE, key="x", start=1, bookmark=4)
    watch(h, event(4, "y/1", 9), name="v", prefix="y/", start=1, bookmark=4)
    assert found(h) == []
    watch(h, name="u", prefix="y", start=1, bookmark=4)
    assert found(h) == ["missed-event"]


def test_a_resumed_watch_may_see_again_what_it_asked_for_again() -> None:
    h = three()
    watch(h, ONE, TWO, start=1)
    watch(h, TWO, THREE, start=2)
    assert found(h) == []
    watch(h, THREE)  # not asked for
    assert found(h) == ["duplicate-event"]


def test_a_hole_in_the_middle_of_a_resumed_watch_is_no_gap_at_its_start() -> None:
    h = three()
    watch(h, start=1)
    watch(h, ONE, THREE, start=1)
    assert found(h) == ["missed-event"]


@pytest.mark.parametrize(("kind", "expected"), [("info", []), ("fail", ["phantom-event"])])
def test_a_write_of_unknown_outcome_explains_an_event(kind: str, expected: list[str]) -> None:
    for late in (True, False):
        h = History()
        h.invoke(7, "put", 5, key="x")
        if not late:
            h.op(7, kind, "put", key="x")
        watch(h, event(1, "x", 5), start=1)
        if late:
            assert found(h) == []
            h.op(7, kind, "put", key="x")
        assert found(h) == expected


def test_a_write_that_turns_out_to_have_another_revision_explains_nothing() -> None:
    h = History()
    h.invoke(7, "put", 5, key="x")
    watch(h, event(1, "x", 5), start=1)
    h.ok(7, "put", {"revision": 4}, key="x")
    assert found(h) == ["phantom-event"]


def test_an_event_is_held_against_an_acknowledgement_that_comes_later() -> None:
    h = History()
    h.invoke(7, "put", 5, key="x")
    h.invoke(8, "put", 6, key="x")
    watch(h, event(1, "x", 5), start=1)
    h.ok(8, "put", {"revision": 1}, key="x")
    (anomaly,) = h.judge(Watch()).anomalies
    assert anomaly.type == "wrong-event"
    assert anomaly.op_indexes == [3, 4]


def test_transactions_are_one_revision_in_one_answer() -> None:
    def made() -> History:
        h = History()
        h.done(7, "txn", [["put", "x", 1], ["delete", "y"]], {"revision": 1})
        return h

    gone = {"revision": 1, "key": "y", "type": "delete"}
    whole = made()
    watch(whole, ONE, gone, start=1)
    assert found(whole) == []
    half = made()
    watch(half, ONE, start=1)
    assert found(half) == ["missed-event"]
    watch(half, gone)
    assert found(half) == ["missed-event", "split-revision"]


def test_previous_values() -> None:
    h = three()
    watch(h, ONE, {**TWO, "previous": 1}, {**THREE, "previous": 1}, start=1)
    (anomaly,) = h.judge(Watch()).anomalies
    assert anomaly.type == "wrong-previous"
    assert "with the previous value 1, and the event before said 2" in anomaly.explanation
    fresh = three()
    watch(fresh, {**TWO, "previous": 7}, start=2)  # what came before, this watch does not know
    assert found(fresh) == []


def test_nothing_delivered_is_unknown() -> None:
    h = three()
    assert h.judge(Watch()).why == "no watch was answered"
    watch(h)
    assert h.judge(Watch()).verdict == "unknown"
    watch(h, start=4, bookmark=9)
    assert h.judge(Watch()).verdict == "unknown"
    watch(h, start=2, bookmark=1)
    watch(h, TWO)
    assert h.judge(Watch()).verdict == "valid"


@pytest.mark.parametrize(
    ("f", "asked", "value", "words"),
    [
        ("put", 1, {"revision": "1"}, "an integer revision"),
        ("watch", 1, {}, "a map with watch"),
        ("watch", {"watch": 1, "from": "2"}, {}, "from as an integer"),
        ("watch", {"watch": 1}, {"events": 3}, "a map of events"),
        ("watch", {"watch": 1}, {"events": [{"key": 1}]}, "an integer revision and a key"),
        ("txn", [["get", 1]], {"revision": 1}, "in a txn"),
    ],
)
def test_what_is_no_watch_is_told(f: str, asked: Any, value: Any, words: str) -> None:
    h = History()
    h.invoke(0, f, asked)
    h.ok(0, f, value)
    with pytest.raises(MalformedHistoryError, match=words):
        Watch().check(Record(h.ops))


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 6),
    st.lists(st.lists(st.integers(1, 6), max_size=4), max_size=4),
    st.one_of(st.none(), st.integers(1, 6)),
)
def test_against_brute_force(writes: int, answers: list[list[int]], start: int | None) -> None:
    """One watch of one key whose revision n is the write of n: the answers against the list of what was owed."""
    h = History()
    for n in range(1, writes + 1):
        put(h, "x", n, n)
    for number, answer in enumerate(answers):
        more = {"start": start} if number == 0 and start is not None else {}
        watch(h, *(event(n, "x", n) for n in answer), **more)
    came = [n for answer in answers for n in answer]
    low = start if start is not None else came[0] if came else None
    expected = set()
    seen: list[int] = []
    for n in came:
        if n in seen:
            expected.add("duplicate-event")
            continue
        if low is not None and n < low:
            expected.add("before-start")
        elif seen and n < max(seen):
            expected.add("unordered")
        if n > writes:
            expected.add("phantom-event")
        seen.append(n)
    owed: set[int] = set()
    upto = -1
    so_far: set[int] = set()
    for answer in answers:
        so_far |= set(answer)
        if so_far and low is not None:
            new = {n for n in range(max(low, upto + 1), max(so_far) + 1) if n <= writes}
            owed |= new - so_far
            upto = max(upto, *so_far)
    if owed:
        expected.add("missed-event")
    assert set(found(h)) == expected
