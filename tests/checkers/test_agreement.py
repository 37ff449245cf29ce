"""One log: what replicas decided, against a brute-force look at everything that they decided."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.history import MalformedHistoryError, Op
from checkers.record import Record
from checkers.replicas import agreement
from checkers.replicas.agreement import Agreement
from checkers.replicas.replica_logs import FORGET_EVERY
from tests.checkers.histories import types
from tests.checkers.traces import Event, judge, trace

NODES = ["n0", "n1", "n2"]


def decide(node: str, index: int, value: Any, **more: Any) -> Event:
    return (node, "decide", {"index": index, "value": value, **more})


def deliver(node: str, value: Any) -> Event:
    return (node, "deliver", {"value": value})


def append(node: str, at: int, *ids: str, term: int = 1) -> Event:
    return (node, "append", {"index": at, "entries": [[term, i] for i in ids]})


def commit(node: str, at: int) -> Event:
    return (node, "commit", {"index": at, "term": 1, "entry_term": 1})


# --- brute force -------------------------------------------------------------------------------------------


def forms(decisions: list[tuple[int, int, int]]) -> set[str]:
    """What is wrong with (node, index, value) in order, by comparing each with all before it."""
    wrong = set()
    for i, (node, index, value) in enumerate(decisions):
        before = decisions[:i]
        own = [d for d in before if d[0] == node]
        if own and index > max(d[1] for d in own) + 1:
            wrong.add("gap")
        if any(d[1] != index and d[2] == value for d in before):
            wrong.add("duplicate")
        if any(d[1] == index and d[2] != value for d in before):
            wrong.add("differs")
    return wrong


@settings(max_examples=600, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.integers(0, 2)), max_size=7), st.booleans()
)
def test_against_brute_force(decisions: list[tuple[int, int, int]], listed: bool) -> None:
    options = {"nodes": NODES} if listed else {}
    result = judge(Agreement(), *(decide(f"n{n}", i, v) for n, i, v in decisions), **options)
    found = {"differs" if t in ("disagreement", "redecided") else t for t in types(result)}
    assert found == forms(decisions)
    met = {i for _, i, _ in decisions if len({n for n, j, _ in decisions if j == i}) > 1}
    assert (result.verdict == "unknown") == (not found and not met)


def sequences_differ(deliveries: list[tuple[int, int]]) -> bool:
    of = {n: [v for m, v in deliveries if m == n] for n, _ in deliveries}
    return any(a[: len(b)] != b[: len(a)] for a in of.values() for b in of.values())


def crossed(deliveries: list[tuple[int, int]]) -> bool:
    """Of two values one node has both, in an order in which another cannot end up any more."""
    of = {n: [v for m, v in deliveries if m == n] for n, _ in deliveries}
    return any(
        a.index(x) < a.index(y) and y in b and (x not in b or b.index(y) < b.index(x))
        for a in of.values()
        for b in of.values()
        for x in a
        for y in a
        if x != y
    )


@settings(max_examples=600, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3)), max_size=8, unique=True))
def test_deliveries_against_brute_force(deliveries: list[tuple[int, int]]) -> None:
    result = judge(Agreement(), *(deliver(f"n{n}", v) for n, v in deliveries), nodes=NODES[:2])
    found = set(types(result))
    assert bool(found & {"prefix", "order"}) == sequences_differ(deliveries)
    if "order" in found:
        assert crossed(deliveries)


# --- examples ----------------------------------------------------------------------------------------------


def test_of_two_orders_the_later_word_decides() -> None:
    events = [deliver("n1", "a"), deliver("n1", "c"), deliver("n0", "a"), deliver("n0", "b")]
    assert types(judge(Agreement(), *events)) == ["prefix"]
    assert types(judge(Agreement(), *events, deliver("n0", "c"))) == ["order"]


def test_an_empty_entry_comes_any_number_of_times_and_nobody_proposes_it() -> None:
    events: list[Event] = [("n0", "propose", {"value": "a"})]
    events += [decide(n, i, "" if i != 2 else "a") for i in (1, 2, 3) for n in NODES]
    assert judge(Agreement(), *events).verdict == "valid"


@pytest.mark.parametrize("option", ["repeats", "gaps"])
def test_what_a_protocol_may_do_is_an_option(option: str) -> None:
    events = {
        "repeats": [decide("n0", 1, "a"), decide("n1", 1, "a"), decide("n0", 2, "a")],
        "gaps": [decide("n0", 1, "a"), decide("n1", 1, "a"), decide("n0", 3, "b"), decide("n0", 2, "c")],
    }[option]
    assert judge(Agreement(), *events).verdict == "invalid"
    assert judge(Agreement(), *events, **{option: True}).verdict == "valid"


def test_a_traitor_is_not_listened_to_and_cannot_be_the_second_witness() -> None:
    events = [decide("n0", 1, "a"), decide("n1", 1, "b")]
    assert types(judge(Agreement(), *events)) == ["disagreement"]
    result = judge(Agreement(), *events, byzantine=["n1"])
    assert (result.verdict, result.why) == ("unknown", "no index was decided by two correct nodes")
    assert result.coverage["byzantine"] == ["n1"]


@pytest.mark.parametrize(
    ("proposer", "byzantine", "found"),
    [
        (None, [], ["unproposed"]),
        (None, ["n2"], []),
        ("n2", ["n2"], []),
        ("n1", ["n2"], ["unproposed"]),
    ],
)
def test_validity_where_the_proposer_is_known_to_be_correct(
    proposer: str | None, byzantine: list[str], found: list[str]
) -> None:
    more = {"proposer": proposer} if proposer is not None else {}
    proposed: Event = ("n0", "propose", {"value": "a"})
    events = [proposed, *(decide(n, 1, "b", **more) for n in NODES[:2])]
    assert types(judge(Agreement(), *events, byzantine=byzantine)) == found


def test_a_proposal_that_is_told_late_is_one() -> None:
    events: list[Event] = [*(decide(n, 1, "a") for n in NODES), ("n0", "propose", {"value": "a"})]
    assert judge(Agreement(), *events).verdict == "valid"


def test_a_replicated_log_may_hold_a_request_twice() -> None:
    logs = [append(n, 1, "", "c1:1", "c1:1", "") for n in NODES]
    assert judge(Agreement(), *logs, commit("n0", 4), commit("n1", 4)).verdict == "valid"


def test_a_truncated_entry_was_never_decided() -> None:
    events = [append("n0", 1, "a", "b"), append("n1", 1, "a", "x"), ("n1", "truncate", {"after": 1})]
    events += [append("n1", 2, "b"), commit("n0", 2), commit("n1", 2)]
    assert judge(Agreement(), *events).verdict == "valid"


def test_a_log_that_a_disk_brought_back_is_not_guessed_at() -> None:
    """The truncation was lost with the power: what the entry at index 2 is now, this trace does not say."""
    events = [append("n0", 1, "a", "b"), append("n1", 1, "a", "x"), ("n1", "truncate", {"after": 1})]
    events += [append("n1", 2, "b", term=2), ("n1", "started", {"last_index": 2, "last_term": 1})]
    result = judge(Agreement(), *events, commit("n0", 2), commit("n1", 2))
    assert result.verdict == "unknown"
    assert result.coverage["entries_unknown"] == 2


def test_with_the_history_the_entries_are_operations() -> None:
    ops = [
        Op(0, 0, 1, "invoke", "write", 3, 17, node="n0"),
        Op(1, 9, 1, "ok", "write", 3, 17, node="n0"),
    ]
    logs = [append("n0", 1, "c1:1"), append("n1", 1, "")]
    (anomaly,) = judge(Agreement(), *logs, commit("n0", 1), commit("n1", 1), ops=ops).anomalies
    assert anomaly.op_indexes == [0, 1]
    assert anomaly.trace_indexes == [2, 3]
    assert "Entry c1:1 is the write of 17 to key 3" in anomaly.explanation


def test_memory_follows_how_far_replicas_are_apart() -> None:
    online = Agreement({"nodes": NODES})
    events = trace(*(decide(node, i, f"v{i}") for i in range(1, 2001) for node in NODES))
    widest = 0
    for event in events:
        online.observe_trace(event)
        widest = max(widest, len(online._decided))
    assert online.verdict() == "valid"
    assert online.result().coverage["compared"] == 4000
    assert widest <= FORGET_EVERY


def test_a_repeated_value_is_noticed_for_as_long_as_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "REMEMBERED", 10)
    for distance, found in ((9, ["duplicate"]), (12, [])):
        events = [decide("n0", i, f"v{i}") for i in range(1, distance + 1)]
        events += [decide("n1", distance, f"v{distance}"), decide("n0", distance + 1, "v1")]
        assert types(judge(Agreement(), *events)) == found


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (("n0", "decide", {"index": 1}), "trace event 0: decide of n0 has no value"),
        (("n0", "decide", {"value": 1}), "expected an integer height, got None"),
        (("n0", "append", {"index": 1, "entries": [3]}), "expected entries"),
    ],
)
def test_an_event_that_is_none_is_told(event: Event, words: str) -> None:
    with pytest.raises(MalformedHistoryError, match=words):
        Agreement().check(Record([], trace(event)))


def test_what_a_log_has_decided_and_a_delivery_that_parts_from_it() -> None:
    """The log's node tells no value where it decides; the words have it all the same."""
    (anomaly,) = judge(Agreement(), append("n1", 1, "a"), commit("n1", 1), deliver("n0", "b")).anomalies
    assert anomaly.type == "prefix"
    assert "n1 delivered a as its" in anomaly.explanation
