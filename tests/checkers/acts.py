"""Whether acts have an order, by the search of the batch."""

from __future__ import annotations

from array import array

from checkers import _acts
from checkers._budget import Budget
from checkers.kernels import search

CRASHED = 1 << 62


def impossible(acts):
    return _acts.impossible(sorted(acts, key=lambda act: act.begin), Budget(20, 500))


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
