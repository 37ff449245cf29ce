"""Section 5.5: crashes of followers and candidates."""

from __future__ import annotations

from nodes.raft.messages import Append, Appended, RequestVote, Vote
from tests.paper.members import Cluster, One, entry, log, messages, persisted, terms_of, traced, values_of


def test_5_5_requests_to_a_crashed_follower_are_retried_until_it_answers():
    cluster = Cluster(3)
    cluster.elect("n0")
    cluster.script(
        "kill n2", "request n0 c1:1 write key=x value=1", "settle", "request n0 c1:2 write key=x value=2"
    )
    cluster.tick("n0")
    cluster.script("restart n2")
    assert terms_of(cluster.core("n2")) == (1,)
    cluster.tick("n0")
    cluster.tick("n0")
    assert values_of(cluster.core("n2")) == values_of(cluster.core("n0"))
    assert cluster.core("n2").commit == 3


def test_5_5_a_vote_request_that_comes_twice_gets_the_same_answer():
    one = One(3)
    first = messages(one.receive("n1", RequestVote(1, 0, 0)))
    assert messages(one.receive("n1", RequestVote(1, 0, 0))) == first == [Vote(1, granted=True)]


def test_5_5_a_follower_that_crashes_after_it_stored_and_before_it_answered_answers_the_same_again():
    cluster = Cluster(3)
    cluster.elect("n0")
    cluster.script(
        "request n0 c1:1 write key=x value=1", "copy n0>n1", "deliver n0>n1 1", "kill n1", "restart n1"
    )
    before = values_of(cluster.core("n1"))
    assert len(before) == 2
    lines = cluster.script("deliver n0>n1")
    assert values_of(cluster.core("n1")) == before
    assert "n1 -> n0 appended(term 1, to 2)" in lines


def test_5_5_appends_are_idempotent():
    """Entries that are there already are ignored: nothing is written, cut or appended a second time."""
    one = One(3)
    one.receive("n1", Append(1, 0, 0, log(1, 1, 1), 0))
    for message, index in [
        (Append(1, 0, 0, log(1, 1, 1), 0), 3),
        (Append(1, 0, 0, log(1), 0), 1),
        (Append(1, 1, 1, (entry(2, 1),), 0), 2),
        (Append(1, 3, 1, (), 0), 3),
    ]:
        effects = one.receive("n1", message)
        assert messages(effects) == [Appended(1, ok=True, index=index)]
        assert not persisted(effects)
        assert not traced(effects, "truncate")
        assert one.terms == (1, 1, 1)


def test_5_5_an_append_that_holds_old_and_new_entries_writes_the_new_ones():
    one = One(3)
    one.receive("n1", Append(1, 0, 0, log(1, 1), 0))
    records = persisted(one.receive("n1", Append(1, 0, 0, log(1, 1, 1, 1), 0)))
    assert [(r.first, len(r.entries)) for r in records] == [(3, 2)]


def test_5_5_with_the_bug_an_old_append_removes_what_was_acknowledged():
    one = One(3, bug="always-truncates")
    one.receive("n1", Append(1, 0, 0, log(1, 1, 1), 0))
    one.receive("n1", Append(1, 0, 0, log(1), 0))
    assert one.terms == (1,)


def test_5_5_a_candidate_that_crashes_stands_again_in_a_later_term():
    cluster = Cluster(3)
    cluster.script("timer n0 election", "stored n0", "kill n0", "drop *>*", "restart n0")
    assert cluster.core("n0").term == 1
    cluster.elect("n0")
    assert cluster.core("n0").term == 2


def test_5_5_what_power_loss_took_was_never_said():
    cluster = Cluster(3)
    cluster.elect("n0")
    lines = cluster.script(
        "request n0 c1:1 write key=x value=1", "deliver n0>n1", "power-loss n1", "restart n1"
    )
    assert not [line for line in lines if line.startswith("n1 -> n0 appended")]
    assert terms_of(cluster.core("n1")) == (1,)
