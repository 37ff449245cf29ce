"""One trace that each property must reject, and a minimally different one it must accept."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.raft_invariants import KEPT_MAX, RaftInvariants
from checkers.record import Record, TraceEvent

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


def judge(*events: Event) -> RaftInvariants:
    monitor = RaftInvariants(NODES)
    for i, (node, kind, data) in enumerate(events):
        monitor.observe(i, i * 1_000_000, node, kind, data)
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
    "StateMachineSafety, states": (
        [*COMMITTED, commit("n1", 2, 1, 1), apply("n1", 2, "other")],
        [*COMMITTED, commit("n1", 2, 1, 1), apply("n1", 2, "s2")],
        "StateMachineSafety",
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


@pytest.mark.parametrize("name", PAIRS)
def test_a_recorded_trace_gets_the_verdict_of_the_monitor(name: str) -> None:
    for events in PAIRS[name][:2]:
        trace = [
            TraceEvent(i, i * 1_000_000, node, kind, data, step=i)
            for i, (node, kind, data) in enumerate(events)
        ]
        recorded = RaftInvariants().check(Record([], trace, NODES))
        assert recorded == judge(*events).result()
