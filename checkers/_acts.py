"""A register's operations as few numbers, and whether they have an order: for the words about a violation.

Every operation, read, write or cas, *needs* the state to equal a value (or any) and *puts* another (or keeps it).
Values are small numbers.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final, NamedTuple

from checkers._budget import Budget
from checkers._purse import Purse
from checkers.kernels import search

NONE: Final = -1
"""as ``need``: any state will do; as ``put``: the state stays"""
INITIAL: Final = 0
"""the value number of the initial state"""
_CRASHED = 1 << 62


class Act(NamedTuple):
    """An operation as the search sees it. ``end`` is None when it crashed."""

    need: int
    put: int
    begin: int
    end: int | None


def cut(act: Act, position: int) -> Act | None:
    """What was known of an operation at a position: nothing, or open (crashed, a read dropped), or all."""
    if act.end is not None and act.end <= position:
        return act
    return act._replace(end=None) if act.begin <= position and act.put != NONE else None


class Judge:
    """Says of acts, by begin, whether they have no order. The budget is for all it is asked."""

    def __init__(self, budget: Budget) -> None:
        purse = Purse(budget, 1)
        self._search = purse.search = search.Search(purse.look)

    def impossible(self, acts: Sequence[Act]) -> bool:
        """Raises BudgetExceededError."""
        if not acts:
            return False
        need, put, begin, ends = zip(*acts, strict=True)
        found = self._search
        end = array("q", [_CRASHED if at is None else at for at in ends])
        found.load(array("q", begin), end, 2 + max(*need, *put), len(acts))
        values = found.number(0, 0, len(acts), array("q", need), array("q", put), INITIAL)
        return not found.settle(0, len(acts), values)


def impossible(acts: Sequence[Act], budget: Budget) -> bool:
    """Whether acts, by begin, have no order. Raises BudgetExceededError."""
    return Judge(budget).impossible(acts)
