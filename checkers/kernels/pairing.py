"""Which completion belongs to which invocation: each process has at most one operation open."""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence

INVOKE = 0
INFO = 3
NIL = 0
NEMESIS = -1

FINE = 0
STILL_OPEN = 1
NOTHING_OPEN = 2
OTHER_FUNCTION = 3

SHIFT = 32
"""functions are numbered below 2 ** this"""
MASK = 0xFFFF_FFFF


def pair(
    process: Sequence[int],
    high: int,
    kind: Sequence[int],
    f: Sequence[int],
    key_kind: Sequence[int],
    key_word: Sequence[int],
    current: MutableSequence[int],
    begin: MutableSequence[int],
    end: MutableSequence[int],
    outcome: MutableSequence[int],
    problem: MutableSequence[int],
) -> int:
    """Pair ops; the number of operations found.

    ``process``: of each op, a number up to ``high``, or below NEMESIS one that is named. ``current``: a place for
    each of both. ``begin``, ``end``, ``outcome``: filled per operation, in order of invocation; ``end`` is -1 and
    ``outcome`` INFO where nothing completed it. ``problem``: [what, position] of the first that does not fit, where
    it stops; and how many completions have a key that is not written as the invocation's is.

    An ``info`` of a process that has nothing open is a remark, as Jepsen allows, and completes nothing.
    """
    count = 0
    problem[0] = FINE
    problem[1] = -1
    problem[2] = 0
    for who in range(len(current)):
        current[who] = -1
    for at in range(len(process)):
        who = process[at]
        if who < 0:
            if who == NEMESIS:
                continue
            who = high - who
        what = kind[at]
        held = current[who]
        if what == INVOKE:
            if held >= 0:
                problem[0] = STILL_OPEN
                problem[1] = at
                return count
            current[who] = (count << SHIFT) | f[
                at
            ]  # at hand together: with many processes they are far apart
            begin[count] = at
            end[count] = -1
            outcome[count] = INFO
            count += 1
        elif held >= 0:
            number = held >> SHIFT
            if held & MASK != f[at]:
                problem[0] = OTHER_FUNCTION
                problem[1] = at
                return count
            if key_kind[at] != NIL:
                first = begin[number]
                if key_kind[at] != key_kind[first] or key_word[at] != key_word[first]:
                    problem[2] += 1
            end[number] = at
            outcome[number] = what
            current[who] = -1
        elif what != INFO:
            problem[0] = NOTHING_OPEN
            problem[1] = at
            return count
    return count
