"""Models of locks: acquire and release.

A lock that knows its owner takes for one the ``client`` of an op's value, where that is a map with one, as
Hazelcast's histories have it; else the process. A fenced lock hands out growing tokens: the answer of acquire is
the token, or a map with it as ``fence``; nil and 0 say nothing of it. (Models of Hazelcast's suite for Jepsen,
described in "Testing the CP subsystem with Jepsen".)
"""

from __future__ import annotations

from typing import Any, NamedTuple

from checkers.models.model import INCONSISTENT, Model, ModelError, thaw
from checkers.models.tabled import shown, tabled


def _acquire(state: Any, *_: Any) -> Any:
    return INCONSISTENT if state else True


def _release(state: Any, *_: Any) -> Any:
    return False if state else INCONSISTENT


MUTEX = tabled("mutex", False, {"acquire": _acquire, "release": _release}, engines=("mutex", "table"))
"""anybody may release it"""


def semaphore(permits: int, name: str = "semaphore") -> Model:
    """So many permits; acquire and release one, or as many as the op's value says."""

    def acquire(state: Any, invoked: Any, completed: Any, known: bool) -> Any:
        del completed, known
        return state - _wanted(invoked) if _wanted(invoked) <= state else INCONSISTENT

    def release(state: Any, invoked: Any, completed: Any, known: bool) -> Any:
        del completed, known
        return state + _wanted(invoked) if state + _wanted(invoked) <= permits else INCONSISTENT

    return tabled(name, permits, {"acquire": acquire, "release": release})


def _wanted(invoked: Any) -> int:
    if invoked is None:
        return 1
    if not isinstance(invoked, int) or invoked < 1:
        raise ModelError(f"permits are a number from 1 on, not {shown(invoked)}")
    return invoked


class Held(NamedTuple):
    """A lock's state: its owner, how often acquired, the token of this holding (0: none known), the highest one."""

    owner: Any = None
    times: int = 0
    fence: int = 0
    highest: int = 0


def _lock(name: str, *, times_max: int | None, fenced: bool) -> Model:
    def acquire(state: Held, invoked: Any, completed: Any, known: bool) -> Any:
        owner = _owner(invoked)
        fence = _fence(invoked[1], completed) if fenced and known else 0
        if state.times and state.owner != owner:
            return INCONSISTENT
        if times_max is not None and state.times >= times_max:
            return INCONSISTENT
        if fence and fence != state.fence and (state.fence or fence <= state.highest):
            return INCONSISTENT  # not the token of this holding, or not a new one
        return Held(owner, state.times + 1, fence or state.fence, max(fence, state.highest))

    def release(state: Held, invoked: Any, completed: Any, known: bool) -> Any:
        del completed, known
        if not state.times or state.owner != _owner(invoked):
            return INCONSISTENT
        if state.times == 1:
            return Held(highest=state.highest)
        return state._replace(times=state.times - 1)

    return tabled(name, Held(), {"acquire": acquire, "release": release}, owned=True)


def _owner(invoked: Any) -> Any:
    process, value = invoked
    named = thaw(value) if isinstance(value, tuple) and value[:1] == ("object",) else {}
    return ("client", str(named["client"])) if "client" in named else ("process", process)


def _fence(invoked: Any, completed: Any) -> int:
    answer = thaw(completed)
    if isinstance(answer, dict):
        answer = answer.get("fence")
    elif completed == invoked:
        answer = None  # no answer: what was asked for is repeated
    if answer is None:
        return 0
    if type(answer) is not int:
        raise ModelError(f"the token of an acquired lock is a number, not {shown(completed)}")
    return answer


OWNER_AWARE_MUTEX = _lock("owner-aware-mutex", times_max=1, fenced=False)
REENTRANT_MUTEX = _lock("reentrant-mutex", times_max=None, fenced=False)
FENCED_MUTEX = _lock("fenced-mutex", times_max=1, fenced=True)
REENTRANT_FENCED_MUTEX = _lock("reentrant-fenced-mutex", times_max=None, fenced=True)
