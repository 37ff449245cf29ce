"""Section 5.3: log replication."""

from __future__ import annotations

import pytest

from nodes.kernel import Persist
from nodes.raft.messages import Append, Appended, Heartbeat
from tests.paper.members import (
    Cluster,
    One,
    entry,
    log,
    messages,
    names,
    persisted,
    replies,
    sent,
    terms_of,
    traced,
    values_of,
)

WRITE = {"type": "write", "key": "x", "value": 1}


def test_5_3_a_leader_appends_a_command_and_sends_it_to_all_others_in_parallel():
    one = One(5)
    one.elect()
    for peer in names(5)[1:]:
        one.receive(peer, Appended(1, ok=True, index=1))
    effects = one.request(WRITE)
    assert one.terms == (1, 1)
    assert [e.to for e in sent(effects, Append)] == list(names(5)[1:])
    assert {(m.prev_index, m.prev_term, m.entries[0].body["value"]) for m in messages(effects)} == {(1, 1, 1)}
    assert not replies(effects)


@pytest.mark.parametrize("n", [1, 3, 4, 5, 7])
def test_5_3_an_entry_is_committed_once_a_majority_has_it_and_not_before(n):
    one = One(n)
    one.elect()
    effects = one.request(WRITE)
    for peer in names(n)[1 : 1 + n // 2]:
        assert one.core.commit == 0
        assert not replies(effects)
        effects = one.receive(peer, Appended(1, ok=True, index=2))
    assert one.core.commit == 2
    assert replies(effects) == [{"type": "write_ok"}], "it is applied before the client is answered"


def test_5_3_a_leader_counts_itself_only_once_the_entry_is_stored():
    one = One(3, slow=True)
    one.elect()
    one.request(WRITE)
    one.receive("n1", Appended(1, ok=True, index=2))
    assert one.core.commit == 0
    assert replies(one.stored()) == [{"type": "write_ok"}]


def test_5_3_a_follower_acknowledges_only_once_the_entries_are_stored():
    one = One(3, slow=True)
    effects = one.receive("n1", Append(1, 0, 0, log(1, 1), 0))
    token = [e.token for e in effects if isinstance(e, Persist)][-1]
    assert [(e.message, e.after) for e in sent(effects)] == [(Appended(1, ok=True, index=2), token)]
    assert persisted(effects)[-1].entries == log(1, 1)


def test_5_3_a_repeated_append_is_not_acknowledged_before_the_first_is_stored():
    one = One(3, slow=True)
    one.receive("n1", Append(1, 0, 0, log(1), 0))
    assert sent(one.receive("n1", Append(1, 0, 0, log(1), 0)))[0].after == one.core.token
    one.stored()
    assert sent(one.receive("n1", Append(1, 0, 0, log(1), 0)))[0].after is None


def test_5_3_committing_an_entry_commits_all_before_it():
    one = One(3, term=2, terms=(1, 2, 2))
    one.elect()
    effects = one.receive("n1", Appended(3, ok=True, index=4))
    assert [d["index"] for d in traced(effects, "commit")] == [4]
    assert one.core.machine.read({"type": "read", "key": "k"})["value"] == 302


def test_5_3_a_follower_learns_the_commit_index_and_applies_in_log_order():
    one = One(3)
    one.receive("n1", Append(1, 0, 0, log(1, 1), 0))
    assert one.core.commit == 0
    one.receive("n1", Append(1, 2, 1, (entry(3, 1),), 2))
    assert one.core.machine.read({"type": "read", "key": "k"})["value"] == 201
    one.receive("n1", Heartbeat(1, 0, 3))
    assert one.core.machine.read({"type": "read", "key": "k"})["value"] == 301


def test_5_3_a_follower_commits_no_further_than_the_entries_it_was_sent():
    """AppendEntries 5: min(leaderCommit, index of the last new entry)."""
    one = One(3, term=2, terms=(1, 2, 2))
    one.receive("n1", Append(3, 1, 1, (), 3))
    assert one.core.commit == 1, "what follows index 1 may conflict with the leader's log"
    one.receive("n1", Append(3, 1, 1, (entry(2, 3),), 3))
    assert (one.core.commit, one.terms) == (2, (1, 3))


def test_5_3_the_commit_index_never_goes_back():
    one = One(3)
    one.receive("n1", Append(1, 0, 0, log(1, 1), 2))
    one.receive("n1", Append(1, 0, 0, log(1), 1))
    one.receive("n1", Heartbeat(1, 0, 1))
    assert one.core.commit == 2


@pytest.mark.parametrize(
    ("terms", "prev", "prev_term", "ok"),
    [((), 0, 0, True), ((1,), 1, 1, True), ((1,), 2, 1, False), ((1, 2), 2, 3, False), ((1, 2), 2, 2, True)],
)
def test_5_3_a_follower_refuses_entries_that_do_not_follow_on_its_log(terms, prev, prev_term, ok):
    one = One(3, term=3, terms=terms)
    answer = messages(one.receive("n1", Append(3, prev, prev_term, (entry(prev + 1, 3),), 0)))[0]
    assert answer.ok is ok
    assert one.core.log.last_index == (prev + 1 if ok else len(terms))


def test_5_3_an_existing_entry_that_conflicts_is_deleted_with_all_that_follow():
    one = One(3, term=2, terms=(1, 1, 2, 2, 2))
    effects = one.receive("n1", Append(4, 2, 1, (entry(3, 4),), 0))
    assert one.terms == (1, 1, 4)
    assert traced(effects, "truncate") == [{"after": 2}]
    assert One(3, term=4, terms=(1, 1, 4)).terms == (1, 1, 4)


def test_5_3_what_replaced_a_conflict_is_what_a_restart_finds():
    one = One(3, term=2, terms=(1, 1, 2, 2, 2))
    disk = [*persisted(one.receive("n1", Append(4, 2, 1, (entry(3, 4),), 0)))]
    again = Cluster(3)
    member = again.members["n0"]
    member.disk = [*_disk(2, (1, 1, 2, 2, 2)), *disk]
    again.script("kill n0", "restart n0")
    assert terms_of(again.core("n0")) == (1, 1, 4)


def _disk(term, terms):
    from nodes.raft.messages import Entries, HardState  # noqa: PLC0415

    return [HardState(term, None), Entries(1, log(*terms))]


def test_5_3_a_leader_never_overwrites_its_own_log():
    one = One(3, term=2, terms=(1, 2))
    one.elect()
    before = values_of(one.core)
    one.receive("n1", Appended(3, ok=False, index=0))
    one.receive("n1", Appended(3, ok=False, index=0))
    assert values_of(one.core) == before


# Figure 7: the leader of term 8, and what its followers may hold when it comes to power
LEADER_7 = "n0 term=7 log=1,1,1,4,4,5,5,6,6,6"
FOLLOWERS_7 = {
    "a": "1,1,1,4,4,5,5,6,6",
    "b": "1,1,1,4",
    "c": "1,1,1,4,4,5,5,6,6,6,6",
    "d": "1,1,1,4,4,5,5,6,6,6,7,7",
    "e": "1,1,1,4,4,4,4",
    "f": "1,1,1,2,2,2,3,3,3,3,3",
}


@pytest.mark.parametrize("batch", [1, 2, 64])
def test_5_3_figure_7_the_leader_makes_every_follower_like_itself(batch):
    prepared = [LEADER_7] + [f"n{i} term=7 log={f}" for i, f in enumerate(FOLLOWERS_7.values(), 1)]
    cluster = Cluster(7, prepared=prepared, append_entries_max=batch)
    cluster.elect("n0")
    cluster.tick("n0")
    cluster.tick("n0")
    leader = values_of(cluster.core("n0"))
    assert len(leader) == 11
    for name in names(7):
        assert values_of(cluster.core(name)) == leader, f"({' abcdef'[int(name[1])]})"
        assert cluster.core(name).commit == 11


# one rejection says where a short log ends, and one more skips each conflicting term
REJECTIONS_7 = {"a": 1, "b": 1, "c": 0, "d": 0, "e": 2, "f": 2}


@pytest.mark.parametrize("follower", FOLLOWERS_7)
def test_5_3_a_rejection_skips_a_whole_term_not_an_entry(follower):
    cluster = Cluster(3, prepared=[LEADER_7, f"n1 term=7 log={FOLLOWERS_7[follower]}"])
    # n2's vote makes n0 leader, whatever n1 holds
    cluster.script("timer n0 election", "stored n0", "drop n0>n1", "settle n0 n2")
    lines = cluster.script("timer n0 heartbeat", "settle n0 n1")
    rejections = {line for line in lines if line.startswith("n1 -> n0 appended") and "no match" in line}
    assert len(rejections) == REJECTIONS_7[follower]
    assert values_of(cluster.core("n1")) == values_of(cluster.core("n0"))


def test_5_3_a_lost_append_is_sent_again_until_it_is_acknowledged():
    cluster = Cluster(3)
    cluster.elect("n0")
    cluster.tick("n0")
    cluster.script("request n0 c1:1 write key=x value=1", "stored n0", "timer n0 heartbeat")
    for _ in range(3):
        cluster.script("drop n0>*", "timer n0 heartbeat")
        assert any(isinstance(m, Append) for *_, m in cluster.flight)
    cluster.script("settle")
    assert cluster.core("n0").commit == 2
    cluster.tick("n0")
    cluster.script("timer n0 heartbeat")
    assert not any(isinstance(m, Append) for *_, m in cluster.flight), "nothing is left to repeat"


def test_5_3_slow_followers_do_not_stop_the_others():
    cluster = Cluster(3)
    cluster.elect("n0")
    cluster.script("request n0 c1:1 write key=x value=1", "settle n0 n1")
    assert cluster.core("n0").commit == 2
    assert terms_of(cluster.core("n2")) == (1,)


def test_5_3_logs_match():
    """Same index and term: the same entry, and the same before it. Two leaders wrote, logs diverged."""
    cluster = Cluster(5)
    cluster.elect("n0")
    cluster.script("request n0 c1:1 write key=x value=1", "settle n0 n1")
    cluster.elect("n4", "n2", "n3", "n4")
    cluster.script("request n4 c1:2 write key=x value=2", "settle n2 n4")
    logs = [values_of(cluster.core(n)) for n in names(5)]
    terms = {values_of(cluster.core(n)): terms_of(cluster.core(n)) for n in names(5)}
    assert len(terms) > 1, "they have diverged"
    for one in logs:
        for other in logs:
            for i in range(min(len(one), len(other))):
                if terms[one][i] == terms[other][i]:
                    assert one[: i + 1] == other[: i + 1]
    cluster.tick("n4")
    cluster.tick("n4")
    assert len({values_of(cluster.core(n)) for n in names(5)}) == 1


def test_5_3_an_acknowledgement_of_an_earlier_term_counts_for_nothing():
    """What it speaks of may have been replaced since."""
    one = One(3, term=2, terms=(1, 2))
    one.elect()
    one.receive("n1", Appended(2, ok=True, index=3))
    assert one.core.commit == 0
    one.receive("n1", Appended(3, ok=True, index=3))
    assert one.core.commit == 3
