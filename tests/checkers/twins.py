"""Dumb twins: they try every order. Slow and plain on purpose; they share nothing with the checkers."""

from __future__ import annotations

from itertools import combinations, permutations

Step = tuple[str, object, object, int, int | None]
"""(f, invoked value, completed value, position of the invocation, of the completion or None when it
crashed)
"""


def register(state, f, invoked, completed):
    """(possible, state after) of a cas-register."""
    if f == "read":
        return state == completed, state
    if f == "write":
        return True, invoked
    frm, to = invoked
    return state == frm, to


def linearizable(steps: list[Step], initial=None) -> bool:
    """Whether some order of all completed and any crashed operations respects real time and the register."""
    completed = [s for s in steps if s[4] is not None]
    crashed = [s for s in steps if s[4] is None and s[0] != "read"]
    return any(
        _legal(order, initial)
        for size in range(len(crashed) + 1)
        for some in combinations(crashed, size)
        for order in permutations([*completed, *some])
    )


def _legal(order, initial) -> bool:
    state = initial
    for i, (f, invoked, answer, begin, _) in enumerate(order):
        if any(later[4] is not None and later[4] < begin for later in order[i + 1 :]):
            return False
        possible, state = register(state, f, invoked, answer)
        if not possible:
            return False
    return True
