"""A register's acts, and whether they have an order, by the compiled search."""

from __future__ import annotations

from array import array

from checkers.kernels import search
from checkers.linearizability.acts import INITIAL, NONE
from checkers.linearizability.budget import Budget
from checkers.linearizability.purse import Purse

CRASHED = 1 << 62


def cut(act, position):
    """What was known of an operation at a position: nothing, or open (crashed, a read dropped), or all."""
    if act.end is not None and act.end <= position:
        return act
    return act._replace(end=None) if act.begin <= position and act.put != NONE else None


def impossible(acts):
    """Whether they have no order."""
    if not acts:
        return False
    need, put, begin, ends = zip(*sorted(acts, key=lambda act: act.begin), strict=True)
    purse = Purse(Budget(20, 500), 1)
    found = purse.search = search.Search(purse.look)
    end = array("q", [CRASHED if at is None else at for at in ends])
    found.load(array("q", begin), end, 2 + max(*need, *put), len(acts))
    values = found.number(0, 0, len(acts), array("q", need), array("q", put), INITIAL)
    return not found.settle(0, len(acts), values)


def first_refuted(acts):
    """The position of the first completion at which the acts so far have no order, or None."""
    if not impossible(acts):
        return None
    acts = sorted(acts, key=lambda act: act.begin)
    need, put, begin, ends = (list(column) for column in zip(*acts, strict=True))
    found = search.Search(lambda explored, held: 1 << 40)  # noqa: ARG005
    end = array("q", [CRASHED if at is None else at for at in ends])
    found.load(array("q", begin), end, 2 + max(*need, *put), len(acts))
    values = found.number(0, 0, len(acts), array("q", need), array("q", put), 0)
    return found.first_impossible(0, len(acts), values, 1 << 40)
