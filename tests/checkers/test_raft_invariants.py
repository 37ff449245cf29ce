"""One trace that each property must reject, and a minimally different one it must accept."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.history import Op, OpType
from checkers.record import Record, TraceEvent
from checkers.replicas.raft_invariants import RaftInvariants
from checkers.requests import named, resolved
from checkers.stepwise import KEPT_MAX

NODES = ("n0", "n1", "n2")

Event = tuple[str, str, dict[str, Any]]


def started(node: str, last: int = 0, last_term: int = 0, term: int = 0, vote: str | None = None) -> Event:
    data = {"term": term, "vote": vote, "last_index": last, "last_term": last_term, "incarnation": 1}
    return (node, "started", data)


def role(node: str, what: str, term: int) -> Event:
    return (node, "role", {"role": what, "term": term})


def lead(node: str, term: int) -> Event:
    return role(node, "leader", term)


def vote(node: str, candidate: str, term: int) -> Event:
    return (node, "vote", {"term": term, "for": candidate})


def append(node: str, at: int, *entries: tuple[int, str]) -> Event:
    return (node, "append", {"index": at, "entries": [list(e) for e in entries]})


def truncate(node: str, after: int) -> Event:
    return (node, "truncate", {"after": after})


def commit(node: str, at: int, term: int, entry_term: int) -> Event:
    return (node, "commit", {"index": at, "term": term, "entry_term": entry_term})


def apply(node: str, at: int, state: str) -> Event:
    return (node, "apply", {"index": at, "state": state})


def killed(node: str) -> Event:
    return (node, "killed", {})


def reads(process: int, n: int) -> list[Op]:
    """So many operations of a process that change nothing."""
    kinds: tuple[OpType, ...] = ("invoke", "ok")
    return [Op(0, 0, process, kind, "read") for _ in range(n) for kind in kinds]


def judge(*events: Event) -> RaftInvariants:
    monitor = RaftInvariants({"nodes": NODES})
    for i, (node, kind, data) in enumerate(events):
        monitor.observe_trace(TraceEvent(i, i * 1_000_000, node, kind, data))
    return monitor


def types(*events: Event) -> list[str]:
    result = judge(*events).result()
    assert (result.verdict == "invalid") == bool(result.anomalies)
    return sorted({a.type for a in result.anomalies})


A, B, C, D = (1, "c1:1"), (1, "c1:2"), (2, "c2:1"), (2, "c2:2")

BASE = [started(n) for n in NODES] + [vote("n0", "n0", 1), vote("n1", "n0", 1), lead("n0", 1)]
# a and b are in all three logs, and committed
COMMITTED = [
    *BASE,
    *(append(n, 1, A, B) for n in NODES),
    commit("n0", 2, 1, 1),
    apply("n0", 2, "s2"),
]
# a and b are committed by two of the three
TWO_OF_THREE = [*BASE, append("n0", 1, A, B), append("n1", 1, A, B), commit("n0", 2, 1, 1)]

PAIRS: dict[str, tuple[list[Event], list[Event], str]] = {
    "ElectionSafety": (
        [*BASE, lead("n1", 1)],
        [*BASE, lead("n1", 2)],
        "ElectionSafety",
    ),
    "SingleVote": (
        [*BASE, vote("n1", "n2", 1)],
        [*BASE, vote("n1", "n0", 1)],
        "SingleVote",
    ),
    "SingleVote, kept by the disk, across a restart": (
        [*BASE, killed("n1"), started("n1", term=1, vote="n0"), vote("n1", "n2", 1)],
        [*BASE, killed("n1"), started("n1", term=1, vote="n0"), vote("n1", "n2", 2)],
        "SingleVote",
    ),
    "SingleVote, lost by the disk, though the candidate won with it": (
        [*BASE, killed("n1"), started("n1"), vote("n1", "n2", 1)],
        [*BASE, vote("n2", "n0", 1), killed("n1"), started("n1"), vote("n1", "n2", 1)],
        "SingleVote",
    ),
    "SingleVote, the candidate wins after the second vote": (
        [
            *(vote("n0", "n0", 1), vote("n1", "n0", 1), killed("n1"), started("n1")),
            *(vote("n1", "n2", 1), lead("n0", 1)),
        ],
        [*(vote("n0", "n0", 1), vote("n1", "n0", 1), killed("n1"), started("n1")), vote("n1", "n2", 1)],
        "SingleVote",
    ),
    "LeaderAppendOnly": (
        [*BASE, append("n0", 1, A, B), truncate("n0", 1)],
        [*BASE, append("n0", 1, A, B), role("n0", "follower", 1), truncate("n0", 1)],
        "LeaderAppendOnly",
    ),
    "LogMatching, another entry": (
        [*BASE, append("n0", 1, A), append("n1", 1, B)],
        [*BASE, append("n0", 1, A), append("n1", 1, A)],
        "LogMatching",
    ),
    "LogMatching, another past": (
        [*BASE, append("n0", 1, A, C), append("n1", 1, (2, "x"), C)],
        [*BASE, append("n0", 1, A, C), append("n1", 1, A, C)],
        "LogMatching",
    ),
    "LeaderCompleteness, too short": (
        [*TWO_OF_THREE, lead("n2", 2)],
        [*TWO_OF_THREE, append("n2", 1, A, B), lead("n2", 2)],
        "LeaderCompleteness",
    ),
    "LeaderCompleteness, another entry": (
        [*TWO_OF_THREE, append("n2", 1, A, C), lead("n2", 3)],
        [*TWO_OF_THREE, append("n2", 1, A, B, C), lead("n2", 3)],
        "LeaderCompleteness",
    ),
    "LeaderCompleteness concerns earlier terms only": (
        [*TWO_OF_THREE, lead("n2", 2)],
        [*BASE, append("n0", 1, A), append("n1", 1, A), commit("n0", 1, 3, 1), lead("n2", 2)],
        "LeaderCompleteness",
    ),
    "StateMachineSafety, entries": (
        [*TWO_OF_THREE, append("n2", 1, A, C), commit("n2", 2, 2, 2)],
        [*TWO_OF_THREE, append("n2", 1, A, B), commit("n2", 2, 2, 1)],
        "StateMachineSafety",
    ),
    "StateMachineSafety, beyond the log": (
        [*COMMITTED, commit("n1", 3, 1, 1)],
        [*COMMITTED, append("n1", 3, (1, "c1:3")), append("n0", 3, (1, "c1:3")), commit("n1", 3, 1, 1)],
        "StateMachineSafety",
    ),
    "CommittedIsDurable, truncated": (
        [*COMMITTED, truncate("n1", 1), append("n1", 2, C)],
        [*COMMITTED, truncate("n1", 1), append("n1", 2, B)],
        "CommittedIsDurable",
    ),
    "CommittedIsDurable, truncated and nothing put back": (
        [*COMMITTED, truncate("n1", 1)],
        [*COMMITTED, append("n1", 3, C), truncate("n1", 2)],
        "CommittedIsDurable",
    ),
    "CommittedIsDurable, lost in a power loss": (
        [*TWO_OF_THREE, ("n1", "power_lost", {"lost_bytes": 9}), started("n1", 1, 1, 1)],
        [*TWO_OF_THREE, ("n1", "power_lost", {"lost_bytes": 0}), started("n1", 2, 1, 1)],
        "CommittedIsDurable",
    ),
    "CommittedIsDurable, one of three may lose it": (
        [*COMMITTED, started("n1", 0, 0, 1), started("n2", 1, 1, 1)],
        [*COMMITTED, started("n1", 0, 0, 1), started("n2", 2, 1, 1)],
        "CommittedIsDurable",
    ),
    "CommittedIsDurable, committed by a minority": (
        [*BASE, append("n0", 1, A), commit("n0", 1, 1, 1)],
        [*BASE, append("n0", 1, A), append("n2", 1, A), commit("n0", 1, 1, 1)],
        "CommittedIsDurable",
    ),
    "CurrentTermCommit": (
        [
            *BASE,
            append("n0", 1, A),
            append("n1", 1, A),
            lead("n1", 2),
            append("n1", 2, C),
            commit("n1", 1, 2, 1),
        ],
        [
            *BASE,
            append("n0", 1, A, C),
            append("n1", 1, A),
            lead("n1", 2),
            append("n1", 2, C),
            commit("n1", 2, 2, 2),
        ],
        "CurrentTermCommit",
    ),
    "CurrentTermCommit, a follower learns of any commit": (
        [*BASE, append("n0", 1, A), append("n1", 1, A), lead("n1", 2), commit("n1", 1, 2, 1)],
        [*BASE, append("n0", 1, A), append("n1", 1, A), role("n1", "follower", 2), commit("n1", 1, 2, 1)],
        "CurrentTermCommit",
    ),
    "MonotonicTerm": (
        [*BASE, role("n1", "follower", 3), role("n1", "candidate", 2)],
        [*BASE, role("n1", "follower", 3), killed("n1"), started("n1", term=1), role("n1", "candidate", 2)],
        "MonotonicTerm",
    ),
    "MonotonicCommit": (
        [*COMMITTED, commit("n0", 1, 1, 1)],
        [*COMMITTED, killed("n0"), started("n0", 2, 1, 1), commit("n0", 1, 1, 1)],
        "MonotonicCommit",
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_rejects_and_accepts(name: str) -> None:
    bad, good, kind = PAIRS[name]
    assert types(*bad) == [kind]
    assert types(*good) == []
    assert judge(*good).result().verdict == "valid"


def test_a_restart_may_bring_back_an_earlier_log() -> None:
    """The truncation and what followed were not on disk yet: the mirror must be the log before them."""
    before = [*BASE, append("n1", 1, A, B, (1, "c1:3")), truncate("n1", 1), append("n1", 2, C), killed("n1")]
    assert types(*before, started("n1", 3, 1, 1), append("n1", 4, C)) == []
    assert judge(*before, started("n1", 3, 1, 1), append("n1", 5, C)).result().verdict == "unknown"


def test_a_log_from_nowhere_is_unknown() -> None:
    result = judge(*BASE, started("n1", 3, 1, 1)).result()
    assert result.verdict == "unknown"
    assert "no node appended" in result.why


def test_a_trace_without_raft_is_unknown() -> None:
    result = judge(("n0", "clock", {"offset_ns": 1, "rate_ppm": 0})).result()
    assert result.verdict == "unknown"
    assert result.coverage["events"] == 0


def test_keeps_few_of_a_type_and_counts_all() -> None:
    many = [role("n1", "follower", 3 if i % 2 else 2) for i in range(40)]
    result = judge(*BASE, *many).result()
    assert len(result.anomalies) == KEPT_MAX
    assert result.coverage["anomalies"] == {"MonotonicTerm": 19}


def test_explanation_names_node_term_and_times() -> None:
    (anomaly,) = judge(*BASE, lead("n2", 1)).result().anomalies
    assert anomaly.explanation == (
        "n2 became leader of term 1 at 0.006000 s, and so had n0 at 0.005000 s: two leaders in one term"
    )
    assert anomaly.trace_indexes == [5, 6]


def test_both_votes_are_witnesses() -> None:
    (kept,) = judge(*BASE, vote("n1", "n2", 1)).result().anomalies
    assert kept.trace_indexes == [4, 6]
    (lost,) = judge(*BASE, killed("n1"), started("n1"), vote("n1", "n2", 1)).result().anomalies
    assert lost.trace_indexes == [4, 8]
    (recovered,) = judge(*BASE, started("n2", term=1, vote="n0"), vote("n2", "n1", 1)).result().anomalies
    assert recovered.trace_indexes == [6, 7]


LOST: dict[str, tuple[list[Event], str, list[int]]] = {
    "LeaderCompleteness": (
        [*TWO_OF_THREE, append("n2", 1, A), lead("n2", 2)],
        (
            "n2 became leader of term 2 at 0.010000 s without entry 2 of term 1 (c1:2: process 1's 2nd operation) "
            "which n0 at 0.008000 s had committed in an earlier term: its log ends at index 1"
        ),
        [8, 10],
    ),
    "CommittedIsDurable": (
        [*COMMITTED, truncate("n1", 1), append("n1", 2, C)],
        (
            "n1 removed entry 2 of term 1 (c1:2: process 1's 2nd operation) from its log at 0.011000 s and did not "
            "put it back, though n0 at 0.009000 s had committed it"
        ),
        [9, 11],
    ),
    "StateMachineSafety": (
        [*TWO_OF_THREE, append("n2", 1, A, C), commit("n2", 2, 2, 2)],
        (
            "n2 committed entry 2 of term 2 (c2:1: process 2's 1st operation) at 0.010000 s, where "
            "n0 at 0.008000 s had committed entry 2 of term 1 (c1:2: process 1's 2nd operation)"
        ),
        [8, 10],
    ),
}


@pytest.mark.parametrize(
    ("identity", "words"),
    [
        ("c4:12", "c4:12: process 4's 12th operation"),
        ("c40:21", "c40:21: process 40's 21st operation"),
        ("c4:102", "c4:102: process 4's 102nd operation"),
        ("c4:113", "c4:113: process 4's 113th operation"),
        ("", "the empty entry of a new leader"),
        ("x:1", "x:1"),
        ("c4", "c4"),
        ("c4:x", "c4:x"),
        ("c1000000000:1", "c1000000000:1"),
    ],
)
def test_identities(identity: str, words: str) -> None:
    assert named(identity) == words


@pytest.mark.parametrize("kind", LOST)
def test_the_lost_entry_is_named_and_so_is_the_event_that_committed_it(kind: str) -> None:
    events, told, traced = LOST[kind]
    (anomaly,) = judge(*events).result().anomalies
    assert (anomaly.type, anomaly.explanation, anomaly.trace_indexes) == (kind, told, traced)
    assert anomaly.op_indexes == []


def test_with_the_history_the_lost_entry_is_an_operation() -> None:
    """The 2nd operation of process 1 is the lost one, whatever other processes did."""
    events = LOST["CommittedIsDurable"][0]
    others = [op for n in range(2) for op in reads(2 + n, 3)]
    write = [
        Op(90, 7_000_000, 1, "invoke", "write", 3, 17, node="n0"),
        Op(91, 9_000_000, 1, "ok", "write", 3, 17, node="n0"),
    ]
    monitor = judge(*events)
    history = [*others, *reads(1, 1), *write]
    (anomaly,) = resolved(monitor.result(), history).anomalies
    assert (anomaly.op_indexes, anomaly.data["key"]) == ([90, 91], 3)
    assert anomaly.explanation.endswith(
        "had committed it. Entry c1:2 is the write of 17 to key 3: process 1 at n0 asked for it at 0.007000 s, "
        "and was told at 0.009000 s that it succeeded"
    )
    assert resolved(monitor.result(), history) == resolved(monitor.result(), history)
    # were it that process' 1st operation, the entry would be none that the history knows
    (unknown,) = resolved(monitor.result(), [*others, *write]).anomalies
    assert (unknown.op_indexes, "key" in unknown.data) == ([], False)
    assert unknown.explanation == LOST["CommittedIsDurable"][1]


@pytest.mark.parametrize(
    ("ops", "told"),
    [
        (
            [("invoke", "cas", 3, [1, 2]), ("fail", "cas", 3, None)],
            "the compare-and-set of key 3 from 1 to 2",
        ),
        ([("invoke", "txn", None, [["append", 1, 2]])], 'the transaction [["append", 1, 2]]'),
        ([("invoke", "add", None, 7)], "the add of 7"),
    ],
)
def test_every_operation_has_a_name(ops: list[Any], told: str) -> None:
    done = [*reads(1, 1), *(Op(90 + i, i, 1, *fields) for i, fields in enumerate(ops))]
    (anomaly,) = resolved(judge(*LOST["LeaderCompleteness"][0]).result(), done).anomalies
    assert f"Entry c1:2 is {told}: process 1 asked for it" in anomaly.explanation
    assert anomaly.explanation.endswith(
        "that it failed" if len(ops) > 1 else "never learned whether that happened"
    )


def test_several_lost_entries_are_told_by_the_first_that_a_client_asked_for() -> None:
    empty = (1, "")
    events = [*BASE, append("n0", 1, empty, A, B), append("n1", 1, empty, A, B), commit("n0", 3, 1, 1)]
    (anomaly,) = judge(*events, lead("n2", 2)).result().anomalies
    told = "without entries 1 to 3, among them entry 2 of term 1 (c1:1: process 1's 1st operation), which n0"
    assert told in anomaly.explanation
    assert anomaly.data["entries"] == ["c1:1", "c1:2"]
    events = [*BASE, append("n0", 1, empty), append("n1", 1, empty), commit("n0", 1, 1, 1)]
    (nameless,) = judge(*events, lead("n2", 2)).result().anomalies
    assert "without entry 1 of term 1 (the empty entry of a new leader) which n0" in nameless.explanation


@pytest.mark.parametrize("name", PAIRS)
def test_a_recorded_trace_gets_the_verdict_of_the_monitor(name: str) -> None:
    for events in PAIRS[name][:2]:
        trace = [
            TraceEvent(i, i * 1_000_000, node, kind, data, step=i)
            for i, (node, kind, data) in enumerate(events)
        ]
        recorded = RaftInvariants().check(Record([], trace, NODES))
        assert recorded == judge(*events).result()
