"""One key of a register that has no order: what is impossible, and the few operations that show it (compiled)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from checkers.columns import Int64
from checkers.kernels import view
from checkers.kernels.cores import Cores
from checkers.linearizability.budget import BudgetExceededError, effort
from checkers.linearizability.objects import Objects
from checkers.linearizability.purse import Purse

EFFORT = 3_000_000
"""configurations to explore for one key: counted, not timed, so that it is the same everywhere"""
WORK = 4_000_000
"""operations to look at for one core, over all that is tried"""
IMPOSSIBLE_MAX = 8
"""completions that are named as impossible, of one key"""
AFTER_MAX = 10_000
"""operations after the first impossible completion among which further ones are looked for"""
CORE_MAX = 5000
"""operations beyond which nothing is shrunk"""

Part = tuple[int, bool, bool]
"""(number of an operation, whether what it needs is left, whether what it puts is left)"""


class Dissection(NamedTuple):
    """``impossible``: completions, in order, of which each has no place even if those before it do not count; none
    where the effort ended before the first. ``states``: codes of the values before the first.
    """

    impossible: list[int]
    states: list[int]


class Scalpel:
    """Some operations of one key: ``numbers`` of them, in order, or all. Dissect first, then shrink."""

    def __init__(self, objects: Objects, numbers: Sequence[int] | None = None) -> None:
        registers = objects.registers
        need, put, size, initial = registers[:4]
        self._begin, self._end = objects.begin, objects.end
        self._numbers = None
        if numbers is not None:
            self._numbers = np.array(numbers, np.int64)
            m = len(numbers)
            codes, local = np.unique(
                np.concatenate((need[self._numbers], put[self._numbers], [initial, -1])), return_inverse=True
            )
            need, put = local[:m] - 1, local[m : 2 * m] - 1
            initial, size = int(local[-2]) - 1, len(codes) - 1
            self._begin, self._end = self._begin[self._numbers], self._end[self._numbers]
        purse = Purse(effort(EFFORT), 1)
        self._found = purse.search = Cores(purse.look)
        m = len(self._begin)
        self._found.load(_flat(self._begin), _flat(self._end), size, max(m, 1))
        self._count = m
        self._size = size
        self._values = self._found.number(0, 0, m, _flat(need), _flat(put), initial)

    def dissect(self, position: int, *, after: int = AFTER_MAX, most: int = IMPOSSIBLE_MAX) -> Dissection:
        """What is impossible; the operations are known to be so at a position."""
        count = min(self._count, int(np.searchsorted(self._begin, position)) + after)
        positions, states = np.empty(most, np.int64), np.empty(self._values, np.int64)
        try:
            failures = self._found.dissect(count, self._values, EFFORT // 2, view(positions), view(states))
        except BudgetExceededError:
            return Dissection([], [])
        return Dissection(positions[:failures].tolist(), sorted(states[: self._found.state_count].tolist()))

    def shrink(self, position: int) -> list[Part]:
        """A smallest history, within what was known at the position, that is impossible; where there is much, what
        was known.
        """
        found = self._found
        size = found.take(self._count, position)
        if size <= CORE_MAX:
            with suppress(BudgetExceededError):
                found.shrink(self._values, WORK)
        which, wants, makes = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64)
        size = found.left(view(which), view(wants), view(makes))
        numbers = which[:size] if self._numbers is None else self._numbers[which[:size]]
        needs, puts = (wants[:size] >= 0).tolist(), (makes[:size] >= 0).tolist()
        return list(zip(numbers.tolist(), needs, puts, strict=True))


def _flat(array: Int64) -> Any:
    return view(np.ascontiguousarray(array))
