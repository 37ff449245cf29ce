"""Leases by time: what is certain of them, and what nobody can know."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.coordination.leases import Leases
from checkers.history import MalformedHistoryError
from checkers.record import Record
from tests.checkers.histories import History, types


def grant(
    h: History, process: int, lease: str, begin: int, end: int, ttl: int = 1000, key: str = "x"
) -> None:
    h.invoke(process, "grant", {"ttl_ms": ttl}, key=key, at_ms=begin)
    h.ok(process, "grant", {"lease": lease}, key=key, at_ms=end)


def do(h: History, process: int, f: str, value: Any, begin: int, end: int, kind: Any = "ok") -> None:
    h.invoke(process, f, value, key="x", at_ms=begin)
    h.op(process, kind, f, None, key="x", at_ms=end)


def held(begin: int = 0, end: int = 10) -> History:
    h = History()
    grant(h, 0, "a", begin, end)
    return h


def after(h: History, *, begin: int) -> list[str]:
    """What is found when another obtains the key."""
    grant(h, 9, "b", begin, begin + 5)
    return types(h.judge(Leases()))


def test_what_is_between_certain_and_over_is_nobodys_fault() -> None:
    assert after(held(), begin=990) == ["two-holders"]
    assert after(held(), begin=996) == []
    h = held(0, 500)  # granted somewhere in half a second
    do(h, 0, "write", {"lease": "a"}, 1499, 1600)
    assert types(h.judge(Leases())) == []
    do(h, 0, "write", {"lease": "a"}, 1601, 1602)
    assert types(h.judge(Leases())) == ["use-after-expiry"]


@pytest.mark.parametrize(("kind", "until"), [("ok", 1500), ("info", 1000), ("fail", 1000)])
def test_a_renewal_moves_the_end(kind: str, until: int) -> None:
    h = held()
    do(h, 0, "renew", {"lease": "a"}, 500, 510, kind)
    assert after(h, begin=until - 10) == ["two-holders"]
    h = held()
    do(h, 0, "renew", {"lease": "a"}, 500, 510, kind)
    assert after(h, begin=until) == []


@pytest.mark.parametrize(("kind", "over"), [("ok", 1510), ("info", 2010), ("fail", 1010)])
def test_a_renewal_of_unknown_outcome_may_have_moved_it(kind: str, over: int) -> None:
    for begin, found in ((over, []), (over + 1, ["use-after-expiry"])):
        h = held()
        do(h, 0, "renew", {"lease": "a"}, 500, 510, kind)
        do(h, 0, "write", {"lease": "a"}, begin, begin + 1)
        assert types(h.judge(Leases())) == found


def test_a_renewal_that_is_under_way_may_have_happened() -> None:
    h = held()
    h.invoke(0, "renew", {"lease": "a"}, key="x", at_ms=500)
    do(h, 1, "write", {"lease": "a"}, 1500, 1510)
    assert types(h.judge(Leases())) == []
    h.op(0, "fail", "renew", key="x", at_ms=1520)
    do(h, 1, "write", {"lease": "a"}, 1530, 1540)
    assert types(h.judge(Leases())) == ["use-after-expiry"]


@pytest.mark.parametrize(("kind", "found"), [("ok", []), ("info", []), ("fail", ["two-holders"])])
def test_what_was_released_may_be_granted(kind: str, found: list[str]) -> None:
    h = held()
    do(h, 0, "release", {"lease": "a"}, 100, 110, kind)
    assert after(h, begin=120) == found
    late = held()
    late.invoke(0, "release", {"lease": "a"}, key="x", at_ms=100)
    grant(late, 9, "b", 120, 130)
    late.op(0, kind, "release", key="x", at_ms=140)  # that it failed is known only now
    assert types(late.judge(Leases())) == found


def test_a_released_lease_is_over() -> None:
    h = held()
    do(h, 0, "release", {"lease": "a"}, 100, 110)
    do(h, 0, "write", {"lease": "a"}, 120, 130)
    (anomaly,) = h.judge(Leases()).anomalies
    assert anomaly.explanation == (
        'key "x": lease a of process 0 at n0 was over for certain at 0.110000 s (it was released (op 3)), and was '
        "used for a write by process 0 at n0, who asked at 0.120000 s"
    )


def test_two_holders_are_told_once() -> None:
    h = held()
    grant(h, 1, "b", 100, 110)
    for at in (200, 300):
        do(h, 0, "renew", {"lease": "a"}, at, at + 10)
    (anomaly,) = h.judge(Leases()).anomalies
    assert anomaly.op_indexes == [0, 1, 2, 3]
    assert anomaly.data == {"key": "x"}


def test_other_keys_are_other_leases() -> None:
    h = held()
    grant(h, 1, "b", 100, 110, key="y")
    assert types(h.judge(Leases())) == []


def test_drift_and_grace_are_options() -> None:
    for options, last in (({}, 1010), ({"grace_ms": 100}, 1110), ({"drift_ppm": 100_000}, 1110)):
        for begin, found in ((last, []), (last + 1, ["use-after-expiry"])):
            h = held()
            do(h, 0, "write", {"lease": "a"}, begin, begin + 1)
            assert types(h.judge(Leases(), **options)) == found


def bound(h: History, begin: int = 20) -> History:
    do(h, 0, "put", {"lease": "a", "value": 7}, begin, begin + 5)
    return h


def read(h: History, value: Any, at: int) -> list[str]:
    h.invoke(5, "read", key="x", at_ms=at)
    h.ok(5, "read", value, key="x", at_ms=at + 1)
    return types(h.judge(Leases()))


def test_a_value_goes_with_its_lease() -> None:
    assert read(bound(held()), 7, 1010) == []
    assert read(bound(held()), 7, 1011) == ["outlived-lease"]
    assert read(bound(held()), None, 1011) == []
    assert read(bound(held()), None, 900) == ["expired-early"]


@pytest.mark.parametrize("f", ["write", "delete"])
def test_what_somebody_else_did_to_the_key_excuses_it(f: str) -> None:
    for kind in ("ok", "info"):
        h = bound(held())
        do(h, 1, f, None if f == "delete" else 7, 30, 40, kind)
        assert read(h, None, 900) == []
    h = bound(held())
    do(h, 1, "write", 7, 30, 40)
    assert read(h, 7, 2000) == []


def test_a_value_bound_again_is_of_the_later_lease() -> None:
    h = bound(held())
    grant(h, 1, "b", 1100, 1110)
    h.invoke(1, "put", {"lease": "b", "value": 7}, key="x", at_ms=1120)  # under way: it may show already
    assert read(h, 7, 1130) == []


def test_a_lease_nobody_saw_granted_is_not_judged() -> None:
    h = held()
    do(h, 1, "write", {"lease": "other"}, 5000, 5001)
    result = h.judge(Leases())
    assert (result.verdict, result.coverage["unknown_leases"]) == ("valid", 1)
    assert History().judge(Leases()).verdict == "unknown"


@pytest.mark.parametrize(
    ("f", "value", "words"),
    [("grant", {}, "expected a grant to answer"), ("renew", 3, "the renew names no lease")],
)
def test_what_is_no_lease_is_told(f: str, value: Any, words: str) -> None:
    h = History()
    h.invoke(0, f, value, key="x")
    h.ok(0, f, value, key="x")
    with pytest.raises(MalformedHistoryError, match=words):
        Leases().check(Record(h.ops))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 20), st.integers(0, 60)), max_size=6))
def test_two_holders_against_brute_force(drawn: list[tuple[int, int, int]]) -> None:
    """Grants and nothing else: spans that overlap for certain, all pairs compared."""
    h = History()
    now = 0
    spans: list[tuple[int, int]] = []
    for n, (gap, lasts, ttl) in enumerate(drawn):
        begin, now = now + gap, now + gap + lasts
        grant(h, n, f"l{n}", begin, now, ttl)
        spans.append((now, begin + ttl))
    together = sum(max(a[0], b[0]) <= min(a[1], b[1]) for i, a in enumerate(spans) for b in spans[:i])
    assert h.judge(Leases()).coverage.get("anomalies") == together
