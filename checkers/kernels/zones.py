"""Registers whose values are written once: is there an order? (Gibbons, Korach 1997, with chains of cas.) All linear.

Words. An operation *needs* a value (a read, a cas) and *puts* one (a write, a cas). The *source* of a value is the
one operation that can have put what was observed. A *cluster* is an operation that puts a value together with the
reads of that value; the reads of the initial value have a cluster of their own that began and ended before all. A cas
glues its cluster directly behind that of the value it needs; a *block* is a whole chain of clusters, so nothing comes
between its operations. Its ``low`` is the first end of its operations, ``high`` the last beginning.

A block A must come before a block B exactly if ``low(A) < high(B)``: some operation of A ended before some of B
began. An order exists exactly if

1. inside each block nothing runs backward: no read ends before its source begins, no operation of a later cluster
   ends before one of an earlier cluster begins, no two cas follow one cluster, and chains do not run in circles;
2. no two blocks must each come before the other. That suffices: take a shortest cycle of "must come before" and its
   block C with the least ``low``; A, before C in the cycle, and B, before A, give ``low(C) <= low(B) < high(A)`` and
   ``low(A) < high(C)``, so A and C are such a pair.

For 2 draw a *forward* zone [low, high] where low < high, else a *backward* zone [high, low]. Two forward zones are
such a pair exactly if they overlap, a forward and a backward one if the forward zone holds the backward one, two
backward ones never: so one scan of positions finds a pair, if there is one.

A crashed operation counts only if its value was observed by an operation that counts; it has no end then. Where a
value has several writers those that began after every observer of it had ended cannot be its source and have clusters
of their own; if more than one is left the key is declined.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence

CRASHED = 1 << 62

VALID = 0
INVALID = 1
DECLINED = 3

UNWRITTEN = 1
"""witness: an operation needs a value that nothing can have put; and by which it counts, itself or a later one"""
EARLY = 2
"""a read ended before its source began: the read, the source"""
TWICE = 3
"""two cas need one value: both"""
BACKWARD = 4
"""inside a block: the cluster of which an operation ended too early"""
CIRCLE = 5
"""a cluster on a chain without beginning"""
PAIR = 6
"""two blocks: the first cluster of each"""

SEVERAL = -2
"""as a source: more than one may be it"""


def decide(
    start: Sequence[int],
    owner: MutableSequence[int],
    begin: Sequence[int],
    end: Sequence[int],
    need: Sequence[int],
    put: Sequence[int],
    initial: int,
    late: MutableSequence[int],
    head: MutableSequence[int],
    source: MutableSequence[int],
    following: MutableSequence[int],
    low: MutableSequence[int],
    high: MutableSequence[int],
    child: MutableSequence[int],
    block: MutableSequence[int],
    mark: MutableSequence[int],
    now: MutableSequence[int],
    status: MutableSequence[int],
    witness: MutableSequence[int],
) -> int:
    """Decide each key: ``status``; the number of keys that are invalid.

    m operations in k keys, by key (``start``) and beginning; a read puts -1, a write needs -1. Room: per value
    ``late`` (last end of an observer, where it matters), ``head`` (last writer, where there are several), ``source``;
    per operation ``owner`` (its key) and ``following`` (the writer before it; afterwards the cluster that it is, or
    that it reads, or -1); per cluster, of which there are m + k (the last k: the initial values') ``low``, ``high``,
    ``child`` and ``block`` (afterwards the first cluster of its block; -1: no operation of it counts); per position
    ``mark`` 0; per key ``now`` and ``witness`` (three: what, and two operations or clusters, of invalid keys).
    """
    keys = len(start) - 1
    m = len(begin)
    invalid = 0
    for value in range(len(late)):
        late[value] = -1
        head[value] = -1
        source[value] = -1
    for key in range(keys):
        first = start[key]
        last = start[key + 1]
        for i in range(first, last):
            owner[i] = key
        what = gather(
            first, last, m + key, begin, end, need, put, initial, late, head, source, following, witness, key
        )
        if what == VALID:
            what = cluster(
                first,
                last,
                m + key,
                begin,
                end,
                need,
                put,
                late,
                source,
                following,
                low,
                high,
                child,
                block,
                witness,
                key,
            )
        if what == VALID:
            what = chain(first, last, m + key, need, low, high, child, block, witness, key)
        status[key] = what
        now[key] = -1
        if what == INVALID:
            invalid += 1
        if what == VALID:
            draw(first, last, m + key, key, low, high, block, mark, now)
        if keys > 1:
            late[initial] = -1
            source[initial] = -1
            head[initial] = -1
            for i in range(first, last):
                value = need[i]
                if value >= 0:
                    late[value] = -1
                    source[value] = -1
                value = put[i]
                if value >= 0:
                    head[value] = -1
                    source[value] = -1
    return invalid + scan(owner, low, high, mark, now, status, witness)


def gather(
    first: int,
    last: int,
    beginning: int,
    begin: Sequence[int],
    end: Sequence[int],
    need: Sequence[int],
    put: Sequence[int],
    initial: int,
    late: MutableSequence[int],
    head: MutableSequence[int],
    source: MutableSequence[int],
    following: MutableSequence[int],
    witness: MutableSequence[int],
    key: int,
) -> int:
    """Find the sources of the values that operations which count need.

    A key is declined even if it also has an unwritten value: then what is decided of a history is decided of its
    prefixes too.
    """
    what = VALID
    doubtful = False
    climbs = False
    source[initial] = beginning
    for i in range(first, last):
        value = put[i]
        if value >= 0:
            following[i] = -1
            if end[i] == CRASHED:
                doubtful = True
                if need[i] >= 0:
                    climbs = True
            writer = source[value]
            if writer == -1:
                source[value] = i
                continue
            doubtful = True
            if head[value] >= 0:
                following[i] = head[value]
            elif writer != beginning:
                following[i] = writer
            head[value] = i
            source[value] = SEVERAL
    if doubtful:
        for i in range(first, last):
            value = need[i]
            if value >= 0 and end[i] < CRASHED:
                late[value] = max(late[value], end[i])
    for i in range(first, last):
        value = need[i]
        if value < 0 or end[i] == CRASHED:
            continue
        at = i
        # up the chain of crashed cas that thereby count
        while value >= 0:
            writer = source[value]
            if writer < 0:
                found = -1
                if value == initial:
                    found = beginning
                writer = head[value]
                while writer >= 0:
                    if begin[writer] < late[value]:
                        if found >= 0:
                            return DECLINED
                        found = writer
                    writer = following[writer]
                if found < 0:
                    what = INVALID
                    witness[3 * key] = UNWRITTEN
                    witness[3 * key + 1] = at
                    witness[3 * key + 2] = i
                    break
                writer = found
                source[value] = found
            if not climbs or writer == beginning or end[writer] < CRASHED or need[writer] < 0:
                break
            at = writer
            value = need[writer]
            if late[value] == CRASHED:
                break
            late[value] = CRASHED
            if head[value] >= 0:
                # a source found with an earlier end in mind may not be the only one now
                source[value] = SEVERAL
    return what


def cluster(
    first: int,
    last: int,
    beginning: int,
    begin: Sequence[int],
    end: Sequence[int],
    need: Sequence[int],
    put: Sequence[int],
    late: Sequence[int],
    source: Sequence[int],
    member: MutableSequence[int],
    low: MutableSequence[int],
    high: MutableSequence[int],
    child: MutableSequence[int],
    block: MutableSequence[int],
    witness: MutableSequence[int],
    key: int,
) -> int:
    """Bounds of each cluster, and which follows which. ``block``: the cluster itself where it counts."""
    low[beginning] = -1
    high[beginning] = -1
    child[beginning] = -1
    block[beginning] = beginning
    for i in range(first, last):
        block[i] = -1
        child[i] = -1
        member[i] = -1
        value = put[i]
        if value < 0:
            continue
        member[i] = i
        if end[i] < CRASHED:
            low[i] = end[i]
        elif late[value] >= 0 and source[value] == i:
            low[i] = CRASHED
        else:
            continue
        high[i] = begin[i]
        block[i] = i
    for i in range(first, last):
        value = need[i]
        if value < 0:
            continue
        if put[i] >= 0:
            if block[i] < 0:
                continue
            at = source[value]
            if child[at] >= 0:
                witness[3 * key] = TWICE
                witness[3 * key + 1] = child[at]
                witness[3 * key + 2] = i
                return INVALID
            child[at] = i
        elif end[i] < CRASHED:
            at = source[value]
            member[i] = at
            if end[i] < high[at] and at < beginning and end[i] < begin[at]:
                witness[3 * key] = EARLY
                witness[3 * key + 1] = i
                witness[3 * key + 2] = at
                return INVALID
            low[at] = min(low[at], end[i])
            high[at] = max(high[at], begin[i])
    return VALID


def chain(
    first: int,
    last: int,
    beginning: int,
    need: Sequence[int],
    low: MutableSequence[int],
    high: MutableSequence[int],
    child: Sequence[int],
    block: MutableSequence[int],
    witness: MutableSequence[int],
    key: int,
) -> int:
    """Bounds of each block, at its first cluster."""
    waiting = 0
    for i in range(first, last):
        if block[i] == i and need[i] >= 0:
            waiting += 1
    if waiting == 0:
        return VALID
    at = beginning
    i = first
    while True:
        if block[at] == at and (at == beginning or need[at] < 0):
            link = child[at]
            while link >= 0:
                if low[link] < high[at]:
                    witness[3 * key] = BACKWARD
                    witness[3 * key + 1] = link
                    witness[3 * key + 2] = at
                    return INVALID
                low[at] = min(low[at], low[link])
                high[at] = max(high[at], high[link])
                block[link] = at
                waiting -= 1
                link = child[link]
        if i == last:
            break
        at = i
        i += 1
    if waiting == 0:
        return VALID
    for i in range(first, last):
        if block[i] == i and need[i] >= 0:
            witness[3 * key] = CIRCLE
            witness[3 * key + 1] = i
            witness[3 * key + 2] = -1
            break
    return INVALID


def draw(
    first: int,
    last: int,
    beginning: int,
    key: int,
    low: Sequence[int],
    high: Sequence[int],
    block: Sequence[int],
    mark: MutableSequence[int],
    now: MutableSequence[int],
) -> None:
    """Mark where zones begin: 2 * (block + 1), plus 1 for backward ones."""
    if high[beginning] > low[beginning]:
        now[key] = beginning
    for i in range(first, last):
        if block[i] == i:
            if low[i] < high[i]:
                mark[low[i]] = 2 * (i + 1)
            else:
                mark[high[i]] = 2 * (i + 1) + 1


def scan(
    owner: Sequence[int],
    low: Sequence[int],
    high: Sequence[int],
    mark: Sequence[int],
    now: MutableSequence[int],
    status: MutableSequence[int],
    witness: MutableSequence[int],
) -> int:
    """All zones in the order in which they begin; the number of keys that turn out invalid."""
    found = 0
    several = len(now) > 1
    for at in range(len(mark)):
        what = mark[at]
        if what == 0:
            continue
        zone = what // 2 - 1
        key = owner[zone] if several else 0
        held = now[key]
        if held < 0 or at > high[held] or (what % 2 == 1 and low[zone] > high[held]):
            if what % 2 == 0:
                now[key] = zone
        elif status[key] == VALID:
            status[key] = INVALID
            witness[3 * key] = PAIR
            witness[3 * key + 1] = held
            witness[3 * key + 2] = zone
            found += 1
    return found


def retain(
    start: Sequence[int],
    end: Sequence[int],
    put: Sequence[int],
    begin: Sequence[int],
    limit: Sequence[int],
    member: Sequence[int],
    low: Sequence[int],
    high: Sequence[int],
    block: Sequence[int],
    status: Sequence[int],
    soonest: MutableSequence[int],
    latest: MutableSequence[int],
    keep: MutableSequence[int],
) -> None:
    """``keep``: whether an operation can still matter, after ``decide``; ``member`` is its ``following``. ``limit``:
    per key, nothing that is open or to come began before it.

    A block A is dead once a block B with ``low(B) < limit`` and ``low(A) < high(B)`` exists: whatever A would gain
    begins at ``limit`` or later, so A and B would each have to come before the other. No live block can come to
    contradict a dead one: let B have killed A, and let C be live, with ``low(C) < high(A)``. If ``low(A) < limit``, A
    kills C. Else ``high(A) <= low(B)``, as A and B do not contradict one another, so ``low(C) < low(B) < limit <=
    low(A) < high(B)``, and B kills C. So dead blocks can be forgotten.

    Let M have the greatest ``high`` of the blocks with ``low < limit``. What kills M is killed by nobody, as its
    ``low`` is beyond ``high(M)``. So one of them lives on, and it keeps the initial value dead. Of a live cluster its
    source, the read that ended first and the read that began last say all that the others do.
    """
    keys = len(start) - 1
    m = len(begin)
    for key in range(keys):
        first = start[key]
        last = start[key + 1]
        if status[key] != VALID:
            for i in range(first, last):
                keep[i] = 1
            continue
        beginning = m + key
        one = high[beginning]
        killer = beginning
        two = -2
        at = beginning
        i = first
        while True:
            if block[at] == at and low[at] < limit[key]:
                if at == beginning or high[at] > one:
                    if at != beginning:
                        two = one
                    one = high[at]
                    killer = at
                else:
                    two = max(two, high[at])
            soonest[at] = -1
            latest[at] = -1
            if i == last:
                break
            at = i
            i += 1
        for i in range(first, last):
            keep[i] = 0
            at = member[i]
            if at < 0:
                continue
            root = block[at]
            if root < 0:
                keep[i] = 1
                continue
            if low[root] < (two if root == killer else one):
                continue
            if put[i] >= 0:
                keep[i] = 1
            elif end[i] < CRASHED:
                if soonest[at] < 0 or end[i] < end[soonest[at]]:
                    soonest[at] = i
                if latest[at] < 0 or begin[i] > begin[latest[at]]:
                    latest[at] = i
        for i in range(first, last):
            at = member[i]
            if at >= 0 and (soonest[at] == i or latest[at] == i):
                keep[i] = 1
