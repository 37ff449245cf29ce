"""Models of what elements are put into and taken out of: queues, a stack, a priority queue.

Taking answers an element, or nil when there was none. Nil is therefore no element. A crashed take took the element
that was its turn, if there was one.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable
from typing import Any

from checkers.models.model import INCONSISTENT, Model, ModelError
from checkers.models.tabled import Function, shown, tabled

State = tuple[Any, ...]


def _container(
    name: str, engine: str, put: str, take: str, insert: Callable[[State, Any], State], at: int
) -> Model:
    """Elements in a tuple; the one at ``at`` is the next to be taken; ``peek`` looks at it."""

    def add(state: Any, invoked: Any, completed: Any, known: bool) -> Any:
        del completed, known
        if invoked is None:
            raise ModelError(f"nil is no element to {put}")
        return insert(state, invoked)

    def remove(state: Any, invoked: Any, completed: Any, known: bool) -> Any:
        del invoked
        if known and completed != (state[at] if state else None):
            return INCONSISTENT
        return state[1:] if at == 0 else state[:-1]

    def peek(state: Any, invoked: Any, completed: Any, known: bool) -> Any:
        del invoked
        return state if not known or completed == (state[at] if state else None) else INCONSISTENT

    functions: dict[str, Function] = {put: add, take: remove, "peek": peek}
    return tabled(name, (), functions, reads=("peek",), engines=(engine, "table"))


def _last(state: State, element: Any) -> State:
    return (*state, element)


def _sorted(state: State, element: Any) -> State:
    try:
        order = list(state)
        insort(order, element)
    except TypeError:
        raise ModelError(
            f"elements of a priority queue are numbers, strings, or lists of them: {shown(element)} cannot be "
            f"compared with {shown(state[0])}"
        ) from None
    return tuple(order)


FIFO_QUEUE = _container("fifo-queue", "queue", "enqueue", "dequeue", _last, 0)
STACK = _container("stack", "stack", "push", "pop", _last, -1)
PRIORITY_QUEUE = _container("priority-queue", "priority-queue", "enqueue", "dequeue", _sorted, 0)
"""the smallest element first; of lists, the first items decide: [priority, name]"""


# --- a queue without order
#
# A crashed dequeue may have taken any element that was there, and nobody knows which until the queue is said to be
# empty. A state is groups of elements: those put in before the first, second, ... such dequeue, and after the last.
# It is possible while the first n groups together have n elements or more, for every n (Hall's theorem on nested
# sets), and empty when they have exactly as many as there are such dequeues.


def _put_anywhere(state: Any, invoked: Any, completed: Any, known: bool) -> Any:
    del completed, known
    if invoked is None:
        raise ModelError("nil is no element to enqueue")
    last = list(state[-1])
    last.insert(bisect_right([repr(e) for e in last], repr(invoked)), invoked)
    return (*state[:-1], tuple(last))


def _take_any(state: Any, invoked: Any, completed: Any, known: bool) -> Any:
    del invoked
    if not known:
        return _settled((*state, ()))
    if completed is None:
        return ((),) if sum(map(len, state)) == len(state) - 1 else INCONSISTENT
    found: Any = INCONSISTENT
    for at in range(len(state) - 1, -1, -1):
        # of equal elements the one that came last: it was of use to the fewest
        if completed in state[at]:
            group = list(state[at])
            group.remove(completed)
            found = _settled((*state[:at], tuple(group), *state[at + 1 :]))
            break
    return found


def _settled(state: tuple[State, ...]) -> Any:
    """Without the groups of which everything was taken; INCONSISTENT when more was taken than there was."""
    elements = 0
    start = 0
    for at in range(len(state) - 1):
        elements += len(state[at])
        if elements < at + 1:
            return INCONSISTENT
        if elements == at + 1:
            start = at + 1
    return state[start:]


UNORDERED_QUEUE = tabled(
    "unordered-queue",
    ((),),
    {"enqueue": _put_anywhere, "dequeue": _take_any},
    engines=("unordered-queue", "table"),
)
