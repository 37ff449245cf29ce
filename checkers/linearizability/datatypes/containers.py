"""The engines of what elements are put into and taken out of, where no element is put in twice.

An element v was surely inside from the end of its put to the beginning of its take: I(v) = (put.end, take.begin).
What was never taken is taken after everything, in whatever order serves (a linearization may end so, and may be cut
off there). A crashed put that was taken has no end; one that was not is left out: an element fewer never makes an
order impossible.

- Any container: an element is taken once, and its take does not end before its put begins. A take that found nothing
  needs a moment p within its interval at which no element was surely inside: p outside the union of all I(v). It is
  enough: each element can have both its operations before p or both after it (p < min of ends, or p > max of begins).
- unordered-queue: nothing else.
- queue: no v whose put ends before w's begins although w's take ends before v's begins (Henzinger, Sezgin, Vafeiadis,
  CONCUR 2013, "VOrd"; Abdulla et al., PLDI 2025, for O(n log n)). Longer cycles of such constraints hold one of two
  elements, puts and takes being interval orders.
- stack: checkers/kernels/lifo.py. An element whose I(v) is empty can be pushed and popped in one moment and is left
  out; a moment outside all I(v) cuts a history into two independent ones; and where there is none, some element
  must be below all others: pushed before any other push ended, popped after every other pop began; any such element
  may be left out again (Lee, Mathur, arXiv 2410.04581: values that preserve linearizability). Where there is none:
  impossible.
- priority-queue: the take of v is as a take that found nothing among the elements smaller than v (the same paper).
  Enough: each element is taken at the first such moment of its take, and put in as late as it can be; were it
  inside at the moment of a larger one, then that moment, free of smaller elements, would have come first.

Crashed takes may have taken any element that no other take had, or nothing. Where the history is possible without
them it is possible. Else all such elements are given to the first of them at once: still impossible, impossible.
Else they are dealt out, the first crashed take to the element that must be gone first, ...: possible, possible. For
a queue without empty takes, whose elements' deadlines do not depend on each other, else it is impossible (Hall's
theorem on nested sets); in other cases the engine declines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from checkers.columns import INT, NIL, Int64
from checkers.kernels import lifo, smallest, view
from checkers.linearizability.budget import Budget
from checkers.linearizability.datatypes.timeline import Timeline, reject
from checkers.linearizability.engines import DECLINED, INVALID, NONE, VALID, Decisions, Engine, undecided
from checkers.linearizability.objects import Objects
from checkers.models import Model, ModelError, thaw

Flags = NDArray[np.bool_]

DEALT_MAX = 3000
"""elements of a stack or priority queue to which crashed takes are dealt with regard to the others"""


@dataclass(frozen=True, slots=True)
class Elements:
    """Elements that were put in, and takes that found nothing; positions on the axis of ``Timeline``."""

    timeline: Timeline
    key: Int64
    code: Int64
    put_begin: Int64
    put_end: Int64
    take_begin: Int64
    """LATE where nobody took it"""
    take_end: Int64
    """NEVER where nobody is known to have taken it"""
    empty_begin: Int64
    empty_end: Int64

    def of(self, keys: Flags) -> Elements:
        """Those of some keys."""
        chosen = keys[self.key]
        empty = keys[self.timeline.keys_of(self.empty_begin)]
        return replace(
            self,
            key=self.key[chosen],
            code=self.code[chosen],
            put_begin=self.put_begin[chosen],
            put_end=self.put_end[chosen],
            take_begin=self.take_begin[chosen],
            take_end=self.take_end[chosen],
            empty_begin=self.empty_begin[empty],
            empty_end=self.empty_end[empty],
        )

    def taken(self) -> Flags:
        """By a take that said so."""
        return self.take_end - self.key * self.timeline.span < self.timeline.late

    def held(self) -> tuple[Int64, Int64]:
        """(put_end, running maximum of take_begin), by put_end: the union of all I(v)."""
        inside = self.put_end < self.take_begin
        order = np.argsort(self.put_end[inside])
        return self.put_end[inside][order], np.maximum.accumulate(self.take_begin[inside][order])


Violations = Callable[[Elements], Int64]
"""Positions on the axis, each a completion by which its key is impossible."""


def empty_when_it_was_not(elements: Elements) -> Int64:
    """Takes that found nothing although at every moment something was surely inside."""
    starts, until = elements.held()
    if not len(starts) or not len(elements.empty_begin):
        return np.zeros(0, np.int64)
    opens = np.concatenate(([True], starts[1:] > until[:-1]))
    first = starts[opens]
    last = until[np.concatenate((opens[1:], [True]))]
    at = np.searchsorted(first, elements.empty_begin) - 1
    bad = (at >= 0) & (last[np.maximum(at, 0)] > elements.empty_end)
    return elements.empty_end[bad]


def out_of_order(elements: Elements) -> Int64:
    """Takes that ended before the take of an element began that was put in earlier."""
    order = np.argsort(elements.put_end)
    latest = np.maximum.accumulate(elements.take_begin[order]) if len(order) else elements.take_begin
    earlier = np.searchsorted(elements.put_end[order], elements.put_begin)
    has = np.flatnonzero(earlier)
    has = has[latest[earlier[has] - 1] > elements.take_end[has]]
    return elements.take_end[has]


def _queue(elements: Elements) -> Int64:
    return np.concatenate((empty_when_it_was_not(elements), out_of_order(elements)))


def _stack(elements: Elements) -> Int64:
    return np.concatenate((empty_when_it_was_not(elements), tangled(elements)))


def tangled(elements: Elements) -> Int64:
    """For each group of elements of a stack none of which can be below the others: its last position."""
    inside = np.flatnonzero(elements.put_end < elements.take_begin)
    n = len(inside)
    if not n:
        return np.zeros(0, np.int64)
    put_begin, put_end = elements.put_begin[inside], elements.put_end[inside]
    take_begin, take_end = elements.take_begin[inside], elements.take_end[inside]
    events = np.concatenate((put_end, take_begin))
    order = np.argsort(events, kind="stable")
    rank = np.empty(2 * n, np.int64)
    rank[order] = np.arange(2 * n)
    size = 1 << (2 * n - 1).bit_length()
    found = np.zeros(n, np.int64)
    count = lifo.tangles(
        view(put_begin),
        view(take_end),
        view(events[order]),
        view(order),
        view(rank),
        view(np.zeros(2 * size, np.int64)),
        view(np.zeros(2 * size, np.int64)),
        view(np.zeros(2 * size, np.int64)),
        view(np.zeros(2 * size, np.int64)),
        view(np.zeros(n, np.int8)),
        view(np.zeros(2 * n + 4, np.int64)),
        view(np.zeros(n + 1, np.int64)),
        view(found),
    )
    return events[order][found[:count]]


def _smallest(rank: Int64, elements: Elements) -> Int64:
    """``rank``: of each code among the values of the priority queue."""
    n, e = len(elements.key), len(elements.empty_begin)
    if not n:
        return np.zeros(0, np.int64)
    points = np.concatenate((elements.put_end, elements.take_begin))
    free_from = np.maximum(elements.put_begin, elements.take_begin)
    # a moment is a gap between neighbours of the sorted points; number i is the one after the i-th
    points.sort()
    order = np.lexsort((rank[elements.code], elements.key))

    def gap(at: Int64) -> Int64:
        place: Int64 = np.searchsorted(points, at, side="right")
        return place

    ok = elements.taken()[order]
    bad = np.zeros(n + e, np.int8)
    smallest.blocked(
        view(np.concatenate((gap(free_from)[order], gap(elements.empty_begin)))),
        view(np.concatenate((np.where(ok, gap(elements.take_end)[order], -1), gap(elements.empty_end)))),
        view(gap(elements.put_end)[order]),
        view(gap(elements.take_begin)[order]),
        view(np.arange(2 * n + 2)),
        view(bad),
    )
    ends = np.concatenate((elements.take_end[order], elements.empty_end))
    return ends[np.flatnonzero(bad)]


def _of(objects: Objects, kind: str) -> tuple[Decisions, Elements, Flags, Int64]:
    """(decisions on what concerns any container, elements, keys left to decide, beginnings of crashed takes)."""
    timeline = Timeline(objects)
    decisions = undecided(objects.keys)
    decisions.status[:] = VALID
    arguments = objects.arguments
    put, take = _PUT_TAKE[kind]
    f = objects.f
    puts = f == (objects.fs.index(put) if put in objects.fs else NONE)
    takes = f == (objects.fs.index(take) if take in objects.fs else NONE)
    _refuse_nil(objects, np.flatnonzero(puts), put)
    keys = objects.keys
    left = np.ones(keys, bool)

    def decline(numbers: Int64, why: str) -> None:
        for key in np.unique(timeline.key[numbers]).tolist():
            if left[key]:
                left[key] = False
                decisions.status[key] = DECLINED
                decisions.why[key] = why

    decline(np.flatnonzero(~puts & ~takes), f"it decides {put} and {take} only")
    crashed_takes = timeline.begin[takes & timeline.crashed]
    answered = np.flatnonzero(takes & ~timeline.crashed)
    nothing = objects.history.value.kind[objects.end[answered]] == NIL
    empties, took = answered[nothing], answered[~nothing]
    put_numbers = np.flatnonzero(puts)
    # one number for each element of each key
    put_id = timeline.key[put_numbers] * arguments.size + arguments.invoked[put_numbers]
    order = np.argsort(put_id, kind="stable")
    put_numbers, put_id = put_numbers[order], put_id[order]
    decline(put_numbers[1:][put_id[1:] == put_id[:-1]], "an element was put in twice")
    took_id = timeline.key[took] * arguments.size + arguments.completed[took]
    order = np.lexsort((timeline.end[took], took_id))
    took, took_id = took[order], took_id[order]
    again = np.concatenate(([False], took_id[1:] == took_id[:-1])) if len(took) else np.zeros(0, bool)
    place = np.searchsorted(put_id, took_id)
    place_in = np.minimum(place, max(len(put_id) - 1, 0))
    known = (put_id[place_in] == took_id) if len(put_id) else np.zeros(len(took), bool)
    early = np.zeros(len(took), bool)
    early[known] = timeline.end[took[known]] < timeline.begin[put_numbers[place_in[known]]]
    wrong = took[again | ~known | early]
    take_of = np.full(len(put_numbers), -1)
    fine = known & ~again
    take_of[place_in[fine]] = took[fine]
    wrong = wrong[left[timeline.key[wrong]]]
    reject(decisions, timeline, timeline.end[wrong])
    left &= decisions.status == VALID
    kept = (take_of >= 0) | ~timeline.crashed[put_numbers]
    put_numbers, take_of = put_numbers[kept], take_of[kept]
    key = timeline.key[put_numbers]
    origin = key * timeline.span
    elements = Elements(
        timeline,
        key,
        arguments.invoked[put_numbers],
        timeline.begin[put_numbers],
        timeline.end[put_numbers],
        np.where(take_of >= 0, timeline.begin[take_of], origin + timeline.late),
        np.where(take_of >= 0, timeline.end[take_of], origin + timeline.late + 1),
        timeline.begin[empties],
        timeline.end[empties],
    )
    return decisions, elements, left, np.sort(crashed_takes)


def _refuse_nil(objects: Objects, puts: Int64, put: str) -> None:
    nil = puts[objects.history.value.kind[objects.begin[puts]] == NIL]
    if len(nil):
        index = int(objects.history.index[objects.begin[nil[0]]])
        raise ModelError(f"op {index}: nil is no element to {put}")


_PUT_TAKE = {
    "queue": ("enqueue", "dequeue"),
    "unordered-queue": ("enqueue", "dequeue"),
    "stack": ("push", "pop"),
    "priority-queue": ("enqueue", "dequeue"),
}


def _ranks(objects: Objects) -> Int64:
    """Of every code, its place in the order of values. Raises ModelError for values that have no order."""
    arguments = objects.arguments
    rank = np.zeros(arguments.size, np.int64)
    values = objects.history.value
    puts = np.flatnonzero(objects.f == (objects.fs.index("enqueue") if "enqueue" in objects.fs else NONE))
    if (values.kind[objects.begin[puts]] == INT).all():
        rank[arguments.invoked[puts]] = values.word[objects.begin[puts]]
        return rank
    codes = np.unique(arguments.invoked[puts]).tolist()
    ordered: list[tuple[Any, int]] = [(arguments.value(code), code) for code in codes]
    try:
        ordered.sort(key=lambda pair: pair[0])
    except TypeError:
        seen: dict[type, Any] = {}
        for value, _ in ordered:
            seen.setdefault(type(value), thaw(value))
        told = " and ".join(repr(value) for value in list(seen.values())[:2])
        raise ModelError(
            f"elements of a priority queue are numbers, strings, or lists of them, all of one kind, not {told}"
        ) from None
    for place, (_, code) in enumerate(ordered):
        rank[code] = place
    return rank


def _decide(kind: str, objects: Objects, model: Model, budget: Budget) -> Decisions:
    del model, budget
    decisions, elements, left, crashed = _of(objects, kind)
    violations = _VIOLATIONS.get(kind) or partial(_smallest, _ranks(objects))
    some = elements if left.all() else elements.of(left)
    reject(decisions, elements.timeline, violations(some))
    if len(crashed):
        _with_crashed_takes(
            kind, decisions, elements, left & (decisions.status == INVALID), crashed, violations
        )
    return decisions


_VIOLATIONS: dict[str, Violations] = {
    "queue": _queue,
    "unordered-queue": empty_when_it_was_not,
    "stack": _stack,
}


def _with_crashed_takes(
    kind: str, decisions: Decisions, elements: Elements, keys: Flags, crashed: Int64, violations: Violations
) -> None:
    """Judge anew the keys of which crashed takes may explain what else is impossible."""
    timeline = elements.timeline
    by_key = timeline.keys_of(crashed)
    keys = keys & (np.bincount(by_key, minlength=len(keys)) > 0)
    if not keys.any():
        return
    some = elements.of(keys)
    untaken = ~some.taken()
    first = np.searchsorted(by_key, some.key)
    earliest = crashed[np.minimum(first, len(crashed) - 1)]
    generous = replace(some, take_begin=np.where(untaken, earliest, some.take_begin))
    decisions.status[keys] = VALID
    decisions.position[keys] = -1
    reject(decisions, timeline, violations(generous))
    keys = keys & (decisions.status == VALID)
    if not keys.any():
        return
    some = some.of(keys)
    dealt = _dealt(kind, some, crashed[keys[by_key]], violations)
    impossible = undecided(len(keys))
    reject(impossible, timeline, violations(dealt))
    with_empties = np.zeros(len(keys), bool)
    with_empties[timeline.keys_of(some.empty_begin)] = True
    for key in np.flatnonzero((impossible.status == INVALID) & keys).tolist():
        if kind == "queue" and not with_empties[key]:
            decisions.status[key], decisions.position[key] = INVALID, impossible.position[key]
        else:
            decisions.status[key] = DECLINED
            decisions.why[key] = "what its crashed operations took decides"


def _dealt(kind: str, elements: Elements, crashed: Int64, violations: Violations) -> Elements:
    """Crashed takes dealt to the elements that must be gone first."""
    del violations
    timeline = elements.timeline
    untaken = np.flatnonzero(~elements.taken())
    deadline = _deadlines(kind, elements, untaken)
    order = np.lexsort((deadline, elements.key[untaken]))
    untaken = untaken[order]
    key = elements.key[untaken]
    by_key = timeline.keys_of(crashed)
    nth = np.arange(len(untaken)) - np.searchsorted(key, key)
    place = np.searchsorted(by_key, key) + nth
    served = place < np.searchsorted(by_key, key, side="right")
    begin = elements.take_begin.copy()
    begin[untaken[served]] = crashed[place[served]]
    return replace(elements, take_begin=begin)


def _deadlines(kind: str, elements: Elements, untaken: Int64) -> Int64:
    """Positions before which elements must be gone, as far as the others' own operations say."""
    never = (elements.key[untaken] + 1) * elements.timeline.span
    gone = elements.put_end[untaken]
    deadline = _next_least(elements.empty_begin, elements.empty_end, gone, never)
    if kind == "queue":
        return np.minimum(deadline, _next_least(elements.put_begin, elements.take_end, gone, never))
    if kind == "unordered-queue" or len(untaken) > DEALT_MAX:
        return deadline
    taken = elements.taken()
    others = taken & (elements.put_end > -1)
    begin, end, by, key = (
        column[others] for column in (elements.take_begin, elements.take_end, elements.put_end, elements.key)
    )
    for at, number in enumerate(untaken.tolist()):
        after = (begin > elements.put_end[number]) & (key == elements.key[number])
        if kind == "stack":
            after &= by < elements.put_begin[number]
        if after.any():
            deadline[at] = min(deadline[at], int(end[after].min()))
    return deadline


def _next_least(begin: Int64, end: Int64, after: Int64, never: Int64) -> Int64:
    """For each of ``after``, the least ``end`` of those that begin after it."""
    if not len(begin):
        return never.copy()
    order = np.argsort(begin)
    least = np.minimum.accumulate(end[order][::-1])[::-1]
    place = np.searchsorted(begin[order], after)
    return np.where(place < len(least), np.minimum(least[np.minimum(place, len(least) - 1)], never), never)


QUEUE = Engine("queue", partial(_decide, "queue"))
UNORDERED_QUEUE = Engine("unordered-queue", partial(_decide, "unordered-queue"))
STACK = Engine("stack", partial(_decide, "stack"))
PRIORITY_QUEUE = Engine("priority-queue", partial(_decide, "priority-queue"))
