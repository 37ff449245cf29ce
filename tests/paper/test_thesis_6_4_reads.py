"""Thesis, section 6.4: linearizable reads without writing to the log (ReadIndex)."""

from __future__ import annotations

import pytest

from nodes.raft.messages import Appended, Heartbeat, HeartbeatReply, RequestVote
from tests.paper.members import Cluster, One, messages, names, persisted, replies, sent, values_of

READ = {"type": "read", "key": "k"}


def leader(n=3, bug=None, terms=(1, 2)):
    """A leader of term 3 that has committed its empty entry."""
    one = One(n, term=2, terms=terms, bug=bug)
    one.elect()
    for peer in names(n)[1:]:
        one.receive(peer, Appended(3, ok=True, index=len(terms) + 1))
    assert one.core.commit == len(terms) + 1
    return one


def test_6_4_a_read_is_not_written_to_the_log():
    one = leader()
    before = values_of(one.core)
    effects = one.request(READ)
    assert not persisted(effects)
    assert values_of(one.core) == before


@pytest.mark.parametrize("n", [1, 3, 4, 5])
def test_6_4_a_read_is_answered_after_a_round_of_heartbeats_to_a_majority(n):
    one = leader(n)
    effects = one.request(READ)
    for peer in names(n)[1 : 1 + n // 2]:
        assert not replies(effects)
        effects = one.receive(peer, HeartbeatReply(3, one.core.round))
    assert replies(effects) == [{"type": "read_ok", "value": 202}]


def test_6_4_with_a_short_quorum_it_is_answered_too_early():
    one = leader(5, bug="short-read-quorum")
    one.request(READ)
    assert replies(one.receive("n1", HeartbeatReply(3, 1)))
    assert not replies(leader(5).receive("n1", HeartbeatReply(3, 1)))


def test_6_4_a_new_leader_reads_nothing_before_it_committed_in_its_own_term():
    one = One(3, term=2, terms=(1, 2))
    one.elect()
    effects = one.request(READ)
    assert not messages(effects, Heartbeat), "no round is even begun"
    assert not replies(one.receive("n1", HeartbeatReply(3, 0)))
    effects = one.receive("n1", Appended(3, ok=True, index=3))
    assert [m.round for m in messages(effects, Heartbeat)] == [1, 1]
    assert replies(one.receive("n1", HeartbeatReply(3, 1))) == [{"type": "read_ok", "value": 202}]


def test_6_4_with_the_bug_a_new_leader_does_not_see_what_was_committed():
    one = One(3, term=2, terms=(1, 2), bug="reads-before-own-commit")
    one.elect()
    one.request(READ)
    assert replies(one.receive("n1", HeartbeatReply(3, 1)))[0]["code"] == 20


def test_6_4_a_reply_to_an_earlier_round_or_term_confirms_nothing():
    one = leader()
    one.request(READ)
    one.receive("n1", HeartbeatReply(3, 1))
    one.request(READ, msg_id=2)
    for stale in (HeartbeatReply(3, 1), HeartbeatReply(3, 0), HeartbeatReply(2, 2)):
        assert not replies(one.receive("n1", stale))
    assert replies(one.receive("n1", HeartbeatReply(3, 2)))


def test_6_4_one_node_does_not_confirm_twice():
    one = leader(5)
    one.request(READ)
    one.receive("n1", HeartbeatReply(3, 1))
    assert not replies(one.receive("n1", HeartbeatReply(3, 1)))
    assert replies(one.receive("n2", HeartbeatReply(3, 1)))


def test_6_4_reads_that_wait_share_the_next_round():
    one = leader()
    one.request(READ)
    for msg_id in (2, 3, 4):
        assert not sent(one.request(READ, msg_id=msg_id)), "a round is under way"
    effects = one.receive("n1", HeartbeatReply(3, 1))
    assert len(replies(effects)) == 1
    assert {m.round for m in messages(effects, Heartbeat)} == {2}
    assert len(replies(one.receive("n2", HeartbeatReply(3, 2)))) == 3


def test_6_4_a_lost_round_is_repeated_by_the_heartbeat():
    one = leader()
    one.request(READ)
    assert {m.round for m in messages(one.timer("heartbeat"), Heartbeat)} == {1}
    assert replies(one.receive("n2", HeartbeatReply(3, 1)))


def test_6_4_a_read_sees_every_write_that_was_answered_before_it():
    cluster = Cluster(3)
    cluster.elect("n0")
    for value in (1, 2, 3):
        cluster.script(f"request n0 c1:{value} write key=x value={value}", "settle")
        assert f"n2 => c2:{value} read_ok value={value}" in cluster.script(
            f"request n2 c2:{value} read key=x", "settle"
        )


def test_6_4_a_deposed_leader_answers_no_read():
    one = leader()
    one.request(READ)
    body = replies(one.receive("n1", RequestVote(4, 9, 3)))[0]
    assert (body["type"], body["code"]) == ("error", 11), "certainly not done"
    assert not replies(one.receive("n2", HeartbeatReply(3, 1)))


def test_6_4_the_word_of_a_follower_waits_for_its_term_to_be_stored():
    one = One(3, term=2, slow=True)
    assert sent(one.receive("n1", Heartbeat(3, 1, 0)))[0].after == one.core.token
    one.stored()
    assert sent(one.receive("n1", Heartbeat(3, 2, 0)))[0].after is None
