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
    acts = [(i, 1 << i, act.need, act.put, act.begin) for i, (_, act) in enumerate(items)]
    ends = sorted((act.end, 1 << i) for i, (_, act) in enumerate(items) if act.end is not None)
    acts.reverse()
    best: list[list[int]] = []
    length = 0
    seen = set()
    stack: list[tuple[int, int, tuple[int, ...]]] = [(INITIAL, 0, ())]
    while stack and steps_max:
        steps_max -= 1
        state, mask, path = stack.pop()
        depth = len(path)
        if depth > length:
            best, length = [], depth
        if depth == length and depth and len(best) < most:
            best.append([items[i][0] for i in path])
        horizon = never
        for end, bit in ends:
            if not mask & bit:
                horizon = end
                break
        for i, bit, need, put, begin in acts:
            if mask & bit or begin > horizon or (need != NONE and need != state):  # noqa: PLR1714 (the inner loop)
                continue
            after = (state if put == NONE else put, mask | bit)
            if after not in seen:
                seen.add(after)
                stack.append((*after, (*path, i)))
    return best
