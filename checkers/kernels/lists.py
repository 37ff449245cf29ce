"""Lists that only grow: which reads agree with the longest, who appended what, who comes before whom.

A micro-operation is a number m; arrays that are indexed by it are said to be per micro-operation. ``elements`` lies
beside the pool and has the word of each element.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence

APPEND = 1

WW = 0
WR = 1
RW = 2
FAN = 5

FURTHER = -1
CONTRADICTS = -2
NOTHING = -3

GARBAGE = -1
TWICE = -2

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


def observe(
    txns: Sequence[int],
    fs: Sequence[int],
    keys: Sequence[int],
    places: Sequence[int],
    words: Sequence[int],
    known: Sequence[int],
    pool_word: Sequence[int],
    elements: Sequence[int],
    stamp: MutableSequence[int],
    seen: MutableSequence[int],
    last: MutableSequence[int],
    count: MutableSequence[int],
    update: MutableSequence[int],
    base: MutableSequence[int],
    later: MutableSequence[int],
    updates: MutableSequence[int],
    updated: MutableSequence[int],
    previous: MutableSequence[int],
    top: MutableSequence[int],
) -> None:
    """What each transaction says of itself.

    Of reads, ``base``: how long the list was before the transaction's own appends; FURTHER for another view of a key
    that it had read, CONTRADICTS where that is not what its own reads and appends demand, NOTHING for what is no
    known read. ``updated``: the transaction appended to the key after this read. Of appends, ``later``: another one
    to the key follows in the transaction; ``previous``: the one before, ``updates``: the read before the first, -1.
    ``top``: per key, the longest read. ``places``: -1 for nothing read. The first five arrays that are written to are
    scratch, per key; ``stamp`` and ``top`` are all -1.
    """
    for m in range(len(fs)):
        key = keys[m]
        txn = txns[m]
        if stamp[key] != txn:
            stamp[key] = txn
            seen[key] = -1
            last[key] = -1
            count[key] = 0
            update[key] = -1
        first = seen[key]
        previous[m] = last[key]
        updates[m] = -1
        base[m] = NOTHING
        if fs[m] == APPEND:
            if last[key] >= 0:
                later[last[key]] = 1
            elif first >= 0:
                update[key] = first
                updated[first] = 1
            updates[m] = update[key]
            last[key] = m
            count[key] += 1
            continue
        if not known[txn]:
            continue
        place = places[m]
        size = pool_word[place] if place >= 0 else 0
        start = size - count[key]
        fits = start >= 0
        own = last[key]
        at = place + size
        while fits and own >= 0:
            fits = elements[at] == words[own]
            own = previous[own]
            at -= 1
        if fits and first >= 0:
            other = places[first]
            fits = start == base[first]
            at = 1
            while fits and at <= start:
                fits = elements[place + at] == elements[other + at]
                at += 1
        if not fits:
            base[m] = CONTRADICTS
        elif first >= 0:
            base[m] = FURTHER
        else:
            base[m] = start
            seen[key] = m
        best = top[key]
        if best < 0 or size > (pool_word[places[best]] if places[best] >= 0 else 0):
            top[key] = m


def prefixes(
    keys: Sequence[int],
    places: Sequence[int],
    base: Sequence[int],
    pool_word: Sequence[int],
    elements: Sequence[int],
    top: Sequence[int],
    strange: MutableSequence[int],
) -> int:
    """Mark reads that are no prefix of their key's longest one; how many there are."""
    count = 0
    for m in range(len(keys)):
        if base[m] == NOTHING:
            continue
        place = places[m]
        longest = top[keys[m]]
        if place < 0 or longest == m:
            continue
        other = places[longest]
        for at in range(1, pool_word[place] + 1):
            if elements[place + at] != elements[other + at]:
                strange[m] = 1
                count += 1
                break
    return count


def index(
    txns: Sequence[int],
    fs: Sequence[int],
    keys: Sequence[int],
    words: Sequence[int],
    aborted: Sequence[int],
    table: MutableSequence[int],
    ambiguous: MutableSequence[int],
) -> None:
    """Fill the hash ``table`` of appends by key and element: all -1, its length a power of two.

    Of two appends of one element an aborted one does not count; of two others, ``ambiguous`` of their key has one.
    """
    mask = len(table) - 1
    for m in range(len(fs)):
        if fs[m] != APPEND:
            continue
        key = keys[m]
        word = words[m]
        slot = mixed(key, word) & mask
        while True:
            other = table[slot]
            if other < 0:
                table[slot] = m
                break
            if words[other] == word and keys[other] == key:
                if aborted[txns[other]]:
                    table[slot] = m
                elif not aborted[txns[m]] and ambiguous[key] < 0:
                    ambiguous[key] = m
                break
            slot = (slot + 1) & mask


def find(key: int, word: int, keys: Sequence[int], words: Sequence[int], table: Sequence[int]) -> int:
    """The append of an element; -1 where there is none."""
    mask = len(table) - 1
    slot = mixed(key, word) & mask
    while True:
        m = table[slot]
        if m < 0 or (words[m] == word and keys[m] == key):
            return m
        slot = (slot + 1) & mask


def order(
    keys: Sequence[int],
    words: Sequence[int],
    places: Sequence[int],
    elements: Sequence[int],
    table: Sequence[int],
    top: Sequence[int],
    offsets: Sequence[int],
    writers: MutableSequence[int],
    position: MutableSequence[int],
) -> None:
    """The appends of each key as its longest read has them, key after key from ``offsets``: GARBAGE where nobody
    appended the element, TWICE where it is there for the second time. ``position`` per append, all -1.
    """
    for key in range(len(top)):
        low = offsets[key]
        high = offsets[key + 1]
        if low == high:
            continue
        place = places[top[key]] + 1
        for at in range(low, high):
            m = find(key, elements[place + at - low], keys, words, table)
            if m >= 0 and position[m] >= 0:
                writers[at] = TWICE
            else:
                writers[at] = m
                if m >= 0:
                    position[m] = at


def inspect(
    reads: Sequence[int],
    keys: Sequence[int],
    words: Sequence[int],
    places: Sequence[int],
    pool_word: Sequence[int],
    elements: Sequence[int],
    table: Sequence[int],
    failed: Sequence[int],
    met: MutableSequence[int],
    found: MutableSequence[int],
    strange: MutableSequence[int],
) -> None:
    """Look closer at single reads.

    Per read, ``found``: 1 where an element is there twice, 2 where one is that nobody appended, 4 where one is whose
    append is among the ``failed`` (per append). ``met`` per append, all -1: a read that has it (the last),
    ``strange`` counts them.
    """
    for number in range(len(reads)):
        m = reads[number]
        place = places[m]
        for at in range(place + 1, place + 1 + pool_word[place]):
            own = find(keys[m], elements[at], keys, words, table)
            if own < 0:
                found[number] |= 2
            elif met[own] == m:
                found[number] |= 1
            else:
                met[own] = m
                strange[own] += 1
                if failed[own]:
                    found[number] |= 4


def earliest(
    keys: Sequence[int],
    places: Sequence[int],
    base: Sequence[int],
    strange: Sequence[int],
    pool_word: Sequence[int],
    offsets: Sequence[int],
    first: MutableSequence[int],
) -> None:
    """Per position, the first read that has it. ``first``: all -1."""
    for m in range(len(keys)):
        place = places[m]
        if base[m] == NOTHING or strange[m] or place < 0 or pool_word[place] == 0:
            continue
        low = offsets[keys[m]]
        if low == offsets[keys[m] + 1]:
            continue
        at = low + pool_word[place] - 1
        if first[at] < 0:
            first[at] = m
    for key in range(len(offsets) - 1):
        best = -1
        for back in range(offsets[key + 1] - offsets[key]):
            at = offsets[key + 1] - 1 - back
            if best < 0 or (first[at] >= 0 and first[at] < best):
                best = first[at]
            first[at] = best


def around(
    offsets: Sequence[int],
    writers: Sequence[int],
    txns: Sequence[int],
    committed: Sequence[int],
    before: MutableSequence[int],
    after: MutableSequence[int],
) -> None:
    """Of each place between elements, the committed append last before it and the first after it; -1: none.

    The places of a key begin at ``offsets[key] + key``: it has one more than it has elements.
    """
    for key in range(len(offsets) - 1):
        low = offsets[key]
        size = offsets[key + 1] - low
        last = -1
        before[low + key] = -1
        for at in range(size):
            m = writers[low + at]
            if m >= 0 and committed[txns[m]]:
                last = m
            before[low + key + at + 1] = last
        last = -1
        after[low + key + size] = -1
        for back in range(size):
            at = size - 1 - back
            m = writers[low + at]
            if m >= 0 and committed[txns[m]]:
                last = m
            after[low + key + at] = last


def connect(
    txns: Sequence[int],
    fs: Sequence[int],
    keys: Sequence[int],
    base: Sequence[int],
    span: Sequence[int],
    strange: Sequence[int],
    later: Sequence[int],
    updates: Sequence[int],
    updated: Sequence[int],
    position: Sequence[int],
    closed: Sequence[int],
    committed: Sequence[int],
    offsets: Sequence[int],
    before: Sequence[int],
    after: Sequence[int],
    readers: MutableSequence[int],
    unread: MutableSequence[int],
    following: MutableSequence[int],
    nodes: int,
    sizes: MutableSequence[int],
    src: MutableSequence[int],
    dst: MutableSequence[int],
    cls: MutableSequence[int],
) -> None:
    """The edges ww, wr and rw: counted, and written if there is room in ``src``, ``dst`` and ``cls``.

    ``closed``: keys of which nothing more can be said than the order of what was read (ambiguous ones nothing at
    all). ``span``: how long the list was that a read saw, -1 for a read that makes no edges. ``readers``, ``unread``:
    scratch per key, all -1; ``following``: scratch per micro-operation. ``nodes``: the first number for nodes that
    are no transactions. ``sizes``: edges and nodes, on return.

    What a lost update or an intermediate read says already makes no rw edge: of those that read one version and wrote
    over it, to one another, and of a reader in the middle of a transaction, to that transaction.
    """
    room = len(src)
    edges = 0
    for at in range(1, len(before)):
        one = before[at - 1]
        two = before[at]
        if one >= 0 and two >= 0 and one != two and keys[one] == keys[two] and txns[one] != txns[two]:
            if edges < room:
                src[edges] = txns[one]
                dst[edges] = txns[two]
                cls[edges] = WW
            edges += 1
    for number in range(len(fs)):
        m = len(fs) - 1 - number
        key = keys[m]
        if fs[m] == APPEND:
            if position[m] < 0 and committed[txns[m]] and not closed[key]:
                following[m] = unread[key]
                unread[key] = m
            continue
        if span[m] < 0 or strange[m] or span[m] > offsets[key + 1] - offsets[key]:
            continue
        txn = txns[m]
        at = offsets[key] + key + span[m]
        one = before[at]
        if one >= 0 and txns[one] != txn:
            if edges < room:
                src[edges] = txns[one]
                dst[edges] = txn
                cls[edges] = WR
            edges += 1
        two = after[at]
        if two < 0:
            following[m] = readers[key]
            readers[key] = m
        elif txns[two] != txn and not excused(
            m, one, two, txns, span, strange, later, updates, updated, position, offsets[key]
        ):
            if edges < room:
                src[edges] = txn
                dst[edges] = txns[two]
                cls[edges] = RW
            edges += 1
    for key in range(len(readers)):
        if unread[key] < 0 or closed[key]:
            continue
        low = offsets[key]
        full = offsets[key + 1] - low
        one = before[offsets[key + 1] + key]
        reading = 0
        writing = 0
        m = readers[key]
        while m >= 0:
            reading += 1
            m = following[m]
        two = unread[key]
        while two >= 0:
            writing += 1
            if one >= 0 and txns[one] != txns[two]:
                if edges < room:
                    src[edges] = txns[one]
                    dst[edges] = txns[two]
                    cls[edges] = WW
                edges += 1
            two = following[two]
        if reading == 0:
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
            two = unread[key]
            while two >= 0:
                if edges < room:
                    src[edges] = fan + 1 if grouped(updates[two], span, strange, full) else fan
                    dst[edges] = txns[two]
                    cls[edges] = FAN
                edges += 1
                two = following[two]
        m = readers[key]
        while m >= 0:
            txn = txns[m]
            middle = one >= 0 and txns[one] != txn and later[one] and position[one] == low + span[m] - 1
            if (
                fan >= 0
                and base[m] >= 0
                and not middle
                and (not updated[m] or grouped(m, span, strange, full))
            ):
                # who updated is among the writers itself, but not among the blind ones; who contradicts itself may be
                if edges < room:
                    src[edges] = txn
                    dst[edges] = fan if updated[m] else fan + 1
                    cls[edges] = RW
                edges += 1
            else:
                two = unread[key]
                while two >= 0:
                    if txns[two] != txn and not excused(
                        m, one, two, txns, span, strange, later, updates, updated, position, low
                    ):
                        if edges < room:
                            src[edges] = txn
                            dst[edges] = txns[two]
                            cls[edges] = RW
                        edges += 1
                    two = following[two]
            m = following[m]
    sizes[0] = edges
    sizes[1] = nodes


def grouped(m: int, span: Sequence[int], strange: Sequence[int], full: int) -> bool:
    """Whether ``m`` is a read of all ``full`` elements; -1 is none."""
    return m >= 0 and span[m] == full and not strange[m]


def excused(
    m: int,
    one: int,
    two: int,
    txns: Sequence[int],
    span: Sequence[int],
    strange: Sequence[int],
    later: Sequence[int],
    updates: Sequence[int],
    updated: Sequence[int],
    position: Sequence[int],
    low: int,
) -> bool:
    """Whether another anomaly tells why read ``m`` did not see append ``two``; ``one`` is what it saw last."""
    if one >= 0 and txns[one] == txns[two] and later[one] and position[one] == low + span[m] - 1:
        return True
    other = updates[two]
    return bool(updated[m]) and other >= 0 and span[other] == span[m] and not strange[other]
