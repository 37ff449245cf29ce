"""Smaller histories of a register that are still impossible.

A history may be weakened without making a possible one impossible, as long as each value that is still
observed keeps all its producers:

- a read may go; a cas may forget which value it needed (it becomes a write);
- when nothing observes a value any more its writes may go, and a cas may forget what it put (it becomes a
  read).

So whatever is impossible here is impossible in the whole history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from checkers._acts import INITIAL, NONE, Act, Judge
from checkers._budget import Budget, BudgetExceededError

TESTS_MAX = 400
"""searches that one shrinking may do"""

Item = tuple[int, Act]
"""(number of the operation, what is left of it)"""

_Accept = Callable[[list[Item]], None]


def shrink(items: Sequence[Item], budget: Budget) -> list[Item]:
    """A smallest impossible history within an impossible one, as far as the budget reaches; in the same
    order.
    """
    left = list(items)
    judge = Judge(budget)
    for tests, (smaller, accept) in enumerate(_Candidates(left)):
        if tests == TESTS_MAX:
            break
        try:
            impossible = judge.impossible([act for _, act in smaller])
        except BudgetExceededError:
            break
        if impossible:
            accept(smaller)
            left = smaller
    return left


class _Candidates:
    """Histories to try next: without halves, quarters... of the values, then single values, then operations.

    Each comes with a function that makes it the one to go on from.
    """

    def __init__(self, items: list[Item]) -> None:
        self.items = items

    def _accept(self, items: list[Item]) -> None:
        self.items = items

    def __iter__(self) -> Iterator[tuple[list[Item], _Accept]]:
        before = None
        while before != self.items:
            before = self.items
            yield from self._by_values()
            yield from self._by_operations()

    def _by_values(self) -> Iterator[tuple[list[Item], _Accept]]:
        values = _values(self.items)
        chunk = max(1, (len(values) + 1) // 2)
        while True:
            start = 0
            while start < len(values):
                gone = frozenset(values[start : start + chunk])
                held = self.items
                yield _without_values(held, gone), self._accept
                if self.items is held:
                    start += chunk
                else:
                    del values[start : start + chunk]
            if chunk == 1:
                return
            chunk = (chunk + 1) // 2

    def _by_operations(self) -> Iterator[tuple[list[Item], _Accept]]:
        for number in [number for number, _ in self.items]:
            for weaken in (_without_need, _without_put):
                place = next((i for i, item in enumerate(self.items) if item[0] == number), None)
                if place is None:
                    break
                weaker = weaken(self.items, place)
                if weaker is not None:
                    yield self.items[:place] + weaker + self.items[place + 1 :], self._accept


def _values(items: Sequence[Item]) -> list[int]:
    """The values that occur, by first occurrence."""
    return list(dict.fromkeys(value for _, act in items for value in (act.need, act.put) if value != NONE))


def _without_values(items: Sequence[Item], gone: frozenset[int]) -> list[Item]:
    """Nothing observes these values any more, and nothing produces them."""
    out = []
    for number, act in items:
        need = NONE if act.need in gone else act.need
        put = NONE if act.put in gone else act.put
        if put == NONE and (need == NONE or act.end is None):
            continue
        out.append((number, act._replace(need=need, put=put)))
    return out


def _without_need(items: Sequence[Item], place: int) -> list[Item] | None:
    number, act = items[place]
    if act.need == NONE:
        return None
    return [] if act.put == NONE else [(number, act._replace(need=NONE))]


def _without_put(items: Sequence[Item], place: int) -> list[Item] | None:
    number, act = items[place]
    if act.put == NONE or any(other.need == act.put for _, other in items):
        return None
    return [] if act.need == NONE or act.end is None else [(number, act._replace(put=NONE))]


def paths(items: Sequence[Item], most: int = 3, steps_max: int = 20_000) -> list[list[int]]:
    """A few of the longest orders that respect real time and the register, as numbers of operations."""
    acts = [act for _, act in items]
    best: list[list[int]] = []
    length = 0
    seen = set()
    stack: list[tuple[int, int, tuple[int, ...]]] = [(INITIAL, 0, ())]
    while stack and steps_max:
        steps_max -= 1
        state, mask, path = stack.pop()
        if len(path) > length:
            best, length = [], len(path)
        if len(path) == length and len(best) < most and path:
            best.append([items[i][0] for i in path])
        horizon = min(
            (act.end for i, act in enumerate(acts) if act.end is not None and not mask >> i & 1),
            default=None,
        )
        for i in range(len(acts) - 1, -1, -1):
            act = acts[i]
            if mask >> i & 1 or (horizon is not None and act.begin > horizon):
                continue
            if act.need not in (NONE, state):
                continue
            after = (state if act.put == NONE else act.put, mask | 1 << i)
            if after not in seen:
                seen.add(after)
                stack.append((*after, (*path, i)))
    return best
