"""One key of a register that has no order: what is impossible, and the few operations that show it (compiled)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from checkers.columns import Int64
from checkers.kernels import view
from checkers.kernels.cores import Cores
from checkers.linearizability.acts import Act, Item
from checkers.linearizability.budget import BudgetExceededError, effort
from checkers.linearizability.objects import CRASHED, Objects
from checkers.linearizability.purse import IDLE_MAX, Purse

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


class Dissection(NamedTuple):
    """``impossible``: completions, in order, of which each has no place even if those before it do not count; none
    where the effort ended before the first. ``states``: codes of the values before the first.
    """

    impossible: list[int]
    states: list[int]


_idle: list[Cores] = []
"""one that has been used, to be used again: making it takes as long as a small history's core"""


class Scalpel:
    """Some operations of one key: ``numbers`` of them, in order, or all. Dissect first, then shrink, then no more."""

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
        if _idle:
            self._found = _idle.pop()
            self._found.again(purse.look)
        else:
            self._found = Cores(purse.look)
        purse.search = self._found
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

    def shrink(self, position: int) -> list[Item]:
        """A smallest history, within what was known at the position, that is impossible; where there is much, what
        was known. Values are numbers as they are met in the operations, the initial one is INITIAL.
        """
        found = self._found
        size = found.take(self._count, position)
        if size <= CORE_MAX:
            with suppress(BudgetExceededError):
                found.shrink(self._values, WORK)
        columns = np.empty((5, size), np.int64)
        size = found.left(*map(view, columns))
        if self._count < IDLE_MAX and not _idle:
            _idle.append(found)
        which, *acts = columns[:, :size].tolist()
        if self._numbers is not None:
            which = self._numbers[which].tolist()
        return [
            (number, Act(need, put, begin, None if end == CRASHED else end))
            for number, need, put, begin, end in zip(which, *acts, strict=True)
        ]


def _flat(array: Int64) -> Any:
    return view(np.ascontiguousarray(array))
