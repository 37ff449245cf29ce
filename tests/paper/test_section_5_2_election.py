"""Section 5.2: leader election."""

from __future__ import annotations

import pytest

from nodes.kernel import Persist, Send, SetTimer
from nodes.raft.messages import Append, Heartbeat, RequestVote, Vote
from tests.paper.members import Cluster, One, cancelled, messages, names, persisted, sent, timers, traced


def test_5_2_a_follower_that_hears_nothing_increments_its_term_votes_for_itself_and_asks_all_others():
    one = One(5, term=3, terms=(1, 3))
    effects = one.timer()
    assert (one.core.role, one.core.term, one.core.vote) == ("candidate", 4, "n0")
    assert [e.to for e in sent(effects)] == list(names(5)[1:])
    assert set(messages(effects)) == {RequestVote(4, 2, 3)}


def test_5_2_nothing_is_asked_before_term_and_vote_are_stored():
    one = One(slow=True)
    effects = one.timer()
    token = next(e.token for e in effects if isinstance(e, Persist))
    assert {e.after for e in effects if isinstance(e, Send)} == {token}


def test_5_2_no_vote_is_given_before_it_is_stored():
    one = One(slow=True)
    effects = one.receive("n1", RequestVote(1, 0, 0))
    tokens = [e.token for e in effects if isinstance(e, Persist)]
    assert [(e.message, e.after) for e in sent(effects)] == [(Vote(1, granted=True), tokens[-1])]
    assert persisted(effects)[-1].vote == "n1"
    one.stored()
    again = one.receive("n1", RequestVote(1, 0, 0))
    assert [e.after for e in sent(again)] == [None], "it is stored now"


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7])
def test_5_2_a_candidate_wins_with_a_majority_and_not_with_one_vote_less(n):
    one = One(n)
    one.timer()
    needed = n // 2  # besides its own
    for peer in names(n)[1 : 1 + needed]:
        assert one.core.role == "candidate"
        one.receive(peer, Vote(1, granted=True))
    assert one.core.role == "leader"


def test_5_2_one_voter_counts_once():
    one = One(5)
    one.timer()
    one.receive("n1", Vote(1, granted=True))
    one.receive("n1", Vote(1, granted=True))
    assert one.core.role == "candidate"
    one.receive("n2", Vote(1, granted=True))
    assert one.core.role == "leader"


def test_5_2_a_refused_vote_does_not_count():
    one = One(3)
    one.timer()
    one.receive("n1", Vote(1, granted=False))
    assert one.core.role == "candidate"


def test_5_2_a_server_votes_for_one_candidate_in_a_term_first_come_first_served():
    one = One()
    assert messages(one.receive("n1", RequestVote(1, 0, 0))) == [Vote(1, granted=True)]
    assert messages(one.receive("n2", RequestVote(1, 9, 9))) == [Vote(1, granted=False)]
    assert messages(one.receive("n1", RequestVote(1, 0, 0))) == [Vote(1, granted=True)], "asked again"
    assert messages(one.receive("n2", RequestVote(2, 0, 0))) == [Vote(2, granted=True)], "a term later"


def test_5_2_a_vote_binds_after_a_restart():
    one = One(term=1, vote="n1")
    assert messages(one.receive("n2", RequestVote(1, 9, 9))) == [Vote(1, granted=False)]
    assert messages(one.receive("n1", RequestVote(1, 0, 0))) == [Vote(1, granted=True)]


def test_5_2_a_leader_sends_heartbeats_to_all_at_once_and_periodically():
    one = One(5)
    effects = one.elect()
    assert {e.to for e in sent(effects)} == set(names(5)[1:])
    assert "heartbeat" in timers(effects)
    assert "election" in cancelled(effects)
    effects = one.timer("heartbeat")
    assert {e.to for e in sent(effects, Heartbeat)} == set(names(5)[1:])
    assert timers(effects) == ["heartbeat"]


@pytest.mark.parametrize("m", [Append(2, 0, 0, (), 0), Heartbeat(2, 0, 0), RequestVote(2, 0, 0)])
def test_5_2_a_follower_that_hears_a_leader_or_votes_waits_anew(m):
    one = One(term=2)
    assert "election" in timers(one.receive("n1", m))


@pytest.mark.parametrize("m", [Append(1, 0, 0, (), 0), Heartbeat(1, 0, 0), RequestVote(1, 9, 9)])
def test_5_2_a_stale_message_or_a_refused_vote_does_not_make_it_wait(m):
    assert "election" not in timers(One(term=2).receive("n1", m))
    assert "election" not in timers(One(term=2, terms=(2,)).receive("n1", RequestVote(2, 0, 0)))


@pytest.mark.parametrize("claim", [Append, Heartbeat])
def test_5_2_a_candidate_recognises_a_leader_of_its_term_and_no_earlier_one(claim):
    def at(term):
        return Append(term, 0, 0, (), 0) if claim is Append else Heartbeat(term, 0, 0)

    one = One(term=3)
    one.timer()
    one.receive("n1", at(3))
    assert (one.core.role, one.core.leader) == ("candidate", None)
    one.receive("n1", at(4))
    assert (one.core.role, one.core.term, one.core.leader) == ("follower", 4, "n1")


def test_5_2_a_split_vote_ends_with_another_election_in_the_next_term():
    cluster = Cluster(4)
    cluster.script(
        "timer n0 election", "timer n1 election", "stored n0", "stored n1",
        "deliver n0>n2", "deliver n1>n3", "settle",
    )  # fmt: skip
    assert cluster.leaders() == []
    assert {cluster.core(n).term for n in names(4)} == {1}
    cluster.elect("n0")
    assert cluster.core("n0").term == 2


def test_5_2_election_timeouts_are_drawn_from_a_range():
    armed = [e for e in One().timer() if isinstance(e, SetTimer)]
    assert [(e.name, e.delay_ns_min, e.delay_ns_max) for e in armed] == [
        ("election", 150_000_000, 300_000_000)
    ]


def test_5_2_at_most_one_leader_is_elected_in_a_term():
    cluster = Cluster(5)
    cluster.script(*(f"timer n{i} election" for i in range(5)), "settle")
    assert cluster.leaders() == [], "everybody voted for itself"
    cluster.script("timer n0 election", "timer n1 election", "settle")
    assert len(cluster.leaders()) == 1


def test_5_2_becoming_leader_is_announced_once():
    one = One(5)
    assert traced(one.elect(), "role")[-1] == {"role": "leader", "term": 1}
    assert traced(one.receive("n3", Vote(1, granted=True)), "role") == []


def test_5_2_a_deposed_leader_sends_no_heartbeat_though_its_timer_runs_out():
    one = One()
    one.elect()
    assert "heartbeat" in cancelled(one.receive("n1", RequestVote(2, 9, 9)))
    assert one.timer("heartbeat") == []
