"""What is left of a few operations on a register when their core has been found, and how far an order of it goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

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
    """A few of the longest orders that respect real time and the register, as numbers of operations."""
    never = 1 << 62
    acts = [
        (i, 1 << i, act.need, act.put, act.begin, never if act.end is None else act.end)
        for i, (_, act) in enumerate(items)
    ]
    ends = sorted((end, bit) for _, bit, *_, end in acts if end != never)
    acts.reverse()
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
        horizon = never
        for end, bit in ends:
            if not mask & bit:
                horizon = end
                break
        for i, bit, need, put, begin, _ in acts:
            if mask & bit or begin > horizon or need not in (state, NONE):
                continue
            after = (state if put == NONE else put, mask | bit)
            if after not in seen:
                seen.add(after)
                stack.append((*after, (*path, i)))
    return best
