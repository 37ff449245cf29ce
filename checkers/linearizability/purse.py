"""What a compiled search asks now and then: may I go on?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from checkers.columns import Int64
from checkers.linearizability.budget import CONFIGURATION_BYTES, Budget, BudgetExceededError

STRIDE = 1000
"""configurations between two looks at the clock, at most"""
IDLE_MAX = 100_000
"""operations of a key whose search is kept for the next, with its memory"""


class Purse:
    """A budget for a batch of keys: each may use an equal share of what is left.

    ``search.current`` is the key in hand.
    """

    def __init__(self, budget: Budget, keys: int) -> None:
        self.search: Any = None
        self._budget = budget
        self._keys = keys
        self._key = -1
        self._share = budget
        self._explored = 0

    def look(self, explored: int, held: int) -> int:
        """Charge for the configurations since the last look, ``held`` bytes being in memory; how many may be explored
        before the next. Raises BudgetExceededError.
        """
        budget = self._budget
        if self.search is not None:
            key = self.search.current
            if key != self._key:
                self._key = key
                self._share = budget.share(self._keys - key)
            new = explored - self._explored
            self._explored = explored
            if self._share is not budget:
                budget.configurations += new
            self._share.charge(new, held // CONFIGURATION_BYTES)
        share = self._share
        if share.configurations_max is None:
            return STRIDE
        return max(1, min(STRIDE, share.configurations_max - share.configurations + 1))


def each_within(
    search: Any, keys: int, decide: Callable[[int], None], position: Int64, why: dict[int, str]
) -> None:
    """``decide(key)``, decides the keys from one on; ``why`` tells of those whose budget ran out."""
    key = 0
    while key < keys:
        try:
            decide(key)
        except BudgetExceededError as e:
            key = search.current
            position[key] = search.proved
            why[key] = str(e)
            key += 1
        else:
            break
