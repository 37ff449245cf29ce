"""Reference merges: honest replicas are never accused, and what is certain is noticed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.history import MalformedHistoryError
from checkers.record import Record
from checkers.replicas.crdt import Crdt
from tests.checkers.histories import History, types

NODES = 3

# what happens next: an update at a node, or one node hears of another's state
steps = st.lists(
    st.tuples(st.sampled_from(["add", "remove", "hear", "hear"]), st.integers(0, 2), st.integers(0, 2)),
    max_size=14,
)


class OrSet:
    """An or-set by tags, as the paper has it."""

    def __init__(self, name: int) -> None:
        self.name = name
        self.made = 0
        self.tags: dict[Any, set[tuple[int, int]]] = {}
        self.gone: set[tuple[int, int]] = set()

    def update(self, f: str, value: Any) -> None:
        tags = self.tags.setdefault(value, set())
        if f == "remove":
            self.gone |= tags
        else:
            self.made += 1
            tags.add((self.name, self.made))

    def hear(self, other: OrSet) -> None:
        self.gone |= other.gone
        for value, tags in other.tags.items():
            self.tags.setdefault(value, set()).update(tags)

    def value(self) -> list[Any]:
        return sorted(v for v, tags in self.tags.items() if tags - self.gone)


class Counter:
    def __init__(self, name: int) -> None:
        self.name = name
        self.sums: dict[int, int] = {}

    def update(self, f: str, value: int) -> None:
        self.sums[self.name] = self.sums.get(self.name, 0) + (value if f == "add" else -value)

    def hear(self, other: Counter) -> None:
        # a node's own sum is known best to itself: of others the one with more updates would do, here all are told
        self.sums = {n: other.sums.get(n, 0) if n != self.name else self.sums.get(n, 0) for n in range(NODES)}

    def value(self) -> int:
        return sum(self.sums.values())


def run(drawn: list[tuple[str, int, int]], made: type, names: dict[str, str]) -> tuple[History, list[Any]]:
    """A history of updates, and what the replicas have come to in the end, after each heard of each (twice)."""
    replicas = [made(n) for n in range(NODES)]
    h = History()
    for f, node, value in drawn:
        if f == "hear":
            replicas[node].hear(replicas[value])
            h.done(node, "read", result=replicas[node].value())
        else:
            replicas[node].update(f, value)
            h.done(node, names[f], value)
    h.phase("final")
    for _ in range(2):
        for one in replicas:
            for other in replicas:
                if one is not other:
                    one.hear(other)
    return h, [replica.value() for replica in replicas]


def judged(h: History, values: list[Any], kind: str) -> list[str]:
    for node, value in enumerate(values):
        h.invoke(node, "read")
        h.ok(node, "read", value)
    return types(h.judge(Crdt(), crdt=kind))


@settings(max_examples=300, deadline=None)
@given(steps)
def test_honest_or_sets_are_never_accused(drawn: list[tuple[str, int, int]]) -> None:
    h, values = run(drawn, OrSet, {"add": "add", "remove": "remove"})
    assert values[0] == values[1] == values[2]
    assert judged(h, values, "or-set") == []


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["add", "remove"]), st.just(0), st.integers(0, 2)), max_size=10),
    st.data(),
)
def test_at_one_node_everything_is_certain(drawn: list[tuple[str, int, int]], data: Any) -> None:
    h, values = run(drawn, OrSet, {"add": "add", "remove": "remove"})
    shown = data.draw(st.lists(st.integers(0, 2), unique=True).map(sorted))
    found = judged(h, [shown], "or-set")
    assert (found == []) == (shown == values[0])
    added = {v for f, _, v in drawn if f == "add"}
    expected = {"missing-update"} if set(values[0]) - set(shown) else set()
    expected |= {"resurrected-element"} if added & set(shown) - set(values[0]) else set()
    expected |= {"phantom-element"} if set(shown) - added else set()
    assert set(found) == expected


@settings(max_examples=200, deadline=None)
@given(steps, st.integers(-3, 3))
def test_counters_add_up(drawn: list[tuple[str, int, int]], off: int) -> None:
    h, values = run(
        [d for d in drawn if d[0] != "hear"], Counter, {"add": "increment", "remove": "decrement"}
    )
    expected = ["counter-overshoot"] if off > 0 else ["counter-undershoot"] if off < 0 else []
    assert judged(h, [values[0] + off], "pn-counter") == expected


def final(kind: str, value: Any, *updates: tuple[Any, ...], **options: Any) -> list[str]:
    """Updates as (f, value, type of completion, completion's value, node), one after the other."""
    h = History()
    for f, what, *rest in updates:
        outcome, done, node = [*rest, *(["ok", None, "n0"][len(rest) :])]
        process = len(h.ops)
        h.invoke(process, f, what, node=node)
        if outcome != "open":
            h.op(process, outcome, f, done, node=node)
    h.phase("final")
    h.invoke(0, "read", node="n0")
    h.ok(0, "read", value, node="n0")
    return types(h.judge(Crdt(), crdt=kind, **options))


@pytest.mark.parametrize("outcome", ["info", "open", "fail"])
def test_what_is_unknown_may_count_and_what_failed_does_not(outcome: str) -> None:
    updates = [("increment", 2), ("increment", 5, outcome)]
    assert final("g-counter", 2, *updates) == []
    assert final("g-counter", 7, *updates) == ([] if outcome != "fail" else ["counter-overshoot"])
    assert final("g-counter", 4, *updates) == ["counter-overshoot"]  # half of the unknown one
    assert final("g-counter", 1, *updates) == ["counter-undershoot"]
    assert final("g-set", [1, 2], ("add", 1), ("add", 2, outcome)) == (
        [] if outcome != "fail" else ["phantom-element"]
    )


def test_a_remove_elsewhere_takes_what_it_had_seen() -> None:
    """The only add of 1, at n0; a read at n1 shows it; n1 removes it."""
    for shown, found in (([1], ["resurrected-element"]), ([], [])):
        h = History()
        h.done(9, "add", 2, node="n1")
        h.done(0, "add", 1)
        h.done(1, "read", result=shown)
        h.done(1, "remove", 1)
        h.phase("final")
        h.invoke(2, "read")
        h.ok(2, "read", [1, 2])
        assert types(h.judge(Crdt(), crdt="or-set")) == found


def test_the_last_write_wins_by_timestamp() -> None:
    writes = [
        ("write", "a", "ok", {"timestamp": [5, "n0"]}),
        ("write", "b", "ok", {"timestamp": [5, "n1"]}),
        ("write", "c", "ok", {"timestamp": [4, "n2"]}),
    ]
    assert final("lww-register", "b", *writes) == []
    for value in ("a", "c", "d"):
        assert final("lww-register", value, *writes) == ["lww-wrong-winner"]
    assert final("lww-register", None, *writes) == ["missing-update"]
    assert final("lww-register", "e", *writes, ("write", "e", "info")) == []


def test_without_timestamps_the_last_write_wins_by_real_time() -> None:
    writes = [("write", "a"), ("write", "b")]  # a millisecond apart: ends at 1 ms, begins at 2 ms
    assert final("lww-register", "b", *writes) == []
    assert final("lww-register", "a", *writes) == ["lww-wrong-winner"]
    assert final("lww-register", "a", *writes, skew_ms=1) == []
    assert final("lww-register", None, ("write", "a", "info")) == []
    assert final("lww-register", "x", ("write", "a", "info")) == ["lww-wrong-winner"]


def test_concurrent_writes_of_a_multi_value_register_all_stay() -> None:
    clocks = [
        ("write", "a", "ok", {"clock": {"n0": 1}}),
        ("write", "b", "ok", {"clock": {"n1": 1}}, "n1"),
        ("write", "c", "ok", {"clock": {"n0": 1, "n2": 1}}, "n2"),
    ]
    assert final("mv-register", ["b", "c"], *clocks) == []
    assert final("mv-register", ["c"], *clocks) == ["missing-update"]
    assert final("mv-register", ["a", "b", "c"], *clocks) == ["superseded-value"]
    assert final("mv-register", ["b", "c", "d"], *clocks) == ["phantom-element"]


def test_without_clocks_a_multi_value_register_is_judged_where_it_is_certain() -> None:
    elsewhere = [("write", "a"), ("write", "b", "ok", None, "n1")]
    for value in (["b"], ["a", "b"]):  # whether n1 had seen a, nobody knows
        assert final("mv-register", value, *elsewhere) == []
    assert final("mv-register", ["a"], *elsewhere) == ["missing-update"]
    assert final("mv-register", ["a", "b"], ("write", "a"), ("write", "b")) == ["superseded-value"]


def test_the_functions_tell_the_type() -> None:
    for f, value, kind in (("add", [1], "g-set"), ("increment", 1, "pn-counter"), ("write", 1, None)):
        h = History()
        h.done(0, f, 1)
        h.phase("final")
        h.done(0, "read", result=value)
        result = h.judge(Crdt())
        assert result.coverage["type"] == kind
        assert result.verdict == ("valid" if kind else "unknown")


def test_what_cannot_be_judged_is_unknown() -> None:
    h = History()
    h.done(0, "add", 1)
    assert h.judge(Crdt(), crdt="g-set").why == "the history has no final phase"
    h.phase("final")
    assert h.judge(Crdt(), crdt="g-set").why == "no node answered a read in the final phase"
    h.done(0, "read", result=[1])
    assert h.judge(Crdt(), crdt="g-set").verdict == "valid"
    assert h.judge(Crdt(), crdt="lww-register").why == "add is no update of a lww-register (write)"


@pytest.mark.parametrize(
    ("kind", "updates", "words"),
    [
        ("pn-counter", [("increment", "x")], "expected increment of an integer"),
        (
            "lww-register",
            [("write", n, "ok", {"timestamp": t}) for n, t in ((1, 1), (2, "x"))],
            "be compared",
        ),
        ("mv-register", [("write", n, "ok", {"clock": {"n0": "x"}}) for n in (1, 2)], "a clock to map nodes"),
    ],
)
def test_what_is_no_update_is_told(kind: str, updates: list[Any], words: str) -> None:
    with pytest.raises(MalformedHistoryError, match=words):
        final(kind, 1, *updates)


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(ValueError, match="option crdt: expected one of g-set"):
        Crdt().check(Record([], options={"crdt": "gset"}))
