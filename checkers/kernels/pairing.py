"""Which completion belongs to which invocation: each process has at most one operation open."""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence

INVOKE = 0
INFO = 3

FINE = 0
STILL_OPEN = 1
NOTHING_OPEN = 2
OTHER_FUNCTION = 3


def pair(
    slot: Sequence[int],
    kind: Sequence[int],
    f: Sequence[int],
    current: MutableSequence[int],
    begin: MutableSequence[int],
    end: MutableSequence[int],
    outcome: MutableSequence[int],
    problem: MutableSequence[int],
) -> int:
    """Pair ops; the number of operations found.

    ``slot``: of each op, its process as a small number, negative for those that are no client. ``current``: a place
    for each slot, all -1. ``begin``, ``end``, ``outcome``: filled per operation, in order of invocation; ``end`` is
    -1 and ``outcome`` INFO where nothing completed it. ``problem``: [what, position] of the first that does not fit,
    where it stops.

    An ``info`` of a process that has nothing open is a remark, as Jepsen allows, and completes nothing.
    """
    count = 0
    for at in range(len(slot)):
        who = slot[at]
        if who < 0:
            continue
        what = kind[at]
        number = current[who]
        if what == INVOKE:
            if number >= 0:
                problem[0] = STILL_OPEN
                problem[1] = at
                return count
            current[who] = count
            begin[count] = at
            end[count] = -1
            outcome[count] = INFO
            count += 1
        elif number >= 0:
            if f[begin[number]] != f[at]:
                problem[0] = OTHER_FUNCTION
                problem[1] = at
                return count
            end[number] = at
            outcome[number] = what
            current[who] = -1
        elif what != INFO:
            problem[0] = NOTHING_OPEN
            problem[1] = at
            return count
    return count
