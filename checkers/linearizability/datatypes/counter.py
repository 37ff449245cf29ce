"""The engine of counters all of whose steps are equal (all +1, say): a value read is a number of steps taken.

Let T(1) <= T(2) <= ... be the moments of the first, second, ... step. A read of n steps lies between T(n) and T(n +
1): T(n) is before its end, T(n + 1) after its beginning. So the n-th step has to be taken between the latest
beginning of a read of fewer and the earliest end of a read of n or more; both only grow with n. Which operation
takes the n-th step? Of those that have begun by then the one with the earliest end: for intervals that grow so, the
choice of the most urgent finds an assignment where there is one (Glover 1967, convex bipartite matching), and the
moments can then be taken in order: an operation that ended before another one began had been taken before it.
Crashed steps, without end, come last and need not be taken. O(n log n), exact.

Steps of several sizes or directions are declined: whether some of them add up to a value read is the subset sum
problem.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from checkers.columns import FLOAT, INT, NIL, OTHER, Int64
from checkers.kernels import deadlines, view
from checkers.linearizability.budget import Budget
from checkers.linearizability.datatypes.timeline import Timeline, reject
from checkers.linearizability.engines import DECLINED, NONE, VALID, Decisions, Engine, undecided
from checkers.linearizability.objects import Objects
from checkers.models import Model


def decide(objects: Objects, model: Model, budget: Budget) -> Decisions:
    del model, budget
    decisions = undecided(objects.keys)
    timeline = Timeline(objects)
    sizes, plain = _sizes(objects)
    steps = np.flatnonzero(objects.f != _code(objects, "read"))
    reads = np.flatnonzero((objects.f == _code(objects, "read")) & ~timeline.crashed)
    key = timeline.key
    odd = np.zeros(objects.keys, bool)
    values = objects.history.value
    odd[key[~plain]] = True
    answers = values.kind[objects.end[reads]]
    odd[key[reads[(answers == FLOAT) | (answers == OTHER)]]] = True
    # nothing is added by a step of 0: one size, or none, for each key
    step = np.zeros(objects.keys, np.int64)
    moving = steps[sizes[steps] != 0]
    step[key[moving]] = sizes[moving]
    odd[key[moving[sizes[moving] != step[key[moving]]]]] = True
    for number in np.flatnonzero(odd).tolist():
        decisions.status[number] = DECLINED
        decisions.why[number] = "its steps are not all equal integers"
    fine = ~odd
    decisions.status[fine] = VALID
    moving, reads = moving[fine[key[moving]]], reads[fine[key[reads]]]
    at = objects.end[reads]
    told, size = values.word[at], step[key[reads]]
    counts = np.where(size != 0, told // np.where(size != 0, size, 1), 0)
    total = np.bincount(key[moving], minlength=objects.keys)
    wrong = (values.kind[at] != INT) | (counts * size != told) | (counts < 0) | (counts > total[key[reads]])
    reject(decisions, timeline, timeline.end[reads[wrong]])
    reads, counts = reads[~wrong], counts[~wrong]
    start = np.concatenate(([0], np.cumsum(total)))
    least, most = _windows(
        timeline, key[moving], reads, start[key[reads]] + counts, counts, total[key[reads]]
    )
    late = np.arange(objects.keys) * timeline.span + timeline.late
    bad = np.full(objects.keys, -1)
    deadlines.numbered(
        view(start),
        view(timeline.begin[moving]),
        view(timeline.end[moving]),
        view(least),
        view(most),
        view(late),
        view(np.zeros(len(moving), np.int64)),
        view(bad),
    )
    reject(decisions, timeline, _ends(timeline, bad[bad >= 0]))
    return decisions


def _windows(
    timeline: Timeline, key: Int64, reads: Int64, place: Int64, counts: Int64, total: Int64
) -> tuple[Int64, Int64]:
    """For each step: the moments after and before which it has to be taken. ``place``: of the step after the read."""
    origin = key * timeline.span
    least, most = origin - 1, origin + timeline.late + 1
    some = counts > 0
    np.minimum.at(most, place[some] - 1, timeline.end[reads[some]])
    more = counts < total
    np.maximum.at(least, place[more], timeline.begin[reads[more]])
    return np.maximum.accumulate(least), np.minimum.accumulate(most[::-1])[::-1].copy()


def _ends(timeline: Timeline, at: Int64) -> Int64:
    """The last completion of the key of each of these moments: by then it is impossible."""
    ends = timeline.end[~timeline.crashed]
    last = np.searchsorted(np.sort(ends), (timeline.keys_of(at) + 1) * timeline.span) - 1
    return np.sort(ends)[last]


def _sizes(objects: Objects) -> tuple[Int64, NDArray[np.bool_]]:
    """(by how much each operation changes the counter; whether it is a step of an integer, or a read)."""
    values = objects.history.value
    kind, word = values.kind[objects.begin], values.word[objects.begin]
    size = np.where(kind == INT, word, 1)
    size = np.where(objects.f == _code(objects, "dec"), -size, size)
    reads = objects.f == _code(objects, "read")
    known = reads.copy()
    for f in ("add", "inc", "dec"):
        known |= (objects.f == _code(objects, f)) & ((kind == INT) | (kind == NIL))
    return np.where(reads, 0, size), known


def _code(objects: Objects, f: str) -> int:
    return objects.fs.index(f) if f in objects.fs else NONE


ENGINE = Engine("counter", decide)
