"""The engine of sets.

Operations on one element do not see the others: a set is as many objects as it has elements, and is linearizable if
each of them is (Horn, Kroening, FORTE 2015, P-compositionality). Of an element let a be the moment of its add, r
that of its remove, at most one of each. What says "in" lies between a and r, what says "not in" before a or after
r. So a is at the latest before the first end of an "in", r at the earliest after the last beginning of one; and the
later a and the earlier r, the fewer of "not in" are shut in between. That leaves three cases, each decided by a few
least and greatest positions: not added, added, added and then removed; a remove that changed nothing says "not in",
an add that changed nothing "in". Elements that were added or removed more than once are searched, each alone, with
two states.

A read of the whole set ties the elements together. Sets that only grow, without other reads, are decided all the
same: one read holds another one or is held by it, which puts them, and the adds between, in order
(checkers/linearizability/datatypes/blocks.py). Others are declined.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from checkers.columns import BOOL, LIST, NIL, Column, Int64
from checkers.linearizability.budget import Budget
from checkers.linearizability.datatypes.blocks import Staged, backwards
from checkers.linearizability.datatypes.timeline import Timeline, reject
from checkers.linearizability.engines import (
    DECLINED,
    INVALID,
    NONE,
    UNKNOWN,
    VALID,
    Decisions,
    Engine,
    engine_named,
    undecided,
)
from checkers.linearizability.objects import Objects
from checkers.models import INCONSISTENT, Model
from checkers.models.values import SET

Flags = NDArray[np.bool_]


def decide(objects: Objects, model: Model, budget: Budget) -> Decisions:
    decisions = undecided(objects.keys)
    timeline = Timeline(objects)
    reads = _is(objects, "read")
    whole = np.zeros(objects.keys, bool)
    whole[timeline.key[reads]] = True
    if whole.any():
        _grown(objects, timeline, decisions, np.flatnonzero(whole))
    single = np.flatnonzero(~whole)
    if len(single):
        part = objects.some(single)
        found = _by_element(part, model, budget)
        decisions.status[single] = found.status
        decisions.position[single] = found.position
        decisions.why.update({int(single[key]): why for key, why in found.why.items()})
    return decisions


def _is(objects: Objects, f: str) -> Flags:
    return np.equal(objects.f, objects.fs.index(f) if f in objects.fs else NONE)


# --- element by element


class _Told(NamedTuple):
    """By operation: it says that its element was in, that it was not; it adds, it removes (and may say nothing)."""

    inside: Flags
    outside: Flags
    adds: Flags
    removes: Flags
    odd: Flags


def _told(objects: Objects) -> _Told:
    add, remove, contains = (_is(objects, f) for f in ("add", "remove", "contains"))
    known = objects.end < timeline_late(objects)
    values = objects.history.value
    at = np.where(known, objects.end, objects.begin)
    kind, word = values.kind[at], values.word[at]
    # a boolean element: whether an answer repeats it or says something nobody can tell
    odd = ~(add | remove | contains) | (values.kind[objects.begin] == BOOL)
    pairs = contains & known & (kind == LIST)
    if pairs.any():
        pool = objects.history.pool
        fine = pairs & (pool.word[np.where(pairs, word, 0)] == 2)
        last = np.where(fine, word + 2, 0)
        kind = np.where(fine, pool.kind[last], kind)
        word = np.where(fine, pool.word[last], word)
    says = known & (kind == BOOL)
    odd |= contains & known & ~says
    yes, no = says & (word == 1), says & (word == 0)
    return _Told(
        inside=(contains & yes) | (remove & yes) | (add & no),
        outside=(contains & no) | (remove & no) | (add & yes),
        adds=add & ~no,
        removes=remove & ~no,
        odd=odd,
    )


def timeline_late(objects: Objects) -> int:
    return len(objects.history)


def _by_element(objects: Objects, model: Model, budget: Budget) -> Decisions:
    """Of keys without reads of the whole set."""
    told = _told(objects)
    decisions = undecided(objects.keys)
    decisions.status[:] = VALID
    timeline = Timeline(objects)
    invoked, size = objects.arguments.invoked, objects.arguments.size
    # one number for each element of each key, in order of key
    names, element = np.unique(timeline.key * size + invoked, return_inverse=True)
    count = len(names)
    key = names // size
    origin = key * timeline.span
    span = timeline.span
    adds, removes = (np.bincount(element[flags], minlength=count) for flags in (told.adds, told.removes))
    many = (adds > 1) | (removes > 1)
    many[element[told.odd]] = True
    # crashed operations have no end, and need not have happened
    happened = ~timeline.crashed

    def least(values: Int64, flags: Flags, default: Int64) -> Int64:
        out = default.copy()
        np.minimum.at(out, element[flags], values[flags])
        return out

    def most(values: Int64, flags: Flags, default: Int64) -> Int64:
        out = default.copy()
        np.maximum.at(out, element[flags], values[flags])
        return out

    begin, end = timeline.begin, timeline.end
    looks_in = told.inside & ~told.removes
    looks_out = told.outside & ~told.adds
    low, high = origin - 1, origin + span
    add_begin, add_end = least(begin, told.adds, high), least(end, told.adds, high)
    remove_begin, remove_end = least(begin, told.removes, high), least(end, told.removes, high)
    must_add = _any(element, told.adds & happened, count)
    must_remove = _any(element, told.removes & happened, count)
    add_says, remove_says = (
        _any(element, flags, count) for flags in (told.adds & told.outside, told.removes & told.inside)
    )
    in_first_end, in_last_begin = least(end, looks_in, high), most(begin, looks_in, low)
    out_first_end, out_last_begin = least(end, looks_out, high), most(begin, looks_out, low)
    del out_first_end
    seen = in_last_begin > low
    possible = ~seen & ~must_add & ~remove_says  # never in
    # added, and not removed after that: a remove that says nothing may have come before, or, crashed, not at all
    latest_add = np.minimum(add_end, in_first_end)
    before = np.maximum(add_begin, out_last_begin)
    unremoved = ~must_remove | (~remove_says & (remove_begin < latest_add))
    possible |= (adds > 0) & unremoved & (before < latest_add)
    # added, then removed
    earliest_remove = np.maximum(remove_begin, in_last_begin)
    order = (adds > 0) & (removes > 0) & (add_begin < latest_add) & (earliest_remove < remove_end)
    order &= add_begin < remove_end
    # where they cross, both in one moment between; nothing that says "not in" is shut in by that
    shut = looks_out & (begin >= latest_add[element]) & (end <= earliest_remove[element])
    possible |= order & ~_any(element, shut, count)
    del add_says
    done = ~many
    wrong = done & ~possible
    ends = np.full(count, -1)
    np.maximum.at(ends, element[happened], end[happened])
    reject(decisions, timeline, ends[wrong])
    if many.any():
        _searched(objects, decisions, element, np.flatnonzero(many), key, budget)
    del model
    return decisions


def _any(element: Int64, flags: Flags, count: int) -> Flags:
    return np.bincount(element[flags], minlength=count) > 0


def _membership(state: bool, f: str, invoked: Any, completed: Any, known: bool) -> Any:
    """A set of one element: whether it is in."""
    after = SET.step(frozenset((invoked,)) if state else frozenset(), f, invoked, completed, known)
    return after if after is INCONSISTENT else bool(after)


ELEMENT = Model("an element of a set", False, _membership, reads=SET.reads)


def _searched(
    objects: Objects, decisions: Decisions, element: Int64, chosen: Int64, key: Int64, budget: Budget
) -> None:
    """Elements that need a search, as objects of their own, by the engine for any model."""
    order = np.argsort(element, kind="stable")
    sizes = np.bincount(element, minlength=len(key))
    by_element = objects.among(order)
    by_element.start = np.concatenate(([0], np.cumsum(sizes)))
    by_element.model = ELEMENT
    found = engine_named("table").decide(by_element.some(chosen), ELEMENT, budget)
    for at in np.flatnonzero(found.status != VALID).tolist():
        of, status, position = int(key[chosen[at]]), int(found.status[at]), int(found.position[at])
        if status == INVALID:
            if decisions.status[of] == INVALID:
                position = min(position, int(decisions.position[of]))
            decisions.status[of], decisions.position[of] = INVALID, position
        elif decisions.status[of] == VALID:
            decisions.status[of], decisions.position[of] = UNKNOWN, position
            decisions.why[of] = found.why.get(at, "")


# --- whole reads of sets that grow


def _grown(objects: Objects, timeline: Timeline, decisions: Decisions, keys: Int64) -> None:
    """Of keys with reads of the whole set."""
    here = np.zeros(objects.keys, bool)
    here[keys] = True
    values, pool = objects.history.value, objects.history.pool
    adds, reads = _is(objects, "add"), _is(objects, "read") & ~timeline.crashed
    odd = ~(adds | _is(objects, "read"))
    at = np.where(timeline.crashed, objects.begin, objects.end)
    kinds = values.kind[at]
    odd |= adds & ~timeline.crashed & (kinds == BOOL)
    odd |= reads & (kinds != LIST) & (kinds != NIL)
    for key in np.unique(timeline.key[odd]).tolist():
        if here[key]:
            here[key] = False
            decisions.why[key] = "reads of the whole set, and more than adds"
    read = np.flatnonzero(reads & here[timeline.key])
    add = np.flatnonzero(adds & here[timeline.key])
    word = values.word[objects.end[read]]
    listed = values.kind[objects.end[read]] == LIST
    sizes = np.where(listed, pool.word[np.where(listed, word, 0)] if len(pool.word) else 0, 0)
    reader = np.repeat(np.arange(len(read)), sizes)
    within = np.arange(len(reader)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    entry = word[reader] + 1 + within
    column = Column(
        np.concatenate((values.kind[objects.begin[add]], pool.kind[entry])),
        np.concatenate((values.word[objects.begin[add]], pool.word[entry])),
    )
    codes, _ = objects.history.codes(column)
    count = len(codes) + 1
    names = np.concatenate((timeline.key[add], timeline.key[read[reader]])) * count + codes
    added, shown = names[: len(add)], names[len(add) :]
    doubled = np.sort(added)
    for key in np.unique(doubled[1:][doubled[1:] == doubled[:-1]] // count).tolist():
        if here[key]:
            here[key] = False
            decisions.why[key] = "reads of the whole set, and an element that was added twice"
    decisions.status[np.flatnonzero(here)] = VALID
    # each read's elements once
    pairs = np.unique(np.stack((reader, shown)), axis=1) if len(reader) else np.zeros((2, 0), np.int64)
    reader, shown = pairs
    sizes = np.bincount(reader, minlength=len(read))
    kept_read, kept_add = here[timeline.key[read]], here[timeline.key[add]]
    # of an element never added: impossible; of each other one the size of the smallest read that shows it
    sorted_added = np.sort(added)
    place = np.searchsorted(sorted_added, shown)
    known = np.zeros(len(shown), bool)
    if len(sorted_added):
        known = sorted_added[np.minimum(place, len(sorted_added) - 1)] == shown
    bad = np.unique(reader[~known])
    bad = bad[kept_read[bad]]
    reject(decisions, timeline, timeline.end[read[bad]])
    most = int(sizes.max(initial=0)) + 1
    smallest = np.full(len(added), most)
    by_name = np.argsort(added)
    np.minimum.at(smallest, by_name[place[known]], sizes[reader[known]])
    # a read of n elements shows all that reads of n or fewer show, and no others: else they are no chain
    level = timeline.key[add] * (most + 1) + smallest
    upto = np.searchsorted(np.sort(level), timeline.key[read] * (most + 1) + sizes, side="right")
    below = np.searchsorted(np.sort(level), timeline.key[read] * (most + 1))
    torn = kept_read & (upto - below != sizes)
    ends = np.full(objects.keys, -1)
    np.maximum.at(ends, timeline.key[read], timeline.end[read])
    reject(decisions, timeline, ends[np.unique(timeline.key[read[torn]])])
    valid = decisions.status == VALID
    kept_read &= valid[timeline.key[read]]
    kept_add &= valid[timeline.key[add]] & (~timeline.crashed[add] | (smallest < most))
    number = np.concatenate((add[kept_add], read[kept_read]))
    staged = Staged(
        timeline.begin[number],
        timeline.end[number],
        timeline.key[number],
        np.concatenate((2 * smallest[kept_add], 2 * sizes[kept_read] + 1)),
    )
    moments = backwards(staged)
    last = np.full(objects.keys, -1)
    np.maximum.at(last, timeline.key[~timeline.crashed], timeline.end[~timeline.crashed])
    reject(decisions, timeline, last[np.unique(timeline.keys_of(moments))])
    for key in np.flatnonzero(~here).tolist():
        if key in decisions.why:
            decisions.status[key] = DECLINED


ENGINE = Engine("set", decide)
