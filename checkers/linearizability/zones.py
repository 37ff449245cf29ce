"""The engine ``zones``: registers of which no observed value can have been written twice, in linear time.

The theory is in checkers/kernels/zones.py. Of a key that has no order the first impossible completion is found by
looking at few prefixes (``first``), and what is told is made of the blocks that contradict one another (``core``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from checkers.columns import Int8, Int64
from checkers.kernels import view, zones
from checkers.linearizability.budget import Budget
from checkers.linearizability.engines import (
    CRASHED,
    DECLINED,
    INVALID,
    NONE,
    VALID,
    Decisions,
    Engine,
)
from checkers.linearizability.objects import Objects
from checkers.models import Model, Role

REUSED = "a value that was observed may have been written more than once"
OTHER = "some of its operations are no reads, writes or compare-and-sets of one register"
MISMATCH = "failed compare-and-sets constrain it"

BOUNDED_MAX = 1000
"""invalid keys of which a good bound of the first impossible completion is looked for"""


class Case(NamedTuple):
    """Operations in columns, by key: all of a history's, or what was known of one key's at a position."""

    start: Int64
    begin: Int64
    end: Int64
    need: Int64
    put: Int64
    size: int
    initial: int
    positions: int


class Scan(NamedTuple):
    """What the kernel found; its docstring says what the arrays are."""

    status: Int8
    witness: Int64
    source: Int64
    """per value; of the only key"""
    member: Int64
    low: Int64
    high: Int64
    child: Int64
    block: Int64


def decide(objects: Objects, model: Model, budget: Budget) -> Decisions:
    """Declines keys of which an observed value may have several sources, and with operations of no register."""
    del model, budget
    return judged(objects)[2]


def judged(objects: Objects) -> tuple[Case, Scan, Decisions]:
    case = case_of(objects)
    scan = scanned(case)
    decisions = Decisions(scan.status.copy(), np.full(objects.keys, -1, np.int64), {})
    for key in np.flatnonzero(scan.status == DECLINED).tolist():
        decisions.why[key] = REUSED
    _decline(objects, decisions)
    invalid = np.flatnonzero(decisions.status == INVALID)
    if len(invalid):
        ends = np.where(case.end == CRASHED, -1, case.end)
        decisions.position[invalid] = np.maximum.reduceat(ends, case.start[:-1])[invalid]
        for key in invalid[:BOUNDED_MAX].tolist():
            decisions.position[key] = min(int(decisions.position[key]), bound(case, scan, key))
    return case, scan, decisions


def _decline(objects: Objects, decisions: Decisions) -> None:
    """What the kernel knows nothing of. That a cas failed takes away orders, so it saves no key that has none."""
    for role, why, saved in ((Role.MISMATCH, MISMATCH, VALID), (Role.OTHER, OTHER, None)):
        for key in objects.with_role(role):
            if saved is None or decisions.status[key] == saved:
                decisions.status[key] = DECLINED
                decisions.why[key] = why


def case_of(objects: Objects) -> Case:
    need, put, size, initial = objects.registers[:4]
    put = np.where(need == put, NONE, put)  # a cas that changes nothing is a read; NONE stays NONE
    return Case(objects.start, objects.begin, objects.end, need, put, size, initial, len(objects.history))


def cut(case: Case, position: int) -> Case:
    """The only key as it was known at a position."""
    m = int(np.searchsorted(case.begin, position, "right"))
    end = case.end[:m]
    return Case(
        np.array([0, m], np.int64),
        case.begin[:m],
        np.where(end <= position, end, CRASHED),
        case.need[:m],
        case.put[:m],
        case.size,
        case.initial,
        position + 1,
    )


def scanned(case: Case) -> Scan:
    keys, m = len(case.start) - 1, len(case.begin)
    empty, word = np.empty, np.int64
    late, head, source = empty(case.size, word), empty(case.size, word), empty(case.size, word)
    owner, following, now = empty(m, word), empty(m, word), empty(keys, word)
    low, high, child, block = (empty(m + keys, word) for _ in range(4))
    mark = np.zeros(case.positions, word)
    status, witness = empty(keys, np.uint8), empty(3 * keys, word)
    zones.decide(
        view(case.start),
        view(owner),
        view(case.begin),
        view(case.end),
        view(case.need),
        view(case.put),
        case.initial,
        view(late),
        view(head),
        view(source),
        view(following),
        view(low),
        view(high),
        view(child),
        view(block),
        view(mark),
        view(now),
        view(status),
        view(witness),
    )
    return Scan(status, witness.reshape(keys, 3), source, following, low, high, child, block)


def bound(case: Case, scan: Scan, key: int) -> int:
    """A position at which an invalid key is impossible already, for the reason that the scan found."""
    first, last = int(case.start[key]), int(case.start[key + 1])
    begin, end = case.begin[first:last], case.end[first:last]
    what, one, other = scan.witness[key].tolist()
    if what == zones.UNWRITTEN:
        return int(case.end[other])
    if what == zones.EARLY:
        return int(case.end[one])
    if what == zones.BACKWARD:
        late = first + int(np.searchsorted(begin, scan.high[other]))
        return max(int(scan.low[one]), -1 if case.put[late] != NONE else int(case.end[late]))
    if what == zones.PAIR and len(case.start) == 2:
        block = np.where(scan.member >= 0, scan.block[scan.member], NONE)
        low_one, low_other = scan.low[[one, other]]
        after = end[(block == other) & (begin > low_one)]
        before = end[(block == one) & (begin > low_other)]
        return int(max(low_one, low_other, after.min(), before.min()))
    return CRASHED


def first(objects: Objects, model: Model, position: int) -> int:
    """The first completion at which the only key is impossible; it is so at ``position``.

    Each look at a prefix either proves it possible or gives a conflict in it, and with that an earlier bound. Looks
    go just before the bound, which is where most searches end, and every third one half-way, so that there are at
    most about 3 log2(n) of them.
    """
    del model
    case = case_of(objects)
    possible = -1
    looks = 0
    while True:
        before = case.end[case.end < position]
        last = int(before.max()) if len(before) else -1
        if last <= possible:
            return position
        looks += 1
        at = (possible + last) // 2 if looks % 3 == 0 else last
        prefix = cut(case, at)
        scan = scanned(prefix)
        if scan.status[0] != INVALID:
            possible = at
        else:
            position = _completion(case, min(at, bound(prefix, scan, 0)))


def _completion(case: Case, position: int) -> int:
    """The last completion until a position."""
    return int(case.end[case.end <= position].max())


def core(objects: Objects, model: Model, position: int) -> Sequence[int]:
    """The operations that the conflict at ``position``, the first, is made of."""
    del model
    case = cut(case_of(objects), position)
    scan = scanned(case)
    found = _conflict(case, scan)
    _add_observers(case, found)
    needed = np.unique(case.need[sorted(found)])
    # what else might have put these values is part of why it has not
    return sorted(found | set(np.flatnonzero(np.isin(case.put, needed[needed != NONE])).tolist()))


def _conflict(case: Case, scan: Scan) -> set[int]:
    what, one, other = scan.witness[0].tolist()
    if what == zones.UNWRITTEN:
        return {*_up(case, scan, other, one), one}
    if what in (zones.EARLY, zones.TWICE):
        return {one, other}
    if what == zones.CIRCLE:
        above = int(scan.source[case.need[one]])
        return {one, *_up(case, scan, above, one)}
    if what == zones.BACKWARD:
        return _span(case, scan, int(scan.low[one]), int(scan.high[other]))
    return _span(case, scan, int(scan.low[one]), int(scan.high[one])) | _span(
        case, scan, int(scan.low[other]), int(scan.high[other])
    )


def _span(case: Case, scan: Scan, low: int, high: int) -> set[int]:
    """The operation of a block that ended at ``low``, the one that began at ``high``, and what chains them."""
    beginning = len(case.begin)
    ends = np.flatnonzero(case.end == low).tolist() if low >= 0 else []
    begins = np.flatnonzero(case.begin == high).tolist() if high >= 0 else []
    found = {*ends, *begins}
    one, other = (_cluster(case, scan, ops[0]) if ops else beginning for ops in (ends, begins))
    left, right = [one], [other]
    grew = True
    while grew and left[-1] != other and right[-1] != one:
        grew = False
        for path in (left, right):
            if path[-1] != beginning and case.need[path[-1]] != NONE:
                path.append(int(scan.source[case.need[path[-1]]]))
                grew = True
    path = left if left[-1] == other else right
    return found | {n for n in path if n != beginning}


def _cluster(case: Case, scan: Scan, number: int) -> int:
    return number if case.put[number] != NONE else int(scan.source[case.need[number]])


def _up(case: Case, scan: Scan, number: int, until: int) -> set[int]:
    """An operation and the sources of what it needs, and so on."""
    found = {number}
    while number != until:
        number = int(scan.source[case.need[number]])
        found.add(number)
    return found


def _add_observers(case: Case, found: set[int]) -> None:
    """Crashed operations count because somebody, through crashed cas perhaps, saw what they put."""
    for number in sorted(found):
        above = {number: number}
        for at in (waiting := [number]):
            if case.end[at] != CRASHED:
                while at not in found:
                    found.add(at)
                    at = above[at]  # noqa: PLW2901
                break
            for seen in _observers(case, at):
                if seen not in above:
                    above[seen] = at
                    waiting.append(seen)


def _observers(case: Case, number: int) -> list[int]:
    """Of what an operation put: those that completed, by their end, then those that may have happened."""
    if case.put[number] == NONE:
        return []
    seen = np.flatnonzero(case.need == case.put[number])
    return [
        int(n)
        for n in seen[np.argsort(case.end[seen], kind="stable")]
        if case.end[n] != CRASHED or case.put[n] >= 0
    ]


def states(objects: Objects, model: Model, position: int) -> Sequence[int]:
    """The values of the blocks that can be the last before ``position``, the first completion that is impossible."""
    del model
    case = cut(case_of(objects), position - 1)
    scan = scanned(case)
    blocks = np.flatnonzero(scan.block == np.arange(len(scan.block)))
    low, high = scan.low[blocks], scan.high[blocks]
    most = int(np.argmax(high))
    rest = np.delete(high, most)
    limit = np.full(len(blocks), high[most])
    limit[most] = rest.max() if len(rest) else -2
    out = []
    for at in blocks[np.flatnonzero(low > limit)].tolist():
        last = at
        while scan.child[last] >= 0:
            last = int(scan.child[last])
        out.append(case.initial if last == len(case.begin) else int(case.put[last]))
    return out


ENGINE = Engine("zones", decide, core, first, states)
