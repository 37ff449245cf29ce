"""Section 5.1: servers, roles and terms."""

from __future__ import annotations

import pytest

from nodes.raft.messages import Append, Appended, Heartbeat, HeartbeatReply, RequestVote, Vote
from tests.paper.members import One, messages, persisted, replies, sent

LATER = {
    "request_vote": RequestVote(7, 9, 6),
    "vote": Vote(7, granted=False),
    "append": Append(7, 0, 0, (), 0),
    "appended": Appended(7, ok=False, index=0),
    "heartbeat": Heartbeat(7, 0, 0),
    "heartbeat_ok": HeartbeatReply(7, 0),
}


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_5_1_servers_start_up_as_followers(n):
    assert One(n).core.role == "follower"
    assert One(n, term=4, vote="n0", terms=(1, 4)).core.role == "follower"


@pytest.mark.parametrize("name", LATER)
@pytest.mark.parametrize("role", ["follower", "candidate", "leader"])
def test_5_1_a_server_that_sees_a_larger_term_updates_its_own_and_follows(name, role):
    one = One(term=5)
    if role == "candidate":
        one.timer()
    if role == "leader":
        one.elect()
    assert one.core.role == role
    effects = one.receive("n1", LATER[name])
    assert (one.core.role, one.core.term) == ("follower", 7)
    assert 7 in {r.term for r in persisted(effects)}, "the term is persistent"


@pytest.mark.parametrize("name", LATER)
def test_5_1_a_message_of_the_same_term_deposes_nobody(name):
    one = One(term=6)
    one.elect()
    if name in ("append", "heartbeat"):
        with pytest.raises(AssertionError, match="two leaders"):
            one.receive("n1", LATER[name])
    else:
        one.receive("n1", LATER[name])
    assert (one.core.role, one.core.term) == ("leader", 7)


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (RequestVote(4, 99, 4), Vote(5, granted=False)),
        (Append(4, 0, 0, (), 0), Appended(5, ok=False, index=0)),
        (Heartbeat(4, 3, 0), HeartbeatReply(5, 0)),
    ],
    ids=["vote", "append", "heartbeat"],
)
def test_5_1_a_request_with_a_stale_term_is_rejected_with_the_current_one(request_, answer):
    one = One(term=5)
    effects = one.receive("n1", request_)
    assert messages(effects) == [answer]
    assert not persisted(effects)
    assert (one.core.term, one.core.leader, one.core.vote) == (5, None, None)


@pytest.mark.parametrize(
    "answer", [Vote(5, granted=True), Appended(5, ok=True, index=1), HeartbeatReply(5, 0)]
)
def test_5_1_a_stale_answer_is_ignored(answer):
    one = One(term=5)
    one.timer()
    one.receive("n1", answer)
    assert (one.core.role, one.core.term, one.core.votes) == ("candidate", 6, {"n0"})


def test_5_1_the_term_is_known_after_a_restart():
    assert One(term=5).core.term == 5
    assert messages(One(term=5).timer(), RequestVote)[0].term == 6


def test_5_1_followers_issue_no_requests_of_their_own():
    one = One(term=5)
    one.receive("n1", Heartbeat(5, 0, 0))
    assert {e.to for e in sent(one.receive("n1", Append(5, 0, 0, (), 0)))} == {"n1"}
    assert not sent(one.timer("heartbeat"))


def test_5_1_a_follower_redirects_a_client_to_the_leader():
    one = One(term=5)
    one.receive("n1", Heartbeat(5, 0, 0))
    effects = one.request({"type": "write", "key": "x", "value": 1})
    assert [e.to for e in sent(effects)] == ["n1"]
    assert not replies(effects)
