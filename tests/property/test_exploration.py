"""Small clusters explored exhaustively up to a bound: the sound core is clean, planted bugs are found."""

from __future__ import annotations

import pytest

from tests.property.explorer import Explorer, _differ

EMPTY = {"n0": (0, None, ()), "n1": (0, None, ()), "n2": (0, None, ())}

# n0 holds a long log of term 1 that nobody else has; n1 and n2 lead on with short ones
LONG_OLD_LOG = {"n0": (1, None, (1, 1, 1)), "n1": (1, None, (1,)), "n2": (1, None, (1,))}

# Figure 8 with three nodes: n0 led term 2 and n2 led term 3, each alone with its entry. n0 may stand for term 4, n2
# for term 5
FIGURE_8 = {"n0": (3, None, (2,)), "n1": (3, None, ()), "n2": (4, None, (3,))}
STANDS = {"n0": 4, "n1": 0, "n2": 5}


def test_one_term_of_three_nodes_completely():
    found = Explorer(EMPTY, term_max=1).explore(1_000_000)
    assert found.complete
    assert not found.violation
    assert found.leaders == {(1, "n0"), (1, "n1"), (1, "n2")}, "each of them can win"
    assert found.commits == {(1,)}


def test_two_terms_of_three_nodes_up_to_a_bound():
    found = Explorer(EMPTY, term_max=2).explore(60_000)
    assert not found.violation, found.path
    assert found.depth >= 6
    assert len(found.leaders) == 6, "each of them led in each term"


@pytest.mark.parametrize("bug", [None, "index-before-term"])
def test_a_longer_log_of_an_earlier_term(bug):
    found = Explorer(LONG_OLD_LOG, term_max=3, bug=bug).explore(60_000)
    if bug is None:
        assert not found.violation, found.path
        assert (2, "n1") in found.leaders
        assert (1, 2) in found.commits
    else:
        assert found.violation.startswith("LeaderCompleteness: n0"), found
        assert len(found.path) >= 6, found.path


@pytest.mark.parametrize("bug", [None, "commits-earlier-terms"])
def test_figure_8(bug):
    found = Explorer(FIGURE_8, term_max=STANDS, bug=bug, append_entries_max=1).explore(200_000)
    if bug is None:
        assert found.complete
        assert not found.violation, found.path
        assert found.leaders == {(4, "n0"), (5, "n2")}
        assert {(2, 4), (3, 5)} <= found.commits
    else:
        assert found.violation.startswith(("LeaderCompleteness: n2", "StateMachineSafety")), found
        assert len(found.path) >= 6, found.path


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ((1, 2), (1, 2), False),
        ((1, 2), (1, 3), False),
        ((1, 2, 4), (1, 3, 4), True),
        ((1,), (), False),
        ((2, 2), (1, 2), True),
    ],
)
def test_the_explorers_log_matching(one, other, differ):
    assert _differ(one, other) is differ
