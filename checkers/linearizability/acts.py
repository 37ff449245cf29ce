"""What is left of a few operations on a register when their core has been found, and how far an order of it goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

NONE: Final = -1
"""as ``need``: any state will do; as ``put``: the state stays"""
INITIAL: Final = 0
"""the value number of the initial state"""


class Act(NamedTuple):
    """An operation. Values are small numbers; ``end`` is None when it crashed."""

    need: int
    put: int
    begin: int
    end: int | None


Item = tuple[int, Act]
"""(number of the operation, what is left of it)"""


def paths(items: Sequence[Item], most: int = 3, steps_max: int = 20_000) -> list[list[int]]:
    """A few of the longest orders that respect real time and the register, as numbers of operations; of those that
    differ only in where reads stand, one.
    """
    never = 1 << 62
    rest = [(i, 1 << i, act) for i, (_, act) in enumerate(items) if act.put not in (NONE, act.need)]
    reads: dict[int, list[tuple[int, int, int]]] = {}
    for i, (_, act) in enumerate(items):
        if act.put in (NONE, act.need):
            reads.setdefault(act.need, []).append((i, 1 << i, act.begin))
    ends = sorted((act.end, 1 << i) for i, (_, act) in enumerate(items) if act.end is not None)
    ends.append((never, 0))
    best: list[_Path] = []
    length = 0
    seen = set()
    stack: list[tuple[int, int, int, int, _Path]] = [(INITIAL, 0, 0, 0, None)]
    while stack and steps_max:
        steps_max -= 1
        state, mask, depth, due, path = stack.pop()
        if depth > length:
            best, length = [], depth
        if depth == length and depth and len(best) < most:
            best.append(path)
        while mask & ends[due][1]:
            due += 1
        horizon = ends[due][0]
        # a read that can be next may be: it takes nothing away
        for i, bit, begin in reads.get(state, ()):
            if not mask & bit and begin <= horizon:
                stack.append((state, mask | bit, depth + 1, due, (path, items[i][0])))
                break
        else:
            top = len(stack)
            for i, bit, (need, put, begin, _) in rest:
                if begin > horizon:
                    break
                if mask & bit or (need != NONE and need != state):  # noqa: PLR1714 (the inner loop)
                    continue
                after = (put, mask | bit)
                if after not in seen:
                    seen.add(after)
                    stack.insert(top, (*after, depth + 1, due, (path, items[i][0])))
    return [_unrolled(path) for path in best]


_Path = tuple[Any, int] | None
"""(what was before, the last operation)"""


def _unrolled(path: _Path) -> list[int]:
    numbers = []
    while path is not None:
        path, number = path
        numbers.append(number)
    numbers.reverse()
    return numbers
