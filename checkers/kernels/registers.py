"""Registers: which write a read saw, what each transaction says of itself, what real time says of versions.

A version is a number: below the number of keys it is the initial state of that key. A micro-operation is a number m.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence

R = 0

RW = 2
FAN = 5

NOTHING = 0
EXTERNAL = 1
INNER = 2
CONTRADICTS = 3

MASK = 0xFFFF_FFFF_FFFF_FFFF
MIX = 0x9E37_79B9_7F4A_7C15
MIX2 = 0xBF58_476D_1CE4_E5B9


def mixed(key: int, word: int) -> int:
    """A hash of 64 bits."""
    state = (((key + 1) * MIX) & MASK) ^ (word & MASK)
    state = (state * MIX2) & MASK
    state ^= state >> 29
    state = (state * MIX) & MASK
    return state ^ (state >> 32)


def number(
    txns: Sequence[int],
    fs: Sequence[int],
    keys: Sequence[int],
    words: Sequence[int],
    initial: Sequence[int],
    known: Sequence[int],
    count: int,
    table: MutableSequence[int],
    version: MutableSequence[int],
) -> int:
    """Give each value of each key a number from ``count``, the number of keys, on; how many versions there are.

    ``initial``: whether a value is that of the initial state. ``table``: all -1, its length a power of two. What an
    unknown transaction read has version -1.
    """
    mask = len(table) - 1
    for m in range(len(fs)):
        key = keys[m]
        if fs[m] == R and not known[txns[m]]:
            version[m] = -1
            continue
        if initial[m]:
            version[m] = key
            continue
        word = words[m]
        slot = mixed(key, word) & mask
        while True:
            other = table[slot]
            if other < 0:
                table[slot] = m
                version[m] = count
                count += 1
                break
            if words[other] == word and keys[other] == key:
                version[m] = version[other]
                break
            slot = (slot + 1) & mask
    return count


def observe(
    txns: Sequence[int],
    fs: Sequence[int],
    keys: Sequence[int],
    version: Sequence[int],
    aborted: Sequence[int],
    stamp: MutableSequence[int],
    last: MutableSequence[int],
    seen: MutableSequence[int],
    wrote: MutableSequence[int],
    role: MutableSequence[int],
    later: MutableSequence[int],
    updates: MutableSequence[int],
    updated: MutableSequence[int],
    future: MutableSequence[int],
    writer: MutableSequence[int],
    ambiguous: MutableSequence[int],
) -> None:
    """What each transaction says of itself, and who wrote what.

    Of known reads, ``role``: EXTERNAL, INNER or CONTRADICTS; ``updated``: the transaction wrote the key after it. Of
    writes, ``later``: another one to the key follows in the transaction; ``updates``: the external read before the
    first, -1; ``future``: that read saw this very write. ``writer``: per version, -1; ``ambiguous``: per key, a write
    of a value that another transaction wrote as well, -1; of two writes an aborted one does not count.
    The arrays from ``stamp`` (all -1) to ``wrote`` are scratch, per key.
    """
    for m in range(len(fs)):
        key = keys[m]
        txn = txns[m]
        updates[m] = -1
        if stamp[key] != txn:
            stamp[key] = txn
            last[key] = -1
            seen[key] = -1
            wrote[key] = -1
        if fs[m] == R:
            if version[m] < 0:
                continue
            if last[key] < 0:
                role[m] = EXTERNAL
                seen[key] = m
                last[key] = m
            elif version[last[key]] == version[m]:
                role[m] = INNER
            else:
                role[m] = CONTRADICTS
            continue
        read = seen[key]
        if wrote[key] >= 0:
            later[wrote[key]] = 1
            updates[m] = updates[wrote[key]]
        elif read >= 0:
            updates[m] = read
            updated[read] = 1
        if read >= 0 and version[read] == version[m]:
            future[m] = 1
        wrote[key] = m
        last[key] = m
        other = writer[version[m]]
        if other < 0 or aborted[txns[other]]:
            writer[version[m]] = m
        elif not aborted[txn] and ambiguous[key] < 0:
            ambiguous[key] = m


def count_touches(
    txns: Sequence[int],
    keys: Sequence[int],
    usable: Sequence[int],
    stamp: MutableSequence[int],
    counts: MutableSequence[int],
) -> None:
    """How many transactions touched each key by a micro-operation that is ``usable``. ``stamp``: all -1, per key."""
    for m in range(len(txns)):
        if usable[m] and stamp[keys[m]] != txns[m]:
            stamp[keys[m]] = txns[m]
            counts[keys[m]] += 1


def touch(
    txns: Sequence[int],
    keys: Sequence[int],
    usable: Sequence[int],
    version: Sequence[int],
    stamp: MutableSequence[int],
    cursor: MutableSequence[int],
    txn_of: MutableSequence[int],
    first: MutableSequence[int],
    last: MutableSequence[int],
) -> None:
    """The touches of each key, one transaction after the other. ``cursor``: where those of each key begin."""
    for m in range(len(txns)):
        if not usable[m]:
            continue
        key = keys[m]
        if stamp[key] != txns[m]:
            stamp[key] = txns[m]
            txn_of[cursor[key]] = txns[m]
            first[cursor[key]] = version[m]
            cursor[key] += 1
        last[cursor[key] - 1] = version[m]


def distinct(
    one: Sequence[int], two: Sequence[int], table: MutableSequence[int], keep: MutableSequence[int]
) -> None:
    """Mark the first of equal pairs. ``table``: all -1, its length a power of two."""
    mask = len(table) - 1
    for pair in range(len(one)):
        slot = mixed(one[pair], two[pair]) & mask
        while True:
            other = table[slot]
            if other < 0:
                table[slot] = pair
                keep[pair] = 1
                break
            if one[other] == one[pair] and two[other] == two[pair]:
                break
            slot = (slot + 1) & mask


def frontier(
    offsets: Sequence[int],
    begin: Sequence[int],
    end: Sequence[int],
    first: Sequence[int],
    last: Sequence[int],
    front: MutableSequence[int],
    pending: MutableSequence[int],
    earlier: MutableSequence[int],
    later: MutableSequence[int],
) -> int:
    """Pairs of versions that real time orders, without those that follow from others; how many.

    Touches of each key by their begin: ``first`` and ``last`` version of each; ``end`` -1: it has none. Pairs are
    written while there is room. ``front``, ``pending``: scratch, as long as a key has touches.
    """
    count = 0
    room = len(earlier)
    for key in range(len(offsets) - 1):
        fronts = 0
        waiting = 0
        for touch in range(offsets[key], offsets[key + 1]):
            # those that ended by now, in the order of their ends, take the place of what they came after
            kept = 0
            for nth in range(waiting):
                other = pending[nth]
                if end[other] > begin[touch]:
                    pending[kept] = other
                    kept += 1
                    continue
                stay = 0
                for place in range(fronts):
                    if end[front[place]] > begin[other]:
                        front[stay] = front[place]
                        stay += 1
                front[stay] = other
                fronts = stay + 1
            waiting = kept
            for place in range(fronts):
                other = front[place]
                if last[other] != first[touch]:
                    if count < room:
                        earlier[count] = last[other]
                        later[count] = first[touch]
                    count += 1
            if end[touch] >= 0:
                # kept sorted by end
                place = waiting
                while place > 0 and end[pending[place - 1]] > end[touch]:
                    pending[place] = pending[place - 1]
                    place -= 1
                pending[place] = touch
                waiting += 1
    return count


def expand(
    earlier: Sequence[int],
    later: Sequence[int],
    ww: Sequence[int],
    rw: Sequence[int],
    txns: Sequence[int],
    version: Sequence[int],
    writer: Sequence[int],
    starts: Sequence[int],
    readers: Sequence[int],
    updates: Sequence[int],
    updated: Sequence[int],
    src: MutableSequence[int],
    dst: MutableSequence[int],
    cls: MutableSequence[int],
) -> int:
    """Edges between transactions from pairs of versions, written while there is room; how many.

    ``ww``, ``rw``: their classes, per pair. ``readers``: external reads by version, from ``starts``. Of those that
    read one version and wrote over it there are no rw edges to one another: that is a lost update.
    """
    room = len(src)
    count = 0
    for pair in range(len(earlier)):
        one = writer[earlier[pair]]
        two = writer[later[pair]]
        if one >= 0 and txns[one] != txns[two]:
            if count < room:
                src[count] = txns[one]
                dst[count] = txns[two]
                cls[count] = ww[pair]
            count += 1
        read = updates[two]
        for at in range(starts[earlier[pair]], starts[earlier[pair] + 1]):
            m = readers[at]
            if txns[m] == txns[two]:
                continue
            if updated[m] and read >= 0 and version[read] == earlier[pair]:
                continue
            if count < room:
                src[count] = txns[m]
                dst[count] = txns[two]
                cls[count] = rw[pair]
            count += 1
    return count


def beginnings(
    txns: Sequence[int],
    version: Sequence[int],
    spans: Sequence[int],
    writes: Sequence[int],
    starts: Sequence[int],
    readers: Sequence[int],
    updates: Sequence[int],
    updated: Sequence[int],
    nodes: int,
    sizes: MutableSequence[int],
    src: MutableSequence[int],
    dst: MutableSequence[int],
    cls: MutableSequence[int],
) -> None:
    """The rw edges from who read a key's initial state to all who wrote the key: counted, and written if there is
    room.

    ``writes``: the last ones of transactions, by key, from ``spans``. ``sizes``: edges and nodes, on return.
    """
    room = len(src)
    edges = 0
    for key in range(len(spans) - 1):
        reading = starts[key + 1] - starts[key]
        writing = spans[key + 1] - spans[key]
        if reading == 0 or writing == 0:
            continue
        fan = -1
        if reading * writing > 2 * (reading + writing) + 16:
            # one node for the blind writers, and one for all of them, which leads there
            fan = nodes
            nodes += 2
            if edges < room:
                src[edges] = fan + 1
                dst[edges] = fan
                cls[edges] = FAN
            edges += 1
            for at in range(spans[key], spans[key + 1]):
                two = writes[at]
                read = updates[two]
                if edges < room:
                    src[edges] = fan + 1 if read >= 0 and version[read] == key else fan
                    dst[edges] = txns[two]
                    cls[edges] = FAN
                edges += 1
        for place in range(starts[key], starts[key + 1]):
            m = readers[place]
            if fan >= 0:
                if edges < room:
                    src[edges] = txns[m]
                    dst[edges] = fan if updated[m] else fan + 1
                    cls[edges] = RW
                edges += 1
                continue
            for at in range(spans[key], spans[key + 1]):
                two = writes[at]
                read = updates[two]
                if txns[two] == txns[m] or (updated[m] and read >= 0 and version[read] == key):
                    continue
                if edges < room:
                    src[edges] = txns[m]
                    dst[edges] = txns[two]
                    cls[edges] = RW
                edges += 1
    sizes[0] = edges
    sizes[1] = nodes
