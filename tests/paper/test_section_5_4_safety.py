"""Section 5.4: the election restriction, and committing entries of earlier terms."""

from __future__ import annotations

import pytest

from nodes.raft.messages import Appended, RequestVote
from tests.paper.members import Cluster, One, messages, terms_of, values_of

# the voter's log, the candidate's last index and term, and whether the vote is given
LOGS = [
    ((), 0, 0, True),
    ((), 1, 1, True),
    ((1,), 0, 0, False),
    ((1,), 1, 1, True),
    ((1, 1), 1, 1, False),  # shorter, same last term
    ((1, 1), 2, 1, True),
    ((1, 1), 3, 1, True),
    ((1, 1, 1, 1), 2, 2, True),  # shorter, later last term
    ((1, 2), 9, 1, False),  # longer, earlier last term
    ((1, 2), 1, 2, False),
    ((1, 3), 2, 2, False),
    ((1, 2), 2, 3, True),
]


@pytest.mark.parametrize(("voter", "index", "term", "granted"), LOGS)
def test_5_4_1_a_vote_goes_only_to_a_log_at_least_as_up_to_date(voter, index, term, granted):
    one = One(3, term=3, terms=voter)
    vote = messages(one.receive("n1", RequestVote(4, index, term)))[0]
    assert vote.granted is granted
    assert vote.term == 4, "the term is taken over either way"


@pytest.mark.parametrize(("voter", "index", "term", "granted"), LOGS)
def test_5_4_1_index_before_term_differs_on_exactly_the_logs_where_they_disagree(voter, index, term, granted):
    one = One(3, term=3, terms=voter, bug="index-before-term")
    vote = messages(one.receive("n1", RequestVote(4, index, term)))[0]
    last_term = voter[-1] if voter else 0
    disagree = (index < len(voter) and term > last_term) or (index > len(voter) and term < last_term)
    assert (vote.granted is not granted) is disagree


def test_5_4_1_a_new_leader_holds_every_committed_entry():
    cluster = Cluster(5)
    cluster.elect("n0")
    cluster.script("request n0 c1:1 write key=x value=1", "settle n0 n1 n2")
    assert cluster.core("n0").commit == 2
    for name in ("n3", "n4"):
        cluster.script(f"timer {name} election", f"settle {name} n1 n2 n3 n4")
        assert cluster.leaders() == ["n0"], f"{name} lacks the committed entry"
    cluster.elect("n1", "n1", "n3", "n4")
    assert cluster.core("n1").log[2].body["value"] == 1


def figure_8(bug=None, batch=1):
    """(c) of Figure 8: n0 leads term 4; index 2 of term 2 is on n0, n1, n2, and index 3 of term 4 on n0, n1."""
    prepared = [
        "n0 term=3 log=1,2", "n1 term=3 log=1,2", "n2 term=3 log=1", "n3 term=3 log=1",
        "n4 term=3 vote=n4 log=1,3",
    ]  # fmt: skip
    cluster = Cluster(5, bug=bug, prepared=prepared, append_entries_max=batch)
    cluster.script("timer n0 election", "stored n0", "drop n0>n4", "deliver n0>*", "stored n1", "stored n2")
    cluster.script("stored n3", "deliver *>n0", "stored n0", "drop n0>n3", "drop n0>n4")
    cluster.script("deliver n0>n1", "stored n1", "deliver n1>n0", "deliver n0>n2", "deliver n2>n0")
    cluster.script("deliver n0>n2", "stored n2", "deliver n2>n0")
    assert terms_of(cluster.core("n2"))[:2] == (1, 2)
    return cluster


def test_5_4_2_figure_8_an_earlier_term_is_not_committed_by_counting_replicas():
    cluster = figure_8()
    assert terms_of(cluster.core("n2")) == (1, 2)
    assert cluster.core("n0").commit == 0


def test_5_4_2_figure_8_d_another_leader_may_remove_it():
    cluster = figure_8()
    cluster.script("kill n0", "drop *>*", "timer n4 election", "settle n2 n3 n4")
    cluster.elect("n4", "n2", "n3", "n4")
    cluster.tick("n4", "n1", "n2", "n3", "n4")
    cluster.tick("n4", "n1", "n2", "n3", "n4")
    assert all(terms_of(cluster.core(n)) == (1, 3, 5) for n in ("n1", "n2", "n3", "n4"))


def test_5_4_2_figure_8_with_the_bug_what_was_committed_is_removed():
    cluster = figure_8("commits-earlier-terms")
    assert cluster.core("n0").commit == 2
    lost = values_of(cluster.core("n0"))[1]
    cluster.script("kill n0", "drop *>*", "timer n4 election", "settle n2 n3 n4")
    cluster.elect("n4", "n2", "n3", "n4")
    cluster.tick("n4", "n1", "n2", "n3", "n4")
    cluster.tick("n4", "n1", "n2", "n3", "n4")
    assert all(lost not in values_of(cluster.core(n)) for n in ("n1", "n2", "n3", "n4"))


def test_5_4_2_figure_8_e_it_is_committed_with_an_entry_of_the_leaders_term():
    cluster = figure_8()
    cluster.script("settle n0 n1 n2")
    assert terms_of(cluster.core("n2")) == (1, 2, 4)
    assert cluster.core("n0").commit == 3
    cluster.script("kill n0", "timer n4 election", "settle n1 n2 n3 n4", "timer n4 election")
    cluster.script("settle n1 n2 n3 n4")
    assert cluster.leaders() == [], "n4 cannot win any more"


@pytest.mark.parametrize("index", [1, 2])
def test_5_4_2_a_leader_commits_nothing_of_earlier_terms_alone(index):
    one = One(3, term=2, terms=(1, 2))
    one.elect()
    one.receive("n1", Appended(3, ok=True, index=index))
    assert one.core.commit == 0
    one.receive("n1", Appended(3, ok=True, index=3))
    assert one.core.commit == 3
